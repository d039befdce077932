/* A docker's store as its API tells it, where its disk cannot be read. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/docker/docker_by_api.h"
#include "agent/engines/docker/docker_by_api_private.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/http_peer.h"
#include "tests/support/tempdir.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define BASE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define OWN "sha256:2222222222222222222222222222222222222222222222222222222222222222"

#define PING "/_ping"
#define INFO "/v1.41/info"
#define IMAGES "/v1.41/images/json?all=1"
#define CONTAINERS "/v1.41/containers/json?all=1"
#define IMAGE_A "/v1.41/images/sha256:" HEX_A "/json"
#define IMAGE_B "/v1.41/images/sha256:" HEX_B "/json"

#define DOCKER_INFO                                                                                \
    "{\"ID\":\"ABCD\",\"Driver\":\"overlay2\",\"DockerRootDir\":\"/var/lib/docker\","              \
    "\"ServerVersion\":\"20.10.24\"}"

/* A docker with two images, of which one is the other's parent. */
static const struct http_answer docker[] = {
    {PING, "Api-Version: 1.41\r\n", "OK"},
    {INFO, NULL, DOCKER_INFO},
    {IMAGES, NULL,
     "[{\"Id\":\"sha256:" HEX_B "\",\"ParentId\":\"sha256:" HEX_A "\","
     "\"RepoTags\":[\"inv/b:2\",\"inv/b:1\"],\"RepoDigests\":[\"inv/b@" BASE "\"]},"
     "{\"Id\":\"sha256:" HEX_A "\",\"ParentId\":\"\","
     "\"RepoTags\":[\"<none>:<none>\"],\"RepoDigests\":[\"<none>@<none>\"]}]"},
    {CONTAINERS, NULL,
     "[{\"Id\":\"c1\",\"Names\":[\"/web\"],\"ImageID\":\"sha256:" HEX_B "\",\"State\":\"running\","
     "\"Labels\":{\"io.kubernetes.pod.name\":\"pod\"}},"
     "{\"Id\":\"c2\",\"Names\":[\"/old\"],\"ImageID\":\"sha256:" HEX_A "\",\"State\":\"exited\"},"
     "{\"Id\":\"c3\",\"Names\":null,\"ImageID\":\"sha256:" HEX_A "\",\"State\":\"new\"}]"},
    {IMAGE_A, NULL, "{\"RootFS\":{\"Type\":\"layers\",\"Layers\":[\"" BASE "\"]}}"},
    {IMAGE_B, NULL, "{\"RootFS\":{\"Type\":\"layers\",\"Layers\":[\"" BASE "\",\"" OWN "\"]}}"},
};

struct fixture {
    struct tempdir dir;
    struct engine_root root;
    struct engine_options options;
    struct http_answer answers[unit_count(docker)];
    struct http_peer peer;
    bool serving;
    struct engine_reading *reading;
};

static int setup(void **state)
{
    static const struct engine_driver driver = {.name = "docker"};
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    f->root.driver = &driver;
    f->root.by_api = true;
    snprintf(f->root.path, sizeof(f->root.path), "/var/lib/docker");
    snprintf(f->root.storage, sizeof(f->root.storage), "overlay2");
    tempdir_path(&f->dir, "socket", f->root.socket);
    f->options.api_timeout_ms = 20000;
    f->options.container_names = true;
    memcpy(f->answers, docker, sizeof(docker));
    *state = f;
    return 0;
}

