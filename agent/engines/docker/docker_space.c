/* docker_space: which directory of the store belongs to what, for the space account. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define PULL_PREFIX "GetImageBlob" /* <root>/tmp/GetImageBlob<n>: a blob that is being pulled */
#define BUILDKIT_ID_BYTES 25

/* <root>/<drv>[/<dirs>], without the root's path. */
static void driver_directory(const struct docker_pass *p, char *out, size_t size)
{
    const char *dirs = p->layout->dirs;

    snprintf(out, size, "%s%s%s", p->base.root->storage, dirs[0] != '\0' ? "/" : "", dirs);
}

static int make_copy(struct docker_pass *p, const char *below, const struct docker_layer *layer,
                     struct engine_copy *out, struct err *err)
{
    const char *files = p->layout->files;

    out->chain = layer->chain;
    out->diff = layer->diff;
    out->needed = layer->needed;
    out->whole_tree = p->layout->whole_tree && layer->has_parent;
    out->entry = pass_text_in(&p->base, p->base.reading->layers, err, "%s/%s/%s",
                              p->base.root->path, below, layer->cache_id);
    out->directory = out->entry;
    if (out->entry != NULL && files[0] != '\0')
        out->directory =
            pass_text_in(&p->base, p->base.reading->layers, err, "%s/%s", out->entry, files);
    return out->directory != NULL ? 0 : -1;
}

/* The copy of a layer is where it was in the last pass, in the shared arena. */
static void take_copies(const struct docker_pass *p, struct engine_copy *out)
{
    for (size_t i = 0; i < p->layer_count; i++) {
        out[i] = p->base.last->copies[i];
        out[i].needed = p->layers[i].needed;
    }
}

static int make_copies(struct docker_pass *p, const char *below, struct err *err)
{
    struct engine_reading *r = p->base.reading;

    r->copies = arena_array(p->base.arena, p->layer_count, sizeof(*r->copies), err);
    if (r->copies == NULL)
        return -1;
    if (p->layers_stand)
        take_copies(p, r->copies);
    for (size_t i = 0; i < p->layer_count && !p->layers_stand; i++) {
        if (make_copy(p, below, &p->layers[i], &r->copies[i], err) != 0)
            return -1;
    }
    r->copy_count = p->layer_count;
    return 0;
}

static bool has_text(const char *const *sorted, size_t count, const char *text)
{
    return count > 0 && bsearch(&text, sorted, count, sizeof(text), docker_compare_texts) != NULL;
}

static int add_space(struct docker_pass *p, enum rec_space_class klass, const char *kind,
                     const char *below, const char *name, struct err *err)
{
    struct engine_space_entry *entry = &p->base.reading->spaces[p->base.reading->space_count];

    entry->klass = klass;
    entry->kind = kind;
    entry->path = pass_text(&p->base, err, "%s/%s/%s", p->base.root->path, below, name);
    if (entry->path == NULL)
        return -1;
    p->base.reading->space_count++;
    return 0;
}

static bool is_directory(int fd, const char *name)
{
    struct stat st;

    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool has_buildkit(const struct docker_pass *p)
{
    AUTO_FD int fd = docker_open_below(p->base.root, "buildkit", NULL);

    return fd >= 0;
}

/* What the graph driver's directory holds besides the layers: containers' directories, and what no
 * metadata explains. BuildKit gives its own layers 25 characters and keeps them in its cache. */
static int classify(struct docker_pass *p, int fd, const char *below, const struct dirlist *list,
                    struct err *err)
{
    const char **layers = arena_array(p->base.arena, p->layer_count, sizeof(*layers), err);

    if (layers == NULL)
        return -1;
    for (size_t i = 0; i < p->layer_count; i++)
        layers[i] = p->layers[i].cache_id;
    if (p->layer_count > 0)
        qsort(layers, p->layer_count, sizeof(*layers), docker_compare_texts);
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->names[i];
        int rc = 0;

        if (has_text(layers, p->layer_count, name))
            continue;
        if (has_text(p->mounts, p->mount_count, name))
            rc = add_space(p, REC_SPACE_OUTSIDE, "container-writable", below, name, err);
        else if (strcmp(name, "l") != 0 && is_directory(fd, name))
            rc = add_space(p, REC_SPACE_ORPHANS,
                           p->kept->buildkit && strlen(name) == BUILDKIT_ID_BYTES ? "build-cache"
                                                                                  : "leftover",
                           below, name, err);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* The metadata is right and the files are gone: the copy stays, and measuring finds it missing. */
static int report_missing(struct docker_pass *p, const struct dirlist *list, struct err *err)
{
    char subject[DIGEST_HEX + 32], hex[DIGEST_HEX + 1];

    for (size_t i = 0; i < p->layer_count; i++) {
        const struct docker_layer *layer = &p->layers[i];

        if (has_text((const char *const *)list->names, list->count, layer->cache_id))
            continue;
        p->base.vanished++;
        snprintf(subject, sizeof(subject), "layerdb entry %s", digest_hex(&layer->chain, hex));
        if (pass_problem(&p->base, err, subject, "its directory %s is not there",
                         layer->cache_id) != 0)
            return -1;
    }
    return 0;
}

/* A blob that nobody has written to for an hour is what remains of a pull that broke off. */
static bool is_under_way(int fd, const char *name)
{
    struct stat st;

    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
           clock_wall_ms() / 1000 - st.st_mtim.tv_sec < PASS_PARTIAL_S;
}

/* The arrays have room for all of these and the entries of the driver's directory. */
static int add_partial(struct docker_pass *p, int fd, const struct dirlist *list, struct err *err)
{
    struct engine_reading *r = p->base.reading;
    bool pulling;

    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->names[i], PULL_PREFIX, strlen(PULL_PREFIX)) != 0)
            continue;
        pulling = is_under_way(fd, list->names[i]);
        if (add_space(p, pulling ? REC_SPACE_OUTSIDE : REC_SPACE_ORPHANS,
                      pulling ? "pulling" : "partial", "tmp", list->names[i], err) != 0)
            return -1;
        r->space_roots[r->space_root_count++] = r->spaces[r->space_count - 1].path;
    }
    return 0;
}

