#include "tests/support/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/engines/oci_layout/oci_layout.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/oci_store.h"

enum {
    LATER_US = 50000,     /* more than PASS_MOVING_NS */
    SLOW_US = 500000,     /* more than three attempts take */
    SETTLED_US = 1100000, /* more than OCI_LAYOUT_SETTLE_MS */
};

static const char *const one[] = {"a", "b", NULL};
static const char *const other[] = {"a", "c", NULL};

struct fixture {
    unsigned later_us; /* of write_later() */
    struct tempdir dir;
    struct oci_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    check(f != NULL);
    tempdir_open(&f->dir);
    oci_store_open(&f->store, &f->dir, "layout");
    f->root = oci_store_root(&f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    oci_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

/* Reads with what the last reading left. */
static const struct rec_content *read_again(struct fixture *f)
{
    struct engine_reading *last = f->reading;
    struct err err;

    assert_ok(oci_layout_driver.read(&f->root, &f->options, last, &f->reading, &err));
    engine_reading_close(&last);
    return &f->reading->content;
}

static const struct rec_image *image_of(const struct rec_content *content, const struct digest *id)
{
    const struct rec_image key = {.id = *id};
    const struct rec_image *found =
        content->image_count == 0
            ? NULL
            : bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp);

    assert_non_null(found);
    return found;
}

/* What the space account says of this name in the layout. */
static const struct engine_space_entry *space_of(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->reading->space_count; i++) {
        if (strcmp(f->reading->spaces[i].path + strlen(f->root.path) + 1, name) == 0)
            return &f->reading->spaces[i];
    }
    fail_msg("%s is not in the account", name);
    return NULL;
}

static void assert_space(const struct fixture *f, const char *name, enum rec_space_class klass,
                         const char *kind)
{
    const struct engine_space_entry *entry = space_of(f, name);

    assert_int_equal(entry->klass, klass);
    assert_string_equal(entry->kind, kind);
}

static void assert_blob(const struct fixture *f, const struct digest *digest,
                        enum rec_space_class klass, const char *kind)
{
    char path[PATH_MAX];

    oci_store_blob_path(&f->store, digest, path);
    assert_space(f, path + strlen(f->store.root) + 1, klass, kind);
}

/* Lets a file of the layout be two hours old. */
static void age(const struct fixture *f, const char *name)
{
    char below[PATH_MAX], path[PATH_MAX];
    struct timespec times[2] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};

    tempdir_path(&f->dir, oci_store_below(&f->store, name, below), path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* ---- what is there --------------------------------------------------------------------------- */

static void roots_are_what_the_configuration_names(void **state)
{
    char *layouts[] = {(char *)"/srv/a", (char *)"/srv/b/", (char *)"/srv/a/"};
    char *wrong[] = {(char *)"srv"};
    struct engine_options options = {.host_root = "/host", .layouts = {layouts, 3}};
    struct engine_roots roots = {0};
    struct err err;

    (void)state;
    assert_ok(oci_layout_driver.find(&options, &roots, &err));
    assert_int_equal(roots.count, 2);
    assert_string_equal(roots.items[0].path, "/srv/a");
    assert_string_equal(roots.items[1].path, "/srv/b");
    assert_string_equal(roots.items[1].host, "/host");
    options.layouts = (struct engine_texts){wrong, 1};
    assert_fails(oci_layout_driver.find(&options, &roots, &err), ERR_USAGE, "absolute");
    engine_roots_free(&roots);
}

static void an_empty_layout_is_a_store_without_images(void **state)
{
    struct fixture *f = *state;
    const struct rec_content *content = read_again(f);

    assert_int_equal(content->image_count, 0);
    assert_int_equal(content->store.state, REC_STORE_OK);
    assert_string_equal(content->store.engine, "oci-layout");
    assert_string_equal(content->store.root, f->root.path);
    assert_int_equal(f->reading->space_count, 0);
    assert_int_equal(f->reading->space_root_count, 1);
    assert_int_equal(f->reading->use.container_count, 0);
}

static void an_index_of_several_images_names_each(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store, "amd64", one);
    struct digest first = oci_store_manifest(&f->store, &config, one);
    struct digest second_config = oci_store_config(&f->store, "amd64", other);
    struct digest second = oci_store_manifest(&f->store, &second_config, other);
    const struct rec_content *content;
    const struct rec_image *image;

    oci_store_name(&f->store, &first, OCI_MANIFEST, "127.0.0.1:5000/team/a:1");
    oci_store_name(&f->store, &first, OCI_MANIFEST, "latest");
    oci_store_name(&f->store, &second, OCI_MANIFEST, NULL);
    content = read_again(f);
    assert_int_equal(content->image_count, 2);
    image = image_of(content, &config);
    assert_int_equal(image->identity, REC_BY_CONFIG);
    assert_false(image->unpacked);
    assert_int_equal(image->name_count, 2);
    assert_string_equal(image->names[0], "127.0.0.1:5000/team/a:1");
    assert_string_equal(image->names[1], "latest");
    assert_int_equal(image->repo_digest_count, 1);
    assert_string_equal(image->repo_digests[0].repository, "127.0.0.1:5000/team/a");
    assert_true(digest_eq(&image->repo_digests[0].digest, &first));
    image = image_of(content, &second_config);
    assert_int_equal(image->name_count, 0);
    assert_int_equal(image->repo_digest_count, 0);
    assert_int_equal(f->reading->copy_count, 0);
    assert_int_equal(content->exception_count, 0);
    assert_int_equal(content->store.state, REC_STORE_OK);
}

