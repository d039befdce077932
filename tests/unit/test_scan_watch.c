#include "tests/support/unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/scan_watch.h"
#include "common/cleanup.h"
#include "common/uvx.h"
#include "tests/support/run_until.h"
#include "tests/support/tempdir.h"

#define WATCHDOG_MS 20000
#define PATHS 4

struct fixture {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out;
    struct tempdir dir;
    struct scan_watch_room room;
    struct scan_watch *watch;
    struct scan_watched watched; /* what the last taking said */
    unsigned changes;
};

/* What the driver names: below the root's host prefix, which is the temporary directory. */
static struct {
    const char *paths[PATHS];
    size_t times; /* the first one is named so often, 0 once */
    enum err_kind failing;
} named;

static int name_paths(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    (void)root;
    if (named.failing != ERR_NONE)
        return err_set(err, named.failing, "no paths today");
    for (size_t i = 0; i < PATHS && named.paths[i] != NULL; i++)
        if (engine_paths_add(out, named.paths[i], err) != 0)
            return -1;
    for (size_t i = 1; i < named.times; i++)
        if (engine_paths_add(out, named.paths[0], err) != 0)
            return -1;
    return 0;
}

static const struct engine_driver naming_driver = {.name = "naming", .watches = name_paths};

static void on_watchdog(uv_timer_t *timer)
{
    ((struct fixture *)timer->data)->timed_out = true;
}

static void on_change(void *arg)
{
    ((struct fixture *)arg)->changes++;
}

static void take(struct fixture *f, const char *one, const char *two)
{
    struct engine_root root = {.driver = &naming_driver};

    named.paths[0] = one;
    named.paths[1] = one != NULL ? two : NULL;
    snprintf(root.host, sizeof(root.host), "%s", f->dir.path);
    scan_watch_take(f->watch, &root, &f->watched);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {0};

    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->watchdog);
    f->watchdog.data = f;
    uv_timer_start(&f->watchdog, on_watchdog, WATCHDOG_MS, 0);
    tempdir_open(&f->dir);
    tempdir_mkdir(&f->dir, "images");
    tempdir_write_text(&f->dir, "images/names", "old");
    memset(&named, 0, sizeof(named));
    scan_watch_room_init(&f->room);
    assert_ok(scan_watch_open(&f->watch, &f->loop, &f->room, on_change, f, &err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int rc;

    scan_watch_close(&f->watch);
    assert_int_equal(atomic_load(&f->room.paths), ENGINE_WATCHES_MAX);
    assert_int_equal(f->room.stores, SCAN_WATCH_STORES_MAX);
    uv_close((uv_handle_t *)&f->watchdog, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rc = uvx_loop_close(&f->loop, &err);
    tempdir_close(&f->dir);
    free(f);
    return rc;
}

/* The kernel queues an event before the call that causes it returns: one turn shows all of them. */
static unsigned changes_now(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
    return f->changes;
}

static void names_that_come_and_go_are_told(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], to[PATH_MAX];

    take(f, "/images", NULL);
    assert_true(f->watched.whole && f->watched.added);
    assert_false(scan_watch_listen(f->watch));
    assert_int_equal(changes_now(f), 0);
    tempdir_write_text(&f->dir, "images/new", "x");
    assert_int_equal(changes_now(f), 1);
    assert_false(scan_watch_listen(f->watch));
    assert_int_equal(rename(tempdir_path(&f->dir, "images/new", path),
                            tempdir_path(&f->dir, "images/names", to)),
                     0);
    assert_int_equal(changes_now(f), 2);
    assert_false(scan_watch_listen(f->watch));
    assert_int_equal(unlink(to), 0);
    assert_int_equal(changes_now(f), 3);
}

static void after_the_first_event_it_is_silent_until_it_listens(void **state)
{
    struct fixture *f = *state;

    take(f, "/images", NULL);
    scan_watch_listen(f->watch);
    for (int i = 0; i < 10; i++) {
        char name[32];

        snprintf(name, sizeof(name), "images/%d", i);
        tempdir_write_text(&f->dir, name, "x");
        assert_int_equal(changes_now(f), 1);
    }
    scan_watch_listen(f->watch);
    assert_int_equal(changes_now(f), 1);
    tempdir_write_text(&f->dir, "images/last", "x");
    assert_int_equal(changes_now(f), 2);
}

static void writing_into_a_file_is_told_where_it_is_named(void **state)
{
    struct fixture *f = *state;

    take(f, "/images", NULL);
    scan_watch_listen(f->watch);
    tempdir_write_text(&f->dir, "images/names", "a container's log line");
    assert_int_equal(changes_now(f), 0);
    take(f, "/images", "/images/names");
    assert_true(f->watched.whole && f->watched.added);
    tempdir_write_text(&f->dir, "images/names", "a transaction");
    assert_int_equal(changes_now(f), 1);
}

static void reading_is_no_change(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], text[16];
    AUTO_FILE FILE *file = NULL;
    AUTO_DIR DIR *dir = NULL;

    take(f, "/images", "/images/names");
    scan_watch_listen(f->watch);
    dir = opendir(tempdir_path(&f->dir, "images", path));
    assert_non_null(readdir(dir));
    file = fopen(tempdir_path(&f->dir, "images/names", path), "re");
    assert_int_equal(fread(text, 1, sizeof(text), file), 3);
    take(f, "/images", "/images/names");
    assert_false(f->watched.added);
    assert_int_equal(changes_now(f), 0);
}

