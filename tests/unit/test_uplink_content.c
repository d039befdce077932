/* What an uplink says beside inventories: use, heartbeats, documents, measurements. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/redact.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/fake_engine.h"
#include "tests/support/uplink_rig.h"

static void use_follows_the_inventory_and_only_when_it_changed(void **state)
{
    struct uplink_rig *f = *state;

    fake_engine_run("/a", REC_RUNNING, "web");
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_USE] == 1);
    assert_int_equal(f->collector.containers, 1);
    assert_int_equal(f->collector.kinds[f->collector.kind_count - 1], WIRE_USE);
    uplink_rig_report(f, "/a");
    uplink_rig_idle(f);
    assert_int_equal(f->collector.heard[WIRE_USE], 1);
    fake_engine_run("/a", REC_STOPPED, "web");
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_USE] == 2);
    assert_int_equal(f->collector.generation, 1);
}

static void a_new_stream_hears_the_use_again(void **state)
{
    struct uplink_rig *f = *state;

    fake_engine_run("/a", REC_RUNNING, "web");
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_USE] == 1);
    fake_collector_hang_up(&f->collector);
    run_until(f, f->collector.heard[WIRE_USE] == 2);
}

static void origins_are_told_once_and_when_they_change(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_stop(f);
    f->collector.takes_origins = true;
    uplink_rig_start(f);
    fake_engine_origins("/a", 2);
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_ORIGINS] == 1);
    assert_int_equal(f->collector.origins, 2);
    uplink_rig_report(f, "/a");
    uplink_rig_idle(f);
    assert_int_equal(f->collector.heard[WIRE_ORIGINS], 1);
    fake_engine_origins("/a", 0);
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_ORIGINS] == 2);
    assert_int_equal(f->collector.origins, 0);
    assert_int_equal(f->collector.heard[WIRE_USE], 1);
    assert_int_equal(f->collector.generation, 1);
}

static void a_long_list_of_origins_comes_in_parts(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_stop(f);
    f->collector.takes_origins = true;
    uplink_rig_start(f);
    fake_engine_origins("/a", 40000);
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.origins == 40000);
    assert_true(f->collector.heard[WIRE_ORIGINS] > 1);
}

static void a_collector_that_cannot_keep_origins_hears_none(void **state)
{
    struct uplink_rig *f = *state;

    fake_engine_origins("/a", 2);
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_USE] == 1);
    uplink_rig_idle(f);
    assert_int_equal(f->collector.heard[WIRE_ORIGINS], 0);
}

static void heartbeats_come_while_nothing_else_does(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_stop(f);
    f->collector.heartbeat_ms = 100;
    uplink_rig_start(f);
    uplink_rig_report(f, "/a");
    run_until(f, f->collector.heard[WIRE_HEARTBEAT] >= 2);
    assert_true(f->collector.heard[WIRE_INVENTORY_END] == 1);
}

static void a_heartbeat_claims_no_look_that_was_not(void **state)
{
    struct uplink_rig *f = *state;

    uplink_rig_stop(f);
    f->collector.heartbeat_ms = 100;
    uplink_rig_start(f);
    run_until(f, f->collector.heard[WIRE_HEARTBEAT] >= 1);
    assert_int_equal(f->collector.look_age_ms, -1);
    uplink_set_looked(f->uplink, clock_mono_ns());
    run_until(f, f->collector.look_age_ms >= 0);
}

static void a_document_without_secrets_arrives_as_it_is(void **state)
{
    struct uplink_rig *f = *state;
    struct digest id = fake_engine_image("one");
    AUTO_FREE char *config = fake_engine_config("one");

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_want(&f->collector, REC_DOC_CONFIG, &id);
    run_until(f, f->collector.heard[WIRE_DOCUMENT] == 1);
    assert_string_equal(buf_str(&f->collector.document), config);
    assert_int_equal(f->collector.last_document.rules, 0);
    assert_true(digest_eq(&f->collector.last_document.digest, &id));
}

static void a_secret_does_not_leave_in_a_document(void **state)
{
    struct uplink_rig *f = *state;
    struct digest id = fake_engine_image("secret-one");

    fake_engine_put("/a", "secret-one");
    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_want(&f->collector, REC_DOC_CONFIG, &id);
    run_until(f, f->collector.heard[WIRE_DOCUMENT] == 1);
    assert_null(strstr(buf_str(&f->collector.document), "hunter2"));
    assert_non_null(strstr(buf_str(&f->collector.document), REDACT_MARK));
    assert_int_equal(f->collector.last_document.rules, REC_REDACTION_RULES);
    assert_int_equal(f->collector.last_document.cuts, 1);
}

static struct digest manifest_digest(const char *word)
{
    AUTO_FREE char *text = fake_engine_manifest(word);

    return digest_of(text, strlen(text));
}

static void a_manifest_comes_from_a_store_that_can_give_it(void **state)
{
    struct uplink_rig *f = *state;
    struct digest id = manifest_digest("one");
    AUTO_FREE char *text = fake_engine_manifest("one");

    fake_engine_put("/b", "one");
    fake_engine_give_manifests("/b");
    uplink_rig_report(f, "/a /b");
    run_until(f, f->synced == 1);
    fake_collector_want(&f->collector, REC_DOC_MANIFEST, &id);
    run_until(f, f->collector.heard[WIRE_DOCUMENT] == 1);
    assert_string_equal(buf_str(&f->collector.document), text);
    assert_int_equal(f->collector.last_document.kind, REC_DOC_MANIFEST);
    assert_int_equal(f->collector.last_document.rules, 0);
}

static void a_secret_does_not_leave_in_a_manifest(void **state)
{
    struct uplink_rig *f = *state;
    struct digest id = manifest_digest("secret-one");

    fake_engine_put("/a", "secret-one");
    fake_engine_give_manifests("/a");
    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_want(&f->collector, REC_DOC_MANIFEST, &id);
    run_until(f, f->collector.heard[WIRE_DOCUMENT] == 1);
    assert_null(strstr(buf_str(&f->collector.document), "hunter2"));
    assert_int_equal(f->collector.last_document.rules, REC_REDACTION_RULES);
    assert_int_equal(f->collector.last_document.cuts, 1);
}

static void a_store_without_manifests_is_not_asked_for_one(void **state)
{
    struct uplink_rig *f = *state;
    struct digest id = manifest_digest("one");

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_want(&f->collector, REC_DOC_MANIFEST, &id);
    run_until(f, f->collector.heard[WIRE_DECLINED] == 1);
    assert_non_null(strstr(f->collector.declined, "is not on this host"));
}

static void what_is_not_here_is_declined(void **state)
{
    struct uplink_rig *f = *state;
    struct digest id = fake_engine_image("elsewhere");

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    fake_collector_want(&f->collector, REC_DOC_CONFIG, &id);
    run_until(f, f->collector.heard[WIRE_DECLINED] == 1);
    assert_non_null(strstr(f->collector.declined, "is not on this host"));
}

static void many_documents_come_one_after_the_other(void **state)
{
    struct uplink_rig *f = *state;
    static const char *const words[] = {"one", "two", "nowhere", "one"};

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    for (size_t i = 0; i < unit_count(words); i++) {
        struct digest id = fake_engine_image(words[i]);

        fake_collector_want(&f->collector, REC_DOC_CONFIG, &id);
    }
    run_until(f, f->collector.heard[WIRE_DOCUMENT] == 3);
    run_until(f, f->collector.heard[WIRE_DECLINED] == 1);
}

static void a_wanted_measurement_reaches_the_owner(void **state)
{
    struct uplink_rig *f = *state;
    struct rec_measure_wanted item = {.diff = fake_engine_image("one"),
                                      .chain = fake_engine_image("one")};
    struct wire_collector_msg m = {.kind = WIRE_MEASURE};

    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    m.measure.items = &item;
    m.measure.count = 1;
    m.measure.lease_ms = 1000;
    fake_collector_say(&f->collector, &m);
    run_until(f, f->measures == 1);
    assert_true(digest_eq(&f->measured, &item.diff));
}

static void measurements_wait_for_the_first_acknowledgement(void **state)
{
    struct uplink_rig *f = *state;
    struct rec_copy_facts copy = {.chain = fake_engine_image("one"), .allocated_bytes = 4096};
    struct wire_agent_msg m = {.kind = WIRE_COPIES};
    struct err err = {0};

    m.copies = (struct rec_copies){fake_engine_key("/a"), &copy, 1};
    assert_fails(uplink_send(f->uplink, &m, &err), ERR_UNAVAILABLE, "not connected");
    uplink_rig_report(f, "/a");
    run_until(f, f->synced == 1);
    assert_ok(uplink_send(f->uplink, &m, &err));
    run_until(f, f->collector.heard[WIRE_COPIES] == 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, uplink_rig_setup, uplink_rig_teardown)
    const struct CMUnitTest tests[] = {
        T(use_follows_the_inventory_and_only_when_it_changed),
        T(a_new_stream_hears_the_use_again),
        T(origins_are_told_once_and_when_they_change),
        T(a_long_list_of_origins_comes_in_parts),
        T(a_collector_that_cannot_keep_origins_hears_none),
        T(heartbeats_come_while_nothing_else_does),
        T(a_heartbeat_claims_no_look_that_was_not),
        T(a_document_without_secrets_arrives_as_it_is),
        T(a_secret_does_not_leave_in_a_document),
        T(a_manifest_comes_from_a_store_that_can_give_it),
        T(a_secret_does_not_leave_in_a_manifest),
        T(a_store_without_manifests_is_not_asked_for_one),
        T(what_is_not_here_is_declined),
        T(many_documents_come_one_after_the_other),
        T(a_wanted_measurement_reaches_the_owner),
        T(measurements_wait_for_the_first_acknowledgement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
