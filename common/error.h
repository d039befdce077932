/*
 * error: how every fallible function here reports failure.
 *
 * A function returns 0, or -1 with *err filled; success leaves *err untouched.
 * The text says what failed, where, and, at the layer that knows, what to do.
 * Context is added at layer borders with err_wrap(). An error is logged once,
 * by whoever handles it.
 *
 * Threads: a struct err belongs to its caller; nothing is shared.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>

enum err_kind {
    ERR_NONE = 0,
    ERR_NO_MEMORY,   /* an allocation failed */
    ERR_USAGE,       /* wrong flag, argument or configuration value */
    ERR_IO,          /* the operating system refused: text carries path and strerror */
    ERR_NOT_FOUND,   /* what was named does not exist */
    ERR_CORRUPT,     /* bytes on disk or in a document are not what their format says */
    ERR_LIMIT,       /* longer, deeper or more than the stated limit */
    ERR_PROTOCOL,    /* a peer broke the protocol */
    ERR_UNAVAILABLE, /* a peer or an engine cannot be reached now */
    ERR_TIMEOUT,     /* no answer within the deadline */
    ERR_BUSY,        /* a bounded queue is full: try again when something came back */
    ERR_DENIED,      /* permission, certificate or policy says no */
    ERR_CONFLICT,    /* two truths that cannot both hold */
    ERR_MOVED,       /* the thing changed while it was read: read again */
    ERR_VERSION,     /* made by another version than this program can serve */
    ERR_CANCELED,    /* given up on purpose, by a stop */
    ERR_KINDS
};

#define ERR_TEXT_MAX 512

struct err {
    enum err_kind kind;
    char text[ERR_TEXT_MAX]; /* one line, UTF-8, always terminated */
};

/* Fills *err (which may be NULL) and returns -1, so that it can be returned. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of the errno value `error_number` behind it.
 * ENOENT becomes ERR_NOT_FOUND and EACCES/EPERM ERR_DENIED when kind is ERR_IO. */
int err_errno(struct err *err, enum err_kind kind, int error_number, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts context before the text: "context: text". Keeps the kind. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Stable lower-case name of a kind ("no-memory", "usage", ...), for logs and JSON. */
const char *err_kind_name(enum err_kind kind);

/* Exit status of a program that ends with this kind: 2 for ERR_USAGE, else 3
 * (design: 0 fine, 1 a check found something, 2 wrong usage, 3 could not answer). */
int err_exit_status(enum err_kind kind);

/* Whether trying the same thing again later may succeed. */
bool err_is_transient(enum err_kind kind);

#endif
