/*
 * presence: what one store holds, as intervals. A row says that the store listed an image in one
 * way from from_s on; a change ends the old row at `at_s` and begins a new one. A row that begins
 * and ends in one second is taken up again instead (its key is there already).
 *
 * Whoever changes a store makes the list of what it holds from then on; the rows follow from the
 * difference to the list that is held (mirror.h).
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_PRESENCE_H
#define COLLECTOR_STORE_PRESENCE_H

#include "collector/store/statements.h"

/* Where and when. */
struct presence_at {
    struct store *store;
    int64_t store_id;
    int64_t at_s;
    int64_t look_s; /* the store's last good look before: what ends was there then */
};

struct presence_list {
    uint32_t *listings; /* sorted by image, no image twice */
    size_t count, cap;
};

/* Empty, with room for `room` listings; or as the store holds them now, and room for as many more.
 * Free it whatever they return. */
int presence_list_make(struct presence_list *l, size_t room, struct err *err);
int presence_list_load(struct presence_list *l, struct store *s, int64_t store_id, size_t room,
                       struct err *err);
void presence_list_free(struct presence_list *l);

/* After listings were put at its end in any order, each of another image. */
void presence_list_sort(struct presence_list *l, struct store *s);

/* Puts a listing in, in the place of an earlier one of its image, which it returns (0: none). There
 * is room. */
uint32_t presence_list_put(struct presence_list *l, struct store *s, uint32_t listing);
/* Takes out the listing of an image, which it returns (0: none). */
uint32_t presence_list_take(struct presence_list *l, struct store *s, uint32_t image);

/* From now on the store holds just this. *ended becomes true where an image went, or is no longer
 * unpacked, and is left alone otherwise. */
int presence_replace(const struct presence_at *at, const struct presence_list *now, bool *ended,
                     struct err *err);

/* All of the store is gone. */
int presence_end_all(const struct presence_at *at, struct err *err);

/* After images went or were no longer unpacked: forgets measured copies of chains that nothing in
 * the store explains any more. Does nothing while an image's document, and so its chains, are not
 * known. */
int presence_drop_copies(const struct presence_at *at, struct err *err);

#endif
