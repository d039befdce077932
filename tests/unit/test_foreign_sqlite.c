/* Reading SQLite files of somebody else, who may be at work in them, or wish us ill. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/engines/foreign_sqlite.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

#define MAX_BYTES (1 << 20)

static const char *const column_v[] = {"v", NULL};

struct fixture {
    struct tempdir dir;
    int fd;
    sqlite3 *owner; /* of foreign.db, who has it open */
    struct foreign_sqlite *db;
    char seen[256]; /* what rows held */
};

/* ---- what SQLite does to files --------------------------------------------------------------- */

/* The usual file system of SQLite, which counts. Registered between begin and end. */
struct watch {
    sqlite3_vfs vfs;
    sqlite3_vfs *usual;
    int touches;
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct watch *w = vfs->pAppData;

    w->touches++;
    return w->usual->xOpen(w->usual, name, file, flags, out);
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct watch *w = vfs->pAppData;

    w->touches++;
    return w->usual->xDelete(w->usual, name, sync);
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    struct watch *w = vfs->pAppData;

    w->touches++;
    return w->usual->xAccess(w->usual, name, flags, out);
}

static void watch_begin(struct watch *w)
{
    w->usual = sqlite3_vfs_find(NULL);
    w->vfs = *w->usual;
    w->vfs.zName = "watch";
    w->vfs.pAppData = w;
    w->vfs.xOpen = on_open;
    w->vfs.xDelete = on_delete;
    w->vfs.xAccess = on_access;
    w->touches = 0;
    assert_int_equal(sqlite3_vfs_register(&w->vfs, 1), SQLITE_OK);
}

static void watch_end(struct watch *w)
{
    assert_int_equal(sqlite3_vfs_unregister(&w->vfs), SQLITE_OK);
    assert_int_equal(sqlite3_vfs_register(w->usual, 1), SQLITE_OK);
}

/* ---- the owner and the reader ---------------------------------------------------------------- */

