#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/cli_private.h"
#include "common/clock.h"

#define CHOICES_TEXT_MAX 256 /* bytes of "a, b or c" in an error */

static int set_flag(bool *field, const char *text, struct err *err)
{
    static const char *const yes[] = {"yes", "true", "1", NULL};
    static const char *const no[] = {"no", "false", "0", NULL};

    for (size_t i = 0; yes[i] != NULL; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *field = strcmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "\"%s\": expected yes, no, true or false", text);
}

static int set_text(char **field, const char *text, struct err *err)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a text");
    free(*field);
    *field = copy;
    return 0;
}

static int set_list(struct cli_list *field, const char *text, struct err *err)
{
    AUTO_FREE char *copy = strdup(text);
    char **items = NULL;

    if (copy != NULL)
        items = reallocarray(field->items, field->count + 1, sizeof(*items));
    if (items == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a list");
    field->items = items;
    items[field->count++] = steal(&copy);
    return 0;
}

static int set_choice(const struct cli_option *o, int *field, const char *text, struct err *err)
{
    struct buf names;

    for (int i = 0; o->choices[i] != NULL; i++) {
        if (strcmp(text, o->choices[i]) == 0) {
            *field = i;
            return 0;
        }
    }
    buf_init(&names, CHOICES_TEXT_MAX);
    for (int i = 0; o->choices[i] != NULL; i++)
        buf_printf(&names, NULL, "%s%s", i > 0 ? ", " : "", o->choices[i]);
    err_set(err, ERR_USAGE, "\"%s\": expected one of %s", text, buf_str(&names));
    buf_close(&names);
    return -1;
}

/* Whole decimal number in front of *rest. */
static bool take_integer(const char *text, int64_t *value, const char **rest)
{
    bool negative = *text == '-';
    const char *at = negative ? text + 1 : text;
    const char *first = at;

    *value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *at - '0', value))
            return false;
    if (negative)
        *value = -*value;
    *rest = at;
    return at > first;
}

static bool parse_number(const char *text, int64_t *value)
{
    const char *rest;

    return take_integer(text, value, &rest) && *rest == '\0';
}

static bool parse_size(const char *text, int64_t *value)
{
    static const char units[] = "kmgtKMGT";
    const char *rest, *unit;
    int64_t factor = 1;

    if (!take_integer(text, value, &rest))
        return false;
    if (*rest == '\0')
        return true;
    unit = strchr(units, *rest);
    if (unit == NULL || rest[1] != '\0')
        return false;
    for (int i = (int)(unit - units) % 4; i >= 0; i--)
        factor *= 1024;
    return !__builtin_mul_overflow(*value, factor, value);
}

static bool parse_quantity(enum cli_type type, const char *text, int64_t *value)
{
    switch (type) {
    case CLI_NUMBER:
        return parse_number(text, value);
    case CLI_SIZE:
        return parse_size(text, value);
    case CLI_DURATION:
        return clock_parse_duration(value, text, NULL) == 0;
    default:
        return false;
    }
}

static int set_quantity(const struct cli_option *o, int64_t *field, const char *text,
                        struct err *err)
{
    static const char *const what[] = {
        [CLI_NUMBER] = "a number",
        [CLI_DURATION] = "a duration as 500ms, 90s, 15m, 12h or 14d",
        [CLI_SIZE] = "a size as 4096, 64k, 10M or 2G",
    };
    static const char *const unit[] = {
        [CLI_NUMBER] = "",
        [CLI_DURATION] = " milliseconds",
        [CLI_SIZE] = " bytes",
    };
    bool bounded = o->least != 0 || o->most != 0;
    int64_t most = bounded ? o->most : INT64_MAX;
    int64_t value;

    if (!parse_quantity(o->type, text, &value))
        return err_set(err, ERR_USAGE, "\"%s\": expected %s", text, what[o->type]);
    if (value >= o->least && value <= most) {
        *field = value;
        return 0;
    }
    if (!bounded)
        return err_set(err, ERR_USAGE, "\"%s\": expected 0 or more", text);
    return err_set(err, ERR_USAGE, "\"%s\": expected %" PRId64 " to %" PRId64 "%s", text, o->least,
                   o->most, unit[o->type]);
}

/* What "14d" means is settled here, once. */
static int set_moment(int64_t *field, const char *text, struct err *err)
{
    int64_t now = clock_wall_ms(), ms;

    if (clock_parse_duration(&ms, text, NULL) == 0)
        ms = now - ms;
    else if (clock_parse(&ms, text, NULL) != 0)
        return err_set(err, ERR_USAGE,
                       "\"%s\": expected a time as 2026-03-02, 2026-03-02T10:00:00Z or 14d", text);
    if (ms <= 0 || ms > now)
        return err_set(err, ERR_USAGE, "\"%s\": expected a time between 1970 and now", text);
    *field = ms;
    return 0;
}

int cli_value_set(const struct cli_option *option, void *field, const char *text, struct err *err)
{
    switch (option->type) {
    case CLI_FLAG:
        return set_flag(field, text, err);
    case CLI_TEXT:
        return set_text(field, text, err);
    case CLI_LIST:
        return set_list(field, text, err);
    case CLI_CHOICE:
        return set_choice(option, field, text, err);
    case CLI_MOMENT:
        return set_moment(field, text, err);
    case CLI_NUMBER:
    case CLI_DURATION:
    case CLI_SIZE:
        return set_quantity(option, field, text, err);
    }
    check(!"a known type of option");
}

static size_t size_of_field(enum cli_type type)
{
    switch (type) {
    case CLI_FLAG:
        return sizeof(bool);
    case CLI_TEXT:
        return sizeof(char *);
    case CLI_LIST:
        return sizeof(struct cli_list);
    case CLI_CHOICE:
        return sizeof(int);
    case CLI_MOMENT:
    case CLI_NUMBER:
    case CLI_DURATION:
    case CLI_SIZE:
        return sizeof(int64_t);
    }
    check(!"a known type of option");
}

void cli_value_zero(const struct cli_option *option, void *field)
{
    memset(field, 0, size_of_field(option->type));
}

void cli_value_free(const struct cli_option *option, void *field)
{
    struct cli_list *list = field;

    if (option->type == CLI_TEXT) {
        free(*(char **)field);
        *(char **)field = NULL;
    } else if (option->type == CLI_LIST) {
        for (size_t i = 0; i < list->count; i++)
            free(list->items[i]);
        free(list->items);
        *list = (struct cli_list){0};
    }
}