static int open_optional(struct docker_pass *p, const char *below, int *fd, struct err *err)
{
    struct err why = {0};

    *fd = docker_open_below(p->base.root, below, &why);
    if (*fd < 0 && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    return 0;
}

static int list_optional(struct docker_pass *p, int fd, const char *below, struct dirlist *out,
                         struct err *err)
{
    return fd >= 0 ? docker_list(p->base.root, fd, below, DOCKER_LAYERS_MAX, out, err) : 0;
}

static int add_space_roots(struct docker_pass *p, struct err *err)
{
    struct engine_reading *r = p->base.reading;
    const char *path = p->base.root->path, *storage = p->base.root->storage;

    r->space_roots[0] = pass_text(&p->base, err, "%s/%s", path, storage);
    r->space_roots[1] = pass_text(&p->base, err, "%s/image/%s", path, storage);
    if (r->space_roots[0] == NULL || r->space_roots[1] == NULL)
        return -1;
    r->space_root_count = 2;
    if (!p->layout->own_device)
        return 0;
    for (size_t i = 0; i < r->space_count; i++) /* no walk of one file system reaches these */
        r->space_roots[r->space_root_count++] = r->spaces[i].path;
    for (size_t i = 0; i < r->copy_count; i++)
        r->space_roots[r->space_root_count++] = r->copies[i].entry;
    return 0;
}

static bool same_texts(const char **a, size_t a_count, const char **b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        if (strcmp(a[i], b[i]) != 0)
            return false;
    }
    return true;
}

/* Whether all that says what the driver's directory holds is as it was in the last pass. */
static bool entries_stand(const struct docker_pass *p, const struct file_stamp *entries)
{
    const struct docker_kept *last = p->last_kept;

    return p->layers_stand && file_stamp_eq(&last->entries, entries) &&
           last->buildkit == p->kept->buildkit &&
           same_texts(last->mounts, last->mount_count, p->mounts, p->mount_count);
}

static int take_spaces(struct docker_pass *p, struct err *err)
{
    struct engine_reading *r = p->base.reading;

    for (size_t i = 0; i < p->last_kept->space_count; i++) {
        struct engine_space_entry *entry = &r->spaces[i];

        *entry = p->base.last->spaces[i];
        entry->path = arena_text(p->base.arena, entry->path, strlen(entry->path), err);
        if (entry->path == NULL)
            return -1;
        r->space_count++;
    }
    return 0;
}

/* Opens and stamps the driver's directory, and lists it where what lies in it may be new. */
static int list_entries(struct docker_pass *p, const char *below, int *fd, struct file_stamp *stamp,
                        struct dirlist *out, bool *stand, struct err *err)
{
    if (open_optional(p, below, fd, err) != 0)
        return -1;
    if (*fd >= 0)
        *stamp = file_stamp_at(*fd, "");
    *stand = entries_stand(p, stamp);
    return *stand ? 0 : list_optional(p, *fd, below, out, err);
}

static int read_partial(struct docker_pass *p, int *fd, struct dirlist *tmp, struct err *err)
{
    return open_optional(p, "tmp", fd, err) != 0 ? -1 : list_optional(p, *fd, "tmp", tmp, err);
}

static int make_room(struct docker_pass *p, size_t room, struct err *err)
{
    struct engine_reading *r = p->base.reading;

    r->spaces = arena_array(p->base.arena, room, sizeof(*r->spaces), err);
    r->space_roots =
        arena_array(p->base.arena, room + p->layer_count + 2, sizeof(*r->space_roots), err);
    return r->spaces != NULL && r->space_roots != NULL ? 0 : -1;
}

static int read_space(struct docker_pass *p, const char *below, struct err *err)
{
    AUTO(dirlist_close) struct dirlist entries = {0};
    AUTO(dirlist_close) struct dirlist tmp = {0};
    AUTO_FD int fd = -1;
    AUTO_FD int tmp_fd = -1;
    struct file_stamp stamp = {0};
    size_t remarks = pass_remarks(&p->base);
    bool stand;

    if (list_entries(p, below, &fd, &stamp, &entries, &stand, err) != 0 ||
        read_partial(p, &tmp_fd, &tmp, err) != 0 ||
        make_room(p, tmp.count + (stand ? p->last_kept->space_count : entries.count), err) != 0 ||
        make_copies(p, below, err) != 0 ||
        (stand ? take_spaces(p, err) : classify(p, fd, below, &entries, err)) != 0)
        return -1;
    p->kept->space_count = p->base.reading->space_count;
    if (add_space_roots(p, err) != 0 || add_partial(p, tmp_fd, &tmp, err) != 0 ||
        (!stand && report_missing(p, &entries, err) != 0))
        return -1;
    if (pass_remarks(&p->base) == remarks)
        p->kept->entries = stamp;
    return 0;
}

int docker_read_space(struct docker_pass *p, struct err *err)
{
    char below[256];

    if (p->layout == NULL)
        return pass_problem(&p->base, err, "graph driver",
                            "%s keeps layers in no directories that can be measured",
                            p->base.root->storage);
    driver_directory(p, below, sizeof(below));
    p->kept->buildkit = has_buildkit(p);
    p->kept->mounts = p->mounts;
    p->kept->mount_count = p->mount_count;
    return read_space(p, below, err);
}
