#include "tests/support/unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/checkpoint.h"
#include "tests/support/store_rig.h"

static struct tempdir dir;
static char path[PATH_MAX];
static struct err err;

static int open_dir(void **state)
{
    (void)state;
    tempdir_open(&dir);
    tempdir_path(&dir, "census.db", path);
    return 0;
}

static int close_dir(void **state)
{
    (void)state;
    tempdir_close(&dir);
    return 0;
}

static void a_new_database_is_made_private_and_whole(void **state)
{
    struct store *writer = NULL, *reader = NULL;
    struct rec_id first, second;
    struct stat st;

    (void)state;
    assert_ok(store_open_writer(&writer, path, &err));
    assert_string_equal(store_path(writer), path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640, 0);
    assert_ok(store_collector_id(writer, &first, &err));
    store_close(&writer);
    assert_ok(store_open_writer(&writer, path, &err));
    assert_ok(store_open_reader(&reader, path, &err)); /* while the writer works */
    assert_ok(store_collector_id(reader, &second, &err));
    assert_memory_equal(first.bytes, second.bytes, sizeof(first.bytes));
    store_close(&reader);
    store_close(&writer);
    store_close(&writer);                              /* twice is allowed */
    assert_ok(store_open_reader(&reader, path, &err)); /* and without one */
    store_close(&reader);
}

static void a_second_writer_is_refused_by_pid(void **state)
{
    struct store *writer = NULL, *second = NULL;
    char pid[32];

    (void)state;
    snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
    assert_ok(store_open_writer(&writer, path, &err));
    assert_fails(store_open_writer(&second, path, &err), ERR_CONFLICT, pid);
    assert_null(second);
    store_close(&writer);
    assert_ok(store_open_writer(&second, path, &err));
    store_close(&second);
}

static void what_is_not_there_is_said_with_what_to_do(void **state)
{
    struct store *s = NULL;
    char deep[PATH_MAX];

    (void)state;
    assert_fails(store_open_reader(&s, path, &err), ERR_NOT_FOUND, "layercensus-collector serve");
    tempdir_path(&dir, "no/such/folder.db", deep);
    assert_fails(store_open_writer(&s, deep, &err), ERR_NOT_FOUND, "folder does not exist");
}

static void what_is_no_database_of_ours_is_refused(void **state)
{
    struct store *s = NULL;
    sqlite3 *db;

    (void)state;
    tempdir_write_text(&dir, "census.db", "this is a text, and quite a long one, not a database");
    assert_fails(store_open_writer(&s, path, &err), ERR_CORRUPT, "not a database");
    assert_fails(store_open_reader(&s, path, &err), ERR_CORRUPT, "not a database");
    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TABLE foreign_one (a)", NULL, NULL, NULL);
    sqlite3_close(db);
    assert_fails(store_open_writer(&s, path, &err), ERR_CORRUPT, "not one of Layer Census");
    assert_fails(store_open_reader(&s, path, &err), ERR_CORRUPT, "not one of Layer Census");
    unlink(path);
    tempdir_mkdir(&dir, "census.db");
    assert_int_equal(store_open_writer(&s, path, &err), -1);
}

static void an_empty_file_is_no_database_yet(void **state)
{
    struct store *s = NULL;

    (void)state;
    tempdir_write_text(&dir, "census.db", "");
    assert_fails(store_open_reader(&s, path, &err), ERR_NOT_FOUND, "is empty");
    assert_ok(store_open_writer(&s, path, &err));
    store_close(&s);
}

