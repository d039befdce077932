/* A store of containers/storage with something broken in it: each place, and what is said of it.
 * What is not broken is read. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/storage_store.h"

struct fixture {
    struct tempdir dir;
    struct storage_store store;
    struct engine_root root;
    struct engine_options options;
    struct storage_made good, bad; /* two images; they share their first layer */
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct digest good[] = {storage_store_diff("base"), storage_store_diff("good")};
    struct digest bad[] = {storage_store_diff("base"), storage_store_diff("bad")};

    tempdir_open(&f->dir);
    storage_store_open(&f->store, &f->dir, "storage", "overlay");
    f->root = storage_store_root(&f->store);
    f->good = storage_store_image(&f->store, good, 2, "[\"localhost/good:1\"]");
    f->bad = storage_store_image(&f->store, bad, 2, "[\"localhost/bad:1\"]");
    *state = f;
    return 0;
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

/* ---- places ---------------------------------------------------------------------------------- */

static void images_json(const struct fixture *f, char out[PATH_MAX])
{
    storage_store_name(&f->store, "-images/images.json", out);
}

static void layers_json(const struct fixture *f, char out[PATH_MAX])
{
    storage_store_name(&f->store, "-layers/layers.json", out);
}

static void volatile_layers_json(const struct fixture *f, char out[PATH_MAX])
{
    storage_store_name(&f->store, "-layers/volatile-layers.json", out);
}

static void containers_json(const struct fixture *f, char out[PATH_MAX])
{
    storage_store_name(&f->store, "-containers/containers.json", out);
}

static void volatile_containers_json(const struct fixture *f, char out[PATH_MAX])
{
    storage_store_run_name(&f->store, "-containers/volatile-containers.json", out);
}

static void mountpoints_json(const struct fixture *f, char out[PATH_MAX])
{
    storage_store_run_name(&f->store, "-layers/mountpoints.json", out);
}

static void big_data(const struct fixture *f, const char *key, char out[PATH_MAX])
{
    char below[512], hex[DIGEST_HEX + 1], file[STORAGE_BIG_DATA_NAME];

    snprintf(below, sizeof(below), "-images/%s/%s", digest_hex(&f->bad.id, hex),
             storage_big_data_name(key, file));
    storage_store_name(&f->store, below, out);
}

static void config(const struct fixture *f, char out[PATH_MAX])
{
    char key[DIGEST_TEXT];

    big_data(f, digest_text(&f->bad.id, key), out);
}

static void manifest(const struct fixture *f, char out[PATH_MAX])
{
    char key[DIGEST_TEXT + 16] = "manifest-";

    digest_text(&f->bad.manifest, key + strlen(key));
    big_data(f, key, out);
}

static void last_manifest(const struct fixture *f, char out[PATH_MAX])
{
    big_data(f, "manifest", out);
}

/* ---- damage ---------------------------------------------------------------------------------- */

enum damage { MISSING, GARBAGE, TRUNCATED, OVERSIZED, DIRECTORY };

static void put(const struct fixture *f, const char *name, enum damage damage)
{
    char path[PATH_MAX];

    tempdir_path(&f->dir, name, path);
    unlink(path);
    switch (damage) {
    case MISSING:
        break;
    case GARBAGE:
        tempdir_write_text(&f->dir, name, "\x01\x02 no JSON");
        break;
    case TRUNCATED:
        tempdir_write_text(&f->dir, name, "[{\"id\":\"12");
        break;
    case OVERSIZED:
        tempdir_write_text(&f->dir, name, "");
        assert_int_equal(truncate(path, JSON_BYTES_MAX + 1), 0);
        break;
    case DIRECTORY:
        tempdir_mkdir(&f->dir, name);
        break;
    }
}

/* One file of the store broken in one way. */
struct broken_file {
    void (*place)(const struct fixture *f, char out[PATH_MAX]);
    enum damage damage;
    enum err_kind fails; /* the store as such cannot be read; ERR_NONE: it is read */
    const char *subject; /* of the problem; NULL: there is none */
    const char *words;   /* in the problem, or in the error */
};

