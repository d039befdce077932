/*
 * checkpoint: copies the write-ahead log into the database file off the writer's path, from a
 * thread and a connection of its own, so that no commit waits for it.
 *
 * Threads: start and stop from one thread at a time.
 */
#ifndef COLLECTOR_STORE_CHECKPOINT_H
#define COLLECTOR_STORE_CHECKPOINT_H

#include <stdint.h>

#include "collector/store/store.h"

struct checkpoint;

/* Starts the thread, for a database that a writer has opened. */
int checkpoint_start(struct checkpoint **out, const char *path, uint64_t every_ms, struct err *err);

/* Ends the thread and waits for it. NULL is allowed. */
void checkpoint_stop(struct checkpoint **c);

/* A connection that only runs store_checkpoint(): no statements, no lock, no migration. */
int store_open_checkpointer(struct store **out, const char *path, struct err *err);

#endif
