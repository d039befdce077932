/* Names that are spelled differently, and repo digests that documents disprove. */
#include "tests/support/unit.h"

#include "collector/census/platforms.h"
#include "tests/support/lineage_rig.h"

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

static void every_form_of_a_name_is_pulled_with_a_digest_of_its_repository(void **state)
{
    static const char *const forms[] = {"debian:12", "docker.io/debian:12",
                                        "index.docker.io/library/debian:12"};
    struct fixture *f = *state;
    uint32_t chain = CHAIN(&f->r.m, f->os);

    for (size_t i = 0; i < unit_count(forms); i++)
        lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), forms[i], DEBIAN, "m");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.claim_count, 1);
    assert_int_equal(f->r.naming.strength[chain], NAME_PULLED);
    assert_string_equal(naming_title(&f->r.naming, chain)->name, DEBIAN ":12");
    assert_int_equal(naming_title(&f->r.naming, chain)->stores, 3);
}

static void a_repository_counts_in_every_form_too(void **state)
{
    struct fixture *f = *state;

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), DEBIAN ":12", "debian", "m");
    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->app), NULL, "debian", "n");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.strength[CHAIN(&f->r.m, f->os)], NAME_PULLED);
    assert_ptr_equal(strstr(naming_title(&f->r.naming, CHAIN(&f->r.m, f->app))->name, DEBIAN "@"),
                     naming_title(&f->r.naming, CHAIN(&f->r.m, f->app))->name);
}

static void forms_of_one_name_in_one_listing_count_its_stores_once(void **state)
{
    struct fixture *f = *state;
    struct fleet *fleet = &f->r.m.fleet;
    struct fleet_said *said = lineage_rig_tag(&f->r, f->store, IMAGE(&f->r.m, f->os), "debian:12");

    fleet->place_names[fleet->place_name_count++] = maker_name(&f->r.m, DEBIAN ":12");
    said->names.count = 2;
    said->stores = 7;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.claim_count, 1);
    assert_int_equal(f->r.naming.claims[0].stores, 7);
}

static void a_form_of_a_pulled_name_is_displaced_and_of_an_older_one_has_moved(void **state)
{
    struct fixture *f = *state;
    uint32_t evil = lineage_rig_store(&f->r, "evil", 0), first = CHAIN(&f->r.m, f->os),
             foreign = CHAIN(&f->r.m, f->app), second = CHAIN(&f->r.m, f->os, f->app);

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), "debian:12", DEBIAN, "m")->root.at_s =
        1000;
    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os, f->app), DEBIAN ":12", DEBIAN, "n");
    lineage_rig_tag(&f->r, evil, IMAGE(&f->r.m, f->app), "docker.io/debian:12");
    lineage_rig_compute(&f->r, 0);
    assert_true(lineage_rig_claim(&f->r, foreign, DEBIAN ":12")->displaced);
    assert_true(lineage_rig_claim(&f->r, first, DEBIAN ":12")->moved);
    assert_int_equal(lineage_rig_claim(&f->r, first, DEBIAN ":12")->other, second);
}

static void the_catalogue_displaces_every_form_of_its_name(void **state)
{
    struct fixture *f = *state;

    lineage_rig_entry(&f->r, DEBIAN ":12", FLEET_NONE);
    lineage_rig_tag(&f->r, f->store, IMAGE(&f->r.m, f->os), "debian:12");
    lineage_rig_compute(&f->r, 0);
    assert_true(lineage_rig_claim(&f->r, CHAIN(&f->r.m, f->os), DEBIAN ":12")->displaced);
}

static void a_declared_name_is_held_by_every_form_of_it(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = IMAGE(&f->r.m, f->os, f->app);

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), "debian:12", DEBIAN, "m");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.lineage.images[shop].confirmed, 1);
}

/* ---- digests that are of another image ------------------------------------------------------- */

