#include "collector/store/content.h"

#include "collector/store/store_private.h"

enum {
    IMAGE_ADD,
    IMAGE_SET_IDENTITY,
    LAYER_FIND,
    LAYER_ADD,
    CHAIN_FIND,
    CHAIN_ADD,
    CHAIN_FILL,
    CHAIN_CLAIM,
    DEPTHS_SET,
    NAME_FIND,
    NAME_ADD,
};

static const char *const sql[] = {
    [IMAGE_ADD] = "INSERT INTO image (digest, identity, first_s) VALUES (?, ?, ?)",
    [IMAGE_SET_IDENTITY] = "UPDATE image SET identity = ? WHERE id = ?",
    [LAYER_FIND] = "SELECT id FROM layer WHERE diff = ?",
    [LAYER_ADD] = "INSERT INTO layer (diff) VALUES (?)",
    [CHAIN_FIND] = "SELECT id, layer_id IS NULL, depth FROM chain WHERE digest = ?",
    [CHAIN_ADD] = "INSERT INTO chain (digest, parent_id, layer_id, depth) VALUES (?, ?, ?, ?)",
    [CHAIN_FILL] = "UPDATE chain SET parent_id = ?, layer_id = ?, depth = ? WHERE id = ?",
    [DEPTHS_SET] = "WITH RECURSIVE above (id, depth) AS (SELECT id, depth FROM chain WHERE id = ?"
                   " UNION ALL SELECT c.id, a.depth + 1 FROM chain c JOIN above a"
                   " ON c.parent_id = a.id) UPDATE chain SET depth ="
                   " (SELECT a.depth FROM above a WHERE a.id = chain.id)"
                   " WHERE id IN (SELECT id FROM above)",
    [CHAIN_CLAIM] = "UPDATE chain SET claimed_layer_id = ? WHERE id = ?",
    [NAME_FIND] = "SELECT id FROM name WHERE text = ?",
    [NAME_ADD] = "INSERT INTO name (text) VALUES (?)",
};
const struct store_sql store_sql_content = STORE_SQL(sql);

static int add_image(struct store *s, const struct digest *d, enum rec_identity identity,
                     int64_t at_s, int64_t *id, struct err *err)
{
    struct stmt add = stmt_use(s, STORE_SET_content, IMAGE_ADD);

    if (identity == 0)
        identity = REC_BY_CONFIG;
    stmt_digest(&add, d);
    stmt_int(&add, identity);
    stmt_int(&add, at_s);
    if (stmt_run(&add, err) != 0)
        return -1;
    *id = store_last_id(s);
    return mirror_add_image(s->mirror, *id, d, identity, err);
}

int content_said(struct store *s, int64_t image_id, enum rec_identity identity, struct err *err)
{
    const struct mirror_image *image = mirror_image(s->mirror, image_id);
    struct stmt set;

    if (identity == 0 || image->identity == identity || image->read)
        return 0;
    set = stmt_use(s, STORE_SET_content, IMAGE_SET_IDENTITY);
    stmt_int(&set, identity);
    stmt_int(&set, image_id);
    if (stmt_run(&set, err) != 0)
        return -1;
    return mirror_set_identity(s->mirror, image_id, identity, err);
}

int content_image(struct store *s, const struct digest *d, enum rec_identity identity, int64_t at_s,
                  int64_t *id, struct err *err)
{
    *id = mirror_find_image(s->mirror, d);
    return *id == 0 ? add_image(s, d, identity, at_s, id, err)
                    : content_said(s, *id, identity, err);
}

int content_layer(struct store *s, const struct digest *diff, int64_t *id, struct err *err)
{
    AUTO(stmt_end) struct stmt find = stmt_use(s, STORE_SET_content, LAYER_FIND);
    AUTO(stmt_end) struct stmt add = stmt_use(s, STORE_SET_content, LAYER_ADD);
    int found;

    stmt_digest(&find, diff);
    found = stmt_row(&find, err);
    if (found > 0)
        *id = stmt_get_int(&find, 0);
    if (found != 0)
        return found < 0 ? -1 : 0;
    stmt_digest(&add, diff);
    if (stmt_run(&add, err) != 0)
        return -1;
    *id = store_last_id(s);
    return mirror_add_layer(s->mirror, *id, err);
}

static int add_chain(struct store *s, const struct content_link *link, int64_t layer_id,
                     int64_t *id, struct err *err)
{
    struct stmt add = stmt_use(s, STORE_SET_content, CHAIN_ADD);

    stmt_digest(&add, link->chain);
    stmt_int_if(&add, link->parent_id != 0, link->parent_id);
    stmt_int_if(&add, layer_id != 0, layer_id);
    stmt_int_if(&add, link->depth != 0, link->depth);
    if (stmt_run(&add, err) != 0)
        return -1;
    *id = store_last_id(s);
    return mirror_add_chain(s->mirror, *id, (uint32_t)layer_id, err);
}

