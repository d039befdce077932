#include <errno.h>
#include <string.h>

#include "collector/export/export.h"
#include "common/clock.h"
#include "common/json.h"

/* A text that is no UTF-8 can only come from a damaged file; it is told as such. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);

    return value != NULL ? value : json_string("\xEF\xBF\xBD");
}

static json_t *texts_value(const struct sheet_cell *cell)
{
    json_t *list = json_array();

    for (size_t i = 0; i < cell->texts.count; i++)
        json_array_append_new(list, text_value(cell->texts.items[i]));
    return list;
}

static json_t *cell_value(enum cell_kind kind, const struct sheet_cell *cell)
{
    char text[DIGEST_TEXT > CLOCK_TEXT ? DIGEST_TEXT : CLOCK_TEXT];

    if (!cell->known)
        return json_null();
    switch (kind) {
    case CELL_TEXT:
    case CELL_NAME:
    case CELL_TITLE:
    case CELL_SENTENCE:
        return text_value(cell->text);
    case CELL_TEXTS:
    case CELL_NAMES:
    case CELL_TITLES:
        return texts_value(cell);
    case CELL_COUNT:
    case CELL_BYTES:
        return json_integer(cell->number);
    case CELL_TIME:
    case CELL_DAY:
        return json_string(clock_text(cell->number * 1000, text));
    case CELL_DIGEST:
        return json_string(digest_text(cell->digest, text));
    case CELL_FLAG:
        return json_boolean(cell->number);
    case CELL_SHARE:
    case CELL_DECIMAL:
        return json_real((double)cell->number / 1000.0);
    }
    return NULL;
}

static json_t *row_value(const struct sheet *s, size_t row)
{
    json_t *object = json_object();

    for (size_t i = 0; i < s->column_count; i++)
        json_object_set_new(object, s->columns[i].key,
                            cell_value(s->columns[i].kind, &s->cells[row * s->column_count + i]));
    return object;
}

static json_t *sheet_value(const struct sheet *s)
{
    json_t *list;

    if (s->object)
        return s->row_count > 0 ? row_value(s, 0) : json_null();
    list = json_array();
    for (size_t i = 0; i < s->row_count; i++)
        json_array_append_new(list, row_value(s, i));
    return list;
}

static json_t *answer_value(const struct answer *a)
{
    json_t *root = json_object(), *notes = json_array();
    char time[CLOCK_TEXT];

    json_object_set_new(root, "report", json_string(a->report));
    json_object_set_new(root, "generated_at", json_string(clock_text(a->now_s * 1000, time)));
    if (a->sentence != NULL)
        json_object_set_new(root, "sentence", text_value(a->sentence));
    for (size_t i = 0; i < a->sheet_count; i++) {
        const struct sheet *s = &a->sheets[i];

        json_object_set_new(root, s->key, sheet_value(s));
        if (strcmp(s->key, "rows") == 0)
            json_object_set_new(root, "rows_total", json_integer((json_int_t)s->total));
    }
    for (size_t i = 0; i < a->note_count; i++)
        json_array_append_new(notes, text_value(a->notes[i]));
    json_object_set_new(root, "notes", notes);
    json_object_set_new(root, "coverage", sheet_value(&a->coverage));
    return root;
}

int export_json(const struct answer *a, const struct export_target *target, struct err *err)
{
    AUTO_JSON json_t *root = answer_value(a);

    if (root == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the answer as JSON");
    if (json_dumpf(root, target->out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0 ||
        fputc('\n', target->out) == EOF)
        return err_errno(err, ERR_IO, errno, "write the answer");
    return 0;
}
