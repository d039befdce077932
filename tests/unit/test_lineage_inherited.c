/* Whose a declaration is: the image's own, one inherited from its base, or one of a step of its own
 * making. */
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

static void labels_that_the_base_has_too_are_inherited_from_it(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_declare(&f->r, f->python, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, f->python)->method, LINEAGE_DECLARED);
    assert_int_equal(of(f, shop)->nearest, CHAIN(&f->r.m, f->os, f->rt)); /* not what it says */
    assert_int_equal(of(f, shop)->method, LINEAGE_CONTAINS);
    assert_int_equal(of(f, shop)->core_method, LINEAGE_DECLARED); /* it is true of the core */
    assert_outcome(f, shop, OUTCOME_INHERITED, "Inherited: python:3 says the same");
    assert_int_equal(f->r.story.declarations[0].from, f->python);
}

static void what_is_inherited_names_the_image_that_says_it(void **state)
{
    struct fixture *f = *state;
    uint32_t labelled = tagged(f, IMAGE(&f->r.m, f->os), "labelled:1");
    uint32_t twin = tagged(f, IMAGE(&f->r.m, f->os, f->rt), "twin:1");
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");
    uint32_t other = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "other:1");

    lineage_rig_declare(&f->r, labelled, EVIDENCE_LABEL, "corp/gone:1", NULL);
    lineage_rig_declare(&f->r, twin, EVIDENCE_LABEL, "corp/lost:1", NULL);
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "corp/gone:1", NULL);
    lineage_rig_declare(&f->r, other, EVIDENCE_LABEL, "corp/lost:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_INHERITED, "Inherited: labelled:1 says the same");
    assert_outcome(f, other, OUTCOME_INHERITED, "Inherited: twin:1 says the same");
    assert_int_equal(f->r.story.declarations[0].by_itself, OUTCOME_UNVERIFIABLE);
}

static void nothing_is_inherited_from_an_image_that_only_a_user_names(void **state)
{
    struct fixture *f = *state;
    uint32_t user = lineage_rig_store(&f->r, "lab", 1000), mine = IMAGE(&f->r.m, f->os, f->rt);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_tag(&f->r, user, mine, "mine:1"); /* python:3 ends there, and is another image */
    lineage_rig_declare(&f->r, mine, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "is the lowest layer of this one");
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
    assert_int_equal(f->r.said[3].image, mine);
    f->r.trusted[3] = true; /* from here on he names for all */
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_INHERITED, "Inherited: mine:1 says the same");
    assert_int_equal(f->r.story.declarations[0].by_itself, OUTCOME_CONFIRMED);
}

static void nothing_is_inherited_from_an_image_whose_only_name_is_displaced(void **state)
{
    struct fixture *f = *state;
    uint32_t evil = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    tagged(f, evil, DEBIAN ":12");
    lineage_rig_declare(&f->r, evil, EVIDENCE_LABEL, "corp/gone:1", NULL);
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, "corp/gone:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_UNVERIFIABLE, "Nobody holds");
}

/* Another image that ends where the base does cannot be the one who stands on it first. */
static void
an_image_that_ends_with_the_declared_base_is_not_the_one_that_declared_it_first(void **state)
{
    struct fixture *f = *state;
    uint32_t relabelled = tagged(f, IMAGE(&f->r.m, f->os), "relabelled:1");
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    lineage_rig_declare(&f->r, relabelled, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "is the lowest layer of this one");
    assert_int_equal(of(f, shop)->ties, 2);
}

static void whatever_writes_them_the_same_words_of_the_base_are_inherited(void **state)
{
    static const enum fleet_evidence_source sources[] = {EVIDENCE_ANNOTATION, EVIDENCE_LABEL,
                                                         EVIDENCE_S2I, EVIDENCE_BUILDPACKS};
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->rt, f->app), "shop:1");
    const struct lineage_story *story;

    for (uint32_t image = f->python; image <= shop; image++)
        for (size_t i = 0; i < unit_count(sources); i++) {
            struct fleet_evidence *e =
                lineage_rig_declare(&f->r, image, sources[i], DEBIAN ":12", "d");

            if (sources[i] == EVIDENCE_BUILDPACKS)
                e->top = m->layers[f->os].diff;
        }
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, f->python)->confirmed, 4);
    assert_int_equal(of(f, f->python)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->inherited, 4);
    assert_int_equal(of(f, shop)->confirmed, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 2);
    assert_int_equal(of(f, shop)->method, LINEAGE_CONTAINS);
    story = lineage_rig_explain(&f->r, shop);
    assert_int_equal(story->declaration_count, 4);
    for (size_t i = 0; i < story->declaration_count; i++) {
        assert_int_equal(story->declarations[i].from, f->python);
        assert_int_equal(story->declarations[i].by_itself, OUTCOME_CONFIRMED);
    }
}

