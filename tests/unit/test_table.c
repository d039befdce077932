#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/export/export.h"
#include "collector/export/plain.h"

static const struct sheet_column columns[] = {
    {"base", "BASE", CELL_TITLE, false},
    {"hosts", "HOSTS", CELL_COUNT, false},
    {"names", "NAMES", CELL_NAMES, false},
    {"outcome", "OUTCOME", CELL_TEXT, false},
    {"evidence", "WHY", CELL_SENTENCE, false},
    {"day", "DAY", CELL_DAY, false},
    {NULL, NULL, 0, false},
};

struct fixture {
    struct arena *arena;
    struct answer a;
    char *out;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    f = (struct fixture){0};
    assert_ok(arena_open(&f.arena, 1 << 20, &err));
    f.a = (struct answer){.report = "things",
                          .now_s = 1770000000,
                          .arena = f.arena,
                          .coverage_line = "Complete: 3 of 3 hosts fresh; 5 stores; 12 images."};
    answer_sheet(&f.a, "rows", NULL, false, columns);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    free(f->out);
    return 0;
}

static struct sheet_cell *add(struct fixture *f, const char *base, const char *why)
{
    struct err err;
    struct sheet_cell *row = sheet_row(&f->a, f->a.rows, &err);

    assert_non_null(row);
    row[0] = cell_text(base);
    row[1] = cell_number(3);
    row[3] = cell_text("confirmed");
    row[4] = cell_text(why);
    return row;
}

