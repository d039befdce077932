#include "tests/support/unit.h"

#include "collector/store/read_ids.h"

#define MEMORY_MAX ((size_t)1 << 20)

static int setup(void **state)
{
    struct arena *arena;
    struct err err;

    assert_ok(arena_open(&arena, MEMORY_MAX, &err));
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    struct arena *arena = *state;

    arena_close(&arena);
    return 0;
}

static void rows_without_holes_need_no_list(void **state)
{
    struct read_ids ids = {0};
    struct err err;

    for (uint32_t i = 0; i < 1000; i++)
        assert_ok(read_ids_add(&ids, 7 + i, i, *state, &err));
    assert_null(ids.list);
    assert_int_equal(read_ids_find(&ids, 7), 0);
    assert_int_equal(read_ids_find(&ids, 1006), 999);
    assert_int_equal(read_ids_find(&ids, 6), FLEET_NONE);
    assert_int_equal(read_ids_find(&ids, 1007), FLEET_NONE);
    assert_int_equal(read_ids_find(&ids, INT64_MIN), FLEET_NONE);
    assert_int_equal(read_ids_find(&ids, INT64_MAX), FLEET_NONE);
}

static void a_hole_moves_none_of_the_rows_before_it(void **state)
{
    struct read_ids ids = {0};
    struct err err;

    for (uint32_t i = 0; i < 100; i++)
        assert_ok(read_ids_add(&ids, i < 40 ? 1 + i : 11 + i, i, *state, &err));
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(read_ids_find(&ids, i < 40 ? 1 + i : 11 + i), i);
    assert_int_equal(read_ids_find(&ids, 45), FLEET_NONE);
    assert_int_equal(read_ids_find(&ids, 0), FLEET_NONE);
}

static void rows_in_another_order_are_found_once_they_are_sorted(void **state)
{
    static const int64_t order[] = {3, 1, INT64_MAX, 2, INT64_MIN};
    struct read_ids ids = {0};
    struct err err;

    for (uint32_t i = 0; i < 5; i++)
        assert_ok(read_ids_add(&ids, order[i], i, *state, &err));
    read_ids_sort(&ids);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(read_ids_find(&ids, order[i]), i);
    assert_int_equal(read_ids_find(&ids, 4), FLEET_NONE);
}

static void nothing_is_found_where_there_is_no_row(void **state)
{
    const struct read_ids ids = {0};

    (void)state;
    assert_int_equal(read_ids_find(&ids, 0), FLEET_NONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_without_holes_need_no_list),
        TEST(a_hole_moves_none_of_the_rows_before_it),
        TEST(rows_in_another_order_are_found_once_they_are_sorted),
        TEST(nothing_is_found_where_there_is_no_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
