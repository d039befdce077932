#include "collector/store/read_survey.h"

#include "collector/census/fleet.h"
#include "collector/store/statements.h"

enum { LINES, FIGURES };

static const char *const sql[] = {
    [LINES] = "SELECT i.digest, l.core_kind, l.core, c.digest, l.family, l.version, l.base, "
              "b.digest, l.base_layers, l.method, l.confidence "
              "FROM lineage l JOIN image i ON i.id = l.image_id "
              "LEFT JOIN chain c ON c.id = l.core_chain_id "
              "LEFT JOIN chain b ON b.id = l.base_chain_id ORDER BY i.digest",
    [FIGURES] = "SELECT day_s, report, sheet, item, key, value FROM figure_day WHERE report = ? "
                "ORDER BY day_s DESC, sheet, item, key",
};
const struct store_sql store_sql_read_survey = STORE_SQL(sql);

static int get_chain(const struct stmt *st, int column, struct digest *out, struct err *err)
{
    *out = (struct digest){0};
    return stmt_is_null(st, column) ? 0 : stmt_get_digest(st, column, out, err);
}

static int get_line(const struct stmt *st, struct survey_line *l, struct arena *arena,
                    struct err *err)
{
    const struct {
        const char **to;
        int column;
    } texts[] = {
        {&l->core_kind, 1}, {&l->core_name, 2}, {&l->family, 4},      {&l->version, 5},
        {&l->base_name, 6}, {&l->method, 9},    {&l->confidence, 10},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i].to = stmt_copy_text(st, texts[i].column, arena, err);
        if (*texts[i].to == NULL)
            return -1;
    }
    l->base_layers = stmt_is_null(st, 8) ? -1 : stmt_get_int(st, 8);
    if (stmt_get_digest(st, 0, &l->image, err) != 0 || get_chain(st, 3, &l->core, err) != 0)
        return -1;
    return get_chain(st, 7, &l->base, err);
}

int read_lines(struct store *s, struct survey_line **out, size_t *count, struct arena *arena,
               struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_read_survey, LINES);
    size_t cap = 0;
    int more;

    *out = NULL;
    *count = 0;
    while ((more = stmt_row(&st, err)) > 0) {
        struct survey_line *list = fleet_room(arena, *out, *count, &cap, sizeof(*list), err);

        if (list == NULL || get_line(&st, &list[*count], arena, err) != 0)
            return -1;
        *out = list;
        ++*count;
    }
    return more;
}

static int get_figure(const struct stmt *st, struct figure_day *d, struct arena *arena,
                      struct err *err)
{
    d->day_s = stmt_get_int(st, 0);
    d->figure = (struct survey_figure){.report = stmt_copy_text(st, 1, arena, err),
                                       .sheet = stmt_copy_text(st, 2, arena, err),
                                       .item = stmt_copy_text(st, 3, arena, err),
                                       .key = stmt_copy_text(st, 4, arena, err),
                                       .value = stmt_get_int(st, 5)};
    return d->figure.report != NULL && d->figure.sheet != NULL && d->figure.item != NULL &&
                   d->figure.key != NULL
               ? 0
               : -1;
}

int read_figures(struct store *s, const char *report, struct figure_day **out, size_t *count,
                 struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_read_survey, FIGURES);
    size_t cap = 0;
    int more;

    *out = NULL;
    *count = 0;
    stmt_text(&st, report);
    while ((more = stmt_row(&st, err)) > 0) {
        struct figure_day *list = fleet_room(arena, *out, *count, &cap, sizeof(*list), err);

        if (list == NULL || get_figure(&st, &list[*count], arena, err) != 0)
            return -1;
        *out = list;
        ++*count;
    }
    return more;
}
