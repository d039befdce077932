/* What images say of their bases, as rows: while their documents stand, and read anew. */
#include "tests/support/unit.h"

#include <sqlite3.h>

#include "collector/store/evidence_parse.h"
#include "collector/store/migrate.h"
#include "common/buf.h"
#include "tests/support/three_hosts.h"

#define HEX16 "0123456789abcdef"
#define DIFF(n) "sha256:" HEX16 HEX16 HEX16 "000000000000000" #n

static struct err err;

/* An image of two layers on debian:12, as podman builds it; its label is redacted with the rest. */
#define CONFIG                                                                                     \
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Labels\":{"                        \
    "\"org.opencontainers.image.base.name\":\"debian:12\"}},\"history\":["                         \
    "{\"created_by\":\"ADD\"},{\"created_by\":\"RUN\",\"comment\":\"FROM debian:12\"}],"           \
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF(1) "\",\"" DIFF(2) "\"]}}"
#define ROWS "2:0:1:docker.io/library/debian:12:-1; 3:0:1:docker.io/library/debian:12:1"

static const char *rows(void)
{
    return rig_text(&rig, "SELECT coalesce(group_concat(t, '; '), '') FROM (SELECT printf("
                          "'%d:%d:%d:%s:%d', source, seq, role, reference, coalesce(layers, -1)) "
                          "AS t FROM base_evidence ORDER BY image_id, source, seq)");
}

static const char *manifest_rows(void)
{
    return rig_text(&rig, "SELECT coalesce(group_concat(t, '; '), '') FROM (SELECT printf("
                          "'%d:%d:%s:%s', source, seq, reference, lower(hex(substr(digest, -1)))) "
                          "AS t FROM manifest_evidence ORDER BY manifest, source, seq)");
}

static enum apply_verdict give(int64_t host, enum rec_document_kind kind, const struct digest *id,
                               const char *text, uint32_t rules)
{
    enum apply_verdict verdict = 0;

    assert_ok(RIG_APPLY(&rig, apply_document(rig.store, host, kind, id, (const uint8_t *)text,
                                             strlen(text), rules, rules, 1020000, &verdict, &err)));
    return verdict;
}

static struct digest give_config(void)
{
    struct digest id = digest_of(CONFIG, strlen(CONFIG));

    assert_int_equal(give(one, REC_DOC_CONFIG, &id, CONFIG, 0), APPLY_TAKEN);
    return id;
}

/* The manifest of the config, with annotations. */
static const char *make_manifest(const char *annotations, struct digest *id)
{
    struct digest config = digest_of(CONFIG, strlen(CONFIG));
    static char text[1024];
    char hex[DIGEST_TEXT];

    snprintf(text, sizeof(text),
             "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":[],"
             "\"annotations\":{%s}}",
             digest_text(&config, hex), annotations);
    *id = digest_of(text, strlen(text));
    return text;
}

#define ANNOTATIONS                                                                                \
    "\"org.opencontainers.image.base.name\":\"host:5000/base:1\","                                 \
    "\"org.opencontainers.image.base.digest\":\"" DIFF(7) "\""

/* ---- while documents come and go ------------------------------------------------------------- */

static void a_config_tells_its_base_as_it_is_read(void **state)
{
    (void)state;
    give_config();
    assert_string_equal(rows(), ROWS);
    assert_int_equal(give(two, REC_DOC_CONFIG, &(struct digest){{1}}, CONFIG, 0), APPLY_LIE);
    assert_string_equal(rows(), ROWS);
}

static void a_disputed_config_tells_nothing(void **state)
{
    struct digest id = rig_digest('I', 1);

    (void)state;
    assert_int_equal(give(one, REC_DOC_CONFIG, &id, CONFIG, 1), APPLY_TAKEN);
    assert_string_equal(rows(), ROWS);
    assert_int_equal(give(two, REC_DOC_CONFIG, &id, "{}", 1), APPLY_DISPUTED);
    assert_string_equal(rows(), "");
}

