/*
 * versions: the core builds that the fleet ever knew, as versions of families.
 *
 * Named core builds of one family, one version of its operating system and one day of creation
 * (UTC) are one version ("debian 12 of 2026-03-02"), and so are the platforms of one index
 * (platforms.h). An unnamed core build is a version of its own. Families and dates are lineage's
 * (lineage_family_of()). A newer version is a ranked one of the same family and version of the
 * operating system with a later day: "debian 12" is never behind "debian 13". Where a day is only
 * that of the first hearing, what was made later is newer; but it makes nothing else old whose day
 * of making is known, since it may itself have been made before.
 *
 * An application that was squashed into one layer holds a base's system and is called its core
 * build, but its day is its own. So only ranked versions make others old, and are old themselves:
 * what the catalogue names; else of a chain whose images do not all declare another base
 * (lineage_declares_another()) what another image stands on, and what is named by a repository that
 * names such a build of the family, or is called as the family. Where a family has none of these,
 * all its named builds are ranked that declare nothing else.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_VERSIONS_H
#define COLLECTOR_CENSUS_VERSIONS_H

#include "collector/census/lineage.h"

struct bases;

#define VERSIONS_UNKNOWN_FAMILY "unknown"
#define DAY_S 86400

struct version {
    uint32_t family;    /* index */
    const char *number; /* of the operating system, "12"; "" not known */
    const char *label;  /* "debian 12 of 2026-03-02", "debian 12, unnamed 5f70bf18a086" */
    bool named;
    bool ranked;       /* it is a version of its family by more than what it holds */
    int64_t date_s;    /* of its first chain; 0 not known */
    bool from_created; /* of a chain of it the day is when it was made, not when heard of */
    uint32_t newest;   /* version: the newest ranked one of its family and number; may be itself,
                          FLEET_NONE where there is none */
    int64_t newer;     /* how many ranked ones are newer; FLEET_UNKNOWN for what is not ranked */
    const char *os_release; /* "" none known */
};

struct versions_family {
    const char *name;
    uint32_t newest; /* version: the ranked one that was made last, else heard of last; FLEET_NONE
                        where none is ranked */
};

struct versions {
    struct version *list; /* by family, number, date; unnamed ones behind the named ones */
    struct versions_family *families; /* by name */
    uint32_t count, family_count;
    uint32_t *of_chain; /* by chain: of the core build that ends there; FLEET_NONE */
};

/* Of all core builds of known images, present or not; `release` is platforms_join()'s. Results lie
 * in `arena`. */
int versions_compute(struct versions *out, const struct fleet *f, const struct catalogue *c,
                     const struct lineage *lineage, const uint32_t *release, struct arena *arena,
                     struct err *err);

struct versions_count {
    int64_t families; /* without what is of no known family */
    int64_t versions; /* of named and unnamed core builds */
};

/* How many of them the present core builds are of. `cores` are rows by core build. */
int versions_count_present(struct versions_count *out, const struct versions *v,
                           const struct bases *cores, struct arena *arena, struct err *err);

/* How many whole days the version is behind the newest of its kind; FLEET_UNKNOWN where there is
 * none, no date, or it is not ranked. */
int64_t versions_days_behind(const struct versions *v, const struct version *version);

#endif
