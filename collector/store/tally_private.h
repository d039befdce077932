/*
 * tally_private: what the files of tally share.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_TALLY_PRIVATE_H
#define COLLECTOR_STORE_TALLY_PRIVATE_H

#include "collector/store/tally.h"

/* What the host at hand holds of a layer so far; valid where `host` is the pass at hand. */
struct layer_state {
    uint64_t host;
    uint32_t last_store; /* index of the store that had the last copy */
    uint32_t copies, stores, engines, users;
};

/* What the store at hand says of a chain; valid where `store` is the pass at hand. */
struct chain_state {
    uint64_t store;
    bool counted, measured, missing;
    int64_t allocated_bytes;
};

/* What the hosts that were taken out, and put back, change in one counter. Most of it cancels out:
 * only what is left in the end touches the counter itself. */
struct delta {
    int64_t by[MIRROR_VALUES];
    bool listed;
};

struct deltas { /* of one table */
    struct delta *list;
    size_t room;
};

/* The hosts and stores that are passed get numbers, so that no array has to be cleared. */
struct tally {
    uint64_t host_pass, store_pass;
    struct chain_state *chains;
    struct layer_state *layers;
    uint32_t *layers_seen; /* of the host at hand */
    size_t layer_count;    /* in it */
    uint64_t *images;      /* the host pass that saw the image last */
    uint64_t *parents;     /* the store pass that named the image as parent last */
    size_t chain_room, layer_room, seen_room, image_room, parent_room;

    struct deltas deltas[MIRROR_TABLES]; /* of the tables of counters */
    struct mirror_changed *changed;      /* those that are listed */
    size_t changed_count, changed_room;

    uint32_t *out; /* hosts taken out, in the job at hand */
    bool *is_out;  /* by host */
    size_t out_count, out_room, is_out_room;
};

/* Makes room for all that the mirror has by now. */
int tally_prepare(struct tally *t, const struct mirror *m, struct err *err);

/* What changes in a counter, by its columns; NULL without memory. */
int64_t *tally_change(struct tally *t, enum mirror_table table, uint32_t id, struct err *err);

/* Whether the job at hand took the host out. */
bool tally_is_out(const struct tally *t, int64_t host_id);

/* Adds `by` with a sign, modulo 2^64: liars may claim more bytes than fit, and take them back. */
static inline void tally_add(int64_t *to, int64_t sign, int64_t by)
{
    *to = (int64_t)((uint64_t)*to + (uint64_t)sign * (uint64_t)by);
}

/* Adds a host's whole part (sign 1), or takes it away (-1). */
int tally_part(struct tally *t, struct mirror *m, int64_t host_id, int64_t sign, struct err *err);

#endif
