/*
 * sheet: an answer as plain columns and rows, before it has a form. Reports fill it, export prints
 * it.
 *
 * An answer has sheets; a sheet is a list of rows, or an object (one row, shown key by key). Keys
 * are stable: they are the keys of the JSON and the header of the CSV. Texts and digests are
 * borrowed and must live as long as the answer; everything else lies in its arena.
 *
 * Threads: plain data.
 */
#ifndef COLLECTOR_REPORT_SHEET_H
#define COLLECTOR_REPORT_SHEET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/digest.h"
#include "common/size.h"

enum cell_kind {
    CELL_TEXT,
    CELL_TEXTS,    /* a list */
    CELL_NAME,     /* an image's name in normal form, perhaps with more behind a space, or its ID;
                      tables show names in familiar form, and IDs short */
    CELL_NAMES,    /* a list of such */
    CELL_TITLE,    /* what an image or a base is called, as people type it */
    CELL_TITLES,   /* a list of such */
    CELL_SENTENCE, /* a text that is never cut: where a table has no room for its column, it stands
                      on lines of its own beneath its row */
    CELL_COUNT,
    CELL_BYTES, /* the key ends in _bytes and says which kind of size */
    CELL_TIME,  /* Unix seconds */
    CELL_DAY,   /* Unix seconds of its first second; tables show the day alone */
    CELL_DIGEST,
    CELL_FLAG,
    CELL_SHARE,   /* thousandths, shown as a percentage */
    CELL_DECIMAL, /* thousandths, shown with three digits behind the point */
};

struct sheet_column {
    const char *key, *title;
    enum cell_kind kind;
    bool only_data; /* in JSON and CSV, not in tables */
};

struct sheet_cell {
    bool known;
    union {
        int64_t number;
        const char *text;
        const struct digest *digest;
        struct {
            const char **items;
            size_t count;
        } texts;
    };
};

struct sheet {
    const char *key, *title;
    bool object;
    bool only_data;                     /* not in tables */
    const struct sheet_column *columns; /* ended by key NULL */
    size_t column_count;
    struct sheet_cell *cells; /* row by row */
    size_t row_count;
    size_t total; /* rows before --limit */

    size_t cap; /* private */
};

#define ANSWER_SHEETS_MAX 10
#define ANSWER_NOTES_MAX 12

struct answer {
    const char *report;
    const char *sentence; /* the answer in one, above the sheets; NULL where there is none */
    int64_t now_s;
    struct arena *arena;
    const atomic_bool *canceled; /* no more rows where it is set; NULL: never */
    struct sheet sheets[ANSWER_SHEETS_MAX];
    size_t sheet_count;
    const char *sort;   /* the rows' order where it depends on the request; NULL: the report's */
    struct sheet *rows; /* the sheet whose key is "rows"; NULL where there is none */
    const char *notes[ANSWER_NOTES_MAX]; /* sentences, beneath the sheets */
    size_t note_count;
    struct sheet coverage; /* an object */
    const char *coverage_line;
    bool complete;
};

/* Begins a sheet; the answer has room for it. */
struct sheet *answer_sheet(struct answer *a, const char *key, const char *title, bool object,
                           const struct sheet_column *columns);
void sheet_init(struct sheet *s, const char *key, const char *title, bool object,
                const struct sheet_column *columns);

/* Room for so many rows, which may be fewer or more in the end. */
int sheet_reserve(struct answer *a, struct sheet *s, size_t rows, struct err *err);

/* A new row: its cells, all unknown, to be filled in the order of the columns. NULL on failure, and
 * with ERR_CANCELED where the answer is canceled. */
struct sheet_cell *sheet_row(struct answer *a, struct sheet *s, struct err *err);

/* Sets ERR_CANCELED and returns -1. */
int sheet_canceled(struct err *err);

/* A sentence; longer ones than 1 KiB are cut. */
int answer_note(struct answer *a, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sorts the rows by "COLUMN", "COLUMN:asc" or "COLUMN:desc" (a key); what is unknown comes last.
 * Equal rows are sorted by their first column, ascending, and keep their order where that is equal.
 * ERR_USAGE names the columns that there are. */
int sheet_sort(struct answer *a, struct sheet *s, const char *by, struct err *err);

/* "1 image", "2 images": for nouns whose plural ends in s. Returns out. */
#define COUNT_TEXT 64
char *count_text(int64_t count, const char *noun, char out[COUNT_TEXT]);

/* Whether such cells hold one text, or a list of texts. */
bool cell_is_text(enum cell_kind kind);
bool cell_is_list(enum cell_kind kind);

/* Shows a column that is only data in tables too, once a row has a count or flag set, or a text or
 * digest. */
int sheet_reveal(struct answer *a, struct sheet *s, const char *key, struct err *err);

/* Cells. Unknown where the text or digest is NULL, the size negative where it cannot be, the time
 * 0. */
struct sheet_cell cell_text(const char *text);
struct sheet_cell cell_texts(const char **items, size_t count);
struct sheet_cell cell_number(int64_t number); /* counts, and bytes that may be negative */
struct sheet_cell cell_size(int64_t bytes);    /* bytes, unknown where negative */
struct sheet_cell cell_time(int64_t unix_s);
struct sheet_cell cell_digest(const struct digest *digest);
struct sheet_cell cell_flag(bool flag);

#endif
