#include "agent/engines/containerd/containerd_api.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd_api_parse.h"
#include "agent/engines/grpc_unix.h"
#include "common/cleanup.h"

#define REQUEST_BYTES 1024
#define SNAPSHOT_LABEL                                                                             \
    "containerd.io/gc.ref.snapshot." /* of a blob; a snapshotter's name follows */

/* ---- the connection -------------------------------------------------------------------------- */

/* What a state keeps as its source. */
struct api {
    struct grpc_unix *grpc;
    int socket_fd;
    struct buf request;
    struct containerd_state *state; /* being filled */
};

static void close_api(struct api **a)
{
    struct api *api = steal(a);

    if (api == NULL)
        return;
    grpc_unix_close(&api->grpc);
    cleanup_fd(&api->socket_fd);
    buf_close(&api->request);
    free(api);
}

/* `answers`: how many times the patience for one answer all calls together may take. */
static int open_api(struct api **out, const struct engine_root *root,
                    const struct engine_options *options, int answers, struct err *err)
{
    const char *path = root->socket[0] != '\0' ? root->socket : options->containerd_socket;
    const struct grpc_unix_limits limits = {
        .message_max = CONTAINERD_API_MESSAGE_BYTES,
        .answer_max = CONTAINERD_API_ANSWER_BYTES,
        .call_ms = options->api_timeout_ms,
        .total_ms = options->api_timeout_ms * answers,
    };
    AUTO(close_api) struct api *api = NULL;

    if (path == NULL || path[0] == '\0')
        return err_set(err, ERR_UNAVAILABLE, "%s: no socket of containerd is known", root->path);
    api = calloc(1, sizeof(*api));
    if (api == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to ask %s", path);
    buf_init(&api->request, REQUEST_BYTES);
    api->socket_fd = engine_open(root, path, O_PATH, err);
    if (api->socket_fd < 0) {
        if (err != NULL && err->kind == ERR_NOT_FOUND)
            err->kind = ERR_UNAVAILABLE;
        return -1;
    }
    if (grpc_unix_open(&api->grpc, api->socket_fd, path, &limits, err) != 0)
        return -1;
    *out = steal(&api);
    return 0;
}

/* ---- messages to the parsers ----------------------------------------------------------------- */

/* Where an answer's messages go. */
struct sink {
    struct containerd_state *state;
    struct containerd_namespace *ns;
    struct containerd_snapshotter *snapshotter;
    struct containerd_api_names *names;
};

static int on_version(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_version(s->state, data, len, err);
}

static int on_namespaces(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_namespaces(s->state, data, len, err);
}

static int on_plugins(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_plugins(s->state, s->names, data, len, err);
}

static int on_images(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_images(s->state, s->ns, data, len, err);
}

static int on_blobs(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_blobs(s->state, s->ns, data, len, err);
}

static int on_snapshots(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_snapshots(s->state, s->snapshotter, data, len, err);
}

static int on_containers(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_containers(s->state, s->ns, data, len, err);
}

static int on_tasks(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct sink *s = arg;

    return containerd_parse_tasks(s->ns, data, len, err);
}

static int on_piece(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    return containerd_parse_piece(arg, data, len, err);
}

/* ---- calls ----------------------------------------------------------------------------------- */

struct method {
    const char *path;
    grpc_unix_message_fn *on_message;
    bool stream; /* it answers with any number of messages */
};

static const struct method get_version = {.path = "/containerd.services.version.v1.Version/Version",
                                          .on_message = on_version};
static const struct method list_namespaces = {
    .path = "/containerd.services.namespaces.v1.Namespaces/List", .on_message = on_namespaces};
static const struct method list_plugins = {
    .path = "/containerd.services.introspection.v1.Introspection/Plugins",
    .on_message = on_plugins};
static const struct method list_images = {.path = "/containerd.services.images.v1.Images/List",
                                          .on_message = on_images};
static const struct method list_containers = {
    .path = "/containerd.services.containers.v1.Containers/List", .on_message = on_containers};
static const struct method list_tasks = {.path = "/containerd.services.tasks.v1.Tasks/List",
                                         .on_message = on_tasks};
static const struct method list_content = {
    .path = "/containerd.services.content.v1.Content/List", .on_message = on_blobs, .stream = true};
static const struct method read_content = {
    .path = "/containerd.services.content.v1.Content/Read", .on_message = on_piece, .stream = true};
static const struct method list_snapshots = {.path =
                                                 "/containerd.services.snapshots.v1.Snapshots/List",
                                             .on_message = on_snapshots,
                                             .stream = true};

/* Makes a call whose request is in api->request; `space` NULL where it is of no namespace.
 * containerd leaves out a service when a plugin below it fails to start, and runs on. */
static int ask(struct api *api, const struct method *method, const char *space, void *arg,
               struct err *err)
{
    const struct grpc_unix_call call = {
        .path = method->path,
        .space = space,
        .request = buf_str(&api->request),
        .request_len = api->request.len,
        .stream = method->stream,
    };
    struct err why;

    if (grpc_unix_call(api->grpc, &call, method->on_message, arg, &why) == 0)
        return 0;
    if (why.kind == ERR_VERSION)
        return err_set(err, why.kind, "%s (a plugin of containerd failed: see `ctr plugins ls`)",
                       why.text);
    return err_set(err, why.kind, "%s", why.text);
}

/* The same with an empty request. */
static int ask_all(struct api *api, const struct method *method, const char *space,
                   struct sink *sink, struct err *err)
{
    buf_reset(&api->request);
    return ask(api, method, space, sink, err);
}

/* ---- one namespace --------------------------------------------------------------------------- */

/* What the namespace's own blobs and containers name, where the daemon does not say which
 * snapshotters it has. */
static int guess_snapshotters(struct containerd_state *state, const struct containerd_namespace *ns,
                              struct containerd_api_names *names, struct err *err)
{
    size_t prefix = strlen(SNAPSHOT_LABEL);

    for (size_t i = 0; i < ns->blob_count; i++) {
        const struct containerd_labels *labels = &ns->blobs[i].labels;

        for (size_t j = 0; j < labels->count; j++) {
            const char *key = labels->items[j].key;

            if (strncmp(key, SNAPSHOT_LABEL, prefix) == 0 &&
                containerd_api_name(state, names, key + prefix, strcspn(key + prefix, "/"), err) !=
                    0)
                return -1;
        }
    }
    for (size_t i = 0; i < ns->container_count; i++) {
        const char *name = ns->containers[i].snapshotter;

        if (name[0] != '\0' && containerd_api_name(state, names, name, strlen(name), err) != 0)
            return -1;
    }
    return 0;
}

/* A snapshotter with nothing of this namespace in it is none of its. */
static int take_snapshots(struct api *api, struct containerd_namespace *ns, const char *name,
                          struct err *err)
{
    struct containerd_snapshotter *s = &ns->snapshotters[ns->snapshotter_count];
    struct sink sink = {.state = api->state, .ns = ns, .snapshotter = s};

    *s = (struct containerd_snapshotter){.name = name};
    if (containerd_make_snapshots_request(&api->request, name, err) != 0 ||
        ask(api, &list_snapshots, ns->name, &sink, err) != 0)
        return -1;
    ns->snapshotter_count += s->count > 0;
    return 0;
}

/* `known`: the daemon's snapshotters, none where it does not say. */
static int take_snapshotters(struct api *api, struct containerd_namespace *ns,
                             const struct containerd_api_names *known, struct err *err)
{
    struct containerd_api_names names = *known;
    struct err why;

    if (names.count == 0 && guess_snapshotters(api->state, ns, &names, err) != 0)
        return -1;
    ns->snapshotters = arena_array(api->state->arena, names.count, sizeof(*ns->snapshotters), err);
    if (ns->snapshotters == NULL)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        if (take_snapshots(api, ns, names.items[i], &why) == 0)
            continue;
        if (why.kind != ERR_PROTOCOL || known->count > 0)
            return err_set(err, why.kind, "%s", why.text);
        if (containerd_state_problem(api->state, ns, err, names.items[i], "%s", why.text) != 0)
            return -1; /* a guess: containerd has it no more */
    }
    return 0;
}