static void stop(struct fixture *f)
{
    if (f->serving)
        http_peer_stop(&f->peer);
    f->serving = false;
    unlink(f->root.socket);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    stop(f);
    engine_reading_close(&f->reading);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static void serve(struct fixture *f)
{
    http_peer_start(&f->peer, f->root.socket, f->answers, unit_count(f->answers));
    f->serving = true;
}

/* Other words for one answer; NULL: there is none. */
static void replace(struct fixture *f, const char *path, const char *body)
{
    for (size_t i = 0; i < unit_count(f->answers); i++) {
        if (strcmp(docker[i].path, path) != 0)
            continue;
        f->answers[i].body = body;
        if (body == NULL)
            f->answers[i].path = "/nowhere";
    }
}

static int read_store(struct fixture *f, const struct engine_reading *last,
                      struct engine_reading **out, struct err *err)
{
    return docker_by_api_read(&f->root, &f->options, last, out, err);
}

static struct digest digest(const char *text)
{
    struct digest d;

    assert_int_equal(digest_parse(&d, text, strlen(text), true, NULL), 0);
    return d;
}

static void images_have_names_and_parents(void **state)
{
    struct fixture *f = *state;
    const struct rec_content *content;
    struct digest a = digest(HEX_A), base = digest(BASE);
    struct err err;

    serve(f);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    content = &f->reading->content;
    assert_int_equal(content->store.state, REC_STORE_OK);
    assert_string_equal(content->store.engine, "docker");
    assert_string_equal(content->store.version, "20.10.24");
    assert_string_equal(content->store.driver, "overlay2");
    assert_int_equal(content->image_count, 2);
    assert_true(digest_eq(&content->images[0].id, &a));
    assert_int_equal(content->images[0].identity, REC_BY_CONFIG);
    assert_true(content->images[0].unpacked);
    assert_false(content->images[0].has_parent);
    assert_int_equal(content->images[0].name_count + content->images[0].repo_digest_count, 0);
    assert_true(content->images[1].has_parent);
    assert_true(digest_eq(&content->images[1].parent, &a));
    assert_int_equal(content->images[1].name_count, 2);
    assert_string_equal(content->images[1].names[0], "inv/b:1");
    assert_int_equal(content->images[1].repo_digest_count, 1);
    assert_string_equal(content->images[1].repo_digests[0].repository, "docker.io/inv/b");
    assert_true(digest_eq(&content->images[1].repo_digests[0].digest, &base));
    assert_int_equal(content->exception_count, 0);
    assert_int_equal(f->reading->space_count + f->reading->space_root_count, 0);
}

static void layers_are_copies_without_directories(void **state)
{
    struct fixture *f = *state;
    struct digest base = digest(BASE), own = digest(OWN), chain = digest_chain(&base, &own);
    const struct engine_copy *copies;
    struct err err;
    size_t first;

    serve(f);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    assert_int_equal(f->reading->copy_count, 2); /* the lower one is both images' */
    copies = f->reading->copies;
    first = digest_eq(&copies[0].chain, &base) ? 0 : 1;
    assert_true(digest_eq(&copies[first].chain, &base));
    assert_true(digest_eq(&copies[1 - first].chain, &chain));
    assert_true(digest_eq(&copies[1 - first].diff, &own));
    assert_true(digest_cmp(&copies[0].chain, &copies[1].chain) < 0);
    for (size_t i = 0; i < 2; i++)
        assert_true(copies[i].directory == NULL && copies[i].entry == NULL && copies[i].needed);
}

static void containers_have_states_and_names(void **state)
{
    struct fixture *f = *state;
    const struct rec_use *use;
    struct err err;

    serve(f);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    use = &f->reading->use;
    assert_int_equal(use->container_count, 3);
    assert_true(rec_key_eq(&use->key, &f->reading->content.store.key));
    assert_string_equal(use->containers[0].id, "c1");
    assert_string_equal(use->containers[0].name, "web");
    assert_string_equal(use->containers[0].kube_pod, "pod");
    assert_int_equal(use->containers[0].state, REC_RUNNING);
    assert_int_equal(use->containers[0].since_age_ms, -1);
    assert_int_equal(use->containers[1].state, REC_STOPPED);
    assert_int_equal(use->containers[2].state, REC_RUN_UNKNOWN);
    engine_reading_close(&f->reading);
    f->options.container_names = false;
    assert_ok(read_store(f, NULL, &f->reading, &err));
    assert_string_equal(f->reading->use.containers[0].name, "");
    assert_string_equal(f->reading->use.containers[0].kube_pod, "");
}

static void known_layers_are_not_asked_for_again(void **state)
{
    struct fixture *f = *state;
    struct engine_reading *again = NULL;
    struct err err;

    serve(f);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    stop(f);
    replace(f, IMAGE_A, NULL);
    replace(f, IMAGE_B, NULL);
    serve(f);
    assert_ok(read_store(f, f->reading, &again, &err));
    engine_reading_close(&f->reading); /* the new one stands alone */
    f->reading = again;
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    assert_int_equal(f->reading->copy_count, 2);
    assert_true(f->reading->content.images[1].unpacked);
}

static void what_another_store_left_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct engine_reading other = {.kept = "of the disk's driver"};
    struct err err;

    serve(f);
    assert_ok(read_store(f, &other, &f->reading, &err));
    assert_int_equal(f->reading->copy_count, 2);
}

