/*
 * admin: what an operator does to hosts, and what he asks about all of them.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_ADMIN_H
#define COLLECTOR_STORE_ADMIN_H

#include "collector/store/store.h"

/* Retires the present hosts whose name matches the pattern ('*', '?' and '[...]' as in SQLite's
 * GLOB; a plain name matches itself): out of present figures, kept in history. What ephemeral ones
 * held is closed at their last contact. A transaction of its own. */
int admin_retire(struct store *s, const char *pattern, int64_t now_s, uint64_t *retired,
                 struct err *err);

/* Hosts that are neither retired nor ended; within the caller's transaction. */
int admin_count_hosts(struct store *s, uint64_t *count, struct err *err);

#endif
