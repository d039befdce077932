/* docker_layers: layerdb, that is which chain lies in which directory, and the containers' mounts.
 */
#include <limits.h>
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"

/* Reads a digest that is a file's whole content. */
static int read_digest(struct docker_pass *p, int fd, const char *dir, const char *file,
                       struct digest *out, struct err *err)
{
    if (docker_read_file(&p->small, fd, dir, file, err) != 0)
        return -1;
    if (digest_parse(out, buf_str(&p->small), p->small.len, false, err) != 0)
        return err_wrap(err, "file %s", file);
    return 0;
}

/* Reads a directory name of the graph driver that is a file's whole content. */
static int read_cache_id(struct docker_pass *p, int fd, const char *dir, const char *file,
                         struct arena *arena, const char **out, struct err *err)
{
    const char *id;

    if (docker_read_file(&p->small, fd, dir, file, err) != 0)
        return -1;
    id = buf_str(&p->small);
    if (strlen(id) != p->small.len || !docker_cache_id_valid(id))
        return err_set(err, ERR_CORRUPT, "file %s: not the name of a layer's directory", file);
    *out = arena_text(arena, id, p->small.len, err);
    return *out != NULL ? 0 : -1;
}

/* The bottom layer of a chain has no file `parent`. */
static int read_parent(struct docker_pass *p, int fd, const char *name, struct digest *out,
                       bool *has_parent, struct err *err)
{
    struct err why = {0};

    *has_parent = read_digest(p, fd, name, "parent", out, &why) == 0;
    if (*has_parent || why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

static int read_layer(struct docker_pass *p, int fd, const char *name, struct docker_layer *layer,
                      struct err *err)
{
    struct digest chain;

    if (read_digest(p, fd, name, "diff", &layer->diff, err) != 0 ||
        read_parent(p, fd, name, &layer->parent, &layer->has_parent, err) != 0 ||
        read_cache_id(p, fd, name, "cache-id", p->base.reading->layers, &layer->cache_id, err) != 0)
        return -1;
    chain = digest_chain(layer->has_parent ? &layer->parent : NULL, &layer->diff);
    if (!digest_eq(&chain, &layer->chain))
        return err_set(err, ERR_CORRUPT, "its files diff and parent make another chainID");
    return 0;
}

/* A layer of the last pass, as it was before any image needed it. */
static int take_layer(struct docker_pass *p, const struct docker_layer *from,
                      struct docker_layer *out, struct err *err)
{
    *out = *from;
    out->needed = out->whole = false;
    if (p->base.reading->layers != p->base.last->layers)
        out->cache_id =
            arena_text(p->base.reading->layers, from->cache_id, strlen(from->cache_id), err);
    return out->cache_id != NULL ? 0 : -1;
}

static int compare_cache_ids(const void *a, const void *b)
{
    return strcmp((*(struct docker_layer *const *)a)->cache_id,
                  (*(struct docker_layer *const *)b)->cache_id);
}

static int layer_problem(struct docker_pass *p, const struct digest *chain, const char *text,
                         struct err *err)
{
    char subject[DIGEST_HEX + 32], hex[DIGEST_HEX + 1];

    snprintf(subject, sizeof(subject), "layerdb entry %s", digest_hex(chain, hex));
    return pass_problem(&p->base, err, subject, "%s", text);
}

/* A directory that two chains name would be counted twice: it stays with the first of them. The
 * array shrinks and keeps its order. */
static int drop_shared_directories(struct docker_pass *p, struct err *err)
{
    struct docker_layer **by_id = arena_array(p->base.arena, p->layer_count, sizeof(*by_id), err);
    size_t kept = 0;

    if (by_id == NULL)
        return -1;
    for (size_t i = 0; i < p->layer_count; i++)
        by_id[i] = &p->layers[i];
    if (p->layer_count > 0)
        qsort(by_id, p->layer_count, sizeof(struct docker_layer *), compare_cache_ids);
    for (size_t i = 1; i < p->layer_count; i++) {
        if (strcmp(by_id[i]->cache_id, by_id[i - 1]->cache_id) != 0)
            continue;
        if (layer_problem(p, &by_id[i]->chain, "another entry names the same directory", err) != 0)
            return -1;
        by_id[i]->needed = true; /* a mark for the loop below */
    }
    for (size_t i = 0; i < p->layer_count; i++) {
        if (!p->layers[i].needed)
            p->layers[kept++] = p->layers[i];
    }
    p->layer_count = kept;
    return 0;
}

/* 0 also where the entry is broken and left out. */
static int read_entry(struct docker_pass *p, int fd, const char *name, struct err *err)
{
    struct docker_layer layer = {.stamp = file_stamp_at(fd, name)};
    const struct docker_layer *last;
    struct err why = {0};
    char subject[NAME_MAX + 32];
    int rc = digest_parse(&layer.chain, name, strlen(name), true, &why);

    last = rc == 0 ? docker_kept_layer(p->last_kept, &layer.chain) : NULL;
    if (last != NULL && file_stamp_eq(&last->stamp, &layer.stamp))
        rc = take_layer(p, last, &layer, &why);
    else if (rc == 0)
        rc = read_layer(p, fd, name, &layer, &why);
    if (rc == 0) {
        p->layers[p->layer_count++] = layer;
        return 0;
    }
    snprintf(subject, sizeof(subject), "layerdb entry %s", name);
    return pass_entry_failed(&p->base, subject, &why, err);
}

/* Lets each layer know where the one below it is. */
static void link_layers(struct docker_pass *p)
{
    for (size_t i = 0; i < p->layer_count; i++) {
        struct docker_layer *layer = &p->layers[i];
        const struct docker_layer *below =
            layer->has_parent ? docker_layer_of(p, &layer->parent) : NULL;

        layer->below = below != NULL ? (size_t)(below - p->layers) : DOCKER_NO_LAYER;
    }
}

static int read_all_layers(struct docker_pass *p, int fd, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};

    if (docker_list(p->base.root, fd, "layerdb/sha256", DOCKER_LAYERS_MAX, &list, err) != 0 ||
        arena_open(&p->base.reading->layers, PASS_ARENA_BYTES, err) != 0)
        return -1;
    p->layers = arena_array(p->base.arena, list.count, sizeof(*p->layers), err);
    if (p->layers == NULL)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        if (docker_hex_valid(list.names[i]) && read_entry(p, fd, list.names[i], err) != 0)
            return -1;
    }
    if (drop_shared_directories(p, err) != 0)
        return -1;
    link_layers(p);
    return 0;
}

