#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/content_manifest.h"
#include "agent/measure.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/du.h"
#include "tests/support/tempdir.h"

static const struct engine_root host; /* no prefix */

struct fixture {
    struct tempdir dir;
    struct measure_result result;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    measure_result_free(&f->result);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

/* Measures the fixture's directory, and asks du as well. */
static const struct measure_result *measure(struct fixture *f)
{
    struct measure_limits limits = {0};
    struct err err;

    measure_result_free(&f->result);
    assert_ok(measure_directory(&host, f->dir.path, &limits, &f->result, &err));
    assert_int_equal(f->result.allocated_bytes, du_bytes_of(f->dir.path));
    return &f->result;
}

static void write_bytes(struct fixture *f, const char *name, size_t len)
{
    AUTO_FREE char *bytes = malloc(len + 1);

    memset(bytes, 'x', len + 1);
    tempdir_write(&f->dir, name, bytes, len);
}

static void an_empty_layer_is_its_root_directory(void **state)
{
    const struct measure_result *r = measure(*state);

    assert_int_equal(r->directories, 1);
    assert_int_equal(r->files, 0);
    assert_int_equal(r->content_bytes, 0);
    assert_int_equal(r->nominal_bytes, 4096);
    assert_null(r->os_release);
}

static void nominal_rounds_each_file_and_counts_directories(void **state)
{
    struct fixture *f = *state;
    const struct measure_result *r;

    write_bytes(f, "empty", 0);
    write_bytes(f, "one", 1);
    write_bytes(f, "a/b/page", 4096);
    write_bytes(f, "a/b/more", 4097);
    r = measure(f);
    assert_int_equal(r->files, 4);
    assert_int_equal(r->directories, 3);
    assert_int_equal(r->content_bytes, 1 + 4096 + 4097);
    assert_int_equal(r->nominal_bytes, 4096 + 4096 + 8192 + 3 * 4096);
}

static void hard_links_count_once(void **state)
{
    struct fixture *f = *state;
    char from[PATH_MAX], to[PATH_MAX];
    const struct measure_result *r;

    write_bytes(f, "a/first", 10000);
    tempdir_mkdir(&f->dir, "b");
    for (int i = 0; i < 200; i++) {
        char name[32];

        snprintf(name, sizeof(name), "b/name-%d", i);
        assert_int_equal(
            link(tempdir_path(&f->dir, "a/first", from), tempdir_path(&f->dir, name, to)), 0);
    }
    r = measure(f);
    assert_int_equal(r->files, 1);
    assert_int_equal(r->hard_links, 200);
    assert_int_equal(r->content_bytes, 10000);
}

static void a_sparse_file_has_its_length_as_content_and_its_blocks_as_allocated(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    const struct measure_result *r;

    write_bytes(f, "sparse", 4096);
    assert_int_equal(truncate(tempdir_path(&f->dir, "sparse", path), 1 << 30), 0);
    r = measure(f);
    assert_int_equal(r->sparse_files, 1);
    assert_int_equal(r->content_bytes, 1 << 30);
    assert_true(r->allocated_bytes < 1 << 20);
}

static void links_fifos_and_whiteouts_are_no_content(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    uint64_t others = 2;
    const struct measure_result *r;

    assert_int_equal(symlink("/etc/passwd", tempdir_path(&f->dir, "link", path)), 0);
    assert_int_equal(mkfifo(tempdir_path(&f->dir, "fifo", path), 0600), 0);
    if (geteuid() == 0) { /* overlay2's whiteout */
        assert_int_equal(mknod(tempdir_path(&f->dir, "gone", path), S_IFCHR, makedev(0, 0)), 0);
        others++;
    }
    r = measure(f);
    assert_int_equal(r->others, others);
    assert_int_equal(r->content_bytes, 0);
    assert_int_equal(r->nominal_bytes, 4096);
}

/* Below the directory open at *at, which then is the deepest. */
static void make_levels(int *at, int depth)
{
    for (int i = 0; i < depth; i++) {
        int next;

        assert_int_equal(mkdirat(*at, "d", 0700), 0);
        assert_int_equal(mkdirat(*at, "leaf", 0700), 0);
        next = openat(*at, "d", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(*at);
        *at = next;
    }
}

static void remove_levels(int *at, int depth)
{
    for (int i = 0; i < depth; i++) {
        int up = openat(*at, "..", O_RDONLY | O_DIRECTORY);

        assert_true(up >= 0);
        assert_int_equal(unlinkat(up, "d", AT_REMOVEDIR), 0);
        assert_int_equal(unlinkat(up, "leaf", AT_REMOVEDIR), 0);
        close(*at);
        *at = up;
    }
}

static void a_deep_tree_needs_few_open_files(void **state)
{
    enum { DEPTH = 3000 };
    struct fixture *f = *state;
    AUTO_FD int at = open(f->dir.path, O_RDONLY | O_DIRECTORY);
    struct rlimit before, few;

    make_levels(&at, DEPTH);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 128, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(measure(f)->directories, 2 * DEPTH + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    remove_levels(&at, DEPTH);
}

static void a_wide_directory_is_read_whole(void **state)
{
    struct fixture *f = *state;
    char name[64];

    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "a-directory-with-a-longer-name-%d", i);
        tempdir_mkdir(&f->dir, name);
    }
    assert_int_equal(measure(f)->directories, 3001);
}

static void os_release_is_found_through_a_relative_link(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "usr/lib/os-release", "ID=debian\n");
    tempdir_mkdir(&f->dir, "etc");
    assert_int_equal(
        symlink("../usr/lib/os-release", tempdir_path(&f->dir, "etc/os-release", path)), 0);
    assert_string_equal(measure(f)->os_release, "ID=debian\n");
    assert_int_equal(unlink(path), 0);
    assert_string_equal(measure(f)->os_release, "ID=debian\n");
}

