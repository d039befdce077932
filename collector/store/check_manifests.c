#include <string.h>

#include "collector/store/check_private.h"
#include "collector/store/manifest_parse.h"

enum { STRAY, MANIFESTS, BLOBS };

static const char *const sql[] = {
    [STRAY] = "SELECT printf('manifest: %s without a document that is believed', "
              "lower(hex(m.digest))) FROM manifest m WHERE NOT EXISTS (SELECT 1 FROM document d "
              "WHERE d.kind = 2 AND d.digest = m.digest AND d.state <> 4)",
    [MANIFESTS] = "SELECT d.id, d.kind, d.bytes, m.id, m.config, m.layer_count, d.digest "
                  "FROM document d "
                  "LEFT JOIN manifest m ON m.digest = d.digest "
                  "WHERE d.kind IN (2, 3) AND d.state <> 4",
    [BLOBS] = ("SELECT position, digest, bytes, media_type FROM manifest_blob "
               "WHERE manifest_id = ? ORDER BY position"),
};
const struct store_sql store_sql_check_manifests = STORE_SQL(sql);

/* Whether the current row is the blob at `position` of the document's. */
static int is_blob(const struct stmt *st, const struct manifest *m, size_t position, bool *out,
                   struct err *err)
{
    struct digest digest;

    if (stmt_get_digest(st, 1, &digest, err) != 0)
        return -1;
    *out = position < m->blob_count && stmt_get_int(st, 0) == (int64_t)position &&
           digest_eq(&digest, &m->blobs[position].digest) &&
           stmt_get_int(st, 2) == (int64_t)m->blobs[position].bytes &&
           strcmp(stmt_get_text(st, 3), m->blobs[position].media_type) == 0;
    return 0;
}

static int check_blobs(struct checking *c, long long id, const struct manifest *m, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_manifests, BLOBS);
    size_t n = 0;
    bool same = true;
    int more;

    stmt_int(&st, id);
    while ((more = stmt_row(&st, err)) > 0 && same)
        if (is_blob(&st, m, n++, &same, err) != 0)
            return -1;
    if (more < 0)
        return -1;
    if (!same || n != m->blob_count)
        check_find(c, "manifest_blob: manifest %lld: not the blobs of its document", id);
    return 0;
}

static int check_manifest(struct checking *c, const struct stmt *st, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    long long document = stmt_get_int(st, 0), id = stmt_get_int(st, 3);
    struct manifest m;
    struct digest config, digest;
    struct err why;
    const void *data;
    size_t len;
    bool read;

    if (stmt_get_digest(st, 6, &digest, err) != 0)
        return -1;
    if (arena_open(&arena, MANIFEST_ARENA_BYTES, err) != 0)
        return -1;
    data = stmt_get_blob(st, 2, &len);
    read = manifest_parse(&m, data, len, arena, &why) == 0;
    if (read && stmt_get_int(st, 1) != m.kind)
        check_find(c, "document: %lld: kind expected %d, got %lld", document, m.kind,
                   (long long)stmt_get_int(st, 1));
    if (check_provenance_of(c, &digest, read ? &m : NULL, err) != 0)
        return -1;
    if (stmt_is_null(st, 3) == (read && m.kind == REC_DOC_MANIFEST)) {
        check_find(c, "manifest: of document %lld: %s", document, id == 0 ? "missing" : "too much");
        return 0;
    }
    if (id == 0)
        return 0;
    if (stmt_get_digest(st, 4, &config, err) != 0)
        return -1;
    if (!digest_eq(&config, &m.config) || stmt_get_int(st, 5) != (int64_t)m.blob_count)
        check_find(c, "manifest: %lld: not what its document says", id);
    if (check_blobs(c, id, &m, err) != 0)
        return -1;
    return check_evidence_of_manifest(c, &digest, &m, arena, err);
}

int check_manifests(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_manifests, MANIFESTS);
    int more;

    if (check_rows_of(c, STORE_SET_check_manifests, STRAY, err) != 0)
        return -1;
    while ((more = stmt_row(&st, err)) > 0) {
        if (check_manifest(c, &st, err) != 0)
            return -1;
        c->result->checked++;
    }
    return more;
}
