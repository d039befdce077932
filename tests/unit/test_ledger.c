#include "tests/support/unit.h"

#include "collector/census/charge.h"
#include "collector/census/counted.h"
#include "collector/census/ledger.h"
#include "tests/support/fleet_maker.h"

#define KB 1000

struct fixture {
    struct fleet_maker m;
    struct copies copies;
    struct ledgers ledgers;
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

static const struct ledger *compute(struct fixture *f)
{
    struct err err;

    assert_ok(copies_derive(&f->copies, &f->m.fleet, f->m.arena, &err));
    assert_ok(ledger_compute(&f->ledgers, &f->m.fleet, &f->copies, f->m.arena, &err));
    assert_ok(ledger_check(&f->ledgers, &f->m.fleet, &err));
    return &f->ledgers.fleet;
}

static void two_images_on_one_base_share_its_copy(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t base = maker_layer(m, "base", 100 * KB), a = maker_layer(m, "a", 10 * KB),
             b = maker_layer(m, "b", 20 * KB);
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    const struct ledger *l;

    maker_put(m, s, IMAGE(m, base, a), "a:1");
    maker_put(m, s, IMAGE(m, base, b), "b:1");
    l = compute(f);
    assert_int_equal(l->copies, 3);
    assert_int_equal(l->estimated, 3);
    assert_int_equal(l->stored, 130 * KB);
    assert_int_equal(l->unique, 130 * KB);
    assert_int_equal(l->replicas + l->duplicates + l->layout, 0);
}

static void a_layer_on_two_parents_is_a_duplicate_within_its_store(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t base = maker_layer(m, "base", 100 * KB), x = maker_layer(m, "x", 7 * KB),
             top = maker_layer(m, "top", 30 * KB);
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    const struct ledger *l;

    maker_put(m, s, IMAGE(m, base, top), "a:1");
    maker_put(m, s, IMAGE(m, base, x, top), "b:1");
    l = compute(f);
    assert_int_equal(l->copies, 4);
    assert_int_equal(l->unique, 137 * KB);
    assert_int_equal(l->duplicates, 30 * KB);
    assert_int_equal(l->by_cause[CAUSE_PARENTS], 30 * KB);
    assert_int_equal(l->cause_copies[CAUSE_PARENTS], 1);
}

static void an_image_that_holds_a_layer_twice_has_two_copies_of_it(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t a = maker_layer(m, "a", 10 * KB);
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    const struct ledger *l;

    maker_put(m, s, IMAGE(m, a, a), "a:1");
    l = compute(f);
    assert_int_equal(l->copies, 2);
    assert_int_equal(l->unique, 10 * KB);
    assert_int_equal(l->duplicates, 10 * KB);
}

static void duplicates_have_causes_from_the_nearest_outwards(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t d = maker_layer(m, "d", 10 * KB), x = maker_layer(m, "x", 1 * KB), h, image, twice;
    const struct ledger *l;

    image = IMAGE(m, d);
    twice = IMAGE(m, x, d);
    h = maker_host(m, "h");
    for (int i = 0; i < 2; i++) { /* two stores of root's docker; the first holds d twice */
        uint32_t s = maker_store(m, h, "docker", 0);

        maker_put(m, s, image, "d:1");
        if (i == 0)
            maker_put(m, s, twice, "x:1");
    }
    maker_put(m, maker_store(m, h, "podman", 0), image, "d:1");
    maker_put(m, maker_store(m, h, "podman", 1000), image, "d:1");
    l = compute(f);
    assert_int_equal(l->duplicates, 4 * 10 * KB);
    for (int cause = 0; cause < LEDGER_CAUSES; cause++)
        assert_int_equal(l->by_cause[cause], 10 * KB);
}

static void another_host_makes_replicas_and_its_own_ledger_has_none(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t image = IMAGE(m, maker_layer(m, "a", 10 * KB)), a, b, c;
    const struct ledger *l;

    a = maker_host(m, "a");
    maker_put(m, maker_store(m, a, "docker", 0), image, "i:1");
    b = maker_host(m, "b");
    maker_put(m, maker_store(m, b, "docker", 0), image, "i:1");
    c = maker_host(m, "c");
    maker_put(m, maker_store(m, c, "docker", 0), image, "i:1");
    l = compute(f);
    assert_int_equal(l->unique, 10 * KB);
    assert_int_equal(l->replicas, 20 * KB);
    assert_int_equal(l->duplicates, 0);
    assert_int_equal(f->ledgers.hosts[b].unique, 10 * KB);
    assert_int_equal(f->ledgers.hosts[b].replicas, 0);
    assert_int_equal(ledger_duplicate_storage(l), 20 * KB);
}

static void layout_is_measured_less_nominal_and_may_be_negative(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t a = maker_layer(m, "a", 10 * KB), b = maker_layer(m, "b", 50 * KB);
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    const struct ledger *l;

    maker_put(m, s, IMAGE(m, a, b), "i:1");
    maker_measure(m, s, CHAIN(m, a), 12 * KB);
    maker_measure(m, s, CHAIN(m, a, b), 30 * KB);
    l = compute(f);
    assert_int_equal(l->measured, 2);
    assert_int_equal(l->stored, 42 * KB);
    assert_int_equal(l->unique, 60 * KB);
    assert_int_equal(l->layout, -18 * KB);
}

static void a_copy_of_a_layer_without_size_is_unsplit_and_one_without_both_only_counts(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t a = maker_layer(m, "a", FLEET_UNKNOWN), b = maker_layer(m, "b", FLEET_UNKNOWN);
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    const struct ledger *l;

    maker_put(m, s, IMAGE(m, a, b), "i:1");
    maker_measure(m, s, CHAIN(m, a), 9 * KB);
    l = compute(f);
    assert_int_equal(l->unsplit, 9 * KB);
    assert_int_equal(l->stored, 9 * KB);
    assert_int_equal(l->unknown, 1);
    assert_int_equal(l->unique + l->replicas + l->duplicates, 0);
}

static void packed_images_have_no_copies_and_exceptions_count(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t a = maker_layer(m, "a", 10 * KB), b = maker_layer(m, "b", 20 * KB),
             c = maker_layer(m, "c", 40 * KB);
    uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);
    const struct ledger *l;

