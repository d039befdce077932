/* session: what one stream may say, and what becomes of it in the database. */
#include "tests/support/unit.h"

#include "tests/support/collector_rig.h"
#include "tests/support/pki.h"

enum { BURST = 100 }; /* more than a session may have with the writer */

/* ---- hello and inventory --------------------------------------------------------------------- */

static void a_new_host_is_welcomed_with_nothing_held(void **state)
{
    struct collector_rig *rig = *state;
    const struct wire_collector_msg *m;
    struct rig_host h;

    host_connect(&h, rig, "alpha", 1, 1);
    host_hello(&h);
    m = host_wait(&h, WIRE_WELCOME);
    assert_string_equal(m->welcome.host_name, "alpha");
    assert_int_equal(m->welcome.generation, 0);
    assert_int_equal(m->welcome.heartbeat_ms, 60000);
    host_leave(&h);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM host WHERE name = 'alpha'"), 1);
}

static void an_acknowledged_inventory_is_durable(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 5));
    assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, 1);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence WHERE gone_s IS NULL"), 5);
    assert_int_equal(collector_sql(rig, "SELECT generation FROM incarnation"), 1);
    host_leave(&h);
}

static void a_host_that_returns_is_told_what_is_held(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;
    struct setsum sum;

    host_join(&h, rig, "alpha", 1, 1);
    sum = rec_content_sum(rig_content(&h, 0, 3));
    host_inventory(&h, 7, rig_content(&h, 0, 3));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_leave(&h);
    collector_stop(rig);
    collector_start(rig);
    host_connect(&h, rig, "alpha", 1, 1);
    host_hello(&h);
    {
        const struct wire_collector_msg *m = host_wait(&h, WIRE_WELCOME);

        assert_int_equal(m->welcome.generation, 7);
        assert_int_equal(m->welcome.sum_count, 1);
        assert_true(setsum_eq(&m->welcome.sums[0].sum, &sum));
    }
    host_leave(&h);
}

static void a_difference_is_applied_and_acknowledged(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 2));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_add_image(&h, 2, rig_content(&h, 0, 3), 2);
    assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, 2);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence WHERE gone_s IS NULL"), 3);
    host_leave(&h);
}

static void a_difference_from_elsewhere_is_answered_with_resync(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 2));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_add_image(&h, 9, rig_content(&h, 0, 3), 2);
    host_add_image(&h, 10, rig_content(&h, 0, 4), 3); /* was under way: no second question */
    host_wait(&h, WIRE_RESYNC);
    host_inventory(&h, 11, rig_content(&h, 0, 4));
    assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, 11);
    assert_int_equal(host_pending(&h, WIRE_RESYNC), 0);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence WHERE gone_s IS NULL"), 4);
    host_leave(&h);
}

/* The host sends everything of its own accord while the writer has not yet looked at the
 * differences: what they would have asked for is there already. */
static void an_overtaken_difference_asks_for_nothing(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 2));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    collector_hold(rig);
    host_add_image(&h, 9, rig_content(&h, 0, 3), 2);
    host_add_image(&h, 10, rig_content(&h, 0, 4), 3);
    host_inventory(&h, 11, rig_content(&h, 0, 4));
    collector_settle(rig);
    collector_release(rig);
    assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, 11);
    assert_int_equal(host_pending(&h, WIRE_RESYNC), 0);
    host_leave(&h);
}

static void a_wrong_digest_of_a_difference_is_answered_with_resync(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 2));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_add_image(&h, 2, rig_content(&h, 0, 8), 2);
    host_wait(&h, WIRE_RESYNC);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence WHERE gone_s IS NULL"), 2);
    host_leave(&h);
}

static void assert_burst_is_acknowledged(struct collector_rig *rig)
{
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 1));
    for (uint32_t n = 1; n < BURST; n++)
        host_add_image(&h, 1 + n, rig_content(&h, 0, 1 + n), n);
    for (uint64_t n = 1; n <= BURST; n++)
        assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, n);
    assert_int_equal(host_pending(&h, WIRE_RESYNC), 0);
    host_leave(&h);
}

static void a_burst_is_acknowledged_in_order(void **state)
{
    assert_burst_is_acknowledged(*state);
}

static void a_full_queue_makes_hosts_wait_and_loses_nothing(void **state)
{
    struct collector_rig *rig = *state;

    rig->options.queue_max = 1;
    collector_start(rig);
    assert_burst_is_acknowledged(rig);
    assert_int_equal(collector_sql(rig, "SELECT generation FROM incarnation"), BURST);
}

/* ---- contradiction and disorder -------------------------------------------------------------- */

static void a_contradiction_is_forgiven_once(void **state)
{
    struct collector_rig *rig = *state;
    const struct wire_collector_msg *m;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_begin(&h, 1, 1);
    host_part(&h, rig_content(&h, 0, 3));
    host_end(&h, 1, rig_content(&h, 0, 4));
    m = host_wait(&h, WIRE_REJECTION);
    assert_int_equal(m->rejection.code, REC_REJECT_INVENTORY);
    assert_int_equal(m->rejection.generation, 1);
    host_wait(&h, WIRE_RESYNC);
    host_inventory(&h, 2, rig_content(&h, 0, 4));
    assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, 2);
    host_leave(&h);
}

