/* containerd_places: the stores of one containerd. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/containerd/containerd_api.h"
#include "agent/engines/containerd/containerd_find.h"
#include "agent/engines/dirlist.h"
#include "common/cleanup.h"
#include "common/log.h"

#define ENTRIES_MAX 1000 /* of a containerd's root, which has one for each plugin */
#define USER_FILE_MAX (64 << 20)
#define USER_HOLE_MAX (16 << 20) /* bbolt's AllocSize: by so much a file grows ahead */

/* "" is no path, and stays. */
static bool set_path(char out[ENGINE_PATH_MAX], const char *path)
{
    out[0] = '\0';
    return path[0] == '\0' || engine_path_set(out, path, NULL) == 0;
}

bool containerd_place_set(struct containerd_place *out, const char *root, const char *run,
                          const char *socket)
{
    out->trust = CONTAINERD_USUAL;
    out->user = 0;
    return root[0] != '\0' && set_path(out->root, root) && set_path(out->run, run) &&
           set_path(out->socket, socket);
}

/* ---- known ones ------------------------------------------------------------------------------ */

static bool stat_metadata(const struct engine_root *root, struct stat *st)
{
    char path[ENGINE_PATH_MAX + 64];
    AUTO_FD int fd = -1;

    snprintf(path, sizeof(path), "%s/" CONTAINERD_METADATA, root->path);
    fd = engine_open(root, path, O_PATH | O_DIRECTORY, NULL);
    return fd >= 0 && fstat(fd, st) == 0;
}

static void learn(struct engine_root *known, const struct engine_root *root)
{
    if (known->run[0] == '\0')
        memcpy(known->run, root->run, sizeof(known->run));
    if (known->socket[0] == '\0')
        memcpy(known->socket, root->socket, sizeof(known->socket));
}

/* The same containerd under another name (a symlink, a bind mount) is found once. */
static bool is_known(const struct containerd_finder *f, const struct engine_root *root)
{
    struct stat ours, theirs;
    bool known = false, seen = stat_metadata(root, &ours);

    for (size_t i = 0; i < f->roots->count; i++) {
        struct engine_root *r = &f->roots->items[i];

        if (r->driver != &containerd_driver)
            continue;
        if (strcmp(r->path, root->path) != 0 &&
            (!seen || !stat_metadata(r, &theirs) || ours.st_dev != theirs.st_dev ||
             ours.st_ino != theirs.st_ino))
            continue;
        if (engine_user_may_tell(root->user, r))
            learn(r, root);
        known = true;
    }
    return known;
}

/* ---- users' files ---------------------------------------------------------------------------- */

/* A bolt file costs us its size in memory, whatever is in it. A user may make one of nothing. */
static bool is_modest(const struct engine_root *root, int dir, const char *name)
{
    struct stat st;

    if (root->user == 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return true; /* what is not there is said when it is opened */
    return st.st_size <= USER_FILE_MAX &&
           (int64_t)st.st_size - (int64_t)st.st_blocks * 512 <= USER_HOLE_MAX;
}

size_t containerd_file_max(const struct engine_root *root)
{
    return root->user != 0 ? USER_FILE_MAX : BOLT_FILE_MAX;
}

static bool is_modest_place(const struct engine_root *root)
{
    AUTO_FD int dir = containerd_open_below(root, CONTAINERD_METADATA, NULL);
    char user[16];

    if (dir < 0 || is_modest(root, dir, "meta.db"))
        return true;
    snprintf(user, sizeof(user), "%u", root->user);
    log_event(LOG_WARN, "users-store-left-out", "user", user, "store", root->path, "why",
              "its meta.db is larger than a user's may be, or has holes", NULL);
    return false;
}

/* ---- its stores ------------------------------------------------------------------------------ */

static int add_store(const struct containerd_finder *f, const struct engine_root *like,
                     const char *space, const char *storage, struct err *err)
{
    struct engine_root root = *like;

    if (strlen(space) >= sizeof(root.space) || strlen(storage) >= sizeof(root.storage))
        return 0; /* containerd allows 76 bytes for either */
    snprintf(root.space, sizeof(root.space), "%s", space);
    snprintf(root.storage, sizeof(root.storage), "%s", storage);
    return engine_roots_add(f->roots, &root, err);
}

static int add_state(const struct containerd_finder *f, const struct engine_root *like,
                     const struct containerd_state *state, struct err *err)
{
    for (size_t i = 0; i < state->namespace_count; i++) {
        const struct containerd_namespace *ns = &state->namespaces[i];
        const char *names[CONTAINERD_SNAPSHOTTERS_MAX];
        size_t count = containerd_stores_of(ns, names);

        for (size_t j = 0; j < count; j++) {
            if (add_store(f, like, ns->name, names[j], err) != 0)
                return -1;
        }
    }
    return 0;
}

/* The namespaces that one snapshotter's own file names: keys are "<namespace>/...". */
static int add_from_keys(const struct containerd_finder *f, const struct engine_root *like,
                         const char *directory, struct err *err)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    AUTO(bolt_close) struct bolt *db = NULL;
    AUTO_FD int fd = containerd_open_below(like, directory, NULL);
    struct containerd_keys keys = {0};
    char space[sizeof(like->space)];

    if (containerd_state_open(&state, err) != 0)
        return -1;
    if (fd < 0 || !is_modest(like, fd, "metadata.db") ||
        bolt_open(&db, fd, "metadata.db", containerd_file_max(like), NULL) != 0 ||
        containerd_db_keys(&keys, state, db, NULL) != 0)
        return 0;
    for (size_t i = 0; i < keys.count; i++) {
        size_t len = strcspn(keys.items[i].name, "/");

        if (len == 0 || len >= sizeof(space))
            continue;
        memcpy(space, keys.items[i].name, len);
        space[len] = '\0';
        if (add_store(f, like, space, directory + strlen(CONTAINERD_SNAPSHOTTER), err) != 0)
            return -1;
    }
    return 0;
}

