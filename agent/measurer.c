#include "agent/measurer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/measurer_private.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uvx.h"

#define NS_PER_MS 1000000u

/* ioprio_set(2) has no wrapper and no header. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

static void on_reports(uv_async_t *async);
static void on_async_closed(uv_handle_t *handle);

/* ---- what the collector wants ---------------------------------------------------------------- */

/* A copy that can be walked and tells the layer's own bytes, as far as is known. */
static bool is_telling(const struct measured_copy *copy)
{
    return !copy->whole_tree && (copy->state == MEASURED_NOT || copy->state == MEASURED_YES);
}

/* One that tells, rather in a store of root's, rather at the chain that is asked for. */
static unsigned worth_of(const struct measured_store *s, const struct measured_copy *copy,
                         const struct rec_measure_wanted *want)
{
    return (is_telling(copy) ? 4 : 0) + (measured_of_user(s) ? 0 : 2) +
           (digest_eq(&copy->chain, &want->chain) ? 1 : 0);
}

/* The layer's best copy in any store, also where the chain is not here (any more). */
static struct measured_copy *find_copy(struct measurer *m, const struct rec_measure_wanted *want,
                                       struct measured_store **store)
{
    struct measured_copy *best = NULL;

    list_each (it, &m->stores) {
        struct measured_store *s = list_entry(it, struct measured_store, node);

        for (size_t i = 0; i < s->count; i++) {
            struct measured_copy *copy = &s->copies[i];

            if (!digest_eq(&copy->diff, &want->diff) ||
                (best != NULL && worth_of(s, copy, want) <= worth_of(*store, best, want)))
                continue;
            best = copy;
            *store = s;
        }
    }
    return best;
}

static void serve(struct measurer *m, const struct rec_measure_wanted *want)
{
    struct measured_store *s = NULL;
    struct measured_copy *copy = find_copy(m, want, &s);

    if (copy == NULL) {
        measurer_decline(m, &want->diff, "the layer is not on this host");
        return;
    }
    if (copy->state == MEASURED_UNSEEN) {
        measurer_decline(m, &want->diff, "the layer's files cannot be seen, only the engine's API");
        return;
    }
    if (copy->whole_tree) {
        measurer_decline(m, &want->diff,
                         "a whole-tree driver: this host cannot tell the layer's own bytes");
        return;
    }
    if (copy->state == MEASURED_NOT || copy->state == MEASURED_FAILED)
        if (measured_walk(s, (size_t)(copy - s->copies), &m->limits, NULL) != 0)
            return; /* stopping */
    if (copy->state == MEASURED_YES)
        measurer_tell_facts(m, s, copy);
    else
        measurer_decline(m, &want->diff,
                         copy->state == MEASURED_MISSING
                             ? "the layer's directory is not there"
                             : "the layer's directory could not be read");
}

/* Also between the copies of an account, so that nobody waits for all of it. */
static void serve_wants(struct measurer *m)
{
    struct rec_measure_wanted want = {0};
    bool more = true;

    while (more && !atomic_load(&m->stop)) {
        uv_mutex_lock(&m->lock);
        more = m->wanted_count > 0;
        if (more)
            want = m->wanted[--m->wanted_count];
        uv_mutex_unlock(&m->lock);
        if (more)
            serve(m, &want);
    }
}

/* ---- accounts -------------------------------------------------------------------------------- */

struct account_walk {
    struct measurer *m;
    struct measured_store *s;
    unsigned since_told;
};

static void on_copy(void *arg, const struct engine_copy *copy, const struct measure_result *result,
                    bool missing)
{
    struct account_walk *walk = arg;
    struct measured_copy *known = measured_find(walk->s, &copy->chain);

    if (known != NULL)
        measured_note(known, result, missing);
    if (++walk->since_told % MEASURER_BATCH == 0)
        measurer_tell_copies(walk->m, walk->s, false);
    serve_wants(walk->m);
}

