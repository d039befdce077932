/*
 * yaml_write: texts as YAML, so that yaml.h reads just them again.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_RULES_YAML_WRITE_H
#define COLLECTOR_RULES_YAML_WRITE_H

#include "common/buf.h"
#include "common/digest.h"

/* Appends the text, within quotes where it would not be read as it stands. It is valid UTF-8. */
int yaml_write_text(struct buf *out, const char *text, struct err *err);

/* Appends "INDENTkey: text\n"; nothing where the text is empty. */
int yaml_write_pair(struct buf *out, const char *indent, const char *key, const char *text,
                    struct err *err);

/* Appends "sha256:...". */
int yaml_write_digest(struct buf *out, const struct digest *digest, struct err *err);

#endif