/* Asking for tasks goes to each container's shim, which may hang: then nothing is known of who
 * runs, and all else stands. */
static int take_tasks(struct api *api, struct containerd_namespace *ns, struct err *err)
{
    struct sink sink = {.state = api->state, .ns = ns};
    struct err why;

    if (ns->container_count == 0 || ask_all(api, &list_tasks, ns->name, &sink, &why) == 0)
        return 0;
    for (size_t i = 0; i < ns->container_count; i++)
        ns->containers[i].has_task = false;
    return why.kind == ERR_NO_MEMORY ? err_set(err, why.kind, "%s", why.text) : 0;
}

/* Images first: what is pulled meanwhile then has its blobs in the lists that follow. */
static int take_namespace(struct api *api, struct containerd_namespace *ns,
                          const struct containerd_api_names *snapshotters, struct err *err)
{
    struct sink sink = {.state = api->state, .ns = ns};

    if (ask_all(api, &list_images, ns->name, &sink, err) != 0 ||
        ask_all(api, &list_content, ns->name, &sink, err) != 0 ||
        ask_all(api, &list_containers, ns->name, &sink, err) != 0 ||
        take_snapshotters(api, ns, snapshotters, err) != 0 || take_tasks(api, ns, err) != 0)
        return -1;
    return 0;
}

