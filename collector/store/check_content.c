#include "collector/store/apply_config.h"
#include "collector/store/check_private.h"
#include "collector/store/config_parse.h"
#include "common/record.h"

enum { CHAINS, DOCUMENTS, IMAGES, IMAGE_CHAINS };

static const char *const sql[] = {
    [CHAINS] = "SELECT c.id, c.digest, c.depth, c.parent_id, c.layer_id, p.digest, p.depth, l.diff "
               "FROM chain c LEFT JOIN chain p ON p.id = c.parent_id "
               "LEFT JOIN layer l ON l.id = c.layer_id ORDER BY c.id",
    [DOCUMENTS] = "SELECT kind, digest, bytes FROM document WHERE state = 1",
    [IMAGES] = "SELECT i.id, i.digest, i.parsed, i.layer_count, i.chain_id, d.state, d.bytes "
               "FROM image i LEFT JOIN document d ON d.kind = 1 AND d.digest = i.digest "
               "ORDER BY i.id",
    [IMAGE_CHAINS] = "SELECT ic.position, c.digest, c.id FROM image_chain ic "
                     "JOIN chain c ON c.id = ic.chain_id "
                     "WHERE ic.image_id = ? ORDER BY position",
};
const struct store_sql store_sql_check_content = STORE_SQL(sql);

/* ---- chains ---------------------------------------------------------------------------------- */

static int check_chain(struct checking *c, const struct stmt *st, struct err *err)
{
    long long id = stmt_get_int(st, 0);
    int64_t depth = stmt_get_int(st, 2);
    bool has_parent = !stmt_is_null(st, 3);
    struct digest digest, parent, diff, expected;
    char want[DIGEST_TEXT], got[DIGEST_TEXT];

    if (stmt_is_null(st, 4)) { /* only its digest is known */
        if (has_parent || !stmt_is_null(st, 2))
            check_find(c, "chain: %lld: without a layer expected no parent and no depth", id);
        return 0;
    }
    if (stmt_get_digest(st, 1, &digest, err) != 0 || stmt_get_digest(st, 7, &diff, err) != 0 ||
        (has_parent && stmt_get_digest(st, 5, &parent, err) != 0))
        return -1;
    expected = digest_chain(has_parent ? &parent : NULL, &diff);
    if (!digest_eq(&expected, &digest))
        check_find(c, "chain: %lld: chainID expected %s, got %s", id, digest_text(&expected, want),
                   digest_text(&digest, got));
    if (depth != (has_parent ? stmt_get_int(st, 6) + 1 : 1))
        check_find(c, "chain: %lld: depth expected %lld, got %lld", id,
                   has_parent ? (long long)stmt_get_int(st, 6) + 1 : 1, (long long)depth);
    return 0;
}

int check_chains(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_content, CHAINS);
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        if (check_chain(c, &st, err) != 0)
            return -1;
        c->result->checked++;
    }
    return more;
}

/* ---- documents ------------------------------------------------------------------------------- */

int check_documents(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_content, DOCUMENTS);
    char want[DIGEST_TEXT], got[DIGEST_TEXT];
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        struct digest claimed, real;
        const void *data;
        size_t len;

        if (stmt_get_digest(&st, 1, &claimed, err) != 0)
            return -1;
        data = stmt_get_blob(&st, 2, &len);
        real = digest_of(data, len);
        if (!digest_eq(&claimed, &real))
            check_find(c, "document: kind %lld: digest of its bytes expected %s, got %s",
                       (long long)stmt_get_int(&st, 0), digest_text(&claimed, want),
                       digest_text(&real, got));
        c->result->checked++;
    }
    return more;
}

/* ---- images ---------------------------------------------------------------------------------- */

/* The rows of image_chain against the layers that the document names; `top` is image.chain_id. */
static int check_layers(struct checking *c, long long id, const struct config *config, int64_t top,
                        struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_content, IMAGE_CHAINS);
    struct digest expected, got;
    int64_t last = 0;
    size_t n = 0;
    int more;

    stmt_int(&st, id);
    while ((more = stmt_row(&st, err)) > 0 && n < config->diff_count) {
        expected = digest_chain(n > 0 ? &expected : NULL, &config->diffs[n]);
        if (stmt_get_digest(&st, 1, &got, err) != 0)
            return -1;
        if (stmt_get_int(&st, 0) != (int64_t)n || !digest_eq(&expected, &got))
            check_find(c, "image_chain: image %lld, position %zu: not the chain of its document",
                       id, n);
        last = stmt_get_int(&st, 2);
        n++;
    }
    if (more < 0)
        return -1;
    if (more > 0 || n < config->diff_count)
        check_find(c, "image_chain: image %lld: expected %zu layers, got %s", id,
                   config->diff_count, more > 0 ? "more" : "fewer");
    else if (last != top)
        check_find(c, "image: %lld: chain expected %lld, got %lld", id, (long long)last,
                   (long long)top);
    return 0;
}

/* What is read of an image, against what its document says; `parsed` is not CONFIG_READ. */
static int check_unread(struct checking *c, const struct stmt *st, struct err *err)
{
    static const struct config nothing;
    long long id = stmt_get_int(st, 0);
    int parsed = (int)stmt_get_int(st, 2), state = (int)stmt_get_int(st, 5);

    if ((parsed == CONFIG_NOT_HERE) != (state == 0) || (parsed == CONFIG_DISPUTED) != (state == 4))
        check_find(c, "image: %lld: parsed is %d, and its document's state %d", id, parsed, state);
    return check_layers(c, id, &nothing, stmt_get_int(st, 4), err);
}

static int check_image(struct checking *c, const struct stmt *st, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    long long id = stmt_get_int(st, 0);
    struct config config;
    struct err why;
    const void *data;
    size_t len;

    if (stmt_get_int(st, 2) != CONFIG_READ)
        return check_unread(c, st, err);
    data = stmt_get_blob(st, 6, &len);
    if (arena_open(&arena, CONFIG_ARENA_BYTES, err) != 0)
        return -1;
    if (config_parse(&config, data, len, arena, &why) != 0) {
        check_find(c, "image: %lld: read from a document that cannot be read: %s", id, why.text);
        return 0;
    }
    if (stmt_get_int(st, 3) != (int64_t)config.diff_count)
        check_find(c, "image: %lld: layer count expected %zu, got %lld", id, config.diff_count,
                   (long long)stmt_get_int(st, 3));
    if (check_layers(c, id, &config, stmt_get_int(st, 4), err) != 0)
        return -1;
    return check_evidence_of_image(c, id, &config, arena, err);
}

int check_images(struct checking *c, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_content, IMAGES);
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        if (check_image(c, &st, err) != 0)
            return -1;
        c->result->checked++;
    }
    return more;
}
