#include "collector/store/apply_provenance.h"

#include "collector/store/evidence_parse.h"
#include "collector/store/store_private.h"

enum {
    INDEX_CLEAR,
    INDEX_ADD,
    MANIFEST_CLEAR,
    MANIFEST_ADD,
    MATERIALS_CLEAR,
    MATERIAL_ADD,
    SUBJECTS_CLEAR,
    SUBJECT_ADD,
    LEADS_ON,
};

static const char *const sql[] = {
    [INDEX_CLEAR] = "DELETE FROM attestation WHERE in_index = ?",
    [INDEX_ADD] = "INSERT INTO attestation (in_index, manifest, subject) VALUES (?, ?, ?)",
    [MANIFEST_CLEAR] = "DELETE FROM provenance WHERE manifest = ?",
    [MANIFEST_ADD] = "INSERT INTO provenance (manifest, statement) VALUES (?, ?)",
    [MATERIALS_CLEAR] = "DELETE FROM material WHERE statement = ?",
    [MATERIAL_ADD] = "INSERT INTO material (statement, seq, reference, digest) VALUES (?, ?, ?, ?)",
    [SUBJECTS_CLEAR] = "DELETE FROM statement_subject WHERE statement = ?",
    [SUBJECT_ADD] = "INSERT INTO statement_subject (statement, subject) VALUES (?, ?)",
    [LEADS_ON] = ("SELECT EXISTS (SELECT 1 FROM attestation WHERE in_index = ?1) "
                  "OR EXISTS (SELECT 1 FROM provenance WHERE manifest = ?1)"),
};
const struct store_sql store_sql_apply_provenance = STORE_SQL(sql);

static int clear(struct store *s, int index, const struct digest *digest, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_apply_provenance, index);

    stmt_digest(&st, digest);
    return stmt_run(&st, err);
}

static int add_attestations(struct store *s, const struct digest *digest, const struct manifest *m,
                            struct err *err)
{
    for (size_t i = 0; i < m->attestation_count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_apply_provenance, INDEX_ADD);

        stmt_digest(&st, digest);
        stmt_digest(&st, &m->attestations[i].manifest);
        stmt_digest(&st, &m->attestations[i].subject);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int add_statements(struct store *s, const struct digest *digest, const struct manifest *m,
                          struct err *err)
{
    for (size_t i = 0; i < m->provenance_count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_apply_provenance, MANIFEST_ADD);

        stmt_digest(&st, digest);
        stmt_digest(&st, &m->provenances[i]);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

int apply_provenance_manifest(struct store *s, const struct digest *digest,
                              const struct manifest *m, struct err *err)
{
    if (clear(s, INDEX_CLEAR, digest, err) != 0 || clear(s, MANIFEST_CLEAR, digest, err) != 0)
        return -1;
    if (m == NULL)
        return 0;
    return add_attestations(s, digest, m, err) != 0 ? -1 : add_statements(s, digest, m, err);
}

static int add_materials(struct store *s, const struct digest *statement,
                         const struct evidence_rows *materials, struct err *err)
{
    for (size_t i = 0; i < materials->count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_apply_provenance, MATERIAL_ADD);
        const struct digest *digest = &materials->items[i].digest;

        stmt_digest(&st, statement);
        stmt_int(&st, (int64_t)i);
        stmt_text(&st, materials->items[i].reference);
        stmt_digest(&st, digest_is_zero(digest) ? NULL : digest);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int add_subjects(struct store *s, const struct digest *statement,
                        const struct evidence_statement *said, struct err *err)
{
    for (size_t i = 0; i < said->subject_count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_apply_provenance, SUBJECT_ADD);

        stmt_digest(&st, statement);
        stmt_digest(&st, &said->subjects[i]);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

int apply_provenance_statement(struct store *s, const struct digest *statement, const uint8_t *data,
                               size_t len, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct evidence_statement said;

    if (clear(s, MATERIALS_CLEAR, statement, err) != 0 ||
        clear(s, SUBJECTS_CLEAR, statement, err) != 0)
        return -1;
    if (data == NULL)
        return 0;
    if (arena_open(&arena, EVIDENCE_ARENA_BYTES, err) != 0 ||
        evidence_of_statement(&said, data, len, arena, err) != 0)
        return -1;
    return add_materials(s, statement, &said.materials, err) != 0
               ? -1
               : add_subjects(s, statement, &said, err);
}

int apply_provenance_leads_on(struct store *s, const struct digest *digest, bool *out,
                              struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_apply_provenance, LEADS_ON);

    stmt_digest(&st, digest);
    if (stmt_row(&st, err) <= 0)
        return -1;
    *out = stmt_get_int(&st, 0) != 0;
    return 0;
}
