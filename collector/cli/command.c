#include "collector/cli/command.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define INCOMPLETE_STATUS 3
#define COLUMNS_MAX 10000

/* 0 where nobody looks: a line is then as long as it is. */
static int terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    long width;

    if (!isatty(STDOUT_FILENO))
        return 0;
    width = columns != NULL ? strtol(columns, NULL, 10) : 0;
    if (width <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    return width > 0 && width < COLUMNS_MAX ? (int)width : 0;
}

struct export_target command_target(void)
{
    return (struct export_target){.out = stdout, .aside = stderr, .width = terminal_width()};
}

int command_report(const struct command *c, const struct report *report, struct answer *out,
                   struct err *err)
{
    AUTO(store_close) struct store *store = NULL;
    struct stat st;

    if (stat(c->options->db, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "%s: a folder: expected the collector's database in it",
                       c->options->db);
    if (store_open_reader(&store, c->options->db, err) != 0)
        return -1;
    return report_run(out, report, &c->request, store, c->arena, err);
}

int command_refuse_csv(const struct command *c, struct err *err)
{
    if (c->options->output != EXPORT_CSV)
        return 0;
    return err_set(err, ERR_USAGE, "%s: the answer is more than one table: give -o json, not csv",
                   c->cli->command->name);
}

int command_print(const struct command *c, const struct answer *a, struct err *err)
{
    const struct export_target target = command_target();

    return export_answer(a, (enum export_format)c->options->output, &target, err);
}

int command_status(const struct command *c, const struct answer *a)
{
    return c->options->require_complete && !a->complete ? INCOMPLETE_STATUS : 0;
}
