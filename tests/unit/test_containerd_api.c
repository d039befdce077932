/* containerd's API: what it tells becomes a state. Messages are written here by field numbers, as
 * containerd's api/ has them. */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/engines/containerd/containerd_api.h"
#include "common/cleanup.h"
#include "tests/support/grpc_peer.h"
#include "tests/support/message.h"
#include "tests/support/tempdir.h"

#define VERSION "/containerd.services.version.v1.Version/Version"
#define NAMESPACES "/containerd.services.namespaces.v1.Namespaces/List"
#define PLUGINS "/containerd.services.introspection.v1.Introspection/Plugins"
#define IMAGES "/containerd.services.images.v1.Images/List"
#define CONTENT "/containerd.services.content.v1.Content/List"
#define READ "/containerd.services.content.v1.Content/Read"
#define SNAPSHOTS "/containerd.services.snapshots.v1.Snapshots/List"
#define CONTAINERS "/containerd.services.containers.v1.Containers/List"
#define TASKS "/containerd.services.tasks.v1.Tasks/List"

#define ANSWERS_MAX 16
#define PATIENCE_MS 20000 /* for a machine that is busy with other things */

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

struct fixture {
    struct tempdir dir;
    struct engine_root root;
    struct engine_options options;
    struct grpc_peer peer;
    struct grpc_peer_answer answers[ANSWERS_MAX];
    struct buf bodies[ANSWERS_MAX];
    size_t count;
    bool serving;
    struct containerd_state *state;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    tempdir_path(&f->dir, "socket", f->root.socket);
    f->options.api_timeout_ms = PATIENCE_MS;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    containerd_state_close(&f->state);
    if (f->serving)
        grpc_peer_stop(&f->peer);
    for (size_t i = 0; i < f->count; i++)
        buf_close(&f->bodies[i]);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static struct grpc_peer_answer *add_answer(struct fixture *f, const char *path, const char *space)
{
    struct grpc_peer_answer *a = &f->answers[f->count];

    assert_true(f->count < ANSWERS_MAX);
    f->bodies[f->count++] = message_new();
    *a = (struct grpc_peer_answer){.path = path, .space = space};
    return a;
}

/* One more message of the answer added last. */
static void add_message(struct fixture *f, struct buf *message)
{
    struct buf *body = &f->bodies[f->count - 1];
    uint8_t prefix[5] = {0, 0, (uint8_t)(message->len >> 16), (uint8_t)(message->len >> 8),
                         (uint8_t)message->len};

    assert_int_equal(buf_add(body, prefix, sizeof(prefix), NULL), 0);
    assert_int_equal(buf_add(body, buf_str(message), message->len, NULL), 0);
    buf_close(message);
    f->answers[f->count - 1].body = body->data;
    f->answers[f->count - 1].len = body->len;
}

static void serve(struct fixture *f)
{
    grpc_peer_start(&f->peer, f->root.socket, f->answers, f->count);
    f->serving = true;
}

static int ask(struct fixture *f, struct err *err)
{
    return containerd_api_state(&f->root, &f->options, &f->state, err);
}

/* ---- a containerd ---------------------------------------------------------------------------- */

static void add_version(struct fixture *f)
{
    struct buf m = message_new();

    add_answer(f, VERSION, NULL);
    message_put_text(&m, 1, "1.6.20");
    message_put_text(&m, 2, "revision");
    add_message(f, &m);
}

static void add_namespaces(struct fixture *f, const char *const *names, size_t count)
{
    struct buf m = message_new();

    add_answer(f, NAMESPACES, NULL);
    for (size_t i = 0; i < count; i++) {
        struct buf ns = message_new();

        message_put_text(&ns, 1, names[i]);
        message_put(&m, 1, &ns);
    }
    add_message(f, &m);
}

/* With "zfs" that failed to start. */
static void add_plugins(struct fixture *f)
{
    static const char *const ids[] = {"overlayfs", "zfs"};
    struct buf m = message_new();

    add_answer(f, PLUGINS, NULL);
    for (size_t i = 0; i < unit_count(ids); i++) {
        struct buf plugin = message_new(), why = message_new();

        message_put_text(&plugin, 1, "io.containerd.snapshotter.v1");
        message_put_text(&plugin, 2, ids[i]);
        message_put_text(&why, 2, "no zfs here");
        if (i == 1)
            message_put(&plugin, 7, &why);
        buf_close(&why);
        message_put(&m, 1, &plugin);
    }
    add_message(f, &m);
}

static void put_image(struct buf *list, const char *name, const char *digest)
{
    struct buf image = message_new(), target = message_new();

    message_put_text(&target, 1, MANIFEST_TYPE);
    message_put_text(&target, 2, digest);
    message_put_number(&target, 3, 579);
    message_put_text(&image, 1, name);
    message_put(&image, 3, &target);
    message_put(list, 1, &image);
}

static void add_images(struct fixture *f, const char *space, const char *digest)
{
    struct buf m = message_new();

    add_answer(f, IMAGES, space);
    put_image(&m, "docker.io/inv/b:1", digest);
    put_image(&m, "docker.io/inv/a:1", DIGEST_A);
    add_message(f, &m);
}

static struct buf blob_message(const char *digest)
{
    struct buf m = message_new(), info = message_new();

