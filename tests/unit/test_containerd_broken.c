/* Stores of containerd's in which one thing is broken: what is said of it, and that the rest is
 * still there. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"
#include "tests/support/containerd_store.h"

#define META_DB "containerd/" CONTAINERD_METADATA "/meta.db"
#define KEYS_DB "containerd/" CONTAINERD_SNAPSHOTTER "overlayfs/metadata.db"

/* Two images that share nothing; tests break what belongs to the first. */
static const char *const broken_layers[] = {"broken base", "broken top", NULL};
static const char *const whole_layers[] = {"whole base", "whole top", NULL};

struct fixture {
    struct tempdir dir;
    struct containerd_store store;
    struct digest config, manifest, top, whole; /* whole: config of the other image */
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static struct digest add_image(struct fixture *f, const char *name, const char *const *layers,
                               struct digest *manifest, struct digest *top)
{
    struct digest config = oci_store_config(&f->store.content, "amd64", layers);

    *manifest = oci_store_manifest(&f->store.content, &config, layers);
    containerd_store_know_all(&f->store, "default");
    containerd_store_name(&f->store, "default", name, manifest, OCI_MANIFEST);
    *top = containerd_store_unpack(&f->store, "default", layers);
    return config;
}

static void open_fixture(struct fixture *f)
{
    struct digest manifest, top;

    *f = (struct fixture){.reading = NULL};
    tempdir_open(&f->dir);
    containerd_store_open(&f->store, &f->dir, "overlayfs");
    f->root = containerd_store_root(&f->store, "default");
    f->config = add_image(f, "docker.io/t/broken:1", broken_layers, &f->manifest, &f->top);
    f->whole = add_image(f, "docker.io/t/whole:1", whole_layers, &manifest, &top);
}

static void close_fixture(struct fixture *f)
{
    engine_reading_close(&f->reading);
    containerd_store_close(&f->store);
    tempdir_close(&f->dir);
}

/* ---- ways to break something ----------------------------------------------------------------- */

static struct bolt_made *space(struct fixture *f)
{
    return containerd_store_space(&f->store, "default");
}

static struct bolt_made *record(struct fixture *f)
{
    return bolt_made_bucket(bolt_made_bucket(space(f), "images"), "docker.io/t/broken:1");
}

static struct bolt_made *blobs(struct fixture *f)
{
    return bolt_made_bucket(bolt_made_bucket(space(f), "content"), "blob");
}

static char *top_key(struct fixture *f, char out[DIGEST_TEXT])
{
    return digest_text(&f->top, out);
}

static struct bolt_made *own_keys(struct fixture *f)
{
    return bolt_made_bucket(bolt_made_bucket(f->store.keys, "v1"), "snapshots");
}

static struct bolt_made *top_entry(struct fixture *f)
{
    char name[256], key[DIGEST_TEXT];

