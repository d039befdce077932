/*
 * yaml: a YAML document as a tree with places, through libyaml (YAML 1.1; JSON is a part of it).
 * Aliases, merge keys, tags and several documents in one file are refused: whoever reads a policy
 * should see all of it where it stands.
 *
 * Every complaint says FILE:LINE:COLUMN, what was found and what was expected.
 *
 * Threads: pure but for reading the file.
 */
#ifndef COLLECTOR_RULES_YAML_H
#define COLLECTOR_RULES_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/digest.h"
#include "common/error.h"

enum {
    YAML_BYTES_MAX = 16 << 20, /* of a file */
    YAML_DEPTH_MAX = 16,
    YAML_NODES_MAX = 1000000,
};

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    const char *text; /* of a text, "" for an empty value */
    bool quoted;
    struct yaml_node *items; /* of a list; of a map: key, value, key, value... */
    size_t count;            /* of a list: items; of a map: pairs */
    int line, column;        /* from 1 */
};

struct yaml {
    const char *path;
    struct yaml_node *root; /* NULL: the file is empty */
};

/* Reads a file into `arena`. ERR_NOT_FOUND, ERR_USAGE with the place for what is no YAML,
 * ERR_LIMIT. */
int yaml_read(struct yaml *out, const char *path, struct arena *arena, struct err *err);
/* The same from memory; `path` is what messages say. */
int yaml_parse(struct yaml *out, const char *path, const char *data, size_t len,
               struct arena *arena, struct err *err);

/* The file that links lead to; free it. NULL with ERR_NOT_FOUND where there is none, ERR_IO where a
 * link leads to nothing. */
char *yaml_follow(const char *path, struct err *err);

/* ERR_USAGE "FILE:LINE:COLUMN: ...". Returns -1. */
int yaml_fail(const struct yaml *y, const struct yaml_node *at, struct err *err, const char *fmt,
              ...) __attribute__((format(printf, 4, 5)));

/* The value of a key, NULL where the map has none. The map's keys are texts. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* Fails at the first key that is not in `known` (ended by NULL), or that stands twice, and names
 * the nearest one. */
int yaml_only(const struct yaml *y, const struct yaml_node *map, const char *const *known,
              struct err *err);
/* Fail where the node is not of the kind; `what` is what it should be ("a list of rules"). */
int yaml_expect(const struct yaml *y, const struct yaml_node *node, enum yaml_kind kind,
                const char *what, struct err *err);

#endif
