/*
 * containerd_space: which file and directory of the store belongs to what, for the space account.
 *
 * A containerd with one store is walked as a whole. Of one with several, each store has its own
 * snapshots and the blobs that it is the first to know, and the first store has the rest; the
 * directories around them, which hold nothing themselves, are then left out.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "agent/engines/dirlist.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define BLOBS CONTAINERD_CONTENT "/blobs/sha256"
#define INGEST CONTAINERD_CONTENT "/ingest"
#define NAMES_MAX 1000000 /* of one directory */
#define BUILDKIT_ID_BYTES 25

/* A snapshot of this snapshotter, of any namespace, by its directory. */
struct place {
    uint64_t id;
    const struct containerd_namespace *ns;
    size_t index;
    bool here; /* its directory is */
};

struct space {
    struct containerd_pass *p;
    struct engine_reading *reading;
    int64_t now_ms;
    bool whole_content, whole_snapshotter; /* nothing in it is another store's */
    const char *blobs;                     /* path of the blobs, with a slash at its end */
    char snapshots_below[192];             /* <snapshotter>/snapshots */
    int snapshots_fd, ingest_fd;           /* -1: not there */
    struct dirlist snapshots, ingests;
    struct place *places; /* sorted by id */
    size_t place_count;
};

static void close_space(struct space *s)
{
    cleanup_fd(&s->snapshots_fd);
    cleanup_fd(&s->ingest_fd);
    dirlist_close(&s->snapshots);
    dirlist_close(&s->ingests);
}

static const char *path_of(const struct space *s, const char *below, const char *name,
                           struct err *err)
{
    return pass_text(&s->p->base, err, "%s/%s/%s", s->p->base.root->path, below, name);
}

/* Directories and files that are "the store". The array has room (make_room). */
static int add_root(struct space *s, const char *path)
{
    if (path == NULL)
        return -1;
    s->reading->space_roots[s->reading->space_root_count++] = path;
    return 0;
}

static int add_root_below(struct space *s, const char *below, struct err *err)
{
    return add_root(s, pass_text(&s->p->base, err, "%s/%s", s->p->base.root->path, below));
}

/* `inside`: a root of the store has it already. */
static int add_entry(struct space *s, enum rec_space_class klass, const char *kind,
                     const char *path, bool inside)
{
    if (path == NULL)
        return -1;
    s->reading->spaces[s->reading->space_count++] =
        (struct engine_space_entry){.klass = klass, .kind = kind, .path = path};
    return inside ? 0 : add_root(s, path);
}

/* What is under way, or what is left of it. */
static int add_pulled(struct space *s, const char *kind, int64_t changed_ms, const char *path,
                      bool inside)
{
    bool young = s->now_ms - changed_ms < (int64_t)PASS_PARTIAL_S * 1000;

    return add_entry(s, young ? REC_SPACE_OUTSIDE : REC_SPACE_ORPHANS, young ? "pulling" : kind,
                     path, inside);
}

