#include "agent/engines/content_blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define NS_PER_MS 1000000
#define MS_PER_SECOND 1000

/* A directory being listed: arrays of the heap, until their lengths are known. */
struct listing {
    int fd;
    int64_t now_ms;
    const char *what;
    struct arena *arena;
    struct content_blob *blobs;
    struct content_stray *strays;
    size_t blob_count, blob_room, stray_count, stray_room;
};

static void close_listing(struct listing *l)
{
    free(l->blobs);
    free(l->strays);
}

/* The array with room for one more item of `size` bytes; NULL with *err, and nothing changed. */
static void *make_room(const struct listing *l, void *items, size_t count, size_t *room,
                       size_t size, struct err *err)
{
    size_t more = *room == 0 ? 64 : *room * 2;
    void *grown;

    if (count < *room)
        return items;
    grown = count < CONTENT_BLOBS_MAX ? reallocarray(items, more, size) : NULL;
    if (count >= CONTENT_BLOBS_MAX)
        err_set(err, ERR_LIMIT, "%s: more than %d entries", l->what, CONTENT_BLOBS_MAX);
    else if (grown == NULL)
        err_set(err, ERR_NO_MEMORY, "no memory for the files in %s", l->what);
    else
        *room = more;
    return grown;
}

static int64_t changed_ms(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * MS_PER_SECOND + st->st_mtim.tv_nsec / NS_PER_MS;
}

static int add_blob(struct listing *l, const struct digest *digest, const struct stat *st,
                    struct err *err)
{
    struct content_blob *blobs =
        make_room(l, l->blobs, l->blob_count, &l->blob_room, sizeof(*blobs), err);

    if (blobs == NULL)
        return -1;
    l->blobs = blobs;
    blobs[l->blob_count++] = (struct content_blob){.digest = *digest,
                                                   .stamp = file_stamp_of(st, l->now_ms),
                                                   .size = (uint64_t)st->st_size,
                                                   .changed_ms = changed_ms(st)};
    return 0;
}

static int add_stray(struct listing *l, const char *name, const struct stat *st, struct err *err)
{
    struct content_stray *strays =
        make_room(l, l->strays, l->stray_count, &l->stray_room, sizeof(*strays), err);
    const char *copy = arena_text(l->arena, name, strlen(name), err);

    if (strays != NULL)
        l->strays = strays;
    if (strays == NULL || copy == NULL)
        return -1;
    strays[l->stray_count++] = (struct content_stray){
        .name = copy, .changed_ms = changed_ms(st), .is_file = S_ISREG(st->st_mode)};
    return 0;
}

/* What has gone since it was listed is not there. */
static int add_entry(struct listing *l, const char *name, struct err *err)
{
    struct digest digest;
    struct stat st;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (fstatat(l->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : err_errno(err, ERR_IO, errno, "stat %s/%s", l->what, name);
    if (S_ISREG(st.st_mode) && strlen(name) == DIGEST_HEX &&
        digest_parse(&digest, name, DIGEST_HEX, true, NULL) == 0)
        return add_blob(l, &digest, &st, err);
    return add_stray(l, name, &st, err);
}

static int list(struct listing *l, struct err *err)
{
    AUTO_FD int own = openat(l->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *dir = own < 0 ? NULL : fdopendir(own);
    const struct dirent *entry;

    if (dir == NULL)
        return err_errno(err, ERR_IO, errno, "open directory %s", l->what);
    own = -1; /* the DIR has it */
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (add_entry(l, entry->d_name, err) != 0)
            return -1;
    }
    return errno == 0 ? 0 : err_errno(err, ERR_IO, errno, "read directory %s", l->what);
}

static int compare_strays(const void *a, const void *b)
{
    return strcmp(((const struct content_stray *)a)->name, ((const struct content_stray *)b)->name);
}

static int compare_blobs(const void *a, const void *b)
{
    return digest_cmp(&((const struct content_blob *)a)->digest,
                      &((const struct content_blob *)b)->digest);
}

static int take_lists(struct content_blobs *out, const struct listing *l, struct err *err)
{
    struct content_blobs blobs = {.count = l->blob_count, .stray_count = l->stray_count};

    blobs.items = arena_array(l->arena, l->blob_count, sizeof(*blobs.items), err);
    blobs.strays = arena_array(l->arena, l->stray_count, sizeof(*blobs.strays), err);
    if (blobs.items == NULL || blobs.strays == NULL)
        return -1;
    if (l->blob_count > 0)
        memcpy(blobs.items, l->blobs, l->blob_count * sizeof(*blobs.items));
    if (l->stray_count > 0)
        memcpy(blobs.strays, l->strays, l->stray_count * sizeof(*blobs.strays));
    content_blobs_sort(&blobs);
    *out = blobs;
    return 0;
}

int content_blobs_list(struct content_blobs *out, int fd, const char *what, struct arena *arena,
                       struct err *err)
{
    AUTO(close_listing)
    struct listing l = {.fd = fd, .now_ms = clock_wall_ms(), .what = what, .arena = arena};

    if (fd >= 0 && list(&l, err) != 0)
        return -1;
    return take_lists(out, &l, err);
}

void content_blobs_sort(struct content_blobs *blobs)
{
    if (blobs->count > 0)
        qsort(blobs->items, blobs->count, sizeof(*blobs->items), compare_blobs);
    if (blobs->stray_count > 0)
        qsort(blobs->strays, blobs->stray_count, sizeof(*blobs->strays), compare_strays);
}

struct content_blob *content_blobs_find(const struct content_blobs *blobs,
                                        const struct digest *digest)
{
    struct content_blob key = {.digest = *digest};

    if (blobs->count == 0)
        return NULL;
    return bsearch(&key, blobs->items, blobs->count, sizeof(key), compare_blobs);
}

int content_blob_read(int fd, const struct digest *digest, struct buf *out, struct err *err)
{
    char name[DIGEST_HEX + 1];

    return buf_read_file_at(out, fd, digest_hex(digest, name), err);
}

int content_blob_verified(int fd, const struct digest *digest, struct buf *out, struct err *err)
{
    struct digest found;

    if (content_blob_read(fd, digest, out, err) != 0)
        return -1;
    found = digest_of(buf_str(out), out->len);
    if (digest_eq(&found, digest))
        return 0;
    buf_reset(out);
    return err_set(err, ERR_CORRUPT, "its bytes have another digest");
}
