#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

static const struct {
    const char *name;
    bool transient;
} kinds[ERR_KINDS] = {
    [ERR_NONE] = {"none", false},
    [ERR_NO_MEMORY] = {"no-memory", true},
    [ERR_USAGE] = {"usage", false},
    [ERR_IO] = {"io", true}, /* a full disk, too many open files: these pass */
    [ERR_NOT_FOUND] = {"not-found", false},
    [ERR_CORRUPT] = {"corrupt", false},
    [ERR_LIMIT] = {"limit", false},
    [ERR_PROTOCOL] = {"protocol", false},
    [ERR_UNAVAILABLE] = {"unavailable", true},
    [ERR_TIMEOUT] = {"timeout", true},
    [ERR_BUSY] = {"busy", true},
    [ERR_DENIED] = {"denied", false},
    [ERR_CONFLICT] = {"conflict", false},
    [ERR_MOVED] = {"moved", true},
    [ERR_VERSION] = {"version", false},
    [ERR_CANCELED] = {"canceled", false},
};

/* Texts quote names from disks and peers: one line and valid UTF-8 are made here, once for all. */
static void make_one_line(char *text)
{
    size_t len = strlen(text);
    size_t step;

    for (size_t i = 0; i < len; i += step) {
        step = utf8_sequence(text + i, len - i);
        if (step == 0) {
            step = 1;
            text[i] = '?';
        } else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
            text[i] = ' ';
        }
    }
}

/* Ends a text that vsnprintf() cut: at a whole character, and visibly. */
static void mark_cut(char text[ERR_TEXT_MAX])
{
    size_t len = utf8_cut(text, ERR_TEXT_MAX - sizeof("..."));

    memcpy(text + len, "...", sizeof("..."));
}

static void format_text(char out[ERR_TEXT_MAX], const char *fmt, va_list args)
{
    int len = vsnprintf(out, ERR_TEXT_MAX, fmt, args);

    if (len < 0)
        out[0] = '\0';
    else if (len >= ERR_TEXT_MAX)
        mark_cut(out);
}

/* *err = "head: tail", or head alone where tail is NULL. Both may lie in err->text. */
static void store_text(struct err *err, enum err_kind kind, const char *head, const char *tail)
{
    char text[ERR_TEXT_MAX];
    int len;

    if (tail != NULL)
        len = snprintf(text, sizeof(text), "%s: %s", head, tail);
    else
        len = snprintf(text, sizeof(text), "%s", head);
    if (len >= ERR_TEXT_MAX)
        mark_cut(text);
    make_one_line(text);
    err->kind = kind;
    memcpy(err->text, text, sizeof(text));
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    if (err == NULL)
        return -1;
    va_start(args, fmt);
    format_text(text, fmt, args);
    va_end(args);
    store_text(err, kind, text, NULL);
    return -1;
}

static enum err_kind kind_of_errno(enum err_kind kind, int error_number)
{
    if (kind != ERR_IO)
        return kind;
    switch (error_number) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return kind;
    }
}

int err_errno(struct err *err, enum err_kind kind, int error_number, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    char reason[128];
    va_list args;

    if (err == NULL)
        return -1;
    va_start(args, fmt);
    format_text(text, fmt, args);
    va_end(args);
    store_text(err, kind_of_errno(kind, error_number), text,
               strerror_r(error_number, reason, sizeof(reason)));
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char context[ERR_TEXT_MAX];
    va_list args;

    if (err == NULL)
        return -1;
    va_start(args, fmt);
    format_text(context, fmt, args);
    va_end(args);
    store_text(err, err->kind, context, err->text);
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS ? kinds[kind].name : "unknown";
}

int err_exit_status(enum err_kind kind)
{
    return kind == ERR_USAGE ? 2 : 3;
}

bool err_is_transient(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS && kinds[kind].transient;
}
