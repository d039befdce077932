/*
 * uplink: the stream to the collector: connecting and coming back, saying what changed, answering
 * what it wants.
 *
 * The uplink holds the newest inventory and the last one that the collector acknowledged. A report
 * is the difference of the two, or a whole inventory where there is no common ground; one is under
 * way at a time, and what changes meanwhile goes into the next. Nothing else is sent before the
 * first acknowledgement of a stream. docs/protocol.md tells the conversation.
 *
 * Threads: the loop's. Documents are read and redacted in libuv's pool.
 */
#ifndef AGENT_UPLINK_H
#define AGENT_UPLINK_H

#include "agent/inventory.h"
#include "common/grpc.h"
#include "common/wire.h"

enum {
    UPLINK_PART_BYTES = 512 << 10,        /* about where a part of an inventory ends */
    UPLINK_DIFFERENCE_BYTES = 1 << 20,    /* a longer difference goes as a whole inventory */
    UPLINK_OUTBOX_BYTES = 8 << 20,        /* of measurements that wait */
    UPLINK_WANTS_MAX = 2 * REC_BATCH_MAX, /* documents that wait; more are asked again */
    UPLINK_GREETING_MS = 30000,           /* connecting and greeting together */
    UPLINK_IDLE_MS = 300000, /* before a collector that has nothing to say gets a PING */
    UPLINK_RESYNCS_MAX = 3,  /* without an acknowledgement between them: then start anew */
    UPLINK_USE_MS = 3000,    /* least time between two reports of use */
};

enum uplink_state {
    UPLINK_IDLE,       /* waits for the next attempt */
    UPLINK_CONNECTING, /* resolving, connecting, TLS */
    UPLINK_GREETING,   /* hello was sent */
    UPLINK_UP,
    UPLINK_FAILED, /* the connection is being taken down */
    UPLINK_CLOSING,
};

struct uplink_options {
    struct uvx_address address;
    struct tls_context *tls; /* NULL: plaintext; outlives the uplink */
    const char *server_name; /* NULL: the address's host */
    int64_t reconnect_min_ms, reconnect_max_ms;
    uint64_t seed;
    struct rec_hello hello; /* generation and clock are filled in; the texts outlive the uplink */
    int64_t use_ms;         /* 0: UPLINK_USE_MS */
};

struct uplink_events {
    /* The collector acknowledged this stream's first report: measurements may be sent, all of
     * them anew. */
    void (*on_synced)(void *arg);
    /* It wants the facts of these layers; valid during the callback. */
    void (*on_measure)(const struct rec_measure_wanted *items, size_t count, void *arg);
};

struct uplink;

/* Starts connecting at once. */
int uplink_open(struct uplink **out, uv_loop_t *loop, const struct uplink_options *options,
                const struct uplink_events *events, void *arg, struct err *err);

/* The newest inventory; takes its own reference. */
void uplink_set_inventory(struct uplink *u, struct inventory *inv);

/* When all stores were seen last; told in heartbeats. */
void uplink_set_looked(struct uplink *u, uint64_t mono_ns);

/* Queues a measurement (copies, spaces, layer facts, declined). ERR_UNAVAILABLE before the stream
 * is synced, ERR_BUSY when too much waits: it is lost then, and told with the next stream. */
int uplink_send(struct uplink *u, const struct wire_agent_msg *m, struct err *err);

enum uplink_state uplink_state(const struct uplink *u);

/* Ends the stream, frees the uplink, then calls on_closed from the loop. No event comes after
 * this call. Once. */
void uplink_close(struct uplink *u, void (*on_closed)(void *arg), void *arg);

#endif
