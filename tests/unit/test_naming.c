#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

#define DAY_S 86400
#define MARCH_S 1772409600 /* 2026-03-02 */

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

static const struct naming_claim *claim(const struct fixture *f, uint32_t image, const char *name)
{
    const struct fleet_image *i = &f->r.m.images[image];
    const struct naming_claim *found =
        lineage_rig_claim(&f->r, i->chains[i->chain_count - 1], name);

    assert_non_null(found);
    return found;
}

static void a_tag_alone_names_and_a_repo_digest_of_its_repository_names_better(void **state)
{
    struct fixture *f = *state;
    uint32_t tagged = IMAGE(&f->r.m, f->os), pulled = IMAGE(&f->r.m, f->app),
             other = IMAGE(&f->r.m, f->os, f->app);

    lineage_rig_tag(&f->r, f->store, tagged, "host:5000/repo:1");
    lineage_rig_pull(&f->r, f->store, pulled, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_pull(&f->r, f->store, other, DEBIAN "-slim:12", DEBIAN, "m2");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(claim(f, tagged, "host:5000/repo:1")->strength, NAME_TAG);
    assert_int_equal(claim(f, pulled, DEBIAN ":12")->strength, NAME_PULLED);
    assert_int_equal(claim(f, other, DEBIAN "-slim:12")->strength, NAME_TAG);
    assert_false(claim(f, pulled, DEBIAN ":12")->for_policy);
    assert_int_equal(f->r.naming.strength[CHAIN(&f->r.m, f->app)], NAME_PULLED);
}

static void an_image_without_a_name_is_named_by_its_repo_digest(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);
    char name[256], digest[DIGEST_TEXT];
    struct digest manifest = digest_of("m1", 2);

    lineage_rig_pull(&f->r, f->store, image, NULL, DEBIAN, "m1");
    lineage_rig_compute(&f->r, 0);
    snprintf(name, sizeof(name), DEBIAN "@%s", digest_text(&manifest, digest));
    assert_int_equal(claim(f, image, name)->strength, NAME_PULLED);
}

static void a_store_of_a_user_names_for_nobody(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os), mine = lineage_rig_store(&f->r, "laptop", 1000);

    lineage_rig_pull(&f->r, mine, image, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(claim(f, image, DEBIAN ":12")->strength, NAME_SEEN);
    assert_int_equal(claim(f, image, DEBIAN ":12")->store, mine);
    assert_null(naming_title(&f->r.naming, CHAIN(&f->r.m, f->os)));
}

static void a_user_cannot_make_a_version_older_than_it_is(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os), mine = lineage_rig_store(&f->r, "laptop", 1000);

    lineage_rig_tag(&f->r, mine, image, DEBIAN ":12")->user.at_s = 1000;
    lineage_rig_tag(&f->r, f->store, image, DEBIAN ":12")->root.at_s = 2000;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(claim(f, image, DEBIAN ":12")->strength, NAME_TAG);
    assert_int_equal(claim(f, image, DEBIAN ":12")->first_s, 2000);
    assert_int_equal(claim(f, image, DEBIAN ":12")->store, f->store);
    assert_int_equal(claim(f, image, DEBIAN ":12")->stores, 2);
}

static void a_trusted_registry_gives_strength_and_no_word_for_policy(void **state)
{
    struct fixture *f = *state;
    const char *registries[] = {"docker.io/library/?*"};
    uint32_t image = IMAGE(&f->r.m, f->os), tagged = IMAGE(&f->r.m, f->app);

    f->r.catalogue.registries = registries;
    f->r.catalogue.registry_count = 1;
    lineage_rig_pull(&f->r, f->store, image, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_tag(&f->r, f->store, tagged, PYTHON ":3");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(claim(f, image, DEBIAN ":12")->strength, NAME_TRUSTED);
    assert_false(claim(f, image, DEBIAN ":12")->for_policy);
    assert_int_equal(claim(f, tagged, PYTHON ":3")->strength, NAME_TAG);
}

static void a_store_that_is_trusted_to_name_names_for_policy(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os), mine = lineage_rig_store(&f->r, "builder", 1000);

    lineage_rig_tag(&f->r, mine, image, DEBIAN ":12");
    f->r.trusted[0] = true;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(claim(f, image, DEBIAN ":12")->strength, NAME_TRUSTED);
    assert_true(claim(f, image, DEBIAN ":12")->for_policy);
}