static void os_release_is_never_taken_from_outside(void **state)
{
    static const char *const targets[] = {"/etc/os-release", "../../outside", "../..", "fifo"};
    struct fixture *f = *state;
    struct measure_limits limits = {0};
    char path[PATH_MAX], layer[PATH_MAX];
    struct err err;

    tempdir_write_text(&f->dir, "outside", "ID=outside\n");
    tempdir_mkdir(&f->dir, "layer/etc");
    assert_int_equal(mkfifo(tempdir_path(&f->dir, "layer/etc/fifo", path), 0600), 0);
    tempdir_path(&f->dir, "layer/etc/os-release", path);
    tempdir_path(&f->dir, "layer", layer);
    for (size_t i = 0; i < unit_count(targets); i++) {
        assert_int_equal(symlink(targets[i], path), 0);
        assert_ok(measure_directory(&host, layer, &limits, &f->result, &err));
        assert_null(f->result.os_release);
        unlink(path);
    }
}

static void os_release_that_is_long_or_no_text_is_none(void **state)
{
    struct fixture *f = *state;

    write_bytes(f, "etc/os-release", REC_OS_RELEASE_BYTES);
    assert_int_equal(strlen(measure(f)->os_release), REC_OS_RELEASE_BYTES);
    write_bytes(f, "etc/os-release", REC_OS_RELEASE_BYTES + 1);
    assert_null(measure(f)->os_release);
    tempdir_write(&f->dir, "etc/os-release", "ID=\0x", 5);
    assert_null(measure(f)->os_release);
    tempdir_write(&f->dir, "etc/os-release", "ID=\xff", 4);
    assert_null(measure(f)->os_release);
}

/* ---- content manifests ----------------------------------------------------------------------- */

#define MANIFESTS "root/buildinfo/content_manifests/"

/* What is told with just this file in the directory. */
static uint32_t told_by(struct fixture *f, const char *name, const char *text)
{
    char path[256], file[PATH_MAX];
    uint32_t told;

    snprintf(path, sizeof(path), MANIFESTS "%s", name);
    tempdir_write_text(&f->dir, path, text);
    told = measure(f)->base_layers;
    assert_int_equal(unlink(tempdir_path(&f->dir, path, file)), 0);
    return told;
}