    message_put_text(&info, 1, digest);
    message_put_number(&info, 2, 1234);
    message_put_pair(&info, 5, "containerd.io/gc.ref.snapshot.overlayfs", DIGEST_B);
    message_put_pair(&info, 5, "mine", "not wanted");
    message_put(&m, 1, &info);
    return m;
}

/* A stream of two messages. */
static void add_content(struct fixture *f, const char *space)
{
    struct buf first = blob_message(DIGEST_B), second = blob_message(DIGEST_A);

    add_answer(f, CONTENT, space);
    add_message(f, &first);
    add_message(f, &second);
}

static void add_snapshots(struct fixture *f, const char *space)
{
    struct buf m = message_new(), info = message_new();

    add_answer(f, SNAPSHOTS, space);
    message_put_text(&info, 1, DIGEST_A);
    message_put_text(&info, 2, DIGEST_B);
    message_put_number(&info, 3, 3);
    message_put(&m, 1, &info);
    add_message(f, &m);
}

static void add_containers(struct fixture *f, const char *space)
{
    static const char *const ids[] = {"runs", "stopped", "paused"};
    struct buf m = message_new();

    add_answer(f, CONTAINERS, space);
    for (size_t i = 0; i < unit_count(ids); i++) {
        struct buf c = message_new();

        message_put_text(&c, 1, ids[i]);
        message_put_pair(&c, 2, "io.kubernetes.pod.name", "pod");
        message_put_text(&c, 3, "docker.io/inv/a:1");
        message_put_text(&c, 6, "overlayfs");
        message_put_text(&c, 7, "key");
        message_put(&m, 1, &c);
    }
    add_message(f, &m);
}

static void put_task(struct buf *list, const char *id, uint64_t pid, uint64_t status)
{
    struct buf task = message_new();

    message_put_text(&task, 2, id);
    message_put_number(&task, 3, pid);
    message_put_number(&task, 4, status);
    message_put(list, 1, &task);
}

static void add_tasks(struct fixture *f)
{
    struct buf m = message_new();

    add_answer(f, TASKS, NULL);
    put_task(&m, "stopped", 11, 3);
    put_task(&m, "paused", 12, 4);
    put_task(&m, "runs", 10, 2);
    add_message(f, &m);
}

/* Nothing in the lists of what other namespaces there are. */
static void add_nothing(struct fixture *f)
{
    static const char *const unary[] = {IMAGES, CONTAINERS};
    struct buf m;

    for (size_t i = 0; i < unit_count(unary); i++) {
        m = message_new();
        add_answer(f, unary[i], NULL);
        add_message(f, &m);
    }
    add_answer(f, CONTENT, NULL);
    add_answer(f, SNAPSHOTS, NULL);
}

static const char *const two_spaces[] = {"k8s.io", "default"};

static void add_containerd(struct fixture *f)
{
    add_version(f);
    add_namespaces(f, two_spaces, 2);
    add_plugins(f);
    add_images(f, "k8s.io", DIGEST_B);
    add_content(f, "k8s.io");
    add_snapshots(f, "k8s.io");
    add_containers(f, "k8s.io");
    add_nothing(f);
}

static const struct containerd_container *container_of(const struct containerd_namespace *ns,
                                                       const char *id)
{
    for (size_t i = 0; i < ns->container_count; i++) {
        if (strcmp(ns->containers[i].id, id) == 0)
            return &ns->containers[i];
    }
    fail_msg("no container %s", id);
    return NULL;
}

static void all_lists_become_a_state(void **state)
{
    struct fixture *f = *state;
    const struct containerd_namespace *ns;
    const struct containerd_snapshot *snapshot;
    struct err err;

    add_containerd(f);
    add_tasks(f);
    serve(f);
    assert_ok(ask(f, &err));
    assert_string_equal(f->state->version, "1.6.20");
    assert_int_equal(f->state->namespace_count, 2);
    assert_string_equal(f->state->namespaces[0].name, "default");
    assert_int_equal(f->state->namespaces[0].image_count, 0);
    assert_int_equal(f->state->namespaces[0].snapshotter_count, 0);
    ns = containerd_namespace_of(f->state, "k8s.io");
    assert_int_equal(ns->image_count, 2);
    assert_string_equal(ns->images[0].name, "docker.io/inv/a:1");
    assert_string_equal(ns->images[0].media_type, MANIFEST_TYPE);
    assert_int_equal(ns->images[0].size, 579);
    assert_int_equal(ns->blob_count, 2);
    assert_int_equal(ns->blobs[0].size, 1234);
    assert_int_equal(ns->blobs[0].labels.count, 1);
    assert_int_equal(ns->snapshotter_count, 1);
    assert_string_equal(ns->snapshotters[0].name, "overlayfs");
    snapshot = containerd_snapshot_of(&ns->snapshotters[0], DIGEST_A);
    assert_non_null(snapshot);
    assert_string_equal(snapshot->parent, DIGEST_B);
    assert_int_equal(snapshot->kind, CONTAINERD_COMMITTED);
    assert_int_equal(ns->problem_count, 0);
}

static void tasks_tell_who_runs(void **state)
{
    struct fixture *f = *state;
    const struct containerd_namespace *ns;
    struct err err;

    add_containerd(f);
    add_tasks(f);
    serve(f);
    assert_ok(ask(f, &err));
    ns = containerd_namespace_of(f->state, "k8s.io");
    assert_int_equal(container_of(ns, "runs")->pid, 10);
    assert_int_equal(container_of(ns, "stopped")->pid, 0);
    assert_true(container_of(ns, "stopped")->has_task);
    assert_int_equal(container_of(ns, "paused")->pid, 12);
    assert_string_equal(container_of(ns, "runs")->kube_pod, "pod");
}

static void tasks_that_are_not_told_leave_open_who_runs(void **state)
{
    struct fixture *f = *state;
    struct err err;

    add_containerd(f); /* the peer has no Tasks service */
    serve(f);
    assert_ok(ask(f, &err));
    assert_false(container_of(containerd_namespace_of(f->state, "k8s.io"), "runs")->has_task);
}

static void without_introspection_the_labels_name_the_snapshotters(void **state)
{
    struct fixture *f = *state;
    const struct containerd_namespace *ns;
    struct err err;

    add_version(f);
    add_namespaces(f, two_spaces, 1);
    add_images(f, NULL, DIGEST_B);
    add_content(f, NULL);
    add_snapshots(f, NULL);
    add_containers(f, NULL);
    serve(f);
    assert_ok(ask(f, &err));
    ns = containerd_namespace_of(f->state, "k8s.io");
    assert_int_equal(ns->snapshotter_count, 1);
    assert_string_equal(ns->snapshotters[0].name, "overlayfs");
}

static void a_broken_entry_is_a_problem_of_its_namespace(void **state)
{
    struct fixture *f = *state;
    const struct containerd_namespace *ns;
    struct err err;

    add_version(f);
    add_namespaces(f, two_spaces, 1);
    add_plugins(f);
    add_images(f, NULL, "sha512:abc");
    add_nothing(f);
    serve(f);
    assert_ok(ask(f, &err));
    ns = containerd_namespace_of(f->state, "k8s.io");
    assert_int_equal(ns->image_count, 1);
    assert_int_equal(ns->problem_count, 1);
    assert_non_null(strstr(ns->problems[0].subject, "docker.io/inv/b:1"));
    assert_non_null(strstr(ns->problems[0].text, "sha512"));
}

static void a_missing_service_is_named(void **state)
{
    struct fixture *f = *state;
    struct err err;

    add_version(f);
    add_namespaces(f, two_spaces, 1);
    add_plugins(f);
    serve(f);
    assert_fails(ask(f, &err), ERR_VERSION, "Images/List: UNIMPLEMENTED: unknown service");
    assert_non_null(strstr(err.text, "plugin"));
}

static void more_than_the_limit_is_an_error(void **state)
{
    struct fixture *f = *state;
    const char *names[CONTAINERD_NAMESPACES_MAX + 1];
    struct err err;

    for (size_t i = 0; i < unit_count(names); i++)
        names[i] = "same";
    add_version(f);
    add_namespaces(f, names, unit_count(names));
    serve(f);
    assert_fails(ask(f, &err), ERR_LIMIT, "Namespaces/List");
}

/* ---- documents ------------------------------------------------------------------------------- */

static void add_piece(struct fixture *f, uint64_t offset, const char *text)
{
    struct buf m = message_new();

    message_put_number(&m, 1, offset);
    message_put_text(&m, 2, text);
    add_message(f, &m);
}

static int read_blob(struct fixture *f, const char *digest, struct buf *out, struct err *err)
{
    struct digest d;

    assert_int_equal(digest_parse(&d, digest, strlen(digest), false, NULL), 0);
    return f->state->content(f->state, &d, out, err);
}

static void a_document_comes_in_pieces(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_close) struct buf out = message_new();
    struct err err;

