/* Which of several names a chain is shown by, and which of several chains a name plainly names. */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

#define DAY_S 86400
#define MARCH_S 1772409600  /* 2026-03-02 */
#define FUTURE_S 4070908800 /* 2099 */
#define UBUNTU "docker.io/library/ubuntu"
#define FIRST_BY_TEXT "docker.io/aaa/dude"

struct fixture {
    struct lineage_rig r;
    uint32_t store, os, app;
};

static int setup(void **state)
{
    static struct fixture f;

    lineage_rig_open(&f.r);
    f.store = lineage_rig_store(&f.r, "h", 0);
    f.os = maker_layer(&f.r.m, "os", 100);
    f.app = maker_layer(&f.r.m, "app", 10);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lineage_rig_close(&f->r);
    return 0;
}

static const char *title(struct fixture *f, uint32_t chain)
{
    const struct naming_claim *claim;
    struct err err;

    lineage_rig_compute(&f->r, 0);
    claim = naming_title(&f->r.naming, chain);
    return claim == NULL ? NULL : naming_text(claim, f->r.m.arena, &err);
}

/* ---- several names of one chain -------------------------------------------------------------- */

static void of_equal_names_the_one_that_was_said_first_is_shown(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);

    lineage_rig_pull(&f->r, f->store, image, FIRST_BY_TEXT ":1", FIRST_BY_TEXT, "d")->root.at_s =
        MARCH_S + 1;
    lineage_rig_pull(&f->r, f->store, image, UBUNTU ":24.04", UBUNTU, "u")->root.at_s = MARCH_S;
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "ubuntu:24.04");
}

static void of_names_said_first_together_the_one_of_most_stores_is_shown(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);

    lineage_rig_pull(&f->r, f->store, image, FIRST_BY_TEXT ":1", FIRST_BY_TEXT, "d");
    lineage_rig_pull(&f->r, f->store, image, UBUNTU ":24.04", UBUNTU, "u")->stores = 3;
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "ubuntu:24.04");
}

static void of_names_that_are_equal_in_all_the_first_by_text_is_shown(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);

    lineage_rig_pull(&f->r, f->store, image, UBUNTU ":24.04", UBUNTU, "u");
    lineage_rig_pull(&f->r, f->store, image, FIRST_BY_TEXT ":1", FIRST_BY_TEXT, "d");
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "aaa/dude:1");
}

static void a_stronger_name_is_shown_before_an_earlier_one(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);

    lineage_rig_tag(&f->r, f->store, image, FIRST_BY_TEXT ":1")->root.at_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, image, UBUNTU ":24.04", UBUNTU, "u")->root.at_s = MARCH_S + 1;
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "ubuntu:24.04");
}

static void a_name_with_a_tag_is_shown_before_one_by_digest(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);

    lineage_rig_pull(&f->r, f->store, image, NULL, UBUNTU, "u")->root.at_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, image, UBUNTU ":24.04", UBUNTU, "u")->root.at_s = MARCH_S + 1;
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "ubuntu:24.04");
}

static void a_declared_name_is_the_nearest_bases_and_leaves_no_tie(void **state)
{
    struct fixture *f = *state;
    struct lineage_rig *r = &f->r;
    uint32_t shop = IMAGE(&r->m, f->os, f->app), debian = IMAGE(&r->m, f->os), other;

    other = IMAGE(&r->m, f->os);
    r->m.images[other].digest.bytes[0] ^= 1;
    lineage_rig_pull(r, f->store, debian, DEBIAN ":12", DEBIAN, "d")->root.at_s = MARCH_S;
    lineage_rig_pull(r, f->store, other, UBUNTU ":24.04", UBUNTU, "u")->root.at_s = MARCH_S + 1;
    lineage_rig_tag(r, f->store, shop, "shop:1");
    lineage_rig_compute(r, 0);
    lineage_rig_explain(r, shop);
    assert_string_equal(lineage_nearest_title(&r->lineage, &r->m.fleet, &r->catalogue, shop)->name,
                        DEBIAN ":12");
    assert_true(lineage_rig_says(r, "2 named images have just these layers"));
    lineage_rig_declare(r, shop, EVIDENCE_LABEL, UBUNTU ":24.04", "u");
    lineage_rig_compute(r, 0);
    lineage_rig_explain(r, shop);
    assert_string_equal(lineage_nearest_title(&r->lineage, &r->m.fleet, &r->catalogue, shop)->name,
                        UBUNTU ":24.04");
    assert_false(lineage_rig_says(r, "named images have just these layers"));
}

