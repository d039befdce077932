/*
 * scan: when to look at which store, and what this host's inventory therefore is.
 *
 * Every store has a work item of its own, with at most one under way, so that one that hangs delays
 * no other; so has every driver that is asked for its stores. A store is looked at when the kernel
 * tells of a change (scan_watch.h), and else at an interval: a short one where the kernel does not
 * see every change. A look takes the store's token (a few stats); the store is read when the token
 * changed, without what stands unchanged since the last reading, and all of it at a jittered
 * interval. Its engine's API is pinged after the first reading and after changes, at most once in
 * SCAN_CHECK_MS; that the socket has no listener any more is seen in /proc/net/unix, without waking
 * anybody up. What the API lists is compared with the disk at that jittered interval, if anything
 * changed since, and not with the first reading: daemons list slowly, and a fleet's agents may all
 * start at once.
 *
 * Unreadable, absent and removed are different things: a store that cannot be read, or whose root
 * is not there, keeps its last good content and is marked unreadable; only after it was absent for
 * the configured time it leaves the inventory.
 *
 * Threads: the loop's. Disk and sockets are touched in libuv's pool only.
 */
#ifndef AGENT_SCAN_H
#define AGENT_SCAN_H

#include <uv.h>

#include "agent/inventory.h"
#include "agent/memory.h"

enum {
    SCAN_CHECK_MS = 30000,     /* least time between two questions to one engine's API */
    SCAN_DOWN_READ_MS = 10000, /* a store is read so often while its engine is down: a container
                                  that ends then leaves no trace on disk */
    SCAN_SETTLE_MS = 30000,    /* the first inventory waits so long for stores that hang */
    SCAN_MOVING_MS = 60000,    /* a store that never stands still is reported as it seems then */
    SCAN_UNWATCHED_MS = 2000,  /* a store of whose changes the kernel does not tell is looked at so
                                  often, if not oftener */
    SCAN_NOTICE_MS = 150,      /* from a change that it tells of to the look: most come in bursts */
    SCAN_GAP_MS = 1000,        /* ... and from one look to that: some bursts do not end */
    /* How often to look for engines, which costs more than all looks in between: */
    SCAN_FIND_MS = 1800000,     /* at least, */
    SCAN_FIND_NEWS_MS = 300000, /* ... when a store changed, which may have brought another one, */
    SCAN_FIND_SOON_MS = 1000,   /* ... when files changed that tell of several stores of one engine:
                                   that engine only, so long afterwards, */
    SCAN_FIND_GAP_MS = 30000,   /* ... and so long after it was asked last, */
    SCAN_FIND_NONE_MS = 60000,  /* ... while there is none, */
    SCAN_FIND_FIRST_MS = 5000,  /* ... and that within SCAN_FIRST_MS of our start */
    SCAN_FIRST_MS = 120000,
    SCAN_OUTSTANDING_MAX = 6, /* work items at once: the pool must keep threads for DNS */
};

struct scan_options {
    struct engine_options engine;        /* texts stay the caller's for the scan's life */
    int64_t look_ms, full_ms, absent_ms; /* full_ms: engines are looked for as often, at least */
    int64_t find_gap_ms;                 /* in place of SCAN_FIND_GAP_MS; 0: that */
    bool sample;                         /* mark every store as a sample */
    const struct engine_driver *const *drivers; /* ended by NULL; NULL: engine_drivers */
    uint64_t seed;                              /* of the jitter */
    const struct memory *memory; /* stores known from before a restart, or NULL; read at opening */
};

struct scan_events {
    /* Something changed: the new inventory (the callee takes its own reference). The first call
     * comes when every store that was found has been looked at. */
    void (*on_inventory)(struct inventory *inv, void *arg);
    /* A look at every store succeeded. */
    void (*on_looked)(uint64_t mono_ns, void *arg);
};

struct scan;

/* Starts looking at once. */
int scan_open(struct scan **out, uv_loop_t *loop, const struct scan_options *options,
              const struct scan_events *events, void *arg, struct err *err);

/* Stops; looks under way are waited for (not their stores: they end by themselves). Then frees it
 * and calls on_closed from the loop. No event comes after this call. */
void scan_close(struct scan *scan, void (*on_closed)(void *arg), void *arg);

#endif
