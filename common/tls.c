#include "common/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/tls_private.h"

#define READ_STEP 4096 /* most plaintext asked for at once */

/* ---- the BIO: OpenSSL's socket --------------------------------------------------------------- */

static int bytes_read(BIO *bio, char *out, size_t len, size_t *taken)
{
    struct tls *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    *taken = 0;
    if (t->in_len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *taken = len < t->in_len ? len : t->in_len;
    memcpy(out, t->in, *taken);
    t->in += *taken;
    t->in_len -= *taken;
    return 1;
}

static int bytes_write(BIO *bio, const char *data, size_t len, size_t *written)
{
    struct tls *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    *written = 0;
    if (t->out == NULL || buf_add(t->out, data, len, &t->out_err) != 0)
        return 0;
    *written = len;
    return 1;
}

static long bytes_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bytes_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "census bytes");

    if (m == NULL)
        return NULL;
    if (BIO_meth_set_read_ex(m, bytes_read) != 1 || BIO_meth_set_write_ex(m, bytes_write) != 1 ||
        BIO_meth_set_ctrl(m, bytes_ctrl) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_ip(const char *name)
{
    unsigned char out[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, out) == 1 || inet_pton(AF_INET6, name, out) == 1;
}

static int expect_name(struct tls *t, const char *name, struct err *err)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    int ok;

    if (name == NULL || *name == '\0')
        return err_set(err, ERR_USAGE,
                       "the name that the server's certificate must have is missing");
    t->server_name = strdup(name);
    if (t->server_name == NULL)
        return err_set(err, ERR_NO_MEMORY, "TLS session");
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_ip(name))
        ok = X509_VERIFY_PARAM_set1_ip_asc(param, name);
    else
        ok = X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
             SSL_set_tlsext_host_name(t->ssl, name) == 1;
    if (ok != 1) {
        ERR_clear_error();
        return err_set(err, ERR_USAGE, "'%s' cannot be a server's name", name);
    }
    return 0;
}

int tls_open(struct tls **out, struct tls_context *ctx, const char *server_name, struct err *err)
{
    AUTO(tls_close) struct tls *t = calloc(1, sizeof(*t));
    BIO *bio;

    if (t == NULL)
        return err_set(err, ERR_NO_MEMORY, "TLS session");
    t->ctx = ctx;
    t->ssl = SSL_new(ctx->ssl);
    bio = BIO_new(ctx->bytes);
    if (t->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        ERR_clear_error();
        return err_set(err, ERR_NO_MEMORY, "TLS session");
    }
    SSL_set_app_data(t->ssl, t);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio); /* takes the one reference */
    if (ctx->server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    if (!ctx->server && expect_name(t, server_name, err) != 0)
        return -1;
    *out = steal(&t);
    return 0;
}

void tls_close(struct tls **tp)
{
    struct tls *t = *tp;

    if (t == NULL)
        return;
    /* A connection that was cut off spoils no session (TLS 1.3 asks for no goodbye). */
    if (t->ssl != NULL)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN);
    SSL_free(t->ssl);
    tls_identity_unref(&t->offered);
    tls_identity_unref(&t->identity);
    free(t->server_name);
    free(t);
    *tp = NULL;
}

/* ---- what went wrong, in plain words --------------------------------------------------------- */

static const char *verify_words(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "certificate is not valid yet (compare the clocks)";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return "unknown CA";
    default:
        return X509_verify_cert_error_string(result);
    }
}

static const char *alert_words(int reason)
{
    switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the peer refused our certificate: unknown CA";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the peer refused our certificate: certificate has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the peer refused our certificate: it is revoked";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "the peer refused our certificate";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the peer demands a certificate and none is configured here";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the peer gave no certificate, and one is demanded here";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "no common protocol: HTTP/2 (ALPN h2) is needed";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "no common TLS version: TLS 1.3 is needed";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return "the peer does not speak TLS here";
    default:
        return NULL;
    }
}

static int fail_verify(const struct tls *t, long result, struct err *err)
{
    if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return err_set(err, ERR_DENIED, "TLS: the peer's certificate is not for '%s'",
                       t->server_name);
    return err_set(err, ERR_DENIED, "TLS: the peer's certificate was refused: %s",
                   verify_words(result));
}

