#include "tests/support/unit.h"

#include "tests/support/store_rig.h"

#define OPEN "SELECT count(*) FROM presence WHERE gone_s IS NULL"
#define ENDED "SELECT count(*) FROM presence WHERE gone_s IS NOT NULL"
#define OPEN_LISTED                                                                                \
    "SELECT count(*) FROM presence p JOIN listing l ON l.id = p.listing_id WHERE p.gone_s IS NULL"
#define OPEN_NAMES                                                                                 \
    "SELECT count(*) FROM presence p JOIN listing_name n ON n.listing_id = p.listing_id "          \
    "WHERE p.gone_s IS NULL"

static struct store_rig rig;
static int64_t host; /* incarnation of the machine under test */

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig);
    host = rig_hello(&rig, 1, "web-1", 1000);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* Store 1 with images 1 to `count`, each named "app<n>:1". */
static struct rec_content *images(unsigned count)
{
    struct rec_content *c = rig_content(&rig, 1);

    for (unsigned i = 1; i <= count; i++) {
        struct digest id = rig_digest('I', i);
        char name[32];

        snprintf(name, sizeof(name), "app%u:1", i);
        rig_name(&rig, rig_image(&rig, c, &id, true), name);
    }
    return c;
}

/* The change that makes `now` of a store, where `now` names the changed images alone. */
static struct rec_store_change change_to(const struct rec_content *whole)
{
    struct rec_content sorted = *whole;

    rig_sort(&sorted);
    return (struct rec_store_change){.store = whole->store, .sum = rec_content_sum(&sorted)};
}

static int differ(uint64_t base, uint64_t generation, struct rec_store_change *change,
                  int64_t now_s, struct err *err)
{
    struct rec_difference d = {
        .base = base, .generation = generation, .stores = change, .store_count = change != NULL};

    return RIG_APPLY(&rig, apply_difference(rig.store, host, &d, now_s * 1000, err));
}

static void an_inventory_is_stored_with_its_names_and_digest(void **state)
{
    struct rec_content *c = images(2);
    struct setsum sum;
    uint8_t bytes[32];
    char query[160] = "SELECT sum = x'";
    size_t len = strlen(query);

    (void)state;
    c->images[0].has_parent = true;
    c->images[0].parent = c->images[1].id;
    rig_repo_digest(&rig, &c->images[1], "docker.io/library/debian", 5);
    rig_inventory(&rig, host, 1, c, 1010);
    assert_int_equal(rig_number(&rig, OPEN), 2);
    assert_int_equal(rig_number(&rig, OPEN_NAMES), 2);
    assert_string_equal(rig_text(&rig, "SELECT n.text FROM listing_repo_digest r "
                                       "JOIN name n ON n.id = r.name_id"),
                        "docker.io/library/debian");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM listing WHERE parent_id > 0"), 1);
    assert_int_equal(rig_number(&rig, "SELECT look_s FROM store"), 1010);
    assert_int_equal(rig_number(&rig, "SELECT generation FROM incarnation"), 1);
    rig_sort(c);
    sum = rec_content_sum(c);
    setsum_bytes(&sum, bytes);
    for (size_t i = 0; i < sizeof(bytes); i++)
        len += (size_t)snprintf(query + len, sizeof(query) - len, "%02x", bytes[i]);
    snprintf(query + len, sizeof(query) - len, "' FROM store");
    assert_int_equal(rig_number(&rig, query), 1);
}

