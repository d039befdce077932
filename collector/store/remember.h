/*
 * remember: reads into memory what the writer keeps there: the mirror, and the counters made anew
 * from it.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_REMEMBER_H
#define COLLECTOR_STORE_REMEMBER_H

#include <stdbool.h>

#include "collector/store/store.h"

/* Fills s->mirror, which is NULL. Where the file's counters say something else, or nothing yet,
 * *repaired is true and the next commit writes them; the first is a bug, and logged. */
int remember_file(struct store *s, bool *repaired, struct err *err);

#endif
