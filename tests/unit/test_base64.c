#include "tests/support/unit.h"

#include "common/base64.h"

/* RFC 4648, section 10, and the digits beyond the letters. */
static const struct {
    const char *bytes, *text;
} pairs[] = {
    {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},      {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}, {"\xff\xef", "/+8="},
};

static void bytes_become_text(void **state)
{
    char out[BASE64_TEXT(16)];

    (void)state;
    for (size_t i = 0; i < unit_count(pairs); i++)
        assert_string_equal(base64_encode(pairs[i].bytes, strlen(pairs[i].bytes), out),
                            pairs[i].text);
    assert_string_equal(base64_encode("", 0, out), "");
}

static void text_becomes_bytes_with_and_without_padding(void **state)
{
    uint8_t out[BASE64_BYTES(16)];
    char bare[16];

    (void)state;
    for (size_t i = 0; i < unit_count(pairs); i++) {
        size_t len = strlen(pairs[i].bytes);

        assert_int_equal(base64_decode(pairs[i].text, out), len);
        assert_memory_equal(out, pairs[i].bytes, len);
        snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(pairs[i].text, "="), pairs[i].text);
        assert_int_equal(base64_decode(bare, out), len);
        assert_memory_equal(out, pairs[i].bytes, len);
    }
}

static void what_is_no_base64_gives_no_bytes(void **state)
{
    static const char *const texts[] = {"",       "=",     "====",    "Z",    "Zg=",
                                        "Zg=x",   "Zg===", "Zm9v=",   "Z g=", "Zm-_",
                                        "Zm9v\n", "Zm9vY", "Zm8=Zm8="};
    uint8_t out[BASE64_BYTES(16)];

    (void)state;
    for (size_t i = 0; i < unit_count(texts); i++)
        assert_int_equal(base64_decode(texts[i], out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_text),
        cmocka_unit_test(text_becomes_bytes_with_and_without_padding),
        cmocka_unit_test(what_is_no_base64_gives_no_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
