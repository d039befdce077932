#include "collector/store/apply_config.h"

#include "collector/store/apply_evidence.h"
#include "collector/store/config_parse.h"
#include "collector/store/content.h"
#include "collector/store/store_private.h"

enum {
    IMAGE_SET,
    CHAINS_CLEAR,
    HISTORY_CLEAR,
    LABELS_CLEAR,
    CHAIN_ADD,
    BEGINS_WITH,
    STEP_ADD,
    LABEL_ADD,
};

static const char *const sql[] = {
    [IMAGE_SET] = "UPDATE image SET parsed = ?, identity = CASE ? WHEN 1 THEN 1 ELSE identity END,"
                  " chain_id = ?, layer_count = ?, os = ?, arch = ?, variant = ?, created = ?,"
                  " created_s = ?, author = ?, config_bytes = ? WHERE id = ?",
    [CHAINS_CLEAR] = "DELETE FROM image_chain WHERE image_id = ?",
    [HISTORY_CLEAR] = "DELETE FROM image_history WHERE image_id = ?",
    [LABELS_CLEAR] = "DELETE FROM image_label WHERE image_id = ?",
    [CHAIN_ADD] = "INSERT INTO image_chain (image_id, position, chain_id) VALUES (?, ?, ?)",
    [BEGINS_WITH] = "SELECT image_id FROM image_chain WHERE chain_id = ? AND position = 0 LIMIT 1",
    [STEP_ADD] = "INSERT INTO image_history "
                 "(image_id, seq, created, created_by, comment, empty) "
                 "VALUES (?, ?, ?, ?, ?, ?)",
    [LABEL_ADD] = "INSERT INTO image_label (image_id, key, value) VALUES (?, ?, ?)",
};
const struct store_sql store_sql_config = STORE_SQL(sql);

static int clear(struct store *s, int64_t image_id, struct err *err)
{
    for (int index = CHAINS_CLEAR; index <= LABELS_CLEAR; index++) {
        struct stmt st = stmt_use(s, STORE_SET_config, index);

        stmt_int(&st, image_id);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return apply_evidence_config(s, image_id, NULL, err);
}

/* `c` is NULL where nothing could be read; `chain_id` 0 is an image without layers. */
static int set_image(struct store *s, int64_t image_id, int parsed, const struct config *c,
                     int64_t chain_id, size_t bytes, struct err *err)
{
    static const struct config nothing;
    struct stmt st = stmt_use(s, STORE_SET_config, IMAGE_SET);
    const struct config *from = c != NULL ? c : &nothing;

    stmt_int(&st, parsed);
    stmt_int(&st, parsed);
    stmt_int_if(&st, chain_id != 0, chain_id);
    stmt_int_if(&st, c != NULL, (int64_t)from->diff_count);
    stmt_text(&st, from->os);
    stmt_text(&st, from->arch);
    stmt_text(&st, from->variant);
    stmt_text(&st, from->created);
    stmt_int_if(&st, from->has_created, from->created_s);
    stmt_text(&st, from->author);
    stmt_int_if(&st, bytes != 0, (int64_t)bytes);
    stmt_int(&st, image_id);
    return stmt_run(&st, err);
}

static int put_chain(struct store *s, int64_t image_id, size_t position, int64_t chain_id,
                     struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_config, CHAIN_ADD);

    stmt_int(&st, image_id);
    stmt_int(&st, (int64_t)position);
    stmt_int(&st, chain_id);
    return stmt_run(&st, err);
}

/* Writes the image's chains from the lowest up; *top is the whole image's. */
static int put_chains(struct store *s, int64_t image_id, const struct config *c, int64_t *top,
                      struct err *err)
{
    AUTO_FREE uint32_t *chains = reallocarray(NULL, c->diff_count + 1, sizeof(*chains));
    struct digest chain;

