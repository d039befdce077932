/*
 * tls: TLS 1.3 over bytes (OpenSSL), no sockets: ciphertext goes in and comes out of buffers.
 *
 * A context is made once from files and shared by its connections; struct tls is one of these.
 * Mutual where a CA is given: a server with a CA demands a client certificate, a client without a
 * CA verifies against the system's store. ALPN is "h2" on both sides.
 *
 * Sessions can be resumed (RFC 8446 section 2.2) without certificates being sent and verified
 * again: a server keeps those of its context in memory, one for each name of a peer's certificate;
 * a client keeps its newest in a ticket.
 * Each is used once, and none later than TLS_SESSION_MS after the handshake in which certificates
 * were verified, nor when one of these has expired since. No data goes before the handshake.
 *
 * Threads: a server's context and its connections belong to one thread; a client's context is
 * read-only after opening, its connections and their tickets belong to one thread each.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include <stdbool.h>

#include "common/buf.h"

#define TLS_SESSION_MS (60 * 60 * 1000)
#define TLS_SESSIONS_MAX 100000 /* kept by a server: 40 MB, or 140 of peers with 1 KB of names */

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
void tls_context_close(struct tls_context **ctx); /* after every connection of it */

/* How many sessions a server keeps, and how long they may be resumed (clients: `max` means
 * nothing) in place of the defaults above; 0: none. Before the first connection. */
int tls_context_sessions(struct tls_context *ctx, size_t max, uint64_t lifetime_ms,
                         struct err *err);

/* A connection. `server_name` (clients; copied) is verified against the certificate: DNS name or
 * IP.
 */
int tls_open(struct tls **out, struct tls_context *ctx, const char *server_name, struct err *err);
void tls_close(struct tls **t);

/* Takes ciphertext from the peer; decrypted bytes are appended to `plain`, answers for the peer
 * to `cipher`. ERR_DENIED: handshake or certificate refused, with OpenSSL's reason in plain words
 * ("certificate has expired", "unknown CA"); any alert for the peer is in `cipher`: send it.
 * ERR_LIMIT when a buffer is full. */
int tls_feed(struct tls *t, const uint8_t *data, size_t len, struct buf *plain, struct buf *cipher,
             struct err *err);

/*
 * What a client keeps for its next connection; all zero: nothing. It serves connections of one
 * context to one server name, one after the other; for others it is not used.
 */
struct tls_ticket {
    struct ssl_session_st *session; /* these are private */
    char *server_name;
    struct tls_identity *identity;
};
void tls_ticket_close(struct tls_ticket *ticket); /* empty again */

/* Client, before tls_start(): takes the session out of the ticket, if it may still be used, and
 * keeps there what the server gives for the next. `ticket` outlives the connection. */
void tls_use_ticket(struct tls *t, struct tls_ticket *ticket);

/* Starts a client's handshake: its first flight goes to `cipher`. */
int tls_start(struct tls *t, struct buf *cipher, struct err *err);

/* Encrypts. Only after tls_ready(). */
int tls_write(struct tls *t, const uint8_t *data, size_t len, struct buf *cipher, struct err *err);

/* Appends close_notify. */
int tls_shutdown(struct tls *t, struct buf *cipher, struct err *err);

bool tls_ready(const struct tls *t);       /* handshake complete */
bool tls_peer_closed(const struct tls *t); /* close_notify was received */

bool tls_resumed(const struct tls *t); /* ... and it resumed an earlier one */

/* Name the peer's certificate speaks for: first DNS subjectAltName, else CN; "" without one. */
const char *tls_peer_name(const struct tls *t);

/* Whether the peer's certificate speaks for `name`: any DNS SAN, exact, case-insensitive; CN only
 * where there is no SAN. False without a certificate. */
bool tls_peer_is(const struct tls *t, const char *name);

#endif