static void two_contradictions_in_a_row_end_the_stream(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_begin(&h, 1, 2);
    host_part(&h, rig_content(&h, 0, 3));
    host_end(&h, 1, rig_content(&h, 0, 3));
    host_wait(&h, WIRE_RESYNC);
    host_begin(&h, 2, 2);
    host_part(&h, rig_content(&h, 0, 3));
    host_end(&h, 2, rig_content(&h, 0, 3));
    assert_int_equal(host_wait_closed(&h), GRPC_INVALID_ARGUMENT);
    assert_non_null(strstr(h.why, "2 stores holds 1"));
    host_leave(&h);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence"), 0);
}

static void a_message_before_the_hello_is_named(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_connect(&h, rig, "alpha", 1, 1);
    host_begin(&h, 1, 1);
    assert_int_equal(host_wait_closed(&h), GRPC_INVALID_ARGUMENT);
    assert_string_equal(h.why, "message out of order: inventory begin before the hello");
    host_leave(&h);
}

static void a_difference_within_an_inventory_is_named(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_begin(&h, 1, 1);
    host_add_image(&h, 2, rig_content(&h, 0, 3), 2);
    assert_int_equal(host_wait_closed(&h), GRPC_INVALID_ARGUMENT);
    assert_string_equal(h.why, "message out of order: difference within an inventory");
    host_leave(&h);
}

static void a_second_hello_is_named(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_hello(&h);
    assert_int_equal(host_wait_closed(&h), GRPC_INVALID_ARGUMENT);
    host_leave(&h);
}

static void bytes_that_are_no_message_end_the_stream(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_send_bytes(&h, "\x0a\xff\xff", 3);
    assert_int_equal(host_wait_closed(&h), GRPC_INVALID_ARGUMENT);
    host_leave(&h);
}

/* Field 100 of AgentMessage: a kind of a newer version. */
static void an_unknown_kind_is_ignored_and_counted(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_send_bytes(&h, "\xa2\x06\x00", 3);
    host_inventory(&h, 1, rig_content(&h, 0, 1));
    assert_int_equal(host_wait(&h, WIRE_ACKNOWLEDGEMENT)->acknowledged, 1);
    host_leave(&h);
    collector_stop(rig);
    assert_true(collector_sql(rig, "SELECT unknown FROM incarnation") > 0);
}

static void a_stream_that_stops_within_an_inventory_leaves_nothing(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 2));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_begin(&h, 2, 1);
    host_part(&h, rig_content(&h, 0, 9));
    host_leave(&h);
    assert_int_equal(host_join(&h, rig, "alpha", 1, 1), 1);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence"), 2);
    host_leave(&h);
}

static void memory_for_unfinished_reports_is_bounded(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    rig->options.memory_max = 4096;
    host_join(&h, rig, "alpha", 1, 1);
    host_begin(&h, 1, 1);
    host_part(&h, rig_content(&h, 0, 60));
    assert_int_equal(host_wait_closed(&h), GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(h.why, "unfinished reports"));
    host_leave(&h);
}

/* ---- who is who ------------------------------------------------------------------------------ */

static void a_newer_stream_of_the_same_machine_replaces_the_older(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host older, newer;

    host_join(&older, rig, "alpha", 1, 1);
    host_join(&newer, rig, "alpha", 1, 1);
    assert_int_equal(host_wait_closed(&older), GRPC_ABORTED);
    assert_non_null(strstr(older.why, "replaced"));
    host_inventory(&newer, 1, rig_content(&newer, 0, 1));
    host_wait(&newer, WIRE_ACKNOWLEDGEMENT);
    host_leave(&older);
    host_leave(&newer);
}

static void only_the_silent_host_is_ended(void **state)
{
    struct collector_rig *rig = *state;
    struct wire_agent_msg beat = {.kind = WIRE_HEARTBEAT};
    struct rig_host silent, heard;
    uint64_t said = 0;

    rig->options.heartbeat_ms = 1000;
    rig->options.silence_ms = 4000;
    collector_start(rig);
    host_join(&heard, rig, "alpha", 1, 1); /* before the other one, and heard after it */
    host_join(&silent, rig, "beta", 2, 2);
    while (!silent.closed) {
        if (uv_now(&rig->loop) - said >= 100) {
            host_send(&heard, &beat);
            said = uv_now(&rig->loop);
        }
        assert_true(collector_turn(rig));
    }
    assert_int_equal(silent.status, GRPC_DEADLINE_EXCEEDED);
    assert_string_equal(silent.why, "no heartbeat came");
    assert_false(heard.closed);
    host_leave(&silent);
    host_leave(&heard);
}

