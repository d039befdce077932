#include "agent/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/scan_root.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

#define NS_PER_MS 1000000u

struct scan {
    uv_loop_t *loop;
    struct scan_options options;
    struct scan_events events;
    void *arg;
    uv_timer_t tick;
    struct list roots; /* of struct scan_root */
    size_t root_count, outstanding;
    uint64_t started_ns, next_find_ns;
    uint64_t rng;
    bool settled; /* an inventory was given out */
    bool stale;   /* the one given out is not the newest */
    bool closing, tick_closed;
    void (*on_closed)(void *arg);
    void *closed_arg;

    /* looking for roots: a work item as well */
    uv_work_t find_work;
    bool finding, found_once;
    struct engine_roots found;
    int find_failed;
    struct err find_err;
};

/* The steps, in the order they happen. */
static void on_tick(uv_timer_t *timer);
static void work_find(uv_work_t *work);
static void on_found(uv_work_t *work, int status);
static void work_look(uv_work_t *work);
static void on_looked(uv_work_t *work, int status);
static void on_tick_closed(uv_handle_t *handle);

static void finish_close(struct scan *scan);

/* ---- the inventory --------------------------------------------------------------------------- */

/* Every root has an outcome, or had its time. */
static bool is_settled(const struct scan *scan, uint64_t now_ns)
{
    if (now_ns - scan->started_ns > (uint64_t)SCAN_SETTLE_MS * NS_PER_MS)
        return true;
    if (!scan->found_once)
        return false;
    list_each (it, &scan->roots)
        if (!list_entry(it, struct scan_root, node)->looked)
            return false;
    return true;
}

/* Adds one store. Two roots that are one store (a symlink, a bind mount) are reported once. */
static int add_root(struct inventory *inv, struct scan_root *root, struct err *err)
{
    struct inventory_standing standing;
    char error[REC_TEXT_BYTES];

    if (!scan_root_standing(root, &standing, error))
        return 0;
    if (inventory_add(inv, &standing, err) == 0)
        return 0;
    if (err->kind != ERR_CONFLICT && err->kind != ERR_LIMIT)
        return -1;
    log_error(LOG_WARN, "store-left-out", err, "store", root->root.path, NULL);
    root->alias = true;
    return 0;
}

static int build(struct scan *scan, struct inventory **out, struct err *err)
{
    AUTO(inventory_unref) struct inventory *inv = NULL;

    if (inventory_open(&inv, scan->root_count, err) != 0)
        return -1;
    list_each (it, &scan->roots)
        if (add_root(inv, list_entry(it, struct scan_root, node), err) != 0)
            return -1;
    inventory_finish(inv);
    *out = steal(&inv);
    return 0;
}

static void publish(struct scan *scan)
{
    AUTO(inventory_unref) struct inventory *inv = NULL;
    struct err err = {0};

    if (scan->closing || !scan->stale || !is_settled(scan, clock_mono_ns()))
        return;
    if (build(scan, &inv, &err) != 0) {
        log_error(LOG_ERROR, "inventory-failed", &err, NULL); /* tried again with the next tick */
        return;
    }
    scan->settled = true;
    scan->stale = false;
    scan->events.on_inventory(inv, scan->arg);
}

/* ---- roots ----------------------------------------------------------------------------------- */

static void free_root(struct scan *scan, struct scan_root *root)
{
    list_remove(&root->node);
    scan->root_count--;
    inventory_reading_unref(&root->last);
    inventory_reading_unref(&root->job.reading);
    free(root);
}

/* The same place, where the storage may not be known yet on either side. */
static bool same_root(const struct engine_root *a, const struct engine_root *b)
{
    return a->driver == b->driver && strcmp(a->path, b->path) == 0 &&
           strcmp(a->space, b->space) == 0 &&
           (a->storage[0] == '\0' || b->storage[0] == '\0' || strcmp(a->storage, b->storage) == 0);
}

static struct scan_root *find_root(struct scan *scan, const struct engine_root *found)
{
    list_each (it, &scan->roots) {
        struct scan_root *root = list_entry(it, struct scan_root, node);

        if (same_root(&root->root, found))
            return root;
    }
    return NULL;
}

static struct scan_root *add_store(struct scan *scan, const struct engine_root *from)
{
    struct scan_root *root;

    if (scan->root_count >= REC_STORES_MAX) {
        log_event(LOG_ERROR, "too-many-stores", "left-out", from->path, NULL);
        return NULL;
    }
    root = calloc(1, sizeof(*root));
    if (root == NULL)
        return NULL; /* found again with the next finding */
    root->scan = scan;
    root->root = *from;
    root->root.sample = from->sample || scan->options.sample;
    list_push(&scan->roots, &root->node);
    scan->root_count++;
    return root;
}

