#include "collector/store/undo.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define FIRST_ROOM ((size_t)256)

/* Where a saved item belongs. */
struct undo_place {
    uint32_t table, index;
};

struct undo_pair {
    void *old, *fresh;
};

/* Room for `more` items behind `count` in a list: 0, -1 without memory. */
static int grow(void **list, size_t count, size_t more, size_t *cap, size_t size, struct err *err)
{
    size_t want = *cap > 0 ? *cap : FIRST_ROOM;
    void *grown;

    if (count + more <= *cap)
        return 0;
    while (want < count + more)
        want *= 2;
    grown = reallocarray(*list, want, size);
    if (grown == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu rows", want);
    *list = grown;
    *cap = want;
    return 0;
}

void undo_close(struct undo *u)
{
    for (size_t i = 0; i < u->table_count; i++) {
        free(u->tables[i].items);
        u->tables[i].items = NULL;
        u->tables[i].count = u->tables[i].cap = 0;
    }
    free(u->saved);
    free(u->pairs);
    *u = (struct undo){.tables = u->tables, .table_count = u->table_count};
}

static uint8_t *item_at(const struct undo_table *t, size_t index)
{
    check(index < t->count);
    return (uint8_t *)t->items + index * t->item_size;
}

void *undo_add(struct undo *u, size_t table, struct err *err)
{
    struct undo_table *t = &u->tables[table];

    if (t->count >= UINT32_MAX) {
        err_set(err, ERR_LIMIT, "more rows than can be counted");
        return NULL;
    }
    if (grow(&t->items, t->count, 1, &t->cap, t->item_size, err) != 0)
        return NULL;
    t->count++;
    return memset(item_at(t, t->count - 1), 0, t->item_size);
}

void *undo_change(struct undo *u, size_t table, size_t index, struct err *err)
{
    struct undo_table *t = &u->tables[table];
    struct undo_place place = {(uint32_t)table, (uint32_t)index};
    uint8_t *item = item_at(t, index);
    void *saved = u->saved;

    if (grow(&saved, u->saved_len, t->saved_size + sizeof(place), &u->saved_cap, 1, err) != 0)
        return NULL;
    u->saved = saved;
    memcpy(u->saved + u->saved_len, item, t->saved_size);
    memcpy(u->saved + u->saved_len + t->saved_size, &place, sizeof(place));
    u->saved_len += t->saved_size + sizeof(place);
    return item;
}

int undo_swap(struct undo *u, void *old, void *fresh, struct err *err)
{
    void *pairs = u->pairs;

    if (grow(&pairs, u->pair_count, 1, &u->pair_cap, sizeof(*u->pairs), err) != 0)
        return -1;
    u->pairs = pairs;
    u->pairs[u->pair_count++] = (struct undo_pair){old, fresh};
    return 0;
}

struct undo_mark undo_mark(const struct undo *u)
{
    struct undo_mark mark = {.saved_len = u->saved_len, .pair_count = u->pair_count};

    for (size_t i = 0; i < u->table_count; i++)
        mark.counts[i] = u->tables[i].count;
    return mark;
}

void undo_back(struct undo *u, const struct undo_mark *mark)
{
    while (u->saved_len > mark->saved_len) {
        struct undo_place place;
        const struct undo_table *t;

        memcpy(&place, u->saved + u->saved_len - sizeof(place), sizeof(place));
        t = &u->tables[place.table];
        u->saved_len -= t->saved_size + sizeof(place);
        memcpy(item_at(t, place.index), u->saved + u->saved_len, t->saved_size);
    }
    while (u->pair_count > mark->pair_count)
        free(u->pairs[--u->pair_count].fresh);
    for (size_t i = 0; i < u->table_count; i++)
        u->tables[i].count = mark->counts[i];
}

void undo_keep(struct undo *u)
{
    for (size_t i = 0; i < u->pair_count; i++)
        free(u->pairs[i].old);
    u->pair_count = 0;
    u->saved_len = 0;
}
