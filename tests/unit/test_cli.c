#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/cli.h"
#include "tests/support/capture.h"
#include "tests/support/tempdir.h"

struct config {
    bool verbose, colour;
    char *db;
    int64_t limit, wait, bytes, any;
    int output;
    struct cli_list labels;
    char *listen;
    int64_t depth;
};

static const char *const outputs[] = {"table", "json", "csv", NULL};

static const struct cli_option common_options[] = {
    {"verbose", 'v', CLI_FLAG, offsetof(struct config, verbose), NULL, NULL, "Says more.", 0, 0,
     NULL, false},
    {"colour", 0, CLI_FLAG, offsetof(struct config, colour), NULL, "yes", "Uses no colour.", 0, 0,
     NULL, false},
    {"db", 0, CLI_TEXT, offsetof(struct config, db), "FILE", NULL,
     "The database to read; a long explanation that needs more than one line so that the text has "
     "to be wrapped somewhere.",
     0, 0, NULL, false},
    {"wait-time", 'w', CLI_DURATION, offsetof(struct config, wait), "TIME", "5s", "How long.", 1000,
     60000, NULL, false},
    {"output", 'o', CLI_CHOICE, offsetof(struct config, output), "FORMAT", "table", "The form.", 0,
     0, outputs, false},
    {"label", 'l', CLI_LIST, offsetof(struct config, labels), "K=V", NULL, "Only these hosts.", 0,
     0, NULL, false},
    {"any", 0, CLI_NUMBER, offsetof(struct config, any), "N", NULL, "A number.", 0, 0, NULL, false},
    {.name = NULL},
};

static const struct cli_option images_options[] = {
    {"limit", 'n', CLI_NUMBER, offsetof(struct config, limit), "N", "20", "At most N rows.", 1, 100,
     NULL, false},
    {"bytes", 0, CLI_SIZE, offsetof(struct config, bytes), "SIZE", "1M", "A size.", 1, 1LL << 40,
     NULL, false},
    {.name = NULL},
};

static const struct cli_option serve_options[] = {
    {"listen", 0, CLI_TEXT, offsetof(struct config, listen), "ADDRESS", ":4317",
     "Where agents connect.", 0, 0, NULL, false},
    {"depth", 0, CLI_NUMBER, offsetof(struct config, depth), "N", "3", "How deep.", 1, 9, NULL,
     false},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {"images", "[IMAGE...]", "Lists images.",
     "probe images --limit 3 debian    which hosts hold debian, and how many bytes that is in all",
     0, 2, images_options},
    {"serve", "", "Serves.", "probe serve --listen :4317    takes what agents send", 0, 0,
     serve_options},
    {"where", "IMAGE", "Finds an image.", "probe where debian:12", 1, 1, NULL},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "probe",
    .about = "Tests how options are read.",
    .env_prefix = "PROBE",
    .sibling_prefixes = (const char *const[]){"PROBE_AGENT", NULL},
    .options = common_options,
    .commands = commands,
};

