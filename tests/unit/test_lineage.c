/* Core builds and nearest bases by layers and names alone. */
#include "tests/support/unit.h"

#include "tests/support/lineage_rig.h"

struct fixture {
    struct lineage_rig r;
    uint32_t store, os, rt, lib, app, more, empty;
};

static int setup(void **state)
{
    static const uint8_t zeros[1024];
    static struct fixture f;
    struct fleet_maker *m = &f.r.m;

    lineage_rig_open(&f.r);
    f.store = lineage_rig_store(&f.r, "h", 0);
    f.os = maker_layer(m, "os", 100);
    f.rt = maker_layer(m, "rt", 50);
    f.lib = maker_layer(m, "lib", 20);
    f.app = maker_layer(m, "app", 10);
    f.more = maker_layer(m, "more", 5);
    f.empty = maker_layer(m, "empty", FLEET_UNKNOWN);
    m->layers[f.empty].diff = digest_of(zeros, sizeof(zeros));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lineage_rig_close(&f->r);
    return 0;
}

static uint32_t pulled(struct fixture *f, uint32_t image, const char *name)
{
    char repository[128], manifest[32];

    snprintf(repository, sizeof(repository), "%.*s", (int)(strrchr(name, ':') - name), name);
    snprintf(manifest, sizeof(manifest), "manifest %u", image);
    lineage_rig_pull(&f->r, f->store, image, name,
                     arena_text(f->r.m.arena, repository, strlen(repository), NULL), manifest);
    return image;
}

static uint32_t tagged(struct fixture *f, uint32_t image, const char *name)
{
    lineage_rig_tag(&f->r, f->store, image, name);
    return image;
}

static const struct lineage_image *of(const struct fixture *f, uint32_t image)
{
    assert_true(f->r.lineage.images[image].known);
    return &f->r.lineage.images[image];
}

static void the_lowest_named_boundary_is_the_core_and_the_highest_the_nearest(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t debian = pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    uint32_t python = pulled(f, IMAGE(m, f->os, f->rt), PYTHON ":3");
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->rt, f->app), "shop:1");

    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->kind, BASE_NAMED);
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, shop)->core_method, LINEAGE_CONTAINS);
    assert_int_equal(of(f, shop)->nearest, CHAIN(m, f->os, f->rt));
    assert_int_equal(of(f, shop)->nearest_layers, 2);
    assert_true(of(f, shop)->nearest_named);
    assert_int_equal(of(f, shop)->method, LINEAGE_CONTAINS);
    assert_int_equal(of(f, shop)->confidence, CONFIDENCE_MEDIUM);
    assert_int_equal(of(f, python)->nearest, CHAIN(m, f->os));
    assert_int_equal(of(f, debian)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, debian)->core_method, LINEAGE_SELF);
    assert_int_equal(of(f, debian)->nearest, FLEET_NONE);
    assert_int_equal(of(f, debian)->method, LINEAGE_NONE);
}

static void a_base_that_is_gone_from_all_hosts_still_names(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t debian = pulled(f, IMAGE(m, f->os), DEBIAN ":12"); /* in no presence */
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");

    f->r.said[0].stores = 0;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os));
    assert_int_equal(f->r.lineage.first_ending[CHAIN(m, f->os)], debian);
}

static void a_tag_gives_way_to_a_stronger_name_above_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->rt, f->app), "shop:1");

    tagged(f, IMAGE(m, f->os), "mine:1");
    pulled(f, IMAGE(m, f->os, f->rt), PYTHON ":3");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os, f->rt));
    lineage_rig_explain(&f->r, shop);
    assert_true(lineage_rig_says(&f->r, "stronger name is the core build"));
}

