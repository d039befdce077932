#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/options.h"
#include "common/cleanup.h"

#define ARGS_MAX 32

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
    assert_int_equal(o.look_ms, 60000);
    assert_string_equal(o.docker_socket, "/var/run/docker.sock");
    assert_string_equal(o.containerd_socket, "/run/containerd/containerd.sock");
}

static void every_engine_is_told_what_belongs_to_it(void **state)
{
    AUTO(options_free) struct options o = {0};
    struct engine_options e;
    struct err err = {0};

    (void)state;
    assert_ok(parse("run --collector h --engine docker --skip /srv/a/ --skip / --docker-root /d1/ "
                    "--docker-root /d2 --containerd-root /c --storage-root /s/root --oci-layout /o "
                    "--docker-socket /d.sock --containerd-socket /c.sock --no-container-names",
                    &o, &err));
    e = options_engine(&o);
    assert_int_equal(e.only.count, 1);
    assert_string_equal(e.only.items[0], "docker");
    assert_int_equal(e.skip.count, 2);
    assert_string_equal(e.skip.items[0], "/srv/a");
    assert_string_equal(e.skip.items[1], "/");
    assert_int_equal(e.docker_roots.count, 2);
    assert_string_equal(e.docker_roots.items[0], "/d1");
    assert_string_equal(e.docker_roots.items[1], "/d2");
    assert_int_equal(e.containerd_roots.count, 1);
    assert_string_equal(e.containerd_roots.items[0], "/c");
    assert_int_equal(e.storage_roots.count, 1);
    assert_string_equal(e.storage_roots.items[0], "/s/root");
    assert_int_equal(e.layouts.count, 1);
    assert_string_equal(e.layouts.items[0], "/o");
    assert_string_equal(e.docker_socket, "/d.sock");
    assert_string_equal(e.containerd_socket, "/c.sock");
    assert_true(e.find && e.use_api);
    assert_false(e.container_names);
}

static void without_finding_one_named_store_of_any_kind_is_enough(void **state)
{
    static const char *const named[] = {"--docker-root /x", "--containerd-root /x",
                                        "--storage-root /x", "--oci-layout /x"};

    (void)state;
    for (size_t i = 0; i < unit_count(named); i++) {
        AUTO(options_free) struct options o = {0};
        struct err err = {0};
        char words[100];

        snprintf(words, sizeof(words), "run --collector h --no-find %s", named[i]);
        assert_ok(parse(words, &o, &err));
    }
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
        {"run --collector h --no-find --engine docker --oci-layout /x", "that --engine allows"},
        {"run --collector h --engine dokcer", "--engine \"dokcer\": expected one of"},
        {"run --collector h --skip x", "--skip \"x\": expected an absolute path"},
        {"run --collector h --containerd-root x", "--containerd-root \"x\""},
        {"run --collector h --storage-root x", "--storage-root \"x\""},
        {"run --collector h --oci-layout x", "--oci-layout \"x\""},
        {"run --collector h --containerd-socket x", "--containerd-socket \"x\""},
        {"scan --engine podman", "expected one of"},
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
    assert_ok(parse("scan --root /srv/docker/ --docker-root /other --oci-layout /o", &o, &err));
    e = options_engine(&o);
    assert_false(e.find);
    assert_int_equal(e.docker_roots.count, 1);
    assert_string_equal(e.docker_roots.items[0], "/srv/docker");
    assert_int_equal(e.containerd_roots.count + e.storage_roots.count + e.layouts.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_options_are_understood),
        cmocka_unit_test(every_engine_is_told_what_belongs_to_it),
        cmocka_unit_test(without_finding_one_named_store_of_any_kind_is_enough),
        cmocka_unit_test(nonsense_is_refused_with_what_was_expected),
        cmocka_unit_test(what_a_collector_would_refuse_is_refused_at_the_start),
        cmocka_unit_test(a_named_root_is_all_that_scan_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
