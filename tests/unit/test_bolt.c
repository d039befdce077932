/* Reading bolt files, right and broken. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/bolt.h"
#include "common/cleanup.h"
#include "tests/support/bolt_maker.h"
#include "tests/support/tempdir.h"

#define PAGE 4096
#define META 16 /* where a meta page's own fields begin */

static bool bolt_is(struct bolt_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

struct fixture {
    struct tempdir dir;
    int fd;
    struct bolt_made *made;
    struct bolt_form form;
    struct buf file;
    struct bolt *db;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    f->fd = open(f->dir.path, O_RDONLY | O_DIRECTORY);
    f->made = bolt_made_open();
    f->form = (struct bolt_form){.page_size = PAGE, .page_elements = 50, .txid = 7};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    bolt_close(&f->db);
    buf_close(&f->file);
    bolt_made_close(&f->made);
    close(f->fd);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static void open_made(struct fixture *f)
{
    struct err err;

    bolt_made_write(f->made, &f->form, &f->file);
    bolt_close(&f->db);
    assert_ok(bolt_open_bytes(&f->db, f->file.data, f->file.len, &err));
}

static struct bolt_bucket root_of(struct fixture *f)
{
    struct bolt_bucket root;
    struct err err;

    assert_ok(bolt_root(&root, f->db, &err));
    return root;
}

static void save(struct fixture *f, const char *name)
{
    tempdir_write(&f->dir, name, f->file.data, f->file.len);
}

/* Every entry below a bucket is looked at; what that ends with. */
static int walk_all(const struct bolt_bucket *bucket, size_t *count, int depth, struct err *err)
{
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    int rc;

    bolt_walk(&cursor, bucket);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        (*count)++;
        if (entry.is_bucket && depth < 8 && walk_all(&entry.bucket, count, depth + 1, err) != 0)
            return -1;
    }
    return rc;
}

static void values_are_found_in_buckets_of_buckets(void **state)
{
    static const char *const path[] = {"v1", "moby", NULL};
    struct fixture *f = *state;
    struct bolt_made *v1 = bolt_made_bucket(f->made, "v1");
    struct bolt_bucket root, at;
    struct bolt_bytes value;
    struct err err;

    bolt_made_put_text(v1, "version", "3");
    bolt_made_put_text(bolt_made_bucket(v1, "moby"), "key", "value");
    bolt_made_put_text(bolt_made_bucket(v1, "moby"), "empty", "");
    open_made(f);
    root = root_of(f);
    assert_ok(bolt_path(&at, &root, path, &err));
    assert_ok(bolt_get(&value, &at, "key", &err));
    assert_true(bolt_is(value, "value"));
    assert_ok(bolt_get(&value, &at, "empty", &err));
    assert_int_equal(value.len, 0);
    assert_fails(bolt_get(&value, &at, "other", &err), ERR_NOT_FOUND, "other");
    assert_fails(bolt_bucket(&at, &root, "v2", &err), ERR_NOT_FOUND, "v2");
}

static void a_value_is_no_bucket_and_a_bucket_no_value(void **state)
{
    struct fixture *f = *state;
    struct bolt_bucket root, at;
    struct bolt_bytes value;
    struct err err;

    bolt_made_put_text(f->made, "value", "x");
    bolt_made_bucket(f->made, "bucket");
    open_made(f);
    root = root_of(f);
    assert_fails(bolt_bucket(&at, &root, "value", &err), ERR_CORRUPT, "no bolt bucket");
    assert_fails(bolt_get(&value, &root, "bucket", &err), ERR_CORRUPT, "no value");
}

static void every_key_of_a_deep_tree_is_found_and_walked_in_order(void **state)
{
    enum { KEYS = 3000 };
    struct fixture *f = *state;
    struct bolt_made *many = bolt_made_bucket(f->made, "many");
    struct bolt_bucket root, at;
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    struct err err;
    char key[32];

    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "key%06d", i);
        bolt_made_put_text(many, key, key + 3);
    }
    f->form.page_elements = 5; /* 600 leaves, and five levels of branches above them */
    open_made(f);
    root = root_of(f);
    assert_ok(bolt_bucket(&at, &root, "many", &err));
    bolt_walk(&cursor, &at);
    for (int i = 0; i < KEYS; i++) {
        struct bolt_bytes value;

        snprintf(key, sizeof(key), "key%06d", i);
        assert_int_equal(bolt_next(&cursor, &entry, &err), 1);
        assert_true(bolt_is(entry.key, key));
        assert_ok(bolt_get(&value, &at, key, &err));
        assert_true(bolt_is(value, key + 3));
    }
    assert_int_equal(bolt_next(&cursor, &entry, &err), 0);
    assert_int_equal(bolt_get(&entry.value, &at, "a", NULL), -1);
    assert_int_equal(bolt_get(&entry.value, &at, "key000100x", NULL), -1);
    assert_int_equal(bolt_get(&entry.value, &at, "z", NULL), -1);
}

