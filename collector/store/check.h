/*
 * check: recomputes everything that the database says twice and compares. A difference is a bug
 * or a damaged file, never the fleet's fault.
 *
 * Threads: a reader connection of its own.
 */
#ifndef COLLECTOR_STORE_CHECK_H
#define COLLECTOR_STORE_CHECK_H

#include <stdbool.h>

#include "collector/store/store.h"

struct check_result {
    uint64_t checked;  /* things compared */
    uint64_t findings; /* that differ */
};

/* Each finding goes to `found` as one line: what, where, expected, got; of many alike only the
 * first, and how many more. -1 only when it could not be checked at all. Covers: the pages and rows
 * of the file, and foreign keys; what hosts held when (intervals that overlap, end before they
 * begin, are open in a gone store, or continue nothing); store digests from listings and
 * exceptions; listings that say the same; chainIDs from parents and layers, depths; image_chain
 * against chain and the documents; what images say of their bases against the documents; documents
 * against their digests (where not redacted); every counter from what stores hold, as the writer
 * would count it.
 *
 * `thorough` adds what takes minutes on a large file: SQLite's own check of the whole file with
 * every index, and the counters and the ledger in plain SQL, which must equal ours. */
int store_check(struct store *s, bool thorough, struct check_result *out,
                void (*found)(const char *line, void *arg), void *arg, struct err *err);

#endif
