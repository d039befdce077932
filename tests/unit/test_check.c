#include "tests/support/unit.h"

#include <sqlite3.h>
#include <stdio.h>

#include "collector/store/check.h"
#include "tests/support/store_rig.h"

/*
 * A sound database is damaged in one way at a time, beside the store: check finds each.
 */
static struct store_rig rig;

static const unsigned layers[] = {1, 2, 3};

/* The image's manifest, of three blobs. */
static void put_manifest(int64_t host, const struct digest *image)
{
    char text[1024], hex[DIGEST_TEXT];
    size_t len =
        (size_t)snprintf(text, sizeof(text), "{\"config\":{\"digest\":\"%s\"},\"layers\":[",
                         digest_text(image, hex));
    enum apply_verdict verdict;
    struct digest id;
    struct err err;

    for (unsigned i = 0; i < 3; i++) {
        struct digest blob = rig_digest('B', i);

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s{\"digest\":\"%s\",\"size\":9}",
                                i > 0 ? "," : "", digest_text(&blob, hex));
    }
    len += (size_t)snprintf(text + len, sizeof(text) - len, "]}");
    id = digest_of(text, len);
    assert_ok(
        RIG_APPLY(&rig, apply_document(rig.store, host, REC_DOC_MANIFEST, &id,
                                       (const uint8_t *)text, len, 0, 0, 1020000, &verdict, &err)));
}

static void make_sound_one(void)
{
    struct digest id, chain = rig_digest('C', 1), diff = rig_digest('L', 8);
    const char *text;
    struct rec_content *c;
    int64_t host;

    rig_open(&rig);
    host = rig_hello(&rig, 1, "web-1", 1000);
    text = rig_config(&rig, layers, 3, &id);
    c = rig_content(&rig, 1);
    rig_name(&rig, rig_image(&rig, c, &id, true), "debian:12");
    rig_repo_digest(&rig, &c->images[0], "docker.io/library/debian", 1);
    rig_exception(&rig, c, REC_CHAIN_EXTRA, &chain, &diff);
    rig_inventory(&rig, host, 1, c, 1010);
    rig_document(&rig, host, &id, text, 0, 1020);
    put_manifest(host, &id);
}

