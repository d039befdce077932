/*
 * api_client: GET of JSON from an engine's HTTP API over its unix socket (libcurl).
 *
 * All requests of one client share one deadline, so that a daemon which accepts and never answers
 * costs its caller that time once. Answers are limited to API_CLIENT_BYTES_MAX.
 *
 * Threads: one client belongs to one thread; it blocks, so never on a loop's.
 */
#ifndef AGENT_ENGINES_API_CLIENT_H
#define AGENT_ENGINES_API_CLIENT_H

#include <stdint.h>

#include "common/json.h"

#define API_CLIENT_BYTES_MAX JSON_BYTES_MAX

struct api_client;

/* A client for the socket that `socket_fd` (O_PATH is enough; stays the caller's, and open as long
 * as the client) refers to. `name` is for errors. Does not connect yet. */
int api_client_open(struct api_client **out, int socket_fd, const char *name, int64_t timeout_ms,
                    struct err *err);
void api_client_close(struct api_client **c);

/* Begins the deadline anew, for a caller that has another one for all its requests together. */
void api_client_renew(struct api_client *c, int64_t timeout_ms);

/* The parsed answer to GET `path` ("/v1.41/info"). ERR_UNAVAILABLE (nobody listens), ERR_TIMEOUT,
 * ERR_DENIED, ERR_LIMIT, ERR_NOT_FOUND (status 404), ERR_PROTOCOL (not HTTP, another status than
 * 200, no JSON). */
int api_client_get(struct api_client *c, const char *path, json_t **out, struct err *err);

/* GET `path`, of whose answer only the header `name` is wanted; "" where it is not there. */
int api_client_get_header(struct api_client *c, const char *path, const char *name, char *value,
                          size_t size, struct err *err);

#endif
