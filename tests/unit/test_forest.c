#include "tests/support/unit.h"

#include <string.h>

#include "collector/census/forest.h"
#include "tests/support/fleet_maker.h"

struct fixture {
    struct fleet_maker m;
    struct standing *images;
    bool members[MAKER_MAX], chains[MAKER_MAX], roots[MAKER_MAX];
    struct forest_wish wish;
    struct forest forest;
    char text[4096];
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){0};
    f.wish.members = f.members;
    maker_open(&f.m);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    maker_close(&f->m);
    return 0;
}

static void build(struct fixture *f)
{
    struct err err;

    f->images = standing_compute(&f->m.fleet, f->m.arena, &err);
    assert_non_null(f->images);
    for (uint32_t i = 0; i < f->m.fleet.image_count; i++)
        f->members[i] = f->images[i].kind != IMAGE_ABSENT;
    assert_ok(forest_build(&f->forest, &f->m.fleet, f->images, &f->wish, f->m.arena, &err));
}

/* The forest as lines: a dot for each level, own layers/bytes, the names. */
static const char *text_of(struct fixture *f)
{
    size_t at = 0;

    f->text[0] = '\0';
    for (size_t i = 0; i < f->forest.count; i++) {
        const struct forest_node *n = &f->forest.nodes[i];

        at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "%.*s%s%d/%d", (int)n->depth,
                               "................", n->left_out ? "out " : "", (int)n->own.layers,
                               (int)n->own.bytes);
        for (uint32_t k = 0; k < n->names.count; k++)
            at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, " %s",
                                   f->forest.names[n->names.first + k]);
        at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "\n");
    }
    return f->text;
}

/* debian with a shop two layers above it and a nameless image; alpine; in this order or another. */
static uint32_t make_fleet(struct fleet_maker *m, bool turned)
{
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0), shop;
    uint32_t os = maker_layer(m, "os", 100), rt = maker_layer(m, "rt", 50),
             app = maker_layer(m, "app", 5), alp = maker_layer(m, "alp", 20),
             big = maker_layer(m, "big", 70);

    if (turned) {
        maker_put(m, s, IMAGE(m, os, big), NULL);
        maker_put(m, s, IMAGE(m, alp), "docker.io/library/alpine:3");
    }
    shop = IMAGE(m, os, rt, app);
    maker_put(m, s, shop, "shop:1");
    maker_put(m, s, IMAGE(m, os), "docker.io/library/debian:12");
    if (!turned) {
        maker_put(m, s, IMAGE(m, alp), "docker.io/library/alpine:3");
        maker_put(m, s, IMAGE(m, os, big), NULL);
    }
    return shop;
}

static const char whole[] = "1/20 alpine:3\n"
                            "1/100 debian:12\n"
                            ".1/50\n"
                            "..1/5 shop:1\n"
                            ".1/70\n";

static void trees_are_the_same_in_any_order_of_rows(void **state)
{
    struct fixture *f = *state;

    make_fleet(&f->m, false);
    build(f);
    assert_string_equal(text_of(f), whole);
    maker_close(&f->m);
    maker_open(&f->m);
    make_fleet(&f->m, true);
    build(f);
    assert_string_equal(text_of(f), whole);
}

static void sums_are_of_the_node_its_line_and_its_branch(void **state)
{
    struct fixture *f = *state;
    const struct forest_node *debian, *shop;

    make_fleet(&f->m, false);
    build(f);
    debian = &f->forest.nodes[1];
    shop = &f->forest.nodes[3];
    assert_int_equal(debian->branch.bytes, 225);
    assert_int_equal(debian->branch.layers, 4);
    assert_int_equal(debian->branch_images, 3);
    assert_int_equal(debian->children, 2);
    assert_int_equal(shop->line.bytes, 155);
    assert_int_equal(shop->line.layers, 3);
    assert_int_equal(shop->parent, 2);
    assert_int_equal(f->forest.nodes[2].parent, 1);
    assert_int_equal(debian->parent, FLEET_NONE);
    assert_int_equal(f->forest.all.bytes, 245);
}

static void unknown_sizes_make_lower_bounds(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", FLEET_UNKNOWN);

    maker_put(m, s, IMAGE(m, os, app), "shop:1");
    build(f);
    assert_int_equal(f->forest.nodes[0].line.unknown, 0);
    assert_int_equal(f->forest.nodes[0].branch.unknown, 1);
    assert_int_equal(f->forest.nodes[1].own.unknown, 1);
    assert_int_equal(f->forest.nodes[1].own.bytes, 0);
    assert_int_equal(f->forest.nodes[1].line.bytes, 100);
}