static void a_content_manifest_tells_how_many_layers_the_base_has(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(measure(f)->base_layers, 0);
    assert_int_equal(told_by(f, "ubi8-container-8.4.json",
                             "{\"metadata\":{\"icm_version\":1,\"image_layer_index\":2},"
                             "\"content_sets\":[]}"),
                     2);
    assert_int_equal(told_by(f, "a.json", "{\"image_layer_index\":7}"), 7);
    assert_int_equal(told_by(f, "a.json", "{\"image_layer_index\":1024}"), 1024);
}

static void other_files_there_tell_nothing(void **state)
{
    static const char *const texts[] = {
        "{\"bomFormat\":\"CycloneDX\",\"metadata\":{\"timestamp\":\"x\"}}",
        "{\"metadata\":{\"image_layer_index\":\"2\"}}",
        "{\"metadata\":{\"image_layer_index\":2.5}}",
        "{\"image_layer_index\":0}",
        "{\"image_layer_index\":-1}",
        "{\"image_layer_index\":1025}",
        "{\"image_layer_index\":99999999999}",
        "{\"metadata\":7}",
        "[{\"image_layer_index\":2}]",
        "{\"image_layer_index\":2",
        "",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < unit_count(texts); i++)
        assert_int_equal(told_by(f, "a.json", texts[i]), 0);
    assert_int_equal(told_by(f, "a.txt", "{\"image_layer_index\":2}"), 0);
    assert_int_equal(told_by(f, ".json", "{\"image_layer_index\":2}"), 0);
}

static void content_manifests_that_differ_tell_nothing(void **state)
{
    struct fixture *f = *state;

    tempdir_write_text(&f->dir, MANIFESTS "a.json", "{\"image_layer_index\":2}");
    assert_int_equal(told_by(f, "b.json", "{\"image_layer_index\":2}"), 2);
    assert_int_equal(told_by(f, "b.json", "{}"), 2);
    assert_int_equal(told_by(f, "b.json", "{\"image_layer_index\":3}"), 0);
}

static void of_many_content_manifests_the_first_are_read(void **state)
{
    struct fixture *f = *state;
    char name[64];

    for (int i = 0; i < CONTENT_MANIFEST_FILES_MAX - 1; i++) {
        snprintf(name, sizeof(name), MANIFESTS "%02d.json", i);
        tempdir_write_text(&f->dir, name, "{}");
    }
    assert_int_equal(told_by(f, "98.json", "{\"image_layer_index\":2}"), 2);
    tempdir_write_text(&f->dir, MANIFESTS "97.json", "{}");
    assert_int_equal(told_by(f, "98.json", "{\"image_layer_index\":2}"), 0);
    write_bytes(f, MANIFESTS "00.json", CONTENT_MANIFEST_BYTES_MAX + 1);
    assert_int_equal(measure(f)->base_layers, 0);
}

static void content_manifests_are_never_taken_from_outside(void **state)
{
    static const char *const links[] = {"root", "root/buildinfo",
                                        "root/buildinfo/content_manifests"};
    struct fixture *f = *state;
    struct measure_limits limits = {0};
    char from[PATH_MAX], layer[PATH_MAX];
    struct err err;

    tempdir_write_text(&f->dir, "outside/buildinfo/content_manifests/a.json",
                       "{\"image_layer_index\":2}");
    tempdir_write_text(&f->dir, "outside/content_manifests/a.json", "{\"image_layer_index\":2}");
    tempdir_write_text(&f->dir, "outside/a.json", "{\"image_layer_index\":2}");
    for (size_t i = 0; i < unit_count(links); i++) {
        char path[128];

        snprintf(path, sizeof(path), "layer-%zu/%s", i, links[i]);
        *strrchr(path, '/') = '\0';
        tempdir_mkdir(&f->dir, path);
        snprintf(path, sizeof(path), "layer-%zu/%s", i, links[i]);
        assert_int_equal(
            symlink(tempdir_path(&f->dir, "outside", from), tempdir_path(&f->dir, path, layer)), 0);
        snprintf(path, sizeof(path), "layer-%zu", i);
        measure_result_free(&f->result);
        assert_ok(measure_directory(&host, tempdir_path(&f->dir, path, layer), &limits, &f->result,
                                    &err));
        assert_int_equal(f->result.base_layers, 0);
    }
    tempdir_mkdir(&f->dir, "layer/" MANIFESTS);
    assert_int_equal(symlink(tempdir_path(&f->dir, "outside/a.json", from),
                             tempdir_path(&f->dir, "layer/" MANIFESTS "a.json", layer)),
                     0);
    measure_result_free(&f->result);
    assert_ok(
        measure_directory(&host, tempdir_path(&f->dir, "layer", layer), &limits, &f->result, &err));
    assert_int_equal(f->result.base_layers, 0);
}

