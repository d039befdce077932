/*
 * origins: from which registries the images and layers of a base are known to come.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_ORIGINS_H
#define COLLECTOR_REPORT_ORIGINS_H

#include "collector/report/report.h"
#include "collector/store/read_origins.h"

struct origins {
    struct census *c;
    bool known; /* nothing is known of past times */
    struct all_origins all;
    const char **registries; /* by name, once it was asked for */
};

/* Reads them all. Everything lies in the census's arena. */
int origins_open(struct origins *out, struct census *c, struct err *err);

/* The registries of the layers of a base, and of the images that end where it ends: sorted texts,
 * unknown where nothing is known. */
int origins_of(const struct origins *o, const struct base *b, struct sheet_cell *cell,
               struct err *err);

#endif
