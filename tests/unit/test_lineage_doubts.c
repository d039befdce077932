/* Declarations that leave open which base was meant: lists of all sources of a build, names and
 * digests that disagree, digests without a tag. */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

#define CORP "registry.example.com/corp"

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

static void assert_why(const struct lineage_story *story, size_t index, const char *words)
{
    if (strstr(story->declarations[index].why, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, story->declarations[index].why);
}

static void assert_against(const struct fixture *f, const char *words)
{
    if (lineage_rig_says(&f->r, words))
        return;
    for (size_t i = 0; i < f->r.story.against_count; i++)
        print_error("against: %s\n", f->r.story.against[i]);
    fail_msg("nothing against it holds \"%s\"", words);
}

/* ---- all sources of a build ------------------------------------------------------------------ */

static void a_list_of_sources_proves_no_base_while_nobody_can_verify_one_of_them(void **state)
{
    static const enum fleet_evidence_source sources[] = {EVIDENCE_BUILDINFO, EVIDENCE_PROVENANCE};
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t first = (uint32_t)m->fleet.image_count;
    const struct lineage_story *story;

    for (uint32_t i = 0; i < unit_count(sources); i++) {
        uint32_t layers = maker_layer(m, i == 0 ? "one" : "two", 7);

        tagged(f, IMAGE(m, f->os, f->lib, layers), i == 0 ? "one:1" : "two:1");
    }
    for (uint32_t i = 0; i < unit_count(sources); i++) {
        lineage_rig_declare(&f->r, first + i, sources[i], DEBIAN ":12", "d");
        lineage_rig_declare(&f->r, first + i, sources[i], CORP "/python:3", "unheard of");
    }
    lineage_rig_compute(&f->r, 0);
    for (uint32_t image = first; image < first + unit_count(sources); image++) {
        assert_int_equal(of(f, image)->confirmed, 1);
        assert_int_equal(of(f, image)->unverifiable, 1);
        assert_int_equal(of(f, image)->nearest_layers, 1);
        assert_int_equal(of(f, image)->method, LINEAGE_CONTAINS);
        assert_int_equal(of(f, image)->confidence, CONFIDENCE_MEDIUM);
        assert_int_equal(of(f, image)->core_method, LINEAGE_CONTAINS);
        assert_int_equal(of(f, image)->above, CHAIN(m, f->os, f->lib)); /* lines part there */
        story = lineage_rig_explain(&f->r, image);
        assert_true(story->declarations[0].is_one_of_several);
        assert_false(story->declarations[1].is_one_of_several);
        assert_int_equal(story->boundaries[0].method, LINEAGE_CONTAINS);
        assert_why(story, 0, "nobody can verify another source of the same list");
        assert_against(f, "it may be another stage's base");
        assert_against(f, "lines of several images part there");
    }
}

static void what_says_more_than_a_list_of_sources_proves_the_base(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE, CORP "/python:3", "unheard of");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 2);
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
}

static void the_tools_of_a_build_are_listed_and_leave_nothing_open(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->app), "shop:1");

    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE, "docker.io/docker/dockerfile:1", "f");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE,
                        "docker.io/docker/dockerfile-upstream:master", "u");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE,
                        "docker.io/docker/buildkit-syft-scanner:stable-1", "s");
    lineage_rig_declare(&f->r, shop, EVIDENCE_PROVENANCE, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->method, LINEAGE_DECLARED);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
}

static void a_source_of_all_layers_leaves_no_room_for_another_base(void **state)
{
    struct fixture *f = *state;
    uint32_t relabelled = tagged(f, IMAGE(&f->r.m, f->os, f->rt), "relabelled:1");

    lineage_rig_declare(&f->r, relabelled, EVIDENCE_PROVENANCE, PYTHON ":3", "p");
    lineage_rig_declare(&f->r, relabelled, EVIDENCE_PROVENANCE, CORP "/golang:1", "unheard of");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, relabelled)->nearest_layers, 2);
    assert_int_equal(of(f, relabelled)->method, LINEAGE_DECLARED);
}

static void of_two_listed_sources_in_the_line_the_upper_one_is_the_base(void **state)
{
    static const char *const names[] = {DEBIAN ":12", PYTHON ":3"}, *const manifests[] = {"d", "p"};
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t up = tagged(f, IMAGE(m, f->os, f->rt, f->app), "up:1");
    uint32_t down = tagged(f, IMAGE(m, f->os, f->rt, f->more), "down:1");

    for (size_t i = 0; i < 2; i++)
        lineage_rig_declare(&f->r, up, EVIDENCE_PROVENANCE, names[i], manifests[i]);
    for (size_t i = 2; i-- > 0;)
        lineage_rig_declare(&f->r, down, EVIDENCE_PROVENANCE, names[i], manifests[i]);
    lineage_rig_compute(&f->r, 0);
    for (uint32_t image = up; image <= down; image++) {
        assert_int_equal(of(f, image)->confirmed, 2);
        assert_int_equal(of(f, image)->nearest, CHAIN(m, f->os, f->rt));
        assert_int_equal(of(f, image)->method, LINEAGE_DECLARED);
        assert_int_equal(of(f, image)->confidence, CONFIDENCE_HIGH);
    }
}

/* ---- name and digest ------------------------------------------------------------------------- */

