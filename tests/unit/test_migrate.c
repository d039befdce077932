#include "tests/support/unit.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/store/migrate.h"
#include "collector/store/store.h"
#include "tests/support/tempdir.h"

/* Steps of a made-up later program: what its first step is, ours need not be. */
static const char *const steps[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY); INSERT INTO meta VALUES ('made', 'by 1')",
    "CREATE TABLE more (a INTEGER); INSERT INTO more VALUES (7)",
    "CREATE TABLE broken (a INTEGER); CREATE TABLE broken (a INTEGER)",
};

static struct tempdir dir;
static char path[PATH_MAX];
static sqlite3 *db;
static struct err err;

static int open_file(void **state)
{
    (void)state;
    tempdir_open(&dir);
    tempdir_path(&dir, "census.db", path);
    return sqlite3_open(path, &db);
}

static int close_file(void **state)
{
    (void)state;
    sqlite3_close(db);
    tempdir_close(&dir);
    return 0;
}

static int number(sqlite3 *of, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int n = -1;

    if (sqlite3_prepare_v2(of, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return n;
}

/* The only file whose name ends with ".bak"; "" where there is none. */
static void find_backup(char out[PATH_MAX])
{
    DIR *d = opendir(dir.path);

    out[0] = '\0';
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (strstr(e->d_name, ".bak") != NULL)
            tempdir_path(&dir, e->d_name, out);
    closedir(d);
}

static void an_empty_file_becomes_the_newest_version_without_backup(void **state)
{
    char backup[PATH_MAX];
    int version = -1;

    (void)state;
    assert_ok(migrate_version(db, path, 2, &version, &err));
    assert_int_equal(version, 0);
    assert_ok(migrate_run(db, path, 0, steps, 2, &err));
    assert_ok(migrate_version(db, path, 2, &version, &err));
    assert_int_equal(version, 2);
    assert_int_equal(number(db, "SELECT a FROM more"), 7);
    find_backup(backup);
    assert_string_equal(backup, "");
}

static void an_older_file_is_backed_up_and_brought_up(void **state)
{
    char backup[PATH_MAX];
    sqlite3 *old;

    (void)state;
    assert_ok(migrate_run(db, path, 0, steps, 1, &err));
    assert_ok(migrate_run(db, path, 1, steps, 2, &err));
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    find_backup(backup);
    assert_non_null(strstr(backup, "census.db.v1-"));
    assert_int_equal(sqlite3_open(backup, &old), SQLITE_OK);
    assert_int_equal(number(old, "PRAGMA user_version"), 1);
    assert_int_equal(number(old, "SELECT count(*) FROM meta"), 1);
    assert_int_equal(number(old, "SELECT count(*) FROM more"), -1);
    sqlite3_close(old);
}

static void a_step_that_fails_leaves_the_version_before_it(void **state)
{
    (void)state;
    assert_ok(migrate_run(db, path, 0, steps, 1, &err));
    assert_fails(migrate_run(db, path, 1, steps, 3, &err), ERR_IO, "schema 3");
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    assert_int_equal(number(db, "SELECT count(*) FROM broken"), -1);
    assert_int_equal(sqlite3_get_autocommit(db), 1);
}

static void no_step_runs_where_no_backup_can_be_written(void **state)
{
    (void)state;
    assert_ok(migrate_run(db, path, 0, steps, 1, &err));
    assert_int_equal(migrate_run(db, "/nonexistent/census.db", 1, steps, 2, &err), -1);
    assert_non_null(strstr(err.text, "backup before schema 1 is changed"));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
}

static void a_newer_file_is_refused_with_the_backup_to_restore(void **state)
{
    int version;

    (void)state;
    assert_ok(migrate_run(db, path, 0, steps, 2, &err));
    sqlite3_exec(db, "PRAGMA user_version = 5", NULL, NULL, NULL);
    assert_fails(migrate_version(db, path, 2, &version, &err), ERR_VERSION, "no backup");
    tempdir_write_text(&dir, "census.db.v1-20260301T000000Z.bak", "");
    tempdir_write_text(&dir, "census.db.v2-20260302T000000Z.bak", "");
    tempdir_write_text(&dir, "census.db.v2-20260303T000000Z.bak", "");
    tempdir_write_text(&dir, "census.db.v4-20260304T000000Z.bak", ""); /* newer than we are */
    tempdir_write_text(&dir, "other.db.v2-20260305T000000Z.bak", "");
    assert_fails(migrate_version(db, path, 2, &version, &err), ERR_VERSION,
                 "census.db.v2-20260303T000000Z.bak");
}

static void a_file_of_schema_2_keeps_its_containers(void **state)
{
    struct store *s = NULL;

    (void)state;
    assert_ok(migrate_run(db, path, 0, migrate_steps, 2, &err));
    assert_int_equal(
        sqlite3_exec(db,
                     "INSERT INTO host (id, name, first_s, last_s) VALUES (1, 'a', 1, 9);"
                     "INSERT INTO incarnation (id, uuid, host_id, fingerprint, first_s, last_s) "
                     "VALUES (1, zeroblob(16), 1, zeroblob(32), 1, 9);"
                     "INSERT INTO store (id, incarnation_id, key, engine, driver, root, state, "
                     "state_s, sum, first_s, look_s) VALUES (1, 1, zeroblob(16), 'docker', "
                     "'overlay2', '/', 1, 1, zeroblob(32), 1, 9);"
                     "INSERT INTO image (id, digest, identity, first_s) "
                     "VALUES (1, zeroblob(32), 1, 1);"
                     "INSERT INTO container (store_id, container, image_id, name, state) "
                     "VALUES (1, 'c', 1, 'web', 1)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_ok(store_open_writer(&s, path, &err));
    assert_int_equal(number(db, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
    assert_int_equal(number(db, "SELECT count(*) FROM container_now WHERE name = 'web' "
                                "AND kube_namespace = '' AND kube_pod = ''"),
                     1);
    assert_int_equal(number(db, "SELECT count(*) FROM origin"), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM layer_blob"), 0);
    assert_int_equal(number(db, "SELECT manifests FROM store_now"), 0);
    store_close(&s);
}

/* Whose stores they measured in, agents of before did not say: root is asked anew where it may have
 * been a user's. */
static void facts_of_schema_4_may_be_of_users(void **state)
{
    struct store *s = NULL;

    (void)state;
    assert_ok(migrate_run(db, path, 0, migrate_steps, 4, &err));
    assert_int_equal(
        sqlite3_exec(db,
                     "INSERT INTO host (id, name, first_s, last_s) VALUES (1, 'a', 1, 9),"
                     " (2, 'b', 1, 9);"
                     "INSERT INTO incarnation (id, uuid, host_id, fingerprint, first_s, last_s) "
                     "VALUES (1, randomblob(16), 1, zeroblob(32), 1, 9),"
                     " (2, randomblob(16), 2, zeroblob(32), 1, 9);"
                     "INSERT INTO store (id, incarnation_id, key, engine, driver, root, state, "
                     "state_s, sum, first_s, look_s, owner) VALUES "
                     "(1, 1, randomblob(16), 'docker', 'overlay2', '/', 1, 1, zeroblob(32), 1, 9,"
                     " 0), (2, 2, randomblob(16), 'podman', 'overlay', '/', 1, 1, zeroblob(32), 1,"
                     " 9, 1000);"
                     "INSERT INTO layer (id, diff, fact_state, nominal_bytes, fact_incarnation,"
                     " confirm_incarnation) VALUES (1, randomblob(32), 1, 5, 1, NULL),"
                     " (2, randomblob(32), 2, 5, 1, 2), (3, randomblob(32), 3, NULL, 2, 1),"
                     " (4, randomblob(32), 0, NULL, NULL, NULL)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_ok(store_open_writer(&s, path, &err));
    assert_int_equal(number(db, "SELECT sum(fact_of_user << id) FROM layer"), 4 + 8);
    store_close(&s);
}

static void the_store_refuses_a_newer_file_and_leaves_it_alone(void **state)
{
    struct store *s = NULL;

    (void)state;
    assert_ok(store_open_writer(&s, path, &err));
    store_close(&s);
    sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
    assert_fails(store_open_writer(&s, path, &err), ERR_VERSION, "schema 99");
    assert_fails(store_open_reader(&s, path, &err), ERR_VERSION, "schema 99");
    assert_int_equal(number(db, "PRAGMA user_version"), 99);
}

static void views_are_made_again_when_their_text_changes(void **state)
{
    int before;

    (void)state;
    assert_ok(migrate_run(db, path, 0, steps, 1, &err));
    assert_ok(
        migrate_views(db, path, "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS n", &err));
    before = number(db, "PRAGMA schema_version");
    assert_ok(
        migrate_views(db, path, "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS n", &err));
    assert_int_equal(number(db, "PRAGMA schema_version"), before); /* readers are not disturbed */
    assert_ok(
        migrate_views(db, path, "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 2 AS n", &err));
    assert_int_equal(number(db, "SELECT n FROM v"), 2);
    assert_int_equal(
        migrate_views(db, path, "DROP VIEW v; CREATE VIEW v AS SELECT nonsense(", &err), -1);
    assert_int_equal(number(db, "SELECT n FROM v"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_file, close_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_becomes_the_newest_version_without_backup),
        TEST(an_older_file_is_backed_up_and_brought_up),
        TEST(a_step_that_fails_leaves_the_version_before_it),
        TEST(no_step_runs_where_no_backup_can_be_written),
        TEST(a_newer_file_is_refused_with_the_backup_to_restore),
        TEST(a_file_of_schema_2_keeps_its_containers),
        TEST(facts_of_schema_4_may_be_of_users),
        TEST(the_store_refuses_a_newer_file_and_leaves_it_alone),
        TEST(views_are_made_again_when_their_text_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
