/* Words that name nothing, boundaries alone, and what lies below a named core build. */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

struct fixture {
    struct lineage_rig r;
    uint32_t store, os, rt, lib, app;
    uint32_t debian; /* image, pulled as debian:12 with manifest d */
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;

    lineage_rig_open(&f.r);
    f.store = lineage_rig_store(&f.r, "h", 0);
    f.os = maker_layer(m, "os", 100);
    f.rt = maker_layer(m, "rt", 50);
    f.lib = maker_layer(m, "lib", 20);
    f.app = maker_layer(m, "app", 10);
    f.debian = IMAGE(m, f.os);
    lineage_rig_pull(&f.r, f.store, f.debian, DEBIAN ":12", DEBIAN, "d");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lineage_rig_close(&f->r);
    return 0;
}

static const struct lineage_image *of(const struct fixture *f, uint32_t image)
{
    return &f->r.lineage.images[image];
}

static void assert_only_outcome(struct fixture *f, uint32_t image, enum lineage_outcome outcome,
                                const char *words)
{
    const struct lineage_story *story = lineage_rig_explain(&f->r, image);

    assert_int_equal(of(f, image)->confirmed, outcome == OUTCOME_CONFIRMED);
    assert_int_equal(of(f, image)->contradicted, outcome == OUTCOME_CONTRADICTED);
    assert_int_equal(of(f, image)->unverifiable, outcome == OUTCOME_UNVERIFIABLE);
    assert_int_equal(story->declaration_count, 1);
    if (strstr(story->declarations[0].why, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, story->declarations[0].why);
}

/* ---- words that name nothing ----------------------------------------------------------------- */

static void a_users_tag_confirms_no_declaration(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t shop = IMAGE(&f->r.m, f->lib, f->app);

    lineage_rig_tag(&f->r, laptop, IMAGE(&f->r.m, f->lib), "corp/base:1");
    lineage_rig_tag(&f->r, f->store, shop, "shop:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/base:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, shop, OUTCOME_UNVERIFIABLE,
                        "Only laptop calls the lowest layer so, and that names nothing for others: "
                        "its own user can write that store.");
    assert_int_not_equal(of(f, shop)->method, LINEAGE_DECLARED);
}

static void a_users_digest_confirms_no_declaration(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t shop = IMAGE(&f->r.m, f->os, f->lib, f->app);

    lineage_rig_pull(&f->r, laptop, IMAGE(&f->r.m, f->os, f->lib), "x:1", "x", "other");
    lineage_rig_tag(&f->r, f->store, shop, "shop:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "", "other");
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, shop, OUTCOME_UNVERIFIABLE, "Only laptop calls the lowest 2 layers so");
    assert_int_equal(of(f, shop)->nearest_layers, 1);
}

static void a_displaced_tag_confirms_no_declaration(void **state)
{
    struct fixture *f = *state;
    uint32_t evil = lineage_rig_store(&f->r, "evil", 0);
    uint32_t shop = IMAGE(&f->r.m, f->lib, f->app);

    lineage_rig_tag(&f->r, evil, IMAGE(&f->r.m, f->lib), DEBIAN ":12");
    lineage_rig_tag(&f->r, f->store, shop, "shop:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, shop, OUTCOME_UNVERIFIABLE,
                        "Only evil calls the lowest layer so, and that names nothing for others: a "
                        "stronger word gives that name to other layers.");
}

static void a_users_tag_further_up_hides_no_base_that_is_proven(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t shop = IMAGE(&f->r.m, f->os, f->lib, f->app);

    lineage_rig_tag(&f->r, laptop, IMAGE(&f->r.m, f->os, f->lib), DEBIAN ":12");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, shop, OUTCOME_CONFIRMED, "is the lowest layer of this one");
}

