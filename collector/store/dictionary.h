/*
 * dictionary: finds the items of a table (undo.h) by bytes that they carry. Item 0 is never in it,
 * so that 0 can mean "none".
 *
 * The bytes come from hosts, so the hash has a secret of its own: nobody can choose bytes that
 * collide. Two items never carry the same bytes.
 *
 * Threads: one at a time.
 */
#ifndef COLLECTOR_STORE_DICTIONARY_H
#define COLLECTOR_STORE_DICTIONARY_H

#include "collector/store/undo.h"

#define DICTIONARY_SECRET_BYTES 192

struct dictionary_key {
    const void *data; /* NULL: the item has none, and cannot be found */
    size_t len;
};

struct dictionary {
    const struct undo_table *table;
    struct dictionary_key (*key)(const void *item);

    /* private */
    struct dictionary_slot *slots; /* open addressing, linear probing */
    size_t slot_count, used;       /* slot_count is a power of two, or 0 */
    uint8_t secret[DICTIONARY_SECRET_BYTES];
};

/* Empty, over a table of the owner's. ERR_IO where the kernel gives no random bytes. */
int dictionary_open(struct dictionary *d, const struct undo_table *table,
                    struct dictionary_key (*key)(const void *item), struct err *err);
void dictionary_close(struct dictionary *d);

/* The index of the item with these bytes, 0 where there is none. */
uint32_t dictionary_find(const struct dictionary *d, const void *data, size_t len);

/* The hash of any bytes under the dictionary's secret. */
uint64_t dictionary_hash(const struct dictionary *d, const void *data, size_t len);

/* Takes in the table's last item, which is not in it. */
int dictionary_add(struct dictionary *d, struct err *err);

/* Drops all items from index `count` on, before the table does. */
void dictionary_cut(struct dictionary *d, size_t count);

#endif
