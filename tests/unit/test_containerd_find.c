/* Finding containerd's stores on a host with users who wish it no good. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"
#include "tests/support/containerd_store.h"

#define ANN 4242
#define NOBODY 65534
#define PASSWD "root:x:0:0::/root:/bin/sh\nann:x:4242:4242::/home/ann:/bin/sh\n"
#define HOME_STORE "home/ann/.local/share/containerd"
#define META CONTAINERD_METADATA "/meta.db"

static const char *const base[] = {"base", NULL};

struct fixture {
    struct tempdir host; /* the host's root */
    struct engine_options options;
    struct engine_roots roots;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->host);
    f->options = (struct engine_options){.host_root = f->host.path, .find = true};
    tempdir_write_text(&f->host, "etc/passwd", PASSWD);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_roots_free(&f->roots);
    tempdir_close(&f->host);
    free(f);
    return 0;
}

static void need_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: only root can give files to somebody else\n");
    skip();
}

static void find(struct fixture *f)
{
    struct err err;

    engine_roots_free(&f->roots);
    assert_ok(containerd_driver.find(&f->options, &f->roots, &err));
}

static size_t count_of(const struct fixture *f, const char *path)
{
    size_t count = 0;

    for (size_t i = 0; i < f->roots.count; i++)
        count += strcmp(f->roots.items[i].path, path) == 0;
    return count;
}

static void move(const struct fixture *f, const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];

    assert_int_equal(rename(tempdir_path(&f->host, from, a), tempdir_path(&f->host, to, b)), 0);
}

/* A containerd's root with an image in each of so many namespaces. */
static void make_store(const struct fixture *f, const char *parent, unsigned spaces)
{
    struct containerd_store s;
    struct digest manifest = digest_of("m", 1);
    char name[64], to[PATH_MAX];

    containerd_store_open(&s, &f->host, "overlayfs");
    for (unsigned i = 0; i < spaces; i++) {
        snprintf(name, sizeof(name), "space-%03u", i);
        containerd_store_unpack(&s, name, base);
        containerd_store_name(&s, name, "docker.io/t/a:1", &manifest,
                              "application/vnd.oci.image.manifest.v1+json");
    }
    containerd_store_write(&s);
    tempdir_mkdir(&f->host, parent);
    snprintf(to, sizeof(to), "%s/containerd", parent);
    move(f, s.root, to);
    containerd_store_close(&s);
}

static void give(const struct fixture *f, const char *name)
{
    char path[PATH_MAX];

    assert_int_equal(chown(tempdir_path(&f->host, name, path), ANN, ANN), 0);
}

/* Ann runs something that calls itself containerd. */
static void run_containerd(const struct fixture *f, const char *command, size_t len)
{
    char path[PATH_MAX];

    tempdir_write_text(&f->host, "proc/7/comm", "containerd\n");
    tempdir_write(&f->host, "proc/7/cmdline", command, len);
    assert_int_equal(symlink(f->host.path, tempdir_path(&f->host, "proc/7/root", path)), 0);
    give(f, "proc/7");
}

/* ---- homes ----------------------------------------------------------------------------------- */

static void homes_that_may_not_be_looked_into_are_no_stores(void **state)
{
    struct fixture *f = *state;
    bool was_root = geteuid() == 0;
    char path[PATH_MAX];

    tempdir_mkdir(&f->host, "home/ann");
    tempdir_mkdir(&f->host, "root");
    tempdir_mkdir(&f->host, "var/lib/containerd");
    assert_int_equal(chmod(f->host.path, 0755), 0);
    chmod(tempdir_path(&f->host, "home/ann", path), was_root ? 0700 : 0);
    chmod(tempdir_path(&f->host, "root", path), was_root ? 0700 : 0);
    chmod(tempdir_path(&f->host, "var/lib/containerd", path), was_root ? 0700 : 0);
    assert_int_equal(was_root ? seteuid(NOBODY) : 0, 0);
    find(f);
    assert_int_equal(was_root ? seteuid(0) : 0, 0);
    chmod(tempdir_path(&f->host, "home/ann", path), 0700);
    chmod(tempdir_path(&f->host, "root", path), 0700);
    chmod(tempdir_path(&f->host, "var/lib/containerd", path), 0700);
    assert_int_equal(f->roots.count, 1);
    assert_int_equal(count_of(f, "/var/lib/containerd"), 1);
}