static const struct broken_file broken_files[] = {
    {images_json, GARBAGE, ERR_CORRUPT, NULL, "images.json: "},
    {images_json, TRUNCATED, ERR_CORRUPT, NULL, "images.json: "},
    {images_json, OVERSIZED, ERR_LIMIT, NULL, "images.json: "},
    {images_json, DIRECTORY, ERR_CORRUPT, NULL, "images.json: "},
    {layers_json, MISSING, ERR_NONE, "image sha256:", "2 of its 2 layers are not in layers.json"},
    {layers_json, GARBAGE, ERR_CORRUPT, NULL, "layers.json: "},
    {layers_json, TRUNCATED, ERR_CORRUPT, NULL, "layers.json: "},
    {layers_json, OVERSIZED, ERR_LIMIT, NULL, "layers.json: "},
    {layers_json, DIRECTORY, ERR_CORRUPT, NULL, "layers.json: "},
    {volatile_layers_json, GARBAGE, ERR_NONE, "volatile-layers.json", "JSON"},
    {volatile_layers_json, TRUNCATED, ERR_NONE, "volatile-layers.json", "JSON"},
    {volatile_layers_json, OVERSIZED, ERR_NONE, "volatile-layers.json", "longer than the limit"},
    {containers_json, MISSING, ERR_NONE, NULL, NULL},
    {containers_json, GARBAGE, ERR_NONE, "containers.json", "JSON"},
    {containers_json, TRUNCATED, ERR_NONE, "containers.json", "JSON"},
    {containers_json, OVERSIZED, ERR_NONE, "containers.json", "longer than the limit"},
    {containers_json, DIRECTORY, ERR_NONE, "containers.json", "regular file"},
    {volatile_containers_json, GARBAGE, ERR_NONE, "volatile-containers.json", "JSON"},
    {volatile_containers_json, OVERSIZED, ERR_NONE, "volatile-containers.json",
     "longer than the limit"},
    {mountpoints_json, GARBAGE, ERR_NONE, NULL, NULL},
    {mountpoints_json, TRUNCATED, ERR_NONE, NULL, NULL},
    {mountpoints_json, OVERSIZED, ERR_NONE, NULL, NULL},
    {config, MISSING, ERR_NONE, "image sha256:", "No such file"},
    {config, GARBAGE, ERR_NONE, "image sha256:", "its bytes have another digest"},
    {config, TRUNCATED, ERR_NONE, "image sha256:", "its bytes have another digest"},
    {config, OVERSIZED, ERR_NONE, "image sha256:", "longer than the limit"},
    {config, DIRECTORY, ERR_NONE, "image sha256:", "regular file"},
    {manifest, MISSING, ERR_NONE, "image sha256:", "big data manifest-sha256:"},
    {manifest, GARBAGE, ERR_NONE, "image sha256:", "its bytes have another digest"},
    {manifest, TRUNCATED, ERR_NONE, "image sha256:", "its bytes have another digest"},
    {manifest, OVERSIZED, ERR_NONE, "image sha256:", "longer than the limit"},
    {last_manifest, MISSING, ERR_NONE, "image sha256:", "big data manifest: "},
    {last_manifest, GARBAGE, ERR_NONE, "image sha256:", "big data manifest: "},
    {last_manifest, TRUNCATED, ERR_NONE, "image sha256:", "big data manifest: "},
    {last_manifest, OVERSIZED, ERR_NONE, "image sha256:", "big data manifest: "},
};

static bool has_image(const struct engine_reading *r, const struct digest *id)
{
    struct rec_image key = {.id = *id};

    return r->content.image_count > 0 && bsearch(&key, r->content.images, r->content.image_count,
                                                 sizeof(key), rec_image_cmp) != NULL;
}

