/* What images say of their bases: confirmed by layers, contradicted, unverifiable, inherited. */
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

/* The only declaration of an image has this outcome, and the story says so too. */
static void assert_outcome(struct fixture *f, uint32_t image, enum lineage_outcome outcome,
                           const char *words)
{
    const struct lineage_story *story = lineage_rig_explain(&f->r, image);

    assert_int_equal(of(f, image)->confirmed, outcome == OUTCOME_CONFIRMED);
    assert_int_equal(of(f, image)->contradicted, outcome == OUTCOME_CONTRADICTED);
    assert_int_equal(of(f, image)->unverifiable, outcome == OUTCOME_UNVERIFIABLE);
    assert_int_equal(of(f, image)->inherited, outcome == OUTCOME_INHERITED);
    assert_int_equal(story->declaration_count, 1);
    assert_int_equal(story->declarations[0].outcome, outcome);
    if (strstr(story->declarations[0].why, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, story->declarations[0].why);
}

static void a_declared_digest_whose_layers_fit_is_confirmed_with_high_confidence(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, PYTHON ":3", "p");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "is the lowest 2 layers");
    assert_int_equal(of(f, shop)->nearest_layers, 2);
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
    assert_int_equal(of(f, shop)->above, FLEET_NONE);
}

static void a_declared_name_whose_layers_fit_is_confirmed_with_medium_confidence(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "has or had this name");
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
}

static void a_reference_without_a_tag_means_latest(void **state)
{
    struct fixture *f = *state;
    uint32_t base = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "localhost:5000/base:latest");
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    (void)base;
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, "localhost:5000/base", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "has or had this name");
}

static void a_claimed_base_that_is_a_lie_is_contradicted_and_not_believed(void **state)
{
    struct fixture *f = *state;
    uint32_t liar = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "liar:1");

    lineage_rig_declare(&f->r, liar, EVIDENCE_ANNOTATION, PYTHON ":3", "p");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, liar, OUTCOME_CONTRADICTED, "its layers are not here");
    assert_int_equal(of(f, liar)->nearest, CHAIN(&f->r.m, f->os));
    assert_int_equal(of(f, liar)->method, LINEAGE_CONTAINS);
    assert_true(lineage_rig_says(&f->r, "names python:3@sha256:"));
}

static void a_base_that_nobody_holds_is_unverifiable(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "corp/base:7", "unheard of");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_UNVERIFIABLE, "Nobody holds");
    assert_int_equal(of(f, shop)->nearest, CHAIN(&f->r.m, f->os));
}

static void a_digest_of_another_platform_does_not_contradict(void **state)
{
    struct fixture *f = *state;
    uint32_t arm = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:arm");

    f->r.m.images[arm].arch = "arm64";
    lineage_rig_declare(&f->r, arm, EVIDENCE_ANNOTATION, "", "p"); /* an index of both */
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, arm, OUTCOME_UNVERIFIABLE, "another platform");
}

static void a_users_word_about_a_digest_contradicts_nobody(void **state)
{
    struct fixture *f = *state;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    lineage_rig_pull(&f->r, laptop, IMAGE(&f->r.m, f->lib), "x:1", "x", "other");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "", "other");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_UNVERIFIABLE, "its own user can write");
}

static void another_version_of_a_name_may_have_been_meant(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:1");

    f->r.m.layers[f->os].os_release = "ID=debian\nVERSION_ID=12\n";
    f->r.m.layers[f->lib].os_release = "ID=debian\nVERSION_ID=13\n";
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_UNVERIFIABLE, "another version");
}

static void a_name_of_another_family_is_contradicted(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:1");

    f->r.m.layers[f->os].os_release = "ID=debian\n";
    f->r.m.layers[f->lib].os_release = "ID=alpine\n";
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONTRADICTED, "debian there, alpine here");
}

static void a_tag_that_has_moved_still_confirms_its_old_version(void **state)
{
    struct fixture *f = *state;
    uint32_t old = IMAGE(&f->r.m, f->lib), shop;

    lineage_rig_pull(&f->r, f->store, old, DEBIAN ":12", DEBIAN, "d0")->root.at_s = 1000;
    f->r.said[2].stores = 0; /* and it lies nowhere now */
    shop = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "shop:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, DEBIAN ":12", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "has or had this name");
    assert_int_equal(of(f, shop)->nearest, CHAIN(&f->r.m, f->lib));
}

