#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/tls_private.h"

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

static struct tls *tls_of(SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* ---- who the peer is ------------------------------------------------------------------------- */

/* A resumed session has no certificate: its peer is the one that the session was made with. On a
 * server `offered` belongs to the session that OpenSSL looked up last, and it looks for no other
 * once it takes one. */
int tls_resume_note_peer(struct tls *t, struct err *err)
{
    if (t->identity != NULL)
        return 0;
    t->identity = SSL_session_reused(t->ssl) == 1 ? steal(&t->offered) : tls_identity_of(t->ssl);
    tls_identity_unref(&t->offered);
    return t->identity != NULL ? 0 : err_set(err, ERR_NO_MEMORY, "TLS: the peer's names");
}

/* ---- server ---------------------------------------------------------------------------------- */

/* Told to the client, for the session that follows. */
static long seconds_left(const struct tls_context *c, const struct tls_identity *id)
{
    uint64_t age = clock_mono_ns() - id->verified_ns;

    return age < c->lifetime_ns ? (long)((c->lifetime_ns - age) / NS_PER_S) : 0;
}

/* What OpenSSL needs to resume: an SSL_SESSION as it makes for a pre-shared key. */
static SSL_SESSION *session_of(const struct tls_context *c, const struct tls_cached *e)
{
    SSL_SESSION *s = SSL_SESSION_new();

    if (s == NULL)
        return NULL;
    if (SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION) == 1 &&
        SSL_SESSION_set_cipher(s, e->cipher) == 1 &&
        SSL_SESSION_set1_master_key(s, e->secret, e->secret_len) == 1 &&
        SSL_SESSION_set1_id(s, e->id, sizeof(e->id)) == 1 &&
        SSL_SESSION_set1_id_context(s, c->session_context, TLS_SESSION_CONTEXT) == 1 &&
        SSL_SESSION_set_timeout(s, seconds_left(c, e->identity)) == 1)
        return s;
    SSL_SESSION_free(s);
    return NULL;
}

/* OpenSSL: a client offers this session. */
static SSL_SESSION *on_offered(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct tls *t = tls_of(ssl);
    AUTO(tls_cached_free) struct tls_cached *e = NULL;
    SSL_SESSION *s;

    *copy = 0;
    tls_identity_unref(&t->offered);
    e = tls_cache_take(t->ctx->cache, id, (size_t)len, clock_mono_ns(), now_s());
    s = e == NULL ? NULL : session_of(t->ctx, e);
    if (s != NULL)
        t->offered = tls_identity_ref(e->identity);
    return s;
}

/* OpenSSL: this session is being offered to the client for its next connection. */
static int on_server_session(SSL *ssl, SSL_SESSION *s)
{
    struct tls *t = tls_of(ssl);
    struct tls_cached e = {.cipher = SSL_SESSION_get0_cipher(s)};
    unsigned len;
    const unsigned char *id = SSL_SESSION_get_id(s, &len);

    e.secret_len = SSL_SESSION_get_master_key(s, NULL, 0);
    if (len != sizeof(e.id) || e.secret_len > sizeof(e.secret) || e.cipher == NULL ||
        tls_resume_note_peer(t, NULL) != 0)
        return 0;
    memcpy(e.id, id, len);
    SSL_SESSION_get_master_key(s, e.secret, sizeof(e.secret));
    e.identity = t->identity;
    tls_cache_add(t->ctx->cache, &e, clock_mono_ns(), now_s());
    OPENSSL_cleanse(e.secret, sizeof(e.secret));
    return 0; /* no reference is kept */
}

/* ---- client ---------------------------------------------------------------------------------- */

void tls_ticket_close(struct tls_ticket *ticket)
{
    SSL_SESSION_free(ticket->session);
    free(ticket->server_name);
    tls_identity_unref(&ticket->identity);
    *ticket = (struct tls_ticket){0};
}

/* OpenSSL: the server gave a session for the next connection. */
static int on_client_session(SSL *ssl, SSL_SESSION *s)
{
    struct tls *t = tls_of(ssl);
    char *name;

    if (t->ticket == NULL || t->ctx->lifetime_ns == 0 || tls_resume_note_peer(t, NULL) != 0)
        return 0;
    name = strdup(t->server_name);
    if (name == NULL)
        return 0;
    tls_ticket_close(t->ticket);
    *t->ticket = (struct tls_ticket){s, name, tls_identity_ref(t->identity)};
    return 1; /* the reference is the ticket's now */
}

/* A context's address may come again, with other files; its random number does not. */
static bool is_of(const struct tls_context *c, const SSL_SESSION *s)
{
    unsigned len;
    const unsigned char *id = SSL_SESSION_get0_id_context(s, &len);

    return len == TLS_SESSION_CONTEXT && memcmp(id, c->session_context, len) == 0;
}

static bool is_usable(const struct tls *t, const struct tls_ticket *k)
{
    return k->session != NULL && is_of(t->ctx, k->session) &&
           strcmp(k->server_name, t->server_name) == 0 &&
           tls_identity_holds(k->identity, t->ctx->lifetime_ns, clock_mono_ns(), now_s());
}

void tls_use_ticket(struct tls *t, struct tls_ticket *ticket)
{
    if (is_usable(t, ticket) && SSL_set_session(t->ssl, ticket->session) == 1)
        t->offered = tls_identity_ref(ticket->identity);
    ERR_clear_error(); /* without the session the handshake is a full one */
    tls_ticket_close(ticket);
    t->ticket = ticket;
}

/* ---- contexts -------------------------------------------------------------------------------- */

int tls_context_sessions(struct tls_context *c, size_t max, uint64_t lifetime_ms, struct err *err)
{
    bool keeps = lifetime_ms > 0 && (max > 0 || !c->server);

    uint64_t lifetime_ns = keeps ? lifetime_ms * NS_PER_MS : 0;
    struct tls_cache *cache = NULL;

    if (c->server && tls_cache_open(&cache, keeps ? max : 0, lifetime_ns, err) != 0)
        return -1;
    tls_cache_close(&c->cache);
    c->cache = cache;
    c->lifetime_ns = lifetime_ns;
    if (!c->server)
        return 0;
    SSL_CTX_set_timeout(c->ssl, (long)(lifetime_ms / 1000)); /* what clients are told */
    return SSL_CTX_set_num_tickets(c->ssl, keeps ? 1 : 0) == 1
               ? 0
               : err_set(err, ERR_UNAVAILABLE, "this OpenSSL issues no sessions");
}

/* OpenSSL's own cache stays empty: it would keep each peer's certificate. NO_TICKET makes what the
 * client gets a name for our entry, not an encrypted copy of the session, which would have to be
 * parsed and would outlive a restart's change of mind. */
int tls_resume_configure(struct tls_context *c, struct err *err)
{
    if (RAND_bytes(c->session_context, TLS_SESSION_CONTEXT) != 1 ||
        SSL_CTX_set_session_id_context(c->ssl, c->session_context, TLS_SESSION_CONTEXT) != 1)
        return err_set(err, ERR_UNAVAILABLE, "TLS context: no random numbers");
    SSL_CTX_set_session_cache_mode(c->ssl,
                                   (c->server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT) |
                                       SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_new_cb(c->ssl, c->server ? on_server_session : on_client_session);
    if (c->server) {
        SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET);
        SSL_CTX_sess_set_get_cb(c->ssl, on_offered);
    }
    return tls_context_sessions(c, TLS_SESSIONS_MAX, TLS_SESSION_MS, err);
}
