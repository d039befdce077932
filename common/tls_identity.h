/*
 * tls_identity: what a peer's certificate said, without the certificate. Private to tls*.c.
 *
 * Shared by the connection that verified it and the sessions that may be resumed from it; nothing
 * in it changes after it was made, save the count.
 *
 * Threads: that of the sessions which share it.
 */
#ifndef COMMON_TLS_IDENTITY_H
#define COMMON_TLS_IDENTITY_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_FINGERPRINT 32 /* bytes of a SHA-256 */

struct tls_identity {
    unsigned refs;
    uint64_t verified_ns; /* monotonic: the handshake in which certificates were verified */
    int64_t until_s;      /* Unix seconds: the first notAfter of its chain; INT64_MAX: none */
    uint8_t fingerprint[TLS_FINGERPRINT]; /* of the certificate; zeros: there was none */
    size_t bytes;                         /* of all its names */
    char *common_name;                    /* or NULL */
    bool has_san;
    char **names; /* DNS subjectAltNames */
    size_t name_count;
};

/* Of the peer of a full handshake that is done. NULL without memory, for itself; without memory
 * for names fewer are known, so less is allowed. */
struct tls_identity *tls_identity_of(SSL *ssl);
struct tls_identity *tls_identity_ref(struct tls_identity *id); /* NULL: NULL */
void tls_identity_unref(struct tls_identity **id);

/* As tls_peer_name() and tls_peer_is(). */
const char *tls_identity_name(const struct tls_identity *id);
bool tls_identity_is(const struct tls_identity *id, const char *name);

/* Whether a session may still be resumed from it: the certificates were verified less than
 * `lifetime_ns` ago, and all of them are valid still. */
bool tls_identity_holds(const struct tls_identity *id, uint64_t lifetime_ns, uint64_t now_ns,
                        int64_t now_s);

#endif
