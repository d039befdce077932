#include "collector/report/sheet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define ROWS_FIRST 16
#define NOTE_MAX 1024
#define NAMES_MAX 400 /* bytes of the list of columns in an error */

void sheet_init(struct sheet *s, const char *key, const char *title, bool object,
                const struct sheet_column *columns)
{
    *s = (struct sheet){.key = key, .title = title, .object = object, .columns = columns};
    while (columns[s->column_count].key != NULL)
        s->column_count++;
}

struct sheet *answer_sheet(struct answer *a, const char *key, const char *title, bool object,
                           const struct sheet_column *columns)
{
    struct sheet *s = &a->sheets[a->sheet_count];

    check(a->sheet_count < ANSWER_SHEETS_MAX);
    a->sheet_count++;
    sheet_init(s, key, title, object, columns);
    if (strcmp(key, "rows") == 0)
        a->rows = s;
    return s;
}

int sheet_reserve(struct answer *a, struct sheet *s, size_t rows, struct err *err)
{
    size_t row_size = s->column_count * sizeof(struct sheet_cell);
    struct sheet_cell *cells;

    if (rows <= s->cap)
        return 0;
    cells = arena_array(a->arena, rows, row_size, err);
    if (cells == NULL)
        return -1;
    if (s->row_count > 0)
        memcpy(cells, s->cells, s->row_count * row_size);
    s->cells = cells;
    s->cap = rows;
    return 0;
}

int sheet_canceled(struct err *err)
{
    return err_set(err, ERR_CANCELED, "given up");
}

struct sheet_cell *sheet_row(struct answer *a, struct sheet *s, struct err *err)
{
    size_t more = s->cap == 0 ? (s->object ? 1 : ROWS_FIRST) : s->cap * 2;

    if (a->canceled != NULL && atomic_load_explicit(a->canceled, memory_order_relaxed)) {
        sheet_canceled(err);
        return NULL;
    }
    if (s->row_count == s->cap && sheet_reserve(a, s, more, err) != 0)
        return NULL;
    s->total = s->row_count + 1;
    return s->cells + s->row_count++ * s->column_count;
}

int answer_note(struct answer *a, struct err *err, const char *fmt, ...)
{
    char text[NOTE_MAX];
    va_list ap;

    check(a->note_count < ANSWER_NOTES_MAX);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    a->notes[a->note_count] = arena_text(a->arena, text, strlen(text), err);
    return a->notes[a->note_count++] != NULL ? 0 : -1;
}

/* ---- sorting --------------------------------------------------------------------------------- */

struct order {
    const struct sheet *sheet;
    size_t column;
    bool descending;
};

static int compare_texts(const struct sheet_cell *a, const struct sheet_cell *b)
{
    size_t shorter = a->texts.count < b->texts.count ? a->texts.count : b->texts.count;

    for (size_t i = 0; i < shorter; i++) {
        int order = strcmp(a->texts.items[i], b->texts.items[i]);

        if (order != 0)
            return order;
    }
    return a->texts.count < b->texts.count ? -1 : a->texts.count > b->texts.count;
}

bool cell_is_text(enum cell_kind kind)
{
    return kind == CELL_TEXT || kind == CELL_NAME || kind == CELL_TITLE || kind == CELL_SENTENCE;
}

bool cell_is_list(enum cell_kind kind)
{
    return kind == CELL_TEXTS || kind == CELL_NAMES || kind == CELL_TITLES;
}

static int compare_cells(enum cell_kind kind, const struct sheet_cell *a,
                         const struct sheet_cell *b)
{
    if (cell_is_text(kind))
        return strcmp(a->text, b->text);
    if (cell_is_list(kind))
        return compare_texts(a, b);
    if (kind == CELL_DIGEST)
        return digest_cmp(a->digest, b->digest);
    return a->number < b->number ? -1 : a->number > b->number;
}

static bool is_empty(enum cell_kind kind, const struct sheet_cell *c)
{
    return !c->known || (cell_is_list(kind) && c->texts.count == 0);
}

static int compare_rows(const struct sheet *s, size_t x, size_t y, size_t column, bool descending)
{
    enum cell_kind kind = s->columns[column].kind;
    const struct sheet_cell *cx = &s->cells[x * s->column_count + column];
    const struct sheet_cell *cy = &s->cells[y * s->column_count + column];
    int order;

    if (is_empty(kind, cx) || is_empty(kind, cy))
        return is_empty(kind, cx) - is_empty(kind, cy);
    order = compare_cells(kind, cx, cy);
    return descending ? -order : order;
}

