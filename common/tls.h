/*
 * tls: TLS 1.3 over bytes (OpenSSL), no sockets: ciphertext goes in and comes out of buffers.
 *
 * A context is made once from files and shared by its connections; a session is one connection.
 * Mutual where a CA is given: a server with a CA demands a client certificate, a client without a
 * CA verifies against the system's store. ALPN is "h2" on both sides.
 *
 * Threads: a context is read-only after opening; a session belongs to one thread.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include <stdbool.h>

#include "common/buf.h"

struct tls_files {
    const char *cert; /* PEM chain; NULL on a client: anonymous */
    const char *key;  /* PEM; NULL together with cert only */
    const char *ca;   /* PEM bundle; NULL: see above */
};

struct tls_context;
struct tls;

/* Both say which file is wrong and how: missing, unreadable, not PEM, key does not fit the
 * certificate, expired (ERR_DENIED with the date). Blocks on disk: start-up only. */
int tls_server_context(struct tls_context **out, const struct tls_files *files, struct err *err);
int tls_client_context(struct tls_context **out, const struct tls_files *files, struct err *err);
void tls_context_close(struct tls_context **ctx); /* after every session of it */

/* A session. `server_name` (clients; copied) is verified against the certificate: DNS name or IP.
 */
int tls_open(struct tls **out, struct tls_context *ctx, const char *server_name, struct err *err);
void tls_close(struct tls **t);

/* Takes ciphertext from the peer; decrypted bytes are appended to `plain`, answers for the peer
 * to `cipher`. ERR_DENIED: handshake or certificate refused, with OpenSSL's reason in plain words
 * ("certificate has expired", "unknown CA"); any alert for the peer is in `cipher`: send it.
 * ERR_LIMIT when a buffer is full. */
int tls_feed(struct tls *t, const uint8_t *data, size_t len, struct buf *plain, struct buf *cipher,
             struct err *err);

/* Starts a client's handshake: its first flight goes to `cipher`. */
int tls_start(struct tls *t, struct buf *cipher, struct err *err);

/* Encrypts. Only after tls_ready(). */
int tls_write(struct tls *t, const uint8_t *data, size_t len, struct buf *cipher, struct err *err);

/* Appends close_notify. */
int tls_shutdown(struct tls *t, struct buf *cipher, struct err *err);

bool tls_ready(const struct tls *t);       /* handshake complete */
bool tls_peer_closed(const struct tls *t); /* close_notify was received */

/* Name the peer's certificate speaks for: first DNS subjectAltName, else CN; "" without one. */
const char *tls_peer_name(const struct tls *t);

/* Whether the peer's certificate speaks for `name`: any DNS SAN, exact, case-insensitive; CN only
 * where there is no SAN. False without a certificate. */
bool tls_peer_is(const struct tls *t, const char *name);

#endif
