#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/scan.h"
#include "agent/scan_root.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uvx.h"
#include "tests/support/fake_engine.h"
#include "tests/support/run_until.h"
#include "tests/support/tempdir.h"

#define WATCHDOG_MS 20000
#define NEVER_MS 3600000
#define LOOK_MS 50

struct fixture {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out, closed;
    struct tempdir dir;
    struct scan *scan;
    struct memory memory;
    int64_t absent_ms, full_ms;
    bool use_api;
    struct inventory *last;
    unsigned inventories, looks;
};

static void on_watchdog(uv_timer_t *timer)
{
    ((struct fixture *)timer->data)->timed_out = true;
}

static void on_inventory(struct inventory *inv, void *arg)
{
    struct fixture *f = arg;

    inventory_unref(&f->last);
    f->last = inventory_ref(inv);
    f->inventories++;
}

static void on_looked(uint64_t mono_ns, void *arg)
{
    (void)mono_ns;
    ((struct fixture *)arg)->looks++;
}

static void on_closed(void *arg)
{
    ((struct fixture *)arg)->closed = true;
}

static void start(struct fixture *f)
{
    static const struct scan_events events = {.on_inventory = on_inventory, .on_looked = on_looked};
    const struct scan_options options = {
        .engine = {.host_root = "", .docker_socket = "", .find = true, .use_api = f->use_api},
        .look_ms = LOOK_MS,
        .full_ms = f->full_ms,
        .absent_ms = f->absent_ms,
        .seed = 1,
        .drivers = fake_drivers,
        .memory = &f->memory,
    };
    struct err err = {0};

    assert_ok(scan_open(&f->scan, &f->loop, &options, &events, f, &err));
}

static void stop(struct fixture *f)
{
    scan_close(f->scan, on_closed, f);
    f->scan = NULL;
    run_until(f, f->closed);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

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
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int rc;

    if (f->scan != NULL)
        stop(f);
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

static const struct inventory_store *store_at(const struct fixture *f, const char *path)
{
    struct rec_key key = fake_engine_key(path);

    return inventory_find(f->last, &key);
}

static enum rec_store_state state_of(const struct fixture *f, const char *path)
{
    return store_at(f, path) != NULL ? store_at(f, path)->store.state : 0;
}

static size_t images_of(const struct fixture *f, const char *path)
{
    return inventory_content(store_at(f, path))->image_count;
}

/* Until that many more whole rounds of looks were made. */
static void looks(struct fixture *f, unsigned count)
{
    unsigned goal = f->looks + count;

    run_until(f, f->looks >= goal);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void the_first_inventory_holds_every_store(void **state)
{
    struct fixture *f = *state;

    fake_engine_put("/b", "x");
    start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 2);
    assert_int_equal(images_of(f, "/a"), 2);
    assert_int_equal(images_of(f, "/b"), 1);
}

static void a_host_without_engines_has_an_empty_inventory(void **state)
{
    struct fixture *f = *state;

    fake_engine_reset();
    start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 0);
}

static void without_change_a_store_is_read_once(void **state)
{
    struct fixture *f = *state;

    start(f);
    run_until(f, f->inventories == 1);
    looks(f, 5);
    assert_int_equal(fake_engine_reads("/a"), 1);
    assert_int_equal(f->inventories, 1);
}

static void a_change_is_read_and_told(void **state)
{
    struct fixture *f = *state;

    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/a", "one two three");
    run_until(f, f->inventories == 2);
    assert_int_equal(images_of(f, "/a"), 3);
}

static void a_changed_token_with_equal_content_is_no_news(void **state)
{
    struct fixture *f = *state;

    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/a", "one two");
    run_until(f, fake_engine_reads("/a") == 2);
    looks(f, 2);
    assert_int_equal(f->inventories, 1);
}

static void a_whole_reading_comes_at_its_interval_anyway(void **state)
{
    struct fixture *f = *state;

    f->full_ms = 2 * LOOK_MS;
    start(f);
    run_until(f, f->inventories >= 1 && fake_engine_reads("/a") >= 3);
    assert_int_equal(f->inventories, 1);
}

static void a_store_that_hangs_delays_no_other(void **state)
{
    struct fixture *f = *state;

    fake_engine_put("/b", "x");
    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_hang("/a", true);
    fake_engine_put("/b", "x y");
    run_until(f, f->inventories == 2);
    assert_int_equal(images_of(f, "/b"), 2);
    assert_int_equal(images_of(f, "/a"), 2);
    fake_engine_hang("/a", false);
    looks(f, 1);
}

/* ---- unreadable, absent, removed ------------------------------------------------------------- */

static void an_unreadable_store_keeps_its_content(void **state)
{
    struct fixture *f = *state;

    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_DENIED);
    run_until(f, state_of(f, "/a") == REC_STORE_UNREADABLE);
    assert_int_equal(images_of(f, "/a"), 2);
    assert_string_equal(store_at(f, "/a")->store.error, "/a says no");
    fake_engine_fail("/a", ERR_NONE);
    run_until(f, state_of(f, "/a") == REC_STORE_OK);
    assert_string_equal(store_at(f, "/a")->store.error, "");
}

static void a_torn_reading_replaces_no_whole_one(void **state)
{
    struct fixture *f = *state;
    unsigned reads;

    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/a", "half");
    fake_engine_move("/a", true);
    run_until(f, state_of(f, "/a") == REC_STORE_MOVING);
    assert_int_equal(images_of(f, "/a"), 2);
    reads = fake_engine_reads("/a");
    run_until(f, fake_engine_reads("/a") > reads + 1);
    assert_int_equal(f->inventories, 2);
    fake_engine_move("/a", false);
    run_until(f, state_of(f, "/a") == REC_STORE_OK);
    assert_int_equal(images_of(f, "/a"), 1);
}

