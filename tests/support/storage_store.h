/*
 * storage_store: a store of containers/storage as podman lays it out, in a test's directory. Every
 * digest and ID in it is right until a test breaks it.
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_STORAGE_STORE_H
#define TESTS_SUPPORT_STORAGE_STORE_H

#include "agent/engines/engine.h"
#include "common/buf.h"
#include "common/digest.h"
#include "tests/support/tempdir.h"

struct storage_store {
    const struct tempdir *dir;
    char root[128];                        /* the graph root, as a name in the directory */
    char run[160];                         /* the run root */
    char driver[32];                       /* "overlay" */
    struct buf images, layers, containers; /* private: entries of the JSON files */
    unsigned changes;
};

/* An empty store. storage_store_close() leaves the files to the directory. */
void storage_store_open(struct storage_store *s, const struct tempdir *dir, const char *root,
                        const char *driver);
void storage_store_close(struct storage_store *s);

/* The store as the driver would have found it. */
struct engine_root storage_store_root(const struct storage_store *s);

/* The name, in the tempdir, of <root>/<driver><below>: "-images/images.json". Returns out. */
char *storage_store_name(const struct storage_store *s, const char *below, char out[PATH_MAX]);
/* The same below the run root. */
char *storage_store_run_name(const struct storage_store *s, const char *below, char out[PATH_MAX]);

/* The digest of a text, as the diffID of a layer that needs no content of its own. */
struct digest storage_store_diff(const char *text);
/* The compressed form of a layer with this diffID, as manifests of storage_store_image() have it.
 */
struct digest storage_store_blob(const struct digest *diff);
/* The ID of the layer `diff` on the layer `parent` (NULL: on nothing). */
struct digest storage_store_layer_id(const struct digest *parent, const struct digest *diff);

/* A layer with its directory and one file in it. `extra`: more members of its entry, or "".
 * `diff` NULL: an entry without diff-digest, whose ID is that of the text `extra`. Returns its ID.
 */
struct digest storage_store_layer(struct storage_store *s, const struct digest *parent,
                                  const struct digest *diff, const char *extra);

struct storage_made {
    struct digest id;       /* of the config */
    struct digest manifest; /* one manifest, with compressed layers */
    struct digest top;      /* ID of the top layer */
};

/* An image of these layers, made where they are not there yet. `names` is a JSON list: "[]". */
struct storage_made storage_store_image(struct storage_store *s, const struct digest *diffs,
                                        size_t count, const char *names);
/* An entry of images.json as it stands. */
void storage_store_image_entry(struct storage_store *s, const char *json);
/* One file of an image's big data. Returns the digest of the text. */
struct digest storage_store_big_data(const struct storage_store *s, const struct digest *image,
                                     const char *key, const char *text);

/* The same, in a new file that is renamed over the old one, as the engines do it. */
void storage_store_replace(const struct storage_store *s, const struct digest *image,
                           const char *key, const char *text);

/* A container whose ID is 64 times `digit`, with a layer of its own on `top`. `metadata`: a JSON
 * text as it stands in the file (escaped), or "". Returns its layer's ID. */
struct digest storage_store_container(struct storage_store *s, char digit,
                                      const struct storage_made *image, const char *metadata);

#endif
