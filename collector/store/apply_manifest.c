#include "collector/store/apply_manifest.h"

#include "collector/store/apply_evidence.h"
#include "collector/store/apply_provenance.h"
#include "collector/store/store_private.h"

enum { BLOBS_CLEAR, MANIFEST_CLEAR, MANIFEST_ADD, BLOB_ADD };

static const char *const sql[] = {
    [BLOBS_CLEAR] = "DELETE FROM manifest_blob WHERE manifest_id = "
                    "(SELECT id FROM manifest WHERE digest = ?)",
    [MANIFEST_CLEAR] = "DELETE FROM manifest WHERE digest = ?",
    [MANIFEST_ADD] = "INSERT INTO manifest (digest, config, layer_count) VALUES (?, ?, ?)",
    [BLOB_ADD] = "INSERT INTO manifest_blob (manifest_id, position, digest, bytes, media_type) "
                 "VALUES (?, ?, ?, ?, ?)",
};
const struct store_sql store_sql_manifest = STORE_SQL(sql);

static int clear(struct store *s, const struct digest *digest, struct err *err)
{
    for (int index = BLOBS_CLEAR; index <= MANIFEST_CLEAR; index++) {
        struct stmt st = stmt_use(s, STORE_SET_manifest, index);

        stmt_digest(&st, digest);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int add_blobs(struct store *s, int64_t manifest_id, const struct manifest *m,
                     struct err *err)
{
    for (size_t i = 0; i < m->blob_count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_manifest, BLOB_ADD);

        stmt_int(&st, manifest_id);
        stmt_int(&st, (int64_t)i);
        stmt_digest(&st, &m->blobs[i].digest);
        stmt_int(&st, (int64_t)m->blobs[i].bytes);
        stmt_text(&st, m->blobs[i].media_type);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

int apply_manifest(struct store *s, const struct digest *digest, const struct manifest *m,
                   struct err *err)
{
    struct stmt st;

    if (apply_provenance_manifest(s, digest, m, err) != 0)
        return -1;
    if (m != NULL && m->kind != REC_DOC_MANIFEST)
        m = NULL;
    if (clear(s, digest, err) != 0 || apply_evidence_manifest(s, digest, m, err) != 0)
        return -1;
    if (m == NULL)
        return 0;
    st = stmt_use(s, STORE_SET_manifest, MANIFEST_ADD);
    stmt_digest(&st, digest);
    stmt_digest(&st, &m->config);
    stmt_int(&st, (int64_t)m->blob_count);
    if (stmt_run(&st, err) != 0)
        return -1;
    return add_blobs(s, store_last_id(s), m, err);
}