/* A store found just now, or what the finding learnt about a known one. */
static void take_found(struct scan *scan, const struct engine_root *found)
{
    struct scan_root *root = find_root(scan, found);

    if (root != NULL) {
        memcpy(root->root.host, found->host, sizeof(root->root.host));
        memcpy(root->root.socket, found->socket, sizeof(root->root.socket));
        memcpy(root->root.version, found->version, sizeof(root->root.version));
        return;
    }
    root = add_store(scan, found);
    if (root == NULL)
        return;
    root->has_key = engine_store_key(&root->key, found, found->path, NULL) == 0;
    log_event(LOG_INFO, "store-found", "engine", found->driver->name, "store", found->path, NULL);
}

/* Stores known from before a restart count until they are found to be absent. */
static void take_remembered(struct scan *scan, const struct memory *memory)
{
    for (size_t i = 0; memory != NULL && i < memory->count; i++) {
        struct scan_root *root = add_store(scan, &memory->items[i].root);

        if (root == NULL)
            return;
        root->last = inventory_reading_ref(memory->items[i].reading);
        snprintf(root->root.host, sizeof(root->root.host), "%s", scan->options.engine.host_root);
    }
}

static uint64_t jittered(struct scan *scan, int64_t ms)
{
    uint64_t fifth = (uint64_t)ms * NS_PER_MS / 5;

    scan->rng = scan->rng * 6364136223846793005u + 1442695040888963407u;
    return (uint64_t)ms * NS_PER_MS - fifth + (scan->rng >> 16) % (2 * fifth + 1);
}

/* ---- finding --------------------------------------------------------------------------------- */

static void start_find(struct scan *scan)
{
    scan->find_work.data = scan;
    if (uv_queue_work(scan->loop, &scan->find_work, work_find, on_found) == 0)
        scan->finding = true;
}

static void work_find(uv_work_t *work)
{
    struct scan *scan = work->data;
    const struct engine_driver *const *d;

    scan->find_failed = 0;
    for (d = scan->options.drivers; *d != NULL; d++)
        if ((*d)->find(&scan->options.engine, &scan->found, &scan->find_err) != 0)
            scan->find_failed = -1;
}

