/*
 * h2_raw: a peer that speaks HTTP/2 by hand over a socket of its own, so that a test can send
 * what our client never would: split, broken, too much, nothing.
 *
 * Threads: the test's. The socket does not block; raw_settle() is called between runs of the loop.
 */
#ifndef TESTS_SUPPORT_H2_RAW_H
#define TESTS_SUPPORT_H2_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/h2.h"

#define RAW_STREAMS 8

struct raw_stream {
    int32_t id;
    bool ended, closed;
    uint32_t reset; /* error code of its end */
    char http_status[4], grpc_status[4], grpc_message[256];
    uint8_t body[64]; /* the first bytes of it */
    size_t body_len;
};

struct raw {
    int fd;
    struct h2 *h2;
    bool eof;    /* the peer closed */
    bool goaway; /* the peer said so */
    bool hoard;  /* give no window back */
    struct raw_stream streams[RAW_STREAMS];
    size_t stream_count;
};

/* Connects to a TCP port of 127.0.0.1 (port > 0) or a unix socket; ends the program if it cannot.
 */
void raw_open(struct raw *r, int port, const char *unix_path);
void raw_close(struct raw *r);

/* Sends what is due and takes what has come. */
void raw_settle(struct raw *r);

/* Bytes past HTTP/2. Returns how many the socket took. */
size_t raw_bytes(struct raw *r, const void *data, size_t len);

/* Opens a gRPC request for a path. */
struct raw_stream *raw_request(struct raw *r, const char *path);
/* The same with another method and content type. */
struct raw_stream *raw_request_as(struct raw *r, const char *method, const char *type,
                                  const char *path);

/* Body bytes, as one DATA frame on the wire. */
void raw_send(struct raw *r, struct raw_stream *s, const void *data, size_t len);

#endif
