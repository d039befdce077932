/*
 * arena: memory for many small things that die together. Bounded by a maximum given at birth.
 *
 * Threads: one at a time takes from it; owners may come and go on any.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

#include "common/error.h"

struct arena;

/* An empty arena, which takes memory only as it is used. ERR_NO_MEMORY. */
int arena_open(struct arena **out, size_t max_bytes, struct err *err);
/* Ends one owner's part in it; the last one frees it. Accepts NULL. */
void arena_close(struct arena **a);
/* Another owner of the same arena, from which nobody takes any more. */
struct arena *arena_share(struct arena *a);

/* Zeroed, aligned for anything. NULL with ERR_NO_MEMORY or ERR_LIMIT. `count` items of `size`
 * (overflow is checked); a count of 0 gives a valid pointer. */
void *arena_array(struct arena *a, size_t count, size_t size, struct err *err);
void *arena_alloc(struct arena *a, size_t size, struct err *err);
char *arena_text(struct arena *a, const char *text, size_t len, struct err *err);
size_t arena_used(const struct arena *a);

#endif
