/*
 * yaml_values: single values of a YAML tree, each with its complaint.
 *
 * Ownership: texts are the tree's, or lie in the arena given. Threads: pure.
 */
#ifndef COLLECTOR_RULES_YAML_VALUES_H
#define COLLECTOR_RULES_YAML_VALUES_H

#include "collector/rules/yaml.h"
#include "common/record.h"

/* All of these fail with ERR_USAGE and the place. `node` NULL is a value that is not there. */

/* A text that is more than blanks, of at most REC_TEXT_BYTES. */
int yaml_text(const struct yaml *y, const struct yaml_node *node, const char *what,
              const char **out, struct err *err);
/* The same; "" where the node is NULL or has nothing. */
int yaml_maybe_text(const struct yaml *y, const struct yaml_node *node, const char *what,
                    const char **out, struct err *err);
/* The text of a key that must be there: `of` is the map, where the complaint points to. */
int yaml_required(const struct yaml *y, const struct yaml_node *of, const char *key,
                  const char *what, const char **out, struct err *err);

/* "sha256:<64 hex>". */
int yaml_digest(const struct yaml *y, const struct yaml_node *node, struct digest *out,
                struct err *err);

/* A text, or a list of texts: how many there are, at most `most` and at least one, and each. */
int yaml_texts(const struct yaml *y, const struct yaml_node *node, const char *what, size_t most,
               size_t *count, struct err *err);
const struct yaml_node *yaml_item(const struct yaml_node *node, size_t index);

/* A map of labels, none of which stands twice. Nothing where the node is NULL. */
int yaml_labels(const struct yaml *y, const struct yaml_node *node, struct rec_pair **out,
                size_t *count, struct arena *arena, struct err *err);

#endif
