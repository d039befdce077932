#include "tests/support/unit.h"

#include "collector/census/bases.h"
#include "collector/census/coverage.h"
#include "collector/census/model.h"
#include "tests/support/fleet_maker.h"

struct fixture {
    struct fleet_maker m;
    struct copies copies;
    struct ledgers ledgers;
    struct standing *images;
    struct bases bases;
};

static int setup(void **state)
{
    static struct fixture f;

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

static void compute(struct fixture *f)
{
    struct err err;

    assert_ok(copies_derive(&f->copies, &f->m.fleet, f->m.arena, &err));
    f->images = standing_compute(&f->m.fleet, f->m.arena, &err);
    assert_non_null(f->images);
    assert_ok(ledger_compute(&f->ledgers, &f->m.fleet, &f->copies, f->m.arena, &err));
    assert_ok(bases_compute(&f->bases, &f->m.fleet, &f->ledgers, f->images, f->m.arena, &err));
    for (uint32_t i = 0; i < f->m.fleet.host_count; i++)
        bases_add_host(&f->bases, &f->m.fleet, i);
}

static const struct base *core(const struct fixture *f, uint32_t image)
{
    assert_int_not_equal(f->bases.core_of[image], FLEET_NONE);
    return &f->bases.list[f->bases.core_of[image]];
}

static uint32_t new_store(struct fleet_maker *m)
{
    return maker_store(m, maker_host(m, "h"), "docker", 0);
}

static void the_shortest_named_chain_is_the_core_and_the_longest_the_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), rt = maker_layer(m, "rt", 50),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), python = IMAGE(m, os, rt), shop = IMAGE(m, os, rt, app);

    maker_put(m, s, debian, "debian:12");
    maker_put(m, s, python, "python:3");
    maker_put(m, s, shop, "shop:1");
    maker_run(m, s, shop, REC_RUNNING);
    compute(f);
    assert_int_equal(core(f, shop)->kind, BASE_NAMED);
    assert_int_equal(core(f, shop)->chain, CHAIN(m, os));
    assert_string_equal(m->names[core(f, shop)->names[0]].text, "debian:12");
    assert_ptr_equal(core(f, debian), core(f, shop)); /* its own base */
    assert_int_equal(f->bases.nearest[shop], CHAIN(m, os, rt));
    assert_int_equal(f->bases.nearest[debian], FLEET_NONE);
    assert_int_equal(core(f, shop)->images, 2);
    assert_int_equal(core(f, shop)->running, 1);
    assert_int_equal(core(f, shop)->nominal_bytes, 100);
    assert_int_equal(f->bases.named, 1);
}

static void images_without_a_name_are_no_base(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t old_debian = IMAGE(m, os), shop = IMAGE(m, os, app);

    maker_put(m, s, old_debian, NULL);
    maker_put(m, s, shop, "shop:1");
    compute(f);
    assert_int_equal(f->images[old_debian].kind, IMAGE_DANGLING);
    assert_int_equal(core(f, shop)->kind, BASE_UNNAMED);
    assert_int_equal(core(f, shop)->genesis_layer, os);
    assert_int_equal(f->bases.unnamed, 1);
    assert_int_equal(f->bases.named, 0);
}

static void a_parent_without_a_name_is_intermediate_in_its_own_store_only(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5);
    uint32_t step = IMAGE(m, os), shop = IMAGE(m, os, app), other = IMAGE(m, app);
    uint32_t s = new_store(m);

    maker_put(m, s, step, NULL);
    maker_put(m, s, shop, "shop:1")->parent = step;
    s = new_store(m);
    maker_put(m, s, step, NULL);
    maker_put(m, s, other, NULL)->parent = shop; /* which is not in this store */
    compute(f);
    assert_int_equal(f->images[step].kind, IMAGE_INTERMEDIATE);
    assert_int_equal(standing_in_store(&m->fleet, &m->presences[0]), IMAGE_INTERMEDIATE);
    assert_int_equal(standing_in_store(&m->fleet, &m->presences[2]), IMAGE_DANGLING);
    assert_int_equal(f->images[other].kind, IMAGE_DANGLING);
    assert_int_equal(f->images[step].hosts, 2);
}

static void a_step_of_a_core_builds_making_belongs_to_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), etc = maker_layer(m, "etc", 5),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t step = IMAGE(m, os), base = IMAGE(m, os, etc), shop = IMAGE(m, os, etc, app);

    maker_put(m, s, step, NULL);
    maker_put(m, s, base, "base:1");
    maker_put(m, s, shop, "shop:1");
    compute(f);
    assert_ptr_equal(core(f, step), core(f, shop));
    assert_int_equal(core(f, step)->chain, CHAIN(m, os, etc));
    assert_int_equal(core(f, shop)->images, 1); /* the step does not stand on it */
    assert_int_equal(f->bases.named, 1);
    assert_int_equal(f->bases.unnamed, 0);
}

static void an_os_release_or_a_shared_genesis_makes_an_unnamed_core(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5),
             plain = maker_layer(m, "plain", 9), x = maker_layer(m, "x", 1),
             y = maker_layer(m, "y", 2), s = new_store(m);
    uint32_t lone = IMAGE(m, os, app), first = IMAGE(m, plain, x), second = IMAGE(m, plain, y);

    m->layers[os].os_release = "ID=debian\n";
    maker_put(m, s, lone, "lone:1");
    maker_put(m, s, first, "first:1");
    maker_put(m, s, second, "second:1");
    compute(f);
    assert_int_equal(core(f, lone)->kind, BASE_UNNAMED);
    assert_string_equal(core(f, lone)->os_release, "ID=debian\n");
    assert_int_equal(core(f, first)->kind, BASE_UNNAMED);
    assert_ptr_equal(core(f, first), core(f, second));
    assert_int_equal(f->bases.unnamed, 2);
}

