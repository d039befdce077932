/*
 * fake_collector: a collector on the test's loop that remembers what it was told and says what the
 * test wants said. It keeps the generation and the images it was told, as the real one would, and
 * acknowledges by itself unless told not to.
 *
 * Threads: the test's.
 */
#ifndef TESTS_SUPPORT_FAKE_COLLECTOR_H
#define TESTS_SUPPORT_FAKE_COLLECTOR_H

#include "common/grpc.h"
#include "common/wire.h"

enum { FAKE_LOG = 256, FAKE_STORES = 8, FAKE_KINDS = WIRE_ORIGINS + 1 };

struct fake_collector {
    uv_loop_t *loop;
    struct grpc_server *server;
    struct grpc_call *call; /* the stream open now, or NULL */
    bool closed;

    /* what it does; set before or between */
    bool silent; /* never answers the hello */
    bool no_ack; /* does not acknowledge */
    bool takes_origins;
    uint32_t heartbeat_ms;

    /* what it holds: told in the welcome, kept up by itself */
    uint64_t generation;
    struct rec_store_sum sums[FAKE_STORES];
    size_t sum_count;

    /* what it heard */
    unsigned streams, heard[FAKE_KINDS];
    enum wire_agent_kind kinds[FAKE_LOG]; /* in order, without heartbeats */
    size_t kind_count;
    uint64_t hello_generation, base; /* of the last hello, of the last difference */
    size_t images, removed;          /* of the last inventory or difference */
    size_t store_count, gone;
    enum rec_store_state state; /* of the last store named */
    size_t containers;          /* of the last use */
    size_t origins;             /* of the last list of them, all its messages together */
    struct buf document;
    struct rec_document last_document;
    char declined[128];
    int64_t look_age_ms; /* of the last heartbeat */
    unsigned unsorted;   /* messages that a strict peer would refuse */
};

/* Listens on 127.0.0.1, any port. */
void fake_collector_open(struct fake_collector *c, uv_loop_t *loop);
struct uvx_address fake_collector_address(const struct fake_collector *c);
void fake_collector_close(struct fake_collector *c);

/* Says something on the stream that is open. */
void fake_collector_say(struct fake_collector *c, const struct wire_collector_msg *m);
void fake_collector_acknowledge(struct fake_collector *c, uint64_t generation);
void fake_collector_want(struct fake_collector *c, enum rec_document_kind kind,
                         const struct digest *digest);
/* Ends the stream that is open. */
void fake_collector_hang_up(struct fake_collector *c);

#endif
