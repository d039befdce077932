/*
 * layercensus: the operators' command. It opens the database read-only, runs one report and prints
 * it. Exit status: 0 fine, 1 a check found something, 2 wrong usage, 3 could not answer, or
 * (--require-complete) not completely.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/command.h"
#include "collector/rules/catalogue_file.h"
#include "collector/rules/policy_file.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define ARENA_MAX ((size_t)16 << 30) /* bytes of one answer: a fleet of some 100,000 hosts */

static const struct {
    const char *name;
    int (*run)(const struct command *c, struct err *err);
    enum { ANSWERS, MAKES, TAKES } does; /* to the catalogue: its file may, or must be there */
} runs[] = {
    {"tree", command_tree, ANSWERS},
    {"policy check", command_policy_check, ANSWERS},
    {"policy explain", command_policy_explain, ANSWERS},
    {"policy init", command_policy_init, ANSWERS},
    {"catalogue add", command_catalogue_add, MAKES},
    {"catalogue list", command_catalogue_list, ANSWERS},
    {"catalogue remove", command_catalogue_remove, TAKES},
    {"catalogue trust", command_catalogue_trust, MAKES},
    {"catalogue distrust", command_catalogue_distrust, TAKES},
};
#define RUN_COUNT (sizeof(runs) / sizeof(runs[0]))

/* The command's entry; RUN_COUNT where it is a report and nothing else. */
static size_t find_run(const struct command *c)
{
    size_t i = 0;

    while (i < RUN_COUNT && strcmp(runs[i].name, c->cli->command->name) != 0)
        i++;
    return i;
}

static int run_report(const struct command *c, struct err *err)
{
    const struct report *report = options_report(c->cli->command);
    struct answer a;

    if (report->figures_only && c->options->require_complete)
        return err_set(err, ERR_USAGE,
                       "--require-complete: %s tells what was kept, of which nothing is missing: "
                       "leave it out, or say --no-require-complete",
                       report->name);
    if (report == &report_lineage && command_refuse_csv(c, err) != 0)
        return -1;
    if (command_report(c, report, &a, err) != 0 || command_print(c, &a, err) != 0)
        return -1;
    return command_status(c, &a);
}

static int run_command(const struct command *c, struct err *err)
{
    size_t i = find_run(c);

    if (i == RUN_COUNT)
        return run_report(c, err);
    if (runs[i].does != ANSWERS && c->request.as_of_s != 0)
        return err_set(err, ERR_USAGE, "--as-of: %s changes what holds now", runs[i].name);
    if (runs[i].does != ANSWERS && c->options->require_complete)
        return err_set(err, ERR_USAGE,
                       "--require-complete: %s changes the catalogue and gives no answer: leave it "
                       "out, or say --no-require-complete",
                       runs[i].name);
    return runs[i].run(c, err);
}

/* Only the one beside the database, which nobody asked for, need not be there; and whoever adds to
 * a catalogue makes it. */
static bool must_exist(const struct command *c)
{
    size_t i = find_run(c);

    if (i < RUN_COUNT && runs[i].does != ANSWERS)
        return runs[i].does == TAKES;
    return c->options->catalogue != NULL;
}

static int read_catalogue(struct command *c, struct catalogue *out, struct err *err)
{
    const struct options *o = c->options;
    struct err why;

    c->catalogue_path =
        o->catalogue != NULL ? o->catalogue : catalogue_beside(o->db, c->arena, err);
    if (c->catalogue_path == NULL)
        return -1;
    if (catalogue_read(out, c->catalogue_path, must_exist(c), c->arena, &why) == 0)
        return 0;
    if (why.kind == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "%s: no such catalogue", c->catalogue_path);
    return err_set(err, why.kind, "%s", why.text);
}

/* The operator's files. */
static int read_rules(struct command *c, struct err *err)
{
    const struct options *o = c->options;
    struct catalogue *catalogue = arena_alloc(c->arena, sizeof(*catalogue), err);
    struct policy *policy = arena_alloc(c->arena, sizeof(*policy), err);

    if (catalogue == NULL || policy == NULL)
        return -1;
    if (read_catalogue(c, catalogue, err) != 0)
        return -1;
    c->request.catalogue = catalogue;
    if (o->policy == NULL)
        return 0;
    c->request.policy = policy;
    return policy_read_stream(policy, o->policy, c->arena, err);
}

static struct report_request request_of(const struct options *o, const struct cli_result *cli)
{
    return (struct report_request){.subject = cli->arg_count > 0 ? cli->args[0] : NULL,
                                   .by = (enum report_by)o->by,
                                   .built_on = o->built_on,
                                   .ever = o->ever,
                                   .label_count = o->labels.count,
                                   .sort = o->sort,
                                   .limit = o->limit,
                                   .fresh_within_s = o->fresh_within_ms / 1000,
                                   .now_s = clock_wall_ms() / 1000,
                                   .as_of_s = o->as_of_ms / 1000,
                                   .known_then = o->known_then,
                                   .level = (enum report_level)o->level,
                                   .tree = {.up = o->up,
                                            .labelled_only = o->labelled_only,
                                            .incremental = o->incremental,
                                            .show_created_by = o->created_by,
                                            .count_named = o->as_short,
                                            .plain_bytes = o->no_human,
                                            .host = o->host,
                                            .depth = o->depth,
                                            .min_bytes = o->min_bytes}};
}

static int check_paths(const struct options *o, struct err *err)
{
    const struct {
        const char *option, *path;
    } paths[] = {{"db", o->db}, {"catalogue", o->catalogue}, {"policy", o->policy}};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (paths[i].path != NULL && paths[i].path[0] == '\0')
            return err_set(err, ERR_USAGE, "--%s: the path is empty", paths[i].option);
    return 0;
}

static int run(struct options *o, const struct cli_result *cli, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    AUTO_FREE struct rec_pair *labels = NULL;
    struct command c = {.options = o, .cli = cli, .request = request_of(o, cli)};

    if (o->known_then && o->as_of_ms == 0)
        return err_set(err, ERR_USAGE, "--known-then needs --as-of TIME");
    if (check_paths(o, err) != 0 || options_labels(o, &labels, err) != 0 ||
        arena_open(&arena, ARENA_MAX, err) != 0)
        return -1;
    c.request.labels = labels;
    c.arena = arena;
    return read_rules(&c, err) == 0 ? run_command(&c, err) : -1;
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
