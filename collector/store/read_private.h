/*
 * read_private: what the steps of read_fleet() share. Private to collector/store/read_*.c.
 */
#ifndef COLLECTOR_STORE_READ_PRIVATE_H
#define COLLECTOR_STORE_READ_PRIVATE_H

#include "collector/store/read_fleet.h"
#include "collector/store/read_ids.h"
#include "collector/store/statements.h"

struct reading {
    struct store *store;
    struct fleet *f;
    struct arena *arena;
    const struct read_options *options;
    struct read_ids hosts, stores, layers, chains, images, names;
};

/* Reads every row of a statement that has no parameters. `row` returns -1 with *err to end. */
int read_rows(struct reading *r, enum store_set set, int index,
              int (*row)(struct reading *r, const struct stmt *st, struct err *err),
              struct err *err);

/* The index that a column's number stands for. FLEET_NONE for NULL; -1 and ERR_CORRUPT where the
 * row is not there. */
int read_reference(const struct read_ids *ids, const struct stmt *st, int column, uint32_t *out,
                   struct err *err);

/* Room for one more item at the end of one of the fleet's lists: the list, perhaps moved, or NULL.
 * The capacity follows from the count, as lists only grow, item by item. */
void *read_room(struct reading *r, void *list, size_t count, size_t size, struct err *err);

/* The steps, in order. */
int read_hosts(struct reading *r, struct err *err);
int read_content(struct reading *r, struct err *err);
int read_places(struct reading *r, struct err *err);

#endif
