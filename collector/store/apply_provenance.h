/*
 * apply_provenance: attestations about images, in the tables attestation, provenance, material and
 * statement_subject. An index lists attestations, an attestation's manifest its statements, and a
 * statement says which images a build took; each comes as a document of its own, in any order, and
 * is read once. Who wants to know what is said of an image joins them.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_PROVENANCE_H
#define COLLECTOR_STORE_APPLY_PROVENANCE_H

#include "collector/store/manifest_parse.h"
#include "collector/store/statements.h"

/* Replaces what the index or the manifest with this digest listed before. `m` is NULL where there
 * is none to be believed. */
int apply_provenance_manifest(struct store *s, const struct digest *digest,
                              const struct manifest *m, struct err *err);

/* Replaces what the statement with this digest said before. `data` is NULL where it is believed no
 * more. */
int apply_provenance_statement(struct store *s, const struct digest *statement, const uint8_t *data,
                               size_t len, struct err *err);

/* Whether this manifest or index names more documents that hosts can be asked for. */
int apply_provenance_leads_on(struct store *s, const struct digest *digest, bool *out,
                              struct err *err);

#endif