struct fixture {
    struct tempdir dir;
    struct config config;
    struct cli_result result;
    struct err err;
    char *argv[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    tempdir_open(&f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cli_free(&program, &f->config);
    cli_free(&program, &f->config); /* twice is allowed */
    tempdir_close(&f->dir);
    unsetenv("PROBE_LIMIT");
    unsetenv("PROBE_WAIT_TIME");
    unsetenv("PROBE_LABEL");
    unsetenv("PROBE_DB");
    unsetenv("PROBE_CONFIG");
    unsetenv("PROBE_VERBOSE");
    free(f);
    return 0;
}

static int parse_as(struct fixture *f, const struct cli_program *p, const char *const *words)
{
    int argc = 1;

    cli_free(&program, &f->config);
    f->argv[0] = "probe";
    while (words[argc - 1] != NULL) {
        f->argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    f->argv[argc] = NULL;
    return cli_parse(p, argc, f->argv, &f->config, &f->result, &f->err);
}

#define parse(f, ...) parse_as(f, &program, (const char *const[]){__VA_ARGS__, NULL})

#define assert_parses(f, ...)                                                                      \
    do {                                                                                           \
        if (parse(f, __VA_ARGS__) != 0)                                                            \
            fail_msg("%s", (f)->err.text);                                                         \
    } while (0)

#define assert_refused(f, words, ...)                                                              \
    do {                                                                                           \
        assert_int_equal(parse(f, __VA_ARGS__), -1);                                               \
        unit_assert_error(&(f)->err, ERR_USAGE, words, __FILE__, __LINE__);                        \
    } while (0)

static void defaults_are_those_of_the_table(void **state)
{
    struct fixture *f = *state;

    assert_parses(f, "images");
    assert_string_equal(f->result.command->name, "images");
    assert_int_equal(f->result.arg_count, 0);
    assert_false(f->config.verbose);
    assert_true(f->config.colour);
    assert_null(f->config.db);
    assert_int_equal(f->config.limit, 20);
    assert_int_equal(f->config.wait, 5000);
    assert_int_equal(f->config.bytes, 1 << 20);
    assert_int_equal(f->config.output, 0);
    assert_int_equal(f->config.labels.count, 0);
    assert_false(f->result.done);
    assert_false(f->result.check_config);
}

static void flags_are_read_in_all_their_spellings(void **state)
{
    struct fixture *f = *state;

    assert_parses(f, "--db", "x", "images", "--limit=7", "-w", "30s", "-ojson", "--no-colour",
                  "--bytes", "64k", "--verbose");
    assert_string_equal(f->config.db, "x");
    assert_int_equal(f->config.limit, 7);
    assert_int_equal(f->config.wait, 30000);
    assert_int_equal(f->config.output, 1);
    assert_false(f->config.colour);
    assert_int_equal(f->config.bytes, 65536);
    assert_true(f->config.verbose);
    assert_parses(f, "images", "-vn3", "-l", "a=b", "-lc=d", "--db=");
    assert_true(f->config.verbose);
    assert_int_equal(f->config.limit, 3);
    assert_int_equal(f->config.labels.count, 2);
    assert_string_equal(f->config.labels.items[0], "a=b");
    assert_string_equal(f->config.labels.items[1], "c=d");
    assert_string_equal(f->config.db, "");
}

static void the_last_flag_of_a_name_wins(void **state)
{
    struct fixture *f = *state;

    assert_parses(f, "images", "--limit", "3", "--limit", "4", "--verbose", "--no-verbose", "--db",
                  "a", "--db", "b");
    assert_int_equal(f->config.limit, 4);
    assert_false(f->config.verbose);
    assert_string_equal(f->config.db, "b");
}

static void arguments_lie_in_one_piece_whatever_stood_between(void **state)
{
    struct fixture *f = *state;

    assert_parses(f, "-v", "images", "one", "--limit", "3", "--", "--two");
    assert_int_equal(f->result.arg_count, 2);
    assert_string_equal(f->result.args[0], "one");
    assert_string_equal(f->result.args[1], "--two");
    assert_int_equal(f->config.limit, 3);
    assert_parses(f, "images", "-");
    assert_int_equal(f->result.arg_count, 1);
    assert_string_equal(f->result.args[0], "-");
}

static void wrong_command_lines_are_refused_with_advice(void **state)
{
    struct fixture *f = *state;

    assert_refused(f, "did you mean --limit?", "images", "--limt", "3");
    assert_refused(f, "did you mean --verbose?", "images", "--verb");
    assert_refused(f, "unknown option --xyzzy-abc: see --help", "images", "--xyzzy-abc");
    assert_refused(f, "unknown option -x", "images", "-x");
    assert_refused(f, "--limit needs a value: N", "images", "--limit");
    assert_refused(f, "-z", "images", "-vz");
    assert_refused(f, "did you mean \"images\"?", "image");
    assert_refused(f, "unknown command \"frobnicate\"", "frobnicate");
    assert_refused(f, "expected a command", "-v");
    assert_refused(f, "unexpected argument \"c\"", "images", "a", "b", "c");
    assert_refused(f, "expected IMAGE behind where", "where");
    assert_refused(f, "--limit belongs to a command", "--limit", "3", "images");
    assert_refused(f, "--limit is not an option of \"where\"", "where", "x", "--limit", "3");
    assert_refused(f, "--no-verbose takes no value", "images", "--no-verbose=yes");
    assert_refused(f, "unknown option --no-limit", "images", "--no-limit");
    assert_refused(f, "unknown option --no-help", "images", "--no-help");
}

static void wrong_values_say_what_was_expected(void **state)
{
    struct fixture *f = *state;

    assert_refused(f, "--limit: \"0\": expected 1 to 100", "images", "--limit", "0");
    assert_refused(f, "expected 1 to 100", "images", "--limit", "101");
    assert_refused(f, "expected 1 to 100", "images", "--limit", "-5");
    assert_refused(f, "expected a number", "images", "--limit", "x");
    assert_refused(f, "expected a number", "images", "--limit", "3x");
    assert_refused(f, "expected a number", "images", "--limit", "99999999999999999999");
    assert_refused(f, "expected a number", "images", "--limit", "");
    assert_refused(f, "\"-1\": expected 0 or more", "images", "--any", "-1");
    assert_refused(f, "expected 1000 to 60000 milliseconds", "images", "-w", "2m");
    assert_refused(f, "expected a duration as", "images", "-w", "soon");
    assert_refused(f, "expected a size as", "images", "--bytes", "64kb");
    assert_refused(f, "expected a size as", "images", "--bytes", "9999999999T");
    assert_refused(f, "bytes", "images", "--bytes", "2000G");
    assert_refused(f, "expected one of table, json, csv", "images", "-o", "xml");
    assert_refused(f, "expected yes, no, true or false", "images", "--verbose=perhaps");
    assert_null(f->config.db);
}

static void sizes_are_binary_multiples(void **state)
{
    struct fixture *f = *state;

    assert_parses(f, "images", "--bytes", "4096");
    assert_int_equal(f->config.bytes, 4096);
    assert_parses(f, "images", "--bytes", "10M");
    assert_int_equal(f->config.bytes, 10 << 20);
    assert_parses(f, "images", "--bytes", "2g");
    assert_int_equal(f->config.bytes, 2LL << 30);
    assert_parses(f, "images", "--bytes", "1T");
    assert_int_equal(f->config.bytes, 1LL << 40);
}

static void later_sources_win(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "c.conf",
                       "# a comment\n\nlimit = 30\nwait-time=6s\ndb = /from/file ; kept\n"
                       "verbose = yes\noutput = json\n");
    tempdir_write_text(&f->dir, "c.conf.d/10-b.conf", "limit = 31\nwait-time = 8s\n");
    tempdir_write_text(&f->dir, "c.conf.d/05-a.conf", "wait-time = 7s\nlimit = 50\n");
    tempdir_write_text(&f->dir, "c.conf.d/.hidden.conf", "nonsense\n");
    tempdir_write_text(&f->dir, "c.conf.d/README", "nonsense\n");
    tempdir_path(&f->dir, "c.conf", path);
    assert_parses(f, "images", "--config", path);
    assert_int_equal(f->config.limit, 31);
    assert_int_equal(f->config.wait, 8000);
    assert_string_equal(f->config.db, "/from/file ; kept");
    assert_true(f->config.verbose);
    assert_int_equal(f->config.output, 1);
    setenv("PROBE_LIMIT", "32", 1);
    setenv("PROBE_WAIT_TIME", "9s", 1);
    setenv("PROBE_DB", "", 1); /* empty: as if not set */
    assert_parses(f, "images", "--config", path, "--limit", "33");
    assert_int_equal(f->config.limit, 33);
    assert_int_equal(f->config.wait, 9000);
    assert_string_equal(f->config.db, "/from/file ; kept");
}

static void a_list_starts_anew_in_each_source(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "c", "label = a=1\nlabel = b=2\n");
    tempdir_path(&f->dir, "c", path);
    assert_parses(f, "images", "--config", path);
    assert_int_equal(f->config.labels.count, 2);
    assert_string_equal(f->config.labels.items[1], "b=2");
    setenv("PROBE_LABEL", "c=3,d=4,,e=5", 1);
    assert_parses(f, "images", "--config", path);
    assert_int_equal(f->config.labels.count, 3);
    assert_string_equal(f->config.labels.items[2], "e=5");
    assert_parses(f, "images", "--config", path, "-l", "f=6");
    assert_int_equal(f->config.labels.count, 1);
    assert_string_equal(f->config.labels.items[0], "f=6");
}

static void a_bad_file_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *content, *words;
    } cases[] = {
        {"limit = 3\nlimt = 4\n", ":2: unknown name \"limt\": did you mean \"limit\"?"},
        {"zzzzzzzzzz = 1\n", ":1: unknown name \"zzzzzzzzzz\": see --help"},
        {"\n\nlimit = many\n", ":3: limit: \"many\": expected a number"},
        {"limit = 3\n\nlimit = 4\n", ":3: limit: given twice"},
        {"[section]\nlimit = 3\n", ":1: sections are not used"},
        {"limit\n", ":1: expected name = value"},
        {"limit = 3\n  wait-time\n", ":2: expected name = value"},
        {"help = yes\n", ":1: help: only allowed on the command line"},
        {"config = x\n", ":1: config: only allowed on the command line"},
        {"depth = 77\n", ":1: depth: \"77\": expected 1 to 9"}, /* of another command */
        {"= 3\n", ":1: unknown name \"\""},
    };
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_path(&f->dir, "c", path);
    for (size_t i = 0; i < unit_count(cases); i++) {
        tempdir_write_text(&f->dir, "c", cases[i].content);
        assert_refused(f, cases[i].words, "images", "--config", path);
        assert_non_null(strstr(f->err.text, path));
    }
    tempdir_write(&f->dir, "c", "limit = 3\nli\0mit = 3\n", 21);
    assert_refused(f, ":2: expected text, found a zero byte", "images", "--config", path);
}

