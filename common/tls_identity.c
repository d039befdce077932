#include "common/tls_identity.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/clock.h"

#define NAMES_MAX 100 /* DNS names of one certificate that are looked at */

/* A copy as a C string; NULL when it holds a NUL byte ("good.example\0.evil.example"). */
static char *copy_name(struct tls_identity *id, const ASN1_STRING *s)
{
    const char *data = (const char *)ASN1_STRING_get0_data(s);
    size_t len = (size_t)ASN1_STRING_length(s);

    id->bytes += len;
    if (len == 0 || memchr(data, '\0', len) != NULL)
        return NULL;
    return strndup(data, len);
}

static void note_san(struct tls_identity *id, const GENERAL_NAMES *list)
{
    int count = sk_GENERAL_NAME_num(list);

    if (count > NAMES_MAX)
        count = NAMES_MAX;
    id->names = calloc((size_t)count + 1, sizeof(*id->names));
    if (id->names == NULL)
        return;
    for (int i = 0; i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        char *text = name->type == GEN_DNS ? copy_name(id, name->d.dNSName) : NULL;

        if (text != NULL)
            id->names[id->name_count++] = text;
    }
}

static void note_common_name(struct tls_identity *id, const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at >= 0)
        id->common_name = copy_name(id, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

/* A date that cannot be read ends now: such a session is never resumed. */
static void note_end(struct tls_identity *id, const X509 *cert)
{
    struct tm tm;
    int64_t end = 0;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
        end = (int64_t)timegm(&tm);
    if (end < id->until_s)
        id->until_s = end;
}

static void note_certificate(struct tls_identity *id, const X509 *cert)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    X509_digest(cert, EVP_sha256(), id->fingerprint, NULL);
    note_common_name(id, cert);
    id->has_san = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) >= 0;
    if (list != NULL)
        note_san(id, list);
    GENERAL_NAMES_free(list);
    note_end(id, cert);
}

struct tls_identity *tls_identity_of(SSL *ssl)
{
    const X509 *cert = SSL_get0_peer_certificate(ssl);
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    struct tls_identity *id = calloc(1, sizeof(*id));

    if (id == NULL)
        return NULL;
    id->refs = 1;
    id->verified_ns = clock_mono_ns();
    id->until_s = INT64_MAX;
    if (cert != NULL)
        note_certificate(id, cert);
    for (int i = 0; i < sk_X509_num(chain); i++)
        note_end(id, sk_X509_value(chain, i));
    ERR_clear_error();
    return id;
}

struct tls_identity *tls_identity_ref(struct tls_identity *id)
{
    if (id != NULL)
        id->refs++;
    return id;
}

void tls_identity_unref(struct tls_identity **idp)
{
    struct tls_identity *id = *idp;

    *idp = NULL;
    if (id == NULL || --id->refs > 0)
        return;
    for (size_t i = 0; i < id->name_count; i++)
        free(id->names[i]);
    free(id->names);
    free(id->common_name);
    free(id);
}

const char *tls_identity_name(const struct tls_identity *id)
{
    if (id->name_count > 0)
        return id->names[0];
    return id->common_name == NULL ? "" : id->common_name;
}

bool tls_identity_is(const struct tls_identity *id, const char *name)
{
    for (size_t i = 0; i < id->name_count; i++)
        if (strcasecmp(id->names[i], name) == 0)
            return true;
    return !id->has_san && id->common_name != NULL && strcasecmp(id->common_name, name) == 0;
}

bool tls_identity_holds(const struct tls_identity *id, uint64_t lifetime_ns, uint64_t now_ns,
                        int64_t now_s)
{
    return now_ns - id->verified_ns < lifetime_ns && now_s <= id->until_s;
}
