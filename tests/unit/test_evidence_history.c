/* What the history of a config says of the base: comments that buildah writes, and steps that end
 * an image. */
#include "tests/support/unit.h"

#include "collector/store/evidence_parse.h"
#include "common/buf.h"

#define HEX16 "0123456789abcdef"
#define DIGEST "sha256:" HEX16 HEX16 HEX16 HEX16

static struct arena *arena;
static struct evidence_rows rows;
static struct err err;

static int open_arena(void **state)
{
    (void)state;
    return arena_open(&arena, CONFIG_ARENA_BYTES, &err);
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

/* What a config of so many layers says that has this JSON as history. */
static void read_history(unsigned layers, const char *history)
{
    struct config c;
    struct buf text;

    buf_init(&text, 1 << 20);
    assert_ok(buf_printf(
        &text, &err, "{\"history\":[%s],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[", history));
    for (unsigned i = 0; i < layers; i++)
        assert_ok(buf_printf(&text, &err, "%s\"sha256:%s%016u\"", i > 0 ? "," : "",
                             HEX16 HEX16 HEX16, i));
    assert_ok(buf_add_str(&text, "]}}", &err));
    assert_ok(config_parse(&c, text.data, text.len, arena, &err));
    assert_ok(evidence_of_config(&rows, &c, arena, &err));
    buf_close(&text);
}

/* Rows as one text: "source role reference digest layers" each, "-" for what there is none of; of
 * digests the last two digits. */
static const char *told(void)
{
    static const char *const roles[] = {[EVIDENCE_OF_BASE] = "base",
                                        [EVIDENCE_OF_BUILDER] = "builder",
                                        [EVIDENCE_OF_STEPS] = "steps"};
    static char out[4096];
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < rows.count; i++) {
        const struct fleet_evidence *row = &rows.items[i];
        char digest[3] = "-", layers[24] = "-";

        assert_true(digest_is_zero(&row->top));
        if (!digest_is_zero(&row->digest))
            snprintf(digest, sizeof(digest), "%02x", row->digest.bytes[DIGEST_BYTES - 1]);
        if (row->layers != FLEET_UNKNOWN)
            snprintf(layers, sizeof(layers), "%lld", (long long)row->layers);
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%d %s %s %s %s", i > 0 ? "; " : "",
                               row->source, roles[row->role],
                               row->reference[0] != '\0' ? row->reference : "-", digest, layers);
        assert_true(at < sizeof(out));
    }
    return out;
}

/* ---- "FROM" in comments ---------------------------------------------------------------------- */

#define STEP "{\"created_by\":\"/bin/sh -c true\"}"
#define EMPTY "{\"created_by\":\"ENV A=b\",\"empty_layer\":true}"
#define STEP_SAYS(comment) "{\"created_by\":\"/bin/sh -c true\",\"comment\":\"" comment "\"}"
#define EMPTY_SAYS(comment) "{\"comment\":\"" comment "\",\"empty_layer\":true}"
#define UBI "registry.access.redhat.com/ubi8:8.9"

static void a_comment_names_the_base_and_where_it_ends(void **state)
{
    (void)state;
    read_history(3, STEP "," EMPTY "," STEP "," STEP_SAYS("FROM " UBI "@" DIGEST));
    assert_string_equal(told(), "3 base " UBI " ef 2");
}

static void comments_nest_once_for_each_ancestor(void **state)
{
    (void)state;
    read_history(4, STEP "," STEP_SAYS("FROM " UBI) "," EMPTY "," STEP
                                                    "," STEP_SAYS("FROM quay.io/app/base:2"));
    assert_string_equal(told(), "3 base " UBI " - 1; 3 base quay.io/app/base:2 - 3");
    assert_int_equal(evidence_seq(&rows, 0), 0);
    assert_int_equal(evidence_seq(&rows, 1), 1);
}

/* With layers=false one layer is made: the comment stood on the last of its steps, then moved to
 * the first. */
static void the_boundary_is_the_same_wherever_the_comment_stands(void **state)
{
    (void)state;
    read_history(2, STEP "," EMPTY "," EMPTY "," STEP_SAYS("FROM " UBI));
    assert_string_equal(told(), "3 base " UBI " - 1");
    read_history(2, STEP "," EMPTY_SAYS("FROM " UBI) "," EMPTY "," STEP);
    assert_string_equal(told(), "3 base " UBI " - 1");
}

static void a_comment_may_be_appended_to_another(void **state)
{
    static const struct {
        const char *comment, *rows;
    } cases[] = {
        {"made by me FROM debian:12", "3 base docker.io/library/debian:12 - 1"},
        {"made by meFROM debian:12", "3 base docker.io/library/debian:12 - 1"},
        {"FROM alpine FROM debian:12 ", "3 base docker.io/library/debian:12 - 1"},
        {"line\\nFROM host:5000/repo:tag", "3 base host:5000/repo:tag - 1"},
        {"FROM debian:12 with care", ""},
        {"FROM here, FROM there, and from nowhere", ""},
        {"FROM ", ""},
        {"FROM scratch", ""},
        {"FROM [redacted]", ""},
        {"buildkit.dockerfile.v0", ""},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        char history[512];

        snprintf(history, sizeof(history), STEP "," STEP_SAYS("%s"), cases[i].comment);
        read_history(2, history);
        assert_string_equal(told(), cases[i].rows);
    }
}

