/*
 * content: the dictionary of what is distinct in the fleet: digest or text to row, made where it is
 * new. Every function gives the row's id.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_CONTENT_H
#define COLLECTOR_STORE_CONTENT_H

#include "collector/store/statements.h"

/* `identity` is what this host says of it: while no document is known, the last one that said
 * something counts. 0: it is only referred to (a parent, a container's image). */
int content_image(struct store *s, const struct digest *d, enum rec_identity identity, int64_t at_s,
                  int64_t *id, struct err *err);

/* A host says this identity of an image that is known. */
int content_said(struct store *s, int64_t image_id, enum rec_identity identity, struct err *err);

/* A layer by its diffID. */
int content_layer(struct store *s, const struct digest *diff, int64_t *id, struct err *err);

/* By its digest alone; content_chain_on() tells what it consists of. */
int content_chain(struct store *s, const struct digest *d, int64_t *id, struct err *err);

/* A host says that a chain ends in this layer: counts while nothing proves it, the first time. */
int content_claim(struct store *s, int64_t chain_id, int64_t layer_id, struct err *err);

/* The chain of layer `diff` on `parent` (id 0: it is the first); `depth` counts from 1. */
/* A chain of several layers is proven by its digest, which is made of theirs. A chain of one layer
 * has the layer's own digest, which anybody can choose: where both are said of one digest, the
 * longer one counts. */
struct content_link {
    const struct digest *chain;
    const struct digest *diff;
    int64_t parent_id;
    int64_t depth;
};
int content_chain_on(struct store *s, const struct content_link *link, int64_t *id,
                     struct err *err);

/* What is known of a chain: 0 and 0 where nothing is. */
int content_depth(struct store *s, const struct digest *d, int64_t *id, int64_t *depth,
                  struct err *err);

/* A name of an image, or a repository. */
int content_name(struct store *s, const char *text, int64_t *id, struct err *err);

#endif
