/* What attestations say of the images that a build took. */
#include "tests/support/unit.h"

#include "collector/store/evidence_parse.h"
#include "common/buf.h"

#define HEX16 "0123456789abcdef"
#define DIGEST "sha256:" HEX16 HEX16 HEX16 HEX16
#define OTHER "sha256:" HEX16 HEX16 HEX16 "fedcba9876543210"

static struct arena *arena;
static struct evidence_statement said;
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
    for (size_t i = 0; i < said.materials.count; i++)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%d %s %02x", i > 0 ? "; " : "",
                               said.materials.items[i].source, said.materials.items[i].reference,
                               said.materials.items[i].digest.bytes[DIGEST_BYTES - 1]);
    return out;
}

/* What a statement says. */
static void read_statement(const char *type, const char *subjects, const char *predicate)
{
    struct buf text;

    buf_init(&text, 2 << 20);
    assert_ok(
        buf_printf(&text, &err,
                   "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicateType\":\"%s\","
                   "\"subject\":[%s],\"predicate\":%s}",
                   type, subjects, predicate));
    assert_ok(evidence_of_statement(&said, text.data, text.len, arena, &err));
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

static void one_name_with_two_digests_is_two_images(void **state)
{
    (void)state;
    read_statement(SLSA2, ABOUT_IT,
                   "{\"materials\":[" MATERIAL(
                       "pkg:docker/debian@12") ","
                                               "{\"uri\":\"pkg:docker/debian@12\"}," MATERIAL(
                                                   "pkg:docker/debian@12") "]}");
    assert_string_equal(told(), "7 docker.io/library/debian:12 10; "
                                "7 docker.io/library/debian:12 00");
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
        {"pkg:docker/debian@1%32", "docker.io/library/debian:12"},
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
        if (said.materials.count != (cases[i].name != NULL))
            print_error("%s: %zu rows\n", cases[i].url, said.materials.count);
        assert_int_equal(said.materials.count, cases[i].name != NULL);
        if (cases[i].name != NULL)
            assert_string_equal(said.materials.items[0].reference, cases[i].name);
    }
    read_statement(SLSA2, "", "{\"materials\":[{\"uri\":\"pkg:docker/app@" OTHER "\"}]}");
    assert_int_equal(said.materials.items[0].digest.bytes[31], 0x10);
}

#define DEBIAN "{\"materials\":[" MATERIAL("pkg:docker/debian@12") "]}"

static void what_is_no_provenance_says_nothing(void **state)
{
    (void)state;
    read_statement("https://spdx.dev/Document", ABOUT_IT, DEBIAN);
    assert_string_equal(told(), "");
    assert_int_equal(said.subject_count, 0);
    read_statement(SLSA2, ABOUT_IT, "[]");
    read_statement(SLSA2, ABOUT_IT, "{\"materials\":{}}");
    read_statement(SLSA2, ABOUT_IT, "{\"materials\":[7,{},{\"uri\":7}]}");
    assert_string_equal(told(), "");
}

static void a_statement_tells_what_it_is_about(void **state)
{
    struct digest it, other;

    (void)state;
    assert_ok(digest_parse(&it, DIGEST, strlen(DIGEST), false, &err));
    assert_ok(digest_parse(&other, OTHER, strlen(OTHER), false, &err));
    read_statement(SLSA2, ABOUT_OTHER "," ABOUT_IT "," ABOUT_OTHER, DEBIAN);
    assert_int_equal(said.subject_count, 2);
    assert_true(digest_eq(&said.subjects[0], &other));
    assert_true(digest_eq(&said.subjects[1], &it));
    assert_int_equal(said.materials.count, 1);
    read_statement(SLSA2, "{\"digest\":{}},7", DEBIAN); /* about something, nobody knows what */
    assert_int_equal(said.subject_count, 0);
    assert_int_equal(said.materials.count, 0);
}

static void of_too_many_subjects_the_first_ones_count(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < EVIDENCE_SUBJECTS_MAX + 5; i++)
        assert_ok(buf_printf(&text, &err,
                             "%s{\"digest\":{\"sha256\":\"" HEX16 HEX16 HEX16 "%016x\"}}",
                             i > 0 ? "," : "", i));
    read_statement(SLSA2, buf_str(&text), DEBIAN);
    assert_int_equal(said.subject_count, EVIDENCE_SUBJECTS_MAX);
    assert_int_equal(said.subjects[EVIDENCE_SUBJECTS_MAX - 1].bytes[DIGEST_BYTES - 1],
                     EVIDENCE_SUBJECTS_MAX - 1);
    buf_close(&text);
}

static void of_a_statement_that_is_too_long_nothing_is_read(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 2 << 20);
    assert_ok(buf_add_str(&text, ABOUT_IT ",\"", &err));
    while (text.len < EVIDENCE_STATEMENT_BYTES)
        assert_ok(buf_add_str(&text, HEX16 HEX16 HEX16 HEX16, &err));
    assert_ok(buf_add_str(&text, "\"", &err));
    read_statement(SLSA2, buf_str(&text), DEBIAN);
    assert_int_equal(said.subject_count, 0);
    assert_string_equal(told(), "");
    buf_close(&text);
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
    assert_int_equal(said.materials.count, EVIDENCE_MATERIALS_MAX);
    assert_string_equal(said.materials.items[EVIDENCE_MATERIALS_MAX - 1].reference,
                        "docker.io/library/a:31");
    buf_close(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(provenance_names_the_images_of_all_stages),
        TEST(one_name_with_two_digests_is_two_images),
        TEST(package_urls_become_names_of_images),
        TEST(what_is_no_provenance_says_nothing),
        TEST(a_statement_tells_what_it_is_about),
        TEST(of_too_many_subjects_the_first_ones_count),
        TEST(of_a_statement_that_is_too_long_nothing_is_read),
        TEST(of_too_many_materials_the_first_ones_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
