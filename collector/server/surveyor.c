#include "collector/server/surveyor.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/survey.h"
#include "collector/rules/catalogue_file.h"
#include "collector/rules/policy_file.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uvx.h"

enum {
    FIRST_MS = 10 * 1000, /* a fleet that comes back after our restart is there by then */
    REST = 50,            /* times as long as a survey took there is none */
};

/* Bytes of one survey: several times what a report of 100,000 hosts and 50,000 images needs. More
 * would be the host's memory, which ingest and the page cache need too (docs/operating.md). */
#define SURVEY_MEMORY_MAX ((size_t)2 << 30)

struct surveyor {
    uv_loop_t *loop;
    struct writer *writer;
    const struct options *options;
    uv_timer_t timer;
    uv_work_t work;
    struct store_job job;
    bool busy; /* between the start of the work and the end of the job */
    bool stopping;
    uint64_t next_ms;   /* of the monotonic clock: no survey before */
    struct err told;    /* the last complaint in the log; no text: there is none to repeat */
    bool told_of_files; /* it was of them: they have to be read to end it, else a survey taken */
    void (*on_stopped)(void *arg);
    void *arg;

    /* The work's. */
    uv_mutex_t lock;
    struct store *reader; /* under the lock: to be interrupted */
    atomic_bool canceled; /* set under the lock */
    struct arena *arena;
    struct survey_change change;
    struct err err;
    bool failed, taken; /* not taken: only the files were read */
};

static void survey(uv_work_t *work);
static void on_surveyed(uv_work_t *work, int status);
static int run_job(struct store_job *job, struct store *store, struct err *err);
static void on_written(struct store_job *job, const struct err *err);

static struct surveyor *of(struct store_job *job)
{
    return list_entry(job, struct surveyor, job);
}

/* ---- the operator's files -------------------------------------------------------------------- */

static int read_files(const struct options *o, struct report_request *request, const char **path,
                      struct arena *arena, struct err *err)
{
    struct catalogue *catalogue = arena_alloc(arena, sizeof(*catalogue), err);
    struct policy *policy = arena_alloc(arena, sizeof(*policy), err);

    if (catalogue == NULL || policy == NULL)
        return -1;
    *path = o->catalogue != NULL ? o->catalogue : catalogue_beside(o->db, arena, err);
    if (*path == NULL || catalogue_read(catalogue, *path, o->catalogue != NULL, arena, err) != 0)
        return -1;
    request->catalogue = catalogue;
    if (o->policy == NULL)
        return 0;
    request->policy = policy;
    return policy_read(policy, o->policy, arena, err);
}

int surveyor_check(const struct options *options, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct report_request request = {0};
    const char *path;

    if (arena_open(&arena, SURVEY_MEMORY_MAX, err) != 0)
        return -1;
    return read_files(options, &request, &path, arena, err);
}

/* ---- on a pool thread ------------------------------------------------------------------------ */

/* False when there is to be no survey any more. */
static bool lend_reader(struct surveyor *s, struct store *reader)
{
    bool goes_on;

    uv_mutex_lock(&s->lock);
    goes_on = !atomic_load(&s->canceled);
    s->reader = reader;
    uv_mutex_unlock(&s->lock);
    return goes_on;
}

static int take(struct surveyor *s, struct err *err)
{
    const struct options *o = s->options;
    AUTO(store_close) struct store *reader = NULL;
    struct report_request request = {.now_s = clock_wall_ms() / 1000,
                                     .fresh_within_s = 3 * o->heartbeat_ms / 1000,
                                     .canceled = &s->canceled};
    uint64_t begun = clock_mono_ns();
    const char *catalogue;
    int rc;

    if (arena_open(&s->arena, SURVEY_MEMORY_MAX, err) != 0 ||
        read_files(o, &request, &catalogue, s->arena, err) != 0)
        return -1;
    if (begun / 1000000 < s->next_ms)
        return 0;
    s->taken = true;
    if (store_open_reader(&reader, o->db, err) != 0)
        return -1;
    rc = lend_reader(s, reader)
             ? survey_take(&s->change, &request, reader, SURVEY_MEMORY_MAX, s->arena, err)
             : err_set(err, ERR_CANCELED, "the collector stops");
    lend_reader(s, NULL);
    s->change.catalogue = catalogue;
    s->change.policy = o->policy != NULL ? o->policy : "";
    s->change.took_ms = (int64_t)((clock_mono_ns() - begun) / 1000000);
    return rc;
}

