/* Repo digests and origins: what the blob info cache bears out, and what a name alone does not. */
#include "tests/support/unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "tests/support/bolt_maker.h"
#include "tests/support/storage_store.h"

#define CACHE "var/lib/containers/cache/blob-info-cache-v1"
#define HOME_CACHE "home/ann/.local/share/containers/cache/blob-info-cache-v1"
#define FILE_BYTES (1 << 20)

struct fixture {
    struct tempdir host;
    struct storage_store store;
    struct engine_root root;
    struct engine_options options;
    struct digest diffs[2];
    struct bolt_made *cache;
    struct engine_reading *reading;
};

/* The cache is that of the store's owner: here, of whoever runs the test. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char passwd[64];

    tempdir_open(&f->host);
    storage_store_open(&f->store, &f->host, "storage", "overlay");
    f->root = storage_store_root(&f->store);
    snprintf(f->root.host, sizeof(f->root.host), "%s", f->host.path);
    snprintf(f->root.path, sizeof(f->root.path), "/storage");
    snprintf(passwd, sizeof(passwd), "ann:x:%u:100::/home/ann:/bin/sh\n", (unsigned)geteuid());
    tempdir_write_text(&f->host, "etc/passwd", passwd);
    f->diffs[0] = storage_store_diff("base");
    f->diffs[1] = storage_store_diff("app");
    f->cache = bolt_made_open();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    bolt_made_close(&f->cache);
    storage_store_close(&f->store);
    tempdir_close(&f->host);
    free(f);
    return 0;
}

/* ---- the cache ------------------------------------------------------------------------------- */

static void add_location(struct fixture *f, const struct digest *blob, const char *registry,
                         const char *repository)
{
    char text[DIGEST_TEXT];
    struct bolt_made *known = bolt_made_bucket(f->cache, "knownLocations");
    struct bolt_made *at = bolt_made_bucket(bolt_made_bucket(known, "docker"), registry);

    bolt_made_put_text(bolt_made_bucket(at, digest_text(blob, text)), repository, "a time");
}

static void add_pair(struct fixture *f, const struct digest *blob, const struct digest *diff)
{
    char key[DIGEST_TEXT], value[DIGEST_TEXT];

    bolt_made_put_text(bolt_made_bucket(f->cache, "uncompressedDigest"), digest_text(blob, key),
                       digest_text(diff, value));
}

static const char *cache_file(const char *ending, char out[128])
{
    snprintf(out, 128, "%s.%s", geteuid() == 0 ? CACHE : HOME_CACHE, ending);
    return out;
}

static void write_cache(struct fixture *f)
{
    const struct bolt_form form = {.page_size = 4096, .page_elements = 16, .txid = 7};
    AUTO(buf_close) struct buf file;
    char name[128];

    buf_init(&file, FILE_BYTES);
    bolt_made_write(f->cache, &form, &file);
    tempdir_write(&f->host, cache_file("boltdb", name), file.data, file.len);
}

