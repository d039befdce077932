/*
 * oci_store: an OCI image layout in a test's directory. Every digest in it is right until a test
 * breaks it.
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_OCI_STORE_H
#define TESTS_SUPPORT_OCI_STORE_H

#include "agent/engines/engine.h"
#include "common/buf.h"
#include "common/digest.h"
#include "tests/support/tempdir.h"

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar+gzip"

struct oci_store {
    const struct tempdir *dir;
    char root[128];     /* the layout, as a name in the directory */
    struct buf entries; /* private: of index.json */
};

/* A layout with an empty index. */
void oci_store_open(struct oci_store *s, const struct tempdir *dir, const char *root);
void oci_store_close(struct oci_store *s);

/* The root as the configuration names it. */
struct engine_root oci_store_root(const struct oci_store *s);

/* The name, in the tempdir, of a file of the layout, or of a blob. Returns out. */
char *oci_store_below(const struct oci_store *s, const char *name, char out[PATH_MAX]);
char *oci_store_blob_path(const struct oci_store *s, const struct digest *digest,
                          char out[PATH_MAX]);

/* A blob of this text. Returns its digest. */
struct digest oci_store_blob(const struct oci_store *s, const char *text);

/* The diffID, and the blob, of the layer that a test calls `name`. */
struct digest oci_store_diff(const char *name);
struct digest oci_store_layer(const struct oci_store *s, const char *name);

/* A config of these layers (names of oci_store_diff(), ended by NULL) for this architecture. */
struct digest oci_store_config(const struct oci_store *s, const char *arch,
                               const char *const *layers);
/* A manifest of a config and layers; the layers are made. */
struct digest oci_store_manifest(const struct oci_store *s, const struct digest *config,
                                 const char *const *layers);
/* Both. */
struct digest oci_store_image(const struct oci_store *s, const char *arch,
                              const char *const *layers);

/* A descriptor as JSON, with more members (`more`: "" or ",\"platform\":{...}"). Returns out. */
enum { OCI_STORE_DESCRIPTOR = 1024 };
char *oci_store_descriptor(const struct digest *digest, const char *media_type, const char *more,
                           char out[OCI_STORE_DESCRIPTOR]);
/* An index of descriptors, which are joined by commas. */
struct digest oci_store_index(const struct oci_store *s, const char *descriptors);

/* One entry of index.json, which is written anew; ref NULL: without a name. */
void oci_store_name(struct oci_store *s, const struct digest *digest, const char *media_type,
                    const char *ref);
/* The same with any descriptor. */
void oci_store_entry(struct oci_store *s, const char *descriptor);

#endif
