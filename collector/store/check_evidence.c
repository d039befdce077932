#include <string.h>

#include "collector/store/check_private.h"
#include "collector/store/evidence_parse.h"

enum { SAME_RULES, OF_IMAGE, OF_MANIFEST, STRAY_IMAGES, STRAY_MANIFESTS };

static const char *const sql[] = {
    [SAME_RULES] = "SELECT 1 FROM meta WHERE key = 'evidence_rules' AND value = ?",
    [OF_IMAGE] = "SELECT source, seq, reference, digest, role, top, layers FROM base_evidence "
                 "WHERE image_id = ? ORDER BY source, seq",
    [OF_MANIFEST] = "SELECT source, seq, reference, digest FROM manifest_evidence "
                    "WHERE manifest = ? ORDER BY source, seq",
    [STRAY_IMAGES] = "SELECT printf('base_evidence: image %d: of an image that was not read', "
                     "e.image_id) FROM base_evidence e JOIN image i ON i.id = e.image_id "
                     "WHERE i.parsed <> 1 GROUP BY e.image_id",
    [STRAY_MANIFESTS] = "SELECT printf('manifest_evidence: %s: of a manifest that was not read', "
                        "lower(hex(e.manifest))) FROM manifest_evidence e "
                        "WHERE NOT EXISTS "
                        "(SELECT 1 FROM manifest m WHERE m.digest = e.manifest) "
                        "GROUP BY e.manifest",
};
const struct store_sql store_sql_check_evidence = STORE_SQL(sql);

int check_same_rules(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_evidence, SAME_RULES);

    stmt_int(&st, EVIDENCE_RULES);
    return stmt_row(&st, err);
}

/* Whether the column holds the digest, or NULL for none. */
static int is_digest(const struct stmt *st, int column, const struct digest *d, bool *out,
                     struct err *err)
{
    struct digest held = {{0}};

    if (!stmt_is_null(st, column) && stmt_get_digest(st, column, &held, err) != 0)
        return -1;
    *out = *out && digest_eq(&held, d);
    return 0;
}

/* Whether the current row is number `i` of those that are expected. */
static int is_row(const struct stmt *st, const struct evidence_rows *rows, size_t i, bool of_image,
                  bool *out, struct err *err)
{
    const struct fleet_evidence *row = &rows->items[i];

    *out = i < rows->count && stmt_get_int(st, 0) == row->source &&
           stmt_get_int(st, 1) == evidence_seq(rows, i) &&
           strcmp(stmt_get_text(st, 2), row->reference) == 0;
    if (*out && is_digest(st, 3, &row->digest, out, err) != 0)
        return -1;
    if (!*out || !of_image)
        return 0;
    *out = stmt_get_int(st, 4) == row->role &&
           (stmt_is_null(st, 6) ? FLEET_UNKNOWN : stmt_get_int(st, 6)) == row->layers;
    return is_digest(st, 5, &row->top, out, err);
}

/* Compares all rows of the statement, which is bound. 1 they are the expected ones, 0, -1. */
static int are_rows(struct stmt *st, const struct evidence_rows *rows, bool of_image,
                    struct err *err)
{
    size_t n = 0;
    bool same = true;
    int more;

    while (same && (more = stmt_row(st, err)) != 0)
        if (more < 0 || is_row(st, rows, n++, of_image, &same, err) != 0)
            return -1;
    return same && n == rows->count;
}

int check_evidence_of_image(struct checking *c, long long id, const struct config *config,
                            struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_evidence, OF_IMAGE);
    struct evidence_rows rows;
    int same = check_same_rules(c, err);

    if (same <= 0)
        return same;
    if (evidence_of_config(&rows, config, arena, err) != 0)
        return -1;
    stmt_int(&st, id);
    same = are_rows(&st, &rows, true, err);
    if (same == 0)
        check_find(c, "base_evidence: image %lld: not what its document says", id);
    return same < 0 ? -1 : 0;
}

int check_evidence_of_manifest(struct checking *c, const struct digest *digest,
                               const struct manifest *m, struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_evidence, OF_MANIFEST);
    char hex[DIGEST_HEX + 1];
    struct evidence_rows rows;
    int same = check_same_rules(c, err);

    if (same <= 0)
        return same;
    if (evidence_of_manifest(&rows, m, arena, err) != 0)
        return -1;
    stmt_digest(&st, digest);
    same = are_rows(&st, &rows, false, err);
    if (same == 0)
        check_find(c, "manifest_evidence: %s: not what its document says", digest_hex(digest, hex));
    return same < 0 ? -1 : 0;
}

int check_evidence(struct checking *c, struct err *err)
{
    if (check_provenance(c, err) != 0)
        return -1;
    if (check_rows_of(c, STORE_SET_check_evidence, STRAY_IMAGES, err) != 0)
        return -1;
    return check_rows_of(c, STORE_SET_check_evidence, STRAY_MANIFESTS, err);
}
