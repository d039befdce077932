#include "collector/store/apply_evidence.h"

#include <stdio.h>

#include "collector/store/apply_config.h"
#include "collector/store/apply_provenance.h"
#include "collector/store/store_private.h"
#include "common/log.h"

enum {
    IMAGE_CLEAR,
    IMAGE_ADD,
    MANIFEST_CLEAR,
    MANIFEST_ADD,
    RULES_ARE,
    RULES_SET,
    CLEAR_IMAGES,
    CLEAR_MANIFESTS,
    CLEAR_MATERIALS,
    CLEAR_SUBJECTS,
    CONFIGS,
    MANIFESTS,
    STATEMENTS,
};

static const char *const sql[] = {
    [IMAGE_CLEAR] = "DELETE FROM base_evidence WHERE image_id = ?",
    [IMAGE_ADD] = "INSERT INTO base_evidence "
                  "(image_id, source, seq, role, reference, digest, top, layers) "
                  "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [MANIFEST_CLEAR] = "DELETE FROM manifest_evidence WHERE manifest = ?",
    [MANIFEST_ADD] = "INSERT INTO manifest_evidence (manifest, source, seq, reference, digest) "
                     "VALUES (?, ?, ?, ?, ?)",
    [RULES_ARE] = "SELECT 1 FROM meta WHERE key = 'evidence_rules' AND value = ?",
    [RULES_SET] = "INSERT OR REPLACE INTO meta (key, value) VALUES ('evidence_rules', ?)",
    [CLEAR_IMAGES] = "DELETE FROM base_evidence",
    [CLEAR_MANIFESTS] = "DELETE FROM manifest_evidence",
    [CLEAR_MATERIALS] = "DELETE FROM material",
    [CLEAR_SUBJECTS] = "DELETE FROM statement_subject",
    [CONFIGS] = "SELECT i.id, d.bytes FROM image i JOIN document d ON d.kind = 1 "
                "AND d.digest = i.digest WHERE i.parsed = ? ORDER BY i.id",
    [MANIFESTS] = "SELECT digest, bytes FROM document WHERE kind IN (2, 3) AND state <> 4 "
                  "ORDER BY id",
    [STATEMENTS] = "SELECT digest, bytes FROM document WHERE kind = 4 AND state <> 4 ORDER BY id",
};
const struct store_sql store_sql_evidence = STORE_SQL(sql);

static const struct digest *or_null(const struct digest *d)
{
    return digest_is_zero(d) ? NULL : d;
}

static int add_to_image(struct store *s, int64_t image_id, const struct evidence_rows *rows,
                        size_t i, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_evidence, IMAGE_ADD);
    const struct fleet_evidence *row = &rows->items[i];

    stmt_int(&st, image_id);
    stmt_int(&st, row->source);
    stmt_int(&st, evidence_seq(rows, i));
    stmt_int(&st, row->role);
    stmt_text(&st, row->reference);
    stmt_digest(&st, or_null(&row->digest));
    stmt_digest(&st, or_null(&row->top));
    stmt_int_if(&st, row->layers != FLEET_UNKNOWN, row->layers);
    return stmt_run(&st, err);
}

static int add_to_manifest(struct store *s, const struct digest *manifest,
                           const struct evidence_rows *rows, size_t i, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_evidence, MANIFEST_ADD);
    const struct fleet_evidence *row = &rows->items[i];

    stmt_digest(&st, manifest);
    stmt_int(&st, row->source);
    stmt_int(&st, evidence_seq(rows, i));
    stmt_text(&st, row->reference);
    stmt_digest(&st, or_null(&row->digest));
    return stmt_run(&st, err);
}

