/*
 * The figures that the collector's surveys kept, one row a day, the newest first.
 */
#include <string.h>

#include "collector/report/report.h"
#include "collector/store/read_survey.h"

/* Which kept figure a column shows. */
struct figure_at {
    const char *report, *sheet, *key;
};

struct history {
    const struct sheet_column *columns; /* the day, then the figures */
    const struct figure_at *figures;
    size_t count;
};

/* In tables the last ones go first where a terminal is narrow. */
static const struct sheet_column fleet_columns[] = {
    {"day", "DAY", CELL_DAY, false},
    {"named", "NAMED", CELL_COUNT, false},
    {"unnamed", "UNNAMED", CELL_COUNT, false},
    {"violations", "VIOLATIONS", CELL_COUNT, false},
    {"mode", "MODE", CELL_TEXT, false},
    {"families", "FAMILIES", CELL_COUNT, false},
    {"versions", "VERSIONS", CELL_COUNT, false},
    {"images_effective", "EFFECTIVE BY IMAGES", CELL_DECIMAL, false},
    {"hosts_effective", "BY HOSTS", CELL_DECIMAL, false},
    {"containers_effective", "BY CONTAINERS", CELL_DECIMAL, true},
    {"stored_effective", "BY BYTES", CELL_DECIMAL, false},
    {"scratch_images", "ON SCRATCH", CELL_COUNT, false},
    {"undecided_images", "UNDECIDED", CELL_COUNT, false},
    {NULL, NULL, 0, false},
};

static const struct figure_at fleet_figures[] = {
    {"bases", "core_builds", "named"},
    {"bases", "core_builds", "unnamed"},
    {"policy check", "totals", "violations"},
    {"policy check", "totals", "mode"},
    {"bases", "core_builds", "families"},
    {"bases", "core_builds", "versions"},
    {"bases", "diversity", "images_effective"},
    {"bases", "diversity", "hosts_effective"},
    {"bases", "diversity", "containers_effective"},
    {"bases", "diversity", "stored_effective"},
    {"bases", "core_builds", "scratch_images"},
    {"bases", "core_builds", "undecided_images"},
};

static const struct sheet_column policy_columns[] = {
    {"day", "DAY", CELL_DAY, false},
    {"images", "JUDGED", CELL_COUNT, false},
    {"accepted", "ACCEPTED", CELL_COUNT, false},
    {"violations", "VIOLATIONS", CELL_COUNT, false},
    {"excused", "EXCUSED", CELL_COUNT, false},
    {"noted", "NOTED", CELL_COUNT, false},
    {"unjudged", "UNJUDGED", CELL_COUNT, false},
    {"mode", "MODE", CELL_TEXT, false},
    {NULL, NULL, 0, false},
};

static const struct figure_at policy_figures[] = {
    {"policy check", "totals", "images"},     {"policy check", "totals", "accepted"},
    {"policy check", "totals", "violations"}, {"policy check", "totals", "excused"},
    {"policy check", "totals", "noted"},      {"policy check", "totals", "unjudged"},
    {"policy check", "totals", "mode"},
};

#define HISTORY(columns, figures)                                                                  \
    {                                                                                              \
        (columns), (figures), sizeof(figures) / sizeof((figures)[0])                               \
    }
static const struct history fleet_history = HISTORY(fleet_columns, fleet_figures);
static const struct history policy_history = HISTORY(policy_columns, policy_figures);

/* A mode is kept as its number. */
static struct sheet_cell cell_of(const struct sheet_column *column, int64_t value)
{
    if (column->kind != CELL_TEXT)
        return cell_number(value);
    return cell_text(value >= POLICY_WILD_WEST && value <= POLICY_WHITE_LIST
                         ? policy_mode_name((enum policy_mode)value)
                         : NULL);
}

