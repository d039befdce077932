#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/engines/image_config.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int parse(struct image_config *out, const char *text, struct err *err)
{
    return image_config_parse(out, text, strlen(text), err);
}

static void layers_come_in_the_configs_order(void **state)
{
    AUTO(image_config_close) struct image_config c = {0};
    struct err err;

    (void)state;
    assert_ok(parse(&c,
                    "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" B "\",\"" A "\",\"" B
                    "\"]},\"history\":[{},{\"empty_layer\":true},{},{}]}",
                    &err));
    assert_int_equal(c.diff_count, 3);
    assert_int_equal(c.diff_ids[0].bytes[0], 0xbb);
    assert_int_equal(c.diff_ids[1].bytes[0], 0xaa);
    assert_true(digest_eq(&c.diff_ids[0], &c.diff_ids[2]));
}

static void an_image_may_have_no_layer(void **state)
{
    static const char *const texts[] = {
        "{\"rootfs\":{\"type\":\"layers\"}}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(texts); i++) {
        AUTO(image_config_close) struct image_config c = {.diff_count = 7};

        assert_ok(parse(&c, texts[i], &err));
        assert_int_equal(c.diff_count, 0);
    }
}

static void what_is_no_image_config_says_why(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "JSON"},
        {"{\"rootfs\":", "JSON"},
        {"{}", "no rootfs"},
        {"[]", "no rootfs"},
        {"{\"rootfs\":[]}", "no rootfs"},
        {"{\"rootfs\":{\"diff_ids\":{}}}", "no list"},
        {"{\"rootfs\":{\"diff_ids\":[1]}}", "diff_ids[0] is no text"},
        {"{\"rootfs\":{},\"rootfs\":{}}", "rootfs twice"},
        {"{\"rootfs\":{\"diff_ids\":[],\"diff_ids\":[]}}", "diff_ids twice"},
        {"{\"rootfs\":{}} x", "behind its end"},
        {"{\"rootfs\":{\"diff_ids\":[\"" A "\",\"sha512:00\"]}}", "diff_ids[1] is no sha256"},
        {"{\"rootfs\":{\"diff_ids\":[\"" A " \"]}}", "diff_ids[0] is no sha256"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        struct image_config c = {0};
        struct err err;

        assert_fails(parse(&c, cases[i].text, &err), ERR_CORRUPT, cases[i].words);
        assert_null(c.diff_ids);
    }
}

static void a_key_or_a_digest_may_be_written_with_escapes(void **state)
{
    AUTO(image_config_close) struct image_config c = {0};
    struct err err;

    (void)state;
    assert_ok(parse(&c,
                    "{\"root\\u0066s\":{\"diff\\u005Fids\":[\"sha256\\u003a"
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}",
                    &err));
    assert_int_equal(c.diff_count, 1);
    assert_int_equal(c.diff_ids[0].bytes[31], 0xaa);
}

static void layers_have_a_maximum(void **state)
{
    AUTO(buf_close) struct buf text;
    struct image_config c = {0};
    struct err err;

    (void)state;
    buf_init(&text, 1 << 20);
    assert_ok(buf_add_str(&text, "{\"rootfs\":{\"diff_ids\":[\"" A "\"", &err));
    for (int i = 0; i < IMAGE_CONFIG_LAYERS_MAX; i++)
        assert_ok(buf_add_str(&text, ",\"" A "\"", &err));
    assert_ok(buf_add_str(&text, "]}}", &err));
    assert_fails(parse(&c, buf_str(&text), &err), ERR_LIMIT, "4097 layers");
}

static void errors_quote_nothing_of_the_document(void **state)
{
    struct image_config c = {0};
    struct err err;

    (void)state;
    assert_int_equal(parse(&c, "{\"rootfs\":{\"diff_ids\":[\"hunter2\"]}}", &err), -1);
    assert_null(strstr(err.text, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_come_in_the_configs_order),
        cmocka_unit_test(an_image_may_have_no_layer),
        cmocka_unit_test(what_is_no_image_config_says_why),
        cmocka_unit_test(a_key_or_a_digest_may_be_written_with_escapes),
        cmocka_unit_test(layers_have_a_maximum),
        cmocka_unit_test(errors_quote_nothing_of_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