/* As BuildKit writes it: the whole name in one annotation, its tag in the other. */
static void a_nested_index_carries_the_whole_name(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&f->store, &config, one);
    char text[OCI_STORE_DESCRIPTOR];
    struct digest index =
        oci_store_index(&f->store, oci_store_descriptor(&manifest, OCI_MANIFEST, "", text));
    const struct rec_image *image;

    oci_store_entry(&f->store,
                    oci_store_descriptor(&index, OCI_INDEX,
                                         ",\"annotations\":{\"io.containerd.image.name\":"
                                         "\"docker.io/library/a:7\","
                                         "\"org.opencontainers.image.ref.name\":\"7\"}",
                                         text));
    image = image_of(read_again(f), &config);
    assert_int_equal(image->name_count, 1);
    assert_string_equal(image->names[0], "docker.io/library/a:7");
    assert_int_equal(image->repo_digest_count, 2); /* the index and the manifest */
}

static void blobs_are_the_only_form_and_what_nothing_names_is_left_over(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&f->store, &config, one);
    struct digest layer = oci_store_layer(&f->store, "b");
    struct digest unnamed = oci_store_image(&f->store, "arm64", other);
    struct digest young = oci_store_layer(&f->store, "young");
    char path[PATH_MAX];

    oci_store_name(&f->store, &manifest, OCI_MANIFEST, "1");
    tempdir_write_text(&f->dir, oci_store_below(&f->store, "blobs/sha512/abc", path), "x");
    tempdir_write_text(&f->dir, oci_store_below(&f->store, "notes", path), "x");
    oci_store_blob_path(&f->store, &unnamed, path);
    age(f, path + strlen(f->store.root) + 1);
    read_again(f);
    assert_blob(f, &config, REC_SPACE_BLOBS, "only");
    assert_blob(f, &manifest, REC_SPACE_BLOBS, "only");
    assert_blob(f, &layer, REC_SPACE_BLOBS, "only");
    assert_blob(f, &unnamed, REC_SPACE_ORPHANS, "leftover");
    assert_blob(f, &young, REC_SPACE_OUTSIDE, "pulling"); /* its name may be still to come */
    assert_space(f, "blobs/sha512", REC_SPACE_BLOBS, "only");
    assert_space(f, "notes", REC_SPACE_ORPHANS, "leftover");
}

