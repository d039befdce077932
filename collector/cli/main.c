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
    bool changes; /* the catalogue */
} runs[] = {
    {"tree", command_tree, false},
    {"policy check", command_policy_check, false},
    {"policy explain", command_policy_explain, false},
    {"policy init", command_policy_init, false},
    {"catalogue add", command_catalogue_add, true},
    {"catalogue list", command_catalogue_list, false},
    {"catalogue remove", command_catalogue_remove, true},
    {"catalogue trust", command_catalogue_trust, true},
    {"catalogue distrust", command_catalogue_distrust, true},
};

static int run_report(const struct command *c, struct err *err)
{
    const struct report *report = options_report(c->cli->command);
    struct answer a;

    if (command_report(c, report, &a, err) != 0 || command_print(c, &a, err) != 0)
        return -1;
    return command_status(c, &a);
}

static int run_command(const struct command *c, struct err *err)
{
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        if (strcmp(runs[i].name, c->cli->command->name) != 0)
            continue;
        if (runs[i].changes && c->request.as_of_s != 0)
            return err_set(err, ERR_USAGE, "--as-of: %s changes what holds now", runs[i].name);
        return runs[i].run(c, err);
    }
    return run_report(c, err);
}

/* The operator's files. Without --catalogue the one beside the database need not be there. */
static int read_rules(struct command *c, struct err *err)
{
    const struct options *o = c->options;
    struct catalogue *catalogue = arena_alloc(c->arena, sizeof(*catalogue), err);
    struct policy *policy = arena_alloc(c->arena, sizeof(*policy), err);

    if (catalogue == NULL || policy == NULL)
        return -1;
    c->catalogue_path =
        o->catalogue != NULL ? o->catalogue : catalogue_beside(o->db, c->arena, err);
    if (c->catalogue_path == NULL ||
        catalogue_read(catalogue, c->catalogue_path, false, c->arena, err) != 0)
        return -1;
    c->request.catalogue = catalogue;
    if (o->policy == NULL)
        return 0;
    c->request.policy = policy;
    return policy_read(policy, o->policy, c->arena, err);
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

static int run(struct options *o, const struct cli_result *cli, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    AUTO_FREE struct rec_pair *labels = NULL;
    struct command c = {.options = o, .cli = cli, .request = request_of(o, cli)};

    if (o->known_then && o->as_of_ms == 0)
        return err_set(err, ERR_USAGE, "--known-then needs --as-of TIME");
    if (options_labels(o, &labels, err) != 0 || arena_open(&arena, ARENA_MAX, err) != 0)
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
