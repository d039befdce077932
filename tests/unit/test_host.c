#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/host.h"
#include "agent/state_file.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tests/support/tempdir.h"

struct fixture {
    struct tempdir dir;
    char root[PATH_MAX], state[PATH_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    log_setup(2, LOG_ERROR, LOG_TEXT);
    tempdir_open(&f->dir);
    tempdir_path(&f->dir, "host", f->root);
    tempdir_path(&f->dir, "state", f->state);
    tempdir_write_text(&f->dir, "host/etc/hostname", "node-7.example.com\n");
    tempdir_write_text(&f->dir, "host/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    tempdir_write_text(&f->dir, "host/sys/class/dmi/id/product_uuid", "uuid-1\n");
    tempdir_write_text(&f->dir, "host/etc/os-release", "NAME=x\nPRETTY_NAME=\"Testian 7\"\n");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static struct host incarnate(struct fixture *f)
{
    struct host host;
    struct err err = {0};

    assert_ok(host_describe(&host, f->root, NULL, &err));
    assert_ok(host_incarnate(&host, f->root, f->state, &err));
    return host;
}

#define assert_same_life(a, b)                                                                     \
    assert_memory_equal((a).incarnation.bytes, (b).incarnation.bytes, sizeof((a).incarnation.bytes))
#define assert_other_life(a, b)                                                                    \
    assert_memory_not_equal((a).incarnation.bytes, (b).incarnation.bytes,                          \
                            sizeof((a).incarnation.bytes))

static void the_host_is_described_from_its_own_root(void **state)
{
    struct fixture *f = *state;
    struct host host = incarnate(f);

    assert_string_equal(host.name, "node-7.example.com");
    assert_string_equal(host.os, "Testian 7");
    assert_true(host.marked);
    assert_true(host.kernel[0] != '\0' && host.arch[0] != '\0');
}

static void the_operators_name_wins_and_must_be_one(void **state)
{
    struct fixture *f = *state;
    struct host host;
    struct err err = {0};
    char longer[300];

    assert_ok(host_describe(&host, f->root, "web-1", &err));
    assert_string_equal(host.name, "web-1");
    assert_fails(host_describe(&host, f->root, "a b", &err), ERR_USAGE, "--host-name");
    assert_fails(host_describe(&host, f->root, "", &err), ERR_USAGE, "--host-name");
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_fails(host_describe(&host, f->root, longer, &err), ERR_USAGE,
                 "aaa...\": 299 characters");
}

static void an_incarnation_survives_restarts(void **state)
{
    struct fixture *f = *state;
    struct host first = incarnate(f);
    struct host second = incarnate(f);
    struct stat st;
    char path[PATH_MAX];

    assert_same_life(first, second);
    assert_true(digest_eq(&first.fingerprint, &second.fingerprint));
    assert_int_equal(stat(tempdir_path(&f->dir, "state/identity", path), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_cloned_machine_begins_a_life_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct host first = incarnate(f);
    struct host second;

    tempdir_write_text(&f->dir, "host/etc/machine-id", "ffffffffffffffffffffffffffffffff\n");
    second = incarnate(f);
    assert_other_life(first, second);
    assert_same_life(second, incarnate(f));
}

static void a_mark_that_cannot_be_read_today_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct host first = incarnate(f);
    char path[PATH_MAX];

    assert_int_equal(unlink(tempdir_path(&f->dir, "host/etc/machine-id", path)), 0);
    struct host second = incarnate(f);

    assert_same_life(first, second);
    assert_true(digest_eq(&first.fingerprint, &second.fingerprint));
    tempdir_write_text(&f->dir, "host/etc/machine-id", "another\n");
    assert_other_life(first, incarnate(f));
}

static void a_damaged_identity_is_refused_with_advice(void **state)
{
    static const char *const bad[] = {
        "",
        "nonsense\n",
        "layercensus identity 1\nincarnation 00\n",
        "layercensus identity 1\nincarnation 000102030405060708090a0b0c0d0e0f\nmachine-id -\n",
    };
    struct fixture *f = *state;
    struct host host;
    struct err err = {0};

    for (size_t i = 0; i < unit_count(bad); i++) {
        tempdir_write_text(&f->dir, "state/identity", bad[i]);
        assert_ok(host_describe(&host, f->root, NULL, &err));
        assert_fails(host_incarnate(&host, f->root, f->state, &err), ERR_CORRUPT, "remove it");
    }
}

static void a_state_directory_that_cannot_be_made_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct host host;
    struct err err = {0};
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "file", "x");
    assert_ok(host_describe(&host, f->root, NULL, &err));
    assert_int_equal(host_incarnate(&host, f->root, tempdir_path(&f->dir, "file/x", path), &err),
                     -1);
    assert_non_null(strstr(err.text, "--state-dir"));
}

static void a_state_directory_serves_one_agent_at_a_time(void **state)
{
    struct fixture *f = *state;
    AUTO_FD int first = -1;
    AUTO_FD int second = -1;
    struct err err = {0};

    assert_ok(state_file_lock(&first, f->state, &err));
    assert_fails(state_file_lock(&second, f->state, &err), ERR_CONFLICT, "another agent");
    assert_int_equal(second, -1);
    cleanup_fd(&first);
    first = -1;
    assert_ok(state_file_lock(&second, f->state, &err));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_host_is_described_from_its_own_root),
        T(the_operators_name_wins_and_must_be_one),
        T(an_incarnation_survives_restarts),
        T(a_cloned_machine_begins_a_life_of_its_own),
        T(a_mark_that_cannot_be_read_today_says_nothing),
        T(a_damaged_identity_is_refused_with_advice),
        T(a_state_directory_serves_one_agent_at_a_time),
        T(a_state_directory_that_cannot_be_made_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
