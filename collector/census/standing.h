/*
 * standing: what each image is to the fleet now: where it lies, whether it has a name, whether a
 * container uses it.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_STANDING_H
#define COLLECTOR_CENSUS_STANDING_H

#include "collector/census/fleet.h"

enum image_kind {
    IMAGE_ABSENT,       /* in no present store */
    IMAGE_NAMED,        /* has a name in at least one store */
    IMAGE_INTERMEDIATE, /* has none, and another image of the same store names it as its parent */
    IMAGE_DANGLING,     /* has none and is nobody's parent */
};

struct standing {
    enum image_kind kind;
    uint32_t hosts, stores, unpacked; /* unpacked: stores where its chains are on disk */
    uint32_t containers, running, run_unknown;
    const uint32_t *names; /* indices, distinct over the fleet, sorted by text */
    uint32_t name_count;
};

/* A name that an image has in some store. */
struct standing_name {
    uint32_t image, name;
    const char *text;
};

/* One for each image of the fleet, in `arena`; NULL on failure. */
struct standing *standing_compute(const struct fleet *f, struct arena *arena, struct err *err);

/* Gives each image its names, from pairs in any order, which are sorted; one may come twice. */
int standing_set_names(struct standing *list, struct standing_name *pairs, size_t count,
                       struct arena *arena, struct err *err);

/* The kind of one presence, in its own store only: what makes an image dangling there. */
enum image_kind standing_in_store(const struct fleet *f, const struct fleet_presence *p);

/* Stable name of a kind ("named", ...). */
const char *standing_kind_name(enum image_kind kind);

#endif
