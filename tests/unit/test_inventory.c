#include "tests/support/unit.h"

#include <stdlib.h>

#include "agent/inventory.h"
#include "agent/redact.h"
#include "common/cleanup.h"
#include "tests/support/fake_engine.h"

#define TOKEN "ghp_0123456789abcdefghijABCDEFGHIJ"

struct fixture {
    struct arena *arena;
    struct rec_difference difference;
    bool differs;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    fake_engine_reset();
    fake_engine_put("/a", "one two");
    *state = f;
    return arena_open(&f->arena, 64 << 20, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_close(&f->arena);
    fake_engine_reset();
    free(f);
    return 0;
}

static void compare(struct fixture *f, struct inventory *from, struct inventory *to)
{
    struct err err = {0};

    assert_ok(inventory_difference(from, to, f->arena, &f->difference, &f->differs, &err));
}

/* The store as an inventory of its own, in this state. */
static struct inventory *standing_as(const char *path, enum rec_store_state state,
                                     const char *error)
{
    AUTO(inventory_unref) struct inventory *was = fake_engine_inventory(path);
    struct inventory *inv = NULL;
    struct inventory_standing standing = {
        .root = &was->stores[0].root,
        .reading = was->stores[0].shared,
        .state = state,
        .error = error,
    };
    struct err err = {0};

    assert_ok(inventory_open(&inv, 1, &err));
    assert_ok(inventory_add(inv, &standing, &err));
    inventory_finish(inv);
    return inv;
}

static void stores_are_sorted_by_key(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = NULL;

    (void)state;
    fake_engine_put("/b", "x");
    fake_engine_put("/c", "x");
    inv = fake_engine_inventory("/c /a /b");
    assert_int_equal(inv->store_count, 3);
    for (size_t i = 1; i < inv->store_count; i++)
        assert_true(memcmp(&inv->stores[i - 1].store.key, &inv->stores[i].store.key,
                           sizeof(struct rec_key)) < 0);
}

static void one_store_under_two_paths_is_a_conflict(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = NULL;
    AUTO(inventory_unref) struct inventory *other = NULL;
    struct inventory_standing standing = {.error = ""};
    struct err err = {0};

    (void)state;
    inv = fake_engine_inventory("/a");
    assert_ok(inventory_open(&other, 2, &err));
    standing.root = &inv->stores[0].root;
    standing.reading = inv->stores[0].shared;
    assert_ok(inventory_add(other, &standing, &err));
    assert_fails(inventory_add(other, &standing, &err), ERR_CONFLICT, "the same store");
    assert_int_equal(other->store_count, 1);
}

static void equal_inventories_do_not_differ(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = fake_engine_inventory("/a");
    AUTO(inventory_unref) struct inventory *b = fake_engine_inventory("/a");

    compare(f, a, b);
    assert_false(f->differs);
}

static void from_nothing_everything_is_new(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = fake_engine_inventory("/a");

    compare(f, NULL, a);
    assert_true(f->differs);
    assert_int_equal(f->difference.store_count, 1);
    assert_int_equal(f->difference.stores[0].changed_count, 2);
}

/* What the collector does: applying the difference to the old digest gives the new one. */
static void a_difference_leads_to_the_digest_it_names(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = fake_engine_inventory("/a");
    AUTO(inventory_unref) struct inventory *b = NULL;
    const struct rec_content *old = inventory_content(&a->stores[0]);
    struct setsum sum = a->stores[0].sum;
    const struct rec_store_change *change;

    fake_engine_put("/a", "two three four");
    b = fake_engine_inventory("/a");
    compare(f, a, b);
    change = &f->difference.stores[0];
    assert_int_equal(change->changed_count, 2);
    assert_int_equal(change->removed_count, 1);
    for (size_t i = 0; i < old->image_count; i++)
        if (digest_eq(&old->images[i].id, &change->removed[0]))
            rec_image_sum(&sum, &old->images[i], false);
    for (size_t i = 0; i < change->changed_count; i++)
        rec_image_sum(&sum, &change->changed[i], true);
    assert_true(setsum_eq(&sum, &change->sum));
    assert_true(setsum_eq(&sum, &b->stores[0].sum));
}

static void a_state_alone_is_a_difference_without_content(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = fake_engine_inventory("/a");
    AUTO(inventory_unref) struct inventory *b = standing_as("/a", REC_STORE_UNREADABLE, "no");

    compare(f, a, b);
    assert_true(f->differs);
    assert_int_equal(f->difference.stores[0].changed_count, 0);
    assert_int_equal(f->difference.stores[0].removed_count, 0);
    assert_int_equal(f->difference.stores[0].store.state, REC_STORE_UNREADABLE);
    assert_true(setsum_eq(&f->difference.stores[0].sum, &a->stores[0].sum));
}

static void use_differs_in_pods_too(void **state)
{
    struct rec_container x = {.id = "c", .name = "", .kube_namespace = "shop", .kube_pod = "web-0"};
    struct rec_container y = x;
    struct rec_use a = {.containers = &x, .container_count = 1};
    struct rec_use b = {.containers = &y, .container_count = 1};

    (void)state;
    assert_true(inventory_use_eq(&a, &b));
    y.kube_pod = "web-1";
    assert_false(inventory_use_eq(&a, &b));
    y = x;
    y.kube_namespace = "";
    assert_false(inventory_use_eq(&a, &b));
}

static void origins_differ_in_layers_and_repositories(void **state)
{
    struct rec_origin x[] = {{"a", {{1}}}, {"b", {{1}}}};
    struct rec_origin y[] = {{"a", {{1}}}, {"c", {{1}}}};
    struct rec_origins a = {.origins = x, .origin_count = 2};
    struct rec_origins b = {.origins = y, .origin_count = 2};

    (void)state;
    assert_true(inventory_origins_eq(&a, &a));
    assert_false(inventory_origins_eq(&a, &b));
    b.origin_count = a.origin_count = 1;
    assert_true(inventory_origins_eq(&a, &b));
    a.origin_count = 2;
    assert_false(inventory_origins_eq(&a, &b));
}

/* The parts, one after the other, are the whole; none but the first begins it anew. */
static void origins_are_told_in_parts(void **state)
{
    struct rec_origin list[] = {{"aaaa", {{1}}}, {"bbbb", {{2}}}, {"cccc", {{3}}}};
    struct rec_origins all = {.key = {{9}}, .origins = list, .origin_count = 3}, part;
    size_t at = 0;

    (void)state;
    inventory_next_origins(&all, &at, 2 * 44, &part);
    assert_false(part.continued);
    assert_int_equal(part.origin_count, 2);
    assert_true(rec_key_eq(&part.key, &all.key));
    inventory_next_origins(&all, &at, 1, &part); /* one has room in any case */
    assert_true(part.continued);
    assert_int_equal(part.origin_count, 1);
    assert_string_equal(part.origins[0].repository, "cccc");
    assert_int_equal(at, 3);
    all.origin_count = at = 0;
    inventory_next_origins(&all, &at, 100, &part);
    assert_false(part.continued);
    assert_int_equal(part.origin_count, 0);
}

/* A reading of nothing but what is given. */
static struct inventory_reading *reading_of(const struct rec_use *use,
                                            const struct rec_origins *origins)
{
    struct engine_reading *r = calloc(1, sizeof(*r));
    struct inventory_reading *out = NULL;
    struct err err = {0};

    assert_ok(arena_open(&r->arena, 1 << 20, &err));
    r->use = *use;
    r->origins = *origins;
    assert_ok(inventory_reading_open(&out, r, &err));
    return out;
}

static void a_secret_does_not_leave_in_a_pod_or_an_origin(void **state)
{
    struct rec_container c = {
        .id = "c", .name = "", .kube_namespace = "ns-" TOKEN, .kube_pod = "pod-" TOKEN};
    struct rec_origin list[] = {{"example.com/" TOKEN, {{1}}}, {"example.com/a", {{1}}}};
    struct rec_use use = {.containers = &c, .container_count = 1};
    struct rec_origins origins = {.origins = list, .origin_count = 2};
    AUTO(inventory_reading_unref) struct inventory_reading *r = reading_of(&use, &origins);

    (void)state;
    assert_null(strstr(c.kube_namespace, TOKEN));
    assert_null(strstr(c.kube_pod, TOKEN));
    assert_int_equal(r->reading->origins.origin_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_null(strstr(list[i].repository, TOKEN));
    assert_true(rec_origin_cmp(&list[0], &list[1]) < 0);
}

static void a_store_that_is_left_out_is_gone(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = NULL;
    AUTO(inventory_unref) struct inventory *b = fake_engine_inventory("/a");
    struct rec_key key = fake_engine_key("/b");

    fake_engine_put("/b", "x");
    a = fake_engine_inventory("/a /b");
    compare(f, a, b);
    assert_int_equal(f->difference.gone_count, 1);
    assert_true(rec_key_eq(&f->difference.gone[0], &key));
    assert_int_equal(f->difference.store_count, 0);
}

static void attributes_alone_change_no_content(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = fake_engine_inventory("/a");
    struct err err = {0};

    assert_ok(inventory_attributes(a, f->arena, &f->difference, &err));
    assert_int_equal(f->difference.store_count, 1);
    assert_int_equal(f->difference.stores[0].changed_count, 0);
    assert_false(f->difference.stores[0].exceptions_given);
    assert_true(setsum_eq(&f->difference.stores[0].sum, &a->stores[0].sum));
}

static void no_secret_gets_into_an_inventory(void **state)
{
    AUTO(inventory_unref) struct inventory *a = NULL;
    AUTO(inventory_unref) struct inventory *b = NULL;

    (void)state;
    fake_engine_put("/a", TOKEN);
    fake_engine_run("/a", REC_RUNNING, "c-" TOKEN);
    a = fake_engine_inventory("/a");
    assert_string_equal(inventory_content(&a->stores[0])->images[0].names[0], REDACT_MARK ":1");
    assert_string_equal(a->stores[0].shared->reading->use.containers[0].name, "c-" REDACT_MARK);
    b = standing_as("/a", REC_STORE_UNREADABLE, "open https://me:pw@host/x");
    assert_string_equal(b->stores[0].store.error, "open https://" REDACT_MARK "@host/x");
}

static void a_long_error_is_cut_to_its_limit(void **state)
{
    char text[3 * REC_TEXT_BYTES];
    AUTO(inventory_unref) struct inventory *inv = NULL;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 9; i < sizeof(text); i += 10)
        text[i] = ' ';
    text[sizeof(text) - 1] = '\0';
    inv = standing_as("/a", REC_STORE_UNREADABLE, text);
    assert_int_equal(strlen(inv->stores[0].store.error), REC_TEXT_BYTES - 1);
}

static void parts_add_up_to_the_whole(void **state)
{
    AUTO(inventory_unref) struct inventory *inv = fake_engine_inventory("/a");
    struct rec_content content = *inventory_content(&inv->stores[0]);
    struct rec_exception exceptions[7] = {{.kind = REC_CHAIN_EXTRA}};
    struct inventory_cursor at = {0};
    size_t images = 0, found = 0, parts = 0;
    bool more = true;

    (void)state;
    content.exceptions = exceptions;
    content.exception_count = unit_count(exceptions);
    while (more) {
        struct rec_content part = {.image_count = 0};

        more = inventory_next_part(&content, &at, 100, &part);
        assert_true(part.image_count + part.exception_count > 0);
        images += part.image_count;
        found += part.exception_count;
        parts++;
    }
    assert_int_equal(images, 2);
    assert_int_equal(found, 7);
    assert_true(parts > 2);
}

static void an_empty_store_is_one_empty_part(void **state)
{
    struct rec_content content = {.image_count = 0}, part = {.image_count = 0};
    struct inventory_cursor at = {0};

    (void)state;
    assert_false(inventory_next_part(&content, &at, 100, &part));
    assert_int_equal(part.image_count + part.exception_count, 0);
}

static void an_unreadable_store_goes_whole_as_a_moving_one(void **state)
{
    struct fixture *f = *state;
    AUTO(inventory_unref) struct inventory *a = standing_as("/a", REC_STORE_UNREADABLE, "no");
    AUTO(inventory_unref) struct inventory *soft = NULL;
    AUTO(inventory_unref) struct inventory *same = NULL;
    AUTO(inventory_unref) struct inventory *fine = fake_engine_inventory("/a");
    struct err err = {0};

    assert_ok(inventory_softened(a, &soft, &err));
    assert_int_equal(soft->stores[0].store.state, REC_STORE_MOVING);
    compare(f, soft, a);
    assert_int_equal(f->difference.stores[0].store.state, REC_STORE_UNREADABLE);
    assert_int_equal(f->difference.stores[0].changed_count, 0);
    assert_ok(inventory_softened(fine, &same, &err));
    assert_ptr_equal(same, fine);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(stores_are_sorted_by_key),
        T(one_store_under_two_paths_is_a_conflict),
        T(equal_inventories_do_not_differ),
        T(from_nothing_everything_is_new),
        T(a_difference_leads_to_the_digest_it_names),
        T(a_state_alone_is_a_difference_without_content),
        T(use_differs_in_pods_too),
        T(origins_differ_in_layers_and_repositories),
        T(origins_are_told_in_parts),
        T(a_secret_does_not_leave_in_a_pod_or_an_origin),
        T(a_store_that_is_left_out_is_gone),
        T(attributes_alone_change_no_content),
        T(no_secret_gets_into_an_inventory),
        T(a_long_error_is_cut_to_its_limit),
        T(parts_add_up_to_the_whole),
        T(an_empty_store_is_one_empty_part),
        T(an_unreadable_store_goes_whole_as_a_moving_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
