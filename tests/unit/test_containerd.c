/* Reading whole stores of containerd's. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/account.h"
#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/containerd_store.h"
#include "tests/support/du.h"

#define OLD_SECONDS 7200 /* what stood still for so long is no pull any more */

static const char *const base[] = {"base", NULL};
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

    tempdir_open(&f->dir);
    containerd_store_open(&f->store, &f->dir, "overlayfs");
    f->root = containerd_store_root(&f->store, "default");
    f->options.container_names = true;
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

/* ---- helpers --------------------------------------------------------------------------------- */

static const struct rec_content *read_written(struct fixture *f)
{
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(containerd_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    return &f->reading->content;
}

static const struct rec_content *read_store(struct fixture *f)
{
    containerd_store_write(&f->store);
    return read_written(f);
}

static const struct rec_image *image(const struct fixture *f, const struct digest *id)
{
    const struct rec_content *c = &f->reading->content;
    const struct rec_image key = {.id = *id};

    return bsearch(&key, c->images, c->image_count, sizeof(key), rec_image_cmp);
}

static void assert_fine(const struct rec_content *c)
{
    assert_string_equal(c->store.error, "");
    assert_int_equal(c->store.state, REC_STORE_OK);
}

/* How many entries of the space there are of this kind. */
static size_t spaces(const struct fixture *f, enum rec_space_class klass, const char *kind)
{
    size_t count = 0;

    for (size_t i = 0; i < f->reading->space_count; i++) {
        const struct engine_space_entry *e = &f->reading->spaces[i];

        count += e->klass == klass && strcmp(e->kind, kind) == 0;
    }
    return count;
}

/* An image of these layers with a name, known to a namespace, its layers unpacked. Returns the
 * config's digest. */
static struct digest add_image(struct fixture *f, const char *ns, const char *name,
                               const char *const *layers)
{
    struct oci_store *content = &f->store.content;
    struct digest config = oci_store_config(content, "amd64", layers);
    struct digest manifest = oci_store_manifest(content, &config, layers);

    containerd_store_know_all(&f->store, ns);
    containerd_store_name(&f->store, ns, name, &manifest, OCI_MANIFEST);
    containerd_store_unpack(&f->store, ns, layers);
    return config;
}

static uint64_t account_bytes(const struct account *a, enum rec_space_class klass)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < a->spaces.space_count; i++)
        bytes += a->items[i].klass == klass ? a->items[i].bytes : 0;
    return bytes;
}

/* The account adds up; its total. */
static uint64_t measured(struct fixture *f)
{
    static const struct measure_limits limits = {.entries_per_second = 0};
    struct account a;
    uint64_t parts = 0;
    struct err err;

    assert_ok(account_store(&f->root, f->reading, &limits, NULL, NULL, &a, &err));
    for (int klass = REC_SPACE_COPIES; klass < REC_SPACE_TOTAL; klass++)
        parts += account_bytes(&a, (enum rec_space_class)klass);
    assert_int_equal(parts, account_bytes(&a, REC_SPACE_TOTAL));
    return parts;
}

static void make_old(const struct fixture *f, const char *name)
{
    struct timespec times[2];
    char path[PATH_MAX];

    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= OLD_SECONDS;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, tempdir_path(&f->dir, name, path), times, 0), 0);
}

/* ---- images ---------------------------------------------------------------------------------- */

static void an_image_is_its_config_with_its_names_and_layers(void **state)
{
    struct fixture *f = *state;
    struct digest id = add_image(f, "default", "docker.io/t/a:1", ab);
    struct digest chain = containerd_store_unpack(&f->store, "default", ab);
    const struct rec_content *c;

    add_image(f, "default", "docker.io/t/a:2", ab);
    c = read_store(f);
    assert_fine(c);
    assert_string_equal(c->store.engine, "containerd");
    assert_string_equal(c->store.driver, "overlayfs");
    assert_string_equal(c->store.space, "default");
    assert_int_equal(c->image_count, 1);
    assert_memory_equal(&c->images[0].id, &id, sizeof(id));
    assert_int_equal(c->images[0].identity, REC_BY_CONFIG);
    assert_true(c->images[0].unpacked);
    assert_int_equal(c->images[0].name_count, 2);
    assert_string_equal(c->images[0].names[0], "docker.io/t/a:1");
    assert_string_equal(c->images[0].names[1], "docker.io/t/a:2");
    assert_int_equal(c->images[0].repo_digest_count, 0); /* nothing says where it came from */
    assert_int_equal(f->reading->copy_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct engine_copy *copy = &f->reading->copies[i];
        bool is_top = digest_eq(&copy->chain, &chain);

        assert_true(copy->needed);
        assert_non_null(strstr(copy->directory, is_top ? "snapshots/2/fs" : "snapshots/1/fs"));
    }
}

