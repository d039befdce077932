/* What the collector's survey leaves in the database. */
#include "tests/support/unit.h"

#include "collector/store/read_survey.h"
#include "common/cleanup.h"
#include "tests/support/store_rig.h"

static struct store_rig rig;
static struct err err;
static struct digest first, second; /* images */

static int setup(void **state)
{
    static const unsigned lower[] = {1}, upper[] = {1, 2};
    struct rec_content *c;
    const char *texts[2];
    int64_t host;

    (void)state;
    rig_open(&rig);
    host = rig_hello(&rig, 1, "one", 1000);
    c = rig_content(&rig, 1);
    texts[0] = rig_config(&rig, lower, 1, &first);
    texts[1] = rig_config(&rig, upper, 2, &second);
    rig_image(&rig, c, &first, true);
    rig_image(&rig, c, &second, true);
    rig_sort(c);
    rig_inventory(&rig, host, 1, c, 1010);
    rig_document(&rig, host, &first, texts[0], 0, 1020);
    rig_document(&rig, host, &second, texts[1], 0, 1020);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static struct survey_line line_of(const struct digest *image, const char *core)
{
    return (struct survey_line){.image = *image,
                                .core = rig_digest('L', 1), /* the chain of one layer */
                                .base_layers = -1,
                                .core_kind = "named",
                                .core_name = core,
                                .family = "debian",
                                .version = "12",
                                .base_name = "",
                                .method = "contains",
                                .confidence = "low"};
}

static void survey(const struct survey_change *change)
{
    assert_ok(RIG_APPLY(&rig, apply_survey(rig.store, change, &err)));
}

static struct survey_change change_of(const struct survey_line *lines, size_t count, int64_t at_s)
{
    return (struct survey_change){
        .at_s = at_s, .catalogue = "", .policy = "", .changed = lines, .changed_count = count};
}

static void what_changed_is_written_and_what_is_gone_is_not_kept(void **state)
{
    const struct survey_line both[] = {line_of(&first, "a"), line_of(&second, "a")};
    const struct survey_line other[] = {line_of(&second, "b")};
    struct survey_change change = change_of(both, 2, 2000);

    (void)state;
    survey(&change);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM lineage_now WHERE core = 'a' AND "
                                      "core_chain IS NOT NULL AND base_chain IS NULL"),
                     2);
    change = change_of(other, 1, 2300);
    change.gone = &first;
    change.gone_count = 1;
    survey(&change);
    assert_string_equal(rig_text(&rig, "SELECT group_concat(core) FROM lineage_now"), "b");
    assert_int_equal(rig_number(&rig, "SELECT survey_s FROM lineage_now"), 2300);
}

static void an_epoch_begins_with_each_survey_that_changed_something(void **state)
{
    const struct survey_line lines[] = {line_of(&first, "a")};
    struct survey_change change = change_of(lines, 1, 2000);

    (void)state;
    survey(&change);
    assert_int_equal(rig_number(&rig, "SELECT epoch FROM survey"), 1);
    change = change_of(NULL, 0, 2300);
    survey(&change);
    assert_int_equal(rig_number(&rig, "SELECT epoch FROM survey"), 1);
    assert_int_equal(rig_number(&rig, "SELECT at_s FROM survey"), 2300);
    change = change_of(lines, 1, 2600);
    survey(&change);
    assert_int_equal(rig_number(&rig, "SELECT epoch FROM survey"), 2);
}

static void an_image_that_is_not_there_is_left_out(void **state)
{
    const struct digest nobody = rig_digest('I', 99);
    const struct survey_line lines[] = {line_of(&nobody, "a")};
    const struct survey_change change = change_of(lines, 1, 2000);

    (void)state;
    survey(&change);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM lineage"), 0);
}

static void lines_are_read_back_sorted_by_image(void **state)
{
    AUTO(arena_close) struct arena *arena = NULL;
    AUTO(store_close) struct store *reader = NULL;
    const struct survey_line both[] = {line_of(&first, "a"), line_of(&second, "b")};
    const struct survey_change change = change_of(both, 2, 2000);
    struct survey_line *list;
    size_t count;

    (void)state;
    survey(&change);
    assert_ok(arena_open(&arena, 1 << 20, &err));
    assert_ok(store_open_reader(&reader, rig.path, &err));
    assert_ok(read_lines(reader, &list, &count, arena, &err));
    assert_int_equal(count, 2);
    assert_true(digest_cmp(&list[0].image, &list[1].image) < 0);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(list[i].core_name, digest_eq(&list[i].image, &first) ? "a" : "b");
        assert_true(digest_is_zero(&list[i].base));
        assert_int_equal(list[i].base_layers, -1);
    }
}

static void the_last_figure_of_each_day_is_kept(void **state)
{
    AUTO(arena_close) struct arena *arena = NULL;
    AUTO(store_close) struct store *reader = NULL;
    struct survey_figure figure = {"bases", "core_builds", "", "named", 7};
    struct survey_change change = change_of(NULL, 0, 86400 + 10);
    struct figure_day *list;
    size_t count;

    (void)state;
    change.figures = &figure;
    change.figure_count = 1;
    survey(&change);
    figure.value = 8;
    change.at_s = 86400 + 500;
    survey(&change);
    figure.value = 9;
    change.at_s = 2 * 86400;
    survey(&change);
    assert_ok(arena_open(&arena, 1 << 20, &err));
    assert_ok(store_open_reader(&reader, rig.path, &err));
    assert_ok(read_figures(reader, "bases", &list, &count, arena, &err));
    assert_int_equal(count, 2);
    assert_int_equal(list[0].day_s, 2 * 86400);
    assert_int_equal(list[0].figure.value, 9);
    assert_int_equal(list[1].day_s, 86400);
    assert_int_equal(list[1].figure.value, 8);
    assert_string_equal(list[1].figure.key, "named");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_changed_is_written_and_what_is_gone_is_not_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_epoch_begins_with_each_survey_that_changed_something,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_image_that_is_not_there_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_are_read_back_sorted_by_image, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_figure_of_each_day_is_kept, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
