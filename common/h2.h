/*
 * h2: HTTP/2 (RFC 9113) over bytes; the only user of nghttp2. It carries requests with header
 * lists and bodies in both directions and knows nothing of gRPC or sockets.
 *
 * nghttp2 may not be called from its own callbacks: they only queue events here, and h2_feed()
 * delivers them after nghttp2 has returned. Handlers may call anything in this header except
 * h2_close() and h2_feed().
 *
 * Threads: the connection's loop.
 */
#ifndef COMMON_H2_H
#define COMMON_H2_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct h2;

struct h2_header {
    const char *name; /* lower case */
    const char *value;
};

struct h2_limits {
    uint32_t streams_max;    /* concurrent streams a peer may open */
    size_t header_bytes_max; /* sum of names and values of one header list */
    uint32_t header_count_max;
    uint32_t window_bytes; /* receive window of each stream */
    uint32_t conn_window_bytes;
    size_t send_queue_max;      /* bytes queued for one stream before h2_send() says ERR_BUSY */
    uint32_t resets_per_minute; /* more RST_STREAM/PING/SETTINGS than this end the connection */
};

struct h2_handler {
    /* A header list has arrived: a request's (server), a response's, or trailers. */
    void (*on_headers)(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                       bool trailers, bool end_stream, void *arg);
    /* Body bytes. They count against the window until h2_consume() gives them back. */
    void (*on_data)(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg);
    void (*on_end)(struct h2 *h, int32_t stream, void *arg); /* END_STREAM after data */
    /* The stream is over; error_code 0 is a clean end (RFC 9113 section 7). Exactly once for each
     * stream that was seen through on_headers or opened by h2_request(). */
    void (*on_stream_closed)(struct h2 *h, int32_t stream, uint32_t error_code, void *arg);
    void (*on_writable)(struct h2 *h, int32_t stream, void *arg); /* queue fell below half */
    void (*on_goaway)(struct h2 *h, void *arg); /* the peer accepts no further streams */
};

/* One side of a connection; its preface and SETTINGS are there to be pulled at once. `handler` must
 * outlive it. ERR_NO_MEMORY. */
int h2_open(struct h2 **out, bool server, const struct h2_limits *limits,
            const struct h2_handler *handler, void *arg, struct err *err);
void h2_close(struct h2 **h); /* no callbacks from here */

/* Bytes from the peer. ERR_PROTOCOL/ERR_LIMIT end the connection: pull once more (GOAWAY). */
int h2_feed(struct h2 *h, const uint8_t *data, size_t len, struct err *err);

/* Appends what is to be sent now to `out` (up to what `out` can hold). */
int h2_pull(struct h2 *h, struct buf *out, struct err *err);
bool h2_wants_write(const struct h2 *h);
bool h2_is_done(const struct h2 *h); /* nothing left to read or write: close the connection */

/* Client: opens a stream. The body follows by h2_send(). Returns the stream ID (> 0) or -1. */
int32_t h2_request(struct h2 *h, const struct h2_header *list, size_t count, struct err *err);
/* Server: response headers. end = no body follows ("trailers-only"). */
int h2_respond(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count, bool end,
               struct err *err);
/* Copies body bytes into the stream's queue. ERR_BUSY when full (nothing taken). */
int h2_send(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, struct err *err);
/* The same for bytes in two places (a prefix and what follows it): all of it or nothing. */
int h2_send_two(struct h2 *h, int32_t stream, const uint8_t *a, size_t a_len, const uint8_t *b,
                size_t b_len, struct err *err);
/* No more body: ends the stream, with trailers where count > 0 (after the queue is sent). */
int h2_finish(struct h2 *h, int32_t stream, const struct h2_header *trailers, size_t count,
              struct err *err);
void h2_reset(struct h2 *h, int32_t stream, uint32_t error_code);
/* Gives back window: `len` body bytes of the stream were dealt with. */
void h2_consume(struct h2 *h, int32_t stream, size_t len);
int h2_ping(struct h2 *h, struct err *err);
void h2_goaway(struct h2 *h);                         /* no new streams; running ones go on */
size_t h2_queued(const struct h2 *h, int32_t stream); /* body bytes not yet pulled */
bool h2_peer_ready(const struct h2 *h);               /* the peer's first SETTINGS have arrived */
/* Why the connection is over or going over, in words ("the peer said ENHANCE_YOUR_CALM:
 * too_many_pings"); "" while nothing is wrong. Valid until the next call. */
const char *h2_trouble(const struct h2 *h);

#endif