static void what_is_being_written_is_no_orphan_for_an_hour(void **state)
{
    static const char *const names[] = {"oci-put-blob123", "ingest", "blobs/sha256/x.tmp"};
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, oci_store_below(&f->store, "oci-put-blob123", path), "x");
    tempdir_write_text(&f->dir, oci_store_below(&f->store, "ingest/1/data", path), "x");
    tempdir_write_text(&f->dir, oci_store_below(&f->store, "blobs/sha256/x.tmp", path), "x");
    read_again(f);
    for (size_t i = 0; i < unit_count(names); i++)
        assert_space(f, names[i], REC_SPACE_OUTSIDE, "pulling");
    for (size_t i = 0; i < unit_count(names); i++)
        age(f, names[i]);
    read_again(f);
    for (size_t i = 0; i < unit_count(names); i++)
        assert_space(f, names[i], REC_SPACE_ORPHANS, "partial");
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
}

static void a_document_is_any_blob_with_its_digest(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store, "amd64", one);
    struct digest nothing = {{0}};
    AUTO(buf_close) struct buf out;
    char path[PATH_MAX];
    struct err err;

    buf_init(&out, JSON_BYTES_MAX);
    assert_ok(oci_layout_driver.document(&f->root, REC_DOC_CONFIG, &config, &out, &err));
    assert_non_null(strstr(buf_str(&out), "diff_ids"));
    assert_fails(oci_layout_driver.document(&f->root, REC_DOC_INDEX, &nothing, &out, &err),
                 ERR_NOT_FOUND, "document sha256:0000");
    tempdir_write_text(&f->dir, oci_store_blob_path(&f->store, &config, path), "spoilt");
    assert_fails(oci_layout_driver.document(&f->root, REC_DOC_CONFIG, &config, &out, &err),
                 ERR_CORRUPT, "another digest");
}

/* ---- change ---------------------------------------------------------------------------------- */

static void the_token_tells_a_new_name_and_a_new_blob(void **state)
{
    struct fixture *f = *state;
    struct engine_token before, after;
    struct digest manifest;
    struct err err;

    usleep(f->later_us);
    assert_ok(oci_layout_driver.token(&f->root, &before, &err));
    assert_ok(oci_layout_driver.token(&f->root, &after, &err));
    assert_memory_equal(before.bytes, after.bytes, sizeof(before.bytes));
    manifest = oci_store_image(&f->store, "amd64", one);
    assert_ok(oci_layout_driver.token(&f->root, &after, &err));
    assert_memory_not_equal(before.bytes, after.bytes, sizeof(before.bytes));
    before = after;
    usleep(f->later_us);
    oci_store_name(&f->store, &manifest, OCI_MANIFEST, "1");
    assert_ok(oci_layout_driver.token(&f->root, &after, &err));
    assert_memory_not_equal(before.bytes, after.bytes, sizeof(before.bytes));
}

static void the_layout_and_its_blobs_are_watched(void **state)
{
    struct fixture *f = *state;
    struct engine_paths paths = {0};
    struct err err;

    assert_ok(oci_layout_driver.watches(&f->root, &paths, &err));
    assert_int_equal(paths.count, 2);
    assert_string_equal(paths.items[0], f->root.path);
    assert_non_null(strstr(paths.items[1], "/layout/blobs/sha256"));
    engine_paths_free(&paths);
}

static void read_twice_it_is_the_same_as_afresh(void **state)
{
    struct fixture *f = *state;
    struct digest first = oci_store_image(&f->store, "amd64", one);
    struct digest second = oci_store_image(&f->store, "amd64", other);
    struct setsum known;

    oci_store_name(&f->store, &first, OCI_MANIFEST, "1");
    oci_store_name(&f->store, &second, OCI_MANIFEST, "2");
    usleep(f->later_us);
    known = rec_content_sum(read_again(f));
    for (int i = 0; i < 3; i++) {
        struct setsum again = rec_content_sum(read_again(f));

        assert_true(setsum_eq(&known, &again));
    }
    oci_store_name(&f->store, &first, OCI_MANIFEST, "3");
    assert_int_equal(read_again(f)->images[0].name_count + f->reading->content.images[1].name_count,
                     3);
}

