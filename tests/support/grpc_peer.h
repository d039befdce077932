/*
 * grpc_peer: a gRPC server on a unix socket that gives canned answers, right and wrong ones, in a
 * thread of its own (HTTP/2 by common/h2, gRPC by hand).
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_GRPC_PEER_H
#define TESTS_SUPPORT_GRPC_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum grpc_peer_way {
    GRPC_PEER_ANSWER,  /* headers, the body, trailers with the status */
    GRPC_PEER_CUT,     /* headers, the body, no trailers */
    GRPC_PEER_RESET,   /* headers, the body, then the stream is reset */
    GRPC_PEER_SILENT,  /* nothing */
    GRPC_PEER_ENDLESS, /* headers, then the body over and over */
};

struct grpc_peer_answer {
    const char *path;
    const char *space; /* only for requests of this namespace; NULL: for all */
    enum grpc_peer_way way;
    const void *body; /* messages with their prefixes; none and a status: trailers only */
    size_t len;
    const char *status; /* of gRPC, NULL: "0" */
    const char *text;   /* of gRPC, as it is sent; NULL: "" */
    const char *http;   /* NULL: "200" */
    const char *type;   /* NULL: "application/grpc" */
    int endless_pause_ms;
};

struct grpc_peer {
    int listener; /* private, as the rest */
    atomic_int fd;
    atomic_bool stop;
    pthread_t thread;
    const struct grpc_peer_answer *answers; /* the first that fits; others are unknown services */
    size_t count;
    const void *raw; /* what every connection gets instead of HTTP/2, or NULL */
    size_t raw_len;
};

/* Listens at `path`, and serves one connection after the other. The answers stay the caller's, who
 * may change them while no call is under way. */
void grpc_peer_start(struct grpc_peer *p, const char *path, const struct grpc_peer_answer *answers,
                     size_t count);
/* Sends these bytes to whoever connects, and says nothing more. With none, it closes. */
void grpc_peer_start_raw(struct grpc_peer *p, const char *path, const void *bytes, size_t len);
/* Ends the connection, too. */
void grpc_peer_stop(struct grpc_peer *p);

#endif
