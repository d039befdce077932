#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/engine.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

struct fixture {
    struct tempdir dir;
    struct engine_root root; /* the host's root is dir/host */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    tempdir_mkdir(&f->dir, "host");
    tempdir_path(&f->dir, "host", f->root.host);
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

static void link_to(struct fixture *f, const char *target, const char *name)
{
    char path[PATH_MAX];

    assert_int_equal(symlink(target, tempdir_path(&f->dir, name, path)), 0);
}

static void an_absolute_symlink_stays_below_the_hosts_root(void **state)
{
    struct fixture *f = *state;
    char text[8] = {0};
    struct err err;
    int fd;

    tempdir_write_text(&f->dir, "host/data/docker/file", "inside");
    tempdir_mkdir(&f->dir, "host/var/lib");
    link_to(f, "/data/docker", "host/var/lib/docker");
    fd = engine_open(&f->root, "/var/lib/docker/file", O_RDONLY, &err);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, text, 6), 6);
    close(fd);
    assert_string_equal(text, "inside");
}

static void nothing_leads_out_of_the_hosts_root(void **state)
{
    static const char *const paths[] = {"/up/secret", "/etc/passwd", "/../secret", "/abs/passwd"};
    struct fixture *f = *state;
    struct err err;

    tempdir_write_text(&f->dir, "secret", "outside");
    link_to(f, "../../../..", "host/up");
    link_to(f, "/etc", "host/abs");
    for (size_t i = 0; i < unit_count(paths); i++)
        assert_fails(engine_open(&f->root, paths[i], O_RDONLY, &err), ERR_NOT_FOUND, paths[i]);
}

static void magic_links_are_refused(void **state)
{
    struct engine_root own = {0};
    struct err err;

    (void)state;
    assert_fails(engine_open(&own, "/proc/self/root/etc", O_RDONLY, &err), ERR_CORRUPT,
                 "/proc/self");
}

static void a_root_is_added_once(void **state)
{
    struct engine_roots roots = {0};
    struct engine_root root = {.path = "/var/lib/docker", .storage = "overlay2"};
    struct err err;

    (void)state;
    assert_ok(engine_roots_add(&roots, &root, &err));
    assert_ok(engine_roots_add(&roots, &root, &err));
    assert_int_equal(roots.count, 1);
    snprintf(root.storage, sizeof(root.storage), "vfs");
    assert_ok(engine_roots_add(&roots, &root, &err));
    snprintf(root.space, sizeof(root.space), "moby");
    assert_ok(engine_roots_add(&roots, &root, &err));
    assert_int_equal(roots.count, 3);
    engine_roots_free(&roots);
    engine_roots_free(&roots);
}

static void roots_have_a_maximum(void **state)
{
    struct engine_roots roots = {0};
    struct engine_root root = {.storage = "overlay2"};
    struct err err;

    (void)state;
    for (int i = 0; i < REC_STORES_MAX; i++) {
        snprintf(root.path, sizeof(root.path), "/root-%d", i);
        assert_ok(engine_roots_add(&roots, &root, &err));
    }
    snprintf(root.path, sizeof(root.path), "/one-more");
    assert_fails(engine_roots_add(&roots, &root, &err), ERR_LIMIT, "/one-more");
    engine_roots_free(&roots);
}

static void the_key_is_of_the_place_and_not_of_its_name(void **state)
{
    struct fixture *f = *state;
    struct engine_root other = f->root;
    struct rec_key a, b;
    struct err err;

    tempdir_mkdir(&f->dir, "host/one");
    tempdir_mkdir(&f->dir, "host/two");
    link_to(f, "one", "host/same");
    assert_ok(engine_store_key(&a, &f->root, "/one", &err));
    assert_ok(engine_store_key(&b, &f->root, "/same", &err));
    assert_true(rec_key_eq(&a, &b));
    assert_ok(engine_store_key(&b, &f->root, "/two", &err));
    assert_false(rec_key_eq(&a, &b));
    snprintf(other.space, sizeof(other.space), "moby");
    assert_ok(engine_store_key(&b, &other, "/one", &err));
    assert_false(rec_key_eq(&a, &b));
    assert_fails(engine_store_key(&b, &f->root, "/none", &err), ERR_NOT_FOUND, "/none");
}

static void docker_completes_what_containerd_found(void **state)
{
    static const char *const names[] = {"containerd", "docker", "containers-storage", "oci-layout"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(engine_drivers[i]->name, names[i]);
        assert_int_equal(engine_drivers[i]->completes, i == 1);
    }
    assert_null(engine_drivers[4]);
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(an_absolute_symlink_stays_below_the_hosts_root),
        with_dir(nothing_leads_out_of_the_hosts_root),
        cmocka_unit_test(magic_links_are_refused),
        cmocka_unit_test(a_root_is_added_once),
        cmocka_unit_test(roots_have_a_maximum),
        with_dir(the_key_is_of_the_place_and_not_of_its_name),
        cmocka_unit_test(docker_completes_what_containerd_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
