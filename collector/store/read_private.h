/*
 * read_private: what the steps of read_fleet() share. Private to collector/store/read_*.c.
 */
#ifndef COLLECTOR_STORE_READ_PRIVATE_H
#define COLLECTOR_STORE_READ_PRIVATE_H

#include "collector/census/counted.h"
#include "collector/store/read_fleet.h"
#include "collector/store/read_ids.h"
#include "collector/store/statements.h"

struct read_listing {
    int64_t id;
    struct fleet_presence like; /* what each store that lists it has, without the store and times */
};

struct reading {
    struct store *store;
    struct fleet *f;
    struct arena *arena;
    const struct read_options *options;
    struct counted *counted; /* NULL where presence is read, not counters */
    struct read_ids hosts, stores, layers, chains, images, names, listings;
    struct read_listing *listing_list; /* parallel to the fleet's `said` */
    uint32_t at;                       /* the store whose rows are being read */
    bool parents_wait;                 /* a chain came before its parent */
    bool counts_stores;                /* presence that is read counts for `said` */
    bool wants_since;                  /* and is read with its times */
};

/* Reads every row of a statement that has no parameters. `row` returns -1 with *err to end. */
int read_rows(struct reading *r, enum store_set set, int index,
              int (*row)(struct reading *r, const struct stmt *st, struct err *err),
              struct err *err);

/* The index that a column's number stands for. FLEET_NONE for NULL; -1 and ERR_CORRUPT where the
 * row is not there. */
int read_reference(const struct read_ids *ids, const struct stmt *st, int column, uint32_t *out,
                   struct err *err);

/* The item at `index` is the next one of the run: rows of one owner come one after the other. */
void read_extend(struct fleet_run *run, size_t index);

/* Room for one more item at the end of one of the fleet's lists: the list, perhaps moved, or NULL.
 * The capacity follows from the count, as lists only grow, item by item. */
void *read_room(struct reading *r, void *list, size_t count, size_t size, struct err *err);

/* The steps, in order. */
int read_hosts(struct reading *r, struct err *err);
int read_content(struct reading *r, struct err *err);
int read_listings(struct reading *r, struct err *err);
int read_evidence(struct reading *r, struct err *err);

/* The counters, then the presence of hosts that could not confirm an unconfirmed config
 * (coverage.h), where there is such a config. */
int read_counts(struct reading *r, struct err *err);
int read_unable(struct reading *r, struct err *err);

/* Names that images had, and repo digests, as the options want them; once it is known which
 * listings are there. */
int read_distinct_said(struct reading *r, struct err *err);

/* What is in one store: images; exceptions, measured copies and spaces; containers. */
int read_presences_in(struct reading *r, uint32_t store, struct err *err);
int read_places_in(struct reading *r, uint32_t store, struct err *err);
int read_containers_in(struct reading *r, uint32_t store, struct err *err);

/* All texts of a host and its stores. */
int read_host_texts(struct reading *r, uint32_t host, struct err *err);

/* Forgets what was read of presence and places: the lists, not the runs of the stores. */
void read_forget(struct fleet *f);

/* Reads every row of a statement whose only parameter is the number of a row. */
int read_rows_of(struct reading *r, enum store_set set, int index, int64_t id,
                 int (*row)(struct reading *r, const struct stmt *st, struct err *err),
                 struct err *err);

#endif
