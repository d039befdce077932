/* Running daemons, as a /proc of our own making shows them. */
#include "tests/support/unit.h"

#include <string.h>
#include <unistd.h>

#include "agent/engines/daemons.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

static const char *const root_names[] = {"--data-root", "-g", NULL};
static const char *const host_names[] = {"--host", "-H", NULL};

struct fixture {
    struct tempdir dir; /* the host's root */
    struct engine_root like;
    size_t seen;
    uint32_t user;
    bool owns; /* what is asked for */
    char root[64], socket[64], place[ENGINE_PATH_MAX];
    const char *asked; /* the daemon's path that is looked up */
    bool named, failing;
    enum daemons_whose whose; /* the directories of our /proc are ours */
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.asked = "/data",
                         .whose = geteuid() == 0 ? DAEMONS_OF_ROOT : DAEMONS_OF_USERS};
    tempdir_open(&f.dir);
    snprintf(f.like.host, sizeof(f.like.host), "%s", f.dir.path);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    tempdir_close(&((struct fixture *)*state)->dir);
    return 0;
}

/* `root` is the process's root as a path of the host. */
static void add_process(const struct fixture *f, const char *pid, const char *comm,
                        const char *command, size_t len, const char *root)
{
    char name[64], path[PATH_MAX], target[PATH_MAX];

    snprintf(name, sizeof(name), "proc/%s/comm", pid);
    tempdir_write_text(&f->dir, name, comm);
    snprintf(name, sizeof(name), "proc/%s/cmdline", pid);
    tempdir_write(&f->dir, name, command, len);
    snprintf(name, sizeof(name), "proc/%s/root", pid);
    tempdir_path(&f->dir, root, target);
    assert_int_equal(symlink(target, tempdir_path(&f->dir, name, path)), 0);
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "-");
}

static int note(void *arg, const struct daemon *d, struct err *err)
{
    struct fixture *f = arg;

    f->seen++;
    f->user = d->user;
    f->owns = daemon_owns(d, f->asked);
    copy_text(f->root, sizeof(f->root), daemon_option(d, root_names));
    copy_text(f->socket, sizeof(f->socket), daemon_option_with(d, host_names, "unix://"));
    f->named = daemon_place(d, f->asked, f->place);
    return f->failing ? err_set(err, ERR_LIMIT, "enough") : 0;
}

static void look(struct fixture *f)
{
    struct err err;

    assert_ok(daemons_each(&f->like, "dockerd", f->whose, note, f, &err));
}

static void options_are_read_in_both_forms(void **state)
{
    static const char command[] = "dockerd\0-H\0fd://\0--host=unix:///a.sock\0-g\0/old\0"
                                  "--data-root=/data\0--debug";
    struct fixture *f = *state;

    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    look(f);
    assert_int_equal(f->seen, 1);
    assert_string_equal(f->root, "/data"); /* the last one counts, as for the daemon */
    assert_string_equal(f->socket, "/a.sock");
}

static void an_option_without_its_value_is_none(void **state)
{
    static const char command[] = "dockerd\0--data-root";
    struct fixture *f = *state;

    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    look(f);
    assert_string_equal(f->root, "-");
    assert_string_equal(f->socket, "-");
}

static void only_processes_of_that_name_are_daemons(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    add_process(f, "7", "dockerd-rootless\n", command, sizeof(command), "");
    add_process(f, "8", "docker\n", command, sizeof(command), "");
    add_process(f, "self", "dockerd\n", command, sizeof(command), "");
    look(f);
    assert_int_equal(f->seen, 0);
}

static void a_path_is_the_hosts_own(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    tempdir_mkdir(&f->dir, "data");
    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    look(f);
    assert_true(f->named);
    assert_string_equal(f->place, "/data");
}

static void a_path_in_a_chroot_is_named_below_it(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    tempdir_mkdir(&f->dir, "data"); /* another one, of the host */
    tempdir_mkdir(&f->dir, "srv/sid/data");
    add_process(f, "7", "dockerd\n", command, sizeof(command), "srv/sid");
    look(f);
    assert_true(f->named);
    assert_string_equal(f->place, "/srv/sid/data");
}

