/*
 * coverage: what an answer rests on. A figure that covers 97 of 100 hosts says so.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_COVERAGE_H
#define COLLECTOR_CENSUS_COVERAGE_H

#include "collector/census/ledger.h"
#include "collector/census/standing.h"

/* Which parts of the coverage an answer needs. */
enum {
    NEEDS_PRESENCE = 1, /* hosts fresh, stores readable */
    NEEDS_CONTENT = 2,  /* configs of images here, and no host left that could confirm one */
    NEEDS_SIZES = 4,    /* layers and copies measured */
};

enum host_freshness { HOST_FRESH, HOST_STALE, HOST_RETIRED, HOST_ENDED };

struct coverage {
    int64_t hosts; /* in the sums: fresh + stale */
    int64_t hosts_fresh, hosts_stale;
    int64_t hosts_retired;     /* silent too long, or retired by hand: out of the sums */
    int64_t hosts_with_errors; /* at least one store that was not read well, or has problems */
    int64_t stores, stores_ok, stores_daemon_down, stores_unreadable, stores_corrupt, stores_moving,
        stores_orphaned, problems;
    int64_t images, images_unknown, images_unconfirmed, images_disputed; /* by their configs */
    int64_t images_confirmable; /* unconfirmed, and another fresh host could confirm them */
    int64_t layers, layers_measured, layers_unknown, layers_disputed;
    int64_t copies, copies_measured, copies_estimated, copies_unknown, copies_missing;
    bool complete; /* in the parts that were asked for */
};

/* How long a host may be silent and still count as fresh. */
enum host_freshness coverage_freshness(const struct fleet *f, const struct fleet_host *h,
                                       int64_t fresh_within_s);
const char *coverage_freshness_name(enum host_freshness freshness);

/* Whether what the host holds now may differ from what was last read: stale, or a store of it could
 * not be read. */
bool coverage_host_unsure(const struct fleet *f, const struct fleet_host *h,
                          int64_t fresh_within_s);

/* Whether only one host has said the image's config, redacted, so that another one could confirm
 * it.
 */
bool coverage_unconfirmed(const struct fleet_image *image);

/* Counts what an answer over all this rests on. Of presence it needs that of hosts which could not
 * confirm a config: those that are not fresh, and those that said an unconfirmed one. `needs` says
 * which parts make it complete; a fleet without hosts never is. A redacted config that only one
 * host can say is complete: nobody is left to wait for. `arena` lends some memory. */
int coverage_compute(struct coverage *out, const struct fleet *f, const struct ledgers *ledgers,
                     const struct standing *images, const bool *layers_present,
                     int64_t fresh_within_s, unsigned needs, struct arena *arena, struct err *err);

#endif
