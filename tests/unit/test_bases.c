#include "tests/support/unit.h"

#include "collector/census/coverage.h"
#include "collector/census/model.h"
#include "tests/support/census_rig.h"

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

static void the_shortest_named_chain_is_the_core_and_the_longest_the_base(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), rt = maker_layer(m, "rt", 50),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), python = IMAGE(m, os, rt), shop = IMAGE(m, os, rt, app);

    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, python, "python:3");
    maker_put(m, s, shop, "shop:1");
    maker_run(m, s, shop, REC_RUNNING);
    rig_compute(f);
    assert_int_equal(rig_core(f, shop)->kind, BASE_NAMED);
    assert_int_equal(rig_core(f, shop)->chain, CHAIN(m, os));
    assert_string_equal(rig_title(f, rig_core(f, shop)->chain), "docker.io/library/debian:12");
    assert_ptr_equal(rig_core(f, debian), rig_core(f, shop)); /* its own base */
    assert_int_equal(f->lineage.images[shop].nearest, CHAIN(m, os, rt));
    assert_int_equal(f->lineage.images[debian].nearest, FLEET_NONE);
    assert_int_equal(rig_core(f, shop)->images, 3);
    assert_int_equal(rig_core(f, shop)->standing, 2);
    assert_int_equal(rig_core(f, shop)->running, 1);
    assert_int_equal(rig_core(f, shop)->nominal_bytes, 100);
    assert_int_equal(f->bases.named, 1);
}

static void images_without_a_name_are_no_base(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t old_debian = IMAGE(m, os), shop = IMAGE(m, os, app);

    maker_put(m, s, old_debian, NULL);
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_int_equal(f->images[old_debian].kind, IMAGE_DANGLING);
    assert_int_equal(rig_core(f, shop)->kind, BASE_UNNAMED);
    assert_int_equal(rig_core(f, shop)->genesis_layer, os);
    assert_int_equal(f->bases.unnamed, 1);
    assert_int_equal(f->bases.named, 0);
}

static void a_parent_without_a_name_is_intermediate_in_its_own_store_only(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5);
    uint32_t step = IMAGE(m, os), shop = IMAGE(m, os, app), other = IMAGE(m, app);
    uint32_t s = new_store(m);

    maker_put(m, s, step, NULL);
    maker_put(m, s, shop, "shop:1")->parent = step;
    s = new_store(m);
    maker_put(m, s, step, NULL);
    maker_put(m, s, other, NULL)->parent = shop; /* which is not in this store */
    rig_compute(f);
    assert_int_equal(f->images[step].kind, IMAGE_INTERMEDIATE);
    assert_int_equal(standing_in_store(&m->fleet, &m->presences[0]), IMAGE_INTERMEDIATE);
    assert_int_equal(standing_in_store(&m->fleet, &m->presences[2]), IMAGE_DANGLING);
    assert_int_equal(f->images[other].kind, IMAGE_DANGLING);
    assert_int_equal(f->images[step].hosts, 2);
}

static void a_step_of_a_core_builds_making_belongs_to_it(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), etc = maker_layer(m, "etc", 5),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t step = IMAGE(m, os), base = IMAGE(m, os, etc), shop = IMAGE(m, os, etc, app);

    maker_put(m, s, step, NULL);
    maker_put(m, s, base, "base:1");
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_ptr_equal(rig_core(f, step), rig_core(f, shop));
    assert_int_equal(rig_core(f, step)->chain, CHAIN(m, os, etc));
    assert_int_equal(rig_core(f, shop)->standing, 1); /* the step does not stand on it */
    assert_int_equal(f->bases.named, 1);
    assert_int_equal(f->bases.unnamed, 0);
}

