/* containerd_files: a containerd's state from its files, and which state of them that is. */
#include <fcntl.h>
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"

#define META_DB "meta.db"
#define KEYS_DB "metadata.db"

/* The directory of a snapshotter; -1 in *fd where there is none, or nothing in it can be measured.
 */
static int open_snapshotter(const struct engine_root *root, const char *snapshotter, int *fd,
                            struct err *err)
{
    char below[128];

    *fd = -1;
    if (snapshotter[0] == '\0' || containerd_layout_of(snapshotter) == NULL)
        return 0;
    snprintf(below, sizeof(below), CONTAINERD_SNAPSHOTTER "%s", snapshotter);
    return containerd_open_optional(root, below, fd, err);
}

static int read_metadata(struct containerd_state *state, struct bolt_version *version,
                         const struct engine_root *root, struct err *err)
{
    AUTO_FD int dir = containerd_open_below(root, CONTAINERD_METADATA, err);
    AUTO(bolt_close) struct bolt *db = NULL;

    if (dir < 0)
        return -1;
    if (bolt_open(&db, dir, META_DB, containerd_file_max(root), err) != 0 ||
        containerd_db_state(state, db, err) != 0)
        return err_wrap(err, "containerd's metadata");
    *version = bolt_version(db);
    return 0;
}

/* A file that is not there knows no snapshots. */
static int read_keys(struct containerd_state *state, struct containerd_keys *keys,
                     struct bolt_version *version, int dir, size_t max, struct err *err)
{
    AUTO(bolt_close) struct bolt *db = NULL;
    struct err why = {0};

    if (dir >= 0 && bolt_open(&db, dir, KEYS_DB, max, &why) != 0 && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    if (db == NULL)
        return 0;
    *version = bolt_version(db);
    return containerd_db_keys(keys, state, db, err);
}

/* The snapshotter's file is read after meta.db: containerd tells a snapshotter to make a snapshot
 * before it writes that down, and to remove one after. */
static int read_snapshotter(struct containerd_state *state, struct containerd_keys *keys,
                            struct bolt_version *version, const struct engine_root *root,
                            const char *snapshotter, struct err *err)
{
    AUTO_FD int dir = -1;

    if (open_snapshotter(root, snapshotter, &dir, err) != 0)
        return -1;
    if (read_keys(state, keys, version, dir, containerd_file_max(root), err) != 0)
        return err_wrap(err, "snapshotter %s", snapshotter);
    return containerd_db_join(state, snapshotter, keys, err);
}

int containerd_state_read(struct containerd_state **out, struct containerd_keys *keys,
                          struct containerd_versions *versions, const struct engine_root *root,
                          const char *snapshotter, struct err *err)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;

    *versions = (struct containerd_versions){0};
    if (containerd_state_open(&state, err) != 0 ||
        read_metadata(state, &versions->meta, root, err) != 0)
        return -1;
    if (containerd_layout_of(snapshotter) != NULL &&
        read_snapshotter(state, keys, &versions->keys, root, snapshotter, err) != 0)
        return -1;
    *out = steal(&state);
    return 0;
}

int containerd_state_versions(struct containerd_versions *out, const struct engine_root *root,
                              const char *snapshotter, struct err *err)
{
    AUTO_FD int metadata = containerd_open_below(root, CONTAINERD_METADATA, err);
    AUTO_FD int keys = -1;
    struct err why = {0};

    *out = (struct containerd_versions){0};
    if (metadata < 0 || bolt_read_version(&out->meta, metadata, META_DB, err) != 0 ||
        open_snapshotter(root, snapshotter, &keys, err) != 0)
        return -1;
    if (keys < 0 || bolt_read_version(&out->keys, keys, KEYS_DB, &why) == 0 ||
        why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "snapshotter %s: %s", snapshotter, why.text);
}
