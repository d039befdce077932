/* What the daemon says against what was read from disk. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/docker_store.h"
#include "tests/support/http_peer.h"

#define CONTAINER_ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct fixture {
    struct tempdir dir;
    struct docker_store store;
    struct engine_root root;
    struct engine_options options;
    struct engine_reading *reading;
    struct engine_findings findings;
    struct digest image;
    char info[512], images[1024], containers[1024];
    struct http_answer answers[4];
    struct http_peer peer;
    bool serving;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct digest diff = docker_store_diff("layer");

    tempdir_open(&f->dir);
    docker_store_open(&f->store, &f->dir, "docker", "overlay2");
    f->image = docker_store_image(&f->store, &diff, 1, 1);
    docker_store_name(&f->store, "inv/a", "inv/a:1", &f->image);
    docker_store_container(&f->store, 'a', &f->image, "{\"Running\":false}");
    f->root = docker_store_root(&f->store);
    tempdir_path(&f->dir, "socket", f->root.socket);
    f->options.use_api = true;
    f->options.api_timeout_ms = 5000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->serving)
        http_peer_stop(&f->peer);
    engine_reading_close(&f->reading);
    docker_store_close(&f->store);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

/* Serves what the fixture's texts say, reads the store, and compares. */
static int check_store(struct fixture *f, struct err *err)
{
    f->answers[0] = (struct http_answer){"/_ping", "Api-Version: 1.41\r\n", "OK"};
    f->answers[1] = (struct http_answer){"/v1.41/info", NULL, f->info};
    f->answers[2] = (struct http_answer){"/v1.41/images/json?all=1", NULL, f->images};
    f->answers[3] = (struct http_answer){"/v1.41/containers/json?all=1", NULL, f->containers};
    http_peer_start(&f->peer, f->root.socket, f->answers, 4);
    f->serving = true;
    if (f->reading == NULL)
        assert_int_equal(docker_driver.read(&f->root, &f->options, NULL, &f->reading, err), 0);
    return docker_driver.cross_check(&f->root, &f->options, f->reading, &f->findings, err);
}

/* The daemon as it would be with this store. */
static void agree(struct fixture *f)
{
    char text[DIGEST_TEXT];

    digest_text(&f->image, text);
    snprintf(f->info, sizeof(f->info),
             "{\"DockerRootDir\":\"%.200s\",\"Driver\":\"overlay2\",\"ServerVersion\":\"20.10\"}",
             f->root.path);
    snprintf(f->images, sizeof(f->images),
             "[{\"Id\":\"%s\",\"RepoTags\":[\"inv/a:1\"],\"RepoDigests\":[\"<none>@<none>\"]}]",
             text);
    snprintf(f->containers, sizeof(f->containers),
             "[{\"Id\":\"" CONTAINER_ID "\",\"ImageID\":\"%s\",\"State\":\"exited\"}]", text);
}

static void assert_finding(const struct fixture *f, const char *subject, const char *words)
{
    for (size_t i = 0; i < f->findings.count; i++) {
        if (strstr(f->findings.items[i].subject, subject) &&
            strstr(f->findings.items[i].text, words))
            return;
    }
    fail_msg("no finding with \"%s\" about %s", words, subject);
}

static void a_daemon_that_agrees_gives_no_finding(void **state)
{
    struct fixture *f = *state;
    struct err err;

    agree(f);
    assert_ok(check_store(f, &err));
    assert_int_equal(f->findings.count, 0);
    assert_true(f->root.api_answers);
    assert_string_equal(f->root.version, "20.10");
}

/* Nothing but /_ping is served, so anything else that is asked fails. */
static void whether_it_answers_costs_a_ping(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(docker_driver.answers(&f->root, &f->options, &err), ERR_UNAVAILABLE, "socket");
    f->answers[0] = (struct http_answer){"/_ping", "Api-Version: 1.41\r\n", "OK"};
    http_peer_start(&f->peer, f->root.socket, f->answers, 1);
    f->serving = true;
    assert_ok(docker_driver.answers(&f->root, &f->options, &err));
}

static void an_image_that_only_the_daemon_knows_is_a_finding(void **state)
{
    struct fixture *f = *state;
    struct err err;

    agree(f);
    snprintf(f->images, sizeof(f->images), "[{\"Id\":\"sha256:" CONTAINER_ID "\"}]");
    assert_ok(check_store(f, &err));
    assert_finding(f, "image sha256:aaaa", "broken or missing");
    assert_finding(f, "images", "1 of 1 images on disk are unknown");
}

