/* Stores that docker left behind or keeps in containerd, and whose containers are whose. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engines/docker/docker_find.h"
#include "agent/engines/docker/docker_use.h"
#include "common/cleanup.h"
#include "tests/support/docker_store.h"
#include "tests/support/http_peer.h"

#define SOCKET "/run/docker.sock"
#define IN_CONTAINERD "\"DriverStatus\":[[\"driver-type\",\"io.containerd.snapshotter.v1\"]]"

struct fixture {
    struct tempdir dir; /* the host's root */
    struct engine_options options;
    struct engine_roots roots;
    struct engine_reading *reading;
    struct http_answer answers[2];
    struct http_peer peer;
    bool answering;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    tempdir_mkdir(&f->dir, "run");
    f->options.host_root = f->dir.path;
    f->options.docker_socket = SOCKET;
    f->options.find = true;
    f->options.use_api = true;
    f->options.container_names = true;
    f->options.api_timeout_ms = 5000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->answering)
        http_peer_stop(&f->peer);
    engine_reading_close(&f->reading);
    engine_roots_free(&f->roots);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

/* A daemon that says this of itself. */
static void answer(struct fixture *f, const char *info)
{
    char path[PATH_MAX];

    f->answers[0] = (struct http_answer){"/_ping", "Api-Version: 1.41\r\n", "OK"};
    f->answers[1] = (struct http_answer){"/v1.41/info", NULL, info};
    http_peer_start(&f->peer, tempdir_path(&f->dir, &SOCKET[1], path), f->answers, 2);
    f->answering = true;
}

static void make_store(struct fixture *f, const char *driver)
{
    struct docker_store store;
    struct digest diff = docker_store_diff(driver);

    docker_store_open(&store, &f->dir, "var/lib/docker", driver);
    docker_store_image(&store, &diff, 1, 1);
    docker_store_close(&store);
}

static void find(struct fixture *f)
{
    struct err err;

    assert_ok(docker_driver.find(&f->options, &f->roots, &err));
}

static const struct engine_root *root_of(const struct fixture *f, const char *storage)
{
    for (size_t i = 0; i < f->roots.count; i++) {
        if (strcmp(f->roots.items[i].storage, storage) == 0)
            return &f->roots.items[i];
    }
    fail_msg("no store of %s was found", storage);
    return NULL;
}

/* A store of containerd's as its own driver would have found it before. */
static void add_containerd(struct fixture *f, const char *path, const char *space,
                           const char *socket)
{
    static const struct engine_driver containerd = {.name = "containerd"};
    struct engine_root root = {.driver = &containerd, .storage = "overlayfs"};
    struct err err;

    snprintf(root.path, sizeof(root.path), "%s", path);
    snprintf(root.space, sizeof(root.space), "%s", space);
    snprintf(root.socket, sizeof(root.socket), "%s", socket);
    if (socket[0] != '\0')
        tempdir_write_text(&f->dir, &socket[1], "");
    assert_ok(engine_roots_add(&f->roots, &root, &err));
}

static void what_a_daemon_that_moved_to_containerd_left_behind_is_orphaned(void **state)
{
    struct fixture *f = *state;
    struct engine_root root;
    struct err err;

    make_store(f, "overlay2");
    answer(f, "{\"DockerRootDir\":\"/var/lib/docker\",\"Driver\":\"overlayfs\"," IN_CONTAINERD "}");
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_true(root_of(f, "overlayfs")->by_api); /* containerd's files are not to be seen here */
    assert_string_equal(root_of(f, "overlayfs")->space, "moby");
    root = *root_of(f, "overlay2");
    assert_true(root.orphaned);
    assert_string_equal(root.socket, "");
    assert_ok(docker_driver.read(&root, &f->options, NULL, &f->reading, &err));
    assert_int_equal(f->reading->content.store.state, REC_STORE_ORPHANED);
    assert_int_equal(f->reading->content.image_count, 1);
}

static void another_graph_drivers_store_is_orphaned(void **state)
{
    struct fixture *f = *state;

    make_store(f, "overlay2");
    make_store(f, "vfs");
    answer(f, "{\"DockerRootDir\":\"/var/lib/docker\",\"Driver\":\"overlay2\"}");
    find(f);
    assert_int_equal(f->roots.count, 2);
    assert_false(root_of(f, "overlay2")->orphaned);
    assert_string_equal(root_of(f, "overlay2")->socket, SOCKET);
    assert_true(root_of(f, "vfs")->orphaned);
    assert_true(root_of(f, "overlay2")->told && root_of(f, "vfs")->told);
}

