#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/export/forest.h"
#include "collector/export/plain.h"
#include "collector/report/tree.h"

/* The columns' kinds as the report has them; what is drawn asks for no more of them. */
static const struct sheet_column columns[] = {
    [TREE_NODE] = {"node", "", CELL_COUNT, false},
    [TREE_PARENT] = {"parent", "", CELL_COUNT, false},
    [TREE_DEPTH] = {"depth", "", CELL_COUNT, false},
    [TREE_CHAIN] = {"chain_id", "", CELL_DIGEST, false},
    [TREE_PARENT_CHAIN] = {"parent_chain_id", "", CELL_DIGEST, false},
    [TREE_DIFF] = {"diff_id", "", CELL_DIGEST, false},
    [TREE_NAMES] = {"names", "", CELL_TEXTS, false},
    [TREE_KNOWN_AS] = {"known_as", "", CELL_TEXT, false},
    [TREE_IMAGE_IDS] = {"image_ids", "", CELL_TEXTS, false},
    [TREE_LAYERS] = {"layers", "", CELL_COUNT, false},
    [TREE_LAYERS_UNKNOWN] = {"layers_unknown", "", CELL_COUNT, false},
    [TREE_NOMINAL] = {"nominal_bytes", "", CELL_BYTES, false},
    [TREE_LINE_LAYERS] = {"line_layers", "", CELL_COUNT, false},
    [TREE_LINE_UNKNOWN] = {"line_unknown", "", CELL_COUNT, false},
    [TREE_CUMULATIVE] = {"cumulative_bytes", "", CELL_BYTES, false},
    [TREE_BRANCH_LAYERS] = {"branch_layers", "", CELL_COUNT, false},
    [TREE_BRANCH_UNKNOWN] = {"branch_unknown", "", CELL_COUNT, false},
    [TREE_BRANCH] = {"branch_bytes", "", CELL_BYTES, false},
    [TREE_IMAGES_BELOW] = {"images_below", "", CELL_COUNT, false},
    [TREE_CHILDREN] = {"children", "", CELL_COUNT, false},
    [TREE_HOSTS] = {"hosts", "", CELL_COUNT, false},
    [TREE_COPIES] = {"copies", "", CELL_COUNT, false},
    [TREE_STORED] = {"stored_bytes", "", CELL_BYTES, false},
    [TREE_CORE] = {"core", "", CELL_TEXT, false},
    [TREE_BASE] = {"base", "", CELL_FLAG, false},
    [TREE_POLICY] = {"policy", "", CELL_TEXT, false},
    [TREE_CREATED_BY] = {"created_by", "", CELL_TEXT, false},
    [TREE_SUBJECT] = {"subject", "", CELL_FLAG, false},
    [TREE_COLLAPSED] = {"collapsed", "", CELL_FLAG, false},
    [TREE_COLUMNS] = {NULL, NULL, 0, false},
};

struct fixture {
    struct arena *arena;
    struct answer a;
    struct forest_look look;
    struct digest digest; /* short: 2d711642b726 */
    char *out, *aside;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    f = (struct fixture){.digest = digest_of("x", 1)};
    assert_ok(arena_open(&f.arena, 16 << 20, &err));
    f.a = (struct answer){.report = "tree", .arena = f.arena, .coverage_line = "All fresh."};
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

/* A node of 1,000,000 bytes, 2,000,000 with its line, on three hosts. */
static struct sheet_cell *add(struct fixture *f, int64_t depth, int64_t parent, const char *name)
{
    struct err err;
    struct sheet_cell *row = sheet_row(&f->a, f->a.rows, &err);
    const char **names = arena_array(f->arena, 1, sizeof(*names), &err);

