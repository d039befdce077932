/*
 * redact: what never leaves the host. Cuts secrets out of an image config before it is sent:
 * build arguments in history, values of environment variables and labels whose name or form is
 * that of a secret, user information in URLs, tokens and private keys by their form, anywhere in
 * the document; of an attestation and of build info all but the images that a build took
 * (redact_statement.h). docs/protocol.md lists the rules; REC_REDACTION_RULES (common/record.h)
 * is their version.
 *
 * Threads: pure.
 */
#ifndef AGENT_REDACT_H
#define AGENT_REDACT_H

#include "common/buf.h"
#include "common/error.h"

#define REDACT_MARK "[redacted]"

/* Reads the document `in` (JSON) and writes what may leave to `out`: the same bytes and *cuts = 0
 * where nothing had to go, else the document without them, serialised canonically (sorted keys, no
 * blanks), so that every host cuts to the same bytes. A document that is not JSON, or too big or
 * deep, is an error: it then does not leave at all. What says which layers an image has and what
 * it runs on (rootfs, created, os, architecture) is never changed. */
int redact_document(const struct buf *in, struct buf *out, uint32_t *cuts, struct err *err);

/* One text (an error message, a label): cut into a new heap string; NULL without memory. *cuts
 * grows by what was cut. */
char *redact_text(const char *text, uint32_t *cuts);

/* The name of an image or a container, or what is said of a place in a store: only tokens and URLs
 * with user information are cut, for a tag may well be a hash, and so is an entry's name. New heap
 * string; NULL without memory. */
char *redact_name(const char *name, uint32_t *cuts);

/* The value of something named, such as a label. New heap string; NULL without memory. */
char *redact_value(const char *name, const char *value, uint32_t *cuts);

#endif
