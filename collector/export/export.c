#include "collector/export/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/imageref.h"

#define DAY_TEXT 10 /* characters of a time that are its day */

int export_answer(const struct answer *a, enum export_format format,
                  const struct export_target *target, struct err *err)
{
    static int (*const formats[])(const struct answer *, const struct export_target *,
                                  struct err *) = {
        [EXPORT_TABLE] = export_table,
        [EXPORT_JSON] = export_json,
        [EXPORT_CSV] = export_csv,
    };

    if (formats[format](a, target, err) != 0)
        return -1;
    if (fflush(target->out) != 0 || ferror(target->out))
        return err_errno(err, ERR_IO, errno, "write the answer");
    return 0;
}

static int add_digest(struct buf *b, const struct digest *d, bool human, struct err *err)
{
    char text[DIGEST_TEXT];

    if (!human)
        return buf_add_str(b, digest_text(d, text), err);
    return buf_add(b, digest_hex(d, text), DIGEST_SHORT, err);
}

/* What people type: "debian:12 as of 2026-03-02", the first digits of an ID. */
static int add_name(struct buf *b, const char *name, bool human, struct err *err)
{
    char first[IMAGEREF_MAX + 1], shown[IMAGEREF_MAX + 1];
    size_t len = strcspn(name, " ");

    if (!human || len > IMAGEREF_MAX)
        return buf_add_str(b, name, err);
    if (strncmp(name, DIGEST_ALGORITHM, strlen(DIGEST_ALGORITHM)) == 0 && len == DIGEST_TEXT - 1)
        return buf_add(b, name + strlen(DIGEST_ALGORITHM), DIGEST_SHORT, err);
    memcpy(first, name, len);
    first[len] = '\0';
    return buf_printf(b, err, "%s%s", imageref_shown(first, shown), name + len);
}

static int add_names(struct buf *b, const struct sheet_cell *cell, bool human, struct err *err)
{
    for (size_t i = 0; i < cell->texts.count; i++)
        if (buf_add_str(b,
                        i == 0  ? ""
                        : human ? ", "
                                : " ",
                        err) != 0 ||
            add_name(b, cell->texts.items[i], human, err) != 0)
            return -1;
    return cell->texts.count == 0 && human ? buf_add_str(b, "-", err) : 0;
}

static int add_list(struct buf *b, const struct sheet_cell *cell, bool human, struct err *err)
{
    for (size_t i = 0; i < cell->texts.count; i++)
        if (buf_printf(b, err, "%s%s", i == 0 ? "" : human ? ", " : " ", cell->texts.items[i]) != 0)
            return -1;
    if (cell->texts.count == 0 && human)
        return buf_add_str(b, "-", err);
    return 0;
}

int export_cell(struct buf *b, const struct sheet_column *column, const struct sheet_cell *cell,
                bool human, struct err *err)
{
    char time[CLOCK_TEXT], size[SIZE_TEXT];

    if (!cell->known)
        return buf_add_str(b, human ? "-" : "", err);
    switch (column->kind) {
    case CELL_TEXT:
    case CELL_TITLE:
    case CELL_SENTENCE:
        return buf_add_str(b, human && cell->text[0] == '\0' ? "-" : cell->text, err);
    case CELL_TEXTS:
    case CELL_TITLES:
        return add_list(b, cell, human, err);
    case CELL_NAME:
        return add_name(b, cell->text, human, err);
    case CELL_NAMES:
        return add_names(b, cell, human, err);
    case CELL_COUNT:
        return buf_printf(b, err, "%" PRId64, cell->number);
    case CELL_BYTES:
        if (human)
            return buf_add_str(b, size_text(cell->number, size), err);
        return buf_printf(b, err, "%" PRId64, cell->number);
    case CELL_TIME:
        return buf_add_str(b, clock_text(cell->number * 1000, time), err);
    case CELL_DAY:
        clock_text(cell->number * 1000, time);
        return buf_add(b, time, human ? DAY_TEXT : strlen(time), err);
    case CELL_DIGEST:
        return add_digest(b, cell->digest, human, err);
    case CELL_FLAG:
        return buf_add_str(
            b, human ? (cell->number ? "yes" : "no") : (cell->number ? "true" : "false"), err);
    case CELL_SHARE:
        return human ? buf_printf(b, err, "%.1f %%", (double)cell->number / 10.0)
                     : buf_printf(b, err, "%.3f", (double)cell->number / 1000.0);
    case CELL_DECIMAL:
        return buf_printf(b, err, human ? "%.1f" : "%.3f", (double)cell->number / 1000.0);
    }
    return 0;
}
