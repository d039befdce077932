/*
 * command: what every command of the program has at hand, and the way of those that are a report.
 *
 * Threads: the program's only one.
 */
#ifndef COLLECTOR_CLI_COMMAND_H
#define COLLECTOR_CLI_COMMAND_H

#include "collector/cli/options.h"
#include "collector/export/export.h"

struct command {
    struct options *options;
    const struct cli_result *cli;
    struct report_request request; /* with the catalogue, and the policy where one is given */
    const char *catalogue_path;
    struct arena *arena; /* of the whole answer */
};

/* Runs a report over the database, as the options say; *out lies in the command's arena. */
int command_report(const struct command *c, const struct report *report, struct answer *out,
                   struct err *err);

/* Refuses -o csv for a command whose answer is several tables, of which CSV would have one. */
int command_refuse_csv(const struct command *c, struct err *err);

/* Prints an answer in the form that the options ask for. */
int command_print(const struct command *c, const struct answer *a, struct err *err);

/* Where results go, and how wide it is. */
struct export_target command_target(void);

/* The exit status of an answer: 3 where --require-complete is not met. */
int command_status(const struct command *c, const struct answer *a);

/* The commands that are more than one report; each returns the exit status, or -1. */
int command_tree(const struct command *c, struct err *err);
int command_policy_check(const struct command *c, struct err *err);
int command_policy_explain(const struct command *c, struct err *err);
int command_policy_init(const struct command *c, struct err *err);
int command_catalogue_add(const struct command *c, struct err *err);
int command_catalogue_list(const struct command *c, struct err *err);
int command_catalogue_remove(const struct command *c, struct err *err);
int command_catalogue_trust(const struct command *c, struct err *err);
int command_catalogue_distrust(const struct command *c, struct err *err);

#endif