    if (chains == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu layers", c->diff_count);
    *top = 0;
    for (size_t i = 0; i < c->diff_count; i++) {
        struct content_link link = {&chain, &c->diffs[i], *top, (int64_t)i + 1};

        chain = digest_chain(i > 0 ? &chain : NULL, &c->diffs[i]);
        if (content_chain_on(s, &link, top, err) != 0 || put_chain(s, image_id, i, *top, err) != 0)
            return -1;
        chains[i] = (uint32_t)*top;
    }
    return mirror_set_chains(s->mirror, image_id, true, chains, (uint32_t)c->diff_count, err);
}

static int put_history(struct store *s, int64_t image_id, const struct config *c, struct err *err)
{
    for (size_t i = 0; i < c->step_count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_config, STEP_ADD);

        stmt_int(&st, image_id);
        stmt_int(&st, (int64_t)i);
        stmt_text(&st, c->steps[i].created);
        stmt_text(&st, c->steps[i].created_by);
        stmt_text(&st, c->steps[i].comment);
        stmt_int(&st, c->steps[i].empty);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int put_labels(struct store *s, int64_t image_id, const struct config *c, struct err *err)
{
    for (size_t i = 0; i < c->label_count; i++) {
        struct stmt st = stmt_use(s, STORE_SET_config, LABEL_ADD);

        stmt_int(&st, image_id);
        stmt_text(&st, c->labels[i].key);
        stmt_text(&st, c->labels[i].value);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int put_config(struct store *s, int64_t image_id, const struct config *c, size_t bytes,
                      struct err *err)
{
    int64_t top;

    if (put_chains(s, image_id, c, &top, err) != 0 || put_history(s, image_id, c, err) != 0 ||
        put_labels(s, image_id, c, err) != 0 || apply_evidence_config(s, image_id, c, err) != 0)
        return -1;
    return set_image(s, image_id, CONFIG_READ, c, top, bytes, err);
}

static int set_unread(struct store *s, int64_t image_id, size_t len, struct err *err)
{
    if (mirror_set_chains(s->mirror, image_id, true, NULL, 0, err) != 0)
        return -1;
    return set_image(s, image_id, CONFIG_NO_CONFIG, NULL, 0, len, err);
}

/* 1 with an image whose first chain this is, 0 none, -1. */
static int next_beginning(struct store *s, int64_t chain_id, int64_t *image_id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_config, BEGINS_WITH);
    int more;

    stmt_int(&st, chain_id);
    more = stmt_row(&st, err);
    if (more > 0)
        *image_id = stmt_get_int(&st, 0);
    return more;
}

/* Images that say that the chain is a layer of their own are none: it is several layers. */
static int withdraw_pretenders(struct store *s, int64_t chain_id, struct err *err)
{
    int64_t image_id;
    int more;

    while ((more = next_beginning(s, chain_id, &image_id, err)) > 0)
        if (tally_take_holders(s->tally, s->mirror, (uint32_t)image_id, err) != 0 ||
            clear(s, image_id, err) != 0 || set_unread(s, image_id, 0, err) != 0)
            return -1;
    return more;
}

/* Whoever knows the chainID of other people's image could give it out as a layer: what is proven
 * counts (content.h). *why: the config at hand does so. */
static int judge_chains(struct store *s, const struct config *c, struct err *why, struct err *err)
{
    struct digest chain;
    int64_t id, depth;

    for (size_t i = 0; i < c->diff_count; i++) {
        chain = digest_chain(i > 0 ? &chain : NULL, &c->diffs[i]);
        if (content_depth(s, &chain, &id, &depth, err) != 0)
            return -1;
        if (i == 0 && depth > 1) {
            err_set(why, ERR_CORRUPT, "its first layer is a chain of %lld other layers",
                    (long long)depth);
            return 0;
        }
        if (i > 0 && depth == 1 && withdraw_pretenders(s, id, err) != 0)
            return -1;
    }
    return 0;
}

int apply_config(struct store *s, const struct digest *image, const uint8_t *data, size_t len,
                 int64_t now_s, struct err *why, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct config c;
    int64_t image_id;

    why->kind = ERR_NONE;
    if (arena_open(&arena, CONFIG_ARENA_BYTES, err) != 0 ||
        content_image(s, image, 0, now_s, &image_id, err) != 0 ||
        tally_take_holders(s->tally, s->mirror, (uint32_t)image_id, err) != 0 ||
        clear(s, image_id, err) != 0)
        return -1;
    if (config_parse(&c, data, len, arena, why) == 0 && judge_chains(s, &c, why, err) != 0)
        return -1;
    if (why->kind == ERR_NONE)
        return put_config(s, image_id, &c, len, err);
    if (why->kind == ERR_NO_MEMORY)
        return err_set(err, ERR_NO_MEMORY, "read an image config");
    return set_unread(s, image_id, len, err);
}

int apply_config_dispute(struct store *s, const struct digest *image, int64_t now_s,
                         struct err *err)
{
    int64_t image_id;

    if (content_image(s, image, 0, now_s, &image_id, err) != 0 ||
        tally_take_holders(s->tally, s->mirror, (uint32_t)image_id, err) != 0 ||
        clear(s, image_id, err) != 0 ||
        mirror_set_chains(s->mirror, image_id, true, NULL, 0, err) != 0)
        return -1;
    return set_image(s, image_id, CONFIG_DISPUTED, NULL, 0, 0, err);
}
