/*
 * tls_private: what tls.c (one connection), tls_context.c (files) and tls_resume.c (sessions that
 * outlive their connection) share; nobody else includes this.
 */
#ifndef COMMON_TLS_PRIVATE_H
#define COMMON_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/tls.h"
#include "common/tls_cache.h"

#define TLS_SESSION_CONTEXT 16 /* bytes that tell one context's sessions from another's */

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *bytes; /* reads from and writes to the struct tls that is the BIO's data */
    bool server;
    uint64_t lifetime_ns;    /* of a session; 0: none is kept */
    struct tls_cache *cache; /* server: sessions to resume */
    uint8_t session_context[TLS_SESSION_CONTEXT];
};

struct tls {
    SSL *ssl; /* its app data is this */
    struct tls_context *ctx;
    char *server_name; /* client: what the certificate must speak for */
    const uint8_t *in; /* during a call: ciphertext not yet taken by OpenSSL */
    size_t in_len;
    struct buf *out;    /* during a call: where ciphertext goes */
    struct err out_err; /* why `out` took no more */
    bool ready, peer_closed;
    struct tls_ticket *ticket;     /* client: where the next connection's session goes, or NULL */
    struct tls_identity *offered;  /* until ready: whose session may be resumed, or NULL */
    struct tls_identity *identity; /* the peer's, once it is verified */
};

/* ---- sessions (tls_resume.c) ----------------------------------------------------------------- */

/* Prepares a context for sessions of the default number and lifetime. */
int tls_resume_configure(struct tls_context *c, struct err *err);
/* The handshake has verified the peer, or resumed a session of one that was: notes who it is.
 * May be called again. */
int tls_resume_note_peer(struct tls *t, struct err *err);

/* The BIO between OpenSSL and the buffers of tls.h. NULL without memory. */
BIO_METHOD *tls_bytes_method(void);

/* Text of the oldest error in this thread's OpenSSL queue, in `out`; empties the queue. */
const char *tls_queue_text(char *out, size_t size);

#endif
