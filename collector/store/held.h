/*
 * held: what the database says that a store holds now, as the records that hosts send. So the same
 * functions compare, sort and sum both sides.
 *
 * Threads: as the store.
 */
#ifndef COLLECTOR_STORE_HELD_H
#define COLLECTOR_STORE_HELD_H

#include "collector/store/statements.h"

#define HELD_BYTES_MAX (1u << 30) /* one store's content at the limits of record.h */

struct held_image {
    struct rec_image record; /* first: rec_image_cmp() sorts these too */
    int64_t id;
};

struct held {
    struct held_image *images; /* sorted by digest */
    size_t image_count;
    struct rec_exception *exceptions; /* sorted by chain */
    size_t exception_count;
};

/* All of a store's present content, in the arena. */
int held_load(struct store *s, int64_t store_id, struct arena *arena, struct held *out,
              struct err *err);

/* One image of it: 1 present, 0 not, -1. */
int held_image(struct store *s, int64_t store_id, const struct digest *id, struct arena *arena,
               struct held_image *out, struct err *err);

/* How many images it holds. */
int held_count(struct store *s, int64_t store_id, size_t *images, struct err *err);

/* Only the exceptions: fills that part of *out. */
int held_exceptions(struct store *s, int64_t store_id, struct arena *arena, struct held *out,
                    struct err *err);

/* Lists that are compared with ours in one walk must be sorted, with nothing twice. */
bool held_strictly(const void *items, size_t count, size_t size,
                   int (*cmp)(const void *, const void *));
/* Whether the names and repo digests of an image are. */
bool held_sorted(const struct rec_image *image);

#endif
