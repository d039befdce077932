/*
 * h2_private: what the parts of h2 share: h2.c (life and bytes), h2_memory.c (nghttp2's allocator),
 * h2_event.c (telling the owner), h2_receive.c and h2_send.c (nghttp2's callbacks, and what the
 * owner sends).
 *
 * Threads: the connection's loop.
 */
#ifndef COMMON_H2_PRIVATE_H
#define COMMON_H2_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "common/h2.h"
#include "common/list.h"

#define H2_EVENTS_BYTES_MAX (1024 * 1024) /* what one step may expand to; HPACK can inflate */
#define H2_PING_CREDIT_MAX 1000
#define H2_WINDOW_CREDIT_MAX 4000
#define H2_WINDOWS_EACH_DATA 4 /* the stream's and the connection's, and as many to spare */

struct h2_stream {
    struct list node;
    int32_t id;
    bool announced;  /* the owner knows it, and so hears of its end */
    bool final_seen; /* the response (not 1xx) or request header list has come */
    bool reset;      /* h2_reset() was called: nothing more is delivered but the end */
    bool end_sent;
    bool finish; /* end after the queue */
    bool deferred, wants_writable;
    size_t unconsumed; /* received body bytes whose window was not given back */
    struct buf queue;  /* body to send, from `head` on */
    size_t head;
    nghttp2_nv *trailers; /* copies, in one allocation with their bytes */
    size_t trailer_count;
};

struct h2 {
    nghttp2_session *session;
    void *frame; /* its one mapped allocation, or NULL */
    size_t frame_size;
    struct h2_limits limits;
    const struct h2_handler *handler;
    void *arg;
    bool server;
    struct list streams;
    struct buf events; /* queued by callbacks: struct event, then its payload, aligned */
    bool delivering;
    struct buf block; /* the header list being received: name NUL value NUL ... */
    size_t block_count;
    struct buf spill; /* a frame that is pulled next */
    bool peer_ready;
    uint64_t minute_start; /* flood window, clock_mono_ns() */
    uint32_t minute_count;
    uint32_t ping_credit;   /* pings that our data excuses */
    uint32_t window_credit; /* the same for WINDOW_UPDATE */
    struct err fault;       /* set inside a callback, told by h2_feed() or h2_pull() */
    char trouble[160];
};

/* A stream of its own, not yet known to nghttp2. NULL without memory. */
struct h2_stream *h2_stream_new(struct h2 *h);
void h2_stream_free(struct h2_stream *s);
struct h2_stream *h2_stream_find(const struct h2 *h, int32_t id);
size_t h2_stream_queued(const struct h2_stream *s);

/* The allocator for the session of `h`, which outlives it (h2_memory.c). */
nghttp2_mem h2_memory(struct h2 *h);

/* ---- events (h2_event.c) --------------------------------------------------------------------- */

enum h2_event_type {
    H2_EVENT_HEADERS,
    H2_EVENT_DATA,
    H2_EVENT_END,
    H2_EVENT_CLOSED,
    H2_EVENT_WRITABLE,
    H2_EVENT_GOAWAY
};

struct h2_event {
    enum h2_event_type type;
    bool trailers, end_stream;
    uint32_t code; /* closed: error code; headers: their count */
    struct h2_stream *stream;
    size_t len; /* payload bytes */
};

/* Queues an event with a copy of its payload, for callbacks: returns what they return. */
int h2_event_push(struct h2 *h, const struct h2_event *e, const void *payload);
int h2_event_push_simple(struct h2 *h, enum h2_event_type type, struct h2_stream *s, uint32_t code);
/* Tells the owner all that is queued. Only outside of nghttp2. */
void h2_event_deliver(struct h2 *h);

/* ---- nghttp2's callbacks, in the order of a stream's life ------------------------------------ */

/* As nghttp2 documents each: they queue events and keep count; 0, or an error that ends the stream
 * or the connection. `arg` is the struct h2. */
int h2_on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *arg);
int h2_on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
                 size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg);
int h2_on_data_chunk(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                     void *arg);
int h2_on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg);
int h2_on_frame_sent(nghttp2_session *s, const nghttp2_frame *frame, void *arg);
int h2_on_unknown_frame(nghttp2_session *s, void **payload, const nghttp2_frame_hd *hd, void *arg);
int h2_on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *arg);

/* Counts frames that cost us and say nothing (resets, pings, settings, empty data: "Rapid Reset"
 * and its kin). Past the limit the connection ends. Returns what callbacks return. */
int h2_count_flood(struct h2 *h, const char *what);

#endif
