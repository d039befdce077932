#include "tests/support/unit.h"

#include "collector/store/config_parse.h"
#include "common/buf.h"

#define DIFF_A "sha256:" HEX16 HEX16 HEX16 HEX16
#define DIFF_B "sha256:" HEX16 HEX16 HEX16 "0123456789abcde0"
#define HEX16 "0123456789abcdef"

static struct arena *arena;
static struct config config;
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

static int parse(const char *text)
{
    return config_parse(&config, (const uint8_t *)text, strlen(text), arena, &err);
}

static void a_whole_config_is_read(void **state)
{
    (void)state;
    assert_ok(parse("{\"architecture\":\"arm\",\"variant\":\"v6\",\"os\":\"linux\","
                    "\"author\":\"me\",\"created\":\"2026-03-02T10:00:00.9Z\","
                    "\"config\":{\"Labels\":{\"b\":\"2\",\"a\":\"1\",\"c\":null}},"
                    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_A "\",\"" DIFF_B
                    "\"]},\"history\":[{\"created\":\"x\",\"created_by\":\"RUN a\\nb\","
                    "\"comment\":\"c\"},{\"empty_layer\":true},7]}"));
    assert_string_equal(config.os, "linux");
    assert_string_equal(config.arch, "arm");
    assert_string_equal(config.variant, "v6");
    assert_string_equal(config.author, "me");
    assert_true(config.has_created);
    assert_int_equal(config.created_s, 1772445600);
    assert_int_equal(config.diff_count, 2);
    assert_int_equal(config.diffs[1].bytes[31], 0xe0);
    assert_int_equal(config.step_count, 3);
    assert_string_equal(config.steps[0].created_by, "RUN a\nb");
    assert_null(config.steps[1].created_by);
    assert_true(config.steps[1].empty);
    assert_int_equal(config.label_count, 2);
    assert_string_equal(config.labels[0].key, "a");
    assert_string_equal(config.labels[1].value, "2");
}

static void buildinfo_is_kept_as_it_stands_there(void **state)
{
    (void)state;
    assert_ok(parse("{\"moby.buildkit.buildinfo.v1\":\"e30=\",\"rootfs\":{\"type\":\"layers\"}}"));
    assert_string_equal(config.build_info, "e30=");
    assert_ok(parse("{\"moby.buildkit.buildinfo.v1\":{},\"rootfs\":{\"type\":\"layers\"}}"));
    assert_null(config.build_info);
}

static void null_is_no_layers_no_history_no_labels(void **state)
{
    (void)state;
    assert_ok(parse("{\"created\":null,\"history\":null,\"config\":{\"Labels\":null},"
                    "\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}"));
    assert_int_equal(config.diff_count, 0);
    assert_int_equal(config.step_count, 0);
    assert_int_equal(config.label_count, 0);
    assert_null(config.created);
    assert_false(config.has_created);
}

static void one_layer_may_stand_there_twice(void **state)
{
    (void)state;
    assert_ok(
        parse("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF_A "\",\"" DIFF_A "\"]}}"));
    assert_int_equal(config.diff_count, 2);
}

static void a_senseless_time_is_kept_as_text_only(void **state)
{
    static const char *const texts[] = {"0001-01-01T00:00:00Z", "yesterday", ""};

    (void)state;
    for (size_t i = 0; i < unit_count(texts); i++) {
        char text[128];

        snprintf(text, sizeof(text), "{\"created\":\"%s\",\"rootfs\":{\"type\":\"layers\"}}",
                 texts[i]);
        assert_ok(parse(text));
        assert_string_equal(config.created, texts[i]);
        assert_false(config.has_created);
    }
    assert_ok(parse("{\"created\":\"1969-12-31T23:59:59.5Z\",\"rootfs\":{\"type\":\"layers\"}}"));
    assert_int_equal(config.created_s, -1);
}

