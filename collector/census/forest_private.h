/*
 * forest_private: what the steps of forest_build() share. Private to collector/census/forest*.c.
 *
 * A slot is a chain of the fleet or, behind all chains, an image without layers.
 */
#ifndef COLLECTOR_CENSUS_FOREST_PRIVATE_H
#define COLLECTOR_CENSUS_FOREST_PRIVATE_H

#include "collector/census/forest.h"

struct forest_slot {
    uint32_t parent; /* slot right below it, then (after the choice) the next kept one */
    uint32_t level;  /* layers of its line; 0 for an image without any */
    bool member;     /* some member's line has it */
    bool inside;     /* the subject's part of the forest */
    bool kept;       /* a node */
    bool cut;        /* left out by a limit */
    bool subject;
    uint32_t children; /* inside, then kept */
    uint32_t cut_children;
    uint32_t first_child, next; /* slots, in order */
    struct fleet_run images, names;
    struct forest_sum own, line, branch;
    struct forest_sum out; /* of its children that are cut */
    int64_t branch_images, out_images;
    const char *first_name; /* of the branch; NULL none */
};

struct forest_plan {
    const struct fleet *f;
    const struct standing *standing;
    const struct forest_wish *wish;
    struct arena *arena;
    struct forest *out;
    struct forest_slot *slots;
    uint32_t chain_count, slot_count;
    uint32_t *order; /* member slots, the lower levels first */
    uint32_t order_count;
    uint32_t first_root;
    struct forest_sum roots_out; /* of roots that are cut */
    int64_t roots_out_images;
    uint32_t roots_cut;
};

/* Adds, and stays at the most. */
void forest_sum_add(struct forest_sum *to, const struct forest_sum *more);

/* The digest that a slot is known by: of the chain, or of the image. */
const struct digest *forest_slot_digest(const struct forest_plan *p, uint32_t slot);

/* Gives each slot the images that end there and their names. */
int forest_give_images(struct forest_plan *p, struct err *err);

/* Orders the kept slots, leaves out what the limits do not allow, and lists the nodes. */
int forest_list(struct forest_plan *p, struct err *err);

#endif
