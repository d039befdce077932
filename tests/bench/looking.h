/*
 * looking: one store on this disk, and what looking at it costs this thread when it is warm and
 * unchanged, beside the floor: asking for the state of the files that a look could look at.
 *
 * Every function ends the program with a message where something fails.
 */
#ifndef TESTS_BENCH_LOOKING_H
#define TESTS_BENCH_LOOKING_H

#include "agent/engines/engine.h"

struct looking {
    struct engine_options options; /* no API, nothing found but this store */
    struct engine_root root;
    char *name, *path; /* borrowed; what `options` points to */
};

/* Finds the one store of a driver at `path`. Both texts are borrowed, and *l is not moved. */
void looking_open(struct looking *l, char *driver, char *path);

/* In this order: readdir and fstatat of all below the directories `tree` (ended by NULL), then of
 * the first one alone; the driver's read() with nothing to rest on, which is what the agent does
 * first and at its jittered interval; the same with the last reading, which is what it does when
 * the token changed; its token(), which is what it does each time. Prints a line of JSON: CPU time
 * in microseconds as tree_us, flat_us, full_us, read_us, token_us; and images, files, flat_files.
 */
void looking_round(const struct looking *l, const char *const *tree);

#endif