static void a_silent_daemon_orphans_nothing(void **state)
{
    struct fixture *f = *state;

    make_store(f, "overlay2");
    make_store(f, "vfs");
    find(f);
    assert_false(root_of(f, "overlay2")->orphaned || root_of(f, "overlay2")->told);
    assert_false(root_of(f, "vfs")->orphaned || root_of(f, "vfs")->told);
}

static void a_daemon_names_the_containerd_store_that_is_its_own(void **state)
{
    struct fixture *f = *state;

    add_containerd(f, "/var/lib/containerd", "k8s.io", "/run/containerd/containerd.sock");
    add_containerd(f, "/srv/containerd", "moby", "/run/other.sock");
    add_containerd(f, "/var/lib/containerd", "moby", "/run/containerd/containerd.sock");
    answer(f, "{\"DockerRootDir\":\"/data/docker\",\"Driver\":\"overlayfs\"," IN_CONTAINERD
              ",\"Containerd\":{\"Address\":\"/run/containerd/../containerd/containerd.sock\","
              "\"Namespaces\":{\"Containers\":\"moby\"}}}");
    find(f);
    assert_int_equal(f->roots.count, 3); /* nothing that would be read by API */
    assert_string_equal(f->roots.items[0].docker, "");
    assert_string_equal(f->roots.items[1].docker, "");
    assert_string_equal(f->roots.items[2].docker, "/data/docker");
    assert_string_equal(f->roots.items[2].engine, "docker");
    assert_true(f->roots.items[2].told);
    assert_false(f->roots.items[0].told || f->roots.items[1].told);
}

static void without_a_daemon_dockers_namespace_is_the_default_roots(void **state)
{
    struct fixture *f = *state;

    add_containerd(f, "/var/lib/docker/containerd/daemon", "moby", "");
    add_containerd(f, "/srv/containerd", "moby", "/run/other.sock");
    find(f);
    assert_string_equal(f->roots.items[0].docker, "/var/lib/docker");
    assert_string_equal(f->roots.items[1].docker, "");
}

static void a_root_that_only_the_daemon_sees_is_read_by_api(void **state)
{
    struct fixture *f = *state;
    const struct engine_root *root;

    answer(f, "{\"DockerRootDir\":\"/elsewhere\",\"Driver\":\"overlay2\","
              "\"ServerVersion\":\"20.10.24\"}");
    find(f);
    assert_int_equal(f->roots.count, 1);
    root = root_of(f, "overlay2");
    assert_true(root->by_api);
    assert_string_equal(root->path, "/elsewhere");
    assert_string_equal(root->socket, SOCKET);
    assert_string_equal(root->version, "20.10.24");
}

static void engines_and_directories_that_are_forbidden_are_left_alone(void **state)
{
    static const struct engine_driver *const drivers[] = {&docker_driver, NULL};
    static char *only[] = {"containerd"}, *skip[] = {"/var/lib/docker/"}, *other[] = {"/var/lib/d"};
    struct fixture *f = *state;
    struct err err;

    make_store(f, "overlay2");
    f->options.only = (struct engine_texts){.items = only, .count = 1};
    assert_ok(engine_find(drivers, &f->options, &f->roots, &err));
    assert_int_equal(f->roots.count, 0);
    f->options.only.count = 0;
    f->options.skip = (struct engine_texts){.items = skip, .count = 1};
    assert_ok(engine_find(drivers, &f->options, &f->roots, &err));
    assert_int_equal(f->roots.count, 0);
    f->options.skip.items = other;
    assert_ok(engine_find(drivers, &f->options, &f->roots, &err));
    assert_int_equal(f->roots.count, 1);
}

/* ---- containers ------------------------------------------------------------------------------ */

