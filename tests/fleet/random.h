/*
 * random: a repeatable stream of numbers from a seed (splitmix64).
 *
 * Threads: as the owner of the state.
 */
#ifndef TESTS_FLEET_RANDOM_H
#define TESTS_FLEET_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ULL;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

/* In [0, below); the bias does not matter here. */
static inline uint32_t random_below(uint64_t *state, uint32_t below)
{
    return (uint32_t)(random_next(state) % below);
}

#endif