static void what_is_no_image_config_is_said_so(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{}", "no rootfs"},
        {"[]", "not an object"},
        {"{\"rootfs\":[]}", "no rootfs"},
        {"{\"rootfs\":{\"type\":\"\",\"diff_ids\":null}}", "no rootfs"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":{}}}", "diff_ids is not a list"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", "diff_ids[0] is not a text"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha512:00\"]}}", "only the algorithm"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" HEX16 "\"]}}", "diff_ids[0]"},
        {"{\"rootfs\":{\"type\":\"layers\"},\"history\":{}}", "history is not a list"},
        {"{\"rootfs\":", "JSON line 1"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(parse(cases[i].text), ERR_CORRUPT, cases[i].words);
}

static void control_characters_are_replaced(void **state)
{
    (void)state;
    assert_ok(parse("{\"os\":\"a\\u001bb\\n\",\"rootfs\":{\"type\":\"layers\"}}"));
    assert_string_equal(config.os, "a\xEF\xBF\xBD"
                                   "b\xEF\xBF\xBD");
}

/* A config whose list `key` has `count` times `item`. */
static int parse_many(const char *head, size_t count, const char *item, const char *tail)
{
    struct buf text;
    int rc;

    buf_init(&text, 16 << 20);
    assert_ok(buf_add_str(&text, head, &err));
    for (size_t i = 0; i < count; i++)
        assert_ok(buf_printf(&text, &err, "%s%s", i > 0 ? "," : "", item));
    assert_ok(buf_add_str(&text, tail, &err));
    rc = config_parse(&config, text.data, text.len, arena, &err);
    buf_close(&text);
    return rc;
}

static void lists_reach_their_limit_and_not_past_it(void **state)
{
    static const char layers[] = "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[";
    static const char history[] = "{\"rootfs\":{\"type\":\"layers\"},\"history\":[";

    (void)state;
    assert_ok(parse_many(layers, CONFIG_LAYERS_MAX, "\"" DIFF_A "\"", "]}}"));
    assert_fails(parse_many(layers, CONFIG_LAYERS_MAX + 1, "\"" DIFF_A "\"", "]}}"), ERR_LIMIT,
                 "1025 entries in diff_ids");
    assert_ok(parse_many(history, CONFIG_HISTORY_MAX, "{}", "]}"));
    assert_fails(parse_many(history, CONFIG_HISTORY_MAX + 1, "{}", "]}"), ERR_LIMIT, "history");
}

static void labels_reach_their_limit_and_not_past_it(void **state)
{
    struct buf text;

    (void)state;
    for (int over = 0; over <= 1; over++) {
        buf_init(&text, 1 << 20);
        assert_ok(buf_add_str(
            &text, "{\"rootfs\":{\"type\":\"layers\"},\"config\":{\"Labels\":{\"first\":\"\"",
            &err));
        for (int i = 1; i < CONFIG_LABELS_MAX + over; i++)
            assert_ok(buf_printf(&text, &err, ",\"k%d\":\"v\"", i));
        assert_ok(buf_add_str(&text, "}}}", &err));
        assert_int_equal(config_parse(&config, text.data, text.len, arena, &err), -over);
        buf_close(&text);
    }
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    assert_ok(parse_many("{\"rootfs\":{\"type\":\"layers\"},\"os\":\"", 200, "long", "\"}"));
    assert_int_equal(strlen(config.os), CONFIG_WORD_BYTES);
}

static void the_largest_document_fits_the_arena(void **state)
{
    (void)state;
    /* Each byte of control characters becomes three: the worst that cleaning can do. */
    assert_ok(parse_many("{\"rootfs\":{\"type\":\"layers\"},\"history\":[", 12,
                         "{\"created_by\":\"\\u0001\\u0001\\u0001\\u0001\"}", "]}"));
    assert_int_equal(config.step_count, 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_config_is_read),
        TEST(buildinfo_is_kept_as_it_stands_there),
        TEST(null_is_no_layers_no_history_no_labels),
        TEST(one_layer_may_stand_there_twice),
        TEST(a_senseless_time_is_kept_as_text_only),
        TEST(what_is_no_image_config_is_said_so),
        TEST(control_characters_are_replaced),
        TEST(lists_reach_their_limit_and_not_past_it),
        TEST(labels_reach_their_limit_and_not_past_it),
        TEST(long_texts_are_cut),
        TEST(the_largest_document_fits_the_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
