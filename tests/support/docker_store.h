/*
 * docker_store: a graph-driver store as Docker lays it out, in a test's directory. Every digest and
 * chainID in it is right until a test breaks it.
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_DOCKER_STORE_H
#define TESTS_SUPPORT_DOCKER_STORE_H

#include "agent/engines/engine.h"
#include "common/buf.h"
#include "common/digest.h"
#include "tests/support/tempdir.h"

struct docker_store {
    const struct tempdir *dir;
    char root[128];  /* the store, as a name in the directory */
    char driver[32]; /* "overlay2" */
    struct buf refs; /* private: entries of repositories.json */
};

/* An empty store: directories, and no repositories.json. */
void docker_store_open(struct docker_store *s, const struct tempdir *dir, const char *root,
                       const char *driver);
void docker_store_close(struct docker_store *s);

/* The store as the docker driver would have found it: driver, path and storage driver. */
struct engine_root docker_store_root(const struct docker_store *s);

/* The name, in the tempdir, of a file of image/<driver>/ or of the root. Returns out. */
char *docker_store_metadata(const struct docker_store *s, const char *name, char out[PATH_MAX]);
char *docker_store_below(const struct docker_store *s, const char *name, char out[PATH_MAX]);

/* The digest of a text, as the diffID of a layer that needs no content of its own. */
struct digest docker_store_diff(const char *text);

/* A layer on `parent` (NULL: on nothing) with one file in it. cache_id NULL: one made from the
 * chain. Returns its chainID. */
struct digest docker_store_layer(const struct docker_store *s, const struct digest *parent,
                                 const struct digest *diff, const char *cache_id);
/* The cache-id that docker_store_layer() makes. */
char *docker_store_cache_id(const struct digest *chain, char out[DIGEST_HEX + 1]);

/* An image of these layers, made where they are not there yet, with `history` entries. Returns its
 * ID. docker_store_config() writes only the config. */
struct digest docker_store_image(const struct docker_store *s, const struct digest *diffs,
                                 size_t count, size_t history);
struct digest docker_store_config(const struct docker_store *s, const struct digest *diffs,
                                  size_t count, size_t history);
void docker_store_parent(const struct docker_store *s, const struct digest *image,
                         const struct digest *parent);

/* One entry of repositories.json, which is written anew. */
void docker_store_name(struct docker_store *s, const char *repository, const char *name,
                       const struct digest *image);

/* A container whose ID is 64 times `digit`, with its State as JSON, and its two mounts. */
void docker_store_container(const struct docker_store *s, char digit, const struct digest *image,
                            const char *state);

#endif
