#include "tests/support/unit.h"

#include "tests/support/store_rig.h"

static struct store_rig rig;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* One image in store 1 of the machine, observed at `now_s`. */
static void hold_something(int64_t incarnation, uint64_t generation, int64_t now_s)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct digest id = rig_digest('I', 1);

    rig_name(&rig, rig_image(&rig, c, &id, true), "debian:12");
    rig_inventory(&rig, incarnation, generation, c, now_s);
}

static void a_new_host_is_made_with_its_attributes(void **state)
{
    struct apply_identity id;
    struct err err;

    (void)state;
    assert_ok(rig_try_hello(&rig, 1, "web-1", 1000, &id, &err));
    assert_int_equal(id.generation, 0);
    assert_int_equal(id.sum_count, 0);
    assert_string_equal(rig_text(&rig, "SELECT name || ' ' || cluster || ' ' || labels FROM host"),
                        "web-1 test {}");
    assert_string_equal(rig_text(&rig, "SELECT address || ' ' || os FROM incarnation"),
                        "10.0.0.1 Debian");
}

static void a_host_that_returns_learns_what_is_held_of_it(void **state)
{
    struct apply_identity id;
    struct err err;
    int64_t first = rig_hello(&rig, 1, "web-1", 1000);

    (void)state;
    hold_something(first, 7, 1010);
    assert_ok(rig_try_hello(&rig, 1, "web-1", 1020, &id, &err));
    assert_int_equal(id.incarnation_id, first);
    assert_int_equal(id.generation, 7);
    assert_int_equal(id.sum_count, 1);
    assert_memory_equal(id.sums[0].key.bytes, rig_key(1).bytes, 16);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM host"), 1);
}

static void a_renamed_host_keeps_its_history(void **state)
{
    int64_t first = rig_hello(&rig, 1, "old", 1000);

    (void)state;
    hold_something(first, 1, 1000);
    assert_int_equal(rig_hello(&rig, 1, "new", 1010), first);
    assert_string_equal(rig_text(&rig, "SELECT group_concat(name) FROM host"), "new");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence WHERE gone_s IS NULL"), 1);
    assert_string_equal(rig_text(&rig, "SELECT kind || ' ' || subject || ' ' || text FROM event"),
                        "host-renamed old new");
}

static void a_rebuilt_host_closes_what_the_old_machine_held(void **state)
{
    int64_t old = rig_hello(&rig, 1, "web-1", 1000);
    int64_t now;

    (void)state;
    hold_something(old, 1, 1050);
    now = rig_hello(&rig, 2, "web-1", 1200);
    assert_int_not_equal(now, old);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM host"), 1);
    assert_int_equal(rig_number(&rig, "SELECT gone_s FROM presence"), 1050);
    assert_int_equal(rig_number(&rig, "SELECT gone_s FROM store"), 1050);
    assert_int_equal(rig_number(&rig, "SELECT ended_s FROM incarnation WHERE id = 1"), 1200);
    assert_string_equal(rig_text(&rig, "SELECT kind FROM event"), "host-rebuilt");
}

static void two_live_machines_under_one_name_are_a_conflict(void **state)
{
    struct apply_identity id;
    struct err err;

    (void)state;
    rig_hello(&rig, 1, "web-1", 1000);
    assert_fails(rig_try_hello(&rig, 2, "web-1", 1099, &id, &err), ERR_CONFLICT, "10.0.0.1");
    assert_non_null(strstr(err.text, "10.0.0.2"));
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM incarnation"), 1);
    assert_ok(rig_try_hello(&rig, 2, "web-1", 1100, &id, &err));
}

static void a_machine_with_an_open_stream_is_alive_however_silent(void **state)
{
    int64_t first = rig_hello(&rig, 1, "web-1", 1000);
    struct rec_hello hello = {.agent_version = "",
                              .cluster = "",
                              .os = "",
                              .kernel = "",
                              .arch = "",
                              .incarnation = {{9}},
                              .fingerprint = rig_digest('F', 1),
                              .lifetime = REC_LIFETIME_LASTING};
    struct apply_caller caller = {"web-1", "10.0.0.9", 9000000, 100, &first, 1};
    struct apply_identity id;
    struct err err;

    (void)state;
    assert_fails(RIG_APPLY(&rig, apply_hello(rig.store, &hello, &caller, rig.arena, &id, &err)),
                 ERR_CONFLICT, "two live machines");
}

