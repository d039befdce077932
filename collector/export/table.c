#include <stdlib.h>
#include <string.h>

#include "collector/export/export.h"
#include "collector/export/plain.h"
#include "common/cleanup.h"

#define CELL_MAX ((size_t)1 << 20) /* bytes of one cell; longer ones are cut */
#define GAP 2
#define LEAST 14         /* characters that a column keeps when it is cut */
#define SUBJECT_LEAST 24 /* the same of the column that says what a row is about */
#define READABLE 28      /* characters that are worth more than the last columns */
#define FIRST 3          /* columns that stay, and are rather cut shorter than that */
#define INDENT 4         /* of what stands beneath a row */
#define ITEM_INDENT 2    /* of a list's sentence from its second line on */

/* A sheet's visible columns with the width that each gets. */
struct layout {
    const struct sheet *sheet;
    size_t *widths;    /* by column; 0: not shown */
    size_t line;       /* characters of a line; 0: as many as there are */
    bool beneath;      /* sentences stand beneath their rows */
    bool of_sentences; /* it has one column, whose texts are wrapped */
    size_t left_out;   /* columns that a narrow terminal has no room for */
    bool is_cut;       /* some texts are shown in part */
};

static bool is_right(enum cell_kind kind)
{
    return kind == CELL_COUNT || kind == CELL_BYTES || kind == CELL_SHARE || kind == CELL_DECIMAL;
}

static bool can_shrink(enum cell_kind kind)
{
    return cell_is_text(kind) || cell_is_list(kind);
}

