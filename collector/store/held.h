/*
 * held: what the database says that a store holds besides its images, as the records that hosts
 * send, so that the same functions compare, sort and sum both sides.
 *
 * Threads: as the store.
 */
#ifndef COLLECTOR_STORE_HELD_H
#define COLLECTOR_STORE_HELD_H

#include "collector/store/statements.h"

struct held {
    struct rec_exception *exceptions; /* sorted by chain */
    size_t exception_count;
};

/* A store's exceptions, in the arena. */
int held_exceptions(struct store *s, int64_t store_id, struct arena *arena, struct held *out,
                    struct err *err);

/* Replaces them. */
int held_put_exceptions(struct store *s, int64_t store_id, const struct rec_exception *list,
                        size_t count, struct err *err);

/* Lists that are compared with ours in one walk must be sorted, with nothing twice. */
bool held_strictly(const void *items, size_t count, size_t size,
                   int (*cmp)(const void *, const void *));
/* Whether the names and repo digests of an image are. */
bool held_sorted(const struct rec_image *image);

#endif
