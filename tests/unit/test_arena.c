#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/cleanup.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;
    uint8_t *pieces[200];

    (void)state;
    assert_int_equal(arena_open(&a, 1 << 20, NULL), 0);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(a, i * 7, NULL);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(pieces[i][j], 0);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(pieces[i][j], i);
}

static void a_shared_arena_lives_as_long_as_an_owner(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;
    AUTO(arena_close) struct arena *b = NULL;
    char *text;

    (void)state;
    assert_int_equal(arena_open(&a, 1 << 20, NULL), 0);
    text = arena_text(a, "still here", 10, NULL);
    b = arena_share(a);
    arena_close(&a);
    assert_null(a);
    assert_string_equal(text, "still here");
}

static void a_large_piece_does_not_waste_the_block(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;
    uint8_t *before, *after;

    (void)state;
    assert_int_equal(arena_open(&a, 1 << 20, NULL), 0);
    before = arena_alloc(a, 16, NULL);
    assert_non_null(arena_alloc(a, 500000, NULL));
    after = arena_alloc(a, 16, NULL);
    assert_ptr_equal(after, before + 16);
}

static void the_maximum_holds_and_leaves_the_arena_usable(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    assert_int_equal(arena_open(&a, 1000, &err), 0);
    assert_non_null(arena_alloc(a, 900, &err));
    assert_null(arena_alloc(a, 200, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(arena_alloc(a, 10, &err));
    assert_true(arena_used(a) <= 1000);
}

static void a_count_that_overflows_is_a_limit(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;
    struct err err = {.kind = ERR_NONE};

    (void)state;
    assert_int_equal(arena_open(&a, SIZE_MAX, &err), 0);
    assert_null(arena_array(a, SIZE_MAX / 2, 3, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_null(arena_alloc(a, SIZE_MAX, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void nothing_is_a_valid_pointer(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;

    (void)state;
    assert_int_equal(arena_open(&a, 100, NULL), 0);
    assert_non_null(arena_array(a, 0, 100, NULL));
    assert_string_equal(arena_text(a, "layer", 3, NULL), "lay");
}

static void closing_nothing_is_harmless(void **state)
{
    struct arena *a = NULL;

    (void)state;
    arena_close(&a);
    assert_int_equal(arena_open(&a, 100, NULL), 0);
    arena_close(&a);
    assert_null(a);
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_shared_arena_lives_as_long_as_an_owner),
        cmocka_unit_test(a_large_piece_does_not_waste_the_block),
        cmocka_unit_test(the_maximum_holds_and_leaves_the_arena_usable),
        cmocka_unit_test(a_count_that_overflows_is_a_limit),
        cmocka_unit_test(nothing_is_a_valid_pointer),
        cmocka_unit_test(closing_nothing_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
