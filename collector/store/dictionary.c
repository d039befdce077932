#include "collector/store/dictionary.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "common/check.h"

#define FIRST_SLOTS ((size_t)1024)

_Static_assert(DICTIONARY_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "the hash takes such a secret");

struct dictionary_slot {
    uint32_t index; /* 0: free */
    uint32_t tag;   /* of the hash, so that most other items are passed without a look at them */
};

int dictionary_open(struct dictionary *d, const struct undo_table *table,
                    struct dictionary_key (*key)(const void *item), struct err *err)
{
    *d = (struct dictionary){.table = table, .key = key};
    if (getrandom(d->secret, sizeof(d->secret), 0) != (ssize_t)sizeof(d->secret))
        return err_set(err, ERR_IO, "the kernel gives no random bytes");
    return 0;
}

void dictionary_close(struct dictionary *d)
{
    free(d->slots);
    d->slots = NULL;
    d->slot_count = d->used = 0;
}

uint64_t dictionary_hash(const struct dictionary *d, const void *data, size_t len)
{
    return XXH3_64bits_withSecret(data, len, d->secret, sizeof(d->secret));
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static struct dictionary_key key_at(const struct dictionary *d, size_t index)
{
    return d->key((const uint8_t *)d->table->items + index * d->table->item_size);
}

uint32_t dictionary_find(const struct dictionary *d, const void *data, size_t len)
{
    uint64_t hash = dictionary_hash(d, data, len);

    for (size_t at = hash; d->slot_count > 0; at++) {
        const struct dictionary_slot *slot = &d->slots[at & (d->slot_count - 1)];
        struct dictionary_key key;

        if (slot->index == 0)
            break;
        if (slot->tag != tag_of(hash))
            continue;
        key = key_at(d, slot->index);
        if (key.len == len && memcmp(key.data, data, len) == 0)
            return slot->index;
    }
    return 0;
}

/* Items are always placed in the order of their indices, so that the last one of a run of slots is
 * the newest: cutting from the end never breaks a run. */
static void place(struct dictionary *d, size_t index)
{
    struct dictionary_key key = key_at(d, index);
    uint64_t hash;
    size_t at;

    if (key.data == NULL)
        return;
    hash = dictionary_hash(d, key.data, key.len);
    for (at = hash; d->slots[at & (d->slot_count - 1)].index != 0; at++)
        ;
    d->slots[at & (d->slot_count - 1)] = (struct dictionary_slot){(uint32_t)index, tag_of(hash)};
    d->used++;
}

static int grow(struct dictionary *d, struct err *err)
{
    size_t want = d->slot_count > 0 ? 2 * d->slot_count : FIRST_SLOTS;
    struct dictionary_slot *slots = calloc(want, sizeof(*slots));

    if (slots == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a dictionary of %zu", want);
    free(d->slots);
    d->slots = slots;
    d->slot_count = want;
    d->used = 0;
    for (size_t i = 1; i + 1 < d->table->count; i++)
        place(d, i);
    return 0;
}

int dictionary_add(struct dictionary *d, struct err *err)
{
    check(d->table->count > 1);
    if (2 * d->used >= d->slot_count && grow(d, err) != 0)
        return -1;
    place(d, d->table->count - 1);
    return 0;
}

void dictionary_cut(struct dictionary *d, size_t count)
{
    for (size_t i = d->table->count; i > count && i > 1; i--) {
        struct dictionary_key key = key_at(d, i - 1);
        size_t at;

        if (key.data == NULL || d->slot_count == 0)
            continue;
        for (at = dictionary_hash(d, key.data, key.len);
             d->slots[at & (d->slot_count - 1)].index != (uint32_t)(i - 1); at++)
            check(d->slots[at & (d->slot_count - 1)].index != 0);
        d->slots[at & (d->slot_count - 1)] = (struct dictionary_slot){0};
        d->used--;
    }
}
