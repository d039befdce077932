/*
 * scan_print: the command "scan": this host's inventory on stdout, without a collector.
 *
 * Threads: blocks on disk; no loop needed.
 */
#ifndef AGENT_SCAN_PRINT_H
#define AGENT_SCAN_PRINT_H

#include <stdio.h>

#include "agent/options.h"

/* Finds, reads, measures (unless switched off) and prints as table or JSON. Stores that cannot be
 * read are printed as such. ERR_NOT_FOUND when no store was found, ERR_UNAVAILABLE when none could
 * be read; ERR_IO when the output cannot be written. */
int scan_print(const struct options *options, FILE *out, struct err *err);

#endif
