/* The story of one image, and families and versions of core builds. */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

#define MARCH_S 1772409600 /* 2026-03-02 */

struct fixture {
    struct lineage_rig r;
    uint32_t store, os, rt, app;
};

static int setup(void **state)
{
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;

    lineage_rig_open(&f.r);
    f.store = lineage_rig_store(&f.r, "h", 0);
    f.os = maker_layer(m, "os", 100);
    f.rt = maker_layer(m, "rt", 50);
    f.app = maker_layer(m, "app", 10);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lineage_rig_close(&f->r);
    return 0;
}

static struct lineage_family family(struct fixture *f, uint32_t chain)
{
    struct lineage_family out;
    struct err err;

    lineage_rig_compute(&f->r, 0);
    assert_ok(lineage_family_of(&out, &f->r.lineage, &f->r.m.fleet, &f->r.catalogue, chain,
                                f->r.m.arena, &err));
    return out;
}

static void a_story_lists_boundaries_from_the_core_build_up(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = IMAGE(m, f->os, f->rt, f->app);
    const struct lineage_story *story;

    lineage_rig_pull(&f->r, f->store, IMAGE(m, f->os), DEBIAN ":12", DEBIAN, "d");
    lineage_rig_tag(&f->r, f->store, IMAGE(m, f->os, f->rt), PYTHON ":3");
    lineage_rig_tag(&f->r, f->store, shop, "shop:1");
    lineage_rig_compute(&f->r, 0);
    story = lineage_rig_explain(&f->r, shop);
    assert_int_equal(story->boundary_count, 2);
    assert_true(story->boundaries[0].is_core && !story->boundaries[0].is_nearest);
    assert_int_equal(story->boundaries[0].layers, 1);
    assert_int_equal(story->boundaries[0].strength, NAME_PULLED);
    assert_int_equal(story->boundaries[0].confidence, CONFIDENCE_MEDIUM);
    assert_true(story->boundaries[1].is_nearest && story->boundaries[1].named);
    assert_int_equal(story->boundaries[1].layers, 2);
    assert_int_equal(story->boundaries[1].confidence, CONFIDENCE_LOW);
    assert_true(lineage_rig_says(&f->r, "begin with those of python:3; nothing else says"));
    assert_true(lineage_rig_says(&f->r, "The name python:3 is only a tag on h"));
}

static void a_clear_answer_has_nothing_against_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = IMAGE(m, f->os, f->app);

    lineage_rig_pull(&f->r, f->store, IMAGE(m, f->os), DEBIAN ":12", DEBIAN, "d");
    lineage_rig_pull(&f->r, f->store, shop, "corp/shop:1", "corp/shop", "s");
    lineage_rig_declare(&f->r, shop, EVIDENCE_ANNOTATION, DEBIAN ":12", "d");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(lineage_rig_explain(&f->r, shop)->against_count, 0);
}

static void a_story_of_a_core_build_ends_at_itself(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = IMAGE(&f->r.m, f->os);
    const struct lineage_story *story;

    f->r.m.layers[f->os].os_release = "ID=debian\n";
    lineage_rig_pull(&f->r, f->store, debian, DEBIAN ":12", DEBIAN, "d");
    lineage_rig_compute(&f->r, 0);
    story = lineage_rig_explain(&f->r, debian);
    assert_int_equal(story->boundary_count, 1);
    assert_int_equal(story->boundaries[0].method, LINEAGE_SELF);
    assert_int_equal(story->against_count, 0);
}