static void a_value_may_go_over_many_pages(void **state)
{
    static char text[10 * PAGE];
    struct fixture *f = *state;
    struct bolt_bucket root;
    struct bolt_bytes value;
    struct err err;

    memset(text, 'x', sizeof(text));
    bolt_made_put(f->made, "long", text, sizeof(text));
    bolt_made_put_text(f->made, "short", "y");
    open_made(f);
    root = root_of(f);
    assert_ok(bolt_get(&value, &root, "long", &err));
    assert_int_equal(value.len, sizeof(text));
    assert_memory_equal(value.data, text, sizeof(text));
    assert_ok(bolt_get(&value, &root, "short", &err));
    assert_true(bolt_is(value, "y"));
}

static void pages_may_have_any_size(void **state)
{
    static const uint32_t sizes[] = {512, 1024, 4096, 16384, 65536};
    struct fixture *f = *state;
    struct bolt_bytes value;
    struct err err;

    bolt_made_put_text(bolt_made_bucket(f->made, "b"), "key", "value");
    for (size_t i = 0; i < unit_count(sizes); i++) {
        struct bolt_bucket root, at;

        f->form.page_size = sizes[i];
        open_made(f);
        memset(f->file.data + 16, 0, 64); /* also when the first meta page is gone */
        bolt_close(&f->db);
        assert_ok(bolt_open_bytes(&f->db, f->file.data, f->file.len, &err));
        root = root_of(f);
        assert_ok(bolt_bucket(&at, &root, "b", &err));
        assert_ok(bolt_get(&value, &at, "key", &err));
        assert_true(bolt_is(value, "value"));
    }
}

static void the_latest_whole_meta_page_counts(void **state)
{
    struct fixture *f = *state;
    struct err err;

    open_made(f); /* 7 is in page 1, and 6 in page 0 */
    assert_int_equal(bolt_version(f->db).txid, 7);
    f->file.data[PAGE + META + 50] ^= 1;
    bolt_close(&f->db);
    assert_ok(bolt_open_bytes(&f->db, f->file.data, f->file.len, &err));
    assert_int_equal(bolt_version(f->db).txid, 6);
    f->file.data[META + 50] ^= 1;
    bolt_close(&f->db);
    assert_fails(bolt_open_bytes(&f->db, f->file.data, f->file.len, &err), ERR_CORRUPT,
                 "no valid meta page");
}

static void a_file_is_copied_and_its_number_read(void **state)
{
    struct fixture *f = *state;
    struct bolt_bytes value;
    struct bolt_bucket root;
    struct err err;
    struct bolt_version version;

    bolt_made_put_text(f->made, "key", "value");
    open_made(f);
    save(f, "meta.db");
    bolt_close(&f->db);
    assert_ok(bolt_open(&f->db, f->fd, "meta.db", BOLT_FILE_MAX, &err));
    memset(f->file.data, 0, f->file.len);
    save(f, "meta.db"); /* what was opened is a copy */
    root = root_of(f);
    assert_ok(bolt_get(&value, &root, "key", &err));
    assert_int_equal(bolt_version(f->db).txid, 7);
    assert_fails(bolt_read_version(&version, f->fd, "meta.db", &err), ERR_CORRUPT, "meta.db");
    f->form.txid = 8;
    bolt_made_write(f->made, &f->form, &f->file);
    save(f, "meta.db");
    assert_ok(bolt_read_version(&version, f->fd, "meta.db", &err));
    assert_int_equal(version.txid, 8);
    assert_int_not_equal(version.inode, 0);
}

static void a_file_that_is_none_of_these_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    struct err err;

    open_made(f);
    save(f, "good");
    bolt_close(&f->db);
    assert_int_equal(symlink("good", tempdir_path(&f->dir, "link", path)), 0);
    tempdir_mkdir(&f->dir, "directory");
    tempdir_write_text(&f->dir, "empty", "");
    tempdir_write_text(&f->dir, "text", "this is no database");
    assert_fails(bolt_open(&f->db, f->fd, "gone", 1 << 20, &err), ERR_NOT_FOUND, "gone");
    assert_fails(bolt_open(&f->db, f->fd, "link", 1 << 20, &err), ERR_CORRUPT, "link");
    assert_fails(bolt_open(&f->db, f->fd, "directory", 1 << 20, &err), ERR_CORRUPT, "directory");
    assert_fails(bolt_open(&f->db, f->fd, "empty", 1 << 20, &err), ERR_CORRUPT, "no valid meta");
    assert_fails(bolt_open(&f->db, f->fd, "text", 1 << 20, &err), ERR_CORRUPT, "no valid meta");
    assert_fails(bolt_open(&f->db, f->fd, "good", PAGE, &err), ERR_LIMIT, "at most 4096");
}

