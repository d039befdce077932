/*
 * memory: the last good content of each store, kept in STATE_DIR/stores over a restart, so that a
 * store that cannot be read just then is unreadable and not gone.
 *
 * One file a store, named by its key: a head line and the driver's name (with " api" behind it
 * where the store was read by API), then the content as inventory parts of the protocol, each after
 * its length (32 bits, little-endian), then the SHA-256 of all before it. Nothing in it that may
 * not leave the host.
 *
 * Threads: any, one at a time; blocks on disk.
 */
#ifndef AGENT_MEMORY_H
#define AGENT_MEMORY_H

#include "agent/inventory.h"

struct memory_store {
    struct engine_root root;
    struct inventory_reading *reading;
};

struct memory {
    struct memory_store *items;
    size_t count;
};

/* Loads what there is. A file that is damaged, or of a driver that is not among `drivers` (ended by
 * NULL), is logged and left out. No directory: nothing is remembered. */
int memory_load(struct memory *out, const char *state_dir,
                const struct engine_driver *const *drivers, struct err *err);
void memory_free(struct memory *m);

/* Writes what differs from `saved` (NULL: nothing is saved yet), each file aside, synced and
 * renamed, and removes the files of stores that are gone. */
int memory_save(const char *state_dir, const struct inventory *inv, const struct inventory *saved,
                struct err *err);

#endif
