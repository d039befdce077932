#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/export/export.h"
#include "common/json.h"

static const struct sheet_column columns[] = {
    {"name", "NAME", CELL_TEXT, false},
    {"tags", "TAGS", CELL_TEXTS, false},
    {"stored_bytes", "STORED", CELL_BYTES, false},
    {"seen", "SEEN", CELL_TIME, false},
    {"id", "ID", CELL_DIGEST, false},
    {"ready", "READY", CELL_FLAG, true},
    {NULL, NULL, 0, false},
};
static const struct sheet_column coverage_columns[] = {
    {"complete", "complete", CELL_FLAG, false},
    {NULL, NULL, 0, false},
};

struct fixture {
    struct arena *arena;
    struct answer a;
    struct digest digest;
    char *out, *aside;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    f = (struct fixture){.digest = digest_of("x", 1)};
    assert_ok(arena_open(&f.arena, 1 << 20, &err));
    f.a = (struct answer){
        .report = "things", .now_s = 1770000000, .arena = f.arena, .coverage_line = "All fresh."};
    sheet_init(&f.a.coverage, "coverage", NULL, true, coverage_columns);
    sheet_row(&f.a, &f.a.coverage, &err)[0] = cell_flag(true);
    answer_sheet(&f.a, "rows", NULL, false, columns);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    free(f->out);
    free(f->aside);
    return 0;
}

static void add(struct fixture *f, const char *name, int64_t bytes)
{
    static const char *tags[] = {"a:1", "b:2"};
    struct err err;
    struct sheet_cell *row = sheet_row(&f->a, f->a.rows, &err);

    assert_non_null(row);
    row[0] = cell_text(name);
    row[1] = cell_texts(tags, 2);
    row[2] = cell_size(bytes);
    row[3] = cell_time(1770000000);
    row[4] = cell_digest(&f->digest);
    row[5] = cell_flag(true);
}

static const char *print(struct fixture *f, enum export_format format, int width)
{
    size_t out_len, aside_len;
    FILE *out, *aside;
    struct err err;

    free(f->out);
    free(f->aside);
    out = open_memstream(&f->out, &out_len);
    aside = open_memstream(&f->aside, &aside_len);
    assert_ok(export_answer(&f->a, format, &(struct export_target){out, aside, width}, &err));
    fclose(out);
    fclose(aside);
    return f->out;
}

static void csv_quotes_what_needs_it_and_tells_the_coverage_aside(void **state)
{
    struct fixture *f = *state;

    add(f, "a \"b\", c", 4096);
    print(f, EXPORT_CSV, 0);
    assert_non_null(strstr(f->out, "name,tags,stored_bytes,seen,id,ready\r\n"));
    assert_non_null(strstr(f->out, "\"a \"\"b\"\", c\",a:1 b:2,4096,2026-02-02T02:40:00Z,sha256:"));
    assert_string_equal(f->aside, "All fresh.\n");
    assert_null(strstr(f->out, "All fresh."));
}

static void csv_never_hands_a_formula_to_a_spreadsheet(void **state)
{
    static const char *const formulas[] = {"=1+1", "+1", "-1", "@x", "\t=1"};
    struct fixture *f = *state;

    for (size_t i = 0; i < unit_count(formulas); i++)
        add(f, formulas[i], 1);
    print(f, EXPORT_CSV, 0);
    for (size_t i = 0; i < unit_count(formulas); i++) {
        char line[32];

        snprintf(line, sizeof(line), "\n'%s,", formulas[i]);
        assert_non_null(strstr(f->out, line));
    }
}

static void csv_of_an_answer_without_rows_lists_its_objects(void **state)
{
    static const struct sheet_column totals[] = {{"hosts", "hosts", CELL_COUNT, false},
                                                 {NULL, NULL, 0, false}};
    struct fixture *f = *state;
    struct err err;

    f->a.sheet_count = 0;
    f->a.rows = NULL;
    sheet_row(&f->a, answer_sheet(&f->a, "fleet", NULL, true, totals), &err)[0] = cell_number(7);
    assert_string_equal(print(f, EXPORT_CSV, 0), "sheet,key,value\r\nfleet,hosts,7\r\n");
}

static void a_decimal_has_its_thousandths_in_data_and_a_tenth_in_tables(void **state)
{
    static const struct sheet_column numbers[] = {{"effective", "effective", CELL_DECIMAL, false},
                                                  {NULL, NULL, 0, false}};
    struct fixture *f = *state;
    struct err err;

    f->a.sheet_count = 0;
    f->a.rows = NULL;
    sheet_row(&f->a, answer_sheet(&f->a, "diversity", NULL, true, numbers), &err)[0] =
        cell_number(12828);
    assert_string_equal(print(f, EXPORT_CSV, 0),
                        "sheet,key,value\r\ndiversity,effective,12.828\r\n");
    assert_non_null(strstr(print(f, EXPORT_JSON, 0), "\"effective\": 12.828"));
    assert_non_null(strstr(print(f, EXPORT_TABLE, 0), "effective  12.8\n"));
}

