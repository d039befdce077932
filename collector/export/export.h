/*
 * export: an answer as a table for people, as JSON, or as CSV.
 *
 * JSON: {"report", "generated_at", one key for each sheet (an object or an array of objects),
 * "rows_total" where rows were limited, "notes", "coverage"}. Sizes are integers of bytes, times
 * RFC 3339, digests full; what is unknown is null.
 *
 * CSV (RFC 4180): the rows, or where the answer has none, one line "sheet,key,value" for each value
 * of its objects. Lists are joined by spaces; what is unknown is empty. A text that a spreadsheet
 * would take for a formula (it begins with = + - @, tab or carriage return) gets a ' in front.
 *
 * Threads: pure but for the streams given.
 */
#ifndef COLLECTOR_EXPORT_EXPORT_H
#define COLLECTOR_EXPORT_EXPORT_H

#include <stdio.h>

#include "collector/report/sheet.h"
#include "common/buf.h"

enum export_format { EXPORT_TABLE, EXPORT_JSON, EXPORT_CSV };

struct export_target {
    FILE *out;   /* results */
    FILE *aside; /* where CSV's coverage and notes go */
    int width;   /* of the terminal in characters; 0: lines may be as long as they are */
};

/* ERR_IO where a stream refuses, ERR_NO_MEMORY. */
int export_answer(const struct answer *a, enum export_format format,
                  const struct export_target *target, struct err *err);

/* One form each, as export_answer() chooses among them. */
int export_table(const struct answer *a, const struct export_target *target, struct err *err);
int export_json(const struct answer *a, const struct export_target *target, struct err *err);
int export_csv(const struct answer *a, const struct export_target *target, struct err *err);

/* The notes, and what the answer rests on, as a table and a drawn tree end with them. */
void export_notes(const struct answer *a, const struct export_target *target);

/* One cell as text. human: sizes in binary units, digests short, unknown "-", lists by ", ".
 * Otherwise: bytes as integers, digests full, unknown "", lists by " ". Appends. */
int export_cell(struct buf *b, const struct sheet_column *column, const struct sheet_cell *cell,
                bool human, struct err *err);

#endif
