/* Where Docker's layers come from, apart from what repo digests say. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "tests/support/docker_store.h"

#define TEAM "127.0.0.1:5000/team/base"
#define DEBIAN "docker.io/library/debian"

enum { LATER_US = 50000 /* more than PASS_MOVING_NS */ };

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    check(f != NULL);
    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    f->root = docker_store_root(&f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    engine_reading_close(&f->reading);
    docker_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static const struct rec_origins *read_again(struct fixture *f)
{
    struct engine_reading *last = f->reading;
    struct err err;

    assert_ok(docker_driver.read(&f->root, &f->options, last, &f->reading, &err));
    engine_reading_close(&last);
    return &f->reading->origins;
}

/* Writes the file of a layer anew, as Docker does. */
static void note(struct fixture *f, const struct digest *diff, const char *text)
{
    char hex[DIGEST_HEX + 1], below[160], path[PATH_MAX], from[PATH_MAX], to[PATH_MAX];

    snprintf(below, sizeof(below), "distribution/v2metadata-by-diffid/sha256/.tmp");
    docker_store_metadata(&f->store, below, path);
    tempdir_write_text(&f->dir, path, text);
    tempdir_path(&f->dir, path, from);
    snprintf(below, sizeof(below), "distribution/v2metadata-by-diffid/sha256/%s",
             digest_hex(diff, hex));
    tempdir_path(&f->dir, docker_store_metadata(&f->store, below, path), to);
    check(rename(from, to) == 0);
}

#define SOURCE(repository)                                                                         \
    "{\"Digest\":\"sha256:00\",\"SourceRepository\":\"" repository "\",\"HMAC\":\"x\"}"

static void assert_origin(const struct rec_origins *origins, size_t index,
                          const struct digest *diff, const char *repository)
{
    assert_true(index < origins->origin_count);
    assert_true(digest_eq(&origins->origins[index].diff, diff));
    assert_string_equal(origins->origins[index].repository, repository);
}

static void a_layer_comes_from_each_repository_that_was_noted(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[2] = {docker_store_diff("a"), docker_store_diff("b")};
    const struct rec_origins *origins;
    size_t first = digest_cmp(&diffs[0], &diffs[1]) < 0 ? 0 : 1;

    docker_store_image(&f->store, diffs, 2, 2);
    note(f, &diffs[first], "[" SOURCE(DEBIAN) "," SOURCE(TEAM) "," SOURCE(DEBIAN) "]");
    note(f, &diffs[1 - first], "[" SOURCE("debian") ",{\"Digest\":\"sha256:00\"}]");
    origins = read_again(f);
    assert_int_equal(origins->origin_count, 3);
    assert_origin(origins, 0, &diffs[first], TEAM);
    assert_origin(origins, 1, &diffs[first], DEBIAN);
    assert_origin(origins, 2, &diffs[1 - first], DEBIAN);
    assert_memory_equal(origins->key.bytes, f->reading->content.store.key.bytes,
                        sizeof(origins->key.bytes));
}

static void what_repo_digests_tell_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[2] = {docker_store_diff("a"), docker_store_diff("b")};
    struct digest lower = docker_store_image(&f->store, diffs, 1, 1);
    struct digest upper = docker_store_image(&f->store, diffs, 2, 2);
    const struct rec_origins *origins;
    char name[256], text[DIGEST_TEXT];

    snprintf(name, sizeof(name), TEAM "@%s", digest_text(&diffs[0], text));
    docker_store_name(&f->store, TEAM, name, &upper);
    snprintf(name, sizeof(name), "debian@%s", digest_text(&diffs[1], text));
    docker_store_name(&f->store, "debian", name, &lower);
    note(f, &diffs[0], "[" SOURCE(TEAM) "," SOURCE(DEBIAN) "]");
    note(f, &diffs[1], "[" SOURCE(TEAM) "," SOURCE(DEBIAN) "]");
    for (int i = 0; i < 2; i++) { /* afresh, and with what was kept */
        usleep(LATER_US);
        origins = read_again(f);
        assert_int_equal(origins->origin_count, 1);
        assert_origin(origins, 0, &diffs[1], DEBIAN);
    }
}

static void what_was_noted_of_a_layer_that_has_gone_is_not_told(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("a"), gone = docker_store_diff("gone");

    docker_store_image(&f->store, &diff, 1, 1);
    note(f, &gone, "[" SOURCE(TEAM) "]");
    assert_int_equal(read_again(f)->origin_count, 0);
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
}