static void long_lines_and_files_are_refused_not_split(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_close) struct buf b;
    char path[PATH_MAX];
    struct err err;

    buf_init(&b, 4 << 20);
    tempdir_path(&f->dir, "c", path);
    assert_ok(buf_printf(&b, &err, "db = %03000d\nlimit = 3\n", 0));
    tempdir_write(&f->dir, "c", b.data, b.len);
    assert_parses(f, "images", "--config", path);
    assert_int_equal(strlen(f->config.db), 3000);
    assert_int_equal(f->config.limit, 3);
    buf_reset(&b);
    assert_ok(buf_printf(&b, &err, "limit = 3\ndb = %05000d\n", 0));
    tempdir_write(&f->dir, "c", b.data, b.len);
    assert_refused(f, ":2: the line is too long", "images", "--config", path);
    buf_reset(&b);
    for (int i = 0; i < 2 << 20; i += 64)
        assert_ok(buf_printf(&b, &err, "# %061d\n", 0));
    tempdir_write(&f->dir, "c", b.data, b.len);
    assert_refused(f, "the file is too long", "images", "--config", path);
}

static void one_file_serves_all_commands(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "c", "listen = :1\nlimit = 9\ndb = d\n");
    tempdir_path(&f->dir, "c", path);
    assert_parses(f, "images", "--config", path);
    assert_int_equal(f->config.limit, 9);
    assert_parses(f, "serve", "--config", path);
    assert_string_equal(f->config.listen, ":1");
    assert_string_equal(f->config.db, "d");
}

