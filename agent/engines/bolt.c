#include "agent/engines/bolt_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#define META_MAGIC 0xED0CDAEDu
#define META_VERSION 2u
#define PAGE_SIZE_MIN 512u /* bbolt takes the machine's, 4 KiB to 64 KiB */
#define PAGE_SIZE_MAX 65536u
#define PAGE_HEADER 16

#define COPY_ATTEMPTS 5
#define WALKS_MAX 16 /* what one handle may be used for, in walks over the whole file */

/* ---- meta pages ------------------------------------------------------------------------------ */

static uint64_t fnv1a(const uint8_t *data, size_t len)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ data[i]) * 1099511628211u;
    return hash;
}

static bool page_size_valid(uint32_t size)
{
    return size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

static bool read_meta(struct bolt_meta *out, const uint8_t *data, size_t size, size_t offset)
{
    struct bolt_meta m;

    if (offset > size || size - offset < PAGE_HEADER + sizeof(m))
        return false;
    memcpy(&m, data + offset + PAGE_HEADER, sizeof(m));
    if (m.magic != META_MAGIC || m.version != META_VERSION || !page_size_valid(m.page_size) ||
        m.checksum != fnv1a(data + offset + PAGE_HEADER, offsetof(struct bolt_meta, checksum)))
        return false;
    *out = m;
    return true;
}

/* The valid meta page of the latest transaction. The second one's place depends on the page size,
 * which the first one may not tell any more. */
static int choose_meta(struct bolt_meta *out, const uint8_t *data, size_t size, struct err *err)
{
    struct bolt_meta m;
    bool found = read_meta(out, data, size, 0);
    uint32_t first = found ? out->page_size : PAGE_SIZE_MIN;
    uint32_t last = found ? out->page_size : PAGE_SIZE_MAX;

    for (uint32_t at = first; at <= last; at *= 2) {
        if (!read_meta(&m, data, size, at) || m.page_size != at)
            continue;
        if (!found || m.txid > out->txid)
            *out = m;
        found = true;
    }
    if (!found)
        return err_set(err, ERR_CORRUPT, "no valid meta page: no bolt database, or a broken one");
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_file(int *out, struct stat *st, int dirfd, const char *path, struct err *err)
{
    AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_CORRUPT, "%s: a symlink", path);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    if (fstat(fd, st) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    if (!S_ISREG(st->st_mode))
        return err_set(err, ERR_CORRUPT, "%s: no regular file", path);
    *out = steal_fd(&fd);
    return 0;
}

/* As much as there is of the first `size` bytes. */
static int read_bytes(int fd, const char *path, uint8_t *out, size_t size, size_t *got,
                      struct err *err)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(fd, out + *got, size - *got, (off_t)*got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, ERR_IO, errno, "read %s", path);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

static bool meta_at(struct bolt_meta *out, int fd, uint32_t offset)
{
    uint8_t bytes[PAGE_HEADER + sizeof(*out)];

    return pread(fd, bytes, sizeof(bytes), offset) == (ssize_t)sizeof(bytes) &&
           read_meta(out, bytes, sizeof(bytes), 0);
}

/* A sound first meta page tells where the second one is; else that is searched. */
static int file_meta(struct bolt_meta *out, int fd, const char *path, struct err *err)
{
    uint8_t pages[PAGE_SIZE_MAX + PAGE_HEADER + sizeof(struct bolt_meta)];
    struct bolt_meta second;
    size_t got;

    if (meta_at(out, fd, 0)) {
        if (meta_at(&second, fd, out->page_size) && second.page_size == out->page_size &&
            second.txid > out->txid)
            *out = second;
        return 0;
    }
    if (read_bytes(fd, path, pages, sizeof(pages), &got, err) != 0)
        return -1;
    if (choose_meta(out, pages, got, err) != 0)
        return err_wrap(err, "%s", path);
    return 0;
}

/* What one handle may look at: an element takes its own bytes of the file, so that in a sound one
 * there are no more of them than this. */
static uint64_t budget_of(size_t size)
{
    return WALKS_MAX * (size / BOLT_ELEMENT + 1);
}

static void adopt(struct bolt *db, const uint8_t *data, size_t size, const struct bolt_meta *meta)
{
    db->data = data;
    db->size = size;
    db->meta = *meta;
    db->budget = budget_of(size);
}

/* Pages behind the last one that was ever used are left out: the file grows ahead of them. */
static size_t used_bytes(const struct bolt_meta *meta, size_t size)
{
    return meta->page_count < size / meta->page_size ? meta->page_count * meta->page_size : size;
}

/* *moved where a transaction was committed meanwhile. */
static int try_copy(struct bolt *db, int fd, const char *path, size_t size, bool *moved,
                    struct err *err)
{
    struct bolt_meta before, copied, after;
    AUTO_FREE uint8_t *copy = NULL;
    size_t got;

    if (file_meta(&before, fd, path, err) != 0)
        return -1;
    size = used_bytes(&before, size);
    copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        return err_set(err, ERR_NO_MEMORY, "%s: %zu bytes", path, size);
    if (read_bytes(fd, path, copy, size, &got, err) != 0 || file_meta(&after, fd, path, err) != 0)
        return -1;
    *moved = before.txid != after.txid || choose_meta(&copied, copy, got, NULL) != 0 ||
             copied.txid != after.txid;
    if (*moved)
        return 0;
    db->copy = steal(&copy);
    adopt(db, db->copy, got, &copied);
    return 0;
}

static int copy_file(struct bolt *db, int dirfd, const char *path, size_t max, struct err *err)
{
    bool moved = true;

    for (int i = 0; i < COPY_ATTEMPTS && moved; i++) {
        AUTO_FD int fd = -1;
        struct stat st;

        if (open_file(&fd, &st, dirfd, path, err) != 0)
            return -1;
        if ((uint64_t)st.st_size > max)
            return err_set(err, ERR_LIMIT, "%s: %lld bytes; at most %zu are read", path,
                           (long long)st.st_size, max);
        if (try_copy(db, fd, path, (size_t)st.st_size, &moved, err) != 0)
            return -1;
        db->device = st.st_dev;
        db->inode = st.st_ino;
    }
    if (moved)
        return err_set(err, ERR_MOVED, "%s: changed under %d attempts to read it", path,
                       COPY_ATTEMPTS);
    return 0;
}

int bolt_open(struct bolt **out, int dirfd, const char *path, size_t max, struct err *err)
{
    AUTO(bolt_close) struct bolt *db = calloc(1, sizeof(*db));

    if (db == NULL)
        return err_set(err, ERR_NO_MEMORY, "open %s", path);
    if (copy_file(db, dirfd, path, max, err) != 0)
        return -1;
    *out = steal(&db);
    return 0;
}

int bolt_open_bytes(struct bolt **out, const void *data, size_t len, struct err *err)
{
    AUTO(bolt_close) struct bolt *db = calloc(1, sizeof(*db));
    struct bolt_meta meta;

    if (db == NULL)
        return err_set(err, ERR_NO_MEMORY, "open a bolt database");
    if (choose_meta(&meta, data, len, err) != 0)
        return -1;
    adopt(db, data, len, &meta);
    *out = steal(&db);
    return 0;
}

void bolt_close(struct bolt **db)
{
    if (*db != NULL)
        free((*db)->copy);
    free(*db);
    *db = NULL;
}

static struct bolt_version version_of(uint64_t device, uint64_t inode, const struct bolt_meta *meta)
{
    return (struct bolt_version){
        .device = device, .inode = inode, .txid = meta->txid, .checksum = meta->checksum};
}

struct bolt_version bolt_version(const struct bolt *db)
{
    return version_of(db->device, db->inode, &db->meta);
}

int bolt_read_version(struct bolt_version *out, int dirfd, const char *path, struct err *err)
{
    AUTO_FD int fd = -1;
    struct bolt_meta meta;
    struct stat st;

    if (open_file(&fd, &st, dirfd, path, err) != 0 || file_meta(&meta, fd, path, err) != 0)
        return -1;
    *out = version_of(st.st_dev, st.st_ino, &meta);
    return 0;
}
