/* Attestations about images: what is asked for, and what becomes of it. */
#include "tests/support/unit.h"

#include "collector/store/apply_provenance.h"
#include "tests/support/three_hosts.h"

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static struct err err;

/* One document that a host can give. */
struct document {
    enum rec_document_kind kind; /* as it is wanted */
    struct digest id;
    char text[1500];
};

/* An image as BuildKit makes it: an index lists its manifest and an attestation about that, which
 * has a statement of where it comes from. `image` is the config's. */
static struct digest image;
static struct document manifest, attestation, statement, in_index;

#define MAKE(document, kind_, ...)                                                                 \
    do {                                                                                           \
        (document)->kind = (kind_);                                                                \
        snprintf((document)->text, sizeof((document)->text), __VA_ARGS__);                         \
        (document)->id = digest_of((document)->text, strlen((document)->text));                    \
    } while (0)

static void make_statement(struct document *out, const char *images)
{
    char hex[DIGEST_HEX + 1];

    MAKE(out, REC_DOC_ATTESTATION,
         "{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"subject\":[{\"digest\":{\"sha256\":"
         "\"%s\"}}],\"predicateType\":\"https://slsa.dev/provenance/v0.2\",\"predicate\":{"
         "\"materials\":[%s]}}",
         digest_hex(&manifest.id, hex), images);
}

static void make_attestation(struct document *out, const struct digest *of)
{
    char hex[DIGEST_TEXT];

    MAKE(out, REC_DOC_MANIFEST,
         "{\"config\":{\"digest\":\"sha256:" HEX64 "\",\"size\":2},\"layers\":[{\"mediaType\":"
         "\"application/vnd.in-toto+json\",\"digest\":\"%s\",\"size\":10,\"annotations\":{"
         "\"in-toto.io/predicate-type\":\"https://slsa.dev/provenance/v0.2\"}}]}",
         digest_text(of, hex));
}

static void make_index(struct document *out, const struct digest *attested,
                       const struct digest *subject)
{
    char first[DIGEST_TEXT], second[DIGEST_TEXT];

    MAKE(out, REC_DOC_MANIFEST,
         "{\"manifests\":[{\"digest\":\"%s\",\"size\":1},{\"digest\":\"%s\",\"size\":2,"
         "\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\","
         "\"vnd.docker.reference.digest\":\"%s\"}}]}",
         digest_text(subject, first), digest_text(attested, second), first);
}

#define DEBIAN "{\"uri\":\"pkg:docker/debian@12\",\"digest\":{\"sha256\":\"" HEX64 "\"}}"

static int open_image(void **state)
{
    char hex[DIGEST_TEXT];

    if (open_rig(state) != 0)
        return -1;
    rig_config(&rig, layers, 2, &image);
    MAKE(&manifest, REC_DOC_MANIFEST, "{\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":[]}",
         digest_text(&image, hex));
    make_statement(&statement, DEBIAN);
    make_attestation(&attestation, &statement.id);
    make_index(&in_index, &attestation.id, &manifest.id);
    return 0;
}

static enum apply_verdict give_cut(int64_t host, const struct document *d, const struct digest *id,
                                   uint32_t rules)
{
    enum apply_verdict verdict = 0;

    assert_ok(
        RIG_APPLY(&rig, apply_document(rig.store, host, d->kind, id, (const uint8_t *)d->text,
                                       strlen(d->text), rules, rules, 1020000, &verdict, &err)));
    return verdict;
}

static void give(const struct document *d)
{
    assert_int_equal(give_cut(one, d, &d->id, 0), APPLY_TAKEN);
}

/* The host holds the image, pulled by the index. */
static void hold(int64_t host, bool gives)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct rec_image *i = rig_image(&rig, c, &image, true);

    rig_repo_digest(&rig, i, "docker.io/app", 1);
    rig_repo_digest(&rig, i, "docker.io/app", 2);
    i->repo_digests[0].digest = manifest.id;
    i->repo_digests[1].digest = in_index.id;
    c->store.manifests = gives;
    rig_sort(c);
    rig_inventory(&rig, host, 1, c, 1010);
}

/* What a host is asked for besides configs: "M" the image's manifest, "I" the index, "A" the
 * attestation, "S" its statement; small letters where a second opinion is asked. */
static const char *missing(int64_t host)
{
    struct apply_look look = {.incarnation_id = host, .now_s = 1010, .most = 8, .anew = true};
    const struct document *const known[] = {&manifest, &in_index, &attestation, &statement};
    struct apply_missing found;
    static char letters[16];
    size_t n = 0;

    assert_ok(RIG_APPLY(&rig, apply_missing(rig.store, &look, rig.arena, &found, &err)));
    for (size_t k = 0; k < unit_count(known); k++)
        for (size_t i = 0; i < found.document_count; i++)
            if (digest_eq(&found.documents[i].digest, &known[k]->id)) {
                assert_int_equal(found.documents[i].kind, known[k]->kind);
                letters[n++] = (char)("MIAS"[k] + (found.document_confirms[i] ? 'a' - 'A' : 0));
            }
    letters[n] = '\0';
    return letters;
}

