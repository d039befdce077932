#include "agent/inode_set.h"

#include <stdlib.h>

#define ROOM_FIRST 64

/* Fibonacci hashing: neighbouring inode numbers land far apart. */
static size_t slot_of(const struct inode_set *set, uint64_t dev, uint64_t ino)
{
    uint64_t hash = (ino ^ (dev << 32)) * 0x9e3779b97f4a7c15u;

    return (size_t)(hash >> 32) & (set->room - 1);
}

/* Where it is, or the free slot where it belongs. There always is one: the table is never full. */
static struct inode_slot *find(const struct inode_set *set, uint64_t dev, uint64_t ino)
{
    size_t at = slot_of(set, dev, ino);

    while (set->slots[at].ino != 0 && (set->slots[at].ino != ino || set->slots[at].dev != dev))
        at = (at + 1) & (set->room - 1);
    return &set->slots[at];
}

static int grow(struct inode_set *set, struct err *err)
{
    struct inode_set bigger = {.room = set->room == 0 ? ROOM_FIRST : set->room * 2};

    if (set->count >= INODE_SET_MAX)
        return err_set(err, ERR_LIMIT, "more than %u files with hard links", INODE_SET_MAX);
    bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
    if (bigger.slots == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu hard links", bigger.room);
    for (size_t i = 0; i < set->room; i++) {
        if (set->slots[i].ino != 0)
            *find(&bigger, set->slots[i].dev, set->slots[i].ino) = set->slots[i];
    }
    bigger.count = set->count;
    free(set->slots);
    *set = bigger;
    return 0;
}

int inode_set_add(struct inode_set *set, uint64_t dev, uint64_t ino, bool *added, struct err *err)
{
    struct inode_slot *slot;

    if ((set->count + 1) * 2 > set->room && grow(set, err) != 0)
        return -1;
    slot = find(set, dev, ino);
    *added = slot->ino == 0;
    if (*added) {
        *slot = (struct inode_slot){.dev = dev, .ino = ino};
        set->count++;
    }
    return 0;
}

bool inode_set_has(const struct inode_set *set, uint64_t dev, uint64_t ino)
{
    return set->room > 0 && find(set, dev, ino)->ino != 0;
}

void inode_set_close(struct inode_set *set)
{
    free(set->slots);
    *set = (struct inode_set){0};
}
