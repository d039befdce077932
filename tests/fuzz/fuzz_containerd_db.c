/* Any bolt file as containerd's metadata, and as a snapshotter's own. */
#include <string.h>

#include "agent/engines/containerd/containerd_db.h"
#include "agent/engines/containerd/containerd_pass.h"
#include "common/check.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_namespace(const struct containerd_namespace *ns)
{
    check(ns->name != NULL && ns->image_count <= CONTAINERD_IMAGES_MAX);
    for (size_t i = 0; i < ns->image_count; i++) {
        struct containerd_name parsed;

        check(i == 0 || strcmp(ns->images[i - 1].name, ns->images[i].name) < 0);
        containerd_name_parse(&parsed, &ns->images[i]);
        check(containerd_image_of(ns, ns->images[i].name) == &ns->images[i]);
    }
    for (size_t i = 0; i < ns->blob_count; i++)
        check(containerd_blob_of(ns, &ns->blobs[i].digest) == &ns->blobs[i]);
    for (size_t i = 0; i < ns->snapshotter_count; i++)
        check(containerd_snapshotter_of(ns, ns->snapshotters[i].name) == &ns->snapshotters[i]);
    for (size_t i = 0; i < ns->container_count; i++)
        check(ns->containers[i].id != NULL && ns->containers[i].image != NULL);
}

static void read_state(struct bolt *db)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    struct containerd_keys keys;
    struct err err = {.kind = ERR_NONE};

    if (containerd_state_open(&state, NULL) != 0)
        return;
    if (containerd_db_state(state, db, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return;
    }
    for (size_t i = 0; i < state->namespace_count; i++)
        check_namespace(&state->namespaces[i]);
    if (containerd_db_keys(&keys, state, db, NULL) == 0)
        containerd_db_join(state, "overlayfs", &keys, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(bolt_close) struct bolt *db = NULL;

    if (bolt_open_bytes(&db, data, size, NULL) == 0)
        read_state(db);
    return 0;
}