static void a_named_distribution_alone_is_its_own_core_and_a_binary_alone_is_scratch(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), tool = maker_layer(m, "tool", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), binary = IMAGE(m, tool), nothing = IMAGE(m, FLEET_NONE);

    m->layers[os].os_release = "ID=debian\n";
    maker_put(m, s, debian, "debian:12");
    maker_put(m, s, binary, "tool:1");
    maker_put(m, s, nothing, "nothing:1");
    compute(f);
    assert_int_equal(core(f, debian)->kind, BASE_NAMED);
    assert_int_equal(core(f, binary)->kind, BASE_SCRATCH);
    assert_int_equal(core(f, nothing)->kind, BASE_SCRATCH);
    assert_int_equal(core(f, binary)->nominal_bytes, 0);
    assert_int_equal(f->bases.scratch_images, 2);
}

static void empty_layers_in_front_are_no_genesis(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    static const uint8_t zeros[1024];
    uint32_t empty = maker_layer(m, "empty", FLEET_UNKNOWN), os = maker_layer(m, "os", 100),
             app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t blank = IMAGE(m, empty), debian = IMAGE(m, empty, os), shop = IMAGE(m, empty, os, app);

    m->layers[empty].diff = digest_of(zeros, sizeof(zeros));
    maker_put(m, s, blank, "blank:1");
    maker_put(m, s, debian, "debian:12");
    maker_put(m, s, shop, "shop:1");
    compute(f);
    assert_true(fleet_layer_empty(&m->fleet, empty));
    assert_int_equal(core(f, shop)->chain, CHAIN(m, empty, os));
    assert_int_equal(core(f, shop)->genesis_layer, os);
    assert_int_equal(core(f, blank)->kind, BASE_SCRATCH);
}

static void all_names_of_a_chain_are_told(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), app = maker_layer(m, "app", 5), s = new_store(m);
    uint32_t debian = IMAGE(m, os), retag = IMAGE(m, os), shop = IMAGE(m, os, app);

    maker_put(m, s, debian, "debian:12");
    maker_put(m, s, retag, "base:ours");
    maker_put(m, s, shop, "shop:1");
    compute(f);
    assert_int_equal(core(f, shop)->name_count, 2);
    assert_string_equal(m->names[core(f, shop)->names[0]].text, "base:ours");
    assert_string_equal(m->names[core(f, shop)->names[1]].text, "debian:12");
}

static void an_image_whose_config_is_unknown_is_undecided(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t image = IMAGE(m, FLEET_NONE);

    m->images[image].parsed = PARSED_NOT;
    maker_put(m, new_store(m), image, "mystery:1");
    compute(f);
    assert_int_equal(f->bases.core_of[image], FLEET_NONE);
    assert_int_equal(f->bases.undecided_images, 1);
}

static void the_model_splits_what_hosts_need_into_core_and_software(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 9000000), app = maker_layer(m, "app", 500);
    uint32_t debian = IMAGE(m, os), shop = IMAGE(m, os, app);
    struct model_pass *pass;
    struct model model;
    struct err err;

    for (int i = 0; i < 2; i++) {
        uint32_t s = new_store(m);

        maker_put(m, s, debian, "debian:12");
        if (i == 0)
            maker_put(m, s, shop, "shop:1");
        maker_space(m, s, REC_SPACE_ORPHANS, "leftover", 100);
    }
    compute(f);
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
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), s = new_store(m);
    bool layers_present[MAKER_MAX] = {true};
    struct coverage c;
    struct err err;

    maker_put(m, s, IMAGE(m, os), "debian:12");
    compute(f);
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
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), debian = IMAGE(m, os), s = new_store(m);
    bool layers_present[MAKER_MAX] = {true};
    struct coverage c;
    struct err err;

    m->images[debian].document = DOCUMENT_UNCONFIRMED;
    m->images[debian].said_by = m->stores[s].host;
    maker_put(m, s, debian, "debian:12");
    compute(f);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_CONTENT, m->arena, &err));
    assert_true(c.complete);
    assert_int_equal(c.images_unconfirmed, 1);
    s = new_store(m);
    maker_put(m, s, debian, "debian:12");
    compute(f);
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
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t os = maker_layer(m, "os", 100), s = new_store(m);
    bool layers_present[MAKER_MAX] = {true};
    struct coverage c;
    struct err err;

    m->layers[os].state = FACT_REPORTED;
    maker_put(m, s, IMAGE(m, os), "debian:12");
    maker_measure(m, s, CHAIN(m, os), 4096);
    compute(f);
    assert_ok(coverage_compute(&c, &m->fleet, &f->ledgers, f->images, layers_present, 180,
                               NEEDS_SIZES, m->arena, &err));
    assert_true(c.complete);
    assert_int_equal(c.layers_measured, 1);
}

static void an_empty_fleet_is_never_complete(void **state)
{
    struct fixture *f = *state;
    struct coverage c;
    struct err err;

    compute(f);
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
        TEST(the_model_splits_what_hosts_need_into_core_and_software),
        TEST(coverage_is_complete_only_where_every_part_asked_for_is),
        TEST(an_unconfirmed_config_waits_only_for_hosts_that_could_confirm_it),
        TEST(layer_facts_of_one_host_count_as_measured),
        TEST(an_empty_fleet_is_never_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
