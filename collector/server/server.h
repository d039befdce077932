/*
 * server: the collector at work. It owns the database's writer, the gRPC server with its
 * listeners, all sessions, the timers and the signal handlers.
 *
 *     start: database -> listeners -> signals -> timers -> "ready" in the log
 *     stop:  listeners and streams (UNAVAILABLE) -> surveys -> last signs of life -> writer
 * (commits what is queued) -> handles; then the loop has nothing left to do
 *
 * Threads: the loop's; the writer has its own.
 */
#ifndef COLLECTOR_SERVER_SERVER_H
#define COLLECTOR_SERVER_SERVER_H

#include <uv.h>

#include "collector/server/options.h"

struct server;

/* Whether a collector could start with these options, as far as they and the certificates' files
 * say. Blocks on disk. */
int server_check(const struct options *options, struct err *err);

/* Starts. `options` stay the caller's until server_close(). A failed start takes the same way as a
 * stop and runs the loop for it. Blocks on disk and names: start-up only. */
int server_open(struct server **out, uv_loop_t *loop, const struct options *options,
                struct err *err);

/* Begins to stop; harmless when it has begun. SIGTERM and SIGINT do the same. */
void server_stop(struct server *server);

/* After the loop has ended by itself: frees. */
void server_close(struct server **server);

/* The port of the first TCP address (for port 0), or 0. */
int server_port(const struct server *server);

#endif
