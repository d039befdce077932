/* Stores of containerd's that change while they are read, or have not changed since. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "tests/support/containerd_store.h"

#define KEYS_DB "containerd/" CONTAINERD_SNAPSHOTTER "overlayfs/metadata.db"

enum {
    SETTLED_US = 50000, /* more than PASS_MOVING_NS: files have a stamp that tells */
};

static const char *const ab[] = {"base", "a", NULL};
static const char *const abc[] = {"base", "a", "b", NULL};

struct fixture {
    struct tempdir dir;
    struct containerd_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    check(f != NULL);
    tempdir_open(&f->dir);
    containerd_store_open(&f->store, &f->dir, "overlayfs");
    f->root = containerd_store_root(&f->store, "default");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    containerd_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static void add_image(struct fixture *f, const char *name, const char *const *layers)
{
    struct oci_store *content = &f->store.content;
    struct digest config = oci_store_config(content, "amd64", layers);
    struct digest manifest = oci_store_manifest(content, &config, layers);

    containerd_store_know_all(&f->store, "default");
    containerd_store_name(&f->store, "default", name, &manifest, OCI_MANIFEST);
    containerd_store_unpack(&f->store, "default", layers);
}

static void read_after(struct fixture *f, const struct engine_reading *last,
                       struct engine_reading **out)
{
    struct err err;

    assert_ok(containerd_driver.read(&f->root, &f->options, last, out, &err));
}

/* The snapshotter's own entries. */
static struct bolt_made *keys_of(const struct fixture *f)
{
    return bolt_made_bucket(bolt_made_bucket(f->store.keys, "v1"), "snapshots");
}

/* A snapshot of which meta.db tells and the snapshotter does not, as between its two commits. */
static void add_unknown(struct fixture *f, const char *key, char kind)
{
    uint64_t id = containerd_store_snapshot(&f->store, "default", key, NULL, kind);
    char name[512];

    snprintf(name, sizeof(name), "default/%llu/%s", (unsigned long long)id, key);
    bolt_made_remove(keys_of(f), name);
}

/* ---- two files, two transactions ------------------------------------------------------------- */

/* As if it had vanished: a reading says so when it is the same in two attempts (pass.h). */
static void a_snapshot_that_its_snapshotter_does_not_know_must_stay_so_to_count(void **state)
{
    struct fixture *f = *state;
    struct containerd_state *seen = NULL;
    struct containerd_versions versions;
    struct containerd_keys keys = {0};
    struct err err;

    add_image(f, "docker.io/t/a:1", ab);
    add_unknown(f, "c1", 'a');
    containerd_store_write(&f->store);
    assert_ok(containerd_state_read(&seen, &keys, &versions, &f->root, "overlayfs", &err));
    assert_int_equal(containerd_namespace_of(seen, "default")->unjoined, 1);
    containerd_state_close(&seen);
    read_after(f, NULL, &f->reading);
    assert_int_equal(f->reading->content.store.state, REC_STORE_CORRUPT);
    assert_string_equal(f->reading->content.store.problems[0].subject, "snapshot c1");
}

static void a_layer_that_is_being_committed_is_no_problem(void **state)
{
    struct fixture *f = *state;

    add_image(f, "docker.io/t/a:1", ab);
    add_unknown(f, "extract-123456789-abcd sha256:0", 'a');
    containerd_store_write(&f->store);
    read_after(f, NULL, &f->reading);
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    assert_int_equal(f->reading->content.store.problem_count, 0);
    assert_int_equal(f->reading->copy_count, 2);
}

static void the_token_tells_of_the_snapshotters_transactions_too(void **state)
{
    struct fixture *f = *state;
    const struct bolt_form form = {.page_size = 4096, .page_elements = 20, .txid = 1000};
    struct engine_token first, second, third;
    struct buf file = {.data = NULL};
    struct err err;

    add_image(f, "docker.io/t/a:1", ab);
    containerd_store_write(&f->store);
    assert_ok(containerd_driver.token(&f->root, &first, &err));
    assert_ok(containerd_driver.token(&f->root, &second, &err));
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.bytes, second.bytes, first.len);
    bolt_made_write(f->store.keys, &form, &file);
    tempdir_write(&f->dir, KEYS_DB, file.data, file.len);
    buf_close(&file);
    assert_ok(containerd_driver.token(&f->root, &third, &err));
    assert_memory_not_equal(first.bytes, third.bytes, first.len);
}

/* ---- what stands ----------------------------------------------------------------------------- */

static void files_that_stand_are_not_read_again(void **state)
{
    struct fixture *f = *state;
    struct engine_reading *again = NULL, *third = NULL;
    struct setsum first_sum, again_sum;

    add_image(f, "docker.io/t/a:1", ab);
    containerd_store_write(&f->store);
    usleep(SETTLED_US);
    read_after(f, NULL, &f->reading);
    first_sum = rec_content_sum(&f->reading->content);
    read_after(f, f->reading, &again);
    assert_non_null(again->layers);
    assert_ptr_equal(again->layers, f->reading->layers);
    again->content.images[0].names[0] = "cut"; /* whoever has a reading may do that */
    engine_reading_close(&f->reading);         /* what was taken from it lives on */
    read_after(f, again, &f->reading);
    engine_reading_close(&again);
    again_sum = rec_content_sum(&f->reading->content);
    assert_true(setsum_eq(&first_sum, &again_sum));
    assert_int_equal(f->reading->copy_count, 2);
    add_image(f, "docker.io/t/b:1", abc);
    containerd_store_write(&f->store);
    read_after(f, f->reading, &third);
    assert_ptr_not_equal(third->layers, f->reading->layers);
    assert_int_equal(third->content.image_count, 2);
    engine_reading_close(&third);
}

static void a_blob_that_changed_is_read_though_the_files_stand(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store.content, "amd64", ab);
    struct engine_reading *again = NULL;
    char below[PATH_MAX];

    add_image(f, "docker.io/t/a:1", ab);
    containerd_store_write(&f->store);
    usleep(SETTLED_US);
    read_after(f, NULL, &f->reading);
    tempdir_write_text(&f->dir, oci_store_blob_path(&f->store.content, &config, below), "{}");
    for (int i = 0; i < 2; i++) { /* and said again as long as it is so */
        read_after(f, f->reading, &again);
        assert_int_equal(again->content.store.state, REC_STORE_CORRUPT);
        engine_reading_close(&f->reading);
        f->reading = steal(&again);
    }
}

/* Equal numbers of transactions in another file, as of a store that was put back from a backup. */
static void another_file_of_the_same_number_is_read(void **state)
{
    struct fixture *f = *state;
    struct engine_reading *again = NULL;

    add_image(f, "docker.io/t/a:1", ab);
    containerd_store_write(&f->store);
    read_after(f, NULL, &f->reading);
    add_image(f, "docker.io/t/b:1", abc);
    f->store.txid--;
    containerd_store_write(&f->store);
    read_after(f, f->reading, &again);
    assert_int_equal(again->content.image_count, 2);
    engine_reading_close(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_snapshot_that_its_snapshotter_does_not_know_must_stay_so_to_count),
        TEST(a_layer_that_is_being_committed_is_no_problem),
        TEST(the_token_tells_of_the_snapshotters_transactions_too),
        TEST(files_that_stand_are_not_read_again),
        TEST(a_blob_that_changed_is_read_though_the_files_stand),
        TEST(another_file_of_the_same_number_is_read),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
