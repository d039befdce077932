/*
 * content_documents: the manifests, indexes and configs of a content store, each read, verified and
 * parsed once for a pass, or taken from the last one. One that is broken is a problem of the pass.
 *
 * Private to content_*.c. Threads: those of the driver that reads.
 */
#ifndef AGENT_ENGINES_CONTENT_DOCUMENTS_H
#define AGENT_ENGINES_CONTENT_DOCUMENTS_H

#include "agent/engines/content_images.h"

struct content_config {
    const struct digest *diffs, *chains;
    size_t count;
};

/* What a blob was read as. One may be taken for both, by descriptors that contradict each other. */
struct content_document {
    const struct image_manifest *manifest; /* NULL: not read as one, or broken */
    const struct content_config *config;
    bool manifest_broken, config_broken; /* a problem says so */
    bool remarked;                       /* something else about it has been said */
};

/* The manifest or index in this blob; *out NULL where it is broken. */
int content_manifest_in(struct content_look *look, struct content_blob *blob,
                        const struct image_manifest **out, struct err *err);
/* The image config in it; *out NULL where it is broken. */
int content_config_in(struct content_look *look, struct content_blob *blob,
                      const struct content_config **out, struct err *err);

/* Says what else is wrong with a manifest that was read, unless something has been said of it. */
int content_remark(struct content_look *look, const struct content_blob *blob, struct err *err,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
