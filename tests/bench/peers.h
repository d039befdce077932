/*
 * peers: our gRPC server in this process, and a child process full of our clients, for benchmarks
 * of connections: mutual TLS over loopback, one open call each.
 *
 * Every function ends the program with status 1 and a message where something fails.
 *
 * Threads: one in each process.
 */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <sys/types.h>

#include "common/grpc.h"
#include "tests/support/pki.h"

struct peers_server {
    uv_loop_t loop;
    struct grpc_server *server;
    struct tls_context *tls;
    struct pki pki;
    size_t calls, opened, resumed; /* open now; ever; ever and on a resumed session */
    bool closed;
    pid_t child;
    int orders; /* pipe to the child */
};

/* Starts both sides, for as many connections. */
void peers_open(struct peers_server *s, size_t max);
void peers_close(struct peers_server *s);

/* Tells the child how many connections there shall be. At 0 all are cut off at once; the next ones
 * resume their sessions. */
void peers_say(struct peers_server *s, size_t count);
/* Serves until so many calls are open and nothing moved for a while. */
void peers_wait(struct peers_server *s, size_t calls);
/* The same without the while: until so many were ever opened. */
void peers_wait_opened(struct peers_server *s, size_t opened);

/* How our ends of connections are: patient, and without PINGs. */
struct grpc_limits peers_limits(void);
/* As many open files as this process may have. */
void peers_raise_file_limit(void);
/* This process, and all children of it that begin later, run on this processor only. */
void peers_pin(int cpu);
/* "--connections N" of the command line, or `otherwise`. */
size_t peers_count(int argc, char **argv, size_t otherwise);

#endif
