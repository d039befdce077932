/*
 * provenance: what the attestations about an image's manifest say together, from the documents that
 * are here and believed.
 *
 * Threads: those of the store's connection.
 */
#ifndef COLLECTOR_STORE_PROVENANCE_H
#define COLLECTOR_STORE_PROVENANCE_H

#include "collector/store/evidence_parse.h"
#include "collector/store/statements.h"

/* Replaces *out by rows of EVIDENCE_PROVENANCE: statements by digest, each in its own order; of
 * more than 16 (one image in many indexes, built again each time) the first ones. Texts go to the
 * arena, of EVIDENCE_ARENA_BYTES. */
int provenance_of(struct store *s, const struct digest *subject, struct evidence_rows *out,
                  struct arena *arena, struct err *err);

#endif