    add_containerd(f);
    add_answer(f, READ, "k8s.io");
    add_piece(f, 0, "{\"a\":");
    add_piece(f, 5, "1}");
    serve(f);
    assert_ok(ask(f, &err));
    assert_ok(read_blob(f, DIGEST_A, &out, &err));
    assert_string_equal(buf_str(&out), "{\"a\":1}");
    assert_ok(read_blob(f, DIGEST_A, &out, &err)); /* replaces, and the connection lives on */
    assert_string_equal(buf_str(&out), "{\"a\":1}");
}

static void a_document_needs_no_state(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_close) struct buf out = message_new();
    struct digest digest;
    struct err err;

    assert_ok(digest_parse(&digest, DIGEST_A, strlen(DIGEST_A), false, &err));
    add_answer(f, READ, "k8s.io");
    add_piece(f, 0, "bytes");
    serve(f); /* knows nothing else */
    snprintf(f->root.space, sizeof(f->root.space), "k8s.io");
    assert_ok(containerd_api_document(&f->root, &f->options, &digest, &out, &err));
    assert_string_equal(buf_str(&out), "bytes");
    snprintf(f->root.space, sizeof(f->root.space), "default");
    assert_fails(containerd_api_document(&f->root, &f->options, &digest, &out, &err), ERR_VERSION,
                 DIGEST_A);
    assert_int_equal(out.len, 0);
}

