/*
 * log: one event a line on stderr, as key=value text or as one JSON object.
 *
 *     log_event(LOG_WARN, "store-unreadable", "store", path, "error", err.text, NULL);
 *     time=2026-03-02T10:00:00.123Z level=warn event=store-unreadable store=/var/lib/docker
 * error="..."
 *
 * Control characters are escaped; a value is cut at 2,048 bytes. One write() a line, so lines of
 * several threads never mix. The level and form are set once at start, before threads exist.
 *
 * Threads: any, after log_setup().
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/error.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_TEXT, LOG_JSON };

/* Where lines go (fd, not owned), what is the least important level shown, and the form. */
void log_setup(int fd, enum log_level level, enum log_form form);

/* Pairs of key and text value, ended by NULL. A NULL value prints as empty. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* As log_event, with error= and kind= of *err added. */
void log_error(enum log_level level, const char *event, const struct err *err, ...)
    __attribute__((sentinel));

/* "error", "warn", "info" or "debug"; ERR_USAGE for another. */
int log_level_parse(enum log_level *out, const char *text, struct err *err);

#endif
