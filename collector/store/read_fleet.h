/*
 * read_fleet: the database as one struct fleet. Whoever asks begins a transaction first and ends it
 * after the last question (read_past.h, read_host.h), so that all of an answer is from one instant
 * while a collector goes on writing.
 *
 * Memory: what is distinct, plus some 50 bytes for each image and 24 for each measured copy of
 * each store.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_FLEET_H
#define COLLECTOR_STORE_READ_FLEET_H

#include "collector/census/counted.h"
#include "collector/store/store.h"

/* A reading that goes on: read_one_host(). It lasts as the arena and the transaction do. */
struct reading;

struct read_options {
    int64_t now_s;
    const struct rec_pair *labels; /* only hosts that have all of these */
    size_t label_count;
    int64_t fresh_within_s; /* of read_counted(): coverage.h */
    bool digests;           /* repo digests are wanted */
    bool past;              /* names that images had, and repo digests of images that are gone */
};

/* Reads everything into `arena`, within the caller's transaction. ERR_CORRUPT where rows point to
 * rows that are not there. */
int read_fleet(struct store *s, struct fleet *out, const struct read_options *options,
               struct arena *arena, struct err *err);

/* The same without presence, copies, containers and spaces: their counters instead, over the whole
 * fleet, so `options` may name no labels. Of hosts and stores it reads what coverage needs:
 * numbers, times, states; their texts are empty. Presence is read of those hosts only that coverage
 * asks for. Memory and time: what is distinct, and some 300 bytes for each host. *reading is for
 * read_one_host(); while it is used, `out` and `options` must stay where they are. */
int read_counted(struct store *s, struct fleet *out, struct counted *counted,
                 const struct read_options *options, struct reading **reading, struct arena *arena,
                 struct err *err);

/* The presence of one host and, if `places`, its exceptions, measured copies and spaces, beside
 * what read_counted() read: in a fleet that shares all else with that one. The runs of the host's
 * stores point into the new lists, so who wants the presence that read_counted() read takes it
 * first. Presences have no names. The lists lie in `arena`, which may end before the next host. */
int read_one_host(const struct reading *reading, struct fleet *out, uint32_t host, bool places,
                  struct arena *arena, struct err *err);

#endif
