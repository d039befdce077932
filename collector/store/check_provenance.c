#include "collector/store/check_private.h"
#include "collector/store/manifest_parse.h"

enum { ATTESTATIONS, ATTESTATION_HAS, STATEMENTS, STATEMENT_HAS, STRAY_INDEXES, STRAY_MANIFESTS };

static const char *const sql[] = {
    [ATTESTATIONS] = "SELECT count(*) FROM attestation WHERE in_index = ?",
    [ATTESTATION_HAS] = "SELECT 1 FROM attestation WHERE in_index = ? AND manifest = ? "
                        "AND subject = ?",
    [STATEMENTS] = "SELECT count(*) FROM provenance WHERE manifest = ?",
    [STATEMENT_HAS] = "SELECT 1 FROM provenance WHERE manifest = ? AND statement = ?",
    [STRAY_INDEXES] = "SELECT printf('attestation: %s: of an index that was not read', "
                      "lower(hex(a.in_index))) FROM attestation a WHERE NOT EXISTS "
                      "(SELECT 1 FROM document d WHERE d.kind = 3 AND d.digest = a.in_index "
                      "AND d.state <> 4) GROUP BY a.in_index",
    [STRAY_MANIFESTS] = "SELECT printf('provenance: %s: of a manifest that was not read', "
                        "lower(hex(p.manifest))) FROM provenance p WHERE NOT EXISTS "
                        "(SELECT 1 FROM manifest m WHERE m.digest = p.manifest) "
                        "GROUP BY p.manifest",
};
const struct store_sql store_sql_check_provenance = STORE_SQL(sql);

static int count_of(struct checking *c, int index, const struct digest *digest, int64_t *out,
                    struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_provenance, index);

    stmt_digest(&st, digest);
    if (stmt_row(&st, err) <= 0)
        return -1;
    *out = stmt_get_int(&st, 0);
    return 0;
}

/* 1 the row is there, 0, -1. `subject` NULL where the table has none. */
static int has_row(struct checking *c, int index, const struct digest *digest,
                   const struct digest *listed, const struct digest *subject, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_provenance, index);

    stmt_digest(&st, digest);
    stmt_digest(&st, listed);
    if (subject != NULL)
        stmt_digest(&st, subject);
    return stmt_row(&st, err);
}

/* 1 the rows are what is listed, 0, -1. */
static int are_attestations(struct checking *c, const struct digest *digest,
                            const struct manifest *m, struct err *err)
{
    size_t count = m != NULL ? m->attestation_count : 0;
    int64_t rows;
    int same = 1;

    if (count_of(c, ATTESTATIONS, digest, &rows, err) != 0)
        return -1;
    for (size_t i = 0; i < count && same > 0; i++)
        same = has_row(c, ATTESTATION_HAS, digest, &m->attestations[i].manifest,
                       &m->attestations[i].subject, err);
    return same > 0 ? rows == (int64_t)count : same;
}

static int are_statements(struct checking *c, const struct digest *digest, const struct manifest *m,
                          struct err *err)
{
    size_t count = m != NULL ? m->provenance_count : 0;
    int64_t rows;
    int same = 1;

    if (count_of(c, STATEMENTS, digest, &rows, err) != 0)
        return -1;
    for (size_t i = 0; i < count && same > 0; i++)
        same = has_row(c, STATEMENT_HAS, digest, &m->provenances[i], NULL, err);
    return same > 0 ? rows == (int64_t)count : same;
}

int check_provenance_of(struct checking *c, const struct digest *digest, const struct manifest *m,
                        struct err *err)
{
    int attestations = are_attestations(c, digest, m, err);
    int statements = attestations < 0 ? -1 : are_statements(c, digest, m, err);
    char hex[DIGEST_HEX + 1];

    if (statements < 0)
        return -1;
    if (attestations == 0)
        check_find(c, "attestation: %s: not what its index lists", digest_hex(digest, hex));
    if (statements == 0)
        check_find(c, "provenance: %s: not what its manifest lists", digest_hex(digest, hex));
    return 0;
}

int check_provenance(struct checking *c, struct err *err)
{
    if (check_rows_of(c, STORE_SET_check_provenance, STRAY_INDEXES, err) != 0)
        return -1;
    return check_rows_of(c, STORE_SET_check_provenance, STRAY_MANIFESTS, err);
}
