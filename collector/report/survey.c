#include "collector/report/survey.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/read_survey.h"
#include "common/check.h"
#include "common/cleanup.h"

/* What is kept of the reports, day by day: every count, size and share of these sheets. */
static const struct {
    const struct report *report;
    const char *sheet;
    bool needs_policy;
} kept[] = {
    {&report_bases, "core_builds", false},
    {&report_bases, "diversity", false},
    {&report_policy_check, "totals", true},
    {&report_policy_check, "rules", true},
};

struct taking {
    const struct report_request *request;
    struct store *reader;
    struct arena *arena; /* of what comes of it; each report has one of its own, and dies with it */
    size_t memory_max;
    struct survey_change *out;
};

static const struct sheet *find_sheet(const struct answer *a, const char *key)
{
    for (size_t i = 0; i < a->sheet_count; i++)
        if (strcmp(a->sheets[i].key, key) == 0)
            return &a->sheets[i];
    return NULL;
}

/* The cell of a row under this key. */
static const struct sheet_cell *cell_at(const struct sheet *s, size_t row, const char *key)
{
    for (size_t i = 0; i < s->column_count; i++)
        if (strcmp(s->columns[i].key, key) == 0)
            return &s->cells[row * s->column_count + i];
    check(!"a column that the survey needs");
}

/* Runs a report in an arena of its own, of what memory is left. */
static int ask(const struct taking *t, const struct report *report, struct answer *out,
               struct arena **arena, struct err *err)
{
    size_t used = arena_used(t->arena), left = used < t->memory_max ? t->memory_max - used : 0;

    return arena_open(arena, left, err) == 0
               ? report_run(out, report, t->request, t->reader, *arena, err)
               : -1;
}

/* Replaces a text of a report's by one that outlives it. */
static int keep_text(const struct taking *t, const char **text, struct err *err)
{
    *text = arena_text(t->arena, *text, strlen(*text), err);
    return *text != NULL ? 0 : -1;
}

/* ---- what each image stands on --------------------------------------------------------------- */

static const char *text_at(const struct sheet *s, size_t row, const char *key)
{
    const struct sheet_cell *cell = cell_at(s, row, key);

    return cell->known ? cell->text : "";
}

static struct digest digest_at(const struct sheet *s, size_t row, const char *key)
{
    const struct sheet_cell *cell = cell_at(s, row, key);

    return cell->known && cell->digest != NULL ? *cell->digest : (struct digest){0};
}

static struct survey_line line_of(const struct sheet *s, size_t row)
{
    const struct sheet_cell *layers = cell_at(s, row, "base_layers");

    return (struct survey_line){
        .image = digest_at(s, row, "image_id"),
        .core = digest_at(s, row, "core_chain_id"),
        .base = digest_at(s, row, "base_chain_id"),
        .base_layers = layers->known ? layers->number : -1,
        .core_kind = text_at(s, row, "core_kind"),
        .core_name = text_at(s, row, "core"),
        .family = text_at(s, row, "family"),
        .version = text_at(s, row, "version"),
        .base_name = text_at(s, row, "base"),
        .method = text_at(s, row, "base_method"),
        .confidence = text_at(s, row, "base_confidence"),
    };
}

static int by_image(const void *a, const void *b)
{
    const struct survey_line *x = a, *y = b;

    return digest_cmp(&x->image, &y->image);
}

static bool is_same(const struct survey_line *a, const struct survey_line *b)
{
    return digest_eq(&a->core, &b->core) && digest_eq(&a->base, &b->base) &&
           a->base_layers == b->base_layers && strcmp(a->core_kind, b->core_kind) == 0 &&
           strcmp(a->core_name, b->core_name) == 0 && strcmp(a->family, b->family) == 0 &&
           strcmp(a->version, b->version) == 0 && strcmp(a->base_name, b->base_name) == 0 &&
           strcmp(a->method, b->method) == 0 && strcmp(a->confidence, b->confidence) == 0;
}

struct lines {
    struct survey_line *list;
    size_t count;
};

static int keep_line(const struct taking *t, struct survey_line *line, struct err *err)
{
    const char **const texts[] = {&line->core_kind, &line->core_name, &line->family,
                                  &line->version,   &line->base_name, &line->method,
                                  &line->confidence};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (keep_text(t, texts[i], err) != 0)
            return -1;
    return 0;
}

/* Both lists are sorted by image. What is the same in both is left out of `now`; the rest is the
 * change. */
