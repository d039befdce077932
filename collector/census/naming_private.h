/*
 * naming_private: what naming's files share, and lineage with them: claims in the making,
 * platforms, and dates of making.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_NAMING_PRIVATE_H
#define COLLECTOR_CENSUS_NAMING_PRIVATE_H

#include <string.h>

#include "collector/census/naming.h"

/* Before there were images of this kind (2013): a date older than this is a fixed one, which
 * reproducible builds write (1970, 1980), and says nothing. */
#define NAMING_FIRST_IMAGES_S ((int64_t)1356998400)

/* A date of making later than this behind the first hearing is a lie; it is left for clocks. */
#define NAMING_CLOCKS_S 86400

#define NAMING_PLATFORM_MAX 64 /* bytes of one part, with the NUL; a longer one is cut */

struct naming_platform {
    char os[NAMING_PLATFORM_MAX], arch[NAMING_PLATFORM_MAX], variant[NAMING_PLATFORM_MAX];
};

/* A date of making, where it means something and what was made was not heard of before (heard_s 0:
 * not known when that was); else 0. What was heard of before it was made would be the newest for
 * ever. */
static inline int64_t naming_believed_s(int64_t made_s, int64_t heard_s)
{
    bool is_late = heard_s > 0 && made_s > heard_s + NAMING_CLOCKS_S;

    return made_s >= NAMING_FIRST_IMAGES_S && !is_late ? made_s : 0;
}

/* When the image was made; 0 where that is not told, or by a date that cannot be believed. */
static inline int64_t naming_made_s(const struct fleet_image *image)
{
    return naming_believed_s(image->created_s, image->first_s);
}

/* "v8" is the only variant of arm64, and is written or left out. */
static inline const char *naming_variant(const char *arch, const char *variant)
{
    return strcmp(arch, "arm64") == 0 && strcmp(variant, "v8") == 0 ? "" : variant;
}

static inline bool naming_same_platform(const struct fleet_image *a, const struct fleet_image *b)
{
    return strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0 &&
           strcmp(naming_variant(a->arch, a->variant), naming_variant(b->arch, b->variant)) == 0;
}

/* A claim in the making. */
struct naming_draft {
    struct naming_claim claim;
    uint32_t key;         /* of its name's normal form; FLEET_NONE: by digest, which never moves */
    uint32_t said;        /* the last listing in it; FLEET_NONE: the catalogue */
    const char *platform; /* of the catalogue's entry; NULL: that of claim.image */
    int64_t made_s;       /* the catalogue's word; 0 none */
};

/* Finds what is displaced and what moved, among drafts of which no two have both key and chain in
 * common. Keys are below `key_count`. Scratch memory is in `arena`. */
int naming_settle(struct naming_draft *drafts, size_t count, size_t key_count,
                  const struct fleet *f, struct arena *arena, struct err *err);

/* Fills in how strong each chain's name is, and its title, once the claims are there. */
int naming_find_titles(struct naming *out, size_t chain_count, struct arena *arena,
                       struct err *err);

/* The claim of a name, in normal form, on a chain; NULL: none. */
const struct naming_claim *naming_claim_of(const struct naming *n, uint32_t chain,
                                           const char *name);

/* Takes "linux/arm/v7" apart. */
void naming_platform_parse(struct naming_platform *out, const char *text);

/* Whether an image is of a platform written so ("" is none). */
bool naming_is_platform(const struct fleet_image *image, const char *text);

/* Whether a store of root's there is trusted to name: then the host's own words are, too. */
bool naming_trusts_host(const struct fleet *f, const struct catalogue *c, uint32_t host);

/* Whether the image's layers are more than the word of somebody who does not count: its config
 * proves itself, a second host has told the same, or a host told it that is trusted to name. */
bool naming_is_proven(const struct fleet *f, const struct catalogue *c,
                      const struct fleet_image *image);

/* Whether the host's words count at `known_at_s` (0: always). */
static inline bool naming_is_known(const struct fleet_first *first, int64_t known_at_s)
{
    return first->store != FLEET_NONE && (known_at_s == 0 || first->at_s <= known_at_s);
}

/* Whether a listing's word is firm: root's, or that of a store which the operator trusts to name.
 */
static inline bool naming_is_firm(const struct naming *n, const struct fleet *f, size_t said,
                                  int64_t known_at_s)
{
    const struct fleet_said *s = &f->said[said];

    return naming_is_known(&s->root, known_at_s) ||
           (n->trusted_said != NULL && n->trusted_said[said] &&
            naming_is_known(&s->user, known_at_s));
}

/* Whether an image has a chain to be named, and was heard of by then. */
static inline bool naming_has_line(const struct fleet_image *image, int64_t known_at_s)
{
    return image->parsed == PARSED_READ && image->chain_count > 0 &&
           (known_at_s == 0 || image->first_s <= known_at_s);
}

static inline uint32_t naming_top(const struct fleet_image *image)
{
    return image->chains[image->chain_count - 1];
}

#endif