static void an_os_release_or_a_shared_genesis_makes_an_unnamed_core(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5),
             plain = maker_layer(m, "plain", 9), x = maker_layer(m, "x", 1),
             y = maker_layer(m, "y", 2), s = new_store(m);
    uint32_t lone = IMAGE(m, os, app), first = IMAGE(m, plain, x), second = IMAGE(m, plain, y);

    m->layers[os].os_release = "ID=debian\n";
    maker_put(m, s, lone, "lone:1");
    maker_put(m, s, first, "first:1");
    maker_put(m, s, second, "second:1");
    rig_compute(f);
    assert_int_equal(rig_core(f, lone)->kind, BASE_UNNAMED);
    assert_string_equal(rig_core(f, lone)->os_release, "ID=debian\n");
    assert_int_equal(rig_core(f, first)->kind, BASE_UNNAMED);
    assert_ptr_equal(rig_core(f, first), rig_core(f, second));
    assert_int_equal(f->bases.unnamed, 2);
}

static void a_named_distribution_alone_is_its_own_core_and_a_binary_alone_is_scratch(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), tool = maker_layer(m, "tool", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), binary = IMAGE(m, tool), nothing = IMAGE(m, FLEET_NONE);

    m->layers[os].os_release = "ID=debian\n";
    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, binary, "tool:1");
    maker_put(m, s, nothing, "nothing:1");
    rig_compute(f);
    assert_int_equal(rig_core(f, debian)->kind, BASE_NAMED);
    assert_int_equal(rig_core(f, binary)->kind, BASE_SCRATCH);
    assert_int_equal(rig_core(f, nothing)->kind, BASE_SCRATCH);
    assert_int_equal(rig_core(f, binary)->nominal_bytes, 0);
    assert_int_equal(f->bases.scratch_images, 2);
}

static void empty_layers_in_front_are_no_genesis(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    static const uint8_t zeros[1024];
    uint32_t empty = maker_layer(m, "empty", FLEET_UNKNOWN), os = maker_layer(m, "os", 100),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t blank = IMAGE(m, empty), debian = IMAGE(m, empty, os), shop = IMAGE(m, empty, os, app);

    m->layers[empty].diff = digest_of(zeros, sizeof(zeros));
    maker_put(m, s, blank, "blank:1");
    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_true(fleet_layer_empty(&m->fleet, empty));
    assert_int_equal(rig_core(f, shop)->chain, CHAIN(m, empty, os));
    assert_int_equal(rig_core(f, shop)->genesis_layer, os);
    assert_int_equal(rig_core(f, blank)->kind, BASE_SCRATCH);
}

static void all_names_of_a_chain_are_told(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5), s = new_store(m);
    const uint32_t *names;
    struct err err;
    uint32_t count;
    uint32_t debian = IMAGE(m, os), retag = IMAGE(m, os), shop = IMAGE(m, os, app);

    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, retag, "docker.io/library/base:ours");
    maker_put(m, s, shop, "shop:1");
    rig_compute(f);
    assert_int_equal(f->naming.of_chain[CHAIN(m, os)].count, 2);
    names = bases_names_at(&f->lineage, &m->fleet, f->images, CHAIN(m, os), &count, m->arena, &err);
    assert_int_equal(count, 2);
    assert_string_equal(m->names[names[0]].text, "docker.io/library/base:ours");
    assert_string_equal(m->names[names[1]].text, "docker.io/library/debian:12");
}

static void an_image_whose_config_is_unknown_is_undecided(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t image = IMAGE(m, FLEET_NONE);

    m->images[image].parsed = PARSED_NOT;
    maker_put(m, new_store(m), image, "mystery:1");
    rig_compute(f);
    assert_int_equal(f->bases.row_of[image], FLEET_NONE);
    assert_int_equal(f->bases.undecided_images, 1);
}

/* ---- platforms ------------------------------------------------------------------------------- */

struct two {
    uint32_t os[2], app[2], images[4]; /* debian and shop of amd64, then of arm64 */
};

