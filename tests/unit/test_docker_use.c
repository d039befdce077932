/* Containers of a store, and whether they really run. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "agent/engines/process.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/docker_store.h"

#define NEVER "0001-01-01T00:00:00Z"

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
    struct digest image;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct digest diff = docker_store_diff("layer");

    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    f->image = docker_store_image(&f->store, &diff, 1, 1);
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

static const struct rec_use *read_use(struct fixture *f)
{
    struct err err;

    engine_reading_close(&f->reading);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    return &f->reading->use;
}

/* A container that says it runs as `pid` since `started_ms`; how it is reported. */
static enum rec_run_state state_of(struct fixture *f, pid_t pid, int64_t started_ms)
{
    char started[CLOCK_TEXT], text[256];

    snprintf(text, sizeof(text), "{\"Running\":true,\"Pid\":%d,\"StartedAt\":\"%s\"}", (int)pid,
             clock_text(started_ms, started));
    docker_store_container(&f->store, 'a', &f->image, text);
    assert_int_equal(read_use(f)->container_count, 1);
    return f->reading->use.containers[0].state;
}

static int64_t started_ms(pid_t pid)
{
    AUTO(process_view_close) struct process_view view;
    struct engine_root own = {0};
    struct err err;
    int64_t ms;

    process_view_open(&view, &own);
    assert_ok(process_started(&view, pid, &ms, &err));
    return ms;
}

static void a_live_process_of_that_age_is_running(void **state)
{
    struct fixture *f = *state;
    int64_t started = started_ms(getpid());

    assert_int_equal(state_of(f, getpid(), started + 1000), REC_RUNNING);
    assert_in_range(f->reading->use.containers[0].since_age_ms, 0, 3600000);
}

static void another_process_with_that_pid_is_unknown(void **state)
{
    struct fixture *f = *state;
    int64_t started = started_ms(getpid());

    assert_int_equal(state_of(f, getpid(), started - 3600000), REC_RUN_UNKNOWN);
    assert_int_equal(f->reading->use.containers[0].since_age_ms, -1);
    assert_int_equal(state_of(f, getpid(), started + 3600000), REC_RUN_UNKNOWN);
}

/* Until it is waited for, the child is a zombie; afterwards its pid is free. */
static void a_dead_process_is_unknown(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    siginfo_t info;
    int64_t now = clock_wall_ms();

    if (pid == 0)
        _exit(0);
    assert_true(pid > 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(state_of(f, pid, now), REC_RUN_UNKNOWN);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(state_of(f, pid, now), REC_RUN_UNKNOWN);
}

static void a_stopped_container_is_stopped_whatever_its_pid(void **state)
{
    struct fixture *f = *state;

    docker_store_container(&f->store, 'a', &f->image,
                           "{\"Running\":false,\"Pid\":1,\"FinishedAt\":\"2026-01-01T00:00:00Z\"}");
    assert_int_equal(read_use(f)->containers[0].state, REC_STOPPED);
}

static void containers_are_sorted_and_named_only_where_wanted(void **state)
{
    struct fixture *f = *state;

    docker_store_container(&f->store, 'b', &f->image, "{\"FinishedAt\":\"" NEVER "\"}");
    docker_store_container(&f->store, '1', &f->image, "{\"FinishedAt\":\"" NEVER "\"}");
    assert_int_equal(read_use(f)->container_count, 2);
    assert_true(rec_key_eq(&f->reading->use.key, &f->reading->content.store.key));
    assert_int_equal(f->reading->use.containers[0].id[0], '1');
    assert_string_equal(f->reading->use.containers[0].name, "");
    assert_true(digest_eq(&f->reading->use.containers[1].image, &f->image));
    f->options.container_names = true;
    assert_string_equal(read_use(f)->containers[1].name, "name-b");
}

static void a_broken_container_file_is_a_problem_and_hides_no_other(void **state)
{
    struct fixture *f = *state;
    const struct rec_store *store;

    docker_store_container(&f->store, 'a', &f->image, "{");
    docker_store_container(&f->store, 'b', &f->image, "{}");
    assert_int_equal(read_use(f)->container_count, 1);
    store = &f->reading->content.store;
    assert_int_equal(store->state, REC_STORE_CORRUPT);
    assert_non_null(strstr(store->problems[0].subject, "container aaaa"));
}

static void a_containers_directories_are_no_orphans(void **state)
{
    struct fixture *f = *state;

    docker_store_container(&f->store, 'a', &f->image, "{}");
    read_use(f);
    assert_int_equal(f->reading->space_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(f->reading->spaces[i].klass, REC_SPACE_OUTSIDE);
        assert_string_equal(f->reading->spaces[i].kind, "container-writable");
    }
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_live_process_of_that_age_is_running),
        with_store(another_process_with_that_pid_is_unknown),
        with_store(a_dead_process_is_unknown),
        with_store(a_stopped_container_is_stopped_whatever_its_pid),
        with_store(containers_are_sorted_and_named_only_where_wanted),
        with_store(a_broken_container_file_is_a_problem_and_hides_no_other),
        with_store(a_containers_directories_are_no_orphans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
