#include "tests/support/scan_rig.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/uvx.h"

#define WATCHDOG_MS 20000

static void on_watchdog(uv_timer_t *timer)
{
    ((struct scan_rig *)timer->data)->timed_out = true;
}

static void on_inventory(struct inventory *inv, void *arg)
{
    struct scan_rig *f = arg;

    inventory_unref(&f->last);
    f->last = inventory_ref(inv);
    f->inventories++;
}

static void on_looked(uint64_t mono_ns, void *arg)
{
    (void)mono_ns;
    ((struct scan_rig *)arg)->looks++;
}

static void on_closed(void *arg)
{
    ((struct scan_rig *)arg)->closed = true;
}

void scan_rig_start(struct scan_rig *f)
{
    static const struct scan_events events = {.on_inventory = on_inventory, .on_looked = on_looked};
    const struct scan_options options = {
        .engine = {.host_root = "",
                   .docker_socket = "",
                   .containerd_socket = "",
                   .skip = f->skip,
                   .find = true,
                   .use_api = f->use_api},
        .look_ms = f->look_ms,
        .full_ms = f->full_ms,
        .absent_ms = f->absent_ms,
        .find_gap_ms = f->find_gap_ms,
        .seed = 1,
        .drivers = f->drivers,
        .memory = &f->memory,
    };
    struct err err = {0};

    assert_ok(scan_open(&f->scan, &f->loop, &options, &events, f, &err));
}

void scan_rig_close(struct scan_rig *f)
{
    scan_close(f->scan, on_closed, f);
    f->scan = NULL;
}

void scan_rig_stop(struct scan_rig *f)
{
    scan_rig_close(f);
    run_until(f, f->closed);
}

int scan_rig_setup(void **state)
{
    struct scan_rig *f = calloc(1, sizeof(*f));

    log_setup(2, LOG_ERROR, LOG_TEXT);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->watchdog);
    f->watchdog.data = f;
    uv_timer_start(&f->watchdog, on_watchdog, WATCHDOG_MS, 0);
    tempdir_open(&f->dir);
    fake_engine_reset();
    fake_engine_put("/a", "one two");
    f->absent_ms = NEVER_MS;
    f->full_ms = NEVER_MS;
    f->look_ms = LOOK_MS;
    f->drivers = fake_drivers;
    *state = f;
    return 0;
}

int scan_rig_teardown(void **state)
{
    struct scan_rig *f = *state;
    struct err err = {0};
    int rc;

    if (f->scan != NULL)
        scan_rig_stop(f);
    uv_close((uv_handle_t *)&f->watchdog, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rc = uvx_loop_close(&f->loop, &err);
    inventory_unref(&f->last);
    memory_free(&f->memory);
    tempdir_close(&f->dir);
    fake_engine_reset();
    free(f);
    return rc;
}

const struct inventory_store *scan_rig_store(const struct scan_rig *f, const char *path)
{
    struct rec_key key = fake_engine_key(path);

    return inventory_find(f->last, &key);
}

enum rec_store_state scan_rig_state(const struct scan_rig *f, const char *path)
{
    return scan_rig_store(f, path) != NULL ? scan_rig_store(f, path)->store.state : 0;
}

size_t scan_rig_images(const struct scan_rig *f, const char *path)
{
    const struct inventory_store *store = scan_rig_store(f, path);

    return store != NULL ? inventory_content(store)->image_count : 0;
}

/* Nothing wakes the loop when that happens. */
void scan_rig_until_hung(struct scan_rig *f, const char *path)
{
    while (!fake_engine_hangs(path) && !f->timed_out)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(f->timed_out);
}

void scan_rig_looks(struct scan_rig *f, unsigned count)
{
    unsigned goal = f->looks + count;

    run_until(f, f->looks >= goal);
}
