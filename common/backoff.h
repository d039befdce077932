/*
 * backoff: how long to wait before the next attempt: exponential with full jitter, so that a
 * fleet that lost its collector does not come back in one wave.
 *
 * Threads: as the owner. Randomness comes from the caller-given seed, so tests are repeatable.
 */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint64_t least_ms, most_ms; /* bounds of the window */
    unsigned attempt;           /* private */
    uint64_t rng;               /* private */
};

/* Starts with the shortest window. Hosts need different seeds, else they come back together. */
void backoff_init(struct backoff *b, uint64_t least_ms, uint64_t most_ms, uint64_t seed);

/* The wait before the next attempt: uniform in [window/2, window], window doubling up to most. */
uint64_t backoff_next(struct backoff *b);

/* A success: the next wait is short again. */
void backoff_reset(struct backoff *b);

#endif
