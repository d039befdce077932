/*
 * bolt: reads the database files of bbolt (go.etcd.io/bbolt: page.go, bucket.go, tx.go; file format
 * version 2), which containerd, podman 4 and containers/image keep their metadata in.
 *
 * A running engine holds a lock on its file the whole time. The lock is advisory and none is taken
 * here: the file is copied into memory, and the copy counts only if the number of the last
 * transaction is the same before and after. bbolt reuses a page that a transaction freed only
 * after the next one is committed, so such a copy holds one state and nothing of the next.
 *
 * Nothing in the file is believed: each offset, length and depth is checked where it is used, and
 * the whole of what is looked at through one handle is limited to some walks over a file of that
 * size, so that pages which point to each other come to an end. Numbers are in the byte order of
 * the machine that wrote them, which is the one that reads.
 *
 * Threads: a handle belongs to one thread at a time. Opening by path blocks on disk.
 */
#ifndef AGENT_ENGINES_BOLT_H
#define AGENT_ENGINES_BOLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
    BOLT_DEPTH_MAX = 32,     /* pages from a bucket's root to a leaf */
    BOLT_FILE_MAX = 1 << 30, /* a sane `max` for bolt_open() */
};

struct bolt;

/* A key or a value: points into the copy, valid until bolt_close(). Not terminated. */
struct bolt_bytes {
    const uint8_t *data;
    size_t len;
};

/* A bucket of an open file. A plain value; it dies with the file. All fields are private. */
struct bolt_bucket {
    struct bolt *db;
    const uint8_t *page;
    size_t size;
};

/* Copies the file of at most `max` bytes that `path` names below `dirfd` (as buf_read_file_at():
 * a regular file, no symlink). ERR_NOT_FOUND, ERR_DENIED, ERR_IO, ERR_LIMIT name it; ERR_CORRUPT
 * where neither of its two meta pages is whole; ERR_MOVED where it changed under several
 * attempts. */
int bolt_open(struct bolt **out, int dirfd, const char *path, size_t max, struct err *err);
/* The same over bytes in memory, which stay the caller's and must outlive the handle. */
int bolt_open_bytes(struct bolt **out, const void *data, size_t len, struct err *err);
/* Accepts NULL in *db, and sets it NULL. */
void bolt_close(struct bolt **db);

/* Which file it is and which state of it: equal ones have the same in them. A plain value without
 * padding, to be compared with memcmp. */
struct bolt_version {
    uint64_t device, inode; /* zeros: bytes in memory */
    uint64_t txid;          /* of the last transaction: greater after each change of anything */
    uint64_t checksum;      /* of what that transaction wrote down last */
};

struct bolt_version bolt_version(const struct bolt *db);
/* The same of a file that is not open, by reading its meta pages only: microseconds. */
int bolt_read_version(struct bolt_version *out, int dirfd, const char *path, struct err *err);

/* The outermost bucket. */
int bolt_root(struct bolt_bucket *out, struct bolt *db, struct err *err);
/* A bucket in a bucket. ERR_NOT_FOUND; ERR_CORRUPT, also where `name` is a value. */
int bolt_bucket(struct bolt_bucket *out, const struct bolt_bucket *in, const char *name,
                struct err *err);
/* The one that `names`, ended by NULL, lead to from `in`. */
int bolt_path(struct bolt_bucket *out, const struct bolt_bucket *in, const char *const *names,
              struct err *err);
/* A value in a bucket. ERR_NOT_FOUND; ERR_CORRUPT, also where `name` is a bucket. */
int bolt_get(struct bolt_bytes *out, const struct bolt_bucket *in, const char *name,
             struct err *err);

/* One entry of a bucket. */
struct bolt_entry {
    struct bolt_bytes key;
    struct bolt_bytes value; /* of a bucket: its raw header, of no use to callers */
    bool is_bucket;
    struct bolt_bucket bucket; /* where is_bucket */
};

/* A walk over a bucket's entries, in the order of the file (by key). Nothing is held: it needs no
 * close. All fields are private. */
struct bolt_cursor {
    struct bolt *db;
    struct bolt_level {
        const uint8_t *page;
        size_t size;
        uint32_t next, count;
    } levels[BOLT_DEPTH_MAX];
    size_t depth;
};

void bolt_walk(struct bolt_cursor *cursor, const struct bolt_bucket *bucket);
/* 1 with the next entry, 0 at the end, -1 with ERR_CORRUPT (or ERR_LIMIT where the handle was
 * used for more than its file can hold). The walk may not go on after -1. */
int bolt_next(struct bolt_cursor *cursor, struct bolt_entry *out, struct err *err);

/* A number as Go's encoding/binary.PutUvarint writes it, in which form values often are. */
bool bolt_uvarint(struct bolt_bytes bytes, uint64_t *out);

#endif
