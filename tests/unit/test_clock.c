#include "tests/support/unit.h"

#include "common/clock.h"

static void wall_time_is_written_in_utc(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1772445600000, "2026-03-02T10:00:00Z"},
        {1772445600123, "2026-03-02T10:00:00.123Z"},
        {1772445600007, "2026-03-02T10:00:00.007Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59Z"},
        {-62135596800000, "0001-01-01T00:00:00Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    char out[CLOCK_TEXT];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_string_equal(clock_text(cases[i].ms, out), cases[i].text);
    assert_true(strlen(clock_text(INT64_MAX, out)) < CLOCK_TEXT);
    assert_true(strlen(clock_text(INT64_MIN, out)) < CLOCK_TEXT);
}

static void times_are_read_with_any_offset_and_fraction(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2026-03-02T10:00:00Z", 1772445600000},
        {"2026-03-02t10:00:00z", 1772445600000},
        {"2026-03-02T10:00:00.123456789Z", 1772445600123},
        {"2026-03-02T10:00:00.9Z", 1772445600900},
        {"2026-03-02T10:00:00.0009Z", 1772445600000},
        {"2026-03-02T12:00:00+02:00", 1772445600000},
        {"2026-03-02T04:30:00-05:30", 1772445600000},
        {"2026-03-02T10:00:00", 1772445600000},
        {"2026-03-02 10:00", 1772445600000},
        {"2026-03-02 12:00+02:00", 1772445600000},
        {"2026-03-02", 1772409600000},
        {"2024-02-29", 1709164800000},
        {"2000-02-29", 951782400000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };
    int64_t ms;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_ok(clock_parse(&ms, cases[i].text, &err));
        assert_true(ms == cases[i].ms);
    }
}

static void what_is_no_time_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "expected a year"},
        {"yesterday", "expected a year"},
        {"0000-01-01", "expected a year"},
        {"12026-01-01", "expected a year"},
        {"2026-13-01", "expected a month"},
        {"2026-00-01", "expected a month"},
        {"2026-02-29", "day of that month"},
        {"1900-02-29", "day of that month"},
        {"2026-04-31", "day of that month"},
        {"2026-4-1", "expected a month"},
        {"2026-03-02T", "hours and minutes"},
        {"2026-03-02T24:00", "hours and minutes"},
        {"2026-03-02T10:60", "hours and minutes"},
        {"2026-03-02T10:00:61Z", "seconds"},
        {"2026-03-02T10:00:00.Z", "1 to 9 digits"},
        {"2026-03-02T10:00:00.1234567890Z", "1 to 9 digits"},
        {"2026-03-02T10:00:00+2", "offset"},
        {"2026-03-02T10:00:00+24:00", "offset"},
        {"2026-03-02T10:00:00 UTC", "offset"},
        {"2026-03-02T10:00:00Z ", "expected the end"},
        {"2026-03-02X10:00", "'T'"},
        {"2026-03-02Z", "'T'"},
    };
    int64_t ms = 77;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(clock_parse(&ms, cases[i].text, &err), ERR_CORRUPT, cases[i].words);
    assert_int_equal(ms, 77);
}

static void text_comes_back_from_a_parse(void **state)
{
    char out[CLOCK_TEXT];
    int64_t back;
    struct err err;

    (void)state;
    for (int64_t ms = -62135596800000; ms < 253402300800000; ms += 86400000LL * 365 + 12345678) {
        assert_ok(clock_parse(&back, clock_text(ms, out), &err));
        assert_true(back == ms);
    }
}

static void durations_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"500ms", 500},    {"90s", 90000},      {"15m", 900000},
        {"12h", 43200000}, {"14d", 1209600000}, {"30", 30000},
        {"0", 0},          {"0ms", 0},          {"9223372036854775807ms", INT64_MAX},
    };
    int64_t ms;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_ok(clock_parse_duration(&ms, cases[i].text, &err));
        assert_true(ms == cases[i].ms);
    }
}

static void wrong_durations_are_refused(void **state)
{
    static const char *const wrong[] = {"", "s", "-1s", "1 s", "1.5h", "1w", "1h30m", "1S", "+1s"};
    static const char *const large[] = {"9223372036854775808ms", "9223372036854775807s",
                                        "99999999999999999999999d"};
    int64_t ms = 77;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(wrong); i++)
        assert_fails(clock_parse_duration(&ms, wrong[i], &err), ERR_CORRUPT, "as 90s");
    for (size_t i = 0; i < unit_count(large); i++)
        assert_fails(clock_parse_duration(&ms, large[i], &err), ERR_LIMIT, "too long");
    assert_int_equal(ms, 77);
}

static void clocks_run(void **state)
{
    uint64_t before = clock_mono_ns();

    (void)state;
    assert_true(clock_mono_ns() >= before);
    assert_true(clock_wall_ms() > 1600000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_written_in_utc),
        cmocka_unit_test(times_are_read_with_any_offset_and_fraction),
        cmocka_unit_test(what_is_no_time_is_refused_with_the_reason),
        cmocka_unit_test(text_comes_back_from_a_parse),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(wrong_durations_are_refused),
        cmocka_unit_test(clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
