/* oci_layout_space: which file of the layout belongs to what, for the space account. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/dirlist.h"
#include "agent/engines/oci_layout/oci_layout.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define MS_PER_SECOND 1000
#define BLOBS "blobs/sha256/"

static int add(struct oci_layout_pass *p, enum rec_space_class klass, const char *kind,
               const char *below, const char *name, struct err *err)
{
    struct engine_reading *r = p->pass.reading;
    const char *path = pass_text(&p->pass, err, "%s/%s%s", p->pass.root->path, below, name);

    if (path == NULL)
        return -1;
    r->spaces[r->space_count++] =
        (struct engine_space_entry){.klass = klass, .kind = kind, .path = path};
    return 0;
}

static bool is_old(int64_t changed_ms)
{
    return clock_wall_ms() - changed_ms > (int64_t)PASS_PARTIAL_S * 1000;
}

/* What somebody writes, or began to write and gave up. */
static int add_unfinished(struct oci_layout_pass *p, const char *below, const char *name,
                          int64_t changed_ms, struct err *err)
{
    if (is_old(changed_ms))
        return add(p, REC_SPACE_ORPHANS, "partial", below, name, err);
    return add(p, REC_SPACE_OUTSIDE, "pulling", below, name, err);
}

/* Blobs come before the name that leads to them: a young one that nothing names may get it yet. */
static struct engine_space_entry account_for(const struct content_blob *blob)
{
    if (blob->named)
        return (struct engine_space_entry){.klass = REC_SPACE_BLOBS, .kind = "only"};
    if (is_old(blob->changed_ms))
        return (struct engine_space_entry){.klass = REC_SPACE_ORPHANS, .kind = "leftover"};
    return (struct engine_space_entry){.klass = REC_SPACE_OUTSIDE, .kind = "pulling"};
}

/* There are many of them, so the paths are put together by hand. */
static int add_blobs(struct oci_layout_pass *p, struct err *err)
{
    struct engine_reading *r = p->pass.reading;
    const struct content_blobs *blobs = &p->look.blobs;
    const char *below = pass_text(&p->pass, err, "%s/" BLOBS, p->pass.root->path);
    size_t len = below != NULL ? strlen(below) : 0;

    if (below == NULL)
        return -1;
    for (size_t i = 0; i < blobs->count; i++) {
        struct engine_space_entry entry = account_for(&blobs->items[i]);
        char *path = arena_alloc(p->pass.arena, len + DIGEST_HEX + 1, err);

        if (path == NULL)
            return -1;
        memcpy(path, below, len);
        digest_hex(&blobs->items[i].digest, path + len);
        entry.path = path;
        r->spaces[r->space_count++] = entry;
    }
    return 0;
}

/* Directories, temporary files and whatever else lies beside the blobs. */
static int add_strays(struct oci_layout_pass *p, struct err *err)
{
    const struct content_blobs *blobs = &p->look.blobs;

    for (size_t i = 0; i < blobs->stray_count; i++) {
        const struct content_stray *stray = &blobs->strays[i];
        int rc = stray->is_file ? add_unfinished(p, BLOBS, stray->name, stray->changed_ms, err)
                                : add(p, REC_SPACE_ORPHANS, "leftover", BLOBS, stray->name, err);

        if (rc != 0)
            return -1;
    }
    return 0;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Who writes where: containers/image, umoci, containerd's content store as BuildKit uses it. */
static bool is_unfinished(const char *name)
{
    return begins(name, "oci-put-blob") || begins(name, ".umoci-") || strcmp(name, "ingest") == 0;
}

static int add_others(struct oci_layout_pass *p, const struct dirlist *list, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->names[i];
        struct stat st;
        int rc;

        if (strcmp(name, "oci-layout") == 0 || begins(name, "index.json") ||
            strcmp(name, "blobs") == 0 || fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (is_unfinished(name))
            rc = add_unfinished(p, "", name, (int64_t)st.st_mtim.tv_sec * MS_PER_SECOND, err);
        else
            rc = add(p, REC_SPACE_ORPHANS, "leftover", "", name, err);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* Blobs under digests that nobody here can compute: what needs them is not known, so they are not
 * called orphans. */
static int add_algorithms(struct oci_layout_pass *p, const struct dirlist *list, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], "sha256") != 0 &&
            add(p, REC_SPACE_BLOBS, "only", "blobs/", list->names[i], err) != 0)
            return -1;
    }
    return 0;
}

static int list_below(const struct oci_layout_pass *p, const char *below, struct dirlist *out,
                      struct err *err)
{
    AUTO_FD int fd = openat(p->dir, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    char what[2 * ENGINE_PATH_MAX + 16];

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return 0;
    snprintf(what, sizeof(what), "%s%s/%s", p->pass.root->host, p->pass.root->path, below);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "open %s", what);
    return dirlist_read(out, fd, OCI_LAYOUT_ENTRIES_MAX, what, err);
}

static int make_room(struct oci_layout_pass *p, size_t room, struct err *err)
{
    struct engine_reading *r = p->pass.reading;

    r->spaces = arena_array(p->pass.arena, room, sizeof(*r->spaces), err);
    r->space_roots = arena_array(p->pass.arena, 1, sizeof(*r->space_roots), err);
    if (r->spaces == NULL || r->space_roots == NULL)
        return -1;
    r->space_roots[0] = pass_text(&p->pass, err, "%s", p->pass.root->path);
    r->space_root_count = 1;
    return r->space_roots[0] != NULL ? 0 : -1;
}

int oci_layout_read_space(struct oci_layout_pass *p, struct err *err)
{
    AUTO(dirlist_close) struct dirlist others = {0};
    AUTO(dirlist_close) struct dirlist algorithms = {0};
    const struct content_blobs *blobs = &p->look.blobs;

    if (list_below(p, ".", &others, err) != 0 || list_below(p, "blobs", &algorithms, err) != 0 ||
        make_room(p, blobs->count + blobs->stray_count + others.count + algorithms.count, err) != 0)
        return -1;
    if (add_blobs(p, err) != 0 || add_strays(p, err) != 0 || add_others(p, &others, err) != 0)
        return -1;
    return add_algorithms(p, &algorithms, err);
}
