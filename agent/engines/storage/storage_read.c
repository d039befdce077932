/* storage_read: one pass over the store, and what its steps share. */
#include <string.h>

#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"

int storage_load(struct storage_pass *p, int fd, const char *name, bool *there, struct err *err)
{
    struct err why = {0};

    buf_reset(&p->base.file);
    *there = fd >= 0 && buf_read_file_at(&p->base.file, fd, name, &why) == 0;
    if (*there || fd < 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

/* The metadata directory stands for the store: podman makes it once. */
static int describe(struct storage_pass *p, struct err *err)
{
    const struct engine_root *root = p->base.root;
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s-images", root->path, root->storage) >=
        (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s: path too long", root->path);
    return pass_describe(&p->base, path, err);
}

static int run(struct pass *base, struct err *err)
{
    struct storage_pass *p = (struct storage_pass *)base;

    p->layout = storage_layout_of(base->root->storage);
    if (describe(p, err) != 0 || storage_kept_open(p, err) != 0 ||
        storage_read_layers(p, err) != 0 || storage_read_containers(p, err) != 0 ||
        storage_read_images(p, err) != 0 || storage_settle_layers(p, err) != 0 ||
        storage_read_use(p, err) != 0 || storage_read_space(p, err) != 0 ||
        storage_read_origins(p, err) != 0)
        return -1;
    return 0;
}

/* A root named by the operator that nobody could look into when it was found. */
static int settle_storage(struct engine_root *root, struct err *err)
{
    struct engine_roots found = {0};
    int rc = 0;

    if (root->storage[0] != '\0')
        return 0;
    if (storage_expand(root, &found, err) != 0)
        rc = -1;
    else if (found.count == 0)
        rc = err_set(err, ERR_NOT_FOUND, "%s is no graph root (no <driver>-images in it)",
                     root->path);
    else
        *root = found.items[0];
    engine_roots_free(&found);
    return rc;
}

int storage_read(struct engine_root *root, const struct engine_options *options,
                 const struct engine_reading *last, struct engine_reading **out, struct err *err)
{
    static const struct pass_source source = {
        .size = sizeof(struct storage_pass), .token = storage_token, .run = run};

    if (settle_storage(root, err) != 0)
        return err_wrap(err, "read containers-storage store %s%s", root->host, root->path);
    return pass_read(&source, root, options, last, out, err);
}
