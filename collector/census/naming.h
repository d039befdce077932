/*
 * naming: what each chain is called, by whom, and how much that is worth.
 *
 * An image's name is a name for the chain that it ends at. Names have strength, from the weakest:
 *
 *   seen       a store that its own user can write (rootless) says so. Names for nobody else.
 *   tag        a tag in a store that root owns, nothing more: anybody who may run `docker tag`
 * there can make it. pulled     the store lists, with the name, a repo digest of the name's
 * repository. trusted    the same, of a repository that the operator trusts; or the store is one
 * that he trusts to name. catalogue  the operator's catalogue says so.
 *
 * A repo digest proves the repository and not the tag: `docker pull debian:8; docker tag debian:8
 * debian:12` makes both names "pulled". One whose manifest is here and is of another image proves
 * nothing. Names count in their normal form: "debian:12" is docker.io/library/debian:12.
 *
 * A chain is named by its strongest names. A name that is stronger than "tag" for one chain is
 * displaced for all chains, of whatever platform, that have it as a tag or weaker: it is kept there
 * as a conflict and names nothing. (The platforms of one index that were pulled are all stronger
 * than "tag".) Names that moved (equal strength) name each version: one plainly, the others "as of"
 * the day when the fleet first saw them so. Plainly it names what the catalogue says, where that
 * has the name, and else the newest. The newest is the one that was made last; where one of them
 * has no date that can be believed (naming_private.h), the one that the fleet heard of last so.
 *
 * For policy only names count of the catalogue or a trusted store, of images whose layers are
 * proven (naming_is_proven()): `for_policy`.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_NAMING_H
#define COLLECTOR_CENSUS_NAMING_H

#include "collector/census/catalogue.h"
#include "collector/census/fleet.h"

enum name_strength {
    NAME_NONE,
    NAME_SEEN,
    NAME_TAG,
    NAME_PULLED,
    NAME_TRUSTED,
    NAME_CATALOGUE,
};

struct naming_claim {
    uint32_t chain;
    uint32_t image;   /* that has the name; FLEET_NONE: from the catalogue alone */
    const char *name; /* normal form with its tag or, without one, "repository@sha256:..." */
    enum name_strength strength;
    bool for_policy;
    bool displaced;  /* by a stronger claim of the same name for `other` */
    bool moved;      /* the name plainly means another chain of the same platform */
    uint32_t other;  /* chain: of the stronger claim, or of the plain one; FLEET_NONE */
    int64_t first_s; /* when the fleet first heard it; of the catalogue: when it was added */
    int64_t stores;  /* present ones that say so now */
    uint32_t store;  /* the first that said so; FLEET_NONE */
};

struct naming {
    struct naming_claim *claims; /* by chain; within one the strongest first, then by name */
    size_t claim_count;
    struct fleet_run *of_chain; /* parallel to the fleet's chains */
    enum name_strength
        *strength;             /* by chain: of its strongest name that names it (not displaced) */
    uint32_t *title;           /* by chain: the claim that it is shown by; FLEET_NONE */
    uint32_t *entry;           /* by chain: of the catalogue, one that gives a family first;
                                  FLEET_NONE */
    uint32_t *catalogue_chain; /* by catalogue entry: index of its chain, FLEET_NONE: on no host */
    const bool *trusted_said;  /* as given; NULL: none is */
};

/* `trusted_said` is parallel to f->said: a store that the operator trusts to name said it, by
 * `known_at_s`. `known_at_s`: leaves out what was first said after it; 0 takes all. Results lie in
 * `arena`. */
int naming_compute(struct naming *out, const struct fleet *f, const struct catalogue *c,
                   const bool *trusted_said, int64_t known_at_s, struct arena *arena,
                   struct err *err);

/* The name that the chain is shown by: of its strongest one with a tag before one by digest, then
 * the one that was said first, then by most stores, then by text. NULL where nothing names it. */
const struct naming_claim *naming_title(const struct naming *n, uint32_t chain);

/* "debian:12", "debian:12 as of 2026-03-02": familiar form, with the day where the name moved. In
 * `arena`; NULL on failure. */
const char *naming_text(const struct naming_claim *claim, struct arena *arena, struct err *err);

/* How strong the word of one of the fleet's listings for a name in normal form is: by itself,
 * whatever the catalogue and others say. NAME_NONE: it said nothing by then. */
enum name_strength naming_said_strength(const struct naming *n, const struct fleet *f,
                                        const struct catalogue *c, size_t said, const char *name,
                                        int64_t known_at_s);

/* "none", "seen", "tag", "pulled", "trusted", "catalogue". */
const char *name_strength_name(enum name_strength strength);

#endif