    maker_put(m, s, IMAGE(m, a, b), "i:1");
    maker_put(m, s, IMAGE(m, b), "packed:1")->unpacked = false;
    maker_except(m, s, CHAIN(m, a, b), b, REC_CHAIN_MISSING);
    maker_except(m, s, CHAIN(m, c), c, REC_CHAIN_EXTRA);
    l = compute(f);
    assert_int_equal(l->copies, 2);
    assert_int_equal(f->copies.missing, 1);
    assert_int_equal(l->stored, 50 * KB);
}

static void blobs_and_orphans_are_stored_but_no_copies(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "h"), "containerd", 0);
    const struct ledger *l;

    maker_space(m, s, REC_SPACE_BLOBS, "kept", 5 * KB);
    maker_space(m, s, REC_SPACE_BLOBS, "only", 3 * KB);
    maker_space(m, s, REC_SPACE_ORPHANS, "leftover", 2 * KB);
    maker_space(m, s, REC_SPACE_OUTSIDE, "container-writable", 100 * KB);
    l = compute(f);
    assert_int_equal(l->stored, 10 * KB);
    assert_int_equal(l->blobs_kept, 5 * KB);
    assert_int_equal(l->blobs_only, 3 * KB);
    assert_int_equal(l->orphans, 2 * KB);
    assert_int_equal(ledger_duplicate_storage(l), 5 * KB);
}

static void sizes_beyond_63_bits_are_refused_with_the_host_named(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t s = maker_store(m, maker_host(m, "liar"), "docker", 0);
    struct err err;

    maker_space(m, s, REC_SPACE_ORPHANS, "a", INT64_MAX - 1);
    maker_space(m, s, REC_SPACE_ORPHANS, "b", INT64_MAX - 1);
    assert_ok(copies_derive(&f->copies, &m->fleet, m->arena, &err));
    assert_ok(ledger_compute(&f->ledgers, &m->fleet, &f->copies, m->arena, &err));
    assert_fails(ledger_check(&f->ledgers, &m->fleet, &err), ERR_LIMIT, "63 bits");
}

static void a_ledger_that_does_not_add_up_is_an_internal_error(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    struct err err;

    maker_put(m, maker_store(m, maker_host(m, "h"), "docker", 0),
              IMAGE(m, maker_layer(m, "a", 10 * KB)), "i:1");
    compute(f);
    f->ledgers.hosts[0].layout += 1;
    assert_fails(ledger_check(&f->ledgers, &m->fleet, &err), ERR_CONFLICT, "internal error");
}

