#include "tests/support/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "agent/engines/image_manifest.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define D(type, digest, more)                                                                      \
    "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":7" more "}"
#define MANIFEST(config, layers)                                                                   \
    "{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
/* A manifest that says that it is of this type. */
#define DOCUMENT(type)                                                                             \
    "{\"schemaVersion\":2,\"mediaType\":\"" type "\",\"config\":" CONFIG ",\"layers\":[]}"
#define ARTIFACT "application/vnd.oci.artifact.manifest.v1+json"
#define CONFIG D(OCI "config.v1+json", A, "")
#define LAYER D(OCI "layer.v1.tar+gzip", B, "")

static int setup(void **state)
{
    struct arena *arena = NULL;

    if (arena_open(&arena, 64 << 20, NULL) != 0)
        return -1;
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    struct arena *arena = *state;

    arena_close(&arena);
    return 0;
}

static int parse(struct image_manifest *out, const char *text, struct arena *arena, struct err *err)
{
    return image_manifest_parse(out, text, strlen(text), arena, err);
}

static void a_manifest_has_a_config_and_layers_in_order(void **state)
{
    struct image_manifest m;
    struct err err;

    assert_ok(
        parse(&m, MANIFEST(CONFIG, LAYER "," D(OCI "layer.v1.tar+zstd", A, "")), *state, &err));
    assert_int_equal(m.kind, IMAGE_MANIFEST);
    assert_true(m.has_config && m.is_image);
    assert_int_equal(m.config.digest.bytes[0], 0xaa);
    assert_int_equal(m.config.size, 7);
    assert_int_equal(m.layer_count, 2);
    assert_int_equal(m.layers[0].digest.bytes[0], 0xbb);
    assert_string_equal(m.layers[0].media_type, OCI "layer.v1.tar+gzip");
    assert_string_equal(m.layers[1].media_type, OCI "layer.v1.tar+zstd");
}

static void dockers_documents_are_read_like_ocis(void **state)
{
    struct image_manifest m;
    struct err err;

    assert_ok(parse(&m,
                    "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER
                    "distribution.manifest.v2+json\",\"config\":" D(
                        DOCKER "container.image.v1+json", A,
                        "") ",\"layers\":[" D(DOCKER "image.rootfs.diff.tar.gzip", B, "") "]}",
                    *state, &err));
    assert_true(m.kind == IMAGE_MANIFEST && m.is_image);
    assert_ok(parse(&m,
                    "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER
                    "distribution.manifest.list.v2+json\",\"manifests\":[" D(
                        DOCKER "distribution.manifest.v2+json", B,
                        ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":"
                        "\"v7\"}") "]}",
                    *state, &err));
    assert_int_equal(m.kind, IMAGE_INDEX);
    assert_int_equal(m.entry_count, 1);
    assert_string_equal(m.entries[0].os, "linux");
    assert_string_equal(m.entries[0].arch, "arm");
    assert_string_equal(m.entries[0].variant, "v7");
    assert_false(m.entries[0].attestation);
}

static void an_entry_of_an_index_tells_names_and_attestations(void **state)
{
    struct image_manifest m;
    struct err err;

    assert_ok(
        parse(&m,
              INDEX(D(OCI "manifest.v1+json", A,
                      ",\"annotations\":{\"vnd.docker.reference.type\":"
                      "\"attestation-manifest\"}") "," D(OCI "manifest.v1+json", B,
                                                         ",\"annotations\":{\"org.opencontainers."
                                                         "image.ref.name\":\"1\","
                                                         "\"io.containerd.image.name\":\"docker.io/"
                                                         "library/a:1\"}")),
              *state, &err));
    assert_int_equal(m.entry_count, 2);
    assert_true(m.entries[0].attestation);
    assert_string_equal(m.entries[0].ref_name, "");
    assert_false(m.entries[1].attestation);
    assert_string_equal(m.entries[1].ref_name, "1");
    assert_string_equal(m.entries[1].image_name, "docker.io/library/a:1");
}

