#include "tests/support/unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "collector/store/apply.h"
#include "collector/store/writer.h"
#include "tests/support/tempdir.h"

enum { JOBS = 50 };

struct note {
    struct store_job job;
    int number;
    size_t filler;      /* bytes of text that it writes beside */
    bool fails, waits;  /* waits: for the gate */
    enum err_kind kind; /* as done() was told */
    char text[ERR_TEXT_MAX];
};

static struct tempdir dir;
static char path[PATH_MAX];
static uv_loop_t loop;
static struct writer *writer;
static struct err err;
static struct note notes[JOBS];
static int order[JOBS];
static int back, stops;
static uv_sem_t gate; /* so that what is submitted meanwhile shares one transaction */

static int run_note(struct store_job *job, struct store *store, struct err *e)
{
    struct note *n = (struct note *)job;
    char kind[16];
    char *filler;
    int rc;

    if (n->waits)
        uv_sem_wait(&gate);
    filler = calloc(1, n->filler + 1);
    assert_non_null(filler);
    memset(filler, 'x', n->filler);
    snprintf(kind, sizeof(kind), "%d", n->number);
    rc = apply_event(store, 0, kind, "", filler, 0, e);
    free(filler);
    if (rc == 0 && n->fails)
        return err_set(e, ERR_CONFLICT, "as asked");
    return rc;
}

static void on_done(struct store_job *job, const struct err *e)
{
    struct note *n = (struct note *)job;

    order[back++] = n->number;
    n->kind = e != NULL ? e->kind : ERR_NONE;
    if (e != NULL)
        memcpy(n->text, e->text, sizeof(n->text));
}

static void on_stopped(void *arg)
{
    (void)arg;
    stops++;
}

static int open_writer(void **state)
{
    struct writer_options options = {.checkpoint_ms = 5};

    (void)state;
    tempdir_open(&dir);
    tempdir_path(&dir, "census.db", path);
    back = stops = 0;
    memset(notes, 0, sizeof(notes));
    for (int i = 0; i < JOBS; i++)
        notes[i] = (struct note){.job = {.run = run_note, .done = on_done}, .number = i};
    uv_loop_init(&loop);
    return writer_open(&writer, &loop, path, &options, &err);
}

static void stop(void)
{
    writer_stop(writer, on_stopped, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(stops, 1);
}

/* Every test ends here: a loop that will not close is a leaked handle. */
static int close_writer(void **state)
{
    (void)state;
    if (stops == 0)
        stop();
    assert_int_equal(uv_loop_close(&loop), 0);
    tempdir_close(&dir);
    return 0;
}

static void submit(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_ok(writer_submit(writer, &notes[i].job, &err));
}

static void run_until_back(int count)
{
    while (back < count)
        uv_run(&loop, UV_RUN_ONCE);
}

static int64_t stored(void)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db;
    int64_t n;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM event", -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void jobs_come_back_in_order_and_durable(void **state)
{
    (void)state;
    submit(0, JOBS);
    assert_int_equal(writer_queued(writer), JOBS);
    run_until_back(JOBS);
    assert_int_equal(writer_queued(writer), 0);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(order[i], i);
        assert_int_equal(notes[i].kind, ERR_NONE);
    }
    assert_int_equal(stored(), JOBS);
}

static void a_failing_job_is_undone_alone(void **state)
{
    (void)state;
    notes[3].fails = true;
    submit(0, 10);
    run_until_back(10);
    assert_int_equal(notes[3].kind, ERR_CONFLICT);
    assert_string_equal(notes[3].text, "as asked");
    assert_int_equal(notes[4].kind, ERR_NONE);
    assert_int_equal(stored(), 9);
}

static void a_stop_commits_what_is_queued(void **state)
{
    (void)state;
    submit(0, JOBS);
    stop();
    assert_int_equal(back, JOBS);
    assert_int_equal(stored(), JOBS);
}

static void no_job_is_taken_after_a_stop(void **state)
{
    (void)state;
    writer_stop(writer, on_stopped, NULL);
    assert_fails(writer_submit(writer, &notes[0].job, &err), ERR_CANCELED, "stopping");
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(stops, 1);
}

static void a_second_writer_of_the_file_is_refused(void **state)
{
    struct writer *second = NULL;

    (void)state;
    assert_fails(writer_open(&second, &loop, path, NULL, &err), ERR_CONFLICT, "another collector");
    assert_null(second);
}

