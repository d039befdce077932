#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/tls.h"
#include "common/tls_private.h"

#define FILE_BYTES_MAX (4 * 1024 * 1024) /* a system's CA bundle is about 200 KiB */
#define CHAIN_MAX 16

static const unsigned char alpn_h2[] = {2, 'h', '2'};

static void close_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void close_cert(X509 **cert)
{
    X509_free(*cert);
}

static void close_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

const char *tls_queue_text(char *out, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    snprintf(out, size, "%s", reason == NULL ? "no reason given" : reason);
    ERR_clear_error();
    return out;
}

/* Opens a PEM file. Only regular files of a sane size: a FIFO would hang the start. Symbolic
 * links are followed, since mounted secrets are made of them. */
static BIO *open_pem(const char *path, const char *what, struct err *err)
{
    AUTO_FILE FILE *f = fopen(path, "re");
    struct stat st;
    BIO *bio;

    if (f == NULL || fstat(fileno(f), &st) != 0) {
        err_errno(err, ERR_IO, errno, "%s %s", what, path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        err_set(err, ERR_CORRUPT, "%s %s: not a regular file", what, path);
        return NULL;
    }
    if (st.st_size > FILE_BYTES_MAX) {
        err_set(err, ERR_LIMIT, "%s %s: %lld bytes, more than %d", what, path,
                (long long)st.st_size, FILE_BYTES_MAX);
        return NULL;
    }
    bio = BIO_new_fp(f, BIO_CLOSE);
    if (bio == NULL) {
        err_set(err, ERR_NO_MEMORY, "%s %s", what, path);
        return NULL;
    }
    steal(&f);
    return bio;
}

/* No terminal is asked for a passphrase: `arg` notes that one was needed. */
static int refuse_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)arg = true;
    return -1;
}

static void date_text(char *out, size_t size, const ASN1_TIME *t)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, size, "an unreadable date");
}

/* Our own certificate: the peer's refusal would say less than this. */
static int check_dates(const X509 *cert, const char *path, struct err *err)
{
    char date[40];

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        date_text(date, sizeof(date), X509_get0_notAfter(cert));
        return err_set(err, ERR_DENIED, "certificate %s: expired on %s: issue a new one", path,
                       date);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        date_text(date, sizeof(date), X509_get0_notBefore(cert));
        return err_set(err, ERR_DENIED,
                       "certificate %s: not valid before %s (is this host's clock right?)", path,
                       date);
    }
    return 0;
}

static int load_chain(SSL_CTX *ctx, const char *path, struct err *err)
{
    AUTO(close_bio) BIO *bio = open_pem(path, "certificate", err);
    AUTO(close_cert) X509 *leaf = NULL;
    char why[120];

    if (bio == NULL)
        return -1;
    leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (leaf == NULL) {
        ERR_clear_error();
        return err_set(err, ERR_CORRUPT, "certificate %s: no certificate in PEM form", path);
    }
    if (check_dates(leaf, path, err) != 0)
        return -1;
    if (SSL_CTX_use_certificate(ctx, leaf) != 1)
        return err_set(err, ERR_CORRUPT, "certificate %s: %s", path,
                       tls_queue_text(why, sizeof(why)));
    for (int i = 0; i < CHAIN_MAX; i++) {
        X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (next == NULL)
            break;
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            return err_set(err, ERR_CORRUPT, "certificate %s: %s", path,
                           tls_queue_text(why, sizeof(why)));
        }
    }
    ERR_clear_error(); /* the end of the file is an error to OpenSSL */
    return 0;
}

/* Said, not refused: where secrets are mounted, modes are often not ours to choose. */
static void warn_if_exposed(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
        log_event(LOG_WARN, "key-exposed", "key", path, "text",
                  "every user of this machine may read or change it: chmod 600", NULL);
}

