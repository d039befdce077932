/*
 * policy_file: a policy in YAML, as docs/policy.md describes it.
 *
 * Threads: pure but for reading the file.
 */
#ifndef COLLECTOR_RULES_POLICY_FILE_H
#define COLLECTOR_RULES_POLICY_FILE_H

#include <stdio.h>

#include "collector/census/policy.h"
#include "common/arena.h"

/* ERR_NOT_FOUND; ERR_USAGE with file, line, column and what was expected. */
int policy_read(struct policy *out, const char *path, struct arena *arena, struct err *err);
/* The same, and from "-", which is standard input, and from pipes and what else has an end: waits
 * for whoever writes there. ERR_LIMIT past YAML_BYTES_MAX. */
int policy_read_stream(struct policy *out, const char *path, struct arena *arena, struct err *err);
/* The same from memory. */
int policy_parse(struct policy *out, const char *path, const char *data, size_t len,
                 struct arena *arena, struct err *err);

/* Writes a policy so that policy_parse() reads the same. ERR_IO. */
int policy_write(const struct policy *policy, FILE *out, struct err *err);

#endif
