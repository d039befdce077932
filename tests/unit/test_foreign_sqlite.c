/* Reading SQLite files of somebody else, who may be at work in them. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/engines/dirlist.h"
#include "agent/engines/foreign_sqlite.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

#define MAX_BYTES (1 << 20)

struct fixture {
    struct tempdir dir;
    int fd;
    sqlite3 *owner; /* of foreign.db, who has it open */
    struct foreign_sqlite *db;
    char seen[256]; /* what rows held */
};

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

static void assert_holds(struct fixture *f, const char *rows)
{
    struct err err;

    settle();
    f->seen[0] = '\0';
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_ok(foreign_sqlite_ask(f->db, "SELECT v FROM t ORDER BY v", 10, on_row, f, &err));
    assert_string_equal(f->seen, rows);
    foreign_sqlite_close(&f->db);
}

static void what_was_committed_is_read(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "CREATE TABLE t(v); INSERT INTO t VALUES('a'),('b'),(NULL)");
    assert_holds(f, "-;a;b;");
}

static void what_stands_in_the_log_alone_is_read(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(v)");
    owner_runs(f, "INSERT INTO t VALUES('in the log')");
    assert_holds(f, "in the log;");
}

/* A small cache makes SQLite write into the file before it commits. */
static void what_was_not_committed_is_rolled_back(void **state)
{
    struct fixture *f = *state;

    owner_runs(f, "PRAGMA cache_size=1; PRAGMA cache_spill=1; CREATE TABLE t(v);"
                  "CREATE TABLE big(v); INSERT INTO t VALUES('old')");
    owner_runs(f, "BEGIN; UPDATE t SET v='new';"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50)"
                  "INSERT INTO big SELECT zeroblob(4000) FROM n");
    assert_int_equal(faccessat(f->fd, "foreign.db-journal", F_OK, 0), 0);
    assert_holds(f, "old;");
    owner_runs(f, "ROLLBACK");
}

static void nothing_is_left_and_nothing_is_changed(void **state)
{
    struct fixture *f = *state;
    AUTO(dirlist_close) struct dirlist before = {0};
    AUTO(dirlist_close) struct dirlist after = {0};
    char tmp[PATH_MAX];
    struct err err;
    AUTO_FD int tmp_fd = -1;

    tempdir_mkdir(&f->dir, "tmp");
    owner_runs(f, "PRAGMA journal_mode=WAL; CREATE TABLE t(v); INSERT INTO t VALUES(1)");
    assert_ok(dirlist_read(&before, f->fd, 100, "before", &err));
    setenv("TMPDIR", tempdir_path(&f->dir, "tmp", tmp), 1);
    assert_holds(f, "1;");
    unsetenv("TMPDIR");
    assert_ok(dirlist_read(&after, f->fd, 100, "after", &err));
    assert_int_equal(before.count, after.count);
    dirlist_close(&after);
    tmp_fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(dirlist_read(&after, tmp_fd, 100, tmp, &err));
    assert_int_equal(after.count, 0);
}

static void a_missing_file_or_table_is_not_found(void **state)
{
    struct fixture *f = *state;
    struct err err;

    owner_runs(f, "CREATE TABLE t(v)");
    settle();
    assert_fails(foreign_sqlite_open(&f->db, f->fd, "none.db", MAX_BYTES, &err), ERR_NOT_FOUND,
                 "none.db");
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_fails(foreign_sqlite_ask(f->db, "SELECT v FROM other", 10, on_row, f, &err),
                 ERR_NOT_FOUND, "no such table");
}

static void what_is_no_database_is_corrupt(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    struct err err;

    tempdir_write_text(&f->dir, "text", "this is a text, and a text is no database of SQLite's");
    tempdir_mkdir(&f->dir, "directory");
    assert_int_equal(symlink("text", tempdir_path(&f->dir, "link", path)), 0);
    settle();
    assert_fails(foreign_sqlite_open(&f->db, f->fd, "text", MAX_BYTES, &err), ERR_CORRUPT, "text");
    assert_fails(foreign_sqlite_open(&f->db, f->fd, "directory", MAX_BYTES, &err), ERR_CORRUPT,
                 "no regular file");
    assert_int_equal(foreign_sqlite_open(&f->db, f->fd, "link", MAX_BYTES, &err), -1);
}

static void too_much_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err;

    owner_runs(f, "CREATE TABLE t(v); INSERT INTO t VALUES(1),(2),(3)");
    settle();
    assert_fails(foreign_sqlite_open(&f->db, f->fd, "foreign.db", 4096, &err), ERR_LIMIT, "larger");
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_fails(foreign_sqlite_ask(f->db, "SELECT v FROM t", 2, on_row, f, &err), ERR_LIMIT,
                 "more than 2 rows");
}

/* A view that never ends, under the name of a table that is asked for. */
static void the_schema_of_others_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct err err;

    owner_runs(f,
               "CREATE VIEW t(v) AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)"
               " SELECT i FROM n");
    settle();
    assert_ok(foreign_sqlite_open(&f->db, f->fd, "foreign.db", MAX_BYTES, &err));
    assert_int_equal(foreign_sqlite_ask(f->db, "SELECT max(v) FROM t", 2, on_row, f, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_was_committed_is_read),
        TEST(what_stands_in_the_log_alone_is_read),
        TEST(what_was_not_committed_is_rolled_back),
        TEST(nothing_is_left_and_nothing_is_changed),
        TEST(a_missing_file_or_table_is_not_found),
        TEST(what_is_no_database_is_corrupt),
        TEST(too_much_is_refused),
        TEST(the_schema_of_others_is_not_trusted),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
