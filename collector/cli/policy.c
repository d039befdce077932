#include <stdio.h>

#include "collector/cli/command.h"
#include "collector/report/policy_propose.h"
#include "collector/rules/policy_file.h"

#define VIOLATION_STATUS 1

int command_policy_check(const struct command *c, struct err *err)
{
    struct command own = *c;
    struct policy *policy = arena_alloc(c->arena, sizeof(*policy), err);
    struct answer a;

    if (policy == NULL || policy_read_stream(policy, c->cli->args[0], c->arena, err) != 0)
        return -1;
    own.request.subject = NULL;
    own.request.policy = policy;
    if (command_report(&own, &report_policy_check, &a, err) != 0 ||
        command_print(&own, &a, err) != 0)
        return -1;
    return a.rows->total > 0 ? VIOLATION_STATUS : command_status(&own, &a);
}

int command_policy_explain(const struct command *c, struct err *err)
{
    struct answer a;

    if (c->request.policy == NULL)
        return err_set(err, ERR_USAGE, "policy explain: by which policy? Give --policy FILE");
    if (command_refuse_csv(c, err) != 0)
        return -1;
    if (command_report(c, &report_policy_explain, &a, err) != 0 || command_print(c, &a, err) != 0)
        return -1;
    return command_status(c, &a);
}

int command_policy_init(const struct command *c, struct err *err)
{
    struct policy policy;
    struct answer a;

    if (c->request.limit != 0)
        return err_set(
            err, ERR_USAGE,
            "policy init: a limit would leave images out of the white list: give --limit "
            "0, or none");
    if (c->options->output != EXPORT_TABLE)
        return err_set(err, ERR_USAGE, "policy init: a policy is YAML: leave out -o");
    if (command_report(c, &report_policy_init, &a, err) != 0 ||
        policy_propose(&policy, &a, c->arena, err) != 0 || policy_write(&policy, stdout, err) != 0)
        return -1;
    for (size_t i = 0; i < a.note_count; i++)
        fprintf(stderr, "%s\n", a.notes[i]);
    fprintf(stderr, "%s\n", a.coverage_line);
    return command_status(c, &a);
}