static void a_declared_name_that_does_not_count_decides_no_tie(void **state)
{
    struct fixture *f = *state;
    struct lineage_rig *r = &f->r;
    uint32_t shop = IMAGE(&r->m, f->os, f->app), debian = IMAGE(&r->m, f->os),
             user = lineage_rig_store(r, "laptop", 1000);

    lineage_rig_pull(r, f->store, debian, DEBIAN ":12", DEBIAN, "d");
    lineage_rig_tag(r, user, debian, UBUNTU ":24.04");
    lineage_rig_declare(r, shop, EVIDENCE_LABEL, UBUNTU ":24.04", "d");
    lineage_rig_compute(r, 0);
    assert_int_equal(r->lineage.images[shop].confirmed, 1);
    assert_string_equal(lineage_nearest_title(&r->lineage, &r->m.fleet, &r->catalogue, shop)->name,
                        DEBIAN ":12");
}

/* ---- several chains of one name -------------------------------------------------------------- */

static void a_date_of_the_future_makes_no_version_the_newest(void **state)
{
    struct fixture *f = *state;
    uint32_t liar = IMAGE(&f->r.m, f->os), real = IMAGE(&f->r.m, f->app);

    f->r.m.images[liar].created_s = FUTURE_S;
    f->r.m.images[liar].first_s = MARCH_S;
    f->r.m.images[real].created_s = MARCH_S - 10 * DAY_S;
    f->r.m.images[real].first_s = MARCH_S + DAY_S;
    lineage_rig_pull(&f->r, f->store, liar, DEBIAN ":12", DEBIAN, "m1")->root.at_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, real, DEBIAN ":12", DEBIAN, "m2")->root.at_s =
        MARCH_S + DAY_S;
    assert_string_equal(title(f, CHAIN(&f->r.m, f->app)), "debian:12");
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "debian:12 as of 2026-03-02");
}

static void what_the_catalogue_names_yields_to_nothing_that_is_pulled(void **state)
{
    struct fixture *f = *state;
    uint32_t later = IMAGE(&f->r.m, f->app);

    IMAGE(&f->r.m, f->os);
    f->r.m.images[later].os = "linux";
    f->r.m.images[later].arch = "amd64";
    f->r.m.images[later].created_s = MARCH_S + 9 * DAY_S;
    lineage_rig_entry(&f->r, DEBIAN ":12", CHAIN(&f->r.m, f->os))->created_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, later, DEBIAN ":12", DEBIAN, "m")->root.at_s =
        MARCH_S + 10 * DAY_S;
    assert_string_equal(title(f, CHAIN(&f->r.m, f->os)), "debian:12");
    assert_string_equal(title(f, CHAIN(&f->r.m, f->app)), "debian:12 as of 2026-03-12");
}

static void an_entry_of_the_catalogue_yields_to_a_newer_one(void **state)
{
    struct fixture *f = *state;
    uint32_t old = CHAIN(&f->r.m, f->os), new = CHAIN(&f->r.m, f->app);
    struct catalogue_base *entry;

    IMAGE(&f->r.m, f->os);
    IMAGE(&f->r.m, f->app);
    entry = lineage_rig_entry(&f->r, DEBIAN ":12", new);
    entry->added_s = MARCH_S + 9 * DAY_S;
    entry->created_s = MARCH_S + 5 * DAY_S;
    entry = lineage_rig_entry(&f->r, DEBIAN ":12", old);
    entry->added_s = MARCH_S + 20 * DAY_S;
    entry->created_s = MARCH_S;
    assert_string_equal(title(f, new), "debian:12");
    assert_string_equal(title(f, old), "debian:12 as of 2026-03-22");
}

static void a_users_word_lends_the_catalogue_no_image(void **state)
{
    struct fixture *f = *state;
    uint32_t mine = IMAGE(&f->r.m, f->os), user = lineage_rig_store(&f->r, "laptop", 1000),
             chain = CHAIN(&f->r.m, f->os);
    const struct naming_claim *claim;

    lineage_rig_entry(&f->r, DEBIAN ":12", chain);
    lineage_rig_tag(&f->r, user, mine, DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    claim = naming_title(&f->r.naming, chain);
    assert_int_equal(claim->image, FLEET_NONE);
    assert_int_equal(claim->stores, 1);
    lineage_rig_tag(&f->r, f->store, mine, DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(naming_title(&f->r.naming, chain)->image, mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(of_equal_names_the_one_that_was_said_first_is_shown),
        TEST(of_names_said_first_together_the_one_of_most_stores_is_shown),
        TEST(of_names_that_are_equal_in_all_the_first_by_text_is_shown),
        TEST(a_stronger_name_is_shown_before_an_earlier_one),
        TEST(a_name_with_a_tag_is_shown_before_one_by_digest),
        TEST(a_declared_name_is_the_nearest_bases_and_leaves_no_tie),
        TEST(a_declared_name_that_does_not_count_decides_no_tie),
        TEST(a_date_of_the_future_makes_no_version_the_newest),
        TEST(what_the_catalogue_names_yields_to_nothing_that_is_pulled),
        TEST(an_entry_of_the_catalogue_yields_to_a_newer_one),
        TEST(a_users_word_lends_the_catalogue_no_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