/* ---- documents ------------------------------------------------------------------------------- */

static int read_blob(struct api *api, const char *space, const struct digest *digest,
                     struct buf *out, struct err *err)
{
    char text[DIGEST_TEXT];

    buf_reset(out);
    if (containerd_make_read_request(&api->request, digest, err) == 0 &&
        ask(api, &read_content, space, out, err) == 0)
        return 0;
    buf_reset(out);
    return err_wrap(err, "blob %s", digest_text(digest, text));
}

/* A blob's bytes are the same in every namespace that knows it. */
static int take_content(struct containerd_state *state, const struct digest *digest,
                        struct buf *out, struct err *err)
{
    char text[DIGEST_TEXT];

    for (size_t i = 0; i < state->namespace_count; i++) {
        const struct containerd_namespace *ns = &state->namespaces[i];

        if (containerd_blob_of(ns, digest) != NULL)
            return read_blob(state->source, ns->name, digest, out, err);
    }
    return err_set(err, ERR_NOT_FOUND, "blob %s is in no namespace", digest_text(digest, text));
}

static void close_source(struct containerd_state *state)
{
    struct api *api = steal(&state->source);

    close_api(&api);
}

/* ---- public ---------------------------------------------------------------------------------- */

static int ask_version(struct api *api, struct err *err)
{
    struct sink sink = {.state = api->state};

    return ask_all(api, &get_version, NULL, &sink, err);
}

/* A daemon without the Introspection service says so, and is asked for what its labels name. */
static int ask_snapshotters(struct api *api, struct containerd_api_names *names, struct err *err)
{
    struct sink sink = {.state = api->state, .names = names};
    struct err why;

    if (containerd_make_plugins_request(&api->request, err) != 0)
        return -1;
    if (ask(api, &list_plugins, NULL, &sink, &why) == 0 || why.kind == ERR_VERSION)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

static int fill(struct api *api, struct err *err)
{
    struct containerd_api_names snapshotters = {.count = 0};
    struct sink sink = {.state = api->state};

    if (ask_version(api, err) != 0 || ask_all(api, &list_namespaces, NULL, &sink, err) != 0 ||
        ask_snapshotters(api, &snapshotters, err) != 0)
        return -1;
    for (size_t i = 0; i < api->state->namespace_count; i++) {
        if (take_namespace(api, &api->state->namespaces[i], &snapshotters, err) != 0)
            return -1;
    }
    return 0;
}

int containerd_api_state(const struct engine_root *root, const struct engine_options *options,
                         struct containerd_state **out, struct err *err)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    AUTO(close_api) struct api *api = NULL;

    if (open_api(&api, root, options, CONTAINERD_API_PATIENCES, err) != 0 ||
        containerd_state_open(&state, err) != 0)
        return -1;
    api->state = state;
    if (fill(api, err) != 0)
        return err_wrap(err, "ask containerd");
    containerd_state_sort(state);
    state->content = take_content;
    state->close = close_source;
    state->source = steal(&api);
    *out = steal(&state);
    return 0;
}

int containerd_api_document(const struct engine_root *root, const struct engine_options *options,
                            const struct digest *digest, struct buf *out, struct err *err)
{
    AUTO(close_api) struct api *api = NULL;

    if (open_api(&api, root, options, 1, err) != 0)
        return -1;
    return read_blob(api, root->space, digest, out, err);
}

int containerd_api_version(const struct engine_root *root, const struct engine_options *options,
                           char *version, size_t size, struct err *err)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    AUTO(close_api) struct api *api = NULL;

    if (open_api(&api, root, options, 1, err) != 0 || containerd_state_open(&state, err) != 0)
        return -1;
    api->state = state;
    if (ask_version(api, err) != 0)
        return err_wrap(err, "ask containerd");
    snprintf(version, size, "%s", state->version);
    return 0;
}

int containerd_api_answers(const struct engine_root *root, const struct engine_options *options,
                           struct err *err)
{
    char version[64];

    return containerd_api_version(root, options, version, sizeof(version), err);
}
