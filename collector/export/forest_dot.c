#include <inttypes.h>
#include <string.h>

#include "collector/export/forest_private.h"
#include "collector/export/plain.h"
#include "common/cleanup.h"

#define NAMES_MOST 8        /* of one box; more are counted */
#define NAME_MOST 80        /* characters of one of them */
#define CREATED_BY_MOST 30  /* characters */
#define LEAST_AREA 0.000001 /* one byte: patchwork takes an area of 0 for the standard one */
#define NEW_LINE "\\n"

struct graph {
    const struct answer *a;
    const struct forest_look *look;
    FILE *out;
    struct buf text, label;
};

static void graph_close(struct graph *g)
{
    buf_close(&g->text);
    buf_close(&g->label);
}

/* Adds the text to the label: graphviz reads quotes, backslashes and entities there, and nothing
 * else. */
static int add_escaped(struct graph *g, struct err *err)
{
    plain_clean(&g->text, 0);
    for (const char *at = buf_str(&g->text); *at != '\0'; at++) {
        const char *as = *at == '"' ? "\\\"" : *at == '\\' ? "\\\\" : *at == '&' ? "&amp;" : NULL;

        if ((as != NULL ? buf_add_str(&g->label, as, err) : buf_add(&g->label, at, 1, err)) != 0)
            return -1;
    }
    buf_reset(&g->text);
    return 0;
}

static int add_name(struct graph *g, const char *name, struct err *err)
{
    size_t bytes = plain_bytes(name, NAME_MOST);

    if (buf_add(&g->text, name, bytes, err) != 0 ||
        (name[bytes] != '\0' && buf_add_str(&g->text, PLAIN_ELLIPSIS, err) != 0) ||
        buf_add_str(&g->label, NEW_LINE, err) != 0)
        return -1;
    return add_escaped(g, err);
}

static int add_names(struct graph *g, size_t row, struct err *err)
{
    const struct sheet_cell *names = forest_cell(g->a, row, TREE_NAMES);
    const char *known_as = forest_words(g->a, row, TREE_KNOWN_AS);
    size_t count = names->known ? names->texts.count : 0;

    for (size_t i = 0; i < count && i < NAMES_MOST; i++)
        if (add_name(g, forest_name(g->a, row, i), err) != 0)
            return -1;
    if (count > NAMES_MOST)
        return buf_printf(&g->label, err, NEW_LINE "and %zu more", count - NAMES_MOST);
    return count == 0 && known_as[0] != '\0' ? add_name(g, known_as, err) : 0;
}

static int add_made(struct graph *g, size_t row, struct err *err)
{
    if (forest_words(g->a, row, TREE_CREATED_BY)[0] == '\0')
        return 0;
    if (forest_add_created_by(&g->text, g->a, row, g->look, CREATED_BY_MOST, err) != 0 ||
        buf_add_str(&g->label, NEW_LINE, err) != 0)
        return -1;
    return add_escaped(g, err);
}

static int add_marks(struct graph *g, size_t row, struct err *err)
{
    if (forest_add_marks(&g->text, g->a, row, err) != 0)
        return -1;
    if (g->text.len > 0 && buf_add_str(&g->label, NEW_LINE, err) != 0)
        return -1;
    return add_escaped(g, err);
}

static int make_label(struct graph *g, size_t row, struct err *err)
{
    buf_reset(&g->label);
    if (forest_flag(g->a, row, TREE_COLLAPSED))
        return forest_add_left_out(&g->label, g->a, row, g->look, err);
    if (forest_add_id(&g->label, g->a, row, g->look, err) != 0 || add_names(g, row, err) != 0 ||
        buf_add_str(&g->label, NEW_LINE, err) != 0 ||
        forest_add_node_size(&g->label, g->a, row, g->look, err) != 0)
        return -1;
    return add_marks(g, row, err) == 0 ? add_made(g, row, err) : -1;
}

/* The policy's colour, else the one of nodes with names; NULL: none. */
static const char *fill_of(const struct graph *g, size_t row)
{
    const struct sheet_cell *names = forest_cell(g->a, row, TREE_NAMES);
    const char *policy = forest_words(g->a, row, TREE_POLICY);

    if (strcmp(policy, "violation") == 0)
        return "lightcoral";
    if (strcmp(policy, "excused") == 0 || strcmp(policy, "noted") == 0)
        return "khaki";
    if (strcmp(policy, "accepted") == 0)
        return "palegreen";
    return names->known && names->texts.count > 0 ? "paleturquoise" : NULL;
}

static int put_node(struct graph *g, size_t row, struct err *err)
{
    double area = (double)forest_number(g->a, row, TREE_NOMINAL) / 1e6;
    const char *fill = fill_of(g, row);

    if (make_label(g, row, err) != 0)
        return -1;
    fprintf(g->out, "  n%" PRId64 " [label=\"%s\", shape=box, area=%.6f",
            forest_number(g->a, row, TREE_NODE), buf_str(&g->label),
            area < LEAST_AREA ? LEAST_AREA : area);
    if (fill != NULL)
        fprintf(g->out, ", style=filled, fillcolor=%s", fill);
    else if (forest_flag(g->a, row, TREE_COLLAPSED))
        fputs(", style=dashed", g->out);
    fputs("];\n", g->out);
    if (forest_cell(g->a, row, TREE_PARENT)->known)
        fprintf(g->out, "  n%" PRId64 " -> n%" PRId64 ";\n", forest_number(g->a, row, TREE_PARENT),
                forest_number(g->a, row, TREE_NODE));
    return 0;
}

/* One line, whatever is in it. */
static int put_comment(struct graph *g, const char *text, struct err *err)
{
    buf_reset(&g->text);
    if (buf_add_str(&g->text, text, err) != 0)
        return -1;
    plain_clean(&g->text, 0);
    fprintf(g->out, "// %s\n", buf_str(&g->text));
    buf_reset(&g->text);
    return 0;
}

int forest_dot(const struct answer *a, const struct forest_look *look,
               const struct export_target *target, struct err *err)
{
    AUTO(graph_close) struct graph g = {.a = a, .look = look, .out = target->out};

    buf_init(&g.text, FOREST_TEXT_MAX);
    buf_init(&g.label, FOREST_TEXT_MAX);
    for (size_t i = 0; i < a->note_count; i++)
        if (put_comment(&g, a->notes[i], err) != 0)
            return -1;
    if (put_comment(&g, a->coverage_line, err) != 0)
        return -1;
    fputs("digraph layercensus {\n", g.out);
    for (size_t r = 0; r < a->rows->row_count; r++)
        if (put_node(&g, r, err) != 0)
            return -1;
    fputs("}\n", g.out);
    return 0;
}
