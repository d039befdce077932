/*
 * read_origins: which repositories layers and images are known to come from.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_ORIGINS_H
#define COLLECTOR_STORE_READ_ORIGINS_H

#include "collector/census/policy.h"
#include "collector/store/read_fleet.h"

struct origin_place {
    uint32_t name;  /* index: the repository */
    uint32_t hosts; /* present ones on which an engine's files tell of it */
};

/* What engines' files tell of the layer at this index, sorted by repository; what repo digests
 * imply is not among it. The list lies in `arena`. */
int read_origins(const struct reading *reading, uint32_t layer, struct origin_place **out,
                 size_t *count, struct arena *arena, struct err *err);

struct all_origins { /* distinct, by layer or image, then by repository */
    struct policy_origin *layers, *images;
    size_t layer_count, image_count;
};

/* Of all layers, as read_origins() of each, and of all images: the repositories of the repo digests
 * that they ever had anywhere. `stores` and `said` mark whose word counts: those that are trusted
 * to name, and what they list (read_said_by()); both NULL: nobody's. The lists lie in `arena`.
 * Time: a search for each layer's repository where nobody is trusted, or the first store of most
 * is, and else a walk over what all stores tell. Not as of a past time. */
int read_all_origins(const struct reading *reading, struct all_origins *out, const bool *stores,
                     const bool *said, struct arena *arena, struct err *err);

#endif
