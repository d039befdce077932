/* The walk accepts what json_parse() accepts. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_walk.h"
#include "tests/fleet/random.h"

static int walk(const char *data, size_t len, struct err *err)
{
    struct json_walk w;

    if (json_walk_open(&w, data, len, err) != 0 || json_walk_skip(&w, err) != 0)
        return -1;
    return json_walk_end(&w, err);
}

static void assert_agree(const char *data, size_t len)
{
    struct err walked = {0}, parsed = {0};
    int rc = walk(data, len, &walked);
    AUTO_JSON json_t *tree = json_parse(data, len, &parsed);

    if (tree != NULL && rc != 0)
        fail_msg("refused only by the walk: %s: %.*s", walked.text, (int)len, data);
    if (tree == NULL && rc == 0 && strstr(parsed.text, "a key twice") == NULL &&
        strstr(parsed.text, "too big") == NULL && strstr(parsed.text, "overflow") == NULL)
        fail_msg("refused only by the tree: %s: %.*s", parsed.text, (int)len, data);
}

static const char *const documents[] = {
    "",
    " ",
    "{}",
    "[]",
    " {} \n",
    "{} x",
    "1",
    "\"a\"",
    "[1,-2,0,-0,1.5,1e3,1E-3,-0.0e+1]",
    "[01]",
    "[-]",
    "[1.]",
    "[.5]",
    "[1e]",
    "[+1]",
    "[true,false,null]",
    "[tru]",
    "[nulll]",
    "[,]",
    "[1,]",
    "[1 2]",
    "[",
    "[1",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "[1}",
    "[\"\\u0041\\n\\\"\\/\\ud83d\\ude00\"]",
    "[\"\\u0000\"]",
    "[\"\\ud800\"]",
    "[\"\\ud800\\u0041\"]",
    "[\"\\ude00\"]",
    "[\"\\x\"]",
    "[\"\\",
    "[\"\\u12\"]",
    "[\"tab\there\"]",
    "[\"\xc3\xa9\"]",
    "[\"\xc3\"]",
    "[\"\xed\xa0\x80\"]",
    "[\"open",
    "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\",\"b\"]},\"config\":{\"Env\":null,"
    "\"Labels\":{\"a\\u0026b\":\"\\u003c\"}},\"history\":[{\"empty_layer\":true},{}],\"n\":-1."
    "25e2}",
};

static void it_is_as_strict_as_the_tree(void **state)
{
    (void)state;
    for (size_t i = 0; i < unit_count(documents); i++)
        assert_agree(documents[i], strlen(documents[i]));
    assert_agree("[\"\0\"]", 5);
    assert_agree("[1]\0", 4);
}

/* Bytes that mean something to JSON, put anywhere. */
static void it_agrees_on_broken_documents(void **state)
{
    static const char bytes[] = "{}[]\",:\\u0019.eE+-tfn \n\x01\xc3\xa9\xed\xf0x";
    uint64_t random = 3;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const char *from = documents[random_below(&random, unit_count(documents))];
        size_t len = strlen(from);
        AUTO_FREE char *text = strdup(from);

        assert_non_null(text);
        for (uint32_t n = random_below(&random, 3); len > 0 && n < 3; n++) /* one to three */
            text[random_below(&random, (uint32_t)len)] =
                bytes[random_below(&random, sizeof(bytes) - 1)];
        assert_agree(text, len);
    }
}

static void depth_and_number_of_values_have_limits(void **state)
{
    size_t len = 4 * JSON_VALUES_MAX;
    AUTO_FREE char *text = malloc(len);
    struct err err;

    (void)state;
    assert_non_null(text);
    memset(text, '[', len);
    assert_fails(walk(text, len, &err), ERR_LIMIT, "nested more than 64 deep");
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_ok(walk(text, 2 * JSON_DEPTH_MAX, &err));
    text[0] = '[';
    for (size_t i = 1; i < len; i++)
        text[i] = i % 2 == 0 ? ',' : '1';
    text[len - 1] = ']';
    assert_fails(walk(text, len, &err), ERR_LIMIT, "values");
    assert_fails(walk(text, JSON_BYTES_MAX + 1, &err), ERR_LIMIT, "at most");
}

static void members_come_in_their_order(void **state)
{
    static const char text[] = "{\"a\":[1,[2],{}],\"b\\u0062\":\"x\\ty\",\"c\":null}";
    struct json_walk w;
    struct json_span key, value;
    struct err err;
    char plain[8];

    (void)state;
    assert_ok(json_walk_open(&w, text, strlen(text), &err));
    assert_ok(json_walk_enter(&w, &err));
    assert_int_equal(json_walk_member(&w, &key, &err), 1);
    assert_true(json_span_is(&key, "a"));
    assert_ok(json_walk_enter(&w, &err));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_walk_item(&w, &err), 1);
        assert_ok(json_walk_skip(&w, &err));
    }
    assert_int_equal(json_walk_item(&w, &err), 0);
    assert_int_equal(json_walk_member(&w, &key, &err), 1);
    assert_true(json_span_is(&key, "bb"));
    assert_false(json_span_is(&key, "b"));
    assert_ok(json_walk_string(&w, &value, &err));
    assert_true(json_span_ascii(&value, plain, sizeof(plain)));
    assert_string_equal(plain, "x\ty");
    assert_true(json_span_ascii(&value, plain, 4));
    assert_false(json_span_ascii(&value, plain, 3));
    assert_int_equal(json_walk_member(&w, &key, &err), 1);
    assert_int_equal(json_walk_peek(&w), 'n');
    assert_ok(json_walk_skip(&w, &err));
    assert_int_equal(json_walk_member(&w, &key, &err), 0);
    assert_ok(json_walk_end(&w, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_strict_as_the_tree),
        cmocka_unit_test(it_agrees_on_broken_documents),
        cmocka_unit_test(depth_and_number_of_values_have_limits),
        cmocka_unit_test(members_come_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