/* 1 it is there and known, 2 only its digest is, 0 it is not there, -1. */
static int find_chain(struct store *s, const struct digest *d, int64_t *id, int64_t *depth,
                      struct err *err)
{
    AUTO(stmt_end) struct stmt find = stmt_use(s, STORE_SET_content, CHAIN_FIND);
    int found;

    stmt_digest(&find, d);
    found = stmt_row(&find, err);
    if (found <= 0)
        return found;
    *id = stmt_get_int(&find, 0);
    *depth = stmt_get_int(&find, 2);
    return stmt_get_int(&find, 1) != 0 ? 2 : 1;
}

int content_depth(struct store *s, const struct digest *d, int64_t *id, int64_t *depth,
                  struct err *err)
{
    int found;

    *id = *depth = 0;
    found = find_chain(s, d, id, depth, err);
    return found < 0 ? -1 : 0;
}

int content_chain(struct store *s, const struct digest *d, int64_t *id, struct err *err)
{
    struct content_link link = {.chain = d};
    int64_t depth;
    int found = find_chain(s, d, id, &depth, err);

    if (found == 0)
        return add_chain(s, &link, 0, id, err);
    return found < 0 ? -1 : 0;
}

int content_claim(struct store *s, int64_t chain_id, int64_t layer_id, struct err *err)
{
    const struct mirror_chain *chain = mirror_chain(s->mirror, chain_id);
    struct stmt claim;

    if (chain->layer != 0 || chain->claimed != 0)
        return 0;
    claim = stmt_use(s, STORE_SET_content, CHAIN_CLAIM);
    stmt_int(&claim, layer_id);
    stmt_int(&claim, chain_id);
    if (stmt_run(&claim, err) != 0)
        return -1;
    return mirror_set_claimed(s->mirror, chain_id, (uint32_t)layer_id, err);
}

/* What the chain consists of, known or known better now. */
static int fill_chain(struct store *s, const struct content_link *link, int64_t layer_id,
                      int64_t id, struct err *err)
{
    const struct mirror_chain *chain = mirror_chain(s->mirror, id);
    struct stmt fill = stmt_use(s, STORE_SET_content, CHAIN_FILL);

    stmt_int_if(&fill, link->parent_id != 0, link->parent_id);
    stmt_int(&fill, layer_id);
    stmt_int(&fill, link->depth);
    stmt_int(&fill, id);
    if (stmt_run(&fill, err) != 0)
        return -1;
    /* Nobody has an exception of a chain without knowing, or claiming, its layer. */
    if ((chain->layer != 0 || chain->claimed != 0) &&
        tally_take_exceptions(s->tally, s->mirror, id, err) != 0)
        return -1;
    return mirror_set_chain_layer(s->mirror, id, (uint32_t)layer_id, err);
}

static int set_depths(struct store *s, int64_t chain_id, struct err *err)
{
    struct stmt set = stmt_use(s, STORE_SET_content, DEPTHS_SET);

    stmt_int(&set, chain_id);
    return stmt_run(&set, err);
}

int content_chain_on(struct store *s, const struct content_link *link, int64_t *id, struct err *err)
{
    int64_t layer_id, depth;
    int found = find_chain(s, link->chain, id, &depth, err);
    bool pretended = found == 1 && depth == 1 && link->depth > 1;

    if (found < 0 || (found == 1 && !pretended))
        return found < 0 ? -1 : 0;
    if (content_layer(s, link->diff, &layer_id, err) != 0)
        return -1;
    if (found == 0)
        return add_chain(s, link, layer_id, id, err);
    if (fill_chain(s, link, layer_id, *id, err) != 0)
        return -1;
    return pretended ? set_depths(s, *id, err) : 0;
}

int content_name(struct store *s, const char *text, int64_t *id, struct err *err)
{
    AUTO(stmt_end) struct stmt find = stmt_use(s, STORE_SET_content, NAME_FIND);
    AUTO(stmt_end) struct stmt add = stmt_use(s, STORE_SET_content, NAME_ADD);
    int found;

    stmt_text(&find, text);
    found = stmt_row(&find, err);
    if (found > 0)
        *id = stmt_get_int(&find, 0);
    if (found != 0)
        return found < 0 ? -1 : 0;
    stmt_text(&add, text);
    if (stmt_run(&add, err) != 0)
        return -1;
    *id = store_last_id(s);
    return 0;
}
