/* Finding stores of containers/storage on a host. */
#include "tests/support/unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

struct fixture {
    struct tempdir host; /* the host's root */
    struct engine_options options;
    struct engine_roots roots;
    char *configured[1];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->host);
    f->options = (struct engine_options){.host_root = f->host.path, .find = true};
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

static void find(struct fixture *f)
{
    struct err err;

    engine_roots_free(&f->roots);
    assert_ok(storage_driver.find(&f->options, &f->roots, &err));
}

static const struct engine_root *root_at(const struct fixture *f, const char *path)
{
    for (size_t i = 0; i < f->roots.count; i++) {
        if (strcmp(f->roots.items[i].path, path) == 0)
            return &f->roots.items[i];
    }
    fail_msg("nothing was found at %s", path);
    return NULL;
}

static void configure(struct fixture *f, const char *path)
{
    f->configured[0] = (char *)path;
    f->options.storage_roots = (struct engine_texts){.items = f->configured, .count = 1};
}

/* ---- root's ---------------------------------------------------------------------------------- */

static void a_host_without_podman_has_no_store(void **state)
{
    struct fixture *f = *state;

    find(f);
    assert_int_equal(f->roots.count, 0);
}

static void the_default_place_is_found(void **state)
{
    struct fixture *f = *state;

    tempdir_mkdir(&f->host, "var/lib/containers/storage/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(f->roots.items[0].path, "/var/lib/containers/storage");
    assert_string_equal(f->roots.items[0].run, "/run/containers/storage");
    assert_string_equal(f->roots.items[0].storage, "overlay");
    assert_string_equal(f->roots.items[0].engine, "podman");
    assert_string_equal(f->roots.items[0].socket, "");
}

static void each_graph_driver_is_a_store(void **state)
{
    struct fixture *f = *state;

    tempdir_mkdir(&f->host, "var/lib/containers/storage/overlay-images");
    tempdir_mkdir(&f->host, "var/lib/containers/storage/vfs-images");
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_string_equal(f->roots.items[1].storage, "vfs");
}

static void storage_conf_names_the_place(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "usr/share/containers/storage.conf",
                       "[storage]\ngraphroot=\"/none\"\nrunroot=\"/run/other\"\n");
    tempdir_write_text(&f->host, "etc/containers/storage.conf",
                       "[storage]\ngraphroot = \"/data/images\"\nimagestore = \"/data/apart\"\n"
                       "[storage.options]\nadditionalimagestores = [\"/mnt/shared\", \"/gone\"]\n");
    tempdir_mkdir(&f->host, "data/images/overlay-images");
    tempdir_mkdir(&f->host, "data/apart/overlay-images");
    tempdir_mkdir(&f->host, "mnt/shared/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 3);
    assert_string_equal(root_at(f, "/data/images")->run, "/run/other");
    assert_string_equal(root_at(f, "/mnt/shared")->run, "");
    root_at(f, "/data/apart");
}

static void drop_ins_stand_over_the_file(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "etc/containers/storage.conf", "[storage]\ngraphroot=\"/a\"\n");
    tempdir_write_text(&f->host, "etc/containers/storage.conf.d/1.conf",
                       "[storage]\ngraphroot=\"/b\"\n");
    tempdir_write_text(&f->host, "etc/containers/storage.conf.d/2.txt",
                       "[storage]\ngraphroot=\"/a\"\n");
    tempdir_mkdir(&f->host, "a/overlay-images");
    tempdir_mkdir(&f->host, "b/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 1);
    root_at(f, "/b");
}

/* ---- CRI-O's --------------------------------------------------------------------------------- */

static void the_store_that_cri_o_uses_is_its(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "etc/crio/crio.conf", "[crio]\nlog_dir = \"/var/log\"\n");
    tempdir_mkdir(&f->host, "var/lib/containers/storage/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(f->roots.items[0].engine, "cri-o");
}

static void cri_o_may_have_a_store_of_its_own(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "etc/crio/crio.conf.d/10-place.conf",
                       "[crio]\nroot = \"/var/lib/crio\"\nrunroot = \"/run/crio-storage\"\n");
    tempdir_mkdir(&f->host, "var/lib/crio/overlay-images");
    tempdir_mkdir(&f->host, "var/lib/containers/storage/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_string_equal(root_at(f, "/var/lib/crio")->engine, "cri-o");
    assert_string_equal(root_at(f, "/var/lib/crio")->run, "/run/crio-storage");
    assert_string_equal(root_at(f, "/var/lib/containers/storage")->engine, "podman");
}

static void a_slash_behind_cri_os_root_means_nothing(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "etc/crio/crio.conf", "[crio]\nroot = \"/var/lib/crio//\"\n");
    tempdir_mkdir(&f->host, "var/lib/crio/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(root_at(f, "/var/lib/crio")->engine, "cri-o");
}

/* ---- users' ---------------------------------------------------------------------------------- */

static void each_user_may_have_a_store(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "etc/passwd",
                       "root:x:0:0:root:/root:/bin/bash\n"
                       "broken line\n"
                       "ann:x:1000:1000::/home/ann:/bin/sh\n"
                       "bob:x:1001:1001::/home/bob:/bin/sh\n"
                       "cleo:x:1002:1002::/home/cleo:/bin/sh\n"
                       "nohome:x:1003:1003::nowhere:/bin/sh\n");
    tempdir_mkdir(&f->host, "home/ann/.local/share/containers/storage/vfs-images");
    tempdir_mkdir(&f->host, "tmp/podman-run-1000/containers");
    tempdir_write_text(&f->host, "home/bob/.config/containers/storage.conf",
                       "[storage]\ngraphroot = \"$HOME/images\"\n");
    tempdir_mkdir(&f->host, "home/bob/images/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_string_equal(root_at(f, "/home/ann/.local/share/containers/storage")->run,
                        "/tmp/podman-run-1000/containers");
    assert_string_equal(root_at(f, "/home/bob/images")->run, "/run/user/1001/containers");
}

