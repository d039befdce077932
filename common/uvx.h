/*
 * uvx: helpers around libuv that keep its ownership rules: every handle is counted, every loop is
 * closed and that is checked.
 *
 * Threads: the loop's.
 */
#ifndef COMMON_UVX_H
#define COMMON_UVX_H

#include <uv.h>

#include "common/error.h"

/* Fills *err from a libuv status (negative) with context. Returns -1. */
int uvx_fail(struct err *err, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Closes the loop. Anything still open is a bug of ours: each handle is logged by type, and
 * -1 is returned with ERR_CONFLICT. */
int uvx_loop_close(uv_loop_t *loop, struct err *err);

/* Where a peer is: a host and a port, or a unix socket. */
struct uvx_address {
    int is_unix;
    char host[256]; /* host, or the socket's path */
    char port[6];   /* "" for unix */
};

/* "host:port", "host", "[v6]:port", ":port" or "unix:/path" to its parts. ERR_USAGE says what is
 * wrong; a port is needed where default_port is NULL. */
int uvx_address_parse(struct uvx_address *out, const char *text, const char *default_port,
                      struct err *err);

/* Whether a literal host is loopback ("127.x.x.x", "::1", "localhost"), or unix. */
int uvx_address_is_local(const struct uvx_address *a);

#endif
