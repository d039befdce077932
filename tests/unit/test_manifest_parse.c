#include "tests/support/unit.h"

#include "collector/store/manifest_parse.h"
#include "common/buf.h"

#define HEX16 "0123456789abcdef"
#define HEX48 HEX16 HEX16 HEX16
#define CONFIG "\"config\":{\"digest\":\"sha256:" HEX48 HEX16 "\",\"size\":7}"
#define BLOB(last, more) "{\"digest\":\"sha256:" HEX48 "0123456789abcde" last "\"" more "}"
#define GZIP "application/vnd.oci.image.layer.v1.tar+gzip"

static struct arena *arena;
static struct manifest manifest;
static struct err err;

static int open_arena(void **state)
{
    (void)state;
    return arena_open(&arena, MANIFEST_ARENA_BYTES, &err);
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static int parse(const char *text)
{
    return manifest_parse(&manifest, (const uint8_t *)text, strlen(text), arena, &err);
}

static void a_manifest_names_its_config_and_its_blobs_in_order(void **state)
{
    (void)state;
    assert_ok(
        parse("{\"schemaVersion\":2," CONFIG
              ",\"layers\":[" BLOB("1", ",\"size\":10,\"mediaType\":\"" GZIP "\"") "," BLOB(
                  "0", ",\"size\":0,\"mediaType\":\"" GZIP
                       "\"") "," BLOB("1", ",\"size\":10") "],\"annotations\":{\"a\":\"b\"}}"));
    assert_int_equal(manifest.kind, REC_DOC_MANIFEST);
    assert_int_equal(manifest.config.bytes[31], 0xef);
    assert_int_equal(manifest.blob_count, 3);
    assert_int_equal(manifest.blobs[0].digest.bytes[31], 0xe1);
    assert_int_equal(manifest.blobs[0].bytes, 10);
    assert_string_equal(manifest.blobs[0].media_type, GZIP);
    assert_int_equal(manifest.blobs[1].digest.bytes[31], 0xe0);
    assert_string_equal(manifest.blobs[1].media_type, GZIP);
    assert_string_equal(manifest.blobs[2].media_type, "");
}

static void no_list_of_layers_is_an_empty_one(void **state)
{
    (void)state;
    assert_ok(parse("{" CONFIG "}"));
    assert_int_equal(manifest.blob_count, 0);
    assert_ok(parse("{" CONFIG ",\"layers\":null}"));
    assert_int_equal(manifest.blob_count, 0);
}

static void an_index_is_told_apart(void **state)
{
    (void)state;
    assert_ok(parse("{\"schemaVersion\":2,\"manifests\":[7]}"));
    assert_int_equal(manifest.kind, REC_DOC_INDEX);
    assert_int_equal(manifest.blob_count, 0);
}

static void a_long_media_type_is_cut_and_cleaned(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 16);
    assert_ok(buf_add_str(&text,
                          "{" CONFIG ",\"layers\":[" BLOB("1", ",\"size\":1,\"mediaType\":\""
                                                               "a\\u0007b"),
                          &err));
    text.len -= 1; /* the brace: the media type goes on */
    for (int i = 0; i < 1000; i++)
        assert_ok(buf_add_str(&text, "x", &err));
    assert_ok(buf_add_str(&text, "\"}]}", &err));
    assert_ok(parse(buf_str(&text)));
    assert_true(strlen(manifest.blobs[0].media_type) <= MANIFEST_WORD_BYTES);
    assert_null(strchr(manifest.blobs[0].media_type, '\a'));
    buf_close(&text);
}

