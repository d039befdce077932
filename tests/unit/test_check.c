#include "tests/support/unit.h"

#include <sqlite3.h>
#include <stdio.h>

#include "tests/support/store_rig.h"

/*
 * A sound database is damaged in one way at a time, beside the store: check finds each.
 */
static struct store_rig rig;

static const unsigned layers[] = {1, 2, 3};

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
}

static void each_damage_is_found(void **state)
{
    static const struct {
        const char *sql, *words;
    } cases[] = {
        {"UPDATE store SET sum = zeroblob(32)", "store: 1: digest of its rows expected"},
        {"UPDATE presence SET unpacked = 0", "digest of its rows"},
        {"UPDATE name SET text = 'debian:11' WHERE text = 'debian:12'", "digest of its rows"},
        {"UPDATE presence_repo_digest SET digest = randomblob(32)", "digest of its rows"},
        {"UPDATE presence_repo_digest SET digest = randomblob(31)", "damaged"},
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
        {"UPDATE presence SET gone_s = 2000", "presence: store 1"},
        {"INSERT INTO presence (store_id, image_id, from_s, identity, unpacked) "
         "VALUES (1, 1, 1005, 1, 1)",
         "the next begins at"},
        {"INSERT INTO presence_name (store_id, image_id, name_id, from_s) "
         "SELECT store_id, image_id, name_id, from_s - 1 FROM presence_name",
         "presence_name: store 1"},
        {"UPDATE presence SET gone_s = 1015, gone_after_s = 1012", "presence_name: store 1"},
        {"UPDATE store SET gone_s = 1015, gone_after_s = 1012", "is gone, image 1 in it is not"},
        {"UPDATE store SET gone_s = 1015, gone_after_s = 1012", "rows of store 1, which is gone"},
        {"UPDATE store SET gone_s = 1, gone_after_s = 1", "store: 1, from"},
        {"UPDATE incarnation SET ended_s = 1500", "has ended"},
        {"INSERT INTO incarnation (uuid, host_id, fingerprint, first_s, last_s) "
         "VALUES (randomblob(16), 1, zeroblob(32), 1, 1)",
         "2 incarnations at once"},
        {"DELETE FROM host", "incarnation: row 1 names a row of host"},
    };

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        make_sound_one();
        assert_int_equal(rig_check(&rig, NULL), 0);
        rig_execute(&rig, "PRAGMA foreign_keys = OFF");
        rig_execute(&rig, cases[i].sql);
        assert_true(rig_check(&rig, cases[i].words) > 0);
        rig.damaged = true;
        rig_close(&rig);
    }
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
    rig.damaged = true;
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_damage_is_found),
        cmocka_unit_test(a_file_with_broken_pages_is_found_and_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
