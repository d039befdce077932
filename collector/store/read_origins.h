/*
 * read_origins: which repositories a layer is known to come from.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_ORIGINS_H
#define COLLECTOR_STORE_READ_ORIGINS_H

#include "collector/store/read_fleet.h"

struct origin_place {
    uint32_t name;  /* index: the repository */
    uint32_t hosts; /* present ones on which an engine's files tell of it */
};

/* What engines' files tell of the layer at this index, sorted by repository; what repo digests
 * imply is not among it. The list lies in `arena`. */
int read_origins(const struct reading *reading, uint32_t layer, struct origin_place **out,
                 size_t *count, struct arena *arena, struct err *err);

#endif
