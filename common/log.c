#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/utf8.h"

#define VALUE_MAX 2048     /* bytes of a value that are shown */
#define LOG_LINE_MAX 16384 /* holds one value of VALUE_MAX with every byte escaped */

/* The one piece of process-wide state: where lines go is a property of the process. Written by
 * log_setup() before threads exist, only read afterwards. */
static struct {
    int fd;
    enum log_level level;
    enum log_form form;
} sink = {.fd = STDERR_FILENO, .level = LOG_INFO, .form = LOG_TEXT};

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

/* A line being written. `full` says that the last pair did not fit. */
struct line {
    enum log_form form;
    size_t len;
    bool full;
    char text[LOG_LINE_MAX];
};

#define LINE_END_SPARE 32 /* kept for the mark of a cut line and its end */

void log_setup(int fd, enum log_level level, enum log_form form)
{
    sink.fd = fd;
    sink.level = level;
    sink.form = form;
}

int log_level_parse(enum log_level *out, const char *text, struct err *err)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "log level \"%s\": expected error, warn, info or debug", text);
}

static void put(struct line *l, const char *text, size_t len)
{
    if (len > sizeof(l->text) - LINE_END_SPARE - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->text + l->len, text, len);
    l->len += len;
}

static void put_str(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

/* What must not reach a terminal or a JSON string as it is: controls, C1 controls included. */
static bool is_control(const char *text, size_t step)
{
    unsigned char first = (unsigned char)text[0];

    return first < 0x20 || first == 0x7F ||
           (step == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0);
}

static void put_control(struct line *l, const char *text, size_t step)
{
    unsigned code = (unsigned char)text[step - 1];
    char escaped[8];

    switch (code) {
    case '\n':
        put_str(l, "\\n");
        return;
    case '\r':
        put_str(l, "\\r");
        return;
    case '\t':
        put_str(l, "\\t");
        return;
    default:
        snprintf(escaped, sizeof(escaped), "\\u%04x", code);
        put_str(l, escaped);
    }
}

/* Between quotes; the escapes of JSON, in both forms. Bytes that are not UTF-8 become U+FFFD. */
static void put_quoted(struct line *l, const char *text, size_t len)
{
    size_t step;

    put_str(l, "\"");
    for (size_t i = 0; i < len; i += step) {
        step = utf8_sequence(text + i, len - i);
        if (step == 0) {
            step = 1;
            put_str(l, "\xEF\xBF\xBD");
        } else if (is_control(text + i, step)) {
            put_control(l, text + i, step);
        } else {
            if (text[i] == '"' || text[i] == '\\')
                put_str(l, "\\");
            put(l, text + i, step);
        }
    }
    put_str(l, "\"");
}

static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= ' ' || c >= 0x7F || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return len > 0;
}

static void put_value(struct line *l, const char *value)
{
    size_t len = value != NULL ? strnlen(value, VALUE_MAX + 1) : 0;

    if (len > VALUE_MAX)
        len = utf8_cut(value, VALUE_MAX);
    if (l->form == LOG_TEXT && is_plain(value, len))
        put(l, value, len);
    else if (l->form == LOG_JSON || len > 0)
        put_quoted(l, value != NULL ? value : "", len);
}

/* Keys are words of this program and need no escapes. A pair is written whole or not at all. */
static void put_pair(struct line *l, const char *key, const char *value)
{
    size_t start = l->len;

    if (l->full)
        return;
    if (l->form == LOG_JSON) {
        put_str(l, start == 0 ? "{\"" : ",\"");
        put_str(l, key);
        put_str(l, "\":");
    } else {
        put_str(l, start == 0 ? "" : " ");
        put_str(l, key);
        put_str(l, "=");
    }
    put_value(l, value);
    if (l->full)
        l->len = start;
}

static void begin(struct line *l, enum log_level level, const char *event)
{
    char now[CLOCK_TEXT];

    l->form = sink.form;
    l->len = 0;
    l->full = false;
    put_pair(l, "time", clock_text(clock_wall_ms(), now));
    put_pair(l, "level", level_names[level]);
    put_pair(l, "event", event);
}

static void put_pairs(struct line *l, va_list args)
{
    const char *key;

    while ((key = va_arg(args, const char *)) != NULL)
        put_pair(l, key, va_arg(args, const char *));
}

/* One write: a line that cannot be written (a full pipe, a closed one) is lost, not waited for. */
static void finish(struct line *l)
{
    const char *end = l->form == LOG_JSON ? "}\n" : "\n";
    const char *mark = l->form == LOG_JSON ? ",\"cut\":\"yes\"" : " cut=yes";
    size_t mark_len = l->full ? strlen(mark) : 0;
    ssize_t written;

    memcpy(l->text + l->len, mark, mark_len);
    l->len += mark_len;
    memcpy(l->text + l->len, end, strlen(end));
    l->len += strlen(end);
    do
        written = write(sink.fd, l->text, l->len);
    while (written < 0 && errno == EINTR);
}

void log_event(enum log_level level, const char *event, ...)
{
    struct line l;
    va_list args;

    if (level > sink.level)
        return;
    begin(&l, level, event);
    va_start(args, event);
    put_pairs(&l, args);
    va_end(args);
    finish(&l);
}

void log_error(enum log_level level, const char *event, const struct err *err, ...)
{
    struct line l;
    va_list args;

    if (level > sink.level)
        return;
    begin(&l, level, event);
    va_start(args, err);
    put_pairs(&l, args);
    va_end(args);
    put_pair(&l, "kind", err_kind_name(err->kind));
    put_pair(&l, "error", err->text);
    finish(&l);
}
