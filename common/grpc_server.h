/*
 * grpc_server: what grpc_server.c (connections, methods), grpc_gate.c (who is let in) and
 * grpc_listen.c (sockets) share. Private to them.
 *
 * Threads: the loop's.
 */
#ifndef COMMON_GRPC_SERVER_H
#define COMMON_GRPC_SERVER_H

#include "common/grpc_conn.h"

struct grpc_listener {
    struct list node;
    struct list waiting; /* in the gate's, while a peer waits here to be let in */
    struct grpc_server *server;
    struct tls_context *tls; /* NULL: plaintext */
    bool is_unix;
    union grpc_io io;
};

/*
 * A peer that was accepted has one of GATE_PLACES until its first call or its end. While all are
 * taken the next ones stay in the kernel's backlog, where no deadline of ours runs and nothing is
 * computed for them: of a fleet that comes at once, some at a time join and all soon do, where
 * thousands of handshakes at once would all be too late. A place is lent: while somebody waits, who
 * has had one for GATE_HOLD_MS goes on without it, unless its bytes lie here unread and we are the
 * slow ones. So peers that are slow or silent keep nobody out.
 */
#define GATE_PLACES 256
#define GATE_HOLD_MS 200
#define GATE_HOLD_TIMES                                                                            \
    25 /* most of them on end: a peer can see to it that bytes always lie here */

struct grpc_gate {
    struct list inside; /* struct grpc_conn.place, in the order of held_since */
    unsigned taken;
    struct list waiting; /* struct grpc_listener.waiting */
    uv_timer_t timer;    /* runs while a peer waits */
};

struct grpc_server {
    uv_loop_t *loop;
    struct grpc_limits limits;
    const struct grpc_method *methods;
    void *service_arg;
    struct grpc_pump pump;
    struct grpc_gate gate;
    struct list listeners;
    struct list conns; /* struct grpc_conn.node */
    size_t conn_count;
    unsigned listener_count; /* until their handles are closed */
    bool closing;
    void (*on_closed)(void *arg);
    void *closed_arg;
    /* complaints of the running minute, uv_now() */
    uint64_t complaints_since;
    unsigned complaints;
};

/* Takes the peer that waits at the listener. */
void grpc_server_accept(struct grpc_listener *listener);

/* Nobody is inside. The owner closes the timer. */
void grpc_gate_open(struct grpc_server *server);
/* A peer waits at the listener: it is accepted now or, without another call, once there is room. */
void grpc_gate_knock(struct grpc_listener *listener);
/* The peer at the listener has to wait, whether or not there is room. */
void grpc_gate_wait(struct grpc_listener *listener);
/* The connection takes a place; it gives it back, if it still has it. */
void grpc_gate_enter(struct grpc_server *server, struct grpc_conn *conn);
void grpc_gate_leave(struct grpc_server *server, struct grpc_conn *conn);

/* Logs at most some lines a minute: a scanner must not fill a disk. */
void grpc_server_complain(struct grpc_server *server, const char *peer, const struct err *why);
/* Stops listening. */
void grpc_listener_close(struct grpc_listener *listener);
/* A listener's handle is closed, or a connection's. */
void grpc_server_check_closed(struct grpc_server *server);

#endif
