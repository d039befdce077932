/*
 * tree_private: what the steps of report_tree share. Private to collector/report/tree*.c.
 */
#ifndef COLLECTOR_REPORT_TREE_PRIVATE_H
#define COLLECTOR_REPORT_TREE_PRIVATE_H

#include "collector/census/forest.h"
#include "collector/report/parts.h"
#include "collector/report/tree.h"

struct tree {
    struct census *c;
    struct answer *a;
    const struct standing *images; /* of the fleet or, where one is asked for, of the host */
    const struct ledger_chain *ledger;
    uint32_t host;         /* FLEET_NONE: the whole fleet */
    bool *members;         /* by image: those that lie there, and what the subject means */
    bool *subject_chains;  /* by chain; these two NULL: no subject */
    bool *subject_images;  /* by image */
    uint32_t *chain_hosts; /* by chain: hosts with an image that has it */
    uint8_t *verdicts;     /* by image: the gravest of its policy_outcome + 1; 0 none */
    const char **core;     /* by chain: the kind of core build that ends there; NULL none */
    bool *base;            /* by chain: the nearest base of a member */
    const char **steps;    /* by chain: what made it; NULL: not asked for, or nobody knows */
    struct forest forest;
};

/* What lies on the host that is asked for: standing, and what its copies take. */
int tree_take_host(struct tree *t, struct err *err);

/* What the subject means. ERR_NOT_FOUND, ERR_USAGE with the candidates. */
int tree_find_subject(struct tree *t, struct err *err);

/* Whether the first of two of the tree's verdicts is the graver one. */
bool tree_is_graver(uint8_t a, uint8_t b);

/* Hosts of each chain, and the policy's verdicts on each image of each host. */
int tree_walk_hosts(struct tree *t, struct err *err);

#endif
