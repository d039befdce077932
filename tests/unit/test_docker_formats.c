#include "tests/support/unit.h"

#include "agent/engines/docker/docker.h"
#include "agent/engines/docker/docker_use.h"
#include "common/cleanup.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct refs {
    struct arena *arena;
    struct docker_ref *items;
    size_t count;
};

static int setup(void **state)
{
    static struct refs refs;

    *state = &refs;
    return arena_open(&refs.arena, 64 << 20, NULL);
}

static int teardown(void **state)
{
    struct refs *r = *state;

    arena_close(&r->arena);
    return 0;
}

static int parse(struct refs *r, const char *text, struct err *err)
{
    return docker_refs_parse(&r->items, &r->count, text, strlen(text), r->arena, err);
}

static void names_and_repo_digests_are_told_apart_and_sorted(void **state)
{
    struct refs *r = *state;
    struct err err;

    assert_ok(parse(r,
                    "{\"Repositories\":{\"inv/x\":{\"inv/x:2\":\"" B "\",\"inv/x:1\":\"" A "\"},"
                    "\"debian\":{\"debian@" B "\":\"" A "\",\"debian:12\":\"" A "\"}}}",
                    &err));
    assert_int_equal(r->count, 4);
    assert_string_equal(r->items[0].text, "debian:12");
    assert_string_equal(r->items[1].text, "inv/x:1");
    assert_int_equal(r->items[2].kind, DOCKER_REF_DIGEST);
    assert_string_equal(r->items[2].text, "docker.io/library/debian");
    assert_int_equal(r->items[2].manifest.bytes[0], 0xbb);
    assert_int_equal(r->items[2].image.bytes[0], 0xaa);
    assert_string_equal(r->items[3].text, "inv/x:2");
}

static void one_broken_entry_hides_no_other(void **state)
{
    struct refs *r = *state;
    struct err err;

    assert_ok(parse(r,
                    "{\"Repositories\":{\"x\":{\"x:1\":7,\"x:2\":\"sha256:12\",\"x@sha256:1\":\"" A
                    "\",\"x:3\":\"" A "\"}}}",
                    &err));
    assert_int_equal(r->count, 4);
    for (int i = 0; i < 3; i++)
        assert_int_equal(r->items[i].kind, DOCKER_REF_BROKEN);
    assert_string_equal(r->items[3].text, "x:3");
}

static void a_repositories_file_without_names_is_empty(void **state)
{
    static const char *const texts[] = {"{}", "{\"Repositories\":{}}",
                                        "{\"Repositories\":{\"x\":{}}}"};
    struct refs *r = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(texts); i++) {
        assert_ok(parse(r, texts[i], &err));
        assert_int_equal(r->count, 0);
    }
}

static void a_broken_repositories_file_is_corrupt(void **state)
{
    static const char *const texts[] = {
        "",
        "garbage",
        "[]",
        "{\"Repositories\":",
        "{\"Repositories\":[]}",
        "{\"Repositories\":{\"x\":1}}",
        "{\"Repositories\":{\"x\":{\"a\":\"1\",\"a\":\"2\"}}}",
    };
    struct refs *r = *state;
    struct err err;

    for (size_t i = 0; i < unit_count(texts); i++)
        assert_fails(parse(r, texts[i], &err), ERR_CORRUPT, "repositories.json");
}

static void directories_have_two_forms_of_names(void **state)
{
    (void)state;
    assert_true(docker_cache_id_valid(HEX));
    assert_true(docker_cache_id_valid(HEX "-init"));
    assert_true(docker_cache_id_valid("5288vemwtq9oixyo0307rc0vc"));
    assert_false(docker_cache_id_valid("5288vemwtq9oixyo0307rc0v"));
    assert_false(docker_cache_id_valid("5288vemwtq9oixyo0307rc0vC"));
    assert_false(docker_cache_id_valid(HEX "-removing"));
    assert_false(docker_cache_id_valid(HEX "a"));
    assert_false(docker_cache_id_valid(""));
    assert_false(docker_cache_id_valid("../../../../../../../../x"));
    assert_true(docker_hex_valid(HEX));
    assert_false(docker_hex_valid(HEX "-1234-removing"));
    assert_false(docker_hex_valid(".tmp-" HEX));
}

static int container(struct docker_container *c, const char *text, struct err *err)
{
    return docker_container_parse(c, text, strlen(text), err);
}

static void a_container_says_its_image_and_state(void **state)
{
    struct docker_container c;
    struct err err;

    (void)state;
    assert_ok(container(&c,
                        "{\"Image\":\"" A "\",\"Name\":\"/web\",\"State\":{\"Running\":true,"
                        "\"Pid\":42,\"StartedAt\":\"1970-01-01T00:00:05Z\","
                        "\"FinishedAt\":\"0001-01-01T00:00:00Z\"}}",
                        &err));
    assert_int_equal(c.image.bytes[31], 0xaa);
    assert_string_equal(c.name, "web");
    assert_true(c.running);
    assert_int_equal(c.pid, 42);
    assert_int_equal(c.since_ms, 5000);
}

static void a_stopped_container_is_so_since_it_finished_or_was_made(void **state)
{
    struct docker_container c;
    struct err err;

    (void)state;
    assert_ok(container(&c,
                        "{\"Image\":\"" A "\",\"Created\":\"1970-01-01T00:00:01Z\",\"State\":"
                        "{\"Running\":false,\"FinishedAt\":\"1970-01-01T00:00:09Z\"}}",
                        &err));
    assert_false(c.running);
    assert_int_equal(c.since_ms, 9000);
    assert_ok(container(&c,
                        "{\"Image\":\"" A "\",\"Created\":\"1970-01-01T00:00:01Z\",\"State\":"
                        "{\"FinishedAt\":\"0001-01-01T00:00:00Z\"}}",
                        &err));
    assert_int_equal(c.since_ms, 1000);
    assert_ok(container(&c, "{\"Image\":\"" A "\",\"State\":{}}", &err));
    assert_int_equal(c.since_ms, -1);
}

static void what_is_no_container_is_corrupt(void **state)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"State\":{}}",
                                        "{\"Image\":\"" A "\"}",
                                        "{\"Image\":\"busybox\",\"State\":{}}"};
    struct docker_container c;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(texts); i++)
        assert_fails(container(&c, texts[i], &err), ERR_CORRUPT, "");
}

#define with_arena(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_arena(names_and_repo_digests_are_told_apart_and_sorted),
        with_arena(one_broken_entry_hides_no_other),
        with_arena(a_repositories_file_without_names_is_empty),
        with_arena(a_broken_repositories_file_is_corrupt),
        cmocka_unit_test(directories_have_two_forms_of_names),
        cmocka_unit_test(a_container_says_its_image_and_state),
        cmocka_unit_test(a_stopped_container_is_so_since_it_finished_or_was_made),
        cmocka_unit_test(what_is_no_container_is_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
