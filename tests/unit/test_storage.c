/* Reading a whole store of containers/storage as it should be. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "tests/support/storage_store.h"

struct fixture {
    struct tempdir dir;
    struct storage_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static int open_fixture(void **state, const char *driver)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    storage_store_open(&f->store, &f->dir, "storage", driver);
    f->root = storage_store_root(&f->store);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return open_fixture(state, "overlay");
}

static int setup_vfs(void **state)
{
    return open_fixture(state, "vfs");
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    storage_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static const struct rec_content *read_store(struct fixture *f)
{
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    return &f->reading->content;
}

static const struct rec_image *image(const struct fixture *f, const struct digest *id)
{
    const struct rec_content *c = &f->reading->content;
    struct rec_image key = {.id = *id};

    return bsearch(&key, c->images, c->image_count, sizeof(key), rec_image_cmp);
}

static const struct engine_copy *copy_of(const struct fixture *f, const struct digest *chain)
{
    for (size_t i = 0; i < f->reading->copy_count; i++) {
        if (digest_eq(&f->reading->copies[i].chain, chain))
            return &f->reading->copies[i];
    }
    fail_msg("no copy of that chain");
    return NULL;
}

static void assert_ends(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    if (len < end_len || strcmp(text + len - end_len, end) != 0)
        fail_msg("%s does not end in %s", text, end);
}

static size_t count_spaces(const struct fixture *f, enum rec_space_class klass, const char *kind)
{
    size_t count = 0;

    for (size_t i = 0; i < f->reading->space_count; i++)
        count +=
            f->reading->spaces[i].klass == klass && strcmp(f->reading->spaces[i].kind, kind) == 0;
    return count;
}

static void an_empty_store_is_read(void **state)
{
    struct fixture *f = *state;
    const struct rec_content *c = read_store(f);

    assert_int_equal(c->store.state, REC_STORE_OK);
    assert_string_equal(c->store.engine, "podman");
    assert_string_equal(c->store.driver, "overlay");
    assert_string_equal(c->store.root, f->root.path);
    assert_int_equal(c->store.owner, geteuid());
    assert_int_equal(c->image_count, 0);
    assert_int_equal(f->reading->copy_count, 0);
    assert_int_equal(f->reading->space_root_count, 4);
}

static void layers_become_chains_by_the_position_in_the_config(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("app"),
                             storage_store_diff("app")};
    struct storage_made made =
        storage_store_image(&f->store, diffs, 3, "[\"localhost/app:2\",\"localhost/app:1\"]");
    const struct rec_content *c = read_store(f);
    const struct rec_image *app = image(f, &made.id);
    struct digest chain = diffs[0];
    char hex[DIGEST_HEX + 1], end[PATH_MAX];

    assert_int_equal(c->store.state, REC_STORE_OK);
    assert_int_equal(c->image_count, 1);
    assert_int_equal(app->identity, REC_BY_CONFIG);
    assert_true(app->unpacked);
    assert_false(app->has_parent);
    assert_int_equal(app->name_count, 2);
    assert_string_equal(app->names[0], "localhost/app:1");
    assert_int_equal(app->repo_digest_count, 0);
    assert_int_equal(f->reading->copy_count, 3);
    assert_int_equal(c->exception_count, 0);
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            chain = digest_chain(&chain, &diffs[i]);
        assert_true(copy_of(f, &chain)->needed);
        assert_false(copy_of(f, &chain)->whole_tree);
    }
    snprintf(end, sizeof(end), "/overlay/%s/diff", digest_hex(&made.top, hex));
    assert_ends(copy_of(f, &chain)->directory, end);
}

static void with_vfs_all_but_the_first_layer_are_whole_trees(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("app")};
    struct storage_made made = storage_store_image(&f->store, diffs, 2, "[\"localhost/app:1\"]");
    struct digest chain = digest_chain(&diffs[0], &diffs[1]);
    char hex[DIGEST_HEX + 1], end[PATH_MAX];

    read_store(f);
    assert_false(copy_of(f, &diffs[0])->whole_tree);
    assert_true(copy_of(f, &chain)->whole_tree);
    snprintf(end, sizeof(end), "/vfs/dir/%s", digest_hex(&made.top, hex));
    assert_ends(copy_of(f, &chain)->directory, end);
    assert_ends(copy_of(f, &chain)->entry, end);
}

static void an_image_without_names_is_listed(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")};
    struct storage_made made = storage_store_image(&f->store, diffs, 1, "[]");

    read_store(f);
    assert_non_null(image(f, &made.id));
    assert_int_equal(image(f, &made.id)->name_count, 0);
}

static void the_digest_in_a_name_is_a_repo_digest_and_no_name(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")}, manifest = storage_store_diff("m");
    char names[256], text[DIGEST_TEXT];
    struct storage_made made;
    const struct rec_image *found;

    snprintf(names, sizeof(names), "[\"quay.io/inv/base@%s\",\"example.org/base:1\"]",
             digest_text(&manifest, text));
    made = storage_store_image(&f->store, diffs, 1, names);
    read_store(f);
    found = image(f, &made.id);
    assert_int_equal(found->name_count, 1);
    assert_string_equal(found->names[0], "example.org/base:1");
    assert_int_equal(found->repo_digest_count, 1);
    assert_string_equal(found->repo_digests[0].repository, "quay.io/inv/base");
    assert_true(digest_eq(&found->repo_digests[0].digest, &manifest));
}

static void a_layer_in_chunks_needs_no_diff_digest(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("chunked")};
    struct digest chain = digest_chain(&diffs[0], &diffs[1]);
    struct storage_made made = storage_store_image(&f->store, diffs, 2, "[\"localhost/app:1\"]");
    char hex[DIGEST_HEX + 1], below[PATH_MAX], entry[512], top[DIGEST_HEX + 1];

    snprintf(entry, sizeof(entry),
             "[{\"id\":\"%s\",\"diff-digest\":\"sha256:%s\"},"
             "{\"id\":\"%s\",\"parent\":\"%s\",\"toc-digest\":\"sha256:%s\"}]",
             digest_hex(&diffs[0], hex), hex, digest_hex(&made.top, top), hex, hex);
    tempdir_write_text(&f->dir, storage_store_name(&f->store, "-layers/layers.json", below), entry);
    read_store(f);
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    assert_true(digest_eq(&copy_of(f, &chain)->diff, &diffs[1]));
    assert_int_equal(f->reading->copy_count, 2);
}

static void layers_that_no_image_needs_are_extra(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("pulled")};
    struct digest base = storage_store_layer(&f->store, NULL, &diffs[0], "");
    struct digest chain = digest_chain(&diffs[0], &diffs[1]);
    const struct rec_content *c;

    storage_store_layer(&f->store, &base, &diffs[1], "");
    c = read_store(f);
    assert_int_equal(c->store.state, REC_STORE_OK);
    assert_int_equal(c->exception_count, 2);
    assert_int_equal(c->exceptions[0].kind, REC_CHAIN_EXTRA);
    assert_false(copy_of(f, &chain)->needed);
    assert_true(digest_eq(&copy_of(f, &chain)->diff, &diffs[1]));
}

static void what_is_no_copy_has_its_kind(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")}, half = storage_store_diff("half");
    struct storage_made made = storage_store_image(&f->store, diffs, 1, "[\"localhost/app:1\"]");
    char below[PATH_MAX];

    storage_store_container(&f->store, '1', &made, "");
    storage_store_layer(&f->store, NULL, &half, ",\"flags\":{\"incomplete\":true}");
    storage_store_layer(&f->store, &made.top, NULL, ",\"names\":[\"of-nobody\"]");
    tempdir_mkdir(&f->dir, storage_store_name(&f->store, "/tempdirs/temp-dir-1", below));
    tempdir_mkdir(&f->dir, storage_store_name(&f->store, "/staging", below));
    tempdir_mkdir(&f->dir, storage_store_name(&f->store, "-layers/tmp/temp-dir-2", below));
    read_store(f);
    assert_int_equal(f->reading->copy_count, 1);
    assert_int_equal(count_spaces(f, REC_SPACE_OUTSIDE, "container-writable"), 1);
    assert_int_equal(count_spaces(f, REC_SPACE_OUTSIDE, "pulling"), 2);
    assert_int_equal(count_spaces(f, REC_SPACE_ORPHANS, "leftover"), 3);
    assert_int_equal(f->reading->space_count, 6);
}

/* The top layer once more, mapped for a user namespace. */
static void a_chain_that_lies_here_twice_is_one_copy(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")};
    struct storage_made made = storage_store_image(&f->store, diffs, 1, "[\"localhost/app:1\"]");
    char entry[256], text[DIGEST_TEXT], hex[DIGEST_HEX + 1];

    snprintf(entry, sizeof(entry), ",\"diff-digest\":\"%s\",\"uidmap\":[]",
             digest_text(&diffs[0], text));
    storage_store_layer(&f->store, NULL, NULL, entry);
    read_store(f);
    assert_int_equal(f->reading->copy_count, 1);
    assert_true(f->reading->copies[0].needed);
    assert_ends(f->reading->copies[0].entry, digest_hex(&made.top, hex));
    assert_int_equal(count_spaces(f, REC_SPACE_ORPHANS, "second-copy"), 1);
    assert_int_equal(f->reading->content.exception_count, 0);
}

