#include "tests/support/unit.h"

#include <stdlib.h>

#include "collector/store/dictionary.h"

struct word {
    const char *text; /* NULL: it cannot be found */
    size_t len;
};

static struct undo_table table;
static struct undo undo;
static struct dictionary words;

static struct dictionary_key key_of(const void *item)
{
    const struct word *w = item;

    return (struct dictionary_key){w->text, w->len};
}

static uint32_t add(const char *text, size_t len)
{
    struct err err;
    struct word *w = undo_add(&undo, 0, &err);

    assert_non_null(w);
    *w = (struct word){text, len};
    assert_ok(dictionary_add(&words, &err));
    return (uint32_t)table.count - 1;
}

static int open_words(void **state)
{
    struct err err;

    (void)state;
    table = (struct undo_table){.item_size = sizeof(struct word)};
    undo = (struct undo){.tables = &table, .table_count = 1};
    assert_non_null(undo_add(&undo, 0, &err)); /* item 0 is nobody */
    assert_ok(dictionary_open(&words, &table, key_of, &err));
    return 0;
}

static int close_words(void **state)
{
    (void)state;
    dictionary_close(&words);
    undo_close(&undo);
    return 0;
}

static void an_empty_one_finds_nothing(void **state)
{
    (void)state;
    assert_int_equal(dictionary_find(&words, "a", 1), 0);
    dictionary_cut(&words, 1);
    assert_int_equal(dictionary_find(&words, "", 0), 0);
}

static void keys_that_begin_like_others_are_told_apart(void **state)
{
    static const char text[] = "debian:12-slim";
    uint32_t whole, head, none;

    (void)state;
    whole = add(text, sizeof(text) - 1);
    head = add(text, 9);
    none = add(text, 0);
    add(NULL, 0);
    assert_int_equal(dictionary_find(&words, text, sizeof(text) - 1), whole);
    assert_int_equal(dictionary_find(&words, text, 9), head);
    assert_int_equal(dictionary_find(&words, "", 0), none);
    assert_int_equal(dictionary_find(&words, text, 8), 0);
    assert_int_equal(dictionary_find(&words, text, sizeof(text)), 0); /* with its NUL */
}

static void keys_may_hold_any_bytes(void **state)
{
    static const char one[] = "a\0b", two[] = "a\0c";
    uint32_t first, second;

    (void)state;
    first = add(one, 3);
    second = add(two, 3);
    assert_int_equal(dictionary_find(&words, one, 3), first);
    assert_int_equal(dictionary_find(&words, two, 3), second);
    assert_int_equal(dictionary_find(&words, "a", 1), 0);
}

enum { MANY = 20000, MARK = 700 };

static char texts[MANY + 1][8];

/* Enough that slots are shared and the table of slots grows many times. */
static void fill(unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%x", i);
        assert_int_equal(add(texts[i], strlen(texts[i])), i);
    }
}

static void expect(unsigned last)
{
    for (unsigned i = 1; i <= MANY; i++) {
        char text[8];
        size_t len = (size_t)snprintf(text, sizeof(text), "%x", i);

        assert_int_equal(dictionary_find(&words, text, len), i <= last ? i : 0);
    }
}

static void all_of_many_are_found(void **state)
{
    (void)state;
    fill(1, MANY);
    expect(MANY);
}

static void those_since_a_mark_go_although_it_grew_meanwhile(void **state)
{
    struct undo_mark mark;

    (void)state;
    fill(1, MARK);
    mark = undo_mark(&undo);
    fill(MARK + 1, MANY);
    dictionary_cut(&words, mark.counts[0]);
    undo_back(&undo, &mark);
    expect(MARK);
    fill(MARK + 1, MANY);
    expect(MANY);
    dictionary_cut(&words, 1);
    table.count = 1;
    expect(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_words, close_words)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_one_finds_nothing),
        TEST(keys_that_begin_like_others_are_told_apart),
        TEST(keys_may_hold_any_bytes),
        TEST(all_of_many_are_found),
        TEST(those_since_a_mark_go_although_it_grew_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
