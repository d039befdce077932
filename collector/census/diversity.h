/*
 * diversity: into how many kinds a whole really falls, from the shares of its kinds.
 *
 * With p(i) the share of kind i: the exponential of the Shannon entropy, exp(-sum p ln p), and the
 * inverse Simpson index, 1 / sum p^2. Both are the number of kinds where all shares are equal, and
 * nearly 1 where one kind holds nearly all; the second gives rare kinds less weight.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_DIVERSITY_H
#define COLLECTOR_CENSUS_DIVERSITY_H

#include <stddef.h>
#include <stdint.h>

struct diversity {
    int64_t kinds;            /* with a share */
    int64_t shannon, simpson; /* thousandths; 0 where nothing has a share */
    int64_t largest;          /* share of the largest kind: thousandths */
};

/* Of `count` weights in one unit; a weight that is not positive is no share. */
void diversity_of(struct diversity *out, const int64_t *weights, size_t count);

#endif
