#include "tests/support/unit.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tests/support/fake_engine.h"
#include "tests/support/uplink_rig.h"

/* ---- inventories ----------------------------------------------------------------------------- */

static void a_new_host_sends_its_whole_inventory(void **state)
{
    struct uplink_rig *f = *state;
    static const enum wire_agent_kind order[] = {WIRE_HELLO, WIRE_INVENTORY_BEGIN,
                                                 WIRE_INVENTORY_PART, WIRE_INVENTORY_END};

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    assert_memory_equal(f->collector.kinds, order, sizeof(order));
    assert_int_equal(f->collector.generation, 1);
    assert_int_equal(f->collector.images, 2);
    assert_int_equal(f->collector.unsorted, 0);
}

static void nothing_is_said_before_there_is_an_inventory(void **state)
{
    struct uplink_rig *f = *state;

    run_until(f, uplink_state(f->uplink) == UPLINK_UP);
    uplink_rig_idle(f);
    assert_int_equal(f->collector.kind_count, 1);
    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
}

static void a_host_without_stores_says_so(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "");
    run_until(f, f->synced == 1);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_END], 1);
    assert_int_equal(f->collector.store_count, 0);
}

static void a_change_is_sent_as_a_difference(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_engine_put("/a", "one three four");
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.generation == 2);
    assert_int_equal(f->collector.base, 1);
    assert_int_equal(f->collector.images, 2);
    assert_int_equal(f->collector.removed, 1);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 1);
}

static void an_equal_inventory_is_not_sent_again(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    uplink_rig_report(f, "/a");
    uplink_rig_report(f, "/a");
    uplink_rig_idle(f);
    assert_int_equal(f->collector.heard[WIRE_DIFFERENCE], 0);
    assert_int_equal(f->collector.generation, 1);
}

static void a_store_that_went_is_named_as_gone(void **state)
{
    struct uplink_rig *f = *state;

    fake_engine_put("/b", "x");
    uplink_rig_report(f, "/a /b");
    run_until(f, f->synced == 1);
    uplink_rig_report(f, "/b");
    run_until(f, f->collector.generation == 2);
    assert_int_equal(f->collector.gone, 1);
    assert_int_equal(f->collector.sum_count, 1);
}

static void changes_during_a_report_go_into_the_next_one(void **state)
{
    struct uplink_rig *f = *state;

    f->collector.no_ack = true;
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 1);
    fake_engine_put("/a", "one");
    uplink_rig_report(f, "/a");
    fake_engine_put("/a", "one two three");
    uplink_rig_report(f, "/a");
    uplink_rig_idle(f);
    assert_int_equal(f->collector.heard[WIRE_DIFFERENCE], 0);
    f->collector.no_ack = false;
    fake_collector_acknowledge(&f->collector, 1);
    run_until(f, f->collector.heard[WIRE_DIFFERENCE] == 1);
    assert_int_equal(f->collector.images, 1);
    assert_int_equal(f->collector.removed, 0);
}

static void an_acknowledgement_of_another_generation_counts_for_nothing(void **state)
{
    struct uplink_rig *f = *state;

    f->collector.no_ack = true;
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 1);
    fake_collector_acknowledge(&f->collector, 77);
    uplink_rig_idle(f);
    assert_int_equal(f->synced, 0);
    fake_collector_acknowledge(&f->collector, 1);
    run_until(f, f->synced == 1);
}

static void a_big_inventory_goes_in_parts(void **state)
{
    struct uplink_rig *f = *state;
    struct buf words;
    const unsigned stores = 5;

    buf_init(&words, 8192);
    for (unsigned i = 0; i < 290; i++)
        assert_int_equal(buf_printf(&words, NULL, "image-%u-of-many ", i), 0);
    for (unsigned i = 0; i < stores; i++) {
        const char path[] = {'/', (char)('s' + i), '\0'};

        fake_engine_put(path, buf_str(&words));
    }
    buf_close(&words);
    uplink_rig_report(f, "/a /s /t /u /v /w");
    run_until(f, f->synced == 1);
    assert_int_equal(f->collector.images, 2 + stores * 290);
    assert_int_equal(f->collector.sum_count, 6);
    assert_int_equal(f->collector.unsorted, 0);
}

/* ---- coming back ----------------------------------------------------------------------------- */

static void after_a_break_only_the_difference_is_sent(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_hang_up(&f->collector);
    run_until(f, f->collector.streams == 2 && f->synced == 2);
    assert_int_equal(f->collector.hello_generation, 1);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 1);
    assert_int_equal(f->collector.heard[WIRE_DIFFERENCE], 0);
    fake_engine_put("/a", "one");
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.generation == 2);
    assert_int_equal(f->collector.removed, 1);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 1);
}

static void a_report_whose_acknowledgement_got_lost_is_not_sent_twice(void **state)
{
    struct uplink_rig *f = *state;

    f->collector.no_ack = true;
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 1);
    f->collector.no_ack = false;
    fake_collector_hang_up(&f->collector);
    run_until(f, f->synced == 1);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 1);
    assert_int_equal(f->collector.generation, 1);
}

static void a_restarted_agent_adopts_what_is_held(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    f->collector.generation = 41;
    uplink_rig_stop(f);
    uplink_rig_start(f);
    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 2);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 1);
    assert_int_equal(f->collector.heard[WIRE_DIFFERENCE], 1); /* attributes only */
    assert_int_equal(f->collector.images, 0);
    assert_int_equal(f->collector.base, 41);
    assert_int_equal(f->collector.generation, 42);
}