static void a_layout_that_has_gone_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct engine_token token;
    struct err err;

    snprintf(f->root.path, sizeof(f->root.path), "%s/gone", f->dir.path);
    assert_fails(oci_layout_driver.token(&f->root, &token, &err), ERR_NOT_FOUND, "gone");
    assert_fails(oci_layout_driver.read(&f->root, &f->options, NULL, &f->reading, &err),
                 ERR_NOT_FOUND, "gone");
}

/* ---- broken layouts -------------------------------------------------------------------------- */

/* Writes a file of the layout; text NULL: removes it, "/": a directory is there instead. */
static void put(struct fixture *f, const char *name, const char *text)
{
    char below[PATH_MAX], path[PATH_MAX];

    oci_store_below(&f->store, name, below);
    unlink(tempdir_path(&f->dir, below, path));
    if (text != NULL && strcmp(text, "/") == 0)
        tempdir_mkdir(&f->dir, below);
    else if (text != NULL)
        tempdir_write_text(&f->dir, below, text);
}

static void a_broken_layout_says_what_is_wrong(void **state)
{
    static const struct {
        const char *file, *text;
        enum err_kind kind;
        const char *words;
    } cases[] = {
        {"oci-layout", NULL, ERR_CORRUPT, "there is no file oci-layout"},
        {"oci-layout", "", ERR_CORRUPT, "JSON"},
        {"oci-layout", "{}", ERR_CORRUPT, "no imageLayoutVersion"},
        {"oci-layout", "{\"imageLayoutVersion\":1}", ERR_CORRUPT, "no imageLayoutVersion"},
        {"oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}", ERR_VERSION, "version 2.0.0"},
        {"oci-layout", "/", ERR_CORRUPT, "oci-layout"},
        {"index.json", NULL, ERR_CORRUPT, "index.json"},
        {"index.json", "", ERR_CORRUPT, "index.json: JSON"},
        {"index.json", "garbage", ERR_CORRUPT, "index.json: JSON"},
        {"index.json", "{\"schemaVersion\":2,\"manifests\":[{", ERR_CORRUPT, "index.json: JSON"},
        {"index.json", "{\"schemaVersion\":2,\"manifests\":{}}", ERR_CORRUPT, "no list"},
        {"index.json", "{\"schemaVersion\":1}", ERR_CORRUPT, "index.json: no index"},
        {"index.json", "/", ERR_CORRUPT, "index.json"},
    };
    struct fixture *made[unit_count(cases)];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        setup((void **)&made[i]);
        put(made[i], cases[i].file, cases[i].text);
    }
    usleep(SETTLED_US);
    for (size_t i = 0; i < unit_count(cases); i++) {
        struct fixture *f = made[i];
        struct err err;

        assert_fails(oci_layout_driver.read(&f->root, &f->options, NULL, &f->reading, &err),
                     cases[i].kind, cases[i].words);
        teardown((void **)&f);
    }
}

/* Nothing is said of a file that somebody writes: what was read last stands. */
static void a_broken_file_that_is_young_may_be_half_written(void **state)
{
    struct fixture *f = *state;
    struct engine_reading *none = NULL;
    struct err err;

    read_again(f);
    put(f, "index.json", "");
    assert_fails(oci_layout_driver.read(&f->root, &f->options, f->reading, &none, &err), ERR_MOVED,
                 "index.json: JSON");
    assert_null(none);
}

static void an_oversized_index_is_refused(void **state)
{
    struct fixture *f = *state;
    char below[PATH_MAX], path[PATH_MAX];
    struct err err;

    tempdir_path(&f->dir, oci_store_below(&f->store, "index.json", below), path);
    assert_int_equal(truncate(path, JSON_BYTES_MAX + 1), 0);
    assert_fails(oci_layout_driver.read(&f->root, &f->options, NULL, &f->reading, &err), ERR_LIMIT,
                 "index.json");
}

