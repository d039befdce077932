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

/* Rows are numbered without holes as long as none is deleted: then only the first is kept. */
struct read_ids {
    int64_t first;
    struct read_id *list; /* NULL: the id `first` + n is at index n */
    size_t count, cap;
};

/* One more row. */
int read_ids_add(struct read_ids *ids, int64_t id, uint32_t index, struct arena *arena,
                 struct err *err);
/* Before the first is looked for, where rows came in another order than that of their ids. */
void read_ids_sort(struct read_ids *ids);

/* The search in a list. */
uint32_t read_ids_search(const struct read_ids *ids, int64_t id);

/* FLEET_NONE where there is no such row. */
static inline uint32_t read_ids_find(const struct read_ids *ids, int64_t id)
{
    if (ids->list != NULL)
        return read_ids_search(ids, id);
    return id >= ids->first && (uint64_t)id - (uint64_t)ids->first < ids->count
               ? (uint32_t)(id - ids->first)
               : FLEET_NONE;
}

#endif
