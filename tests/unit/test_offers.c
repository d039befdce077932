#include "tests/support/unit.h"

#include "collector/report/offers.h"
#include "common/cleanup.h"

static void a_list_that_fits_is_told_whole(void **state)
{
    AUTO(offers_close) struct offers o;

    (void)state;
    offers_init(&o, 400);
    assert_string_equal(offers_text(&o), "");
    offers_add(&o, "a%d", 1);
    offers_add(&o, "b");
    assert_string_equal(offers_text(&o), "a1, b");
}

static void a_list_that_does_not_fit_ends_with_a_count(void **state)
{
    AUTO(offers_close) struct offers o;
    struct err err;

    (void)state;
    offers_init(&o, offers_error_room("x"));
    for (int i = 0; i < 100; i++)
        offers_add(&o, "image sha256:%012d (reg.example.com/team/a-name-of-some-length:1)", i);
    assert_fails(offers_fail(&o, "x", &err), ERR_USAGE, "length:1), and 9");
    assert_non_null(strstr(err.text, " more"));
    assert_string_equal(err.text + strlen(err.text) - 5, " more");
}

static void a_subject_without_end_leaves_room_for_the_list(void **state)
{
    AUTO(offers_close) struct offers o;
    struct err err;
    char subject[5000];

    (void)state;
    memset(subject, 'x', sizeof(subject) - 1);
    subject[sizeof(subject) - 1] = '\0';
    offers_init(&o, offers_error_room(subject));
    offers_add(&o, "image one");
    offers_add(&o, "%s", subject); /* longer than any list */
    assert_fails(offers_fail(&o, subject, &err), ERR_USAGE, "x...\" may be image one, and 1 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_fits_is_told_whole),
        cmocka_unit_test(a_list_that_does_not_fit_ends_with_a_count),
        cmocka_unit_test(a_subject_without_end_leaves_room_for_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
