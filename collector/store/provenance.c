#include "collector/store/provenance.h"

#include "collector/store/store_private.h"

enum { STATEMENTS };

static const char *const sql[] = {
    [STATEMENTS] = "SELECT d.bytes FROM document d WHERE d.kind = 4 AND d.state <> 4 "
                   "AND d.digest IN (SELECT p.statement FROM attestation a "
                   "JOIN provenance p ON p.manifest = a.manifest WHERE a.subject = ?) "
                   "ORDER BY d.digest LIMIT 16",
};
const struct store_sql store_sql_provenance = STORE_SQL(sql);

int provenance_of(struct store *s, const struct digest *subject, struct evidence_rows *out,
                  struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_provenance, STATEMENTS);
    int more;

    out->count = 0;
    stmt_digest(&st, subject);
    while ((more = stmt_row(&st, err)) > 0) {
        const void *data;
        size_t len;

        data = stmt_get_blob(&st, 0, &len);
        if (evidence_of_statement(out, data, len, subject, arena, err) != 0)
            return -1;
    }
    return more;
}
