/* Finding stores, below a host's root of our own making. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "tests/support/docker_store.h"

struct fixture {
    struct tempdir dir; /* the host's root */
    struct engine_options options;
    struct engine_roots roots;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    f->options.host_root = f->dir.path;
    f->options.docker_socket = "";
    f->options.find = true;
    f->options.api_timeout_ms = 1000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_roots_free(&f->roots);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static void make_store(struct fixture *f, const char *root, const char *driver)
{
    struct docker_store store;
    struct digest diff = docker_store_diff(driver);

    docker_store_open(&store, &f->dir, root, driver);
    docker_store_image(&store, &diff, 1, 1);
    docker_store_close(&store);
}

static void link_to(struct fixture *f, const char *target, const char *name)
{
    char path[PATH_MAX];

    assert_int_equal(symlink(target, tempdir_path(&f->dir, name, path)), 0);
}

static void find(struct fixture *f)
{
    struct err err;

    assert_ok(docker_driver.find(&f->options, &f->roots, &err));
}

static void assert_root(const struct fixture *f, size_t at, const char *path, const char *storage)
{
    assert_true(at < f->roots.count);
    assert_string_equal(f->roots.items[at].path, path);
    assert_string_equal(f->roots.items[at].storage, storage);
    assert_string_equal(f->roots.items[at].host, f->dir.path);
}

static void a_host_without_docker_has_no_roots(void **state)
{
    struct fixture *f = *state;

    find(f);
    assert_int_equal(f->roots.count, 0);
}

static void the_default_place_is_found_with_each_graph_driver(void **state)
{
    struct fixture *f = *state;

    make_store(f, "var/lib/docker", "overlay2");
    make_store(f, "var/lib/docker", "vfs");
    tempdir_mkdir(&f->dir, "var/lib/docker/image/identity"); /* no imagedb */
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_root(f, 0, "/var/lib/docker", "overlay2");
    assert_root(f, 1, "/var/lib/docker", "vfs");
}

static void a_symlinked_root_is_followed_below_the_hosts_root(void **state)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    struct fixture *f = *state;
    struct err err;

    make_store(f, "data/docker", "overlay2");
    tempdir_mkdir(&f->dir, "var/lib");
    link_to(f, "/data/docker", "var/lib/docker");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_root(f, 0, "/var/lib/docker", "overlay2");
    assert_ok(docker_driver.read(&f->roots.items[0], &f->options, NULL, &reading, &err));
    assert_int_equal(reading->content.image_count, 1);
}

static void one_store_with_two_names_is_one_root(void **state)
{
    static char *roots[] = {"/data/docker"};
    struct fixture *f = *state;

    make_store(f, "data/docker", "overlay2");
    tempdir_mkdir(&f->dir, "var/lib");
    link_to(f, "/data/docker", "var/lib/docker");
    f->options.docker_roots = (struct engine_texts){.items = roots, .count = 1};
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_root(f, 0, "/data/docker", "overlay2");
}

static void the_daemons_configuration_is_read(void **state)
{
    struct fixture *f = *state;

    make_store(f, "srv/images", "overlay2");
    tempdir_write_text(&f->dir, "etc/docker/daemon.json",
                       "{\"data-root\":\"/srv/images\",\"debug\":true}");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_root(f, 0, "/srv/images", "overlay2");
}

static void a_broken_configuration_hides_no_default_place(void **state)
{
    struct fixture *f = *state;

    make_store(f, "var/lib/docker", "overlay2");
    tempdir_write_text(&f->dir, "etc/docker/daemon.json", "{\"data-root\":");
    find(f);
    assert_root(f, 0, "/var/lib/docker", "overlay2");
}

static void userns_remapped_roots_are_found(void **state)
{
    struct fixture *f = *state;

    make_store(f, "var/lib/docker/300000.300000", "overlay2");
    tempdir_mkdir(&f->dir, "var/lib/docker/300000.x/image/overlay2/imagedb/content/sha256");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_root(f, 0, "/var/lib/docker/300000.300000", "overlay2");
}

static void only_configured_roots_are_used_where_finding_is_off(void **state)
{
    static char *roots[] = {"/srv/a/"};
    struct fixture *f = *state;

    make_store(f, "var/lib/docker", "overlay2");
    make_store(f, "srv/a", "overlay2");
    f->options.find = false;
    f->options.docker_roots = (struct engine_texts){.items = roots, .count = 1};
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_root(f, 0, "/srv/a", "overlay2");
}

static void a_configured_root_that_is_not_there_says_so_when_read(void **state)
{
    static char *roots[] = {"/nowhere"};
    struct engine_reading *reading = NULL;
    struct fixture *f = *state;
    struct err err;

    f->options.docker_roots = (struct engine_texts){.items = roots, .count = 1};
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_root(f, 0, "/nowhere", "");
    assert_fails(docker_driver.read(&f->roots.items[0], &f->options, NULL, &reading, &err),
                 ERR_NOT_FOUND, "/nowhere");
    make_store(f, "nowhere", "vfs"); /* it comes later */
    assert_ok(docker_driver.read(&f->roots.items[0], &f->options, NULL, &reading, &err));
    assert_string_equal(f->roots.items[0].storage, "vfs");
    engine_reading_close(&reading);
}

static void a_configured_root_must_be_absolute(void **state)
{
    static char *roots[] = {"var/lib/docker"};
    struct fixture *f = *state;
    struct err err;

    f->options.docker_roots = (struct engine_texts){.items = roots, .count = 1};
    assert_fails(docker_driver.find(&f->options, &f->roots, &err), ERR_USAGE, "var/lib/docker");
}

static void a_users_daemon_speaks_of_its_own_only(void **state)
{
    static const char command[] = "dockerd\0--data-root=/srv/a\0--host=unix:///run/other.sock";
    struct fixture *f = *state;
    char path[PATH_MAX];

    if (geteuid() != 0) {
        print_message("skipped: only root can give files to somebody else\n");
        skip();
    }
    make_store(f, "srv/a", "overlay2");
    make_store(f, "var/lib/docker", "overlay2");
    tempdir_write_text(&f->dir, "run/other.sock", "");
    tempdir_write_text(&f->dir, "proc/7/comm", "dockerd\n");
    tempdir_write(&f->dir, "proc/7/cmdline", command, sizeof(command));
    link_to(f, f->dir.path, "proc/7/root");
    assert_int_equal(chown(tempdir_path(&f->dir, "proc/7", path), 4242, 4242), 0);
    find(f);
    assert_int_equal(f->roots.count, 1); /* /srv/a is root's */
    assert_int_equal(chown(tempdir_path(&f->dir, "srv/a", path), 4242, 4242), 0);
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_root(f, 0, "/var/lib/docker", "overlay2");
    assert_root(f, 1, "/srv/a", "overlay2");
    assert_int_equal(f->roots.items[1].user, 4242);
    assert_string_equal(f->roots.items[1].socket, "");
}

#define with_host(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_host(a_host_without_docker_has_no_roots),
        with_host(the_default_place_is_found_with_each_graph_driver),
        with_host(a_symlinked_root_is_followed_below_the_hosts_root),
        with_host(one_store_with_two_names_is_one_root),
        with_host(the_daemons_configuration_is_read),
        with_host(a_broken_configuration_hides_no_default_place),
        with_host(userns_remapped_roots_are_found),
        with_host(only_configured_roots_are_used_where_finding_is_off),
        with_host(a_configured_root_that_is_not_there_says_so_when_read),
        with_host(a_configured_root_must_be_absolute),
        with_host(a_users_daemon_speaks_of_its_own_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
