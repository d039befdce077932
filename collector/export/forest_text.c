#include <stdlib.h>
#include <string.h>

#include "collector/export/forest_private.h"
#include "collector/export/plain.h"
#include "common/cleanup.h"

#define CREATED_BY_MOST 100 /* characters */
#define MADE_LEAST 12       /* that what made the layer keeps when it is cut */
#define LEVEL_WIDTH 2
#define NO_COLOUR "\x1b[0m"

/* One line while it is made: pieces, in the order that they stand in. */
struct line {
    struct buf prefix, id, size, names, marks, places, made;
};

struct drawing {
    const struct answer *a;
    const struct forest_look *look;
    FILE *out;
    size_t width;   /* 0: any */
    bool *has_next; /* by row: another child of the same parent follows */
    bool *goes_on;  /* by level: the branch that the walk is in has a next sibling there */
    struct line line;
};

static void line_close(struct line *l)
{
    buf_close(&l->prefix);
    buf_close(&l->id);
    buf_close(&l->size);
    buf_close(&l->names);
    buf_close(&l->marks);
    buf_close(&l->places);
    buf_close(&l->made);
}

static void drawing_close(struct drawing *d)
{
    free(d->has_next);
    free(d->goes_on);
    line_close(&d->line);
}

static void line_reset(struct line *l)
{
    buf_reset(&l->prefix);
    buf_reset(&l->id);
    buf_reset(&l->size);
    buf_reset(&l->names);
    buf_reset(&l->marks);
    buf_reset(&l->places);
    buf_reset(&l->made);
}

static void line_init(struct line *l)
{
    buf_init(&l->prefix, FOREST_TEXT_MAX);
    buf_init(&l->id, FOREST_TEXT_MAX);
    buf_init(&l->size, FOREST_TEXT_MAX);
    buf_init(&l->names, FOREST_TEXT_MAX);
    buf_init(&l->marks, FOREST_TEXT_MAX);
    buf_init(&l->places, FOREST_TEXT_MAX);
    buf_init(&l->made, FOREST_TEXT_MAX);
}

/* ---- the lines at the left ------------------------------------------------------------------- */

static size_t depth_of(const struct answer *a, size_t row)
{
    return (size_t)forest_number(a, row, TREE_DEPTH);
}

/* Rows go down by one level at most from one to the next, so back to front they come up by one at
 * most: what lies one level deeper than a row belongs to another parent before it. */
