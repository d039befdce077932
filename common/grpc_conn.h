/*
 * grpc_conn: one gRPC connection on a libuv stream, and the calls on it. Private to grpc*.c.
 *
 * A server has one for each accepted peer, a client is one. Nothing is written and nothing ends
 * from inside a caller's call: it marks the connection, and the owner's pump settles all marked
 * connections once after each poll (and before the next one). So one write carries what one
 * read caused, and on_closed is never re-entrant.
 *
 * Threads: the loop's.
 */
#ifndef COMMON_GRPC_CONN_H
#define COMMON_GRPC_CONN_H

#include "common/buf.h"
#include "common/grpc.h"
#include "common/grpc_status.h"
#include "common/h2.h"
#include "common/list.h"

#define GRPC_WINDOW (256 * 1024) /* HTTP/2 receive window of one call */

/* ---- pump (grpc_pump.c) ---------------------------------------------------------------------- */

struct grpc_conn;

/* Runs only while a connection is marked, so an idle loop costs nothing. */
struct grpc_pump {
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    struct list marked; /* struct grpc_conn.mark */
    char *lent;         /* see grpc_pump_lend(); NULL before the first read */
    unsigned open_handles;
    void (*on_closed)(struct grpc_pump *pump);
};

/* Also makes the process ignore SIGPIPE, where its disposition still is the default. */
void grpc_pump_open(struct grpc_pump *pump, uv_loop_t *loop);
void grpc_pump_close(struct grpc_pump *pump, void (*on_closed)(struct grpc_pump *pump));
/* Where one read of any of its connections may put its bytes; what is not dealt with at once must
 * be copied. Empty without memory. */
uv_buf_t grpc_pump_lend(struct grpc_pump *pump);

/* ---- connection (grpc_conn.c) ---------------------------------------------------------------- */

enum grpc_conn_state {
    GRPC_CONN_NEW,       /* no transport yet (a client resolves and connects) */
    GRPC_CONN_HANDSHAKE, /* TLS, then the peer's SETTINGS */
    GRPC_CONN_OPEN,
    GRPC_CONN_DRAINING,  /* a server that stops: running calls end, none begins */
    GRPC_CONN_LINGERING, /* no calls any more: the last bytes go out, the peer closes */
    GRPC_CONN_CLOSING,   /* handles are closing */
    GRPC_CONN_STATES
};

struct grpc_conn_events {
    /* Server: a request. The stream is answered by grpc_call_new() or grpc_conn_refuse(). */
    void (*on_request)(struct grpc_conn *conn, int32_t stream, const struct h2_header *list,
                       size_t count);
    void (*on_ready)(struct grpc_conn *conn); /* client: calls may be made */
    /* Over, and every call had its on_closed; conn->why says why. Not after grpc_conn_stop(). */
    void (*on_down)(struct grpc_conn *conn);
    /* Client: the deadline passed before there was a transport. */
    void (*on_connect_late)(struct grpc_conn *conn);
    /* Every handle and request is gone: the memory may go. */
    void (*on_closed)(struct grpc_conn *conn);
};

union grpc_io {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct grpc_conn {
    /* set by the owner before grpc_conn_init() */
    struct grpc_pump *pump;
    const struct grpc_limits *limits;
    const struct grpc_conn_events *events;
    void *owner;
    bool server;
    struct tls_ticket *ticket; /* client: of the TLS session to resume, or NULL */
    struct list node, place;   /* the owner's */

