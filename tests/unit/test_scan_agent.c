#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/scan_root.h"
#include "common/cleanup.h"
#include "tests/support/scan_rig.h"

/* ---- looking --------------------------------------------------------------------------------- */

static void the_first_inventory_holds_every_store(void **state)
{
    struct scan_rig *f = *state;

    fake_engine_put("/b", "x");
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 2);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
    assert_int_equal(scan_rig_images(f, "/b"), 1);
}

static void a_host_without_engines_has_an_empty_inventory(void **state)
{
    struct scan_rig *f = *state;

    fake_engine_reset();
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 0);
}

static void without_change_a_store_is_read_once(void **state)
{
    struct scan_rig *f = *state;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    scan_rig_looks(f, 5);
    assert_int_equal(fake_engine_reads("/a"), 1);
    assert_int_equal(f->inventories, 1);
}

static void a_change_is_read_and_told(void **state)
{
    struct scan_rig *f = *state;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/a", "one two three");
    run_until(f, f->inventories == 2);
    assert_int_equal(scan_rig_images(f, "/a"), 3);
}

static void a_changed_token_with_equal_content_is_no_news(void **state)
{
    struct scan_rig *f = *state;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/a", "one two");
    run_until(f, fake_engine_reads("/a") == 2);
    scan_rig_looks(f, 2);
    assert_int_equal(f->inventories, 1);
}

static void a_whole_reading_comes_at_its_interval_anyway(void **state)
{
    struct scan_rig *f = *state;

    f->full_ms = 2 * LOOK_MS;
    scan_rig_start(f);
    run_until(f, f->inventories >= 1 && fake_engine_reads("/a") >= 3);
    assert_int_equal(f->inventories, 1);
}

static void a_store_that_hangs_delays_no_other(void **state)
{
    struct scan_rig *f = *state;

    fake_engine_put("/b", "x");
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_hang("/a", true);
    fake_engine_put("/b", "x y");
    run_until(f, f->inventories == 2);
    assert_int_equal(scan_rig_images(f, "/b"), 2);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
    fake_engine_hang("/a", false);
    scan_rig_looks(f, 1);
}

/* ---- unreadable, absent, removed ------------------------------------------------------------- */

static void an_unreadable_store_keeps_its_content(void **state)
{
    struct scan_rig *f = *state;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_DENIED);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_UNREADABLE);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
    assert_string_equal(scan_rig_store(f, "/a")->store.error, "/a says no");
    fake_engine_fail("/a", ERR_NONE);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_OK);
    assert_string_equal(scan_rig_store(f, "/a")->store.error, "");
}

static void a_torn_reading_replaces_no_whole_one(void **state)
{
    struct scan_rig *f = *state;
    unsigned reads;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_put("/a", "half");
    fake_engine_move("/a", true);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_MOVING);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
    reads = fake_engine_reads("/a");
    run_until(f, fake_engine_reads("/a") > reads + 1);
    assert_int_equal(f->inventories, 2);
    fake_engine_move("/a", false);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_OK);
    assert_int_equal(scan_rig_images(f, "/a"), 1);
}

static void a_store_that_gives_nothing_while_it_changes_is_moving(void **state)
{
    struct scan_rig *f = *state;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_MOVED);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_MOVING);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
    fake_engine_fail("/a", ERR_NONE);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_OK);
}

static void an_absent_store_is_unreadable_and_gone_only_later(void **state)
{
    struct scan_rig *f = *state;

    f->absent_ms = 4 * LOOK_MS;
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_NOT_FOUND);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_UNREADABLE);
    run_until(f, f->last->store_count == 0);
}

static void a_store_that_is_denied_never_goes(void **state)
{
    struct scan_rig *f = *state;

    f->absent_ms = 0;
    fake_engine_put("/b", "x");
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_fail("/a", ERR_DENIED);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_UNREADABLE);
    fake_engine_put("/b", "x y");
    run_until(f, scan_rig_images(f, "/b") == 2);
    assert_int_equal(f->last->store_count, 2);
}

