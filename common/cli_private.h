/*
 * cli_private: what the files of cli share; nobody else includes it.
 *
 * Threads: start-up only.
 */
#ifndef COMMON_CLI_PRIVATE_H
#define COMMON_CLI_PRIVATE_H

#include <stdio.h>

#include "common/cli.h"
#include "common/cli_nearest.h"

/* The options that every program has. */
struct cli_builtin {
    bool help, version, check_config;
    char *config;
};

/* When an option was last set: a list starts anew in each source, a file names a key once. */
struct cli_mark {
    const struct cli_option *option;
    unsigned source;
};

struct cli_parser {
    const struct cli_program *program;
    const struct cli_command *command; /* NULL until it is known */
    const char *group; /* the first word of a command of two words; NULL until it is known */
    void *config;
    struct cli_result *result;
    struct cli_builtin builtin;
    struct cli_mark *marks; /* one for each option of each table */
    size_t mark_count;
    unsigned source; /* number of the source being read, from 1 */
};

/* The tables in the order in which names are looked up: the command's, the program's, the
 * built-in one, then those of the other commands. False past the last; a table may be NULL. */
bool cli_table(const struct cli_parser *p, size_t index, const struct cli_option **table);

/* The first two tables are the ones whose options the command reads; the third is built in. */
enum { CLI_TABLE_BUILTIN = 2, CLI_TABLES_OWN = 3 };

/* The option of that name (`len` bytes) within the first `tables` tables, or NULL. */
const struct cli_option *cli_find(const struct cli_parser *p, size_t tables, const char *name,
                                  size_t len);

/* Whether the option is one of the built-in ones. */
bool cli_is_builtin(const struct cli_option *option);

/* The built-in table, for --help. */
const struct cli_option *cli_builtin_options(void);

/* Sets an option from the current source; `where` ("--limit", "x.conf:3: limit") starts errors. */
int cli_set(struct cli_parser *p, const struct cli_option *option, const char *where,
            const char *text, struct err *err);

/* As cli_set(), for sources in which a list is one text with commas. */
int cli_set_joined(struct cli_parser *p, const struct cli_option *option, const char *where,
                   const char *text, struct err *err);

/* Whether the current source has set the option already. */
bool cli_is_set_here(const struct cli_parser *p, const struct cli_option *option);

/* cli_value: one field from its text (a list gets one more item), and back to zero. */
int cli_value_set(const struct cli_option *option, void *field, const char *text, struct err *err);
void cli_value_zero(const struct cli_option *option, void *field);
void cli_value_free(const struct cli_option *option, void *field);

/* cli_flags: looks for the command and the built-in options; ERR_USAGE for what is not known. */
int cli_flags_scan(struct cli_parser *p, int argc, char **argv, struct err *err);

/* cli_flags: sets the other options, and moves the arguments to the front of argv + 1. */
int cli_flags_apply(struct cli_parser *p, int argc, char **argv, struct err *err);

/* cli_file: the file, then FILE.d, each one source. A missing file is an error if `required`. */
int cli_file_read(struct cli_parser *p, const char *path, bool required, struct err *err);

/* cli_environment: the variables of the options that the command reads. One with the program's
 * prefix that names no option gets a warning on stderr, not an error. */
int cli_environment_read(struct cli_parser *p, struct err *err);

/* cli_help: whether the command's name begins with this word and has another one. */
bool cli_is_in_group(const struct cli_command *command, const char *word);

/* cli_help: of the command, else of all commands that begin with the word `group`, else of the
 * program. Both may be NULL. */
void cli_help(FILE *out, const struct cli_program *program, const struct cli_command *command,
              const char *group);

#endif