static void the_systems_rootless_path_is_each_users(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->host, "etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
    tempdir_write_text(&f->host, "etc/containers/storage.conf",
                       "[storage]\nrootless_storage_path = \"/srv/$USER\"\n");
    tempdir_mkdir(&f->host, "srv/ann/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, 1);
    root_at(f, "/srv/ann");
}

#define ANN_CONF "home/ann/.config/containers/storage.conf"
#define ANN_PASSWD "ann:x:4242:4242::/home/ann:/bin/sh\n"

static void need_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: only root can give files to somebody else\n");
    skip();
}

static void one_users_many_stores_hide_nobody_elses(void **state)
{
    struct fixture *f = *state;
    char conf[8192] = "[storage.options]\nadditionalimagestores = [", path[64];

    tempdir_write_text(&f->host, "etc/passwd", ANN_PASSWD "bob:x:4243:4243::/home/bob:/bin/sh\n");
    for (int i = 0; i < STORAGE_CONF_STORES; i++) {
        for (const struct storage_layout *l = storage_layouts; l->driver != NULL; l++) {
            snprintf(path, sizeof(path), "home/ann/%d/%s-images", i, l->driver);
            tempdir_mkdir(&f->host, path);
        }
        snprintf(conf + strlen(conf), sizeof(conf) - strlen(conf), "\"/home/ann/%d\",", i);
    }
    snprintf(conf + strlen(conf), sizeof(conf) - strlen(conf), "]\n");
    tempdir_write_text(&f->host, ANN_CONF, conf);
    tempdir_mkdir(&f->host, "home/bob/.local/share/containers/storage/overlay-images");
    tempdir_mkdir(&f->host, "var/lib/containers/storage/overlay-images");
    find(f);
    assert_int_equal(f->roots.count, ENGINE_USER_ROOTS_MAX + 2);
    assert_string_equal(f->roots.items[0].path, "/var/lib/containers/storage");
    assert_int_equal(f->roots.items[0].user, 0);
    assert_int_equal(root_at(f, "/home/bob/.local/share/containers/storage")->user, 4243);
    assert_int_equal(f->roots.left_out_user, 4242);
}

static void a_user_tells_nothing_of_the_systems_store(void **state)
{
    struct fixture *f = *state;

    need_root();
    tempdir_write_text(&f->host, "etc/passwd", ANN_PASSWD);
    tempdir_write_text(&f->host, ANN_CONF,
                       "[storage]\ngraphroot=\"/srv/own\"\nrunroot=\"/home/ann/run\"\n");
    tempdir_mkdir(&f->host, "srv/own/overlay-images");
    configure(f, "/srv/own");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(f->roots.items[0].run, "");
}

/* A FIFO stands for a device: opening it shows. */
static void a_users_configuration_that_is_no_file_is_never_opened(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], event[512];
    int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    assert_true(notify >= 0);
    tempdir_write_text(&f->host, "etc/passwd", ANN_PASSWD);
    tempdir_mkdir(&f->host, "home/ann/.config/containers");
    tempdir_mkdir(&f->host, "home/ann/.local/share/containers/storage/overlay-images");
    tempdir_mkdir(&f->host, "dev");
    assert_int_equal(mkfifo(tempdir_path(&f->host, "dev/watchdog", path), 0666), 0);
    assert_true(inotify_add_watch(notify, path, IN_OPEN) >= 0);
    assert_int_equal(symlink("/dev/watchdog", tempdir_path(&f->host, ANN_CONF, path)), 0);
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_int_equal(read(notify, event, sizeof(event)), -1);
    close(notify);
}