static void an_image_that_is_not_unpacked_is_listed_and_its_blobs_are_all_there_is(void **state)
{
    struct fixture *f = *state;
    struct digest manifest = oci_store_image(&f->store.content, "amd64", ab);

    containerd_store_know_all(&f->store, "default");
    containerd_store_name(&f->store, "default", "docker.io/t/a:1", &manifest, OCI_MANIFEST);
    assert_fine(read_store(f));
    assert_int_equal(f->reading->content.image_count, 1);
    assert_false(f->reading->content.images[0].unpacked);
    assert_int_equal(f->reading->copy_count, 0);
    assert_int_equal(spaces(f, REC_SPACE_BLOBS, "only"), 4);
    containerd_store_unpack(&f->store, "default", base);
    assert_fine(read_store(f)); /* one of two layers does not make it unpacked */
    assert_false(f->reading->content.images[0].unpacked);
    assert_int_equal(f->reading->content.exception_count, 1);
    assert_int_equal(f->reading->content.exceptions[0].kind, REC_CHAIN_EXTRA);
}

static void the_three_records_of_kubernetes_are_one_image(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store.content, "amd64", ab);
    struct digest manifest = oci_store_manifest(&f->store.content, &config, ab);
    char text[DIGEST_TEXT], name[256];
    const struct rec_image *found;

    add_image(f, "default", "registry.k8s.io/pause:3.9", ab);
    snprintf(name, sizeof(name), "registry.k8s.io/pause@%s", digest_text(&manifest, text));
    add_image(f, "default", name, ab);
    add_image(f, "default", digest_text(&config, text), ab);
    snprintf(name, sizeof(name), "moby-dangling@%s", digest_text(&manifest, text));
    add_image(f, "default", name, ab);
    assert_fine(read_store(f));
    found = image(f, &config);
    assert_non_null(found);
    assert_int_equal(found->name_count, 1);
    assert_string_equal(found->names[0], "registry.k8s.io/pause:3.9");
    assert_int_equal(found->repo_digest_count, 1);
    assert_string_equal(found->repo_digests[0].repository, "registry.k8s.io/pause");
    assert_memory_equal(&found->repo_digests[0].digest, &manifest, sizeof(manifest));
}

static void the_platforms_of_an_index_that_are_here_are_images(void **state)
{
    struct fixture *f = *state;
    struct oci_store *content = &f->store.content;
    struct digest here = oci_store_image(content, "amd64", ab), config, index;
    struct digest gone = oci_store_diff("a manifest that was not pulled");
    char descriptors[3][OCI_STORE_DESCRIPTOR], all[4 * OCI_STORE_DESCRIPTOR];

    config = oci_store_config(content, "amd64", ab);
    oci_store_descriptor(&here, OCI_MANIFEST,
                         ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}",
                         descriptors[0]);
    oci_store_descriptor(&gone, OCI_MANIFEST,
                         ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}",
                         descriptors[1]);
    snprintf(all, sizeof(all), "%s,%s", descriptors[0], descriptors[1]);
    index = oci_store_index(content, all);
    containerd_store_know_all(&f->store, "default");
    containerd_store_name(&f->store, "default", "docker.io/t/multi:1", &index, OCI_INDEX);
    containerd_store_label(&f->store, "default", &index,
                           "containerd.io/distribution.source.docker.io", "x/y,t/multi");
    containerd_store_unpack(&f->store, "default", ab);
    assert_fine(read_store(f));
    assert_int_equal(f->reading->content.image_count, 1);
    assert_memory_equal(&f->reading->content.images[0].id, &config, sizeof(config));
    assert_int_equal(f->reading->content.images[0].repo_digest_count, 2);
}

static void an_index_of_which_no_platform_is_here_is_itself(void **state)
{
    struct fixture *f = *state;
    struct digest gone = oci_store_diff("a manifest that was not pulled"), index;
    char descriptor[OCI_STORE_DESCRIPTOR];

    index = oci_store_index(&f->store.content,
                            oci_store_descriptor(&gone, OCI_MANIFEST, "", descriptor));
    containerd_store_know_all(&f->store, "default");
    containerd_store_name(&f->store, "default", "docker.io/t/multi:1", &index, OCI_INDEX);
    assert_fine(read_store(f));
    assert_int_equal(f->reading->content.image_count, 1);
    assert_int_equal(f->reading->content.images[0].identity, REC_BY_MANIFEST);
    assert_memory_equal(&f->reading->content.images[0].id, &index, sizeof(index));
    assert_string_equal(f->reading->content.images[0].names[0], "docker.io/t/multi:1");
}