static void a_second_inventory_touches_only_what_changed(void **state)
{
    struct rec_content *c;

    (void)state;
    rig_inventory(&rig, host, 1, images(3), 1010);
    c = images(4);
    c->images[0].name_count = 0;
    c->images[1] = c->images[3]; /* image 2 is gone, image 4 is new */
    c->image_count = 3;
    rig_inventory(&rig, host, 2, c, 1020);
    assert_int_equal(rig_number(&rig, OPEN), 3);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence WHERE from_s = 1010"), 3);
    assert_int_equal(rig_number(&rig, OPEN " AND from_s = 1020 AND since_s IS NULL"), 1);
    assert_int_equal(rig_number(&rig, OPEN " AND from_s = 1020 AND since_s = 1010"), 1);
    assert_int_equal(rig_number(&rig, ENDED), 2);
    assert_int_equal(rig_number(&rig, ENDED " AND gone_s = 1020 AND gone_after_s = 1010"), 2);
    assert_int_equal(rig_number(&rig, OPEN_NAMES), 2);
}

static void a_store_that_is_not_named_any_more_is_gone(void **state)
{
    struct rec_content *other = rig_content(&rig, 2);
    const struct rec_content *both[] = {images(1), other};
    struct digest id = rig_digest('I', 9);
    struct err err;

    (void)state;
    rig_image(&rig, other, &id, false);
    assert_ok(rig_try_inventory(&rig, host, 1, both, 2, 1010, 1010, &err));
    rig_inventory(&rig, host, 2, images(1), 1020);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM store WHERE gone_s = 1020"), 1);
    assert_int_equal(rig_number(&rig, OPEN), 1);
    assert_ok(rig_try_inventory(&rig, host, 3, both, 2, 1030, 1030, &err));
    assert_int_equal(rig_number(&rig, OPEN), 2);
}

static void an_inventory_without_its_digest_is_refused_whole(void **state)
{
    struct rec_content *c = images(2);
    struct rec_store_sum sum = {.key = c->store.key};
    struct apply_inventory in = {.incarnation_id = host,
                                 .generation = 1,
                                 .now_ms = 1010000,
                                 .contents = c,
                                 .content_count = 1,
                                 .sums = &sum,
                                 .sum_count = 1};
    struct err err;

    (void)state;
    rig_sort(c);
    assert_fails(RIG_APPLY(&rig, apply_inventory(rig.store, &in, &err)), ERR_CONFLICT, "digest");
    assert_int_equal(rig_number(&rig, OPEN), 0);
    in.sum_count = 0;
    assert_fails(RIG_APPLY(&rig, apply_inventory(rig.store, &in, &err)), ERR_CONFLICT,
                 "1 stores and 0 digests");
    in.sum_count = 1;
    sum.key = rig_key(3);
    assert_fails(RIG_APPLY(&rig, apply_inventory(rig.store, &in, &err)), ERR_CONFLICT,
                 "no digest of store");
}

static void a_store_named_twice_is_refused(void **state)
{
    const struct rec_content *twice[] = {images(1), images(1)};
    struct err err;

    (void)state;
    assert_fails(rig_try_inventory(&rig, host, 1, twice, 2, 1010, 1010, &err), ERR_CONFLICT,
                 "twice");
}

static void an_image_named_twice_is_refused(void **state)
{
    struct rec_content *c = images(2);
    const struct rec_content *list = c;
    struct err err;

    (void)state;
    c->images[1] = c->images[0];
    assert_fails(rig_try_inventory(&rig, host, 1, &list, 1, 1010, 1010, &err), ERR_CONFLICT,
                 "names something twice");
}

static void a_generation_that_does_not_follow_is_refused(void **state)
{
    const struct rec_content *list = images(1);
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 4, list, 1010);
    assert_fails(rig_try_inventory(&rig, host, 4, &list, 1, 1011, 1011, &err), ERR_PROTOCOL,
                 "generation 4");
}

static void an_unreadable_store_keeps_its_content(void **state)
{
    struct rec_content *c = images(2);
    const struct rec_content *list = c;
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 1, c, 1010);
    c->store.state = REC_STORE_UNREADABLE;
    c->store.error = "permission denied";
    rig_inventory(&rig, host, 2, c, 1050);
    assert_int_equal(rig_number(&rig, OPEN), 2);
    assert_int_equal(rig_number(&rig, "SELECT look_s FROM store"), 1010);
    assert_int_equal(rig_number(&rig, "SELECT state_s FROM store"), 1050);
    c->image_count = 0;
    assert_fails(rig_try_inventory(&rig, host, 3, &list, 1, 1060, 1060, &err), ERR_CONFLICT,
                 "could not be read");
    assert_int_equal(rig_number(&rig, OPEN), 2);
}