static void charges_of_images_add_up_to_the_ledger(void **state)
{
    int64_t extras[MAKER_MAX + 1] = {0};
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t base = maker_layer(m, "base", 1001), top = maker_layer(m, "top", 7),
             lost = maker_layer(m, "lost", 13);
    uint32_t small = IMAGE(m, base), large = IMAGE(m, base, top);
    const struct ledger *l;
    struct charge *charges, sum = {0};
    struct standing *images;
    struct err err;

    for (int i = 0; i < 3; i++) {
        uint32_t s = maker_store(m, maker_host(m, "h"), "docker", 0);

        maker_put(m, s, small, "s:1");
        if (i > 0)
            maker_put(m, s, large, "l:1");
    }
    maker_except(m, 2, CHAIN(m, lost), lost, REC_CHAIN_EXTRA);
    l = compute(f);
    images = standing_compute(&m->fleet, m->arena, &err);
    assert_non_null(images);
    charge_count_extras(extras, &m->fleet, &f->copies);
    charges = charge_images(&m->fleet, extras, &f->ledgers, images, m->arena, &err);
    assert_non_null(charges);
    for (size_t i = 0; i <= m->fleet.image_count; i++) {
        sum.unique += charges[i].unique;
        sum.replicas += charges[i].replicas;
        sum.stored += charges[i].stored;
    }
    assert_int_equal(sum.unique, l->unique);
    assert_int_equal(sum.replicas, l->replicas);
    assert_int_equal(sum.stored, l->stored);
    assert_int_equal(charges[small].replicas, 2002 * 3 / 5); /* 3 of the base's 5 uses */
    assert_int_equal(charges[m->fleet.image_count].unique, 13);
}

/* Two hosts; one has the layer in two engines, and one copy of these is measured. */
static void counters_tell_the_fleets_ledger_without_its_copies(void **state)
{
    struct fixture *f = *state;
    struct fleet_maker *m = &f->m;
    uint32_t a = maker_layer(m, "a", 10 * KB), b = maker_layer(m, "b", FLEET_UNKNOWN), chain;
    struct counted_chain chains[2] = {{0}};
    struct counted_layer layers[2] = {{.again = {[CAUSE_ENGINES] = 1}}};
    struct counted counted = {.chains = chains, .layers = layers, .orphans = 5 * KB};
    struct ledgers ledgers;
    const struct ledger *l = &ledgers.fleet;
    struct err err;

    chain = CHAIN(m, a);
    chains[chain] = (struct counted_chain){3, 1, 12 * KB, 2};
    chains[CHAIN(m, b)] = (struct counted_chain){1, 1, 4 * KB, 0};
    assert_ok(counted_ledgers(&ledgers, &counted, &m->fleet, m->arena, &err));
    assert_ok(ledger_check(&ledgers, &m->fleet, &err));
    assert_int_equal(ledgers.layers[a].hosts, 2);
    assert_int_equal(ledgers.chains[chain].stored, 32 * KB);
    assert_int_equal(ledgers.missing, 2);
    assert_int_equal(l->stored, 41 * KB);
    assert_int_equal(l->unique, 10 * KB);
    assert_int_equal(l->replicas, 10 * KB);
    assert_int_equal(l->by_cause[CAUSE_ENGINES], 10 * KB);
    assert_int_equal(l->layout, 2 * KB);
    assert_int_equal(l->unsplit, 4 * KB);
    assert_int_equal(l->estimated, 2);
    chains[chain].allocated_bytes = INT64_MAX;
    assert_ok(counted_ledgers(&ledgers, &counted, &m->fleet, m->arena, &err));
    assert_fails(ledger_check(&ledgers, &m->fleet, &err), ERR_LIMIT, "63 bits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(two_images_on_one_base_share_its_copy),
        TEST(a_layer_on_two_parents_is_a_duplicate_within_its_store),
        TEST(an_image_that_holds_a_layer_twice_has_two_copies_of_it),
        TEST(duplicates_have_causes_from_the_nearest_outwards),
        TEST(another_host_makes_replicas_and_its_own_ledger_has_none),
        TEST(layout_is_measured_less_nominal_and_may_be_negative),
        TEST(a_copy_of_a_layer_without_size_is_unsplit_and_one_without_both_only_counts),
        TEST(packed_images_have_no_copies_and_exceptions_count),
        TEST(blobs_and_orphans_are_stored_but_no_copies),
        TEST(sizes_beyond_63_bits_are_refused_with_the_host_named),
        TEST(a_ledger_that_does_not_add_up_is_an_internal_error),
        TEST(charges_of_images_add_up_to_the_ledger),
        TEST(counters_tell_the_fleets_ledger_without_its_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
