/* storage_find: where stores of containers/storage lie on this host. Asked, in this order: the
 * agent's configuration, CRI-O's, the system's storage.conf, each user's own. */
#include <fcntl.h>
#include <string.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"

#define CRIO_CONFIG "/etc/crio/crio.conf"
#define CRIO_SOCKET "/run/crio/crio.sock"
#define FIND_ARENA_BYTES (64 << 20)
#define USER_ARENA_BYTES (8 << 20) /* what one user's configuration may take */

struct finder {
    const struct engine_options *options;
    struct engine_roots *roots;
    struct engine_root like; /* driver, host, and the user whose places are looked at */
    struct arena *arena;
    char crio_root[ENGINE_PATH_MAX]; /* "": no CRI-O here */
};

/* ---- places ---------------------------------------------------------------------------------- */

static int key_of(const struct engine_root *root, struct rec_key *key)
{
    char dir[ENGINE_PATH_MAX + 128];

    snprintf(dir, sizeof(dir), "%s/%s-images", root->path, root->storage);
    return engine_store_key(key, root, dir, NULL);
}

static struct engine_root *known(struct engine_roots *roots, const struct engine_root *root)
{
    struct rec_key key, other;

    if (key_of(root, &key) != 0)
        return NULL;
    for (size_t i = 0; i < roots->count; i++) {
        struct engine_root *r = &roots->items[i];

        if (r->driver == root->driver && r->storage[0] != '\0' && key_of(r, &other) == 0 &&
            rec_key_eq(&key, &other))
            return r;
    }
    return NULL;
}

/* The same store under two names keeps its first one, and learns where its run root is. */
static int add(struct engine_roots *roots, const struct engine_root *root, struct err *err)
{
    struct engine_root *old = known(roots, root);

    if (old == NULL)
        return engine_roots_add(roots, root, err);
    if (old->run[0] == '\0' && engine_user_may_tell(root->user, old))
        memcpy(old->run, root->run, sizeof(old->run));
    return 0;
}

