#include "tests/support/unit.h"

#include "collector/store/store_private.h"
#include "tests/support/mirror_equal.h"
#include "tests/support/store_rig.h"

static const unsigned layers[] = {1, 2};

static struct store_rig rig;
static int64_t host;
static struct digest image;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig);
    host = rig_hello(&rig, 1, "web-1", 1000);
    rig_config(&rig, layers, unit_count(layers), &image);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    assert_mirror_as_file(&rig);
    rig_close(&rig);
    return 0;
}

/* The image with a name in store 1, and an extra chain; within the caller's transaction. */
static int report(uint64_t generation, const char *name, struct err *err)
{
    struct digest chain = rig_digest('C', 1), diff = rig_digest('L', 9);
    struct rec_content *c = rig_content(&rig, 1);
    struct rec_store_sum sum = {.key = rig_key(1)};

    rig_name(&rig, rig_image(&rig, c, &image, true), name);
    rig_exception(&rig, c, REC_CHAIN_EXTRA, &chain, &diff);
    rig_sort(c);
    sum.sum = rec_content_sum(c);
    return apply_inventory(rig.store,
                           &(struct apply_inventory){.incarnation_id = host,
                                                     .generation = generation,
                                                     .now_ms = 1010000,
                                                     .contents = c,
                                                     .content_count = 1,
                                                     .sums = &sum,
                                                     .sum_count = 1},
                           err);
}

static void reopen(void)
{
    struct err err;

    store_close(&rig.store);
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
}

static void a_job_that_is_undone_leaves_the_others_work(void **state)
{
    const struct mirror *m = rig.store->mirror;
    size_t listings;
    struct err err;

    (void)state;
    assert_ok(store_begin(rig.store, &err));
    assert_ok(store_mark(rig.store, &err));
    assert_ok(report(1, "debian:11", &err));
    assert_ok(store_mark_keep(rig.store, &err));
    listings = m->tables[MIRROR_LISTINGS].count;
    assert_ok(store_mark(rig.store, &err));
    assert_ok(report(2, "debian:12", &err));
    assert_int_equal(m->tables[MIRROR_LISTINGS].count, listings + 1);
    store_mark_undo(rig.store);
    assert_int_equal(m->tables[MIRROR_LISTINGS].count, listings);
    assert_int_not_equal(mirror_held(m, mirror_store(m, 1), mirror_find_image(m, &image)), 0);
    assert_ok(store_commit(rig.store, &err));
    assert_int_equal(rig_number(&rig, "SELECT stores FROM count_listing"), 1);
}

static void a_transaction_that_is_rolled_back_leaves_nothing(void **state)
{
    struct err err;

    (void)state;
    assert_ok(store_begin(rig.store, &err));
    assert_ok(report(1, "debian:12", &err));
    assert_int_not_equal(mirror_find_image(rig.store->mirror, &image), 0);
    store_rollback(rig.store);
    assert_int_equal(mirror_find_image(rig.store->mirror, &image), 0);
    assert_int_equal(rig.store->mirror->tables[MIRROR_STORES].count, 1);
}

static int refuse(void *arg)
{
    (void)arg;
    return 1;
}

static void after_a_commit_that_fails_the_file_is_read_again(void **state)
{
    struct err err;

    (void)state;
    assert_ok(store_begin(rig.store, &err));
    assert_ok(report(1, "debian:12", &err));
    sqlite3_commit_hook(rig.store->db, refuse, NULL);
    assert_int_equal(store_commit(rig.store, &err), -1);
    sqlite3_commit_hook(rig.store->db, NULL, NULL);
    assert_null(rig.store->mirror);
    assert_int_equal(RIG_APPLY(&rig, report(1, "debian:12", &err)), 0);
    assert_int_equal(rig_number(&rig, "SELECT sum(stores) FROM count_listing"), 1);
}

static void a_chain_that_no_config_explains_counts_too(void **state)
{
    struct digest text_id;
    const char *text = rig_config(&rig, layers, unit_count(layers), &text_id);
    struct err err;

    (void)state;
    assert_int_equal(RIG_APPLY(&rig, report(1, "debian:12", &err)), 0);
    assert_int_equal(rig_number(&rig, "SELECT sum(copies) FROM count_chain"), 1);
    rig_document(&rig, host, &image, text, 0, 1020);
    assert_int_equal(rig_number(&rig, "SELECT sum(copies) FROM count_chain"), 3);
}

static void counters_that_the_file_lacks_are_made_when_it_is_opened(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(RIG_APPLY(&rig, report(1, "debian:12", &err)), 0);
    rig_execute(&rig, "DELETE FROM count_chain; DELETE FROM count_listing;");
    reopen();
    assert_int_equal(rig_number(&rig, "SELECT sum(copies) FROM count_chain"), 1);
}

static void counters_that_are_wrong_are_repaired_when_it_is_opened(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(RIG_APPLY(&rig, report(1, "debian:12", &err)), 0);
    rig_execute(&rig, "UPDATE count_chain SET copies = 7; INSERT INTO count_layer "
                      "VALUES (1, 2, 3, 4, 5)");
    reopen();
    assert_int_equal(rig_number(&rig, "SELECT sum(copies) FROM count_chain"), 1);
    assert_int_equal(rig_number(&rig, "SELECT sum(users) FROM count_layer"), 0);
}

static void a_file_whose_rows_point_nowhere_is_not_opened(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(RIG_APPLY(&rig, report(1, "debian:12", &err)), 0);
    store_close(&rig.store);
    rig_execute(&rig, "PRAGMA foreign_keys = OFF; UPDATE exception SET chain_id = 99");
    assert_fails(store_open_writer(&rig.store, rig.path, &err), ERR_CORRUPT,
                 "row 99, which is not there");
    rig_execute(&rig, "UPDATE exception SET chain_id = 1");
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_that_is_undone_leaves_the_others_work),
        TEST(a_transaction_that_is_rolled_back_leaves_nothing),
        TEST(after_a_commit_that_fails_the_file_is_read_again),
        TEST(a_chain_that_no_config_explains_counts_too),
        TEST(counters_that_the_file_lacks_are_made_when_it_is_opened),
        TEST(counters_that_are_wrong_are_repaired_when_it_is_opened),
        TEST(a_file_whose_rows_point_nowhere_is_not_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