static int compare(struct taking *t, struct lines *now, const struct lines *before, struct err *err)
{
    struct digest *gone = arena_array(t->arena, before->count, sizeof(*gone), err);
    struct survey_line *changed;
    size_t kept_count = 0, gone_count = 0, b = 0;

    if (gone == NULL)
        return -1;
    for (size_t n = 0; n < now->count; n++) {
        for (; b < before->count && by_image(&before->list[b], &now->list[n]) < 0; b++)
            gone[gone_count++] = before->list[b].image;
        if (b < before->count && by_image(&before->list[b], &now->list[n]) == 0 &&
            is_same(&before->list[b++], &now->list[n]))
            continue;
        now->list[kept_count++] = now->list[n];
    }
    for (; b < before->count; b++)
        gone[gone_count++] = before->list[b].image;
    changed = arena_array(t->arena, kept_count, sizeof(*changed), err);
    if (changed == NULL)
        return -1;
    for (size_t i = 0; i < kept_count; i++) {
        changed[i] = now->list[i];
        if (keep_line(t, &changed[i], err) != 0)
            return -1;
    }
    t->out->changed = changed;
    t->out->changed_count = kept_count;
    t->out->gone = gone;
    t->out->gone_count = gone_count;
    return 0;
}

static int take_lines(struct taking *t, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct lines now = {0}, before;
    struct answer a;

    if (ask(t, &report_images, &a, &arena, err) != 0)
        return -1;
    now.list = arena_array(arena, a.rows->row_count, sizeof(*now.list), err);
    if (now.list == NULL || read_lines(t->reader, &before.list, &before.count, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < a.rows->row_count; i++) {
        struct survey_line line = line_of(a.rows, i);

        if (line.core_kind[0] != '\0')
            now.list[now.count++] = line;
    }
    qsort(now.list, now.count, sizeof(*now.list), by_image);
    return compare(t, &now, &before, err);
}

/* ---- figures --------------------------------------------------------------------------------- */

static bool is_figure(const struct sheet_column *column, const struct sheet_cell *cell)
{
    return cell->known && (column->kind == CELL_COUNT || column->kind == CELL_BYTES ||
                           column->kind == CELL_SHARE || column->kind == CELL_DECIMAL);
}

/* The first cell of a row says what it is about. */
static const char *item_of(const struct sheet *s, size_t row)
{
    const struct sheet_cell *first = &s->cells[row * s->column_count];

    return !s->object && s->columns[0].kind == CELL_TEXT && first->known ? first->text : "";
}

static int add_figure(struct taking *t, const struct survey_figure *figure, size_t *cap,
                      struct err *err)
{
    struct survey_change *out = t->out;
    struct survey_figure *list =
        fleet_room(t->arena, (void *)out->figures, out->figure_count, cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    out->figures = list;
    list[out->figure_count++] = *figure;
    return 0;
}

static int add_figures(struct taking *t, const char *report, const struct sheet *s, size_t *cap,
                       struct err *err)
{
    for (size_t i = 0; i < s->row_count * s->column_count; i++) {
        const struct sheet_column *column = &s->columns[i % s->column_count];
        const char *item = item_of(s, i / s->column_count);

        if (!is_figure(column, &s->cells[i]))
            continue;
        if (keep_text(t, &item, err) != 0 ||
            add_figure(t,
                       &(struct survey_figure){.report = report,
                                               .sheet = s->key,
                                               .item = item,
                                               .key = column->key,
                                               .value = s->cells[i].number},
                       cap, err) != 0)
            return -1;
    }
    return 0;
}

/* All sheets of one report that are kept. */
static int take_report(struct taking *t, const struct report *report, size_t *cap, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct answer a = {0};

    if (ask(t, report, &a, &arena, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const struct sheet *s = kept[i].report == report ? find_sheet(&a, kept[i].sheet) : NULL;

        check(s != NULL || kept[i].report != report);
        if (s != NULL && add_figures(t, report->name, s, cap, err) != 0)
            return -1;
    }
    return 0;
}

/* Which mode the day's figures are of, as a number: enum policy_mode. */
static int add_mode(struct taking *t, size_t *cap, struct err *err)
{
    const struct survey_figure figure = {.report = report_policy_check.name,
                                         .sheet = "totals",
                                         .item = "",
                                         .key = "mode",
                                         .value = (int64_t)t->request->policy->mode};

    return add_figure(t, &figure, cap, err);
}

static int take_figures(struct taking *t, struct err *err)
{
    const struct report *last = NULL;
    size_t cap = 0;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (kept[i].report == last || (kept[i].needs_policy && t->request->policy == NULL))
            continue;
        last = kept[i].report;
        if (take_report(t, last, &cap, err) != 0)
            return -1;
    }
    return t->request->policy != NULL ? add_mode(t, &cap, err) : 0;
}

int survey_take(struct survey_change *out, const struct report_request *request,
                struct store *reader, size_t memory_max, struct arena *arena, struct err *err)
{
    struct taking t = {
        .request = request, .reader = reader, .arena = arena, .memory_max = memory_max, .out = out};

    *out = (struct survey_change){.at_s = request->now_s, .catalogue = "", .policy = ""};
    if (take_lines(&t, err) == 0 && take_figures(&t, err) == 0)
        return 0;
    return err->kind == ERR_LIMIT
               ? err_wrap(err, "survey the fleet in %zu MiB of memory", memory_max >> 20)
               : err_wrap(err, "survey the fleet");
}
