/*
 * read_fleet: the database as one struct fleet. Whoever asks begins a transaction first and ends it
 * after the last question (read_past.h, read_host.h), so that all of an answer is from one instant
 * while a collector goes on writing.
 *
 * Memory: what is distinct, plus some 50 bytes for each image, 8 for each name and 24 for each
 * measured copy of each store.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_FLEET_H
#define COLLECTOR_STORE_READ_FLEET_H

#include "collector/census/fleet.h"
#include "collector/store/store.h"

struct read_options {
    int64_t now_s;
    const struct rec_pair *labels; /* only hosts that have all of these */
    size_t label_count;
    bool digests; /* repo digests are wanted */
    bool past;    /* names that images had, and repo digests of images that are gone */
};

/* Reads everything into `arena`, within the caller's transaction. ERR_CORRUPT where rows point to
 * rows that are not there. */
int read_fleet(struct store *s, struct fleet *out, const struct read_options *options,
               struct arena *arena, struct err *err);

#endif
