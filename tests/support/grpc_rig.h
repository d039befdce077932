/*
 * grpc_rig: a loop with our gRPC server and any number of our clients on it, and a record of what
 * each was told.
 *
 * The service: /t/Echo gives messages back and ends with OK after the client; /t/Hold answers
 * nothing; /t/Slow takes one message a loop turn, pausing in between; /t/Refuse is refused with
 * ERR_CONFLICT "two truths"; /t/Flood sends as much as it may, without end.
 *
 * Threads: the test's.
 */
#ifndef TESTS_SUPPORT_GRPC_RIG_H
#define TESTS_SUPPORT_GRPC_RIG_H

#include "common/grpc.h"
#include "tests/support/run_until.h"

#define RIG_TEXT 600

/* What one side of a call was told. */
struct rig_end {
    struct grpc_call *call;
    size_t messages, bytes, writable, half_closed;
    int closed, status;
    char message[RIG_TEXT];
    uint8_t last[64];
    size_t last_len;
    bool secure;
    char peer[64], peer_name[64];
    struct rig *rig;
};

struct rig {
    uv_loop_t loop;
    uv_timer_t watchdog, turn; /* a test that hangs ends; /t/Slow resumes */
    int ticks;
    bool timed_out;
    struct grpc_limits limits; /* of server and clients; change before opening */
    struct grpc_server *server;
    bool server_closed;
    struct rig_end served; /* the call opened last */
    int opened;
};

struct rig_client {
    struct rig *rig;
    struct grpc_client *client;
    int ready, down;
    struct err why;
    bool closed;
    struct rig_end end; /* of the call begun last */
};

/* A loop with a watchdog; limits are the defaults until the test changes them. */
void rig_open(struct rig *rig);
/* Closes server and loop; fails the test where a handle is left. Clients are closed before. */
void rig_close(struct rig *rig);

/* Starts the server and listens; address as uvx_address_parse() takes it. */
void rig_serve(struct rig *rig, const char *address, struct tls_context *tls);
/* "127.0.0.1:port" of the server. */
const char *rig_address(const struct rig *rig, char out[32]);

/* Begins to connect; server_name as grpc_client_open() takes it. */
void rig_connect(struct rig *rig, struct rig_client *c, const char *address,
                 struct tls_context *tls, const char *server_name);
/* Connects to the server of the rig and waits until it is ready. */
void rig_join(struct rig *rig, struct rig_client *c);
/* Begins a call whose events are kept in c->end. */
struct grpc_call *rig_call(struct rig_client *c, const char *path);
void rig_leave(struct rig_client *c);

/* Some turns of the loop, for what must not happen. */
void rig_turns(struct rig *rig, int count);

#endif
