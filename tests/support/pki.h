/*
 * pki: a small world of certificates in a directory, made anew for each test program.
 *
 *     ca.pem other-ca.pem              two CAs that do not know each other
 *     server.pem server.key            localhost, 127.0.0.1, ::1; signed by ca
 *     client.pem client.key            DNS node-1 and node-1.example, CN "node one"
 *     cn.pem cn.key                    CN node-2 and no subjectAltName
 *     wrong.pem wrong.key              DNS elsewhere.example
 *     expired.pem expired.key          localhost, but over since yesterday
 *     stranger.pem stranger.key        localhost, signed by other-ca
 */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#define PKI_PATH 128

struct pki {
    char dir[64]; /* under /tmp */
};

/* Aborts the program when it cannot. */
void pki_make(struct pki *pki);
void pki_remove(struct pki *pki);
/* One more: `name`.pem and `name`.key for DNS `name`, signed by ca. */
void pki_issue(const struct pki *pki, const char *name);
/* The same for the DNS names `name`-0 to `name`-9. */
#define PKI_SHARERS 10
void pki_issue_shared(const struct pki *pki, const char *name);
/* "dir/name" in `out`, which is returned. */
const char *pki_path(const struct pki *pki, const char *name, char out[PKI_PATH]);

#endif