static void account(struct measurer *m, struct measured_store *s)
{
    struct account_walk walk = {.m = m, .s = s};
    uint64_t began = clock_mono_ns();
    uint64_t rest;
    struct err err = {0};
    int rc;

    inventory_reading_unref(&s->accounted);
    rc =
        account_store(&s->root, s->reading->reading, &m->limits, on_copy, &walk, &s->account, &err);
    rest = (clock_mono_ns() - began) * MEASURER_REST;
    if (rest < (uint64_t)MEASURER_REST_LEAST_MS * NS_PER_MS)
        rest = (uint64_t)MEASURER_REST_LEAST_MS * NS_PER_MS;
    s->accounted_ns = clock_mono_ns();
    s->account_due_ns = rc == 0 ? UINT64_MAX : s->accounted_ns + rest;
    measurer_tell_copies(m, s, false);
    if (rc == 0) {
        s->accounted = inventory_reading_ref(s->reading);
        measurer_tell_spaces(m, s);
    } else if (err.kind != ERR_CANCELED) {
        log_error(LOG_WARN, "account-failed", &err, "store", s->root.path, NULL);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static struct measured_store *find_store(struct measurer *m, const struct rec_key *key)
{
    list_each (it, &m->stores) {
        struct measured_store *s = list_entry(it, struct measured_store, node);

        if (rec_key_eq(&s->reading->reading->content.store.key, key))
            return s;
    }
    return NULL;
}

/* A new or changed store; its account is due after a rest that the last one has earned. */
static void take_store(struct measurer *m, const struct inventory_store *from)
{
    struct measured_store *s = find_store(m, &from->store.key);
    uint64_t now = clock_mono_ns();
    struct err err = {0};

    if (s == NULL) {
        s = measured_open(from, &err);
        if (s != NULL)
            list_push(&m->stores, &s->node);
    } else if (s->reading != from->shared) {
        if (s->account_due_ns == UINT64_MAX)
            s->account_due_ns = now + (uint64_t)MEASURER_REST_LEAST_MS * NS_PER_MS;
        if (measured_update(s, from, &err) != 0)
            log_error(LOG_ERROR, "measure-failed", &err, "store", from->root.path, NULL);
    }
    if (s != NULL)
        s->seen = true;
}

static void take_inventory(struct measurer *m, struct inventory *inv)
{
    list_each (it, &m->stores)
        list_entry(it, struct measured_store, node)->seen = false;
    for (size_t i = 0; i < inv->store_count; i++)
        if (inv->stores[i].shared != NULL)
            take_store(m, &inv->stores[i]);
    list_each_safe (it, next, &m->stores) {
        struct measured_store *s = list_entry(it, struct measured_store, node);

        if (s->seen)
            continue;
        list_remove(&s->node);
        measured_close(&s);
    }
}

/* New copies of a store whose account is not due yet. */
static void measure_new(struct measurer *m, struct measured_store *s)
{
    for (size_t i = 0; i < s->count && !atomic_load(&m->stop); i++) {
        if (s->copies[i].state != MEASURED_NOT)
            continue;
        if (measured_walk(s, i, &m->limits, NULL) != 0)
            return;
        serve_wants(m);
    }
    measurer_tell_copies(m, s, false);
}

static void measure_stores(struct measurer *m)
{
    list_each (it, &m->stores) {
        struct measured_store *s = list_entry(it, struct measured_store, node);

        if (atomic_load(&m->stop))
            return;
        if (clock_mono_ns() >= s->account_due_ns)
            account(m, s);
        else
            measure_new(m, s);
    }
}

/* How long until an account is due; the longest wait where none is. */
static uint64_t wait_ns(const struct measurer *m)
{
    uint64_t now = clock_mono_ns();
    uint64_t wait = (uint64_t)3600 * 1000 * NS_PER_MS;

    list_each (it, &m->stores) {
        const struct measured_store *s = list_entry(it, struct measured_store, node);
        uint64_t left = s->account_due_ns > now ? s->account_due_ns - now : 0;

        if (left < wait)
            wait = left;
    }
    return wait;
}

/* Waits for something to do, and takes what came in. */
static struct inventory *await(struct measurer *m, bool *replay)
{
    uint64_t deadline = clock_mono_ns() + wait_ns(m);
    struct inventory *inv;

    uv_mutex_lock(&m->lock);
    while (!atomic_load(&m->stop) && m->inventory == NULL && m->wanted_count == 0 && !m->replay) {
        uint64_t now = clock_mono_ns();

        if (now >= deadline)
            break;
        uv_cond_timedwait(&m->changed, &m->lock, deadline - now);
    }
    inv = steal(&m->inventory);
    *replay = m->replay;
    m->replay = false;
    uv_mutex_unlock(&m->lock);
    return inv;
}

static void replay_all(struct measurer *m)
{
    list_each (it, &m->stores) {
        struct measured_store *s = list_entry(it, struct measured_store, node);

        measurer_tell_copies(m, s, true);
        measurer_tell_spaces(m, s);
    }
}

/* Of this thread only: on Linux both are per task. Where it is refused, it runs as the others. */
static void lower_priority(void)
{
    setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

static void run(void *arg)
{
    struct measurer *m = arg;

    lower_priority();
    while (!atomic_load(&m->stop)) {
        bool replay;
        AUTO(inventory_unref) struct inventory *inv = await(m, &replay);

        if (inv != NULL)
            take_inventory(m, inv);
        if (replay)
            replay_all(m);
        serve_wants(m);
        measure_stores(m);
    }
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void on_reports(uv_async_t *async)
{
    struct measurer *m = async->data;
    struct list taken;
    struct list *node;

    list_init(&taken);
    uv_mutex_lock(&m->lock);
    while ((node = list_pop(&m->reports)) != NULL)
        list_push(&taken, node);
    m->report_count = 0;
    uv_cond_signal(&m->changed);
    uv_mutex_unlock(&m->lock);
    while ((node = list_pop(&taken)) != NULL) {
        AUTO(measurer_report_close)
        struct measurer_report *r = list_entry(node, struct measurer_report, node);

        if (!atomic_load(&m->stop))
            m->events.on_report(&r->m, m->arg);
    }
}

void measurer_set_inventory(struct measurer *m, struct inventory *inv)
{
    struct inventory *old;

    uv_mutex_lock(&m->lock);
    old = m->inventory;
    m->inventory = inventory_ref(inv);
    uv_cond_signal(&m->changed);
    uv_mutex_unlock(&m->lock);
    inventory_unref(&old);
}

void measurer_replay(struct measurer *m)
{
    uv_mutex_lock(&m->lock);
    m->replay = true;
    uv_cond_signal(&m->changed);
    uv_mutex_unlock(&m->lock);
}

/* What does not fit is asked again when its lease ends. */
void measurer_want(struct measurer *m, const struct rec_measure_wanted *items, size_t count)
{
    uv_mutex_lock(&m->lock);
    for (size_t i = 0; i < count && m->wanted_count < MEASURER_WANTS_MAX; i++)
        m->wanted[m->wanted_count++] = items[i];
    uv_cond_signal(&m->changed);
    uv_mutex_unlock(&m->lock);
}

static void measurer_free(struct measurer *m)
{
    struct list *node;

    while ((node = list_pop(&m->stores)) != NULL) {
        struct measured_store *s = list_entry(node, struct measured_store, node);

        measured_close(&s);
    }
    while ((node = list_pop(&m->reports)) != NULL) {
        struct measurer_report *r = list_entry(node, struct measurer_report, node);

        measurer_report_close(&r);
    }
    inventory_unref(&m->inventory);
    uv_cond_destroy(&m->changed);
    uv_mutex_destroy(&m->lock);
    free(m->wanted);
    free(m);
}

int measurer_open(struct measurer **out, uv_loop_t *loop, const struct measurer_options *options,
                  const struct measurer_events *events, void *arg, struct err *err)
{
    struct measurer *m = calloc(1, sizeof(*m));
    int rc;

    if (m != NULL)
        m->wanted = calloc(MEASURER_WANTS_MAX, sizeof(*m->wanted));
    if (m == NULL || m->wanted == NULL) {
        free(m);
        return err_set(err, ERR_NO_MEMORY, "no memory for measuring");
    }
    m->options = *options;
    m->events = *events;
    m->arg = arg;
    m->limits = (struct measure_limits){options->entries_per_second, &m->stop};
    list_init(&m->reports);
    list_init(&m->stores);
    rc = uv_mutex_init(&m->lock);
    check(rc == 0 && uv_cond_init(&m->changed) == 0); /* fail only without memory */
    rc = uv_async_init(loop, &m->reports_wait, on_reports);
    if (rc != 0) {
        measurer_free(m);
        return uvx_fail(err, rc, "start measuring");
    }
    m->reports_wait.data = m;
    rc = uv_thread_create(&m->thread, run, m);
    check(rc == 0); /* the first thread of ours: without it nothing works */
    *out = m;
    return 0;
}

static void on_async_closed(uv_handle_t *handle)
{
    struct measurer *m = handle->data;
    void (*on_closed)(void *) = m->on_closed;
    void *arg = m->closed_arg;

    measurer_free(m);
    on_closed(arg);
}

void measurer_close(struct measurer *m, void (*on_closed)(void *arg), void *arg)
{
    m->on_closed = on_closed;
    m->closed_arg = arg;
    uv_mutex_lock(&m->lock);
    atomic_store(&m->stop, true);
    uv_cond_signal(&m->changed);
    uv_mutex_unlock(&m->lock);
    uv_thread_join(&m->thread); /* a walk looks at `stop` between two entries */
    uv_close((uv_handle_t *)&m->reports_wait, on_async_closed);
}