static void a_broken_entry_leaves_the_others(void **state)
{
    static const struct {
        const char *entry, *words;
    } cases[] = {
        {"7", "no object"},
        {"{}", "no sha256 digest"},
        {"{\"digest\":7}", "no sha256 digest"},
        {"{\"digest\":\"sha512:00\"}", "no sha256 digest"},
        {"{\"digest\":\"" A "\",\"size\":-1}", "no valid size"},
        {"{\"digest\":\"" A "\",\"size\":\"7\"}", "no valid size"},
    };

    for (size_t i = 0; i < unit_count(cases); i++) {
        struct image_manifest m;
        char text[1024];
        struct err err;

        snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[%s,{\"digest\":\"%s\"}]}",
                 cases[i].entry, B);
        assert_ok(parse(&m, text, *state, &err));
        assert_int_equal(m.entry_count, 2);
        assert_non_null(m.entries[0].broken);
        assert_non_null(strstr(m.entries[0].broken, cases[i].words));
        assert_null(m.entries[1].broken);
        assert_int_equal(m.entries[1].to.digest.bytes[0], 0xbb);
    }
}

static void lists_may_be_null_or_empty(void **state)
{
    struct image_manifest m;
    struct err err;

    assert_ok(parse(&m, "{\"schemaVersion\":2,\"manifests\":null}", *state, &err));
    assert_true(m.kind == IMAGE_INDEX && m.entry_count == 0);
    assert_ok(
        parse(&m, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":null}", *state, &err));
    assert_true(m.kind == IMAGE_MANIFEST && m.layer_count == 0 && m.is_image);
}

static void what_is_no_image_is_an_artifact(void **state)
{
    static const struct {
        const char *text;
        bool image;
    } cases[] = {
        {MANIFEST(D("application/vnd.cncf.helm.config.v1+json", A, ""), LAYER), false},
        {MANIFEST(D("application/vnd.oci.empty.v1+json", A, ""), ""), false},
        /* An attestation, and a signature: with the config of an image. */
        {MANIFEST(CONFIG, D("application/vnd.in-toto+json", B, "")), false},
        {MANIFEST(CONFIG, D("application/vnd.dev.cosign.simplesigning.v1+json", B, "")), false},
        {MANIFEST(CONFIG, ""), true},
        {MANIFEST(CONFIG, D("application/vnd.in-toto+json", B, "") "," LAYER), true},
        {MANIFEST(D("application/octet-stream", A, ""), LAYER), true},
        {MANIFEST("{\"digest\":\"" A "\"}", "{\"digest\":\"" B "\"}"), true},
    };

    for (size_t i = 0; i < unit_count(cases); i++) {
        struct image_manifest m;
        struct err err;

        assert_ok(parse(&m, cases[i].text, *state, &err));
        assert_int_equal(m.kind, IMAGE_MANIFEST);
        assert_int_equal(m.is_image, cases[i].image);
    }
}

static void the_artifact_manifest_of_old_has_blobs_and_no_config(void **state)
{
    struct image_manifest m;
    struct err err;

    assert_ok(parse(&m, "{\"mediaType\":\"" ARTIFACT "\",\"blobs\":[" D("text/plain", B, "") "]}",
                    *state, &err));
    assert_int_equal(m.kind, IMAGE_MANIFEST);
    assert_false(m.has_config || m.is_image);
    assert_int_equal(m.layer_count, 1);
}

static void schema_1_is_recognised(void **state)
{
    static const char *const texts[] = {
        "{\"schemaVersion\":1,\"name\":\"a\",\"fsLayers\":[]}",
        "{\"schemaVersion\":1,\"mediaType\":\"" DOCKER
        "distribution.manifest.v1+prettyjws\",\"fsLayers\":[]}",
        "{\"schemaVersion\":1}",
    };

    for (size_t i = 0; i < unit_count(texts); i++) {
        struct image_manifest m;
        struct err err;

        assert_ok(parse(&m, texts[i], *state, &err));
        assert_int_equal(m.kind, IMAGE_SCHEMA1);
    }
}

static void what_is_none_of_these_says_why(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "JSON"},
        {"{\"schemaVersion\":2,", "JSON"},
        {"[]", "neither"},
        {"{}", "neither"},
        {"{\"schemaVersion\":2}", "neither"},
        {"{\"manifests\":[]}", "schemaVersion"},
        {"{\"schemaVersion\":3,\"manifests\":[]}", "schemaVersion"},
        {"{\"schemaVersion\":2,\"manifests\":7}", "no list"},
        {"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}", "no list"},
        {"{\"schemaVersion\":2,\"layers\":[]}", "without config"},
        {MANIFEST("7", ""), "its config is no object"},
        {MANIFEST("{}", ""), "its config has no sha256 digest"},
        {MANIFEST(CONFIG, LAYER ",{\"digest\":\"sha256:12\"}"), "its layer 1 has no sha256 digest"},
        {"{\"schemaVersion\":2,\"schemaVersion\":1,\"manifests\":[]}", "JSON"},
        {"{\"schemaVersion\":2,\"mediaType\":7,\"manifests\":[]}", "mediaType is no text"},
    };

    for (size_t i = 0; i < unit_count(cases); i++) {
        struct image_manifest m = {0};
        struct err err;

        assert_fails(parse(&m, cases[i].text, *state, &err), ERR_CORRUPT, cases[i].words);
    }
}