/* Root may write everything: the refusals are tried as nobody, in a process of its own. */
static void expect_as_nobody(int (*attempt)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        _exit(attempt());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int open_denied(void)
{
    struct store *s = NULL;

    if (store_open_writer(&s, path, &err) != -1 || err.kind != ERR_DENIED)
        return 1;
    return strstr(err.text, "check") != NULL ? 0 : 2;
}

static int read_closed_file(void)
{
    struct store *s = NULL;
    struct rec_id id;

    if (store_open_reader(&s, path, &err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    if (store_collector_id(s, &id, &err) != 0)
        return 2;
    store_close(&s);
    return 0;
}

static void a_folder_or_file_that_may_not_be_written_is_denied(void **state)
{
    struct store *s = NULL;
    char lock[PATH_MAX];

    (void)state;
    assert_int_equal(chmod(dir.path, 0555), 0);
    expect_as_nobody(open_denied);
    assert_int_equal(chmod(dir.path, 0777), 0);
    assert_ok(store_open_writer(&s, path, &err));
    store_close(&s);
    assert_int_equal(chmod(path, 0444), 0);
    tempdir_path(&dir, "census.db.lock", lock);
    assert_int_equal(chmod(lock, 0666), 0);
    expect_as_nobody(open_denied);
}

static void a_reader_needs_no_right_to_write(void **state)
{
    struct store *s = NULL;

    (void)state;
    assert_int_equal(chmod(dir.path, 0755), 0);
    assert_ok(store_open_writer(&s, path, &err));
    store_close(&s);
    assert_int_equal(chmod(path, 0644), 0);
    expect_as_nobody(read_closed_file);
}

static void a_transaction_and_its_marks_nest(void **state)
{
    struct store_rig rig;

    (void)state;
    rig_open(&rig);
    assert_ok(store_begin(rig.store, &err));
    assert_ok(store_mark(rig.store, &err));
    assert_ok(apply_event(rig.store, 0, "kept", "", "", 0, &err));
    assert_ok(store_mark_keep(rig.store, &err));
    assert_ok(store_mark(rig.store, &err));
    assert_ok(apply_event(rig.store, 0, "undone", "", "", 0, &err));
    store_mark_undo(rig.store);
    assert_ok(store_commit(rig.store, &err));
    assert_string_equal(rig_text(&rig, "SELECT group_concat(kind) FROM event"), "kept");
    assert_ok(store_begin(rig.store, &err));
    assert_ok(apply_event(rig.store, 0, "rolled back", "", "", 0, &err));
    store_rollback(rig.store);
    store_rollback(rig.store); /* twice is allowed */
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM event"), 1);
    rig_close(&rig);
}

static void a_backup_is_whole_while_a_transaction_runs(void **state)
{
    struct store_rig rig;
    struct store *reader = NULL, *copy = NULL;
    char target[PATH_MAX];

    (void)state;
    rig_open(&rig);
    tempdir_path(&rig.dir, "copy.db", target);
    rig_hello(&rig, 1, "web-1", 1000);
    assert_ok(store_open_reader(&reader, rig.path, &err));
    assert_ok(store_begin(rig.store, &err));
    assert_ok(apply_event(rig.store, 0, "not yet", "", "", 0, &err));
    assert_ok(store_backup(reader, target, &err));
    assert_ok(store_commit(rig.store, &err));
    assert_fails(store_backup(reader, target, &err), ERR_CONFLICT, "exists");
    store_close(&reader);
    assert_ok(store_open_writer(&copy, target, &err));
    store_close(&copy);
    rig_close(&rig);
}

static void a_checkpoint_copies_the_log_into_the_file(void **state)
{
    struct store *checkpointer = NULL;
    struct store_rig rig;
    struct stat before, after;
    int left = -1;

    (void)state;
    rig_open(&rig);
    assert_int_equal(stat(rig.path, &before), 0);
    for (unsigned i = 1; i <= 50; i++) {
        char name[16];

        snprintf(name, sizeof(name), "web-%u", i);
        rig_hello(&rig, i, name, 1000);
    }
    assert_ok(store_open_checkpointer(&checkpointer, rig.path, &err));
    assert_ok(store_checkpoint(checkpointer, &left, &err));
    assert_int_equal(left, 0);
    assert_int_equal(stat(rig.path, &after), 0);
    assert_true(after.st_size > before.st_size);
    store_close(&checkpointer);
    rig_close(&rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dir, close_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_database_is_made_private_and_whole),
        TEST(a_second_writer_is_refused_by_pid),
        TEST(what_is_not_there_is_said_with_what_to_do),
        TEST(what_is_no_database_of_ours_is_refused),
        TEST(an_empty_file_is_no_database_yet),
        TEST(a_folder_or_file_that_may_not_be_written_is_denied),
        TEST(a_reader_needs_no_right_to_write),
        cmocka_unit_test(a_transaction_and_its_marks_nest),
        cmocka_unit_test(a_checkpoint_copies_the_log_into_the_file),
        cmocka_unit_test(a_backup_is_whole_while_a_transaction_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