/* Puts a figure into the row of its day; rows come with the days, the newest first. */
static void place(const struct history *h, struct sheet_cell *row, const struct figure_day *d)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct figure_at *at = &h->figures[i];

        if (strcmp(at->report, d->figure.report) == 0 && strcmp(at->sheet, d->figure.sheet) == 0 &&
            strcmp(at->key, d->figure.key) == 0 && d->figure.item[0] == '\0')
            row[1 + i] = cell_of(&h->columns[1 + i], d->figure.value);
    }
}

/* The row of a day, made where it is the first figure of it; *at is where to look first, as figures
 * come day by day. NULL on failure. */
static struct sheet_cell *row_of(struct answer *a, int64_t day_s, size_t *at, struct err *err)
{
    struct sheet *s = a->rows;
    struct sheet_cell *row;

    for (size_t i = 0; i < s->row_count; i++, *at = (*at + 1) % s->row_count)
        if (s->cells[*at * s->column_count].number == day_s)
            return &s->cells[*at * s->column_count];
    *at = s->row_count;
    row = sheet_row(a, s, err);
    if (row != NULL)
        row[0] = cell_time(day_s);
    return row;
}

static int add_report(struct census *c, struct answer *a, const struct history *h,
                      const char *report, struct err *err)
{
    struct figure_day *list;
    size_t count, at = 0;

    if (read_figures(c->store, report, &list, &count, c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct sheet_cell *row = row_of(a, list[i].day_s, &at, err);

        if (row == NULL)
            return -1;
        place(h, row, &list[i]);
    }
    return 0;
}

/* Whether an earlier column is of the same report. */
static bool is_read(const struct history *h, size_t figure)
{
    size_t i = 0;

    while (strcmp(h->figures[i].report, h->figures[figure].report) != 0)
        i++;
    return i < figure;
}

static int fill(struct census *c, struct answer *a, const struct history *h, struct err *err)
{
    answer_sheet(a, "rows", NULL, false, h->columns);
    for (size_t i = 0; i < h->count; i++)
        if (!is_read(h, i) && add_report(c, a, h, h->figures[i].report, err) != 0)
            return -1;
    return a->rows->row_count > 0
               ? 0
               : answer_note(a, err,
                             "No survey has kept such figures: a running collector surveys every "
                             "few minutes, and judges where it is given a policy.");
}

/* What each rule decided, day by day. Where the policy changed within a day, its rules before and
 * after are there, each with its last figures. */
static int fill_rules(struct census *c, struct answer *a, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"day", "DAY", CELL_DAY, false},
        {"rule", "RULE", CELL_TEXT, false},
        {"images", "IMAGES", CELL_COUNT, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"containers_running", "RUNNING", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "rules", NULL, false, columns);
    struct sheet_cell *row = NULL;
    struct figure_day *list;
    size_t count;

    s->only_data = true;
    if (read_figures(c->store, "policy check", &list, &count, c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct survey_figure *f = &list[i].figure;

        if (strcmp(f->sheet, "rules") != 0)
            continue;
        if (row == NULL || row[0].number != list[i].day_s || strcmp(row[1].text, f->item) != 0)
            row = sheet_row(a, s, err);
        if (row == NULL)
            return -1;
        row[0] = cell_time(list[i].day_s);
        row[1] = cell_text(f->item);
        for (size_t k = 2; columns[k].key != NULL; k++)
            if (strcmp(columns[k].key, f->key) == 0)
                row[k] = cell_number(f->value);
    }
    return 0;
}

static int fill_fleet(struct census *c, struct answer *a, struct err *err)
{
    return fill(c, a, &fleet_history, err);
}

static int fill_policy(struct census *c, struct answer *a, struct err *err)
{
    return fill(c, a, &policy_history, err) == 0 ? fill_rules(c, a, err) : -1;
}

const struct report report_history = {
    .name = "history", .figures_only = true, .sort = "day:desc", .fill = fill_fleet};
const struct report report_policy_history = {
    .name = "policy history", .figures_only = true, .sort = "day:desc", .fill = fill_policy};
