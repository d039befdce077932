/*
 * apply_manifest: what an image's manifest says, in the tables manifest and manifest_blob, and what
 * a manifest or an index says of attestations and bases (apply_provenance.h, apply_evidence.h).
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_MANIFEST_H
#define COLLECTOR_STORE_APPLY_MANIFEST_H

#include "collector/store/manifest_parse.h"
#include "collector/store/statements.h"

/* Replaces what was read under the digest before. `m` is NULL where there is none to be
 * believed. */
int apply_manifest(struct store *s, const struct digest *digest, const struct manifest *m,
                   struct err *err);

#endif