static void an_absent_store_is_unreadable_and_gone_only_later(void **state)
{
    struct fixture *f = *state;

    f->absent_ms = 4 * LOOK_MS;
    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_NOT_FOUND);
    run_until(f, state_of(f, "/a") == REC_STORE_UNREADABLE);
    run_until(f, f->last->store_count == 0);
}

static void a_store_that_is_denied_never_goes(void **state)
{
    struct fixture *f = *state;

    f->absent_ms = 0;
    fake_engine_put("/b", "x");
    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_DENIED);
    run_until(f, state_of(f, "/a") == REC_STORE_UNREADABLE);
    fake_engine_put("/b", "x y");
    run_until(f, images_of(f, "/b") == 2);
    assert_int_equal(f->last->store_count, 2);
}

static void a_remembered_store_that_cannot_be_read_keeps_its_content(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *before = fake_engine_inventory("/a");
    struct err err = {0};

    assert_ok(memory_save(f->dir.path, before, NULL, &err));
    assert_ok(memory_load(&f->memory, f->dir.path, fake_drivers, &err));
    fake_engine_fail("/a", ERR_IO);
    start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(state_of(f, "/a"), REC_STORE_UNREADABLE);
    assert_true(setsum_eq(&store_at(f, "/a")->sum, &before->stores[0].sum));
    fake_engine_fail("/a", ERR_NONE);
    run_until(f, state_of(f, "/a") == REC_STORE_OK);
    assert_false(store_at(f, "/a")->shared->remembered);
}

static void two_paths_of_one_store_are_one(void **state)
{
    struct fixture *f = *state;

    fake_engine_put("/link", "one two");
    fake_engine_place("/link", "/a");
    start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 1);
}

/* ---- the engine's API ------------------------------------------------------------------------ */

static void a_daemon_that_is_down_leaves_the_content_good(void **state)
{
    struct fixture *f = *state;

    f->use_api = true;
    fake_engine_daemon("/a", false);
    start(f);
    run_until(f, f->inventories >= 1 && state_of(f, "/a") == REC_STORE_DAEMON_DOWN);
    assert_int_equal(images_of(f, "/a"), 2);
}

static void without_the_api_nobody_is_asked(void **state)
{
    struct fixture *f = *state;

    fake_engine_daemon("/a", false);
    start(f);
    run_until(f, f->inventories == 1);
    looks(f, 3);
    assert_int_equal(fake_engine_checks("/a"), 0);
    assert_int_equal(state_of(f, "/a"), REC_STORE_OK);
}

static void the_api_lists_what_it_has_only_after_the_first_reading(void **state)
{
    struct fixture *f = *state;

    f->use_api = true;
    start(f);
    run_until(f, f->inventories == 1);
    looks(f, 3);
    assert_int_equal(fake_engine_checks("/a"), 1);
    assert_int_equal(fake_engine_comparisons("/a"), 0);
}

static void the_api_is_compared_once_after_a_change(void **state)
{
    struct fixture *f = *state;

    f->use_api = true;
    f->full_ms = LOOK_MS;
    start(f);
    run_until(f, fake_engine_comparisons("/a") == 1);
    looks(f, 5);
    assert_int_equal(fake_engine_comparisons("/a"), 1);
    fake_engine_put("/a", "one two three");
    run_until(f, fake_engine_comparisons("/a") == 2);
}

static void a_listener_is_seen_without_being_called(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char path[PATH_MAX];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    tempdir_path(&f->dir, "sock", path);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%.100s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(scan_socket_listening("", path), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(scan_socket_listening("", path), 1);
    close(fd);
    assert_int_equal(scan_socket_listening("", path), 0);
    assert_int_equal(scan_socket_listening("/nonexistent", path), -1);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void closing_while_a_store_hangs_waits_for_it(void **state)
{
    struct fixture *f = *state;

    start(f);
    run_until(f, f->inventories == 1);
    fake_engine_hang("/a", true);
    for (uint64_t end = clock_mono_ns() + 3u * LOOK_MS * 1000000; clock_mono_ns() < end;)
        uv_run(&f->loop, UV_RUN_ONCE);
    scan_close(f->scan, on_closed, f);
    f->scan = NULL;
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(f->closed);
    fake_engine_hang("/a", false);
    run_until(f, f->closed);
}

static void closing_at_once_is_allowed(void **state)
{
    start(*state);
    stop(*state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_first_inventory_holds_every_store),
        T(a_host_without_engines_has_an_empty_inventory),
        T(without_change_a_store_is_read_once),
        T(a_change_is_read_and_told),
        T(a_changed_token_with_equal_content_is_no_news),
        T(a_whole_reading_comes_at_its_interval_anyway),
        T(a_store_that_hangs_delays_no_other),
        T(an_unreadable_store_keeps_its_content),
        T(a_torn_reading_replaces_no_whole_one),
        T(an_absent_store_is_unreadable_and_gone_only_later),
        T(a_store_that_is_denied_never_goes),
        T(a_remembered_store_that_cannot_be_read_keeps_its_content),
        T(two_paths_of_one_store_are_one),
        T(a_daemon_that_is_down_leaves_the_content_good),
        T(the_api_lists_what_it_has_only_after_the_first_reading),
        T(the_api_is_compared_once_after_a_change),
        T(without_the_api_nobody_is_asked),
        T(a_listener_is_seen_without_being_called),
        T(closing_while_a_store_hangs_waits_for_it),
        T(closing_at_once_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
