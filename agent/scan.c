#include "agent/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/scan_find.h"
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
    uint64_t started_ns, next_find_ns; /* next_find_ns: when to ask every driver */
    uint64_t rng;
    bool settled; /* an inventory was given out */
    bool stale;   /* the one given out is not the newest */
    bool closing, tick_closed;
    void (*on_closed)(void *arg);
    void *closed_arg;

    struct scan_find find;
    struct scan_watch_room watch_room;
};

/* The steps, in the order they happen. */
static void on_tick(uv_timer_t *timer);
static void on_found(const struct scan_found *found, size_t count, void *arg);
static void on_change(void *arg);
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
    if (!scan_find_done(&scan->find))
        return false;
    list_each (it, &scan->roots)
        if (!scan_root_is_settled(list_entry(it, struct scan_root, node)))
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
    scan_watch_close(&root->watch);
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
static void take_found(struct scan *scan, const struct scan_found *found)
{
    struct scan_root *root = find_root(scan, &found->root);

    if (root != NULL) {
        if (scan_root_take_found(root, &found->root))
            root->next_look_ns = 0;
        return;
    }
    root = add_store(scan, &found->root);
    if (root == NULL)
        return;
    root->has_key = found->has_key;
    root->key = found->key;
    log_event(LOG_INFO, "store-found", "engine", found->root.driver->name, "store",
              found->root.path, NULL);
}

/* Stores known from before a restart count until they are found to be absent, but for those that
 * must not be read any more. */
