/* The space account of a store, against du. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/account.h"
#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "tests/support/docker_store.h"
#include "tests/support/du.h"

#define BUILDKIT_ID "5288vemwtq9oixyo0307rc0vc"

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
    struct account account;
    size_t copies, missing; /* told by on_copy() */
};

static int setup_driver(void **state, const char *driver)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", driver);
    f->root.driver = &docker_driver;
    tempdir_path(&f->dir, "docker", f->root.path);
    snprintf(f->root.storage, sizeof(f->root.storage), "%s", driver);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_driver(state, "overlay2");
}

static int setup_vfs(void **state)
{
    return setup_driver(state, "vfs");
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    docker_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static void on_copy(void *arg, const struct engine_copy *copy, const struct measure_result *result,
                    bool missing)
{
    struct fixture *f = arg;

    f->copies++;
    f->missing += missing;
    assert_true(missing == (result == NULL));
    if (result != NULL)
        assert_int_equal(result->allocated_bytes, du_bytes_of(copy->directory));
}

static uint64_t bytes_of(const struct fixture *f, enum rec_space_class klass, const char *kind)
{
    for (size_t i = 0; i < f->account.spaces.space_count; i++) {
        const struct rec_space *s = &f->account.items[i];

        if (s->klass == klass && strcmp(s->kind, kind) == 0)
            return s->bytes;
    }
    return 0;
}

/* Reads, measures, and holds the account against du and against itself. */
static void account(struct fixture *f)
{
    struct measure_limits limits = {0};
    struct err err;
    uint64_t parts = 0, total;

    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    assert_ok(account_store(&f->root, f->reading, &limits, on_copy, f, &f->account, &err));
    total = bytes_of(f, REC_SPACE_TOTAL, "roots");
    for (size_t i = 0; i < f->account.spaces.space_count; i++)
        parts += f->account.items[i].klass != REC_SPACE_TOTAL ? f->account.items[i].bytes : 0;
    assert_int_equal(total, du_bytes(f->reading->space_roots, f->reading->space_root_count));
    assert_int_equal(parts, total);
    assert_int_equal(f->copies, f->reading->copy_count);
    assert_int_equal(f->account.spaces.copies_total, f->copies);
}

static void an_empty_store_is_metadata_only(void **state)
{
    struct fixture *f = *state;

    account(f);
    assert_int_equal(bytes_of(f, REC_SPACE_OUTSIDE, "engine-metadata"),
                     bytes_of(f, REC_SPACE_TOTAL, "roots"));
}

static void make_old(const struct fixture *f, const char *name)
{
    const struct timeval times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    char path[PATH_MAX];

    assert_int_equal(utimes(tempdir_path(&f->dir, name, path), times), 0);
}

static void every_byte_of_a_store_has_one_place(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {docker_store_diff("base"), docker_store_diff("app")};
    struct digest id = docker_store_image(&f->store, diffs, 2, 3);
    bool vfs = strcmp(f->store.driver, "vfs") == 0;

    docker_store_container(&f->store, 'c', &id, "{}");
    tempdir_write_text(&f->dir,
                       vfs ? "docker/vfs/dir/" BUILDKIT_ID "/x"
                           : "docker/overlay2/" BUILDKIT_ID "/diff/x",
                       "left over");
    tempdir_write_text(&f->dir, "docker/tmp/GetImageBlob123", "half a blob");
    tempdir_write_text(&f->dir, "docker/tmp/GetImageBlob124", "half a blob of long ago");
    make_old(f, "docker/tmp/GetImageBlob124");
    tempdir_write_text(&f->dir, "docker/tmp/other", "not ours");
    account(f);
    assert_int_equal(f->account.spaces.copies_measured, 2);
    assert_true(bytes_of(f, REC_SPACE_COPIES, "copies") > 0);
    assert_true(bytes_of(f, REC_SPACE_OUTSIDE, "container-writable") > 0);
    assert_true(bytes_of(f, REC_SPACE_ORPHANS, "leftover") > 0);
    assert_true(bytes_of(f, REC_SPACE_ORPHANS, "partial") > 0);
    assert_int_equal(bytes_of(f, REC_SPACE_OUTSIDE, "pulling"),
                     bytes_of(f, REC_SPACE_ORPHANS, "partial"));
    assert_int_equal(bytes_of(f, REC_SPACE_ORPHANS, "build-cache"), 0);
}

static void a_buildkit_directory_is_build_cache(void **state)
{
    struct fixture *f = *state;

    tempdir_mkdir(&f->dir, "docker/buildkit");
    tempdir_write_text(&f->dir, "docker/overlay2/" BUILDKIT_ID "/diff/x", "cached");
    account(f);
    assert_true(bytes_of(f, REC_SPACE_ORPHANS, "build-cache") > 0);
    assert_int_equal(bytes_of(f, REC_SPACE_ORPHANS, "leftover"), 0);
}

static void a_copy_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("x");
    char from[PATH_MAX], to[PATH_MAX];

    docker_store_layer(&f->store, NULL, &diff, BUILDKIT_ID);
    assert_int_equal(rename(tempdir_path(&f->dir, "docker/overlay2/" BUILDKIT_ID, from),
                            tempdir_path(&f->dir, "gone", to)),
                     0);
    account(f);
    assert_int_equal(f->missing, 1);
    assert_int_equal(f->account.spaces.copies_measured, 0);
    assert_int_equal(f->account.spaces.copies_total, 1);
}

