/*
 * content_blobs: the blobs of a content store, as an OCI layout and containerd keep them: a
 * directory `blobs/sha256` of files, each named by the digest of its bytes.
 *
 * A table of them, sorted by digest, is what content_images looks for images in. It comes from the
 * directory (content_blobs_list), and may be narrowed by what else the engine knows, or be filled
 * from an API.
 *
 * Threads: one at a time.
 */
#ifndef AGENT_ENGINES_CONTENT_BLOBS_H
#define AGENT_ENGINES_CONTENT_BLOBS_H

#include "agent/engines/file_stamp.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/digest.h"

enum {
    CONTENT_BLOBS_MAX = 500000, /* files of one store */
};

struct content_document; /* content_images.c */

struct content_blob {
    struct digest digest;
    struct file_stamp stamp; /* all zeros: it is read each time */
    uint64_t size;
    int64_t changed_ms; /* mtime, wall clock; 0 where there is no file */
    bool named;         /* some descriptor that content_images followed leads here */

    /* private to content_images */
    struct content_document *document;
    unsigned visit;
};

/* A name in the directory that is no blob's: a temporary file, a directory, or anybody's. */
struct content_stray {
    const char *name;
    int64_t changed_ms; /* mtime, wall clock */
    bool is_file;
};

struct content_blobs {
    struct content_blob *items; /* sorted by digest, unique */
    size_t count;
    struct content_stray *strays; /* sorted by name */
    size_t stray_count;
};

/* Lists the directory open at `fd` (-1: none, and so no blobs) and looks at each file once. All
 * memory is the arena's. `what` names it in errors. ERR_LIMIT past CONTENT_BLOBS_MAX. */
int content_blobs_list(struct content_blobs *out, int fd, const char *what, struct arena *arena,
                       struct err *err);

/* NULL where it is not in the table. */
struct content_blob *content_blobs_find(const struct content_blobs *blobs,
                                        const struct digest *digest);

/* Puts a table that was filled in any order right. */
void content_blobs_sort(struct content_blobs *blobs);

/* The bytes of a blob in the directory open at `fd`, not verified. ERR_NOT_FOUND, ERR_LIMIT past
 * out->max, ERR_CORRUPT where it is no regular file. */
int content_blob_read(int fd, const struct digest *digest, struct buf *out, struct err *err);
/* The same, with ERR_CORRUPT and nothing in `out` where the bytes have another digest. */
int content_blob_verified(int fd, const struct digest *digest, struct buf *out, struct err *err);

#endif