static void a_directory_made_anew_is_to_be_taken_again(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_mkdir(&f->dir, "gone");
    take(f, "/images", "/gone");
    scan_watch_listen(f->watch);
    assert_int_equal(rmdir(tempdir_path(&f->dir, "gone", path)), 0);
    tempdir_mkdir(&f->dir, "gone");
    assert_int_equal(changes_now(f), 1);
    assert_true(scan_watch_listen(f->watch));
    take(f, "/images", "/gone");
    assert_true(f->watched.whole && f->watched.added);
    tempdir_write_text(&f->dir, "gone/new", "x");
    assert_int_equal(changes_now(f), 2);
}

static void what_is_named_no_more_is_watched_no_more(void **state)
{
    struct fixture *f = *state;

    tempdir_mkdir(&f->dir, "layers");
    take(f, "/images", "/layers");
    assert_int_equal(atomic_load(&f->room.paths), ENGINE_WATCHES_MAX - 2);
    take(f, "/images", "/images");
    assert_int_equal(atomic_load(&f->room.paths), ENGINE_WATCHES_MAX - 1);
    scan_watch_listen(f->watch);
    tempdir_write_text(&f->dir, "layers/new", "x");
    assert_int_equal(changes_now(f), 0);
    tempdir_write_text(&f->dir, "images/new", "x");
    assert_int_equal(changes_now(f), 1);
}

static void symlinks_stay_inside_the_host(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    assert_int_equal(symlink("/images", tempdir_path(&f->dir, "link", path)), 0);
    take(f, "/link", NULL);
    assert_true(f->watched.whole);
    scan_watch_listen(f->watch);
    tempdir_write_text(&f->dir, "images/new", "x");
    assert_int_equal(changes_now(f), 1);
}

static void a_path_that_is_not_there_is_watched_from_above(void **state)
{
    struct fixture *f = *state;

    take(f, "/images/deep/down", NULL);
    assert_true(f->watched.whole && f->watched.again);
    scan_watch_listen(f->watch);
    tempdir_mkdir(&f->dir, "images/deep");
    assert_int_equal(changes_now(f), 1);
    take(f, "/images/deep/down", NULL);
    assert_true(f->watched.whole && f->watched.again && f->watched.added);
    scan_watch_listen(f->watch);
    tempdir_mkdir(&f->dir, "images/deep/down");
    assert_int_equal(changes_now(f), 2);
    take(f, "/images/deep/down", NULL);
    assert_true(f->watched.whole && f->watched.added);
    assert_false(f->watched.again);
    assert_int_equal(atomic_load(&f->room.paths), ENGINE_WATCHES_MAX - 1);
}

