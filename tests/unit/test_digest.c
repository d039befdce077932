#include "tests/support/unit.h"

#include "common/digest.h"

/* The expected values were made with Python's hashlib, not with this program. */
#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LAYER_A "sha256:8a74c5338f1ca6b4b751802e195c85cd48c6d54e5f38d19a4e5ea902baa60af7"
#define CHAIN_AB "sha256:96097a2f877d2a7d46e93242c3e704909aa0d4486b8e4a03c8d91739d51f35c8"
#define CHAIN_ABC "sha256:eb60e3bb7bee074fb571fcbd9d3494f1ab5477da651e899915c6ee6bfb985b4f"
#define SUM_ONE_TWO "b55690acaa982b63fcdbaaabe176bdeef39f1f0907ce454516375eb3267a14e1"

static void assert_text(const struct digest *d, const char *expected)
{
    char text[DIGEST_TEXT];

    assert_string_equal(digest_text(d, text), expected);
}

static void bytes_have_the_digest_that_sha256_says(void **state)
{
    struct digest d = digest_of("layer a", 7);

    (void)state;
    assert_text(&d, LAYER_A);
    d = digest_of(NULL, 0);
    assert_text(&d, EMPTY);
}

static void text_and_hex_come_back_from_a_parse(void **state)
{
    struct digest d;
    struct err err;
    char hex[DIGEST_HEX + 1];

    (void)state;
    assert_ok(digest_parse(&d, LAYER_A, strlen(LAYER_A), false, &err));
    assert_text(&d, LAYER_A);
    assert_string_equal(digest_hex(&d, hex), &LAYER_A[7]);
    assert_ok(digest_parse(&d, EMPTY "trailing", strlen(EMPTY), false, &err));
    assert_text(&d, EMPTY);
}

static void hex_alone_is_a_digest_only_where_allowed(void **state)
{
    struct digest d;
    struct err err;

    (void)state;
    assert_ok(digest_parse(&d, &LAYER_A[7], 64, true, &err));
    assert_text(&d, LAYER_A);
    assert_ok(digest_parse(&d, LAYER_A, 71, true, &err));
    assert_fails(digest_parse(&d, &LAYER_A[7], 64, false, &err), ERR_CORRUPT, "expected sha256:");
}

static void what_is_no_sha256_digest_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "expected sha256:"},
        {"sha256:", "64 hex digits"},
        {"sha256:abc", "64 hex digits"},
        {"sha512:abc", "only the algorithm sha256"},
        {EMPTY "0", "64 hex digits"},
        {"sha256:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "lower-case"},
        {"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "lower-case"},
    };
    struct digest d = digest_of("untouched", 9);
    struct digest before = d;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_fails(digest_parse(&d, cases[i].text, strlen(cases[i].text), false, &err),
                     ERR_CORRUPT, cases[i].words);
        assert_true(digest_eq(&d, &before));
    }
}

static void a_long_wrong_digest_is_quoted_in_part(void **state)
{
    char text[1000];
    struct digest d;
    struct err err;

    (void)state;
    memset(text, 'f', sizeof(text));
    assert_fails(digest_parse(&d, text, sizeof(text), true, &err), ERR_CORRUPT, "fff...\"");
    assert_in_range(strlen(err.text), 80, 160);
}

static void digests_have_an_order(void **state)
{
    struct digest a = {.bytes = {1}}, b = {.bytes = {1, 1}};

    (void)state;
    assert_true(digest_cmp(&a, &b) < 0);
    assert_true(digest_cmp(&b, &a) > 0);
    assert_int_equal(digest_cmp(&a, &a), 0);
    assert_false(digest_eq(&a, &b));
}

static void the_first_layer_is_its_own_chain(void **state)
{
    struct digest a = digest_of("layer a", 7);
    struct digest chain = digest_chain(NULL, &a);

    (void)state;
    assert_true(digest_eq(&chain, &a));
}

static void a_chain_depends_on_each_layer_below(void **state)
{
    struct digest a = digest_of("layer a", 7), b = digest_of("layer b", 7);
    struct digest c = digest_of("layer c", 7);
    struct digest ab = digest_chain(&a, &b), abc = digest_chain(&ab, &c);

    (void)state;
    assert_text(&ab, CHAIN_AB);
    assert_text(&abc, CHAIN_ABC);
}

static void a_sum_of_a_set_is_what_the_protocol_says(void **state)
{
    struct setsum s = {0}, back = {0};
    struct digest as_digest;
    char hex[DIGEST_HEX + 1];

    (void)state;
    setsum_add(&s, "one", 3);
    setsum_add(&s, "two", 3);
    setsum_bytes(&s, as_digest.bytes);
    assert_string_equal(digest_hex(&as_digest, hex), SUM_ONE_TWO);
    setsum_from_bytes(&back, as_digest.bytes);
    assert_true(setsum_eq(&s, &back));
}

static void a_sum_knows_no_order_and_cancels_out(void **state)
{
    struct setsum a = {0}, b = {0}, empty = {0};

    (void)state;
    setsum_add(&a, "one", 3);
    setsum_add(&a, "two", 3);
    setsum_add(&b, "two", 3);
    assert_false(setsum_eq(&a, &b));
    setsum_add(&b, "one", 3);
    assert_true(setsum_eq(&a, &b));
    setsum_sub(&a, "one", 3);
    setsum_sub(&a, "two", 3);
    assert_true(setsum_eq(&a, &empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_the_digest_that_sha256_says),
        cmocka_unit_test(text_and_hex_come_back_from_a_parse),
        cmocka_unit_test(hex_alone_is_a_digest_only_where_allowed),
        cmocka_unit_test(what_is_no_sha256_digest_is_refused_with_the_reason),
        cmocka_unit_test(a_long_wrong_digest_is_quoted_in_part),
        cmocka_unit_test(digests_have_an_order),
        cmocka_unit_test(the_first_layer_is_its_own_chain),
        cmocka_unit_test(a_chain_depends_on_each_layer_below),
        cmocka_unit_test(a_sum_of_a_set_is_what_the_protocol_says),
        cmocka_unit_test(a_sum_knows_no_order_and_cancels_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
