/*
 * check: recomputes everything that the database says twice and compares. A difference is a bug
 * or a damaged file, never the fleet's fault.
 *
 * Threads: a reader connection of its own.
 */
#ifndef COLLECTOR_STORE_CHECK_H
#define COLLECTOR_STORE_CHECK_H

#include "collector/store/store.h"

struct check_result {
    uint64_t checked;  /* things compared */
    uint64_t findings; /* that differ */
};

/* Each finding goes to `found` as one line: what, where, expected, got. -1 only when it could not
 * be checked at all. Covers: SQLite's integrity and foreign keys; store digests from presence,
 * names, repo digests and exceptions; chainIDs from parents and layers, depths; image_chain against
 * chain and the documents; documents against their digests (where not redacted); intervals that
 * overlap, end before they begin, or are open in a gone store; ledger identities. */
int store_check(struct store *s, struct check_result *out,
                void (*found)(const char *line, void *arg), void *arg, struct err *err);

#endif
