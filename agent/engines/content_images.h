/*
 * content_images: which images a content store holds, for the drivers of OCI layouts and
 * containerd. A descriptor (a manifest's, or an index's that leads to more of them) is followed
 * through the blobs that are here, down to the configs with their layers.
 *
 * Each document is read, verified and parsed once for each pass over the store; one whose file
 * stands since the last pass is not even read again.
 *
 * Private to agent/engines. Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_CONTENT_IMAGES_H
#define AGENT_ENGINES_CONTENT_IMAGES_H

#include "agent/engines/content_blobs.h"
#include "agent/engines/image_manifest.h"
#include "agent/engines/pass.h"

enum {
    CONTENT_DEPTH_MAX = 4,          /* indexes within indexes */
    CONTENT_FOLLOWED_MAX = 4000000, /* descriptors looked up in one pass */
};

/* An image, or what is listed as one. All memory is the pass's arena's. */
struct content_image {
    struct digest id;
    enum rec_identity identity; /* REC_BY_CONFIG: `diffs` and `chains` are known */
    struct digest manifest;     /* of its manifest; the index's own where nothing else is here */
    bool in_index;              /* reached through an index */
    bool artifact;              /* no image: a chart, a signature, a statement about an image */
    bool config_absent;         /* the blob of its config is not here */

    /* Of the config, bottom first; the chains are the OCI chainIDs. */
    const struct digest *diffs, *chains;
    size_t diff_count;
    /* Of the manifest, bottom first. Layer i is diffs[i] in the form in which it was pulled, where
     * the counts are the same, which a right image's are (a problem else). */
    const struct image_descriptor *layers;
    size_t layer_count;
    size_t layers_absent; /* blobs of layers that are not here; those with foreign layers' media
                             types, which need not be, are left out */
};

/* What one target led to. */
struct content_found {
    const struct content_image *images; /* sorted by (id, manifest), unique */
    size_t image_count;
    size_t absent;       /* manifests that an index names and that are not here, or without config:
                            other platforms', as a rule */
    size_t attestations; /* statements about images, which are none themselves */
    bool here;           /* the target's own blob is; false: nothing else is set */
};

/* What a pass leaves for the next: part of the driver's own `kept`, in the reading's arena. */
struct content_kept {
    struct content_blobs blobs;
};

struct content_look {
    struct pass *pass;               /* whose problems, arena and buffer are used */
    struct content_blobs blobs;      /* what is here */
    const struct content_kept *last; /* of the last reading of this store; NULL: none */
    /* The bytes of a blob of the table, which need not be verified. ERR_NOT_FOUND where it has gone
     * since. */
    int (*read)(void *context, const struct digest *digest, struct buf *out, struct err *err);
    void *context;
    bool complete; /* an image's config and layers ought to be here: a problem where not */

    unsigned visits; /* private */
    size_t followed; /* private */
};

/* Follows one target. What is broken is a problem of the pass, named by the document, once for each
 * pass however many targets lead there. The blobs that are met are marked as named. A target that
 * was followed before costs little. -1 only where the pass cannot go on. */
int content_look_at(struct content_look *look, const struct image_descriptor *target,
                    struct content_found *out, struct err *err);

/* What to keep for the next pass: call it when all targets have been followed. */
struct content_kept content_look_keep(const struct content_look *look);

#endif