static void a_list_of_platforms_is_known_by_its_own_digest(void **state)
{
    struct fixture *f = *state;
    static const char index[] =
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
        "\"manifests\":[]}";
    struct digest id = storage_store_diff("a list"), digest;
    char entry[256], hex[DIGEST_HEX + 1];
    struct err err;
    AUTO(buf_close) struct buf bytes;

    digest = storage_store_big_data(&f->store, &id, "manifest", index);
    snprintf(entry, sizeof(entry),
             "{\"id\":\"%s\",\"names\":[\"localhost/list:1\"],\"big-data-names\":[\"manifest\"]}",
             digest_hex(&id, hex));
    storage_store_image_entry(&f->store, entry);
    read_store(f);
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    assert_non_null(image(f, &digest));
    assert_int_equal(image(f, &digest)->identity, REC_BY_MANIFEST);
    assert_false(image(f, &digest)->unpacked);
    buf_init(&bytes, 4096);
    assert_ok(storage_driver.document(&f->root, REC_DOC_INDEX, &digest, &bytes, &err));
    assert_string_equal(buf_str(&bytes), index);
}

static void an_image_in_the_making_is_left_out_for_a_moment(void **state)
{
    struct fixture *f = *state;
    struct digest id = storage_store_diff("unfinished");
    char entry[256], hex[DIGEST_HEX + 1];
    struct engine_token fresh, settled;
    struct timespec pause = {.tv_sec = 1, .tv_nsec = 600000000};
    struct err err;

    snprintf(entry, sizeof(entry), "{\"id\":\"%s\"}", digest_hex(&id, hex));
    storage_store_image_entry(&f->store, entry);
    assert_int_equal(read_store(f)->store.state, REC_STORE_OK); /* it has no directory yet */
    storage_store_big_data(&f->store, &id, "manifest", "{}");
    assert_ok(storage_driver.token(&f->root, &fresh, &err));
    assert_int_equal(read_store(f)->store.state, REC_STORE_OK);
    assert_int_equal(f->reading->content.image_count, 0);

    nanosleep(&pause, NULL);
    assert_ok(storage_driver.token(&f->root, &settled, &err));
    assert_memory_not_equal(fresh.bytes, settled.bytes, settled.len);
    assert_int_equal(read_store(f)->store.state, REC_STORE_CORRUPT);
}