static void a_machine_whose_agent_lost_its_state_comes_back_at_once(void **state)
{
    struct rec_hello hello = {.agent_version = "",
                              .cluster = "",
                              .os = "",
                              .kernel = "",
                              .arch = "",
                              .incarnation = {{9}},
                              .fingerprint = rig_digest('F', 1),
                              .lifetime = REC_LIFETIME_LASTING};
    struct apply_caller caller = {"web-1", "10.0.0.1", 1001000, 100, NULL, 0};
    struct apply_identity id;
    struct err err;

    (void)state;
    rig_hello(&rig, 1, "web-1", 1000);
    assert_ok(RIG_APPLY(&rig, apply_hello(rig.store, &hello, &caller, rig.arena, &id, &err)));
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM incarnation WHERE ended_s IS NULL"), 1);
}

static void a_copied_identity_is_a_conflict_that_names_both(void **state)
{
    struct rec_hello hello = {.agent_version = "",
                              .cluster = "",
                              .os = "",
                              .kernel = "",
                              .arch = "",
                              .fingerprint = rig_digest('F', 2),
                              .lifetime = REC_LIFETIME_LASTING};
    struct apply_caller caller = {"web-2", "10.0.0.2", 5000000, 100, NULL, 0};
    struct apply_identity id;
    struct err err;
    unsigned machine = 1;

    (void)state;
    rig_hello(&rig, machine, "web-1", 1000);
    memcpy(hello.incarnation.bytes, &machine, sizeof(machine));
    assert_fails(RIG_APPLY(&rig, apply_hello(rig.store, &hello, &caller, rig.arena, &id, &err)),
                 ERR_CONFLICT, "10.0.0.1");
    assert_non_null(strstr(err.text, "10.0.0.2"));
}

static void a_renamed_host_takes_the_name_of_one_that_fell_silent(void **state)
{
    struct apply_identity id;
    struct err err;

    (void)state;
    hold_something(rig_hello(&rig, 1, "a", 1000), 1, 1000);
    rig_hello(&rig, 2, "b", 1000);
    assert_fails(rig_try_hello(&rig, 2, "a", 1050, &id, &err), ERR_CONFLICT, "two live machines");
    assert_string_equal(rig_text(&rig, "SELECT name FROM host WHERE id = 2"), "b");
    assert_ok(rig_try_hello(&rig, 2, "a", 1200, &id, &err));
    assert_string_equal(rig_text(&rig, "SELECT name FROM host WHERE id = 2"), "a");
    assert_int_equal(rig_number(&rig, "SELECT ended_s FROM host WHERE id = 1"), 1200);
    assert_int_equal(rig_number(&rig, "SELECT gone_s FROM presence"), 1000);
}

static void a_machine_that_was_replaced_takes_its_name_back_after_silence(void **state)
{
    struct apply_identity id;
    struct err err;
    int64_t first = rig_hello(&rig, 1, "web-1", 1000);

    (void)state;
    hold_something(first, 5, 1000);
    rig_hello(&rig, 2, "web-1", 2000);
    assert_fails(rig_try_hello(&rig, 1, "web-1", 2050, &id, &err), ERR_CONFLICT, "web-1");
    assert_ok(rig_try_hello(&rig, 1, "web-1", 2200, &id, &err));
    assert_int_equal(id.incarnation_id, first);
    assert_int_equal(id.generation, 0); /* what it held was closed: it sends everything */
    assert_int_equal(id.sum_count, 0);
    hold_something(first, 6, 2210);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence"), 2);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM store WHERE gone_s IS NULL"), 1);
}