    assert_non_null(row);
    assert_non_null(names);
    names[0] = name;
    row[TREE_NODE] = cell_number((int64_t)f->a.rows->row_count);
    if (parent > 0)
        row[TREE_PARENT] = cell_number(parent);
    row[TREE_DEPTH] = cell_number(depth);
    row[TREE_CHAIN] = cell_digest(&f->digest);
    row[TREE_NAMES] = cell_texts(names, name != NULL);
    row[TREE_LAYERS] = cell_number(1);
    row[TREE_NOMINAL] = cell_number(1000000);
    row[TREE_CUMULATIVE] = cell_number(2000000);
    row[TREE_HOSTS] = cell_number(3);
    row[TREE_COPIES] = cell_number(4);
    row[TREE_STORED] = cell_number(4096);
    return row;
}

static const char *print(struct fixture *f, enum forest_form form, int width)
{
    size_t out_len, aside_len;
    FILE *out, *aside;
    struct err err;

    free(f->out);
    free(f->aside);
    out = open_memstream(&f->out, &out_len);
    aside = open_memstream(&f->aside, &aside_len);
    assert_ok(
        export_forest(&f->a, form, &f->look, &(struct export_target){out, aside, width}, &err));
    fclose(out);
    fclose(aside);
    return f->out;
}

#define PLACES " Hosts: 3 Copies: 4 Stored: 4.00 KiB"

static void text_draws_lines_from_each_node_to_its_parent(void **state)
{
    struct fixture *f = *state;

    f->look.incremental = true;
    add(f, 0, 0, "debian:12");
    add(f, 1, 1, NULL);
    add(f, 2, 2, "shop:1");
    add(f, 1, 1, "web:1");
    add(f, 0, 0, "alpine:3");
    add(f, 1, 5, "tool:1");
    assert_string_equal(print(f, FOREST_TEXT, 0),
                        "├─2d711642b726 Size: 977 KiB Tags: debian:12" PLACES "\n"
                        "│ ├─2d711642b726 Size: 977 KiB" PLACES "\n"
                        "│ │ └─2d711642b726 Size: 977 KiB Tags: shop:1" PLACES "\n"
                        "│ └─2d711642b726 Size: 977 KiB Tags: web:1" PLACES "\n"
                        "└─2d711642b726 Size: 977 KiB Tags: alpine:3" PLACES "\n"
                        "  └─2d711642b726 Size: 977 KiB Tags: tool:1" PLACES "\n"
                        "\nAll fresh.\n");
}

static void sizes_are_of_the_line_unless_the_look_says_otherwise(void **state)
{
    struct fixture *f = *state;

    add(f, 0, 0, NULL);
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), "726 Virtual Size: 1.91 MiB Hosts"));
    f->look.plain_bytes = f->look.whole_digests = true;
    print(f, FOREST_TEXT, 0);
    assert_non_null(strstr(f->out, " Virtual Size: 2000000 Hosts"));
    assert_non_null(strstr(f->out, "Stored: 4096\n"));
    assert_non_null(strstr(
        f->out, "└─sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 "));
}

static void unknown_sizes_are_told(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell *row = add(f, 0, 0, NULL);

    row[TREE_LINE_UNKNOWN] = cell_number(1);
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), " Virtual Size: ≥1.91 MiB"));
    row[TREE_CUMULATIVE] = cell_size(-1);
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), " Virtual Size: ? "));
}

static void what_was_left_out_is_one_line(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell *row;

    add(f, 0, 0, "debian:12");
    row = add(f, 1, 1, NULL);
    row[TREE_CHAIN] = cell_digest(NULL);
    row[TREE_COLLAPSED] = cell_flag(true);
    row[TREE_BRANCH_LAYERS] = cell_number(37);
    row[TREE_IMAGES_BELOW] = cell_number(1);
    row[TREE_BRANCH] = cell_number(1 << 30);
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), "\n  └─… 37 layers, 1 image, 1.00 GiB\n"));
    assert_non_null(
        strstr(print(f, FOREST_DOT, 0), "label=\"… 37 layers, 1 image, 1.00 GiB\", shape=box"));
    assert_non_null(strstr(f->out, "style=dashed"));
}

static void marks_say_what_a_node_is(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell *row = add(f, 0, 0, "debian:12");

    row[TREE_CORE] = cell_text("named");
    row[TREE_POLICY] = cell_text("violation");
    assert_non_null(
        strstr(print(f, FOREST_TEXT, 0), " Tags: debian:12 [named core build, violation] Hosts"));
    row[TREE_CORE] = cell_text(NULL);
    row[TREE_BASE] = cell_flag(true);
    row[TREE_POLICY] = cell_text("accepted");
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), " Tags: debian:12 [base] Hosts"));
}

static void colours_of_the_policy_come_only_where_they_are_wanted(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell *row = add(f, 0, 0, "web:1");

    row[TREE_POLICY] = cell_text("violation");
    assert_null(strchr(print(f, FOREST_TEXT, 0), '\x1b'));
    f->look.colours = true;
    print(f, FOREST_TEXT, 0);
    assert_non_null(strstr(f->out, "\x1b[31m2d711642b726\x1b[0m Virtual"));
    assert_non_null(strstr(f->out, "\x1b[31m Tags: web:1 [violation]\x1b[0m Hosts"));
    row[TREE_POLICY] = cell_text("excused");
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), "\x1b[33m2d"));
    row[TREE_POLICY] = cell_text("accepted");
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), "\x1b[32m2d"));
    row[TREE_POLICY] = cell_text("unjudged");
    assert_null(strchr(print(f, FOREST_TEXT, 0), '\x1b'));
}

/* Every line of the tree has at most so many characters. */
static void assert_fits(const char *text, size_t width)
{
    while (*text != '\0' && *text != '\n') {
        size_t len = strcspn(text, "\n");
        char line[1024];

        assert_in_range(len, 1, sizeof(line) - 1);
        memcpy(line, text, len);
        line[len] = '\0';
        assert_in_range(plain_width(line), 1, width);
        text += len + 1;
    }
}

