#include "tests/support/unit.h"

#include "tests/support/read_rig.h"

/* The fleet at a past time, read from real files. */
static struct read_rig rig;

static int open_rig(void **state)
{
    (void)state;
    read_rig_open(&rig);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    read_rig_close(&rig);
    return 0;
}

/* ---- the past -------------------------------------------------------------------------------- */

static void an_image_is_there_from_its_coming_until_the_look_without_it(void **state)
{
    static const struct {
        int64_t at_s;
        const char *held;
    } moments[] = {
        {1999, ""},
        {2000, "0:debian:12"},
        {2999, "0:debian:12"},
        {3000, "1:debian:12"},
        {3499, "1:debian:12"},
        {3500, "1:shop:1"},
        {3999, "1:shop:1"},
        {4000, ""},
    };

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, NULL, 0, 1500);
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    read_rig_report(&rig, rig.web, 1, 0, APP, "debian:12", 0, 3000); /* the tag moved */
    read_rig_report(&rig, rig.web, 1, 0, APP, "shop:1", 0, 3500);    /* the image was tagged anew */
    read_rig_report(&rig, rig.web, 1, 0, APP, NULL, 0, 4000);
    for (size_t i = 0; i < unit_count(moments); i++) {
        read_rig_read_as_of(&rig, moments[i].at_s);
        assert_string_equal(read_rig_held(&rig, &rig.fleet, "web-1"), moments[i].held);
        assert_int_equal(rig.fleet.now_s, moments[i].at_s);
    }
}

static void what_is_said_counts_the_stores_of_that_time(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    read_rig_report(&rig, rig.build, 1, 0, BASE, "debian:12", 0, 3000);
    read_rig_read_as_of(&rig, 2500);
    assert_int_equal(rig.fleet.said[0].stores, 1);
    read_rig_read_as_of(&rig, 3000);
    assert_int_equal(rig.fleet.said[0].stores, 2);
}

static void a_host_that_was_retired_later_is_there(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    rig.db.damaged = true; /* its counters stay */
    rig_execute(&rig.db, "UPDATE host SET retired_s = 3000, last_s = 2500 WHERE name = 'web-1'");
    read_rig_read_as_of(&rig, 2999);
    assert_true(read_rig_host(&rig, "web-1")->present);
    assert_int_equal(read_rig_host(&rig, "web-1")->retired_s, 0);
    assert_string_equal(read_rig_held(&rig, &rig.fleet, "web-1"), "0:debian:12");
    read_rig_read_as_of(&rig, 3000);
    assert_false(read_rig_host(&rig, "web-1")->present);
    assert_int_equal(read_rig_host(&rig, "web-1")->retired_s, 3000);
    assert_string_equal(read_rig_held(&rig, &rig.fleet, "web-1"), "");
    assert_int_equal(read_rig_host(&rig, "web-1")->last_s, 2500);
}

static void a_host_of_a_later_time_is_none(void **state)
{
    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    rig_hello(&rig.db, 3, "new-1", 3000);
    read_rig_read_as_of(&rig, 2999);
    assert_false(read_rig_host(&rig, "new-1")->selected);
    assert_false(read_rig_host(&rig, "new-1")->present);
    assert_int_equal(read_rig_host(&rig, "web-1")->last_s <= 2999, true);
    read_rig_read_as_of(&rig, 3000);
    assert_true(read_rig_host(&rig, "new-1")->present);
}

static void a_store_that_went_later_is_there_and_as_good_as_it_was(void **state)
{
    const struct fleet_store *s;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    rig.db.damaged = true;
    rig_execute(&rig.db, "UPDATE store SET state = 3, state_s = 2600, error = 'gone bad';"
                         "UPDATE store SET gone_s = 3000, gone_after_s = 2900;"
                         "UPDATE presence SET gone_s = 3000, gone_after_s = 2900");
    read_rig_read_as_of(&rig, 2500);
    s = &rig.fleet.stores[read_rig_host(&rig, "web-1")->stores.first];
    assert_true(s->present);
    assert_int_equal(s->gone_s, 0);
    assert_int_equal(s->state, REC_STORE_OK);
    assert_string_equal(s->error, "");
    read_rig_read_as_of(&rig, 2700);
    s = &rig.fleet.stores[read_rig_host(&rig, "web-1")->stores.first];
    assert_int_equal(s->state, REC_STORE_UNREADABLE);
    assert_string_equal(read_rig_held(&rig, &rig.fleet, "web-1"), "0:debian:12");
    read_rig_read_as_of(&rig, 3000);
    s = &rig.fleet.stores[read_rig_host(&rig, "web-1")->stores.first];
    assert_false(s->present);
    read_rig_read_as_of(&rig, 1999);
    s = &rig.fleet.stores[read_rig_host(&rig, "web-1")->stores.first];
    assert_false(s->present);
}

static void nothing_but_presence_is_known_of_the_past(void **state)
{
    struct fleet one;
    struct err err;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    rig.db.damaged = true;
    rig_execute(&rig.db, "INSERT INTO copy (store_id, chain_id, allocated_bytes) VALUES (1, 1, 9);"
                         "INSERT INTO space VALUES (1, 2, 'kept', 9, 1, 0);"
                         "INSERT INTO exception VALUES (1, 2, 1, 2);"
                         "INSERT INTO problem VALUES (1, 0, 'a', 'b');"
                         "INSERT INTO container (store_id, container, image_id, state)"
                         " VALUES (1, 'c', 1, 1)");
    read_rig_read(&rig);
    assert_int_equal(rig.fleet.measured_count + rig.fleet.space_count + rig.fleet.exception_count +
                         rig.fleet.container_count,
                     4);
    assert_int_equal(rig.fleet.stores[0].problem_count, 1);
    read_rig_read_as_of(&rig, 2500);
    assert_int_equal(rig.fleet.measured_count + rig.fleet.space_count + rig.fleet.exception_count +
                         rig.fleet.container_count,
                     0);
    assert_int_equal(rig.fleet.stores[0].problem_count, 0);
    assert_ok(read_one_host(rig.reading, &one, read_rig_host_index(&rig, "web-1"),
                            READ_PLACES | READ_CONTAINERS | READ_TEXTS, rig.db.arena, &err));
    assert_int_equal(one.presence_count, 1);
    assert_int_equal(one.measured_count + one.container_count, 0);
}

static void one_host_of_the_past_is_as_it_was(void **state)
{
    struct fleet one;
    struct err err;

    (void)state;
    read_rig_report(&rig, rig.web, 1, 0, BASE, "debian:12", 0, 2000);
    read_rig_report(&rig, rig.web, 1, 0, APP, "debian:12", 0, 3000);
    read_rig_read_as_of(&rig, 2500);
    assert_ok(read_one_host(rig.reading, &one, read_rig_host_index(&rig, "web-1"), 0, rig.db.arena,
                            &err));
    assert_string_equal(read_rig_held(&rig, &one, "web-1"), "0:debian:12");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_image_is_there_from_its_coming_until_the_look_without_it),
        TEST(what_is_said_counts_the_stores_of_that_time),
        TEST(a_host_that_was_retired_later_is_there),
        TEST(a_host_of_a_later_time_is_none),
        TEST(a_store_that_went_later_is_there_and_as_good_as_it_was),
        TEST(nothing_but_presence_is_known_of_the_past),
        TEST(one_host_of_the_past_is_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