static void a_tag_alone_is_a_core_of_low_confidence(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");

    tagged(f, IMAGE(m, f->os), "mine:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, shop)->core_confidence, CONFIDENCE_LOW);
    lineage_rig_explain(&f->r, shop);
    assert_true(lineage_rig_says(&f->r, "only a tag on h"));
}

static void a_foreign_chain_with_an_approved_tag_changes_no_core(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t good = tagged(f, IMAGE(m, f->os, f->app), "shop:1"), victim;

    pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    tagged(f, IMAGE(m, f->rt), DEBIAN ":12"); /* docker tag evil debian:12 */
    victim = tagged(f, IMAGE(m, f->rt, f->app), "other:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, good)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, victim)->kind, BASE_UNNAMED);
    assert_false(of(f, victim)->nearest_named);
    lineage_rig_explain(&f->r, victim);
    assert_true(lineage_rig_says(
        &f->r, "Its lowest layer is seen as debian:12 on h, which does not count"));
}

static void a_name_that_only_a_user_gives_names_no_core(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t laptop = lineage_rig_store(&f->r, "laptop", 1000), shop;

    lineage_rig_tag(&f->r, laptop, IMAGE(m, f->os), DEBIAN ":12");
    shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->kind, BASE_UNNAMED);
    lineage_rig_explain(&f->r, shop);
    assert_true(lineage_rig_says(&f->r, "seen as debian:12 on laptop"));
}

static void an_os_release_or_a_shared_genesis_makes_an_unnamed_core(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t lone = tagged(f, IMAGE(m, f->os, f->app), "lone:1");
    uint32_t first = tagged(f, IMAGE(m, f->rt, f->app), "first:1");
    uint32_t second = tagged(f, IMAGE(m, f->rt, f->lib), "second:1");

    m->layers[f->os].os_release = "ID=debian\n";
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, lone)->kind, BASE_UNNAMED);
    assert_int_equal(of(f, lone)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, lone)->core_method, LINEAGE_OS);
    assert_int_equal(of(f, lone)->nearest, CHAIN(m, f->os));
    assert_int_equal(of(f, lone)->method, LINEAGE_OS);
    assert_int_equal(of(f, first)->core, CHAIN(m, f->rt));
    assert_int_equal(of(f, first)->core, of(f, second)->core);
    assert_int_equal(of(f, first)->method, LINEAGE_BRANCH);
}

static void a_distribution_alone_is_its_own_core_and_a_binary_alone_is_scratch(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t debian = tagged(f, IMAGE(m, f->os), DEBIAN ":12");
    uint32_t binary = tagged(f, IMAGE(m, f->app), "tool:1");
    uint32_t blank = tagged(f, IMAGE(m, f->empty), "blank:1");
    uint32_t nothing = tagged(f, IMAGE(m, FLEET_NONE), "nothing:1");

    m->layers[f->os].os_release = "ID=debian\n";
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, debian)->core_method, LINEAGE_SELF);
    assert_int_equal(of(f, debian)->kind, BASE_NAMED);
    assert_int_equal(of(f, binary)->kind, BASE_SCRATCH);
    assert_int_equal(of(f, binary)->core, FLEET_NONE);
    assert_int_equal(of(f, blank)->kind, BASE_SCRATCH);
    assert_int_equal(of(f, nothing)->kind, BASE_SCRATCH);
}

static void a_binary_and_its_copy_with_an_empty_layer_are_both_scratch(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t binary = tagged(f, IMAGE(m, f->app), "tool:1");
    uint32_t copy = tagged(f, IMAGE(m, f->app, f->empty), "tool:2");

    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, binary)->kind, BASE_SCRATCH);
    assert_int_equal(of(f, copy)->kind, BASE_SCRATCH);
    assert_int_equal(of(f, copy)->nearest, FLEET_NONE); /* a standalone image is no base */
}

static void what_the_catalogue_has_is_a_core_even_where_nothing_stands_on_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t image = IMAGE(m, f->os, f->rt);

    lineage_rig_entry(&f->r, PYTHON ":3", CHAIN(m, f->os, f->rt));
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, image)->core, CHAIN(m, f->os, f->rt));
    assert_int_equal(of(f, image)->core_confidence, CONFIDENCE_HIGH);
}

