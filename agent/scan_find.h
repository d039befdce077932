/*
 * scan_find: asking every driver for its stores, each in a work item of its own (with the driver
 * that it completes), so that a socket that hangs delays no other driver's finding; and when which
 * one is to be asked. Private to scan*.c.
 *
 * Threads: the loop's; the drivers are asked in the pool.
 */
#ifndef AGENT_SCAN_FIND_H
#define AGENT_SCAN_FIND_H

#include <uv.h>

#include "agent/engines/engine.h"

#define SCAN_FIND_DRIVERS_MAX 8

/* One store. */
struct scan_found {
    struct engine_root root;
    bool has_key; /* of its path, for as long as it was never read */
    struct rec_key key;
};

/* One driver, with those that complete it, and what they found. */
struct scan_find_item {
    uv_work_t work;
    bool outstanding, done;    /* done: at least once */
    uint64_t begun_ns, due_ns; /* asked last, 0 never; to be asked then, UINT64_MAX: not planned */
    struct scan_find *find;
    const struct engine_driver *drivers[SCAN_FIND_DRIVERS_MAX + 1]; /* ended by NULL */
    size_t driver_count;
    struct scan_found *found;
    size_t found_count;
    int failed;
    struct err err;
};

/* Embedded by its owner; private, but for `outstanding`. */
struct scan_find {
    uv_loop_t *loop;
    const struct engine_options *options;
    struct scan_find_item items[SCAN_FIND_DRIVERS_MAX];
    size_t count, outstanding;
    void (*on_found)(const struct scan_found *found, size_t count, void *arg);
    void *arg;
};

/* `drivers` is ended by NULL, `options` outlives it. on_found comes for each driver that was asked,
 * also where it failed, which is logged, or was cancelled: with what was found. */
void scan_find_init(struct scan_find *f, uv_loop_t *loop,
                    const struct engine_driver *const *drivers,
                    const struct engine_options *options,
                    void (*on_found)(const struct scan_found *found, size_t count, void *arg),
                    void *arg);

/* Every driver that has answered by now is due at once. */
void scan_find_all(struct scan_find *f);

/* The driver, with those that it is asked together with (NULL: each one), is due `wait_ms` from
 * now, but not sooner than `gap_ms` after it was asked last; or sooner, where it was due sooner.
 * One that is being asked is asked once more. */
void scan_find_soon(struct scan_find *f, const struct engine_driver *driver, uint64_t now_ns,
                    int64_t wait_ms, int64_t gap_ms);

/* When the next one is due; UINT64_MAX: none. One that is being asked is due when it has ended. */
uint64_t scan_find_due(const struct scan_find *f);

/* Asks those that are due. */
void scan_find_start(struct scan_find *f, uint64_t now_ns);

/* Whether every driver has answered at least once. */
bool scan_find_done(const struct scan_find *f);

/* Those that have not begun are left out; on_found comes for them as well. */
void scan_find_cancel(struct scan_find *f);

#endif