/* Two platforms of debian and of shop, in stores that say "one index" of debian. */
static struct two two_platforms(struct census_rig *f, uint32_t owner)
{
    struct fleet_maker *m = &f->m;
    struct two t = {.os = {maker_layer(m, "os amd64", 100), maker_layer(m, "os arm64", 110)},
                    .app = {maker_layer(m, "app amd64", 5), maker_layer(m, "app arm64", 6)}};
    struct digest index = digest_of("index", 5);

    for (int i = 0; i < 2; i++) {
        t.images[2 * i] = IMAGE(m, t.os[i]);
        t.images[2 * i + 1] = IMAGE(m, t.os[i], t.app[i]);
    }
    for (int i = 0; i < 2; i++) {
        uint32_t s = maker_store(m, maker_host(m, "h"), "docker", owner);

        m->layers[t.os[i]].os_release = "ID=debian\nVERSION_ID=12\n";
        maker_put(m, s, t.images[2 * i + 1], "docker.io/library/shop:1");
        maker_put(m, s, t.images[2 * i], "docker.io/library/debian:12");
        rig_digest(f, "docker.io/library/debian", &index);
    }
    return t;
}

static void the_platforms_of_one_index_are_one_core_build(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    struct two t = two_platforms(f, 0);
    const struct base *base;

    m->images[t.images[2]].arch = m->images[t.images[3]].arch = "arm64";
    rig_compute(f);
    base = rig_core(f, t.images[1]);
    assert_ptr_equal(base, rig_core(f, t.images[3]));
    assert_int_equal(f->bases.named, 1);
    assert_int_equal(f->bases.unnamed, 0);
    assert_int_equal(base->chain_count, 2);
    assert_int_equal(base->chain, CHAIN(m, t.os[0])); /* amd64 before arm64 */
    assert_int_equal(base->images, 4);
    assert_int_equal(base->standing, 2);
    assert_int_equal(base->hosts, 2);
    assert_int_equal(base->nominal_bytes, 210);
    assert_int_equal(f->bases.platform_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(f->bases.platforms[i].named, 1);
        assert_int_equal(f->bases.platforms[i].images, 2);
    }
    assert_string_equal(f->bases.platforms[1].like->arch, "arm64");
}

static void what_one_platform_has_twice_is_no_index(void **state)
{
    struct census_rig *f = *state;
    struct two t = two_platforms(f, 0);

    rig_compute(f); /* both are amd64 */
    assert_ptr_not_equal(rig_core(f, t.images[1]), rig_core(f, t.images[3]));
    assert_int_equal(f->bases.count, 2);
}

static void a_store_that_its_user_can_write_joins_no_platforms(void **state)
{
    struct census_rig *f = *state;
    struct two t = two_platforms(f, 1000);

    f->m.images[t.images[2]].arch = f->m.images[t.images[3]].arch = "arm64";
    rig_compute(f);
    assert_ptr_not_equal(rig_core(f, t.images[1]), rig_core(f, t.images[3]));
}

/* ---- levels ---------------------------------------------------------------------------------- */

static void the_rows_of_every_level_hold_every_image_once(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), rt = maker_layer(m, "rt", 50),
             app = maker_layer(m, "app", 5), lone = maker_layer(m, "lone", 7), s = new_store(m);
    uint32_t debian = IMAGE(m, os), python = IMAGE(m, os, rt), shop = IMAGE(m, os, rt, app),
             cart = IMAGE(m, os, app), tool = IMAGE(m, lone);

    m->layers[os].os_release = "ID=debian\nVERSION_ID=12\n";
    maker_put(m, s, debian, "docker.io/library/debian:12");
    maker_put(m, s, python, "docker.io/library/python:3");
    maker_put(m, s, shop, "docker.io/library/shop:1");
    maker_put(m, s, cart, "docker.io/library/cart:1");
    maker_put(m, s, tool, "docker.io/library/tool:1");
    rig_compute(f);
    for (int by = BASES_BY_CORE; by <= BASES_BY_FAMILY; by++) {
        int64_t images = 0, hosts = 0;
        struct bases rows;

        rig_group(f, (enum bases_by)by, &rows);
        for (uint32_t i = 0; i < rows.count; i++) {
            images += rows.list[i].images;
            hosts += rows.list[i].hosts;
        }
        assert_int_equal(images, 5);
        assert_int_equal(hosts, rows.count); /* each on the one host */
        if (by != BASES_BY_PARENT) {
            assert_int_equal(rows.count, 2);
            continue;
        }
        assert_int_equal(rows.count, 3); /* scratch, debian, python */
        assert_int_equal(rows.list[rows.row_of[shop]].chain, CHAIN(m, os, rt));
        assert_int_equal(rows.list[rows.row_of[cart]].chain, CHAIN(m, os));
        assert_int_equal(rows.row_of[debian], rows.row_of[tool]);
    }
}

