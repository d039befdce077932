/*
 * read_past: where some images are and were, names that were, and what a single image's config says
 * at length. Small questions beside read_fleet(), whose indices they speak and whose transaction
 * they share.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_PAST_H
#define COLLECTOR_STORE_READ_PAST_H

#include "collector/census/fleet.h"
#include "collector/store/read_fleet.h"

/* A stay of an image in a store that is over, whatever names it had meanwhile. Where gone_s is 0
 * nobody has seen it go: the host was retired, or the store went with it. */
struct past_presence {
    uint32_t store, image;
    int64_t from_s;
    int64_t gone_after_s, gone_s; /* last look with it, first look without it */
};

struct past {
    struct past_presence *list; /* by store, image, time */
    size_t count;
};

/* Where the marked images (parallel to the fleet's) are, with the containers of those stores, and
 * all that is over of them, on hosts that are selected: the first in `f`, which may be the fleet
 * that was read and has no other presence afterwards (read_one_host()). Time: a search in each
 * store for some listings, a walk over all presence for more. */
int read_stays(const struct reading *reading, struct fleet *f, struct past *out, const bool *marks,
               struct arena *arena, struct err *err);

/* The names that an image had in a store during the stay that began at from_s, over or not, also
 * those that it lost meanwhile: distinct, sorted, in `arena`. Store and image are indices. */
int read_names_had(struct store *s, const struct fleet *f, const struct past_presence *p,
                   const char ***out, size_t *count, struct arena *arena, struct err *err);

struct image_step { /* of the config's history */
    const char *created, *created_by, *comment;
    bool empty; /* made no layer */
};

struct image_text {
    struct image_step *steps;
    size_t step_count;
    struct rec_pair *labels; /* sorted by key */
    size_t label_count;
};

/* The steps and labels of one image, by its row's number; none where its config is not here. */
int read_image_text(struct store *s, struct image_text *out, int64_t image_id, struct arena *arena,
                    struct err *err);

#endif