static void problems_of_a_store_are_replaced(void **state)
{
    struct rec_content *c = images(1);
    struct rec_problem problems[] = {{"image a", "broken"}, {"image b", "broken"}};

    (void)state;
    c->store.problems = problems;
    c->store.problem_count = 2;
    c->store.state = REC_STORE_CORRUPT;
    rig_inventory(&rig, host, 1, c, 1010);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM problem"), 2);
    c->store.problem_count = 1;
    rig_inventory(&rig, host, 2, c, 1020);
    assert_string_equal(rig_text(&rig, "SELECT group_concat(subject) FROM problem"), "image a");
}

/* ---- differences ----------------------------------------------------------------------------- */

static void a_difference_adds_changes_and_removes(void **state)
{
    struct rec_content *whole = images(3), *changed = rig_content(&rig, 1);
    struct rec_store_change change;
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 1, images(2), 1010);
    whole->images[1].unpacked = false;
    rig_name(&rig, &whole->images[1], "zz:1");
    whole->images[0] = whole->images[2];
    whole->image_count = 2; /* 1 removed, 2 altered, 3 added */
    change = change_to(whole);
    change.changed = changed->images;
    changed->images[0] = whole->images[1];
    changed->images[1] = whole->images[0];
    change.changed_count = 2;
    change.removed = (struct digest[]){rig_digest('I', 1)};
    change.removed_count = 1;
    assert_ok(differ(1, 2, &change, 1020, &err));
    assert_int_equal(rig_number(&rig, OPEN), 2);
    assert_int_equal(rig_number(&rig, OPEN_NAMES), 3);
    assert_int_equal(rig_number(&rig, OPEN_LISTED " AND l.unpacked = 0 AND p.from_s = 1020"), 1);
    assert_int_equal(rig_number(&rig, "SELECT generation FROM incarnation"), 2);
}

static void a_difference_out_of_step_asks_for_everything(void **state)
{
    struct rec_store_change change;
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 3, images(1), 1010);
    change = change_to(images(1));
    assert_fails(differ(2, 4, &change, 1020, &err), ERR_MOVED, "resync");
    assert_fails(differ(3, 3, &change, 1020, &err), ERR_MOVED, "resync");
    change.sum.lane[0]++;
    assert_fails(differ(3, 4, &change, 1020, &err), ERR_MOVED, "digest");
    change.removed = (struct digest[]){rig_digest('I', 50)};
    change.removed_count = 1;
    assert_fails(differ(3, 4, &change, 1020, &err), ERR_MOVED, "not here");
    assert_int_equal(rig_number(&rig, "SELECT generation FROM incarnation"), 3);
}

static void a_difference_makes_and_removes_stores(void **state)
{
    struct rec_key gone = rig_key(1);
    struct rec_difference d = {.base = 2, .generation = 3, .gone = &gone, .gone_count = 1};
    struct rec_content *whole = images(2);
    struct rec_store_change change;
    struct err err;

    (void)state;
    rig_sort(whole);
    change = change_to(whole);
    change.changed = whole->images;
    change.changed_count = 2;
    assert_ok(differ(0, 2, &change, 1020, &err));
    assert_int_equal(rig_number(&rig, OPEN), 2);
    assert_ok(RIG_APPLY(&rig, apply_difference(rig.store, host, &d, 1030000, &err)));
    assert_int_equal(rig_number(&rig, OPEN), 0);
    d.base = 3;
    d.generation = 4;
    assert_fails(RIG_APPLY(&rig, apply_difference(rig.store, host, &d, 1040000, &err)), ERR_MOVED,
                 "not here");
}

