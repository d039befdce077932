/* How proofs are weighed against each other, and what is too low, too high or too unlike to count.
 */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

struct fixture {
    struct lineage_rig r;
    uint32_t store, os, rt, lib, app, more;
    uint32_t debian, python; /* images, pulled as debian:12 and python:3 with manifests d, p */
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
    f.more = maker_layer(m, "more", 5);
    f.debian = IMAGE(m, f.os);
    f.python = IMAGE(m, f.os, f.rt);
    lineage_rig_pull(&f.r, f.store, f.debian, DEBIAN ":12", DEBIAN, "d");
    lineage_rig_pull(&f.r, f.store, f.python, PYTHON ":3", PYTHON, "p");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lineage_rig_close(&f->r);
    return 0;
}

static uint32_t tagged(struct fixture *f, uint32_t image, const char *name)
{
    lineage_rig_tag(&f->r, f->store, image, name);
    return image;
}

static const struct lineage_image *of(const struct fixture *f, uint32_t image)
{
    return &f->r.lineage.images[image];
}

static uint32_t pulled(struct fixture *f, uint32_t image, const char *name, const char *repository,
                       const char *manifest)
{
    lineage_rig_pull(&f->r, f->store, image, name, repository, manifest);
    return image;
}

static void assert_undisputed_digest(struct fixture *f, uint32_t image)
{
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, image)->method, LINEAGE_DECLARED);
    assert_int_equal(of(f, image)->confidence, CONFIDENCE_HIGH);
    assert_false(lineage_rig_explain(&f->r, image)->declarations[0].is_disputed);
}

/* ---- name and digest of one declaration ------------------------------------------------------ */

static void a_digest_of_an_image_that_has_the_name_too_is_no_conflict(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:1");
    uint32_t base = IMAGE(&f->r.m, f->lib);

    pulled(f, base, "mirror.example.com/base:1", "mirror.example.com/base", "m");
    tagged(f, base, "docker.io/corp/base:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/base:1", "m");
    assert_undisputed_digest(f, shop);
}

static void an_entry_of_the_named_repository_says_which_version_was_meant(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:1");

    lineage_rig_entry(&f->r, DEBIAN ":11", CHAIN(&f->r.m, f->lib))->digest = digest_of("e", 1);
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "e");
    assert_undisputed_digest(f, shop);
}

static void a_repository_that_begins_alike_is_another_one(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    tagged(f, IMAGE(&f->r.m, f->lib), DEBIAN "-slim:12");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN "-slim:12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
    assert_true(lineage_rig_explain(&f->r, shop)->declarations[0].is_disputed);
}

static void a_name_must_end_at_the_boundary_that_is_told_too(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", "d")->layers = 1;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
}

static void what_is_disputed_is_never_sure(void **state)
{
    struct fixture *f = *state;
    uint32_t low = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "low:1");
    uint32_t entry = tagged(f, IMAGE(&f->r.m, f->os, f->more, f->app), "entry:1");

    tagged(f, IMAGE(&f->r.m, f->os, f->lib), "corp/base:1");
    lineage_rig_entry(&f->r, "docker.io/corp/golden:1", CHAIN(&f->r.m, f->os, f->more));
    lineage_rig_declare(&f->r, low, EVIDENCE_LABEL, "docker.io/corp/base:1", "d");
    lineage_rig_declare(&f->r, entry, EVIDENCE_LABEL, "docker.io/corp/golden:1", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, low)->nearest_layers, 2);
    assert_int_equal(of(f, low)->confidence, CONFIDENCE_LOW);
    assert_int_equal(of(f, entry)->nearest_layers, 2);
    assert_int_equal(of(f, entry)->confidence, CONFIDENCE_MEDIUM);
}

/* ---- several declarations -------------------------------------------------------------------- */

static void the_best_proof_of_a_base_counts_in_any_order(void **state)
{
    struct fixture *f = *state;
    uint32_t first = tagged(f, IMAGE(&f->r.m, f->os, f->app), "first:1");
    uint32_t last = tagged(f, IMAGE(&f->r.m, f->os, f->more), "last:1");

    lineage_rig_declare(&f->r, first, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, first, EVIDENCE_FROM, DEBIAN ":12", NULL);
    lineage_rig_declare(&f->r, last, EVIDENCE_ANNOTATION, DEBIAN ":12", NULL);
    lineage_rig_declare(&f->r, last, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    for (uint32_t image = first; image <= last; image++) {
        assert_int_equal(of(f, image)->confirmed, 2);
        assert_int_equal(of(f, image)->confidence, CONFIDENCE_HIGH);
        assert_int_equal(of(f, image)->core_method, LINEAGE_DECLARED);
        assert_int_equal(of(f, image)->core_confidence, CONFIDENCE_HIGH);
    }
}

static void of_two_ends_that_nobody_can_verify_the_upper_one_is_told(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, "docker.io/corp/gone:1", NULL)->layers = 3;
    lineage_rig_declare(&f->r, shop, EVIDENCE_CONTENT_MANIFEST, "", NULL)->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->unverifiable, 2);
    assert_int_equal(of(f, shop)->above, CHAIN(&f->r.m, f->os, f->lib, f->more));
}