static void the_catalogue_names_strongest_and_knows_its_chains(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os), chain = CHAIN(&f->r.m, f->os);

    lineage_rig_tag(&f->r, f->store, image, "a:1");
    lineage_rig_entry(&f->r, PYTHON ":3", FLEET_NONE);
    lineage_rig_entry(&f->r, DEBIAN ":12", chain);
    lineage_rig_compute(&f->r, 0);
    assert_string_equal(naming_title(&f->r.naming, chain)->name, DEBIAN ":12");
    assert_int_equal(naming_title(&f->r.naming, chain)->strength, NAME_CATALOGUE);
    assert_true(naming_title(&f->r.naming, chain)->for_policy);
    assert_int_equal(f->r.naming.catalogue_chain[0], FLEET_NONE);
    assert_int_equal(f->r.naming.catalogue_chain[1], chain);
}

static void a_foreign_chain_tagged_with_a_pulled_name_is_displaced(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = IMAGE(&f->r.m, f->os), evil = IMAGE(&f->r.m, f->app);

    f->r.m.images[evil].created_s = MARCH_S; /* newer, which does not help it */
    lineage_rig_pull(&f->r, f->store, debian, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_tag(&f->r, f->store, evil, DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, evil, DEBIAN ":12")->displaced);
    assert_int_equal(claim(f, evil, DEBIAN ":12")->other, CHAIN(&f->r.m, f->os));
    assert_null(naming_title(&f->r.naming, CHAIN(&f->r.m, f->app)));
    assert_int_equal(f->r.naming.strength[CHAIN(&f->r.m, f->app)], NAME_NONE);
    assert_false(claim(f, debian, DEBIAN ":12")->displaced);
    assert_false(claim(f, debian, DEBIAN ":12")->moved);
}

static void a_catalogue_entry_on_no_host_displaces_a_tag(void **state)
{
    struct fixture *f = *state;
    uint32_t evil = IMAGE(&f->r.m, f->app);

    lineage_rig_entry(&f->r, DEBIAN ":12", FLEET_NONE);
    lineage_rig_tag(&f->r, f->store, evil, DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, evil, DEBIAN ":12")->displaced);
    assert_int_equal(f->r.naming.claim_count, 1);
}

static void other_platforms_of_a_name_neither_displace_nor_move_it(void **state)
{
    struct fixture *f = *state;
    uint32_t amd = IMAGE(&f->r.m, f->os), arm = IMAGE(&f->r.m, f->app),
             again = IMAGE(&f->r.m, f->app, f->app);

    f->r.m.images[arm].arch = f->r.m.images[again].arch = "arm64";
    f->r.m.images[arm].variant = "v8";
    lineage_rig_pull(&f->r, f->store, amd, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_pull(&f->r, f->store, arm, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_pull(&f->r, f->store, again, DEBIAN ":12", DEBIAN, "m2")->root.at_s = MARCH_S;
    lineage_rig_compute(&f->r, 0);
    assert_false(claim(f, arm, DEBIAN ":12")->displaced);
    assert_false(claim(f, amd, DEBIAN ":12")->moved);
    assert_true(claim(f, arm, DEBIAN ":12")->moved); /* arm64 and arm64/v8 are one platform */
    assert_int_equal(claim(f, arm, DEBIAN ":12")->other, CHAIN(&f->r.m, f->app, f->app));
}

static void an_odd_platform_does_not_save_a_tag_from_a_stronger_claim(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = IMAGE(&f->r.m, f->os), evil = IMAGE(&f->r.m, f->app);

    f->r.m.images[evil].variant = "v9";
    lineage_rig_pull(&f->r, f->store, debian, DEBIAN ":12", DEBIAN, "m1");
    lineage_rig_tag(&f->r, f->store, evil, DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, evil, DEBIAN ":12")->displaced);
    assert_false(claim(f, evil, DEBIAN ":12")->moved);
    assert_int_equal(claim(f, evil, DEBIAN ":12")->other, CHAIN(&f->r.m, f->os));
    assert_null(naming_title(&f->r.naming, CHAIN(&f->r.m, f->app)));
}

static void a_tag_that_has_moved_still_names_the_old_version(void **state)
{
    struct fixture *f = *state;
    uint32_t old = IMAGE(&f->r.m, f->os), new = IMAGE(&f->r.m, f->app);
    struct err err;

    lineage_rig_pull(&f->r, f->store, old, DEBIAN ":12", DEBIAN, "m1")->root.at_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, new, DEBIAN ":12", DEBIAN, "m2")->root.at_s =
        MARCH_S + 90 * DAY_S;
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, old, DEBIAN ":12")->moved);
    assert_int_equal(claim(f, old, DEBIAN ":12")->other, CHAIN(&f->r.m, f->app));
    assert_string_equal(naming_text(claim(f, old, DEBIAN ":12"), f->r.m.arena, &err),
                        "debian:12 as of 2026-03-02");
    assert_string_equal(naming_text(claim(f, new, DEBIAN ":12"), f->r.m.arena, &err), "debian:12");
    assert_non_null(naming_title(&f->r.naming, CHAIN(&f->r.m, f->os)));
}

