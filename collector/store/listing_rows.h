/*
 * listing_rows: reads all listings of the file, as the records that hosts send.
 *
 * Threads: as the store.
 */
#ifndef COLLECTOR_STORE_LISTING_ROWS_H
#define COLLECTOR_STORE_LISTING_ROWS_H

#include "collector/store/store.h"
#include "common/arena.h"

/* Calls `each` for every listing, in the order of their ids, with its lists sorted. The record
 * lies in the arena, as long as that one. `each` returns -1 with *err to end. */
int listing_rows(struct store *s, struct arena *arena,
                 int (*each)(void *arg, int64_t id, int64_t image_id, const struct rec_image *image,
                             struct err *err),
                 void *arg, struct err *err);

#endif