int apply_evidence_config(struct store *s, int64_t image_id, const struct config *c,
                          struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct stmt st = stmt_use(s, STORE_SET_evidence, IMAGE_CLEAR);
    struct evidence_rows rows;

    stmt_int(&st, image_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    if (c == NULL)
        return 0;
    if (arena_open(&arena, EVIDENCE_ARENA_BYTES, err) != 0 ||
        evidence_of_config(&rows, c, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < rows.count; i++)
        if (add_to_image(s, image_id, &rows, i, err) != 0)
            return -1;
    return 0;
}

int apply_evidence_manifest(struct store *s, const struct digest *manifest,
                            const struct manifest *m, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct stmt st = stmt_use(s, STORE_SET_evidence, MANIFEST_CLEAR);
    struct evidence_rows rows;

    stmt_digest(&st, manifest);
    if (stmt_run(&st, err) != 0)
        return -1;
    if (m == NULL)
        return 0;
    if (arena_open(&arena, EVIDENCE_ARENA_BYTES, err) != 0 ||
        evidence_of_manifest(&rows, m, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < rows.count; i++)
        if (add_to_manifest(s, manifest, &rows, i, err) != 0)
            return -1;
    return 0;
}

/* ---- all of it again ------------------------------------------------------------------------- */

/* 1 the database was read by these rules, 0 by others or never, -1. */
static int rules_are(struct store *s, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_evidence, RULES_ARE);

    stmt_int(&st, EVIDENCE_RULES);
    return stmt_row(&st, err);
}

static int set_rules(struct store *s, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_evidence, RULES_SET);

    stmt_int(&st, EVIDENCE_RULES);
    return stmt_run(&st, err);
}

static int clear_all(struct store *s, struct err *err)
{
    for (int index = CLEAR_IMAGES; index <= CLEAR_SUBJECTS; index++) {
        struct stmt st = stmt_use(s, STORE_SET_evidence, index);

        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

/* A document that older rules of config_parse read may be none by today's: it says nothing. */
static int config_again(struct store *s, const struct stmt *st, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct config c;
    struct err why;
    const void *data;
    size_t len;

    data = stmt_get_blob(st, 1, &len);
    if (arena_open(&arena, CONFIG_ARENA_BYTES, err) != 0)
        return -1;
    if (config_parse(&c, data, len, arena, &why) == 0)
        return apply_evidence_config(s, stmt_get_int(st, 0), &c, err);
    return why.kind == ERR_NO_MEMORY ? err_set(err, ERR_NO_MEMORY, "read an image config") : 0;
}

static int manifest_again(struct store *s, const struct stmt *st, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct digest digest;
    struct manifest m;
    struct err why;
    const void *data;
    size_t len;

    data = stmt_get_blob(st, 1, &len);
    if (stmt_get_digest(st, 0, &digest, err) != 0 ||
        arena_open(&arena, MANIFEST_ARENA_BYTES, err) != 0)
        return -1;
    if (manifest_parse(&m, data, len, arena, &why) != 0)
        return why.kind == ERR_NO_MEMORY ? err_set(err, ERR_NO_MEMORY, "read a manifest") : 0;
    if (m.kind == REC_DOC_MANIFEST && apply_evidence_manifest(s, &digest, &m, err) != 0)
        return -1;
    return apply_provenance_manifest(s, &digest, &m, err);
}

static int configs_again(struct store *s, uint64_t *count, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_evidence, CONFIGS);
    int more;

    stmt_int(&st, CONFIG_READ);
    for (; (more = stmt_row(&st, err)) > 0; ++*count)
        if (config_again(s, &st, err) != 0)
            return -1;
    return more;
}

static int manifests_again(struct store *s, uint64_t *count, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_evidence, MANIFESTS);
    int more;

    for (; (more = stmt_row(&st, err)) > 0; ++*count)
        if (manifest_again(s, &st, err) != 0)
            return -1;
    return more;
}

static int statements_again(struct store *s, uint64_t *count, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_evidence, STATEMENTS);
    int more;

    for (; (more = stmt_row(&st, err)) > 0; ++*count) {
        struct digest digest;
        const void *data;
        size_t len;

        data = stmt_get_blob(&st, 1, &len);
        if (stmt_get_digest(&st, 0, &digest, err) != 0 ||
            apply_provenance_statement(s, &digest, data, len, err) != 0)
            return -1;
    }
    return more;
}

static int read_again(struct store *s, uint64_t *count, struct err *err)
{
    if (clear_all(s, err) != 0 || configs_again(s, count, err) != 0 ||
        manifests_again(s, count, err) != 0 || statements_again(s, count, err) != 0)
        return -1;
    return set_rules(s, err);
}

int apply_evidence_again(struct store *s, struct err *err)
{
    int same = rules_are(s, err);
    uint64_t count = 0;
    char text[32];

    if (same != 0)
        return same > 0 ? 0 : -1;
    if (store_begin(s, err) != 0)
        return -1;
    if (read_again(s, &count, err) != 0) {
        store_rollback(s);
        return err_wrap(err, "read again what images say of their bases");
    }
    if (store_commit(s, err) != 0)
        return -1;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)count);
    if (count > 0)
        log_event(LOG_INFO, "evidence-read-again", "file", s->path, "documents", text, NULL);
    return 0;
}
