/*
 * read_host: what is told of a single host and enters no sum: broken entries of its stores, what
 * happened to it, the identities that it had. Small questions beside read_fleet(), whose indices
 * they speak and whose transaction they share.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_HOST_H
#define COLLECTOR_STORE_READ_HOST_H

#include "collector/census/fleet.h"
#include "collector/store/store.h"

#define HOST_EVENTS_MAX 20

struct host_problem {
    uint32_t store;
    const char *subject, *text;
};

struct host_event {
    int64_t at_s;
    const char *kind, *subject, *text;
};

struct host_incarnation {
    struct rec_id id;
    const char *address, *agent_version;
    int64_t first_s, last_s, ended_s;
    int64_t generation, skew_ms, unknown;
};

struct host_story {
    struct host_problem *problems;         /* by store, as its host ordered them */
    struct host_event *events;             /* the newest HOST_EVENTS_MAX, the newest first */
    struct host_incarnation *incarnations; /* the newest first */
    size_t problem_count, event_count, incarnation_count;
};

/* Reads all of it into `arena`. Events are those of the host and those of machines that were turned
 * away under its name. */
int read_host(struct store *s, struct host_story *out, const struct fleet *f, uint32_t host,
              struct arena *arena, struct err *err);

#endif
