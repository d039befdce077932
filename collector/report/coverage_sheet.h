/*
 * coverage_sheet: the coverage as an object and as one line.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_REPORT_COVERAGE_SHEET_H
#define COLLECTOR_REPORT_COVERAGE_SHEET_H

#include "collector/census/coverage.h"
#include "collector/report/sheet.h"

/* Fills the answer's coverage and coverage_line. */
int coverage_fill(struct answer *a, const struct coverage *c, struct err *err);

/* Of an answer that does not read the fleet but figures kept on earlier days: the coverage of those
 * days is not kept, so it has no row. */
void coverage_of_figures(struct answer *a);

#endif