static void a_core_build_that_declares_another_base_says_so(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t squashed = IMAGE(m, f->os), lying = IMAGE(m, f->rt), plain = IMAGE(m, f->app);

    m->layers[f->os].os_release = m->layers[f->rt].os_release = m->layers[f->app].os_release =
        "ID=debian\n";
    lineage_rig_tag(&f->r, f->store, squashed, "shop/squashed:1");
    lineage_rig_pull(&f->r, f->store, lying, "shop/lying:1", "docker.io/shop/lying", "l");
    lineage_rig_pull(&f->r, f->store, plain, DEBIAN ":12", DEBIAN, "d");
    lineage_rig_declare(&f->r, squashed, EVIDENCE_ANNOTATION, DEBIAN ":13", NULL);
    lineage_rig_declare(&f->r, lying, EVIDENCE_ANNOTATION, DEBIAN ":12", "d");
    lineage_rig_declare(&f->r, plain, EVIDENCE_PROVENANCE, "docker.io/library/golang:1", NULL);
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(f->r.lineage.images[squashed].core_method, LINEAGE_SELF);
    lineage_rig_explain(&f->r, squashed);
    assert_true(lineage_rig_says(&f->r,
                                 "An annotation of its manifest names debian:13 as its base, "
                                 "and nothing verifies that: this may be no core build, but "
                                 "an application that was squashed."));
    lineage_rig_explain(&f->r, lying); /* told as a contradiction */
    assert_true(lineage_rig_says(&f->r, "the layers contradict it"));
    assert_false(lineage_rig_says(&f->r, "nothing verifies that"));
    lineage_rig_explain(&f->r, plain);
    assert_false(lineage_rig_says(&f->r, "nothing verifies that"));
}

static void a_standalone_image_says_why(void **state)
{
    struct fixture *f = *state;
    uint32_t tool = IMAGE(&f->r.m, f->app);

    lineage_rig_tag(&f->r, f->store, tool, "tool:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(lineage_rig_explain(&f->r, tool)->boundary_count, 0);
    assert_true(lineage_rig_says(&f->r, "No operating system was found"));
}

static void a_family_is_the_word_of_os_release(void **state)
{
    struct fixture *f = *state;
    struct lineage_family got;

    f->r.m.layers[f->os].os_release = "ID=debian\nVERSION_ID=\"12\"\n";
    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os, f->rt), "corp/base:7", "corp/base",
                     "b");
    got = family(f, CHAIN(&f->r.m, f->os, f->rt));
    assert_string_equal(got.family, "debian");
    assert_string_equal(got.version, "12");
    assert_string_equal(got.os_release, f->r.m.layers[f->os].os_release);
}

static void without_os_release_a_family_is_the_repositorys_last_part(void **state)
{
    struct fixture *f = *state;
    struct lineage_family got;

    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->os), "gcr.io/distroless/static:nonroot",
                     "gcr.io/distroless/static", "s");
    IMAGE(&f->r.m, f->rt);
    got = family(f, CHAIN(&f->r.m, f->os));
    assert_string_equal(got.family, "static");
    assert_string_equal(got.version, "nonroot");
    got = family(f, CHAIN(&f->r.m, f->rt));
    assert_string_equal(got.family, "unknown");
    assert_string_equal(got.version, "");
}

static void the_catalogue_gives_families_and_versions_first(void **state)
{
    struct fixture *f = *state;
    struct catalogue_family families[] = {{"gcr.io/distroless/*", "distroless"}};
    uint32_t os = CHAIN(&f->r.m, f->os), rt;
    struct catalogue_base *entry;

    IMAGE(&f->r.m, f->os);
    f->r.m.layers[f->os].os_release = "ID=debian\nVERSION_ID=12\n";
    lineage_rig_pull(&f->r, f->store, IMAGE(&f->r.m, f->rt), "gcr.io/distroless/static:1",
                     "gcr.io/distroless/static", "s");
    rt = CHAIN(&f->r.m, f->rt);
    f->r.catalogue.families = families;
    f->r.catalogue.family_count = 1;
    assert_string_equal(family(f, rt).family, "distroless");
    entry = lineage_rig_entry(&f->r, "corp/golden:2026", os);
    entry->family = "golden";
    entry->version = "2026.1";
    assert_string_equal(family(f, os).family, "golden");
    assert_string_equal(family(f, os).version, "2026.1");
}

static void a_tag_alone_puts_nothing_into_a_family_of_the_catalogue(void **state)
{
    struct fixture *f = *state;
    struct catalogue_family families[] = {{"docker.io/library/debian", "approved"}};

    f->r.catalogue.families = families;
    f->r.catalogue.family_count = 1;
    lineage_rig_tag(&f->r, f->store, IMAGE(&f->r.m, f->os), DEBIAN ":12");
    assert_string_equal(family(f, CHAIN(&f->r.m, f->os)).family, "debian");
}

