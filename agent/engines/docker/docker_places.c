/* docker_places: what lies below a directory that may be a Docker root. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker/docker_find.h"
#include "common/cleanup.h"

/* The same store under two names (a symlink, a bind mount) is found once, by its first name. */
struct engine_root *docker_place_known(struct engine_roots *roots, const struct engine_root *root)
{
    struct rec_key key, other;
    char dir[ENGINE_PATH_MAX + 128];

    snprintf(dir, sizeof(dir), "%s/image/%s", root->path, root->storage);
    if (engine_store_key(&key, root, dir, NULL) != 0)
        return NULL;
    for (size_t i = 0; i < roots->count; i++) {
        struct engine_root *r = &roots->items[i];

        if (r->driver != &docker_driver || r->storage[0] == '\0')
            continue;
        snprintf(dir, sizeof(dir), "%s/image/%s", r->path, r->storage);
        if (engine_store_key(&other, r, dir, NULL) == 0 && rec_key_eq(&key, &other))
            return r;
    }
    return NULL;
}

int docker_place_add(struct engine_roots *roots, const struct engine_root *root, struct err *err)
{
    struct engine_root *known;

    if (!engine_user_may_tell(root->user, root))
        return 0;
    known = docker_place_known(roots, root);
    if (known == NULL)
        return engine_roots_add(roots, root, err);
    known->orphaned = known->orphaned || root->orphaned;
    known->told = known->told || root->told;
    if (known->socket[0] == '\0' && root->socket[0] != '\0') {
        memcpy(known->socket, root->socket, sizeof(known->socket));
        memcpy(known->version, root->version, sizeof(known->version));
        known->api_answers = root->api_answers;
    }
    return 0;
}

static bool has_imagedb(const struct engine_root *root)
{
    AUTO_FD int fd = docker_open_metadata(root, "imagedb/content/sha256", NULL);

    return fd >= 0;
}

/* The graph drivers below this one place. */
static int expand_place(const struct engine_root *place, struct engine_roots *roots,
                        struct err *err)
{
    AUTO(dirlist_close) struct dirlist drivers = {0};
    struct engine_root root = *place;
    struct err why = {0};
    AUTO_FD int fd = docker_open_below(place, "image", &why);

    if (fd < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    if (docker_list(place, fd, "image", DOCKER_ENTRIES_MAX, &drivers, err) != 0)
        return -1;
    for (size_t i = 0; i < drivers.count; i++) {
        if (strlen(drivers.names[i]) >= sizeof(root.storage))
            continue;
        snprintf(root.storage, sizeof(root.storage), "%s", drivers.names[i]);
        if (has_imagedb(&root) && docker_place_add(roots, &root, err) != 0)
            return -1;
    }
    return 0;
}

/* userns-remap: <root>/<uid>.<gid>/ is a whole root of its own. */
static bool is_remapped(const char *name)
{
    size_t uid = strspn(name, "0123456789");
    size_t gid = name[uid] == '.' ? strspn(name + uid + 1, "0123456789") : 0;

    return uid > 0 && gid > 0 && name[uid + 1 + gid] == '\0';
}

int docker_expand(const struct engine_root *root, struct engine_roots *roots, struct err *err)
{
    AUTO(dirlist_close) struct dirlist entries = {0};
    struct engine_root below = *root;
    struct err why = {0};
    AUTO_FD int fd = docker_open_below(root, ".", &why);

    if (fd < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    if (expand_place(root, roots, err) != 0 ||
        docker_list(root, fd, "", DOCKER_ENTRIES_MAX, &entries, err) != 0)
        return -1;
    for (size_t i = 0; i < entries.count; i++) {
        if (!is_remapped(entries.names[i]))
            continue;
        if (snprintf(below.path, sizeof(below.path), "%s/%s", root->path, entries.names[i]) >=
            (int)sizeof(below.path))
            continue;
        if (expand_place(&below, roots, err) != 0)
            return -1;
    }
    return 0;
}

/* A place where no daemon or operator promised anything: what cannot be seen is no error. */
int docker_place_try(const struct docker_finder *f, const char *path, const char *socket,
                     struct err *err)
{
    struct engine_root root = f->like;
    struct err why = {0};

    snprintf(root.socket, sizeof(root.socket), "%s", socket);
    if (engine_path_set(root.path, path, NULL) != 0)
        return 0;
    if (docker_expand(&root, f->roots, &why) == 0)
        return 0;
    if (why.kind == ERR_NO_MEMORY || (why.kind == ERR_LIMIT && root.user == 0))
        return err_set(err, why.kind, "%s", why.text);
    return why.kind == ERR_DENIED && root.user == 0 ? engine_roots_add(f->roots, &root, err) : 0;
}

static bool is_at(const struct engine_root *root, const char *data_root, const struct stat *socket)
{
    AUTO_FD int fd = -1;
    char own[ENGINE_PATH_MAX + 32];
    struct stat st;

    if (root->socket[0] != '\0' && socket != NULL)
        fd = engine_open(root, root->socket, O_PATH, NULL);
    if (fd >= 0 && fstat(fd, &st) == 0)
        return st.st_dev == socket->st_dev && st.st_ino == socket->st_ino;
    snprintf(own, sizeof(own), "%s/containerd/daemon", data_root);
    return strcmp(root->path, own) == 0 || strcmp(root->path, "/var/lib/containerd") == 0;
}

size_t docker_claim(const struct docker_finder *f, const char *data_root, const char *space,
                    const char *storage, const struct stat *socket)
{
    size_t count = 0;

    for (size_t i = 0; i < f->roots->count; i++) {
        struct engine_root *r = &f->roots->items[i];

        if (strcmp(r->driver->name, "containerd") != 0 || strcmp(r->space, space) != 0 ||
            (storage != NULL && strcmp(r->storage, storage) != 0) ||
            !engine_user_may_tell(f->like.user, r))
            continue;
        if (r->docker[0] == '\0' && is_at(r, data_root, socket)) {
            snprintf(r->docker, sizeof(r->docker), "%s", data_root);
            snprintf(r->engine, sizeof(r->engine), "docker");
        }
        count += strcmp(r->docker, data_root) == 0;
    }
    return count;
}
