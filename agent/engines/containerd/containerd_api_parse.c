#include "agent/engines/containerd/containerd_api_parse.h"

#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "proto/containerd.pb-c.h"

#define SNAPSHOTTER_TYPE "io.containerd.snapshotter.v1"

/* ---- unpacking ------------------------------------------------------------------------------- */

/* A message unpacked into memory of its own, of which it may take at most some times its length. */
struct unpacked {
    struct arena *arena;
    ProtobufCMessage *message;
    struct err err;
};

static void *take(void *arg, size_t size)
{
    struct unpacked *u = arg;

    return arena_alloc(u->arena, size, &u->err);
}

static void leave(void *arg, void *at)
{
    (void)arg;
    (void)at; /* the arena frees all */
}

static void close_unpacked(struct unpacked *u)
{
    arena_close(&u->arena);
}

/* containerd's own messages take about three times their length; one of nothing but empty entries
 * would take fifty times. */
static size_t memory_max(size_t len)
{
    return ((size_t)64 << 10) + len * 8;
}

static int unpack(struct unpacked *u, const ProtobufCMessageDescriptor *descriptor,
                  const uint8_t *data, size_t len, struct err *err)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = leave, .allocator_data = u};

    if (arena_open(&u->arena, memory_max(len), err) != 0)
        return -1;
    u->message = protobuf_c_message_unpack(descriptor, &allocator, len, data);
    if (u->message != NULL)
        return 0;
    if (u->err.kind != ERR_NONE)
        return err_set(err, u->err.kind, "unpacked message: %s", u->err.text);
    return err_set(err, ERR_PROTOCOL, "no valid message of %s", descriptor->name);
}

/* ---- lists and texts ------------------------------------------------------------------------- */

static int put_text(struct containerd_state *state, const char **out, const char *text,
                    struct err *err)
{
    *out = containerd_text(state, text, strlen(text), err);
    return *out != NULL ? 0 : -1;
}

int containerd_api_name(struct containerd_state *state, struct containerd_api_names *names,
                        const char *name, size_t len, struct err *err)
{
    const char *text = containerd_text(state, name, len, err);

    if (text == NULL)
        return -1;
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], text) == 0)
            return 0;
    }
    if (names->count == CONTAINERD_SNAPSHOTTERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d snapshotters", CONTAINERD_SNAPSHOTTERS_MAX);
    names->items[names->count++] = text;
    return 0;
}

static uint64_t size_of(int64_t size)
{
    return size > 0 ? (uint64_t)size : 0;
}

/* ---- the daemon ------------------------------------------------------------------------------ */

