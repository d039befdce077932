#include "collector/store/read_ids.h"

#include <stdlib.h>

static int list_one(struct read_ids *ids, size_t at, int64_t id, uint32_t index,
                    struct arena *arena, struct err *err)
{
    struct read_id *list = fleet_room(arena, ids->list, at, &ids->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    ids->list = list;
    list[at] = (struct read_id){id, index};
    return 0;
}

/* Writes down what went on without a hole so far. */
static int list_all(struct read_ids *ids, struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < ids->count; i++)
        if (list_one(ids, i, ids->first + (int64_t)i, (uint32_t)i, arena, err) != 0)
            return -1;
    return 0;
}

int read_ids_add(struct read_ids *ids, int64_t id, uint32_t index, struct arena *arena,
                 struct err *err)
{
    if (ids->count == 0)
        ids->first = id;
    if (ids->list == NULL && index == ids->count && (uint64_t)id - (uint64_t)ids->first == index) {
        ids->count++;
        return 0;
    }
    if (ids->list == NULL && list_all(ids, arena, err) != 0)
        return -1;
    return list_one(ids, ids->count++, id, index, arena, err);
}

static int by_id(const void *a, const void *b)
{
    const struct read_id *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

void read_ids_sort(struct read_ids *ids)
{
    if (ids->list != NULL)
        qsort(ids->list, ids->count, sizeof(*ids->list), by_id);
}

uint32_t read_ids_search(const struct read_ids *ids, int64_t id)
{
    size_t low = 0, high = ids->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ids->list[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ids->count && ids->list[low].id == id ? ids->list[low].index : FLEET_NONE;
}