static void a_digest_that_nobody_knows_leaves_the_name_to_decide(void **state)
{
    struct fixture *f = *state;
    uint32_t alpine = IMAGE(&f->r.m, f->more), alone = IMAGE(&f->r.m, f->more, f->app);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    f->r.m.layers[f->os].os_release = "ID=debian\n";
    f->r.m.layers[f->more].os_release = "ID=alpine\n";
    tagged(f, alpine, "docker.io/library/alpine:3");
    tagged(f, alone, "alone:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, PYTHON ":3", "step");
    lineage_rig_declare(&f->r, alone, EVIDENCE_ANNOTATION, PYTHON ":3", "newer");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "nobody knows a base by the digest");
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
    assert_outcome(f, alone, OUTCOME_UNVERIFIABLE, "nobody knows the digest");
}

static void a_store_that_is_trusted_to_name_is_as_good_as_roots(void **state)
{
    struct fixture *f = *state;
    uint32_t user = lineage_rig_store(&f->r, "lab", 1000), mine = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t twin = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");
    uint32_t lie = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->more), "lie:1");

    f->r.trusted[f->r.m.fleet.said_count] = true;
    lineage_rig_pull(&f->r, user, mine, "corp/lib:1", "corp/lib", "m");
    f->r.trusted[f->r.m.fleet.said_count] = true;
    lineage_rig_tag(&f->r, user, twin, "corp/twin:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, "corp/lib:1", "m");
    lineage_rig_declare(&f->r, lie, EVIDENCE_ANNOTATION, "corp/lib:1", "m");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "lowest 2 layers of this one.");
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
    assert_int_equal(of(f, shop)->ties, 2);
    assert_outcome(f, lie, OUTCOME_CONTRADICTED, "known as corp/");
}

static void a_base_of_all_layers_is_another_image_or_none(void **state)
{
    struct fixture *f = *state;
    uint32_t relabelled = tagged(f, IMAGE(&f->r.m, f->os, f->rt), "corp/python:3");
    uint32_t own = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "self:1");

    lineage_rig_declare(&f->r, relabelled, EVIDENCE_FROM, PYTHON ":3", "p");
    lineage_rig_declare(&f->r, own, EVIDENCE_FROM, "docker.io/library/self:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, relabelled, OUTCOME_CONFIRMED, "is the lowest 2 layers");
    assert_int_equal(of(f, relabelled)->nearest, CHAIN(&f->r.m, f->os, f->rt));
    assert_int_equal(of(f, relabelled)->nearest_layers, 2);
    assert_outcome(f, own, OUTCOME_UNVERIFIABLE, "");
    assert_int_equal(of(f, own)->nearest, CHAIN(&f->r.m, f->os));
}

static void of_two_versions_of_a_name_in_the_line_the_upper_one_is_meant(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_tag(&f->r, f->store, f->debian, "corp/base:1");
    lineage_rig_tag(&f->r, f->store, f->python, "corp/base:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, "corp/base:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 2);
}

static void a_boundary_that_is_told_must_agree(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");
    uint32_t lost = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->lib), "lost:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_CONTENT_MANIFEST, "", "d")->layers = 2;
    lineage_rig_declare(&f->r, lost, EVIDENCE_CONTENT_MANIFEST, "", NULL)->layers = 9;
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONTRADICTED, "does not end after the lowest 2");
    assert_outcome(f, lost, OUTCOME_CONTRADICTED, "no such layer");
}

static void a_boundary_that_nobody_can_verify_is_told_above_the_named_base(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");
    uint32_t lone = tagged(f, IMAGE(&f->r.m, f->more, f->lib, f->app), "lone:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, "corp/base:7", NULL)->layers = 2;
    lineage_rig_declare(&f->r, lone, EVIDENCE_FROM, "corp/base:8", NULL)->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->above, CHAIN(&f->r.m, f->os, f->lib));
    assert_outcome(f, shop, OUTCOME_UNVERIFIABLE, "by its word the lowest 2 layers");
    assert_true(lineage_rig_says(&f->r, "nobody can verify ends there"));
    assert_int_equal(of(f, lone)->nearest_layers, 2);
    assert_int_equal(of(f, lone)->method, LINEAGE_CLAIMED);
    assert_false(of(f, lone)->nearest_named);
}

