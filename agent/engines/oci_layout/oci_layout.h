/*
 * oci_layout: the driver for OCI image layouts (image spec, image-layout.md), which skopeo,
 * buildah, umoci and BuildKit write: a directory that the configuration names. Private to
 * agent/engines; everybody else uses oci_layout_driver.
 *
 *   oci-layout            {"imageLayoutVersion":"1.0.0"}
 *   index.json            an index of all that is meant to be here; an entry's annotations name it
 *   blobs/sha256/<hex>    manifests, indexes, configs and layers, each named by its digest
 * and while somebody writes: oci-put-blob<n>, .umoci-<n>/, ingest/ in the layout, other names in
 * blobs/sha256.
 *
 * No layer is unpacked here, nothing runs from here, and there is no daemon. Writers put blobs in
 * first and index.json last; nobody takes a lock. Some (containers/image) write oci-layout,
 * index.json and manifests in place, cut to nothing first, and the disk may take its time in
 * between: what is broken and has only just changed is read again.
 *
 * Threads: as engine.h says.
 */
#ifndef AGENT_ENGINES_OCI_LAYOUT_OCI_LAYOUT_H
#define AGENT_ENGINES_OCI_LAYOUT_OCI_LAYOUT_H

#include "agent/engines/content_images.h"
#include "agent/engines/pass.h"

enum {
    OCI_LAYOUT_ENTRIES_MAX = 10000, /* of the layout's own directory */
    OCI_LAYOUT_SETTLE_MS = 1000,    /* a file this young may still be half written */
};

extern const struct engine_driver oci_layout_driver;

/* What a reading leaves for the next. */
struct oci_layout_kept {
    struct content_kept content;
    struct image_manifest index; /* index.json */
    struct file_stamp index_stamp;
};

struct oci_layout_pass {
    struct pass pass; /* first */
    int dir, blobs;   /* the layout and its blobs/sha256, which may not be there (-1) */
    struct content_look look;
    struct image_manifest index;
    struct oci_layout_kept *kept;
};

/* The steps of a pass after index.json and the list of blobs. */
int oci_layout_read_images(struct oci_layout_pass *p, struct err *err);
int oci_layout_read_space(struct oci_layout_pass *p, struct err *err);

/* Reads the file oci-layout. ERR_CORRUPT, ERR_VERSION. Pure. */
int oci_layout_version_parse(const char *data, size_t len, struct err *err);

/* The repository that an entry's name tells ("docker.io/library/debian"), into a buffer of
 * IMAGEREF_MAX + 1; -1 where it tells none: a tag alone, or a name without a registry, which may be
 * anybody's. Pure. */
int oci_layout_repository(const char *name, char *out);

#endif
