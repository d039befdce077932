/*
 * read_private: what the steps of read_fleet() share. Private to collector/store/read_*.c.
 */
#ifndef COLLECTOR_STORE_READ_PRIVATE_H
#define COLLECTOR_STORE_READ_PRIVATE_H

#include "collector/census/counted.h"
#include "collector/store/read_fleet.h"
#include "collector/store/read_ids.h"
#include "collector/store/statements.h"

struct read_listing { /* an image as hosts list it: a row of `listing` */
    uint32_t image, parent;
    bool unpacked;
    bool open;              /* in some store, present or not */
    bool there;             /* in a present store */
    struct fleet_run said;  /* its names, in the reading's said_names */
    struct fleet_run names; /* the same in the fleet's place_names, once it is there */
};

struct reading {
    struct store *store;
    struct fleet *f;
    struct arena *arena;
    const struct read_options *options;
    bool no_names;           /* of presences */
    struct counted *counted; /* NULL where presence is read, not counters */
    struct read_ids hosts, stores, layers, chains, images, names, listings;
    struct read_listing *listing_list;
    uint32_t *said_names;
    size_t listing_count, said_name_count;
};

/* Reads every row of a statement that has no parameters. `row` returns -1 with *err to end. */
int read_rows(struct reading *r, enum store_set set, int index,
              int (*row)(struct reading *r, const struct stmt *st, struct err *err),
              struct err *err);

/* The index that a column's number stands for. FLEET_NONE for NULL; -1 and ERR_CORRUPT where the
 * row is not there. */
int read_reference(const struct read_ids *ids, const struct stmt *st, int column, uint32_t *out,
                   struct err *err);

/* The present store of column 0; FLEET_NONE where that one is not present. */
int read_present_store(struct reading *r, const struct stmt *st, uint32_t *store, struct err *err);

/* The item at `index` is the next one of the run: rows of one owner come one after the other. */
void read_extend(struct fleet_run *run, size_t index);

/* Room for one more item at the end of one of the fleet's lists: the list, perhaps moved, or NULL.
 * The capacity follows from the count, as lists only grow, item by item. */
void *read_room(struct reading *r, void *list, size_t count, size_t size, struct err *err);

/* The steps, in order. */
int read_hosts(struct reading *r, struct err *err);
int read_content(struct reading *r, struct err *err);
int read_presences(struct reading *r, struct err *err);
int read_places(struct reading *r, struct err *err);

/* In place of the last two: the counters, then the presence of hosts that could not confirm an
 * unconfirmed config (coverage.h), where there is such a config. */
int read_counts(struct reading *r, struct err *err);
int read_unable(struct reading *r, struct err *err);

/* What hosts list; and the images in one present store, whose listings were read before. */
int read_listings(struct reading *r, struct err *err);
int read_presences_in(struct reading *r, uint32_t store, struct err *err);

/* The places of one present store: exceptions, measured copies, spaces. */
int read_places_in(struct reading *r, uint32_t store, struct err *err);

/* Reads every row of a statement whose only parameter is this store. */
int read_rows_in(struct reading *r, enum store_set set, int index, uint32_t store,
                 int (*row)(struct reading *r, const struct stmt *st, struct err *err),
                 struct err *err);

#endif