static bool has_problem(const struct rec_store *s, const char *subject, const char *words)
{
    for (size_t i = 0; i < s->problem_count; i++) {
        if (strstr(s->problems[i].subject, subject) && strstr(s->problems[i].text, words))
            return true;
    }
    return false;
}

static void break_file(struct fixture *f, const struct broken_file *b)
{
    struct err err = {.kind = ERR_NONE};
    const struct rec_store *s;
    char name[PATH_MAX];
    int rc;

    b->place(f, name);
    put(f, name, b->damage);
    rc = storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err);
    if (b->fails != ERR_NONE) {
        assert_int_equal(rc, -1);
        unit_assert_error(&err, b->fails, b->words, __FILE__, __LINE__);
        return;
    }
    if (rc != 0)
        fail_msg("%s, damage %d: %s", name, (int)b->damage, err.text);
    s = &f->reading->content.store;
    assert_true(has_image(f->reading, &f->good.id));
    assert_int_equal(s->state, b->subject != NULL ? REC_STORE_CORRUPT : REC_STORE_OK);
    if (b->subject != NULL && !has_problem(s, b->subject, b->words))
        fail_msg("%s, damage %d: no problem with %s; there is: %s", name, (int)b->damage, b->words,
                 s->error);
}

static void a_broken_file_is_named_and_hides_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < unit_count(broken_files); i++) {
        void *f = NULL;

        setup(&f);
        break_file(f, &broken_files[i]);
        teardown(&f);
    }
}

/* ---- entries --------------------------------------------------------------------------------- */

/* One entry beside right ones. */
struct broken_entry {
    const char *file, *json, *subject, *words;
};

#define HEX64 "1234567890123456789012345678901234567890123456789012345678901234"

static const struct broken_entry broken_entries[] = {
    {"-images/images.json", "{\"names\":[\"a:1\"]}", "image ", "its id is not 64 hex digits"},
    {"-images/images.json", "17", "image ", "its id is not 64 hex digits"},
    {"-images/images.json", "{\"id\":\"../../etc/passwd\"}", "image ../../etc/passwd",
     "its id is not 64 hex digits"},
    {"-images/images.json", "{\"id\":\"" HEX64 "\",\"layer\":\"x\"}", "image " HEX64,
     "its layer is not 64 hex digits"},
    {"-images/images.json", "{\"id\":\"" HEX64 "\",\"names\":[3]}", "image " HEX64,
     "one of its names is no text"},
    {"-images/images.json",
     "{\"id\":\"" HEX64 "\",\"names\":[\"a:1\"],\"big-data-names\":[\"manifest\"]}",
     "image sha256:" HEX64, "it has no config and no manifest that could be read"},
    {"-layers/layers.json", "{\"id\":\"short\"}", "layer short", "its id is not 64 hex digits"},
    {"-layers/layers.json", "{\"id\":\"" HEX64 "\",\"parent\":\"x\"}", "layer " HEX64,
     "its parent is not 64 hex digits"},
    {"-layers/layers.json", "{\"id\":\"" HEX64 "\",\"diff-digest\":\"md5:1\"}", "layer " HEX64,
     "its diff-digest is no sha256 digest"},
    {"-containers/containers.json", "{\"id\":\"c\"}", "container c", "its id is not 64 hex digits"},
    {"-containers/containers.json",
     "{\"id\":\"" HEX64 "\",\"image\":\"x\",\"layer\":\"" HEX64 "\"}", "container " HEX64,
     "its image is not 64 hex digits"},
};

static void add_entry(const struct fixture *f, const struct broken_entry *b)
{
    AUTO(buf_close) struct buf file;
    char name[PATH_MAX], path[PATH_MAX];
    bool there;

    buf_init(&file, JSON_BYTES_MAX);
    storage_store_name(&f->store, b->file, name);
    there = buf_read_file_at(&file, AT_FDCWD, tempdir_path(&f->dir, name, path), NULL) == 0;
    if (there)
        file.data[--file.len] = '\0'; /* the list's end */
    assert_int_equal(buf_printf(&file, NULL, "%s%s]", there ? "," : "[", b->json), 0);
    tempdir_write(&f->dir, name, file.data, file.len);
}