static int64_t changed_ms(int fd, const char *path)
{
    struct stat st;

    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

/* The first namespace that knows the blob; NULL: none does. */
static const struct containerd_namespace *owner_of(const struct containerd_pass *p,
                                                   const struct digest *digest)
{
    for (size_t i = 0; i < p->state->namespace_count; i++) {
        if (containerd_blob_of(&p->state->namespaces[i], digest) != NULL)
            return &p->state->namespaces[i];
    }
    return NULL;
}

static bool is_charged(const struct containerd_pass *p, const struct containerd_namespace *owner)
{
    return owner == NULL ? p->first : owner == p->ns && p->first_of_namespace;
}

static bool all_charged(const struct containerd_pass *p)
{
    for (size_t i = 0; !p->alone && i < p->all.count; i++) {
        if (!is_charged(p, owner_of(p, &p->all.items[i].digest)))
            return false;
    }
    return p->first;
}

/* There are many of them, so the paths are put together by hand. */
static const char *blob_path(const struct space *s, const char *hex, struct err *err)
{
    size_t len = strlen(s->blobs);
    char *path = arena_alloc(s->p->base.arena, len + DIGEST_HEX + 1, err);

    if (path == NULL)
        return NULL;
    memcpy(path, s->blobs, len);
    memcpy(path + len, hex, DIGEST_HEX + 1);
    return path;
}

static int add_blob(struct space *s, const struct content_blob *file, struct err *err)
{
    struct containerd_pass *p = s->p;
    const struct containerd_namespace *owner = owner_of(p, &file->digest);
    const struct containerd_blob *blob;
    char hex[DIGEST_HEX + 1];
    const char *path;

    if (!is_charged(p, owner))
        return 0;
    path = blob_path(s, digest_hex(&file->digest, hex), err);
    if (owner == NULL) /* containerd moves a blob here just before it writes that down */
        return add_pulled(s, "leftover", changed_ms(p->content_fd, hex), path, s->whole_content);
    blob = containerd_blob_of(p->ns, &file->digest);
    return add_entry(s, REC_SPACE_BLOBS, p->kept[blob - p->ns->blobs] ? "kept" : "only", path,
                     s->whole_content);
}

static int add_blobs(struct space *s, struct err *err)
{
    const struct content_blobs *all = &s->p->all;

    s->blobs = path_of(s, BLOBS, "", err);
    if (s->blobs == NULL)
        return -1;
    for (size_t i = 0; i < all->count; i++) {
        if (add_blob(s, &all->items[i], err) != 0)
            return -1;
    }
    for (size_t i = 0; i < all->stray_count && s->p->first; i++) {
        const struct content_stray *stray = &all->strays[i];

        if (add_pulled(s, "leftover", stray->changed_ms, path_of(s, BLOBS, stray->name, err),
                       s->whole_content) != 0)
            return -1;
    }
    return 0;
}

/* Each pull of a blob has a directory with what has come so far. */
static int add_ingests(struct space *s, struct err *err)
{
    for (size_t i = 0; i < s->ingests.count; i++) {
        const char *name = s->ingests.names[i];
        char data[512];
        int64_t changed = changed_ms(s->ingest_fd, name), written;

        snprintf(data, sizeof(data), "%s/data", name);
        written = changed_ms(s->ingest_fd, data);
        if (add_pulled(s, "partial", written > changed ? written : changed,
                       path_of(s, INGEST, name, err), true) != 0)
            return -1;
    }
    return 0;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static int read_places(struct space *s, struct err *err)
{
    const struct containerd_state *state = s->p->state;
    const char *name = s->p->base.root->storage;

    s->places = arena_array(s->p->base.arena, s->p->keys.count, sizeof(*s->places), err);
    if (s->places == NULL)
        return -1;
    for (size_t i = 0; i < state->namespace_count; i++) {
        const struct containerd_namespace *ns = &state->namespaces[i];
        const struct containerd_snapshotter *snapshotter = containerd_snapshotter_of(ns, name);

        for (size_t j = 0; snapshotter != NULL && j < snapshotter->count; j++) {
            if (snapshotter->snapshots[j].id == 0 || s->place_count == s->p->keys.count)
                continue;
            s->places[s->place_count++] =
                (struct place){.id = snapshotter->snapshots[j].id, .ns = ns, .index = j};
        }
    }
    if (s->place_count > 0)
        qsort(s->places, s->place_count, sizeof(*s->places), compare_places);
    return 0;
}

static struct place *place_of(const struct space *s, const char *name)
{
    char again[32];
    struct place key = {.id = strtoull(name, NULL, 10)};

    snprintf(again, sizeof(again), "%llu", (unsigned long long)key.id);
    if (s->place_count == 0 || strcmp(again, name) != 0)
        return NULL;
    return bsearch(&key, s->places, s->place_count, sizeof(key), compare_places);
}

/* BuildKit names what it keeps by 25 characters, in docker's namespace or one of its own. */
static bool is_build(const struct containerd_pass *p, const char *key)
{
    size_t len = strspn(key, "0123456789abcdefghijklmnopqrstuvwxyz");

    return strcmp(p->ns->name, "buildkit") == 0 ||
           (len == BUILDKIT_ID_BYTES && (key[len] == '\0' || key[len] == '-'));
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* A snapshot of this store that is no copy of a layer. */
static int add_snapshot(struct space *s, const struct containerd_snapshot *snapshot,
                        const char *name, const char *path)
{
    bool inside = s->whole_snapshotter, writable = snapshot->kind != CONTAINERD_COMMITTED;

    if (is_build(s->p, snapshot->key))
        return add_entry(s, REC_SPACE_ORPHANS, "build-cache", path, inside);
    if (writable && strncmp(snapshot->key, "extract-", strlen("extract-")) == 0)
        return add_pulled(s, "partial", changed_ms(s->snapshots_fd, name), path, inside);
    if (writable || ends_with(snapshot->key, "-init")) /* docker's, below a container's own */
        return add_entry(s, REC_SPACE_OUTSIDE, "container-writable", path, inside);
    return add_entry(s, REC_SPACE_ORPHANS, "leftover", path, inside);
}

static int add_directory(struct space *s, const char *name, struct err *err)
{
    struct containerd_pass *p = s->p;
    struct place *place = place_of(s, name);
    const char *path;

    if (place != NULL)
        place->here = true;
    if (place != NULL ? place->ns != p->ns : !p->first_of_snapshotter)
        return 0;
    path = path_of(s, s->snapshots_below, name, err);
    if (place == NULL)
        return add_pulled(s, "leftover", changed_ms(s->snapshots_fd, name), path,
                          s->whole_snapshotter);
    if (!p->layers[place->index].has_diff)
        return add_snapshot(s, &p->snapshotter->snapshots[place->index], name, path);
    return s->whole_snapshotter ? 0 : add_root(s, path);
}

/* The metadata is right and the files are gone: the copy stays, and measuring finds it missing. */
static int report_missing(struct space *s, struct err *err)
{
    struct pass *base = &s->p->base;
    char subject[320];

    for (size_t i = 0; i < s->place_count; i++) {
        const struct place *place = &s->places[i];

        if (place->here || place->ns != s->p->ns)
            continue;
        base->vanished++;
        snprintf(subject, sizeof(subject), "snapshot %.256s",
                 s->p->snapshotter->snapshots[place->index].key);
        if (pass_problem(base, err, subject, "its directory snapshots/%llu is not there",
                         (unsigned long long)place->id) != 0)
            return -1;
    }
    return 0;
}

static int add_snapshots(struct space *s, struct err *err)
{
    struct containerd_pass *p = s->p;
    char below[160];

    snprintf(below, sizeof(below), CONTAINERD_SNAPSHOTTER "%s", p->base.root->storage);
    if (s->whole_snapshotter && add_root_below(s, below, err) != 0)
        return -1;
    if (!s->whole_snapshotter && p->first_of_snapshotter &&
        add_root(s, path_of(s, below, "metadata.db", err)) != 0)
        return -1;
    for (size_t i = 0; i < s->snapshots.count; i++) {
        if (add_directory(s, s->snapshots.names[i], err) != 0)
            return -1;
    }
    return report_missing(s, err);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int list(struct space *s, const char *below, int *fd, struct dirlist *out, struct err *err)
{
    if (containerd_open_optional(s->p->base.root, below, fd, err) != 0)
        return -1;
    return *fd >= 0 ? dirlist_read(out, *fd, NAMES_MAX, below, err) : 0;
}

static int make_room(struct space *s, struct err *err)
{
    size_t room = s->p->all.count + s->p->all.stray_count + s->ingests.count + s->snapshots.count;

    s->reading->spaces = arena_array(s->p->base.arena, room, sizeof(*s->reading->spaces), err);
    s->reading->space_roots =
        arena_array(s->p->base.arena, room + 4, sizeof(*s->reading->space_roots), err);
    return s->reading->spaces != NULL && s->reading->space_roots != NULL ? 0 : -1;
}

/* The directories that the first store has whole. */
static int add_shared(struct space *s, struct err *err)
{
    if (s->whole_content && add_root_below(s, CONTAINERD_CONTENT, err) != 0)
        return -1;
    if (!s->whole_content && s->ingest_fd >= 0 && add_root_below(s, INGEST, err) != 0)
        return -1;
    return s->p->first ? add_root_below(s, CONTAINERD_METADATA, err) : 0;
}

int containerd_read_space(struct containerd_pass *p, struct err *err)
{
    AUTO(close_space)
    struct space s = {.p = p,
                      .reading = p->base.reading,
                      .now_ms = clock_wall_ms(),
                      .whole_content = all_charged(p),
                      .whole_snapshotter = p->alone_snapshotter,
                      .snapshots_fd = -1,
                      .ingest_fd = -1};

    if (p->base.root->by_api)
        return 0;
    snprintf(s.snapshots_below, sizeof(s.snapshots_below), CONTAINERD_SNAPSHOTTER "%s/snapshots",
             p->base.root->storage);
    if ((p->layout != NULL &&
         list(&s, s.snapshots_below, &s.snapshots_fd, &s.snapshots, err) != 0) ||
        (p->first && list(&s, INGEST, &s.ingest_fd, &s.ingests, err) != 0) ||
        make_room(&s, err) != 0 || add_shared(&s, err) != 0 || add_blobs(&s, err) != 0 ||
        add_ingests(&s, err) != 0)
        return -1;
    if (p->layout == NULL)
        return pass_problem(&p->base, err, "snapshotter",
                            "%s keeps layers in no directories that can be measured",
                            p->base.root->storage);
    return read_places(&s, err) != 0 ? -1 : add_snapshots(&s, err);
}
