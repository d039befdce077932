#include "tests/support/unit.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "tests/support/capture.h"

static struct capture capture;

static void begin(enum log_level level, enum log_form form)
{
    log_setup(STDERR_FILENO, level, form);
    capture_begin(&capture, STDERR_FILENO);
}

/* Splits "time=... rest": checks the time and returns the rest, without the line's end. */
static char *rest_of_line(char *line)
{
    char *space = strchr(line, ' ');
    struct err err;
    int64_t ms;

    assert_non_null(space);
    assert_memory_equal(line, "time=", 5);
    *space = '\0';
    assert_ok(clock_parse(&ms, line + 5, &err));
    assert_true(llabs(clock_wall_ms() - ms) < 60000);
    assert_int_equal(space[strlen(space + 1)], '\n');
    space[strlen(space + 1)] = '\0';
    return space + 1;
}

static void an_event_is_a_line_of_keys_and_values(void **state)
{
    AUTO_FREE char *text = NULL;

    (void)state;
    begin(LOG_INFO, LOG_TEXT);
    log_event(LOG_WARN, "store-unreadable", "store", "/var/lib/docker", "count", "3", NULL);
    text = capture_end(&capture);
    assert_string_equal(rest_of_line(text),
                        "level=warn event=store-unreadable store=/var/lib/docker count=3");
}

static void less_important_events_are_not_shown(void **state)
{
    AUTO_FREE char *text = NULL;

    (void)state;
    begin(LOG_WARN, LOG_TEXT);
    log_event(LOG_INFO, "chatter", NULL);
    log_event(LOG_DEBUG, "chatter", NULL);
    log_event(LOG_ERROR, "heard", NULL);
    text = capture_end(&capture);
    assert_null(strstr(text, "chatter"));
    assert_non_null(strstr(text, "event=heard"));
}

static void values_that_would_mislead_are_quoted_and_escaped(void **state)
{
    AUTO_FREE char *text = NULL;

    (void)state;
    begin(LOG_INFO, LOG_TEXT);
    log_event(LOG_INFO, "e", "space", "a b", "quote", "a\"b", "slash", "a\\b", "equals", "a=b",
              "line", "a\nlevel=error", "escape", "\x1b[31m", "c1", "\xc2\x9b", "bad", "\xff",
              "euro", "\xe2\x82\xac", "nothing", NULL, "empty", "", NULL);
    text = capture_end(&capture);
    assert_string_equal(rest_of_line(text),
                        "level=info event=e space=\"a b\" quote=\"a\\\"b\" slash=\"a\\\\b\" "
                        "equals=\"a=b\" line=\"a\\nlevel=error\" escape=\"\\u001b[31m\" "
                        "c1=\"\\u009b\" bad=\"\xef\xbf\xbd\" euro=\"\xe2\x82\xac\" nothing= "
                        "empty=");
}

static void an_error_is_logged_with_kind_and_text(void **state)
{
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    err_set(&err, ERR_DENIED, "open /x: no");
    begin(LOG_INFO, LOG_TEXT);
    log_error(LOG_ERROR, "failed", &err, "host", "h1", NULL);
    text = capture_end(&capture);
    assert_string_equal(rest_of_line(text),
                        "level=error event=failed host=h1 kind=denied error=\"open /x: no\"");
}

static void the_json_form_is_one_object_a_line(void **state)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *j = NULL;
    struct err err;

    (void)state;
    err_set(&err, ERR_IO, "it \"broke\"");
    begin(LOG_INFO, LOG_JSON);
    log_error(LOG_WARN, "failed", &err, "value", "a\tb \x01 \xff \xc3\xa4", "none", NULL, NULL);
    text = capture_end(&capture);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    j = json_parse(text, strlen(text), &err);
    assert_non_null(j);
    assert_string_equal(json_str(j, "level"), "warn");
    assert_string_equal(json_str(j, "event"), "failed");
    assert_string_equal(json_str(j, "value"), "a\tb \x01 \xef\xbf\xbd \xc3\xa4");
    assert_string_equal(json_str(j, "none"), "");
    assert_string_equal(json_str(j, "kind"), "io");
    assert_string_equal(json_str(j, "error"), "it \"broke\"");
}

static void a_long_value_is_cut_at_a_whole_character(void **state)
{
    AUTO_FREE char *text = NULL;
    char value[3001];
    const char *shown;

    (void)state;
    for (size_t i = 0; i < 3000; i += 3)
        memcpy(value + i, "\xe2\x82\xac", 4);
    begin(LOG_INFO, LOG_TEXT);
    log_event(LOG_INFO, "e", "v", value, "after", "x", NULL);
    text = capture_end(&capture);
    shown = strstr(text, " v=\"") + 4;
    assert_int_equal(strcspn(shown, "\""), 2046);
    assert_non_null(strstr(shown, "after=x"));
}

static void the_worst_value_fits_and_a_line_has_an_end(void **state)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON json_t *j = NULL;
    char worst[2049];
    struct err err;

    (void)state;
    memset(worst, '\x01', sizeof(worst) - 1);
    worst[sizeof(worst) - 1] = '\0';
    begin(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "e", "one", worst, "two", worst, "three", "x", NULL);
    text = capture_end(&capture);
    assert_in_range(strlen(text), 1, 16384);
    j = json_parse(text, strlen(text), &err);
    assert_non_null(j);
    assert_string_equal(json_str(j, "one"), worst);
    assert_null(json_str(j, "two"));
    assert_string_equal(json_str(j, "cut"), "yes");
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_event(LOG_INFO, "thread", "name", arg, "again", arg, NULL);
    return NULL;
}

static void lines_of_two_threads_do_not_mix(void **state)
{
    AUTO_FREE char *text = NULL;
    pthread_t a, b;
    int lines = 0;
    char *rest;

    (void)state;
    begin(LOG_INFO, LOG_TEXT);
    assert_int_equal(pthread_create(&a, NULL, write_lines, "aaaaaaaa"), 0);
    assert_int_equal(pthread_create(&b, NULL, write_lines, "bbbbbbbb"), 0);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    rest = text = capture_end(&capture);
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        const char *name = strstr(line, " name=");

        assert_non_null(name);
        assert_true(strcmp(name, " name=aaaaaaaa again=aaaaaaaa") == 0 ||
                    strcmp(name, " name=bbbbbbbb again=bbbbbbbb") == 0);
    }
    assert_int_equal(lines, 400);
}

static void levels_have_names(void **state)
{
    enum log_level level;
    struct err err;

    (void)state;
    assert_ok(log_level_parse(&level, "debug", &err));
    assert_int_equal(level, LOG_DEBUG);
    assert_ok(log_level_parse(&level, "error", &err));
    assert_int_equal(level, LOG_ERROR);
    assert_fails(log_level_parse(&level, "loud", &err), ERR_USAGE, "expected error, warn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_line_of_keys_and_values),
        cmocka_unit_test(less_important_events_are_not_shown),
        cmocka_unit_test(values_that_would_mislead_are_quoted_and_escaped),
        cmocka_unit_test(an_error_is_logged_with_kind_and_text),
        cmocka_unit_test(the_json_form_is_one_object_a_line),
        cmocka_unit_test(a_long_value_is_cut_at_a_whole_character),
        cmocka_unit_test(the_worst_value_fits_and_a_line_has_an_end),
        cmocka_unit_test(lines_of_two_threads_do_not_mix),
        cmocka_unit_test(levels_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