static void what_stands_is_the_same_with_and_without_the_last_reading(void **state)
{
    struct fixture *f = *state;
    struct engine_reading *again = NULL;
    struct setsum first, second;
    struct err err;

    add_image(f, "default", "docker.io/t/a:1", ab);
    read_store(f);
    usleep(50000); /* the files are no longer so young that they are read again anyway */
    add_image(f, "default", "docker.io/t/b:1", abc);
    read_store(f);
    containerd_store_write(&f->store);
    assert_ok(containerd_driver.read(&f->root, &f->options, f->reading, &again, &err));
    first = rec_content_sum(&f->reading->content);
    second = rec_content_sum(&again->content);
    engine_reading_close(&again);
    assert_true(setsum_eq(&first, &second));
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void layers_of_a_removed_image_are_extra_where_their_diff_is_known(void **state)
{
    struct fixture *f = *state;
    struct digest known = oci_store_layer(&f->store.content, "b"), diff = oci_store_diff("b");
    char text[DIGEST_TEXT];

    add_image(f, "default", "docker.io/t/a:1", ab);
    containerd_store_unpack(&f->store, "default", abc);
    assert_fine(read_store(f));
    assert_int_equal(f->reading->content.exception_count, 0);
    assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "leftover"), 1);
    containerd_store_know(&f->store, "default", &known);
    containerd_store_label(&f->store, "default", &known, "containerd.io/uncompressed",
                           digest_text(&diff, text));
    assert_fine(read_store(f));
    assert_int_equal(f->reading->content.exception_count, 1);
    assert_int_equal(f->reading->content.exceptions[0].kind, REC_CHAIN_EXTRA);
    assert_memory_equal(&f->reading->content.exceptions[0].diff, &diff, sizeof(diff));
    assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "leftover"), 0);
    assert_int_equal(f->reading->copy_count, 3);
}

static void the_native_snapshotter_keeps_whole_trees(void **state)
{
    struct fixture *f = *state;

    containerd_store_close(&f->store);
    containerd_store_open(&f->store, &f->dir, "native");
    f->root = containerd_store_root(&f->store, "default");
    add_image(f, "default", "docker.io/t/a:1", ab);
    assert_fine(read_store(f));
    assert_int_equal(f->reading->copy_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct engine_copy *copy = &f->reading->copies[i];

        assert_ptr_equal(copy->directory, copy->entry);
        assert_int_equal(copy->whole_tree, !digest_eq(&copy->chain, &copy->diff));
    }
}

/* ---- space ----------------------------------------------------------------------------------- */

static void a_store_alone_has_all_that_du_finds(void **state)
{
    struct fixture *f = *state;
    char paths[3][PATH_MAX], name[PATH_MAX];
    const char *parts[] = {paths[0], paths[1], paths[2]};
    struct digest lost;

    tempdir_path(&f->dir, "containerd/" CONTAINERD_CONTENT, paths[0]);
    tempdir_path(&f->dir, "containerd/" CONTAINERD_METADATA, paths[1]);
    tempdir_path(&f->dir, "containerd/" CONTAINERD_SNAPSHOTTER "overlayfs", paths[2]);
    add_image(f, "default", "docker.io/t/a:1", ab);
    lost = oci_store_blob(&f->store.content, "nobody knows this");
    make_old(f, oci_store_blob_path(&f->store.content, &lost, name));
    tempdir_write_text(
        &f->dir, containerd_store_below(&f->store, CONTAINERD_CONTENT "/ingest/i1/data", name),
        "half");
    containerd_store_below(&f->store, CONTAINERD_CONTENT "/ingest/i2/data", name);
    tempdir_write_text(&f->dir, name, "half");
    make_old(f, name);
    make_old(f, containerd_store_below(&f->store, CONTAINERD_CONTENT "/ingest/i2", name));
    tempdir_mkdir(&f->dir, containerd_store_snapshot_path(&f->store, 77, name));
    make_old(f, name);
    tempdir_mkdir(&f->dir, containerd_store_snapshot_path(&f->store, 78, name));
    containerd_store_snapshot(&f->store, "default", "0123456789abcdefghijklmno", NULL, 'c');
    containerd_store_snapshot(&f->store, "default", "extract-1 sha256:x", NULL, 'a');
    containerd_store_snapshot(&f->store, "default", "mine", NULL, 'v');
    assert_fine(read_store(f));
    assert_int_equal(spaces(f, REC_SPACE_BLOBS, "kept"), 2);
    assert_int_equal(spaces(f, REC_SPACE_BLOBS, "only"), 2);
    assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "partial"), 1);
    assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "leftover"), 2);
    assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "build-cache"), 1);
    assert_int_equal(spaces(f, REC_SPACE_OUTSIDE, "pulling"), 3);
    assert_int_equal(spaces(f, REC_SPACE_OUTSIDE, "container-writable"), 1);
    assert_int_equal(measured(f), du_bytes(parts, unit_count(parts)));
}

