/*
 * ingest_gather: a whole inventory while it arrives in parts. Nothing of it is used before its end,
 * and an inventory that stops in the middle leaves nothing.
 *
 * Ownership: a gather owns the messages given to it; the finished contents point into them.
 * Threads: one at a time.
 */
#ifndef COLLECTOR_SERVER_INGEST_GATHER_H
#define COLLECTOR_SERVER_INGEST_GATHER_H

#include "collector/store/apply.h"
#include "common/wire.h"

enum {
    GATHER_PARTS_MAX = 65536,
    GATHER_BYTES_MAX = 128 << 20, /* memory of one host's inventory */
};

struct gather;

/* Starts one; `begin` is copied. */
int gather_open(struct gather **out, const struct rec_inventory_begin *begin, struct err *err);
void gather_close(struct gather **g);

/* Takes a part (WIRE_INVENTORY_PART; on 0 *part is NULL afterwards). ERR_LIMIT past the number of
 * parts, stores, images, exceptions or bytes. A contradiction is kept for gather_finish(), so that
 * the rest of the inventory still finds its place. */
int gather_part(struct gather *g, struct wire_agent_msg **part, struct err *err);

/* Memory of all messages taken so far. */
size_t gather_bytes(const struct gather *g);

/* Takes the end (WIRE_INVENTORY_END) and merges the parts store by store. ERR_CONFLICT when the
 * inventory contradicts itself: another generation or another number of stores than it began
 * with, a store whose attributes differ between parts, an image or chain twice. */
int gather_finish(struct gather *g, struct wire_agent_msg **end, struct err *err);

/* After gather_finish(): what it says; incarnation and clock are the caller's to fill. */
const struct apply_inventory *gather_inventory(const struct gather *g);

#endif