static void documents_are_found_by_their_digest(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")}, none = storage_store_diff("none");
    struct storage_made made = storage_store_image(&f->store, diffs, 1, "[]");
    AUTO(buf_close) struct buf bytes;
    struct digest found;
    struct err err;

    buf_init(&bytes, REC_DOCUMENT_BYTES);
    assert_ok(storage_driver.document(&f->root, REC_DOC_CONFIG, &made.id, &bytes, &err));
    found = digest_of(bytes.data, bytes.len);
    assert_true(digest_eq(&found, &made.id));
    assert_ok(storage_driver.document(&f->root, REC_DOC_MANIFEST, &made.manifest, &bytes, &err));
    found = digest_of(bytes.data, bytes.len);
    assert_true(digest_eq(&found, &made.manifest));
    assert_fails(storage_driver.document(&f->root, REC_DOC_MANIFEST, &none, &bytes, &err),
                 ERR_NOT_FOUND, "no image here has it");
}

static void a_document_with_other_bytes_is_refused(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")};
    struct storage_made made = storage_store_image(&f->store, diffs, 1, "[]");
    AUTO(buf_close) struct buf bytes;
    char text[DIGEST_TEXT];
    struct err err;

    storage_store_big_data(&f->store, &made.id, digest_text(&made.id, text), "{}");
    buf_init(&bytes, REC_DOCUMENT_BYTES);
    assert_fails(storage_driver.document(&f->root, REC_DOC_CONFIG, &made.id, &bytes, &err),
                 ERR_CORRUPT, "does not have that digest");
    assert_int_equal(bytes.len, 0);
}

static void the_token_tells_each_change(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base")};
    struct storage_made made;
    struct engine_token before, after;
    char below[PATH_MAX];
    struct err err;

    assert_ok(storage_driver.token(&f->root, &before, &err));
    made = storage_store_image(&f->store, diffs, 1, "[]");
    assert_ok(storage_driver.token(&f->root, &after, &err));
    assert_memory_not_equal(before.bytes, after.bytes, after.len);

    storage_store_container(&f->store, '1', &made, "");
    assert_ok(storage_driver.token(&f->root, &before, &err));
    tempdir_write_text(
        &f->dir, storage_store_run_name(&f->store, "-containers/1/userdata/pidfile", below), "1");
    assert_ok(storage_driver.token(&f->root, &after, &err));
    assert_memory_not_equal(before.bytes, after.bytes, after.len);
}