static void a_named_file_must_exist_and_the_standard_one_need_not(void **state)
{
    struct fixture *f = *state;
    struct cli_program with_standard = program;
    const char *const words[] = {"images", NULL};
    char path[PATH_MAX];

    assert_int_equal(parse(f, "images", "--config", tempdir_path(&f->dir, "absent", path)), -1);
    assert_int_equal(f->err.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(f->err.text, "absent"));
    assert_int_equal(parse(f, "images", "--config", f->dir.path), -1);
    assert_int_equal(f->err.kind, ERR_IO);
    with_standard.standard_config = path;
    if (parse_as(f, &with_standard, words) != 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(f->config.limit, 20);
    tempdir_write_text(&f->dir, "absent.d/x.conf", "limit = 8\n");
    if (parse_as(f, &with_standard, words) != 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(f->config.limit, 8);
    tempdir_write_text(&f->dir, "absent", "limit = 7\nverbose = true\n");
    if (parse_as(f, &with_standard, words) != 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(f->config.limit, 8);
    assert_true(f->config.verbose);
}

static void a_bad_variable_is_refused_by_its_name(void **state)
{
    struct fixture *f = *state;

    setenv("PROBE_LIMIT", "x", 1);
    assert_refused(f, "PROBE_LIMIT: \"x\": expected a number", "images");
    assert_parses(f, "where", "x"); /* does not read it */
    setenv("PROBE_LIMIT", "5", 1);
    setenv("PROBE_CONFIG", "/nonexistent", 1); /* flags only */
    setenv("PROBE_VERBOSE", "1", 1);
    assert_parses(f, "images");
    assert_int_equal(f->config.limit, 5);
    assert_true(f->config.verbose);
}

/* What is said on stderr while `name` is set. */
static char *warning_of(struct fixture *f, const char *name, const char *value)
{
    struct capture capture;
    char *text;
    int rc;

    setenv(name, value, 1);
    capture_begin(&capture, STDERR_FILENO);
    rc = parse(f, "where", "x");
    text = capture_end(&capture);
    unsetenv(name);
    assert_int_equal(rc, 0);
    return text;
}

static void a_misspelt_variable_is_named_with_what_may_be_meant(void **state)
{
    AUTO_FREE char *near = warning_of(*state, "PROBE_WAIT_TINE", "9s");
    AUTO_FREE char *far = warning_of(*state, "PROBE_QQQQQQQQ", "9s");

    assert_string_equal(near, "probe: warning: no option is read from the variable "
                              "PROBE_WAIT_TINE; did you mean PROBE_WAIT_TIME?\n");
    assert_string_equal(far,
                        "probe: warning: no option is read from the variable PROBE_QQQQQQQQ\n");
}

static void variables_that_others_set_are_none_of_ours(void **state)
{
    static const char *const names[] = {
        "PROBE_DEPTH",       /* another command reads it */
        "PROBE_AGENT_LABLE", /* another program reads it, or should */
        "PROBE_PORT",        "PROBE_PORT_80_TCP_ADDR", "PROBE_SERVICE_HOST", "PROBELABLE", "PROBE_",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO_FREE char *text = warning_of(*state, names[i], "1");

        assert_string_equal(text, "");
    }
}

static void check_config_needs_neither_command_nor_arguments(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "c", "depth = 4\n");
    tempdir_path(&f->dir, "c", path);
    assert_parses(f, "--check-config", "--config", path);
    assert_true(f->result.check_config);
    assert_null(f->result.command);
    assert_parses(f, "where", "--check-config");
    assert_true(f->result.check_config);
    tempdir_write_text(&f->dir, "c", "depth = 44\n");
    assert_refused(f, ":1: depth", "--check-config", "--config", path);
}

static char *output_of(struct fixture *f, const char *first, const char *second)
{
    struct capture capture;
    char *text;
    int rc;

    capture_begin(&capture, STDOUT_FILENO);
    rc = parse(f, first, second);
    text = capture_end(&capture);
    assert_int_equal(rc, 0);
    assert_true(f->result.done);
    return text;
}

static void assert_fits(const char *text)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 80);
        assert_int_not_equal(line[strcspn(line, "\n")], '\0');
        if (line[0] != '\n')
            assert_int_not_equal(line[strcspn(line, "\n") - 1], ' ');
    }
}

