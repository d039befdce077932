/*
 * read_fleet: the database as one struct fleet. Whoever asks begins a transaction first and ends it
 * after the last question (read_past.h, read_host.h), so that all of an answer is from one instant
 * while a collector goes on writing.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_FLEET_H
#define COLLECTOR_STORE_READ_FLEET_H

#include "collector/census/counted.h"
#include "collector/store/store.h"

/* A reading that goes on, with read_one_host() and read_stays(). It lasts as the arena and the
 * transaction do; while it is used, the fleet and the options must stay where they are. */
struct reading;

struct read_options {
    int64_t now_s;
    int64_t as_of_s;               /* the fleet as it was then; 0: now */
    const struct rec_pair *labels; /* only hosts that have all of these */
    size_t label_count;
    int64_t fresh_within_s; /* of read_counted(): coverage.h */
    bool digests;           /* repo digests are wanted, also of images that are gone */
    bool past;              /* names that images had */
    bool texts;             /* all of every host and store: else of a host its name and times, of a
                               store its engine, root and states */
};

/* Reads everything of the hosts that have the labels into `arena`, within the caller's transaction.
 * ERR_CORRUPT where rows point to rows that are not there. Memory: what is distinct, plus some 50
 * bytes for each image and 24 for each measured copy of each store.
 *
 * As of a past time: now_s of the fleet is that time; hosts, stores and presence are those of that
 * second (an image counts until the first look without it). Measured copies, exceptions,
 * containers, spaces and problems of the past are not known: there are none. A store's state is the
 * one it has had since then, else taken for good; labels and texts are of today, and so is all
 * content, with what was said of it ever (fleet_first tells since when). A host that was retired
 * and came back was there all the time. */
int read_fleet(struct store *s, struct fleet *out, const struct read_options *options,
               struct reading **reading, struct arena *arena, struct err *err);

/* The same without presence, copies, containers and spaces: their counters instead, over the whole
 * fleet, so `options` may name no labels. Presence is read of those hosts only that coverage asks
 * for, and without its times. Memory and time: what is distinct, and some 400 bytes for each host.
 * Only as of now. */
int read_counted(struct store *s, struct fleet *out, struct counted *counted,
                 const struct read_options *options, struct reading **reading, struct arena *arena,
                 struct err *err);

enum {
    READ_PLACES = 1,     /* exceptions, measured copies, spaces */
    READ_CONTAINERS = 2, /* with their texts */
    READ_TEXTS = 4,      /* of the host and its stores, where the options left them out */
    READ_SINCE = 8,      /* since when each image is there: else from_s is 0 */
};

/* The presence of one host, and `what` else, in a fleet that shares all the rest with the one that
 * was read; `out` may be that one. Other hosts have no presence in it: the runs of their stores,
 * and of this host's in every fleet that shares them, hold no longer. The lists lie in `arena`,
 * which may end before the next host. As of a past time where the fleet is. */
int read_one_host(const struct reading *reading, struct fleet *out, uint32_t host, unsigned what,
                  struct arena *arena, struct err *err);

/* Marks in `said` (parallel to the fleet's) what a marked store (`stores`, parallel to the fleet's)
 * ever listed, up to `known_at_s` (0: until now). */
int read_said_by(const struct reading *reading, const bool *stores, int64_t known_at_s, bool *said,
                 struct err *err);

/* Marks the hosts with a store that says of a chain that no image needs it; `hosts` is parallel to
 * the fleet's. */
int read_extra_hosts(const struct reading *reading, bool *hosts, struct err *err);

/* The allocated bytes of one store as far as they are measured: copies, blobs and orphans. */
int read_store_bytes(const struct reading *reading, uint32_t store, int64_t *out, struct err *err);

#endif
