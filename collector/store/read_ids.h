/*
 * read_ids: from the numbers of rows to the indices of arrays.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_STORE_READ_IDS_H
#define COLLECTOR_STORE_READ_IDS_H

#include "collector/census/fleet.h"

struct read_id {
    int64_t id;
    uint32_t index;
};

struct read_ids {
    struct read_id *list; /* sorted by id after read_ids_sort() */
    size_t count, cap;
};

/* One more row, in any order. */
int read_ids_add(struct read_ids *ids, int64_t id, uint32_t index, struct arena *arena,
                 struct err *err);
/* After the last row is added, before the first is looked for. */
void read_ids_sort(struct read_ids *ids);

/* FLEET_NONE where there is no such row. */
uint32_t read_ids_find(const struct read_ids *ids, int64_t id);

#endif