static int by_order(const void *a, const void *b, void *arg)
{
    const struct order *o = arg;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = compare_rows(o->sheet, x, y, o->column, o->descending);

    if (order == 0)
        order = compare_rows(o->sheet, x, y, 0, false);
    if (order == 0)
        order = x < y ? -1 : x > y;
    return order;
}

static int fail_column(const struct sheet *s, const char *by, struct err *err)
{
    char names[NAMES_MAX];
    size_t at = 0;

    names[0] = '\0';
    for (size_t i = 0; i < s->column_count && at < sizeof(names); i++)
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i > 0 ? ", " : "",
                               s->columns[i].key);
    return err_set(err, ERR_USAGE, "--sort %s: expected COLUMN or COLUMN:desc, columns are %s", by,
                   names);
}

static int find_order(struct order *o, const char *by, struct err *err)
{
    size_t len = strcspn(by, ":");

    o->descending = strcmp(by + len, ":desc") == 0;
    if (by[len] != '\0' && !o->descending && strcmp(by + len, ":asc") != 0)
        return fail_column(o->sheet, by, err);
    for (o->column = 0; o->column < o->sheet->column_count; o->column++) {
        const char *key = o->sheet->columns[o->column].key;

        if (strlen(key) == len && memcmp(key, by, len) == 0)
            return 0;
    }
    return fail_column(o->sheet, by, err);
}

int sheet_sort(struct answer *a, struct sheet *s, const char *by, struct err *err)
{
    struct order o = {.sheet = s};
    size_t row_size = s->column_count * sizeof(struct sheet_cell);
    struct sheet_cell *sorted;
    size_t *rows;

    if (find_order(&o, by, err) != 0)
        return -1;
    rows = arena_array(a->arena, s->row_count, sizeof(*rows), err);
    sorted = arena_array(a->arena, s->row_count, row_size, err);
    if (rows == NULL || sorted == NULL)
        return -1;
    for (size_t i = 0; i < s->row_count; i++)
        rows[i] = i;
    qsort_r(rows, s->row_count, sizeof(*rows), by_order, &o);
    for (size_t i = 0; i < s->row_count; i++)
        memcpy(sorted + i * s->column_count, s->cells + rows[i] * s->column_count, row_size);
    s->cells = sorted;
    s->cap = s->row_count;
    return 0;
}

int sheet_reveal(struct answer *a, struct sheet *s, const char *key, struct err *err)
{
    struct sheet_column *columns =
        arena_array(a->arena, s->column_count + 1, sizeof(*columns), err);
    size_t column = 0;

    if (columns == NULL)
        return -1;
    memcpy(columns, s->columns, (s->column_count + 1) * sizeof(*columns));
    while (column < s->column_count && strcmp(columns[column].key, key) != 0)
        column++;
    check(column < s->column_count);
    for (size_t r = 0; r < s->row_count; r++) {
        const struct sheet_cell *cell = &s->cells[r * s->column_count + column];

        if (cell->known && (cell_is_text(columns[column].kind) ||
                            columns[column].kind == CELL_DIGEST || cell->number != 0))
            columns[column].only_data = false;
    }
    s->columns = columns;
    return 0;
}

char *count_text(int64_t count, const char *noun, char out[COUNT_TEXT])
{
    snprintf(out, COUNT_TEXT, "%" PRId64 " %s%s", count, noun, count == 1 ? "" : "s");
    return out;
}

/* ---- cells ----------------------------------------------------------------------------------- */

struct sheet_cell cell_text(const char *text)
{
    return (struct sheet_cell){.known = text != NULL, .text = text};
}

struct sheet_cell cell_texts(const char **items, size_t count)
{
    return (struct sheet_cell){.known = true, .texts = {items, count}};
}

struct sheet_cell cell_number(int64_t number)
{
    return (struct sheet_cell){.known = true, .number = number};
}

struct sheet_cell cell_size(int64_t bytes)
{
    return (struct sheet_cell){.known = bytes >= 0, .number = bytes};
}

struct sheet_cell cell_time(int64_t unix_s)
{
    return (struct sheet_cell){.known = unix_s != 0, .number = unix_s};
}

struct sheet_cell cell_digest(const struct digest *digest)
{
    return (struct sheet_cell){.known = digest != NULL, .digest = digest};
}

struct sheet_cell cell_flag(bool flag)
{
    return (struct sheet_cell){.known = true, .number = flag};
}
