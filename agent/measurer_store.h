/*
 * measurer_store: what was measured of one store. Private to measurer*.c.
 *
 * Threads: the measuring thread's.
 */
#ifndef AGENT_MEASURER_STORE_H
#define AGENT_MEASURER_STORE_H

#include "agent/account.h"
#include "agent/inventory.h"

enum measured_state {
    MEASURED_NOT, /* not yet */
    MEASURED_YES,
    MEASURED_MISSING, /* its directory is not there */
    MEASURED_FAILED,  /* it could not be walked; tried again with the next account */
    MEASURED_UNSEEN,  /* its store is read by API, which tells no directory */
};

struct measured_copy {
    struct digest chain, diff;
    enum measured_state state;
    bool news;       /* not told yet */
    bool whole_tree; /* as of engine_copy: only allocated_bytes is the copy's own */
    uint64_t allocated_bytes, content_bytes, nominal_bytes, files, directories;
    uint32_t base_layers; /* 0 not told */
    char *os_release;     /* heap, NULL none */
};

struct measured_store {
    struct list node;
    struct engine_root root;
    struct inventory_reading *reading; /* counted reference: the copies' directories are in it */
    struct measured_copy *copies;      /* sorted by chain, one for each of the reading's */
    size_t count;
    bool seen; /* in the inventory being taken over */

    struct account account;              /* points into itself and into accounted */
    struct inventory_reading *accounted; /* the reading that the account is of; NULL: none yet */
    uint64_t accounted_ns;
    uint64_t account_due_ns; /* the next one; UINT64_MAX: nothing changed since */
};

/* Nothing of it is measured yet; takes its own reference of the reading. NULL with *err. */
struct measured_store *measured_open(const struct inventory_store *from, struct err *err);
void measured_close(struct measured_store **s);

/* Whether another user than root owns it, and so can write into its layers. */
bool measured_of_user(const struct measured_store *s);

/* Takes a newer reading over: what was measured of chains that are still there stays. */
int measured_update(struct measured_store *s, const struct inventory_store *from, struct err *err);

/* Notes one walk's outcome. */
void measured_note(struct measured_copy *copy, const struct measure_result *result, bool missing);

/* Walks copy number `i`. ERR_CANCELED only; other failures are noted in the copy. */
int measured_walk(struct measured_store *s, size_t i, const struct measure_limits *limits,
                  struct err *err);

/* The copy of this chain, or NULL. */
struct measured_copy *measured_find(struct measured_store *s, const struct digest *chain);

/* A message of at most `max` copies, from *at on (moved behind them), news only or all; false
 * where there are none. The items are in `arena`. */
bool measured_copies(struct measured_store *s, size_t *at, size_t max, bool all,
                     struct arena *arena, struct rec_copies *out);

#endif