static void owner_runs(struct fixture *f, const char *sql)
{
    assert_int_equal(sqlite3_exec(f->owner, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A change younger than the clock's tick is waited out by the reader; here, before it begins. */
static void settle(void)
{
    const struct timespec pause = {.tv_nsec = 30000000};

    nanosleep(&pause, NULL);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[PATH_MAX];

    tempdir_open(&f->dir);
    f->fd = open(f->dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(sqlite3_open(tempdir_path(&f->dir, "foreign.db", path), &f->owner), SQLITE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    foreign_sqlite_close(&f->db);
    sqlite3_close(f->owner);
    close(f->fd);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static int on_row(void *arg, const char *const *columns, struct err *err)
{
    struct fixture *f = arg;
    size_t len = strlen(f->seen);

    (void)err;
    snprintf(f->seen + len, sizeof(f->seen) - len, "%s;", columns[0] != NULL ? columns[0] : "-");
    return 0;
}

static int ask(struct fixture *f, struct err *err)
{
    f->seen[0] = '\0';
    return foreign_sqlite_ask(f->db, "t", column_v, 10, on_row, f, err);
}

static void assert_holds(struct fixture *f, const char *rows)
{
    struct err err;

    settle();
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_ok(ask(f, &err));
    assert_string_equal(f->seen, rows);
    foreign_sqlite_close(&f->db);
}

/* What the schema says of `t`, as SQLite itself would not let it be said. */
static void owner_forges(struct fixture *f, const char *type, const char *sql)
{
    char *text = sqlite3_mprintf("PRAGMA writable_schema=1;"
                                 "UPDATE sqlite_schema SET type=%Q, sql=%Q WHERE name='t'",
                                 type, sql);

    owner_runs(f, text);
    sqlite3_free(text);
}

static void assert_refused(struct fixture *f, enum err_kind kind, const char *text)
{
    struct err err;

    settle();
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_fails(ask(f, &err), kind, text);
    assert_string_equal(f->seen, "");
    foreign_sqlite_close(&f->db);
}

static void assert_unreadable(struct fixture *f, const char *name, enum err_kind kind,
                              const char *text)
{
    struct err err;

    settle();
    assert_fails(foreign_sqlite_open(&f->db, f->fd, name, MAX_BYTES, &err), kind, text);
    assert_null(f->db);
}

/* The file as it is now, its first `size` bytes only, under another name. */
static void copy_start(struct fixture *f, const char *name, size_t size)
{
    char bytes[16384];
    AUTO_FD int fd = openat(f->fd, "foreign.db", O_RDONLY | O_CLOEXEC);

    assert_true(size <= sizeof(bytes));
    assert_int_equal(read(fd, bytes, size), size);
    tempdir_write(&f->dir, name, bytes, size);
}

/* ---- what is read ---------------------------------------------------------------------------- */

static void what_was_committed_is_read(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(v); INSERT INTO t VALUES('a'),('b'),(NULL)");
    assert_holds(f, "a;b;-;");
}

/* As podman 5 and containers/image declare theirs. */
static void constraints_and_indexes_do_no_harm(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(id INTEGER PRIMARY KEY NOT NULL CHECK (id IN (1)), v TEXT "
                  "NOT NULL, other TIMESTAMP DEFAULT 0, UNIQUE(v, other));"
                  "CREATE TABLE u(a TEXT, FOREIGN KEY (a) REFERENCES t(v) DEFERRABLE);"
                  "CREATE INDEX i ON t(other); INSERT INTO t(id, v) VALUES(1, 'a')");
    assert_holds(f, "a;");
}

static void a_log_that_was_written_back_is_not_missed(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "PRAGMA journal_mode=WAL; CREATE TABLE t(v); INSERT INTO t VALUES('a')");
    owner_runs(f, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_holds(f, "a;");
}

static void a_missing_file_or_table_is_not_found(void **state)
{
    static const char *const column_w[] = {"w", NULL};
    struct fixture *f = *state;
    struct err err;

    owner_runs(f, "CREATE TABLE t(v)");
    assert_unreadable(f, "none.db", ERR_NOT_FOUND, "none.db");
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_fails(foreign_sqlite_ask(f->db, "other", column_v, 10, on_row, f, &err), ERR_NOT_FOUND,
                 "other");
    assert_fails(foreign_sqlite_ask(f->db, "t", column_w, 10, on_row, f, &err), ERR_NOT_FOUND,
                 "t.w");
}

static void an_empty_file_has_no_tables(void **state)
{
    assert_refused(*state, ERR_NOT_FOUND, "no such table");
}

/* ---- what is beside the file ----------------------------------------------------------------- */

static void what_stands_in_a_log_is_not_read(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(v)");
    assert_unreadable(f, "foreign.db", ERR_VERSION, "write-ahead log");
}

/* A small cache makes SQLite write into the file before it commits. */
static void an_open_transaction_is_waited_for(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "PRAGMA cache_size=1; PRAGMA cache_spill=1; CREATE TABLE t(v);"
                  "CREATE TABLE big(v); INSERT INTO t VALUES('old')");
    owner_runs(f, "BEGIN; UPDATE t SET v='new';"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50)"
                  "INSERT INTO big SELECT zeroblob(4000) FROM n");
    assert_int_equal(faccessat(f->fd, "foreign.db-journal", F_OK, 0), 0);
    assert_unreadable(f, "foreign.db", ERR_MOVED, "transaction");
    owner_runs(f, "ROLLBACK");
    assert_holds(f, "old;");
}

static void put32(unsigned char *out, size_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* A journal that SQLite would replay, of no page, and whose super-journal it would remove. */
static void plant_journal(struct fixture *f, const char *super)
{
    static const unsigned char magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    enum { SECTOR = 512, PAGE = 4096 };
    unsigned char bytes[SECTOR + PATH_MAX + 64] = {0};
    size_t len = strlen(super), sum = 0;
    unsigned char *at = bytes + SECTOR;

    memcpy(bytes, magic, sizeof(magic));
    put32(bytes + 16, 2); /* pages of the database */
    put32(bytes + 20, SECTOR);
    put32(bytes + 24, PAGE);
    for (size_t i = 0; i < len; i++)
        sum += (unsigned char)super[i];
    put32(at, 0x40000000 / PAGE + 1);
    memcpy(at + 4, super, len);
    put32(at + 4 + len, len);
    put32(at + 8 + len, sum);
    memcpy(at + 12 + len, magic, sizeof(magic));
    tempdir_write(&f->dir, "foreign.db-journal", bytes, SECTOR + 12 + len + sizeof(magic));
}

static void a_planted_journal_removes_nothing(void **state)
{
    struct fixture *f = *state;
    char victim[PATH_MAX];
    struct watch watch;
    struct err err;
    int rc;

    owner_runs(f, "CREATE TABLE t(v)");
    tempdir_write_text(&f->dir, "victim", "precious");
    plant_journal(f, tempdir_path(&f->dir, "victim", victim));
    settle();
    watch_begin(&watch);
    rc = foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err);
    watch_end(&watch);
    assert_fails(rc, ERR_MOVED, "transaction");
    assert_int_equal(watch.touches, 0);
    assert_int_equal(access(victim, F_OK), 0);
    assert_int_equal(faccessat(f->fd, "foreign.db-journal", F_OK, 0), 0);
    /* The journal is one that does it, where SQLite is let. */
    owner_runs(f, "SELECT v FROM t");
    assert_int_equal(access(victim, F_OK), -1);
}

static void sqlite_touches_no_file(void **state)
{
    struct fixture *f = *state;
    struct watch watch;
    struct err err;
    int rc;

    owner_runs(f, "CREATE TABLE t(v); INSERT INTO t VALUES('a')");
    settle();
    watch_begin(&watch);
    rc = foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err);
    if (rc == 0)
        rc = ask(f, &err);
    foreign_sqlite_close(&f->db);
    watch_end(&watch);
    assert_ok(rc);
    assert_string_equal(f->seen, "a;");
    assert_int_equal(watch.touches, 0);
}

/* ---- files that are none, or broken ---------------------------------------------------------- */

static void what_is_no_database_is_corrupt(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];

    tempdir_write_text(&f->dir, "text", "this is a text, and a text is no database of SQLite's");
    tempdir_mkdir(&f->dir, "directory");
    assert_int_equal(symlink("text", tempdir_path(&f->dir, "link", path)), 0);
    assert_int_equal(mkfifo(tempdir_path(&f->dir, "pipe", path), 0600), 0);
    assert_unreadable(f, "text", ERR_CORRUPT, "text");
    assert_unreadable(f, "directory", ERR_CORRUPT, "no regular file");
    assert_unreadable(f, "pipe", ERR_CORRUPT, "no regular file");
    assert_unreadable(f, "link", ERR_CORRUPT, "symlink");
}

static void a_truncated_file_is_corrupt(void **state)
{
    static const size_t sizes[] = {1, 16, 50, 100, 512, 2048, 4095, 4096, 5000, 8191};
    struct fixture *f = *state;

    owner_runs(f, "PRAGMA page_size=4096; CREATE TABLE t(v); INSERT INTO t VALUES('a')");
    for (size_t i = 0; i < unit_count(sizes); i++) {
        struct err err = {0};

        copy_start(f, "short", sizes[i]);
        settle();
        if (foreign_sqlite_open(&f->db, f->fd, "short", MAX_BYTES, &err) == 0)
            assert_int_equal(ask(f, &err), -1);
        assert_int_equal(err.kind, ERR_CORRUPT);
        foreign_sqlite_close(&f->db);
    }
}

static void too_much_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err;

    owner_runs(f, "CREATE TABLE t(v); INSERT INTO t VALUES(1),(2),(3)");
    settle();
    assert_fails(foreign_sqlite_open(&f->db, f->fd, "foreign.db", 4096, &err), ERR_LIMIT,
                 "at most");
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_fails(foreign_sqlite_ask(f->db, "t", column_v, 2, on_row, f, &err), ERR_LIMIT,
                 "more than 2 rows");
}

static void a_value_too_long_is_refused(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(v); INSERT INTO t VALUES(zeroblob(100000))");
    assert_refused(f, ERR_LIMIT, "larger");
}

static void a_schema_too_large_is_refused(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(v); PRAGMA writable_schema=1;"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)"
                  "INSERT INTO sqlite_schema SELECT 'view', 'w'||i, 'w'||i, 0,"
                  "'CREATE VIEW w'||i||' AS SELECT 1' FROM n");
    assert_unreadable(f, "foreign.db", ERR_LIMIT, "longer");
}