static void an_old_version_that_a_host_brings_late_stays_old(void **state)
{
    struct fixture *f = *state;
    uint32_t old = IMAGE(&f->r.m, f->os), new = IMAGE(&f->r.m, f->app);

    f->r.m.images[old].created_s = MARCH_S;
    f->r.m.images[new].created_s = MARCH_S + DAY_S;
    lineage_rig_tag(&f->r, f->store, new, DEBIAN ":12")->root.at_s = MARCH_S + 2 * DAY_S;
    lineage_rig_tag(&f->r, f->store, old, DEBIAN ":12")->root.at_s = MARCH_S + 9 * DAY_S;
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, old, DEBIAN ":12")->moved);
    assert_false(claim(f, new, DEBIAN ":12")->moved);
}

static void fixed_dates_of_1970_and_1980_are_no_dates(void **state)
{
    struct fixture *f = *state;
    uint32_t old = IMAGE(&f->r.m, f->os), new = IMAGE(&f->r.m, f->app);

    f->r.m.images[old].created_s = 315532801; /* buildpacks: 1980 */
    f->r.m.images[new].created_s = 1;         /* nix: 1970 */
    lineage_rig_tag(&f->r, f->store, old, DEBIAN ":12")->root.at_s = MARCH_S;
    lineage_rig_tag(&f->r, f->store, new, DEBIAN ":12")->root.at_s = MARCH_S + DAY_S;
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, old, DEBIAN ":12")->moved);
    assert_false(claim(f, new, DEBIAN ":12")->moved);
}

/* Dates of making and of hearing are not compared with each other. */
static void where_one_version_has_no_date_all_go_by_when_they_were_heard_of(void **state)
{
    struct fixture *f = *state;
    uint32_t old = IMAGE(&f->r.m, f->os), new = IMAGE(&f->r.m, f->app);
    uint32_t third = IMAGE(&f->r.m, f->os, f->app);

    f->r.m.images[old].created_s = 1;
    f->r.m.images[new].created_s = MARCH_S - 600 * DAY_S;
    f->r.m.images[third].created_s = MARCH_S - 300 * DAY_S;
    lineage_rig_tag(&f->r, f->store, old, DEBIAN ":12")->root.at_s = MARCH_S;
    lineage_rig_tag(&f->r, f->store, new, DEBIAN ":12")->root.at_s = MARCH_S + 2 * DAY_S;
    lineage_rig_tag(&f->r, f->store, third, DEBIAN ":12")->root.at_s = MARCH_S + DAY_S;
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, old, DEBIAN ":12")->moved);
    assert_true(claim(f, third, DEBIAN ":12")->moved);
    assert_false(claim(f, new, DEBIAN ":12")->moved);
    assert_int_equal(claim(f, old, DEBIAN ":12")->other, CHAIN(&f->r.m, f->app));
}