static void a_restarted_agent_that_changed_sends_all_above_what_is_held(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    f->collector.generation = 41;
    uplink_rig_stop(f);
    fake_engine_put("/a", "other");
    uplink_rig_start(f);
    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 2);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 2);
    assert_int_equal(f->collector.generation, 42);
}

static void another_collector_gets_everything(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    f->collector.generation = 0;
    f->collector.sum_count = 0;
    fake_collector_hang_up(&f->collector);
    run_until(f, f->synced == 2);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_BEGIN], 2);
    assert_int_equal(f->collector.generation, 2);
}

static void a_resync_brings_the_whole_inventory(void **state)
{
    struct uplink_rig *f = *state;
    struct wire_collector_msg m = {.kind = WIRE_RESYNC, .resync = "a test"};

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_say(&f->collector, &m);
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 2);
    assert_int_equal(f->collector.generation, 2);
}

static void a_collector_that_resyncs_forever_is_left(void **state)
{
    struct uplink_rig *f = *state;
    struct wire_collector_msg m = {.kind = WIRE_RESYNC, .resync = "a test"};

    f->collector.no_ack = true;
    uplink_rig_report(f, "/a");
    for (unsigned i = 1; i <= UPLINK_RESYNCS_MAX + 1; i++) {
        run_until(f, f->collector.heard[WIRE_INVENTORY_END] == i);
        fake_collector_say(&f->collector, &m);
    }
    run_until(f, f->collector.streams == 2);
}

static void a_rejected_inventory_waits_for_a_newer_one(void **state)
{
    struct uplink_rig *f = *state;
    struct wire_collector_msg m = {.kind = WIRE_REJECTION,
                                   .rejection = {REC_REJECT_INVENTORY, 1, "store", "no"}};

    f->collector.no_ack = true;
    log_setup(2, LOG_ERROR, LOG_TEXT);
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 1);
    fake_collector_say(&f->collector, &m);
    uplink_rig_idle(f);
    assert_int_equal(f->collector.heard[WIRE_INVENTORY_END], 1);
    fake_engine_put("/a", "one");
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 2);
    assert_int_equal(f->collector.generation, 2);
}

static void nonsense_from_a_collector_ends_the_stream(void **state)
{
    struct uplink_rig *f = *state;

    run_until(f, uplink_state(f->uplink) == UPLINK_UP);
    assert_int_equal(grpc_call_send(f->collector.call, "\xff\xff\xff", 3, NULL), 0);
    run_until(f, f->collector.streams == 2);
}

/* A collector takes no content of an unreadable store in a whole inventory. */
static void an_unreadable_store_is_told_so_after_the_whole_inventory(void **state)
{
    struct uplink_rig *f = *state;
    AUTO(inventory_unref) struct inventory *was = fake_engine_inventory("/a");
    AUTO(inventory_unref) struct inventory *inv = NULL;
    const struct inventory_standing standing = {.root = &was->stores[0].root,
                                                .reading = was->stores[0].shared,
                                                .state = REC_STORE_UNREADABLE,
                                                .error = "no"};
    struct err err = {0};

    assert_ok(inventory_open(&inv, 1, &err));
    assert_ok(inventory_add(inv, &standing, &err));
    inventory_finish(inv);
    uplink_set_inventory(f->uplink, inv);
    run_until(f, f->collector.heard[WIRE_INVENTORY_END] == 1);
    assert_int_equal(f->collector.state, REC_STORE_MOVING);
    run_until(f, f->collector.heard[WIRE_DIFFERENCE] == 1);
    assert_int_equal(f->collector.state, REC_STORE_UNREADABLE);
    assert_int_equal(f->collector.images, 0);
}

static void closing_works_in_every_state(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_stop(f); /* before the first attempt */
    uplink_rig_start(f);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    uplink_rig_stop(f); /* connecting */
    f->collector.silent = true;
    uplink_rig_start(f);
    run_until(f, uplink_state(f->uplink) == UPLINK_GREETING);
    uplink_rig_stop(f);
    uplink_rig_start(f);
    run_until(f, f->collector.heard[WIRE_HELLO] >= 1);
    uplink_rig_stop(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, uplink_rig_setup, uplink_rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_new_host_sends_its_whole_inventory),
        T(nothing_is_said_before_there_is_an_inventory),
        T(a_host_without_stores_says_so),
        T(a_change_is_sent_as_a_difference),
        T(an_equal_inventory_is_not_sent_again),
        T(a_store_that_went_is_named_as_gone),
        T(changes_during_a_report_go_into_the_next_one),
        T(an_acknowledgement_of_another_generation_counts_for_nothing),
        T(a_big_inventory_goes_in_parts),
        T(after_a_break_only_the_difference_is_sent),
        T(a_report_whose_acknowledgement_got_lost_is_not_sent_twice),
        T(a_restarted_agent_adopts_what_is_held),
        T(a_restarted_agent_that_changed_sends_all_above_what_is_held),
        T(another_collector_gets_everything),
        T(a_resync_brings_the_whole_inventory),
        T(a_collector_that_resyncs_forever_is_left),
        T(a_rejected_inventory_waits_for_a_newer_one),
        T(nonsense_from_a_collector_ends_the_stream),
        T(an_unreadable_store_is_told_so_after_the_whole_inventory),
        T(closing_works_in_every_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
