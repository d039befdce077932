#include <string.h>

#include "collector/export/export.h"
#include "common/cleanup.h"

#define CELL_MAX ((size_t)64 << 20) /* bytes of one cell: an image's longest list of names */
#define END "\r\n"

/* Quotes where RFC 4180 asks for it, doubles quotes, and keeps spreadsheets from running a text. */
static void put_field(FILE *out, const char *text, bool is_text)
{
    bool runs = is_text && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;

    if (strpbrk(text, ",\"\r\n") == NULL) {
        fprintf(out, "%s%s", runs ? "'" : "", text);
        return;
    }
    fprintf(out, "\"%s", runs ? "'" : "");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static int put_cell(FILE *out, struct buf *b, const struct sheet_column *column,
                    const struct sheet_cell *cell, struct err *err)
{
    buf_reset(b);
    if (export_cell(b, column, cell, false, err) != 0)
        return -1;
    put_field(out, buf_str(b), cell_is_text(column->kind) || cell_is_list(column->kind));
    return 0;
}

static int put_rows(FILE *out, struct buf *b, const struct sheet *s, struct err *err)
{
    for (size_t c = 0; c < s->column_count; c++)
        fprintf(out, "%s%s", c > 0 ? "," : "", s->columns[c].key);
    fputs(END, out);
    for (size_t r = 0; r < s->row_count; r++) {
        for (size_t c = 0; c < s->column_count; c++) {
            if (c > 0)
                fputc(',', out);
            if (put_cell(out, b, &s->columns[c], &s->cells[r * s->column_count + c], err) != 0)
                return -1;
        }
        fputs(END, out);
    }
    return 0;
}

static int put_objects(FILE *out, struct buf *b, const struct answer *a, struct err *err)
{
    fputs("sheet,key,value" END, out);
    for (size_t i = 0; i < a->sheet_count; i++) {
        const struct sheet *s = &a->sheets[i];

        for (size_t c = 0; s->object && s->row_count > 0 && c < s->column_count; c++) {
            fprintf(out, "%s,%s,", s->key, s->columns[c].key);
            if (put_cell(out, b, &s->columns[c], &s->cells[c], err) != 0)
                return -1;
            fputs(END, out);
        }
    }
    return 0;
}

int export_csv(const struct answer *a, const struct export_target *target, struct err *err)
{
    AUTO(buf_close) struct buf b;
    int rc;

    buf_init(&b, CELL_MAX);
    rc = a->rows != NULL ? put_rows(target->out, &b, a->rows, err)
                         : put_objects(target->out, &b, a, err);
    for (size_t i = 0; rc == 0 && i < a->note_count; i++)
        fprintf(target->aside, "%s\n", a->notes[i]);
    if (rc == 0)
        fprintf(target->aside, "%s\n", a->coverage_line);
    return rc;
}