static void a_broken_entry_is_named_and_hides_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < unit_count(broken_entries); i++) {
        const struct broken_entry *b = &broken_entries[i];
        struct fixture *f = NULL;
        struct err err;

        setup((void **)&f);
        add_entry(f, b);
        assert_ok(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
        if (!has_problem(&f->reading->content.store, b->subject, b->words))
            fail_msg("no problem with %s about %s; there is: %s", b->words, b->subject,
                     f->reading->content.store.error);
        assert_true(has_image(f->reading, &f->good.id));
        assert_true(has_image(f->reading, &f->bad.id));
        teardown((void **)&f);
    }
}

/* ---- one image ------------------------------------------------------------------------------- */

static const struct rec_content *read_store(struct fixture *f)
{
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    return &f->reading->content;
}

static void an_image_that_lost_its_config_is_known_by_its_manifest(void **state)
{
    struct fixture *f = *state;
    const struct rec_content *c;
    char name[PATH_MAX];

    config(f, name);
    put(f, name, MISSING);
    c = read_store(f);
    assert_int_equal(c->image_count, 2);
    assert_true(has_image(f->reading, &f->bad.manifest));
    assert_int_equal(c->exception_count, 1); /* its own layer, which nothing else explains */
    assert_int_equal(c->exceptions[0].kind, REC_CHAIN_EXTRA);
}

static void a_broken_manifest_is_named_and_the_image_stays(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX], id[DIGEST_TEXT];

    last_manifest(f, name);
    put(f, name, GARBAGE);
    read_store(f);
    assert_int_equal(f->reading->content.store.state, REC_STORE_CORRUPT);
    assert_true(has_image(f->reading, &f->bad.id));
    assert_true(has_problem(&f->reading->content.store, digest_text(&f->bad.id, id),
                            "big data manifest: "));
}

static void an_image_without_one_of_its_manifests_has_the_others(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX];

    config(f, name);
    put(f, name, MISSING);
    manifest(f, name);
    put(f, name, GARBAGE);
    read_store(f);
    assert_true(has_image(f->reading, &f->bad.manifest)); /* as its "manifest" tells */
}

static void an_image_that_lost_config_and_manifest_is_left_out(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX];

    config(f, name);
    put(f, name, MISSING);
    manifest(f, name);
    put(f, name, MISSING);
    last_manifest(f, name);
    put(f, name, GARBAGE);
    assert_int_equal(read_store(f)->image_count, 1);
    assert_true(has_problem(&f->reading->content.store, "image sha256:",
                            "it has no config and no manifest that could be read"));
}

/* The lost layer's own directory is then explained by nothing. */
static void a_lost_layer_in_the_middle_is_the_only_one_missing(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[] = {storage_store_diff("base"), storage_store_diff("good"),
                             storage_store_diff("third")};
    struct storage_made made = storage_store_image(&f->store, diffs, 3, "[]");
    struct digest chain = digest_chain(&diffs[0], &diffs[1]);
    char name[PATH_MAX], text[4096], h0[DIGEST_HEX + 1], h1[DIGEST_HEX + 1], h2[DIGEST_HEX + 1];
    const struct rec_content *c;

    snprintf(text, sizeof(text),
             "[{\"id\":\"%s\",\"diff-digest\":\"sha256:%s\"},{\"id\":\"%s\",\"parent\":\"%s\"}]",
             digest_hex(&diffs[0], h0), h0, digest_hex(&made.top, h1),
             digest_hex(&f->good.top, h2));
    layers_json(f, name);
    tempdir_write_text(&f->dir, name, text);
    c = read_store(f);
    assert_int_equal(f->reading->copy_count, 2);
    assert_true(has_problem(&c->store, "image sha256:", "1 of its 3 layers are not in"));
    for (size_t i = 0; i < c->exception_count; i++)
        assert_int_equal(c->exceptions[i].kind, REC_CHAIN_MISSING);
    assert_true(c->exception_count == 2);
    assert_true(digest_eq(&c->exceptions[0].chain, &chain) ||
                digest_eq(&c->exceptions[1].chain, &chain));
}