static void a_user_names_only_files_that_he_could_read(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], file[PATH_MAX];

    need_root();
    tempdir_write_text(&f->host, "etc/passwd", ANN_PASSWD);
    tempdir_write_text(&f->host, "etc/secret", "[storage]\ngraphroot = \"/srv/secret\"\n");
    tempdir_mkdir(&f->host, "srv/secret/overlay-images");
    tempdir_mkdir(&f->host, "home/ann/.config/containers");
    assert_int_equal(symlink("/etc/secret", tempdir_path(&f->host, ANN_CONF, path)), 0);
    tempdir_path(&f->host, "etc/secret", file);
    assert_int_equal(chmod(file, 0600), 0);
    find(f);
    assert_int_equal(f->roots.count, 0);
    assert_int_equal(chmod(file, 0644), 0);
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(chown(file, 4242, 4242), 0);
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_int_equal(chown(file, 4243, 4243), 0);
    find(f);
    assert_int_equal(f->roots.count, 0);
}

/* ---- what is the same, what is named --------------------------------------------------------- */

static void one_store_under_two_names_is_found_once(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->host, "etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
    tempdir_mkdir(&f->host, "data/containers/storage/overlay-images");
    tempdir_mkdir(&f->host, "var/lib");
    tempdir_mkdir(&f->host, "home/ann/.local/share");
    assert_int_equal(
        symlink("/data/containers", tempdir_path(&f->host, "var/lib/containers", path)), 0);
    assert_int_equal(symlink("/data/containers",
                             tempdir_path(&f->host, "home/ann/.local/share/containers", path)),
                     0);
    find(f);
    assert_int_equal(f->roots.count, 1);
    root_at(f, "/var/lib/containers/storage");
}

static void a_named_root_is_there_even_if_it_is_not(void **state)
{
    struct fixture *f = *state;

    configure(f, "/srv/none/");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(f->roots.items[0].path, "/srv/none");
    assert_string_equal(f->roots.items[0].storage, "");
}

static void where_finding_is_off_only_named_roots_are_found(void **state)
{
    struct fixture *f = *state;

    tempdir_mkdir(&f->host, "var/lib/containers/storage/overlay-images");
    tempdir_write_text(&f->host, "etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
    tempdir_mkdir(&f->host, "home/ann/.local/share/containers/storage/overlay-images");
    f->options.find = false;
    find(f);
    assert_int_equal(f->roots.count, 0);
    configure(f, "/var/lib/containers/storage");
    find(f);
    assert_int_equal(f->roots.count, 1);
    assert_string_equal(f->roots.items[0].run, "/run/containers/storage");
}

static void podmans_database_tells_the_run_root_of_a_named_one(void **state)
{
    static const struct {
        const char *graph, *run;
    } cases[] = {{"/srv/own", "/srv/own-run"}, {"/srv/moved-away", ""}};
    struct fixture *f = *state;
    const struct timespec pause = {.tv_nsec = 30000000};

    tempdir_mkdir(&f->host, "srv/own/overlay-images");
    configure(f, "/srv/own");
    for (size_t i = 0; i < unit_count(cases); i++) {
        char path[PATH_MAX], sql[256];
        sqlite3 *db;

        snprintf(sql, sizeof(sql),
                 "CREATE TABLE IF NOT EXISTS DBConfig(GraphRoot, RunRoot); DELETE FROM DBConfig;"
                 "INSERT INTO DBConfig VALUES('%s', '/srv/own-run')",
                 cases[i].graph);
        assert_int_equal(sqlite3_open(tempdir_path(&f->host, "srv/own/db.sql", path), &db),
                         SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        nanosleep(&pause, NULL);
        find(f);
        assert_string_equal(root_at(f, "/srv/own")->run, cases[i].run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_host_without_podman_has_no_store),
        TEST(the_default_place_is_found),
        TEST(each_graph_driver_is_a_store),
        TEST(storage_conf_names_the_place),
        TEST(drop_ins_stand_over_the_file),
        TEST(the_store_that_cri_o_uses_is_its),
        TEST(cri_o_may_have_a_store_of_its_own),
        TEST(a_slash_behind_cri_os_root_means_nothing),
        TEST(each_user_may_have_a_store),
        TEST(one_users_many_stores_hide_nobody_elses),
        TEST(a_user_tells_nothing_of_the_systems_store),
        TEST(a_users_configuration_that_is_no_file_is_never_opened),
        TEST(a_user_names_only_files_that_he_could_read),
        TEST(the_systems_rootless_path_is_each_users),
        TEST(one_store_under_two_names_is_found_once),
        TEST(a_named_root_is_there_even_if_it_is_not),
        TEST(where_finding_is_off_only_named_roots_are_found),
        TEST(podmans_database_tells_the_run_root_of_a_named_one),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
