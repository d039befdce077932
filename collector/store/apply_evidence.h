/*
 * apply_evidence: what images say of the bases that they were built on (evidence_parse.h), in the
 * tables base_evidence and manifest_evidence.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_EVIDENCE_H
#define COLLECTOR_STORE_APPLY_EVIDENCE_H

#include "collector/store/evidence_parse.h"
#include "collector/store/statements.h"

/* Replaces what the image's config said before. `c` is NULL where there is none to be believed. */
int apply_evidence_config(struct store *s, int64_t image_id, const struct config *c,
                          struct err *err);

/* Replaces what the manifest said before. `m` is NULL where there is none to be believed. */
int apply_evidence_manifest(struct store *s, const struct digest *manifest,
                            const struct manifest *m, struct err *err);

/* Where the database was read by other rules (meta, evidence_rules), reads again whatever it holds:
 * better parsing needs no new question to hosts. One transaction of its own, none where the rules
 * are the same; some seconds for 50,000 images. */
int apply_evidence_again(struct store *s, struct err *err);

#endif
