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

#endif