static void a_step_of_a_core_builds_making_belongs_to_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t step = tagged(f, IMAGE(m, f->os), NULL);
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->rt, f->app), "shop:1");

    pulled(f, IMAGE(m, f->os, f->rt), DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_true(of(f, step)->is_step);
    assert_int_equal(of(f, step)->core, CHAIN(m, f->os, f->rt));
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os, f->rt));
    assert_false(of(f, shop)->is_step);
}

static void images_without_a_name_are_no_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->rt, f->app), "shop:1");

    pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    tagged(f, IMAGE(m, f->os, f->rt), NULL); /* dangling */
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest, CHAIN(m, f->os));
}

static void an_image_that_is_its_own_base_and_a_plain_retag_have_an_answer(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t debian = pulled(f, IMAGE(m, f->os), DEBIAN ":12"), other = IMAGE(m, f->os);

    tagged(f, debian, "corp/base:1"); /* docker tag */
    tagged(f, other, "corp/labelled:1");
    m->layers[f->os].os_release = "ID=debian\n";
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, debian)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, debian)->core_method, LINEAGE_SELF);
    assert_int_equal(of(f, debian)->nearest, FLEET_NONE);
    assert_int_equal(of(f, other)->core, CHAIN(m, f->os));
    assert_int_equal(of(f, other)->nearest, FLEET_NONE); /* equal length is no proper prefix */
}

static void images_that_share_the_nearest_chain_are_a_tie(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");

    pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    pulled(f, IMAGE(m, f->os), "corp/debian:12");
    tagged(f, IMAGE(m, f->os), NULL); /* without a name it is none of them */
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->ties, 2);
    lineage_rig_explain(&f->r, shop);
    assert_true(lineage_rig_says(&f->r, "2 named images have just these layers"));
}

static void the_same_layer_twice_is_two_positions(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->rt, f->rt, f->app), "shop:1");

    pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    pulled(f, IMAGE(m, f->os, f->rt, f->rt), PYTHON ":3");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->nearest_layers, 3);
    assert_int_equal(of(f, shop)->nearest, CHAIN(m, f->os, f->rt, f->rt));
    assert_int_equal(f->r.lineage.directions[CHAIN(m, f->os, f->rt)], 1);
}

static void empty_layers_in_front_are_no_genesis_and_no_boundary(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->empty, f->os, f->app), "shop:1");

    tagged(f, IMAGE(m, f->empty), "blank:1");
    pulled(f, IMAGE(m, f->empty, f->os), DEBIAN ":12");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->empty, f->os));
    assert_int_equal(of(f, shop)->nearest_layers, 2);
}

static void the_highest_branch_point_is_the_guess_without_a_named_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t one = tagged(f, IMAGE(m, f->os, f->rt, f->lib, f->app), "one:1");

    tagged(f, IMAGE(m, f->os, f->rt, f->lib, f->more), "two:1");
    tagged(f, IMAGE(m, f->os, f->more), "three:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, one)->nearest_layers, 3);
    assert_int_equal(of(f, one)->method, LINEAGE_BRANCH);
    assert_int_equal(of(f, one)->confidence, CONFIDENCE_LOW);
    assert_false(of(f, one)->nearest_named);
    assert_int_equal(of(f, one)->above, FLEET_NONE);
}

static void a_branch_point_above_a_named_base_is_told_beside_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t one = tagged(f, IMAGE(m, f->os, f->rt, f->app), "one:1");

    pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    tagged(f, IMAGE(m, f->os, f->rt, f->more), "two:1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, one)->nearest, CHAIN(m, f->os));
    assert_int_equal(of(f, one)->above, CHAIN(m, f->os, f->rt));
    lineage_rig_explain(&f->r, one);
    assert_true(lineage_rig_says(&f->r, "lines of several images part there"));
}

static void a_history_step_is_the_last_guess(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t one = tagged(f, IMAGE(m, f->os, f->rt, f->app), "one:1");

    m->layers[f->os].os_release = "ID=debian\n";
    lineage_rig_declare(&f->r, one, EVIDENCE_HISTORY, "", NULL)->layers = 2;
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, one)->nearest_layers, 2);
    assert_int_equal(of(f, one)->method, LINEAGE_HISTORY);
    assert_int_equal(of(f, one)->unverifiable, 0); /* it declares nothing */
}