static void take_remembered(struct scan *scan, const struct memory *memory)
{
    for (size_t i = 0; memory != NULL && i < memory->count; i++) {
        const struct engine_root *known = &memory->items[i].root;
        struct scan_root *root;

        if (!engine_allows(&scan->options.engine, known))
            continue;
        root = add_store(scan, known);
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

/* ---- when ------------------------------------------------------------------------------------ */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a root or a finding is due, or the time is up for those that hang. */
static uint64_t next_due(struct scan *scan, uint64_t now_ns)
{
    uint64_t due = earlier(scan->next_find_ns, scan_find_due(&scan->find));

    if (!scan->settled)
        due = earlier(due, now_ns + (uint64_t)SCAN_UNWATCHED_MS * NS_PER_MS);
    if (scan->outstanding >= SCAN_OUTSTANDING_MAX)
        return due; /* the next one that ends asks again */
    list_each (it, &scan->roots) {
        const struct scan_root *root = list_entry(it, struct scan_root, node);

        if (!root->job.outstanding && !root->alias)
            due = earlier(due, root->next_look_ns);
    }
    return due;
}

static void schedule(struct scan *scan)
{
    uint64_t now = clock_mono_ns();
    uint64_t due = next_due(scan, now);
    uint64_t wait_ms = due > now ? (due - now) / NS_PER_MS + 1 : 0;
    int rc;

    uv_update_time(scan->loop); /* a timer counts from there */
    rc = uv_timer_start(&scan->tick, on_tick, wait_ms, 0);
    check(rc == 0);
}

/* The kernel tells: the look comes soon, but not at once, and not too often. */
static void on_change(void *arg)
{
    struct scan_root *root = arg;
    uint64_t soon = clock_mono_ns() + (uint64_t)SCAN_NOTICE_MS * NS_PER_MS;
    uint64_t gap = root->look_ns + (uint64_t)SCAN_GAP_MS * NS_PER_MS;

    root->next_look_ns = earlier(root->next_look_ns, soon > gap ? soon : gap);
    if (!root->scan->closing)
        schedule(root->scan);
}

/* ---- finding --------------------------------------------------------------------------------- */

static void plan_find(struct scan *scan, uint64_t now_ns)
{
    bool starting = now_ns - scan->started_ns < (uint64_t)SCAN_FIRST_MS * NS_PER_MS;
    int64_t ms = SCAN_FIND_MS;

    if (scan->root_count == 0)
        ms = starting ? SCAN_FIND_FIRST_MS : SCAN_FIND_NONE_MS;
    scan->next_find_ns =
        now_ns + jittered(scan, ms < scan->options.full_ms ? ms : scan->options.full_ms);
}

/* An engine that works, or works again, may use other stores than before. Where one engine has
 * several in the same files (containerd's namespaces), a change there may be a new one; a host that
 * changes all the time pays for one such finding in each gap. */
static void hasten_find(struct scan *scan, const struct scan_root *root, bool news,
                        bool answers_again, uint64_t now_ns)
{
    const struct engine_driver *driver = root->root.driver;

    if (news)
        scan_find_soon(&scan->find, NULL, now_ns, 0, SCAN_FIND_NEWS_MS);
    if (answers_again)
        scan_find_soon(&scan->find, driver, now_ns, 0, 0);
    if (root->job.changed && root->root.space[0] != '\0' && !root->root.by_api)
        scan_find_soon(&scan->find, driver, now_ns, SCAN_FIND_SOON_MS, scan->options.find_gap_ms);
}

static void on_found(const struct scan_found *found, size_t count, void *arg)
{
    struct scan *scan = arg;
    size_t before = scan->root_count;

    if (scan->closing) {
        finish_close(scan);
        return;
    }
    for (size_t i = 0; i < count; i++)
        take_found(scan, &found[i]);
    if (before == 0)
        plan_find(scan, clock_mono_ns());
    on_tick(&scan->tick);
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool wants_check(const struct scan_root *root, uint64_t now_ns)
{
    return root->check_wanted && (root->checked_ns == 0 ||
                                  now_ns - root->checked_ns > (uint64_t)SCAN_CHECK_MS * NS_PER_MS);
}

/* The next look, where nothing asked for a sooner one since this one began. */
static void plan_look(struct scan *scan, struct scan_root *root)
{
    int64_t ms = scan_root_patience(root, scan->options.look_ms);
    uint64_t due = earlier(root->look_ns + (uint64_t)ms * NS_PER_MS, root->next_full_ns);

    if (root->down)
        due = earlier(due, root->next_down_ns);
    root->next_look_ns = earlier(root->next_look_ns, due);
}

/* Opens what tells of changes where it is not open; what failed once, with each reading of all. */
static void open_watch(struct scan *scan, struct scan_root *root, bool afresh)
{
    struct err err = {0};

    if (root->watch != NULL || root->root.driver->watches == NULL ||
        (root->watch_logged && !afresh))
        return;
    if (scan_watch_open(&root->watch, scan->loop, &scan->watch_room, on_change, root, &err) == 0)
        root->rewatch_wanted = true;
    else
        scan_root_log_unwatched(root, &err);
}

/* What one look asks for. In place: a job is large. */
static void fill_job(struct scan *scan, struct scan_root *root, uint64_t now_ns)
{
    struct scan_job *job = &root->job;

    memset(job, 0, sizeof(*job));
    job->options = &scan->options.engine;
    job->root = root->root;
    job->last = root->last;
    job->watch = root->watch;
    job->rewatch = root->rewatch_wanted;
    job->seen_listening = root->seen_listening;
    job->tellings = root->tellings;
    job->afresh = root->last == NULL || now_ns >= root->next_full_ns;
    job->full = job->afresh || root->moving_ns != 0 || root->err.kind != ERR_NONE ||
                (root->down && now_ns >= root->next_down_ns);
    job->compare = job->afresh && root->last != NULL && root->compare_wanted;
    job->check = scan->options.engine.use_api &&
                 (root->last == NULL || job->compare || wants_check(root, now_ns));
    if (root->last != NULL)
        job->known = root->last->reading->token;
}

static void start_look(struct scan *scan, struct scan_root *root, uint64_t now_ns)
{
    struct scan_job *job = &root->job;

    open_watch(scan, root, now_ns >= root->next_full_ns);
    if (root->watch != NULL && scan_watch_listen(root->watch))
        root->rewatch_wanted = true;
    fill_job(scan, root, now_ns);
    root->look_ns = now_ns;
    root->next_look_ns = UINT64_MAX; /* on_looked() knows; what happens meanwhile asks for sooner */
    if (job->afresh)
        root->next_full_ns = now_ns + jittered(scan, scan->options.full_ms);
    if (job->full)
        root->next_down_ns = now_ns + jittered(scan, SCAN_DOWN_READ_MS);
    job->work.data = root;
    if (uv_queue_work(scan->loop, &job->work, work_look, on_looked) != 0) {
        plan_look(scan, root);
        return;
    }
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

        if (!scan_root_is_settled(root) || root->err.kind != ERR_NONE || root->moving_ns != 0)
            return;
    }
    scan->events.on_looked(now_ns, scan->arg);
}

static void on_looked(uv_work_t *work, int status)
{
    struct scan_root *root = work->data;
    struct scan *scan = root->scan;
    uint64_t now = clock_mono_ns();
    bool was_down = root->down;
    bool news;

    root->job.outstanding = false;
    scan->outstanding--;
    if (scan->closing) {
        finish_close(scan);
        return;
    }
    news = status == 0 && scan_root_finish(root, now);
    scan->stale = scan->stale || news;
    if (status == 0)
        hasten_find(scan, root, news, was_down && !root->down, now);
    plan_look(scan, root);
    if (scan->settled)
        tell_looked(scan, now);
    publish(scan);
    schedule(scan);
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

static bool wants_look(const struct scan *scan, const struct scan_root *root, uint64_t now_ns)
{
    return !root->job.outstanding && !root->alias && now_ns >= root->next_look_ns &&
           scan->outstanding < SCAN_OUTSTANDING_MAX;
}

static void on_tick(uv_timer_t *timer)
{
    struct scan *scan = timer->data;
    uint64_t now = clock_mono_ns();

    if (scan->closing)
        return;
    if (now >= scan->next_find_ns) {
        plan_find(scan, now);
        scan_find_all(&scan->find);
    }
    scan_find_start(&scan->find, now);
    drop_absent(scan, now);
    list_each (it, &scan->roots) {
        struct scan_root *root = list_entry(it, struct scan_root, node);

        if (root->alias && !root->job.outstanding)
            scan_watch_close(&root->watch); /* the other path's look is this one's, too */
        if (wants_look(scan, root, now))
            start_look(scan, root, now);
    }
    publish(scan);
    schedule(scan);
}

/* ---- life ------------------------------------------------------------------------------------ */

int scan_open(struct scan **out, uv_loop_t *loop, const struct scan_options *options,
              const struct scan_events *events, void *arg, struct err *err)
{
    struct scan *scan = calloc(1, sizeof(*scan));

    if (scan == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the scan");
    scan->loop = loop;
    scan->options = *options;
    if (options->drivers == NULL)
        scan->options.drivers = engine_drivers;
    if (options->find_gap_ms == 0)
        scan->options.find_gap_ms = SCAN_FIND_GAP_MS;
    scan->events = *events;
    scan->arg = arg;
    scan->rng = options->seed;
    scan->started_ns = clock_mono_ns();
    list_init(&scan->roots);
    scan_find_init(&scan->find, loop, scan->options.drivers, &scan->options.engine, on_found, scan);
    scan_watch_room_init(&scan->watch_room);
    scan->stale = true; /* nothing was given out */
    take_remembered(scan, options->memory);
    uv_timer_init(loop, &scan->tick); /* cannot fail, nor can starting it with a callback */
    scan->tick.data = scan;
    schedule(scan);
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

    if (!scan->tick_closed || scan->find.outstanding > 0 || scan->outstanding > 0)
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
    scan_find_cancel(&scan->find);
    list_each (it, &scan->roots) {
        struct scan_root *root = list_entry(it, struct scan_root, node);

        if (root->job.outstanding)
            uv_cancel((uv_req_t *)&root->job.work);
    }
}