/* The daemon knows no configs' digests, and asking for layers takes it seconds. */
static void a_containerd_image_store_is_known_by_its_manifests(void **state)
{
    struct fixture *f = *state;
    struct err err;

    replace(f, INFO,
            "{\"ID\":\"ABCD\",\"Driver\":\"overlayfs\",\"ServerVersion\":\"29.7.2\","
            "\"DriverStatus\":[[\"driver-type\",\"io.containerd.snapshotter.v1\"]]}");
    replace(f, IMAGE_A, NULL);
    replace(f, IMAGE_B, NULL);
    f->root.storage[0] = '\0'; /* learns it */
    serve(f);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    assert_string_equal(f->root.storage, "overlayfs");
    assert_int_equal(f->reading->content.store.state, REC_STORE_OK);
    assert_int_equal(f->reading->content.image_count, 2);
    assert_int_equal(f->reading->content.images[0].identity, REC_BY_MANIFEST);
    assert_false(f->reading->content.images[0].unpacked);
    assert_int_equal(f->reading->copy_count, 0);
    assert_int_equal(f->reading->use.container_count, 3);
}

static struct rec_key key_of(struct fixture *f, const char *info)
{
    struct rec_key key;
    struct err err;

    stop(f);
    replace(f, INFO, info);
    f->root.storage[0] = '\0';
    serve(f);
    engine_reading_close(&f->reading);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    key = f->reading->content.store.key;
    return key;
}

static void the_key_is_of_the_daemon_and_its_storage(void **state)
{
    struct fixture *f = *state;
    struct rec_key a = key_of(f, "{\"ID\":\"A\",\"Driver\":\"overlay2\",\"DockerRootDir\":\"/x\"}");
    struct rec_key moved =
        key_of(f, "{\"ID\":\"A\",\"Driver\":\"overlay2\",\"DockerRootDir\":\"/y\"}");
    struct rec_key b = key_of(f, "{\"ID\":\"B\",\"Driver\":\"overlay2\",\"DockerRootDir\":\"/x\"}");
    struct rec_key vfs = key_of(f, "{\"ID\":\"A\",\"Driver\":\"vfs\",\"DockerRootDir\":\"/x\"}");

    assert_true(rec_key_eq(&a, &moved));
    assert_false(rec_key_eq(&a, &b));
    assert_false(rec_key_eq(&a, &vfs));
}

/* Podman makes up another ID for each question. */
static void podman_is_known_by_its_root(void **state)
{
    struct fixture *f = *state;
    struct rec_key a, b;

    f->answers[0].header = "Api-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n";
    a = key_of(f, "{\"ID\":\"A\",\"Driver\":\"overlay\",\"DockerRootDir\":\"/x\"}");
    b = key_of(f, "{\"ID\":\"B\",\"Driver\":\"overlay\",\"DockerRootDir\":\"/x\"}");
    assert_true(rec_key_eq(&a, &b));
    assert_string_equal(f->reading->content.store.engine, "podman");
}

/* ---- bad answers ----------------------------------------------------------------------------- */

/* kind ERR_NONE: a problem of the reading, and the other images are there. */
struct bad_answer {
    const char *path, *body;
    enum err_kind kind;
    const char *words;
};

