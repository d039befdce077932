#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cli_private.h"

#define WIDTH 80
#define HELP_COLUMN 28 /* where the texts of options and commands begin */
#define ENTRY_MAX 2048 /* bytes of the text of one entry */

/* Prints words from column `at` on, later lines from column `indent` on, and ends the line. */
static void print_wrapped(FILE *out, size_t at, size_t indent, const char *text)
{
    bool first = true;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (!first && at + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
        first = false;
    }
    fputc('\n', out);
}

/* "  left          text text text", the text below where `left` is too long. */
static void print_entry(FILE *out, const char *left, const char *text)
{
    size_t at = 2 + strlen(left);

    fprintf(out, "  %s", left);
    if (at + 2 > HELP_COLUMN) {
        fputc('\n', out);
        at = 0;
    }
    fprintf(out, "%*s", (int)(HELP_COLUMN - at), "");
    print_wrapped(out, HELP_COLUMN, HELP_COLUMN, text);
}

static bool is_on_by_default(const struct cli_option *o)
{
    return o->type == CLI_FLAG && o->standard != NULL && strcmp(o->standard, "yes") == 0;
}

/* What the table knows besides the prose: choices, range, default. */
static void add_facts(struct buf *text, const struct cli_option *o)
{
    bool bounded = o->least != 0 || o->most != 0;

    for (size_t i = 0; o->type == CLI_CHOICE && o->choices[i] != NULL; i++)
        buf_printf(text, NULL, "%s%s%s", i == 0 ? " One of " : ", ", o->choices[i],
                   o->choices[i + 1] == NULL ? "." : "");
    if (o->type == CLI_LIST)
        buf_add_str(text, " May be given several times.", NULL);
    if (o->type == CLI_NUMBER && bounded)
        buf_printf(text, NULL, " From %" PRId64 " to %" PRId64 ".", o->least, o->most);
    if (o->standard != NULL && o->type != CLI_FLAG)
        buf_printf(text, NULL, " (default: %s)", o->standard);
}

static void print_option(FILE *out, const struct cli_option *o)
{
    char left[128];
    char letter[] = "    ";
    struct buf text;

    if (o->letter != 0) {
        letter[0] = '-';
        letter[1] = o->letter;
        letter[2] = ',';
    }
    snprintf(left, sizeof(left), "%s--%s%s%s%s", letter, is_on_by_default(o) ? "no-" : "", o->name,
             o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    buf_init(&text, ENTRY_MAX);
    buf_add_str(&text, o->help, NULL);
    add_facts(&text, o);
    print_entry(out, left, buf_str(&text));
    buf_close(&text);
}

static void print_options(FILE *out, const char *title, const struct cli_option *options)
{
    if (options == NULL || options->name == NULL)
        return;
    fprintf(out, "\n%s:\n", title);
    for (; options->name != NULL; options++)
        print_option(out, options);
}

static void print_sources(FILE *out, const struct cli_program *program)
{
    char text[512];

    if (program->env_prefix != NULL)
        snprintf(text, sizeof(text),
                 "Options may also be set in the file (long name = value), in FILE.d/*.conf, and "
                 "in the environment (%s_LONG_NAME); flags win.",
                 program->env_prefix);
    else
        snprintf(text, sizeof(text),
                 "Options may also be set in the file (long name = value) and in FILE.d/*.conf; "
                 "flags win.");
    fputc('\n', out);
    print_wrapped(out, 0, 0, text);
    if (program->standard_config != NULL)
        fprintf(out, "The file is %s unless --config names another.\n", program->standard_config);
}

static bool has_commands(const struct cli_program *program)
{
    return program->commands != NULL && program->commands[0].name != NULL;
}

bool cli_is_in_group(const struct cli_command *command, const char *word)
{
    size_t len = strlen(word);

    return strncmp(command->name, word, len) == 0 && command->name[len] == ' ';
}

/* `group` NULL: all of them. */
static void print_commands(FILE *out, const struct cli_program *program, const char *group)
{
    char left[128];

    fprintf(out, "\nCommands:\n");
    for (const struct cli_command *c = program->commands; c->name != NULL; c++) {
        if (group != NULL && !cli_is_in_group(c, group))
            continue;
        snprintf(left, sizeof(left), "%s %s", c->name, c->arguments != NULL ? c->arguments : "");
        print_entry(out, left, c->help);
    }
}

static void print_example(FILE *out, const struct cli_command *command)
{
    if (command == NULL || command->example == NULL)
        return;
    fprintf(out, "  ");
    print_wrapped(out, 2, 6, command->example);
}

static void print_program(FILE *out, const struct cli_program *program)
{
    fprintf(out, "Usage: %s [OPTION...] COMMAND [ARGUMENT...]\n\n", program->name);
    print_wrapped(out, 0, 0, program->about);
    print_commands(out, program, NULL);
    print_options(out, "Options of every command", program->options);
    print_options(out, "General options", cli_builtin_options());
    print_sources(out, program);
    fprintf(out, "\nExamples:\n");
    for (const struct cli_command *c = program->commands; c->name != NULL; c++)
        print_example(out, c);
    fprintf(out, "\n%s COMMAND --help shows the options of a command.\n", program->name);
}

static void print_group(FILE *out, const struct cli_program *program, const char *group)
{
    fprintf(out, "Usage: %s [OPTION...] %s COMMAND [ARGUMENT...]\n", program->name, group);
    print_commands(out, program, group);
    fprintf(out, "\nExamples:\n");
    for (const struct cli_command *c = program->commands; c->name != NULL; c++)
        if (cli_is_in_group(c, group))
            print_example(out, c);
    fprintf(out, "\n%s %s COMMAND --help shows the options of a command.\n", program->name, group);
}

static void print_command(FILE *out, const struct cli_program *program,
                          const struct cli_command *command)
{
    bool named = command != NULL && command->name != NULL;
    const char *arguments = command != NULL ? command->arguments : NULL;
    bool has_arguments = arguments != NULL && arguments[0] != '\0';

    fprintf(out, "Usage: %s%s%s [OPTION...]%s%s\n\n", program->name, named ? " " : "",
            named ? command->name : "", has_arguments ? " " : "", has_arguments ? arguments : "");
    print_wrapped(out, 0, 0, named ? command->help : program->about);
    if (command != NULL)
        print_options(out, "Options", command->options);
    print_options(out, named ? "Options of every command" : "Program options", program->options);
    print_options(out, "General options", cli_builtin_options());
    print_sources(out, program);
    if (command != NULL && command->example != NULL)
        fprintf(out, "\nExample:\n");
    print_example(out, command);
}

void cli_help(FILE *out, const struct cli_program *program, const struct cli_command *command,
              const char *group)
{
    if (command == NULL && group != NULL)
        print_group(out, program, group);
    else if (command == NULL && has_commands(program))
        print_program(out, program);
    else
        print_command(out, program, command);
}