static int take_all_layers(struct docker_pass *p, struct err *err)
{
    const struct docker_kept *last = p->last_kept;

    p->base.reading->layers = arena_share(p->base.last->layers);
    p->layers = arena_array(p->base.arena, last->layer_count, sizeof(*p->layers), err);
    if (p->layers == NULL)
        return -1;
    for (; p->layer_count < last->layer_count; p->layer_count++) {
        if (take_layer(p, &last->layers[p->layer_count], &p->layers[p->layer_count], err) != 0)
            return -1;
    }
    p->layers_stand = true;
    return 0;
}

/* Names that are not 64 hex digits are layers being removed ("<chain>-<random>-removing"). */
int docker_read_layers(struct docker_pass *p, struct err *err)
{
    AUTO_FD int fd = -1;
    struct file_stamp stamp;
    size_t remarks = pass_remarks(&p->base);
    bool stand;

    if (docker_open_optional(p->base.root, "layerdb/sha256", &fd, err) != 0)
        return -1;
    if (fd < 0) {
        p->base.vanished++;
        return 0;
    }
    stamp = file_stamp_at(fd, "");
    stand = p->last_kept != NULL && file_stamp_eq(&p->last_kept->layerdb, &stamp);
    if ((stand ? take_all_layers(p, err) : read_all_layers(p, fd, err)) != 0)
        return -1;
    p->kept->layers = p->layers;
    p->kept->layer_count = p->layer_count;
    if (pass_remarks(&p->base) == remarks)
        p->kept->layerdb = stamp;
    return 0;
}

static int compare_chains(const void *a, const void *b)
{
    return digest_cmp(&((const struct docker_layer *)a)->chain,
                      &((const struct docker_layer *)b)->chain);
}

struct docker_layer *docker_layer_in(struct docker_layer *layers, size_t count,
                                     const struct digest *chain)
{
    struct docker_layer key = {.chain = *chain};

    if (count == 0)
        return NULL;
    return bsearch(&key, layers, count, sizeof(key), compare_chains);
}

struct docker_layer *docker_layer_of(const struct docker_pass *p, const struct digest *chain)
{
    return docker_layer_in(p->layers, p->layer_count, chain);
}

static struct docker_layer *layer_below(const struct docker_pass *p,
                                        const struct docker_layer *layer)
{
    return layer->below != DOCKER_NO_LAYER ? &p->layers[layer->below] : NULL;
}

bool docker_need_chain(struct docker_pass *p, const struct digest *top)
{
    struct docker_layer *first = docker_layer_of(p, top), *layer = first;

    while (layer != NULL && !layer->whole && layer->has_parent)
        layer = layer_below(p, layer);
    if (layer == NULL)
        return false;
    for (layer = first; layer != NULL && !layer->whole; layer = layer_below(p, layer))
        layer->needed = layer->whole = true;
    return true;
}

/* A container made without an init layer has no init-id; one that is being made has no mount-id
 * yet, and its directory will be found by the next pass. */
static int read_mount(struct docker_pass *p, int fd, const char *name, struct err *err)
{
    static const char *const files[] = {"mount-id", "init-id"};
    char subject[NAME_MAX + 32];

    for (size_t i = 0; i < 2; i++) {
        struct err why = {0};

        if (read_cache_id(p, fd, name, files[i], p->base.arena, &p->mounts[p->mount_count], &why) ==
            0) {
            p->mount_count++;
            continue;
        }
        if (why.kind == ERR_NOT_FOUND)
            continue;
        snprintf(subject, sizeof(subject), "layerdb mount %s", name);
        if (pass_entry_failed(&p->base, subject, &why, err) != 0)
            return -1;
    }
    return 0;
}

int docker_read_mounts(struct docker_pass *p, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO_FD int fd = -1;

    if (docker_open_optional(p->base.root, "layerdb/mounts", &fd, err) != 0)
        return -1;
    if (fd < 0) {
        p->base.vanished++;
        return 0;
    }
    if (docker_list(p->base.root, fd, "layerdb/mounts", REC_CONTAINERS_MAX, &list, err) != 0)
        return -1;
    p->mounts = arena_array(p->base.arena, list.count * 2, sizeof(*p->mounts), err);
    if (p->mounts == NULL)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        if (read_mount(p, fd, list.names[i], err) != 0)
            return -1;
    }
    if (p->mount_count > 0)
        qsort(p->mounts, p->mount_count, sizeof(*p->mounts), docker_compare_texts);
    return 0;
}
