#include "collector/store/apply_survey.h"

#include "collector/store/statements.h"

#define DAY_S 86400

enum { LINE_PUT, LINE_GONE, FIGURE_PUT, SURVEY_PUT };

static const char *const sql[] = {
    [LINE_PUT] = "INSERT INTO lineage (image_id, core_kind, core, core_chain_id, family, version, "
                 "base, base_chain_id, base_layers, method, confidence) "
                 "SELECT i.id, ?2, ?3, (SELECT id FROM chain WHERE digest = ?4), ?5, ?6, ?7, "
                 "(SELECT id FROM chain WHERE digest = ?8), ?9, ?10, ?11 "
                 "FROM image i WHERE i.digest = ?1 "
                 "ON CONFLICT (image_id) DO UPDATE SET core_kind = excluded.core_kind, "
                 "core = excluded.core, core_chain_id = excluded.core_chain_id, "
                 "family = excluded.family, version = excluded.version, base = excluded.base, "
                 "base_chain_id = excluded.base_chain_id, base_layers = excluded.base_layers, "
                 "method = excluded.method, confidence = excluded.confidence",
    [LINE_GONE] = "DELETE FROM lineage WHERE image_id = (SELECT id FROM image WHERE digest = ?)",
    [FIGURE_PUT] = "INSERT INTO figure_day (report, sheet, item, key, day_s, value) "
                   "VALUES (?, ?, ?, ?, ?, ?) "
                   "ON CONFLICT DO UPDATE SET value = excluded.value "
                   "WHERE value <> excluded.value",
    [SURVEY_PUT] = "INSERT INTO survey (id, epoch, at_s, took_ms, catalogue, policy) "
                   "VALUES (1, 1, ?1, ?2, ?3, ?4) "
                   "ON CONFLICT DO UPDATE SET epoch = epoch + ?5, at_s = excluded.at_s, "
                   "took_ms = excluded.took_ms, catalogue = excluded.catalogue, "
                   "policy = excluded.policy",
};
const struct store_sql store_sql_survey = STORE_SQL(sql);

static void bind_chain(struct stmt *st, const struct digest *chain)
{
    stmt_digest(st, digest_is_zero(chain) ? NULL : chain);
}

static int put_line(struct store *s, const struct survey_line *l, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_survey, LINE_PUT);

    stmt_digest(&st, &l->image);
    stmt_text(&st, l->core_kind);
    stmt_text(&st, l->core_name);
    bind_chain(&st, &l->core);
    stmt_text(&st, l->family);
    stmt_text(&st, l->version);
    stmt_text(&st, l->base_name);
    bind_chain(&st, &l->base);
    stmt_int_if(&st, l->base_layers >= 0, l->base_layers);
    stmt_text(&st, l->method);
    stmt_text(&st, l->confidence);
    return stmt_run(&st, err);
}

static int remove_line(struct store *s, const struct digest *image, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_survey, LINE_GONE);

    stmt_digest(&st, image);
    return stmt_run(&st, err);
}

static int put_figure(struct store *s, const struct survey_figure *f, int64_t at_s, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_survey, FIGURE_PUT);

    stmt_text(&st, f->report);
    stmt_text(&st, f->sheet);
    stmt_text(&st, f->item);
    stmt_text(&st, f->key);
    stmt_int(&st, at_s - at_s % DAY_S);
    stmt_int(&st, f->value);
    return stmt_run(&st, err);
}

static int put_survey(struct store *s, const struct survey_change *c, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_survey, SURVEY_PUT);

    stmt_int(&st, c->at_s);
    stmt_int(&st, c->took_ms);
    stmt_text(&st, c->catalogue);
    stmt_text(&st, c->policy);
    stmt_int(&st, c->changed_count + c->gone_count > 0);
    return stmt_run(&st, err);
}

int apply_survey(struct store *s, const struct survey_change *c, struct err *err)
{
    for (size_t i = 0; i < c->gone_count; i++)
        if (remove_line(s, &c->gone[i], err) != 0)
            return -1;
    for (size_t i = 0; i < c->changed_count; i++)
        if (put_line(s, &c->changed[i], err) != 0)
            return -1;
    for (size_t i = 0; i < c->figure_count; i++)
        if (put_figure(s, &c->figures[i], c->at_s, err) != 0)
            return -1;
    return put_survey(s, c, err);
}
