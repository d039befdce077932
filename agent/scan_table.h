/*
 * scan_table: the document of scan_report as tables for people.
 *
 * Threads: pure.
 */
#ifndef AGENT_SCAN_TABLE_H
#define AGENT_SCAN_TABLE_H

#include <stdio.h>

#include "common/json.h"

/* Prints the whole report. What it lacks, or has of another type, is shown as "-". */
void scan_table_print(const json_t *report, FILE *out);

#endif