/* containers/image cuts index.json to nothing before it writes the new one. */
static void *write_later(void *arg)
{
    struct fixture *f = arg;

    usleep(f->later_us);
    put(f, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    return NULL;
}

static void read_while_written(struct fixture *f, unsigned after_us)
{
    pthread_t writer;

    f->later_us = after_us;
    put(f, "index.json", "");
    assert_int_equal(pthread_create(&writer, NULL, write_later, f), 0);
    read_again(f);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
}

static void an_index_that_is_being_written_is_read_again(void **state)
{
    read_while_written(*state, SLOW_US); /* the first reading waits longer */
    read_while_written(*state, LATER_US);
}

enum wrong { BLOB_GONE, BLOB_SPOILT, BLOB_CUT, BLOB_HUGE, BLOB_DIRECTORY };

static void spoil(struct fixture *f, const struct digest *digest, enum wrong wrong)
{
    char below[PATH_MAX], path[PATH_MAX];

    tempdir_path(&f->dir, oci_store_blob_path(&f->store, digest, below), path);
    switch (wrong) {
    case BLOB_SPOILT:
        tempdir_write_text(&f->dir, below, "{\"schemaVersion\":2,\"manifests\":[]}");
        break;
    case BLOB_CUT:
        assert_int_equal(truncate(path, 20), 0);
        break;
    case BLOB_HUGE:
        assert_int_equal(truncate(path, JSON_BYTES_MAX + 1), 0);
        break;
    case BLOB_GONE:
    case BLOB_DIRECTORY:
        assert_int_equal(unlink(path), 0);
        if (wrong == BLOB_DIRECTORY)
            tempdir_mkdir(&f->dir, below);
        break;
    }
}

static void assert_only_problem(const struct rec_store *store, const char *subject,
                                const char *words)
{
    assert_int_equal(store->state, REC_STORE_CORRUPT);
    assert_int_equal(store->problem_count, 1);
    if (strstr(store->problems[0].subject, subject) == NULL ||
        strstr(store->problems[0].text, words) == NULL)
        fail_msg("no '%s: %s' but '%s: %s'", subject, words, store->problems[0].subject,
                 store->problems[0].text);
}

enum role { MANIFEST, CONFIG, LAYER };

/* Two images, one of which has a broken blob. Gives the config of the other one. */
static struct digest make_broken(struct fixture *f, enum role role, enum wrong wrong)
{
    struct digest config = oci_store_config(&f->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&f->store, &config, one);
    struct digest sound = oci_store_config(&f->store, "amd64", other);
    struct digest blobs[] = {
        [MANIFEST] = manifest, [CONFIG] = config, [LAYER] = oci_store_layer(&f->store, "b")};

    oci_store_name(&f->store, &manifest, OCI_MANIFEST, "broken");
    manifest = oci_store_manifest(&f->store, &sound, other);
    oci_store_name(&f->store, &manifest, OCI_MANIFEST, "sound");
    spoil(f, &blobs[role], wrong);
    return sound;
}

static void a_broken_blob_is_a_problem_and_hides_no_other_image(void **state)
{
    static const struct {
        enum role blob;
        enum wrong wrong;
        const char *subject, *words;
        size_t images; /* listed with the sound one */
    } cases[] = {
        {MANIFEST, BLOB_GONE, "index.json entry 0", "is not here", 1},
        {MANIFEST, BLOB_SPOILT, "manifest sha256:", "another digest", 1},
        {MANIFEST, BLOB_CUT, "manifest sha256:", "another digest", 1},
        {MANIFEST, BLOB_HUGE, "manifest sha256:", "longer than the limit", 1},
        {MANIFEST, BLOB_DIRECTORY, "index.json entry 0", "is not here", 1},
        {CONFIG, BLOB_GONE, "manifest sha256:", "its config is not here", 2},
        {CONFIG, BLOB_SPOILT, "config sha256:", "another digest", 2},
        {CONFIG, BLOB_CUT, "config sha256:", "another digest", 2},
        {CONFIG, BLOB_HUGE, "config sha256:", "longer than the limit", 2},
        {CONFIG, BLOB_DIRECTORY, "manifest sha256:", "its config is not here", 2},
        {LAYER, BLOB_GONE, "manifest sha256:", "1 of its 2 layers are not here", 2},
        {LAYER, BLOB_DIRECTORY, "manifest sha256:", "1 of its 2 layers are not here", 2},
    };

    struct fixture *made[unit_count(cases)];
    struct digest sound[unit_count(cases)];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        setup((void **)&made[i]);
        sound[i] = make_broken(made[i], cases[i].blob, cases[i].wrong);
    }
    usleep(SETTLED_US);
    for (size_t i = 0; i < unit_count(cases); i++) {
        const struct rec_content *content = read_again(made[i]);

        assert_only_problem(&content->store, cases[i].subject, cases[i].words);
        assert_int_equal(content->image_count, cases[i].images);
        assert_string_equal(image_of(content, &sound[i])->names[0], "sound");
        teardown((void **)&made[i]);
    }
}

