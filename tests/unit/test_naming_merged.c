/* What several listings, images and entries of the catalogue say in common of one name. */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

#define DAY_S 86400
#define MARCH_S 1772409600  /* 2026-03-02 */
#define FUTURE_S 4070908800 /* 2099 */

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

static const struct naming_claim *claim(struct fixture *f, uint32_t chain, const char *name)
{
    const struct naming_claim *found;

    lineage_rig_compute(&f->r, 0);
    found = lineage_rig_claim(&f->r, chain, name);
    assert_non_null(found);
    return found;
}

/* ---- of one chain ---------------------------------------------------------------------------- */

static void a_name_is_as_old_as_roots_first_word_for_it(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os), other = lineage_rig_store(&f->r, "other", 0);
    const struct naming_claim *found;

    lineage_rig_pull(&f->r, f->store, image, DEBIAN ":12", DEBIAN, "d")->root.at_s = 2000;
    lineage_rig_tag(&f->r, other, image, DEBIAN ":12")->root.at_s = 1000;
    found = claim(f, CHAIN(&f->r.m, f->os), DEBIAN ":12");
    assert_int_equal(found->strength, NAME_PULLED);
    assert_int_equal(found->first_s, 1000);
    assert_int_equal(found->store, other);
    assert_int_equal(found->stores, 2);
}

static void of_two_images_of_one_name_the_one_heard_of_first_is_its_image(void **state)
{
    struct fixture *f = *state;
    uint32_t late = IMAGE(&f->r.m, f->os), early = IMAGE(&f->r.m, f->os);

    lineage_rig_tag(&f->r, f->store, late, DEBIAN ":12")->root.at_s = 2000;
    lineage_rig_tag(&f->r, f->store, early, DEBIAN ":12")->root.at_s = 1000;
    assert_int_equal(claim(f, CHAIN(&f->r.m, f->os), DEBIAN ":12")->image, early);
}

static void a_word_for_policy_is_kept_beside_an_equal_one_that_is_none(void **state)
{
    struct fixture *f = *state;
    const char *registries[] = {"docker.io/library/?*"};
    uint32_t image = IMAGE(&f->r.m, f->os), chain = CHAIN(&f->r.m, f->os);
    uint32_t build = lineage_rig_store(&f->r, "build-1", 0);

    f->r.catalogue.registries = registries;
    f->r.catalogue.registry_count = 1;
    lineage_rig_pull(&f->r, f->store, image, DEBIAN ":12", DEBIAN, "d")->root.at_s = 1000;
    assert_int_equal(claim(f, chain, DEBIAN ":12")->strength, NAME_TRUSTED);
    assert_false(claim(f, chain, DEBIAN ":12")->for_policy);
    lineage_rig_tag(&f->r, build, image, DEBIAN ":12")->root.at_s = 2000;
    f->r.trusted[1] = true;
    assert_true(claim(f, chain, DEBIAN ":12")->for_policy);
}

static void a_name_with_its_digest_is_pulled_too(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, f->os);
    char name[256], digest[DIGEST_TEXT];
    struct digest manifest = digest_of("d", 1);

    snprintf(name, sizeof(name), DEBIAN "@%s", digest_text(&manifest, digest));
    lineage_rig_pull(&f->r, f->store, image, name, DEBIAN, "d");
    assert_int_equal(claim(f, CHAIN(&f->r.m, f->os), name)->strength, NAME_PULLED);
}

static void a_digest_of_a_trusted_registry_is_trusted_without_a_tag(void **state)
{
    struct fixture *f = *state;
    const char *registries[] = {"docker.io/library/?*"};
    uint32_t chain = CHAIN(&f->r.m, f->os);

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), NULL, DEBIAN, "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.strength[chain], NAME_PULLED);
    f->r.catalogue.registries = registries;
    f->r.catalogue.registry_count = 1;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.naming.strength[chain], NAME_TRUSTED);
}

/* ---- of several chains ----------------------------------------------------------------------- */