static void only_annotations_of_the_base_are_read(void **state)
{
    char text[4096];

    (void)state;
    assert_ok(parse("{" CONFIG ",\"annotations\":{\"a\":\"b\",\"" MANIFEST_BASE_NAME
                    "\":\"a\\nb\",\"" MANIFEST_BASE_DIGEST "\":7}}"));
    assert_string_equal(manifest.base_name, "a\xEF\xBF\xBD"
                                            "b");
    assert_null(manifest.base_digest);
    snprintf(text, sizeof(text),
             "{" CONFIG ",\"annotations\":{\"" MANIFEST_BASE_DIGEST "\":\"%*s\"}}",
             2 * MANIFEST_LINE_BYTES, "");
    assert_ok(parse(text));
    assert_null(manifest.base_name);
    assert_int_equal(strlen(manifest.base_digest), MANIFEST_LINE_BYTES);
}

static void what_is_no_manifest_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *words;
        enum err_kind kind;
    } cases[] = {
        {"", "", ERR_CORRUPT},
        {"[]", "no config", ERR_CORRUPT},
        {"{}", "no config", ERR_CORRUPT},
        {"{\"config\":[]}", "no config", ERR_CORRUPT},
        {"{\"schemaVersion\":1,\"fsLayers\":[]}", "no config", ERR_CORRUPT},
        {"{\"config\":{\"size\":1}}", "its config has no digest", ERR_CORRUPT},
        {"{\"config\":{\"digest\":\"sha512:00\"}}", "its config", ERR_CORRUPT},
        {"{" CONFIG ",\"manifests\":[]}", "at once", ERR_CORRUPT},
        {"{\"layers\":[],\"manifests\":[]}", "at once", ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":{}}", "not a list", ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":[7]}", "layers[0] has no digest", ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":[{\"digest\":\"sha256:00\",\"size\":1}]}", "layers[0]",
         ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":[" BLOB("1", "") "]}", "layers[0] has no size", ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":[" BLOB("1", ",\"size\":\"7\"") "]}", "no size", ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":[" BLOB("1", ",\"size\":-1") "]}", "no size", ERR_CORRUPT},
        {"{" CONFIG ",\"layers\":[" BLOB("1", ",\"size\":70368744177665") "]}",
         "70368744177665 bytes", ERR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(parse(cases[i].text), cases[i].kind, cases[i].words);
}

static void as_many_layers_as_the_limit_are_read_and_no_more(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 4 << 20);
    assert_ok(buf_add_str(&text, "{" CONFIG ",\"layers\":[", &err));
    for (int i = 0; i < MANIFEST_LAYERS_MAX; i++)
        assert_ok(buf_printf(&text, &err, "%s" BLOB("1", ",\"size\":1,\"mediaType\":\"%d%0250d\""),
                             i > 0 ? "," : "", i, i));
    assert_ok(buf_add_str(&text, "]}", &err));
    assert_ok(parse(buf_str(&text)));
    assert_int_equal(manifest.blob_count, MANIFEST_LAYERS_MAX);
    text.len -= 2;
    assert_ok(buf_add_str(&text, ",7]}", &err));
    assert_fails(parse(buf_str(&text)), ERR_LIMIT, "1025 layers");
    buf_close(&text);
}

/* ---- attestations ---------------------------------------------------------------------------- */

#define NOTES(type, about) ",\"annotations\":{\"vnd.docker.reference.type\":\"" type "\"," about "}"
#define ABOUT(last) "\"vnd.docker.reference.digest\":\"sha256:" HEX48 "0123456789abcde" last "\""

static void an_index_lists_the_attestations_about_its_images(void **state)
{
    (void)state;
    assert_ok(parse("{\"manifests\":[" BLOB("1", ",\"size\":1") "," BLOB(
        "2", NOTES("attestation-manifest", ABOUT("1"))) "," BLOB("2", NOTES("attestation-manifest",
                                                                            ABOUT("1"))) "]}"));
    assert_int_equal(manifest.kind, REC_DOC_INDEX);
    assert_int_equal(manifest.attestation_count, 1);
    assert_int_equal(manifest.attestations[0].manifest.bytes[31], 0xe2);
    assert_int_equal(manifest.attestations[0].subject.bytes[31], 0xe1);
}