static const char *print(struct fixture *f, enum export_format format, int width)
{
    size_t len;
    FILE *out;
    struct err err;

    free(f->out);
    out = open_memstream(&f->out, &len);
    assert_ok(export_answer(&f->a, format, &(struct export_target){out, out, width}, &err));
    fclose(out);
    return f->out;
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

static void cut_to(const char *text, size_t width, enum plain_cut how, const char *expected)
{
    char *out = NULL;
    size_t len, told;
    FILE *stream = open_memstream(&out, &len);

    told = plain_put_cut(stream, text, width, how);
    fclose(stream);
    assert_string_equal(out, expected);
    assert_int_equal(told, plain_width(expected));
    assert_true(told <= width);
    free(out);
}

static void a_name_keeps_its_end_and_gives_up_its_digest_first(void **state)
{
    const char *name = "127.0.0.1:5077/library/debian:12";

    (void)state;
    cut_to(name, 32, PLAIN_KEEP_END, name);
    cut_to(name, 18, PLAIN_KEEP_END, "…library/debian:12");
    cut_to("127.0.0.1:5077/library/debian:12 as of 2026-11-24", 25, PLAIN_KEEP_END,
           "…bian:12 as of 2026-11-24");
    cut_to("example/go@sha256:0123456789abcdef", 20, PLAIN_KEEP_END, "example/go@…");
    cut_to("registry.example.com/go@sha256:0123456789abcdef", 14, PLAIN_KEEP_END, "…mple.com/go@…");
    cut_to("registry.example.com/go:1", 1, PLAIN_KEEP_END, "…");
    cut_to("registry.example.com/go:1", 0, PLAIN_KEEP_END, "");
}

static void a_list_keeps_whole_names_and_says_that_there_are_more(void **state)
{
    const char *list = "registry.example.com/shop:4, debian:12, alpine:3";

    (void)state;
    cut_to(list, 48, PLAIN_KEEP_FIRST, list);
    cut_to(list, 44, PLAIN_KEEP_FIRST, "registry.example.com/shop:4, debian:12, …");
    cut_to(list, 40, PLAIN_KEEP_FIRST, "registry.example.com/shop:4, …");
    cut_to(list, 14, PLAIN_KEEP_FIRST, "…com/shop:4, …");
    cut_to("registry.example.com/shop:4", 7, PLAIN_KEEP_FIRST, "…shop:4");
    cut_to(list, 3, PLAIN_KEEP_FIRST, "…:3");
}

static void a_narrow_table_shows_the_tag_of_every_name(void **state)
{
    static const char *names[] = {"registry.example.com/a/very/long/path/to/some/shop:4.1",
                                  "docker.io/library/debian:12"};
    struct fixture *f = *state;

    add(f, "127.0.0.1:5077/library/debian:12 as of 2026-11-24", NULL)[2] = cell_texts(names, 2);
    add(f, "127.0.0.1:5077/library/debian:12", NULL)[2] = cell_texts(names, 1);
    print(f, EXPORT_TABLE, 80);
    assert_true(longest_line(f->out) <= 80);
    assert_non_null(strstr(f->out, "debian:12 as of 2026-11-24 "));
    assert_non_null(strstr(f->out, "debian:12  "));
    assert_non_null(strstr(f->out, "/shop:4.1, …"));
    assert_non_null(strstr(f->out, "/shop:4.1  "));
}

static void a_sentence_without_room_stands_whole_beneath_its_row(void **state)
{
    struct fixture *f = *state;

    add(f, "debian:12", "the image's lowest four layers are not those of any image of that name");
    add(f, "alpine:3", NULL);
    print(f, EXPORT_TABLE, 60);
    assert_non_null(strstr(f->out, "confirmed  -\n"
                                   "    WHY: the image's lowest four layers are not those of any\n"
                                   "    image of that name\n"
                                   "alpine:3 "));
    assert_null(strstr(f->out, "widen"));
    print(f, EXPORT_TABLE, 0);
    assert_non_null(strstr(f->out, "confirmed  the image's lowest four layers are not those of "
                                   "any image of that name  -\n"));
    print(f, EXPORT_TABLE, 200);
    assert_non_null(strstr(f->out, "confirmed  the image's lowest"));
}

static void a_day_is_one_in_tables_and_a_time_in_data(void **state)
{
    struct fixture *f = *state;

    add(f, "debian:12", NULL)[5] = cell_time(1769990400);
    assert_non_null(strstr(print(f, EXPORT_TABLE, 0), "  2026-02-02\n"));
    assert_non_null(strstr(print(f, EXPORT_JSON, 0), "\"day\": \"2026-02-02T00:00:00Z\""));
    assert_non_null(strstr(print(f, EXPORT_CSV, 0), ",2026-02-02T00:00:00Z\r\n"));
}

static void sentences_break_between_words_on_a_terminal_only(void **state)
{
    const char *sentence = "shop:4 stands on debian:12, by layers alone; confidence high.";
    struct fixture *f = *state;
    struct err err;

    f->a.sentence = sentence;
    assert_ok(answer_note(&f->a, &err, "No host has all these labels: site=north, rack=17."));
    print(f, EXPORT_TABLE, 40);
    assert_non_null(strstr(f->out, "shop:4 stands on debian:12, by layers\nalone; confidence"));
    assert_non_null(strstr(f->out, "No host has all these labels:\nsite=north, rack=17.\n\n"));
    assert_non_null(strstr(f->out, "Complete: 3 of 3 hosts fresh; 5 stores;\n12 images.\n"));
    assert_true(longest_line(f->out) <= 40);
    print(f, EXPORT_TABLE, 0);
    assert_non_null(strstr(f->out, sentence));
    assert_non_null(strstr(f->out, f->a.coverage_line));
}

static void an_objects_long_values_go_on_beneath_themselves(void **state)
{
    static const struct sheet_column own[] = {{"digests", "repo digests", CELL_TEXTS, false},
                                              {NULL, NULL, 0, false}};
    static const char *digests[] = {"example.com/shop@sha256:aa", "example.com/cart@sha256:bb"};
    struct fixture *f = *state;
    struct err err;

    sheet_row(&f->a, answer_sheet(&f->a, "image", NULL, true, own), &err)[0] =
        cell_texts(digests, 2);
    assert_non_null(strstr(print(f, EXPORT_TABLE, 50),
                           "\nrepo digests  example.com/shop@sha256:aa,\n"
                           "              example.com/cart@sha256:bb\n"));
    assert_non_null(strstr(print(f, EXPORT_TABLE, 0), "aa, example.com/cart@sha256:bb\n"));
}

static void a_list_of_sentences_is_wrapped_and_not_cut(void **state)
{
    static const struct sheet_column own[] = {{"sentence", "AGAINST IT", CELL_TEXT, false},
                                              {NULL, NULL, 0, false}};
    struct fixture *f = *state;
    struct err err;

    sheet_init(f->a.rows, "rows", NULL, false, own);
    sheet_row(&f->a, f->a.rows, &err)[0] = cell_text("a stronger word gives that name to others");
    assert_non_null(strstr(print(f, EXPORT_TABLE, 30),
                           "AGAINST IT\na stronger word gives that\n  name to others\n"));
}

static void a_word_wider_than_the_line_stays_whole(void **state)
{
    struct fixture *f = *state;

    f->a.sentence = "registry.example.com/shop:4 is there.";
    assert_memory_equal(print(f, EXPORT_TABLE, 10), "registry.example.com/shop:4\nis there.\n\n",
                        strlen("registry.example.com/shop:4\nis there.\n\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_name_keeps_its_end_and_gives_up_its_digest_first),
        TEST(a_list_keeps_whole_names_and_says_that_there_are_more),
        TEST(a_narrow_table_shows_the_tag_of_every_name),
        TEST(a_sentence_without_room_stands_whole_beneath_its_row),
        TEST(a_day_is_one_in_tables_and_a_time_in_data),
        TEST(sentences_break_between_words_on_a_terminal_only),
        TEST(an_objects_long_values_go_on_beneath_themselves),
        TEST(a_list_of_sentences_is_wrapped_and_not_cut),
        TEST(a_word_wider_than_the_line_stays_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
