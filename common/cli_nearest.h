/*
 * cli_nearest: the known word that somebody most likely meant.
 *
 * Threads: pure.
 */
#ifndef COMMON_CLI_NEAREST_H
#define COMMON_CLI_NEAREST_H

#include <stddef.h>

struct cli_nearest {
    const char *word; /* what was written; the caller sets it */
    size_t word_len;
    const char *name; /* the nearest of those offered, or NULL where none is near */
    size_t distance;  /* private */
};

/* Compares with one more known word, which must live as long as *n. */
void cli_nearest_offer(struct cli_nearest *n, const char *name);

#endif