/* The child's own name, and the digest that it has from its parent. */
static void of_a_name_and_a_digest_that_disagree_the_upper_base_is_meant(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t named = tagged(f, IMAGE(m, f->os, f->rt, f->app), "named:1");
    uint32_t pinned = tagged(f, IMAGE(m, f->os, f->rt, f->more), "pinned:1");
    const struct lineage_story *story;

    lineage_rig_declare(&f->r, named, EVIDENCE_LABEL, PYTHON ":3", "d");
    lineage_rig_declare(&f->r, pinned, EVIDENCE_LABEL, DEBIAN ":12", "p");
    lineage_rig_compute(&f->r, 0);
    for (uint32_t image = named; image <= pinned; image++) {
        assert_int_equal(of(f, image)->confirmed, 1);
        assert_int_equal(of(f, image)->nearest, CHAIN(m, f->os, f->rt));
        assert_int_equal(of(f, image)->method, LINEAGE_DECLARED);
        assert_int_equal(of(f, image)->confidence, CONFIDENCE_MEDIUM);
    }
    story = lineage_rig_explain(&f->r, named);
    assert_true(story->declarations[0].is_disputed);
    assert_why(story, 0, "the digest that is given with it is that of debian:12");
    assert_against(f, "its name and its digest mean different images");
    story = lineage_rig_explain(&f->r, pinned);
    assert_why(story, 0, "the name that is given with it is that of debian:12");
    assert_against(f, "its name and its digest mean different images");
}

static void
a_name_that_is_known_for_other_layers_weakens_a_digest_of_another_repository(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");

    tagged(f, IMAGE(m, f->lib), CORP "/base:1");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, CORP "/base:1", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
    assert_why(lineage_rig_explain(&f->r, shop), 0,
               "the name that is given with it is known for other layers only");
}

static void a_digest_of_the_same_repository_only_says_which_version_was_meant(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->more, f->app), "shop:1"), old = IMAGE(m, f->more);
    const struct lineage_story *story;

    /* Listed by another name, and with the digest of both repositories. */
    lineage_rig_pull(&f->r, f->store, old, "mirror.example.com/debian:old",
                     "mirror.example.com/debian", "d0");
    lineage_rig_pull(&f->r, f->store, old, NULL, DEBIAN, "d0");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d0");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
    story = lineage_rig_explain(&f->r, shop);
    assert_false(story->declarations[0].is_disputed);
    assert_false(lineage_rig_says(&f->r, "mean different images"));
}

static void a_name_that_ends_above_its_repositorys_digest_is_meant(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->lib, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, IMAGE(m, f->os, f->lib), DEBIAN ":12-lib", DEBIAN, "l");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12-lib", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 2);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
    assert_true(lineage_rig_explain(&f->r, shop)->declarations[0].is_disputed);
}

static void a_tag_alone_leads_away_from_no_digest_of_its_repository(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->lib, f->app), "shop:1");

    tagged(f, IMAGE(m, f->os, f->lib), DEBIAN ":12-lib");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12-lib", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_HIGH);
    assert_false(lineage_rig_explain(&f->r, shop)->declarations[0].is_disputed);
}

static void a_name_that_fits_goes_before_a_digest_of_another_base_that_does_not(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, IMAGE(m, f->lib), CORP "/base:1", CORP "/base", "b");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "b");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 1);
    assert_int_equal(of(f, shop)->nearest_layers, 1);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
    assert_why(lineage_rig_explain(&f->r, shop), 0,
               "the digest that is given with it is known for other layers only");
    assert_against(f, "its name and its digest mean different images");
}

static void a_digest_of_another_version_is_a_lie_though_the_name_fits(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");

    lineage_rig_pull(&f->r, f->store, IMAGE(m, f->lib), NULL, DEBIAN, "d13");
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN ":12", "d13");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->contradicted, 1);
    assert_int_equal(of(f, shop)->method, LINEAGE_CONTAINS);
}

static void a_digest_without_a_tag_says_nothing_of_latest(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = tagged(f, IMAGE(&f->r.m, f->os, f->lib, f->app), "shop:1");
    const struct lineage_story *story;

    lineage_rig_tag(&f->r, f->store, f->debian, CORP "/base:latest");
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, CORP "/base", "unheard of");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->confirmed, 0);
    assert_int_equal(of(f, shop)->unverifiable, 1);
    assert_int_equal(of(f, shop)->method, LINEAGE_CONTAINS);
    story = lineage_rig_explain(&f->r, shop);
    assert_why(story, 0, "Nobody holds what it names");
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void equal_layers_on_another_parent_are_no_part_of_the_line(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t other = IMAGE(m, f->more, f->lib, f->app);
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->lib, f->app, f->rt), "shop:1");

    lineage_rig_pull(&f->r, f->store, other, CORP "/lib:1", CORP "/lib", "l");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest, CHAIN(m, f->os));
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, shop)->ties, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_list_of_sources_proves_no_base_while_nobody_can_verify_one_of_them),
        TEST(what_says_more_than_a_list_of_sources_proves_the_base),
        TEST(the_tools_of_a_build_are_listed_and_leave_nothing_open),
        TEST(a_source_of_all_layers_leaves_no_room_for_another_base),
        TEST(of_two_listed_sources_in_the_line_the_upper_one_is_the_base),
        TEST(of_a_name_and_a_digest_that_disagree_the_upper_base_is_meant),
        TEST(a_name_that_is_known_for_other_layers_weakens_a_digest_of_another_repository),
        TEST(a_digest_of_the_same_repository_only_says_which_version_was_meant),
        TEST(a_name_that_ends_above_its_repositorys_digest_is_meant),
        TEST(a_tag_alone_leads_away_from_no_digest_of_its_repository),
        TEST(a_name_that_fits_goes_before_a_digest_of_another_base_that_does_not),
        TEST(a_digest_of_another_version_is_a_lie_though_the_name_fits),
        TEST(a_digest_without_a_tag_says_nothing_of_latest),
        TEST(equal_layers_on_another_parent_are_no_part_of_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