static int load_key(SSL_CTX *ctx, const struct tls_files *files, struct err *err)
{
    AUTO(close_bio) BIO *bio = open_pem(files->key, "key", err);
    AUTO(close_key) EVP_PKEY *key = NULL;
    bool encrypted = false;
    char why[120];

    if (bio == NULL)
        return -1;
    key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &encrypted);
    if (key == NULL) {
        ERR_clear_error();
        return err_set(err, ERR_CORRUPT, "key %s: %s", files->key,
                       encrypted ? "encrypted: give one without a passphrase"
                                 : "no private key in PEM form");
    }
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return err_set(err, ERR_CORRUPT, "key %s does not fit certificate %s: %s", files->key,
                       files->cert, tls_queue_text(why, sizeof(why)));
    warn_if_exposed(files->key);
    return 0;
}

static int load_ca(SSL_CTX *ctx, const char *path, bool server, struct err *err)
{
    AUTO(close_bio) BIO *bio = open_pem(path, "CA", err);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t count = 0;

    if (bio == NULL)
        return -1;
    for (;;) {
        AUTO(close_cert) X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (ca == NULL)
            break;
        if (X509_STORE_add_cert(store, ca) != 1 || (server && SSL_CTX_add_client_CA(ctx, ca) != 1))
            return err_set(err, ERR_NO_MEMORY, "CA %s", path);
        count++;
    }
    ERR_clear_error();
    if (count == 0)
        return err_set(err, ERR_CORRUPT, "CA %s: no certificate in PEM form", path);
    return 0;
}

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto((unsigned char **)out, out_len, alpn_h2, sizeof(alpn_h2), in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static int configure(SSL_CTX *ctx, bool server, struct err *err)
{
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1)
        return err_set(err, ERR_UNAVAILABLE, "this OpenSSL has no TLS 1.3 with X25519");
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* an idle connection holds no 16 KB */
    if (server)
        SSL_CTX_set_alpn_select_cb(ctx, select_h2, NULL);
    else if (SSL_CTX_set_alpn_protos(ctx, alpn_h2, sizeof(alpn_h2)) != 0)
        return err_set(err, ERR_NO_MEMORY, "TLS context");
    return 0;
}

static int configure_trust(SSL_CTX *ctx, const struct tls_files *files, bool server,
                           struct err *err)
{
    int verify = SSL_VERIFY_PEER;

    if (server)
        verify =
            files->ca == NULL ? SSL_VERIFY_NONE : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, verify, NULL);
    if (files->ca != NULL)
        return load_ca(ctx, files->ca, server, err);
    if (!server && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return err_set(err, ERR_IO, "the system's CA certificates cannot be read");
    return 0;
}

static int make_context(struct tls_context **out, const struct tls_files *files, bool server,
                        struct err *err)
{
    AUTO(tls_context_close) struct tls_context *c = NULL;

    if ((files->cert == NULL) != (files->key == NULL))
        return err_set(err, ERR_USAGE, "TLS needs certificate and key together: the %s is missing",
                       files->cert == NULL ? "certificate" : "key");
    if (server && files->cert == NULL)
        return err_set(err, ERR_USAGE, "a TLS server needs a certificate and a key");
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "TLS context");
    c->server = server;
    c->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    c->bytes = tls_bytes_method();
    if (c->ssl == NULL || c->bytes == NULL)
        return err_set(err, ERR_NO_MEMORY, "TLS context");
    if (configure(c->ssl, server, err) != 0)
        return -1;
    if (files->cert != NULL &&
        (load_chain(c->ssl, files->cert, err) != 0 || load_key(c->ssl, files, err) != 0))
        return -1;
    if (configure_trust(c->ssl, files, server, err) != 0 || tls_resume_configure(c, err) != 0)
        return -1;
    *out = steal(&c);
    return 0;
}

int tls_server_context(struct tls_context **out, const struct tls_files *files, struct err *err)
{
    return make_context(out, files, true, err);
}

int tls_client_context(struct tls_context **out, const struct tls_files *files, struct err *err)
{
    return make_context(out, files, false, err);
}

void tls_context_close(struct tls_context **ctx)
{
    if (*ctx == NULL)
        return;
    SSL_CTX_free((*ctx)->ssl);
    tls_cache_close(&(*ctx)->cache);
    BIO_meth_free((*ctx)->bytes);
    free(*ctx);
    *ctx = NULL;
}
