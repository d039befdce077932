/*
 * read_survey: what the collector's last survey left in the database, and the figures of days.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_STORE_READ_SURVEY_H
#define COLLECTOR_STORE_READ_SURVEY_H

#include "collector/store/apply_survey.h"
#include "common/arena.h"

/* All lines, sorted by the image's digest; in `arena`. */
int read_lines(struct store *s, struct survey_line **out, size_t *count, struct arena *arena,
               struct err *err);

struct figure_day {
    int64_t day_s; /* its first second, UTC */
    struct survey_figure figure;
};

/* What was kept of one report, the newest day first, then by sheet, item and key; in `arena`. */
int read_figures(struct store *s, const char *report, struct figure_day **out, size_t *count,
                 struct arena *arena, struct err *err);

#endif
