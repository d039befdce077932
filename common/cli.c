#include "common/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/cli_private.h"

static const struct cli_option builtin[] = {
    {.name = "help",
     .letter = 'h',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_builtin, help),
     .help = "Shows this text.",
     .flag_only = true},
    {.name = "version",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_builtin, version),
     .help = "Shows the version.",
     .flag_only = true},
    {.name = "config",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_builtin, config),
     .value = "FILE",
     .help = "Reads options from FILE and FILE.d/*.conf.",
     .flag_only = true},
    {.name = "check-config",
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_builtin, check_config),
     .help = "Checks files, environment and flags, and ends.",
     .flag_only = true},
    {.name = NULL},
};

const struct cli_option *cli_builtin_options(void)
{
    return builtin;
}

bool cli_is_builtin(const struct cli_option *option)
{
    for (const struct cli_option *o = builtin; o->name != NULL; o++)
        if (o == option)
            return true;
    return false;
}

/* A program without commands has one entry without a name, or none at all. */
static bool has_commands(const struct cli_program *program)
{
    return program->commands != NULL && program->commands[0].name != NULL;
}

static size_t count_commands(const struct cli_program *program)
{
    size_t count = 0;

    if (program->commands == NULL)
        return 0;
    while (program->commands[count].name != NULL)
        count++;
    return has_commands(program) ? count : 1;
}

bool cli_table(const struct cli_parser *p, size_t index, const struct cli_option **table)
{
    switch (index) {
    case 0:
        *table = p->command != NULL ? p->command->options : NULL;
        return true;
    case 1:
        *table = p->program->options;
        return true;
    case CLI_TABLE_BUILTIN:
        *table = builtin;
        return true;
    default:
        if (index - CLI_TABLES_OWN >= count_commands(p->program))
            return false;
        *table = p->program->commands[index - CLI_TABLES_OWN].options;
        return true;
    }
}

const struct cli_option *cli_find(const struct cli_parser *p, size_t tables, const char *name,
                                  size_t len)
{
    const struct cli_option *o;

    for (size_t t = 0; t < tables && cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++)
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
                return o;
    return NULL;
}

static struct cli_mark *find_mark(const struct cli_parser *p, const struct cli_option *option)
{
    for (size_t i = 0; i < p->mark_count; i++)
        if (p->marks[i].option == option)
            return &p->marks[i];
    check(!"an option of the program's tables");
}

bool cli_is_set_here(const struct cli_parser *p, const struct cli_option *option)
{
    return find_mark(p, option)->source == p->source;
}

static void *field_of(struct cli_parser *p, const struct cli_option *option)
{
    char *base = cli_is_builtin(option) ? (char *)&p->builtin : p->config;

    return base + option->offset;
}

int cli_set(struct cli_parser *p, const struct cli_option *option, const char *where,
            const char *text, struct err *err)
{
    struct cli_mark *mark = find_mark(p, option);
    void *field = field_of(p, option);

    if (option->type == CLI_LIST && mark->source != p->source)
        cli_value_free(option, field);
    mark->source = p->source;
    if (cli_value_set(option, field, text, err) != 0)
        return err_wrap(err, "%s", where);
    return 0;
}

int cli_set_joined(struct cli_parser *p, const struct cli_option *option, const char *where,
                   const char *text, struct err *err)
{
    AUTO_FREE char *copy = NULL;
    char *rest, *item;

    if (option->type != CLI_LIST)
        return cli_set(p, option, where, text, err);
    copy = rest = strdup(text);
    if (copy == NULL)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory for a list", where);
    while ((item = strsep(&rest, ",")) != NULL)
        if (*item != '\0' && cli_set(p, option, where, item, err) != 0)
            return -1;
    return 0;
}

/* Counts the options of all tables and gives each a mark and a field that is zero. */
static int prepare(struct cli_parser *p, struct err *err)
{
    const struct cli_option *o;
    size_t count = 0;

    for (size_t t = 0; cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++)
            count++;
    p->marks = calloc(count, sizeof(*p->marks));
    if (p->marks == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu options", count);
    for (size_t t = 0; cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++) {
            p->marks[p->mark_count++].option = o;
            cli_value_zero(o, field_of(p, o));
        }
    return 0;
}

static int apply_defaults(struct cli_parser *p, struct err *err)
{
    const struct cli_option *o;

    p->source++;
    for (size_t t = 0; t < CLI_TABLE_BUILTIN && cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++)
            if (o->standard != NULL && cli_set_joined(p, o, o->name, o->standard, err) != 0)
                return err_wrap(err, "default");
    return 0;
}

static int apply_files(struct cli_parser *p, struct err *err)
{
    if (p->builtin.config != NULL)
        return cli_file_read(p, p->builtin.config, true, err);
    if (p->program->standard_config != NULL)
        return cli_file_read(p, p->program->standard_config, false, err);
    return 0;
}

static int check_arguments(const struct cli_parser *p, struct err *err)
{
    const struct cli_command *c = p->command;
    int given = p->result->arg_count;

    if (p->builtin.check_config)
        return 0;
    if (c == NULL && has_commands(p->program))
        return err_set(err, ERR_USAGE, "expected a command: see %s --help", p->program->name);
    if (c == NULL && given == 0)
        return 0;
    if (c == NULL || (c->most_args >= 0 && given > c->most_args))
        return err_set(err, ERR_USAGE, "unexpected argument \"%s\"",
                       p->result->args[c == NULL ? 0 : c->most_args]);
    if (given < c->least_args)
        return err_set(err, ERR_USAGE, "expected %s%s%s", c->arguments,
                       c->name != NULL ? " behind " : "", c->name != NULL ? c->name : "");
    return 0;
}

static int apply_all(struct cli_parser *p, int argc, char **argv, struct err *err)
{
    if (apply_defaults(p, err) != 0 || apply_files(p, err) != 0 ||
        cli_environment_read(p, err) != 0)
        return -1;
    p->source++;
    if (cli_flags_apply(p, argc, argv, err) != 0)
        return -1;
    return check_arguments(p, err);
}

static void parser_close(struct cli_parser *p)
{
    free(p->builtin.config);
    free(p->marks);
}

int cli_parse(const struct cli_program *program, int argc, char **argv, void *config,
              struct cli_result *result, struct err *err)
{
    AUTO(parser_close)
    struct cli_parser p = {.program = program, .config = config, .result = result, .source = 1};

    *result = (struct cli_result){0};
    if (program->commands != NULL && !has_commands(program))
        p.command = &program->commands[0];
    if (prepare(&p, err) != 0 || cli_flags_scan(&p, argc, argv, err) != 0)
        return -1;
    result->command = p.command;
    result->check_config = p.builtin.check_config;
    result->done = p.builtin.help || p.builtin.version;
    if (p.builtin.help)
        cli_help(stdout, program, p.command, p.group);
    else if (p.builtin.version)
        printf("%s %s\n", program->name, LAYERCENSUS_VERSION);
    if (result->done)
        return fflush(stdout) == 0 ? 0 : err_errno(err, ERR_IO, errno, "write the text");
    if (apply_all(&p, argc, argv, err) == 0)
        return 0;
    cli_free(program, config);
    return -1;
}

void cli_free(const struct cli_program *program, void *config)
{
    struct cli_parser p = {.program = program, .config = config};
    const struct cli_option *o;

    for (size_t t = 0; cli_table(&p, t, &o); t++)
        for (; t != CLI_TABLE_BUILTIN && o != NULL && o->name != NULL; o++)
            cli_value_free(o, field_of(&p, o));
}