static void a_store_without_origins_has_none(void **state)
{
    struct fixture *f = *state;
    struct digest diff = docker_store_diff("a");

    docker_store_image(&f->store, &diff, 1, 1);
    assert_int_equal(read_again(f)->origin_count, 0);
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
}

static void a_file_that_was_replaced_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[2] = {docker_store_diff("a"), docker_store_diff("b")};
    const struct rec_origins *origins;

    docker_store_image(&f->store, diffs, 2, 2);
    note(f, &diffs[0], "[" SOURCE(TEAM) "]");
    usleep(LATER_US);
    assert_int_equal(read_again(f)->origin_count, 1);
    assert_origin(read_again(f), 0, &diffs[0], TEAM);
    note(f, &diffs[0], "[" SOURCE(DEBIAN) "]");
    origins = read_again(f);
    assert_int_equal(origins->origin_count, 1);
    assert_origin(origins, 0, &diffs[0], DEBIAN);
    usleep(LATER_US);
    read_again(f);
    note(f, &diffs[1], "[" SOURCE(TEAM) "]");
    assert_int_equal(read_again(f)->origin_count, 2);
}

static void a_broken_file_is_a_problem_and_hides_no_other(void **state)
{
    struct fixture *f = *state;
    struct digest diffs[2] = {docker_store_diff("a"), docker_store_diff("b")};
    const struct rec_store *store;

    docker_store_image(&f->store, diffs, 2, 2);
    note(f, &diffs[0], "[{\"SourceRepository\":");
    note(f, &diffs[1], "[" SOURCE(TEAM) "]");
    for (int i = 0; i < 2; i++) { /* it is told in each pass */
        usleep(LATER_US);
        assert_origin(read_again(f), 0, &diffs[1], TEAM);
        store = &f->reading->content.store;
        assert_int_equal(store->state, REC_STORE_CORRUPT);
        assert_int_equal(store->problem_count, 1);
        assert_non_null(strstr(store->problems[0].subject, "origins of layer "));
        assert_non_null(strstr(store->problems[0].text, "JSON"));
    }
    assert_int_equal(f->reading->content.image_count, 1);
}

static void a_file_that_is_no_list_of_repositories_says_why(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "JSON"},
        {"{}", "no list"},
        {"[7]", "names no repository"},
        {"[{\"SourceRepository\":7}]", "names no repository"},
        {"[" SOURCE("UPPER") "]", "grammar"},
    };
    AUTO(arena_close) struct arena *arena = NULL;
    const char **repositories;
    size_t count;
    struct err err;

    (void)state;
    assert_ok(arena_open(&arena, 1 << 20, &err));
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(docker_origins_parse(&repositories, &count, cases[i].text,
                                          strlen(cases[i].text), arena, &err),
                     ERR_CORRUPT, cases[i].words);
    assert_ok(docker_origins_parse(&repositories, &count, "[]", 2, arena, &err));
    assert_int_equal(count, 0);
}

static void more_repositories_than_the_limit_are_refused(void **state)
{
    AUTO(arena_close) struct arena *arena = NULL;
    AUTO(buf_close) struct buf text;
    const char **repositories;
    size_t count;
    struct err err;

    (void)state;
    buf_init(&text, 1 << 20);
    assert_ok(arena_open(&arena, 1 << 20, &err));
    assert_ok(buf_add_str(&text, "[" SOURCE(TEAM), &err));
    for (int i = 0; i < DOCKER_ORIGINS_MAX; i++)
        assert_ok(buf_add_str(&text, "," SOURCE(TEAM), &err));
    assert_ok(buf_add_str(&text, "]", &err));
    assert_fails(docker_origins_parse(&repositories, &count, buf_str(&text), text.len, arena, &err),
                 ERR_LIMIT, "1001 entries");
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_layer_comes_from_each_repository_that_was_noted),
        with_store(what_repo_digests_tell_is_left_out),
        with_store(what_was_noted_of_a_layer_that_has_gone_is_not_told),
        with_store(a_store_without_origins_has_none),
        with_store(a_file_that_was_replaced_is_read_again),
        with_store(a_broken_file_is_a_problem_and_hides_no_other),
        with_store(a_file_that_is_no_list_of_repositories_says_why),
        with_store(more_repositories_than_the_limit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