static void the_root_of_the_host_is_never_watched(void **state)
{
    struct fixture *f = *state;

    take(f, "/images", "/nowhere");
    assert_false(f->watched.whole);
    assert_int_equal(f->watched.err.kind, ERR_NONE);
    scan_watch_listen(f->watch);
    tempdir_mkdir(&f->dir, "nowhere");
    assert_int_equal(changes_now(f), 0);
    tempdir_write_text(&f->dir, "images/new", "x");
    assert_int_equal(changes_now(f), 1);
}

static void a_store_without_paths_is_not_watched_as_a_whole(void **state)
{
    struct fixture *f = *state;

    take(f, NULL, NULL);
    assert_false(f->watched.whole || f->watched.added);
    assert_int_equal(f->watched.err.kind, ERR_NONE);
}

static void a_driver_that_names_nothing_leaves_the_watches(void **state)
{
    struct fixture *f = *state;

    take(f, "/images", NULL);
    named.failing = ERR_DENIED;
    take(f, "/images", NULL);
    assert_false(f->watched.whole);
    unit_assert_error(&f->watched.err, ERR_DENIED, "no paths", __FILE__, __LINE__);
    scan_watch_listen(f->watch);
    tempdir_write_text(&f->dir, "images/new", "x");
    assert_int_equal(changes_now(f), 1);
}

static void paths_past_the_limit_are_left_to_the_token(void **state)
{
    struct fixture *f = *state;

    tempdir_mkdir(&f->dir, "layers");
    atomic_store(&f->room.paths, 1);
    take(f, "/images", "/layers");
    assert_false(f->watched.whole);
    unit_assert_error(&f->watched.err, ERR_LIMIT, "/layers", __FILE__, __LINE__);
    take(f, "/layers", NULL); /* the one that goes makes room, but only afterwards */
    assert_false(f->watched.whole);
    assert_int_equal(atomic_load(&f->room.paths), 1);
    take(f, "/layers", NULL);
    assert_true(f->watched.whole);
    assert_int_equal(atomic_load(&f->room.paths), 0);
    atomic_store(&f->room.paths, ENGINE_WATCHES_MAX - 1);
}

static void a_driver_that_names_as_many_as_it_may_has_left_some_out(void **state)
{
    struct fixture *f = *state;

    named.times = ENGINE_WATCHES_MAX - 1;
    take(f, "/images", NULL);
    assert_true(f->watched.whole);
    named.times = ENGINE_WATCHES_MAX;
    take(f, "/images", NULL);
    assert_false(f->watched.whole);
    unit_assert_error(&f->watched.err, ERR_LIMIT, "4096", __FILE__, __LINE__);
}

static void stores_past_the_limit_are_left_to_the_token(void **state)
{
    struct fixture *f = *state;
    struct scan_watch_room room = {.stores = 0};
    struct scan_watch *watch = NULL;
    struct err err = {0};

    assert_fails(scan_watch_open(&watch, &f->loop, &room, on_change, f, &err), ERR_LIMIT, "stores");
    assert_null(watch);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(names_that_come_and_go_are_told),
        T(after_the_first_event_it_is_silent_until_it_listens),
        T(writing_into_a_file_is_told_where_it_is_named),
        T(reading_is_no_change),
        T(a_directory_made_anew_is_to_be_taken_again),
        T(what_is_named_no_more_is_watched_no_more),
        T(symlinks_stay_inside_the_host),
        T(a_path_that_is_not_there_is_watched_from_above),
        T(the_root_of_the_host_is_never_watched),
        T(a_store_without_paths_is_not_watched_as_a_whole),
        T(a_driver_that_names_nothing_leaves_the_watches),
        T(paths_past_the_limit_are_left_to_the_token),
        T(a_driver_that_names_as_many_as_it_may_has_left_some_out),
        T(stores_past_the_limit_are_left_to_the_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