static enum plain_cut cut_of(enum cell_kind kind)
{
    if (kind == CELL_NAME || kind == CELL_TITLE)
        return PLAIN_KEEP_END;
    return kind == CELL_NAMES || kind == CELL_TITLES ? PLAIN_KEEP_FIRST : PLAIN_KEEP_START;
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

static size_t line_width(const struct layout *l)
{
    size_t total = 0;

    for (size_t c = 0; c < l->sheet->column_count; c++)
        total += l->widths[c] > 0 ? l->widths[c] + (total > 0 ? GAP : 0) : 0;
    return total;
}

static size_t shown_count(const struct layout *l)
{
    size_t shown = 0;

    for (size_t c = 0; c < l->sheet->column_count; c++)
        shown += l->widths[c] > 0;
    return shown;
}

/* The first column that can be cut says what a row is about: it is cut when no other can be. */
static size_t find_subject(const struct sheet *s)
{
    size_t c = 0;

    while (c < s->column_count && (s->columns[c].only_data || !can_shrink(s->columns[c].kind)))
        c++;
    return c;
}

/* The widest column that can still be cut, to `least` characters; column_count: none. */
static size_t find_widest(const struct layout *l, size_t subject, size_t least)
{
    size_t subject_least = least > SUBJECT_LEAST ? least : SUBJECT_LEAST;
    const struct sheet *s = l->sheet;
    size_t widest = s->column_count;

    for (size_t c = 0; c < s->column_count; c++)
        if (c != subject && can_shrink(s->columns[c].kind) && l->widths[c] > least &&
            (widest == s->column_count || l->widths[c] > l->widths[widest]))
            widest = c;
    if (widest == s->column_count && subject < s->column_count &&
        l->widths[subject] > subject_least)
        widest = subject;
    return widest;
}

/* Takes from the widest columns that can be cut, one character after the other, until the line fits
 * or nothing more can go. */
static void cut(struct layout *l, size_t line, size_t least)
{
    size_t subject = find_subject(l->sheet);

    for (size_t total = line_width(l); total > line; total--) {
        size_t widest = find_widest(l, subject, least);

        if (widest == l->sheet->column_count)
            return;
        l->widths[widest]--;
    }
}

/* Leaves out the last of more than `kept` columns; the others are whole again. */
static bool drop_last(struct layout *l, size_t *whole, size_t kept)
{
    size_t last = l->sheet->column_count;

    if (shown_count(l) <= kept)
        return false;
    while (whole[--last] == 0)
        ;
    whole[last] = 0;
    l->left_out++;
    memcpy(l->widths, whole, l->sheet->column_count * sizeof(*whole));
    return true;
}

/* Sentences leave their columns where all the columns do not fit. */
static void put_beneath(struct layout *l)
{
    for (size_t c = 0; c < l->sheet->column_count; c++)
        if (l->widths[c] > 0 && l->sheet->columns[c].kind == CELL_SENTENCE) {
            l->widths[c] = 0;
            l->beneath = true;
        }
}

/* Texts are cut as far as they can still be read, then columns go, the last ones first; at last the
 * first columns are cut further, and go, but for the very first. A list of one column is of
 * sentences, which are wrapped. */
static int fit(struct layout *l, struct err *err)
{
    size_t count = l->sheet->column_count, line = l->line;
    AUTO_FREE size_t *whole = malloc(count * sizeof(*whole));

    if (whole == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu columns", count);
    l->of_sentences = shown_count(l) < 2;
    if (l->of_sentences)
        return 0;
    if (line_width(l) > line)
        put_beneath(l);
    memcpy(whole, l->widths, count * sizeof(*whole));
    do
        cut(l, line, READABLE);
    while (line_width(l) > line && drop_last(l, whole, FIRST));
    do
        cut(l, line, LEAST);
    while (line_width(l) > line && drop_last(l, whole, 1));
    for (size_t c = 0; c < count; c++)
        l->is_cut = l->is_cut || l->widths[c] < whole[c];
    return 0;
}

static void put_padding(FILE *out, size_t count)
{
    while (count-- > 0)
        fputc(' ', out);
}

/* Writes `text` into `width` characters; the last column is not filled up. */
static void put_cell(FILE *out, const char *text, size_t width, enum cell_kind kind, bool last)
{
    size_t have = plain_width(text);
    bool right = is_right(kind);

    put_padding(out, right && have < width ? width - have : 0);
    have = plain_put_cut(out, text, width, cut_of(kind));
    put_padding(out, right || last ? 0 : width - have);
}

/* The sentences of a row that found no room in it. */
static int put_sentences(FILE *out, const struct layout *l, size_t row, struct buf *b,
                         struct err *err)
{
    const struct sheet *s = l->sheet;

    for (size_t c = 0; c < s->column_count && l->beneath; c++) {
        const struct sheet_cell *cell = &s->cells[row * s->column_count + c];
        const char *title = s->columns[c].title;

        if (s->columns[c].only_data || s->columns[c].kind != CELL_SENTENCE || !cell->known ||
            cell->text[0] == '\0')
            continue;
        if (cell_text_of(b, l, row, c, err) != 0)
            return -1;
        fprintf(out, "%*s%s: ", INDENT, "", title);
        plain_put_lines(out, buf_str(b), l->line, INDENT + plain_width(title) + strlen(": "),
                        INDENT);
    }
    return 0;
}

static int put_row(FILE *out, const struct layout *l, size_t row, bool header, struct buf *b,
                   struct err *err)
{
    const struct sheet *s = l->sheet;
    bool first = true;
    size_t last = 0;

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
        if (!header && l->of_sentences) {
            plain_put_lines(out, buf_str(b), l->line, 0, ITEM_INDENT);
            return 0;
        }
        put_cell(out, header ? s->columns[c].title : buf_str(b), l->widths[c], s->columns[c].kind,
                 c == last);
    }
    fputc('\n', out);
    return header ? 0 : put_sentences(out, l, row, b, err);
}

static void put_left_out(FILE *out, const struct layout *l)
{
    char columns[COUNT_TEXT];

    if (l->left_out == 0 && !l->is_cut)
        return;
    count_text((int64_t)l->left_out, "column", columns);
    fprintf(out, "(%s%s%s: widen the terminal, or use -o json)\n", l->left_out > 0 ? columns : "",
            l->left_out > 0 ? " left out" : "",
            !l->is_cut        ? ""
            : l->left_out > 0 ? ", texts are cut"
                              : "texts are cut");
}

static int put_list(FILE *out, struct layout *l, struct buf *b, struct err *err)
{
    const struct sheet *s = l->sheet;

    if (measure(l, b, err) != 0)
        return -1;
    if (l->line > 0 && fit(l, err) != 0)
        return -1;
    if (put_row(out, l, 0, true, b, err) != 0)
        return -1;
    for (size_t r = 0; r < s->row_count; r++)
        if (put_row(out, l, r, false, b, err) != 0)
            return -1;
    if (s->row_count < s->total)
        fprintf(out, "(%zu of %zu)\n", s->row_count, s->total);
    put_left_out(out, l);
    return 0;
}

static int put_object(FILE *out, const struct layout *l, struct buf *b, struct err *err)
{
    const struct sheet *s = l->sheet;
    size_t widest = 0, indent;

    for (size_t c = 0; c < s->column_count; c++)
        if (!s->columns[c].only_data && plain_width(s->columns[c].title) > widest)
            widest = plain_width(s->columns[c].title);
    indent = widest + GAP < l->line / 2 ? widest + GAP : INDENT;
    for (size_t c = 0; c < s->column_count && s->row_count > 0; c++) {
        if (s->columns[c].only_data)
            continue;
        if (cell_text_of(b, l, 0, c, err) != 0)
            return -1;
        put_cell(out, s->columns[c].title, widest, CELL_TEXT, false);
        put_padding(out, GAP);
        plain_put_lines(out, buf_str(b), l->line, widest + GAP, indent);
    }
    return 0;
}

void export_notes(const struct answer *a, const struct export_target *target)
{
    for (size_t i = 0; i < a->note_count; i++)
        plain_put_lines(target->out, a->notes[i], (size_t)target->width, 0, 0);
    if (a->note_count > 0)
        fputc('\n', target->out);
    plain_put_lines(target->out, a->coverage_line, (size_t)target->width, 0, 0);
}

static int put_sheet(FILE *out, const struct sheet *s, int width, struct err *err)
{
    AUTO(buf_close) struct buf b;
    AUTO_FREE size_t *widths = calloc(s->column_count, sizeof(*widths));
    struct layout l = {.sheet = s, .widths = widths, .line = (size_t)width};

    buf_init(&b, CELL_MAX);
    if (widths == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu columns", s->column_count);
    if (s->title != NULL)
        fprintf(out, "%s\n", s->title);
    return s->object ? put_object(out, &l, &b, err) : put_list(out, &l, &b, err);
}

int export_table(const struct answer *a, const struct export_target *target, struct err *err)
{
    size_t width = (size_t)target->width;

    if (a->sentence != NULL) {
        plain_put_lines(target->out, a->sentence, width, 0, 0);
        fputc('\n', target->out);
    }
    for (size_t i = 0; i < a->sheet_count; i++) {
        const struct sheet *s = &a->sheets[i];

        if (s->only_data || (s->row_count == 0 && s != a->rows))
            continue;
        if (put_sheet(target->out, s, target->width, err) != 0)
            return -1;
        fputc('\n', target->out);
    }
    export_notes(a, target);
    return 0;
}
