/*
 * mirror_load: fills a new mirror from the file. Private to mirror.c.
 *
 * Threads: as the store.
 */
#ifndef COLLECTOR_STORE_MIRROR_LOAD_H
#define COLLECTOR_STORE_MIRROR_LOAD_H

#include "collector/store/mirror.h"

/* ERR_CORRUPT where rows are missing; *m may be half full then. */
int mirror_load(struct mirror *m, struct store *s, struct err *err);

#endif