static void stores_of_one_containerd_share_no_byte(void **state)
{
    static const char *const spaces_of[] = {"default", "k8s.io", "other"};
    struct fixture *f = *state;
    char path[PATH_MAX], name[PATH_MAX];
    uint64_t sum = 0, all;
    size_t blobs = 0;

    add_image(f, "k8s.io", "docker.io/t/a:1", ab);  /* these blobs: known to both, and to */
    add_image(f, "default", "docker.io/t/a:1", ab); /* the first one's account */
    add_image(f, "other", "docker.io/t/b:1", abc);
    tempdir_mkdir(&f->dir, containerd_store_snapshot_path(&f->store, 77, name));
    make_old(f, name);
    containerd_store_write(&f->store);
    for (size_t i = 0; i < unit_count(spaces_of); i++) {
        f->root = containerd_store_root(&f->store, spaces_of[i]);
        assert_fine(read_written(f));
        assert_int_equal(f->reading->content.image_count, 1);
        assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "leftover"), i == 0);
        blobs += spaces(f, REC_SPACE_BLOBS, "kept") + spaces(f, REC_SPACE_BLOBS, "only");
        sum += measured(f);
    }
    assert_int_equal(blobs, 7);
    all = du_bytes_of(tempdir_path(&f->dir, "containerd", path));
    assert_true(sum < all && all - sum <= 16 * 4096); /* but for the directories around them */
}

/* So it is on a host whose docker uses a graph driver: what it pulled, held by leases. */
static void blobs_that_no_image_names_are_the_only_form(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store.content, "amd64", ab);
    struct digest manifest = oci_store_manifest(&f->store.content, &config, ab);
    struct bolt_made *lease = bolt_made_bucket(
        bolt_made_bucket(containerd_store_space(&f->store, "moby"), "leases"), "moby-image-1");
    char key[DIGEST_TEXT];

    containerd_store_know(&f->store, "moby", &manifest);
    bolt_made_put_text(bolt_made_bucket(lease, "content"), digest_text(&manifest, key), "");
    f->root = containerd_store_root(&f->store, "moby");
    assert_fine(read_store(f));
    assert_int_equal(f->reading->content.image_count, 0);
    assert_int_equal(spaces(f, REC_SPACE_BLOBS, "only"), 1);
    assert_int_equal(spaces(f, REC_SPACE_ORPHANS, "leftover"), 0);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void repositories_of_blobs_are_origins_unless_repo_digests_say_so(void **state)
{
    struct fixture *f = *state;
    struct digest layer = oci_store_layer(&f->store.content, "a"), diff = oci_store_diff("a");
    struct digest config = oci_store_config(&f->store.content, "amd64", ab);
    struct digest manifest = oci_store_manifest(&f->store.content, &config, ab);

    add_image(f, "default", "127.0.0.1:5000/t/a:1", ab);
    containerd_store_label(&f->store, "default", &manifest,
                           "containerd.io/distribution.source.127.0.0.1", "t/a");
    containerd_store_label(&f->store, "default", &layer,
                           "containerd.io/distribution.source.127.0.0.1", "t/a,mirror/a");
    containerd_store_label(&f->store, "default", &layer,
                           "containerd.io/distribution.source.docker.io", "library/debian");
    assert_fine(read_store(f));
    assert_int_equal(image(f, &config)->repo_digest_count, 1);
    assert_string_equal(image(f, &config)->repo_digests[0].repository, "127.0.0.1:5000/t/a");
    assert_int_equal(f->reading->origins.origin_count, 2);
    assert_string_equal(f->reading->origins.origins[0].repository, "127.0.0.1/mirror/a");
    assert_string_equal(f->reading->origins.origins[1].repository, "docker.io/library/debian");
    assert_memory_equal(&f->reading->origins.origins[1].diff, &diff, sizeof(diff));
}

