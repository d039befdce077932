/* What the rows of bases count once, and what they leave out. */
#include "tests/support/unit.h"

#include "tests/support/census_rig.h"

#define DEBIAN_12 "ID=debian\nVERSION_ID=12\n"

static int setup(void **state)
{
    static struct census_rig r;

    rig_open(&r);
    *state = &r;
    return 0;
}

static int teardown(void **state)
{
    rig_close(*state);
    return 0;
}

static uint32_t new_store(struct fleet_maker *m)
{
    return maker_store(m, maker_host(m, "h"), "docker", 0);
}

static void a_row_is_as_old_as_its_oldest_image(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), shop = IMAGE(m, os, app);
    int64_t now_s = m->images[debian].first_s = m->images[shop].first_s = m->fleet.now_s;

    m->images[debian].created_s = now_s - 200;
    m->images[shop].created_s = now_s - 100;
    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_int_equal(rig_core(f, shop)->oldest_s, now_s - 200);
}

static void a_layer_that_lies_twice_in_a_base_counts_once(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), etc = maker_layer(m, "etc", FLEET_UNKNOWN),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t base = IMAGE(m, os, etc, os), shop = IMAGE(m, os, etc, os, app);

    maker_put(m, s, base, "docker.io/library/debian:12");
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_int_equal(rig_core(f, shop)->layers, 2);
    assert_int_equal(rig_core(f, shop)->unknown_layers, 1);
    assert_int_equal(rig_core(f, shop)->nominal_bytes, 100);
}

/* Two bases of one family, and of one layer below: that lies once on the host. */
static void what_bases_of_a_row_share_is_stored_once(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), one = maker_layer(m, "one", 1),
             two = maker_layer(m, "two", 2), s = new_store(m);
    uint32_t images[] = {IMAGE(m, os, one), IMAGE(m, os, two)};
    struct catalogue_base bases[2];
    struct bases rows;

    m->layers[os].os_release = DEBIAN_12;
    for (uint32_t i = 0; i < 2; i++)
        bases[i] =
            (struct catalogue_base){.name = "docker.io/library/debian:12",
                                    .chain = m->chains[m->images[images[i]].chains[1]].digest,
                                    .platform = "",
                                    .family = "",
                                    .version = "",
                                    .source = "file"};
    f->catalogue.bases = bases;
    f->catalogue.base_count = 2;
    maker_put(m, s, images[0], "docker.io/library/one:1");
    maker_put(m, s, images[1], "docker.io/library/two:1");
    rig_compute(f);
    assert_int_equal(f->bases.named, 2);
    rig_group(f, BASES_BY_FAMILY, &rows);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.list[0].chain_count, 2);
    assert_int_equal(rows.list[0].layers, 3);
    assert_int_equal(rows.list[0].copies, 3);
    assert_int_equal(rows.list[0].nominal_bytes, 103);
}

static void a_row_with_a_named_base_is_named(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), other = maker_layer(m, "other", 90),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), lone = IMAGE(m, other, app);
    struct bases rows;

    m->layers[os].os_release = m->layers[other].os_release = DEBIAN_12;
    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, lone, "lone:1");
    rig_compute(f);
    assert_int_equal(rig_core(f, lone)->kind, BASE_UNNAMED);
    rig_group(f, BASES_BY_FAMILY, &rows);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.list[0].kind, BASE_NAMED);
    assert_int_equal(rows.named, 1);
    assert_int_equal(rows.unnamed, 0);
}

static void a_nearest_base_without_a_name_is_an_unnamed_row(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t shop = IMAGE(m, os, app);
    struct bases rows;

    m->layers[os].os_release = DEBIAN_12;
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    rig_group(f, BASES_BY_PARENT, &rows);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.list[0].kind, BASE_UNNAMED);
    assert_int_equal(rows.unnamed, 1);
}

static void a_name_that_two_images_of_a_chain_have_is_told_once(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), s = new_store(m), count;
    uint32_t one = IMAGE(m, os), two = IMAGE(m, os);
    struct err err;

    maker_put(m, s, one, "docker.io/library/debian:12");
    s = new_store(m);
    maker_put(m, s, two, "docker.io/library/debian:12");
    rig_compute(f);
    assert_non_null(
        bases_names_at(&f->lineage, &m->fleet, f->images, CHAIN(m, os), &count, m->arena, &err));
    assert_int_equal(count, 1);
}

static void a_row_tells_the_uppermost_os_release(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), upgrade = maker_layer(m, "upgrade", 50),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t base = IMAGE(m, os, upgrade), shop = IMAGE(m, os, upgrade, app);

    m->layers[os].os_release = "ID=debian\nVERSION_ID=11\n";
    m->layers[upgrade].os_release = DEBIAN_12;
    maker_put(m, s, base, "docker.io/library/debian:12");
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_string_equal(rig_core(f, shop)->os_release, DEBIAN_12);
}

static void images_on_scratch_count_on_their_platform_and_absent_ones_on_none(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t tool = maker_layer(m, "tool", 5), s = new_store(m);
    uint32_t binary = IMAGE(m, tool), absent = IMAGE(m, tool);

    m->images[absent].arch = "riscv64";
    maker_put(m, s, binary, "tool:1");
    rig_compute(f);
    assert_int_equal(f->bases.platform_count, 1);
    assert_int_equal(f->bases.platforms[0].images, 1);
    assert_int_equal(f->bases.platforms[0].scratch_images, 1);
    assert_int_equal(f->bases.platforms[0].named + f->bases.platforms[0].unnamed, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_row_is_as_old_as_its_oldest_image),
        T(a_layer_that_lies_twice_in_a_base_counts_once),
        T(what_bases_of_a_row_share_is_stored_once),
        T(a_row_with_a_named_base_is_named),
        T(a_nearest_base_without_a_name_is_an_unnamed_row),
        T(a_name_that_two_images_of_a_chain_have_is_told_once),
        T(a_row_tells_the_uppermost_os_release),
        T(images_on_scratch_count_on_their_platform_and_absent_ones_on_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
