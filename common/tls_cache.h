/*
 * tls_cache: the sessions that a server would resume, in memory only. Private to tls*.c.
 *
 * An entry is what a resumption needs and no more (some 400 bytes; a kept OpenSSL session with
 * its certificate is 11 KB). Each is given out once. The cache is bounded: a certificate has as
 * many entries as DNS names, or one, and its newest takes the place of its oldest (peers without a
 * certificate share one entry); past the cache's maximum the oldest of all goes, and so do those
 * whose time is over.
 *
 * Threads: one.
 */
#ifndef COMMON_TLS_CACHE_H
#define COMMON_TLS_CACHE_H

#include "common/error.h"
#include "common/list.h"
#include "common/tls_identity.h"

#define TLS_CACHE_ID 32          /* bytes; OpenSSL's length, random */
#define TLS_CACHE_NAMES_MAX 1024 /* bytes of a peer's names; with more it shakes hands in full */

struct tls_cached {
    struct list age, by_id, by_peer; /* private: in the cache's order and buckets */
    uint8_t id[TLS_CACHE_ID];
    uint8_t secret[48]; /* as long as the longest hash of a TLS 1.3 cipher */
    size_t secret_len;
    const SSL_CIPHER *cipher; /* OpenSSL's, static */
    struct tls_identity *identity;
};

struct tls_cache;

/* `max` entries, and how long after its full handshake each may be used. ERR_NO_MEMORY. */
int tls_cache_open(struct tls_cache **out, size_t max, uint64_t lifetime_ns, struct err *err);
void tls_cache_close(struct tls_cache **c);

/* Keeps a copy of *entry with a reference of its own to the identity. Without memory, with names
 * over TLS_CACHE_NAMES_MAX, and where its time is over already, nothing is kept: the next handshake
 * is a full one. */
void tls_cache_add(struct tls_cache *c, const struct tls_cached *entry, uint64_t now_ns,
                   int64_t now_s);
/* Takes the session of this ID out; NULL where there is none or its time is over. The caller
 * frees it. */
struct tls_cached *tls_cache_take(struct tls_cache *c, const uint8_t *id, size_t len,
                                  uint64_t now_ns, int64_t now_s);
void tls_cached_free(struct tls_cached **entry);
size_t tls_cache_count(const struct tls_cache *c);

#endif