static void sums_that_leave_63_bits_stay_at_the_most(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t os = maker_layer(m, "os", INT64_MAX), app = maker_layer(m, "app", INT64_MAX);

    maker_put(m, s, IMAGE(m, os, app), "shop:1");
    build(f);
    assert_true(f->forest.nodes[0].branch.bytes == INT64_MAX);
    assert_true(f->forest.nodes[1].line.bytes == INT64_MAX);
}

static void the_same_layer_twice_is_two_nodes(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5);

    maker_put(m, s, IMAGE(m, os, app, app), "shop:1");
    build(f);
    assert_string_equal(text_of(f), "1/100\n.1/5\n..1/5 shop:1\n");
}

static void an_image_without_layers_is_a_root(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0), os = maker_layer(m, "os", 100);
    uint32_t none = maker_image(m, (const uint32_t[]){FLEET_NONE});

    maker_put(m, s, none, "empty:1");
    maker_put(m, s, IMAGE(m, os), "debian:12");
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n0/0 empty:1\n");
    assert_int_equal(f->forest.nodes[1].chain, FLEET_NONE);
    assert_int_equal(f->forest.images[f->forest.nodes[1].images.first], none);
    f->wish.subject_images = f->roots;
    f->roots[none] = true;
    build(f);
    assert_string_equal(text_of(f), "0/0 empty:1\n");
}

static void images_that_lie_nowhere_are_not_in_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5);
    uint32_t here = IMAGE(m, os);

    IMAGE(m, os, app);
    maker_put(m, s, here, "debian:12");
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n");
}

static void what_lies_nowhere_or_is_not_known_counts_nowhere(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0), os = maker_layer(m, "os", 100);
    uint32_t here = IMAGE(m, os), unknown = IMAGE(m, FLEET_NONE);

    IMAGE(m, os); /* another image of these layers, on no host any more */
    m->images[unknown].parsed = PARSED_NOT;
    maker_put(m, s, here, "debian:12");
    maker_put(m, s, unknown, "mystery:1");
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n");
    assert_int_equal(f->forest.nodes[0].images.count, 1);
    assert_int_equal(f->forest.nodes[0].branch_images, 1);
}

static void trees_without_a_name_come_by_the_first_name_above(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t one = maker_layer(m, "one", 10), two = maker_layer(m, "two", 20),
             x = maker_layer(m, "x", 1), y = maker_layer(m, "y", 2);
    uint32_t b = IMAGE(m, one, x), z = IMAGE(m, one, y), c = IMAGE(m, two, x);

    maker_put(m, s, b, "b:1");
    maker_put(m, s, z, "z:1");
    maker_put(m, s, c, "c:1");
    build(f);
    assert_string_equal(text_of(f), "1/10\n.1/1 b:1\n.1/2 z:1\n1/20\n.1/1 c:1\n");
}

static void layers_without_a_size_are_counted_with_the_node_that_they_are_of(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t os = maker_layer(m, "os", FLEET_UNKNOWN), app = maker_layer(m, "app", 5);
    uint32_t debian = IMAGE(m, os), shop = IMAGE(m, os, app);

    maker_put(m, s, debian, "debian:12");
    maker_put(m, s, shop, "shop:1");
    build(f);
    assert_int_equal(f->forest.nodes[0].own.unknown, 1);
    assert_int_equal(f->forest.nodes[1].own.unknown, 0);
    assert_int_equal(f->forest.nodes[1].line.unknown, 1);
    assert_int_equal(f->forest.all.unknown, 1);
}

static void a_subject_without_a_name_is_kept_among_labelled_ones(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = make_fleet(&f->m, false);

    f->wish.labelled_only = f->wish.up = true;
    f->wish.subject_chains = f->chains;
    f->chains[f->m.fleet.images[shop].chains[1]] = true;
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n.1/50\n");
    assert_int_equal(f->forest.skipped_layers, 0);
}

static void a_root_of_several_layers_skips_none(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = make_fleet(&f->m, false);

    f->wish.labelled_only = true;
    f->wish.subject_chains = f->chains;
    f->chains[f->m.fleet.images[shop].chains[1]] = true;
    build(f);
    assert_string_equal(text_of(f), "2/150\n.1/5 shop:1\n");
    assert_int_equal(f->forest.skipped_layers, 0);
}

/* debian's other branch is no part of what is asked about. */
static void what_is_not_asked_about_makes_no_branch_point(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t os = maker_layer(m, "os", 100), rt = maker_layer(m, "rt", 50),
             x = maker_layer(m, "x", 1), y = maker_layer(m, "y", 2);
    uint32_t one = IMAGE(m, os, rt, x), two = IMAGE(m, os, rt, y);

    maker_put(m, s, one, "one:1");
    maker_put(m, s, two, "two:1");
    f->wish.labelled_only = f->wish.up = true;
    f->wish.subject_chains = f->chains;
    f->chains[f->m.fleet.images[one].chains[2]] = true;
    build(f);
    assert_string_equal(text_of(f), "1/100\n.2/51 one:1\n");
}

