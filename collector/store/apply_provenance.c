#include "collector/store/apply_provenance.h"

#include "collector/store/apply_evidence.h"
#include "collector/store/store_private.h"
#include "common/check.h"

enum {
    OF_INDEX,
    OF_MANIFEST,
    OF_STATEMENT,
    INDEX_CLEAR,
    INDEX_ADD,
    MANIFEST_CLEAR,
    MANIFEST_ADD,
    LEADS_ON,
};

/* The first three tell which images' manifests a document has to do with. */
static const char *const sql[] = {
    [OF_INDEX] = "SELECT DISTINCT subject FROM attestation WHERE in_index = ?",
    [OF_MANIFEST] = "SELECT DISTINCT subject FROM attestation WHERE manifest = ?",
    [OF_STATEMENT] = "SELECT DISTINCT a.subject FROM provenance p "
                     "JOIN attestation a ON a.manifest = p.manifest WHERE p.statement = ?",
    [INDEX_CLEAR] = "DELETE FROM attestation WHERE in_index = ?",
    [INDEX_ADD] = "INSERT INTO attestation (in_index, manifest, subject) VALUES (?, ?, ?)",
    [MANIFEST_CLEAR] = "DELETE FROM provenance WHERE manifest = ?",
    [MANIFEST_ADD] = "INSERT INTO provenance (manifest, statement) VALUES (?, ?)",
    [LEADS_ON] = "SELECT EXISTS (SELECT 1 FROM attestation WHERE in_index = ?1) "
                 "OR EXISTS (SELECT 1 FROM provenance WHERE manifest = ?1)",
};
const struct store_sql store_sql_apply_provenance = STORE_SQL(sql);

/* Of one index, before and after a change. */
struct subjects {
    struct digest items[2 * MANIFEST_ATTESTATIONS_MAX];
    size_t count;
};

static int add_subjects(struct store *s, const struct digest *in_index, struct subjects *out,
                        struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_apply_provenance, OF_INDEX);
    int more;

    stmt_digest(&st, in_index);
    while ((more = stmt_row(&st, err)) > 0) {
        check(out->count < sizeof(out->items) / sizeof(out->items[0]));
        if (stmt_get_digest(&st, 0, &out->items[out->count++], err) != 0)
            return -1;
    }
    return more;
}

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

/* Makes the evidence anew of all that an attestation or a statement is about. */
static int tell_all(struct store *s, int index, const struct digest *digest, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_apply_provenance, index);
    struct digest subject;
    int more;

    stmt_digest(&st, digest);
    while ((more = stmt_row(&st, err)) > 0)
        if (stmt_get_digest(&st, 0, &subject, err) != 0 ||
            apply_evidence_provenance(s, &subject, err) != 0)
            return -1;
    return more;
}

int apply_provenance_manifest(struct store *s, const struct digest *digest,
                              const struct manifest *m, struct err *err)
{
    struct subjects subjects = {.count = 0};

    if (add_subjects(s, digest, &subjects, err) != 0 || clear(s, INDEX_CLEAR, digest, err) != 0 ||
        clear(s, MANIFEST_CLEAR, digest, err) != 0)
        return -1;
    if (m != NULL &&
        (add_attestations(s, digest, m, err) != 0 || add_statements(s, digest, m, err) != 0 ||
         add_subjects(s, digest, &subjects, err) != 0))
        return -1;
    for (size_t i = 0; i < subjects.count; i++)
        if (apply_evidence_provenance(s, &subjects.items[i], err) != 0)
            return -1;
    return tell_all(s, OF_MANIFEST, digest, err);
}

int apply_provenance_statement(struct store *s, const struct digest *statement, struct err *err)
{
    return tell_all(s, OF_STATEMENT, statement, err);
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