static void what_the_versions_of_a_family_share_counts_once(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), etc = maker_layer(m, "etc", 50),
             app = maker_layer(m, "app", 5), other = maker_layer(m, "other", 60), s = new_store(m);
    uint32_t shop = IMAGE(m, os, app), old = IMAGE(m, os, etc), second = IMAGE(m, other, etc);
    struct bases rows;

    m->layers[os].os_release = m->layers[other].os_release = "ID=debian\nVERSION_ID=12\n";
    maker_put(m, s, shop, "docker.io/library/shop:1");
    maker_put(m, s, old, "docker.io/library/old:1");
    maker_put(m, s, second, "docker.io/library/second:1");
    rig_compute(f);
    assert_int_equal(f->bases.unnamed, 2);
    rig_group(f, BASES_BY_FAMILY, &rows);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.list[0].images, 3);
    assert_int_equal(rows.list[0].hosts, 1);
    assert_int_equal(rows.list[0].nominal_bytes, 160);
    assert_int_equal(rows.list[0].copies, 2);
}

/* ---- the model, and what an answer rests on ---------------------------------------------------
 */

static void the_model_splits_what_hosts_need_into_core_and_software(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 9000000), app = maker_layer(m, "app", 500);
    uint32_t debian = IMAGE(m, os), shop = IMAGE(m, os, app);
    struct model_pass *pass;
    struct model model;
    struct err err;

    for (int i = 0; i < 2; i++) {
        uint32_t s = new_store(m);

        maker_put(m, s, debian, "docker.io/library/debian:12");
        if (i == 0)
            maker_put(m, s, shop, "shop:1");
        maker_space(m, s, REC_SPACE_ORPHANS, "leftover", 100);
    }
    rig_compute(f);
    assert_ok(model_open(&pass, &m->fleet, &f->ledgers, &f->bases, m->arena, &err));
    model_add_host(pass, &m->fleet, 0, f->copies.list, 2);
    model_add_host(pass, &m->fleet, 1, f->copies.list + 2, f->copies.count - 2);
    model_close(pass, &model);
    assert_int_equal(model.core_builds, 1);
    assert_int_equal(model.software_layers, 1);
    assert_int_equal(model.core, 18000000);
    assert_int_equal(model.software, 500);
    assert_int_equal(model.waste, 200);
    assert_int_equal(model.core + model.software + model.waste + model.unsplit,
                     f->ledgers.fleet.stored);
    assert_int_equal(model.small_base_saves, 2 * (9000000 - MODEL_SMALL_BASE));
    assert_int_equal(model.application_places, 1);
}

