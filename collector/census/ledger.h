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
    /* Summed up where the layer lies ... */
    int64_t copies, hosts, measured, stored;
    int64_t cause_copies[LEDGER_CAUSES]; /* copies beyond the first on one host */
    /* ... and what follows from that. */
    int64_t unique, replicas, duplicates, layout, unsplit;
    int64_t by_cause[LEDGER_CAUSES];
};

struct ledger_chain {
    int64_t copies, stored;
};

struct ledgers {
    struct ledger fleet;
    struct ledger *hosts;        /* parallel to the fleet's hosts; replicas are 0 there. NULL where
                                    the ledgers are from counters: counted.h */
    struct ledger_layer *layers; /* parallel to the fleet's layers; one more for all copies whose
                                    layer is not known */
    struct ledger_chain *chains; /* parallel to the fleet's chains */
    int64_t missing; /* chains that metadata promises and the disk lacks, store by store */
};

/* Room for the fleet's layers and chains in `arena`, all zero. */
int ledger_open(struct ledgers *out, const struct fleet *f, struct arena *arena, struct err *err);

/* What follows from the sums of each layer, for it and for the fleet: all terms but blobs and
 * orphans. The only place that says how. */
void ledger_derive(struct ledgers *out, const struct fleet *f);

/* Adds to a sum of the ledger, or multiplies; what does not fit is noted in it. */
void ledger_add(struct ledger *l, int64_t *total, int64_t bytes);
int64_t ledger_times(struct ledger *l, int64_t count, int64_t bytes);

/* The ledgers of hosts, one after the other; in `arena`. `f` is the fleet that they are of. `sums`,
 * if not NULL, gets what its layers and chains sum up over all of them, after ledger_open(). */
struct ledger_pass;
int ledger_pass_open(struct ledger_pass **out, const struct fleet *f, struct ledgers *sums,
                     struct arena *arena, struct err *err);

/* The ledger of one more host, whose spaces `f` has, from its copies. Each host once. */
void ledger_pass_host(struct ledger_pass *b, struct ledger *to, const struct fleet *f,
                      uint32_t host, const struct copies *copies);

/* Computes all of them. The copies are read only; results lie in `arena`. */
int ledger_compute(struct ledgers *out, const struct fleet *f, const struct copies *copies,
                   struct arena *arena, struct err *err);

/* Whether the two sides agree: for the fleet and, where they are here, for each host, and the hosts
 * with the fleet. A difference is a bug of this program and ERR_CONFLICT says where; ERR_LIMIT for
 * overflow. */
int ledger_check(const struct ledgers *l, const struct fleet *f, struct err *err);

/* The same for a single ledger; `of` names it. */
int ledger_check_one(const struct ledger *l, const char *of, struct err *err);

/* unique + replicas + duplicates + layout + unsplit + blobs + orphans */
int64_t ledger_terms(const struct ledger *l);

/* The headline: content that lies there more than once. Never shown without its three parts. */
int64_t ledger_duplicate_storage(const struct ledger *l);

/* a(k) of all copies: stored less blobs and orphans. */
int64_t ledger_copies_bytes(const struct ledger *l);

/* Stable name of a cause ("parents", "stores", "engines", "users"). */
const char *ledger_cause_name(enum ledger_cause cause);

#endif
