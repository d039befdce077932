/*
 * sessions: all streams of hosts together: who is connected under which identity and name, whom to
 * ask for what (wants.h), what waits for room in the writer's queue, and signs of life between two
 * writes of them.
 *
 * Ownership: embedded in its server; sessions own themselves from sessions_accept() until their
 * stream is closed.
 *
 * Threads: the loop's.
 */
#ifndef COLLECTOR_SERVER_SESSIONS_H
#define COLLECTOR_SERVER_SESSIONS_H

#include "collector/server/options.h"
#include "collector/server/wants.h"
#include "collector/store/apply.h"
#include "collector/store/writer.h"
#include "common/grpc.h"

/* So many things in so many seconds, the rest is counted. */
struct gate {
    uint64_t window_ms; /* when the present window began */
    unsigned passed;
    uint64_t held_back; /* since something passed last */
};

struct sessions {
    const struct options *options; /* not owned */
    struct writer *writer;         /* not owned; NULL once it stops */
    struct wants *wants;
    struct rec_id collector;
    uv_loop_t *loop;

    /* private to session*.c */
    struct list nameless; /* sessions without a hello, in the order in which they came */
    struct list heard;    /* all others, the one that was heard last at the end */
    struct list stale;    /* sessions that should look for what is missing */
    struct list blocked;  /* sessions with jobs that found the writer's queue full */
    size_t count;
    void *by_incarnation; /* tsearch() trees of struct session */
    void *by_name;
    size_t memory; /* bytes of unfinished inventories and documents */
    struct {
        struct apply_life *items; /* of sessions that are over, until they are written */
        size_t count, room;
        uint64_t flushed_ms;
    } lives;
    struct gate log_gate, event_gate;
    uint64_t hosts, hosts_ms; /* how many there are, and when that was asked */
};

/* Nobody is connected yet. `loop`, `writer` and `options` outlive the set. */
int sessions_open(struct sessions *set, uv_loop_t *loop, struct writer *writer,
                  const struct options *options, struct err *err);
/* Every stream is closed before, and the writer stopped. */
void sessions_close(struct sessions *set);

/* A stream of a host begins. */
int sessions_accept(struct sessions *set, struct grpc_call *call, struct err *err);

/* Streams that are open, whatever their state. */
size_t sessions_count(const struct sessions *set);

/* What time brings: leases that ran out, hosts that fell silent, questions to ask again. */
void sessions_tick(struct sessions *set);

/* Gives all signs of life since the last time to the writer. */
void sessions_flush_lives(struct sessions *set);

/* Hosts that the database knows, as of the last sessions_count_hosts(). */
uint64_t sessions_hosts(const struct sessions *set);
/* Has them counted anew, at most once a second. */
void sessions_count_hosts(struct sessions *set);

/* Retires the hosts that have been silent too long. */
void sessions_keep_house(struct sessions *set);

#endif
