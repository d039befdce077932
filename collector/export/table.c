#include <stdlib.h>
#include <string.h>

#include "collector/export/export.h"
#include "collector/export/plain.h"
#include "common/cleanup.h"

#define CELL_MAX ((size_t)1 << 20) /* bytes of one cell; longer ones are cut */
#define GAP 2
#define LEAST 8 /* characters that a column keeps when it is cut */

/* A sheet's visible columns with the width that each gets. */
struct layout {
    const struct sheet *sheet;
    size_t *widths; /* by column; 0: not shown */
};

static bool is_right(enum cell_kind kind)
{
    return kind == CELL_COUNT || kind == CELL_BYTES || kind == CELL_SHARE || kind == CELL_DECIMAL;
}

static bool can_shrink(enum cell_kind kind)
{
    return kind == CELL_TEXT || kind == CELL_TEXTS;
}

/* The cell's text, fit for a terminal. */
static int cell_text_of(struct buf *b, const struct layout *l, size_t row, size_t column,
                        struct err *err)
{
    const struct sheet *s = l->sheet;

    buf_reset(b);
    if (export_cell(b, &s->columns[column], &s->cells[row * s->column_count + column], true, err) !=
        0)
        return -1;
    plain_clean(b, 0);
    return 0;
}

static int measure(struct layout *l, struct buf *b, struct err *err)
{
    const struct sheet *s = l->sheet;

    for (size_t c = 0; c < s->column_count; c++) {
        if (s->columns[c].only_data)
            continue;
        l->widths[c] = plain_width(s->columns[c].title);
        for (size_t r = 0; r < s->row_count; r++) {
            size_t width;

            if (cell_text_of(b, l, r, c, err) != 0)
                return -1;
            width = plain_width(buf_str(b));
            if (width > l->widths[c])
                l->widths[c] = width;
        }
    }
    return 0;
}

/* Takes from the widest columns that can be cut, until the line fits or nothing more can go. */
static void fit(struct layout *l, size_t line)
{
    const struct sheet *s = l->sheet;

    for (;;) {
        size_t total = 0, widest = s->column_count, over;

        for (size_t c = 0; c < s->column_count; c++) {
            total += l->widths[c] > 0 ? l->widths[c] + (total > 0 ? GAP : 0) : 0;
            if (can_shrink(s->columns[c].kind) && l->widths[c] > LEAST &&
                (widest == s->column_count || l->widths[c] > l->widths[widest]))
                widest = c;
        }
        if (total <= line || widest == s->column_count)
            return;
        over = total - line;
        if (l->widths[widest] > over + LEAST && over > 8)
            over = 8; /* step by step, so that several wide columns share the cut */
        l->widths[widest] = l->widths[widest] > over + LEAST ? l->widths[widest] - over : LEAST;
    }
}

static void put_padding(FILE *out, size_t count)
{
    while (count-- > 0)
        fputc(' ', out);
}

/* Writes `text` into `width` characters; the last column is not filled up. */
static void put(FILE *out, const char *text, size_t width, bool right, bool last)
{
    size_t have = plain_width(text);

    if (have <= width) {
        put_padding(out, right ? width - have : 0);
        fputs(text, out);
        put_padding(out, right || last ? 0 : width - have);
        return;
    }
    fwrite(text, 1, plain_bytes(text, width - 1), out);
    fputs(PLAIN_ELLIPSIS, out);
}

static int put_row(FILE *out, const struct layout *l, size_t row, bool header, struct buf *b,
                   struct err *err)
{
    const struct sheet *s = l->sheet;
    size_t last = 0;
    bool first = true;

    for (size_t c = 0; c < s->column_count; c++)
        if (l->widths[c] > 0)
            last = c;
    for (size_t c = 0; c < s->column_count; c++) {
        if (l->widths[c] == 0)
            continue;
        if (!header && cell_text_of(b, l, row, c, err) != 0)
            return -1;
        put_padding(out, first ? 0 : GAP);
        first = false;
        put(out, header ? s->columns[c].title : buf_str(b), l->widths[c],
            is_right(s->columns[c].kind), c == last);
    }
    fputc('\n', out);
    return 0;
}

static int put_list(FILE *out, struct layout *l, int width, struct buf *b, struct err *err)
{
    const struct sheet *s = l->sheet;

    if (measure(l, b, err) != 0)
        return -1;
    if (width > 0)
        fit(l, (size_t)width);
    if (put_row(out, l, 0, true, b, err) != 0)
        return -1;
    for (size_t r = 0; r < s->row_count; r++)
        if (put_row(out, l, r, false, b, err) != 0)
            return -1;
    if (s->row_count < s->total)
        fprintf(out, "(%zu of %zu)\n", s->row_count, s->total);
    return 0;
}

static int put_object(FILE *out, const struct layout *l, struct buf *b, struct err *err)
{
    const struct sheet *s = l->sheet;
    size_t widest = 0;

    for (size_t c = 0; c < s->column_count; c++)
        if (!s->columns[c].only_data && plain_width(s->columns[c].title) > widest)
            widest = plain_width(s->columns[c].title);
    for (size_t c = 0; c < s->column_count && s->row_count > 0; c++) {
        if (s->columns[c].only_data)
            continue;
        if (cell_text_of(b, l, 0, c, err) != 0)
            return -1;
        put(out, s->columns[c].title, widest, false, false);
        fprintf(out, "  %s\n", buf_str(b));
    }
    return 0;
}

static int put_sheet(FILE *out, const struct sheet *s, int width, struct err *err)
{
    AUTO(buf_close) struct buf b;
    AUTO_FREE size_t *widths = calloc(s->column_count, sizeof(*widths));
    struct layout l = {.sheet = s, .widths = widths};

    buf_init(&b, CELL_MAX);
    if (widths == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu columns", s->column_count);
    if (s->title != NULL)
        fprintf(out, "%s\n", s->title);
    return s->object ? put_object(out, &l, &b, err) : put_list(out, &l, width, &b, err);
}

int export_table(const struct answer *a, const struct export_target *target, struct err *err)
{
    if (a->sentence != NULL)
        fprintf(target->out, "%s\n\n", a->sentence);
    for (size_t i = 0; i < a->sheet_count; i++) {
        const struct sheet *s = &a->sheets[i];

        if (s->only_data || (s->row_count == 0 && s != a->rows))
            continue;
        if (put_sheet(target->out, s, target->width, err) != 0)
            return -1;
        fputc('\n', target->out);
    }
    for (size_t i = 0; i < a->note_count; i++)
        fprintf(target->out, "%s\n", a->notes[i]);
    fprintf(target->out, "%s%s\n", a->note_count > 0 ? "\n" : "", a->coverage_line);
    return 0;
}
