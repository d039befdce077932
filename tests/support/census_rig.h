/*
 * census_rig: everything that census computes over a fleet made by hand.
 *
 * What stores say of images follows from the maker's presences; repo digests are a test's own
 * (rig_digest()). Ends the program where memory ends.
 */
#ifndef TESTS_SUPPORT_CENSUS_RIG_H
#define TESTS_SUPPORT_CENSUS_RIG_H

#include "collector/census/bases.h"
#include "tests/support/fleet_maker.h"

struct census_rig {
    struct fleet_maker m;
    struct fleet_said said[MAKER_MAX];
    struct fleet_said_digest said_digests[MAKER_MAX];
    struct fleet_evidence evidence[MAKER_MAX];
    struct catalogue catalogue;
    struct copies copies;
    struct ledgers ledgers;
    struct standing *images;
    struct naming naming;
    struct lineage lineage;
    struct bases bases; /* with hosts */
    struct versions versions;
};

/* An empty fleet, and its end. */
void rig_open(struct census_rig *r);
void rig_close(struct census_rig *r);

/* The store made last says that the image it got last has this repo digest too. */
void rig_digest(struct census_rig *r, const char *repository, const struct digest *digest);

/* An image declares its base, by name alone; image by image, by source. */
void rig_declare(struct census_rig *r, uint32_t image, enum fleet_evidence_source source,
                 const char *reference);

/* A store listed the image with this name, and does not any more. After the last presence. */
void rig_listed_once(struct census_rig *r, uint32_t store, uint32_t image, const char *name);

/* Computes all of it. */
void rig_compute(struct census_rig *r);

/* What the core build of an image, or another chain, is called; NULL where nothing names it. */
const char *rig_title(const struct census_rig *r, uint32_t chain);

/* The row of an image, which has one; and one at another level, in the maker's arena. */
const struct base *rig_core(const struct census_rig *r, uint32_t image);
void rig_group(struct census_rig *r, enum bases_by by, struct bases *out);

#endif
