#include <string.h>

#include "collector/store/check_private.h"
#include "collector/store/evidence_parse.h"

enum {
    ATTESTATIONS,
    ATTESTATION_HAS,
    STATEMENTS,
    STATEMENT_HAS,
    DOCUMENTS,
    MATERIALS,
    SUBJECTS,
    SUBJECT_HAS,
    STRAY_INDEXES,
    STRAY_MANIFESTS,
    STRAY_STATEMENTS,
};

static const char *const sql[] = {
    [ATTESTATIONS] = "SELECT count(*) FROM attestation WHERE in_index = ?",
    [ATTESTATION_HAS] = "SELECT 1 FROM attestation WHERE in_index = ? AND manifest = ? "
                        "AND subject = ?",
    [STATEMENTS] = "SELECT count(*) FROM provenance WHERE manifest = ?",
    [STATEMENT_HAS] = "SELECT 1 FROM provenance WHERE manifest = ? AND statement = ?",
    [DOCUMENTS] = "SELECT digest, bytes FROM document WHERE kind = 4 AND state <> 4",
    [MATERIALS] = "SELECT seq, reference, digest FROM material WHERE statement = ? ORDER BY seq",
    [SUBJECTS] = "SELECT count(*) FROM statement_subject WHERE statement = ?",
    [SUBJECT_HAS] = "SELECT 1 FROM statement_subject WHERE statement = ? AND subject = ?",
    [STRAY_INDEXES] = "SELECT printf('attestation: %s: of an index that was not read', "
                      "lower(hex(a.in_index))) FROM attestation a WHERE NOT EXISTS "
                      "(SELECT 1 FROM document d WHERE d.kind = 3 AND d.digest = a.in_index "
                      "AND d.state <> 4) GROUP BY a.in_index",
    [STRAY_MANIFESTS] = "SELECT printf('provenance: %s: of a manifest that was not read', "
                        "lower(hex(p.manifest))) FROM provenance p WHERE NOT EXISTS "
                        "(SELECT 1 FROM manifest m WHERE m.digest = p.manifest) "
                        "GROUP BY p.manifest",
    [STRAY_STATEMENTS] =
        "SELECT printf('material: %s: of a statement that was not read', lower(hex(t.statement))) "
        "FROM (SELECT statement FROM material UNION SELECT statement FROM statement_subject) t "
        "WHERE NOT EXISTS (SELECT 1 FROM document d WHERE d.kind = 4 AND d.digest = t.statement "
        "AND d.state <> 4)",
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

/* ---- what statements say --------------------------------------------------------------------- */

/* Whether the current row is material number `i`. */
static int is_material(const struct stmt *st, const struct evidence_rows *rows, size_t i, bool *out,
                       struct err *err)
{
    struct digest digest = {{0}};

    if (!stmt_is_null(st, 2) && stmt_get_digest(st, 2, &digest, err) != 0)
        return -1;
    *out = i < rows->count && stmt_get_int(st, 0) == (int64_t)i &&
           strcmp(stmt_get_text(st, 1), rows->items[i].reference) == 0 &&
           digest_eq(&digest, &rows->items[i].digest);
    return 0;
}

/* 1 the rows are what the statement says, 0, -1. */
static int are_materials(struct checking *c, const struct digest *statement,
                         const struct evidence_rows *rows, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_provenance, MATERIALS);
    size_t n = 0;
    bool same = true;
    int more;

    stmt_digest(&st, statement);
    while (same && (more = stmt_row(&st, err)) != 0)
        if (more < 0 || is_material(&st, rows, n++, &same, err) != 0)
            return -1;
    return same && n == rows->count;
}

static int are_subjects(struct checking *c, const struct digest *statement,
                        const struct evidence_statement *said, struct err *err)
{
    int64_t rows;
    int same = 1;

    if (count_of(c, SUBJECTS, statement, &rows, err) != 0)
        return -1;
    for (size_t i = 0; i < said->subject_count && same > 0; i++)
        same = has_row(c, SUBJECT_HAS, statement, &said->subjects[i], NULL, err);
    return same > 0 ? rows == (int64_t)said->subject_count : same;
}

static int check_statement(struct checking *c, const struct stmt *st, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct evidence_statement said;
    char hex[DIGEST_HEX + 1];
    struct digest digest;
    const void *data;
    size_t len;
    int same;

    data = stmt_get_blob(st, 1, &len);
    if (stmt_get_digest(st, 0, &digest, err) != 0 ||
        arena_open(&arena, EVIDENCE_ARENA_BYTES, err) != 0 ||
        evidence_of_statement(&said, data, len, arena, err) != 0)
        return -1;
    same = are_materials(c, &digest, &said.materials, err);
    if (same > 0)
        same = are_subjects(c, &digest, &said, err);
    if (same == 0)
        check_find(c, "material: %s: not what its statement says", digest_hex(&digest, hex));
    return same < 0 ? -1 : 0;
}

static int check_statements(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_provenance, DOCUMENTS);
    int more = check_same_rules(c, err);

    if (more <= 0)
        return more;
    while ((more = stmt_row(&st, err)) > 0)
        if (check_statement(c, &st, err) != 0)
            return -1;
    return more;
}

int check_provenance(struct checking *c, struct err *err)
{
    for (int index = STRAY_INDEXES; index <= STRAY_STATEMENTS; index++)
        if (check_rows_of(c, STORE_SET_check_provenance, index, err) != 0)
            return -1;
    return check_statements(c, err);
}