static void a_line_too_long_loses_names_last(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell *row = add(f, 0, 0, "registry.example.com/a/long/repository/of/somebody:1.2");

    row[TREE_CREATED_BY] = cell_text("/bin/sh -c apt-get update && apt-get install -y nginx");
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), "KiB (/bin/sh -c apt"));
    assert_fits(print(f, FOREST_TEXT, 150), 150);
    assert_non_null(strstr(f->out, "Stored: 4.00 KiB (/bin/sh"));
    assert_non_null(strstr(f->out, "…\n"));
    assert_fits(print(f, FOREST_TEXT, 110), 110);
    assert_null(strstr(f->out, "Stored"));
    assert_non_null(strstr(f->out, "somebody:1.2\n"));
    row[TREE_CORE] = cell_text("named");
    assert_fits(print(f, FOREST_TEXT, 110), 110);
    assert_non_null(strstr(f->out, "726 1.91 MiB Tags: reg"));
    assert_non_null(strstr(f->out, "somebody:1.2 [named core build]\n"));
    assert_fits(print(f, FOREST_TEXT, 86), 86);
    assert_non_null(strstr(f->out, "726 1.91 MiB Tags: reg"));
    assert_non_null(strstr(f->out, "somebody:1.2\n"));
    assert_fits(print(f, FOREST_TEXT, 78), 78);
    assert_non_null(strstr(f->out, "726 Tags: reg"));
    assert_non_null(strstr(f->out, "somebody:1.2\n"));
    assert_fits(print(f, FOREST_TEXT, 60), 60);
    assert_non_null(strstr(f->out, "726 Tags: registry.example"));
    assert_non_null(strstr(f->out, "…\n"));
}

static void a_name_that_means_several_builds_has_its_day(void **state)
{
    struct fixture *f = *state;

    add(f, 0, 0, "debian:12")[TREE_KNOWN_AS] = cell_text("debian:12 as of 2026-03-02");
    add(f, 0, 0, "debian:12")[TREE_KNOWN_AS] = cell_text("debian:120");
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), " Tags: debian:12 as of 2026-03-02 Hosts"));
    assert_non_null(strstr(f->out, " Tags: debian:12 Hosts"));
    assert_non_null(strstr(print(f, FOREST_DOT, 0), "\\ndebian:12 as of 2026-03-02\\n"));
    assert_string_equal(print(f, FOREST_SHORT, 0), "debian: 12\n");
}

static void a_line_that_lies_too_deep_shows_its_last_levels(void **state)
{
    struct fixture *f = *state;

    for (int64_t depth = 0; depth < 1024; depth++)
        add(f, depth, depth, "a:1");
    assert_fits(print(f, FOREST_TEXT, 80), 80);
    assert_non_null(strstr(f->out, "\n…   "));
    assert_non_null(strstr(f->out, " Tags: a:1\n"));
}

static void no_text_of_a_peer_reaches_the_terminal_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell *row = add(f, 0, 0, "a\x1b[31m\xC2\x9B\xFFz:1");

    row[TREE_CREATED_BY] = cell_text("RUN x\n\t&& \x1b]0;y\x07");
    print(f, FOREST_TEXT, 0);
    assert_non_null(strstr(f->out, " Tags: a?[31m???z:1 "));
    assert_non_null(strstr(f->out, " (RUN x  && ?]0;y?)\n"));
    assert_null(strpbrk(f->out, "\x1b\x07\t\xFF"));
    print(f, FOREST_SHORT, 0);
    assert_string_equal(f->out, "a?[31m???z: 1\n");
    assert_null(strpbrk(print(f, FOREST_DOT, 0), "\x1b\x07\t\xFF"));
}

static void what_made_a_layer_is_cut_unless_all_is_wanted(void **state)
{
    struct fixture *f = *state;
    char step[201] = {0};

    memset(step, 's', 200);
    add(f, 0, 0, NULL)[TREE_CREATED_BY] = cell_text(step);
    print(f, FOREST_TEXT, 0);
    assert_int_equal(strspn(strstr(f->out, "(s") + 1, "s"), 100);
    f->look.whole_digests = true;
    print(f, FOREST_TEXT, 0);
    assert_int_equal(strspn(strstr(f->out, "(s") + 1, "s"), 200);
}

static void a_chain_without_present_names_tells_what_it_is_known_as(void **state)
{
    struct fixture *f = *state;

    add(f, 0, 0, NULL)[TREE_KNOWN_AS] = cell_text("debian:12 as of 2026-03-02");
    assert_non_null(
        strstr(print(f, FOREST_TEXT, 0), " Known as: debian:12 as of 2026-03-02 Hosts"));
    assert_non_null(strstr(print(f, FOREST_DOT, 0), "\\ndebian:12 as of 2026-03-02\\n"));
}