int storage_expand(const struct engine_root *root, struct engine_roots *roots, struct err *err)
{
    struct engine_root found = *root;
    struct err why = {0};
    AUTO_FD int place = engine_open(root, root->path, O_RDONLY | O_DIRECTORY, &why);

    if (place < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    for (const struct storage_layout *l = storage_layouts; l->driver != NULL; l++) {
        AUTO_FD int fd = -1;

        snprintf(found.storage, sizeof(found.storage), "%s", l->driver);
        fd = storage_open(&found, "-images", NULL);
        if (fd >= 0 && add(roots, &found, err) != 0)
            return -1;
    }
    return 0;
}

static bool is_there(const struct finder *f, const char *path)
{
    AUTO_FD int fd = engine_open(&f->like, path, O_PATH, NULL);

    return fd >= 0;
}

static void describe(const struct finder *f, struct engine_root *root, const char *run)
{
    bool crio = strcmp(f->crio_root, root->path) == 0;

    snprintf(root->engine, sizeof(root->engine), "%s", crio ? "cri-o" : "podman");
    if (run == NULL || engine_path_set(root->run, run, NULL) != 0)
        root->run[0] = '\0';
}

/* Podman keeps to the run root that its database names, whatever the configuration says since. */
static void check_run_root(struct engine_root *root)
{
    if (strcmp(root->engine, "podman") == 0)
        storage_libpod_run_root(root);
}

/* A root from the agent's configuration is always one of the roots, so that read() can say what is
 * wrong with it. */
static int add_configured(const struct finder *f, const char *path, struct err *err)
{
    struct engine_root root = f->like;
    struct engine_roots found = {0};
    int rc = 0;

    if (engine_path_set(root.path, path, err) != 0)
        return -1;
    describe(f, &root, NULL);
    check_run_root(&root);
    if (storage_expand(&root, &found, NULL) != 0 || found.count == 0)
        rc = engine_roots_add(f->roots, &root, err);
    for (size_t i = 0; i < found.count && rc == 0; i++)
        rc = add(f->roots, &found.items[i], err);
    engine_roots_free(&found);
    return rc;
}

/* A place that nobody promised. Where finding is forbidden, stores that are known learn from it. A
 * system's place that cannot be looked into is a store that cannot be read; a user's is none. */
static int try_place(const struct finder *f, const char *path, const char *run, struct err *err)
{
    struct engine_root root = f->like;
    struct engine_roots found = {0};
    struct err why = {0};
    int rc = 0;

    if (path == NULL || engine_path_set(root.path, path, NULL) != 0)
        return 0;
    describe(f, &root, run);
    if (storage_expand(&root, &found, &why) != 0 && why.kind == ERR_DENIED && root.user == 0 &&
        f->options->find)
        rc = engine_roots_add(f->roots, &root, err);
    else if (why.kind == ERR_NO_MEMORY || why.kind == ERR_LIMIT)
        rc = err_set(err, why.kind, "%s", why.text);
    for (size_t i = 0; i < found.count && rc == 0; i++) {
        check_run_root(&found.items[i]);
        if (f->options->find || known(f->roots, &found.items[i]) != NULL)
            rc = add(f->roots, &found.items[i], err);
    }
    engine_roots_free(&found);
    return rc;
}

static int try_conf(const struct finder *f, const struct storage_conf *conf, struct err *err)
{
    if (try_place(f, conf->graph_root, conf->run_root, err) != 0 ||
        try_place(f, conf->image_store, conf->run_root, err) != 0)
        return -1;
    for (size_t i = 0; i < conf->store_count; i++) {
        if (try_place(f, conf->stores[i], NULL, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- who keeps images ------------------------------------------------------------------------ */

/* CRI-O's configuration stands over storage.conf, and names no place at all where it means that
 * one. */
static int read_crio(struct finder *f, const struct storage_conf *common, struct storage_conf *conf,
                     struct err *err)
{
    *conf = *common;
    if (!is_there(f, CRIO_CONFIG) && !is_there(f, CRIO_CONFIG ".d") && !is_there(f, CRIO_SOCKET))
        return 0;
    if (storage_conf_read_all(&f->like, CRIO_CONFIG, conf, f->arena, err) != 0)
        return -1;
    if (conf->graph_root == NULL || engine_path_set(f->crio_root, conf->graph_root, NULL) != 0)
        f->crio_root[0] = '\0';
    return 0;
}

/* What is wrong with a user's configuration, or too much in it, is no concern of the others. */
static int try_user(const struct finder *f, const struct storage_user *user, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct finder own = *f;
    struct storage_conf conf;
    struct err why = {0};

    own.like.user = user->uid;
    if (arena_open(&arena, USER_ARENA_BYTES, err) != 0)
        return -1;
    if (storage_conf_of(&own.like, user, &conf, arena, &why) != 0 ||
        try_conf(&own, &conf, &why) != 0)
        return why.kind == ERR_NO_MEMORY ? err_set(err, why.kind, "%s", why.text) : 0;
    return 0;
}

static int try_users(const struct finder *f, struct err *err)
{
    struct storage_users users;

    if (storage_users_read(&users, &f->like, f->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < users.count; i++) {
        if (users.items[i].uid != 0 && try_user(f, &users.items[i], err) != 0)
            return -1;
    }
    return 0;
}

static int find_all(struct finder *f, struct err *err)
{
    const struct engine_texts *configured = &f->options->storage_roots;
    struct storage_conf common, crio;

    if (storage_conf_of(&f->like, NULL, &common, f->arena, err) != 0 ||
        read_crio(f, &common, &crio, err) != 0)
        return -1;
    for (size_t i = 0; i < configured->count; i++) {
        if (add_configured(f, configured->items[i], err) != 0)
            return -1;
    }
    if (f->crio_root[0] != '\0' && try_conf(f, &crio, err) != 0)
        return -1;
    if (try_conf(f, &common, err) != 0)
        return -1;
    return try_users(f, err);
}

int storage_find(const struct engine_options *options, struct engine_roots *roots, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct finder f = {.options = options, .roots = roots, .like = {.driver = &storage_driver}};

    if (arena_open(&arena, FIND_ARENA_BYTES, err) != 0)
        return -1;
    f.arena = arena;
    snprintf(f.like.host, sizeof(f.like.host), "%s",
             options->host_root != NULL ? options->host_root : "");
    return find_all(&f, err);
}
