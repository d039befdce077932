/*
 * ledger: where the bytes of the stores go, and which of them lie there twice (docs/command.md,
 * "The ledger", explains each term).
 *
 *     stored = copies + blobs + orphans
 *            = unique + replicas + duplicates + layout + unsplit + blobs + orphans    exactly
 *
 * for the fleet and for every host. The left side is summed over the copies as they lie there, the
 * right side over layers: ledger_check() compares the two.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_LEDGER_H
#define COLLECTOR_CENSUS_LEDGER_H

#include "collector/census/copies.h"

/* More than one copy of a layer on one host, by what keeps them apart. */
enum ledger_cause {
    CAUSE_PARENTS, /* within one store: the same layer on another parent */
    CAUSE_STORES,  /* stores of one engine and one user */
    CAUSE_ENGINES, /* engines of one user */
    CAUSE_USERS,
    LEDGER_CAUSES
};

struct ledger {
    /* All bytes are allocated bytes of stores, or nominal bytes that stand for them. */
    int64_t stored; /* what lies there: copies, blobs, orphans */
    int64_t unique, replicas, duplicates, layout, unsplit;
    int64_t blobs_kept, blobs_only; /* beside an unpacked copy; the only form present */
    int64_t orphans;
    int64_t by_cause[LEDGER_CAUSES]; /* of duplicates */
    int64_t cause_copies[LEDGER_CAUSES];
    int64_t copies, measured, estimated, unknown; /* counts of copies: the first is the sum */
    int64_t layers;                               /* distinct, with at least one copy */
    bool upper_bound;                             /* shared extents could not be seen somewhere */
    bool overflow; /* a sum left 63 bits: somebody claims sizes that cannot be */
};

struct ledger_layer {
    int64_t copies, hosts, measured;
    int64_t stored, unique, replicas, duplicates, layout, unsplit;
    int64_t by_cause[LEDGER_CAUSES];
};

struct ledgers {
    struct ledger fleet;
    struct ledger *hosts;        /* parallel to the fleet's hosts; replicas are 0 there */
    struct ledger_layer *layers; /* parallel to the fleet's layers */
};

/* Computes all three. The copies are read only; results lie in `arena`. */
int ledger_compute(struct ledgers *out, const struct fleet *f, const struct copies *copies,
                   struct arena *arena, struct err *err);

/* Whether the two sides agree: for the fleet, for each host, and the hosts with the fleet. A
 * difference is a bug of this program and ERR_CONFLICT says where; ERR_LIMIT for overflow. */
int ledger_check(const struct ledgers *l, const struct fleet *f, struct err *err);

/* unique + replicas + duplicates + layout + unsplit + blobs + orphans */
int64_t ledger_terms(const struct ledger *l);

/* The headline: content that lies there more than once. Never shown without its three parts. */
int64_t ledger_duplicate_storage(const struct ledger *l);

/* a(k) of all copies: stored less blobs and orphans. */
int64_t ledger_copies_bytes(const struct ledger *l);

/* Stable name of a cause ("parents", "stores", "engines", "users"). */
const char *ledger_cause_name(enum ledger_cause cause);

#endif