static void a_from_comment_is_nested_under_from_comments_alone(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", NULL);
    lineage_rig_declare(&f->r, shop, EVIDENCE_S2I, "docker.io/corp/gone:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->inherited, 0);
    assert_int_equal(of(f, shop)->confirmed, 1);
}

static void words_that_differ_in_digest_or_end_are_not_inherited(void **state)
{
    struct fixture *f = *state;
    uint32_t parent = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "parent:1");
    uint32_t child = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app, f->more), "child:1");

    lineage_rig_declare(&f->r, parent, EVIDENCE_LABEL, DEBIAN ":12", "unheard of");
    lineage_rig_declare(&f->r, parent, EVIDENCE_CONTENT_MANIFEST, "", NULL)->layers = 2;
    lineage_rig_declare(&f->r, child, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, child, EVIDENCE_CONTENT_MANIFEST, "", NULL)->layers = 1;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, child)->inherited, 0);
    assert_int_equal(of(f, child)->confirmed, 2);
}

/* ---- too low and too high -------------------------------------------------------------------- */

static void layers_that_hold_nothing_are_no_nearest_base(void **state)
{
    static const uint8_t zeros[1024];
    struct fixture *f = *state;
    uint32_t empty = maker_layer(&f->r.m, "empty", FLEET_UNKNOWN), shop;

    f->r.m.layers[empty].diff = digest_of(zeros, sizeof(zeros));
    shop = tagged(f, IMAGE(&f->r.m, empty, f->lib, f->app), "shop:1");
    pulled(f, IMAGE(&f->r.m, empty), "docker.io/corp/empty:1", "docker.io/corp/empty", "e");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/empty:1", "e");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 1);
    assert_int_not_equal(of(f, shop)->nearest, CHAIN(&f->r.m, empty));
    assert_int_not_equal(of(f, shop)->method, LINEAGE_DECLARED);
}

static void no_image_stands_on_itself_without_a_name(void **state)
{
    struct fixture *f = *state;
    uint32_t claims = IMAGE(&f->r.m, f->lib, f->more), os = IMAGE(&f->r.m, f->app);

    f->r.m.layers[f->app].os_release = "ID=alpine\n";
    lineage_rig_declare(&f->r, claims, EVIDENCE_FROM, "docker.io/corp/gone:1", NULL)->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, claims)->unverifiable, 1);
    assert_int_equal(of(f, claims)->nearest, FLEET_NONE);
    assert_int_equal(of(f, os)->kind, BASE_UNNAMED);
    assert_int_equal(of(f, os)->nearest, FLEET_NONE);
    assert_int_equal(of(f, os)->method, LINEAGE_NONE);
}

static void an_end_below_a_named_core_build_is_no_base(void **state)
{
    struct fixture *f = *state;
    uint32_t base = IMAGE(&f->r.m, f->lib, f->more);

    pulled(f, base, "docker.io/corp/base:1", "docker.io/corp/base", "b");
    tagged(f, IMAGE(&f->r.m, f->lib, f->more, f->app), "shop:1");
    lineage_rig_declare(&f->r, base, EVIDENCE_FROM, "docker.io/corp/gone:1", NULL)->layers = 1;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, base)->core, CHAIN(&f->r.m, f->lib, f->more));
    assert_int_equal(of(f, base)->nearest, FLEET_NONE);
}

static void nothing_is_told_above_a_base_that_is_declared(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more), "other:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->above, CHAIN(&f->r.m, f->os, f->lib));
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->above, FLEET_NONE);
}

static void steps_of_an_images_making_are_no_steps_of_history(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->lib, f->more, f->app), "shop:1");
    struct fleet_evidence *e = lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, "", NULL);

    e->role = EVIDENCE_OF_STEPS;
    e->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->method, LINEAGE_NONE);
}