    snprintf(name, sizeof(name), "default/2/%s", top_key(f, key));
    return bolt_made_bucket(own_keys(f), name);
}

static void no_target(struct fixture *f)
{
    bolt_made_remove(record(f), "target");
}

static void no_target_digest(struct fixture *f)
{
    bolt_made_remove(bolt_made_bucket(record(f), "target"), "digest");
}

static void strange_target_digest(struct fixture *f)
{
    bolt_made_put_text(bolt_made_bucket(record(f), "target"), "digest", "sha512:0123");
}

static void strange_target_size(struct fixture *f)
{
    bolt_made_put(bolt_made_bucket(record(f), "target"), "size", "\xff\xff", 2);
}

static void unknown_target(struct fixture *f)
{
    struct digest none = oci_store_diff("none");

    containerd_store_name(&f->store, "default", "docker.io/t/broken:1", &none, OCI_MANIFEST);
}

static void strange_blob(struct fixture *f)
{
    bolt_made_bucket(blobs(f), "md5:1234");
}

static void no_blob_size(struct fixture *f)
{
    char text[DIGEST_TEXT];

    bolt_made_remove(bolt_made_bucket(blobs(f), digest_text(&f->config, text)), "size");
}

static void no_snapshot_name(struct fixture *f)
{
    char key[DIGEST_TEXT];
    struct bolt_made *in = bolt_made_bucket(space(f), "snapshots");

    in = bolt_made_bucket(bolt_made_bucket(in, "overlayfs"), top_key(f, key));
    bolt_made_remove(in, "name");
}

static void no_own_entry(struct fixture *f)
{
    char name[256], key[DIGEST_TEXT];

    snprintf(name, sizeof(name), "default/2/%s", top_key(f, key));
    bolt_made_remove(own_keys(f), name);
}

static void no_own_id(struct fixture *f)
{
    bolt_made_remove(top_entry(f), "id");
}

static void strange_own_kind(struct fixture *f)
{
    bolt_made_put(top_entry(f), "kind", "\x09", 1);
}

static void remove_blob(struct fixture *f, const struct digest *digest)
{
    char name[PATH_MAX], path[PATH_MAX];

    tempdir_path(&f->dir, oci_store_blob_path(&f->store.content, digest, name), path);
    assert_int_equal(unlink(path), 0);
}

static void rewrite_blob(struct fixture *f, const struct digest *digest, size_t len, char fill)
{
    char name[PATH_MAX];
    AUTO_FREE char *text = malloc(len + 1);

    memset(text, fill, len);
    tempdir_write(&f->dir, oci_store_blob_path(&f->store.content, digest, name), text, len);
}

static size_t blob_size(struct fixture *f, const struct digest *digest)
{
    char name[PATH_MAX], path[PATH_MAX];
    struct stat st;

    tempdir_path(&f->dir, oci_store_blob_path(&f->store.content, digest, name), path);
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static void no_config(struct fixture *f)
{
    remove_blob(f, &f->config);
}

static void no_manifest(struct fixture *f)
{
    remove_blob(f, &f->manifest);
}

static void no_layer(struct fixture *f)
{
    struct digest layer = oci_store_layer(&f->store.content, "broken top");

    remove_blob(f, &layer);
}

static void cut_config(struct fixture *f)
{
    rewrite_blob(f, &f->config, 10, '{');
}

static void garbage_config(struct fixture *f)
{
    rewrite_blob(f, &f->config, blob_size(f, &f->config), 'x');
}

static void garbage_manifest(struct fixture *f)
{
    rewrite_blob(f, &f->manifest, blob_size(f, &f->manifest), 'x');
}

static void oversized_config(struct fixture *f)
{
    char name[PATH_MAX], path[PATH_MAX];

    tempdir_path(&f->dir, oci_store_blob_path(&f->store.content, &f->config, name), path);
    assert_int_equal(truncate(path, (off_t)1 << 30), 0);
}

static void no_directory(struct fixture *f)
{
    char name[PATH_MAX], from[PATH_MAX], to[PATH_MAX];

    tempdir_path(&f->dir, containerd_store_snapshot_path(&f->store, 2, name), from);
    assert_int_equal(rename(from, tempdir_path(&f->dir, "gone", to)), 0);
}

/* ---- one entry ------------------------------------------------------------------------------- */

struct entry_case {
    void (*before)(struct fixture *f); /* in the metadata, or */
    void (*after)(struct fixture *f);  /* in the files, when it is written */
    const char *subject, *words;       /* of the problem */
};

static bool has_problem(const struct rec_store *store, const struct entry_case *c)
{
    for (size_t i = 0; i < store->problem_count; i++) {
        if (strstr(store->problems[i].subject, c->subject) != NULL &&
            strstr(store->problems[i].text, c->words) != NULL)
            return true;
    }
    for (size_t i = 0; i < store->problem_count; i++)
        print_error("problem: %s: %s\n", store->problems[i].subject, store->problems[i].text);
    print_error("expected: %s: %s\n", c->subject, c->words);
    return false;
}

static void check_entry(const struct entry_case *c)
{
    struct fixture f;
    struct rec_image key;
    const struct rec_image *whole;
    struct err err;

    open_fixture(&f);
    if (c->before != NULL)
        c->before(&f);
    containerd_store_write(&f.store);
    if (c->after != NULL)
        c->after(&f);
    assert_ok(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err));
    assert_int_equal(f.reading->content.store.state, REC_STORE_CORRUPT);
    assert_true(has_problem(&f.reading->content.store, c));
    key.id = f.whole;
    whole = bsearch(&key, f.reading->content.images, f.reading->content.image_count, sizeof(key),
                    rec_image_cmp);
    assert_non_null(whole);
    assert_true(whole->unpacked);
    assert_string_equal(whole->names[0], "docker.io/t/whole:1");
    close_fixture(&f);
}

static void one_broken_entry_is_told_and_hides_no_other(void **state)
{
    static const struct entry_case cases[] = {
        {no_target, NULL, "image docker.io/t/broken:1", "it has no target"},
        {no_target_digest, NULL, "image docker.io/t/broken:1", "its target has no digest"},
        {strange_target_digest, NULL, "image docker.io/t/broken:1", "is no sha256 digest"},
        {strange_target_size, NULL, "image docker.io/t/broken:1", "has no valid size"},
        {unknown_target, NULL, "image docker.io/t/broken:1", "is not there"},
        {strange_blob, NULL, "blob md5:1234", "its name is no sha256 digest"},
        {no_blob_size, NULL, "blob sha256:", "it has no valid size"},
        {no_snapshot_name, NULL, "snapshot sha256:", "it has no name"},
        {no_own_entry, NULL, "snapshot sha256:", "its snapshotter does not know it"},
        {no_own_id, NULL, "snapshot sha256:", "its snapshotter's entry is broken"},
        {strange_own_kind, NULL, "snapshot sha256:", "its snapshotter's entry is broken"},
        {NULL, no_config, "blob sha256:", "its file is not there"},
        {NULL, no_manifest, "blob sha256:", "its file is not there"},
        {NULL, no_manifest, "image docker.io/t/broken:1", "is not there"},
        {NULL, no_layer, "blob sha256:", "its file is not there"},
        {NULL, cut_config, "blob sha256:", "its file has 10 bytes of"},
        {NULL, garbage_config, "sha256:", "digest"},
        {NULL, garbage_manifest, "sha256:", "digest"},
        {NULL, oversized_config, "blob sha256:", "its file has 1073741824 bytes of"},
        {NULL, no_directory, "snapshot sha256:", "its directory snapshots/2 is not there"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        check_entry(&cases[i]);
}

/* ---- the files as such ----------------------------------------------------------------------- */

struct file_case {
    const char *file;
    const char *content; /* NULL: removed */
    off_t size;          /* -1: as it is */
    enum err_kind kind;
    const char *words;
};

static void check_file(const struct file_case *c)
{
    struct fixture f;
    char path[PATH_MAX];
    struct err err;

    open_fixture(&f);
    containerd_store_write(&f.store);
    tempdir_path(&f.dir, c->file, path);
    if (c->content == NULL && c->size < 0)
        assert_int_equal(unlink(path), 0);
    else if (c->content != NULL)
        tempdir_write_text(&f.dir, c->file, c->content);
    if (c->size >= 0)
        assert_int_equal(truncate(path, c->size), 0);
    assert_fails(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err), c->kind,
                 c->words);
    close_fixture(&f);
}

static void a_database_that_cannot_be_read_is_an_error_and_no_empty_store(void **state)
{
    static const struct file_case cases[] = {
        {META_DB, NULL, -1, ERR_NOT_FOUND, "meta.db"},
        {META_DB, "", -1, ERR_CORRUPT, "no valid meta page"},
        {META_DB, "garbage", -1, ERR_CORRUPT, "no valid meta page"},
        {META_DB, "garbage", 1 << 20, ERR_CORRUPT, "no valid meta page"},
        {META_DB, NULL, 3 * 4096, ERR_CORRUPT, "not in the file"},
        {META_DB, NULL, (off_t)(BOLT_FILE_MAX) + 4096, ERR_LIMIT, "at most 1073741824 are read"},
        {KEYS_DB, "", -1, ERR_CORRUPT, "snapshotter overlayfs"},
        {KEYS_DB, "garbage", -1, ERR_CORRUPT, "snapshotter overlayfs"},
        {KEYS_DB, NULL, 3 * 4096, ERR_CORRUPT, "snapshotter overlayfs"},
        {KEYS_DB, NULL, (off_t)(BOLT_FILE_MAX) + 4096, ERR_LIMIT, "snapshotter overlayfs"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        check_file(&cases[i]);
}

static void an_image_with_a_broken_manifest_keeps_its_name(void **state)
{
    const struct rec_image *image = NULL;
    struct fixture f;
    struct err err;

    (void)state;
    open_fixture(&f);
    containerd_store_write(&f.store);
    garbage_manifest(&f);
    assert_ok(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err));
    assert_int_equal(f.reading->content.image_count, 2);
    for (size_t i = 0; i < 2; i++) {
        if (f.reading->content.images[i].identity == REC_BY_MANIFEST)
            image = &f.reading->content.images[i];
    }
    assert_non_null(image);
    assert_memory_equal(&image->id, &f.manifest, sizeof(f.manifest));
    assert_int_equal(image->name_count, 1);
    assert_string_equal(image->names[0], "docker.io/t/broken:1");
    close_fixture(&f);
}

static void a_users_database_may_not_grow_beyond_a_users_share(void **state)
{
    struct fixture f;
    char path[PATH_MAX];
    struct err err;

    (void)state;
    open_fixture(&f);
    containerd_store_write(&f.store);
    assert_int_equal(truncate(tempdir_path(&f.dir, META_DB, path), 65 << 20), 0);
    assert_ok(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err));
    engine_reading_close(&f.reading);
    f.root.user = 1000;
    assert_fails(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err), ERR_LIMIT,
                 "meta.db");
    close_fixture(&f);
}

static void a_snapshotter_without_its_file_knows_no_snapshot(void **state)
{
    static const struct entry_case expected = {.subject = "snapshot sha256:",
                                               .words = "its snapshotter does not know it"};
    struct fixture f;
    char path[PATH_MAX];
    struct err err;

    (void)state;
    open_fixture(&f);
    containerd_store_write(&f.store);
    assert_int_equal(unlink(tempdir_path(&f.dir, KEYS_DB, path)), 0);
    assert_ok(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err));
    assert_true(has_problem(&f.reading->content.store, &expected));
    assert_int_equal(f.reading->content.image_count, 2);
    assert_false(f.reading->content.images[0].unpacked);
    close_fixture(&f);
}

