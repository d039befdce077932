#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/cli/command.h"
#include "collector/export/forest.h"

/* The drawn forms; -o json and -o csv are those of every answer. */
static int form_of(const struct options *o, enum forest_form *form, struct err *err)
{
    int asked = o->as_tree + o->as_dot + o->as_short;

    if (asked > 1)
        return err_set(err, ERR_USAGE, "tree: only one of --tree, --dot and --short");
    if (asked > 0 && o->output != EXPORT_TABLE)
        return err_set(err, ERR_USAGE,
                       "tree: --tree, --dot and --short are forms of their own: "
                       "leave out -o");
    if (o->sort != NULL && o->output == EXPORT_TABLE)
        return err_set(err, ERR_USAGE,
                       "tree: --sort is for -o json and -o csv: a drawing has its "
                       "own order");
    *form = o->as_dot ? FOREST_DOT : o->as_short ? FOREST_SHORT : FOREST_TEXT;
    return 0;
}

/* https://no-color.org: set to anything but nothing. A dumb terminal knows no colours. */
static bool wants_colours(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

int command_tree(const struct command *c, struct err *err)
{
    const struct options *o = c->options;
    const struct forest_look look = {.incremental = o->incremental,
                                     .whole_digests = o->no_trunc,
                                     .plain_bytes = o->no_human,
                                     .colours = wants_colours()};
    const struct export_target target = command_target();
    struct command own = *c;
    enum forest_form form = FOREST_TEXT;
    struct answer a;

    /* The limit is one of nodes, the largest branches first, not of the first rows. */
    own.request.tree.limit = own.request.limit;
    own.request.limit = 0;
    if (form_of(o, &form, err) != 0 || command_report(&own, &report_tree, &a, err) != 0)
        return -1;
    if (o->output != EXPORT_TABLE ? command_print(&own, &a, err) != 0
                                  : export_forest(&a, form, &look, &target, err) != 0)
        return -1;
    return command_status(&own, &a);
}
