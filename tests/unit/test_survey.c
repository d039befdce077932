/* What the collector works out by itself, and how much memory it may take for that. */
#include "tests/support/unit.h"

#include "collector/report/survey.h"
#include "common/cleanup.h"
#include "tests/support/store_rig.h"

#define NOW_S 2000
#define ENOUGH ((size_t)64 << 20)

struct fixture {
    struct store_rig rig;
    struct digest debian, shop;
    struct arena *arena;
    struct store *reader;
    struct catalogue catalogue;
    const char *word;
    struct policy_rule rule;
    struct policy policy;
    struct survey_change change;
};

static int setup(void **state)
{
    static const unsigned layers[] = {1, 2};
    static struct fixture f;
    const char *lower, *upper;
    struct rec_content *c;
    struct err err;
    int64_t host;

    memset(&f, 0, sizeof(f));
    rig_open(&f.rig);
    host = rig_hello(&f.rig, 1, "one", 1000);
    lower = rig_config(&f.rig, layers, 1, &f.debian);
    upper = rig_config(&f.rig, layers, 2, &f.shop);
    c = rig_content(&f.rig, 1);
    rig_name(&f.rig, rig_image(&f.rig, c, &f.debian, true), "docker.io/library/debian:12");
    rig_name(&f.rig, rig_image(&f.rig, c, &f.shop, true), "registry.example.com/shop:1");
    rig_sort(c);
    rig_inventory(&f.rig, host, 1, c, 1010);
    rig_document(&f.rig, host, &f.debian, lower, 0, 1020);
    rig_document(&f.rig, host, &f.shop, upper, 0, 1020);
    f.word = "docker.io/library/debian:12";
    f.rule = (struct policy_rule){.name = "debian", .accept = true, .bases = {&f.word, 1}};
    f.policy = (struct policy){
        .path = "test", .mode = POLICY_WHITE_LIST, .rules = &f.rule, .rule_count = 1};
    assert_ok(store_open_reader(&f.reader, f.rig.path, &err));
    assert_ok(arena_open(&f.arena, ENOUGH, &err));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    store_close(&f->reader);
    rig_close(&f->rig);
    return 0;
}

static int take(struct fixture *f, size_t memory_max, struct err *err)
{
    const struct report_request request = {
        .now_s = NOW_S, .fresh_within_s = 2000, .catalogue = &f->catalogue, .policy = &f->policy};

    return survey_take(&f->change, &request, f->reader, memory_max, f->arena, err);
}

static int64_t figure(const struct fixture *f, const char *report, const char *key)
{
    for (size_t i = 0; i < f->change.figure_count; i++) {
        const struct survey_figure *s = &f->change.figures[i];

        if (strcmp(s->report, report) == 0 && strcmp(s->key, key) == 0 && s->item[0] == '\0')
            return s->value;
    }
    return -1;
}

static void a_survey_outlives_the_reports_that_it_is_from(void **state)
{
    struct fixture *f = *state;
    const struct survey_line *shop;
    struct err err;

    assert_ok(take(f, ENOUGH, &err));
    assert_int_equal(f->change.changed_count, 2);
    shop = &f->change.changed[digest_eq(&f->change.changed[0].image, &f->shop) ? 0 : 1];
    assert_true(digest_eq(&shop->image, &f->shop));
    assert_string_equal(shop->core_kind, "named");
    assert_string_equal(shop->core_name, "debian:12");
    assert_string_equal(shop->family, "debian");
    assert_int_equal(figure(f, "bases", "named"), 1);
    assert_int_equal(figure(f, "policy check", "violations"), 2);
}

static void a_survey_that_needs_too_much_memory_says_how_much_it_may_take(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(take(f, 0, &err), ERR_LIMIT, "survey the fleet in 0 MiB of memory: ");
}

static void what_came_before_the_survey_is_part_of_its_memory(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_non_null(arena_alloc(f->arena, ENOUGH / 2, &err));
    assert_fails(take(f, ENOUGH / 2, &err), ERR_LIMIT, "survey the fleet in 32 MiB of memory: ");
    assert_ok(take(f, ENOUGH, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_survey_outlives_the_reports_that_it_is_from, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_survey_that_needs_too_much_memory_says_how_much_it_may_take, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_before_the_survey_is_part_of_its_memory, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
