/*
 * lines: whose names count, what chains are called, and which base each image stands on: the steps
 * of report_run() from what the database says to the census's naming, lineage and core builds.
 *
 * Threads: a reader's own.
 */
#ifndef COLLECTOR_REPORT_LINES_H
#define COLLECTOR_REPORT_LINES_H

#include "collector/report/report.h"

/* Fills trusted_stores, trusted_said, naming, lineage, titles and bases of a census whose fleet,
 * images and ledgers are there, by the request's catalogue. */
int lines_compute(struct census *c, struct err *err);

#endif
