/* A message of containerd's API; the first byte says which. What is accepted is a state that can be
 * sorted and looked up. */
#include <string.h>

#include "agent/engines/containerd/containerd_api_parse.h"
#include "common/check.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a message is added to. */
struct target {
    struct containerd_state *state;
    struct containerd_namespace *ns;
    struct containerd_snapshotter *snapshotter;
    struct buf piece;
};

static int parse(struct target *t, uint8_t which, const uint8_t *data, size_t size, struct err *err)
{
    struct containerd_api_names names = {.count = 0};

    switch (which) {
    case 'v':
        return containerd_parse_version(t->state, data, size, err);
    case 'n':
        return containerd_parse_namespaces(t->state, data, size, err);
    case 'p':
        return containerd_parse_plugins(t->state, &names, data, size, err);
    case 'i':
        return containerd_parse_images(t->state, t->ns, data, size, err);
    case 'b':
        return containerd_parse_blobs(t->state, t->ns, data, size, err);
    case 'c':
        return containerd_parse_containers(t->state, t->ns, data, size, err);
    case 't':
        return containerd_parse_tasks(t->ns, data, size, err);
    case 's':
        return containerd_parse_snapshots(t->state, t->snapshotter, data, size, err);
    default:
        return containerd_parse_piece(&t->piece, data, size, err);
    }
}

static void look_up(const struct target *t)
{
    const struct containerd_namespace *ns = t->ns;

    for (size_t i = 0; i < ns->image_count; i++)
        check(containerd_image_of(ns, ns->images[i].name) == &ns->images[i]);
    for (size_t i = 0; i < ns->blob_count; i++)
        check(containerd_blob_of(ns, &ns->blobs[i].digest) == &ns->blobs[i]);
    for (size_t i = 0; i < t->snapshotter->count; i++)
        check(containerd_snapshot_of(t->snapshotter, t->snapshotter->snapshots[i].key) ==
              &t->snapshotter->snapshots[i]);
    for (size_t i = 0; i < ns->container_count; i++)
        check(ns->containers[i].id != NULL && ns->containers[i].name != NULL);
}

/* One namespace and one snapshotter of it, in the state as containerd_api would have them. */
static void open_target(struct target *t)
{
    check(containerd_state_open(&t->state, NULL) == 0);
    t->ns = containerd_add(t->state, &t->state->namespaces, 0, sizeof(*t->ns), 1, NULL);
    check(t->ns != NULL);
    t->ns->name = "fuzz";
    t->state->namespace_count = 1;
    t->snapshotter =
        containerd_add(t->state, &t->ns->snapshotters, 0, sizeof(*t->snapshotter), 1, NULL);
    check(t->snapshotter != NULL);
    t->snapshotter->name = "fuzz";
    t->ns->snapshotter_count = 1;
    buf_init(&t->piece, 1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct target t = {0};
    struct err err = {.kind = ERR_NONE};

    if (size == 0)
        return 0;
    open_target(&t);
    if (parse(&t, data[0], data + 1, size - 1, &err) != 0) {
        check(err.kind == ERR_PROTOCOL || err.kind == ERR_LIMIT);
    } else if (data[0] != 'n') { /* which may have moved the namespaces */
        containerd_state_sort(t.state);
        look_up(&t);
    }
    buf_close(&t.piece);
    containerd_state_close(&t.state);
    return 0;
}