static const struct bad_answer bad_answers[] = {
    {INFO, "[]", ERR_PROTOCOL, "no Driver"},
    {INFO, "{\"Driver\":\"overlay2\"}", ERR_PROTOCOL, "neither ID nor DockerRootDir"},
    {INFO, "{\"Driver\":\"zfs\",\"ID\":\"x\"}", ERR_CONFLICT, "in zfs now, no more in overlay2"},
    {INFO, NULL, ERR_PROTOCOL, "HTTP status 404"},
    {IMAGES, "{}", ERR_PROTOCOL, "/images/json: no array"},
    {IMAGES, "[{\"Id\":", ERR_PROTOCOL, "/v1.41/images/json"},
    {IMAGES, "[{}]", ERR_NONE, "image without Id: the API lists it"},
    {IMAGES, "[{\"Id\":\"sha256:abc\"}]", ERR_NONE, "image sha256:abc: "},
    {IMAGES, "[{\"Id\":\"" HEX_A "\",\"ParentId\":\"x\"}]", ERR_NONE, "its parent: "},
    {IMAGES, "[{\"Id\":\"" HEX_A "\",\"RepoDigests\":[\"inv/a:1\"]}]", ERR_NONE,
     "\"inv/a:1\" is no repository with a digest"},
    {IMAGE_A, NULL, ERR_NONE, "HTTP status 404"},
    {IMAGE_A, "{\"message\":\"x\"}", ERR_NONE, "tells no RootFS"},
    {IMAGE_A, "no JSON", ERR_NONE, "/json: "},
    {IMAGE_A, "{\"RootFS\":{\"Layers\":[1]}}", ERR_NONE, "layer 0 is no text"},
    {IMAGE_A, "{\"RootFS\":{\"Layers\":[\"" BASE "\",\"md5:1\"]}}", ERR_NONE, "layer 1: "},
    {CONTAINERS, "{}", ERR_PROTOCOL, "/containers/json: no array"},
    {CONTAINERS, "[{\"Id\":\"c\"}]", ERR_NONE, "container c: the API tells no Id or no ImageID"},
    {CONTAINERS, "[{\"Id\":\"c\",\"ImageID\":\"inv/a\"}]", ERR_NONE, "container c: its image: "},
};

static bool has_problem(const struct engine_reading *reading, const char *words)
{
    const struct rec_store *store = &reading->content.store;
    char line[1024];

    for (size_t i = 0; i < store->problem_count; i++) {
        snprintf(line, sizeof(line), "%s: %s", store->problems[i].subject, store->problems[i].text);
        if (strstr(line, words) != NULL)
            return true;
    }
    return false;
}

static void check_bad(struct fixture *f, const struct bad_answer *bad)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    struct err err = {0};
    int rc;

    memcpy(f->answers, docker, sizeof(docker));
    replace(f, bad->path, bad->body);
    serve(f);
    rc = read_store(f, NULL, &reading, &err);
    stop(f);
    if (bad->kind == ERR_NONE && (rc != 0 || reading->content.store.state != REC_STORE_CORRUPT ||
                                  !has_problem(reading, bad->words)))
        fail_msg("%s %s: %s", bad->path, bad->body,
                 rc != 0 ? err.text : reading->content.store.error);
    if (bad->kind != ERR_NONE &&
        (rc == 0 || err.kind != bad->kind || strstr(err.text, bad->words) == NULL))
        fail_msg("%s %s: %s: %s", bad->path, bad->body, err_kind_name(err.kind), err.text);
}

static void a_bad_answer_is_an_error_or_a_problem(void **state)
{
    for (size_t i = 0; i < unit_count(bad_answers); i++)
        check_bad(*state, &bad_answers[i]);
}

static void an_image_whose_layers_are_not_told_keeps_its_name(void **state)
{
    struct fixture *f = *state;
    struct err err;

    replace(f, IMAGE_B, "{}");
    serve(f);
    assert_ok(read_store(f, NULL, &f->reading, &err));
    assert_int_equal(f->reading->content.image_count, 2);
    assert_string_equal(f->reading->content.images[1].names[0], "inv/b:1");
    assert_false(f->reading->content.images[1].unpacked);
    assert_int_equal(f->reading->copy_count, 1);
}

