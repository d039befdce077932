#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/store/undo.h"

struct item {
    int value;
    char *owned;
    int aside; /* behind what goes back */
};

enum { FIRST, SECOND, TABLES };

static struct undo_table tables[TABLES];
static struct undo undo;

static int open_undo(void **state)
{
    (void)state;
    for (size_t t = 0; t < TABLES; t++)
        tables[t] = (struct undo_table){.item_size = sizeof(struct item),
                                        .saved_size = offsetof(struct item, aside)};
    undo = (struct undo){.tables = tables, .table_count = TABLES};
    return 0;
}

static struct item *item(size_t table, size_t index)
{
    return &((struct item *)tables[table].items)[index];
}

/* What items own is theirs to free, once nothing can be taken back any more. */
static int close_undo(void **state)
{
    (void)state;
    undo_keep(&undo);
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            free(item(t, i)->owned);
    undo_close(&undo);
    return 0;
}

static void add(size_t table, int value)
{
    struct err err;
    struct item *i = undo_add(&undo, table, &err);

    assert_non_null(i);
    assert_int_equal(i->value, 0);
    assert_null(i->owned);
    i->value = value;
}

static void set(size_t table, size_t index, int value)
{
    struct err err;
    struct item *i = undo_change(&undo, table, index, &err);

    assert_non_null(i);
    i->value = value;
}

/* NULL: owns nothing from now on. */
static void give(size_t table, size_t index, const char *text)
{
    char *fresh = text != NULL ? strdup(text) : NULL;
    struct err err;
    struct item *i = undo_change(&undo, table, index, &err);

    assert_non_null(i);
    assert_ok(undo_swap(&undo, i->owned, fresh, &err));
    i->owned = fresh;
}

static void changes_go_back_to_the_mark_in_reverse(void **state)
{
    struct undo_mark mark;

    (void)state;
    add(FIRST, 1);
    add(SECOND, 2);
    mark = undo_mark(&undo);
    set(FIRST, 0, 10);
    set(SECOND, 0, 20);
    set(FIRST, 0, 100);
    undo_back(&undo, &mark);
    assert_int_equal(item(FIRST, 0)->value, 1);
    assert_int_equal(item(SECOND, 0)->value, 2);
}

static void the_part_of_an_item_that_is_set_aside_stays(void **state)
{
    struct undo_mark mark;

    (void)state;
    add(FIRST, 1);
    mark = undo_mark(&undo);
    set(FIRST, 0, 2);
    item(FIRST, 0)->aside = 3;
    undo_back(&undo, &mark);
    assert_int_equal(item(FIRST, 0)->value, 1);
    assert_int_equal(item(FIRST, 0)->aside, 3);
}

static void an_inner_mark_goes_back_alone_and_an_outer_one_takes_all(void **state)
{
    struct undo_mark outer, inner;

    (void)state;
    add(FIRST, 1);
    outer = undo_mark(&undo);
    set(FIRST, 0, 2);
    inner = undo_mark(&undo);
    set(FIRST, 0, 3);
    add(FIRST, 9);
    undo_back(&undo, &inner);
    assert_int_equal(item(FIRST, 0)->value, 2);
    assert_int_equal(tables[FIRST].count, 1);
    set(FIRST, 0, 4);
    undo_back(&undo, &outer);
    assert_int_equal(item(FIRST, 0)->value, 1);
}

static void items_added_and_changed_since_the_mark_are_gone(void **state)
{
    struct undo_mark mark;

    (void)state;
    mark = undo_mark(&undo);
    add(FIRST, 1);
    set(FIRST, 0, 2);
    add(SECOND, 3);
    undo_back(&undo, &mark);
    assert_int_equal(tables[FIRST].count, 0);
    assert_int_equal(tables[SECOND].count, 0);
    add(FIRST, 5); /* zeroed, as add() sees, though one was there */
}

static void tables_and_the_log_grow_and_still_go_back(void **state)
{
    enum { OLD = 1000, NEW = 5000 };
    struct undo_mark mark;

    (void)state;
    for (int i = 0; i < OLD; i++)
        add(FIRST, i);
    mark = undo_mark(&undo);
    for (int i = OLD; i < NEW; i++)
        add(FIRST, i);
    for (size_t i = 0; i < NEW; i++)
        set(FIRST, i, -1);
    undo_back(&undo, &mark);
    assert_int_equal(tables[FIRST].count, OLD);
    for (int i = 0; i < OLD; i++)
        assert_int_equal(item(FIRST, (size_t)i)->value, i);
}

static void what_is_kept_does_not_go_back(void **state)
{
    struct undo_mark mark;

    (void)state;
    add(FIRST, 1);
    set(FIRST, 0, 2);
    undo_keep(&undo);
    mark = undo_mark(&undo);
    set(FIRST, 0, 3);
    undo_back(&undo, &mark);
    assert_int_equal(item(FIRST, 0)->value, 2);
}

/* That each text is freed, and just once, is for the sanitizer to see. */
static void an_item_that_goes_back_has_what_it_owned(void **state)
{
    struct undo_mark mark;

    (void)state;
    add(FIRST, 1);
    give(FIRST, 0, "first");
    undo_keep(&undo);
    mark = undo_mark(&undo);
    give(FIRST, 0, "second");
    give(FIRST, 0, NULL);
    give(FIRST, 0, "third");
    add(SECOND, 2);
    give(SECOND, 0, "of an item that goes");
    undo_back(&undo, &mark);
    assert_string_equal(item(FIRST, 0)->owned, "first");
}

static void an_item_that_is_kept_has_the_last_it_was_given(void **state)
{
    struct undo_mark mark;

    (void)state;
    add(FIRST, 1);
    give(FIRST, 0, "first");
    give(FIRST, 0, "second");
    mark = undo_mark(&undo);
    give(FIRST, 0, "third");
    undo_back(&undo, &mark);
    assert_string_equal(item(FIRST, 0)->owned, "second");
    give(FIRST, 0, NULL);
    give(FIRST, 0, "fourth");
    undo_keep(&undo);
    assert_string_equal(item(FIRST, 0)->owned, "fourth");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_undo, close_undo)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_go_back_to_the_mark_in_reverse),
        TEST(the_part_of_an_item_that_is_set_aside_stays),
        TEST(an_inner_mark_goes_back_alone_and_an_outer_one_takes_all),
        TEST(items_added_and_changed_since_the_mark_are_gone),
        TEST(tables_and_the_log_grow_and_still_go_back),
        TEST(what_is_kept_does_not_go_back),
        TEST(an_item_that_goes_back_has_what_it_owned),
        TEST(an_item_that_is_kept_has_the_last_it_was_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
