#include "tests/support/unit.h"

#include "tests/support/uplink_rig.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tests/support/fake_engine.h"

#define WATCHDOG_MS 20000

static void on_watchdog(uv_timer_t *timer)
{
    ((struct uplink_rig *)timer->data)->timed_out = true;
}

static void on_synced(void *arg)
{
    ((struct uplink_rig *)arg)->synced++;
}

static void on_measure(const struct rec_measure_wanted *items, size_t count, void *arg)
{
    struct uplink_rig *f = arg;

    f->measures += (unsigned)count;
    f->measured = items[0].diff;
}

static void on_closed(void *arg)
{
    ((struct uplink_rig *)arg)->closed = true;
}

void uplink_rig_idle(struct uplink_rig *f)
{
    for (int i = 0; i < 50; i++) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
}

void uplink_rig_start(struct uplink_rig *f)
{
    static const struct uplink_events events = {.on_synced = on_synced, .on_measure = on_measure};
    struct uplink_options options = {
        .address = fake_collector_address(&f->collector),
        .reconnect_min_ms = 10,
        .reconnect_max_ms = 40,
        .seed = 1,
        .use_ms = 20,
        .hello = {.agent_version = "0.1.0",
                  .host_name = "host-a",
                  .cluster = "",
                  .incarnation = {.bytes = {1}},
                  .lifetime = REC_LIFETIME_LASTING,
                  .os = "linux",
                  .kernel = "6",
                  .arch = "amd64"},
    };
    struct err err = {0};

    f->closed = false;
    assert_ok(uplink_open(&f->uplink, &f->loop, &options, &events, f, &err));
}

void uplink_rig_stop(struct uplink_rig *f)
{
    uplink_close(f->uplink, on_closed, f);
    run_until(f, f->closed);
}

void uplink_rig_report(struct uplink_rig *f, const char *paths)
{
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory(paths);

    uplink_set_inventory(f->uplink, inv);
}

int uplink_rig_setup(void **state)
{
    struct uplink_rig *f = calloc(1, sizeof(*f));

    log_setup(2, LOG_ERROR, LOG_TEXT);
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->watchdog);
    f->watchdog.data = f;
    uv_timer_start(&f->watchdog, on_watchdog, WATCHDOG_MS, 0);
    fake_engine_reset();
    fake_engine_put("/a", "one two");
    fake_collector_open(&f->collector, &f->loop);
    uplink_rig_start(f);
    *state = f;
    return 0;
}

/* Every test ends here: a loop that will not close is a leaked handle. */
int uplink_rig_teardown(void **state)
{
    struct uplink_rig *f = *state;
    struct err err = {0};
    int rc;

    if (!f->closed)
        uplink_rig_stop(f);
    fake_collector_close(&f->collector);
    uv_close((uv_handle_t *)&f->watchdog, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rc = uvx_loop_close(&f->loop, &err);
    fake_engine_reset();
    free(f);
    return rc;
}
