/*
 * measurer: walks the copies of every store once, in the background, and keeps what was found.
 *
 * A committed layer never changes, so a copy is walked when it is new and again only with its
 * store's account, which follows a change after a pause that is MEASURER_REST times what the last
 * one took. What the collector wants to know of a layer comes first.
 *
 * Threads: call everything on the loop's thread; events come there. The walking is done by a thread
 * of its own, of lowest CPU and I/O priority.
 */
#ifndef AGENT_MEASURER_H
#define AGENT_MEASURER_H

#include <uv.h>

#include "agent/inventory.h"
#include "common/wire.h"

enum {
    MEASURER_REST = 20, /* an account takes at most a twentieth of the time */
    MEASURER_REST_LEAST_MS = 3000,
    MEASURER_BATCH = 256,      /* copies told together while measuring */
    MEASURER_REPORTS_MAX = 64, /* reports that wait for the loop; the thread waits then */
    MEASURER_WANTS_MAX = 4 * REC_BATCH_MAX,
};

struct measurer_options {
    uint32_t entries_per_second; /* 0: no limit */
};

struct measurer_events {
    /* Copies, spaces, layer facts or declined; valid during the callback. */
    void (*on_report)(const struct wire_agent_msg *m, void *arg);
};

struct measurer;

/* Starts the thread; there is nothing to measure yet. `events` outlives it. */
int measurer_open(struct measurer **out, uv_loop_t *loop, const struct measurer_options *options,
                  const struct measurer_events *events, void *arg, struct err *err);

/* What there is to measure now; takes its own reference. */
void measurer_set_inventory(struct measurer *m, struct inventory *inv);

/* Reports everything known again, for a new stream. */
void measurer_replay(struct measurer *m);

/* Answers with layer facts, now or when they are measured, or with declined. */
void measurer_want(struct measurer *m, const struct rec_measure_wanted *items, size_t count);

/* Ends the walk under way, joins the thread, frees it, then calls on_closed from the loop. */
void measurer_close(struct measurer *m, void (*on_closed)(void *arg), void *arg);

#endif
