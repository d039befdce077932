/*
 * listing: an image as hosts list it, once for the fleet: its ID and all that they say of it in an
 * inventory. Thousands of hosts list the same image with the same names.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_LISTING_H
#define COLLECTOR_STORE_LISTING_H

#include "collector/store/statements.h"
#include "common/buf.h"

/* Bytes: above REC_NAMES_MAX names and repo digests of the longest kind. */
#define LISTING_KEY_MAX (2u << 20)

/* The row of what the record says, made where it is new. */
int listing_put(struct store *s, const struct rec_image *image, int64_t at_s, uint32_t *id,
                struct err *err);

/* A store that is known, with its owner, lists it from now on: the first one of root's, and the
 * first one of other users', is written down. For the others it costs no statement. */
int listing_said(struct store *s, uint32_t listing, int64_t store_id, int64_t at_s,
                 struct err *err);

/* Appends all that a record says, so that two records have the same bytes just where they say the
 * same: ID, identity, unpacked, parent, names (ended by NUL), repo digests. */
int listing_key(struct buf *out, const struct rec_image *image, struct err *err);

#endif