/* By then it was looked at three times: what is whole is told, and what is not is named. */
static void a_broken_blob_that_is_young_hides_no_other_image(void **state)
{
    struct fixture *f = *state;
    struct digest sound = make_broken(f, CONFIG, BLOB_CUT);
    const struct rec_content *content = read_again(f);

    assert_int_equal(content->store.state, REC_STORE_MOVING);
    assert_int_equal(content->store.problem_count, 1);
    assert_non_null(strstr(content->store.problems[0].subject, "config sha256:"));
    assert_int_equal(content->image_count, 2);
    assert_string_equal(image_of(content, &sound)->names[0], "sound");
    usleep(SETTLED_US);
    assert_only_problem(&read_again(f)->store, "config sha256:", "another digest");
}

static void an_entry_with_another_digest_algorithm_is_a_problem(void **state)
{
    struct fixture *f = *state;
    struct digest config = oci_store_config(&f->store, "amd64", one);
    struct digest manifest = oci_store_manifest(&f->store, &config, one);

    oci_store_entry(&f->store, "{\"digest\":\"sha512:00\",\"size\":1}");
    oci_store_name(&f->store, &manifest, OCI_MANIFEST, "1");
    assert_int_equal(read_again(f)->image_count, 1);
    assert_only_problem(&f->reading->content.store, "index.json entry 0", "no sha256 digest");
}

#define with_layout(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_layout(roots_are_what_the_configuration_names),
        with_layout(an_empty_layout_is_a_store_without_images),
        with_layout(an_index_of_several_images_names_each),
        with_layout(a_nested_index_carries_the_whole_name),
        with_layout(blobs_are_the_only_form_and_what_nothing_names_is_left_over),
        with_layout(what_is_being_written_is_no_orphan_for_an_hour),
        with_layout(a_document_is_any_blob_with_its_digest),
        with_layout(the_token_tells_a_new_name_and_a_new_blob),
        with_layout(the_layout_and_its_blobs_are_watched),
        with_layout(read_twice_it_is_the_same_as_afresh),
        with_layout(a_layout_that_has_gone_is_not_found),
        with_layout(a_broken_layout_says_what_is_wrong),
        with_layout(a_broken_file_that_is_young_may_be_half_written),
        with_layout(an_oversized_index_is_refused),
        with_layout(an_index_that_is_being_written_is_read_again),
        with_layout(a_broken_blob_is_a_problem_and_hides_no_other_image),
        with_layout(a_broken_blob_that_is_young_hides_no_other_image),
        with_layout(an_entry_with_another_digest_algorithm_is_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
