/*
 * json: limits around jansson. Foreign JSON is refused when it is too long or too deep before
 * a tree is built from it, and read through helpers that say which key was wrong.
 *
 * Threads: pure; a json_t belongs to its caller.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

#define JSON_BYTES_MAX (16u << 20) /* the largest foreign document read: 16 MiB */
#define JSON_DEPTH_MAX 64          /* containers within containers */
#define JSON_VALUES_MAX (1u << 20) /* values of one document: each costs a tree far more bytes */

static inline void json_release(json_t **j)
{
    json_decref(*j);
}
#define AUTO_JSON AUTO(json_release)

/* Parses `len` bytes. ERR_LIMIT (size, depth, values), ERR_CORRUPT with line, column and reason.
 * Duplicate keys are refused, and anything but an object or an array at the top. The error quotes
 * nothing of the document, which may hold secrets. Returns a new reference or NULL. */
json_t *json_parse(const char *data, size_t len, struct err *err);

/* Member `key` of `object` (which may be NULL): the value, borrowed from the object, or NULL
 * (`otherwise`) where it is absent or of another type. Flags are 0 or 1. */
const char *json_str(const json_t *object, const char *key);
const json_t *json_obj(const json_t *object, const char *key);
const json_t *json_arr(const json_t *object, const char *key);
long long json_int(const json_t *object, const char *key, long long otherwise);
int json_flag(const json_t *object, const char *key, int otherwise);

#endif