static void on_found(uv_work_t *work, int status)
{
    struct scan *scan = work->data;
    uint64_t now = clock_mono_ns();
    int64_t again_ms;

    scan->finding = false;
    for (size_t i = 0; status == 0 && !scan->closing && i < scan->found.count; i++)
        take_found(scan, &scan->found.items[i]);
    engine_roots_free(&scan->found);
    if (scan->closing) {
        finish_close(scan);
        return;
    }
    if (scan->find_failed != 0)
        log_error(LOG_WARN, "find-failed", &scan->find_err, NULL);
    if (!scan->found_once)
        scan->stale = true;
    scan->found_once = true;
    again_ms = scan->root_count == 0 && scan->options.full_ms > SCAN_EMPTY_FIND_MS
                   ? SCAN_EMPTY_FIND_MS
                   : scan->options.full_ms;
    scan->next_find_ns = now + jittered(scan, again_ms);
    on_tick(&scan->tick);
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool wants_check(const struct scan_root *root, uint64_t now_ns)
{
    return root->check_wanted && (root->checked_ns == 0 ||
                                  now_ns - root->checked_ns > (uint64_t)SCAN_CHECK_MS * NS_PER_MS);
}

static void start_look(struct scan *scan, struct scan_root *root, uint64_t now_ns)
{
    struct scan_job *job = &root->job;

    *job = (struct scan_job){.options = &scan->options.engine,
                             .root = root->root,
                             .afresh = root->last == NULL || now_ns >= root->next_full_ns,
                             .last = root->last};
    job->full = job->afresh || (root->down && now_ns >= root->next_down_ns);
    job->compare = job->afresh && root->last != NULL && root->compare_wanted;
    job->check = scan->options.engine.use_api &&
                 (root->last == NULL || job->compare || wants_check(root, now_ns));
    job->seen_listening = root->seen_listening;
    if (root->last != NULL)
        job->known = root->last->reading->token;
    if (job->afresh)
        root->next_full_ns = now_ns + jittered(scan, scan->options.full_ms);
    if (job->full)
        root->next_down_ns = now_ns + jittered(scan, SCAN_DOWN_READ_MS);
    job->work.data = root;
    if (uv_queue_work(scan->loop, &job->work, work_look, on_looked) != 0)
        return;
    job->outstanding = true;
    scan->outstanding++;
}

static void work_look(uv_work_t *work)
{
    scan_root_work(&((struct scan_root *)work->data)->job);
}

/* Every store readable and looked at: the host's content was seen just now. */
static void tell_looked(struct scan *scan, uint64_t now_ns)
{
    list_each (it, &scan->roots) {
        const struct scan_root *root = list_entry(it, struct scan_root, node);

        if (!root->looked || root->err.kind != ERR_NONE || root->moving_ns != 0)
            return;
    }
    scan->events.on_looked(now_ns, scan->arg);
}

static void on_looked(uv_work_t *work, int status)
{
    struct scan_root *root = work->data;
    struct scan *scan = root->scan;
    uint64_t now = clock_mono_ns();

    root->job.outstanding = false;
    scan->outstanding--;
    if (scan->closing) {
        finish_close(scan);
        return;
    }
    if (status == 0 && scan_root_finish(root, now))
        scan->stale = true;
    if (scan->settled)
        tell_looked(scan, now);
    publish(scan);
}

/* What was the same store as one that has gone stands for itself now. */
static void forget_aliases(struct scan *scan)
{
    list_each (it, &scan->roots)
        list_entry(it, struct scan_root, node)->alias = false;
}

/* Removed: absent for the configured time, and nobody at work on it. */
static void drop_absent(struct scan *scan, uint64_t now_ns)
{
    list_each_safe (it, next, &scan->roots) {
        struct scan_root *root = list_entry(it, struct scan_root, node);

        if (root->job.outstanding || root->absent_ns == 0 ||
            now_ns - root->absent_ns < (uint64_t)scan->options.absent_ms * NS_PER_MS)
            continue;
        log_event(LOG_WARN, "store-gone", "store", root->root.path, NULL);
        free_root(scan, root);
        scan->stale = true;
        forget_aliases(scan);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct scan *scan = timer->data;
    uint64_t now = clock_mono_ns();

    if (scan->closing)
        return;
    if (!scan->finding && now >= scan->next_find_ns)
        start_find(scan);
    drop_absent(scan, now);
    list_each (it, &scan->roots) {
        struct scan_root *root = list_entry(it, struct scan_root, node);

        if (!root->job.outstanding && !root->alias && scan->outstanding < SCAN_OUTSTANDING_MAX)
            start_look(scan, root, now);
    }
    publish(scan);
}

/* ---- life ------------------------------------------------------------------------------------ */

int scan_open(struct scan **out, uv_loop_t *loop, const struct scan_options *options,
              const struct scan_events *events, void *arg, struct err *err)
{
    struct scan *scan = calloc(1, sizeof(*scan));
    int rc;

    if (scan == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the scan");
    scan->loop = loop;
    scan->options = *options;
    if (options->drivers == NULL)
        scan->options.drivers = engine_drivers;
    scan->events = *events;
    scan->arg = arg;
    scan->rng = options->seed;
    scan->started_ns = clock_mono_ns();
    list_init(&scan->roots);
    take_remembered(scan, options->memory);
    uv_timer_init(loop, &scan->tick); /* cannot fail, nor can starting it with a callback */
    scan->tick.data = scan;
    rc = uv_timer_start(&scan->tick, on_tick, 0, (uint64_t)options->look_ms);
    check(rc == 0);
    *out = scan;
    return 0;
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct scan *scan = handle->data;

    scan->tick_closed = true;
    finish_close(scan);
}

static void finish_close(struct scan *scan)
{
    void (*on_closed)(void *) = scan->on_closed;
    void *arg = scan->closed_arg;

    if (!scan->tick_closed || scan->finding || scan->outstanding > 0)
        return;
    list_each_safe (it, next, &scan->roots)
        free_root(scan, list_entry(it, struct scan_root, node));
    free(scan);
    on_closed(arg);
}

void scan_close(struct scan *scan, void (*on_closed)(void *arg), void *arg)
{
    scan->closing = true;
    scan->on_closed = on_closed;
    scan->closed_arg = arg;
    uv_close((uv_handle_t *)&scan->tick, on_tick_closed);
    if (scan->finding)
        uv_cancel((uv_req_t *)&scan->find_work);
    list_each (it, &scan->roots) {
        struct scan_root *root = list_entry(it, struct scan_root, node);

        if (root->job.outstanding)
            uv_cancel((uv_req_t *)&root->job.work);
    }
}
