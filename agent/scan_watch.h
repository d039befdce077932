/*
 * scan_watch: what the kernel tells at once of changes in one store (inotify(7)).
 *
 * Each store has an inotify instance of its own. So watches are set in the pool, where a path that
 * hangs holds nothing but that store's own work item, and the loop only hears that something
 * happened. libuv's fs events set theirs on the loop, and tell of every write into any file of a
 * directory, containers' logs among them; here a directory tells of names that come, go and move,
 * and only a file that is named itself tells of being written into. Reading a store is no event.
 *
 * After the first event it is silent until scan_watch_listen(), so that a store that changes all
 * the time wakes nobody up but once for each look.
 *
 * Threads: scan_watch_take() runs in the pool, one call at a time for each scan_watch and none
 * under way at scan_watch_close(). Everything else is the loop's.
 */
#ifndef AGENT_SCAN_WATCH_H
#define AGENT_SCAN_WATCH_H

#include <stdatomic.h>
#include <uv.h>

#include "agent/engines/engine.h"

enum { SCAN_WATCH_STORES_MAX = 16 };

/* What all stores of a host share: the kernel grants each user so many, and others want some. */
struct scan_watch_room {
    atomic_int paths; /* still to be had, at first ENGINE_WATCHES_MAX */
    int stores;       /* likewise SCAN_WATCH_STORES_MAX; the loop's */
};

void scan_watch_room_init(struct scan_watch_room *room);

/* What came of taking watches. */
struct scan_watched {
    bool whole;     /* every change of the store will be told */
    bool added;     /* what changed there until now was not told: look again */
    bool again;     /* a path is not there, and a directory above it is watched: take the watches
                       again with each look */
    struct err err; /* why it is not whole, where somebody should know; else of kind ERR_NONE */
};

struct scan_watch;

/* Nothing is watched yet. on_change is called from the loop. `room` outlives it. ERR_LIMIT: enough
 * stores are watched; ERR_IO: the kernel refuses. */
int scan_watch_open(struct scan_watch **out, uv_loop_t *loop, struct scan_watch_room *room,
                    void (*on_change)(void *arg), void *arg, struct err *err);

/* Watches what the driver names now and nothing else; what it named before stays as it was. */
void scan_watch_take(struct scan_watch *w, const struct engine_root *root,
                     struct scan_watched *out);

/* Forgets what happened so far and tells of the next change. True where something that was watched
 * has gone or moved, or the kernel lost count: take them again. */
bool scan_watch_listen(struct scan_watch *w);

/* on_change is not called any more; the memory goes with the loop's next turn. Accepts NULL, and
 * sets it NULL. */
void scan_watch_close(struct scan_watch **w);

#endif
