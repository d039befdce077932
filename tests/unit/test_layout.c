#include "tests/support/unit.h"

#include "collector/rules/layout.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ABSENT "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct fixture {
    struct arena *arena;
    struct tempdir dir;
    struct layout found;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    assert_ok(arena_open(&f.arena, ARENA_BYTES, &err));
    tempdir_open(&f.dir);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    tempdir_close(&f->dir);
    return 0;
}

/* Writes a blob; `out` gets its digest. Returns out. */
static const char *blob(struct fixture *f, char out[DIGEST_TEXT], const char *text)
{
    struct digest d = digest_of(text, strlen(text));
    char path[128], hex[DIGEST_HEX + 1];

    snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&d, hex));
    tempdir_write_text(&f->dir, path, text);
    return digest_text(&d, out);
}

/* A manifest with a config of one platform and one or two layers; `out` gets its digest. */
static const char *image(struct fixture *f, char out[DIGEST_TEXT], const char *arch,
                         const char *diffs)
{
    char config[1024], text[1024], digest[DIGEST_TEXT];

    snprintf(config, sizeof(config),
             "{\"os\":\"linux\",\"architecture\":\"%s\",\"created\":\"2026-03-02T00:00:00Z\","
             "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
             arch, diffs);
    snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\"}}",
             blob(f, digest, config));
    return blob(f, out, text);
}

/* index.json with one entry for each pair of digest and annotations ("" none). */
static void index_of(struct fixture *f, const char *const (*entries)[2], size_t count)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    buf_init(&b, 1 << 16);
    assert_ok(buf_add_str(&b, "{\"schemaVersion\":2,\"manifests\":[", &err));
    for (size_t i = 0; i < count; i++)
        assert_ok(buf_printf(&b, &err, "%s{\"digest\":\"%s\",\"annotations\":{%s}}",
                             i > 0 ? "," : "", entries[i][0], entries[i][1]));
    assert_ok(buf_add_str(&b, "]}", &err));
    tempdir_write_text(&f->dir, "index.json", buf_str(&b));
}

static int read_as(struct fixture *f, const char *which, const char *name, const char *platform,
                   struct err *err)
{
    const struct layout_query query = {
        .folder = f->dir.path, .which = which, .name = name, .platform = platform};

    return layout_read(&f->found, &query, f->arena, err);
}

static void an_image_with_a_whole_name_is_read(void **state)
{
    struct fixture *f = *state;
    const struct catalogue_base *b;
    char manifest[DIGEST_TEXT], text[DIGEST_TEXT];
    struct digest a, second, chain;
    struct err err;

    image(f, manifest, "amd64", "\"" A "\",\"" B "\"");
    index_of(
        f,
        (const char *const[][2]){{manifest, "\"org.opencontainers.image.ref.name\":\"debian:12\""}},
        1);
    assert_ok(read_as(f, NULL, NULL, NULL, &err));
    assert_int_equal(f->found.count, 1);
    b = &f->found.bases[0];
    assert_string_equal(b->name, "docker.io/library/debian:12");
    assert_string_equal(b->platform, "linux/amd64");
    assert_string_equal(digest_text(&b->digest, text), manifest);
    assert_int_equal(b->layers, 2);
    assert_int_equal(b->created_s, 1772409600);
    assert_ok(digest_parse(&a, A, strlen(A), false, &err));
    assert_ok(digest_parse(&second, B, strlen(B), false, &err));
    chain = digest_chain(&a, &second);
    assert_true(digest_eq(&b->chain, &chain));
    assert_int_equal(strncmp(b->source, "oci:/", 5), 0);
}

static void an_index_gives_each_platform_that_is_there(void **state)
{
    struct fixture *f = *state;
    char amd[DIGEST_TEXT], arm[DIGEST_TEXT], index[DIGEST_TEXT], digest[DIGEST_TEXT], text[2048];
    struct err err;

    image(f, amd, "amd64", "\"" A "\"");
    image(f, arm, "arm64", "\"" B "\"");
    snprintf(text, sizeof(text),
             "{\"manifests\":[{\"digest\":\"%s\"},{\"digest\":\"%s\"},{\"digest\":\"" ABSENT "\"},"
             "{\"digest\":\"" ABSENT "\",\"annotations\":{\"vnd.docker.reference.type\":"
             "\"attestation-manifest\"}}]}",
             amd, arm);
    blob(f, index, text);
    index_of(f,
             (const char *const[][2]){{index, "\"io.containerd.image.name\":\"quay.io/x/y:1\","
                                              "\"org.opencontainers.image.ref.name\":\"1\""}},
             1);
    assert_ok(read_as(f, NULL, NULL, NULL, &err));
    assert_int_equal(f->found.count, 2);
    assert_int_equal(f->found.absent, 1);
    assert_int_equal(f->found.others, 1);
    assert_string_equal(f->found.bases[1].name, "quay.io/x/y:1");
    assert_string_equal(f->found.bases[1].platform, "linux/arm64");
    assert_string_equal(digest_text(&f->found.bases[0].digest, digest), index);
    assert_ok(read_as(f, "1", NULL, "linux/arm64", &err));
    assert_int_equal(f->found.count, 1);
    assert_fails(read_as(f, NULL, NULL, "linux/s390x", &err), ERR_NOT_FOUND, "of linux/s390x");
}