static void a_difference_of_an_unreadable_store_changes_no_content(void **state)
{
    struct rec_store_change change;
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 1, images(2), 1010);
    change = change_to(images(2));
    change.store.state = REC_STORE_UNREADABLE;
    assert_ok(differ(1, 2, &change, 1020, &err));
    change.sum = rec_content_sum(images(1));
    change.removed = (struct digest[]){rig_digest('I', 2)};
    change.removed_count = 1;
    assert_fails(differ(2, 3, &change, 1030, &err), ERR_CONFLICT, "could not be read");
    assert_int_equal(rig_number(&rig, OPEN), 2);
}

static void many_differences_make_no_more_stores_than_one(void **state)
{
    struct rec_store_change stores[REC_STORES_MAX];
    struct rec_difference d = {
        .generation = 1, .stores = stores, .store_count = REC_STORES_MAX, .age_ms = 0};
    struct err err;

    (void)state;
    for (unsigned i = 0; i < REC_STORES_MAX; i++)
        stores[i] = (struct rec_store_change){.store = rig_content(&rig, i)->store};
    assert_ok(RIG_APPLY(&rig, apply_difference(rig.store, host, &d, 1020000, &err)));
    stores[0].store.key = rig_key(REC_STORES_MAX);
    assert_fails(differ(1, 2, &stores[0], 1030, &err), ERR_LIMIT, "256 stores");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM store"), REC_STORES_MAX);
}

/* As after a restart: what was written beside the store is known to it. */
static void reopen(void)
{
    struct err err;

    store_close(&rig.store);
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
}

static void many_differences_make_no_larger_store_than_one(void **state)
{
    struct rec_content *one = images(1);
    struct rec_store_change change;
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 1, rig_content(&rig, 1), 1010);
    rig_execute(&rig, "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT "
                      "50000) INSERT INTO image (id, digest, identity, first_s) "
                      "SELECT i, randomblob(32), 1, 1010 FROM n");
    rig_execute(&rig, "INSERT INTO listing (id, image_id, identity, unpacked) "
                      "SELECT id, id, 1, 1 FROM image");
    rig_execute(&rig, "INSERT INTO presence (store_id, listing_id, from_s) "
                      "SELECT 1, id, 1010 FROM listing");
    rig.damaged = true; /* the store's digest does not cover them */
    reopen();
    change = change_to(one);
    change.changed = one->images;
    change.changed_count = 1;
    assert_fails(differ(1, 2, &change, 1020, &err), ERR_LIMIT, "50000 images");
    rig_execute(&rig, "UPDATE presence SET gone_s = 1011 WHERE listing_id = 1");
    reopen();
    assert_ok(differ(1, 2, &change, 1020, &err));
}

static void exceptions_given_replace_the_old_ones(void **state)
{
    struct rec_content *c = images(1);
    struct digest chain = rig_digest('C', 1), diff = rig_digest('L', 1);
    struct rec_store_change change;
    struct err err;

    (void)state;
    rig_exception(&rig, c, REC_CHAIN_EXTRA, &chain, &diff);
    rig_inventory(&rig, host, 1, c, 1010);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM exception"), 1);
    c->exceptions[0].chain = rig_digest('C', 2);
    c->exceptions[0].kind = REC_CHAIN_MISSING;
    change = change_to(c);
    change.exceptions_given = true;
    change.exceptions = c->exceptions;
    change.exception_count = 1;
    assert_ok(differ(1, 2, &change, 1020, &err));
    assert_int_equal(rig_number(&rig, "SELECT kind FROM exception"), REC_CHAIN_MISSING);
    change = change_to(images(1));
    change.exceptions_given = true;
    assert_ok(differ(2, 3, &change, 1030, &err));
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM exception"), 0);
}

/* ---- times ----------------------------------------------------------------------------------- */

