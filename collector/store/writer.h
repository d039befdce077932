/*
 * writer: the one thread that changes the database.
 *
 * The loop thread submits jobs and gets each one back, in submission order, on the loop thread,
 * after its transaction is durable or has failed. All jobs waiting when the writer wakes share one
 * transaction; a job that fails is undone alone.
 *
 * Threads: call everything here on the loop thread. Only job->run happens on the writer thread, and
 * it may touch nothing but the job and the store.
 */
#ifndef COLLECTOR_STORE_WRITER_H
#define COLLECTOR_STORE_WRITER_H

#include <stdbool.h>
#include <uv.h>

#include "collector/store/store.h"
#include "common/list.h"

struct store_job {
    int (*run)(struct store_job *job, struct store *store, struct err *err);
    void (*done)(struct store_job *job, const struct err *err); /* err NULL: committed */
    size_t weight; /* bytes it holds, for the queue's bound */

    /* private to writer */
    struct list node;
    bool failed;
    struct err err;
};

struct writer_options {
    size_t jobs_max;        /* jobs not back yet before ERR_BUSY; 0: 10,000 */
    size_t bytes_max;       /* sum of their weights (a single heavier job is let in); 0: 256 MiB */
    size_t batch_max;       /* jobs in one transaction; 0: 1,000 */
    uint64_t checkpoint_ms; /* a checkpoint from its own thread each so often; 0: 1,000 */
};

struct writer;

/* Opens the store for writing and starts the thread. After a failure run the loop before closing
 * it: a handle may be closing. */
int writer_open(struct writer **out, uv_loop_t *loop, const char *path,
                const struct writer_options *options, struct err *err);

/* On 0 the job is the writer's until done(). On ERR_BUSY it stays the caller's: stop reading from
 * the peer until a job comes back. */
int writer_submit(struct writer *w, struct store_job *job, struct err *err);

/* Jobs that are not back yet: waiting, running, or on their way to done(). */
size_t writer_queued(const struct writer *w);

/* Commits what is queued, ends the thread, closes the store, then calls on_stopped from the loop
 * and frees the writer. No submit after this. */
void writer_stop(struct writer *w, void (*on_stopped)(void *arg), void *arg);

#endif
