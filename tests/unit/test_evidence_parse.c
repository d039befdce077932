/* What configs and manifests of real builders say of their bases, and what they must not be taken
 * to say. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/store/evidence_parse.h"
#include "common/buf.h"

#define HEX16 "0123456789abcdef"
#define DIGEST "sha256:" HEX16 HEX16 HEX16 HEX16
#define OTHER "sha256:" HEX16 HEX16 HEX16 "fedcba9876543210"
/* Layer `n` of the configs here, 0 to 9. */
#define DIFF(n) "sha256:" HEX16 HEX16 HEX16 "000000000000000" #n

static struct arena *arena;
static struct evidence_rows rows;
static struct err err;

static int open_arena(void **state)
{
    (void)state;
    return arena_open(&arena, CONFIG_ARENA_BYTES, &err);
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

/* What a config of so many layers says; `labels`, `history` and `more` are JSON, "" none. */
static void read_config(unsigned layers, const char *labels, const char *history, const char *more)
{
    struct config c;
    struct buf text;

    buf_init(&text, 1 << 20);
    assert_ok(buf_printf(&text, &err,
                         "{%s\"config\":{\"Labels\":{%s}},\"history\":[%s],"
                         "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
                         more, labels, history));
    for (unsigned i = 0; i < layers; i++)
        assert_ok(buf_printf(&text, &err, "%s\"sha256:%s%016u\"", i > 0 ? "," : "",
                             HEX16 HEX16 HEX16, i));
    assert_ok(buf_add_str(&text, "]}}", &err));
    assert_ok(config_parse(&c, text.data, text.len, arena, &err));
    assert_ok(evidence_of_config(&rows, &c, arena, &err));
    buf_close(&text);
}

/* Rows as one text: "source role reference digest top layers" each, "-" for what there is none of;
 * of digests the last two digits. */
static const char *told(void)
{
    static char out[16384];
    int at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < rows.count; i++) {
        const struct fleet_evidence *row = &rows.items[i];
        char digest[3] = "-", top[3] = "-", layers[24] = "-";

        assert_int_equal(row->image, FLEET_NONE);
        if (!digest_is_zero(&row->digest))
            snprintf(digest, sizeof(digest), "%02x", row->digest.bytes[31]);
        if (!digest_is_zero(&row->top))
            snprintf(top, sizeof(top), "%02x", row->top.bytes[31]);
        if (row->layers != FLEET_UNKNOWN)
            snprintf(layers, sizeof(layers), "%lld", (long long)row->layers);
        at += snprintf(out + at, sizeof(out) - (size_t)at, "%s%d %s %s %s %s %s", i > 0 ? "; " : "",
                       row->source, row->role == EVIDENCE_OF_BASE ? "base" : "builder",
                       row->reference[0] != '\0' ? row->reference : "-", digest, top, layers);
        assert_true((size_t)at < sizeof(out));
    }
    return out;
}

/* ---- labels and annotations ------------------------------------------------------------------ */

#define NAME_KEY "org.opencontainers.image.base.name"
#define DIGEST_KEY "org.opencontainers.image.base.digest"

static void labels_name_the_base_by_name_digest_or_both(void **state)
{
    static const struct {
        const char *labels, *rows;
    } cases[] = {
        {"\"" NAME_KEY "\":\"docker.io/library/debian:12\",\"" DIGEST_KEY "\":\"" DIGEST "\"",
         "2 base docker.io/library/debian:12 ef - -"},
        {"\"" NAME_KEY "\":\"debian:12\"", "2 base docker.io/library/debian:12 - - -"},
        {"\"" DIGEST_KEY "\":\"" DIGEST "\"", "2 base - ef - -"},
        {"\"" NAME_KEY "\":\"debian:12@" OTHER "\"", "2 base docker.io/library/debian:12 10 - -"},
        {"\"" NAME_KEY "\":\"debian:12@" OTHER "\",\"" DIGEST_KEY "\":\"" DIGEST "\"",
         "2 base docker.io/library/debian:12 ef - -"},
        {"\"" NAME_KEY "\":\"Not A Name\",\"" DIGEST_KEY "\":\"" DIGEST "\"", "2 base - ef - -"},
        {"\"" NAME_KEY "\":\"\",\"" DIGEST_KEY "\":\"sha512:00\"", ""},
        {"\"" NAME_KEY "\":\"[redacted]\"", ""},
        {"\"" NAME_KEY "\":\"scratch\"", ""},
        {"\"" NAME_KEY "\":\"scratch\",\"" DIGEST_KEY "\":\"" DIGEST "\"", ""},
        {"\"" NAME_KEY "\":\"" DIGEST "\"", ""},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        read_config(2, cases[i].labels, "", "");
        assert_string_equal(told(), cases[i].rows);
    }
}