static void a_report_of_a_replaced_machine_is_refused(void **state)
{
    struct rec_content *c = rig_content(&rig, 1);
    const struct rec_content *list = c;
    struct err err;
    int64_t first = rig_hello(&rig, 1, "web-1", 1000);

    (void)state;
    rig_hello(&rig, 2, "web-1", 2000);
    assert_fails(rig_try_inventory(&rig, first, 1, &list, 1, 2001, 2001, &err), ERR_CONFLICT,
                 "taken this host's place");
    assert_fails(rig_try_inventory(&rig, 77, 1, &list, 1, 2001, 2001, &err), ERR_NOT_FOUND, "77");
}

static void a_retired_host_comes_back_with_its_hello(void **state)
{
    struct err err;

    (void)state;
    rig_hello(&rig, 1, "web-1", 1000);
    assert_ok(RIG_APPLY(&rig, apply_housekeeping(rig.store, 2000, 0, 500, &err)));
    assert_int_equal(rig_number(&rig, "SELECT retired_s FROM host"), 2000);
    rig_hello(&rig, 1, "web-1", 2100);
    assert_int_equal(rig_number(&rig, "SELECT retired_s IS NULL FROM host"), 1);
}

static void a_retired_host_comes_back_with_a_sign_of_life(void **state)
{
    struct apply_life life = {.incarnation_id = rig_hello(&rig, 1, "web-1", 1000), .seen_s = 1999};
    struct err err;

    (void)state;
    assert_ok(RIG_APPLY(&rig, apply_housekeeping(rig.store, 2000, 0, 500, &err)));
    assert_ok(RIG_APPLY(&rig, apply_lives(rig.store, &life, 1, &err)));
    assert_int_equal(rig_number(&rig, "SELECT retired_s FROM host"), 2000);
    life.seen_s = 2001;
    assert_ok(RIG_APPLY(&rig, apply_lives(rig.store, &life, 1, &err)));
    assert_int_equal(rig_number(&rig, "SELECT retired_s IS NULL FROM host"), 1);
}

static void an_ephemeral_host_is_closed_at_its_last_contact(void **state)
{
    struct err err;
    int64_t id = rig_hello(&rig, 1, "node-1", 1000);

    (void)state;
    rig_hello(&rig, 2, "lasting", 1000);
    rig_execute(&rig, "UPDATE host SET lifetime = 2 WHERE name = 'node-1'");
    hold_something(id, 3, 1100);
    assert_ok(RIG_APPLY(&rig, apply_housekeeping(rig.store, 1200, 200, 0, &err)));
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM host WHERE retired_s IS NOT NULL"), 0);
    assert_ok(RIG_APPLY(&rig, apply_housekeeping(rig.store, 1400, 200, 0, &err)));
    assert_string_equal(rig_text(&rig, "SELECT name FROM host WHERE retired_s = 1400"), "node-1");
    assert_int_equal(rig_number(&rig, "SELECT gone_s FROM presence"), 1100);
    assert_int_equal(rig_number(&rig, "SELECT generation FROM incarnation WHERE id = 1"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_host_is_made_with_its_attributes),
        TEST(a_host_that_returns_learns_what_is_held_of_it),
        TEST(a_renamed_host_keeps_its_history),
        TEST(a_rebuilt_host_closes_what_the_old_machine_held),
        TEST(two_live_machines_under_one_name_are_a_conflict),
        TEST(a_machine_with_an_open_stream_is_alive_however_silent),
        TEST(a_machine_whose_agent_lost_its_state_comes_back_at_once),
        TEST(a_copied_identity_is_a_conflict_that_names_both),
        TEST(a_renamed_host_takes_the_name_of_one_that_fell_silent),
        TEST(a_machine_that_was_replaced_takes_its_name_back_after_silence),
        TEST(a_report_of_a_replaced_machine_is_refused),
        TEST(a_retired_host_comes_back_with_its_hello),
        TEST(a_retired_host_comes_back_with_a_sign_of_life),
        TEST(an_ephemeral_host_is_closed_at_its_last_contact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