static void other_names_are_a_finding(void **state)
{
    struct fixture *f = *state;
    char text[DIGEST_TEXT];
    struct err err;

    agree(f);
    snprintf(f->images, sizeof(f->images),
             "[{\"Id\":\"%s\",\"RepoTags\":[\"inv/a:2\",\"inv/a:1\"]}]",
             digest_text(&f->image, text));
    assert_ok(check_store(f, &err));
    assert_finding(f, "image", "names it inv/a:2");
    assert_finding(f, "image", "1 names on disk, 2 by the API");
}

static void another_state_of_a_container_is_a_finding(void **state)
{
    struct fixture *f = *state;
    struct err err;

    agree(f);
    snprintf(f->containers, sizeof(f->containers),
             "[{\"Id\":\"" CONTAINER_ID "\",\"ImageID\":\"other\",\"State\":\"running\"},"
             "{\"Id\":\"b\"}]");
    assert_ok(check_store(f, &err));
    assert_finding(f, "container aaaa", "says running; on disk it is stopped");
    assert_finding(f, "container aaaa", "says image other");
    assert_finding(f, "container b", "broken or missing");
}

static void a_change_between_reading_and_asking_is_no_finding(void **state)
{
    struct fixture *f = *state;
    struct err err;

    agree(f);
    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    docker_store_name(&f->store, "inv/a", "inv/a:2", &f->image);
    snprintf(f->images, sizeof(f->images), "[]");
    assert_fails(check_store(f, &err), ERR_MOVED, "changed");
    assert_int_equal(f->findings.count, 0);
}

static void a_daemon_with_another_store_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    struct err err;

    agree(f);
    snprintf(f->info, sizeof(f->info),
             "{\"DockerRootDir\":\"/var/lib/docker\",\"Driver\":\"overlayfs\"}");
    assert_fails(check_store(f, &err), ERR_CONFLICT, "driver overlayfs below /var/lib/docker");
}

static void nobody_listening_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    assert_fails(docker_driver.cross_check(&f->root, &f->options, f->reading, &f->findings, &err),
                 ERR_UNAVAILABLE, "socket");
    agree(f);
    assert_ok(check_store(f, &err));
    http_peer_stop(&f->peer); /* the socket's file stays */
    f->serving = false;
    assert_fails(docker_driver.cross_check(&f->root, &f->options, f->reading, &f->findings, &err),
                 ERR_UNAVAILABLE, "socket");
    assert_false(f->root.api_answers);
}

static void a_hung_daemon_costs_the_deadline_once(void **state)
{
    struct fixture *f = *state;
    uint64_t started;
    struct err err;

    assert_ok(docker_driver.read(&f->root, &f->options, NULL, &f->reading, &err));
    http_peer_start(&f->peer, f->root.socket, NULL, 0);
    f->serving = true;
    f->options.api_timeout_ms = 300;
    started = clock_mono_ns();
    assert_fails(docker_driver.cross_check(&f->root, &f->options, f->reading, &f->findings, &err),
                 ERR_TIMEOUT, "socket");
    assert_in_range(clock_mono_ns() - started, 290000000, 3000000000);
}

static void nonsense_is_a_protocol_error(void **state)
{
    struct fixture *f = *state;
    struct err err;

    agree(f);
    snprintf(f->images, sizeof(f->images), "not JSON");
    assert_fails(check_store(f, &err), ERR_PROTOCOL, "/images/json");
}

/* With finding off, the daemon's own root becomes none of ours; the configured one learns of it. */
static void a_configured_root_learns_its_daemons_socket(void **state)
{
    struct fixture *f = *state;
    struct engine_roots roots = {0};
    char *configured[] = {f->root.path};
    struct err err;

    agree(f);
    assert_ok(check_store(f, &err));
    f->options.host_root = "";
    f->options.docker_socket = f->root.socket;
    assert_ok(docker_driver.find(&f->options, &roots, &err));
    assert_int_equal(roots.count, 0);
    f->options.docker_roots = (struct engine_texts){.items = configured, .count = 1};
    assert_ok(docker_driver.find(&f->options, &roots, &err));
    assert_int_equal(roots.count, 1);
    assert_string_equal(roots.items[0].socket, f->root.socket);
    assert_string_equal(roots.items[0].version, "20.10");
    assert_true(roots.items[0].api_answers);
    engine_roots_free(&roots);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_daemon_that_agrees_gives_no_finding),
        with_store(whether_it_answers_costs_a_ping),
        with_store(an_image_that_only_the_daemon_knows_is_a_finding),
        with_store(other_names_are_a_finding),
        with_store(another_state_of_a_container_is_a_finding),
        with_store(a_change_between_reading_and_asking_is_no_finding),
        with_store(a_daemon_with_another_store_is_a_conflict),
        with_store(nobody_listening_is_unavailable),
        with_store(a_hung_daemon_costs_the_deadline_once),
        with_store(nonsense_is_a_protocol_error),
        with_store(a_configured_root_learns_its_daemons_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
