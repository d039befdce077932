#include "common/backoff.h"

void backoff_init(struct backoff *b, uint64_t least_ms, uint64_t most_ms, uint64_t seed)
{
    *b = (struct backoff){
        .least_ms = least_ms,
        .most_ms = most_ms < least_ms ? least_ms : most_ms,
        .rng = seed,
    };
}

/* SplitMix64 (Steele, Lea, Flood 2014): any seed is good, and it needs no more state. */
static uint64_t next_random(struct backoff *b)
{
    uint64_t z = b->rng += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* least * 2^attempt, at most `most`, without overflow. */
static uint64_t window(const struct backoff *b)
{
    uint64_t w = b->least_ms;

    for (unsigned i = 0; i < b->attempt; i++) {
        if (w > b->most_ms / 2)
            return b->most_ms;
        w *= 2;
    }
    return w;
}

uint64_t backoff_next(struct backoff *b)
{
    uint64_t w = window(b);
    uint64_t half = w / 2;

    if (b->attempt < 64) /* every window is at its end by then */
        b->attempt++;
    return w - half + next_random(b) % (half + 1);
}

void backoff_reset(struct backoff *b)
{
    b->attempt = 0;
}
