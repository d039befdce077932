/*
 * jsonl: files of one JSON object a line, read whole.
 *
 * Threads: pure.
 */
#ifndef TESTS_FLEET_JSONL_H
#define TESTS_FLEET_JSONL_H

#include "common/json.h"

/* All lines of a file as one array: a new reference, or NULL with the number of the bad line. */
json_t *jsonl_load(const char *path, struct err *err);

#endif