static void a_copy_that_is_a_file_stops_no_other(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("x");
    char from[PATH_MAX], to[PATH_MAX];

    docker_store_layer(&f->store, NULL, &diff, BUILDKIT_ID);
    assert_int_equal(rename(tempdir_path(&f->dir, "docker/overlay2/" BUILDKIT_ID, from),
                            tempdir_path(&f->dir, "gone", to)),
                     0);
    tempdir_write_text(&f->dir, "docker/overlay2/" BUILDKIT_ID, "no directory");
    account(f);
    assert_int_equal(f->missing, 1);
    assert_int_equal(f->account.spaces.copies_measured, 0);
    assert_int_equal(f->account.spaces.copies_total, 1);
}

static void a_stop_ends_the_account(void **state)
{
    struct fixture *f = *state;
    atomic_bool stop = true;
    struct measure_limits limits = {.stop = &stop};
    struct err err;

    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    assert_fails(account_store(&f->root, f->reading, &limits, NULL, NULL, &f->account, &err),
                 ERR_CANCELED, "stopped");
}

static void what_only_an_api_tells_is_counted_and_not_measured(void **state)
{
    struct fixture *f = *state;
    struct measure_limits limits = {0};
    struct engine_copy copies[2] = {{.needed = true}, {.needed = true}};
    struct engine_reading reading = {
        .content.store = {.driver = "overlay2", .fs_type = ""}, .copies = copies, .copy_count = 2};
    struct err err;

    assert_ok(account_store(&f->root, &reading, &limits, on_copy, f, &f->account, &err));
    assert_int_equal(f->copies, 0);
    assert_int_equal(f->account.spaces.copies_total, 2);
    assert_int_equal(f->account.spaces.copies_measured, 0);
    assert_int_equal(f->account.spaces.space_count, 0);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(an_empty_store_is_metadata_only),
        with_store(every_byte_of_a_store_has_one_place),
        cmocka_unit_test_setup_teardown(every_byte_of_a_store_has_one_place, setup_vfs, teardown),
        with_store(a_buildkit_directory_is_build_cache),
        with_store(a_copy_that_is_not_there_is_told),
        with_store(a_copy_that_is_a_file_stops_no_other),
        with_store(a_stop_ends_the_account),
        with_store(what_only_an_api_tells_is_counted_and_not_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