static void names_of_all_images_of_a_node_are_told_once_each(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0), os = maker_layer(m, "os", 100);
    uint32_t one = IMAGE(m, os), two = IMAGE(m, os);

    maker_put(m, s, one, "docker.io/library/web:1");
    maker_put(m, s, two, "web:1");
    s = maker_store(m, maker_host(m, "i"), "docker", 0);
    maker_put(m, s, two, "a b"); /* no name that the grammar knows */
    build(f);
    assert_string_equal(text_of(f), "1/100 a b web:1\n");
    assert_int_equal(f->forest.nodes[0].images.count, 2);
}

static void what_stands_on_a_subject_begins_with_its_whole_line_as_one(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = make_fleet(&f->m, false);

    f->wish.subject_chains = f->chains;
    f->chains[f->m.fleet.images[shop].chains[1]] = true;
    build(f);
    assert_string_equal(text_of(f), "2/150\n.1/5 shop:1\n");
    assert_true(f->forest.nodes[0].subject);
    assert_int_equal(f->forest.nodes[1].parent, 0);
    assert_int_equal(f->forest.nodes[1].line.bytes, 155);
}

static void a_subject_within_another_is_no_second_root(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = make_fleet(&f->m, false);

    f->wish.subject_chains = f->chains;
    f->chains[f->m.fleet.images[shop].chains[0]] = true;
    f->chains[f->m.fleet.images[shop].chains[2]] = true;
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n.1/50\n..1/5 shop:1\n.1/70\n");
}

static void up_is_the_line_below_and_nothing_beside_it(void **state)
{
    struct fixture *f = *state;
    uint32_t shop = make_fleet(&f->m, false);

    f->wish.subject_chains = f->chains;
    f->wish.up = true;
    f->chains[f->m.fleet.images[shop].chains[2]] = true;
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n.1/50\n..1/5 shop:1\n");
    assert_true(f->forest.nodes[2].subject);
}

static void labelled_keeps_names_roots_and_branch_points(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t a = maker_layer(m, "a", 1), b = maker_layer(m, "b", 2), c = maker_layer(m, "c", 4),
             d = maker_layer(m, "d", 8), e = maker_layer(m, "e", 16);

    maker_put(m, s, IMAGE(m, a, b, c, d), "x:1");
    maker_put(m, s, IMAGE(m, a, b, c, e), "y:1");
    maker_put(m, s, IMAGE(m, a, b, c, d, e, a), NULL);
    f->wish.labelled_only = true;
    build(f);
    assert_string_equal(text_of(f), "1/1\n.2/6\n..1/8 x:1\n..1/16 y:1\n");
    assert_int_equal(f->forest.skipped_layers, 2);
}

static void depth_leaves_out_what_lies_deeper(void **state)
{
    struct fixture *f = *state;

    make_fleet(&f->m, false);
    f->wish.depth = 1;
    build(f);
    assert_string_equal(text_of(f), "1/20 alpine:3\n1/100 debian:12\n.out 3/125\n");
    assert_int_equal(f->forest.nodes[2].branch_images, 2);
    assert_int_equal(f->forest.nodes[2].children, 2);
    assert_int_equal(f->forest.left_out.layers, 3);
    assert_int_equal(f->forest.left_out_places, 1);
}

static void small_branches_are_left_out_roots_as_well(void **state)
{
    struct fixture *f = *state;

    make_fleet(&f->m, false);
    f->wish.min_bytes = 60;
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n.1/70\n.out 2/55\nout 1/20\n");
    f->wish.min_bytes = 1000;
    build(f);
    assert_string_equal(text_of(f), "out 5/245\n");
}

static void a_limit_keeps_the_largest_branches(void **state)
{
    struct fixture *f = *state;

    make_fleet(&f->m, false);
    f->wish.limit = 2;
    build(f);
    assert_string_equal(text_of(f), "1/100 debian:12\n.1/70\n.out 2/55\nout 1/20\n");
    f->wish.limit = 5;
    build(f);
    assert_string_equal(text_of(f), whole);
}

static void a_limit_counts_what_the_other_limits_keep(void **state)
{
    struct fixture *f = *state;

    make_fleet(&f->m, false);
    f->wish.limit = 2;
    f->wish.depth = 1;
    build(f);
    assert_string_equal(text_of(f), "1/20 alpine:3\n1/100 debian:12\n.out 3/125\n");
}

