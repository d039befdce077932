#include "collector/store/writer.h"

#include <stdlib.h>

#include "collector/store/checkpoint.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/log.h"

#define JOBS_MAX 10000
#define BYTES_MAX (256u << 20)
#define BATCH_MAX 1000
#define CHECKPOINT_MS 1000

struct writer {
    struct writer_options options;

    /* The loop thread's. */
    uv_async_t wake_loop;
    size_t jobs, bytes; /* not back yet */
    bool stopping;
    void (*on_stopped)(void *arg);
    void *stopped_arg;

    /* The writer thread's, once it runs. */
    struct store *store;
    struct checkpoint *checkpoint;

    /* Shared, under mutex. */
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t work;      /* something is in `waiting`, or `finish` was set */
    struct list waiting; /* jobs submitted, oldest first */
    struct list back;    /* jobs to hand back, oldest first */
    bool finish;         /* end when nothing waits */
    bool finished;       /* the thread touches nothing any more */
};

static struct store_job *job_of(struct list *node)
{
    return list_entry(node, struct store_job, node);
}

static void move_all(struct list *to, struct list *from)
{
    for (struct list *node = list_pop(from); node != NULL; node = list_pop(from))
        list_push(to, node);
}

/* ---- the writer thread ----------------------------------------------------------------------- */

/* Waits for jobs and takes at most one transaction's worth. False: none will come any more. */
static bool take_batch(struct writer *w, struct list *batch)
{
    struct list *node;

    uv_mutex_lock(&w->mutex);
    while (list_empty(&w->waiting) && !w->finish)
        uv_cond_wait(&w->work, &w->mutex);
    for (size_t n = 0; n < w->options.batch_max && (node = list_pop(&w->waiting)) != NULL; n++)
        list_push(batch, node);
    uv_mutex_unlock(&w->mutex);
    return !list_empty(batch);
}

/* Runs one job inside the open transaction. A job that fails is undone alone; -1 where the whole
 * transaction is lost. */
static int run_job(struct writer *w, struct store_job *job, struct err *err)
{
    if (store_mark(w->store, err) != 0)
        return -1;
    job->failed = job->run(job, w->store, &job->err) != 0;
    if (!job->failed)
        return store_mark_keep(w->store, err);
    store_mark_undo(w->store);
    return 0;
}

static int run_batch(struct writer *w, struct list *batch, struct err *err)
{
    if (store_begin(w->store, err) != 0)
        return -1;
    list_each (it, batch) {
        if (run_job(w, job_of(it), err) != 0) {
            store_rollback(w->store);
            return -1;
        }
    }
    return store_commit(w->store, err);
}

/* Nothing of the batch is in the file: each job that did not fail by itself fails with the batch.
 */
static void fail_batch(struct list *batch, const struct err *why)
{
    log_error(LOG_ERROR, "transaction-failed", why, NULL);
    list_each (it, batch) {
        struct store_job *job = job_of(it);

        if (!job->failed)
            job->err = *why;
        job->failed = true;
    }
}

static void hand_back(struct writer *w, struct list *batch)
{
    uv_mutex_lock(&w->mutex);
    move_all(&w->back, batch);
    uv_mutex_unlock(&w->mutex);
    uv_async_send(&w->wake_loop);
}

/* Under load without a pause the log is never copied back to its end, and would grow. */
static void shorten_log(struct writer *w)
{
    struct err err;
    int left;

    if (store_log_is_long(w->store) && store_checkpoint(w->store, &left, &err) != 0)
        log_error(LOG_WARN, "checkpoint-failed", &err, NULL);
}

static void work(void *arg)
{
    struct writer *w = arg;
    struct list batch;

    list_init(&batch);
    while (take_batch(w, &batch)) {
        struct err err = {.kind = ERR_NONE};

        if (run_batch(w, &batch, &err) != 0)
            fail_batch(&batch, &err);
        hand_back(w, &batch);
        shorten_log(w);
    }
    /* The last checkpoint empties the log: nobody else may run one meanwhile. */
    checkpoint_stop(&w->checkpoint);
    store_close(&w->store);
    uv_mutex_lock(&w->mutex);
    w->finished = true;
    uv_mutex_unlock(&w->mutex);
    uv_async_send(&w->wake_loop);
}

/* ---- the loop thread ------------------------------------------------------------------------- */

static void on_wake(uv_async_t *wake);
static void on_wake_closed(uv_handle_t *wake);

