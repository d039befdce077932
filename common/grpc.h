/*
 * grpc: gRPC over HTTP/2 (PROTOCOL-HTTP2.md of the gRPC project), unary and bidirectional
 * streaming calls, client and server side, on libuv streams (TCP and unix), with or without TLS.
 *
 * Messages are bytes here; common/wire knows what they mean. Compression is not spoken: a
 * compressed message ends its call with UNIMPLEMENTED.
 *
 * Ownership: a connection owns its calls. A call pointer is valid until its on_closed() has
 * returned; on_closed() comes exactly once, never from inside the call that caused it.
 *
 * Threads: everything on the loop's thread.
 */
#ifndef COMMON_GRPC_H
#define COMMON_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/error.h"
#include "common/tls.h"
#include "common/uvx.h"

/* Status codes of gRPC's statuscodes.md. */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

/* The status with which a call should end for an error: LIMIT -> RESOURCE_EXHAUSTED,
 * PROTOCOL/CORRUPT -> INVALID_ARGUMENT, DENIED -> PERMISSION_DENIED, CONFLICT -> ABORTED,
 * VERSION -> FAILED_PRECONDITION, NOT_FOUND -> NOT_FOUND, UNAVAILABLE/BUSY -> UNAVAILABLE,
 * TIMEOUT -> DEADLINE_EXCEEDED, CANCELED -> CANCELLED, else INTERNAL. */
enum grpc_status grpc_status_of(enum err_kind kind);
const char *grpc_status_name(int status); /* "RESOURCE_EXHAUSTED" */

struct grpc_limits {
    size_t message_max;    /* one message, both directions; default 4 MiB */
    uint32_t calls_max;    /* concurrent calls of one connection; default 16 */
    uint32_t conns_max;    /* connections of a server; default 200,000 */
    size_t send_queue_max; /* bytes queued in one call; default 8 MiB */
    uint64_t handshake_ms; /* TCP accept to first call, and connect to ready; default 10,000 */
    uint64_t idle_ms;      /* a connection without any byte for so long gets a PING, and after as
                              much again is closed; 0 never; default 60,000 */
    uint64_t stop_ms;      /* on close, how long calls and unsent bytes may take; default 2,000 */
};
/* Fills in the defaults named above. */
void grpc_limits_default(struct grpc_limits *limits);

struct grpc_call;

struct grpc_handler {
    /* One whole message. `data` is valid during the callback. */
    void (*on_message)(struct grpc_call *call, const uint8_t *data, size_t len, void *arg);
    /* The peer sends no more messages (END_STREAM). Not called after on_closed. May be NULL. */
    void (*on_half_closed)(struct grpc_call *call, void *arg);
    /* After ERR_BUSY: half of the queue is free again. May be NULL. */
    void (*on_writable)(struct grpc_call *call, void *arg);
    /* The end, exactly once. On a client: the server's status and message, or UNAVAILABLE /
     * DEADLINE_EXCEEDED / INTERNAL made here with the reason. On a server: CANCELLED or
     * UNAVAILABLE where the client went away, else the status given to grpc_call_finish(). */
    void (*on_closed)(struct grpc_call *call, int status, const char *message, void *arg);
};

/* Queues one message (copied). ERR_BUSY when the queue is full: wait for on_writable. ERR_LIMIT
 * when longer than message_max. */
int grpc_call_send(struct grpc_call *call, const void *data, size_t len, struct err *err);
/* Client: half-close (status and message unused). Server: ends the call with this status after
 * all queued messages. `message` (may be NULL) is percent-encoded as the protocol asks. */
void grpc_call_finish(struct grpc_call *call, int status, const char *message);
/* Ends it now (RST_STREAM); on_closed follows with CANCELLED. */
void grpc_call_cancel(struct grpc_call *call);
/* Stops and resumes on_message; while paused no window is given back, so that HTTP/2 flow control
 * reaches the peer. Nestable: as many resumes as pauses. */
