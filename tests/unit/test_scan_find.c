#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/scan_find.h"
#include "common/uvx.h"

#define MS ((uint64_t)1000000)
#define NOW (1000000 * MS)

static int find_nothing(const struct engine_options *options, struct engine_roots *roots,
                        struct err *err)
{
    (void)options;
    (void)roots;
    (void)err;
    return 0;
}

/* Two work items: "first" with what completes it, and "other". */
static const struct engine_driver first = {.name = "first", .find = find_nothing};
static const struct engine_driver second = {
    .name = "second", .find = find_nothing, .completes = true};
static const struct engine_driver other = {.name = "other", .find = find_nothing};
static const struct engine_driver *const drivers[] = {&first, &second, &other, NULL};

struct fixture {
    uv_loop_t loop;
    struct engine_options options;
    struct scan_find find;
    unsigned ended;
};

static void on_found(const struct scan_found *found, size_t count, void *arg)
{
    (void)found;
    assert_int_equal(count, 0);
    ((struct fixture *)arg)->ended++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    f->options.host_root = "";
    scan_find_init(&f->find, &f->loop, drivers, &f->options, on_found, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int rc = uvx_loop_close(&f->loop, &err);

    free(f);
    return rc;
}

/* Asks those that are due and waits for them; how many there were. */
static unsigned ask(struct fixture *f, uint64_t now_ns)
{
    unsigned before = f->ended;

    scan_find_start(&f->find, now_ns);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    return f->ended - before;
}

static void nobody_is_asked_who_is_not_due(void **state)
{
    struct fixture *f = *state;

    assert_true(scan_find_due(&f->find) == UINT64_MAX);
    assert_int_equal(ask(f, NOW), 0);
    assert_false(scan_find_done(&f->find));
    scan_find_all(&f->find);
    assert_int_equal(ask(f, NOW), 2);
    assert_true(scan_find_done(&f->find));
    assert_true(scan_find_due(&f->find) == UINT64_MAX);
    assert_int_equal(ask(f, NOW), 0);
}

static void a_quiet_engine_is_asked_soon_and_a_busy_one_once_in_each_gap(void **state)
{
    struct fixture *f = *state;

    scan_find_all(&f->find);
    ask(f, NOW);
    scan_find_soon(&f->find, &second, NOW + 60000 * MS, 1000, 30000);
    assert_true(scan_find_due(&f->find) == NOW + 61000 * MS);
    assert_int_equal(ask(f, NOW + 60999 * MS), 0);
    assert_int_equal(ask(f, NOW + 61000 * MS), 1); /* it and `first`, but not `other` */
    for (uint64_t at = 61000; at < 91000; at += 1000) {
        scan_find_soon(&f->find, &first, NOW + at * MS, 1000, 30000);
        assert_true(scan_find_due(&f->find) == NOW + 91000 * MS);
        assert_int_equal(ask(f, NOW + at * MS), 0);
    }
    assert_int_equal(ask(f, NOW + 91000 * MS), 1);
}

static void the_sooner_one_of_two_reasons_counts(void **state)
{
    struct fixture *f = *state;

    scan_find_soon(&f->find, NULL, NOW, 1000, 0);
    scan_find_soon(&f->find, NULL, NOW, 5000, 0);
    assert_true(scan_find_due(&f->find) == NOW + 1000 * MS);
    scan_find_soon(&f->find, &other, NOW, 0, 0);
    assert_true(scan_find_due(&f->find) == NOW);
    assert_int_equal(ask(f, NOW), 1);
    assert_true(scan_find_due(&f->find) == NOW + 1000 * MS);
}

static void what_is_hastened_while_it_is_asked_is_asked_once_more(void **state)
{
    struct fixture *f = *state;

    scan_find_all(&f->find);
    scan_find_start(&f->find, NOW);
    scan_find_all(&f->find); /* the interval's turn leaves out whom it would ask twice */
    scan_find_soon(&f->find, &first, NOW + 1 * MS, 0, 0);
    assert_true(scan_find_due(&f->find) == UINT64_MAX);
    assert_int_equal(ask(f, NOW + 2 * MS), 2);
    assert_true(scan_find_due(&f->find) == NOW + 1 * MS);
    assert_int_equal(ask(f, NOW + 2 * MS), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nobody_is_asked_who_is_not_due),
        T(a_quiet_engine_is_asked_soon_and_a_busy_one_once_in_each_gap),
        T(the_sooner_one_of_two_reasons_counts),
        T(what_is_hastened_while_it_is_asked_is_asked_once_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
