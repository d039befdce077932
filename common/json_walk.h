/*
 * json_walk: goes over a JSON document once, from front to end, and builds nothing: for documents
 * of which little is needed. It keeps json.h's limits and is as strict as json_parse(), apart from
 * two things that only a tree tells: a key twice in one object, and a number out of range.
 *
 * Threads: pure.
 */
#ifndef COMMON_JSON_WALK_H
#define COMMON_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct json_walk { /* private */
    const char *begin, *at, *end;
    size_t depth, values;
    bool fresh; /* a container was entered, and nothing of it read yet */
};

/* A string as it stands between its quotes, escapes and all; borrowed from the document. */
struct json_span {
    const char *text;
    size_t len;
};

/* Errors of all of these: ERR_CORRUPT (no JSON; where, and nothing quoted), ERR_LIMIT. After one,
 * the walk is over. */

/* A walk from the document's first byte; the bytes stay the caller's, and must outlive it. */
int json_walk_open(struct json_walk *w, const char *data, size_t len, struct err *err);

/* The first byte of the value that comes next; '\0' at the end. */
char json_walk_peek(struct json_walk *w);

/* Goes into the object or array that comes next. Then, for each member or item, one of the next
 * two, each followed by reading or skipping the value. They give 1, 0 where the container ended and
 * was left, or -1. */
int json_walk_enter(struct json_walk *w, struct err *err);
int json_walk_member(struct json_walk *w, struct json_span *key, struct err *err);
int json_walk_item(struct json_walk *w, struct err *err);

/* The string that comes next. */
int json_walk_string(struct json_walk *w, struct json_span *out, struct err *err);
/* Any value, with all that is in it. */
int json_walk_skip(struct json_walk *w, struct err *err);

/* Nothing but white space follows. */
int json_walk_end(struct json_walk *w, struct err *err);

/* The string without escapes, as C text; false where it is not ASCII or takes more than `size`
 * bytes with its NUL. */
bool json_span_ascii(const struct json_span *span, char *out, size_t size);
bool json_span_is(const struct json_span *span, const char *text);

#endif