int containerd_parse_version(struct containerd_state *state, const uint8_t *data, size_t len,
                             struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__VersionResponse *m;

    if (unpack(&u, &containerd__version_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__VersionResponse *)u.message;
    return put_text(state, &state->version, m->version, err);
}

int containerd_parse_namespaces(struct containerd_state *state, const uint8_t *data, size_t len,
                                struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ListNamespacesResponse *m;

    if (unpack(&u, &containerd__list_namespaces_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ListNamespacesResponse *)u.message;
    for (size_t i = 0; i < m->n_namespaces; i++) {
        struct containerd_namespace *ns =
            containerd_add(state, &state->namespaces, state->namespace_count, sizeof(*ns),
                           CONTAINERD_NAMESPACES_MAX, err);

        if (ns == NULL || put_text(state, &ns->name, m->namespaces[i]->name, err) != 0)
            return -1;
        state->namespace_count++;
    }
    return 0;
}

int containerd_parse_plugins(struct containerd_state *state, struct containerd_api_names *names,
                             const uint8_t *data, size_t len, struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__PluginsResponse *m;

    if (unpack(&u, &containerd__plugins_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__PluginsResponse *)u.message;
    for (size_t i = 0; i < m->n_plugins; i++) {
        const Containerd__Plugin *plugin = m->plugins[i];

        if (strcmp(plugin->type, SNAPSHOTTER_TYPE) == 0 && plugin->init_err == NULL &&
            containerd_api_name(state, names, plugin->id, strlen(plugin->id), err) != 0)
            return -1;
    }
    return 0;
}

/* ---- images and blobs ------------------------------------------------------------------------ */

static int add_image(struct containerd_state *state, struct containerd_namespace *ns,
                     const Containerd__Image *from, struct err *err)
{
    const Containerd__Descriptor *target = from->target;
    struct containerd_image *image;
    char subject[REC_NAME_BYTES];
    struct digest digest;
    struct err why;

    snprintf(subject, sizeof(subject), "image %.400s", from->name);
    if (target == NULL)
        return containerd_state_problem(state, ns, err, subject, "it has no target");
    if (digest_parse(&digest, target->digest, strlen(target->digest), false, &why) != 0)
        return containerd_state_problem(state, ns, err, subject, "its target: %s", why.text);
    image = containerd_add(state, &ns->images, ns->image_count, sizeof(*image),
                           CONTAINERD_IMAGES_MAX, err);
    if (image == NULL || put_text(state, &image->name, from->name, err) != 0 ||
        put_text(state, &image->media_type, target->media_type, err) != 0)
        return -1;
    image->target = digest;
    image->size = size_of(target->size);
    ns->image_count++;
    return 0;
}

int containerd_parse_images(struct containerd_state *state, struct containerd_namespace *ns,
                            const uint8_t *data, size_t len, struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ListImagesResponse *m;

    if (unpack(&u, &containerd__list_images_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ListImagesResponse *)u.message;
    for (size_t i = 0; i < m->n_images; i++) {
        if (add_image(state, ns, m->images[i], err) != 0)
            return -1;
    }
    return 0;
}

static int add_labels(struct containerd_state *state, struct containerd_labels *out,
                      Containerd__Label *const *from, size_t count, struct err *err)
{
    for (size_t i = 0; i < count && out->count < CONTAINERD_LABELS_MAX; i++) {
        struct containerd_label *label;

        if (!containerd_label_wanted(from[i]->key, strlen(from[i]->key)))
            continue;
        label = containerd_add(state, &out->items, out->count, sizeof(*label),
                               CONTAINERD_LABELS_MAX, err);
        if (label == NULL || put_text(state, &label->key, from[i]->key, err) != 0 ||
            put_text(state, &label->value, from[i]->value, err) != 0)
            return -1;
        out->count++;
    }
    return 0;
}

static int add_blob(struct containerd_state *state, struct containerd_namespace *ns,
                    const Containerd__ContentInfo *from, struct err *err)
{
    struct containerd_blob *blob;
    char subject[REC_NAME_BYTES];
    struct digest digest;
    struct err why;

    if (digest_parse(&digest, from->digest, strlen(from->digest), false, &why) != 0) {
        snprintf(subject, sizeof(subject), "blob %.400s", from->digest);
        return containerd_state_problem(state, ns, err, subject, "%s", why.text);
    }
    blob =
        containerd_add(state, &ns->blobs, ns->blob_count, sizeof(*blob), CONTAINERD_BLOBS_MAX, err);
    if (blob == NULL || add_labels(state, &blob->labels, from->labels, from->n_labels, err) != 0)
        return -1;
    blob->digest = digest;
    blob->size = size_of(from->size);
    ns->blob_count++;
    return 0;
}

int containerd_parse_blobs(struct containerd_state *state, struct containerd_namespace *ns,
                           const uint8_t *data, size_t len, struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ListContentResponse *m;

    if (unpack(&u, &containerd__list_content_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ListContentResponse *)u.message;
    for (size_t i = 0; i < m->n_info; i++) {
        if (add_blob(state, ns, m->info[i], err) != 0)
            return -1;
    }
    return 0;
}

int containerd_parse_piece(struct buf *out, const uint8_t *data, size_t len, struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ReadContentResponse *m;

    if (unpack(&u, &containerd__read_content_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ReadContentResponse *)u.message;
    if (m->offset < 0 || (uint64_t)m->offset != out->len)
        return err_set(err, ERR_PROTOCOL, "a piece at %lld, expected at %zu", (long long)m->offset,
                       out->len);
    return buf_add(out, m->data.data, m->data.len, err);
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static enum containerd_kind kind_of(Containerd__SnapshotKind kind)
{
    switch (kind) {
    case CONTAINERD__SNAPSHOT_KIND__SNAPSHOT_VIEW:
        return CONTAINERD_VIEW;
    case CONTAINERD__SNAPSHOT_KIND__SNAPSHOT_ACTIVE:
        return CONTAINERD_ACTIVE;
    case CONTAINERD__SNAPSHOT_KIND__SNAPSHOT_COMMITTED:
        return CONTAINERD_COMMITTED;
    default:
        return 0;
    }
}

int containerd_parse_snapshots(struct containerd_state *state,
                               struct containerd_snapshotter *snapshotter, const uint8_t *data,
                               size_t len, struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ListSnapshotsResponse *m;

    if (unpack(&u, &containerd__list_snapshots_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ListSnapshotsResponse *)u.message;
    for (size_t i = 0; i < m->n_info; i++) {
        const Containerd__SnapshotInfo *from = m->info[i];
        struct containerd_snapshot *snapshot =
            containerd_add(state, &snapshotter->snapshots, snapshotter->count, sizeof(*snapshot),
                           CONTAINERD_SNAPSHOTS_MAX, err);

        if (snapshot == NULL || put_text(state, &snapshot->key, from->name, err) != 0 ||
            put_text(state, &snapshot->parent, from->parent, err) != 0)
            return -1;
        snapshot->name = "";
        snapshot->kind = kind_of(from->kind);
        snapshotter->count++;
    }
    return 0;
}

/* ---- containers ------------------------------------------------------------------------------ */

static int add_container(struct containerd_state *state, struct containerd_namespace *ns,
                         const Containerd__Container *from, struct err *err)
{
    struct containerd_container *c = containerd_add(state, &ns->containers, ns->container_count,
                                                    sizeof(*c), REC_CONTAINERS_MAX, err);

    if (c == NULL || put_text(state, &c->id, from->id, err) != 0 ||
        put_text(state, &c->image, from->image, err) != 0 ||
        put_text(state, &c->snapshotter, from->snapshotter, err) != 0 ||
        put_text(state, &c->snapshot_key, from->snapshot_key, err) != 0)
        return -1;
    c->name = c->kube_namespace = c->kube_pod = "";
    for (size_t i = 0; i < from->n_labels; i++) {
        const Containerd__Label *label = from->labels[i];

        if (containerd_container_label(state, c, label->key, strlen(label->key), label->value,
                                       strlen(label->value), err) != 0)
            return -1;
    }
    for (size_t i = 0; i < from->n_extensions; i++) {
        const Containerd__Extension *extension = from->extensions[i];

        containerd_container_extension(c, extension->key, strlen(extension->key),
                                       extension->value.data, extension->value.len);
    }
    ns->container_count++;
    return 0;
}

int containerd_parse_containers(struct containerd_state *state, struct containerd_namespace *ns,
                                const uint8_t *data, size_t len, struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ListContainersResponse *m;

    if (unpack(&u, &containerd__list_containers_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ListContainersResponse *)u.message;
    for (size_t i = 0; i < m->n_containers; i++) {
        if (add_container(state, ns, m->containers[i], err) != 0)
            return -1;
    }
    return 0;
}

static int compare_tasks(const void *a, const void *b)
{
    const Containerd__Process *const *x = a, *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

static bool is_running(const Containerd__Process *task)
{
    return task->status == CONTAINERD__TASK_STATUS__TASK_RUNNING ||
           task->status == CONTAINERD__TASK_STATUS__TASK_PAUSED ||
           task->status == CONTAINERD__TASK_STATUS__TASK_PAUSING;
}

/* A task's ID is its container's. */
int containerd_parse_tasks(struct containerd_namespace *ns, const uint8_t *data, size_t len,
                           struct err *err)
{
    AUTO(close_unpacked) struct unpacked u = {0};
    const Containerd__ListTasksResponse *m;

    if (unpack(&u, &containerd__list_tasks_response__descriptor, data, len, err) != 0)
        return -1;
    m = (const Containerd__ListTasksResponse *)u.message;
    if (m->n_tasks > 0)
        qsort(m->tasks, m->n_tasks, sizeof(*m->tasks), compare_tasks);
    for (size_t i = 0; i < ns->container_count; i++) {
        struct containerd_container *c = &ns->containers[i];
        const Containerd__Process key = {.id = (char *)c->id}, *wanted = &key;
        const Containerd__Process *const *found = NULL;

        if (m->n_tasks > 0)
            found = bsearch(&wanted, m->tasks, m->n_tasks, sizeof(*m->tasks), compare_tasks);
        c->has_task = true;
        c->pid = found != NULL && is_running(*found) ? (long)(*found)->pid : 0;
    }
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

static int pack(struct buf *out, const ProtobufCMessage *message, struct err *err)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *room;

    buf_reset(out);
    room = buf_reserve(out, len, err);
    if (room == NULL)
        return -1;
    check(protobuf_c_message_pack(message, room) == len);
    buf_commit(out, len);
    return 0;
}

/* protobuf-c's structs are not const, but packing only reads. */
int containerd_make_snapshots_request(struct buf *out, const char *snapshotter, struct err *err)
{
    Containerd__ListSnapshotsRequest m = CONTAINERD__LIST_SNAPSHOTS_REQUEST__INIT;

    m.snapshotter = (char *)snapshotter;
    return pack(out, &m.base, err);
}

int containerd_make_read_request(struct buf *out, const struct digest *digest, struct err *err)
{
    Containerd__ReadContentRequest m = CONTAINERD__READ_CONTENT_REQUEST__INIT;
    char text[DIGEST_TEXT];

    m.digest = digest_text(digest, text);
    return pack(out, &m.base, err);
}

int containerd_make_plugins_request(struct buf *out, struct err *err)
{
    Containerd__PluginsRequest m = CONTAINERD__PLUGINS_REQUEST__INIT;
    char filter[] = "type==" SNAPSHOTTER_TYPE;
    char *filters[] = {filter};

    m.filters = filters;
    m.n_filters = 1;
    return pack(out, &m.base, err);
}
