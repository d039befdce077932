#include "agent/scan_find.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/log.h"

#define NS_PER_MS 1000000u

static void work_find(uv_work_t *work);
static void on_item_found(uv_work_t *work, int status);

static void add_item(struct scan_find *f)
{
    struct scan_find_item *item = &f->items[f->count];

    check(f->count < SCAN_FIND_DRIVERS_MAX);
    f->count++;
    item->find = f;
    item->work.data = item;
    item->due_ns = UINT64_MAX;
}

void scan_find_init(struct scan_find *f, uv_loop_t *loop,
                    const struct engine_driver *const *drivers,
                    const struct engine_options *options,
                    void (*on_found)(const struct scan_found *found, size_t count, void *arg),
                    void *arg)
{
    *f = (struct scan_find){.loop = loop, .options = options, .on_found = on_found, .arg = arg};
    for (; *drivers != NULL; drivers++) {
        struct scan_find_item *item;

        if (f->count == 0 || !(*drivers)->completes)
            add_item(f);
        item = &f->items[f->count - 1];
        check(item->driver_count < SCAN_FIND_DRIVERS_MAX);
        item->drivers[item->driver_count++] = *drivers;
    }
}

/* ---- when ------------------------------------------------------------------------------------ */

void scan_find_all(struct scan_find *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->items[i].outstanding)
            f->items[i].due_ns = 0;
}

static bool asks(const struct scan_find_item *item, const struct engine_driver *driver)
{
    for (size_t i = 0; i < item->driver_count; i++)
        if (item->drivers[i] == driver)
            return true;
    return driver == NULL;
}

void scan_find_soon(struct scan_find *f, const struct engine_driver *driver, uint64_t now_ns,
                    int64_t wait_ms, int64_t gap_ms)
{
    for (size_t i = 0; i < f->count; i++) {
        struct scan_find_item *item = &f->items[i];
        uint64_t soon = now_ns + (uint64_t)wait_ms * NS_PER_MS;
        uint64_t gap = item->begun_ns + (uint64_t)gap_ms * NS_PER_MS;

        if (soon < gap)
            soon = gap;
        if (asks(item, driver) && soon < item->due_ns)
            item->due_ns = soon;
    }
}

uint64_t scan_find_due(const struct scan_find *f)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < f->count; i++)
        if (!f->items[i].outstanding && f->items[i].due_ns < due)
            due = f->items[i].due_ns;
    return due;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void start_item(struct scan_find *f, struct scan_find_item *item, uint64_t now_ns)
{
    item->begun_ns = now_ns;
    item->due_ns = UINT64_MAX;
    if (uv_queue_work(f->loop, &item->work, work_find, on_item_found) != 0)
        return;
    item->outstanding = true;
    f->outstanding++;
}

void scan_find_start(struct scan_find *f, uint64_t now_ns)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->items[i].outstanding && now_ns >= f->items[i].due_ns)
            start_item(f, &f->items[i], now_ns);
}

/* What was found, with what only the disk tells. */
static int keep_roots(struct scan_find_item *item, const struct engine_roots *roots,
                      struct err *err)
{
    struct scan_found *found = calloc(roots->count + 1, sizeof(*found));

    if (found == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the stores found");
    for (size_t i = 0; i < roots->count; i++) {
        const struct engine_root *root = &roots->items[i];

        found[i].root = *root;
        found[i].has_key = engine_store_key(&found[i].key, root, root->path, NULL) == 0;
    }
    item->found = found;
    item->found_count = roots->count;
    return 0;
}

static void work_find(uv_work_t *work)
{
    struct scan_find_item *item = work->data;
    AUTO(engine_roots_free) struct engine_roots roots = {0};

    item->failed = engine_find(item->drivers, item->find->options, &roots, &item->err);
    if (keep_roots(item, &roots, &item->err) != 0)
        item->failed = -1;
}

static void on_item_found(uv_work_t *work, int status)
{
    struct scan_find_item *item = work->data;
    struct scan_find *f = item->find;
    AUTO_FREE struct scan_found *found = steal(&item->found);
    size_t count = item->found_count;

    if (status == 0 && item->failed != 0)
        log_error(LOG_WARN, "find-failed", &item->err, NULL);
    item->done = true;
    item->outstanding = false;
    item->found_count = 0;
    f->outstanding--;
    f->on_found(found, count, f->arg); /* may free what holds f */
}

bool scan_find_done(const struct scan_find *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->items[i].done)
            return false;
    return true;
}

void scan_find_cancel(struct scan_find *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].outstanding)
            uv_cancel((uv_req_t *)&f->items[i].work);
}
