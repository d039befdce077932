#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/memory.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tests/support/fake_engine.h"
#include "tests/support/tempdir.h"

static int setup(void **state)
{
    struct tempdir *dir = calloc(1, sizeof(*dir));

    log_setup(2, LOG_ERROR, LOG_TEXT);
    tempdir_open(dir);
    fake_engine_reset();
    fake_engine_put("/a", "one two");
    fake_engine_put("/b", "three");
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    struct tempdir *dir = *state;

    fake_engine_reset();
    tempdir_close(dir);
    free(dir);
    return 0;
}

static void save(struct tempdir *dir, const char *paths, const char *before)
{
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory(paths);
    AUTO(inventory_unref)
    struct inventory *saved = before != NULL ? fake_engine_inventory(before) : NULL;
    struct err err = {0};

    assert_ok(memory_save(dir->path, inv, saved, &err));
}

static struct memory load(struct tempdir *dir)
{
    struct memory m = {0};
    struct err err = {0};

    assert_ok(memory_load(&m, dir->path, fake_drivers, &err));
    return m;
}

static void what_was_saved_is_remembered(void **state)
{
    struct tempdir *dir = *state;
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    AUTO(memory_free) struct memory m = {0};

    save(dir, "/a", NULL);
    m = load(dir);
    assert_int_equal(m.count, 1);
    assert_string_equal(m.items[0].root.path, "/a");
    assert_ptr_equal(m.items[0].root.driver, &fake_driver);
    assert_string_equal(m.items[0].root.engine, ""); /* the driver's own */
    assert_true(m.items[0].reading->remembered);
    assert_true(setsum_eq(&m.items[0].reading->sum, &inv->stores[0].sum));
    assert_true(
        rec_key_eq(&m.items[0].reading->reading->content.store.key, &inv->stores[0].store.key));
}

static void whose_store_it_is_is_remembered(void **state)
{
    struct tempdir *dir = *state;
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    AUTO(memory_free) struct memory m = {0};
    struct err err = {0};

    inv->stores[0].shared->reading->content.store.engine = "cri-o";
    assert_ok(memory_save(dir->path, inv, NULL, &err));
    m = load(dir);
    assert_int_equal(m.count, 1);
    assert_string_equal(m.items[0].root.engine, "cri-o");
    assert_string_equal(m.items[0].reading->reading->content.store.engine, "cri-o");
}

static void where_it_stands_and_how_it_was_read_is_remembered(void **state)
{
    struct tempdir *dir = *state;
    AUTO(inventory_unref) struct inventory *before = fake_engine_inventory("/a");
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    AUTO(memory_free) struct memory m = {0};
    struct err err = {0};

    assert_ok(memory_save(dir->path, before, NULL, &err));
    m = load(dir);
    assert_false(m.items[0].root.orphaned || m.items[0].root.by_api);
    memory_free(&m);
    inv->stores[0].root.by_api = true;
    assert_ok(memory_save(dir->path, inv, before, &err));
    m = load(dir);
    assert_int_equal(m.count, 1);
    assert_ptr_equal(m.items[0].root.driver, &fake_driver);
    assert_true(m.items[0].root.by_api);
    memory_free(&m);
    before->stores[0].shared->reading->content.store.state = REC_STORE_ORPHANED;
    assert_ok(memory_save(dir->path, before, inv, &err));
    m = load(dir);
    assert_true(m.items[0].root.orphaned);
    assert_false(m.items[0].root.by_api);
}

static void a_store_that_is_gone_is_forgotten(void **state)
{
    struct tempdir *dir = *state;
    AUTO(memory_free) struct memory m = {0};

    save(dir, "/a /b", NULL);
    save(dir, "/b", "/a /b");
    m = load(dir);
    assert_int_equal(m.count, 1);
    assert_string_equal(m.items[0].root.path, "/b");
}

static void without_a_directory_nothing_is_remembered(void **state)
{
    AUTO(memory_free) struct memory m = load(*state);

    assert_int_equal(m.count, 0);
}

/* The file of store /a. */
static char *file_of_a(struct tempdir *dir, char out[PATH_MAX])
{
    struct rec_key key = fake_engine_key("/a");
    char name[64] = "stores/";

    for (size_t i = 0; i < sizeof(key.bytes); i++)
        snprintf(name + 7 + 2 * i, 3, "%02x", key.bytes[i]);
    return tempdir_path(dir, name, out);
}

static void a_damaged_file_is_left_out_alone(void **state)
{
    struct tempdir *dir = *state;
    char path[PATH_MAX];

    for (int cut = 1; cut < 200; cut += 33) {
        AUTO(memory_free) struct memory m = {0};

        save(dir, "/a /b", NULL);
        assert_int_equal(truncate(file_of_a(dir, path), cut), 0);
        m = load(dir);
        assert_int_equal(m.count, 1);
        assert_string_equal(m.items[0].root.path, "/b");
    }
}

static void another_driver_reads_none_of_it(void **state)
{
    static const struct engine_driver *const none[] = {NULL};
    struct tempdir *dir = *state;
    AUTO(memory_free) struct memory m = {0};
    struct err err = {0};

    save(dir, "/a", NULL);
    assert_ok(memory_load(&m, dir->path, none, &err));
    assert_int_equal(m.count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_was_saved_is_remembered),
        T(whose_store_it_is_is_remembered),
        T(where_it_stands_and_how_it_was_read_is_remembered),
        T(a_store_that_is_gone_is_forgotten),
        T(without_a_directory_nothing_is_remembered),
        T(a_damaged_file_is_left_out_alone),
        T(another_driver_reads_none_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