static void two_machines_that_fight_for_one_identity_are_both_told(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h[4];

    for (int n = 0; n < 3; n++)
        host_join(&h[n], rig, "alpha", 1, 1);
    host_connect(&h[3], rig, "alpha", 1, 1);
    host_hello(&h[3]);
    for (int n = 2; n < 4; n++) {
        assert_int_equal(host_wait(&h[n], WIRE_REJECTION)->rejection.code, REC_REJECT_CONFLICT);
        assert_int_equal(host_wait_closed(&h[n]), GRPC_ALREADY_EXISTS);
        assert_non_null(strstr(h[n].why, "two live machines"));
    }
    for (int n = 0; n < 4; n++)
        host_leave(&h[n]);
    collector_stop(rig);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM event WHERE kind = 'conflict'"), 1);
}

static void assert_refused(struct collector_rig *rig, const char *name, uint32_t incarnation,
                           uint32_t machine)
{
    struct rig_host h;

    host_connect(&h, rig, name, incarnation, machine);
    host_hello(&h);
    assert_int_equal(host_wait(&h, WIRE_REJECTION)->rejection.code, REC_REJECT_CONFLICT);
    assert_int_equal(host_wait_closed(&h), GRPC_ALREADY_EXISTS);
    host_leave(&h);
}

static void a_copied_identity_on_another_machine_is_refused(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    assert_refused(rig, "beta", 1, 2);
    host_inventory(&h, 1, rig_content(&h, 0, 1));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_leave(&h);
    collector_stop(rig);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM event WHERE kind = 'conflict'"), 1);
}

static void a_second_live_machine_of_one_name_is_refused(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    host_join(&h, rig, "alpha", 1, 1);
    assert_refused(rig, "alpha", 2, 2);
    host_leave(&h);
    collector_stop(rig);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM event WHERE kind = 'conflict'"), 1);
}

/* The certificate speaks for node-1 (pki.h). */
static void a_certificate_speaks_for_its_host_only(void **state)
{
    struct collector_rig *rig = *state;
    char cert[PKI_PATH], key[PKI_PATH], ca[PKI_PATH], own[PKI_PATH], own_key[PKI_PATH];
    struct tls_files files = {.ca = ca, .cert = own, .key = own_key};
    struct rig_host h;
    struct pki pki;
    struct err err;

    pki_make(&pki);
    pki_path(&pki, "client.pem", own);
    pki_path(&pki, "client.key", own_key);
    rig->options.cert = (char *)pki_path(&pki, "server.pem", cert);
    rig->options.key = (char *)pki_path(&pki, "server.key", key);
    rig->options.ca = (char *)pki_path(&pki, "ca.pem", ca);
    collector_use_tcp(rig);
    collector_start(rig);
    assert_ok(tls_client_context(&rig->tls, &files, &err));
    host_join(&h, rig, "node-1", 1, 1);
    host_leave(&h);
    host_connect(&h, rig, "node-7", 2, 2);
    host_hello(&h);
    assert_int_equal(host_wait(&h, WIRE_REJECTION)->rejection.code, REC_REJECT_CERTIFICATE);
    assert_int_equal(host_wait_closed(&h), GRPC_PERMISSION_DENIED);
    assert_non_null(strstr(h.why, "host \"node-7\" has a certificate for \"node-1\": "));
    host_leave(&h);
    collector_stop(rig);
    tls_context_close(&rig->tls);
    pki_remove(&pki);
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM host"), 1);
}

#define TEST_STOPPED(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, collector_rig_setup, collector_rig_teardown)
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, collector_rig_setup_started, collector_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_host_is_welcomed_with_nothing_held),
        TEST(an_acknowledged_inventory_is_durable),
        TEST(a_host_that_returns_is_told_what_is_held),
        TEST(a_difference_is_applied_and_acknowledged),
        TEST(a_difference_from_elsewhere_is_answered_with_resync),
        TEST(an_overtaken_difference_asks_for_nothing),
        TEST(a_wrong_digest_of_a_difference_is_answered_with_resync),
        TEST(a_contradiction_is_forgiven_once),
        TEST(two_contradictions_in_a_row_end_the_stream),
        TEST(a_message_before_the_hello_is_named),
        TEST(a_difference_within_an_inventory_is_named),
        TEST(a_second_hello_is_named),
        TEST(bytes_that_are_no_message_end_the_stream),
        TEST(an_unknown_kind_is_ignored_and_counted),
        TEST(a_stream_that_stops_within_an_inventory_leaves_nothing),
        TEST(memory_for_unfinished_reports_is_bounded),
        TEST(a_newer_stream_of_the_same_machine_replaces_the_older),
        TEST_STOPPED(only_the_silent_host_is_ended),
        TEST(two_machines_that_fight_for_one_identity_are_both_told),
        TEST(a_copied_identity_on_another_machine_is_refused),
        TEST(a_second_live_machine_of_one_name_is_refused),
        TEST(a_burst_is_acknowledged_in_order),
        TEST_STOPPED(a_full_queue_makes_hosts_wait_and_loses_nothing),
        TEST_STOPPED(a_certificate_speaks_for_its_host_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