static void a_tag_displaces_no_users_word(void **state)
{
    struct fixture *f = *state;
    uint32_t mine = lineage_rig_store(&f->r, "laptop", 1000), chain = CHAIN(&f->r.m, f->app);

    lineage_rig_tag(&f->r, mine, IMAGE(&f->r.m, f->app), DEBIAN ":12");
    lineage_rig_tag(&f->r, f->store, IMAGE(&f->r.m, f->os), DEBIAN ":12");
    assert_false(claim(f, chain, DEBIAN ":12")->displaced);
    assert_int_equal(f->r.naming.strength[chain], NAME_SEEN);
    lineage_rig_pull(&f->r, f->store, 1, DEBIAN ":12", DEBIAN, "d");
    assert_true(claim(f, chain, DEBIAN ":12")->displaced);
    assert_int_equal(f->r.naming.strength[chain], NAME_NONE);
}

static void variants_of_a_processor_are_platforms_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct fleet_image *images = f->r.m.images;
    uint32_t v6 = IMAGE(&f->r.m, f->os), v7 = IMAGE(&f->r.m, f->app);

    images[v6].arch = images[v7].arch = "arm";
    images[v6].variant = "v6";
    images[v7].variant = "v7";
    lineage_rig_tag(&f->r, f->store, v6, DEBIAN ":12");
    lineage_rig_tag(&f->r, f->store, v7, DEBIAN ":12");
    assert_false(claim(f, CHAIN(&f->r.m, f->os), DEBIAN ":12")->moved);
    assert_false(claim(f, CHAIN(&f->r.m, f->app), DEBIAN ":12")->moved);
}

static void the_catalogues_arm64_v8_is_the_arm64_of_images(void **state)
{
    struct fixture *f = *state;
    uint32_t pulled = IMAGE(&f->r.m, f->os), chain = CHAIN(&f->r.m, f->app);

    f->r.m.images[pulled].arch = "arm64";
    lineage_rig_pull(&f->r, f->store, pulled, DEBIAN ":12", DEBIAN, "d");
    lineage_rig_entry(&f->r, DEBIAN ":12", chain)->platform = "linux/arm64/v8";
    assert_true(claim(f, CHAIN(&f->r.m, f->os), DEBIAN ":12")->moved);
    assert_false(claim(f, chain, DEBIAN ":12")->moved);
}

static void an_entry_made_in_the_future_is_not_the_newest_for_ever(void **state)
{
    struct fixture *f = *state;
    uint32_t odd = CHAIN(&f->r.m, f->os), new = CHAIN(&f->r.m, f->app);
    struct catalogue_base *entry = lineage_rig_entry(&f->r, DEBIAN ":12", odd);

    entry->added_s = MARCH_S;
    entry->created_s = FUTURE_S;
    entry = lineage_rig_entry(&f->r, DEBIAN ":12", new);
    entry->added_s = MARCH_S + DAY_S;
    entry->created_s = MARCH_S;
    assert_true(claim(f, odd, DEBIAN ":12")->moved);
    assert_false(claim(f, new, DEBIAN ":12")->moved);
}

static void of_an_entry_for_two_platforms_either_tells_the_date(void **state)
{
    struct fixture *f = *state;
    uint32_t both = CHAIN(&f->r.m, f->os), old = CHAIN(&f->r.m, f->app);
    struct catalogue_base *entry = lineage_rig_entry(&f->r, DEBIAN ":12", both);

    entry->added_s = MARCH_S + 20 * DAY_S;
    entry = lineage_rig_entry(&f->r, DEBIAN ":12", both);
    entry->platform = "linux/arm64";
    entry->added_s = MARCH_S + 21 * DAY_S;
    entry->created_s = MARCH_S + 15 * DAY_S;
    entry = lineage_rig_entry(&f->r, DEBIAN ":12", old);
    entry->added_s = MARCH_S + 30 * DAY_S;
    entry->created_s = MARCH_S + 10 * DAY_S;
    assert_false(claim(f, both, DEBIAN ":12")->moved);
    assert_true(claim(f, old, DEBIAN ":12")->moved);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_name_is_as_old_as_roots_first_word_for_it),
        T(of_two_images_of_one_name_the_one_heard_of_first_is_its_image),
        T(a_word_for_policy_is_kept_beside_an_equal_one_that_is_none),
        T(a_name_with_its_digest_is_pulled_too),
        T(a_digest_of_a_trusted_registry_is_trusted_without_a_tag),
        T(a_tag_displaces_no_users_word),
        T(variants_of_a_processor_are_platforms_of_their_own),
        T(the_catalogues_arm64_v8_is_the_arm64_of_images),
        T(an_entry_made_in_the_future_is_not_the_newest_for_ever),
        T(of_an_entry_for_two_platforms_either_tells_the_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