static void a_remembered_store_that_cannot_be_read_keeps_its_content(void **state)
{
    struct scan_rig *f = *state;
    AUTO(inventory_unref) struct inventory *before = fake_engine_inventory("/a");
    struct err err = {0};

    assert_ok(memory_save(f->dir.path, before, NULL, &err));
    assert_ok(memory_load(&f->memory, f->dir.path, fake_drivers, &err));
    fake_engine_fail("/a", ERR_IO);
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(scan_rig_state(f, "/a"), REC_STORE_UNREADABLE);
    assert_true(setsum_eq(&scan_rig_store(f, "/a")->sum, &before->stores[0].sum));
    fake_engine_fail("/a", ERR_NONE);
    run_until(f, scan_rig_state(f, "/a") == REC_STORE_OK);
    assert_false(scan_rig_store(f, "/a")->shared->remembered);
}

static void a_remembered_store_that_is_forbidden_now_is_forgotten(void **state)
{
    static char forbidden[] = "/a";
    static char *skip[] = {forbidden};
    struct scan_rig *f = *state;
    AUTO(inventory_unref) struct inventory *before = fake_engine_inventory("/a");
    struct err err = {0};

    assert_ok(memory_save(f->dir.path, before, NULL, &err));
    assert_ok(memory_load(&f->memory, f->dir.path, fake_drivers, &err));
    fake_engine_put("/b", "x");
    f->skip = (struct engine_texts){.items = skip, .count = 1};
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 1);
    assert_int_equal(scan_rig_images(f, "/b"), 1);
    assert_int_equal(fake_engine_looks("/a"), 0);
}

static void two_paths_of_one_store_are_one(void **state)
{
    struct scan_rig *f = *state;

    fake_engine_put("/link", "one two");
    fake_engine_place("/link", "/a");
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    assert_int_equal(f->last->store_count, 1);
}

/* ---- the engine's API ------------------------------------------------------------------------ */

static void a_daemon_that_is_down_leaves_the_content_good(void **state)
{
    struct scan_rig *f = *state;

    f->use_api = true;
    fake_engine_daemon("/a", false);
    scan_rig_start(f);
    run_until(f, f->inventories >= 1 && scan_rig_state(f, "/a") == REC_STORE_DAEMON_DOWN);
    assert_int_equal(scan_rig_images(f, "/a"), 2);
}

static void without_the_api_nobody_is_asked(void **state)
{
    struct scan_rig *f = *state;

    fake_engine_daemon("/a", false);
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    scan_rig_looks(f, 3);
    assert_int_equal(fake_engine_checks("/a"), 0);
    assert_int_equal(scan_rig_state(f, "/a"), REC_STORE_OK);
}

static void the_api_lists_what_it_has_only_after_the_first_reading(void **state)
{
    struct scan_rig *f = *state;

    f->use_api = true;
    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    scan_rig_looks(f, 3);
    assert_int_equal(fake_engine_checks("/a"), 1);
    assert_int_equal(fake_engine_comparisons("/a"), 0);
}

static void the_api_is_compared_once_after_a_change(void **state)
{
    struct scan_rig *f = *state;

    f->use_api = true;
    f->full_ms = LOOK_MS;
    scan_rig_start(f);
    run_until(f, fake_engine_comparisons("/a") == 1);
    scan_rig_looks(f, 5);
    assert_int_equal(fake_engine_comparisons("/a"), 1);
    fake_engine_put("/a", "one two three");
    run_until(f, fake_engine_comparisons("/a") == 2);
}

static void a_listener_is_seen_without_being_called(void **state)
{
    struct scan_rig *f = *state;
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
    struct scan_rig *f = *state;

    scan_rig_start(f);
    run_until(f, f->inventories == 1);
    fake_engine_hang("/a", true);
    scan_rig_until_hung(f, "/a");
    scan_rig_close(f);
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(f->closed);
    fake_engine_hang("/a", false);
    run_until(f, f->closed);
}

static void closing_at_once_is_allowed(void **state)
{
    scan_rig_start(*state);
    scan_rig_stop(*state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scan_rig_setup, scan_rig_teardown)
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
        T(a_store_that_gives_nothing_while_it_changes_is_moving),
        T(an_absent_store_is_unreadable_and_gone_only_later),
        T(a_store_that_is_denied_never_goes),
        T(a_remembered_store_that_cannot_be_read_keeps_its_content),
        T(a_remembered_store_that_is_forbidden_now_is_forgotten),
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
