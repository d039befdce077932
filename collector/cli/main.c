/*
 * layercensus: the operators' command. It opens the database read-only, runs one report and prints
 * it. Exit status: 0 fine, 2 wrong usage, 3 could not answer, or (--require-complete) not
 * completely.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "collector/cli/options.h"
#include "collector/export/export.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define ARENA_MAX ((size_t)16 << 30) /* bytes of one answer: a fleet of some 100,000 hosts */
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

static int answer(const struct options *o, const struct report *report,
                  const struct report_request *request, bool *complete, struct err *err)
{
    AUTO(store_close) struct store *store = NULL;
    AUTO(arena_close) struct arena *arena = NULL;
    const struct export_target target = {.out = stdout, .aside = stderr, .width = terminal_width()};
    struct answer a;

    if (arena_open(&arena, ARENA_MAX, err) != 0 || store_open_reader(&store, o->db, err) != 0 ||
        report_run(&a, report, request, store, arena, err) != 0)
        return -1;
    *complete = a.complete;
    return export_answer(&a, (enum export_format)o->output, &target, err);
}

static int run(struct options *o, const struct cli_result *result, struct err *err)
{
    AUTO_FREE struct rec_pair *labels = NULL;
    struct report_request request = {.subject = result->arg_count > 0 ? result->args[0] : NULL,
                                     .by = (enum report_by)o->by,
                                     .built_on = o->built_on,
                                     .ever = o->ever,
                                     .label_count = o->labels.count,
                                     .sort = o->sort,
                                     .limit = o->limit,
                                     .fresh_within_s = o->fresh_within_ms / 1000,
                                     .now_s = clock_wall_ms() / 1000};
    bool complete = false;

    if (options_labels(o, &labels, err) != 0)
        return -1;
    request.labels = labels;
    if (answer(o, options_report(result->command), &request, &complete, err) != 0)
        return -1;
    return o->require_complete && !complete ? INCOMPLETE_STATUS : 0;
}

int main(int argc, char **argv)
{
    struct options o;
    struct cli_result result;
    struct err err;
    int status;

    if (cli_parse(&options_program, argc, argv, &o, &result, &err) != 0) {
        fprintf(stderr, "layercensus: %s\n", err.text);
        return err_exit_status(err.kind);
    }
    if (result.done || result.check_config) {
        if (!result.done)
            cli_free(&options_program, &o);
        return 0;
    }
    status = run(&o, &result, &err);
    if (status < 0) {
        fprintf(stderr, "layercensus: %s\n", err.text);
        status = err_exit_status(err.kind);
    }
    cli_free(&options_program, &o);
    return status;
}