static void coverage_is_complete_only_where_every_part_asked_for_is(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), s = new_store(m);
    bool layers_present[MAKER_MAX] = {true};
    struct coverage c;
    struct err err;

    maker_put(m, s, IMAGE(m, os), "docker.io/library/debian:12");
    rig_compute(f);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_CONTENT, m->arena, &err));
    assert_true(c.complete);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_SIZES, m->arena, &err));
    assert_false(c.complete); /* the copy is only estimated */
    m->hosts[0].last_s = m->fleet.now_s - 181;
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_PRESENCE, m->arena, &err));
    assert_false(c.complete);
    assert_int_equal(c.hosts_stale, 1);
    m->hosts[0].last_s = m->fleet.now_s - 180;
    m->stores[0].state = REC_STORE_UNREADABLE;
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_PRESENCE, m->arena, &err));
    assert_false(c.complete);
    assert_int_equal(c.hosts_fresh, 1);
    assert_int_equal(c.hosts_with_errors, 1);
}

static void an_unconfirmed_config_waits_only_for_hosts_that_could_confirm_it(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), debian = IMAGE(m, os), s = new_store(m);
    bool layers_present[MAKER_MAX] = {true};
    struct coverage c;
    struct err err;

    m->images[debian].document = DOCUMENT_UNCONFIRMED;
    m->images[debian].said_by = m->stores[s].host;
    maker_put(m, s, debian, "docker.io/library/debian:12");
    rig_compute(f);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_CONTENT, m->arena, &err));
    assert_true(c.complete);
    assert_int_equal(c.images_unconfirmed, 1);
    s = new_store(m);
    maker_put(m, s, debian, "docker.io/library/debian:12");
    rig_compute(f);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_CONTENT, m->arena, &err));
    assert_false(c.complete);
    assert_int_equal(c.images_confirmable, 1);
    m->hosts[m->stores[s].host].last_s = m->fleet.now_s - 181;
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_CONTENT, m->arena, &err));
    assert_true(c.complete);
    assert_int_equal(c.images_unconfirmed, 1);
}

static void layer_facts_of_one_host_count_as_measured(void **state)
{
    struct census_rig *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), s = new_store(m);
    bool layers_present[MAKER_MAX] = {true};
    struct coverage c;
    struct err err;

    m->layers[os].state = FACT_REPORTED;
    maker_put(m, s, IMAGE(m, os), "docker.io/library/debian:12");
    maker_measure(m, s, CHAIN(m, os), 4096);
    rig_compute(f);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_SIZES, m->arena, &err));
    assert_true(c.complete);
    assert_int_equal(c.layers_measured, 1);
}

static void an_empty_fleet_is_never_complete(void **state)
{
    struct census_rig *f = *state;
    struct coverage c;
    struct err err;

    rig_compute(f);
    assert_ok(
        coverage_compute(&c, &f->m.fleet, &f->ledgers, f->images, NULL, 180, 0, f->m.arena, &err));
    assert_false(c.complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_shortest_named_chain_is_the_core_and_the_longest_the_base),
        TEST(images_without_a_name_are_no_base),
        TEST(a_parent_without_a_name_is_intermediate_in_its_own_store_only),
        TEST(a_step_of_a_core_builds_making_belongs_to_it),
        TEST(an_os_release_or_a_shared_genesis_makes_an_unnamed_core),
        TEST(a_named_distribution_alone_is_its_own_core_and_a_binary_alone_is_scratch),
        TEST(empty_layers_in_front_are_no_genesis),
        TEST(all_names_of_a_chain_are_told),
        TEST(an_image_whose_config_is_unknown_is_undecided),
        TEST(the_platforms_of_one_index_are_one_core_build),
        TEST(what_one_platform_has_twice_is_no_index),
        TEST(a_store_that_its_user_can_write_joins_no_platforms),
        TEST(the_rows_of_every_level_hold_every_image_once),
        TEST(what_the_versions_of_a_family_share_counts_once),
        TEST(the_model_splits_what_hosts_need_into_core_and_software),
        TEST(coverage_is_complete_only_where_every_part_asked_for_is),
        TEST(an_unconfirmed_config_waits_only_for_hosts_that_could_confirm_it),
        TEST(layer_facts_of_one_host_count_as_measured),
        TEST(an_empty_fleet_is_never_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