static void a_directory_that_is_not_there_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct measure_limits limits = {0};
    struct err err;

    assert_fails(measure_directory(&host, "/nowhere/diff", &limits, &f->result, &err),
                 ERR_NOT_FOUND, "/nowhere/diff");
}

static void a_stop_ends_the_walk(void **state)
{
    struct fixture *f = *state;
    atomic_bool stop = true;
    struct measure_limits limits = {.entries_per_second = 1, .stop = &stop};
    struct err err;

    assert_fails(measure_directory(&host, f->dir.path, &limits, &f->result, &err), ERR_CANCELED,
                 "stopped");
}

static void the_pace_is_kept_over_small_directories(void **state)
{
    struct fixture *f = *state;
    struct measure_limits limits = {.entries_per_second = 100};
    uint64_t started = clock_mono_ns();
    struct err err;

    for (int i = 0; i < 20; i++)
        assert_ok(measure_directory(&host, f->dir.path, &limits, &f->result, &err));
    assert_true(clock_mono_ns() - started >= 200000000);
}

static void several_paths_count_a_common_file_once(void **state)
{
    struct fixture *f = *state;
    struct measure_limits limits = {0};
    char a[PATH_MAX], b[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    const char *paths[] = {a, b, "/nowhere"};
    uint64_t bytes, entries;
    struct err err;

    write_bytes(f, "a/file", 100000);
    tempdir_mkdir(&f->dir, "b");
    assert_int_equal(
        link(tempdir_path(&f->dir, "a/file", from), tempdir_path(&f->dir, "b/file", to)), 0);
    tempdir_path(&f->dir, "a", a);
    tempdir_path(&f->dir, "b", b);
    assert_ok(measure_allocated(&host, paths, 3, &limits, &bytes, &entries, &err));
    assert_int_equal(bytes, du_bytes(paths, 2));
    assert_int_equal(entries, 4);
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(an_empty_layer_is_its_root_directory),
        with_dir(nominal_rounds_each_file_and_counts_directories),
        with_dir(hard_links_count_once),
        with_dir(a_sparse_file_has_its_length_as_content_and_its_blocks_as_allocated),
        with_dir(links_fifos_and_whiteouts_are_no_content),
        with_dir(a_deep_tree_needs_few_open_files),
        with_dir(a_wide_directory_is_read_whole),
        with_dir(os_release_is_found_through_a_relative_link),
        with_dir(os_release_is_never_taken_from_outside),
        with_dir(os_release_that_is_long_or_no_text_is_none),
        with_dir(a_content_manifest_tells_how_many_layers_the_base_has),
        with_dir(other_files_there_tell_nothing),
        with_dir(content_manifests_that_differ_tell_nothing),
        with_dir(of_many_content_manifests_the_first_are_read),
        with_dir(content_manifests_are_never_taken_from_outside),
        with_dir(a_directory_that_is_not_there_is_not_found),
        with_dir(a_stop_ends_the_walk),
        with_dir(the_pace_is_kept_over_small_directories),
        with_dir(several_paths_count_a_common_file_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