/* ---- schemas that run something -------------------------------------------------------------- */

/* One row of it would take minutes, and no limit of steps ends it. */
static void a_generated_column_is_not_computed(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(x, y);"
                  "INSERT INTO t VALUES(replace(hex(zeroblob(30000)), '0', 'a'),"
                  "'%' || replace(hex(zeroblob(15000)), '0', 'a') || 'b')");
    owner_forges(f, "table", "CREATE TABLE t(x, y, v AS ((x LIKE y)+(x LIKE y||1)))");
    assert_refused(f, ERR_CORRUPT, "computed");
    owner_forges(f, "table", "CREATE TABLE t(v, y, w AS (v LIKE y) STORED)");
    assert_refused(f, ERR_CORRUPT, "computed");
}

/* One that never ends, and under the type of a table as well. */
static void a_view_is_no_table(void **state)
{
    static const char endless[] = "CREATE VIEW t(v) AS WITH RECURSIVE n(i) AS "
                                  "(SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n";
    struct fixture *f = *state;

    owner_runs(f, endless);
    assert_refused(f, ERR_NOT_FOUND, "t.v");
    owner_forges(f, "table", endless);
    assert_unreadable(f, "foreign.db", ERR_CORRUPT, "malformed");
}

static void a_virtual_table_is_no_table(void **state)
{
    static const char *const made[] = {
        "CREATE VIRTUAL TABLE t USING fts5(v)",
        "CREATE VIRTUAL TABLE t USING rtree(v, a, b)",
        "CREATE VIRTUAL TABLE t USING dbstat(main)",
        "CREATE VIRTUAL TABLE t USING json_each(v)",
    };
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(v)");
    for (size_t i = 0; i < unit_count(made); i++) {
        owner_forges(f, "table", made[i]);
        assert_refused(f, ERR_NOT_FOUND, "t.v");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_was_committed_is_read),
        TEST(constraints_and_indexes_do_no_harm),
        TEST(a_log_that_was_written_back_is_not_missed),
        TEST(a_missing_file_or_table_is_not_found),
        TEST(an_empty_file_has_no_tables),
        TEST(what_stands_in_a_log_is_not_read),
        TEST(an_open_transaction_is_waited_for),
        TEST(a_planted_journal_removes_nothing),
        TEST(sqlite_touches_no_file),
        TEST(what_is_no_database_is_corrupt),
        TEST(a_truncated_file_is_corrupt),
        TEST(too_much_is_refused),
        TEST(a_value_too_long_is_refused),
        TEST(a_schema_too_large_is_refused),
        TEST(a_generated_column_is_not_computed),
        TEST(a_view_is_no_table),
        TEST(a_virtual_table_is_no_table),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
