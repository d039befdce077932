/*
 * forest: what stands on what. The chains of images, which are the same on every host, as trees:
 * roots are first layers, an image's line goes up from there, and images end at nodes.
 *
 * A node is one chain, or several of one line that are shown as one (a subject's line below it;
 * what a choice of labelled nodes skips). An image without layers is a root of its own. A layer
 * that an image holds twice is two chains, so two nodes.
 *
 * Order, the same whatever order the fleet's rows have: siblings by the first name of their branch
 * (the node's own, else the first of its children), those without any name behind them; then by the
 * bytes of the branch, the largest first; then by digest. Names are compared in the form that
 * people type, byte by byte.
 *
 * Sums of bytes count what is known; beside each stands how many layers are not, which makes it a
 * lower bound. Sums that leave 63 bits stay at the most. Time and memory are linear in the chains
 * of the images, but for sorting; nothing recurses, so lines may be as deep as they are.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_FOREST_H
#define COLLECTOR_CENSUS_FOREST_H

#include "collector/census/standing.h"

/* What of it is wanted. */
struct forest_wish {
    const bool *members; /* by image: those that the forest is made of */
    /* The subject: nodes that are asked for, by chain, and images without layers, by image. Both
     * NULL: all. */
    const bool *subject_chains, *subject_images;
    bool up;            /* what the subject stands on; else what stands on it, as one tree each */
    bool labelled_only; /* keeps named nodes, roots, the subject and nodes where lines part */
    bool count_named;   /* depth and limit count only nodes with a name */
    int64_t depth;      /* levels; 0 all */
    int64_t min_bytes;  /* leaves out branches of less known bytes */
    int64_t limit;      /* nodes: those of the largest branches; 0 all */
};

/* Layers of known and unknown size. */
struct forest_sum {
    int64_t layers, bytes, unknown;
};

struct forest_node {
    uint32_t chain;           /* where it ends; FLEET_NONE: an image without layers, or left_out */
    uint32_t parent;          /* node; FLEET_NONE: a root */
    uint32_t depth;           /* of its tree, 0: a root */
    uint32_t children;        /* branches, shown or not */
    bool left_out;            /* stands for all branches of its parent that are not shown */
    bool subject;             /* was asked for */
    struct fleet_run images;  /* in the forest's images: that end here; of left_out none */
    struct fleet_run names;   /* in the forest's names: of these images */
    struct forest_sum own;    /* the layers that the node is */
    struct forest_sum line;   /* from the first layer of all on */
    struct forest_sum branch; /* the node and all above it */
    int64_t branch_images;
};

struct forest {
    struct forest_node *nodes; /* a parent comes before its children, a branch after the other */
    size_t count;
    const uint32_t *images;          /* of one node by digest */
    const char **names;              /* of one node: distinct, sorted, as people type them */
    struct forest_sum all, left_out; /* layers of all nodes; of those that limits leave out */
    int64_t left_out_places;         /* nodes with left_out */
    int64_t skipped_layers;          /* in branches that labelled_only ended */
};

/* In `arena`; `images` (parallel to the fleet's) has their names. Fails only for memory. */
int forest_build(struct forest *out, const struct fleet *f, const struct standing *images,
                 const struct forest_wish *wish, struct arena *arena, struct err *err);

#endif
