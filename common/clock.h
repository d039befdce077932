/*
 * clock: times and their text forms. Wall times are Unix milliseconds (UTC); durations and
 * deadlines are monotonic nanoseconds and are never compared with wall times.
 *
 * Threads: any.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* Now: Unix milliseconds, which may jump, and monotonic nanoseconds, which do not. */
int64_t clock_wall_ms(void);
uint64_t clock_mono_ns(void);

/* RFC 3339 in UTC, "2026-03-02T10:00:00Z" (milliseconds only where not zero). Returns out. */
#define CLOCK_TEXT 40
char *clock_text(int64_t wall_ms, char out[CLOCK_TEXT]);

/* Parses RFC 3339 with any offset and 0 to 9 fraction digits, years 0001 to 9999, also "Z" and
 * "2026-03-02" and "2026-03-02 10:00" (UTC). ERR_CORRUPT says what is wrong. */
int clock_parse(int64_t *wall_ms, const char *text, struct err *err);

/* "90s", "15m", "12h", "14d", "500ms", or a bare number of seconds, to milliseconds. */
int clock_parse_duration(int64_t *ms, const char *text, struct err *err);

#endif