static void an_undated_image_of_a_users_changes_no_order(void **state)
{
    struct fixture *f = *state;
    uint32_t old = IMAGE(&f->r.m, f->os), new = IMAGE(&f->r.m, f->app);
    uint32_t undated = IMAGE(&f->r.m, f->os, f->app);
    uint32_t user = lineage_rig_store(&f->r, "lab", 1000);

    f->r.m.images[old].created_s = MARCH_S;
    f->r.m.images[new].created_s = MARCH_S + DAY_S;
    lineage_rig_tag(&f->r, f->store, new, DEBIAN ":12")->root.at_s = MARCH_S + 2 * DAY_S;
    lineage_rig_tag(&f->r, f->store, old, DEBIAN ":12")->root.at_s = MARCH_S + 9 * DAY_S;
    lineage_rig_tag(&f->r, user, undated, DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_true(claim(f, old, DEBIAN ":12")->moved);
    assert_false(claim(f, new, DEBIAN ":12")->moved);
}

static void names_by_digest_never_move(void **state)
{
    struct fixture *f = *state;
    static const char name[] = DEBIAN "@sha256:"
                                      "0123456789abcdef0123456789abcdef"
                                      "0123456789abcdef0123456789abcdef";
    uint32_t one = IMAGE(&f->r.m, f->os), two = IMAGE(&f->r.m, f->app);

    lineage_rig_tag(&f->r, f->store, one, name);
    lineage_rig_pull(&f->r, f->store, two, name, DEBIAN, "m1");
    lineage_rig_compute(&f->r, 0);
    assert_false(claim(f, one, name)->displaced || claim(f, one, name)->moved);
    assert_false(claim(f, two, name)->displaced || claim(f, two, name)->moved);
}

static void what_was_first_said_later_is_left_out(void **state)
{
    struct fixture *f = *state;
    uint32_t early = IMAGE(&f->r.m, f->os), late = IMAGE(&f->r.m, f->app),
             user = lineage_rig_store(&f->r, "laptop", 1000);
    struct fleet_said *said;

    lineage_rig_tag(&f->r, f->store, late, DEBIAN ":12")->root.at_s = MARCH_S + 1;
    said = lineage_rig_tag(&f->r, f->store, early, DEBIAN ":12");
    said->root.at_s = MARCH_S + 1;
    said->user = (struct fleet_first){user, MARCH_S};
    lineage_rig_entry(&f->r, PYTHON ":3", CHAIN(&f->r.m, f->os))->added_s = MARCH_S + 1;
    lineage_rig_compute(&f->r, MARCH_S);
    assert_int_equal(f->r.naming.claim_count, 1);
    assert_int_equal(f->r.naming.claims[0].strength, NAME_SEEN);
    lineage_rig_compute(&f->r, MARCH_S + 1);
    assert_int_equal(f->r.naming.claim_count, 3);
}

static void images_whose_layers_are_not_known_name_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t mystery = IMAGE(&f->r.m, f->os), blank = IMAGE(&f->r.m, FLEET_NONE);

    f->r.m.images[mystery].parsed = PARSED_NOT;
    lineage_rig_tag(&f->r, f->store, mystery, "mystery:1");
    lineage_rig_tag(&f->r, f->store, blank, "blank:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.claim_count, 0);
}

static void more_than_five_names_and_several_repositories_are_all_kept(void **state)
{
    static const char *const names[] = {"a.io/x:1", "a.io/x:2", "b.io/y:1", "b.io/y:2",
                                        "c.io/z:1", "c.io/z:2", "d.io/w:1"};
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);

    for (size_t i = unit_count(names); i-- > 0;)
        lineage_rig_tag(&f->r, f->store, image, names[i]);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.claim_count, unit_count(names));
    for (size_t i = 0; i < unit_count(names); i++)
        assert_string_equal(f->r.naming.claims[i].name, names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_tag_alone_names_and_a_repo_digest_of_its_repository_names_better),
        TEST(an_image_without_a_name_is_named_by_its_repo_digest),
        TEST(a_store_of_a_user_names_for_nobody),
        TEST(a_user_cannot_make_a_version_older_than_it_is),
        TEST(a_trusted_registry_gives_strength_and_no_word_for_policy),
        TEST(a_store_that_is_trusted_to_name_names_for_policy),
        TEST(the_catalogue_names_strongest_and_knows_its_chains),
        TEST(a_foreign_chain_tagged_with_a_pulled_name_is_displaced),
        TEST(a_catalogue_entry_on_no_host_displaces_a_tag),
        TEST(other_platforms_of_a_name_neither_displace_nor_move_it),
        TEST(an_odd_platform_does_not_save_a_tag_from_a_stronger_claim),
        TEST(a_tag_that_has_moved_still_names_the_old_version),
        TEST(an_old_version_that_a_host_brings_late_stays_old),
        TEST(fixed_dates_of_1970_and_1980_are_no_dates),
        TEST(where_one_version_has_no_date_all_go_by_when_they_were_heard_of),
        TEST(an_undated_image_of_a_users_changes_no_order),
        TEST(names_by_digest_never_move),
        TEST(what_was_first_said_later_is_left_out),
        TEST(images_whose_layers_are_not_known_name_nothing),
        TEST(more_than_five_names_and_several_repositories_are_all_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