static void observations_never_run_backwards_nor_ahead(void **state)
{
    const struct rec_content *one = images(1), *two = images(2), *three = images(3);
    struct err err;

    (void)state;
    assert_ok(rig_try_inventory(&rig, host, 1, &one, 1, 1500, 2000, &err));
    assert_int_equal(rig_number(&rig, "SELECT max(from_s) FROM presence"), 1500);
    assert_ok(rig_try_inventory(&rig, host, 2, &two, 1, 1200, 2000, &err)); /* older than before */
    assert_int_equal(rig_number(&rig, "SELECT max(from_s) FROM presence"), 1500);
    assert_ok(rig_try_inventory(&rig, host, 3, &three, 1, 9999, 2000, &err)); /* from the future */
    assert_int_equal(rig_number(&rig, "SELECT max(from_s) FROM presence"), 2000);
    assert_int_equal(rig_number(&rig, "SELECT last_s FROM incarnation"), 2000);
}

static void what_goes_and_returns_in_one_second_is_taken_up_again(void **state)
{
    (void)state;
    rig_inventory(&rig, host, 1, images(1), 1010);
    rig_inventory(&rig, host, 2, images(0), 1010);
    assert_int_equal(rig_number(&rig, OPEN), 0);
    rig_inventory(&rig, host, 3, images(1), 1010);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence"), 1);
    assert_int_equal(rig_number(&rig, OPEN), 1);
    assert_int_equal(rig_number(&rig, OPEN_NAMES), 1);
}

static void what_goes_and_returns_later_has_two_intervals(void **state)
{
    (void)state;
    rig_inventory(&rig, host, 1, images(1), 1010);
    rig_inventory(&rig, host, 2, images(0), 1020);
    rig_inventory(&rig, host, 3, images(1), 1030);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM presence"), 2);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM listing"), 1);
    assert_int_equal(rig_number(&rig, OPEN " AND from_s = 1030"), 1);
}

static void a_look_without_news_moves_the_last_look(void **state)
{
    struct apply_life life = {host, 1500, 1490, 3};
    struct err err;

    (void)state;
    rig_inventory(&rig, host, 1, images(1), 1010);
    assert_ok(RIG_APPLY(&rig, apply_lives(rig.store, &life, 1, &err)));
    assert_int_equal(rig_number(&rig, "SELECT look_s FROM store"), 1490);
    assert_int_equal(rig_number(&rig, "SELECT last_s FROM host"), 1500);
    assert_int_equal(rig_number(&rig, "SELECT unknown FROM incarnation"), 3);
    rig_inventory(&rig, host, 2, images(0), 1600);
    assert_int_equal(rig_number(&rig, "SELECT gone_after_s FROM presence"), 1490);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_inventory_is_stored_with_its_names_and_digest),
        TEST(a_second_inventory_touches_only_what_changed),
        TEST(a_store_that_is_not_named_any_more_is_gone),
        TEST(an_inventory_without_its_digest_is_refused_whole),
        TEST(a_store_named_twice_is_refused),
        TEST(an_image_named_twice_is_refused),
        TEST(a_generation_that_does_not_follow_is_refused),
        TEST(an_unreadable_store_keeps_its_content),
        TEST(problems_of_a_store_are_replaced),
        TEST(a_difference_adds_changes_and_removes),
        TEST(a_difference_out_of_step_asks_for_everything),
        TEST(a_difference_makes_and_removes_stores),
        TEST(a_difference_of_an_unreadable_store_changes_no_content),
        TEST(many_differences_make_no_more_stores_than_one),
        TEST(many_differences_make_no_larger_store_than_one),
        TEST(exceptions_given_replace_the_old_ones),
        TEST(observations_never_run_backwards_nor_ahead),
        TEST(what_goes_and_returns_in_one_second_is_taken_up_again),
        TEST(what_goes_and_returns_later_has_two_intervals),
        TEST(a_look_without_news_moves_the_last_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
