/*
 * walk: what no counter tells, from one host after the other, with a single host in memory at a
 * time.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_WALK_H
#define COLLECTOR_REPORT_WALK_H

#include "collector/report/report.h"

struct walk {
    unsigned what; /* to read beside presence: read_fleet.h */
    bool copies;   /* wanted; needs READ_PLACES */
    /* Which of the present hosts are visited; NULL: all. */
    bool (*wants)(const struct walk *w, const struct fleet *f, uint32_t host);
    /* `f` has the host's presence and `copies` its copies; all of that lasts until the return. */
    int (*visit)(const struct walk *w, const struct fleet *f, uint32_t host,
                 const struct copies *copies, struct err *err);
    void *data; /* the visitor's */
};

/* All hosts by name, so that no answer depends on the order of the database's rows. NULL on
 * failure.
 */
uint32_t *walk_order(const struct fleet *f, struct arena *arena, struct err *err);

/* Visits the present hosts in that order; ends with the first visit that fails, as that one does.
 * What c->fleet had of presence before does not hold afterwards. */
int walk_hosts(struct census *c, const struct walk *w, struct err *err);

/* The ledger of every host, into c->ledgers, checked against the fleet's. `also`, if not NULL, is a
 * walk that goes along: over all hosts, and with the copies. */
int walk_ledgers(struct census *c, const struct walk *also, struct err *err);

#endif