static void an_entry_that_lacks_a_part_is_no_attestation(void **state)
{
    (void)state;
    assert_ok(parse("{\"manifests\":[7,null,{}," BLOB("1", NOTES("other", ABOUT("2"))) "," BLOB(
        "1",
        NOTES(
            "attestation-manifest",
            "\"a\":\"b\"")) "," BLOB("1",
                                     ",\"annotations\":[]") "," BLOB("x",
                                                                     NOTES(
                                                                         "attestation-manifest",
                                                                         ABOUT(
                                                                             "2"))) "," BLOB("1",
                                                                                             NOTES(
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "t"
                                                                                                 "e"
                                                                                                 "s"
                                                                                                 "t"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "o"
                                                                                                 "n"
                                                                                                 "-"
                                                                                                 "m"
                                                                                                 "a"
                                                                                                 "n"
                                                                                                 "i"
                                                                                                 "f"
                                                                                                 "e"
                                                                                                 "s"
                                                                                                 "t",
                                                                                                 ABOUT(
                                                                                                     "x"))) "]}"));
    assert_int_equal(manifest.attestation_count, 0);
}

static void of_too_many_attestations_the_first_ones_count(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    assert_ok(buf_add_str(&text, "{\"manifests\":[", &err));
    for (unsigned i = 0; i < MANIFEST_ATTESTATIONS_MAX + 9; i++)
        assert_ok(buf_printf(&text, &err,
                             "%s{\"digest\":\"sha256:" HEX48
                             "%016u\"" NOTES("attestation-manifest", ABOUT("1")) "}",
                             i > 0 ? "," : "", i));
    assert_ok(buf_add_str(&text, "]}", &err));
    assert_ok(parse(buf_str(&text)));
    assert_int_equal(manifest.attestation_count, MANIFEST_ATTESTATIONS_MAX);
    assert_int_equal(manifest.attestations[10].manifest.bytes[31], 0x10);
    buf_close(&text);
}

#define STATEMENT(last, type, predicate)                                                           \
    BLOB(last, ",\"size\":1,\"mediaType\":\"" type "\",\"annotations\":{"                          \
               "\"in-toto.io/predicate-type\":\"" predicate "\"}")
#define IN_TOTO "application/vnd.in-toto+json"
#define SLSA "https://slsa.dev/provenance/"

static void statements_of_provenance_are_told_from_other_layers(void **state)
{
    (void)state;
    assert_ok(parse(
        "{" CONFIG
        ",\"layers\":[" STATEMENT("1", IN_TOTO, "https://spdx.dev/Document") "," STATEMENT(
            "2", IN_TOTO,
            SLSA
            "v0.2") "," STATEMENT("3", GZIP,
                                  SLSA
                                  "v1") "," STATEMENT("4", IN_TOTO,
                                                      SLSA
                                                      "v1") "," STATEMENT("2", IN_TOTO,
                                                                          SLSA
                                                                          "v1") "," BLOB("5",
                                                                                         ",\"size\""
                                                                                         ":1,"
                                                                                         "\"mediaTy"
                                                                                         "pe\":"
                                                                                         "\"" IN_TOTO
                                                                                         "\"") "]"
                                                                                               "}"));
    assert_int_equal(manifest.provenance_count, 2);
    assert_int_equal(manifest.provenances[0].bytes[31], 0xe2);
    assert_int_equal(manifest.provenances[1].bytes[31], 0xe4);
    assert_int_equal(manifest.blob_count, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_names_its_config_and_its_blobs_in_order),
        TEST(no_list_of_layers_is_an_empty_one),
        TEST(an_index_is_told_apart),
        TEST(a_long_media_type_is_cut_and_cleaned),
        TEST(only_annotations_of_the_base_are_read),
        TEST(what_is_no_manifest_is_refused_with_the_reason),
        TEST(as_many_layers_as_the_limit_are_read_and_no_more),
        TEST(an_index_lists_the_attestations_about_its_images),
        TEST(an_entry_that_lacks_a_part_is_no_attestation),
        TEST(of_too_many_attestations_the_first_ones_count),
        TEST(statements_of_provenance_are_told_from_other_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