static void two_dates_are_one_family_and_two_versions_of_their_own_date(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t march = IMAGE(m, f->os), fixed = IMAGE(m, f->rt);
    struct lineage_family one, two;

    m->layers[f->os].os_release = m->layers[f->rt].os_release = "ID=debian\nVERSION_ID=12\n";
    m->images[march].created_s = MARCH_S;
    m->images[fixed].created_s = 1;
    m->images[fixed].first_s = MARCH_S + 5;
    lineage_rig_tag(&f->r, f->store, march, DEBIAN ":12");
    lineage_rig_tag(&f->r, f->store, fixed, DEBIAN ":12");
    one = family(f, CHAIN(m, f->os));
    two = family(f, CHAIN(m, f->rt));
    assert_string_equal(one.family, two.family);
    assert_int_equal(one.date_s, MARCH_S);
    assert_true(one.from_created);
    assert_int_equal(two.date_s, MARCH_S + 5);
    assert_false(two.from_created);
}

/* A second image of the same layers. */
static uint32_t make_twin(struct fixture *f, int64_t created_s)
{
    uint32_t twin = IMAGE(&f->r.m, f->os);

    f->r.m.images[twin].digest.bytes[0] ^= 1;
    f->r.m.images[twin].created_s = created_s;
    return twin;
}

static void only_images_with_a_firm_name_date_a_base(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = IMAGE(&f->r.m, f->os), chain = CHAIN(&f->r.m, f->os),
             user = lineage_rig_store(&f->r, "laptop", 1000);

    f->r.m.images[debian].created_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, debian, DEBIAN ":12", DEBIAN, "d");
    make_twin(f, MARCH_S - 100);
    lineage_rig_tag(&f->r, user, make_twin(f, MARCH_S - 200), "mine:1");
    assert_int_equal(family(f, chain).date_s, MARCH_S);
    lineage_rig_tag(&f->r, f->store, make_twin(f, MARCH_S - 300), "corp/base:1");
    assert_int_equal(family(f, chain).date_s, MARCH_S - 300);
}

static void an_image_that_only_a_digest_names_dates_a_base(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = IMAGE(&f->r.m, f->os);

    f->r.m.images[debian].created_s = MARCH_S;
    lineage_rig_pull(&f->r, f->store, debian, NULL, DEBIAN, "d");
    assert_int_equal(family(f, CHAIN(&f->r.m, f->os)).date_s, MARCH_S);
}

/* Whoever has the layers first, the fleet has heard of the base then. */
static void no_base_was_made_after_the_fleet_first_heard_of_its_layers(void **state)
{
    struct fixture *f = *state;
    uint32_t late = IMAGE(&f->r.m, f->os), early = IMAGE(&f->r.m, f->os, f->rt);
    struct lineage_family found;

    f->r.m.images[early].first_s = MARCH_S;
    f->r.m.images[late].first_s = MARCH_S + 100 * 86400;
    f->r.m.images[late].created_s = MARCH_S + 90 * 86400;
    lineage_rig_pull(&f->r, f->store, late, DEBIAN ":12", DEBIAN, "d");
    found = family(f, CHAIN(&f->r.m, f->os));
    assert_int_equal(found.date_s, MARCH_S);
    assert_false(found.from_created);
}

static void of_several_entries_of_a_chain_one_that_tells_a_family_counts(void **state)
{
    struct fixture *f = *state;
    uint32_t os = CHAIN(&f->r.m, f->os);

    IMAGE(&f->r.m, f->os);
    lineage_rig_entry(&f->r, "docker.io/corp/plain:1", os);
    lineage_rig_entry(&f->r, "docker.io/corp/golden:1", os)->family = "precious";
    lineage_rig_entry(&f->r, "docker.io/corp/other:1", os)->family = "other";
    assert_string_equal(family(f, os).family, "precious");
}

static void the_catalogue_dates_a_base_before_all_images(void **state)
{
    struct fixture *f = *state;
    uint32_t debian = IMAGE(&f->r.m, f->os), chain = CHAIN(&f->r.m, f->os);
    struct catalogue_base *entry = lineage_rig_entry(&f->r, DEBIAN ":12", chain);

    f->r.m.images[debian].created_s = MARCH_S - 300;
    lineage_rig_pull(&f->r, f->store, debian, DEBIAN ":12", DEBIAN, "d");
    assert_int_equal(family(f, chain).date_s, MARCH_S - 300);
    entry->created_s = MARCH_S;
    assert_int_equal(family(f, chain).date_s, MARCH_S);
    assert_true(family(f, chain).from_created);
    entry->created_s = 1; /* which reproducible builds write */
    assert_int_equal(family(f, chain).date_s, MARCH_S - 300);
}

