/*
 * redact_statement: what a record of a build may tell. It holds whatever the build was given:
 * arguments, the Dockerfile, every command. Only which images the build took, and which image it is
 * about, may leave.
 *
 * Formats: in-toto's statement (spec/v1/statement.md) with a predicate of SLSA provenance, v0.2 and
 * v1; BuildKit's build info (docs/buildinfo.md there, up to 0.11), base64 of JSON in the config.
 * Private to redact*.c. Threads: pure.
 */
#ifndef AGENT_REDACT_STATEMENT_H
#define AGENT_REDACT_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

/* Whether the document is a statement, whatever it was asked for as. */
bool redact_is_statement(const json_t *document);

/* Cuts a statement to `_type`, `predicateType`, the digests of `subject`, and of the predicate the
 * images among `materials` or `buildDefinition.resolvedDependencies`, each with URI and digest.
 * What is left may still hold a secret that the other rules know. *cuts grows by what was removed.
 */
void redact_statement(json_t *document, uint32_t *cuts);

/* Where a config holds build info. */
#define REDACT_BUILD_INFO "moby.buildkit.buildinfo.v1"

/* The tree that the text holds, cut to `type`, `ref` and `pin` of those `sources` that are images,
 * a new reference; NULL where the text holds none. *cuts grows by what was removed. Fails only
 * without memory. */
int redact_build_info(const char *text, json_t **out, uint32_t *cuts, struct err *err);

/* The text that holds this tree, on the heap; NULL without memory. */
char *redact_build_info_text(const json_t *info);

#endif
