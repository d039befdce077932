/*
 * grpc_unix: gRPC calls to an engine over its unix socket, one after the other, for a thread that
 * may block (HTTP/2 by common/h2).
 *
 * A peer can hang, flood, break the protocol or send without end: each call has a deadline, all
 * calls of a client together have another, messages and answers have a longest length.
 *
 * Threads: one client belongs to one thread; it blocks, so never on a loop's.
 */
#ifndef AGENT_ENGINES_GRPC_UNIX_H
#define AGENT_ENGINES_GRPC_UNIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct grpc_unix;

struct grpc_unix_limits {
    size_t message_max; /* bytes of one message of an answer */
    size_t answer_max;  /* of all messages of one answer together */
    int64_t call_ms;    /* for one call, connecting included */
    int64_t total_ms;   /* for all calls of the client, from its opening on */
};

/* A client for the socket that `socket_fd` refers to (O_PATH is enough; it stays the caller's, and
 * open as long as the client). `name` is for errors. Does not connect yet. */
int grpc_unix_open(struct grpc_unix **out, int socket_fd, const char *name,
                   const struct grpc_unix_limits *limits, struct err *err);
void grpc_unix_close(struct grpc_unix **c);

struct grpc_unix_call {
    const char *path;    /* "/containerd.services.images.v1.Images/List" */
    const char *space;   /* containerd's namespace, NULL: not named */
    const void *request; /* one encoded message */
    size_t request_len;
    bool stream; /* the answer is any number of messages; else one */
};

/* One message of the answer; valid during the callback. -1 with *err ends the call with it. */
typedef int grpc_unix_message_fn(void *arg, const uint8_t *data, size_t len, struct err *err);

/* Makes one call; 0 when its whole answer came and its status is OK. Errors name the socket and the
 * call: ERR_UNAVAILABLE (nobody listens, it went away, or says so), ERR_TIMEOUT, ERR_DENIED,
 * ERR_LIMIT (a message or the answer too long), ERR_NOT_FOUND and ERR_VERSION (gRPC's NOT_FOUND and
 * UNIMPLEMENTED), ERR_PROTOCOL (no gRPC, and every other status). After a status the client is as
 * good as new, else it connects again with the next call. */
int grpc_unix_call(struct grpc_unix *c, const struct grpc_unix_call *call,
                   grpc_unix_message_fn *on_message, void *arg, struct err *err);

#endif