/* ---- what has no name ------------------------------------------------------------------------ */

static void a_declared_id_of_an_image_without_a_name_makes_no_unnamed_core_sure(void **state)
{
    struct fixture *f = *state;
    uint32_t os = IMAGE(&f->r.m, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:1");

    f->r.m.layers[f->lib].os_release = "ID=alpine\n";
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "", NULL)->digest = f->r.m.images[os].digest;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 1);
    assert_int_equal(of(f, shop)->kind, BASE_UNNAMED);
    assert_int_equal(of(f, shop)->core_method, LINEAGE_OS);
    assert_int_equal(of(f, shop)->core_confidence, CONFIDENCE_LOW);
}

static void a_step_of_a_core_builds_making_is_only_likely_to_be_one(void **state)
{
    struct fixture *f = *state;
    uint32_t step = IMAGE(&f->r.m, f->lib);

    pulled(f, IMAGE(&f->r.m, f->lib, f->more), "docker.io/corp/base:1", "docker.io/corp/base", "b");
    tagged(f, IMAGE(&f->r.m, f->lib, f->more, f->app), "shop:1");
    lineage_rig_compute(&f->r, 0);
    assert_true(of(f, step)->is_step);
    assert_int_equal(of(f, step)->core_confidence, CONFIDENCE_LOW);
}

static void an_image_is_no_tie_of_its_own_base(void **state)
{
    struct fixture *f = *state;
    uint32_t named = tagged(f, IMAGE(&f->r.m, f->os, f->rt), "named:1");
    uint32_t unnamed = IMAGE(&f->r.m, f->os, f->rt), twin;

    lineage_rig_declare(&f->r, named, EVIDENCE_LABEL, PYTHON ":3", "p");
    lineage_rig_declare(&f->r, unnamed, EVIDENCE_LABEL, PYTHON ":3", "p");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, named)->nearest, CHAIN(&f->r.m, f->os, f->rt));
    assert_int_equal(of(f, named)->ties, 1);
    assert_int_equal(of(f, unnamed)->ties, 2);
    twin = tagged(f, IMAGE(&f->r.m, f->os, f->rt), "twin:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, named)->ties, 2);
    assert_int_equal(of(f, unnamed)->ties, 3);
    assert_int_not_equal(twin, unnamed);
}

/* ---- families and days ----------------------------------------------------------------------- */

static void a_family_of_the_catalogue_may_be_contradicted(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    f->r.m.layers[f->lib].os_release = "ID=alpine\n";
    tagged(f, IMAGE(&f->r.m, f->lib), "corp/base:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/base:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    lineage_rig_entry(&f->r, DEBIAN ":12", CHAIN(&f->r.m, f->os))->family = "golden";
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->contradicted, 1);
}

static void an_entry_that_was_added_later_confirmed_nothing_then(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");
    int64_t now_s = f->r.m.fleet.now_s;

    lineage_rig_entry(&f->r, "docker.io/corp/base:1", CHAIN(&f->r.m, f->os, f->lib))->added_s =
        now_s - 10;
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/base:1", NULL);
    lineage_rig_compute(&f->r, now_s - 50);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    lineage_rig_compute(&f->r, now_s);
    assert_int_equal(of(f, shop)->confirmed, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_digest_of_an_image_that_has_the_name_too_is_no_conflict),
        T(an_entry_of_the_named_repository_says_which_version_was_meant),
        T(a_repository_that_begins_alike_is_another_one),
        T(a_name_must_end_at_the_boundary_that_is_told_too),
        T(what_is_disputed_is_never_sure),
        T(the_best_proof_of_a_base_counts_in_any_order),
        T(of_two_ends_that_nobody_can_verify_the_upper_one_is_told),
        T(a_from_comment_is_nested_under_from_comments_alone),
        T(words_that_differ_in_digest_or_end_are_not_inherited),
        T(layers_that_hold_nothing_are_no_nearest_base),
        T(no_image_stands_on_itself_without_a_name),
        T(an_end_below_a_named_core_build_is_no_base),
        T(nothing_is_told_above_a_base_that_is_declared),
        T(steps_of_an_images_making_are_no_steps_of_history),
        T(a_declared_id_of_an_image_without_a_name_makes_no_unnamed_core_sure),
        T(a_step_of_a_core_builds_making_is_only_likely_to_be_one),
        T(an_image_is_no_tie_of_its_own_base),
        T(a_family_of_the_catalogue_may_be_contradicted),
        T(an_entry_that_was_added_later_confirmed_nothing_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