/* evil lists the foreign image with debian's digest, of which the manifest is known. */
static void lie(struct fixture *f, uint32_t image, const char *name)
{
    uint32_t evil = lineage_rig_store(&f->r, "evil", 0);

    lineage_rig_pull(&f->r, evil, image, name, DEBIAN, "m");
    f->r.said_digests[f->r.m.fleet.said_digest_count - 1].disproved = true;
}

static void a_digest_of_another_images_manifest_gives_no_strength(void **state)
{
    struct fixture *f = *state;
    uint32_t foreign = CHAIN(&f->r.m, f->app);

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), DEBIAN ":12", DEBIAN, "m");
    lie(f, IMAGE(&f->r.m, f->app), DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(lineage_rig_claim(&f->r, foreign, DEBIAN ":12")->strength, NAME_TAG);
    assert_true(lineage_rig_claim(&f->r, foreign, DEBIAN ":12")->displaced);
}

static void a_digest_of_another_images_manifest_names_nothing_by_itself(void **state)
{
    struct fixture *f = *state;

    lie(f, IMAGE(&f->r.m, f->app), NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.claim_count, 0);
}

static void a_digest_of_another_images_manifest_confirms_nothing_and_is_told(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = IMAGE(&f->r.m, f->app, f->app);

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), DEBIAN ":12", DEBIAN, "m");
    lie(f, IMAGE(&f->r.m, f->app), DEBIAN ":12");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "m");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.lineage.images[shop].contradicted, 1);
    lineage_rig_explain(&f->r, shop);
    assert_true(lineage_rig_says(&f->r, "listed on evil with a repo digest of " DEBIAN
                                        ", which does not count"));
}

static void what_a_user_lists_with_another_images_digest_is_not_told(void **state)
{
    struct fixture *f = *state;
    uint32_t foreign = IMAGE(&f->r.m, f->app), shop = IMAGE(&f->r.m, f->app, f->os),
             user = lineage_rig_store(&f->r, "laptop", 1000);

    lineage_rig_tag(&f->r, f->store, foreign, "docker.io/corp/base:1");
    lineage_rig_pull(&f->r, user, foreign, DEBIAN ":12", DEBIAN, "m");
    f->r.said_digests[0].disproved = true;
    lineage_rig_compute(&f->r, 0);
    lineage_rig_explain(&f->r, shop);
    assert_int_equal(f->r.lineage.images[shop].nearest, CHAIN(&f->r.m, f->app));
    assert_false(lineage_rig_says(&f->r, "which does not count"));
}

static void a_digest_of_another_images_manifest_joins_no_release(void **state)
{
    struct fixture *f = *state;
    uint32_t foreign = IMAGE(&f->r.m, f->app), *releases;
    struct err err;

    f->r.m.images[foreign].arch = "arm64";
    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), DEBIAN ":12", DEBIAN, "m");
    lie(f, foreign, DEBIAN ":12");
    releases = platforms_join(&f->r.m.fleet, f->r.m.arena, &err);
    assert_non_null(releases);
    assert_int_not_equal(releases[CHAIN(&f->r.m, f->app)], releases[CHAIN(&f->r.m, f->os)]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(every_form_of_a_name_is_pulled_with_a_digest_of_its_repository),
        TEST(a_repository_counts_in_every_form_too),
        TEST(forms_of_one_name_in_one_listing_count_its_stores_once),
        TEST(a_form_of_a_pulled_name_is_displaced_and_of_an_older_one_has_moved),
        TEST(the_catalogue_displaces_every_form_of_its_name),
        TEST(a_declared_name_is_held_by_every_form_of_it),
        TEST(a_digest_of_another_images_manifest_gives_no_strength),
        TEST(a_digest_of_another_images_manifest_names_nothing_by_itself),
        TEST(a_digest_of_another_images_manifest_confirms_nothing_and_is_told),
        TEST(what_a_user_lists_with_another_images_digest_is_not_told),
        TEST(a_digest_of_another_images_manifest_joins_no_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