static void ignore(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

/* Findings of a check that is not thorough; rig_check() is. */
static uint64_t quick_findings(void)
{
    struct check_result result;
    struct store *reader;
    struct err err;

    assert_ok(store_open_reader(&reader, rig.path, &err));
    assert_ok(store_check(reader, false, &result, ignore, NULL, &err));
    store_close(&reader);
    return result.findings;
}

/* The image was listed without a name before, from and until then. */
#define BEFORE(from, gone)                                                                         \
    "INSERT INTO listing (id, image_id, identity, unpacked) VALUES (2, 1, 1, 1);"                  \
    "INSERT INTO presence (store_id, listing_id, from_s, gone_after_s, gone_s) "                   \
    "VALUES (1, 2, " from ", " gone ", " gone ");"

/* One way to damage it, and what check says. */
struct damage {
    const char *sql, *words;
};

static void assert_found(const struct damage *damage)
{
    make_sound_one();
    assert_int_equal(rig_check(&rig, NULL), 0);
    rig_execute(&rig, "PRAGMA foreign_keys = OFF");
    rig_execute(&rig, damage->sql);
    assert_true(rig_check(&rig, damage->words) > 0);
    assert_true(quick_findings() > 0);
    rig.damaged = true;
    rig_close(&rig);
}

static void each_damage_is_found(void **state)
{
    static const struct damage cases[] = {
        {"UPDATE store SET sum = zeroblob(32)", "store: 1: digest of its rows expected"},
        {"UPDATE listing SET unpacked = 0", "digest of its rows"},
        {"UPDATE name SET text = 'debian:11' WHERE text = 'debian:12'", "digest of its rows"},
        {"UPDATE listing_repo_digest SET digest = randomblob(32)", "digest of its rows"},
        {"UPDATE listing_repo_digest SET digest = randomblob(31)", "damaged"},
        {"UPDATE listing SET image_id = 9", "listing: row 1 names a row of image"},
        {"UPDATE listing SET image_id = 9", "listing 1: "},
        {"INSERT INTO listing SELECT 2, image_id, identity, unpacked, parent_id FROM listing;"
         "INSERT INTO listing_name SELECT 2, name_id FROM listing_name;"
         "INSERT INTO listing_repo_digest SELECT 2, name_id, digest FROM listing_repo_digest",
         "of image 1 say the same"},
        {"UPDATE exception SET kind = 2", "digest of its rows"},
        {"UPDATE layer SET diff = randomblob(32)", "chainID expected"},
        {"UPDATE chain SET depth = 7 WHERE depth = 2", "depth expected 2, got 7"},
        {"UPDATE chain SET digest = randomblob(32) WHERE depth = 3", "chainID expected"},
        {"UPDATE chain SET depth = 1 WHERE layer_id IS NULL", "no parent and no depth"},
        {"UPDATE image_chain SET chain_id = 1", "not the chain of its document"},
        {"DELETE FROM image_chain WHERE position = 2", "expected 3 layers, got fewer"},
        {"UPDATE image SET layer_count = 2", "layer count expected 3, got 2"},
        {"UPDATE image SET chain_id = NULL", "image: 1: chain expected"},
        {"UPDATE image SET parsed = 0", "parsed is 0"},
        {"UPDATE document SET bytes = x'00'", "document: kind 1: digest"},
        {"UPDATE document SET state = 3", "has state 3, and no second opinion"},
        {"UPDATE layer SET fact_state = 2 WHERE id = 1", "fact state 2"},
        {"UPDATE presence SET gone_s = from_s - 1, gone_after_s = from_s - 1", "last look"},
        {"UPDATE presence SET gone_s = 2000", "presence: store 1, listing 1, from 1010: last look"},
        {"UPDATE presence SET since_s = 1011", "since 1011, which is later"},
        {"UPDATE presence SET since_s = 1005", "since 1005, and no row since then ends here"},
        {BEFORE("1000", "1009") "UPDATE presence SET since_s = 1000 WHERE listing_id = 1",
         "since 1000, and no row since then ends here"},
        {BEFORE("1000", "1010") "UPDATE presence SET since_s = 1001 WHERE listing_id = 1",
         "since 1001, and no row since then ends here"},
        {BEFORE("1000", "1011"), "from 1000 ends at 1011, the next begins at 1010"},
        {BEFORE("1000", "NULL"), "from 1000 ends at never, the next begins at 1010"},
        {"INSERT INTO presence (store_id, listing_id, from_s) VALUES (1, 1, 1005)",
         "the next begins at 1010"},
        {"DELETE FROM listing_first", "store 1 lists image 1, and nobody was the first"},
        {"UPDATE store SET owner = 1000", "store 1 lists image 1, and nobody was the first"},
        {"UPDATE listing_first SET at_s = 1009", "store 1 did not list listing 1 at 1009"},
        {"UPDATE listing_first SET store_id = 9", "store 9 did not list listing 1 at 1010"},
        {"UPDATE presence SET listing_id = 9", "listing 9 is not there"},
        {"UPDATE presence SET store_id = 9", "presence: 1 rows name a store that is not there"},
        {"UPDATE store SET gone_s = 1015, gone_after_s = 1012", "is gone, image 1 in it is not"},
        {"UPDATE store SET gone_s = 1015, gone_after_s = 1012", "rows of store 1, which is gone"},
        {"UPDATE store SET gone_s = 1, gone_after_s = 1", "store: 1, from"},
        {"UPDATE incarnation SET ended_s = 1500", "has ended"},
        {"INSERT INTO incarnation (uuid, host_id, fingerprint, first_s, last_s) "
         "VALUES (randomblob(16), 1, zeroblob(32), 1, 1)",
         "2 incarnations at once"},
        {"DELETE FROM host", "incarnation: row 1 names a row of host"},
        {"INSERT INTO origin VALUES (1, 99, 1)", "origin: row -1 names a row of layer"},
        {"INSERT INTO origin VALUES (1, 1, 1); UPDATE store SET gone_s = 1015, gone_after_s = 1012",
         "origin: rows of store 1, which is gone"},
        {"UPDATE count_chain SET copies = 5 WHERE chain_id = 2",
         "count_chain: chain 2: copies 5, recomputed 1"},
        {"UPDATE count_chain SET copies = 5 WHERE chain_id = 2",
         "count_chain: the table has chain 2: copies 5"},
        {"DELETE FROM count_chain WHERE chain_id = 2", "chain 2: copies 0, recomputed 1"},
        {"DELETE FROM count_listing", "count_listing: plain SQL has listing 1: stores 1"},
        {"INSERT INTO count_layer VALUES (1, 0, 2, 0, 0)", "layer 1: stores 2, recomputed 0"},
        {"INSERT INTO count_image VALUES (1, 0, 0, 3, 0, 0)",
         "image 1: containers 3, recomputed 0"},
        {"INSERT INTO count_fleet VALUES (1, 0, 0, 7, 0)", "count_fleet: row 1: orphans 7"},
        {"INSERT INTO count_chain VALUES (99, 1, 0, 0, 0)", "counts chain 99, which is not there"},
        {"INSERT INTO count_fleet SELECT 1, 0, 0, 0, 1", "count_fleet: the table has"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_found(&cases[i]);
}

static void each_damage_of_a_manifest_is_found(void **state)
{
    static const struct damage cases[] = {
        {"UPDATE document SET kind = 3 WHERE kind = 2", "kind expected 2, got 3"},
        {"UPDATE document SET kind = 3 WHERE kind = 2", "without a document that is believed"},
        {"DELETE FROM manifest_blob; DELETE FROM manifest", "manifest: of document 2: missing"},
        {"UPDATE document SET bytes = x'00' WHERE kind = 2", "manifest: of document 2: too much"},
        {"UPDATE manifest SET config = randomblob(32)", "not what its document says"},
        {"UPDATE manifest SET layer_count = 2", "not what its document says"},
        {"DELETE FROM manifest_blob WHERE position = 2", "not the blobs of its document"},
        {"UPDATE manifest_blob SET bytes = 8 WHERE position = 1", "not the blobs of its document"},
        {"UPDATE manifest_blob SET media_type = 'a'", "not the blobs of its document"},
        {"DELETE FROM manifest", "manifest_blob: row -1 names a row of manifest"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_found(&cases[i]);
}

static void a_stay_may_have_several_rows(void **state)
{
    static const char *const cases[] = {
        BEFORE("1000", "1010") "UPDATE presence SET since_s = 1000 WHERE listing_id = 1",
        BEFORE("1010", "1010") "UPDATE presence SET since_s = 1010 WHERE listing_id = 1",
        BEFORE("1000", "1010"), /* it left and came within one second: two stays */
        BEFORE("1000", "1005"),
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        make_sound_one();
        rig_execute(&rig, cases[i]);
        assert_int_equal(rig_check(&rig, NULL), 0);
        rig_close(&rig);
    }
}

static void measure(int64_t host, unsigned layer)
{
    struct rec_layer_facts facts = {
        .diff = rig_digest('L', layer), .nominal_bytes = 1000 + layer, .os_release = ""};
    enum apply_verdict verdict;
    struct err err;

    assert_ok(RIG_APPLY(&rig, apply_layer_facts(rig.store, host, &facts, 1030000, &verdict, &err)));
}

/* No row of one table may make the check itself fall over. */
static void rows_that_point_nowhere_are_findings(void **state)
{
    static const char *const cases[] = {
        "UPDATE chain SET layer_id = 99",
        "UPDATE chain SET layer_id = -1 WHERE id = 1",
        "UPDATE chain SET claimed_layer_id = 4294967297",
        "UPDATE image_chain SET chain_id = chain_id + 1000",
        "UPDATE image_chain SET image_id = 0",
        "UPDATE image SET id = 77",
        "UPDATE layer SET id = id + 5",
        "UPDATE listing SET id = 3",
        "UPDATE listing SET parent_id = 99",
        "UPDATE presence SET listing_id = -1",
        "UPDATE presence SET listing_id = 4294967297",
        "UPDATE exception SET chain_id = 99",
        "UPDATE exception SET store_id = 99",
        "INSERT INTO copy VALUES (1, 99, 1, 0)",
        "INSERT INTO copy VALUES (1, 1, 9223372036854775807, 0)",
        "INSERT INTO copy VALUES (99, 1, 1, 0)",
        "INSERT INTO container VALUES (1, 'c', 99, '', 1, NULL, '', '')",
        "INSERT INTO container VALUES (99, 'c', 1, '', 1, NULL, '', '')",
        "INSERT INTO origin VALUES (99, 1, 1)",
        "INSERT INTO origin VALUES (1, 1, 99)",
        "INSERT INTO space VALUES (99, 2, 'kept', 1, 1, 0)",
        "INSERT INTO space VALUES (1, 2, 'kept', -1, 1, 0)",
        "UPDATE incarnation SET host_id = 99",
        "UPDATE store SET incarnation_id = 99",
        "UPDATE store SET id = 4294967296",
        "UPDATE host SET id = 4294967296",
        "DELETE FROM layer",
        "DELETE FROM chain",
        "DELETE FROM image",
        "DELETE FROM listing",
        "DELETE FROM store",
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        make_sound_one();
        rig_execute(&rig, "PRAGMA foreign_keys = OFF");
        rig_execute(&rig, cases[i]);
        if (quick_findings() == 0)
            fail_msg("not found: %s", cases[i]);
        assert_true(rig_check(&rig, "") > 0);
        rig.damaged = true;
        rig_close(&rig);
    }
}

static void of_many_alike_the_first_are_told_and_all_are_counted(void **state)
{
    (void)state;
    make_sound_one();
    rig_execute(&rig, "WITH RECURSIVE n (i) AS (SELECT max(id) + 1 FROM layer UNION ALL SELECT"
                      " i + 1 FROM n WHERE i < 50) INSERT INTO layer (id, diff) "
                      "SELECT i, randomblob(32) FROM n;"
                      "INSERT OR REPLACE INTO count_layer SELECT id, 1, 0, 0, 0 FROM layer");
    rig_check(&rig, "and 30 more like these");
    assert_int_equal(quick_findings(), 50);
    rig.damaged = true;
    rig_close(&rig);
}

/* Bases, a layer on two chains, two stores of one host, a chain that is missing, one that is extra:
 * rig_close() compares counters and ledger with plain SQL. */
static void counters_and_ledger_equal_plain_sql(void **state)
{
    static const unsigned images[][3] = {{1, 2, 3}, {1, 2, 4}, {5, 3, 6}};
    struct digest chain = rig_chain(images[0], 2), diff = rig_digest('L', 2), ids[3];
    const struct rec_content *contents[2];
    struct rec_content *first, *second, *third;
    const char *texts[3];
    int64_t one, two;
    struct err err;

    (void)state;
    rig_open(&rig);
    one = rig_hello(&rig, 1, "web-1", 1000);
    two = rig_hello(&rig, 2, "web-2", 1000);
    first = rig_content(&rig, 1);
    second = rig_content(&rig, 2);
    third = rig_content(&rig, 1);
    for (size_t i = 0; i < 3; i++) {
        texts[i] = rig_config(&rig, images[i], 3, &ids[i]);
        rig_image(&rig, first, &ids[i], true);
    }
    rig_exception(&rig, first, REC_CHAIN_MISSING, &chain, &diff);
    rig_image(&rig, second, &ids[0], true);
    rig_image(&rig, second, &ids[2], true);
    rig_image(&rig, third, &ids[2], true);
    rig_exception(&rig, third, REC_CHAIN_EXTRA, &chain, &diff);
    contents[0] = first;
    contents[1] = second;
    assert_ok(rig_try_inventory(&rig, one, 1, contents, 2, 1010, 1010, &err));
    rig_inventory(&rig, two, 1, third, 1010);
    for (size_t i = 0; i < 3; i++)
        rig_document(&rig, one, &ids[i], texts[i], 0, 1020);
    for (unsigned layer = 1; layer <= 6; layer++)
        measure(one, layer);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM layer WHERE nominal_bytes > 0"), 6);
    rig_close(&rig);
}

static void only_a_thorough_check_compares_indexes_with_their_tables(void **state)
{
    (void)state;
    make_sound_one();
    rig_execute(&rig, "PRAGMA writable_schema = ON;"
                      "UPDATE sqlite_schema SET sql = replace(sql, 'IS NULL', 'IS NOT NULL') "
                      "WHERE name = 'host_name'");
    assert_int_equal(quick_findings(), 0);
    assert_true(rig_check(&rig, "entries in index host_name") > 0);
    rig.damaged = true;
    rig_close(&rig);
}

static void a_file_with_broken_pages_is_found_and_not_followed(void **state)
{
    static const char junk[4096] = "junk";
    int64_t page;
    FILE *f;

    (void)state;
    make_sound_one();
    page = rig_number(&rig, "SELECT rootpage FROM sqlite_schema WHERE name = 'presence'");
    assert_int_equal(rig_number(&rig, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    f = fopen(rig.path, "r+");
    assert_non_null(f);
    fseek(f, (page - 1) * (long)sizeof(junk), SEEK_SET);
    fwrite(junk, sizeof(junk), 1, f);
    fclose(f);
    store_close(&rig.store);
    sqlite3_close(rig.sql);
    rig.sql = NULL;
    assert_true(rig_check(&rig, "file: ") > 0);
    assert_true(quick_findings() > 0);
    rig.damaged = true;
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_damage_is_found),
        cmocka_unit_test(each_damage_of_a_manifest_is_found),
        cmocka_unit_test(a_stay_may_have_several_rows),
        cmocka_unit_test(rows_that_point_nowhere_are_findings),
        cmocka_unit_test(of_many_alike_the_first_are_told_and_all_are_counted),
        cmocka_unit_test(counters_and_ledger_equal_plain_sql),
        cmocka_unit_test(only_a_thorough_check_compares_indexes_with_their_tables),
        cmocka_unit_test(a_file_with_broken_pages_is_found_and_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