/* One byte or more of a page is changed; the walk must end with this. */
struct break_case {
    size_t offset; /* in the page */
    uint64_t value;
    size_t bytes;
    enum err_kind kind;
    const char *words;
};

static void a_broken_page_is_told_and_nothing_is_read_beyond_it(void **state)
{
    static const struct break_case cases[] = {
        {0, 99, 8, ERR_CORRUPT, "header is broken"},
        {8, 0, 2, ERR_CORRUPT, "no branch and no leaf"},
        {8, 4, 2, ERR_CORRUPT, "no branch and no leaf"},
        {10, 65535, 2, ERR_CORRUPT, "no room for its 65535 elements"},
        {12, 1000000, 4, ERR_CORRUPT, "header is broken"},
        {16 + 4, 5000, 4, ERR_CORRUPT, "outside of its page"},
        {16 + 8, UINT32_MAX, 4, ERR_CORRUPT, "outside of its page"},
        {16 + 12, UINT32_MAX, 4, ERR_CORRUPT, "outside of its page"},
        {16, 1, 4, ERR_CORRUPT, "without a header"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < unit_count(cases); i++) {
        const struct break_case *c = &cases[i];
        struct bolt_bucket root;
        struct err err = {.kind = ERR_NONE};
        size_t count = 0;

        bolt_made_put_text(f->made, "key", "value");
        open_made(f); /* the root's page is the last */
        memcpy(f->file.data + f->file.len - PAGE + c->offset, &c->value, c->bytes);
        if (bolt_root(&root, f->db, &err) == 0)
            assert_int_equal(walk_all(&root, &count, 0, &err), -1);
        unit_assert_error(&err, c->kind, c->words, __FILE__, __LINE__);
    }
}

static void branches_that_lead_in_circles_come_to_an_end(void **state)
{
    struct fixture *f = *state;
    struct bolt_bucket root;
    struct bolt_bytes value;
    struct err err;
    char key[16];
    uint64_t own;
    size_t count = 0;

    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "%03d", i);
        bolt_made_put_text(f->made, key, "x");
    }
    f->form.page_elements = 10;
    open_made(f);
    own = f->file.len / PAGE - 1; /* the root is a branch: all of it leads to itself */
    for (size_t i = 0; i < 10; i++)
        memcpy(f->file.data + own * PAGE + 16 + i * 16 + 8, &own, 8);
    root = root_of(f);
    assert_fails(bolt_get(&value, &root, "050", &err), ERR_CORRUPT, "deeper than");
    assert_fails(walk_all(&root, &count, 0, &err), ERR_CORRUPT, "deeper than");
    own--; /* each branch element to the same leaf: ten times what is there */
    for (size_t i = 0; i < 10; i++)
        memcpy(f->file.data + (own + 1) * PAGE + 16 + i * 16 + 8, &own, 8);
    for (int i = 0; i < 10000; i++) {
        if (walk_all(&root, &count, 0, &err) != 0)
            break;
    }
    unit_assert_error(&err, ERR_LIMIT, "circles", __FILE__, __LINE__);
}

static void a_file_cut_off_anywhere_reads_as_an_error_or_as_what_is_left(void **state)
{
    struct fixture *f = *state;
    char key[16];

    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "%03d", i);
        bolt_made_put_text(bolt_made_bucket(bolt_made_bucket(f->made, "v1"), key), key, "x");
    }
    f->form.page_elements = 10;
    bolt_made_write(f->made, &f->form, &f->file);
    for (size_t len = 0; len < f->file.len; len += 1000) {
        AUTO_FREE uint8_t *cut = malloc(len > 0 ? len : 1); /* its end is where ASan looks */
        struct bolt_bucket root;
        struct err err;
        size_t count = 0;

        memcpy(cut, f->file.data, len);
        if (bolt_open_bytes(&f->db, cut, len, &err) != 0)
            continue;
        assert_true(bolt_root(&root, f->db, &err) != 0 || walk_all(&root, &count, 0, &err) != 0);
        assert_int_equal(err.kind, ERR_CORRUPT);
        bolt_close(&f->db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(values_are_found_in_buckets_of_buckets),
        TEST(a_value_is_no_bucket_and_a_bucket_no_value),
        TEST(every_key_of_a_deep_tree_is_found_and_walked_in_order),
        TEST(a_value_may_go_over_many_pages),
        TEST(pages_may_have_any_size),
        TEST(the_latest_whole_meta_page_counts),
        TEST(a_file_is_copied_and_its_number_read),
        TEST(a_file_that_is_none_of_these_is_refused),
        TEST(a_broken_page_is_told_and_nothing_is_read_beyond_it),
        TEST(branches_that_lead_in_circles_come_to_an_end),
        TEST(a_file_cut_off_anywhere_reads_as_an_error_or_as_what_is_left),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
