/* Commands of two words, and moments. */
#include "tests/support/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/cli.h"
#include "common/clock.h"
#include "tests/support/capture.h"

struct config {
    bool verbose;
    int64_t limit, moment;
};

static const struct cli_option program_options[] = {
    {.name = "verbose",
     .letter = 'v',
     .type = CLI_FLAG,
     .offset = offsetof(struct config, verbose)},
    {.name = "as-of",
     .type = CLI_MOMENT,
     .offset = offsetof(struct config, moment),
     .value = "TIME"},
    {.name = NULL},
};

static const struct cli_option add_options[] = {
    {.name = "limit",
     .type = CLI_NUMBER,
     .offset = offsetof(struct config, limit),
     .value = "N",
     .most = 100},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {"list add", "NAME", "Adds a name.", "probe list add debian:12", 1, 1, add_options},
    {"list show", "", "Shows the list.", "probe list show", 0, 0, NULL},
    {"lists", "", "Is another command.", "probe lists", 0, 0, NULL},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "probe",
    .about = "Tests commands.",
    .options = program_options,
    .commands = commands,
};

static struct config config;
static struct cli_result result;
static struct err err;

static int parse(int argc, ...)
{
    static char *argv[16];
    va_list words;

    cli_free(&program, &config);
    argv[0] = (char *)"probe";
    va_start(words, argc);
    for (int i = 1; i <= argc; i++)
        argv[i] = va_arg(words, char *);
    va_end(words);
    argv[argc + 1] = NULL;
    return cli_parse(&program, argc + 1, argv, &config, &result, &err);
}

static void both_words_name_the_command_wherever_options_stand(void **state)
{
    (void)state;
    assert_ok(parse(6, "list", "-v", "add", "debian:12", "--limit", "7"));
    assert_string_equal(result.command->name, "list add");
    assert_int_equal(result.arg_count, 1);
    assert_string_equal(result.args[0], "debian:12");
    assert_int_equal(config.limit, 7);
    assert_true(config.verbose);
}

static void a_word_that_only_begins_like_one_is_itself(void **state)
{
    (void)state;
    assert_ok(parse(1, "lists"));
    assert_string_equal(result.command->name, "lists");
}

static void a_first_word_alone_is_answered_with_what_may_follow(void **state)
{
    (void)state;
    assert_fails(parse(1, "list"), ERR_USAGE, "list: expected one of \"list add\", \"list show\"");
    assert_fails(parse(2, "list", "ad"), ERR_USAGE, "did you mean \"list add\"?");
    assert_fails(parse(3, "list", "show", "x"), ERR_USAGE, "unexpected argument \"x\"");
}

static void help_behind_a_first_word_alone_tells_of_its_commands(void **state)
{
    AUTO_FREE char *text = NULL;
    struct capture out;

    (void)state;
    capture_begin(&out, STDOUT_FILENO);
    assert_ok(parse(2, "list", "--help"));
    fflush(stdout);
    text = capture_end(&out);
    assert_true(result.done);
    assert_non_null(strstr(text, "probe [OPTION...] list COMMAND"));
    assert_non_null(strstr(text, "list add NAME"));
    assert_non_null(strstr(text, "probe list show"));
    assert_null(strstr(text, "probe lists"));
    assert_null(strstr(text, "Is another"));
}

static void a_moment_is_a_time_or_so_long_ago(void **state)
{
    int64_t now = clock_wall_ms();

    (void)state;
    assert_ok(parse(1, "lists"));
    assert_int_equal(config.moment, 0);
    assert_ok(parse(3, "lists", "--as-of", "2026-03-02"));
    assert_int_equal(config.moment, 1772409600000);
    assert_ok(parse(3, "lists", "--as-of", "1d"));
    assert_true(config.moment >= now - 86400000 && config.moment <= clock_wall_ms() - 86400000);
}

static void a_moment_that_is_none_or_to_come_is_refused(void **state)
{
    (void)state;
    assert_fails(parse(3, "lists", "--as-of", "perhaps"), ERR_USAGE,
                 "--as-of: \"perhaps\": expected a time as 2026-03-02");
    assert_fails(parse(3, "lists", "--as-of", "-1"), ERR_USAGE, "expected a time");
    assert_fails(parse(3, "lists", "--as-of", "9998-01-01"), ERR_USAGE,
                 "expected a time between 1970 and now");
    assert_fails(parse(3, "lists", "--as-of", "1970-01-01"), ERR_USAGE,
                 "expected a time between 1970 and now");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_words_name_the_command_wherever_options_stand),
        cmocka_unit_test(a_word_that_only_begins_like_one_is_itself),
        cmocka_unit_test(help_behind_a_first_word_alone_tells_of_its_commands),
        cmocka_unit_test(a_moment_is_a_time_or_so_long_ago),
        cmocka_unit_test(a_moment_that_is_none_or_to_come_is_refused),
        cmocka_unit_test(a_first_word_alone_is_answered_with_what_may_follow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
