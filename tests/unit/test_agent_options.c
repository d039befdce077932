#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/options.h"
#include "common/cleanup.h"

#define ARGS_MAX 16

/* Parses and checks "layercensus-agent WORDS". */
static int parse(const char *words, struct options *o, struct err *err)
{
    AUTO_FREE char *copy = strdup(words);
    char *argv[ARGS_MAX] = {(char *)"layercensus-agent"};
    struct cli_result result = {0};
    char *rest = copy;
    int argc = 1;

    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < ARGS_MAX;)
        argv[argc++] = word;
    *o = (struct options){0};
    if (cli_parse(&options_program, argc, argv, o, &result, err) != 0)
        return -1;
    return options_check(o, strcmp(result.command->name, OPTIONS_RUN) == 0, err);
}

static void good_options_are_understood(void **state)
{
    AUTO(options_free) struct options o = {0};
    struct err err = {0};

    (void)state;
    assert_ok(parse("run --collector c.example.com --label b=2 --label a=x=y --lifetime ephemeral "
                    "--host-root /host/ --no-api",
                    &o, &err));
    assert_string_equal(o.address.host, "c.example.com");
    assert_string_equal(o.address.port, "7443");
    assert_string_equal(o.host_root, "/host");
    assert_int_equal(o.label_count, 2);
    assert_string_equal(o.label_pairs[0].key, "a");
    assert_string_equal(o.label_pairs[0].value, "x=y");
    assert_int_equal(o.lifetime, 1);
    assert_false(o.api);
    assert_true(o.find && o.measure && o.container_names);
    assert_int_equal(o.look_ms, 2000);
}

static void nonsense_is_refused_with_what_was_expected(void **state)
{
    static const struct {
        const char *words, *says;
    } cases[] = {
        {"run", "no collector"},
        {"run --collector :7443", "expected a host"},
        {"run --collector h:0", "from 1 to 65535"},
        {"run --collector h --server-name a/b", "--server-name"},
        {"run --collector h:99999", "port"},
        {"run --collector unix:", "path"},
        {"run --collector h --cert a", "--cert and --key"},
        {"run --collector h --plaintext --ca x", "--plaintext excludes"},
        {"run --collector h --label x", "KEY=VALUE"},
        {"run --collector h --label =x", "KEY=VALUE"},
        {"run --collector h --label a=1 --label a=2", "twice"},
        {"run --collector h --label a!=1", "letters"},
        {"run --collector h --state-dir x", "absolute path"},
        {"run --collector h --docker-root x", "absolute path"},
        {"run --collector h --host-root x", "absolute path"},
        {"run --collector h --no-find", "--docker-root"},
        {"run --collector h --reconnect-min 10s --reconnect-max 1s", "--reconnect-max"},
        {"run --collector h --scan-interval 1s --look-interval 5s", "--scan-interval"},
        {"run --collector h --look-interval soon", "look-interval"},
        {"run --collector h --lifetime eternal", "lifetime"},
        {"run --colector h", "--collector"},
        {"run --root /x", "--root"},
        {"scan --root x", "absolute path"},
        {"scan -o xml", "output"},
        {"look", "look"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        AUTO(options_free) struct options o = {0};
        struct err err = {0};

        if (parse(cases[i].words, &o, &err) == 0)
            fail_msg("accepted: %s", cases[i].words);
        unit_assert_error(&err, ERR_USAGE, cases[i].says, cases[i].words, (int)i);
    }
}

static void what_a_collector_would_refuse_is_refused_at_the_start(void **state)
{
    char words[REC_TEXT_BYTES + 100] = "run --collector h --label a=";
    size_t label = strlen(words), cluster;
    AUTO(options_free) struct options fits = {0};
    AUTO(options_free) struct options longer = {0};
    AUTO(options_free) struct options control = {0};
    AUTO(options_free) struct options value = {0};
    AUTO(options_free) struct options longest = {0};
    struct err err = {0};

    (void)state;
    memset(words + label, 'v', REC_TEXT_BYTES);
    assert_ok(parse(words, &longest, &err));
    words[label + REC_TEXT_BYTES] = 'v';
    assert_fails(parse(words, &value, &err), ERR_USAGE, "value of a");
    memset(words, 0, sizeof(words));
    cluster = (size_t)snprintf(words, sizeof(words), "run --collector h --cluster ");
    memset(words + cluster, 'c', REC_NAME_BYTES);
    assert_ok(parse(words, &fits, &err));
    words[cluster + REC_NAME_BYTES] = 'c';
    assert_fails(parse(words, &longer, &err), ERR_USAGE, "--cluster \"ccc");
    assert_fails(parse("run --collector h --cluster a\x01z", &control, &err), ERR_USAGE,
                 "--cluster");
}

static void a_named_root_is_all_that_scan_reads(void **state)
{
    AUTO(options_free) struct options o = {0};
    struct engine_options e;
    struct err err = {0};

    (void)state;
    assert_ok(parse("scan --root /srv/docker", &o, &err));
    e = options_engine(&o);
    assert_false(e.find);
    assert_int_equal(e.docker_root_count, 1);
    assert_string_equal(e.docker_roots[0], "/srv/docker");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_options_are_understood),
        cmocka_unit_test(nonsense_is_refused_with_what_was_expected),
        cmocka_unit_test(what_a_collector_would_refuse_is_refused_at_the_start),
        cmocka_unit_test(a_named_root_is_all_that_scan_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