static void a_config_that_comes_again_replaces_what_was_said(void **state)
{
    static const char other[] = "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"config\":{"
                                "\"Labels\":{\"io.openshift.s2i.build.image\":\"a/b:1\"}}}";
    struct digest id = rig_digest('I', 1);

    (void)state;
    assert_int_equal(give(one, REC_DOC_CONFIG, &id, CONFIG, 1), APPLY_TAKEN);
    assert_int_equal(give(one, REC_DOC_CONFIG, &id, other, 2), APPLY_TAKEN);
    assert_string_equal(rows(), "4:0:1:docker.io/a/b:1:-1; 4:1:2:docker.io/a/b:1:-1");
}

static void annotations_belong_to_their_manifest(void **state)
{
    struct digest id, other;
    const char *text = make_manifest(ANNOTATIONS, &id);

    (void)state;
    assert_int_equal(give(one, REC_DOC_MANIFEST, &id, text, 0), APPLY_TAKEN);
    text = make_manifest("\"x\":\"y\"", &other);
    assert_int_equal(give(one, REC_DOC_MANIFEST, &other, text, 0), APPLY_TAKEN);
    assert_string_equal(manifest_rows(), "1:0:host:5000/base:1:07");
    assert_string_equal(rows(), "");
}

static void a_disputed_manifest_tells_nothing(void **state)
{
    struct digest id, other;
    const char *text = make_manifest(ANNOTATIONS, &id);

    (void)state;
    id = rig_digest('M', 1);
    assert_int_equal(give(one, REC_DOC_MANIFEST, &id, text, 1), APPLY_TAKEN);
    assert_string_equal(manifest_rows(), "1:0:host:5000/base:1:07");
    text = make_manifest("", &other);
    assert_int_equal(give(two, REC_DOC_MANIFEST, &id, text, 1), APPLY_DISPUTED);
    assert_string_equal(manifest_rows(), "");
}

static void an_index_tells_nothing_of_itself(void **state)
{
    static const char text[] = "{\"manifests\":[],\"annotations\":{" ANNOTATIONS "}}";
    struct digest id = digest_of(text, strlen(text));

    (void)state;
    assert_int_equal(give(one, REC_DOC_MANIFEST, &id, text, 0), APPLY_TAKEN);
    assert_string_equal(manifest_rows(), "");
}

/* ---- read again ------------------------------------------------------------------------------ */

static void fill(void)
{
    struct digest id;
    const char *text = make_manifest(ANNOTATIONS, &id);

    assert_int_equal(give(one, REC_DOC_MANIFEST, &id, text, 0), APPLY_TAKEN);
    give_config();
}

static void open_again(void)
{
    store_close(&rig.store);
    assert_ok(store_open_writer(&rig.store, rig.path, &err));
}

static void other_rules_make_all_rows_anew(void **state)
{
    (void)state;
    fill();
    rig_execute(&rig, "UPDATE meta SET value = 0 WHERE key = 'evidence_rules';"
                      "UPDATE base_evidence SET reference = 'x';"
                      "DELETE FROM manifest_evidence;"
                      "INSERT INTO manifest_evidence VALUES (zeroblob(32), 1, 0, 'x', NULL)");
    assert_int_equal(rig_check(&rig, "of a manifest that was not read"), 1); /* rows are not ours */
    open_again();
    assert_string_equal(rows(), ROWS);
    assert_string_equal(manifest_rows(), "1:0:host:5000/base:1:07");
    assert_int_equal(rig_number(&rig, "SELECT value FROM meta WHERE key = 'evidence_rules'"),
                     EVIDENCE_RULES);
}

static void the_same_rules_leave_rows_alone(void **state)
{
    (void)state;
    fill();
    rig_execute(&rig, "UPDATE base_evidence SET reference = 'x' WHERE source = 2");
    open_again();
    assert_string_equal(rows(), "2:0:1:x:-1; 3:0:1:docker.io/library/debian:12:1");
    rig.damaged = true;
}

static void disputed_documents_stay_silent_when_read_again(void **state)
{
    struct digest id = rig_digest('I', 1);

    (void)state;
    give(one, REC_DOC_CONFIG, &id, CONFIG, 1);
    give(two, REC_DOC_CONFIG, &id, "{}", 1);
    rig_execute(&rig, "DELETE FROM meta WHERE key = 'evidence_rules'");
    open_again();
    assert_string_equal(rows(), "");
}