static void json_has_integers_full_digests_and_null_for_unknown(void **state)
{
    struct fixture *f = *state;
    struct err err;
    json_t *root, *row;
    const char *text;

    add(f, "a", 4096);
    add(f, NULL, -1);
    text = print(f, EXPORT_JSON, 0);
    root = json_parse(text, strlen(text), &err);
    assert_non_null(root);
    assert_string_equal(json_str(root, "report"), "things");
    assert_string_equal(json_str(root, "generated_at"), "2026-02-02T02:40:00Z");
    assert_int_equal(json_int(root, "rows_total", 0), 2);
    row = json_array_get(json_arr(root, "rows"), 0);
    assert_int_equal(json_int(row, "stored_bytes", 0), 4096);
    assert_int_equal(strlen(json_str(row, "id")), DIGEST_TEXT - 1);
    assert_int_equal(json_array_size(json_arr(row, "tags")), 2);
    row = json_array_get(json_arr(root, "rows"), 1);
    assert_true(json_is_null(json_object_get(row, "name")));
    assert_true(json_is_null(json_object_get(row, "stored_bytes")));
    assert_int_equal(json_flag(json_obj(root, "coverage"), "complete", 0), 1);
    json_decref(root);
}

static size_t longest_line(const char *text)
{
    size_t longest = 0, at = 0;

    for (; *text != '\0'; text++) {
        at = *text == '\n' ? 0 : at + ((*text & 0xC0) != 0x80);
        longest = at > longest ? at : longest;
    }
    return longest;
}

static void a_table_is_cut_to_its_width_and_only_there(void **state)
{
    struct fixture *f = *state;

    add(f, "registry.example.com/a/very/long/name/that/does/not/fit:1.2.3-alpine", 5 << 20);
    print(f, EXPORT_TABLE, 80);
    assert_in_range(longest_line(f->out), 40, 80);
    print(f, EXPORT_TABLE, 0);
    assert_non_null(strstr(f->out, "fit:1.2.3-alpine"));
    assert_non_null(strstr(f->out, "5.00 MiB"));
    assert_null(strstr(f->out, "READY"));
}

static void a_narrow_table_keeps_its_subject_and_tells_what_it_leaves_out(void **state)
{
    static const struct sheet_column own[] = {
        {"base", "BASE", CELL_NAME, false},       {"why", "WHY", CELL_TEXT, false},
        {"images", "IMAGES", CELL_COUNT, false},  {"hosts", "HOSTS", CELL_COUNT, false},
        {"kind", "KIND OF IT", CELL_TEXT, false}, {NULL, NULL, 0, false},
    };
    struct fixture *f = *state;
    struct sheet_cell *row;

    sheet_init(f->a.rows, "rows", NULL, false, own);
    row = sheet_row(&f->a, f->a.rows, NULL);
    assert_non_null(row);
    row[0] = cell_text("docker.io/library/debian:12 as of 2026-03-02");
    row[1] = cell_text("because nothing else is known of it at all");
    row[4] = cell_text("named");
    print(f, EXPORT_TABLE, 100);
    assert_non_null(strstr(f->out, "debian:12 as of 2026-03-02  because nothing"));
    assert_non_null(strstr(f->out, "KIND OF IT"));
    assert_null(strstr(f->out, "widen"));
    print(f, EXPORT_TABLE, 90);
    assert_non_null(strstr(f->out, "KIND OF IT"));
    assert_non_null(strstr(f->out, "\n(texts are cut: widen the terminal, or use -o json)"));
    print(f, EXPORT_TABLE, 80); /* rather a column less than a text that says nothing */
    assert_non_null(strstr(f->out, "because nothing else is kno"));
    assert_null(strstr(f->out, "KIND OF IT"));
    assert_non_null(strstr(f->out, "\n(1 column left out, texts are cut: widen"));
    print(f, EXPORT_TABLE, 50);
    assert_non_null(strstr(f->out, "debian:12 as of 2026-03-02"));
    assert_null(strstr(f->out, "KIND OF IT"));
    assert_non_null(strstr(f->out, "(2 columns left out, texts are cut: widen the terminal, or"));
    print(f, EXPORT_TABLE, 1);
    assert_non_null(strstr(f->out, "…ian:12 as of 2026-03-02"));
}

static void names_are_familiar_in_tables_and_normal_elsewhere(void **state)
{
    static const char *names[] = {"docker.io/acme/shop:1", "docker.io/library/debian:12",
                                  "registry.example.com/x:1"};
    static const struct sheet_column own[] = {
        {"image", "IMAGE", CELL_NAME, false},
        {"names", "NAMES", CELL_NAMES, false},
        {NULL, NULL, 0, false},
    };
    struct fixture *f = *state;
    struct sheet_cell *row;
    char id[DIGEST_TEXT];

    sheet_init(f->a.rows, "rows", NULL, false, own);
    row = sheet_row(&f->a, f->a.rows, NULL);
    assert_non_null(row);
    digest_text(&(struct digest){{0xab}}, id);
    row[0] = cell_text(id);
    row[1] = cell_texts(names, 3);
    print(f, EXPORT_TABLE, 0);
    assert_non_null(
        strstr(f->out, "ab0000000000  acme/shop:1, debian:12, registry.example.com/x:1\n"));
    print(f, EXPORT_CSV, 0);
    assert_non_null(strstr(f->out, "docker.io/acme/shop:1 docker.io/library/debian:12"));
    assert_non_null(strstr(f->out, id));
    print(f, EXPORT_JSON, 0);
    assert_non_null(strstr(f->out, "\"docker.io/library/debian:12\""));
}

