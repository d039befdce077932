/*
 * resolve: what a text that somebody typed means: a name, a digest, or the beginning of one.
 *
 *  - Names are compared in their normal form, so "debian:12" finds docker.io/library/debian:12. A
 *    name without a tag means every tag of that repository. repository@sha256:... means that
 *    manifest or index. What answers call a version ("debian:12 as of 2026-03-02") means that one.
 *  - A digest may be an image ID, a manifest's or index's digest, a layer's diffID or a chainID,
 *    with or without "sha256:", or at least RESOLVE_HEX_LEAST of its first hex digits. "unnamed
 *    5f70bf18a086" is what answers call a core build by its genesis layer.
 *  - Where a text is both, the name wins; "sha256:" in front says that a digest is meant.
 *  - Of several images that a name may mean, words decide as they do in naming.h: a weaker word
 *    than naming lets stand beside the strongest means nothing, and where one image is wanted and
 *    the name moved on, it means the one that has it plainly. Only what is there now is compared
 * while anything has the name now, so a name that only a weak word gives still works.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_RESOLVE_H
#define COLLECTOR_CENSUS_RESOLVE_H

#include "collector/census/naming.h"
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
    size_t digests;    /* how many different digests they have: more than one is ambiguous */
    const char *name;  /* the text without what follows */
    const char *as_of; /* " as of 2026-03-02" and the like behind a name; "" none */
};

/* How much of what a name was given to a question wants. Where no image has it now, the past
 * counts. */
enum resolve_reach {
    RESOLVE_ONE,  /* the image that it means, on each platform */
    RESOLVE_NOW,  /* all that are called so now: older ones too that hosts still have */
    RESOLVE_EVER, /* also those that were called so */
};

/* Why an image that has the name is meant by it or not. */
enum resolve_verdict {
    RESOLVE_MEANT,
    RESOLVE_OLDER,  /* the name has gone on to `other`; only where one is wanted */
    RESOLVE_WEAKER, /* a stronger word gives it to `other` */
};

/* One image under one name. */
struct resolve_call {
    uint32_t image;
    const char *name;                 /* normal form */
    const struct naming_claim *claim; /* of its chain and name; NULL: none */
    enum name_strength strength;      /* of the image's own words, without the catalogue's */
    uint32_t store;                   /* the first that gave the strongest of them; FLEET_NONE */
    bool now;                         /* it is called so now */
    enum resolve_verdict verdict;
    uint32_t other; /* image; FLEET_NONE where it is meant */
};

struct resolve_calls {
    struct resolve_call *list; /* by name, platform, chain, image */
    size_t count;
};

/* What words are weighed by. */
struct resolve_facts {
    const struct fleet *f;
    const struct standing *images;
    const struct naming *naming;
    const struct catalogue *catalogue;
    const char *const *titles; /* by chain, what answers call it where that is more than its name
                                  and "as of"; NULL, and NULL in it: nothing more */
    int64_t known_at_s;        /* as in naming_compute() */
};

/* Finds everything that `text` may mean; nothing found is no error. */
int resolve(struct resolution *out, const struct fleet *f, const struct standing *images,
            const char *text, struct arena *arena, struct err *err);

/* Weighs the images that have the names which were found, or that the catalogue calls so. */
int resolve_calls(struct resolve_calls *out, const struct resolution *found,
                  const struct resolve_facts *facts, enum resolve_reach reach, struct arena *arena,
                  struct err *err);

/* Marks the images that the other hits mean: those that have the ID, the manifest or index, or
 * contain the layer or chain. `marks` is parallel to the fleet's images. */
void resolve_images(const struct resolution *r, const struct fleet *f, bool *marks);

/* Marks also every image that stands on a marked one: its chain is a prefix of theirs. */
int resolve_descendants(const struct fleet *f, bool *marks, struct arena *arena, struct err *err);

/* "name", "config", "manifest", "index", "manifest-or-index", "layer", "chain". */
const char *resolve_kind_name(const struct fleet *f, const struct resolve_hit *hit);

#endif
