/*
 * options: what can be said to the command.
 *
 * Threads: start-up only.
 */
#ifndef COLLECTOR_CLI_OPTIONS_H
#define COLLECTOR_CLI_OPTIONS_H

#include "collector/report/report.h"
#include "common/cli.h"

struct options {
    char *db;
    int output; /* enum export_format */
    char *sort;
    int64_t limit;
    struct cli_list labels; /* "key=value" */
    bool require_complete;
    int64_t fresh_within_ms;
    int by; /* enum report_by */
    bool built_on, ever;
    char *catalogue;  /* NULL: catalogue.yaml beside the database */
    char *policy;     /* NULL: none */
    int64_t as_of_ms; /* Unix; 0: now */
    bool known_then;
    int level; /* enum report_level */

    /* tree */
    char *host;
    bool up, as_tree, as_dot, as_short, labelled_only, incremental, no_trunc, no_human, created_by;
    int64_t depth, min_bytes;

    /* catalogue add */
    char *from, *family, *base_version, *platform;
};

extern const struct cli_program options_program;

/* The report that a command asks for, NULL where it is none. */
const struct report *options_report(const struct cli_command *command);

/* "key=value" texts, taken apart in place. ERR_USAGE names the one that is not like that. Free the
 * list, not the texts. */
int options_labels(struct options *o, struct rec_pair **out, struct err *err);

#endif