/* docker keeps an image for its LABEL step, at the base's own chain. */
static void what_only_a_step_of_its_making_says_too_is_the_images_own(void **state)
{
    struct fixture *f = *state;
    uint32_t label = IMAGE(&f->r.m, f->os), step = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t lie = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "lie:1");
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more), "shop:1");

    lineage_rig_tag(&f->r, f->store, label, NULL);
    lineage_rig_tag(&f->r, f->store, step, NULL);
    lineage_rig_declare(&f->r, label, EVIDENCE_LABEL, PYTHON ":3", "p");
    lineage_rig_declare(&f->r, step, EVIDENCE_LABEL, DEBIAN ":12", NULL);
    lineage_rig_declare(&f->r, lie, EVIDENCE_LABEL, PYTHON ":3", "p");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, lie, OUTCOME_CONTRADICTED, "known as python:3");
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "is the lowest layer of this one");
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
}

static void from_comments_nest_and_only_the_uppermost_is_the_images_own(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->rt, f->app), "shop:1");
    const struct lineage_story *story;

    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, DEBIAN ":12", NULL);
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 2);
    assert_int_equal(of(f, shop)->confirmed, 1);
    assert_int_equal(of(f, shop)->inherited, 1);
    story = lineage_rig_explain(&f->r, shop);
    assert_int_equal(story->declarations[0].outcome, OUTCOME_INHERITED);
    assert_int_equal(story->boundary_count, 2);
    assert_int_equal(story->boundaries[0].method, LINEAGE_DECLARED);
    assert_true(story->boundaries[0].is_core && story->boundaries[1].is_nearest);
}

static void
a_sibling_that_shares_build_cache_is_no_base_where_a_declaration_is_confirmed(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more, f->app), "shop:1");

    tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more), "sibling:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 3); /* it contains it: that is all one knows */
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_LOW);
    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
}

/* buildah --layers: COPY, RUN, COPY; the image of the second step was given a name since. */
static void a_sibling_that_is_a_step_of_its_own_making_is_no_base_and_says_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t sibling = tagged(f, IMAGE(&f->r.m, f->os, f->lib), "sibling:1");
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more), "shop:1");
    uint32_t child = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more, f->app), "child:1");
    struct fleet_evidence *steps;

    lineage_rig_declare(&f->r, sibling, EVIDENCE_FROM, DEBIAN ":12", NULL)->layers = 1;
    for (uint32_t image = shop; image <= child; image++) {
        lineage_rig_declare(&f->r, image, EVIDENCE_FROM, DEBIAN ":12", NULL)->layers = 1;
        steps = lineage_rig_declare(&f->r, image, EVIDENCE_FROM, "", NULL);
        steps->role = EVIDENCE_OF_STEPS;
        steps->layers = 2;
    }
    lineage_rig_compute(&f->r, 0);
    assert_outcome(f, shop, OUTCOME_CONFIRMED, "is the lowest layer of this one");
    assert_int_equal(of(f, shop)->nearest, CHAIN(&f->r.m, f->os));
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
    assert_outcome(f, child, OUTCOME_INHERITED, "Inherited: shop:1 says the same");
    assert_int_equal(of(f, child)->nearest_layers, 3); /* docker built it: it contains shop:1 */
}

/* buildah's annotation has the base's name and the digest of the step before the last. */
static void a_digest_of_an_own_step_leaves_the_name_to_decide(void **state)
{
    struct fixture *f = *state;
    uint32_t sibling = IMAGE(&f->r.m, f->os, f->lib);
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->more), "shop:1");
    struct fleet_evidence *steps;

    lineage_rig_pull(&f->r, f->store, sibling, "docker.io/me/sibling:1", "docker.io/me/sibling",
                     "s");
    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, DEBIAN ":12", "s");
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, DEBIAN ":12", NULL)->layers = 1;
    steps = lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, "", NULL);
    steps->role = EVIDENCE_OF_STEPS;
    steps->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 2);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(labels_that_the_base_has_too_are_inherited_from_it),
        TEST(what_is_inherited_names_the_image_that_says_it),
        TEST(nothing_is_inherited_from_an_image_that_only_a_user_names),
        TEST(nothing_is_inherited_from_an_image_whose_only_name_is_displaced),
        TEST(an_image_that_ends_with_the_declared_base_is_not_the_one_that_declared_it_first),
        TEST(whatever_writes_them_the_same_words_of_the_base_are_inherited),
        TEST(what_only_a_step_of_its_making_says_too_is_the_images_own),
        TEST(from_comments_nest_and_only_the_uppermost_is_the_images_own),
        TEST(a_sibling_that_shares_build_cache_is_no_base_where_a_declaration_is_confirmed),
        TEST(a_sibling_that_is_a_step_of_its_own_making_is_no_base_and_says_nothing),
        TEST(a_digest_of_an_own_step_leaves_the_name_to_decide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