static void a_squashed_image_has_no_base_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t squashed = tagged(f, IMAGE(m, f->lib), "squashed:1");

    m->layers[f->lib].os_release = "ID=debian\n";
    pulled(f, IMAGE(m, f->os), DEBIAN ":12");
    lineage_rig_declare(&f->r, squashed, EVIDENCE_LABEL, DEBIAN ":12", "manifest 1");
    lineage_rig_compute(&f->r, 0);
    assert_int_equal(of(f, squashed)->core_method, LINEAGE_SELF);
    assert_int_equal(of(f, squashed)->nearest, FLEET_NONE);
    assert_int_equal(of(f, squashed)->contradicted, 1);
    lineage_rig_explain(&f->r, squashed);
    assert_true(lineage_rig_says(&f->r, "may have been squashed"));
}

static void an_image_whose_config_is_on_no_host_is_not_known(void **state)
{
    struct fixture *f = *state;
    uint32_t image = IMAGE(&f->r.m, FLEET_NONE);

    f->r.m.images[image].parsed = PARSED_NOT;
    tagged(f, image, "mystery:1");
    lineage_rig_compute(&f->r, 0);
    assert_false(f->r.lineage.images[image].known);
    lineage_rig_explain(&f->r, image);
    assert_true(lineage_rig_says(&f->r, "No host has its config"));
}

static void what_was_heard_of_later_is_no_part_of_what_was_known_then(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->r.m;
    uint32_t shop = tagged(f, IMAGE(m, f->os, f->app), "shop:1");
    uint32_t late = pulled(f, IMAGE(m, f->os), DEBIAN ":12");

    f->r.said[0].root.at_s = m->images[shop].first_s = 1000;
    f->r.said[1].root.at_s = m->images[late].first_s = 2000;
    lineage_rig_compute(&f->r, 1500);
    assert_false(f->r.lineage.images[late].known);
    assert_int_equal(of(f, shop)->kind, BASE_SCRATCH);
    lineage_rig_compute(&f->r, 2000);
    assert_int_equal(of(f, shop)->core, CHAIN(m, f->os));
    assert_int_equal(f->r.lineage.first_s[CHAIN(m, f->os)], 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_lowest_named_boundary_is_the_core_and_the_highest_the_nearest),
        TEST(a_base_that_is_gone_from_all_hosts_still_names),
        TEST(a_tag_gives_way_to_a_stronger_name_above_it),
        TEST(a_tag_alone_is_a_core_of_low_confidence),
        TEST(a_foreign_chain_with_an_approved_tag_changes_no_core),
        TEST(a_name_that_only_a_user_gives_names_no_core),
        TEST(an_os_release_or_a_shared_genesis_makes_an_unnamed_core),
        TEST(a_distribution_alone_is_its_own_core_and_a_binary_alone_is_scratch),
        TEST(a_binary_and_its_copy_with_an_empty_layer_are_both_scratch),
        TEST(what_the_catalogue_has_is_a_core_even_where_nothing_stands_on_it),
        TEST(a_step_of_a_core_builds_making_belongs_to_it),
        TEST(images_without_a_name_are_no_base),
        TEST(an_image_that_is_its_own_base_and_a_plain_retag_have_an_answer),
        TEST(images_that_share_the_nearest_chain_are_a_tie),
        TEST(the_same_layer_twice_is_two_positions),
        TEST(empty_layers_in_front_are_no_genesis_and_no_boundary),
        TEST(the_highest_branch_point_is_the_guess_without_a_named_base),
        TEST(a_branch_point_above_a_named_base_is_told_beside_it),
        TEST(a_history_step_is_the_last_guess),
        TEST(a_squashed_image_has_no_base_and_says_so),
        TEST(an_image_whose_config_is_on_no_host_is_not_known),
        TEST(what_was_heard_of_later_is_no_part_of_what_was_known_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