static void a_snapshotter_that_is_not_known_has_images_and_no_directories(void **state)
{
    static const struct entry_case expected = {.subject = "snapshotter",
                                               .words = "zfs keeps layers in no directories"};
    struct fixture f;
    struct err err;

    (void)state;
    open_fixture(&f);
    containerd_store_close(&f.store);
    containerd_store_open(&f.store, &f.dir, "zfs");
    f.root = containerd_store_root(&f.store, "default");
    add_image(&f, "docker.io/t/whole:1", whole_layers, &f.manifest, &f.top);
    containerd_store_write(&f.store);
    assert_ok(containerd_driver.read(&f.root, &f.options, NULL, &f.reading, &err));
    assert_true(has_problem(&f.reading->content.store, &expected));
    assert_int_equal(f.reading->content.image_count, 1);
    close_fixture(&f);
}

static void stores_of_a_broken_database_are_still_found(void **state)
{
    struct fixture f;
    char path[PATH_MAX];
    char *places[1];
    struct engine_roots roots = {0};
    struct err err;

    (void)state;
    open_fixture(&f);
    containerd_store_write(&f.store);
    tempdir_write_text(&f.dir, META_DB, "garbage");
    places[0] = tempdir_path(&f.dir, "containerd", path);
    f.options.containerd_roots = (struct engine_texts){places, 1};
    assert_ok(containerd_driver.find(&f.options, &roots, &err));
    assert_int_equal(roots.count, 1);
    assert_string_equal(roots.items[0].space, "default");
    assert_string_equal(roots.items[0].storage, "overlayfs");
    engine_roots_free(&roots);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_broken_entry_is_told_and_hides_no_other),
        cmocka_unit_test(a_database_that_cannot_be_read_is_an_error_and_no_empty_store),
        cmocka_unit_test(an_image_with_a_broken_manifest_keeps_its_name),
        cmocka_unit_test(a_users_database_may_not_grow_beyond_a_users_share),
        cmocka_unit_test(a_snapshotter_without_its_file_knows_no_snapshot),
        cmocka_unit_test(a_snapshotter_that_is_not_known_has_images_and_no_directories),
        cmocka_unit_test(stores_of_a_broken_database_are_still_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
