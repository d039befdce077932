/*
 * containerd_store: a containerd's root as 1.6 and 2.x lay it out, in a test's directory. Every
 * digest and chainID in it is right until a test breaks it.
 *
 * Blobs are made by `content` (oci_store.h); what of them a namespace knows is said here. Nothing
 * but directories and blobs is written before containerd_store_write().
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_CONTAINERD_STORE_H
#define TESTS_SUPPORT_CONTAINERD_STORE_H

#include "tests/support/bolt_maker.h"
#include "tests/support/oci_store.h"

struct containerd_store {
    const struct tempdir *dir;
    char root[64];            /* the containerd's root, as a name in the directory */
    struct oci_store content; /* its content store */
    struct bolt_made *meta;   /* meta.db */
    struct bolt_made *keys;   /* the snapshotter's metadata.db */
    const char *snapshotter;
    uint64_t txid, next_id; /* the last ones */
};

/* An empty store with this one snapshotter. */
void containerd_store_open(struct containerd_store *s, const struct tempdir *dir,
                           const char *snapshotter);
void containerd_store_close(struct containerd_store *s);

/* One of its stores as the driver would have found it; its state directory is <dir>/run. */
struct engine_root containerd_store_root(const struct containerd_store *s, const char *ns);

/* The name, in the tempdir, of something below the root. Returns out. */
char *containerd_store_below(const struct containerd_store *s, const char *name,
                             char out[PATH_MAX]);
/* <snapshotter>/snapshots/<id>. */
char *containerd_store_snapshot_path(const struct containerd_store *s, uint64_t id,
                                     char out[PATH_MAX]);

/* The namespace's bucket in meta.db. */
struct bolt_made *containerd_store_space(const struct containerd_store *s, const char *ns);

/* A record of an image. */
void containerd_store_name(struct containerd_store *s, const char *ns, const char *name,
                           const struct digest *target, const char *media_type);
/* The namespace knows this blob, of which there need not be a file. */
void containerd_store_know(struct containerd_store *s, const char *ns, const struct digest *digest);
/* ... and every one of which there is a file. */
void containerd_store_know_all(struct containerd_store *s, const char *ns);
void containerd_store_label(struct containerd_store *s, const char *ns, const struct digest *digest,
                            const char *key, const char *value);

/* A snapshot of this kind ('c' committed, 'a' active, 'v' view) with a directory and a file in it.
 * Returns its id. */
uint64_t containerd_store_snapshot(struct containerd_store *s, const char *ns, const char *key,
                                   const char *parent, char kind);
/* The snapshots of an image's layers (names of oci_store_diff(), ended by NULL), where they are not
 * there yet. Returns the uppermost chainID. */
struct digest containerd_store_unpack(struct containerd_store *s, const char *ns,
                                      const char *const *layers);

/* A container of this image's name with the snapshot `key`. Returns its bucket. */
struct bolt_made *containerd_store_container(struct containerd_store *s, const char *ns,
                                             const char *id, const char *image, const char *key);

/* Writes both files, as one more transaction. */
void containerd_store_write(struct containerd_store *s);

#endif
