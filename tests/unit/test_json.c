#include "tests/support/unit.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"

static json_t *parse(const char *text, struct err *err)
{
    return json_parse(text, strlen(text), err);
}

static void members_are_read_by_type(void **state)
{
    struct err err;
    AUTO_JSON json_t *j = parse("{\"s\":\"text\",\"o\":{\"x\":1},\"a\":[1,2],\"i\":-7,\"t\":true,"
                                "\"f\":false,\"n\":null}",
                                &err);

    (void)state;
    assert_non_null(j);
    assert_string_equal(json_str(j, "s"), "text");
    assert_int_equal(json_int(json_obj(j, "o"), "x", 0), 1);
    assert_int_equal(json_array_size(json_arr(j, "a")), 2);
    assert_int_equal(json_int(j, "i", 0), -7);
    assert_int_equal(json_flag(j, "t", 0), 1);
    assert_int_equal(json_flag(j, "f", 1), 0);
}

static void absent_and_wrong_members_read_as_nothing(void **state)
{
    struct err err;
    AUTO_JSON json_t *j = parse("{\"s\":1,\"o\":[],\"a\":{},\"i\":\"7\",\"t\":1,\"n\":null}", &err);

    (void)state;
    assert_non_null(j);
    assert_null(json_str(j, "s"));
    assert_null(json_str(j, "n"));
    assert_null(json_obj(j, "o"));
    assert_null(json_arr(j, "a"));
    assert_int_equal(json_int(j, "i", 42), 42);
    assert_int_equal(json_flag(j, "t", -1), -1);
    assert_null(json_str(j, "absent"));
    assert_null(json_str(NULL, "x"));
    assert_int_equal(json_int(NULL, "x", 5), 5);
}

static char *nested(size_t depth)
{
    char *text = malloc(2 * depth + 1);

    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    return text;
}

static void depth_has_a_limit(void **state)
{
    AUTO_FREE char *allowed = nested(JSON_DEPTH_MAX);
    AUTO_FREE char *too_deep = nested(JSON_DEPTH_MAX + 1);
    AUTO_FREE char *absurd = nested(1000000);
    AUTO_JSON json_t *j = NULL;
    struct err err;

    (void)state;
    j = parse(allowed, &err);
    assert_non_null(j);
    assert_null(parse(too_deep, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "nested 65 deep"));
    assert_null(parse(absurd, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void brackets_within_strings_do_not_count(void **state)
{
    AUTO(buf_close) struct buf b;
    AUTO_JSON json_t *j = NULL;
    struct err err;

    (void)state;
    buf_init(&b, 10000);
    assert_ok(buf_add_str(&b, "{\"a\\\"[\\\\\":\"", &err));
    for (int i = 0; i < 100; i++)
        assert_ok(buf_add_str(&b, "[{\\\",", &err));
    assert_ok(buf_add_str(&b, "\\\\\"}", &err));
    j = json_parse((const char *)b.data, b.len, &err);
    assert_non_null(j);
}

static void size_has_a_limit(void **state)
{
    AUTO_FREE char *text = malloc(JSON_BYTES_MAX + 1);
    AUTO_JSON json_t *j = NULL;
    struct err err;

    (void)state;
    memset(text, ' ', JSON_BYTES_MAX + 1);
    memcpy(text, "[]", 2);
    j = json_parse(text, JSON_BYTES_MAX, &err);
    assert_non_null(j);
    assert_null(json_parse(text, JSON_BYTES_MAX + 1, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void the_number_of_values_has_a_limit(void **state)
{
    size_t len = 2 * (size_t)JSON_VALUES_MAX + 3;
    AUTO_FREE char *text = malloc(len);
    struct err err;

    (void)state;
    for (size_t i = 0; i < len; i++)
        text[i] = i % 2 == 0 ? ',' : '1';
    text[0] = '[';
    text[len - 1] = ']';
    assert_null(json_parse(text, len, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "values"));
}

static void broken_documents_say_where(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "line 1, column 0"},
        {"{\n \"a\": }", "line 2, column 7"},
        {"{\"a\":1} x", "line 1"},
        {"[1,]", "line 1, column 4"},
        {"\"text\"", "'[' or '{' expected"},
        {"{\"a\":\"\xff\"}", "unable to decode"},
        {"{\"a\":\"\\u0000\"}", "line 1"},
        {"{\"a\":1,\"a\":2}", "a key twice"},
        {"{\"a\":1", "line 1"},
        {"[\"", "line 1"},
        {"[\"\\", "line 1"},
        {"{\"a\":1e999}", "line 1"},
        {"{\"a\":99999999999999999999}", "line 1"},
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_null(parse(cases[i].text, &err));
        unit_assert_error(&err, ERR_CORRUPT, cases[i].words, __FILE__, __LINE__);
    }
}

static void an_error_quotes_nothing_of_the_document(void **state)
{
    static const char *const documents[] = {
        "{\"password\": s3cret}",  "{\"s3cret\" \"x\"}",    "{\"s3cret\":1,\"s3cret\":2}",
        "[\"s3cret\" \"s3cret\"]", "{\"a\":\"s3cret\\q\"}", "[1] s3cret",
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(documents); i++) {
        assert_null(parse(documents[i], &err));
        assert_int_equal(err.kind, ERR_CORRUPT);
        assert_null(strstr(err.text, "s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_type),
        cmocka_unit_test(absent_and_wrong_members_read_as_nothing),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(brackets_within_strings_do_not_count),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(the_number_of_values_has_a_limit),
        cmocka_unit_test(broken_documents_say_where),
        cmocka_unit_test(an_error_quotes_nothing_of_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
