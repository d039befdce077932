#include "collector/report/coverage_sheet.h"

#include <inttypes.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define LINE_MAX_BYTES 1024

/* One figure of the coverage: its key, and where struct coverage has it. */
static const struct figure {
    const char *key;
    size_t offset;
} figures[] = {
#define FIGURE(field)                                                                              \
    {                                                                                              \
#field, offsetof(struct coverage, field)                                                   \
    }
    FIGURE(hosts),
    FIGURE(hosts_fresh),
    FIGURE(hosts_stale),
    FIGURE(hosts_retired),
    FIGURE(hosts_with_errors),
    FIGURE(stores),
    FIGURE(stores_ok),
    FIGURE(stores_daemon_down),
    FIGURE(stores_unreadable),
    FIGURE(stores_corrupt),
    FIGURE(stores_moving),
    FIGURE(stores_orphaned),
    FIGURE(problems),
    FIGURE(images),
    FIGURE(images_unknown),
    FIGURE(images_unconfirmed),
    FIGURE(images_confirmable),
    FIGURE(images_disputed),
    FIGURE(layers),
    FIGURE(layers_measured),
    FIGURE(layers_unknown),
    FIGURE(layers_disputed),
    FIGURE(copies),
    FIGURE(copies_measured),
    FIGURE(copies_estimated),
    FIGURE(copies_unknown),
    FIGURE(copies_missing),
#undef FIGURE
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static int64_t value_of(const struct coverage *c, const struct figure *f)
{
    return *(const int64_t *)((const char *)c + f->offset);
}

/* ", 3 stale" where the count is not zero. */
static int add_some(struct buf *b, int64_t count, const char *what, struct err *err)
{
    return count == 0 ? 0 : buf_printf(b, err, ", %" PRId64 " %s", count, what);
}

/* An answer may rest on less than all that is known, as one about layers does not on who is fresh.
 */
static const char *verdict_of(const struct coverage *c)
{
    if (!c->complete)
        return "Incomplete";
    return c->hosts_stale > 0 || c->stores_unreadable > 0 || c->images_unknown > 0 ||
                   c->layers_unknown > 0
               ? "Complete for this question"
               : "Complete";
}

static int add_presence(struct buf *b, const struct coverage *c, struct err *err)
{
    char stores[COUNT_TEXT];

    if (buf_printf(b, err, "%s: %" PRId64 " of %" PRId64 " hosts fresh", verdict_of(c),
                   c->hosts_fresh, c->hosts) != 0 ||
        add_some(b, c->hosts_stale, "stale", err) != 0 ||
        add_some(b, c->hosts_with_errors, "with errors", err) != 0 ||
        add_some(b, c->hosts_retired, "retired and not counted", err) != 0 ||
        buf_printf(b, err, "; %s", count_text(c->stores, "store", stores)) != 0)
        return -1;
    if (add_some(b, c->stores_daemon_down, "without their daemon", err) != 0 ||
        add_some(b, c->stores_unreadable, "unreadable", err) != 0 ||
        add_some(b, c->stores_corrupt, "corrupt", err) != 0 ||
        add_some(b, c->stores_moving, "moving", err) != 0)
        return -1;
    return add_some(b, c->stores_orphaned, "without an engine", err);
}

static int add_content(struct buf *b, const struct coverage *c, struct err *err)
{
    char images[COUNT_TEXT];

    if (buf_printf(b, err, "; %s", count_text(c->images, "image", images)) != 0 ||
        add_some(b, c->images_unknown, "without their config", err) != 0 ||
        add_some(b, c->images_unconfirmed, "unconfirmed", err) != 0 ||
        add_some(b, c->images_confirmable, "that another host may yet confirm", err) != 0 ||
        add_some(b, c->images_disputed, "disputed", err) != 0)
        return -1;
    if (buf_printf(b, err,
                   "; %" PRId64 " of %" PRId64 " layers and %" PRId64 " of %" PRId64
                   " copies measured",
                   c->layers_measured, c->layers, c->copies_measured, c->copies) != 0 ||
        add_some(b, c->copies_estimated, "estimated", err) != 0 ||
        add_some(b, c->copies_unknown, "of unknown size", err) != 0)
        return -1;
    return add_some(b, c->copies_missing, "missing on disk", err);
}

int coverage_fill(struct answer *a, const struct coverage *c, struct err *err)
{
    struct sheet_column *columns = arena_array(a->arena, FIGURES + 2, sizeof(*columns), err);
    AUTO(buf_close) struct buf line;
    struct sheet_cell *row;

    buf_init(&line, LINE_MAX_BYTES);
    if (columns == NULL)
        return -1;
    columns[0] = (struct sheet_column){"complete", "complete", CELL_FLAG, false};
    for (size_t i = 0; i < FIGURES; i++)
        columns[i + 1] = (struct sheet_column){figures[i].key, figures[i].key, CELL_COUNT, false};
    sheet_init(&a->coverage, "coverage", NULL, true, columns);
    row = sheet_row(a, &a->coverage, err);
    if (row == NULL)
        return -1;
    row[0] = cell_flag(c->complete);
    for (size_t i = 0; i < FIGURES; i++)
        row[i + 1] = cell_number(value_of(c, &figures[i]));
    if (add_presence(&line, c, err) != 0 || add_content(&line, c, err) != 0)
        return -1;
    a->coverage_line = arena_text(a->arena, buf_str(&line), line.len, err);
    return a->coverage_line != NULL ? 0 : -1;
}

void coverage_of_figures(struct answer *a)
{
    static const struct sheet_column columns[] = {{"complete", "complete", CELL_FLAG, false},
                                                  {NULL, NULL, 0, false}};
    static const char line[] = "All figures that the collector kept; what each day's rest on is "
                               "not kept.";

    sheet_init(&a->coverage, "coverage", NULL, true, columns);
    a->coverage_line = line;
    a->complete = true;
}