static void a_table_shows_no_control_characters(void **state)
{
    struct fixture *f = *state;

    add(f, "evil\x1B[2J\xC2\x9B name", 1);
    print(f, EXPORT_TABLE, 0);
    assert_null(strchr(f->out, '\x1B'));
    assert_null(strstr(f->out, "\xC2\x9B"));
}

static void rows_sort_by_key_with_the_unknown_last_both_ways(void **state)
{
    static const int64_t sizes[] = {5, -1, 9, 5};
    static const char *const names[] = {"first", "unknown", "big", "second"};
    struct fixture *f = *state;
    struct err err;
    struct sheet *rows = f->a.rows;
    size_t width = rows->column_count;

    for (size_t i = 0; i < 4; i++)
        add(f, names[i], sizes[i]);
    assert_ok(sheet_sort(&f->a, rows, "stored_bytes:desc", &err));
    assert_string_equal(rows->cells[0].text, "big");
    assert_string_equal(rows->cells[width].text, "first");
    assert_string_equal(rows->cells[2 * width].text, "second");
    assert_string_equal(rows->cells[3 * width].text, "unknown");
    assert_ok(sheet_sort(&f->a, rows, "stored_bytes", &err));
    assert_string_equal(rows->cells[3 * width].text, "unknown");
    assert_fails(sheet_sort(&f->a, rows, "size", &err), ERR_USAGE, "stored_bytes");
    assert_fails(sheet_sort(&f->a, rows, "name:down", &err), ERR_USAGE, "COLUMN:desc");
}

static void equal_rows_sort_by_their_first_column_upwards(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct sheet *rows = f->a.rows;
    size_t width = rows->column_count;

    add(f, "c", 5);
    add(f, "a", -1);
    add(f, "b", 5);
    add(f, "a", 5);
    for (int descending = 0; descending <= 1; descending++) {
        const char *by = descending ? "stored_bytes:desc" : "stored_bytes";

        assert_ok(sheet_sort(&f->a, rows, by, &err));
        assert_string_equal(rows->cells[0].text, "a");
        assert_string_equal(rows->cells[width].text, "b");
        assert_string_equal(rows->cells[2 * width].text, "c");
        assert_false(rows->cells[3 * width + 2].known);
    }
}

static void a_table_begins_with_the_sentence_that_answers(void **state)
{
    struct fixture *f = *state;

    f->a.sentence = "It is there.";
    print(f, EXPORT_TABLE, 0);
    assert_memory_equal(f->out, "It is there.\n\nNAME", strlen("It is there.\n\nNAME"));
}

static void a_column_of_data_shows_in_tables_once_a_row_has_it(void **state)
{
    struct fixture *f = *state;
    struct err err;

    add(f, "x", 1);
    f->a.rows->cells[5] = cell_flag(false);
    assert_ok(sheet_reveal(&f->a, f->a.rows, "ready", &err));
    assert_null(strstr(print(f, EXPORT_TABLE, 0), "READY"));
    add(f, "y", 1);
    assert_ok(sheet_reveal(&f->a, f->a.rows, "ready", &err));
    assert_non_null(strstr(print(f, EXPORT_TABLE, 0), "READY"));
}

static void sizes_have_three_digits_that_count(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},           {1023, "1023 B"},        {1024, "1.00 KiB"},
        {1536, "1.50 KiB"},   {10 << 20, "10.0 MiB"},  {999LL << 30, "999 GiB"},
        {-2048, "-2.00 KiB"}, {INT64_MAX, "8.00 EiB"}, {(1 << 20) - 1, "1.00 MiB"},
    };
    char out[SIZE_TEXT];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_string_equal(size_text(cases[i].bytes, out), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(csv_quotes_what_needs_it_and_tells_the_coverage_aside),
        TEST(csv_never_hands_a_formula_to_a_spreadsheet),
        TEST(csv_of_an_answer_without_rows_lists_its_objects),
        TEST(a_decimal_has_its_thousandths_in_data_and_a_tenth_in_tables),
        TEST(json_has_integers_full_digests_and_null_for_unknown),
        TEST(a_table_is_cut_to_its_width_and_only_there),
        TEST(a_narrow_table_keeps_its_subject_and_tells_what_it_leaves_out),
        TEST(names_are_familiar_in_tables_and_normal_elsewhere),
        TEST(a_table_shows_no_control_characters),
        TEST(rows_sort_by_key_with_the_unknown_last_both_ways),
        TEST(equal_rows_sort_by_their_first_column_upwards),
        TEST(a_table_begins_with_the_sentence_that_answers),
        TEST(a_column_of_data_shows_in_tables_once_a_row_has_it),
        TEST(sizes_have_three_digits_that_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
