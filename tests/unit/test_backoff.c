#include "tests/support/unit.h"

#include "common/backoff.h"

static void each_wait_lies_in_the_upper_half_of_its_window(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct backoff b;
        uint64_t window = 100;

        backoff_init(&b, 100, 60000, seed);
        for (int i = 0; i < 100; i++) {
            uint64_t wait = backoff_next(&b);

            assert_in_range(wait, window / 2, window);
            window = window * 2 < 60000 ? window * 2 : 60000;
        }
    }
}

static void success_makes_the_next_wait_short(void **state)
{
    struct backoff b;

    (void)state;
    backoff_init(&b, 100, 60000, 7);
    for (int i = 0; i < 20; i++)
        backoff_next(&b);
    assert_in_range(backoff_next(&b), 30000, 60000);
    backoff_reset(&b);
    assert_in_range(backoff_next(&b), 50, 100);
}

static void a_fleet_spreads_over_the_window(void **state)
{
    int buckets[10] = {0};

    (void)state;
    for (uint64_t host = 0; host < 10000; host++) {
        struct backoff b;

        backoff_init(&b, 1000, 1000, host);
        buckets[(backoff_next(&b) - 500) * 10 / 501]++;
    }
    for (size_t i = 0; i < unit_count(buckets); i++)
        assert_in_range(buckets[i], 800, 1200);
}

static void the_same_seed_waits_the_same(void **state)
{
    struct backoff a, b;

    (void)state;
    backoff_init(&a, 10, 100000, 42);
    backoff_init(&b, 10, 100000, 42);
    for (int i = 0; i < 50; i++)
        assert_int_equal(backoff_next(&a), backoff_next(&b));
}

static void odd_bounds_do_no_harm(void **state)
{
    struct backoff b;

    (void)state;
    backoff_init(&b, 0, 0, 1);
    assert_int_equal(backoff_next(&b), 0);
    backoff_init(&b, 1, 1, 1);
    assert_in_range(backoff_next(&b), 0, 1);
    backoff_init(&b, 500, 100, 1);
    assert_in_range(backoff_next(&b), 250, 500);
    backoff_init(&b, 1, UINT64_MAX, 1);
    for (int i = 0; i < 200; i++)
        backoff_next(&b);
    assert_true(backoff_next(&b) >= UINT64_MAX / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wait_lies_in_the_upper_half_of_its_window),
        cmocka_unit_test(success_makes_the_next_wait_short),
        cmocka_unit_test(a_fleet_spreads_over_the_window),
        cmocka_unit_test(the_same_seed_waits_the_same),
        cmocka_unit_test(odd_bounds_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