void grpc_call_pause(struct grpc_call *call);
void grpc_call_resume(struct grpc_call *call);
void grpc_call_set(struct grpc_call *call, const struct grpc_handler *handler, void *arg);
void *grpc_call_arg(const struct grpc_call *call);
/* "10.1.2.3:4711", "unix (pid 123)", or "unix" where the kernel does not say (on a client, or from
 * another PID namespace); valid as long as the call. */
const char *grpc_call_peer(const struct grpc_call *call);
bool grpc_call_is_secure(const struct grpc_call *call);  /* TLS */
bool grpc_call_is_resumed(const struct grpc_call *call); /* TLS, by a session of before */
/* See tls_peer_name() / tls_peer_is(); "" / false without TLS client certificate. */
const char *grpc_call_peer_name(const struct grpc_call *call);
bool grpc_call_peer_is(const struct grpc_call *call, const char *name);

/* ---- server ---------------------------------------------------------------------------------- */

struct grpc_method {
    const char *path; /* "/layercensus.v1.Census/Report" */
    /* A call arrived. Set a handler with grpc_call_set(), or return -1: the call ends with the
     * status of *err (grpc_status_of). */
    int (*open)(struct grpc_call *call, void *service_arg, struct err *err);
};

struct grpc_server;

/* `methods` is ended by path NULL and stays the caller's for the server's life. Other paths get
 * UNIMPLEMENTED. The server is heap-allocated and freed after on_closed of grpc_server_close(). */
int grpc_server_open(struct grpc_server **out, uv_loop_t *loop, const struct grpc_limits *limits,
                     const struct grpc_method *methods, void *service_arg, struct err *err);
/* Adds a listener; tls NULL: plaintext. ERR_CONFLICT "address already in use" names the address
 * and says what to do. A stale unix socket (nobody answers) is replaced, a live one is not.
 * Resolves names blockingly: start-up only. Several listeners are allowed. */
int grpc_server_listen(struct grpc_server *server, const struct uvx_address *address,
                       struct tls_context *tls, struct err *err);
/* The port of the first TCP listener (for port 0), or 0. */
int grpc_server_port(const struct grpc_server *server);
size_t grpc_server_connections(const struct grpc_server *server);
/* Stops listening, sends GOAWAY, ends remaining calls with UNAVAILABLE "collector is stopping",
 * closes every connection within stop_ms, then calls on_closed from the loop. */
void grpc_server_close(struct grpc_server *server, void (*on_closed)(void *arg), void *arg);

/* ---- client ---------------------------------------------------------------------------------- */

struct grpc_client;

struct grpc_client_events {
    /* Connected, TLS done: calls may be made. */
    void (*on_ready)(struct grpc_client *client, void *arg);
    /* The connection failed or ended (exactly once, also after on_ready); *err says why. All its
     * calls had their on_closed before. The owner then calls grpc_client_close(). */
    void (*on_down)(struct grpc_client *client, const struct err *err, void *arg);
};

/* Resolves (off the loop) and connects. tls NULL: plaintext. `server_name` NULL: address->host. */
int grpc_client_open(struct grpc_client **out, uv_loop_t *loop, const struct grpc_limits *limits,
                     const struct uvx_address *address, struct tls_context *tls,
                     const char *server_name, const struct grpc_client_events *events, void *arg,
                     struct err *err);
/* Right after opening: resumes the TLS session that the ticket holds, and keeps the next one there.
 * It outlives the client, and serves one client after the other for the same address. */
void grpc_client_use_ticket(struct grpc_client *client, struct tls_ticket *ticket);
/* Opens a call; only between on_ready and on_down. NULL with *err else. */
struct grpc_call *grpc_client_call(struct grpc_client *client, const char *path,
                                   const struct grpc_handler *handler, void *arg, struct err *err);
/* Ends everything: running calls get on_closed(CANCELLED), no on_down follows; frees the client,
 * then calls on_closed (may be NULL) from the loop. Allowed at any time, once. */
void grpc_client_close(struct grpc_client *client, void (*on_closed)(void *arg), void *arg);

#endif
