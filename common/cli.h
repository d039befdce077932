/*
 * cli: options of a program from one table: flags, configuration file with conf.d, environment
 * and --help all come from it, so that they cannot disagree.
 *
 * Order, later wins: defaults, configuration file, FILE.d/ *.conf in name order, environment
 * (PREFIX_LONG_NAME; one that names no option gets a warning), flags. The file is INI without
 * sections: "name = value", '#' comments. One file serves all commands: it may hold options of
 * those that do not run, and their values are checked too. An empty variable counts as not set; in
 * a variable, a list is separated by commas. A list from a later source replaces the one from an
 * earlier source.
 *
 * An unknown key, a bad value or a name twice in one file is ERR_USAGE with file, line, and what
 * was expected.
 *
 * Threads: start-up only.
 */
#ifndef COMMON_CLI_H
#define COMMON_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum cli_type {
    CLI_FLAG,     /* bool; "--x", "--no-x"; file: yes/no/true/false */
    CLI_TEXT,     /* char *, heap, NULL where never given */
    CLI_NUMBER,   /* int64_t within [least, most] */
    CLI_DURATION, /* int64_t milliseconds within [least, most]; clock_parse_duration() */
    CLI_MOMENT, /* int64_t Unix milliseconds, not in the future; a time or a duration back from now;
                   0 where never given */
    CLI_SIZE,   /* int64_t bytes; 64k, 10M, 2G are binary multiples */
    CLI_CHOICE, /* int, index into choices[] */
    CLI_LIST,   /* struct cli_list: may be given several times */
};

struct cli_list {
    char **items;
    size_t count;
};

struct cli_option {
    const char *name; /* long name without dashes */
    char letter;      /* short form, or 0 */
    enum cli_type type;
    size_t offset;              /* of the field in the configuration struct */
    const char *value;          /* what --help calls the value ("FILE"), NULL for flags */
    const char *standard;       /* the default as text, NULL for none */
    const char *help;           /* one or two sentences */
    int64_t least, most;        /* numbers, durations, sizes; both 0: only >= 0 */
    const char *const *choices; /* CLI_CHOICE: NULL-terminated */
    bool flag_only;             /* not allowed in files and environment (--config, --help) */
};

struct cli_command {
    const char
        *name; /* "serve", or two words: "policy check"; NULL in a program without commands */
    const char *arguments; /* "IMAGE", "[X...]", "" */
    const char *help;      /* one line */
    const char *example;   /* one command line with what it answers, for --help */
    int least_args, most_args;
    const struct cli_option *options; /* besides the program's; ended by name NULL; may be NULL */
};

struct cli_program {
    const char *name;
    const char *about;
    const char *env_prefix; /* "LAYERCENSUS"; NULL: no environment */
    /* Prefixes of other programs that begin as this one's does, ended by NULL; may be NULL. */
    const char *const *sibling_prefixes;
    const char *standard_config;      /* read if it exists and --config is not given; may be NULL */
    const struct cli_option *options; /* ended by name NULL */
    const struct cli_command *commands; /* ended by name NULL */
};

struct cli_result {
    const struct cli_command *command;
    char **args; /* the positional arguments, in argv, which is reordered for it */
    int arg_count;
    bool check_config; /* --check-config was given */
    bool done;         /* --help or --version was printed: exit 0 */
};

/* Parses all sources into *config (zeroed by the callee first; fields at the options' offsets).
 * Every program has --help, --version, --config FILE and --check-config besides its table.
 * With --check-config no command and no arguments need be there, and result->command may be NULL.
 * Free with cli_free(), also after a failure. ERR_USAGE: unknown flags name the nearest known
 * one. */
int cli_parse(const struct cli_program *program, int argc, char **argv, void *config,
              struct cli_result *result, struct err *err);

/* Frees texts and lists of the configuration struct. */
void cli_free(const struct cli_program *program, void *config);

#endif
