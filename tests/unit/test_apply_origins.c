/* Where layers come from, as hosts tell it. */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "tests/support/three_hosts.h"

static struct err err;

/* The host holds image 1 in its store 1, layers 1 and 2 of it. */
static void hold(int64_t incarnation, bool with_digest)
{
    struct rec_content *c = rig_content(&rig, 1);
    struct digest id;
    const char *text = rig_config(&rig, layers, 2, &id);
    struct rec_image *image = rig_image(&rig, c, &id, true);

    if (with_digest)
        rig_repo_digest(&rig, image, "docker.io/app", 1);
    rig_inventory(&rig, incarnation, 1, c, 1010);
    rig_document(&rig, incarnation, &id, text, 0, 1020);
}

/* Says these; "a1 b1": layer 1 is in a and in b. */
static int say(int64_t incarnation, unsigned store, bool continued, const char *words)
{
    struct rec_origin list[16];
    struct rec_origins origins = {.key = rig_key(store), .continued = continued, .origins = list};
    static char names[16][2];

    for (const char *at = words; *at != '\0'; at += at[2] == ' ' ? 3 : 2) {
        names[origins.origin_count][0] = at[0];
        list[origins.origin_count] = (struct rec_origin){names[origins.origin_count],
                                                         rig_digest('L', (unsigned)at[1] - '0')};
        origins.origin_count++;
    }
    qsort(list, origins.origin_count, sizeof(*list), rec_origin_cmp);
    return RIG_APPLY(&rig, apply_origins(rig.store, incarnation, &origins, &err));
}

static void assert_held(const char *expected)
{
    assert_string_equal(
        rig_text(&rig, "SELECT coalesce(group_concat(t, ' '), '') FROM (SELECT printf('%d:%s', "
                       "store_id, n.text) AS t FROM origin o JOIN name n ON n.id = o.name_id "
                       "JOIN layer l ON l.id = o.layer_id ORDER BY o.store_id, n.text, l.diff)"),
        expected);
}

static void a_list_replaces_what_was_said_before(void **state)
{
    (void)state;
    hold(one, false);
    assert_ok(say(one, 1, false, "a1 b1 a2"));
    assert_held("1:a 1:a 1:b");
    assert_ok(say(one, 1, false, "b1 c2"));
    assert_held("1:b 1:c");
    assert_ok(say(one, 1, false, "b1 c2"));
    assert_held("1:b 1:c");
    assert_ok(say(one, 1, false, ""));
    assert_held("");
}

static void a_continued_list_adds_to_it(void **state)
{
    (void)state;
    hold(one, false);
    assert_ok(say(one, 1, false, "a1 b1"));
    assert_ok(say(one, 1, true, "b1 c1"));
    assert_held("1:a 1:b 1:c");
}

static void hosts_do_not_touch_one_another(void **state)
{
    (void)state;
    hold(one, false);
    hold(two, false);
    assert_ok(say(one, 1, false, "a1"));
    assert_ok(say(two, 1, false, "b1"));
    assert_ok(say(one, 1, false, ""));
    assert_held("2:b");
}

static void a_layer_that_nobody_has_is_kept_too(void **state)
{
    (void)state;
    hold(one, false);
    assert_ok(say(one, 1, false, "a9"));
    assert_held("1:a");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM layer"), 3);
}

static void origins_of_a_store_that_is_not_there_are_refused(void **state)
{
    (void)state;
    hold(one, false);
    assert_fails(say(one, 2, false, "a1"), ERR_NOT_FOUND, "no store");
    assert_held("");
}

static void they_go_with_their_store(void **state)
{
    (void)state;
    hold(one, false);
    assert_ok(say(one, 1, false, "a1 b2"));
    rig_inventory(&rig, one, 2, rig_content(&rig, 2), 1030); /* and not 1 */
    assert_held("");
}

static void a_list_that_is_not_sorted_is_refused(void **state)
{
    struct rec_origin list[2] = {{"b", rig_digest('L', 1)}, {"a", rig_digest('L', 1)}};
    struct rec_origins origins = {.key = rig_key(1), .origins = list, .origin_count = 2};

    (void)state;
    hold(one, false);
    assert_fails(RIG_APPLY(&rig, apply_origins(rig.store, one, &origins, &err)), ERR_CONFLICT,
                 "not sorted");
}

static void origins_of_one_store_have_a_limit(void **state)
{
    AUTO_FREE struct rec_origin *list = calloc(REC_ORIGINS_MAX, sizeof(*list));
    struct rec_origins origins = {
        .key = rig_key(1), .origins = list, .origin_count = REC_ORIGINS_MAX};

    (void)state;
    hold(one, false);
    for (uint32_t i = 0; i < REC_ORIGINS_MAX; i++) {
        list[i].repository = "a";
        for (size_t b = 0; b < 4; b++)
            list[i].diff.bytes[b] = (uint8_t)(i >> (8 * (3 - b)));
    }
    assert_ok(RIG_APPLY(&rig, apply_origins(rig.store, one, &origins, &err)));
    assert_fails(say(one, 1, true, "b1"), ERR_LIMIT, "more than 100000 origins");
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM origin"), REC_ORIGINS_MAX);
    assert_ok(say(one, 1, false, "b1"));
    assert_held("1:b");
}

static void the_view_unites_what_is_told_and_what_is_implied(void **state)
{
    (void)state;
    hold(one, true);
    hold(two, false);
    assert_ok(say(two, 1, false, "b1"));
    assert_string_equal(
        rig_text(&rig, "SELECT group_concat(t, ' ') FROM (SELECT printf('%s:%s:%d', host, "
                       "repository, implied) AS t FROM layer_origin ORDER BY host, layer_id)"),
        "web-1:docker.io/app:1 web-1:docker.io/app:1 web-2:b:0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_replaces_what_was_said_before),
        TEST(a_continued_list_adds_to_it),
        TEST(hosts_do_not_touch_one_another),
        TEST(a_layer_that_nobody_has_is_kept_too),
        TEST(origins_of_a_store_that_is_not_there_are_refused),
        TEST(they_go_with_their_store),
        TEST(a_list_that_is_not_sorted_is_refused),
        TEST(origins_of_one_store_have_a_limit),
        TEST(the_view_unites_what_is_told_and_what_is_implied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