/* Times that are too young are not believed, so the store has to be a little older. */
static void what_stands_is_taken_from_the_last_reading(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("app")};
    struct storage_made made = storage_store_image(&f->store, diffs, 2, "[\"localhost/app:1\"]");
    const struct timespec pause = {.tv_nsec = 50000000};
    AUTO(engine_reading_close) struct engine_reading *again = NULL;
    AUTO(engine_reading_close) struct engine_reading *changed = NULL;
    AUTO(engine_reading_close) struct engine_reading *grown = NULL;
    char key[DIGEST_TEXT], text[DIGEST_TEXT];
    struct setsum first, second;
    struct err err;

    nanosleep(&pause, NULL);
    first = rec_content_sum(read_store(f));
    assert_ok(storage_driver.read(&f->root, &f->options, f->reading, &again, &err));
    second = rec_content_sum(&again->content);
    assert_true(setsum_eq(&first, &second));
    assert_int_equal(again->copy_count, 2);

    /* The config is replaced by a broken one, and nothing else changes: its directory tells. */
    storage_store_replace(&f->store, &made.id, digest_text(&made.id, key), "{}");
    assert_ok(storage_driver.read(&f->root, &f->options, again, &changed, &err));
    assert_int_equal(changed->content.store.state, REC_STORE_CORRUPT);
    assert_non_null(strstr(changed->content.store.error, digest_text(&made.id, text)));

    storage_store_image(&f->store, diffs, 1, "[\"localhost/base:1\"]");
    assert_ok(storage_driver.read(&f->root, &f->options, changed, &grown, &err));
    assert_int_equal(grown->content.image_count, 2);
    assert_int_equal(grown->copy_count, 2);
}

/* Broken entries stay named while nobody mends their lists. */
static void what_is_broken_is_told_again(void **state)
{
    struct fixture *f = *state;
    const struct timespec pause = {.tv_nsec = 50000000};
    AUTO(engine_reading_close) struct engine_reading *again = NULL;
    struct digest diff = storage_store_diff("base"), odd = storage_store_diff("odd");
    struct err err;

    storage_store_image(&f->store, &diff, 1, "[\"localhost/base:1\"]");
    storage_store_image_entry(&f->store, "{\"id\":\"short\"}");
    storage_store_layer(&f->store, NULL, &odd, ",\"parent\":\"short\"");
    nanosleep(&pause, NULL);
    assert_int_equal(read_store(f)->store.problem_count, 2);
    assert_ok(storage_driver.read(&f->root, &f->options, f->reading, &again, &err));
    assert_int_equal(again->content.store.problem_count, 2);
    assert_int_equal(again->content.store.state, REC_STORE_CORRUPT);
}

static void watches_are_the_directories_in_which_files_are_replaced(void **state)
{
    struct fixture *f = *state;
    struct engine_paths paths = {0};
    char below[PATH_MAX];
    struct err err;

    tempdir_mkdir(&f->dir, storage_store_run_name(&f->store, "-containers/1234/userdata", below));
    assert_ok(storage_driver.watches(&f->root, &paths, &err));
    assert_int_equal(paths.count, 6);
    assert_ends(paths.items[0], "/storage/overlay-images");
    assert_ends(paths.items[5], "/overlay-containers/1234/userdata");
    engine_paths_free(&paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_empty_store_is_read),
        TEST(layers_become_chains_by_the_position_in_the_config),
        cmocka_unit_test_setup_teardown(with_vfs_all_but_the_first_layer_are_whole_trees, setup_vfs,
                                        teardown),
        TEST(an_image_without_names_is_listed),
        TEST(the_digest_in_a_name_is_a_repo_digest_and_no_name),
        TEST(a_layer_in_chunks_needs_no_diff_digest),
        TEST(layers_that_no_image_needs_are_extra),
        TEST(what_is_no_copy_has_its_kind),
        TEST(a_chain_that_lies_here_twice_is_one_copy),
        TEST(a_list_of_platforms_is_known_by_its_own_digest),
        TEST(an_image_in_the_making_is_left_out_for_a_moment),
        TEST(documents_are_found_by_their_digest),
        TEST(a_document_with_other_bytes_is_refused),
        TEST(the_token_tells_each_change),
        TEST(what_stands_is_taken_from_the_last_reading),
        TEST(what_is_broken_is_told_again),
        TEST(watches_are_the_directories_in_which_files_are_replaced),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
