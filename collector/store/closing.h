/*
 * closing: the end of a store's or a whole host's presence.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_CLOSING_H
#define COLLECTOR_STORE_CLOSING_H

#include "collector/store/statements.h"

/* The store is gone at `at_s`: its presence ends, and what was said of it now (containers, copies,
 * spaces, exceptions, problems) is forgotten. `look_s`: the last good look before. */
int closing_store(struct store *s, int64_t store_id, int64_t look_s, int64_t at_s, struct err *err);

/* Closes all present stores of an incarnation at its last sign of life, and holds nothing of it any
 * more (generation 0): if it ever comes back, it sends everything. */
int closing_incarnation(struct store *s, int64_t incarnation_id, struct err *err);

#endif
