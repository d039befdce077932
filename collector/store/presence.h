/*
 * presence: what one store holds, as intervals. A change ends the old row at `at_s` and begins a
 * new one; a row that begins and ends in one second is taken up again instead (its key is there
 * already).
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_PRESENCE_H
#define COLLECTOR_STORE_PRESENCE_H

#include "collector/store/held.h"

/* Where and when. */
struct presence_at {
    struct store *store;
    int64_t store_id;
    int64_t at_s;
    int64_t look_s; /* the store's last good look before: what ends was there then */
};

/* `now` is there, which was not. */
int presence_add(const struct presence_at *at, const struct rec_image *now, struct err *err);

/* `old` is now as `now` says; rows that say the same stay untouched. */
int presence_change(const struct presence_at *at, const struct held_image *old,
                    const struct rec_image *now, struct err *err);

/* The image, its names and repo digests are gone. */
int presence_end(const struct presence_at *at, int64_t image_id, struct err *err);

/* All of the store is gone. */
int presence_end_all(const struct presence_at *at, struct err *err);

/* Replaces the store's exceptions. */
int presence_put_exceptions(const struct presence_at *at, const struct rec_exception *list,
                            size_t count, struct err *err);

/* After images went or were no longer unpacked: forgets measured copies of chains that nothing in
 * the store explains any more. Does nothing while an image's document, and so its chains, are not
 * known. */
int presence_drop_copies(const struct presence_at *at, struct err *err);

#endif
