#include "tests/support/pki.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"

#define DAY 86400

struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

struct wish {
    const char *name, *common_name, *alt_names; /* alt_names NULL: none */
    long from, until;                           /* seconds from now */
};

const char *pki_path(const struct pki *pki, const char *name, char out[PKI_PATH])
{
    snprintf(out, PKI_PATH, "%s/%s", pki->dir, name);
    return out;
}

static FILE *open_file(const struct pki *pki, const char *name, const char *suffix)
{
    char path[PKI_PATH];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s%s", pki->dir, name, suffix);
    f = fopen(path, "we");
    check(f != NULL && fchmod(fileno(f), 0600) == 0);
    return f;
}

static void save(const struct pki *pki, const char *name, const struct identity *id)
{
    FILE *f = open_file(pki, name, ".pem");

    check(PEM_write_X509(f, id->cert) == 1);
    fclose(f);
    f = open_file(pki, name, ".key");
    check(PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *ext;
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    check(ext != NULL);
    check(X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

/* `ca` NULL: signed by itself. */
static struct identity issue(const struct identity *ca, const struct wish *w)
{
    struct identity id = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_get_subject_name(id.cert);
    X509 *issuer = ca == NULL ? id.cert : ca->cert;

    check(id.cert != NULL && id.key != NULL);
    X509_set_version(id.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), (long)random());
    X509_gmtime_adj(X509_getm_notBefore(id.cert), w->from);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), w->until);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)w->common_name,
                               -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(issuer));
    X509_set_pubkey(id.cert, id.key);
    add_extension(id.cert, issuer, NID_basic_constraints, ca == NULL ? "CA:TRUE" : "CA:FALSE");
    if (w->alt_names != NULL)
        add_extension(id.cert, issuer, NID_subject_alt_name, w->alt_names);
    check(X509_sign(id.cert, ca == NULL ? id.key : ca->key, EVP_sha256()) > 0);
    return id;
}

static void drop(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

static void issue_and_save(const struct pki *pki, const struct identity *ca, const struct wish *w)
{
    struct identity id = issue(ca, w);

    save(pki, w->name, &id);
    drop(&id);
}

void pki_make(struct pki *pki)
{
    static const struct wish leaves[] = {
        {"server", "localhost", "DNS:localhost,IP:127.0.0.1,IP:::1", -DAY, DAY},
        {"client", "node one", "DNS:node-1,DNS:node-1.example", -DAY, DAY},
        {"cn", "node-2", NULL, -DAY, DAY},
        {"wrong", "elsewhere", "DNS:elsewhere.example", -DAY, DAY},
        {"expired", "localhost", "DNS:localhost", -2 * DAY, -DAY},
    };
    const struct wish first = {"ca", "test CA", NULL, -DAY, DAY};
    const struct wish second = {"other-ca", "other CA", NULL, -DAY, DAY};
    const struct wish stranger = {"stranger", "localhost", "DNS:localhost", -DAY, DAY};
    struct identity ca = issue(NULL, &first), other = issue(NULL, &second);

    snprintf(pki->dir, sizeof(pki->dir), "/tmp/census-pki-XXXXXX");
    check(mkdtemp(pki->dir) != NULL);
    save(pki, "ca", &ca);
    save(pki, "other-ca", &other);
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
        issue_and_save(pki, &ca, &leaves[i]);
    issue_and_save(pki, &other, &stranger);
    drop(&ca);
    drop(&other);
}

static void issue_leaf(const struct pki *pki, const char *name, const char *alt_names)
{
    char path[PKI_PATH];
    const struct wish wish = {name, name, alt_names, -DAY, DAY};
    struct identity ca = {0};
    FILE *f = fopen(pki_path(pki, "ca.pem", path), "re");

    check(f != NULL);
    ca.cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    f = fopen(pki_path(pki, "ca.key", path), "re");
    check(f != NULL);
    ca.key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    check(ca.cert != NULL && ca.key != NULL);
    issue_and_save(pki, &ca, &wish);
    drop(&ca);
}

void pki_issue(const struct pki *pki, const char *name)
{
    char alt_names[PKI_PATH];

    snprintf(alt_names, sizeof(alt_names), "DNS:%s", name);
    issue_leaf(pki, name, alt_names);
}

void pki_issue_shared(const struct pki *pki, const char *name)
{
    char alt_names[PKI_SHARERS * PKI_PATH];
    size_t len = 0;

    for (unsigned i = 0; i < PKI_SHARERS; i++)
        len += (size_t)snprintf(alt_names + len, sizeof(alt_names) - len, "%sDNS:%s-%u",
                                i == 0 ? "" : ",", name, i);
    check(len < sizeof(alt_names));
    issue_leaf(pki, name, alt_names);
}

void pki_remove(struct pki *pki)
{
    DIR *dir = opendir(pki->dir);
    char path[PKI_PATH + 256];

    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", pki->dir, e->d_name);
        unlink(path);
    }
    closedir(dir);
    rmdir(pki->dir);
}
