/*
 * lineage_rig: a fleet made by hand with what stores and images say, for tests of naming and
 * lineage.
 *
 * Build layers, images and stores with fleet_maker, names and declarations here, then compute. Ends
 * the program where memory ends.
 */
#ifndef TESTS_SUPPORT_LINEAGE_RIG_H
#define TESTS_SUPPORT_LINEAGE_RIG_H

#include "collector/census/lineage.h"
#include "tests/support/fleet_maker.h"

#define DEBIAN "docker.io/library/debian"
#define PYTHON "docker.io/library/python"

struct lineage_rig {
    struct fleet_maker m;
    struct fleet_said said[MAKER_MAX];
    struct fleet_said_digest said_digests[MAKER_MAX];
    struct fleet_evidence evidence[MAKER_MAX];
    bool trusted[MAKER_MAX]; /* parallel to said */
    struct catalogue catalogue;
    struct catalogue_base bases[MAKER_MAX];
    struct naming naming;
    struct lineage lineage;
    struct lineage_story story;
};

/* An empty fleet and catalogue, and their end. */
void lineage_rig_open(struct lineage_rig *r);
void lineage_rig_close(struct lineage_rig *r);

/* A store of root's, or of user 1000's, on a host of its own. */
uint32_t lineage_rig_store(struct lineage_rig *r, const char *host, uint32_t owner);

/* The store lists the image with this name (NULL: none); the same, with the repo digest that the
 * text `manifest` has. An image without a name is only listed by that. */
struct fleet_said *lineage_rig_tag(struct lineage_rig *r, uint32_t store, uint32_t image,
                                   const char *name);
struct fleet_said *lineage_rig_pull(struct lineage_rig *r, uint32_t store, uint32_t image,
                                    const char *name, const char *repository, const char *manifest);

/* An image declares its base; image by image, by source. manifest NULL: no digest. */
struct fleet_evidence *lineage_rig_declare(struct lineage_rig *r, uint32_t image,
                                           enum fleet_evidence_source source, const char *reference,
                                           const char *manifest);

/* The catalogue calls a chain so, of linux/amd64; chain FLEET_NONE: one that is on no host. */
struct catalogue_base *lineage_rig_entry(struct lineage_rig *r, const char *name, uint32_t chain);

/* Computes all of it, as it was known at `known_at_s` (0: now); the story of one image. */
void lineage_rig_compute(struct lineage_rig *r, int64_t known_at_s);
const struct lineage_story *lineage_rig_explain(struct lineage_rig *r, uint32_t image);

/* The claim of a name on a chain, NULL where there is none. */
const struct naming_claim *lineage_rig_claim(const struct lineage_rig *r, uint32_t chain,
                                             const char *name);

/* Whether one of the sentences against the last explained answer holds these words. */
bool lineage_rig_says(const struct lineage_rig *r, const char *words);

#endif
