/*
 * measurer_private: what the measurer*.c files share; nobody else includes it.
 *
 * measurer.c has the thread and what it does in which order; measurer_reports.c makes its messages;
 * measurer_store.c keeps what was measured.
 */
#ifndef AGENT_MEASURER_PRIVATE_H
#define AGENT_MEASURER_PRIVATE_H

#include "agent/measurer.h"
#include "agent/measurer_store.h"

/* A message on its way to the loop. */
struct measurer_report {
    struct list node;
    struct wire_agent_msg m; /* its items are in the arena */
    struct arena *arena;
};

struct measurer {
    struct measurer_options options;
    struct measurer_events events;
    void *arg;
    uv_thread_t thread;
    uv_async_t reports_wait;
    atomic_bool stop;
    void (*on_closed)(void *arg);
    void *closed_arg;

    uv_mutex_t lock;
    uv_cond_t changed;
    /* under lock */
    struct inventory *inventory; /* to be taken over, or NULL */
    struct rec_measure_wanted *wanted;
    size_t wanted_count;
    bool replay;
    struct list reports;
    size_t report_count;

    /* the thread's own */
    struct list stores;
    struct measure_limits limits;
};

/* Each makes messages on the measuring thread and hands them to the loop; it waits while the loop
 * is behind. Without memory nothing is told: it will be, with the next stream. */

/* What is news, or all that is known. */
void measurer_tell_copies(struct measurer *m, struct measured_store *s, bool all);
/* The last account, if there is one. */
void measurer_tell_spaces(struct measurer *m, const struct measured_store *s);
void measurer_tell_facts(struct measurer *m, const struct measured_store *s,
                         const struct measured_copy *copy);
/* `reason` is a constant text. */
void measurer_decline(struct measurer *m, const struct digest *diff, const char *reason);

void measurer_report_close(struct measurer_report **r);

#endif
