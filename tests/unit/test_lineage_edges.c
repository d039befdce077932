/* Where answers turn: one layer more or less, the image itself, and words that just do not count.
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

/* So many layers of the image were there before the last step of its own making. */
static void declare_steps(struct fixture *f, uint32_t image, int64_t layers)
{
    struct fleet_evidence *e = lineage_rig_declare(&f->r, image, EVIDENCE_FROM, "", NULL);

    e->role = EVIDENCE_OF_STEPS;
    e->layers = layers;
}

/* ---- boundaries that are told ---------------------------------------------------------------- */

static void steps_over_a_base_of_no_known_end_hide_no_base(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, DEBIAN ":12", NULL);
    declare_steps(f, shop, 2);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 1);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
}

static void a_run_images_last_layer_is_the_uppermost_of_equal_ones(void **state)
{
    struct fixture *f = *state;
    uint32_t built = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->os, f->app), "built:1");

    lineage_rig_declare(&f->r, built, EVIDENCE_BUILDPACKS, "docker.io/corp/gone:1", NULL)->top =
        f->r.m.layers[f->os].diff;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, built)->unverifiable, 1);
    assert_int_equal(of(f, built)->above, CHAIN(&f->r.m, f->os, f->rt, f->os));
}

static void a_base_may_have_all_layers_and_no_more(void **state)
{
    struct fixture *f = *state;
    uint32_t all = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "all:1");
    uint32_t more = tagged(f, IMAGE(&f->r.m, f->os, f->more), "more:1");

    lineage_rig_declare(&f->r, all, EVIDENCE_FROM, "docker.io/corp/gone:1", NULL)->layers = 2;
    lineage_rig_declare(&f->r, more, EVIDENCE_FROM, "docker.io/corp/gone:1", NULL)->layers = 3;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, all)->unverifiable, 1);
    assert_int_equal(of(f, more)->contradicted, 1);
}

static void a_boundary_at_the_images_own_end_confirms_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_CONTENT_MANIFEST, "", NULL)->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    assert_int_equal(of(f, shop)->nearest, CHAIN(&f->r.m, f->os));
}

/* ---- what contradicts ------------------------------------------------------------------------ */

static void a_digest_of_an_own_step_alone_contradicts_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t step = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, step, "docker.io/me/step:1", "docker.io/me/step", "s");
    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, "", "s");
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, DEBIAN ":12", NULL)->layers = 1;
    declare_steps(f, shop, 2);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->contradicted, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    assert_int_equal(of(f, shop)->confirmed, 1);
}

static void an_entry_of_another_platform_contradicts_nobody(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");
    struct catalogue_base *entry = lineage_rig_entry(&f->r, "docker.io/corp/base:1", FLEET_NONE);

    entry->digest = digest_of("c", 1);
    entry->platform = "linux/arm64";
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "", "c");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    entry->platform = "linux/amd64";
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->contradicted, 1);
}

static void a_name_of_no_known_family_contradicts_nobody(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    f->r.m.layers[f->os].os_release = "ID=debian\n";
    tagged(f, IMAGE(&f->r.m, f->lib), "corp/base:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/base:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    f->r.m.layers[f->lib].os_release = "ID=alpine\n";
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->contradicted, 1);
}

/* ---- whose name it is ------------------------------------------------------------------------ */

static void words_are_inherited_from_an_image_that_only_a_digest_names(void **state)
{
    struct fixture *f = *state;
    uint32_t below = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, below, NULL, "docker.io/corp/base", "b");
    lineage_rig_declare(&f->r, below, EVIDENCE_LABEL, "docker.io/corp/gone:1", NULL);
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/gone:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->inherited, 1);
}

static void a_digest_beside_a_displaced_tag_passes_nothing_on(void **state)
{
    struct fixture *f = *state;
    uint32_t evil = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, evil, DEBIAN ":12", "docker.io/evil/base", "e");
    lineage_rig_declare(&f->r, evil, EVIDENCE_LABEL, "docker.io/corp/gone:1", NULL);
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "docker.io/corp/gone:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
}

static void what_a_user_calls_something_is_no_step_of_a_core_builds_making(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t step = IMAGE(&f->r.m, f->lib);

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->lib, f->more), "docker.io/corp/base:1",
                     "docker.io/corp/base", "b");
    tagged(f, IMAGE(&f->r.m, f->lib, f->more, f->app), "shop:1");
    lineage_rig_compute(&f->r, 0);
    assert_true(of(f, step)->is_step);
    lineage_rig_tag(&f->r, laptop, step, "mine:1");
    lineage_rig_compute(&f->r, 0);
    assert_false(of(f, step)->is_step);
}

static void a_step_of_two_core_builds_is_filed_under_the_one_known_first(void **state)
{
    struct fixture *f = *state;
    uint32_t step = IMAGE(&f->r.m, f->lib);
    uint32_t first = IMAGE(&f->r.m, f->lib, f->rt), last = IMAGE(&f->r.m, f->lib, f->more);

    lineage_rig_pull(&f->r, f->store, first, "docker.io/corp/one:1", "docker.io/corp/one", "1");
    lineage_rig_pull(&f->r, f->store, last, "docker.io/corp/two:1", "docker.io/corp/two", "2");
    tagged(f, IMAGE(&f->r.m, f->lib, f->rt, f->app), "shop:1");
    tagged(f, IMAGE(&f->r.m, f->lib, f->more, f->app), "shop:2");
    lineage_rig_compute(&f->r, 0);
    assert_true(of(f, step)->is_step);
    assert_int_equal(of(f, step)->core, CHAIN(&f->r.m, f->lib, f->rt));
}

static void an_entry_that_no_image_ends_at_is_a_nearest_base(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");
    uint32_t chain = CHAIN(&f->r.m, f->os, f->lib);

    lineage_rig_entry(&f->r, "docker.io/corp/base:1", chain);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->core, CHAIN(&f->r.m, f->os));
    assert_int_equal(of(f, shop)->nearest, chain);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(steps_over_a_base_of_no_known_end_hide_no_base),
        T(a_run_images_last_layer_is_the_uppermost_of_equal_ones),
        T(a_base_may_have_all_layers_and_no_more),
        T(a_boundary_at_the_images_own_end_confirms_nothing),
        T(a_digest_of_an_own_step_alone_contradicts_nothing),
        T(an_entry_of_another_platform_contradicts_nobody),
        T(a_name_of_no_known_family_contradicts_nobody),
        T(words_are_inherited_from_an_image_that_only_a_digest_names),
        T(a_digest_beside_a_displaced_tag_passes_nothing_on),
        T(what_a_user_calls_something_is_no_step_of_a_core_builds_making),
        T(a_step_of_two_core_builds_is_filed_under_the_one_known_first),
        T(an_entry_that_no_image_ends_at_is_a_nearest_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
