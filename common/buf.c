#include "common/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"

#define BUF_LEAST 64             /* bytes of the first allocation */
#define BUF_READ_STEP (64 << 10) /* bytes asked of one read() where the size says nothing */

void buf_init(struct buf *b, size_t max)
{
    check(max < SIZE_MAX); /* the spare NUL must be countable */
    *b = (struct buf){.max = max};
}

void buf_close(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

/* Doubles up to the maximum, so that n appends cost O(n). */
static size_t grown_cap(const struct buf *b, size_t need)
{
    size_t cap = b->cap < BUF_LEAST ? BUF_LEAST : b->cap;

    while (cap < need && cap <= b->max / 2)
        cap *= 2;
    if (cap < need || cap > b->max)
        cap = b->max;
    return cap;
}

static int grow(struct buf *b, size_t len, struct err *err)
{
    size_t cap;
    uint8_t *data;

    if (len > b->max - b->len)
        return err_set(err, ERR_LIMIT, "%zu and %zu more bytes are over the limit of %zu", b->len,
                       len, b->max);
    if (b->data != NULL && len <= b->cap - b->len)
        return 0;
    cap = grown_cap(b, b->len + len);
    data = realloc(b->data, cap + 1);
    if (data == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu bytes", cap);
    data[b->len] = '\0';
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len, struct err *err)
{
    if (len == 0)
        return 0;
    if (grow(b, len, err) != 0)
        return -1;
    memcpy(b->data + b->len, data, len);
    buf_commit(b, len);
    return 0;
}

int buf_add_str(struct buf *b, const char *text, struct err *err)
{
    return buf_add(b, text, strlen(text), err);
}

int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
{
    va_list args, again;
    int len, rc;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    check(len >= 0);
    rc = grow(b, (size_t)len, err);
    if (rc == 0) {
        vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
    return rc;
}

uint8_t *buf_reserve(struct buf *b, size_t len, struct err *err)
{
    if (grow(b, len, err) != 0)
        return NULL;
    return b->data + b->len;
}

void buf_commit(struct buf *b, size_t len)
{
    check(len <= b->cap - b->len);
    b->len += len;
    if (b->data != NULL)
        b->data[b->len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
    check(len <= b->len);
    if (len == 0)
        return;
    b->len -= len;
    memmove(b->data, b->data + len, b->len + 1);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

const char *buf_str(const struct buf *b)
{
    return b->data != NULL ? (const char *)b->data : "";
}

/* Reading leaves no trace in the time of access where that is allowed: to the owner and to root. */
static int open_quietly(int dirfd, const char *path)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = openat(dirfd, path, flags | O_NOATIME);

    return fd < 0 && errno == EPERM ? openat(dirfd, path, flags) : fd;
}

static int open_regular(int dirfd, const char *path, struct stat *st, struct err *err)
{
    AUTO_FD int fd = open_quietly(dirfd, path);

    if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == ENOTDIR))
        return err_errno(err, ERR_CORRUPT, errno, "%s: not a regular file", path);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    if (fstat(fd, st) != 0)
        return err_errno(err, ERR_IO, errno, "stat %s", path);
    if (!S_ISREG(st->st_mode))
        return err_set(err, ERR_CORRUPT, "%s: not a regular file", path);
    return steal_fd(&fd);
}

/* read() that a signal does not end; -1 with errno. */
static ssize_t read_some(int fd, void *into, size_t len)
{
    ssize_t got;

    do
        got = read(fd, into, len);
    while (got < 0 && errno == EINTR);
    return got;
}

/* One step: *got is 0 at the end of the file. At the maximum, one more byte is too many. */
static int read_step(struct buf *b, int fd, const char *path, size_t *got, struct err *err)
{
    size_t room = b->max - b->len;
    size_t spare = b->data != NULL ? b->cap - b->len : 0;
    size_t step = spare > 0 ? spare : BUF_READ_STEP;
    uint8_t probe;
    uint8_t *into = &probe;
    ssize_t n;

    if (step > room)
        step = room;
    if (room > 0)
        into = buf_reserve(b, step, err);
    if (into == NULL)
        return err_wrap(err, "read %s", path);
    n = read_some(fd, into, room > 0 ? step : 1);
    if (n < 0)
        return err_errno(err, ERR_IO, errno, "read %s", path);
    if (n > 0 && room == 0)
        return err_set(err, ERR_LIMIT, "%s: longer than the limit of %zu bytes", path, b->max);
    buf_commit(b, (size_t)n);
    *got = (size_t)n;
    return 0;
}

int buf_read_file_at(struct buf *b, int dirfd, const char *path, struct err *err)
{
    struct stat st;
    AUTO_FD int fd = open_regular(dirfd, path, &st, err);
    size_t got = 0;

    buf_reset(b);
    if (fd < 0)
        return -1;
    if ((uintmax_t)st.st_size > b->max)
        return err_set(err, ERR_LIMIT, "%s: %jd bytes, longer than the limit of %zu", path,
                       (intmax_t)st.st_size, b->max);
    if (st.st_size > 0 && buf_reserve(b, (size_t)st.st_size, err) == NULL)
        return err_wrap(err, "read %s", path);
    do {
        if (read_step(b, fd, path, &got, err) != 0) {
            buf_reset(b);
            return -1;
        }
    } while (got > 0);
    return 0;
}