/* What statements say of the image, as "position in the statement:name:end of the digest". */
static const char *rows(void)
{
    return rig_text(
        &rig,
        "SELECT coalesce(group_concat(t, '; '), '') FROM (SELECT DISTINCT printf('%d:%s:%s', m.seq,"
        " m.reference, lower(hex(substr(m.digest, -1)))) AS t FROM attestation a "
        "JOIN provenance p ON p.manifest = a.manifest JOIN material m ON m.statement = p.statement "
        "WHERE coalesce((SELECT max(t.subject = a.subject) FROM statement_subject t"
        " WHERE t.statement = m.statement), 1) ORDER BY t)");
}

#define ROW "0:docker.io/library/debian:12:ef"

/* ---- what is asked for ----------------------------------------------------------------------- */

static void each_document_leads_to_the_next(void **state)
{
    (void)state;
    hold(one, true);
    hold(two, false);
    assert_string_equal(missing(one), "MI");
    give(&manifest);
    give(&in_index);
    assert_string_equal(missing(one), "A");
    assert_string_equal(missing(two), "");
    give(&attestation);
    assert_string_equal(missing(one), "S");
    give(&statement);
    assert_string_equal(missing(one), "");
    assert_string_equal(missing(one), "");
}

static void attestations_about_other_images_are_not_wanted(void **state)
{
    struct digest other = rig_digest('M', 9);

    (void)state;
    make_index(&in_index, &attestation.id, &other);
    hold(one, true);
    give(&manifest);
    give(&in_index);
    assert_string_equal(missing(one), "");
}

static void a_cut_statement_is_asked_of_a_second_host(void **state)
{
    (void)state;
    hold(one, true);
    hold(two, true);
    give(&manifest);
    give(&in_index);
    give(&attestation);
    assert_int_equal(give_cut(one, &statement, &statement.id, 2), APPLY_TAKEN);
    assert_string_equal(rows(), ROW);
    assert_string_equal(missing(one), "");
    assert_string_equal(missing(two), "s");
    assert_int_equal(give_cut(two, &statement, &statement.id, 2), APPLY_CONFIRMED);
    assert_string_equal(missing(two), "");
    assert_string_equal(rows(), ROW);
}

static void whether_a_document_leads_on_is_told(void **state)
{
    const struct document *const all[] = {&manifest, &in_index, &attestation, &statement};
    static const bool expected[] = {false, true, true, false};
    bool leads_on;

    (void)state;
    for (size_t i = 0; i < unit_count(all); i++)
        give(all[i]);
    for (size_t i = 0; i < unit_count(all); i++) {
        assert_ok(
            RIG_APPLY(&rig, apply_provenance_leads_on(rig.store, &all[i]->id, &leads_on, &err)));
        assert_int_equal(leads_on, expected[i]);
    }
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void evidence_is_the_same_in_whatever_order_documents_come(void **state)
{
    const struct document *const all[] = {&manifest, &in_index, &attestation, &statement};
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 3, 0, 1}, {1, 3, 2, 0}};

    (void)state;
    for (size_t o = 0; o < unit_count(orders); o++) {
        for (size_t i = 0; i < unit_count(all); i++)
            give(all[orders[o][i]]);
        assert_string_equal(rows(), ROW);
        assert_int_equal(rig_check(&rig, NULL), 0);
        close_rig(state);
        open_image(state);
    }
}

static void statements_of_several_attestations_are_told_together(void **state)
{
    struct document more, its;

    (void)state;
    make_statement(&more, DEBIAN ",{\"uri\":\"pkg:docker/golang@1.22\"}");
    make_attestation(&its, &more.id);
    give(&in_index);
    give(&attestation);
    give(&statement);
    make_index(&in_index, &its.id, &manifest.id);
    give(&in_index);
    give(&its);
    give(&more);
    assert_string_equal(rows(), ROW "; 1:docker.io/library/golang:1.22:");
}

static void a_manifest_read_again_keeps_what_others_say_of_it(void **state)
{
    (void)state;
    give(&in_index);
    give(&attestation);
    give(&statement);
    give(&manifest);
    assert_string_equal(rows(), ROW);
}