static void a_tag_alone_needs_a_name(void **state)
{
    struct fixture *f = *state;
    char manifest[DIGEST_TEXT];
    struct err err;

    image(f, manifest, "amd64", "\"" A "\"");
    index_of(
        f, (const char *const[][2]){{manifest, "\"org.opencontainers.image.ref.name\":\"12\""}}, 1);
    assert_fails(read_as(f, NULL, NULL, NULL, &err), ERR_USAGE, "has no whole name there");
    assert_ok(read_as(f, "12", "docker.io/library/debian:12", NULL, &err));
    assert_string_equal(f->found.bases[0].name, "docker.io/library/debian:12");
    assert_fails(read_as(f, "13", NULL, NULL, &err), ERR_NOT_FOUND, "no image \"13\"");
}

static void two_images_do_not_get_one_name(void **state)
{
    struct fixture *f = *state;
    char one[DIGEST_TEXT], two[DIGEST_TEXT];
    struct err err;

    image(f, one, "amd64", "\"" A "\"");
    image(f, two, "amd64", "\"" B "\"");
    index_of(f, (const char *const[][2]){{one, ""}, {two, ""}}, 2);
    assert_fails(read_as(f, NULL, "docker.io/library/x:1", NULL, &err), ERR_USAGE,
                 "two images of linux/amd64 would be called docker.io/library/x:1");
}

static void a_blob_that_is_not_its_digest_is_refused(void **state)
{
    struct fixture *f = *state;
    char manifest[DIGEST_TEXT], path[128];
    struct err err;

    image(f, manifest, "amd64", "\"" A "\"");
    snprintf(path, sizeof(path), "blobs/sha256/%s", manifest + 7);
    tempdir_write_text(&f->dir, path, "{}");
    index_of(f, (const char *const[][2]){{manifest, ""}}, 1);
    assert_fails(read_as(f, NULL, "docker.io/library/x:1", NULL, &err), ERR_CORRUPT,
                 "its content has another digest");
}

static void what_is_no_image_gives_no_base(void **state)
{
    struct fixture *f = *state;
    char config[DIGEST_TEXT], manifest[DIGEST_TEXT], text[512];
    struct err err;

    snprintf(text, sizeof(text), "{\"config\":{\"digest\":\"%s\"}}", blob(f, config, "{}"));
    blob(f, manifest, text);
    index_of(f, (const char *const[][2]){{manifest, ""}}, 1);
    assert_fails(read_as(f, NULL, "docker.io/library/x:1", NULL, &err), ERR_NOT_FOUND, "no image");
    assert_int_equal(f->found.others, 1);
}

static void an_index_within_itself_many_times_is_refused(void **state)
{
    struct fixture *f = *state;
    char digest[DIGEST_TEXT], text[512];
    struct err err;

    image(f, digest, "amd64", "\"" A "\"");
    for (int i = 0; i < LAYOUT_DEPTH_MAX + 1; i++) {
        snprintf(text, sizeof(text), "{\"manifests\":[{\"digest\":\"%s\"}]}", digest);
        blob(f, digest, text);
    }
    index_of(f, (const char *const[][2]){{digest, ""}}, 1);
    assert_fails(read_as(f, NULL, "docker.io/library/x:1", NULL, &err), ERR_LIMIT,
                 "indexes within each other");
}

static void a_folder_that_is_no_layout_says_so(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(read_as(f, NULL, NULL, NULL, &err), ERR_NOT_FOUND, "index.json");
    tempdir_write_text(&f->dir, "index.json", "{}");
    assert_fails(read_as(f, NULL, NULL, NULL, &err), ERR_CORRUPT, "no list of manifests");
    tempdir_write_text(&f->dir, "index.json", "{\"manifests\":[{}]}");
    assert_fails(read_as(f, NULL, "docker.io/library/x:1", NULL, &err), ERR_CORRUPT,
                 "without a digest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_image_with_a_whole_name_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(an_index_gives_each_platform_that_is_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_tag_alone_needs_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(two_images_do_not_get_one_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blob_that_is_not_its_digest_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_image_gives_no_base, setup, teardown),
        cmocka_unit_test_setup_teardown(an_index_within_itself_many_times_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_no_layout_says_so, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