static void a_home_full_of_namespaces_has_its_share_and_comes_last(void **state)
{
    struct fixture *f = *state;

    make_store(f, "home/ann/.local/share", 40);
    make_store(f, "var/lib", 12);
    find(f);
    assert_int_equal(count_of(f, "/var/lib/containerd"), 12);
    assert_int_equal(count_of(f, "/" HOME_STORE), ENGINE_USER_ROOTS_MAX);
    assert_string_equal(f->roots.items[0].path, "/var/lib/containerd");
    assert_int_equal(f->roots.items[0].user, 0);
    assert_int_equal(f->roots.items[12].user, ANN);
    assert_int_equal(f->roots.left_out, 40 - ENGINE_USER_ROOTS_MAX);
    assert_int_equal(f->roots.left_out_user, ANN);
}

static void a_homes_metadata_of_holes_is_not_read(void **state)
{
    static const off_t sizes[] = {(off_t)65 << 20, (off_t)60 << 20};
    struct fixture *f = *state;
    char path[PATH_MAX];

    make_store(f, "home/ann/.local/share", 1);
    make_store(f, "var/lib", 1);
    for (size_t i = 0; i < unit_count(sizes); i++) {
        tempdir_path(&f->host, HOME_STORE "/" META, path);
        assert_int_equal(truncate(path, sizes[i]), 0);
        tempdir_path(&f->host, "var/lib/containerd/" META, path);
        assert_int_equal(truncate(path, sizes[i]), 0);
        find(f);
        assert_int_equal(f->roots.count, 1); /* the system's own is believed */
        assert_int_equal(count_of(f, "/var/lib/containerd"), 1);
    }
}

static void a_homes_metadata_may_have_grown_ahead(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    make_store(f, "home/ann/.local/share", 1);
    assert_int_equal(truncate(tempdir_path(&f->host, HOME_STORE "/" META, path), 16 << 20), 0);
    find(f);
    assert_int_equal(f->roots.count, 1);
}

/* ---- users' daemons -------------------------------------------------------------------------- */

static void a_users_daemon_promises_nothing(void **state)
{
    static const char command[] = "containerd\0--root=/srv/gone\0--config=/etc/own.toml";
    struct fixture *f = *state;

    need_root();
    tempdir_mkdir(&f->host, "srv/gone");
    give(f, "srv/gone");
    run_containerd(f, command, sizeof(command));
    find(f);
    assert_int_equal(f->roots.count, 0);
}

static void a_users_daemon_speaks_of_its_own_only(void **state)
{
    static const char command[] = "containerd\0--root=/srv/containerd\0--state=/run/evil\0"
                                  "--address=/run/her.sock";
    struct fixture *f = *state;

    need_root();
    make_store(f, "srv", 1);
    tempdir_mkdir(&f->host, "run/evil");
    tempdir_write_text(&f->host, "run/her.sock", "");
    run_containerd(f, command, sizeof(command));
    find(f);
    assert_int_equal(f->roots.count, 0); /* root's directory */
    give(f, "srv/containerd");
    give(f, "run/her.sock");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_int_equal(f->roots.items[0].user, ANN);
    assert_string_equal(f->roots.items[0].run, "");
    assert_string_equal(f->roots.items[0].socket, "/run/her.sock");
}

static void a_users_daemon_tells_nothing_of_the_systems_store(void **state)
{
    static const char command[] = "containerd\0--root=/var/lib/containerd\0--address=/her.sock";
    static char *configured[] = {"/var/lib/containerd"};
    struct fixture *f = *state;

    need_root();
    make_store(f, "var/lib", 1);
    tempdir_write_text(&f->host, "her.sock", "");
    give(f, "her.sock");
    run_containerd(f, command, sizeof(command));
    f->options.containerd_socket = "";
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(f->roots.items[0].socket, "");
    f->options.find = false;
    f->options.containerd_roots = (struct engine_texts){configured, 1};
    find(f);
    assert_string_equal(f->roots.items[0].socket, "/run/containerd/containerd.sock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(homes_that_may_not_be_looked_into_are_no_stores),
        TEST(a_home_full_of_namespaces_has_its_share_and_comes_last),
        TEST(a_homes_metadata_of_holes_is_not_read),
        TEST(a_homes_metadata_may_have_grown_ahead),
        TEST(a_users_daemon_promises_nothing),
        TEST(a_users_daemon_speaks_of_its_own_only),
        TEST(a_users_daemon_tells_nothing_of_the_systems_store),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