static void names_are_told_in_their_normal_form(void **state)
{
    static const struct {
        const char *name, *reference;
    } cases[] = {
        {"debian", "docker.io/library/debian:latest"},
        {"host:5000/repo:tag", "host:5000/repo:tag"},
        {"host:5000/repo", "host:5000/repo:latest"},
        {"localhost/app", "localhost/app:latest"},
        {"registry/x@" DIGEST, "docker.io/registry/x"},
        {"quay.io/a/b:c@" DIGEST, "quay.io/a/b:c"},
        {"cafe", "docker.io/library/cafe:latest"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        char labels[512];

        snprintf(labels, sizeof(labels), "\"" NAME_KEY "\":\"%s\"", cases[i].name);
        read_config(1, labels, "", "");
        assert_int_equal(rows.count, 1);
        assert_string_equal(rows.items[0].reference, cases[i].reference);
    }
}

static void a_name_that_latest_makes_too_long_is_none(void **state)
{
    char labels[1024], host[251], path[256];

    (void)state;
    memset(host, 'h', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    snprintf(labels, sizeof(labels), "\"" NAME_KEY "\":\"%s.io/%s\"", host, path);
    read_config(1, labels, "", "");
    assert_int_equal(rows.count, 0);
    path[250] = '\0';
    snprintf(labels, sizeof(labels), "\"" NAME_KEY "\":\"%s.io/%s\"", host, path);
    read_config(1, labels, "", "");
    assert_int_equal(rows.count, 1);
    assert_int_equal(strlen(rows.items[0].reference), 511);
}

static void annotations_of_a_manifest_say_the_same(void **state)
{
    static const char config[] = "{\"config\":{\"digest\":\"" DIGEST "\"},\"layers\":[]";
    static const struct {
        const char *annotations, *rows;
    } cases[] = {
        {",\"annotations\":{\"" NAME_KEY "\":\"host:5000/base:1\",\"" DIGEST_KEY "\":\"" OTHER
         "\",\"x\":\"y\"}",
         "1 base host:5000/base:1 10 - -"},
        {",\"annotations\":{\"" NAME_KEY "\":7}", ""},
        {",\"annotations\":[]", ""},
        {",\"annotations\":null", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        struct manifest m;
        char text[1024];

        snprintf(text, sizeof(text), "%s%s}", config, cases[i].annotations);
        assert_ok(manifest_parse(&m, (const uint8_t *)text, strlen(text), arena, &err));
        assert_ok(evidence_of_manifest(&rows, &m, arena, &err));
        assert_string_equal(told(), cases[i].rows);
    }
}

/* ---- source-to-image and buildpacks ---------------------------------------------------------- */

static void a_source_to_image_builder_is_the_base_too(void **state)
{
    (void)state;
    read_config(3,
                "\"io.openshift.s2i.build.image\":\"centos/go-toolset-7-centos7:latest\","
                "\"io.openshift.s2i.scripts-url\":\"image:///usr/libexec/s2i\"",
                "", "");
    assert_string_equal(told(), "4 base docker.io/centos/go-toolset-7-centos7:latest - - -; "
                                "4 builder docker.io/centos/go-toolset-7-centos7:latest - - -");
    read_config(3, "\"io.openshift.s2i.build.image\":\"\"", "", "");
    assert_string_equal(told(), "");
}

/* Writes a label of JSON that has ' in the place of " behind `at`, the next free byte. */
static size_t put_label(char *out, size_t size, size_t at, const char *key, const char *json)
{
    at += (size_t)snprintf(out + at, size - at, "%s\"%s\":\"", at > 0 ? "," : "", key);
    for (const char *c = json; *c != '\0'; c++) {
        assert_true(at + 3 < size);
        if (*c == '\'')
            out[at++] = '\\';
        out[at++] = *c == '\'' ? '"' : *c;
    }
    at += (size_t)snprintf(out + at, size - at, "\"");
    assert_true(at < size);
    return at;
}

/* What a config says whose labels hold this JSON; NULL: there is no such label. */
static void read_buildpacks(unsigned layers, const char *lifecycle, const char *build)
{
    char labels[4096] = "";
    size_t at = 0;

    if (lifecycle != NULL)
        at = put_label(labels, sizeof(labels), at, "io.buildpacks.lifecycle.metadata", lifecycle);
    if (build != NULL)
        put_label(labels, sizeof(labels), at, "io.buildpacks.build.metadata", build);
    read_config(layers, labels, "", "");
}

static void a_run_image_is_a_base_with_its_uppermost_layer(void **state)
{
    (void)state;
    read_buildpacks(4,
                    "{'runImage':{'topLayer':'" DIFF(
                        1) "','image':'paketobuildpacks/run:base-cnb',"
                           "'reference':'index.docker.io/paketobuildpacks/run@" DIGEST
                           "'},'buildpacks':["
                           "{'key':'paketo-buildpacks/go','version':'4.9.1','layers':{}},"
                           "{'key':'acme/x'},{'key':'no\\\\u001bword','version':'1'},7]}",
                    "{'buildpacks':[{'id':'not/used'}]}");
    assert_string_equal(told(), "5 base docker.io/paketobuildpacks/run:base-cnb ef 01 2; "
                                "5 builder paketo-buildpacks/go@4.9.1 - - -; "
                                "5 builder acme/x - - -");
}

static void older_lifecycles_name_the_run_image_elsewhere(void **state)
{
    static const struct {
        const char *lifecycle, *build, *rows;
    } cases[] = {
        {"{'runImage':{'topLayer':'" DIFF(
             1) "','reference':'" HEX16 HEX16 HEX16 HEX16 "'},"
                "'stack':{'runImage':{'image':'gcr.io/run:v1','mirrors':['m.io/run:v1']}}}",
         "{'buildpacks':[{'id':'google.go','version':'0.9'}]}",
         "5 base gcr.io/run:v1 - 01 2; 5 builder google.go@0.9 - - -"},
        {"{'runImage':{'reference':'gcr.io/run@" DIGEST "'}}", NULL, "5 base gcr.io/run ef - -"},
        {"{'runImage':{'mirrors':['m.io/run:v1']}}", NULL, "5 base m.io/run:v1 - - -"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        read_buildpacks(2, cases[i].lifecycle, cases[i].build);
        assert_string_equal(told(), cases[i].rows);
    }
}

/* A layer may stand in an image twice, and the run image's be gone from it. */
static void the_run_image_ends_at_the_uppermost_such_layer(void **state)
{
    static const char text[] =
        "{\"config\":{\"Labels\":{\"io.buildpacks.lifecycle.metadata\":"
        "\"{\\\"runImage\\\":{\\\"topLayer\\\":\\\"" DIFF(
            0) "\\\"}}\"}},"
               "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF(0) "\",\"" DIFF(
                   1) "\",\"" DIFF(0) "\",\"" DIFF(2) "\"]}}";
    struct config c;

    (void)state;
    assert_ok(config_parse(&c, (const uint8_t *)text, strlen(text), arena, &err));
    assert_ok(evidence_of_config(&rows, &c, arena, &err));
    assert_string_equal(told(), "5 base - - 00 3");
    read_buildpacks(2, "{'runImage':{'topLayer':'" DIFF(9) "'}}", NULL);
    assert_string_equal(told(), "5 base - - 09 -");
}

static void json_that_was_cut_says_nothing(void **state)
{
    static const char *const texts[] = {
        "{'runImage':{'image':'gcr.io/run:v1",
        "[redacted]",
        "",
        "[]",
        "{'runImage':[],'stack':7,'buildpacks':{}}",
        "{'buildpacks':[null,{'id':7,'key':7}]}",
    };

    (void)state;
    for (size_t i = 0; i < unit_count(texts); i++) {
        read_buildpacks(2, texts[i], texts[i]);
        assert_string_equal(told(), "");
    }
}

/* ---- buildinfo ------------------------------------------------------------------------------- */

#define INFO(base64) "\"moby.buildkit.buildinfo.v1\":\"" base64 "\","

/* golang:1.17 twice and an http source, then alpine:3.15@sha256:bb.. */
#define BUILD_INFO                                                                                 \
    "eyJmcm9udGVuZCI6ImRvY2tlcmZpbGUudjAiLCJzb3VyY2VzIjpbeyJ0eXBlIjoiZG9ja2VyLWlt"                 \
    "YWdlIiwicmVmIjoiZG9ja2VyLmlvL2xpYnJhcnkvZ29sYW5nOjEuMTciLCJwaW4iOiJzaGEyNTY6"                 \
    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"                 \
    "YWFhYWFhYSJ9LHsidHlwZSI6Imh0dHAiLCJyZWYiOiJodHRwczovL2V4YW1wbGUub3JnL3gifSx7"                 \
    "InR5cGUiOiJkb2NrZXItaW1hZ2UiLCJyZWYiOiJkb2NrZXIuaW8vbGlicmFyeS9nb2xhbmc6MS4x"                 \
    "NyIsInBpbiI6InNoYTI1NjphYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"                 \
    "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhIn0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoi"                 \
    "YWxwaW5lOjMuMTVAc2hhMjU2OmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi"                 \
    "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmIifV19"
/* docker-image a:0 to a:15. */
#define MANY_SOURCES                                                                               \
    "eyJzb3VyY2VzIjpbeyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiYTowIn0seyJ0eXBlIjoi"                 \
    "ZG9ja2VyLWltYWdlIiwicmVmIjoiYToxIn0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoi"                 \
    "YToyIn0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiYTozIn0seyJ0eXBlIjoiZG9ja2Vy"                 \
    "LWltYWdlIiwicmVmIjoiYTo0In0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiYTo1In0s"                 \
    "eyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiYTo2In0seyJ0eXBlIjoiZG9ja2VyLWltYWdl"                 \
    "IiwicmVmIjoiYTo3In0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoiYTo4In0seyJ0eXBl"                 \
    "IjoiZG9ja2VyLWltYWdlIiwicmVmIjoiYTo5In0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVm"                 \
    "IjoiYToxMCJ9LHsidHlwZSI6ImRvY2tlci1pbWFnZSIsInJlZiI6ImE6MTEifSx7InR5cGUiOiJk"                 \
    "b2NrZXItaW1hZ2UiLCJyZWYiOiJhOjEyIn0seyJ0eXBlIjoiZG9ja2VyLWltYWdlIiwicmVmIjoi"                 \
    "YToxMyJ9LHsidHlwZSI6ImRvY2tlci1pbWFnZSIsInJlZiI6ImE6MTQifSx7InR5cGUiOiJkb2Nr"                 \
    "ZXItaW1hZ2UiLCJyZWYiOiJhOjE1In1dfQ=="

static void buildinfo_names_the_images_of_all_stages(void **state)
{
    (void)state;
    read_config(1, "", "", INFO(BUILD_INFO));
    assert_string_equal(told(), "6 base docker.io/library/golang:1.17 aa - -; "
                                "6 base docker.io/library/alpine:3.15 bb - -");
}

static void buildinfo_without_images_says_nothing(void **state)
{
    static const char *const texts[] = {
        INFO("eyJmcm9udGVuZCI6ImRvY2tlcmZpbGUudjAifQ=="), /* {"frontend":"dockerfile.v0"} */
        INFO("eyJzb3VyY2VzIjpbeyJ0eXBlIjoiZ2l0IiwicmVmIjoiZGViaWFuOjEyIn1dfQ=="), /* a source of
                                                                                     type git,
                                                                                     debian:12 */
        INFO("[redacted]"),
        INFO("eyJmcm9udGVuZCI6ImRv"),
        INFO("===="),
        INFO(""),
        "\"moby.buildkit.buildinfo.v1\":{},",
    };

    (void)state;
    for (size_t i = 0; i < unit_count(texts); i++) {
        read_config(1, "", "", texts[i]);
        assert_string_equal(told(), "");
    }
}

/* ---- too many -------------------------------------------------------------------------------- */

static void add(struct buf *b, const char *fmt, int from, int to)
{
    for (int i = from; i < to; i++)
        assert_ok(buf_printf(b, &err, fmt, i));
}

static size_t rows_of(enum fleet_evidence_source source)
{
    size_t n = 0;

    for (size_t i = 0; i < rows.count; i++)
        n += rows.items[i].source == source;
    return n;
}

static const struct fleet_evidence *last_of(enum fleet_evidence_source source)
{
    const struct fleet_evidence *last = NULL;

    for (size_t i = 0; i < rows.count; i++)
        if (rows.items[i].source == source)
            last = &rows.items[i];
    return last;
}

#define STEP_SAYS(comment) "{\"created_by\":\"/bin/sh -c true\",\"comment\":\"" comment "\"}"
#define KIT_CMD                                                                                    \
    "{\"created_by\":\"CMD [\\\"nginx\\\"]\",\"comment\":\"buildkit.dockerfile.v0\","              \
    "\"empty_layer\":true}"

static void of_too_many_steps_the_uppermost_count(void **state)
{
    struct buf history, labels;

    (void)state;
    buf_init(&history, 1 << 20);
    buf_init(&labels, 1 << 20);
    add(&history, STEP_SAYS("FROM a:%d") "," KIT_CMD ",", 0, 99);
    assert_ok(buf_add_str(&history, STEP_SAYS("FROM 68ed6e50acd0"), &err));
    assert_ok(buf_add_str(&labels,
                          "\"" NAME_KEY "\":\"a\",\"io.openshift.s2i.build.image\":\"a\","
                          "\"io.buildpacks.lifecycle.metadata\":"
                          "\"{\\\"runImage\\\":{\\\"image\\\":\\\"a\\\"},\\\"buildpacks\\\":[7",
                          &err));
    add(&labels, ",{\\\"key\\\":\\\"k%d\\\"}", 0, 99);
    assert_ok(buf_add_str(&labels, "]}\"", &err));
    read_config(100, buf_str(&labels), buf_str(&history), INFO(MANY_SOURCES));
    assert_int_equal(rows.count, EVIDENCE_ROWS_MAX);
    assert_int_equal(rows_of(EVIDENCE_FROM), EVIDENCE_FROM_MAX + 1);
    assert_string_equal((last_of(EVIDENCE_FROM) - 1)->reference, "docker.io/library/a:98");
    assert_int_equal((last_of(EVIDENCE_FROM) - 1)->layers, 98);
    assert_int_equal(last_of(EVIDENCE_FROM)->role, EVIDENCE_OF_STEPS);
    assert_int_equal(last_of(EVIDENCE_FROM)->layers, 99);
    assert_int_equal(rows_of(EVIDENCE_BUILDPACKS), 1 + EVIDENCE_BUILDPACKS_MAX);
    assert_int_equal(rows_of(EVIDENCE_BUILDINFO), EVIDENCE_SOURCES_MAX);
    assert_int_equal(rows_of(EVIDENCE_HISTORY), EVIDENCE_HISTORY_MAX);
    assert_int_equal(last_of(EVIDENCE_HISTORY)->layers, 99);
    buf_close(&history);
    buf_close(&labels);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(labels_name_the_base_by_name_digest_or_both),
        TEST(names_are_told_in_their_normal_form),
        TEST(a_name_that_latest_makes_too_long_is_none),
        TEST(annotations_of_a_manifest_say_the_same),
        TEST(a_source_to_image_builder_is_the_base_too),
        TEST(a_run_image_is_a_base_with_its_uppermost_layer),
        TEST(older_lifecycles_name_the_run_image_elsewhere),
        TEST(the_run_image_ends_at_the_uppermost_such_layer),
        TEST(json_that_was_cut_says_nothing),
        TEST(buildinfo_names_the_images_of_all_stages),
        TEST(buildinfo_without_images_says_nothing),
        TEST(of_too_many_steps_the_uppermost_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
