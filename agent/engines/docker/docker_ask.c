/* docker_ask: what running daemons say of themselves: which store is theirs, which they left
 * behind, and what must be read by API because it cannot be seen. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker/docker_find.h"
#include "common/cleanup.h"

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* What /info says of where the daemon keeps images. */
struct daemon_info {
    const char *path, *storage, *version; /* borrowed from the document */
    const char *containerd;               /* its socket, NULL not told */
    const char *space;                    /* containerd namespace */
    bool in_containerd;                   /* the containerd image store */
};

/* DriverStatus is a list of pairs; the containerd image store says so in "driver-type". */
static bool keeps_in_containerd(const json_t *info)
{
    const json_t *status = json_object_get(info, "DriverStatus");
    const json_t *pair;
    size_t i;

    json_array_foreach (status, i, pair) {
        const char *key = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));

        if (key != NULL && value != NULL && strcmp(key, "driver-type") == 0 &&
            strcmp(value, "io.containerd.snapshotter.v1") == 0)
            return true;
    }
    return false;
}

static void parse_info(struct daemon_info *out, const json_t *info)
{
    const json_t *containerd = json_obj(info, "Containerd");

    *out = (struct daemon_info){
        .path = json_str(info, "DockerRootDir"),
        .storage = json_str(info, "Driver"),
        .version = json_str(info, "ServerVersion"),
        .containerd = json_str(containerd, "Address"),
        .space = json_str(json_obj(containerd, "Namespaces"), "Containers"),
        .in_containerd = keeps_in_containerd(info),
    };
    if (out->space == NULL)
        out->space = DOCKER_SPACE;
}

static bool is_in_use(const struct engine_root *root, const struct daemon_info *daemon,
                      const char *path)
{
    return !daemon->in_containerd && strcmp(root->storage, daemon->storage) == 0 &&
           strcmp(root->path, path) == 0;
}

/* A store in the daemon's root that it does not use (another graph driver's, or all of them where
 * it keeps images in containerd) is orphaned, and the daemon is not asked about it: it would know
 * nothing of it. */
static int take_expanded(const struct docker_finder *f, struct engine_root *r,
                         const struct daemon_info *daemon, const char *path, const char *socket,
                         bool *used, struct err *err)
{
    if (is_in_use(r, daemon, path)) {
        copy_text(r->socket, sizeof(r->socket), socket);
        copy_text(r->version, sizeof(r->version), daemon->version);
        r->api_answers = r->told = true;
        *used = true;
    } else if (strcmp(r->path, path) == 0) {
        r->orphaned = r->told = true;
    }
    if (!f->options->find && docker_place_known(f->roots, r) == NULL)
        return 0; /* only configured stores; these learn their socket */
    return docker_place_add(f->roots, r, err);
}

/* The daemon's path as the host names it. */
static bool place_of(const struct daemon *d, const char *path, char out[ENGINE_PATH_MAX])
{
    return d != NULL ? daemon_place(d, path, out) : engine_path_set(out, path, NULL) == 0;
}

static bool stat_of(const struct docker_finder *f, const struct daemon *d, const char *path,
                    struct stat *out)
{
    AUTO_FD int fd = -1;

    if (path == NULL || path[0] != '/')
        return false;
    if (d != NULL)
        return daemon_stat(d, path, out);
    fd = engine_open(&f->like, path, O_PATH, NULL);
    return fd >= 0 && fstat(fd, out) == 0;
}

static bool claim(const struct docker_finder *f, const struct daemon *d, const char *place,
                  const struct daemon_info *daemon)
{
    struct stat socket;
    bool told = stat_of(f, d, daemon->containerd, &socket);

    if (docker_claim(f, place, daemon->space, daemon->storage, told ? &socket : NULL) == 0)
        return false;
    for (size_t i = 0; i < f->roots->count; i++) {
        struct engine_root *r = &f->roots->items[i];

        r->told = r->told || strcmp(r->docker, place) == 0;
    }
    return true;
}

/* Looks at what the daemon says it uses; *used where that is found. */
static int take_info(const struct docker_finder *f, const struct daemon *d,
                     const struct daemon_info *daemon, const char *socket, bool *used,
                     struct err *err)
{
    struct engine_root root = f->like;
    struct engine_roots found = {0};
    int rc = 0;

    if (!place_of(d, daemon->path, root.path))
        return 0;
    if (daemon->in_containerd)
        *used = claim(f, d, root.path, daemon);
    docker_expand(&root, &found, NULL); /* what cannot be seen is not found */
    for (size_t i = 0; i < found.count && rc == 0; i++)
        rc = take_expanded(f, &found.items[i], daemon, root.path, socket, used, err);
    engine_roots_free(&found);
    return rc;
}

/* ---- by API ---------------------------------------------------------------------------------- */

/* The daemon behind this socket, if it was asked before: the same one may have several names. */
static struct docker_asked *asked_before(struct docker_finder *f, const struct stat *st)
{
    for (size_t i = 0; i < f->asked_count; i++) {
        if (f->asked[i].device == st->st_dev && f->asked[i].inode == st->st_ino)
            return &f->asked[i];
    }
    return NULL;
}

/* Its store, as it would be read by API. */
static void note(struct docker_finder *f, const struct stat *st, const struct daemon_info *daemon,
                 const char *socket, bool used)
{
    struct docker_asked *asked = asked_before(f, st);
    struct engine_root *root;

    if (asked != NULL) {
        asked->used = asked->used || used;
        return;
    }
    if (f->asked_count == DOCKER_ASKED_MAX)
        return;
    asked = &f->asked[f->asked_count++];
    *asked = (struct docker_asked){
        .device = st->st_dev, .inode = st->st_ino, .used = used, .root = f->like};
    root = &asked->root;
    copy_text(root->path, sizeof(root->path), daemon->path);
    copy_text(root->storage, sizeof(root->storage), daemon->storage);
    copy_text(root->socket, sizeof(root->socket), socket);
    copy_text(root->version, sizeof(root->version), daemon->version);
    copy_text(root->space, sizeof(root->space), daemon->in_containerd ? daemon->space : "");
    root->api_answers = root->by_api = root->told = true;
}

int docker_add_unseen(const struct docker_finder *f, struct err *err)
{
    for (size_t i = 0; i < f->asked_count; i++) {
        if (!f->asked[i].used && engine_roots_add(f->roots, &f->asked[i].root, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

int docker_ask(struct docker_finder *f, const char *socket, const struct daemon *d, struct err *err)
{
    AUTO(docker_api_close) struct docker_api *api = NULL;
    AUTO_JSON json_t *info = NULL;
    AUTO_FD int fd = engine_open(&f->like, socket, O_PATH, NULL);
    struct daemon_info daemon;
    struct stat st;
    bool used = false;

    if (fd < 0 || fstat(fd, &st) != 0 || (d == NULL && asked_before(f, &st) != NULL) ||
        docker_api_open(&api, &f->like, socket, f->options->api_timeout_ms, NULL) != 0 ||
        docker_api_get(api, "/info", &info, NULL) != 0)
        return 0;
    parse_info(&daemon, info);
    if (daemon.path == NULL || daemon.storage == NULL)
        return 0;
    if (take_info(f, d, &daemon, socket, &used, err) != 0)
        return -1;
    note(f, &st, &daemon, socket, used);
    return 0;
}
