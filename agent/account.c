#include "agent/account.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/walk.h"
#include "common/cleanup.h"

struct accountant {
    const struct engine_root *root;
    const struct engine_reading *reading;
    const struct measure_limits *limits;
    struct account *out;
    struct inode_set known; /* directories that are counted as what they are */
    bool shares_extents;
};

/* The line of this class and kind; NULL where the table is full, which no driver's kinds reach. */
static struct rec_space *line_of(struct account *a, enum rec_space_class klass, const char *kind)
{
    struct rec_spaces *s = &a->spaces;

    for (size_t i = 0; i < s->space_count; i++) {
        if (a->items[i].klass == klass && strcmp(a->items[i].kind, kind) == 0)
            return &a->items[i];
    }
    if (s->space_count == REC_SPACES_MAX)
        return NULL;
    a->items[s->space_count] = (struct rec_space){.klass = klass, .kind = kind};
    return &a->items[s->space_count++];
}

static int add_bytes(const struct accountant *a, enum rec_space_class klass, const char *kind,
                     uint64_t bytes, uint64_t count, struct err *err)
{
    struct rec_space *line = line_of(a->out, klass, kind);

    if (line == NULL)
        return err_set(err, ERR_LIMIT, "more than %d kinds of space", REC_SPACES_MAX);
    line->bytes += bytes;
    line->count += count;
    line->upper_bound = a->shares_extents;
    return 0;
}

/* Notes the directory (or file) as known. Not being there, or being none, is no error. */
static int note(struct accountant *a, const char *path, struct err *err)
{
    struct err why = {0};
    AUTO_FD int fd = engine_open(a->root, path, O_PATH, &why);
    struct stat st;
    bool added;

    if (fd < 0 && (why.kind == ERR_NOT_FOUND || why.kind == ERR_CORRUPT))
        return 0;
    if (fd < 0)
        return err_set(err, why.kind, "%s", why.text);
    if (fstat(fd, &st) != 0)
        return err_set(err, ERR_IO, "stat %s", path);
    return inode_set_add(&a->known, st.st_dev, st.st_ino, &added, err);
}

static int measure_copy(struct accountant *a, const struct engine_copy *copy,
                        account_copy_fn *on_copy, void *arg, struct err *err)
{
    struct rec_spaces *spaces = &a->out->spaces;
    struct measure_result result = {0};
    struct err why = {0};
    int rc;

    if (copy->directory == NULL)
        return 0; /* read by API: one of copies_total, and not of copies_measured */
    if (note(a, copy->directory, err) != 0)
        return -1;
    if (measure_directory(a->root, copy->directory, a->limits, &result, &why) == 0) {
        spaces->copies_measured++;
        rc = add_bytes(a, REC_SPACE_COPIES, "copies", result.allocated_bytes, 1, err);
        if (on_copy != NULL)
            on_copy(arg, copy, &result, false);
        measure_result_free(&result);
        return rc;
    }
    if (why.kind != ERR_NOT_FOUND && why.kind != ERR_MOVED && why.kind != ERR_CORRUPT)
        return err_set(err, why.kind, "%s", why.text);
    if (on_copy != NULL)
        on_copy(arg, copy, NULL, why.kind != ERR_MOVED);
    return 0;
}

static int measure_entry(struct accountant *a, const struct engine_space_entry *entry,
                         struct err *err)
{
    uint64_t bytes, entries;

    if (note(a, entry->path, err) != 0 ||
        measure_allocated(a->root, &entry->path, 1, a->limits, &bytes, &entries, err) != 0)
        return -1;
    return add_bytes(a, entry->klass, entry->kind, bytes, 1, err);
}

/* The engine's own metadata is what lies in the store and is nothing else: walked, not computed, so
 * that a mistake anywhere shows as a difference to the whole. */
static int measure_rest(struct accountant *a, struct err *err)
{
    const struct engine_reading *r = a->reading;
    uint64_t bytes, entries;

    if (r->space_root_count == 0) /* nothing of it can be seen: nothing is said */
        return 0;
    if (measure_others(a->root, r->space_roots, r->space_root_count, &a->known, a->limits, &bytes,
                       &entries, err) != 0 ||
        add_bytes(a, REC_SPACE_OUTSIDE, "engine-metadata", bytes, entries, err) != 0)
        return -1;
    if (measure_allocated(a->root, r->space_roots, r->space_root_count, a->limits, &bytes, &entries,
                          err) != 0)
        return -1;
    return add_bytes(a, REC_SPACE_TOTAL, "roots", bytes, entries, err);
}

/* Where files of several copies may share blocks on disk, st_blocks counts them in each. */
static bool may_share_extents(const struct rec_store *store)
{
    bool reflinks = strcmp(store->fs_type, "btrfs") == 0 || strcmp(store->fs_type, "xfs") == 0;

    return strcmp(store->driver, "btrfs") == 0 || (strcmp(store->driver, "vfs") == 0 && reflinks);
}

static void close_accountant(struct accountant *a)
{
    inode_set_close(&a->known);
}

int account_store(const struct engine_root *root, const struct engine_reading *reading,
                  const struct measure_limits *limits, account_copy_fn *on_copy, void *arg,
                  struct account *out, struct err *err)
{
    AUTO(close_accountant)
    struct accountant a = {
        .root = root,
        .reading = reading,
        .limits = limits,
        .out = out,
        .shares_extents = may_share_extents(&reading->content.store),
    };

    *out = (struct account){
        .spaces = {.key = reading->content.store.key, .copies_total = reading->copy_count}};
    out->spaces.spaces = out->items;
    for (size_t i = 0; i < reading->copy_count; i++) {
        if (measure_copy(&a, &reading->copies[i], on_copy, arg, err) != 0)
            return err_wrap(err, "measure %s", root->path);
    }
    for (size_t i = 0; i < reading->space_count; i++) {
        if (measure_entry(&a, &reading->spaces[i], err) != 0)
            return err_wrap(err, "measure %s", root->path);
    }
    if (measure_rest(&a, err) != 0)
        return err_wrap(err, "measure %s", root->path);
    return 0;
}
