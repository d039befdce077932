/*
 * resolve: what a text that somebody typed means: a name, a digest, or the beginning of one.
 *
 *  - Names are compared in their normal form, so "debian:12" finds docker.io/library/debian:12. A
 *    name without a tag means every tag of that repository. repository@sha256:... means that
 *    manifest or index.
 *  - A digest may be an image ID, a manifest's or index's digest, a layer's diffID or a chainID,
 * with or without "sha256:", or at least RESOLVE_HEX_LEAST of its first hex digits.
 *  - Where a text is both, the name wins; "sha256:" in front says that a digest is meant.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_RESOLVE_H
#define COLLECTOR_CENSUS_RESOLVE_H

#include "collector/census/standing.h"

#define RESOLVE_HEX_LEAST 4

enum resolve_kind {
    RESOLVED_NAME,
    RESOLVED_CONFIG,   /* an image ID */
    RESOLVED_MANIFEST, /* a manifest or index, by repo digest or as the image's own identity */
    RESOLVED_LAYER,
    RESOLVED_CHAIN,
};

struct resolve_hit {
    enum resolve_kind kind;
    uint32_t index; /* of the name, image, repo digest, layer or chain; for an image known by its
                       manifest: RESOLVED_MANIFEST with by_image */
    bool by_image;  /* index is an image's */
    struct digest digest; /* zero for names */
};

struct resolution {
    struct resolve_hit *hits; /* sorted by kind, digest */
    size_t count;
    size_t digests; /* how many different digests they have: more than one is ambiguous */
};

/* Finds everything that `text` may mean; nothing found is no error. */
int resolve(struct resolution *out, const struct fleet *f, const struct standing *images,
            const char *text, struct arena *arena, struct err *err);

/* Marks the images that the hits mean: those that have (ever: had) the name, have the ID, the
 * manifest or index, or contain the layer or chain. `marks` is parallel to the fleet's images. */
void resolve_images(const struct resolution *r, const struct fleet *f,
                    const struct standing *images, bool ever, bool *marks);

/* Marks also every image that stands on a marked one: its chain is a prefix of theirs. */
int resolve_descendants(const struct fleet *f, bool *marks, struct arena *arena, struct err *err);

/* "name", "config", "manifest", "index", "manifest-or-index", "layer", "chain". */
const char *resolve_kind_name(const struct fleet *f, const struct resolve_hit *hit);

#endif
