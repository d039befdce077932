#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tests/support/tempdir.h"

static void a_new_buffer_is_empty_and_owns_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&b), "");
    buf_close(&b);
    buf_close(&b);
}

static void what_is_added_stays_in_order_and_terminated(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++)
        assert_ok(buf_printf(&b, &err, "%03d ", i));
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data + 2000, "500 ", 4);
    assert_int_equal(b.data[b.len], 0);
    assert_ok(buf_add_str(&b, "end", &err));
    assert_string_equal(buf_str(&b) + 4000, "end");
}

static void the_maximum_may_be_reached_and_not_passed(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, 100);
    assert_ok(buf_add(&b, "0123456789", 10, &err));
    for (int i = 0; i < 9; i++)
        assert_ok(buf_add(&b, "0123456789", 10, &err));
    assert_int_equal(b.len, 100);
    assert_fails(buf_add(&b, "x", 1, &err), ERR_LIMIT, "limit of 100");
    assert_fails(buf_printf(&b, &err, "%d", 1), ERR_LIMIT, "limit of 100");
    assert_null(buf_reserve(&b, 1, &err));
    assert_int_equal(b.len, 100);
    assert_memory_equal(b.data + 90, "0123456789", 11);
    assert_ok(buf_add(&b, NULL, 0, &err));
}

static void an_absurd_length_is_over_the_limit(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, SIZE_MAX - 1);
    assert_ok(buf_add_str(&b, "x", &err));
    assert_null(buf_reserve(&b, SIZE_MAX, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(buf_str(&b), "x");
}

static void reserved_room_counts_once_it_is_committed(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;
    uint8_t *at;

    (void)state;
    buf_init(&b, 1000);
    at = buf_reserve(&b, 300, &err);
    assert_non_null(at);
    memset(at, 'a', 300);
    assert_int_equal(b.len, 0);
    buf_commit(&b, 5);
    assert_string_equal(buf_str(&b), "aaaaa");
}

static void consuming_drops_the_front(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, 1000);
    buf_consume(&b, 0);
    assert_ok(buf_add_str(&b, "headtail", &err));
    buf_consume(&b, 4);
    assert_string_equal(buf_str(&b), "tail");
    buf_consume(&b, 4);
    assert_string_equal(buf_str(&b), "");
    assert_ok(buf_add_str(&b, "more", &err));
    buf_reset(&b);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(b.len, 0);
}

static int make_dir(void **state)
{
    static struct tempdir dir;

    tempdir_open(&dir);
    *state = &dir;
    return 0;
}

static int remove_dir(void **state)
{
    tempdir_close(*state);
    return 0;
}

static void a_file_is_read_whole(void **state)
{
    static char large[200000];
    struct tempdir *dir = *state;
    AUTO(buf_close) struct buf b;
    AUTO_FD int fd = open(dir->path, O_PATH | O_DIRECTORY);
    struct err err;

    memset(large, 'z', sizeof(large));
    tempdir_write(dir, "sub/large", large, sizeof(large));
    tempdir_write(dir, "empty", "", 0);
    buf_init(&b, sizeof(large));
    assert_ok(buf_read_file_at(&b, fd, "sub/large", &err));
    assert_int_equal(b.len, sizeof(large));
    assert_memory_equal(b.data, large, sizeof(large));
    assert_ok(buf_read_file_at(&b, fd, "empty", &err));
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&b), "");
}

static void a_file_whose_size_is_not_told_is_read_whole(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, 1 << 20);
    assert_ok(buf_read_file_at(&b, AT_FDCWD, "/proc/self/status", &err));
    assert_non_null(strstr(buf_str(&b), "VmRSS"));
    buf_close(&b);
    buf_init(&b, 10);
    assert_fails(buf_read_file_at(&b, AT_FDCWD, "/proc/self/status", &err), ERR_LIMIT,
                 "/proc/self/status");
    assert_int_equal(b.len, 0);
}

static void a_file_over_the_maximum_is_refused(void **state)
{
    struct tempdir *dir = *state;
    char path[PATH_MAX];
    AUTO(buf_close) struct buf b;
    struct err err;

    tempdir_write_text(dir, "eleven", "01234567890");
    buf_init(&b, 10);
    assert_fails(buf_read_file_at(&b, AT_FDCWD, tempdir_path(dir, "eleven", path), &err), ERR_LIMIT,
                 "eleven");
}

static void only_regular_files_are_read(void **state)
{
    struct tempdir *dir = *state;
    AUTO_FD int fd = open(dir->path, O_PATH | O_DIRECTORY);
    AUTO(buf_close) struct buf b;
    struct err err;

    tempdir_write_text(dir, "file", "x");
    tempdir_mkdir(dir, "directory");
    assert_int_equal(symlinkat("file", fd, "link"), 0);
    assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
    buf_init(&b, 10);
    assert_fails(buf_read_file_at(&b, fd, "directory", &err), ERR_CORRUPT, "not a regular file");
    assert_fails(buf_read_file_at(&b, fd, "link", &err), ERR_CORRUPT, "not a regular file");
    assert_fails(buf_read_file_at(&b, fd, "fifo", &err), ERR_CORRUPT, "not a regular file");
    assert_fails(buf_read_file_at(&b, fd, "file/below", &err), ERR_CORRUPT, "not a regular file");
    assert_fails(buf_read_file_at(&b, fd, "absent", &err), ERR_NOT_FOUND, "open absent: No such");
}

static void a_failed_read_leaves_no_old_content(void **state)
{
    AUTO(buf_close) struct buf b;
    struct err err;

    (void)state;
    buf_init(&b, 10);
    assert_ok(buf_add_str(&b, "old", &err));
    assert_fails(buf_read_file_at(&b, AT_FDCWD, "/nonexistent", &err), ERR_NOT_FOUND, "");
    assert_string_equal(buf_str(&b), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_empty_and_owns_nothing),
        cmocka_unit_test(what_is_added_stays_in_order_and_terminated),
        cmocka_unit_test(the_maximum_may_be_reached_and_not_passed),
        cmocka_unit_test(an_absurd_length_is_over_the_limit),
        cmocka_unit_test(reserved_room_counts_once_it_is_committed),
        cmocka_unit_test(consuming_drops_the_front),
        cmocka_unit_test_setup_teardown(a_file_is_read_whole, make_dir, remove_dir),
        cmocka_unit_test(a_file_whose_size_is_not_told_is_read_whole),
        cmocka_unit_test_setup_teardown(a_file_over_the_maximum_is_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(only_regular_files_are_read, make_dir, remove_dir),
        cmocka_unit_test(a_failed_read_leaves_no_old_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