/* All of it in an arena of its own; what fails for its size does so with ERR_LIMIT. */
static bool computes_within(struct fixture *f, size_t max_bytes, uint32_t image)
{
    struct lineage_rig *r = &f->r;
    struct arena *arena;
    struct err err = {.kind = ERR_NONE};
    bool done;

    assert_ok(arena_open(&arena, max_bytes, &err));
    done =
        naming_compute(&r->naming, &r->m.fleet, &r->catalogue, NULL, 0, arena, &err) == 0 &&
        lineage_compute(&r->lineage, &r->m.fleet, &r->catalogue, &r->naming, 0, arena, &err) == 0 &&
        lineage_explain(&r->story, &r->lineage, &r->m.fleet, &r->catalogue, image, arena, &err) ==
            0;
    assert_int_equal(err.kind, done ? ERR_NONE : ERR_LIMIT);
    arena_close(&arena);
    return done;
}

static void too_little_memory_is_an_error_at_every_place(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = IMAGE(m, f->os, f->rt, f->app);
    size_t max_bytes = 64;

    m->layers[f->os].os_release = "ID=debian\n";
    lineage_rig_pull(&f->r, f->store, IMAGE(m, f->os), NULL, DEBIAN, "d");
    lineage_rig_tag(&f->r, f->store, IMAGE(m, f->os, f->rt), PYTHON ":3");
    lineage_rig_tag(&f->r, f->store, shop, PYTHON ":3");
    lineage_rig_entry(&f->r, DEBIAN ":12", FLEET_NONE);
    lineage_rig_declare(&f->r, shop, EVIDENCE_LABEL, DEBIAN, "d");
    lineage_rig_declare(&f->r, shop, EVIDENCE_FROM, PYTHON ":3", "unheard of");
    while (!computes_within(f, max_bytes, shop))
        max_bytes += 16;
    assert_true(max_bytes > 1024);
}

static void stable_names_are_stable(void **state)
{
    (void)state;
    assert_string_equal(base_kind_name(BASE_UNNAMED), "unnamed");
    assert_string_equal(lineage_method_name(LINEAGE_DECLARED), "declared");
    assert_string_equal(lineage_method_name(LINEAGE_SELF), "itself");
    assert_string_equal(lineage_confidence_name(CONFIDENCE_HIGH), "high");
    assert_string_equal(lineage_outcome_name(OUTCOME_INHERITED), "inherited");
    assert_string_equal(evidence_source_name(EVIDENCE_ANNOTATION), "oci-annotation");
    assert_string_equal(evidence_source_name(EVIDENCE_HISTORY), "history");
    assert_string_equal(name_strength_name(NAME_CATALOGUE), "catalogue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_story_lists_boundaries_from_the_core_build_up),
        TEST(a_clear_answer_has_nothing_against_it),
        TEST(a_story_of_a_core_build_ends_at_itself),
        TEST(a_core_build_that_declares_another_base_says_so),
        TEST(a_standalone_image_says_why),
        TEST(a_family_is_the_word_of_os_release),
        TEST(without_os_release_a_family_is_the_repositorys_last_part),
        TEST(the_catalogue_gives_families_and_versions_first),
        TEST(a_tag_alone_puts_nothing_into_a_family_of_the_catalogue),
        TEST(two_dates_are_one_family_and_two_versions_of_their_own_date),
        TEST(only_images_with_a_firm_name_date_a_base),
        TEST(an_image_that_only_a_digest_names_dates_a_base),
        TEST(no_base_was_made_after_the_fleet_first_heard_of_its_layers),
        TEST(of_several_entries_of_a_chain_one_that_tells_a_family_counts),
        TEST(the_catalogue_dates_a_base_before_all_images),
        TEST(too_little_memory_is_an_error_at_every_place),
        TEST(stable_names_are_stable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