static void an_image_without_layers_is_shown_by_its_id(void **state)
{
    static const char *ids[] = {
        "sha256:aaaabbbbccccdddd0000000000000000000000000000000000000000000000000"};
    struct fixture *f = *state;
    struct sheet_cell *row = add(f, 0, 0, "empty:1");

    row[TREE_CHAIN] = cell_digest(NULL);
    row[TREE_IMAGE_IDS] = cell_texts(ids, 1);
    assert_non_null(strstr(print(f, FOREST_TEXT, 0), "└─aaaabbbbcccc Virtual"));
    assert_non_null(strstr(f->out, " Tags: empty:1 [no layers] "));
}

static void dot_has_a_box_for_each_row_and_an_edge_to_its_parent(void **state)
{
    struct fixture *f = *state;

    add(f, 0, 0, "debian:12");
    add(f, 1, 1, NULL)[TREE_NOMINAL] = cell_number(0);
    answer_note(&f->a, &(struct err){0}, "Two\nlines");
    assert_string_equal(print(f, FOREST_DOT, 0),
                        "// Two?lines\n// All fresh.\n"
                        "digraph layercensus {\n"
                        "  n1 [label=\"2d711642b726\\ndebian:12\\nVirtual Size: 1.91 MiB\", "
                        "shape=box, area=1.000000, style=filled, fillcolor=paleturquoise];\n"
                        "  n2 [label=\"2d711642b726\\nVirtual Size: 1.91 MiB\", shape=box, "
                        "area=0.000001];\n"
                        "  n1 -> n2;\n"
                        "}\n");
}

static void dot_escapes_what_graphviz_would_read(void **state)
{
    struct fixture *f = *state;

    add(f, 0, 0, "a\"b\\Nc&lt;<d>\n:1\\");
    assert_non_null(strstr(print(f, FOREST_DOT, 0), "\\na\\\"b\\\\Nc&amp;lt;<d>?:1\\\\\\nVirtual"));
}

static void dot_counts_the_names_that_a_box_has_no_room_for(void **state)
{
    static const char *names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct fixture *f = *state;

    add(f, 0, 0, NULL)[TREE_NAMES] = cell_texts(names, 10);
    assert_non_null(strstr(print(f, FOREST_DOT, 0), "\\ng\\nh\\nand 2 more\\nVirtual"));
}

static void short_lists_the_tags_of_each_repository(void **state)
{
    struct fixture *f = *state;

    add(f, 0, 0, "debian:12");
    add(f, 1, 1, "reg.example:5000/shop:2");
    add(f, 1, 1, "reg.example:5000/shop:1");
    add(f, 1, 1, "debian-x:1");
    add(f, 1, 1, "debian:11");
    add(f, 1, 1, "debian:12");
    add(f, 1, 1, "web@sha256:12");
    add(f, 1, 1, "bare");
    assert_string_equal(print(f, FOREST_SHORT, 0), "bare\n"
                                                   "debian: 11, 12\n"
                                                   "debian-x: 1\n"
                                                   "reg.example:5000/shop: 1, 2\n"
                                                   "web: sha256:12\n");
    assert_string_equal(f->aside, "All fresh.\n");
}

static void an_empty_forest_still_has_its_coverage(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(print(f, FOREST_TEXT, 80), "All fresh.\n");
    assert_string_equal(print(f, FOREST_DOT, 80), "// All fresh.\ndigraph layercensus {\n}\n");
    assert_string_equal(print(f, FOREST_SHORT, 80), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_draws_lines_from_each_node_to_its_parent),
        TEST(sizes_are_of_the_line_unless_the_look_says_otherwise),
        TEST(unknown_sizes_are_told),
        TEST(what_was_left_out_is_one_line),
        TEST(marks_say_what_a_node_is),
        TEST(colours_of_the_policy_come_only_where_they_are_wanted),
        TEST(a_line_too_long_loses_names_last),
        TEST(a_name_that_means_several_builds_has_its_day),
        TEST(a_line_that_lies_too_deep_shows_its_last_levels),
        TEST(no_text_of_a_peer_reaches_the_terminal_as_it_is),
        TEST(what_made_a_layer_is_cut_unless_all_is_wanted),
        TEST(a_chain_without_present_names_tells_what_it_is_known_as),
        TEST(an_image_without_layers_is_shown_by_its_id),
        TEST(dot_has_a_box_for_each_row_and_an_edge_to_its_parent),
        TEST(dot_escapes_what_graphviz_would_read),
        TEST(dot_counts_the_names_that_a_box_has_no_room_for),
        TEST(short_lists_the_tags_of_each_repository),
        TEST(an_empty_forest_still_has_its_coverage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