static void help_fits_the_terminal_and_names_everything(void **state)
{
    static const char *const words[] = {
        "Usage: probe [OPTION...] COMMAND",
        "Commands:\n",
        "  images [IMAGE...]         Lists images.\n",
        "  -v, --verbose             Says more.\n",
        "      --no-colour           Uses no colour.\n",
        "  -o, --output FORMAT       The form. One of table, json, csv. (default: table)\n",
        "      --check-config",
        "  -h, --help",
        "PROBE_LONG_NAME",
        "Examples:\n",
        "  probe where debian:12\n",
    };
    AUTO_FREE char *text = output_of(*state, "--help", NULL);

    assert_fits(text);
    for (size_t i = 0; i < unit_count(words); i++)
        if (strstr(text, words[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", words[i], text);
}

static void help_of_a_command_shows_its_options_and_example(void **state)
{
    AUTO_FREE char *text = output_of(*state, "images", "--help");
    AUTO_FREE char *shorter = output_of(*state, "serve", "-h");

    assert_fits(text);
    assert_non_null(strstr(text, "Usage: probe images [OPTION...] [IMAGE...]\n"));
    assert_non_null(strstr(text, "At most N rows. From 1 to 100. (default: 20)\n"));
    assert_non_null(strstr(text, "Options of every command:\n"));
    assert_non_null(strstr(text, "Example:\n  probe images --limit 3 debian"));
    assert_null(strstr(text, "--listen"));
    assert_fits(shorter);
    assert_non_null(strstr(shorter, "--listen ADDRESS"));
}

static void the_version_is_printed(void **state)
{
    AUTO_FREE char *text = output_of(*state, "--version", NULL);

    assert_string_equal(text, "probe " LAYERCENSUS_VERSION "\n");
}

static void a_program_may_have_no_commands(void **state)
{
    static const struct cli_command only[] = {
        {NULL, "FILE", NULL, NULL, 1, 1, images_options},
        {.name = NULL},
    };
    struct cli_program simple = {.name = "probe", .about = "Simple.", .commands = only};
    const char *const one[] = {"x", "--limit", "3", NULL};
    const char *const none[] = {NULL};
    struct fixture *f = *state;

    assert_int_equal(parse_as(f, &simple, one), 0);
    assert_ptr_equal(f->result.command, &only[0]);
    assert_string_equal(f->result.args[0], "x");
    assert_int_equal(f->config.limit, 3);
    assert_int_equal(parse_as(f, &simple, none), -1);
    unit_assert_error(&f->err, ERR_USAGE, "expected FILE", __FILE__, __LINE__);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(defaults_are_those_of_the_table),
        with_fixture(flags_are_read_in_all_their_spellings),
        with_fixture(the_last_flag_of_a_name_wins),
        with_fixture(arguments_lie_in_one_piece_whatever_stood_between),
        with_fixture(wrong_command_lines_are_refused_with_advice),
        with_fixture(wrong_values_say_what_was_expected),
        with_fixture(sizes_are_binary_multiples),
        with_fixture(later_sources_win),
        with_fixture(a_list_starts_anew_in_each_source),
        with_fixture(a_bad_file_is_refused_with_its_line),
        with_fixture(long_lines_and_files_are_refused_not_split),
        with_fixture(one_file_serves_all_commands),
        with_fixture(a_named_file_must_exist_and_the_standard_one_need_not),
        with_fixture(a_bad_variable_is_refused_by_its_name),
        with_fixture(a_misspelt_variable_is_named_with_what_may_be_meant),
        with_fixture(variables_that_others_set_are_none_of_ours),
        with_fixture(check_config_needs_neither_command_nor_arguments),
        with_fixture(help_fits_the_terminal_and_names_everything),
        with_fixture(help_of_a_command_shows_its_options_and_example),
        with_fixture(the_version_is_printed),
        with_fixture(a_program_may_have_no_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