/* meta.db is broken: what the stores are is known from the snapshotters, so that each can be
 * reported with its last good content. */
static int add_broken(const struct containerd_finder *f, const struct engine_root *like,
                      struct err *err)
{
    AUTO(dirlist_close) struct dirlist entries = {0};
    AUTO_FD int fd = containerd_open_below(like, ".", NULL);
    size_t before = f->roots->count;

    if (fd >= 0 && dirlist_read(&entries, fd, ENTRIES_MAX, like->path, NULL) == 0) {
        for (size_t i = 0; i < entries.count; i++) {
            if (strncmp(entries.names[i], CONTAINERD_SNAPSHOTTER, strlen(CONTAINERD_SNAPSHOTTER)) ==
                    0 &&
                add_from_keys(f, like, entries.names[i], err) != 0)
                return -1;
        }
    }
    return f->roots->count > before ? 0 : engine_roots_add(f->roots, like, err);
}

/* The files may not be read: the API tells what there is, where it answers. */
static int add_denied(const struct containerd_finder *f, const struct engine_root *like,
                      struct err *err)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    struct engine_root root = *like;

    if (!f->options->use_api || root.socket[0] == '\0' ||
        containerd_api_state(&root, f->options, &state, NULL) != 0)
        return engine_roots_add(f->roots, &root, err);
    root.by_api = true;
    root.api_answers = true;
    snprintf(root.version, sizeof(root.version), "%s", state->version);
    return add_state(f, &root, state, err);
}

int containerd_place_add(const struct containerd_finder *f, const struct containerd_place *place,
                         struct err *err)
{
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    struct containerd_keys keys = {0};
    struct containerd_versions versions;
    struct engine_root root = f->like;
    struct err why = {0};

    memcpy(root.path, place->root, sizeof(root.path));
    memcpy(root.run, place->run, sizeof(root.run));
    memcpy(root.socket, place->socket, sizeof(root.socket));
    root.user = place->user;
    if (is_known(f, &root) || f->learns_only || !is_modest_place(&root))
        return 0;
    if (containerd_state_read(&state, &keys, &versions, &root, "", &why) == 0)
        return add_state(f, &root, state, err);
    switch (why.kind) {
    case ERR_NO_MEMORY:
        return err_set(err, why.kind, "%s", why.text);
    case ERR_DENIED:
        return place->trust != CONTAINERD_HOME ? add_denied(f, &root, err) : 0;
    case ERR_NOT_FOUND:
        return place->trust == CONTAINERD_PROMISED ? engine_roots_add(f->roots, &root, err) : 0;
    default:
        return add_broken(f, &root, err);
    }
}