static void a_daemon_that_hangs_costs_its_patience(void **state)
{
    struct fixture *f = *state;
    uint64_t began = clock_mono_ns();
    struct err err;

    f->options.api_timeout_ms = 300;
    http_peer_start(&f->peer, f->root.socket, NULL, 0);
    f->serving = true;
    assert_fails(read_store(f, NULL, &f->reading, &err), ERR_TIMEOUT, "_ping");
    assert_true(clock_mono_ns() - began < 20000000000u);
    stop(f);
    assert_fails(read_store(f, NULL, &f->reading, &err), ERR_UNAVAILABLE, "socket");
    f->root.socket[0] = '\0';
    assert_fails(read_store(f, NULL, &f->reading, &err), ERR_UNAVAILABLE, "no socket");
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct setsum sum_of(const char *text)
{
    AUTO_JSON json_t *images = json_parse(text, strlen(text), NULL);

    assert_non_null(images);
    return docker_api_images_sum(images);
}

static void a_list_is_another_where_its_records_are(void **state)
{
    static const char *const others[] = {
        "[]",
        "[{\"Id\":\"a\",\"RepoTags\":[\"x:2\"],\"Containers\":1},{\"Id\":\"b\"}]",
        "[{\"Id\":\"a\",\"Containers\":1},{\"Id\":\"b\",\"RepoTags\":[\"x:1\"]}]",
        "[{\"Id\":\"a\",\"RepoTags\":[\"x:1\"],\"ParentId\":\"b\"},{\"Id\":\"b\"}]",
    };
    struct setsum sum = sum_of("[{\"Id\":\"a\",\"RepoTags\":[\"x:1\"],\"Containers\":1},"
                               "{\"Id\":\"b\"}]");
    struct setsum same = sum_of("[{\"Id\":\"b\",\"SharedSize\":2},"
                                "{\"Id\":\"a\",\"Containers\":7,\"RepoTags\":[\"x:1\"]}]");

    (void)state;
    assert_true(setsum_eq(&sum, &same));
    for (size_t i = 0; i < unit_count(others); i++) {
        struct setsum other = sum_of(others[i]);

        assert_false(setsum_eq(&sum, &other));
    }
}

/* So the daemon is asked once for each step, however often somebody looks. */
static void the_token_is_the_time_and_asks_nobody(void **state)
{
    struct fixture *f = *state;
    uint64_t steps[2];
    struct engine_token token;
    struct err err;

    for (size_t i = 0; i < 2; i++) {
        snprintf(f->root.engine, sizeof(f->root.engine), i == 0 ? "" : "podman");
        assert_ok(docker_by_api_token(&f->root, &token, &err)); /* nobody listens */
        assert_int_equal(token.len, sizeof(steps[i]));
        memcpy(&steps[i], token.bytes, sizeof(steps[i]));
    }
    assert_true(steps[1] <= steps[0] / (DOCKER_BY_API_SLOW_STEP_MS / DOCKER_BY_API_STEP_MS) + 1);
    serve(f);
    f->root.engine[0] = '\0';
    assert_ok(read_store(f, NULL, &f->reading, &err));
    assert_int_equal(f->reading->token.len, sizeof(steps[0]));
    memcpy(&steps[1], f->reading->token.bytes, sizeof(steps[1]));
    assert_true(steps[1] - steps[0] <= 1); /* a step may begin meanwhile */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(images_have_names_and_parents),
        T(layers_are_copies_without_directories),
        T(containers_have_states_and_names),
        T(known_layers_are_not_asked_for_again),
        T(what_another_store_left_is_not_taken),
        T(a_containerd_image_store_is_known_by_its_manifests),
        T(the_key_is_of_the_daemon_and_its_storage),
        T(podman_is_known_by_its_root),
        T(a_bad_answer_is_an_error_or_a_problem),
        T(an_image_whose_layers_are_not_told_keeps_its_name),
        T(a_daemon_that_hangs_costs_its_patience),
        T(a_list_is_another_where_its_records_are),
        T(the_token_is_the_time_and_asks_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
