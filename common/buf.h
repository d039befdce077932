/*
 * buf: a growing run of bytes that cannot be made without its maximum.
 *
 * Threads: a buf belongs to one thread at a time.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct buf {
    uint8_t *data; /* NULL while empty; a spare NUL always follows the last byte otherwise */
    size_t len;    /* bytes in use */
    size_t cap;    /* private */
    size_t max;    /* private: the most bytes it may ever hold */
};

/* Makes an empty buffer that holds at most `max` bytes. No allocation yet. */
void buf_init(struct buf *b, size_t max);

/* Frees what it holds; the buffer is empty and usable again with the same maximum. */
void buf_close(struct buf *b);

/* Appends; ERR_LIMIT past the maximum, ERR_NO_MEMORY. On failure nothing was appended. */
int buf_add(struct buf *b, const void *data, size_t len, struct err *err);
int buf_add_str(struct buf *b, const char *text, struct err *err);
int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes room for `len` more bytes and returns where they go (buf_commit() then counts
 * them in), or NULL with *err. */
uint8_t *buf_reserve(struct buf *b, size_t len, struct err *err);
void buf_commit(struct buf *b, size_t len);

/* Drops the first `len` bytes (len <= b->len). */
void buf_consume(struct buf *b, size_t len);

/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);

/* The content as a C string owned by the buffer; "" while empty. */
const char *buf_str(const struct buf *b);

/* Reads a whole file of at most b->max bytes, replacing the content. dirfd as openat().
 * Opens O_NOFOLLOW|O_CLOEXEC|O_NONBLOCK and accepts only regular files (ERR_CORRUPT else).
 * ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT, ERR_IO name the path. Blocks on disk: not for loops. */
int buf_read_file_at(struct buf *b, int dirfd, const char *path, struct err *err);

#endif