static void the_uppermost_layer_of_a_run_image_tells_its_boundary(void **state)
{
    struct fixture *f = *state;
    uint32_t built = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->os, f->app), "built:1");
    uint32_t broken = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "broken:1");

    lineage_rig_declare(&f->r, built, EVIDENCE_BUILDPACKS, PYTHON ":3", "p")->top =
        f->r.m.layers[f->rt].diff;
    lineage_rig_declare(&f->r, broken, EVIDENCE_BUILDPACKS, PYTHON ":3", "p")->top =
        f->r.m.layers[f->rt].diff;
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, built, OUTCOME_CONFIRMED, "is the lowest 2 layers");
    assert_outcome(f, broken, OUTCOME_CONTRADICTED, "no such layer");
}

static void provenance_lists_all_stages_and_only_the_last_one_is_a_base(void **state)
{
    struct fixture *f = *state;
    uint32_t golang = tagged(f, IMAGE(&f->r.m, f->lib, f->more), "golang:1");
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, golang, "golang:1", "golang", "g");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE, "golang:1", "g");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 1);
    assert_int_equal(of(f, shop)->contradicted, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    assert_int_equal(of(f, shop)->nearest, CHAIN(&f->r.m, f->os));
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
}

static void a_builder_is_no_base(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_BUILDPACKS, DEBIAN ":12", "d")->role =
        EVIDENCE_OF_BUILDER;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 2);
    assert_int_equal(lineage_rig_explain(&f->r, shop)->declaration_count, 0);
}

static void the_catalogue_confirms_and_contradicts_too(void **state)
{
    struct fixture *f = *state;
    uint32_t good = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "good:1");
    uint32_t liar = tagged(f, IMAGE(&f->r.m, f->os, f->more), "liar:1");

    lineage_rig_entry(&f->r, "corp/base:1", CHAIN(&f->r.m, f->os, f->lib))->digest =
        digest_of("b", 1);
    lineage_rig_entry(&f->r, "corp/base:2", FLEET_NONE)->digest = digest_of("c", 1);
    lineage_rig_declare(&f->r, good, EVIDENCE_LABEL, "corp/base:1", NULL);
    lineage_rig_declare(&f->r, liar, EVIDENCE_LABEL, "", "c");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, good, OUTCOME_CONFIRMED, "has or had this name");
    assert_int_equal(of(f, good)->confidence, CONFIDENCE_HIGH);
    assert_outcome(f, liar, OUTCOME_CONTRADICTED, "its layers are not here");
}

static void a_base_seen_for_the_first_time_names_all_its_descendants(void **state)
{
    struct fixture *f = *state;
    uint32_t one = tagged(f, IMAGE(&f->r.m, f->lib, f->app), "one:1");
    uint32_t two = tagged(f, IMAGE(&f->r.m, f->lib, f->more), "two:1"), base;

    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, one)->kind, BASE_UNNAMED);
    base = IMAGE(&f->r.m, f->lib);
    lineage_rig_pull(&f->r, f->store, base, "corp/base:1", "corp/base", "b");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, one)->kind, BASE_NAMED);
    assert_int_equal(of(f, two)->nearest, CHAIN(&f->r.m, f->lib));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_declared_digest_whose_layers_fit_is_confirmed_with_high_confidence),
        TEST(a_declared_name_whose_layers_fit_is_confirmed_with_medium_confidence),
        TEST(a_reference_without_a_tag_means_latest),
        TEST(a_claimed_base_that_is_a_lie_is_contradicted_and_not_believed),
        TEST(a_base_that_nobody_holds_is_unverifiable),
        TEST(a_digest_of_another_platform_does_not_contradict),
        TEST(a_users_word_about_a_digest_contradicts_nobody),
        TEST(another_version_of_a_name_may_have_been_meant),
        TEST(a_name_of_another_family_is_contradicted),
        TEST(a_tag_that_has_moved_still_confirms_its_old_version),
        TEST(a_digest_that_nobody_knows_leaves_the_name_to_decide),
        TEST(a_store_that_is_trusted_to_name_is_as_good_as_roots),
        TEST(a_base_of_all_layers_is_another_image_or_none),
        TEST(of_two_versions_of_a_name_in_the_line_the_upper_one_is_meant),
        TEST(a_boundary_that_is_told_must_agree),
        TEST(a_boundary_that_nobody_can_verify_is_told_above_the_named_base),
        TEST(the_uppermost_layer_of_a_run_image_tells_its_boundary),
        TEST(provenance_lists_all_stages_and_only_the_last_one_is_a_base),
        TEST(a_builder_is_no_base),
        TEST(the_catalogue_confirms_and_contradicts_too),
        TEST(a_base_seen_for_the_first_time_names_all_its_descendants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
