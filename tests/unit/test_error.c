#include "tests/support/unit.h"

#include <errno.h>

#include "common/error.h"
#include "common/utf8.h"

static void setting_fills_kind_and_text_and_returns_failure(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_set(&err, ERR_LIMIT, "%d is over %d", 7, 5), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "7 is over 5");
}

static void nobody_listening_is_still_a_failure(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
    assert_int_equal(err_errno(NULL, ERR_IO, ENOENT, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void context_goes_before_the_text_and_keeps_the_kind(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, ERR_CORRUPT, "bad byte");
    assert_int_equal(err_wrap(&err, "layer %d", 3), -1);
    assert_int_equal(err.kind, ERR_CORRUPT);
    assert_string_equal(err.text, "layer 3: bad byte");
}

static void an_error_may_quote_its_own_text(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, ERR_IO, "inner");
    err_set(&err, ERR_BUSY, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    err_wrap(&err, "%s", err.text);
    assert_string_equal(err.text, "outer (inner): outer (inner)");
}

static void errno_becomes_the_kind_it_means(void **state)
{
    static const struct {
        enum err_kind given;
        int number;
        enum err_kind expected;
    } cases[] = {
        {ERR_IO, ENOENT, ERR_NOT_FOUND},    {ERR_IO, EACCES, ERR_DENIED},
        {ERR_IO, EPERM, ERR_DENIED},        {ERR_IO, EIO, ERR_IO},
        {ERR_CORRUPT, ENOENT, ERR_CORRUPT},
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_int_equal(err_errno(&err, cases[i].given, cases[i].number, "open x"), -1);
        assert_int_equal(err.kind, cases[i].expected);
    }
    err_errno(&err, ERR_IO, ENOENT, "open %s", "/x");
    assert_string_equal(err.text, "open /x: No such file or directory");
}

static void the_text_is_one_line_of_valid_utf8(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, ERR_IO,
            "a\nb\tc\x7f"
            "d\xff"
            "e \xc3\xa4 \xed\xa0\x80");
    assert_string_equal(err.text, "a b c d?e \xc3\xa4 ???");
}

static void a_long_text_is_cut_visibly_at_a_whole_character(void **state)
{
    char text[2 * ERR_TEXT_MAX];
    struct err err;
    size_t len;

    (void)state;
    for (size_t odd = 0; odd < 4; odd++) {
        memset(text, 'x', odd);
        for (size_t i = odd; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        err_set(&err, ERR_IO, "%s", text);
        len = strlen(err.text);
        assert_in_range(len, ERR_TEXT_MAX - 6, ERR_TEXT_MAX - 1);
        assert_string_equal(err.text + len - 3, "...");
        assert_null(strchr(err.text, '?'));
        err_wrap(&err, "context");
        assert_memory_equal(err.text, "context: ", 9);
        assert_in_range(strlen(err.text), ERR_TEXT_MAX - 9, ERR_TEXT_MAX - 1);
    }
}

static void each_kind_has_a_name_of_its_own_and_an_exit_status(void **state)
{
    (void)state;
    for (int a = 0; a < ERR_KINDS; a++) {
        assert_true(strlen(err_kind_name((enum err_kind)a)) > 0);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(err_kind_name((enum err_kind)a),
                                    err_kind_name((enum err_kind)b));
        assert_int_equal(err_exit_status((enum err_kind)a), a == ERR_USAGE ? 2 : 3);
    }
    assert_string_equal(err_kind_name(ERR_NO_MEMORY), "no-memory");
    assert_string_equal(err_kind_name((enum err_kind)999), "unknown");
}

static void only_what_passes_by_itself_is_transient(void **state)
{
    (void)state;
    assert_true(err_is_transient(ERR_UNAVAILABLE));
    assert_true(err_is_transient(ERR_TIMEOUT));
    assert_true(err_is_transient(ERR_BUSY));
    assert_true(err_is_transient(ERR_MOVED));
    assert_false(err_is_transient(ERR_DENIED));
    assert_false(err_is_transient(ERR_VERSION));
    assert_false(err_is_transient(ERR_CORRUPT));
    assert_false(err_is_transient(ERR_USAGE));
}

static void utf8_sequences_are_those_of_the_standard(void **state)
{
    static const struct {
        const char *bytes;
        size_t expected;
    } cases[] = {
        {"a", 1},
        {"\xc3\xa4", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},             /* continuation alone */
        {"\xc0\x80", 0},         /* overlong */
        {"\xe0\x80\x80", 0},     /* overlong */
        {"\xf0\x80\x80\x80", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 0}, /* past U+10FFFF */
        {"\xe2\x82", 0},         /* cut */
        {"\xc3 ", 0},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_int_equal(utf8_sequence(cases[i].bytes, strlen(cases[i].bytes)), cases[i].expected);
    assert_int_equal(utf8_sequence("", 0), 0);
}

static void a_cut_never_splits_a_character(void **state)
{
    const char *text = "a\xf0\x9f\x98\x80z";

    (void)state;
    assert_int_equal(utf8_cut(text, 1), 1);
    assert_int_equal(utf8_cut(text, 2), 1);
    assert_int_equal(utf8_cut(text, 3), 1);
    assert_int_equal(utf8_cut(text, 4), 1);
    assert_int_equal(utf8_cut(text, 5), 5);
    assert_int_equal(utf8_cut(text, 6), 6);
    assert_int_equal(utf8_cut(text, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_fills_kind_and_text_and_returns_failure),
        cmocka_unit_test(nobody_listening_is_still_a_failure),
        cmocka_unit_test(context_goes_before_the_text_and_keeps_the_kind),
        cmocka_unit_test(an_error_may_quote_its_own_text),
        cmocka_unit_test(errno_becomes_the_kind_it_means),
        cmocka_unit_test(the_text_is_one_line_of_valid_utf8),
        cmocka_unit_test(a_long_text_is_cut_visibly_at_a_whole_character),
        cmocka_unit_test(each_kind_has_a_name_of_its_own_and_an_exit_status),
        cmocka_unit_test(only_what_passes_by_itself_is_transient),
        cmocka_unit_test(utf8_sequences_are_those_of_the_standard),
        cmocka_unit_test(a_cut_never_splits_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