static void a_users_tag_of_another_family_contradicts_nobody(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t shop = IMAGE(&f->r.m, f->os, f->app);

    f->r.m.layers[f->os].os_release = "ID=debian\n";
    f->r.m.layers[f->lib].os_release = "ID=alpine\n";
    lineage_rig_tag(&f->r, laptop, IMAGE(&f->r.m, f->lib), "corp/base:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/base:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, shop, OUTCOME_UNVERIFIABLE, "its own user can write");
}

/* ---- boundaries alone ------------------------------------------------------------------------ */

static uint32_t with_boundary(struct fixture *f, uint32_t image, int64_t layers)
{
    lineage_rig_declare(&f->r, image, EVIDENCE_CONTENT_MANIFEST, "", NULL)->layers = layers;
    return image;
}

static void a_boundary_alone_is_as_sure_as_the_name_that_ends_there(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t on_pulled = with_boundary(f, IMAGE(m, f->os, f->rt, f->app), 1);
    uint32_t on_tagged = with_boundary(f, IMAGE(m, f->os, f->lib, f->app), 2);
    uint32_t on_listed = with_boundary(f, IMAGE(m, f->rt, f->app), 1);

    lineage_rig_tag(&f->r, f->store, IMAGE(m, f->os, f->lib), "corp/base:1");
    lineage_rig_entry(&f->r, PYTHON ":3", CHAIN(m, f->rt));
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, on_pulled, OUTCOME_CONFIRMED, "debian:12 ends there");
    assert_int_equal(of(f, on_pulled)->nearest_layers, 1);
    assert_int_equal(of(f, on_pulled)->confidence, CONFIDENCE_MEDIUM);
    assert_only_outcome(f, on_tagged, OUTCOME_CONFIRMED, "corp/base:1 ends there");
    assert_int_equal(of(f, on_tagged)->confidence, CONFIDENCE_LOW);
    assert_only_outcome(f, on_listed, OUTCOME_CONFIRMED, "python:3 ends there");
    assert_int_equal(of(f, on_listed)->confidence, CONFIDENCE_MEDIUM);
}

static void a_boundary_alone_is_unverifiable_where_only_a_users_name_ends(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t shop = with_boundary(f, IMAGE(&f->r.m, f->os, f->lib, f->app), 2);

    lineage_rig_tag(&f->r, laptop, IMAGE(&f->r.m, f->os, f->lib), "corp/base:1");
    lineage_rig_compute(&f->r, 0);
    assert_only_outcome(f, shop, OUTCOME_UNVERIFIABLE, "by its word the lowest 2 layers");
}

/* ---- below a named core build ---------------------------------------------------------------- */

static void a_core_build_of_several_layers_has_no_base_though_lines_part_in_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t python = IMAGE(m, f->lib, f->rt), shop = IMAGE(m, f->lib, f->rt, f->app);

    lineage_rig_pull(&f->r, f->store, python, PYTHON ":3", PYTHON, "p");
    lineage_rig_tag(&f->r, f->store, shop, "shop:1");
    lineage_rig_tag(&f->r, f->store, IMAGE(m, f->lib, f->app), "other:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, python)->core_method, LINEAGE_SELF);
    assert_int_equal(of(f, python)->nearest, FLEET_NONE);
    assert_int_equal(of(f, python)->method, LINEAGE_NONE);
    assert_int_equal(of(f, shop)->nearest, CHAIN(m, f->lib, f->rt));
    assert_int_equal(lineage_rig_explain(&f->r, shop)->boundary_count, 1);
}

static void what_gave_way_to_a_core_build_is_not_its_nearest_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t python = IMAGE(m, f->lib, f->rt);

    lineage_rig_tag(&f->r, f->store, IMAGE(m, f->lib), "step:1");
    lineage_rig_pull(&f->r, f->store, python, PYTHON ":3", PYTHON, "p");
    lineage_rig_tag(&f->r, f->store, IMAGE(m, f->lib, f->rt, f->app), "shop:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, python)->core, CHAIN(m, f->lib, f->rt));
    assert_int_equal(of(f, python)->nearest, FLEET_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_users_tag_confirms_no_declaration),
        TEST(a_users_digest_confirms_no_declaration),
        TEST(a_displaced_tag_confirms_no_declaration),
        TEST(a_users_tag_further_up_hides_no_base_that_is_proven),
        TEST(a_users_tag_of_another_family_contradicts_nobody),
        TEST(a_boundary_alone_is_as_sure_as_the_name_that_ends_there),
        TEST(a_boundary_alone_is_unverifiable_where_only_a_users_name_ends),
        TEST(a_core_build_of_several_layers_has_no_base_though_lines_part_in_it),
        TEST(what_gave_way_to_a_core_build_is_not_its_nearest_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