static void write_container(struct fixture *f, char digit, const char *storage)
{
    char id[DIGEST_HEX + 1] = {0}, name[256], text[1024], image[DIGEST_TEXT];
    struct digest digest = docker_store_diff("image");

    memset(id, digit, DIGEST_HEX);
    snprintf(name, sizeof(name), "var/lib/docker/containers/%s/config.v2.json", id);
    snprintf(text, sizeof(text),
             "{\"Image\":\"%s\",\"Name\":\"/web\",\"Driver\":\"%s\",\"ImageManifest\":{\"digest\":"
             "\"%s\"},\"State\":{\"Running\":false},\"Created\":\"2026-01-01T00:00:00Z\","
             "\"Config\":{\"Labels\":{\"io.kubernetes.pod.name\":\"web-0\","
             "\"io.kubernetes.pod.namespace\":\"shop\"}}}",
             digest_text(&digest, image), storage, image);
    tempdir_write_text(&f->dir, name, text);
}

static const struct rec_use *read_use(struct fixture *f)
{
    struct err err;

    engine_roots_free(&f->roots);
    find(f);
    engine_reading_close(&f->reading);
    assert_ok(docker_driver.read(&f->roots.items[0], &f->options, NULL, &f->reading, &err));
    return &f->reading->use;
}

static void containers_of_another_store_are_not_counted_here(void **state)
{
    struct fixture *f = *state;
    const struct rec_use *use;

    make_store(f, "overlay2");
    write_container(f, '1', "overlay2");
    write_container(f, '2', "overlayfs");
    use = read_use(f);
    assert_int_equal(use->container_count, 1);
    assert_int_equal(use->containers[0].id[0], '1');
}

static void labels_tell_namespace_and_pod_unless_switched_off(void **state)
{
    struct fixture *f = *state;
    const struct rec_use *use;

    make_store(f, "overlay2");
    write_container(f, '1', "overlay2");
    use = read_use(f);
    assert_string_equal(use->containers[0].name, "web");
    assert_string_equal(use->containers[0].kube_namespace, "shop");
    assert_string_equal(use->containers[0].kube_pod, "web-0");
    f->options.container_names = false;
    use = read_use(f);
    assert_string_equal(use->containers[0].name, "");
    assert_string_equal(use->containers[0].kube_namespace, "");
    assert_string_equal(use->containers[0].kube_pod, "");
}

static void the_manifest_that_a_container_runs_is_read(void **state)
{
    static const char text[] =
        "{\"Image\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\","
        "\"ImageManifest\":{\"digest\":"
        "\"sha256:2222222222222222222222222222222222222222222222222222222222222222\"},"
        "\"Driver\":\"overlayfs\",\"State\":{}}";
    struct docker_container c;
    struct err err;

    (void)state;
    assert_ok(docker_container_parse(&c, text, strlen(text), &err));
    assert_true(c.has_manifest);
    assert_int_equal(c.image.bytes[0], 0x11);
    assert_int_equal(c.manifest.bytes[0], 0x22);
    assert_string_equal(c.storage, "overlayfs");
}

static void every_place_where_a_change_shows_is_watched(void **state)
{
    struct fixture *f = *state;
    struct engine_paths paths = {0};
    bool containers = false, container = false, names = false;
    struct err err;

    make_store(f, "overlay2");
    write_container(f, '1', "overlay2");
    find(f);
    assert_ok(docker_driver.watches(&f->roots.items[0], &paths, &err));
    for (size_t i = 0; i < paths.count; i++) {
        names = names || strcmp(paths.items[i], "/var/lib/docker/image/overlay2") == 0;
        containers = containers || strcmp(paths.items[i], "/var/lib/docker/containers") == 0;
        container = container || strstr(paths.items[i], "/containers/1111") != NULL;
    }
    assert_true(names && containers && container);
    engine_paths_free(&paths);
}

#define with_host(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_host(what_a_daemon_that_moved_to_containerd_left_behind_is_orphaned),
        with_host(another_graph_drivers_store_is_orphaned),
        with_host(a_silent_daemon_orphans_nothing),
        with_host(a_daemon_names_the_containerd_store_that_is_its_own),
        with_host(without_a_daemon_dockers_namespace_is_the_default_roots),
        with_host(a_root_that_only_the_daemon_sees_is_read_by_api),
        with_host(engines_and_directories_that_are_forbidden_are_left_alone),
        with_host(containers_of_another_store_are_not_counted_here),
        with_host(labels_tell_namespace_and_pod_unless_switched_off),
        with_host(the_manifest_that_a_container_runs_is_read),
        with_host(every_place_where_a_change_shows_is_watched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
