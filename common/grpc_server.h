/*
 * grpc_server: what grpc_server.c (connections, methods) and grpc_listen.c (sockets) share.
 * Private to them.
 *
 * Threads: the loop's.
 */
#ifndef COMMON_GRPC_SERVER_H
#define COMMON_GRPC_SERVER_H

#include "common/grpc_conn.h"

struct grpc_listener {
    struct list node;
    struct grpc_server *server;
    struct tls_context *tls; /* NULL: plaintext */
    bool is_unix;
    union grpc_io io;
};

struct grpc_server {
    uv_loop_t *loop;
    struct grpc_limits limits;
    const struct grpc_method *methods;
    void *service_arg;
    struct grpc_pump pump;
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

/* A peer waits at the listener (grpc_listen.c calls it). */
void grpc_server_accept(struct grpc_listener *listener);
/* Logs at most some lines a minute: a scanner must not fill a disk. */
void grpc_server_complain(struct grpc_server *server, const char *peer, const struct err *why);
/* Stops listening. */
void grpc_listener_close(struct grpc_listener *listener);
/* A listener's handle is closed, or a connection's. */
void grpc_server_check_closed(struct grpc_server *server);

#endif