/* One reader would see an image in it, and another reader others. */
static void a_document_of_two_minds_is_refused(void **state)
{
    static const char *const texts[] = {
        "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}",
        "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}",
        "{\"schemaVersion\":1,\"fsLayers\":[],\"manifests\":[]}",
        "{\"schemaVersion\":2,\"fsLayers\":[],\"config\":" CONFIG ",\"layers\":[]}",
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI "manifest.v1+json\",\"manifests\":[]}",
        DOCUMENT(OCI "index.v1+json"),
        DOCUMENT(OCI "config.v1+json"),
        "{\"mediaType\":\"" ARTIFACT "\",\"blobs\":[],\"manifests\":[]}",
    };

    for (size_t i = 0; i < unit_count(texts); i++) {
        struct image_manifest m = {0};
        struct err err;

        assert_int_equal(parse(&m, texts[i], *state, &err), -1);
        assert_int_equal(err.kind, ERR_CORRUPT);
    }
}

static void more_than_the_limits_is_refused(void **state)
{
    AUTO(buf_close) struct buf text;
    struct image_manifest m = {0};
    struct err err;

    buf_init(&text, JSON_BYTES_MAX);
    assert_ok(
        buf_add_str(&text, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER, &err));
    for (int i = 0; i < IMAGE_MANIFEST_LAYERS_MAX; i++)
        assert_ok(buf_add_str(&text, "," LAYER, &err));
    assert_ok(buf_add_str(&text, "]}", &err));
    assert_fails(parse(&m, buf_str(&text), *state, &err), ERR_LIMIT, "4097 layers: at most 4096");
    buf_reset(&text);
    assert_ok(buf_add_str(&text, "{\"schemaVersion\":2,\"manifests\":[7", &err));
    for (int i = 0; i < IMAGE_MANIFEST_ENTRIES_MAX; i++)
        assert_ok(buf_add_str(&text, ",7", &err));
    assert_ok(buf_add_str(&text, "]}", &err));
    assert_fails(parse(&m, buf_str(&text), *state, &err), ERR_LIMIT, "50001 manifests");
}

static void media_types_tell_what_may_be_followed(void **state)
{
    (void)state;
    assert_int_equal(image_manifest_kind_of(OCI "manifest.v1+json"), IMAGE_MANIFEST);
    assert_int_equal(image_manifest_kind_of(OCI "index.v1+json"), IMAGE_INDEX);
    assert_int_equal(image_manifest_kind_of(DOCKER "distribution.manifest.v1+json"), IMAGE_SCHEMA1);
    assert_int_equal(image_manifest_kind_of(OCI "config.v1+json"), 0);
    assert_int_equal(image_manifest_kind_of(""), 0);
    assert_true(image_layer_is_foreign(OCI "layer.nondistributable.v1.tar+gzip"));
    assert_true(image_layer_is_foreign(DOCKER "image.rootfs.foreign.diff.tar.gzip"));
    assert_false(image_layer_is_foreign(OCI "layer.v1.tar+gzip"));
}