static int fail_ssl(struct tls *t, struct err *err)
{
    long verify = SSL_get_verify_result(t->ssl);
    int reason = ERR_GET_REASON(ERR_peek_error());
    const char *words = alert_words(reason);
    char why[120];

    tls_queue_text(why, sizeof(why));
    if (t->out_err.kind != ERR_NONE) {
        *err = t->out_err;
        t->out_err.kind = ERR_NONE;
        return -1;
    }
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK)
        return fail_verify(t, verify, err);
    return err_set(err, t->ready && words == NULL ? ERR_PROTOCOL : ERR_DENIED, "TLS: %s",
                   words == NULL ? why : words);
}

/* ---- the peer -------------------------------------------------------------------------------- */

const char *tls_peer_name(const struct tls *t)
{
    return t->identity == NULL ? "" : tls_identity_name(t->identity);
}

bool tls_peer_is(const struct tls *t, const char *name)
{
    return t->identity != NULL && tls_identity_is(t->identity, name);
}

bool tls_resumed(const struct tls *t)
{
    return t->ready && SSL_session_reused(t->ssl) == 1;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* 1: ready; 0: needs more from the peer; -1: refused. */
static int handshake(struct tls *t, struct err *err)
{
    const unsigned char *alpn;
    unsigned alpn_len;
    int rc;

    ERR_clear_error();
    rc = SSL_do_handshake(t->ssl);
    if (rc != 1)
        return SSL_get_error(t->ssl, rc) == SSL_ERROR_WANT_READ ? 0 : fail_ssl(t, err);
    SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_len);
    if (alpn_len != 2 || memcmp(alpn, "h2", 2) != 0)
        return err_set(err, ERR_DENIED, "TLS: the peer did not agree on HTTP/2 (ALPN h2)");
    if (tls_resume_note_peer(t, err) != 0)
        return -1;
    t->ready = true;
    return 1;
}

/* How much plaintext the next read may bring: no more than there is ciphertext, except of a record
 * that OpenSSL has already taken. 0: the rest is for the next time, and OpenSSL is not asked. */
static size_t readable(const struct tls *t)
{
    if (SSL_has_pending(t->ssl) == 1 || t->in_len > READ_STEP)
        return READ_STEP;
    return t->in_len;
}

static int decrypt(struct tls *t, struct buf *plain, struct err *err)
{
    size_t most;

    while (!t->peer_closed && (most = readable(t)) > 0) {
        uint8_t *to = buf_reserve(plain, most, err);
        size_t len = 0;
        int rc, why;

        if (to == NULL)
            return -1;
        ERR_clear_error();
        rc = SSL_read_ex(t->ssl, to, most, &len);
        if (rc == 1) {
            buf_commit(plain, len);
            continue;
        }
        why = SSL_get_error(t->ssl, rc);
        if (why == SSL_ERROR_WANT_READ)
            break;
        if (why != SSL_ERROR_ZERO_RETURN)
            return fail_ssl(t, err);
        t->peer_closed = true;
    }
    return 0;
}

int tls_feed(struct tls *t, const uint8_t *data, size_t len, struct buf *plain, struct buf *cipher,
             struct err *err)
{
    int rc;

    t->in = data;
    t->in_len = len;
    t->out = cipher;
    rc = t->ready ? 1 : handshake(t, err);
    if (rc == 1)
        rc = decrypt(t, plain, err);
    t->in_len = 0;
    t->out = NULL;
    return rc;
}

int tls_start(struct tls *t, struct buf *cipher, struct err *err)
{
    int rc;

    t->out = cipher;
    rc = handshake(t, err);
    t->out = NULL;
    return rc < 0 ? -1 : 0;
}

int tls_write(struct tls *t, const uint8_t *data, size_t len, struct buf *cipher, struct err *err)
{
    size_t written = 0;
    int rc = 1;

    check(t->ready);
    if (len == 0)
        return 0;
    ERR_clear_error();
    t->out = cipher;
    rc = SSL_write_ex(t->ssl, data, len, &written); /* whole: no partial-write mode is set */
    t->out = NULL;
    return rc == 1 ? 0 : fail_ssl(t, err);
}

int tls_shutdown(struct tls *t, struct buf *cipher, struct err *err)
{
    int rc;

    if (!t->ready)
        return 0;
    ERR_clear_error();
    t->out = cipher;
    rc = SSL_shutdown(t->ssl);
    t->out = NULL;
    if (rc < 0)
        return fail_ssl(t, err);
    return 0;
}

bool tls_ready(const struct tls *t)
{
    return t->ready;
}

bool tls_peer_closed(const struct tls *t)
{
    return t->peer_closed;
}
