#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/engine.h"
#include "common/cleanup.h"
#include "common/log.h"
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

/* A store at /home/mallory/store with a link in it to what she may not see. */
static void make_users_store(struct fixture *f, uid_t owner)
{
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "host/secret/file", "secret");
    tempdir_mkdir(&f->dir, "host/home/mallory/store/real");
    link_to(f, "/secret", "host/home/mallory/store/layer");
    link_to(f, "/home/mallory/store", "host/store");
    assert_int_equal(chown(tempdir_path(&f->dir, "host/home/mallory/store", path), owner, owner),
                     0);
    snprintf(f->root.path, sizeof(f->root.path), "/store");
}

static void in_a_users_store_no_symlink_is_followed(void **state)
{
    struct fixture *f = *state;
    struct err err;
    int fd;

    if (geteuid() != 0) {
        print_message("skipped: only root can give a directory to somebody else\n");
        skip();
    }
    make_users_store(f, 4242);
    assert_fails(engine_open(&f->root, "/store/layer", O_RDONLY, &err), ERR_CORRUPT, "layer");
    assert_fails(engine_open(&f->root, "/store/layer/file", O_RDONLY, &err), ERR_CORRUPT, "layer");
    assert_fails(engine_open(&f->root, "/store/../store/layer/file", O_RDONLY, &err), ERR_CORRUPT,
                 "layer");
    fd = engine_open(&f->root, "/store/real", O_RDONLY | O_DIRECTORY, &err);
    assert_true(fd >= 0); /* what leads to the store is the host's, not hers */
    close(fd);
}

static void in_roots_store_symlinks_are_the_administrators(void **state)
{
    struct fixture *f = *state;
    struct err err;
    int fd;

    make_users_store(f, geteuid());
    if (geteuid() != 0) {
        print_message("skipped: stores of this user are not root's\n");
        skip();
    }
    fd = engine_open(&f->root, "/store/layer/file", O_RDONLY, &err);
    assert_true(fd >= 0);
    close(fd);
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

/* ---- users' shares --------------------------------------------------------------------------- */

static void add_of(struct engine_roots *roots, uint32_t user, int number)
{
    struct engine_root root = {.user = user, .storage = "overlay2"};
    struct err err;

    snprintf(root.path, sizeof(root.path), "/%u/%d", user, number);
    assert_ok(engine_roots_add(roots, &root, &err));
}

static void a_user_has_a_share_and_past_it_is_left_out(void **state)
{
    struct engine_roots roots = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        add_of(&roots, 1000, i);
    assert_int_equal(roots.count, ENGINE_USER_ROOTS_MAX);
    assert_int_equal(roots.left_out, 20 - ENGINE_USER_ROOTS_MAX);
    assert_int_equal(roots.left_out_user, 1000);
    add_of(&roots, 1001, 0);
    assert_int_equal(roots.count, ENGINE_USER_ROOTS_MAX + 1);
    engine_roots_free(&roots);
    assert_int_equal(roots.left_out, 0);
}

static void all_users_leave_room_for_the_system(void **state)
{
    struct engine_roots roots = {0};

    (void)state;
    for (uint32_t user = 1; user <= 1000; user++)
        add_of(&roots, user, 0);
    assert_int_equal(roots.count, ENGINE_USERS_ROOTS_MAX);
    for (int i = 0; i < REC_STORES_MAX - ENGINE_USERS_ROOTS_MAX; i++)
        add_of(&roots, 0, i);
    assert_int_equal(roots.count, REC_STORES_MAX);
    add_of(&roots, 2000, 0); /* no error */
    assert_int_equal(roots.count, REC_STORES_MAX);
    engine_roots_free(&roots);
}

static int find_twenty(const struct engine_options *options, struct engine_roots *roots,
                       struct err *err)
{
    (void)options;
    (void)err;
    for (int i = 0; i < 20; i++)
        add_of(roots, 4242, i);
    return 0;
}

static void one_line_names_the_user_who_was_cut_short(void **state)
{
    static const struct engine_driver driver = {.name = "twenty", .find = find_twenty};
    const struct engine_driver *const drivers[] = {&driver, NULL};
    struct engine_options options = {.find = true};
    struct engine_roots roots = {0};
    struct fixture *f = *state;
    char path[PATH_MAX], text[1024] = {0};
    struct err err;
    int fd = open(tempdir_path(&f->dir, "log", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    log_setup(fd, LOG_INFO, LOG_TEXT);
    assert_ok(engine_find(drivers, &options, &roots, &err));
    log_setup(STDERR_FILENO, LOG_INFO, LOG_TEXT);
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    close(fd);
    assert_non_null(strstr(text, "user=4242"));
    assert_non_null(strstr(text, "count=12"));
    assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
    engine_roots_free(&roots);
}

static void a_user_may_tell_of_what_is_his(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_mkdir(&f->dir, "host/data");
    snprintf(f->root.path, sizeof(f->root.path), "/data");
    assert_true(engine_user_may_tell(0, &f->root));
    assert_false(engine_user_may_tell(4242, &f->root));
    if (geteuid() == 0) {
        assert_int_equal(chown(tempdir_path(&f->dir, "host/data", path), 4242, 4242), 0);
        assert_true(engine_user_may_tell(4242, &f->root));
    }
    snprintf(f->root.path, sizeof(f->root.path), "/none");
    assert_false(engine_user_may_tell(4242, &f->root));
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
        with_dir(in_a_users_store_no_symlink_is_followed),
        with_dir(in_roots_store_symlinks_are_the_administrators),
        cmocka_unit_test(magic_links_are_refused),
        cmocka_unit_test(a_root_is_added_once),
        cmocka_unit_test(roots_have_a_maximum),
        cmocka_unit_test(a_user_has_a_share_and_past_it_is_left_out),
        cmocka_unit_test(all_users_leave_room_for_the_system),
        with_dir(one_line_names_the_user_who_was_cut_short),
        with_dir(a_user_may_tell_of_what_is_his),
        with_dir(the_key_is_of_the_place_and_not_of_its_name),
        cmocka_unit_test(docker_completes_what_containerd_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