#define OLD_DOCUMENT(kind)                                                                         \
    "INSERT INTO document (kind, digest, state, rules, cuts, received_s, bytes) "                  \
    "VALUES (" kind ", ?1, 1, 0, 0, 1, ?2)"

/* A document and what schema 3 read of it, by its digest. */
static void insert_old(sqlite3 *db, const char *sql, const char *document)
{
    struct digest id = digest_of(document, strlen(document));
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    sqlite3_bind_blob(st, 1, id.bytes, DIGEST_BYTES, SQLITE_TRANSIENT);
    sqlite3_bind_blob(st, 2, document, (int)strlen(document), SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    sqlite3_finalize(st);
}

static void fill_old(const char *path)
{
    struct digest id;
    const char *manifest = make_manifest(ANNOTATIONS, &id);
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_ok(migrate_run(db, path, 0, migrate_steps, 3, &err));
    insert_old(db, OLD_DOCUMENT("1"), CONFIG);
    insert_old(db, OLD_DOCUMENT("2"), manifest);
    insert_old(db, "INSERT INTO image (digest, identity, parsed, first_s) VALUES (?, 1, 1, 1)",
               CONFIG);
    insert_old(db, "INSERT INTO manifest (digest, config, layer_count) VALUES (?, zeroblob(32), 0)",
               manifest);
    sqlite3_close(db);
}

static void a_file_of_schema_3_has_its_evidence_after_the_migration(void **state)
{
    char path[PATH_MAX];
    sqlite3 *mine = rig.sql;
    struct store *s = NULL;

    (void)state;
    tempdir_path(&rig.dir, "old.db", path);
    fill_old(path);
    assert_ok(store_open_writer(&s, path, &err));
    assert_int_equal(sqlite3_open(path, &rig.sql), SQLITE_OK);
    assert_int_equal(rig_number(&rig, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
    assert_string_equal(rows(), ROWS);
    assert_string_equal(manifest_rows(), "1:0:host:5000/base:1:07");
    sqlite3_close(rig.sql);
    rig.sql = mine;
    store_close(&s);
}

/* ---- check ----------------------------------------------------------------------------------- */

static void each_damage_of_evidence_is_found(void **state)
{
    static const struct {
        const char *damage, *words;
    } cases[] = {
        {"DELETE FROM base_evidence WHERE source = 2", "base_evidence: image 1: not what"},
        {"UPDATE base_evidence SET reference = 'x' WHERE source = 2", "image 1: not what"},
        {"UPDATE base_evidence SET digest = randomblob(32)", "image 1: not what"},
        {"UPDATE base_evidence SET layers = 2 WHERE source = 3", "image 1: not what"},
        {"UPDATE base_evidence SET top = randomblob(32)", "image 1: not what"},
        {"UPDATE base_evidence SET role = 2", "image 1: not what"},
        {"UPDATE base_evidence SET seq = 1", "image 1: not what"},
        {"INSERT INTO base_evidence VALUES (1, 9, 0, 1, '', NULL, NULL, 1)", "image 1: not what"},
        {"UPDATE manifest_evidence SET reference = 'x'", "manifest_evidence: "},
        {"UPDATE manifest_evidence SET digest = NULL", "not what its document says"},
        {"DELETE FROM manifest_evidence", "not what its document says"},
        {"UPDATE manifest_evidence SET manifest = randomblob(32)", "that was not read"},
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
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_config_tells_its_base_as_it_is_read),
        TEST(a_disputed_config_tells_nothing),
        TEST(a_config_that_comes_again_replaces_what_was_said),
        TEST(annotations_belong_to_their_manifest),
        TEST(a_disputed_manifest_tells_nothing),
        TEST(an_index_tells_nothing_of_itself),
        TEST(other_rules_make_all_rows_anew),
        TEST(the_same_rules_leave_rows_alone),
        TEST(disputed_documents_stay_silent_when_read_again),
        TEST(a_file_of_schema_3_has_its_evidence_after_the_migration),
        TEST(each_damage_of_evidence_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