static void layers_that_do_not_fit_the_config_are_not_believed(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX], text[1024], h0[DIGEST_HEX + 1], h1[DIGEST_HEX + 1];

    snprintf(text, sizeof(text), "[{\"id\":\"%s\"},{\"id\":\"%s\"}]", digest_hex(&f->good.top, h0),
             digest_hex(&f->bad.top, h1));
    layers_json(f, name);
    tempdir_write_text(&f->dir, name, text);
    read_store(f);
    assert_int_equal(f->reading->copy_count, 0);
    assert_true(has_problem(&f->reading->content.store,
                            "image sha256:", "its layers here are fewer than the 2 of its config"));
}

static void parents_in_a_ring_come_to_an_end(void **state)
{
    struct fixture *f = *state;
    char name[PATH_MAX], text[1024], h0[DIGEST_HEX + 1], h1[DIGEST_HEX + 1];

    snprintf(text, sizeof(text),
             "[{\"id\":\"%s\",\"parent\":\"%s\",\"diff-digest\":\"sha256:%s\"},"
             "{\"id\":\"%s\",\"parent\":\"%s\",\"diff-digest\":\"sha256:%s\"}]",
             digest_hex(&f->good.top, h0), digest_hex(&f->bad.top, h1), h0, h1, h0, h1);
    layers_json(f, name);
    tempdir_write_text(&f->dir, name, text);
    read_store(f);
    assert_int_equal(f->reading->copy_count, 0);
    assert_true(has_problem(&f->reading->content.store, "image sha256:", "more than the 2"));
}

static void a_lost_directory_is_named_and_stays_a_copy(void **state)
{
    struct fixture *f = *state;
    char below[256], name[PATH_MAX], from[PATH_MAX], to[PATH_MAX], hex[DIGEST_HEX + 1];

    snprintf(below, sizeof(below), "/%s", digest_hex(&f->bad.top, hex));
    tempdir_path(&f->dir, storage_store_name(&f->store, below, name), from);
    assert_int_equal(rename(from, tempdir_path(&f->dir, "elsewhere", to)), 0);
    read_store(f);
    assert_int_equal(f->reading->copy_count, 3);
    assert_true(has_problem(&f->reading->content.store, hex, "its directory is not there"));
}

static void a_store_that_has_vanished_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct engine_token token;
    struct err err;

    snprintf(f->root.path, sizeof(f->root.path), "%s/nowhere", f->dir.path);
    assert_fails(storage_driver.token(&f->root, &token, &err), ERR_NOT_FOUND, "nowhere");
    assert_fails(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err), ERR_NOT_FOUND,
                 "nowhere");
    f->root.storage[0] = '\0';
    assert_fails(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err), ERR_NOT_FOUND,
                 "is no graph root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        cmocka_unit_test(a_broken_file_is_named_and_hides_nothing_else),
        cmocka_unit_test(a_broken_entry_is_named_and_hides_no_other),
        TEST(an_image_that_lost_its_config_is_known_by_its_manifest),
        TEST(a_broken_manifest_is_named_and_the_image_stays),
        TEST(an_image_without_one_of_its_manifests_has_the_others),
        TEST(an_image_that_lost_config_and_manifest_is_left_out),
        TEST(a_lost_layer_in_the_middle_is_the_only_one_missing),
        TEST(layers_that_do_not_fit_the_config_are_not_believed),
        TEST(parents_in_a_ring_come_to_an_end),
        TEST(a_lost_directory_is_named_and_stays_a_copy),
        TEST(a_store_that_has_vanished_is_not_found),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
