#include "tests/support/unit.h"

#include "collector/census/diversity.h"

static void equal_shares_are_as_many_kinds_as_there_are(void **state)
{
    const int64_t weights[] = {7, 7, 7, 7, 7};
    struct diversity d;

    (void)state;
    diversity_of(&d, weights, 5);
    assert_int_equal(d.kinds, 5);
    assert_int_equal(d.shannon, 5000);
    assert_int_equal(d.simpson, 5000);
    assert_int_equal(d.largest, 200);
}

/* Shares 1/2, 1/4, 1/4: the entropy is 3/2 ln 2, so its exponential is the square root of 8; the
 * sum of squares is 3/8. */
static void unequal_shares_are_fewer_kinds_and_rare_ones_weigh_less_by_simpson(void **state)
{
    const int64_t weights[] = {2, 1, 1};
    struct diversity d;

    (void)state;
    diversity_of(&d, weights, 3);
    assert_int_equal(d.shannon, 2828);
    assert_int_equal(d.simpson, 2667);
    assert_int_equal(d.largest, 500);
}

static void what_has_no_share_is_no_kind(void **state)
{
    const int64_t weights[] = {0, 9, 0, -3};
    struct diversity d;

    (void)state;
    diversity_of(&d, weights, 4);
    assert_int_equal(d.kinds, 1);
    assert_int_equal(d.shannon, 1000);
    assert_int_equal(d.simpson, 1000);
}

static void nothing_has_no_kinds(void **state)
{
    const int64_t weights[] = {0};
    struct diversity d;

    (void)state;
    diversity_of(&d, weights, 1);
    assert_int_equal(d.kinds, 0);
    assert_int_equal(d.shannon, 0);
    assert_int_equal(d.simpson, 0);
    diversity_of(&d, weights, 0);
    assert_int_equal(d.largest, 0);
}

static void weights_whose_sum_is_more_than_an_integer_holds_are_weighed_all_the_same(void **state)
{
    const int64_t weights[] = {INT64_MAX, INT64_MAX};
    struct diversity d;

    (void)state;
    diversity_of(&d, weights, 2);
    assert_int_equal(d.shannon, 2000);
    assert_int_equal(d.simpson, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_shares_are_as_many_kinds_as_there_are),
        cmocka_unit_test(unequal_shares_are_fewer_kinds_and_rare_ones_weigh_less_by_simpson),
        cmocka_unit_test(what_has_no_share_is_no_kind),
        cmocka_unit_test(nothing_has_no_kinds),
        cmocka_unit_test(weights_whose_sum_is_more_than_an_integer_holds_are_weighed_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
