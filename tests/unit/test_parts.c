#include "tests/support/unit.h"

#include "collector/report/parts.h"
#include "common/imageref.h"

enum { NAMES_EACH = 20000, CHAINS = 2, NAME_TEXT = 48 };

#define ARENA_BYTES ((size_t)64 << 20)

/* Two chains, the platforms of one release, that have all names in common. */
struct fixture {
    struct census c;
    struct naming_claim claims[CHAINS * NAMES_EACH];
    char texts[NAMES_EACH][NAME_TEXT];
    struct fleet_run runs[CHAINS];
};

static int setup(void **state)
{
    static struct fixture f;
    struct err err;

    f.c = (struct census){.naming = {.claims = f.claims, .of_chain = f.runs}};
    assert_ok(arena_open(&f.c.arena, ARENA_BYTES, &err));
    for (uint32_t n = 0; n < NAMES_EACH; n++)
        snprintf(f.texts[n], NAME_TEXT, "registry.example.com/os:%05u", n);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->c.arena);
    return 0;
}

static void name_chains(struct fixture *f, uint32_t names)
{
    for (uint32_t c = 0; c < CHAINS; c++) {
        f->runs[c] = (struct fleet_run){c * names, names};
        for (uint32_t n = 0; n < names; n++)
            f->claims[c * names + n] =
                (struct naming_claim){.chain = c, .name = f->texts[n], .strength = NAME_TAG};
    }
}

static struct sheet_cell names_of(struct fixture *f, uint32_t chains)
{
    static const uint32_t list[CHAINS] = {1, 0};
    struct sheet_cell cell;
    struct err err;

    assert_ok(part_chain_names(&f->c, list, chains, &cell, &err));
    return cell;
}

static void the_names_of_a_releases_platforms_are_told_once(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell cell;

    name_chains(f, 3);
    f->claims[0].strength = NAME_SEEN; /* a name for nobody else */
    cell = names_of(f, CHAINS);
    assert_int_equal(cell.texts.count, 3);
    for (uint32_t n = 0; n < 3; n++)
        assert_string_equal(cell.texts.items[n], f->texts[n]);
    f->claims[3].strength = NAME_SEEN;
    assert_int_equal(names_of(f, CHAINS).texts.count, 2);
}

static void the_strongest_names_come_first(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell cell;

    name_chains(f, 2);
    f->claims[2].name = "registry.example.com/z:1";
    f->claims[2].strength = NAME_TRUSTED;
    cell = names_of(f, 1);
    assert_string_equal(cell.texts.items[0], "registry.example.com/z:1");
    assert_string_equal(cell.texts.items[1], f->texts[1]);
}

static void beyond_what_a_cell_holds_names_are_counted(void **state)
{
    struct fixture *f = *state;
    char shown[IMAGEREF_MAX + 1];
    struct sheet_cell cell;

    name_chains(f, PART_NAMES_MAX);
    assert_int_equal(names_of(f, CHAINS).texts.count, PART_NAMES_MAX);
    name_chains(f, NAMES_EACH);
    cell = names_of(f, CHAINS);
    assert_int_equal(cell.texts.count, PART_NAMES_MAX + 1);
    assert_string_equal(cell.texts.items[PART_NAMES_MAX - 1], f->texts[PART_NAMES_MAX - 1]);
    assert_string_equal(cell.texts.items[PART_NAMES_MAX], "and 19000 more");
    assert_string_equal(imageref_shown("and", shown), "and");
}

static void a_chain_without_names_has_an_empty_list(void **state)
{
    struct fixture *f = *state;
    struct sheet_cell cell;

    name_chains(f, 0);
    cell = names_of(f, CHAINS);
    assert_true(cell.known);
    assert_int_equal(cell.texts.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_names_of_a_releases_platforms_are_told_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_strongest_names_come_first, setup, teardown),
        cmocka_unit_test_setup_teardown(beyond_what_a_cell_holds_names_are_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_chain_without_names_has_an_empty_list, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
