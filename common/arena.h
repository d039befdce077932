/*
 * arena: memory for many small things that die together. Bounded by a maximum given at birth.
 *
 * Threads: one at a time.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

#include "common/error.h"

struct arena;

/* An empty arena, which takes memory only as it is used. ERR_NO_MEMORY. */
int arena_open(struct arena **out, size_t max_bytes, struct err *err);
void arena_close(struct arena **a);

/* Zeroed, aligned for anything. NULL with ERR_NO_MEMORY or ERR_LIMIT. `count` items of `size`
 * (overflow is checked); a count of 0 gives a valid pointer. */
void *arena_array(struct arena *a, size_t count, size_t size, struct err *err);
void *arena_alloc(struct arena *a, size_t size, struct err *err);
char *arena_text(struct arena *a, const char *text, size_t len, struct err *err);
size_t arena_used(const struct arena *a);

#endif
