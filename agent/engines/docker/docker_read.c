/* docker_read: the steps of one pass over the store, in their order. */
#include <limits.h>
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "agent/engines/docker/docker_use.h"
#include "common/cleanup.h"

int docker_read_file(struct buf *into, int fd, const char *dir, const char *file, struct err *err)
{
    char path[NAME_MAX + 64];

    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s/%s: path too long", dir, file);
    return buf_read_file_at(into, fd, path, err);
}

/* What was kept of another store, as under a root that was replaced, is not this one's. */
static void recall(struct docker_pass *p)
{
    const struct engine_reading *last = p->base.last;

    if (last == NULL || last->kept == NULL ||
        !rec_key_eq(&last->content.store.key, &p->base.reading->content.store.key))
        return;
    p->last_kept = last->kept;
}

static int add_extra(struct docker_pass *p, struct err *err)
{
    for (size_t i = 0; i < p->layer_count; i++) {
        const struct docker_layer *layer = &p->layers[i];

        if (!layer->needed &&
            pass_exception(&p->base, REC_CHAIN_EXTRA, &layer->chain, &layer->diff, err) != 0)
            return -1;
    }
    return 0;
}

static int run(struct pass *base, struct err *err)
{
    struct docker_pass *p = (struct docker_pass *)base;
    char metadata[ENGINE_PATH_MAX + 128];

    p->layout = docker_layout_of(base->root->storage);
    buf_init(&p->small, DOCKER_SMALL_FILE_BYTES);
    p->kept = arena_alloc(base->arena, sizeof(*p->kept), err);
    base->reading->kept = p->kept;
    snprintf(metadata, sizeof(metadata), "%s/image/%s", base->root->path, base->root->storage);
    if (p->kept == NULL || pass_describe(base, metadata, err) != 0)
        return -1;
    recall(p);
    if (docker_read_layers(p, err) != 0 || docker_read_mounts(p, err) != 0 ||
        docker_read_refs(p, err) != 0 || docker_read_images(p, err) != 0 ||
        docker_use_read(base, base->root->path, NULL, NULL, err) != 0 ||
        docker_read_origins(p, err) != 0 || docker_read_space(p, err) != 0)
        return -1;
    return add_extra(p, err);
}

static void close_pass(struct pass *base)
{
    buf_close(&((struct docker_pass *)base)->small);
}

/* A root named by the operator that nobody could look into when it was found. */
static int settle_storage(struct engine_root *root, struct err *err)
{
    struct engine_roots found = {0};
    int rc = 0;

    if (root->storage[0] != '\0')
        return 0;
    if (docker_expand(root, &found, err) != 0)
        rc = -1;
    else if (found.count == 0)
        rc = docker_no_store(root, err);
    else
        *root = found.items[0];
    engine_roots_free(&found);
    return rc;
}

int docker_read(struct engine_root *root, const struct engine_options *options,
                const struct engine_reading *last, struct engine_reading **out, struct err *err)
{
    static const struct pass_source source = {
        .size = sizeof(struct docker_pass), .token = docker_token, .run = run, .close = close_pass};

    if (settle_storage(root, err) != 0)
        return -1;
    return pass_read(&source, root, options, last, out, err);
}