static void what_only_the_daemon_sees_has_no_path(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    tempdir_mkdir(&f->dir, "data");
    tempdir_mkdir(&f->dir, "srv/sid");
    add_process(f, "7", "dockerd\n", command, sizeof(command), "srv/sid");
    look(f);
    assert_int_equal(f->seen, 1);
    assert_false(f->named);
    f->asked = "relative";
    look(f);
    assert_false(f->named);
}

/* ---- whose they are -------------------------------------------------------------------------- */

static void need_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: only root can give files to somebody else\n");
    skip();
}

static void give(const struct fixture *f, const char *name)
{
    char path[PATH_MAX];

    assert_int_equal(chown(tempdir_path(&f->dir, name, path), 4242, 4242), 0);
}

static void a_users_process_is_none_of_roots(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    need_root();
    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    give(f, "proc/7");
    look(f);
    assert_int_equal(f->seen, 0);
    f->whose = DAEMONS_OF_USERS;
    look(f);
    assert_int_equal(f->seen, 1);
    assert_int_equal(f->user, 4242);
}

static void one_user_runs_only_so_many_daemons(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;
    char path[PATH_MAX], pid[16], name[32];

    need_root();
    for (int i = 10; i < 40; i++) {
        snprintf(pid, sizeof(pid), "%d", i);
        snprintf(name, sizeof(name), "proc/%d", i);
        add_process(f, pid, "dockerd\n", command, sizeof(command), "");
        give(f, name);
    }
    assert_int_equal(chown(tempdir_path(&f->dir, "proc/39", path), 4243, 4243), 0);
    f->whose = DAEMONS_OF_USERS;
    look(f);
    assert_int_equal(f->seen, DAEMONS_OF_ONE_USER + 1);
    assert_int_equal(f->user, 4243);
}

static void a_setuid_program_is_its_callers(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    need_root();
    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    tempdir_write_text(&f->dir, "proc/7/status", "Name:\tdockerd\nUid:\t4242\t0\t0\t0\n");
    look(f);
    assert_int_equal(f->seen, 0);
    f->whose = DAEMONS_OF_USERS;
    look(f);
    assert_int_equal(f->user, 4242);
    tempdir_write_text(&f->dir, "proc/7/status", "Name:\tdockerd\nUid:\t0\t0\t0\t0\n");
    look(f);
    assert_int_equal(f->seen, 1); /* now it is root's */
}

static void a_users_process_owns_what_is_the_users(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;

    need_root();
    tempdir_mkdir(&f->dir, "data");
    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    look(f);
    assert_true(f->owns);
    give(f, "proc/7");
    f->whose = DAEMONS_OF_USERS;
    look(f);
    assert_false(f->owns);
    give(f, "data");
    look(f);
    assert_true(f->owns);
    f->asked = "/none";
    look(f);
    assert_false(f->owns);
}

static void the_first_error_ends_it(void **state)
{
    static const char command[] = "dockerd";
    struct fixture *f = *state;
    struct err err;

    add_process(f, "7", "dockerd\n", command, sizeof(command), "");
    add_process(f, "8", "dockerd\n", command, sizeof(command), "");
    f->failing = true;
    assert_fails(daemons_each(&f->like, "dockerd", f->whose, note, f, &err), ERR_LIMIT, "enough");
    assert_int_equal(f->seen, 1);
}

#define with_host(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_host(options_are_read_in_both_forms),
        with_host(an_option_without_its_value_is_none),
        with_host(only_processes_of_that_name_are_daemons),
        with_host(a_path_is_the_hosts_own),
        with_host(a_path_in_a_chroot_is_named_below_it),
        with_host(what_only_the_daemon_sees_has_no_path),
        with_host(a_users_process_is_none_of_roots),
        with_host(one_user_runs_only_so_many_daemons),
        with_host(a_setuid_program_is_its_callers),
        with_host(a_users_process_owns_what_is_the_users),
        with_host(the_first_error_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