/* Wake-ups coalesce: everything that is back is handed on. */
static void on_wake(uv_async_t *wake)
{
    struct writer *w = wake->data;
    struct list back;
    bool finished;

    list_init(&back);
    uv_mutex_lock(&w->mutex);
    move_all(&back, &w->back);
    finished = w->finished;
    uv_mutex_unlock(&w->mutex);

    for (struct list *node = list_pop(&back); node != NULL; node = list_pop(&back)) {
        struct store_job *job = job_of(node);

        w->jobs--;
        w->bytes -= job->weight;
        job->done(job, job->failed ? &job->err : NULL); /* may free the job */
    }
    if (finished && !uv_is_closing((uv_handle_t *)wake)) {
        uv_thread_join(&w->thread);
        uv_close((uv_handle_t *)wake, on_wake_closed);
    }
}

static void on_wake_closed(uv_handle_t *wake)
{
    struct writer *w = wake->data;
    void (*on_stopped)(void *) = w->on_stopped;
    void *arg = w->stopped_arg;

    check(w->jobs == 0 && w->bytes == 0);
    uv_cond_destroy(&w->work);
    uv_mutex_destroy(&w->mutex);
    free(w);
    on_stopped(arg);
}

static void take_options(struct writer *w, const struct writer_options *given)
{
    struct writer_options o = given != NULL ? *given : (struct writer_options){0};

    w->options = (struct writer_options){
        .jobs_max = o.jobs_max != 0 ? o.jobs_max : JOBS_MAX,
        .bytes_max = o.bytes_max != 0 ? o.bytes_max : BYTES_MAX,
        .batch_max = o.batch_max != 0 ? o.batch_max : BATCH_MAX,
        .checkpoint_ms = o.checkpoint_ms != 0 ? o.checkpoint_ms : CHECKPOINT_MS,
    };
}

static void free_unstarted(struct writer **w)
{
    if (*w == NULL)
        return;
    checkpoint_stop(&(*w)->checkpoint);
    store_close(&(*w)->store);
    free(*w);
}

static void on_unstarted_closed(uv_handle_t *wake)
{
    free(wake->data);
}

/* On failure the writer is freed, where the handle was made already by the loop's next turn. */
static int start(struct writer **owner, uv_loop_t *loop, struct err *err)
{
    struct writer *w = *owner;

    if (uv_mutex_init(&w->mutex) != 0)
        return err_set(err, ERR_NO_MEMORY, "start the writer");
    if (uv_cond_init(&w->work) != 0)
        goto no_condition;
    w->wake_loop.data = w;
    if (uv_async_init(loop, &w->wake_loop, on_wake) != 0)
        goto no_async;
    if (uv_thread_create(&w->thread, work, w) == 0)
        return 0;
    checkpoint_stop(&w->checkpoint);
    store_close(&w->store);
    uv_close((uv_handle_t *)&w->wake_loop, on_unstarted_closed);
    *owner = NULL;

no_async:
    uv_cond_destroy(&w->work);
no_condition:
    uv_mutex_destroy(&w->mutex);
    return err_set(err, ERR_NO_MEMORY,
                   "start the writer: no memory, or too many open files or threads");
}

int writer_open(struct writer **out, uv_loop_t *loop, const char *path,
                const struct writer_options *options, struct err *err)
{
    AUTO(free_unstarted) struct writer *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_set(err, ERR_NO_MEMORY, "start the writer");
    take_options(w, options);
    list_init(&w->waiting);
    list_init(&w->back);
    if (store_open_writer(&w->store, path, err) != 0 ||
        checkpoint_start(&w->checkpoint, path, w->options.checkpoint_ms, err) != 0 ||
        start(&w, loop, err) != 0)
        return -1;
    *out = steal(&w);
    return 0;
}

int writer_submit(struct writer *w, struct store_job *job, struct err *err)
{
    if (w->stopping)
        return err_set(err, ERR_CANCELED, "the writer is stopping");
    if (w->jobs >= w->options.jobs_max)
        return err_set(err, ERR_BUSY, "%zu jobs wait for the database", w->jobs);
    if (w->jobs > 0 && w->bytes + job->weight > w->options.bytes_max)
        return err_set(err, ERR_BUSY, "%zu bytes wait for the database", w->bytes);
    w->jobs++;
    w->bytes += job->weight;
    job->failed = false;
    uv_mutex_lock(&w->mutex);
    list_push(&w->waiting, &job->node);
    uv_cond_signal(&w->work);
    uv_mutex_unlock(&w->mutex);
    return 0;
}

size_t writer_queued(const struct writer *w)
{
    return w->jobs;
}

void writer_stop(struct writer *w, void (*on_stopped)(void *arg), void *arg)
{
    check(!w->stopping);
    w->stopping = true;
    w->on_stopped = on_stopped;
    w->stopped_arg = arg;
    uv_mutex_lock(&w->mutex);
    w->finish = true;
    uv_cond_signal(&w->work);
    uv_mutex_unlock(&w->mutex);
}
