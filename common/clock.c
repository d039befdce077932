#include "common/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MS_PER_SECOND 1000
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MS_PER_DAY (24 * MS_PER_HOUR)
#define FRACTION_DIGITS_MAX 9

int64_t clock_wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * MS_PER_SECOND + ts.tv_nsec / 1000000;
}

uint64_t clock_mono_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

char *clock_text(int64_t wall_ms, char out[CLOCK_TEXT])
{
    int64_t ms = wall_ms % MS_PER_SECOND;
    time_t seconds = wall_ms / MS_PER_SECOND;
    struct tm tm;
    size_t len;

    if (ms < 0) { /* before 1970: the remainder counts up from the second below */
        ms += MS_PER_SECOND;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    /* Not strftime(): its years below 1000 have no zeros in front. */
    len = (size_t)snprintf(out, CLOCK_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900LL,
                           tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (ms != 0)
        snprintf(out + len, CLOCK_TEXT - len, ".%03dZ", (int)ms);
    else
        snprintf(out + len, CLOCK_TEXT - len, "Z");
    return out;
}

/* Exactly `digits` decimal digits at *at, within [least, most]; moves *at behind them. */
static bool take_number(const char **at, int digits, int least, int most, int *out)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *out = value;
    return value >= least && value <= most;
}

static bool take(const char **at, const char *any_of)
{
    if (**at == '\0' || strchr(any_of, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static const char *parse_date(const char **at, struct tm *tm)
{
    int year, month, day;

    if (!take_number(at, 4, 1, 9999, &year) || !take(at, "-"))
        return "expected a year from 0001 to 9999 and '-'";
    if (!take_number(at, 2, 1, 12, &month) || !take(at, "-"))
        return "expected a month from 01 to 12 and '-'";
    if (!take_number(at, 2, 1, days_in_month(year, month), &day))
        return "expected a day of that month";
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return NULL;
}

static const char *parse_fraction(const char **at, int *ms)
{
    int digits = 0;
    int scale = 100;

    *ms = 0;
    while (**at >= '0' && **at <= '9') {
        *ms += scale * (**at - '0');
        scale /= 10;
        digits++;
        (*at)++;
    }
    if (digits == 0 || digits > FRACTION_DIGITS_MAX)
        return "expected 1 to 9 digits of a second";
    return NULL;
}

static const char *parse_time(const char **at, struct tm *tm, int *ms)
{
    if (!take_number(at, 2, 0, 23, &tm->tm_hour) || !take(at, ":") ||
        !take_number(at, 2, 0, 59, &tm->tm_min))
        return "expected hours and minutes as 10:00";
    if (!take(at, ":"))
        return NULL;
    if (!take_number(at, 2, 0, 60, &tm->tm_sec)) /* 60: a leap second, counted as the next */
        return "expected seconds from 00 to 60";
    return take(at, ".") ? parse_fraction(at, ms) : NULL;
}

static const char *parse_offset(const char **at, int *minutes)
{
    int sign = **at == '-' ? -1 : 1;
    int hour, minute;

    if (**at == '\0' || take(at, "Zz"))
        return NULL;
    if (!take(at, "+-") || !take_number(at, 2, 0, 23, &hour) || !take(at, ":") ||
        !take_number(at, 2, 0, 59, &minute))
        return "expected Z or an offset as +02:00";
    *minutes = sign * (hour * 60 + minute);
    return NULL;
}

int clock_parse(int64_t *wall_ms, const char *text, struct err *err)
{
    const char *at = text;
    struct tm tm = {0};
    int ms = 0, offset = 0;
    const char *wrong = parse_date(&at, &tm);

    if (wrong == NULL && *at != '\0') {
        wrong = take(&at, "Tt ") ? parse_time(&at, &tm, &ms) : "expected 'T' behind the date";
        if (wrong == NULL)
            wrong = parse_offset(&at, &offset);
        if (wrong == NULL && *at != '\0')
            wrong = "expected the end";
    }
    if (wrong != NULL)
        return err_set(err, ERR_CORRUPT, "time \"%.60s\": %s at character %d", text, wrong,
                       (int)(at - text) + 1);
    *wall_ms = (int64_t)timegm(&tm) * MS_PER_SECOND + ms - (int64_t)offset * MS_PER_MINUTE;
    return 0;
}

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {
        {"", MS_PER_SECOND},  {"ms", 1},          {"s", MS_PER_SECOND},
        {"m", MS_PER_MINUTE}, {"h", MS_PER_HOUR}, {"d", MS_PER_DAY},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit, units[i].name) == 0)
            return units[i].ms;
    return 0;
}

int clock_parse_duration(int64_t *ms, const char *text, struct err *err)
{
    size_t digits = strspn(text, "0123456789");
    int64_t unit = unit_ms(text + digits);
    int64_t value = 0;

    if (digits == 0 || unit == 0)
        return err_set(err, ERR_CORRUPT,
                       "duration \"%.60s\": expected a number and ms, s, m, h or d, as 90s", text);
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value))
            return err_set(err, ERR_LIMIT, "duration \"%.60s\": too long", text);
    if (__builtin_mul_overflow(value, unit, &value))
        return err_set(err, ERR_LIMIT, "duration \"%.60s\": too long", text);
    *ms = value;
    return 0;
}