static void limits_may_count_only_nodes_with_a_name(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    uint32_t a = maker_layer(m, "a", 1), b = maker_layer(m, "b", 2), c = maker_layer(m, "c", 4),
             d = maker_layer(m, "d", 8);

    maker_put(m, s, IMAGE(m, a, b), "x:1");
    maker_put(m, s, IMAGE(m, a, b, c, d), "y:1");
    f->wish.count_named = true;
    f->wish.limit = 1;
    build(f);
    assert_string_equal(text_of(f), "1/1\n.1/2 x:1\n..1/4\n...out 1/8\n");
    f->wish.limit = 0;
    f->wish.depth = 1;
    build(f);
    assert_string_equal(text_of(f), "1/1\n.1/2 x:1\n..out 2/12\n");
}

static void an_empty_fleet_has_no_nodes(void **state)
{
    struct fixture *f = *state;

    build(f);
    assert_int_equal(f->forest.count, 0);
}

/* Fleets too large for the maker: one line of `levels` layers for each of `lines` lines. */
static void build_lines(struct fixture *f, uint32_t lines, uint32_t levels)
{
    struct arena *arena = f->m.arena;
    uint32_t total = lines * levels;
    struct fleet fleet = {.layer_count = 1, .chain_count = total, .image_count = lines};
    struct standing *images = arena_array(arena, lines, sizeof(*images), NULL);
    bool *members = arena_array(arena, lines, sizeof(*members), NULL);
    struct fleet_layer layer = {.nominal_bytes = 3};
    struct err err;
    uint32_t *chains = arena_array(arena, total, sizeof(*chains), NULL);

    fleet.layers = &layer;
    fleet.chains = arena_array(arena, total, sizeof(*fleet.chains), NULL);
    fleet.images = arena_array(arena, lines, sizeof(*fleet.images), NULL);
    assert_non_null(fleet.images);
    for (uint32_t i = 0; i < total; i++) {
        chains[i] = i;
        fleet.chains[i].digest = digest_of(&i, sizeof(i));
    }
    for (uint32_t i = 0; i < lines; i++) {
        members[i] = true;
        fleet.images[i] = (struct fleet_image){
            .parsed = PARSED_READ, .chains = chains + (size_t)i * levels, .chain_count = levels};
    }
    f->wish.members = members;
    assert_ok(forest_build(&f->forest, &fleet, images, &f->wish, arena, &err));
}

static void deep_lines_and_many_of_them_are_no_trouble(void **state)
{
    struct fixture *f = *state;

    build_lines(f, 40, 1024);
    assert_int_equal(f->forest.count, 40 * 1024);
    assert_int_equal(f->forest.nodes[1023].depth, 1023);
    assert_int_equal(f->forest.nodes[1023].line.bytes, 3 * 1024);
    assert_int_equal(f->forest.nodes[1024].depth, 0);
    f->wish.limit = 10;
    build_lines(f, 40, 1024);
    assert_int_equal(f->forest.count, 10 + 10 + 1); /* roots, what stands on each, other roots */
    assert_int_equal(f->forest.left_out_places, 11);
    assert_int_equal(f->forest.left_out.layers, 40 * 1024 - 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trees_are_the_same_in_any_order_of_rows),
        TEST(sums_are_of_the_node_its_line_and_its_branch),
        TEST(unknown_sizes_make_lower_bounds),
        TEST(sums_that_leave_63_bits_stay_at_the_most),
        TEST(the_same_layer_twice_is_two_nodes),
        TEST(an_image_without_layers_is_a_root),
        TEST(images_that_lie_nowhere_are_not_in_it),
        TEST(what_lies_nowhere_or_is_not_known_counts_nowhere),
        TEST(trees_without_a_name_come_by_the_first_name_above),
        TEST(layers_without_a_size_are_counted_with_the_node_that_they_are_of),
        TEST(a_subject_without_a_name_is_kept_among_labelled_ones),
        TEST(a_root_of_several_layers_skips_none),
        TEST(what_is_not_asked_about_makes_no_branch_point),
        TEST(names_of_all_images_of_a_node_are_told_once_each),
        TEST(what_stands_on_a_subject_begins_with_its_whole_line_as_one),
        TEST(a_subject_within_another_is_no_second_root),
        TEST(up_is_the_line_below_and_nothing_beside_it),
        TEST(labelled_keeps_names_roots_and_branch_points),
        TEST(depth_leaves_out_what_lies_deeper),
        TEST(small_branches_are_left_out_roots_as_well),
        TEST(a_limit_keeps_the_largest_branches),
        TEST(a_limit_counts_what_the_other_limits_keep),
        TEST(limits_may_count_only_nodes_with_a_name),
        TEST(an_empty_fleet_has_no_nodes),
        TEST(deep_lines_and_many_of_them_are_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