static const struct rec_image *read_image(struct fixture *f, const struct digest *id)
{
    struct rec_image key = {.id = *id};
    const struct rec_image *found;
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(storage_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    found = bsearch(&key, f->reading->content.images, f->reading->content.image_count, sizeof(key),
                    rec_image_cmp);
    assert_non_null(found);
    return found;
}

/* ---- repo digests ---------------------------------------------------------------------------- */

static void assert_is_from(const struct rec_image *image, const char *repository,
                           const struct digest *manifest)
{
    assert_int_equal(image->repo_digest_count, 1);
    assert_string_equal(image->repo_digests[0].repository, repository);
    assert_true(digest_eq(&image->repo_digests[0].digest, manifest));
}

static void an_image_that_has_names_of_one_repository_is_from_there(void **state)
{
    struct fixture *f = *state;
    struct storage_made made = storage_store_image(&f->store, f->diffs, 2,
                                                   "[\"quay.io/inv/app:1\",\"quay.io/inv/app:2\"]");

    assert_is_from(read_image(f, &made.id), "quay.io/inv/app", &made.manifest);
    assert_int_equal(f->reading->origins.origin_count, 0); /* the repo digest says it */
}

static void what_is_named_below_localhost_is_from_nowhere(void **state)
{
    struct fixture *f = *state;
    struct storage_made made = storage_store_image(&f->store, f->diffs, 2, "[\"localhost/app:1\"]");

    assert_int_equal(read_image(f, &made.id)->repo_digest_count, 0);
}

static void of_several_repositories_the_one_that_had_its_top_layer_counts(void **state)
{
    struct fixture *f = *state;
    struct storage_made made = storage_store_image(
        &f->store, f->diffs, 2, "[\"quay.io/inv/second:1\",\"quay.io/inv/first:1\"]");
    struct digest blob = storage_store_blob(&f->diffs[1]);

    add_location(f, &blob, "quay.io", "quay.io/inv/first");
    add_location(f, &blob, "quay.io", "quay.io/inv/unnamed");
    write_cache(f);
    assert_is_from(read_image(f, &made.id), "quay.io/inv/first", &made.manifest);
}

/* `podman tag evil docker.io/library/debian:12`, of an image that stands on debian's layer. */
static void a_tag_alone_is_no_origin(void **state)
{
    static const char *const orders[] = {
        "[\"docker.io/library/debian:12\",\"quay.io/inv/evil:1\"]",
        "[\"quay.io/inv/evil:1\",\"docker.io/library/debian:12\"]"};
    struct fixture *f = *state;
    struct digest blob = storage_store_blob(&f->diffs[0]);
    const struct digest third = storage_store_diff("evil");
    const struct digest layers[2][2] = {{f->diffs[0], f->diffs[1]}, {f->diffs[0], third}};
    struct storage_made made[2];

    for (size_t i = 0; i < 2; i++) {
        made[i] = storage_store_image(&f->store, layers[i], 2, orders[i]);
        assert_int_equal(read_image(f, &made[i].id)->repo_digest_count, 0); /* no cache at all */
    }
    add_location(f, &blob, "docker.io", "docker.io/library/debian"); /* its base is from there */
    write_cache(f);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(read_image(f, &made[i].id)->repo_digest_count, 0);
    assert_int_equal(f->reading->origins.origin_count, 1);
    assert_true(digest_eq(&f->reading->origins.origins[0].diff, &f->diffs[0]));
    assert_string_equal(f->reading->origins.origins[0].repository, "docker.io/library/debian");
}

/* Puts an entry of an image in the place of all others. */
static void list_image(struct fixture *f, const struct storage_made *made, const char *name,
                       const char *past, const struct digest *manifest)
{
    char entry[1024], list[PATH_MAX], hex[DIGEST_HEX + 1], top[DIGEST_HEX + 1];
    char config[DIGEST_TEXT], text[DIGEST_TEXT];

    snprintf(entry, sizeof(entry),
             "[{\"id\":\"%s\",\"names\":[\"%s\"],\"names-history\":[\"%s\",\"%s\"],"
             "\"layer\":\"%s\",\"big-data-names\":[\"%s\",\"manifest-%s\",\"manifest\"]}]",
             digest_hex(&made->id, hex), name, name, past, digest_hex(&made->top, top),
             digest_text(&made->id, config), digest_text(manifest, text));
    tempdir_write_text(&f->host, storage_store_name(&f->store, "-images/images.json", list), entry);
}

/* `podman tag evil debian`, and then `podman untag evil`. */
static void a_name_that_was_taken_away_still_counts(void **state)
{
    struct fixture *f = *state;
    struct storage_made made =
        storage_store_image(&f->store, f->diffs, 2, "[\"quay.io/inv/evil:1\"]");

    list_image(f, &made, "docker.io/library/debian:12", "docker.io/library/debian:11",
               &made.manifest);
    assert_is_from(read_image(f, &made.id), "docker.io/library/debian", &made.manifest);
    list_image(f, &made, "docker.io/library/debian:12", "quay.io/inv/evil:1", &made.manifest);
    assert_int_equal(read_image(f, &made.id)->repo_digest_count, 0);
}

/* A manifest with layers as they lie here, in the place of the image's own. Returns its digest. */
static struct digest put_uncompressed(struct fixture *f, const struct storage_made *made)
{
    static const char oci[] = "application/vnd.oci.image";
    char manifest[1024], config[DIGEST_TEXT], layer[DIGEST_TEXT], key[DIGEST_TEXT + 16];
    struct digest digest;

    snprintf(manifest, sizeof(manifest),
             "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s.config.v1+json\",\"digest\":"
             "\"%s\",\"size\":1},\"layers\":[{\"mediaType\":\"%s.layer.v1.tar\",\"digest\":\"%s\","
             "\"size\":1}]}",
             oci, digest_text(&made->id, config), oci, digest_text(&f->diffs[0], layer));
    digest = digest_of(manifest, strlen(manifest));
    snprintf(key, sizeof(key), "manifest-");
    digest_text(&digest, key + strlen(key));
    storage_store_big_data(&f->store, &made->id, key, manifest);
    storage_store_big_data(&f->store, &made->id, "manifest", manifest);
    return digest;
}

/* It was pushed under its name, and the registry's manifest has other, compressed layers. */
static void a_manifest_made_here_is_in_no_registry(void **state)
{
    struct fixture *f = *state;
    struct storage_made made =
        storage_store_image(&f->store, f->diffs, 1, "[\"quay.io/inv/app:1\"]");
    struct digest local = put_uncompressed(f, &made), blob = storage_store_blob(&f->diffs[0]);

    list_image(f, &made, "quay.io/inv/app:1", "quay.io/inv/app:1", &local);
    add_location(f, &blob, "quay.io", "quay.io/inv/app");
    write_cache(f);
    assert_int_equal(read_image(f, &made.id)->repo_digest_count, 0);
}

static void layers_that_travelled_uncompressed_are_known_where_they_were_met(void **state)
{
    struct fixture *f = *state;
    struct storage_made made =
        storage_store_image(&f->store, f->diffs, 1, "[\"quay.io/inv/app:1\"]");
    struct digest manifest = put_uncompressed(f, &made);

    list_image(f, &made, "quay.io/inv/app:1", "quay.io/inv/app:1", &manifest);
    add_location(f, &f->diffs[0], "quay.io", "quay.io/inv/app");
    write_cache(f);
    assert_is_from(read_image(f, &made.id), "quay.io/inv/app", &manifest);
}

/* ---- origins --------------------------------------------------------------------------------- */

static void the_cache_tells_what_a_blob_is_uncompressed(void **state)
{
    struct fixture *f = *state;
    struct storage_made made = storage_store_image(&f->store, f->diffs, 2, "[\"localhost/app:1\"]");
    struct digest other = storage_store_diff("another compression"), gone = storage_store_diff("x");

    add_location(f, &other, "docker.io", "docker.io/library/debian");
    add_pair(f, &other, &f->diffs[0]);
    add_location(f, &gone, "docker.io", "docker.io/library/gone"); /* of no layer here */
    add_pair(f, &gone, &gone);
    write_cache(f);
    read_image(f, &made.id);
    assert_int_equal(f->reading->origins.origin_count, 1);
    assert_true(digest_eq(&f->reading->origins.origins[0].diff, &f->diffs[0]));
    assert_true(rec_key_eq(&f->reading->origins.key, &f->reading->content.store.key));
}

static void the_newer_cache_is_read_as_well(void **state)
{
    struct fixture *f = *state;
    struct storage_made made = storage_store_image(&f->store, f->diffs, 2, "[\"localhost/app:1\"]");
    struct digest older = storage_store_diff("older"), newer = storage_store_diff("newer");
    const struct timespec pause = {.tv_nsec = 30000000};
    char sql[2048], blob[DIGEST_TEXT], diff[DIGEST_TEXT], name[128], path[PATH_MAX];
    sqlite3 *db;

    add_location(f, &older, "docker.io", "docker.io/library/older");
    add_pair(f, &older, &f->diffs[0]);
    write_cache(f);
    snprintf(sql, sizeof(sql),
             "CREATE TABLE DigestUncompressedPairs(anyDigest, uncompressedDigest);"
             "CREATE TABLE KnownLocations(transport, scope, digest, location, time);"
             "INSERT INTO DigestUncompressedPairs VALUES('%s','%s');"
             "INSERT INTO KnownLocations VALUES('docker','quay.io','%s','quay.io/inv/newer',1),"
             "('dir','','%s','/somewhere',1)",
             digest_text(&newer, blob), digest_text(&f->diffs[1], diff), blob, blob);
    assert_int_equal(sqlite3_open(tempdir_path(&f->host, cache_file("sqlite", name), path), &db),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    nanosleep(&pause, NULL);
    read_image(f, &made.id);
    assert_int_equal(f->reading->origins.origin_count, 2);
}

static void a_broken_cache_is_no_fault_of_the_store(void **state)
{
    struct fixture *f = *state;
    struct storage_made made = storage_store_image(&f->store, f->diffs, 2, "[\"localhost/app:1\"]");
    char name[128];

    tempdir_write_text(&f->host, cache_file("boltdb", name), "no bolt file");
    tempdir_write_text(&f->host, cache_file("sqlite", name), "no database");
    read_image(f, &made.id);
    assert_int_equal(f->reading->origins.origin_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_image_that_has_names_of_one_repository_is_from_there),
        TEST(what_is_named_below_localhost_is_from_nowhere),
        TEST(of_several_repositories_the_one_that_had_its_top_layer_counts),
        TEST(a_tag_alone_is_no_origin),
        TEST(a_name_that_was_taken_away_still_counts),
        TEST(a_manifest_made_here_is_in_no_registry),
        TEST(layers_that_travelled_uncompressed_are_known_where_they_were_met),
        TEST(the_cache_tells_what_a_blob_is_uncompressed),
        TEST(the_newer_cache_is_read_as_well),
        TEST(a_broken_cache_is_no_fault_of_the_store),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
