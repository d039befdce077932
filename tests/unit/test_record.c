#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/record.h"

static const char *names[] = {"docker.io/library/debian:12", "localhost/base:1"};

static struct rec_repo_digest repo_digests[] = {
    {"docker.io/library/debian", {{0x30}}},
};

static struct rec_image sample(void)
{
    return (struct rec_image){
        .id = {{0x10}},
        .identity = REC_BY_CONFIG,
        .unpacked = true,
        .has_parent = true,
        .parent = {{0x20}},
        .names = names,
        .name_count = 2,
        .repo_digests = repo_digests,
        .repo_digest_count = 1,
    };
}

static void adding_and_taking_away_cancels_out(void **state)
{
    struct rec_image image = sample();
    struct rec_exception exception = {REC_CHAIN_EXTRA, {{1}}, {{2}}};
    struct setsum sum = {{0}}, empty = {{0}};

    (void)state;
    rec_image_sum(&sum, &image, true);
    rec_exception_sum(&sum, &exception, true);
    assert_false(setsum_eq(&sum, &empty));
    rec_image_sum(&sum, &image, false);
    rec_exception_sum(&sum, &exception, false);
    assert_true(setsum_eq(&sum, &empty));
}

/* The elements as docs/protocol.md writes them down, put together here byte by byte. */
static void the_elements_are_those_of_the_protocol(void **state)
{
    struct rec_image image = sample();
    struct setsum got = {{0}}, want = {{0}};
    uint8_t e[512] = {'I'};

    (void)state;
    e[1] = 0x10;
    e[33] = REC_BY_CONFIG;
    e[34] = 1;
    e[35] = 1;
    e[36] = 0x20;
    setsum_add(&want, e, 68);
    for (size_t i = 0; i < 2; i++) {
        memset(e, 0, sizeof(e));
        e[0] = 'N';
        e[1] = 0x10;
        memcpy(e + 33, names[i], strlen(names[i]));
        setsum_add(&want, e, 33 + strlen(names[i]));
    }
    memset(e, 0, sizeof(e));
    e[0] = 'D';
    e[1] = 0x10;
    e[33] = 0x30;
    memcpy(e + 65, "docker.io/library/debian", 24);
    setsum_add(&want, e, 65 + 24);
    rec_image_sum(&got, &image, true);
    assert_true(setsum_eq(&got, &want));
}

static void an_exception_is_an_element_of_its_own(void **state)
{
    struct rec_exception exception = {REC_CHAIN_MISSING, {{1}}, {{2}}};
    struct rec_content content = {.exceptions = &exception, .exception_count = 1};
    struct setsum got = rec_content_sum(&content), want = {{0}};
    uint8_t e[66] = {'X', REC_CHAIN_MISSING, 1};

    (void)state;
    e[34] = 2;
    setsum_add(&want, e, sizeof(e));
    assert_true(setsum_eq(&got, &want));
}

static void each_difference_of_an_image_is_seen(void **state)
{
    const char *other_names[] = {"docker.io/library/debian:12", "localhost/base:2"};
    struct rec_repo_digest other_digests[] = {{"docker.io/library/debian", {{0x31}}}};
    struct rec_image a = sample(), b[8];

    (void)state;
    for (size_t i = 0; i < 8; i++)
        b[i] = sample();
    assert_true(rec_image_eq(&a, &b[0]));
    b[0].id.bytes[31] = 1;
    b[1].identity = REC_BY_MANIFEST;
    b[2].unpacked = false;
    b[3].has_parent = false;
    b[4].parent.bytes[0] = 0x21;
    b[5].names = other_names;
    b[6].name_count = 1;
    b[7].repo_digests = other_digests;
    for (size_t i = 0; i < 8; i++)
        assert_false(rec_image_eq(&a, &b[i]));
}

static void a_parent_that_is_not_there_is_not_compared(void **state)
{
    struct rec_image a = sample(), b = sample();

    (void)state;
    a.has_parent = b.has_parent = false;
    b.parent.bytes[0] = 0x77;
    assert_true(rec_image_eq(&a, &b));
}

static void a_stores_problems_are_compared(void **state)
{
    struct rec_problem one = {"image a", "broken"}, two = {"image a", "gone"};
    struct rec_store a = {.engine = "docker",
                          .version = "",
                          .driver = "overlay2",
                          .space = "",
                          .root = "/var/lib/docker",
                          .fs_type = "ext4",
                          .error = "",
                          .state = REC_STORE_OK,
                          .problems = &one,
                          .problem_count = 1};
    struct rec_store b = a;

    (void)state;
    assert_true(rec_store_eq(&a, &b));
    b.problems = &two;
    assert_false(rec_store_eq(&a, &b));
    b = a;
    b.problems_more = 1;
    assert_false(rec_store_eq(&a, &b));
    b = a;
    b.key.bytes[15] = 1;
    assert_false(rec_store_eq(&a, &b));
}

static void faults_of_texts_are_found_where_they_are(void **state)
{
    static const struct {
        const char *text;
        size_t len, fault;
        bool lines;
    } cases[] = {
        {"debian:12", 9, 9, false},    {"g\xC3\xBCltig", 7, 7, false}, {"a\nb", 3, 1, false},
        {"a\nb\tc\r", 6, 6, true},     {"a\0b", 3, 1, true},           {"ab\xFF", 3, 2, true},
        {"a\xC2\x9B[31m", 7, 1, true}, /* C1: the other way to start an escape sequence */
        {"a\x1B[31m", 6, 1, true},     {"\xE2\x82", 2, 0, false},      {"", 0, 0, false},
        {"a\x7F", 2, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(rec_text_fault(cases[i].text, cases[i].len, cases[i].lines),
                         cases[i].fault);
}

static void cleaning_replaces_and_cuts_at_whole_characters(void **state)
{
    AUTO(arena_close) struct arena *a = NULL;

    (void)state;
    assert_int_equal(arena_open(&a, 10000, NULL), 0);
    assert_string_equal(rec_text_clean(a, "a\x1B\xFFz", 4, 100, false, NULL),
                        "a\xEF\xBF\xBD\xEF\xBF\xBDz");
    assert_string_equal(rec_text_clean(a, "ab\xC3\xBC", 4, 3, false, NULL), "ab");
    assert_string_equal(rec_text_clean(a, "abc", 3, 3, false, NULL), "abc");
    assert_string_equal(rec_text_clean(a, "a\nb", 3, 9, true, NULL), "a\nb");
    assert_string_equal(rec_text_clean(a, "", 0, 9, true, NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_and_taking_away_cancels_out),
        cmocka_unit_test(the_elements_are_those_of_the_protocol),
        cmocka_unit_test(an_exception_is_an_element_of_its_own),
        cmocka_unit_test(each_difference_of_an_image_is_seen),
        cmocka_unit_test(a_parent_that_is_not_there_is_not_compared),
        cmocka_unit_test(a_stores_problems_are_compared),
        cmocka_unit_test(faults_of_texts_are_found_where_they_are),
        cmocka_unit_test(cleaning_replaces_and_cuts_at_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
