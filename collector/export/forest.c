#include "collector/export/forest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collector/export/forest_private.h"
#include "collector/export/plain.h"

int export_forest(const struct answer *a, enum forest_form form, const struct forest_look *look,
                  const struct export_target *target, struct err *err)
{
    static int (*const forms[])(const struct answer *, const struct forest_look *,
                                const struct export_target *, struct err *) = {
        [FOREST_TEXT] = forest_text,
        [FOREST_DOT] = forest_dot,
        [FOREST_SHORT] = forest_short,
    };

    if (forms[form](a, look, target, err) != 0)
        return -1;
    if (fflush(target->out) != 0 || ferror(target->out))
        return err_errno(err, ERR_IO, errno, "write the tree");
    return 0;
}

/* ---- cells ----------------------------------------------------------------------------------- */

const struct sheet_cell *forest_cell(const struct answer *a, size_t row, enum tree_column column)
{
    return &a->rows->cells[row * a->rows->column_count + column];
}

bool forest_flag(const struct answer *a, size_t row, enum tree_column column)
{
    return forest_number(a, row, column) != 0;
}

int64_t forest_number(const struct answer *a, size_t row, enum tree_column column)
{
    const struct sheet_cell *cell = forest_cell(a, row, column);

    return cell->known ? cell->number : 0;
}

const char *forest_words(const struct answer *a, size_t row, enum tree_column column)
{
    const struct sheet_cell *cell = forest_cell(a, row, column);

    return cell->known ? cell->text : "";
}

/* ---- parts ----------------------------------------------------------------------------------- */

const char *forest_name(const struct answer *a, size_t row, size_t name)
{
    const char *text = forest_cell(a, row, TREE_NAMES)->texts.items[name];
    const char *known_as = forest_words(a, row, TREE_KNOWN_AS);
    size_t len = strlen(text);

    return strncmp(known_as, text, len) == 0 && known_as[len] == ' ' ? known_as : text;
}

/* Image IDs are texts of a list, as they are in the answer. */
static int add_image_id(struct buf *b, const struct answer *a, size_t row, bool whole,
                        struct err *err)
{
    const struct sheet_cell *ids = forest_cell(a, row, TREE_IMAGE_IDS);
    const char *hex;

    if (!ids->known || ids->texts.count == 0)
        return 0;
    hex = strchr(ids->texts.items[0], ':');
    if (whole || hex == NULL)
        return buf_add_str(b, ids->texts.items[0], err);
    return buf_printf(b, err, "%.12s", hex + 1);
}

int forest_add_id(struct buf *b, const struct answer *a, size_t row, const struct forest_look *look,
                  struct err *err)
{
    const struct sheet_cell *chain = forest_cell(a, row, TREE_CHAIN);

    if (!chain->known)
        return add_image_id(b, a, row, look->whole_digests, err);
    return export_cell(b, &a->rows->columns[TREE_CHAIN], chain, !look->whole_digests, err);
}

int forest_add_size(struct buf *b, const struct answer *a, size_t row, enum tree_column column,
                    enum tree_column unknown, const struct forest_look *look, struct err *err)
{
    const struct sheet_cell *cell = forest_cell(a, row, column);

    if (!cell->known)
        return buf_add_str(b, "?", err);
    if (forest_number(a, row, unknown) > 0 && buf_add_str(b, "\xE2\x89\xA5", err) != 0)
        return -1;
    return export_cell(b, &a->rows->columns[column], cell, !look->plain_bytes, err);
}

int forest_add_node_size(struct buf *b, const struct answer *a, size_t row,
                         const struct forest_look *look, struct err *err)
{
    if (buf_add_str(b, look->incremental ? "Size: " : "Virtual Size: ", err) != 0)
        return -1;
    return look->incremental
               ? forest_add_size(b, a, row, TREE_NOMINAL, TREE_LAYERS_UNKNOWN, look, err)
               : forest_add_size(b, a, row, TREE_CUMULATIVE, TREE_LINE_UNKNOWN, look, err);
}

int forest_add_left_out(struct buf *b, const struct answer *a, size_t row,
                        const struct forest_look *look, struct err *err)
{
    char layers[COUNT_TEXT], images[COUNT_TEXT];

    count_text(forest_number(a, row, TREE_BRANCH_LAYERS), "layer", layers);
    count_text(forest_number(a, row, TREE_IMAGES_BELOW), "image", images);
    if (buf_printf(b, err, PLAIN_ELLIPSIS " %s, %s, ", layers, images) != 0)
        return -1;
    return forest_add_size(b, a, row, TREE_BRANCH, TREE_BRANCH_UNKNOWN, look, err);
}

/* Steps are scripts: their line ends and tabs are no more than gaps. */
static void join_lines(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->len; i++)
        if (b->data[i] == '\n' || b->data[i] == '\r' || b->data[i] == '\t')
            b->data[i] = ' ';
}

int forest_add_created_by(struct buf *b, const struct answer *a, size_t row,
                          const struct forest_look *look, size_t most, struct err *err)
{
    size_t from = b->len, kept;

    if (buf_add_str(b, forest_words(a, row, TREE_CREATED_BY), err) != 0)
        return -1;
    join_lines(b, from);
    plain_clean(b, from);
    kept = plain_bytes(buf_str(b) + from, most);
    if (look->whole_digests || from + kept == b->len)
        return 0;
    b->len = from + kept;
    return buf_add_str(b, PLAIN_ELLIPSIS, err);
}

static int add_mark(struct buf *b, size_t from, const char *mark, struct err *err)
{
    return buf_printf(b, err, "%s%s", b->len > from ? ", " : "", mark);
}

int forest_add_marks(struct buf *b, const struct answer *a, size_t row, struct err *err)
{
    const char *policy = forest_words(a, row, TREE_POLICY);
    bool core = forest_words(a, row, TREE_CORE)[0] != '\0';
    bool says = policy[0] != '\0' && strcmp(policy, "accepted") != 0;
    size_t from = b->len;

    if (!forest_cell(a, row, TREE_CHAIN)->known && add_mark(b, from, "no layers", err) != 0)
        return -1;
    if (core && (add_mark(b, from, forest_words(a, row, TREE_CORE), err) != 0 ||
                 buf_add_str(b, " core build", err) != 0))
        return -1;
    if (!core && forest_flag(a, row, TREE_BASE) && add_mark(b, from, "base", err) != 0)
        return -1;
    return says ? add_mark(b, from, policy, err) : 0;
}