static void an_id_is_no_declaration(void **state)
{
    (void)state;
    read_history(2, STEP "," STEP_SAYS("FROM 5d5c8a1b2c3d"));
    assert_string_equal(told(), "");
    read_history(2, STEP "," STEP_SAYS("FROM " DIGEST));
    assert_string_equal(told(), "");
}

/* What buildah --layers writes for COPY, RUN, COPY on a base of one layer. */
static void step_images_above_a_base_tell_how_far_its_own_steps_go(void **state)
{
    (void)state;
    read_history(4, STEP "," STEP_SAYS("FROM debian:12") "," STEP_SAYS(
                        "FROM 68ed6e50acd0") "," STEP_SAYS("FROM d7580722fad7"));
    assert_string_equal(told(), "3 base docker.io/library/debian:12 - 1; 3 steps - - 3");
    read_history(
        3, STEP_SAYS("FROM 68ed6e50acd0") "," STEP_SAYS("FROM a:1") "," STEP_SAYS("FROM b:2"));
    assert_string_equal(told(),
                        "3 base docker.io/library/a:1 - 1; 3 base docker.io/library/b:2 - 2");
}

static void steps_of_an_image_below_are_not_its_own(void **state)
{
    (void)state;
    read_history(4, STEP "," STEP_SAYS("FROM a:1") "," STEP_SAYS("FROM 68ed6e50acd0") "," STEP_SAYS(
                        "FROM b:2"));
    assert_string_equal(told(),
                        "3 base docker.io/library/a:1 - 1; 3 base docker.io/library/b:2 - 3");
}

static void a_squashed_image_holds_no_layer_of_its_base(void **state)
{
    (void)state;
    read_history(1, STEP_SAYS("FROM debian:12"));
    assert_string_equal(told(), "3 base docker.io/library/debian:12 - -");
}

static void history_that_does_not_match_the_layers_tells_no_boundary(void **state)
{
    static const char history[] = STEP "," STEP_SAYS("FROM debian:12") "," STEP_SAYS(
        "FROM 5d5c8a1b2c3d") ",{\"created_by\":\"CMD [\\\"sh\\\"]\",\"empty_layer\":true}";

    (void)state;
    read_history(4, history);
    assert_string_equal(told(), "3 base docker.io/library/debian:12 - -");
    read_history(2, history);
    assert_string_equal(told(), "3 base docker.io/library/debian:12 - -");
    read_history(4, "");
    assert_string_equal(told(), "");
}

/* ---- steps that end an image ----------------------------------------------------------------- */

#define CLASSIC_CMD                                                                                \
    "{\"created_by\":\"/bin/sh -c #(nop)  CMD [\\\"bash\\\"]\",\"empty_layer\":true}"
#define KIT_CMD                                                                                    \
    "{\"created_by\":\"CMD [\\\"nginx\\\"]\",\"comment\":\"buildkit.dockerfile.v0\","              \
    "\"empty_layer\":true}"
#define ENTRYPOINT "{\"created_by\":\"ENTRYPOINT [\\\"/e.sh\\\"]\",\"empty_layer\":true}"

static void a_step_that_says_what_runs_ends_an_image(void **state)
{
    (void)state;
    read_history(5, STEP "," CLASSIC_CMD "," EMPTY "," STEP "," STEP "," ENTRYPOINT "," KIT_CMD
                         "," STEP "," STEP "," KIT_CMD);
    assert_string_equal(told(), "9 base - - 1; 9 base - - 3");
}

static void an_entry_point_alone_ends_an_image_too(void **state)
{
    (void)state;
    read_history(2, STEP "," ENTRYPOINT "," STEP);
    assert_string_equal(told(), "9 base - - 1");
}

static void the_images_own_last_steps_end_nothing_below(void **state)
{
    (void)state;
    read_history(1, CLASSIC_CMD "," STEP "," KIT_CMD);
    assert_string_equal(told(), "");
}

static void a_step_that_made_a_layer_belongs_below_the_boundary(void **state)
{
    (void)state;
    read_history(3, STEP ",{\"created_by\":\"/bin/sh -c #(nop) CMD [\\\"/bin/bash\\\"]\"}," STEP);
    assert_string_equal(told(), "9 base - - 2");
}

static void words_that_only_begin_alike_end_nothing(void **state)
{
    (void)state;
    read_history(3, STEP
                 ",{\"created_by\":\"CMDR [x]\",\"empty_layer\":true},{\"created_by\":\"RUN "
                 "CMD x\",\"empty_layer\":true},{\"empty_layer\":true},{\"created_by\":\"CMD\","
                 "\"empty_layer\":true}," STEP "," STEP);
    assert_string_equal(told(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_comment_names_the_base_and_where_it_ends),
        TEST(comments_nest_once_for_each_ancestor),
        TEST(the_boundary_is_the_same_wherever_the_comment_stands),
        TEST(a_comment_may_be_appended_to_another),
        TEST(an_id_is_no_declaration),
        TEST(step_images_above_a_base_tell_how_far_its_own_steps_go),
        TEST(steps_of_an_image_below_are_not_its_own),
        TEST(a_squashed_image_holds_no_layer_of_its_base),
        TEST(history_that_does_not_match_the_layers_tells_no_boundary),
        TEST(a_step_that_says_what_runs_ends_an_image),
        TEST(an_entry_point_alone_ends_an_image_too),
        TEST(the_images_own_last_steps_end_nothing_below),
        TEST(a_step_that_made_a_layer_belongs_below_the_boundary),
        TEST(words_that_only_begin_alike_end_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
