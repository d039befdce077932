/*
 * inventory: what lies on this host, all stores together, and the difference of two. Pure.
 *
 * Threads: an inventory is immutable after inventory_finish(), and may be read by any.
 */
#ifndef AGENT_INVENTORY_H
#define AGENT_INVENTORY_H

#include <stdatomic.h>

#include "agent/engines/engine.h"

/* A reading that several inventories share. Its texts passed redaction: what is in an inventory
 * may leave the host. */
struct inventory_reading {
    atomic_uint refs; /* private */
    struct engine_reading *reading;
    bool remembered;      /* from before a restart: its use and its copies are not known */
    struct setsum sum;    /* of the content */
    int64_t observed_ms;  /* wall clock */
    uint64_t observed_ns; /* the same, monotonic: for ages */
};

/* Takes over the reading, cuts secrets out of its names and texts, and computes its sum; one
 * reference. On -1 the reading stays the caller's. */
int inventory_reading_open(struct inventory_reading **out, struct engine_reading *reading,
                           struct err *err);
struct inventory_reading *inventory_reading_ref(struct inventory_reading *r);
void inventory_reading_unref(struct inventory_reading **r); /* accepts NULL; thread-safe */

/* One store of the host: the last good reading, and how it stands now. */
struct inventory_store {
    struct engine_root root;
    struct inventory_reading *shared; /* counted reference; NULL: never read */
    struct rec_store store;           /* reading's attributes with today's state and error */
    char error[REC_TEXT_BYTES];       /* store.error points here */
    struct setsum sum;                /* of the content; zero when never read */
};

struct inventory {
    atomic_uint refs;               /* private */
    struct inventory_store *stores; /* sorted by key */
    size_t store_count;
    int64_t observed_ms;  /* wall clock of the look */
    uint64_t observed_ns; /* the same, monotonic: for ages */
};

/* How one store stands, for inventory_add(). */
struct inventory_standing {
    const struct engine_root *root;
    struct inventory_reading *reading; /* NULL: never read; then key says which store it is */
    struct rec_key key;
    enum rec_store_state state; /* 0: as the reading says */
    const char *error;          /* "" none; secrets are cut from it */
};

/* An empty inventory with room for `stores`, one reference. */
int inventory_open(struct inventory **out, size_t stores, struct err *err);
/* Adds a store (takes its own reference of the reading). ERR_CONFLICT: its key is there already;
 * ERR_LIMIT: no room left. */
int inventory_add(struct inventory *inv, const struct inventory_standing *standing,
                  struct err *err);
/* Sorts; it is immutable from here on. */
void inventory_finish(struct inventory *inv);

/* Takes another reference / drops one (accepts NULL). Thread-safe. */
struct inventory *inventory_ref(struct inventory *inv);
void inventory_unref(struct inventory **inv);

/* The store of this key, or NULL. Borrowed; finished inventories only. */
const struct inventory_store *inventory_find(const struct inventory *inv,
                                             const struct rec_key *key);

/* Images and exceptions of a store, NULL content when it was never read. */
const struct rec_content *inventory_content(const struct inventory_store *store);

/* Where the next part of a content begins. */
struct inventory_cursor {
    size_t image, exception;
};

/* A part of about `bytes` at most, encoded, and at least one image or exception; `part->store` is
 * left alone. Returns whether more is to come. An empty content is one empty part. */
bool inventory_next_part(const struct rec_content *content, struct inventory_cursor *at,
                         size_t bytes, struct rec_content *part);

/* The same inventory, where unreadable stores are told as moving ones: a whole inventory may bring
 * content that the collector does not hold, and of an unreadable store it takes none. A difference
 * to `inv` then says that they are unreadable. One reference. */
int inventory_softened(struct inventory *inv, struct inventory **out, struct err *err);

/* The difference from `from` (NULL: nothing) to `to`, by content and attributes, into an arena of
 * its own; pointers inside go to both inventories, which must outlive it. Returns whether there is
 * any in *differs. base, generation and age are the caller's to fill. */
int inventory_difference(const struct inventory *from, const struct inventory *to,
                         struct arena *arena, struct rec_difference *out, bool *differs,
                         struct err *err);

/* A difference that tells every store's attributes and changes no content: for a peer that holds
 * equal content, but of whose attributes nothing is known. */
int inventory_attributes(const struct inventory *inv, struct arena *arena,
                         struct rec_difference *out, struct err *err);

/* The next origins from *at on: of about `bytes` at most, encoded, and at
 * least one where there is one. Moves *at behind them. */
void inventory_next_origins(const struct rec_origins *all, size_t *at, size_t bytes,
                            struct rec_origins *part);

/* Whether both tell the same use, apart from ages. */
bool inventory_use_eq(const struct rec_use *a, const struct rec_use *b);
bool inventory_origins_eq(const struct rec_origins *a, const struct rec_origins *b);

#endif
