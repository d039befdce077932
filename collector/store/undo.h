/*
 * undo: tables in memory that follow a transaction: what was changed since a mark can be taken
 * back, item by item, newest first.
 *
 * A table is an array of plain items that only grows; items are named by their index. Whoever
 * changes an item asks for it with undo_change(), which keeps a copy of it first. An item may own
 * one thing on the heap: it is replaced by a new one, never altered, and undo_swap() is told both.
 *
 * Threads: one at a time.
 */
#ifndef COLLECTOR_STORE_UNDO_H
#define COLLECTOR_STORE_UNDO_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct undo_table {
    void *items;
    size_t count, cap, item_size; /* count <= UINT32_MAX */
    size_t saved_size;            /* bytes at an item's start that go back; the rest never does */
};

#define UNDO_TABLES_MAX 12

struct undo {
    struct undo_table *tables; /* the owner's, at most UNDO_TABLES_MAX */
    size_t table_count;

    /* private */
    uint8_t *saved; /* copies of items, each followed by a struct undo_place */
    size_t saved_len, saved_cap;
    struct undo_pair *pairs; /* things on the heap: the old one and the new one */
    size_t pair_count, pair_cap;
};

struct undo_mark {
    size_t saved_len, pair_count;
    size_t counts[UNDO_TABLES_MAX];
};

/* Frees the tables' arrays and what the log keeps, not what the items own. */
void undo_close(struct undo *u);

/* A new zeroed item at the end of a table, NULL without memory. It moves with the next one. */
void *undo_add(struct undo *u, size_t table, struct err *err);

/* The item, to be changed now; NULL without memory. */
void *undo_change(struct undo *u, size_t table, size_t index, struct err *err);

/* An item gives up `old` (or NULL) for `fresh` (or NULL), both from malloc(): the one that is not
 * needed in the end is freed. On -1 nothing was noted, and `fresh` stays the caller's. */
int undo_swap(struct undo *u, void *old, void *fresh, struct err *err);

/* How things are now, to come back to. */
struct undo_mark undo_mark(const struct undo *u);
/* Back to how things were at the mark. */
void undo_back(struct undo *u, const struct undo_mark *mark);
/* Everything stays as it is now; earlier marks are void. */
void undo_keep(struct undo *u);

#endif
