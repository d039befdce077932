/* What attestations say of the images that a build took. */
#include "tests/support/unit.h"

#include "collector/store/evidence_parse.h"
#include "common/buf.h"

#define HEX16 "0123456789abcdef"
#define DIGEST "sha256:" HEX16 HEX16 HEX16 HEX16
#define OTHER "sha256:" HEX16 HEX16 HEX16 "fedcba9876543210"

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

/* Rows as one text: "source reference last-two-digits-of-the-digest" each. */
static const char *told(void)
{
    static char out[4096];
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < rows.count; i++)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%d %s %02x", i > 0 ? "; " : "",
                               rows.items[i].source, rows.items[i].reference,
                               rows.items[i].digest.bytes[DIGEST_BYTES - 1]);
    return out;
}

/* What a statement about image DIGEST says. */
static void read_statement(const char *type, const char *subjects, const char *predicate)
{
    struct digest subject;
    struct buf text;

    buf_init(&text, 1 << 20);
    assert_ok(digest_parse(&subject, DIGEST, strlen(DIGEST), false, &err));
    assert_ok(
        buf_printf(&text, &err,
                   "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicateType\":\"%s\","
                   "\"subject\":[%s],\"predicate\":%s}",
                   type, subjects, predicate));
    rows.count = 0;
    assert_ok(evidence_of_statement(&rows, text.data, text.len, &subject, arena, &err));
    buf_close(&text);
}

#define SLSA2 "https://slsa.dev/provenance/v0.2"
#define SLSA1 "https://slsa.dev/provenance/v1"
#define ABOUT_IT "{\"digest\":{\"sha256\":\"" HEX16 HEX16 HEX16 HEX16 "\"}}"
#define ABOUT_OTHER "{\"digest\":{\"sha256\":\"" HEX16 HEX16 HEX16 "fedcba9876543210\"}}"
#define MATERIAL(uri)                                                                              \
    "{\"uri\":\"" uri "\",\"digest\":{\"sha256\":\"" HEX16 HEX16 HEX16 "fedcba9876543210\"}}"

static void provenance_names_the_images_of_all_stages(void **state)
{
    (void)state;
    read_statement(
        SLSA2, ABOUT_IT,
        "{\"materials\":[" MATERIAL("pkg:docker/golang@1.22?platform=linux%2Famd64") "," MATERIAL(
            "pkg:docker/debian@12?platform=linux%2Famd64") "," MATERIAL("https://github.com/a/"
                                                                        "b.git") "]}");
    assert_string_equal(told(), "7 docker.io/library/golang:1.22 10; "
                                "7 docker.io/library/debian:12 10");
    read_statement(SLSA1, ABOUT_IT,
                   "{\"buildDefinition\":{\"resolvedDependencies\":[" MATERIAL(
                       "pkg:docker/debian@12") "]},\"runDetails\":{}}");
    assert_string_equal(told(), "7 docker.io/library/debian:12 10");
}

static void package_urls_become_names_of_images(void **state)
{
    static const struct {
        const char *url, *name; /* NULL: none */
    } cases[] = {
        {"pkg:docker/debian", "docker.io/library/debian:latest"},
        {"pkg:docker/team/app@1", "docker.io/team/app:1"},
        {"pkg:docker/ghcr.io/team/app@1.0?platform=x", "ghcr.io/team/app:1.0"},
        {"pkg:docker/host%3A5000/team/app@1", "host:5000/team/app:1"},
        {"pkg:docker/host:5000/app@1#sub", "host:5000/app:1"},
        {"pkg:docker/app@" OTHER, "docker.io/library/app"},
        {"pkg:docker/scratch", NULL},
        {"pkg:docker/%zz@1", NULL},
        {"pkg:docker/app%4", NULL},
        {"pkg:docker/app%00@1", NULL},
        {"pkg:docker/App@1", NULL},
        {"pkg:docker/", NULL},
        {"pkg:docker/@1", NULL},
        {"pkg:oci/app@1", NULL},
        {"debian:12", NULL},
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        snprintf(text, sizeof(text), "{\"materials\":[{\"uri\":\"%s\"}]}", cases[i].url);
        read_statement(SLSA2, "", text);
        if (rows.count != (cases[i].name != NULL))
            print_error("%s: %zu rows\n", cases[i].url, rows.count);
        assert_int_equal(rows.count, cases[i].name != NULL);
        if (cases[i].name != NULL)
            assert_string_equal(rows.items[0].reference, cases[i].name);
    }
    read_statement(SLSA2, "", "{\"materials\":[{\"uri\":\"pkg:docker/app@" OTHER "\"}]}");
    assert_int_equal(rows.items[0].digest.bytes[31], 0x10);
}

static void what_is_no_provenance_of_the_image_says_nothing(void **state)
{
    static const char materials[] = "{\"materials\":[" MATERIAL("pkg:docker/debian@12") "]}";

    (void)state;
    read_statement(SLSA2, ABOUT_OTHER, materials);
    assert_string_equal(told(), "");
    read_statement("https://spdx.dev/Document", ABOUT_IT, materials);
    assert_string_equal(told(), "");
    read_statement(SLSA2, ABOUT_OTHER "," ABOUT_IT, materials);
    assert_int_equal(rows.count, 1);
    read_statement(SLSA2, "{\"digest\":{}},7", materials);
    assert_int_equal(rows.count, 1);
    read_statement(SLSA2, ABOUT_IT, "[]");
    read_statement(SLSA2, ABOUT_IT, "{\"materials\":{}}");
    read_statement(SLSA2, ABOUT_IT, "{\"materials\":[7,{},{\"uri\":7}]}");
    assert_string_equal(told(), "");
}

static void of_too_many_materials_the_first_ones_count(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    assert_ok(buf_add_str(&text, "{\"materials\":[", &err));
    for (int i = 0; i < EVIDENCE_MATERIALS_MAX + 5; i++)
        assert_ok(buf_printf(&text, &err,
                             "%s" MATERIAL("pkg:docker/a@%d") "," MATERIAL("pkg:docker/a@%d"),
                             i > 0 ? "," : "", i, i));
    assert_ok(buf_add_str(&text, "]}", &err));
    read_statement(SLSA2, ABOUT_IT, buf_str(&text));
    assert_int_equal(rows.count, EVIDENCE_MATERIALS_MAX);
    assert_string_equal(rows.items[EVIDENCE_MATERIALS_MAX - 1].reference, "docker.io/library/a:31");
    buf_close(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(provenance_names_the_images_of_all_stages),
        TEST(package_urls_become_names_of_images),
        TEST(what_is_no_provenance_of_the_image_says_nothing),
        TEST(of_too_many_materials_the_first_ones_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
