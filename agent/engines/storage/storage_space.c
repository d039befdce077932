/* storage_space: which directory of the store belongs to what, for the space account. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/dirlist.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define STAGED_DELETIONS "-layers/tmp"

/* Directories of the store that together are all of it. */
static const char *const suffixes[] = {"", "-images", "-layers", "-containers"};
#define SUFFIX_COUNT (sizeof(suffixes) / sizeof(suffixes[0]))

/* <root>/<drv>[/<dirs>] */
static const char *driver_directory(struct storage_pass *p, struct err *err)
{
    const struct engine_root *root = p->base.root;
    const char *dirs = p->layout->dirs;

    return pass_text(&p->base, err, "%s/%s%s%s", root->path, root->storage,
                     dirs[0] != '\0' ? "/" : "", dirs);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static int make_copy(struct storage_pass *p, const char *place, const struct storage_node *node,
                     struct engine_copy *out, struct err *err)
{
    const char *files = p->layout->files;

    out->chain = node->chain;
    out->diff = node->diff;
    out->needed = node->needed;
    out->whole_tree = p->layout->whole_tree && node->layer->has_parent;
    out->entry = pass_text(&p->base, err, "%s/%s", place, node->layer->id_text);
    out->directory = out->entry;
    if (out->entry != NULL && files[0] != '\0')
        out->directory = pass_text(&p->base, err, "%s/%s", out->entry, files);
    return out->directory != NULL ? 0 : -1;
}

static int compare_copies(const void *a, const void *b)
{
    return digest_cmp(&((const struct engine_copy *)a)->chain,
                      &((const struct engine_copy *)b)->chain);
}

static int make_copies(struct storage_pass *p, const char *place, struct err *err)
{
    struct engine_reading *r = p->base.reading;

    r->copies = arena_array(p->base.arena, p->node_count, sizeof(*r->copies), err);
    if (r->copies == NULL)
        return -1;
    for (size_t i = 0; i < p->node_count; i++) {
        if (p->nodes[i].is_copy &&
            make_copy(p, place, &p->nodes[i], &r->copies[r->copy_count++], err) != 0)
            return -1;
    }
    if (r->copy_count > 0)
        qsort(r->copies, r->copy_count, sizeof(*r->copies), compare_copies);
    return 0;
}

/* ---- what else lies there -------------------------------------------------------------------- */

static int add_space(struct storage_pass *p, enum rec_space_class klass, const char *kind,
                     const char *path)
{
    struct engine_reading *r = p->base.reading;

    if (path == NULL)
        return -1;
    r->spaces[r->space_count++] =
        (struct engine_space_entry){.klass = klass, .kind = kind, .path = path};
    return 0;
}

static bool is_old(const struct stat *st)
{
    return clock_wall_ms() / 1000 - st->st_mtim.tv_sec > PASS_PARTIAL_S;
}

/* A layer that is no copy: a container's own, half a layer, the same chain a second time, or one
 * that nobody lists any more. */
static int add_layer(struct storage_pass *p, const struct storage_node *node, const struct stat *st,
                     const char *path)
{
    if (node->of_container)
        return add_space(p, REC_SPACE_OUTSIDE, "container-writable", path);
    if (node->layer->incomplete)
        return is_old(st) ? add_space(p, REC_SPACE_ORPHANS, "partial", path)
                          : add_space(p, REC_SPACE_OUTSIDE, "pulling", path);
    if (node->has_chain)
        return add_space(p, REC_SPACE_ORPHANS, "second-copy", path);
    if (!node->layer->has_diff && !p->containers_known)
        return add_space(p, REC_SPACE_OUTSIDE, "container-writable", path);
    return add_space(p, REC_SPACE_ORPHANS, "leftover", path);
}

static const struct storage_node *node_named(const struct storage_pass *p, const char *name)
{
    struct digest id;

    if (strlen(name) != DIGEST_HEX || digest_parse(&id, name, DIGEST_HEX, true, NULL) != 0)
        return NULL;
    return storage_node_of(p, &id);
}

/* overlay/l has a symlink for each layer; overlay/staging is where chunks of layers arrive. */
static int classify(struct storage_pass *p, int fd, const char *place, const char *name,
                    struct err *err)
{
    const struct storage_node *node = node_named(p, name);
    const char *path;
    struct stat st;

    if (strcmp(name, "l") == 0 || (node != NULL && node->is_copy) ||
        fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return 0;
    path = pass_text(&p->base, err, "%s/%s", place, name);
    if (path == NULL)
        return -1;
    if (node != NULL)
        return add_layer(p, node, &st, path);
    if (strcmp(name, "staging") == 0 && !is_old(&st))
        return add_space(p, REC_SPACE_OUTSIDE, "pulling", path);
    return add_space(p, REC_SPACE_ORPHANS, strcmp(name, "staging") == 0 ? "partial" : "leftover",
                     path);
}

static bool has_name(const struct dirlist *list, const char *name)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(list->names[middle], name);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* The metadata is right and the files are gone: the copy stays, and measuring finds it missing. */
static int report_missing(struct storage_pass *p, const struct dirlist *list, struct err *err)
{
    for (size_t i = 0; i < p->node_count; i++) {
        const struct storage_node *node = &p->nodes[i];
        char subject[DIGEST_TEXT + 16];

        if (!node->is_copy || has_name(list, node->layer->id_text))
            continue;
        p->base.vanished++;
        snprintf(subject, sizeof(subject), "layer %s", node->layer->id_text);
        if (pass_problem(&p->base, err, subject, "its directory is not there") != 0)
            return -1;
    }
    return 0;
}

/* Podman 5 renames what it deletes to a place of its own, and removes it there. */
static int add_staged_deletions(struct storage_pass *p, struct err *err)
{
    AUTO_FD int fd = -1;

    if (storage_open_optional(p->base.root, STAGED_DELETIONS, &fd, err) != 0)
        return -1;
    if (fd < 0)
        return 0;
    return add_space(p, REC_SPACE_ORPHANS, "leftover",
                     pass_text(&p->base, err, "%s/%s" STAGED_DELETIONS, p->base.root->path,
                               p->base.root->storage));
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int add_space_roots(struct storage_pass *p, struct err *err)
{
    struct engine_reading *r = p->base.reading;
    const struct engine_root *root = p->base.root;

    for (size_t i = 0; i < SUFFIX_COUNT; i++) {
        r->space_roots[i] =
            pass_text(&p->base, err, "%s/%s%s", root->path, root->storage, suffixes[i]);
        if (r->space_roots[i] == NULL)
            return -1;
    }
    r->space_root_count = SUFFIX_COUNT;
    if (!p->layout->own_device)
        return 0;
    for (size_t i = 0; i < r->space_count; i++) /* no walk of one file system reaches these */
        r->space_roots[r->space_root_count++] = r->spaces[i].path;
    for (size_t i = 0; i < r->copy_count; i++)
        r->space_roots[r->space_root_count++] = r->copies[i].entry;
    return 0;
}

static int list_entries(struct storage_pass *p, const char *place, int *fd, struct dirlist *out,
                        struct err *err)
{
    struct err why = {0};

    *fd = engine_open(p->base.root, place, O_RDONLY | O_DIRECTORY, &why);
    if (*fd < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    return dirlist_read(out, *fd, STORAGE_ENTRIES_MAX, place, err);
}

int storage_read_space(struct storage_pass *p, struct err *err)
{
    AUTO(dirlist_close) struct dirlist entries = {0};
    struct engine_reading *r = p->base.reading;
    AUTO_FD int fd = -1;
    const char *place;
    size_t room;

    if (p->layout == NULL || !p->layout->known)
        return pass_problem(&p->base, err, "graph driver",
                            "%s keeps layers in no directories that can be measured",
                            p->base.root->storage);
    place = driver_directory(p, err);
    if (place == NULL || list_entries(p, place, &fd, &entries, err) != 0 ||
        make_copies(p, place, err) != 0)
        return -1;
    room = entries.count + 1;
    r->spaces = arena_array(p->base.arena, room, sizeof(*r->spaces), err);
    r->space_roots = arena_array(p->base.arena, room + p->node_count + SUFFIX_COUNT,
                                 sizeof(*r->space_roots), err);
    if (r->spaces == NULL || r->space_roots == NULL)
        return -1;
    for (size_t i = 0; i < entries.count; i++) {
        if (classify(p, fd, place, entries.names[i], err) != 0)
            return -1;
    }
    if (add_staged_deletions(p, err) != 0 || report_missing(p, &entries, err) != 0)
        return -1;
    return add_space_roots(p, err);
}
