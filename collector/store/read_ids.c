#include "collector/store/read_ids.h"

#include <stdlib.h>

int read_ids_add(struct read_ids *ids, int64_t id, uint32_t index, struct arena *arena,
                 struct err *err)
{
    struct read_id *list = fleet_room(arena, ids->list, ids->count, &ids->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    ids->list = list;
    list[ids->count++] = (struct read_id){id, index};
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct read_id *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

void read_ids_sort(struct read_ids *ids)
{
    if (ids->count > 0)
        qsort(ids->list, ids->count, sizeof(*ids->list), by_id);
}

/* Rows are numbered without holes as long as none is deleted, so the first guess mostly hits. */
uint32_t read_ids_find(const struct read_ids *ids, int64_t id)
{
    size_t low = 0, high = ids->count;

    if (ids->count == 0 || id < ids->list[0].id || id > ids->list[ids->count - 1].id)
        return FLEET_NONE;
    if ((uint64_t)id - (uint64_t)ids->list[0].id < ids->count) {
        const struct read_id *guess = &ids->list[id - ids->list[0].id];

        if (guess->id == id)
            return guess->index;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ids->list[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ids->count && ids->list[low].id == id ? ids->list[low].index : FLEET_NONE;
}