static void documents_that_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_close) struct buf out = message_new();
    AUTO(buf_close) struct buf small;
    struct err err;

    add_containerd(f);
    add_answer(f, READ, NULL);
    add_piece(f, 7, "from the middle");
    serve(f);
    assert_ok(ask(f, &err));
    assert_fails(read_blob(f, DIGEST_A, &out, &err), ERR_PROTOCOL, "a piece at 7, expected at 0");
    assert_int_equal(out.len, 0);
    assert_fails(read_blob(f,
                           "sha256:"
                           "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
                           &out, &err),
                 ERR_NOT_FOUND, "in no namespace");
    buf_init(&small, 4);
    f->bodies[f->count - 1].data[6] = 0; /* the offset: it now is the beginning */
    assert_fails(read_blob(f, DIGEST_A, &small, &err), ERR_LIMIT, DIGEST_A);
    f->answers[f->count - 1] = (struct grpc_peer_answer){
        .path = READ, .status = "5", .text = "blob expected at /there%3A not found"};
    assert_fails(read_blob(f, DIGEST_A, &out, &err), ERR_NOT_FOUND, "at /there: not found");
}

static void a_message_that_is_none_is_an_error(void **state)
{
    static const char *const bytes[] = {
        "\n\177",   /* longer than it is */
        "\010\001", /* a number where a text belongs */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < unit_count(bytes); i++) {
        struct grpc_peer_answer *a = add_answer(f, VERSION, NULL);
        struct buf m = message_new();
        struct err err;

        assert_int_equal(buf_add(&m, bytes[i], 2, NULL), 0);
        add_message(f, &m);
        grpc_peer_start(&f->peer, f->root.socket, a, 1);
        assert_fails(containerd_api_answers(&f->root, &f->options, &err), ERR_PROTOCOL,
                     "no valid message");
        grpc_peer_stop(&f->peer);
        unlink(f->root.socket);
    }
}

static void without_a_socket_it_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_fails(containerd_api_answers(&f->root, &f->options, &err), ERR_UNAVAILABLE, "socket");
    f->root.socket[0] = '\0';
    assert_fails(ask(f, &err), ERR_UNAVAILABLE, "no socket of containerd is known");
    f->options.containerd_socket = "/nonexistent/containerd.sock";
    assert_fails(ask(f, &err), ERR_UNAVAILABLE, "/nonexistent/containerd.sock");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(all_lists_become_a_state),
        T(tasks_tell_who_runs),
        T(tasks_that_are_not_told_leave_open_who_runs),
        T(without_introspection_the_labels_name_the_snapshotters),
        T(a_broken_entry_is_a_problem_of_its_namespace),
        T(a_missing_service_is_named),
        T(more_than_the_limit_is_an_error),
        T(a_document_comes_in_pieces),
        T(a_document_needs_no_state),
        T(documents_that_cannot_be_read),
        T(a_message_that_is_none_is_an_error),
        T(without_a_socket_it_is_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
