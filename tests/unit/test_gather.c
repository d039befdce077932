/* ingest_gather: whole inventories in parts, good and contradictory ones. */
#include "tests/support/unit.h"

#include "collector/server/ingest_gather.h"

#define ARENA_BYTES (1 << 20)

/* What wire would have decoded: a message lies in its own arena. */
static struct wire_agent_msg *message(enum wire_agent_kind kind)
{
    struct wire_agent_msg *m;
    struct arena *arena;
    struct err err;

    assert_ok(arena_open(&arena, ARENA_BYTES, &err));
    m = arena_alloc(arena, sizeof(*m), &err);
    assert_non_null(m);
    m->kind = kind;
    m->arena = arena;
    return m;
}

static struct rec_store store_number(uint8_t number)
{
    struct rec_store store = {.engine = "docker",
                              .version = "",
                              .driver = "overlay2",
                              .space = "",
                              .root = "/r",
                              .fs_type = "ext4",
                              .error = "",
                              .state = REC_STORE_OK};

    memset(store.key.bytes, number, sizeof(store.key.bytes));
    return store;
}

static struct wire_agent_msg *part(uint8_t store, uint8_t first, uint8_t count)
{
    struct wire_agent_msg *m = message(WIRE_INVENTORY_PART);
    struct err err;

    m->part.store = store_number(store);
    m->part.images = arena_array(m->arena, count, sizeof(*m->part.images), &err);
    assert_non_null(m->part.images);
    m->part.image_count = count;
    for (uint8_t n = 0; n < count; n++) {
        m->part.images[n].identity = REC_BY_CONFIG;
        m->part.images[n].id.bytes[0] = first + n;
    }
    return m;
}

static struct wire_agent_msg *end(uint64_t generation)
{
    struct wire_agent_msg *m = message(WIRE_INVENTORY_END);

    m->end.generation = generation;
    return m;
}

static struct gather *begin(uint64_t generation, uint32_t stores)
{
    struct rec_inventory_begin b = {.generation = generation, .store_count = stores};
    struct gather *g = NULL;
    struct err err;

    assert_ok(gather_open(&g, &b, &err));
    return g;
}

static void add(struct gather *g, struct wire_agent_msg *m)
{
    struct err err;

    assert_ok(gather_part(g, &m, &err));
    assert_null(m);
}

static void assert_contradicts(struct gather *g, uint64_t generation, const char *words)
{
    struct wire_agent_msg *m = end(generation);
    struct err err;

    assert_fails(gather_finish(g, &m, &err), ERR_CONFLICT, words);
    wire_agent_msg_close(&m);
    gather_close(&g);
}

static void parts_in_any_order_become_sorted_stores(void **state)
{
    struct gather *g = begin(5, 2);
    struct wire_agent_msg *m = end(5);
    const struct apply_inventory *whole;
    struct err err;

    (void)state;
    add(g, part(1, 10, 3));
    add(g, part(2, 1, 1));
    add(g, part(1, 1, 2));
    assert_ok(gather_finish(g, &m, &err));
    whole = gather_inventory(g);
    assert_int_equal(whole->generation, 5);
    assert_int_equal(whole->content_count, 2);
    assert_int_equal(whole->contents[0].image_count, 5);
    for (int n = 0; n < 5; n++)
        assert_int_equal(whole->contents[0].images[n].id.bytes[0], n < 2 ? n + 1 : n + 8);
    assert_int_equal(whole->contents[1].image_count, 1);
    gather_close(&g);
}

static void an_empty_host_is_an_inventory(void **state)
{
    struct gather *g = begin(1, 0);
    struct wire_agent_msg *m = end(1);
    struct err err;

    (void)state;
    assert_ok(gather_finish(g, &m, &err));
    assert_int_equal(gather_inventory(g)->content_count, 0);
    gather_close(&g);
}

static void another_generation_at_the_end_is_a_contradiction(void **state)
{
    struct gather *g = begin(5, 0);

    (void)state;
    assert_contradicts(g, 6, "began as generation 5 and ends as 6");
}

static void a_store_less_than_promised_is_a_contradiction(void **state)
{
    struct gather *g = begin(5, 2);

    (void)state;
    add(g, part(1, 1, 1));
    assert_contradicts(g, 5, "of 2 stores holds 1");
}

static void an_image_twice_is_a_contradiction(void **state)
{
    struct gather *g = begin(5, 1);

    (void)state;
    add(g, part(1, 1, 2));
    add(g, part(1, 2, 2));
    assert_contradicts(g, 5, "twice");
}

static void a_store_described_differently_is_told_at_the_end(void **state)
{
    struct gather *g = begin(5, 1);
    struct wire_agent_msg *other = part(1, 3, 1);

    (void)state;
    other->part.store.driver = "vfs";
    add(g, part(1, 1, 2));
    add(g, other);
    add(g, part(1, 4, 1));
    assert_contradicts(g, 5, "describe it differently");
}

static void too_many_images_of_one_store_are_refused_at_once(void **state)
{
    struct gather *g = begin(5, 1);
    struct wire_agent_msg *m = part(1, 1, 1);
    struct err err;

    (void)state;
    m->part.image_count = REC_IMAGES_MAX + 1;
    assert_fails(gather_part(g, &m, &err), ERR_LIMIT, "more than 50000 images");
    wire_agent_msg_close(&m);
    gather_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_in_any_order_become_sorted_stores),
        cmocka_unit_test(an_empty_host_is_an_inventory),
        cmocka_unit_test(another_generation_at_the_end_is_a_contradiction),
        cmocka_unit_test(a_store_less_than_promised_is_a_contradiction),
        cmocka_unit_test(an_image_twice_is_a_contradiction),
        cmocka_unit_test(a_store_described_differently_is_told_at_the_end),
        cmocka_unit_test(too_many_images_of_one_store_are_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
