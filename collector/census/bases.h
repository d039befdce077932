/*
 * bases: what the present images stand on, added up: by core build, by nearest base, by version or
 * by family. Which chain is whose base is lineage's to decide (lineage.h); here are the sums.
 *
 * Every present image whose config is known belongs to exactly one row, so the rows' images add up
 * to all of them. Images that stand on nothing that is known are one row, scratch. The platforms of
 * one index (platforms.h) are one core build, and one nearest base.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_BASES_H
#define COLLECTOR_CENSUS_BASES_H

#include "collector/census/ledger.h"
#include "collector/census/lineage.h"
#include "collector/census/standing.h"
#include "collector/census/versions.h"

#define BASES_PLATFORMS_MAX                                                                        \
    100 /* told apart; further ones count to the rarest: platforms_list()                          \
         */

enum bases_by { BASES_BY_CORE, BASES_BY_PARENT, BASES_BY_VERSION, BASES_BY_FAMILY };

struct base {
    enum base_kind kind;    /* of a version or family: named where one of its core builds is */
    const uint32_t *chains; /* where it ends, by platform, then by digest; none for scratch */
    uint32_t chain_count;
    uint32_t chain;         /* the first of them; FLEET_NONE for scratch */
    uint32_t genesis_layer; /* of that one; FLEET_NONE for scratch */
    uint32_t like;          /* an image that belongs here */
    const char *os_release; /* of its layers, the uppermost that has one; "" none known */
    int64_t images;         /* present ones that belong here */
    int64_t standing;       /* of these: without those that end here, and steps of its making */
    int64_t oldest_s;       /* when the oldest of these says it was made; 0 none says it */
    int64_t hosts;          /* as far as bases_add_host() was told */
    int64_t containers, running;
    int64_t layers;               /* distinct */
    int64_t nominal_bytes;        /* of its distinct layers, once; what is known of it */
    int64_t unknown_layers;       /* whose size is not known */
    int64_t copies, stored_bytes; /* of its chains, in the whole fleet */
};

/* The three counts of one platform. */
struct bases_platform {
    const struct fleet_image *like; /* has its os, arch and variant */
    int64_t images, named, unnamed, scratch_images;
};

struct bases {
    struct base *list; /* those with at least one present image */
    uint32_t count;
    uint32_t *row_of;    /* by image: index into list; FLEET_NONE: absent, or no config known */
    uint32_t *last_host; /* by base: the last one that was added, + 1 */
    const struct lineage *lineage;          /* that they were added up by */
    const uint32_t *release;                /* by chain: platforms_join()'s */
    int64_t named, unnamed, scratch_images; /* the three counts, of rows and of images */
    int64_t undecided_images;               /* present, but their layers are not known */
    struct bases_platform *platforms;       /* sorted */
    uint32_t platform_count;
    bool *on_platform; /* by base times platform_count */
};

/* The core builds, without presence of hosts; results lie in `arena`. Fails only for memory. */
int bases_compute(struct bases *out, const struct fleet *f, const struct lineage *lineage,
                  const struct ledgers *ledgers, const struct standing *images, struct arena *arena,
                  struct err *err);

/* The same by another measure. `release` is that of the core builds; `versions` only BY_VERSION and
 * BY_FAMILY need. */
int bases_group(struct bases *out, enum bases_by by, const struct versions *versions,
                const uint32_t *release, const struct fleet *f, const struct lineage *lineage,
                const struct ledgers *ledgers, const struct standing *images, struct arena *arena,
                struct err *err);

/* One more host, whose presence `f` has: it is one of the hosts of its bases. Each host once. */
void bases_add_host(struct bases *b, const struct fleet *f, uint32_t host);

/* The present images' names, as engines write them, at `chain`: sorted, in `arena`; `count` gets
 * how many. NULL on failure. */
const uint32_t *bases_names_at(const struct lineage *lineage, const struct fleet *f,
                               const struct standing *images, uint32_t chain, uint32_t *count,
                               struct arena *arena, struct err *err);

#endif