    enum grpc_conn_state state;
    union grpc_io io;
    uv_timer_t timer;
    uv_shutdown_t shutdown;
    unsigned refs; /* open handles and requests under way */
    struct tls *tls;
    struct buf cipher; /* what TLS says of itself; it goes with what HTTP/2 says next */
    struct h2 *h2;
    struct list mark;  /* in pump->marked */
    struct list calls; /* struct grpc_call.node */
    size_t call_count;
    bool io_open;    /* io is an open handle */
    bool has_calls;  /* server: some call runs */
    bool going_away; /* the peer takes no more calls */
    bool pinged, stopping;
    bool dead;      /* the transport carries nothing any more */
    struct err why; /* kind ERR_NONE while nothing is wrong */
    char peer[64];
    /* milliseconds of uv_now() */
    uint64_t deadline;     /* of the state; 0: none */
    uint64_t held_since;   /* the owner's, of its place */
    unsigned held_times;   /* that it kept its place */
    unsigned patience;     /* times that its deadline to join was put off */
    uint64_t heard;        /* last byte received */
    uint64_t moved;        /* last time the kernel took bytes of the write queue */
    uint64_t given, taken; /* bytes given to the stream; those it had written at `moved` */
};

/* Makes an inert connection with its timer. The caller then opens io, counts it in refs and sets
 * io.handle.data. */
void grpc_conn_init(struct grpc_conn *conn, uv_loop_t *loop);
/* Settles it soon. */
void grpc_conn_mark(struct grpc_conn *conn);
/* Everything due: pending deliveries, writes, ends. Only the pump calls this. */
void grpc_conn_settle(struct grpc_conn *conn);
/* Ends it for a reason; the first one counts. */
void grpc_conn_fail(struct grpc_conn *conn, const struct err *why);
void grpc_conn_fail_text(struct grpc_conn *conn, enum err_kind kind, const char *text);
void grpc_conn_move(struct grpc_conn *conn, enum grpc_conn_state to);
extern const struct h2_handler grpc_conn_h2_events; /* its argument is the connection */
/* Ends it because the owner wants to: a server finishes its calls (UNAVAILABLE) within stop_ms, a
 * client ends them at once (CANCELLED). No on_down follows. */
void grpc_conn_stop(struct grpc_conn *conn);
/* Whether calls may begin and send. */
bool grpc_conn_is_up(const struct grpc_conn *conn);
/* Whether bytes of the peer lie unread: then it is we who are late, as when a fleet comes at once.
 */
bool grpc_conn_has_unread(const struct grpc_conn *conn);
/* Sets the state's deadline and the timer. 0: none. */
void grpc_conn_deadline(struct grpc_conn *conn, uint64_t after_ms);
/* One handle or request less; at none on_closed comes. */
void grpc_conn_unref(struct grpc_conn *conn);
/* Server: answers a request with a bare HTTP status. */
void grpc_conn_refuse(struct grpc_conn *conn, int32_t stream, const char *http_status);

/* ---- bytes (grpc_io.c) --------------------------------------------------------------------------
 */

/* The stream is connected: TLS (ctx not NULL) and HTTP/2 begin. -1: out of memory or the like. */
int grpc_io_begin(struct grpc_conn *conn, struct tls_context *ctx, const char *server_name,
                  struct err *err);
/* Takes from HTTP/2 what is due, as long as the peer reads. */
void grpc_io_write(struct grpc_conn *conn);
/* Sends what is left and the end, and leaves the closing to the peer: closing with its bytes
 * unread would reset the connection and destroy our last words on their way. */
void grpc_io_end(struct grpc_conn *conn);
/* Bytes that wait in libuv for the peer to read. */
uint64_t grpc_io_queued(const struct grpc_conn *conn);

/* ---- calls (grpc.c) -------------------------------------------------------------------------- */

struct grpc_call {
    struct list node;
    struct grpc_conn *conn;
    int32_t stream;
    const struct grpc_handler *handler; /* NULL: nobody is told */
    void *arg;
    bool responded; /* server: response headers are sent */
    bool heard;     /* a message has come */
    bool finished;  /* grpc_call_finish() was called */
    bool deaf;      /* messages are dropped: finished (server), cancelled, or broken */
    bool peer_done; /* END_STREAM came */
    bool half_told; /* on_half_closed was called */
    bool over;      /* the stream is closed: on_closed follows what is still to deliver */
    uint64_t since; /* uv_now() of its begin; once finished, of that */
    unsigned paused;
    int status;    /* GRPC_STATUS_NONE: not known yet */
    char *message; /* of the status; NULL: "" */
    uint8_t prefix[GRPC_PREFIX];
    size_t prefix_len;
    size_t message_len; /* of the message being received */
    struct buf body;    /* its bytes so far */
    struct buf backlog; /* received while paused: at most the stream's window */
};

#define GRPC_STATUS_NONE (-1)

/* A call on a stream that h2 has just opened or announced; the connection owns it. */
struct grpc_call *grpc_call_new(struct grpc_conn *conn, int32_t stream, struct err *err);
/* The value of the first header of this name (lower case), or NULL. */
const char *grpc_header(const struct h2_header *list, size_t count, const char *name);
/* The call on this stream, or NULL where it is over. */
struct grpc_call *grpc_call_find(struct grpc_conn *conn, int32_t stream);
/* What arrives on its stream. */
void grpc_call_on_headers(struct grpc_call *call, const struct h2_header *list, size_t count,
                          bool end_stream);
void grpc_call_on_data(struct grpc_call *call, const uint8_t *data, size_t len);
void grpc_call_on_end(struct grpc_call *call);
void grpc_call_on_stream_closed(struct grpc_call *call, uint32_t h2_error);
/* Delivers what was held back. May free the call. */
void grpc_call_settle(struct grpc_call *call);
/* Ends it here and now with on_closed, whatever its stream does. Frees the call. */
void grpc_call_drop(struct grpc_call *call, int status, const char *message);

#endif