static int open_narrow(void **state)
{
    struct writer_options options = {.jobs_max = 5, .bytes_max = 1000, .batch_max = 2};

    open_writer(state);
    stop();
    stops = 0;
    return writer_open(&writer, &loop, path, &options, &err);
}

static void a_full_queue_says_busy_until_a_job_is_back(void **state)
{
    (void)state;
    submit(0, 5);
    assert_fails(writer_submit(writer, &notes[5].job, &err), ERR_BUSY, "5 jobs");
    run_until_back(1);
    submit(5, 6);
    run_until_back(6);
    assert_int_equal(order[5], 5);
}

static void weights_bound_the_queue_and_a_giant_goes_alone(void **state)
{
    (void)state;
    notes[0].job.weight = 5000;
    notes[1].job.weight = 600;
    notes[2].job.weight = 600;
    submit(0, 1);
    assert_fails(writer_submit(writer, &notes[1].job, &err), ERR_BUSY, "bytes");
    run_until_back(1);
    submit(1, 2);
    assert_fails(writer_submit(writer, &notes[2].job, &err), ERR_BUSY, "bytes");
    run_until_back(2);
}

/* ---- a full disk ----------------------------------------------------------------------------- */

static int open_on_small_disk(void **state)
{
    struct writer_options options = {.batch_max = JOBS};

    open_writer(state);
    stop();
    stops = 0;
    back = 0;
    if (geteuid() != 0 || mount("none", dir.path, "tmpfs", 0, "size=1m") != 0) {
        path[0] = '\0';
        return 0;
    }
    return writer_open(&writer, &loop, path, &options, &err);
}

static int close_small_disk(void **state)
{
    bool mounted = path[0] != '\0';

    if (!mounted)
        stops = 1;
    if (stops == 0)
        stop();
    if (mounted)
        umount(dir.path);
    return close_writer(state);
}

/* Submits jobs `from` to `to` so that all share a transaction but perhaps the first, which holds
 * the writer up meanwhile, and awaits them. */
static void run_together(int from, int to)
{
    notes[from].waits = true;
    uv_sem_init(&gate, 0);
    submit(from, from + 1);
    submit(from + 1, to);
    uv_sem_post(&gate);
    run_until_back(to);
    uv_sem_destroy(&gate);
}

/* Jobs 1 and 3 stand before and behind a job of `filler` bytes, which the disk does not hold. */
static void fill_the_disk(size_t filler)
{
    if (path[0] == '\0') {
        print_message("no right to mount a small file system: skipped\n");
        skip();
    }
    notes[2].filler = filler;
    run_together(0, 4);
    assert_int_equal(notes[2].kind, ERR_IO);
    assert_non_null(strstr(notes[2].text, "the disk is full"));
    /* Nobody is told "durable" who is not. */
    assert_int_equal(stored(), (notes[0].kind == ERR_NONE) + (notes[1].kind == ERR_NONE) +
                                   (notes[3].kind == ERR_NONE));
    submit(4, 5); /* small enough again */
    run_until_back(5);
    assert_int_equal(notes[4].kind, ERR_NONE);
}

static void a_full_disk_at_commit_fails_the_whole_transaction(void **state)
{
    (void)state;
    fill_the_disk(3 << 20);
    assert_int_equal(notes[3].kind, ERR_IO);
    assert_non_null(strstr(notes[3].text, "the disk is full"));
}

static void a_disk_that_fills_inside_a_job_loses_nothing_acknowledged(void **state)
{
    (void)state;
    fill_the_disk(100 << 20); /* more than SQLite keeps in memory */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_writer, close_writer)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, open_on_small_disk, close_small_disk)
#define NARROW(name) cmocka_unit_test_setup_teardown(name, open_narrow, close_writer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_come_back_in_order_and_durable),
        TEST(a_failing_job_is_undone_alone),
        TEST(a_stop_commits_what_is_queued),
        TEST(no_job_is_taken_after_a_stop),
        TEST(a_second_writer_of_the_file_is_refused),
        NARROW(a_full_queue_says_busy_until_a_job_is_back),
        NARROW(weights_bound_the_queue_and_a_giant_goes_alone),
        SMALL(a_full_disk_at_commit_fails_the_whole_transaction),
        SMALL(a_disk_that_fills_inside_a_job_loses_nothing_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