static int find_siblings(struct drawing *d, struct err *err)
{
    const struct answer *a = d->a;
    size_t rows = a->rows->row_count, deepest = 0;

    for (size_t r = 0; r < rows; r++)
        if (depth_of(a, r) > deepest)
            deepest = depth_of(a, r);
    d->has_next = calloc(rows + 1, sizeof(*d->has_next));
    d->goes_on = calloc(deepest + 2, sizeof(*d->goes_on));
    if (d->has_next == NULL || d->goes_on == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a tree of %zu lines", rows);
    for (size_t r = rows; r-- > 0;) {
        size_t depth = depth_of(a, r);

        d->has_next[r] = d->goes_on[depth];
        d->goes_on[depth] = true;
        d->goes_on[depth + 1] = false;
    }
    return 0;
}

/* Of a line that lies too deep only the last levels are drawn. */
static int add_prefix(struct drawing *d, size_t row, struct err *err)
{
    struct buf *b = &d->line.prefix;
    size_t depth = depth_of(d->a, row), most = d->width / 3 / LEVEL_WIDTH, level = 0;

    d->goes_on[depth] = d->has_next[row];
    if (d->width > 0 && depth > most) {
        level = depth - most;
        if (buf_add_str(b, PLAIN_ELLIPSIS, err) != 0)
            return -1;
    }
    for (; level < depth; level++)
        if (buf_add_str(b, d->goes_on[level] ? "\xE2\x94\x82 " : "  ", err) != 0)
            return -1;
    return buf_add_str(
        b, d->has_next[row] ? "\xE2\x94\x9C\xE2\x94\x80" : "\xE2\x94\x94\xE2\x94\x80", err);
}

/* ---- what a line says ------------------------------------------------------------------------ */

static int add_names(struct drawing *d, size_t row, struct err *err)
{
    const struct sheet_cell *names = forest_cell(d->a, row, TREE_NAMES);
    const char *known_as = forest_words(d->a, row, TREE_KNOWN_AS);
    struct buf *b = &d->line.names;
    size_t count = names->known ? names->texts.count : 0;

    for (size_t i = 0; i < count; i++)
        if (buf_add_str(b, i == 0 ? " Tags: " : ", ", err) != 0 ||
            buf_add_str(b, forest_name(d->a, row, i), err) != 0)
            return -1;
    if (count == 0 && known_as[0] != '\0' && buf_printf(b, err, " Known as: %s", known_as) != 0)
        return -1;
    plain_clean(b, 0);
    return 0;
}

static int add_places(struct drawing *d, size_t row, struct err *err)
{
    const struct sheet_column *columns = d->a->rows->columns;
    struct buf *b = &d->line.places;

    if (forest_number(d->a, row, TREE_LAYERS) > 1 &&
        (buf_add_str(b, " Layers: ", err) != 0 ||
         export_cell(b, &columns[TREE_LAYERS], forest_cell(d->a, row, TREE_LAYERS), true, err) !=
             0))
        return -1;
    if (buf_add_str(b, " Hosts: ", err) != 0 ||
        export_cell(b, &columns[TREE_HOSTS], forest_cell(d->a, row, TREE_HOSTS), true, err) != 0)
        return -1;
    if (!forest_cell(d->a, row, TREE_COPIES)->known)
        return 0;
    if (buf_add_str(b, " Copies: ", err) != 0 ||
        export_cell(b, &columns[TREE_COPIES], forest_cell(d->a, row, TREE_COPIES), true, err) !=
            0 ||
        buf_add_str(b, " Stored: ", err) != 0)
        return -1;
    return export_cell(b, &columns[TREE_STORED], forest_cell(d->a, row, TREE_STORED),
                       !d->look->plain_bytes, err);
}

static int add_marks(struct drawing *d, size_t row, struct err *err)
{
    struct buf *b = &d->line.marks;

    if (buf_add_str(b, " [", err) != 0 || forest_add_marks(b, d->a, row, err) != 0)
        return -1;
    if (b->len > strlen(" ["))
        return buf_add_str(b, "]", err);
    buf_reset(b);
    return 0;
}

static int add_made(struct drawing *d, size_t row, struct err *err)
{
    struct buf *b = &d->line.made;

    if (forest_words(d->a, row, TREE_CREATED_BY)[0] == '\0')
        return 0;
    if (buf_add_str(b, " (", err) != 0 ||
        forest_add_created_by(b, d->a, row, d->look, CREATED_BY_MOST, err) != 0)
        return -1;
    return buf_add_str(b, ")", err);
}

/* The size without the word for it. */
static int add_bare_size(struct drawing *d, size_t row, struct err *err)
{
    return d->look->incremental ? forest_add_size(&d->line.size, d->a, row, TREE_NOMINAL,
                                                  TREE_LAYERS_UNKNOWN, d->look, err)
                                : forest_add_size(&d->line.size, d->a, row, TREE_CUMULATIVE,
                                                  TREE_LINE_UNKNOWN, d->look, err);
}

/* ---- fitting --------------------------------------------------------------------------------- */

static size_t width_of(const struct line *l)
{
    return plain_width(buf_str(&l->prefix)) + plain_width(buf_str(&l->id)) +
           plain_width(buf_str(&l->size)) + plain_width(buf_str(&l->names)) +
           plain_width(buf_str(&l->marks)) + plain_width(buf_str(&l->places)) +
           plain_width(buf_str(&l->made));
}

static int cut_piece(struct buf *b, size_t over, size_t least, struct err *err)
{
    size_t width = plain_width(buf_str(b)), kept = width > over + 1 ? width - over - 1 : 0;

    if (kept < least)
        kept = least;
    if (kept >= width)
        return 0;
    b->len = plain_bytes(buf_str(b), kept);
    return buf_add_str(b, PLAIN_ELLIPSIS, err);
}

/* Gives up, one after the other, what says less than a name, until the line fits. */
static int drop_pieces(struct drawing *d, size_t row, struct err *err)
{
    struct line *l = &d->line;

    buf_reset(&l->made);
    if (width_of(l) > d->width)
        buf_reset(&l->places);
    if (width_of(l) > d->width) {
        buf_reset(&l->size);
        if (buf_add_str(&l->size, " ", err) != 0 || add_bare_size(d, row, err) != 0)
            return -1;
    }
    if (width_of(l) > d->width)
        buf_reset(&l->marks);
    if (width_of(l) > d->width)
        buf_reset(&l->size);
    return 0;
}

static int fit(struct drawing *d, size_t row, struct err *err)
{
    struct line *l = &d->line;
    size_t width = width_of(l);

    if (d->width == 0 || width <= d->width)
        return 0;
    if (plain_width(buf_str(&l->made)) > width - d->width + MADE_LEAST)
        return cut_piece(&l->made, width - d->width, MADE_LEAST, err);
    if (drop_pieces(d, row, err) != 0)
        return -1;
    width = width_of(l);
    return width > d->width ? cut_piece(&l->names, width - d->width, 1, err) : 0;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static const char *colour_of(const struct drawing *d, size_t row)
{
    static const struct {
        const char *policy, *colour;
    } colours[] = {{"accepted", "\x1b[32m"},
                   {"violation", "\x1b[31m"},
                   {"excused", "\x1b[33m"},
                   {"noted", "\x1b[33m"}};
    const char *policy = forest_words(d->a, row, TREE_POLICY);

    for (size_t i = 0; d->look->colours && i < sizeof(colours) / sizeof(colours[0]); i++)
        if (strcmp(policy, colours[i].policy) == 0)
            return colours[i].colour;
    return "";
}

static void put(const struct drawing *d, size_t row)
{
    const char *colour = colour_of(d, row), *end = colour[0] != '\0' ? NO_COLOUR : "";
    const struct line *l = &d->line;

    fprintf(d->out, "%s%s%s%s%s", buf_str(&l->prefix), colour, buf_str(&l->id), end,
            buf_str(&l->size));
    fprintf(d->out, "%s%s%s%s%s%s\n", colour, buf_str(&l->names), buf_str(&l->marks), end,
            buf_str(&l->places), buf_str(&l->made));
}

static int draw_row(struct drawing *d, size_t row, struct err *err)
{
    struct line *l = &d->line;

    line_reset(l);
    if (add_prefix(d, row, err) != 0)
        return -1;
    if (forest_flag(d->a, row, TREE_COLLAPSED)) {
        if (forest_add_left_out(&l->id, d->a, row, d->look, err) != 0)
            return -1;
        put(d, row);
        return 0;
    }
    if (forest_add_id(&l->id, d->a, row, d->look, err) != 0 ||
        buf_add_str(&l->size, " ", err) != 0 ||
        forest_add_node_size(&l->size, d->a, row, d->look, err) != 0 ||
        add_names(d, row, err) != 0 || add_marks(d, row, err) != 0 ||
        add_places(d, row, err) != 0 || add_made(d, row, err) != 0 || fit(d, row, err) != 0)
        return -1;
    put(d, row);
    return 0;
}

int forest_text(const struct answer *a, const struct forest_look *look,
                const struct export_target *target, struct err *err)
{
    AUTO(drawing_close)
    struct drawing d = {.a = a, .look = look, .out = target->out, .width = (size_t)target->width};

    line_init(&d.line);
    if (find_siblings(&d, err) != 0)
        return -1;
    for (size_t r = 0; r < a->rows->row_count; r++)
        if (draw_row(&d, r, err) != 0)
            return -1;
    if (a->rows->row_count > 0)
        fputc('\n', target->out);
    export_notes(a, target);
    return 0;
}