static void documents_of_every_kind_are_blobs_and_verified(void **state)
{
    struct fixture *f = *state;
    struct digest config = add_image(f, "default", "docker.io/t/a:1", ab);
    struct digest none = oci_store_diff("none");
    AUTO(buf_close) struct buf out;
    char path[PATH_MAX];
    struct err err;

    buf_init(&out, 1 << 20);
    containerd_store_write(&f->store);
    assert_ok(containerd_driver.document(&f->root, REC_DOC_CONFIG, &config, &out, &err));
    assert_non_null(strstr(buf_str(&out), "diff_ids"));
    assert_fails(containerd_driver.document(&f->root, REC_DOC_INDEX, &none, &out, &err),
                 ERR_NOT_FOUND, "document sha256:");
    tempdir_write_text(&f->dir, oci_store_blob_path(&f->store.content, &config, path), "{}");
    assert_fails(containerd_driver.document(&f->root, REC_DOC_CONFIG, &config, &out, &err),
                 ERR_CORRUPT, "digest");
}

static void the_token_tells_of_transactions_and_of_tasks(void **state)
{
    struct fixture *f = *state;
    struct engine_token first, second, third;
    struct engine_paths watches = {0};
    struct err err;

    containerd_store_write(&f->store);
    tempdir_mkdir(&f->dir, "run/" CONTAINERD_TASKS "/default");
    assert_ok(containerd_driver.token(&f->root, &first, &err));
    containerd_store_write(&f->store);
    assert_ok(containerd_driver.token(&f->root, &second, &err));
    assert_memory_not_equal(first.bytes, second.bytes, second.len);
    usleep(20000);
    tempdir_mkdir(&f->dir, "run/" CONTAINERD_TASKS "/default/c1");
    assert_ok(containerd_driver.token(&f->root, &third, &err));
    assert_memory_not_equal(second.bytes, third.bytes, third.len);
    assert_ok(containerd_driver.watches(&f->root, &watches, &err));
    assert_int_equal(watches.count, 2);
    assert_non_null(strstr(watches.items[0], "/meta.db"));
    engine_paths_free(&watches);
}

static void each_namespace_and_snapshotter_is_found_once(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX], link[PATH_MAX];
    char *places[] = {tempdir_path(&f->dir, "containerd", path),
                      tempdir_path(&f->dir, "link", link)};
    struct engine_roots roots = {0};
    struct err err;

    add_image(f, "k8s.io", "docker.io/t/a:1", ab);
    add_image(f, "default", "docker.io/t/a:1", ab);
    containerd_store_container(&f->store, "moby", "c1", "", ""); /* no images: no store */
    containerd_store_write(&f->store);
    assert_int_equal(symlink("containerd", link), 0);
    f->options.containerd_roots = (struct engine_texts){places, 2};
    assert_ok(containerd_driver.find(&f->options, &roots, &err));
    assert_int_equal(roots.count, 2);
    assert_string_equal(roots.items[0].space, "default");
    assert_string_equal(roots.items[1].space, "k8s.io");
    assert_string_equal(roots.items[1].storage, "overlayfs");
    engine_roots_free(&roots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_image_is_its_config_with_its_names_and_layers),
        TEST(an_image_that_is_not_unpacked_is_listed_and_its_blobs_are_all_there_is),
        TEST(the_three_records_of_kubernetes_are_one_image),
        TEST(the_platforms_of_an_index_that_are_here_are_images),
        TEST(an_index_of_which_no_platform_is_here_is_itself),
        TEST(what_stands_is_the_same_with_and_without_the_last_reading),
        TEST(layers_of_a_removed_image_are_extra_where_their_diff_is_known),
        TEST(the_native_snapshotter_keeps_whole_trees),
        TEST(a_store_alone_has_all_that_du_finds),
        TEST(stores_of_one_containerd_share_no_byte),
        TEST(blobs_that_no_image_names_are_the_only_form),
        TEST(repositories_of_blobs_are_origins_unless_repo_digests_say_so),
        TEST(documents_of_every_kind_are_blobs_and_verified),
        TEST(the_token_tells_of_transactions_and_of_tasks),
        TEST(each_namespace_and_snapshotter_is_found_once),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