static void a_statement_about_another_image_tells_nothing(void **state)
{
    struct digest right = manifest.id;

    (void)state;
    manifest.id = rig_digest('M', 5);
    make_statement(&statement, DEBIAN);
    manifest.id = right;
    make_attestation(&attestation, &statement.id);
    make_index(&in_index, &attestation.id, &right);
    give(&in_index);
    give(&attestation);
    give(&statement);
    assert_string_equal(rows(), "");
}

/* One statement may be of many attestations, and one attestation about many images. */
static void a_statement_is_read_once(void **state)
{
    (void)state;
    give(&statement);
    rig_execute(&rig, "UPDATE document SET bytes = x'78' WHERE kind = 4");
    rig.damaged = true;
    give(&attestation);
    give(&in_index);
    assert_string_equal(rows(), ROW);
}

/* The documents of the image with one cut by two hosts, who differ. */
static void dispute(const struct document *disputed, const struct document *a,
                    const struct document *b)
{
    struct document other = *disputed;

    give(a);
    give(b);
    assert_int_equal(give_cut(one, disputed, &disputed->id, 2), APPLY_TAKEN);
    assert_string_equal(rows(), ROW);
    snprintf(other.text, sizeof(other.text), "{}");
    assert_int_equal(give_cut(two, &other, &disputed->id, 2), APPLY_DISPUTED);
    assert_string_equal(rows(), "");
}

static void a_disputed_statement_tells_nothing(void **state)
{
    (void)state;
    dispute(&statement, &in_index, &attestation);
}

static void a_disputed_attestation_tells_nothing(void **state)
{
    (void)state;
    dispute(&attestation, &in_index, &statement);
}

static void a_disputed_index_tells_nothing(void **state)
{
    (void)state;
    dispute(&in_index, &attestation, &statement);
}

/* ---- check, and reading again ---------------------------------------------------------------- */

static void fill(void)
{
    give(&manifest);
    give(&in_index);
    give(&attestation);
    give(&statement);
    assert_string_equal(rows(), ROW);
}

static void open_again(void)
{
    store_close(&rig.store);
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
}

static void each_damage_is_found_and_mended_by_reading_again(void **state)
{
    static const struct {
        const char *damage, *words;
    } cases[] = {
        {"DELETE FROM attestation", "attestation: "},
        {"UPDATE attestation SET subject = randomblob(32)", "not what its index lists"},
        {"UPDATE provenance SET statement = randomblob(32)", "not what its manifest lists"},
        {"DELETE FROM provenance", "provenance: "},
        {"DELETE FROM material", "not what its statement says"},
        {"UPDATE material SET reference = 'x'", "not what its statement says"},
        {"UPDATE material SET digest = NULL", "not what its statement says"},
        {"UPDATE material SET seq = 1", "not what its statement says"},
        {"DELETE FROM statement_subject", "not what its statement says"},
        {"UPDATE statement_subject SET subject = randomblob(32)", "not what its statement says"},
    };

    (void)state;
    fill();
    assert_int_equal(rig_check(&rig, NULL), 0);
    for (size_t i = 0; i < unit_count(cases); i++) {
        rig_execute(&rig, cases[i].damage);
        assert_true(rig_check(&rig, cases[i].words) > 0);
        rig_execute(&rig, "UPDATE meta SET value = 0 WHERE key = 'evidence_rules'");
        open_again();
        assert_int_equal(rig_check(&rig, NULL), 0);
        assert_string_equal(rows(), ROW);
    }
}

static void rows_of_documents_that_are_not_here_are_found(void **state)
{
    (void)state;
    fill();
    rig_execute(&rig, "INSERT INTO attestation VALUES (zeroblob(32), zeroblob(32), zeroblob(32));"
                      "INSERT INTO provenance VALUES (zeroblob(32), zeroblob(32));"
                      "INSERT INTO statement_subject VALUES (zeroblob(32), zeroblob(32))");
    assert_true(rig_check(&rig, "of an index that was not read") > 0);
    assert_true(rig_check(&rig, "provenance: 00") > 0);
    assert_true(rig_check(&rig, "material: 00") > 0);
    rig.damaged = true;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_image, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_document_leads_to_the_next),
        TEST(attestations_about_other_images_are_not_wanted),
        TEST(a_cut_statement_is_asked_of_a_second_host),
        TEST(whether_a_document_leads_on_is_told),
        TEST(evidence_is_the_same_in_whatever_order_documents_come),
        TEST(statements_of_several_attestations_are_told_together),
        TEST(a_manifest_read_again_keeps_what_others_say_of_it),
        TEST(a_statement_about_another_image_tells_nothing),
        TEST(a_statement_is_read_once),
        TEST(a_disputed_statement_tells_nothing),
        TEST(a_disputed_attestation_tells_nothing),
        TEST(a_disputed_index_tells_nothing),
        TEST(each_damage_is_found_and_mended_by_reading_again),
        TEST(rows_of_documents_that_are_not_here_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