static void a_copy_outlives_the_first_one(void **state)
{
    AUTO(arena_close) struct arena *first = NULL;
    struct image_manifest m, index, copy, index_copy;
    struct err err;

    assert_ok(arena_open(&first, 1 << 20, &err));
    assert_ok(parse(&m, MANIFEST(CONFIG, LAYER "," LAYER "," D("text/plain", A, "")), first, &err));
    assert_ok(parse(&index,
                    INDEX("7," D(OCI "manifest.v1+json", B,
                                 ",\"platform\":{\"os\":\"linux\"},\"annotations\":{"
                                 "\"org.opencontainers.image.ref.name\":\"x\"}")),
                    first, &err));
    assert_ok(image_manifest_copy(&copy, &m, *state, &err));
    assert_ok(image_manifest_copy(&index_copy, &index, *state, &err));
    arena_close(&first);
    assert_int_equal(copy.layer_count, 3);
    assert_true(copy.is_image && copy.has_config);
    assert_string_equal(copy.config.media_type, OCI "config.v1+json");
    assert_string_equal(copy.layers[1].media_type, OCI "layer.v1.tar+gzip");
    assert_string_equal(copy.layers[2].media_type, "text/plain");
    assert_int_equal(copy.layers[2].digest.bytes[0], 0xaa);
    assert_int_equal(index_copy.entry_count, 2);
    assert_non_null(index_copy.entries[0].broken);
    assert_string_equal(index_copy.entries[1].os, "linux");
    assert_string_equal(index_copy.entries[1].arch, "");
    assert_string_equal(index_copy.entries[1].ref_name, "x");
}

/* ---- manifests of real images ---------------------------------------------------------------- */

static void read_sample(int fd, const char *name, struct arena *arena, size_t *read)
{
    AUTO(buf_close) struct buf file;
    struct image_manifest m = {0};
    struct err err;

    buf_init(&file, JSON_BYTES_MAX);
    assert_ok(buf_read_file_at(&file, fd, name, &err));
    if (image_manifest_parse(&m, buf_str(&file), file.len, arena, &err) != 0)
        fail_msg("%s: %s", name, err.text);
    assert_true(m.kind == IMAGE_SCHEMA1 || m.layer_count > 0 || m.entry_count > 0);
    ++*read;
}

static void manifests_of_real_images_are_read(void **state)
{
    const char *samples = getenv("LC_IMAGE_SAMPLES");
    char path[PATH_MAX];
    AUTO_DIR DIR *dir = NULL;
    const struct dirent *entry;
    size_t read = 0;

    snprintf(path, sizeof(path), "%s/manifests", samples != NULL ? samples : "");
    dir = samples != NULL ? opendir(path) : NULL;
    if (dir == NULL) {
        print_message("LC_IMAGE_SAMPLES names no directory of image manifests: skipped\n");
        skip();
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".json") != NULL && strstr(entry->d_name, "config") == NULL)
            read_sample(dirfd(dir), entry->d_name, *state, &read);
    }
    assert_true(read > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_has_a_config_and_layers_in_order),
        cmocka_unit_test(dockers_documents_are_read_like_ocis),
        cmocka_unit_test(an_entry_of_an_index_tells_names_and_attestations),
        cmocka_unit_test(a_broken_entry_leaves_the_others),
        cmocka_unit_test(lists_may_be_null_or_empty),
        cmocka_unit_test(what_is_no_image_is_an_artifact),
        cmocka_unit_test(the_artifact_manifest_of_old_has_blobs_and_no_config),
        cmocka_unit_test(schema_1_is_recognised),
        cmocka_unit_test(what_is_none_of_these_says_why),
        cmocka_unit_test(a_document_of_two_minds_is_refused),
        cmocka_unit_test(more_than_the_limits_is_refused),
        cmocka_unit_test(media_types_tell_what_may_be_followed),
        cmocka_unit_test(a_copy_outlives_the_first_one),
        cmocka_unit_test(manifests_of_real_images_are_read),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