static void survey(uv_work_t *work)
{
    struct surveyor *s = work->data;

    s->failed = take(s, &s->err) != 0;
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct surveyor *s = handle->data;

    uv_mutex_destroy(&s->lock);
    s->on_stopped(s->arg);
    free(s);
}

/* Tells a complaint that was not the last one, too. */
static void complain(struct surveyor *s, const struct err *err)
{
    if (strcmp(s->told.text, err->text) == 0)
        return;
    s->told = *err;
    s->told_of_files = !s->taken;
    log_event(LOG_WARN, "survey-failed", "text", err->text, NULL);
}

static void tell(const struct surveyor *s)
{
    char took[32], lines[32];

    snprintf(took, sizeof(took), "%" PRId64, s->change.took_ms);
    snprintf(lines, sizeof(lines), "%zu", s->change.changed_count + s->change.gone_count);
    log_event(LOG_DEBUG, "surveyed", "ms", took, "changed", lines, NULL);
}

/* The end of one survey, or of a look at the files, whatever came of it. */
static void rest(struct surveyor *s, const struct err *err)
{
    if (err != NULL && !s->stopping)
        complain(s, err);
    if (err == NULL && s->taken)
        tell(s);
    if (err == NULL && (s->taken || s->told_of_files))
        s->told = (struct err){0};
    if (s->taken)
        s->next_ms = clock_mono_ns() / 1000000 + (uint64_t)s->change.took_ms * REST;
    arena_close(&s->arena);
    s->busy = false;
    if (s->stopping)
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    else
        uv_timer_again(&s->timer);
}

static void on_due(uv_timer_t *timer)
{
    struct surveyor *s = timer->data;
    int rc;

    uv_timer_stop(timer);
    s->busy = true;
    s->failed = s->taken = false;
    s->change = (struct survey_change){0};
    rc = uv_queue_work(s->loop, &s->work, survey, on_surveyed);
    if (rc != 0) {
        uvx_fail(&s->err, rc, "begin a survey");
        rest(s, &s->err);
    }
}

static void on_surveyed(uv_work_t *work, int status)
{
    struct surveyor *s = work->data;

    (void)status;
    if (s->failed || s->stopping) {
        rest(s, &s->err);
        return;
    }
    if (!s->taken) {
        rest(s, NULL);
        return;
    }
    s->job = (struct store_job){.run = run_job,
                                .done = on_written,
                                .weight = s->change.changed_count * sizeof(struct survey_line)};
    if (writer_submit(s->writer, &s->job, &s->err) != 0)
        rest(s, &s->err);
}

/* The writer's thread. */
static int run_job(struct store_job *job, struct store *store, struct err *err)
{
    struct surveyor *s = of(job);

    return apply_survey(store, &s->change, err);
}

static void on_written(struct store_job *job, const struct err *err)
{
    rest(of(job), err);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

int surveyor_open(struct surveyor **out, uv_loop_t *loop, struct writer *writer,
                  const struct options *options, struct err *err)
{
    struct surveyor *s = calloc(1, sizeof(*s));
    uint64_t each = (uint64_t)options->survey_interval_ms;

    if (s == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for surveys");
    if (uv_mutex_init(&s->lock) != 0) {
        free(s);
        return err_set(err, ERR_NO_MEMORY, "no lock for surveys");
    }
    s->loop = loop;
    s->writer = writer;
    s->options = options;
    s->work.data = s;
    s->timer.data = s;
    check(uv_timer_init(loop, &s->timer) == 0);
    check(uv_timer_start(&s->timer, on_due, each < FIRST_MS ? each : FIRST_MS, each) == 0);
    *out = s;
    return 0;
}

void surveyor_stop(struct surveyor *s, void (*on_stopped)(void *arg), void *arg)
{
    s->stopping = true;
    s->on_stopped = on_stopped;
    s->arg = arg;
    uv_timer_stop(&s->timer);
    if (!s->busy) {
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
        return;
    }
    uv_mutex_lock(&s->lock);
    atomic_store(&s->canceled, true);
    if (s->reader != NULL)
        store_interrupt(s->reader);
    uv_mutex_unlock(&s->lock);
}
