#include "collector/cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

static const char *const outputs[] = {"table", "json", "csv", NULL};
static const char *const bys[] = {"term", "layer", "host", "image", NULL};

static const struct cli_option program_options[] = {
    {.name = "db",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, db),
     .value = "FILE",
     .standard = "/var/lib/layercensus/census.db",
     .help = "The collector's database."},
    {.name = "output",
     .letter = 'o',
     .type = CLI_CHOICE,
     .offset = offsetof(struct options, output),
     .value = "FORM",
     .standard = "table",
     .choices = outputs,
     .help = "The form of the answer."},
    {.name = "sort",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, sort),
     .value = "COLUMN[:desc]",
     .help = "Sorts the rows by a column, named as in JSON."},
    {.name = "limit",
     .type = CLI_NUMBER,
     .offset = offsetof(struct options, limit),
     .value = "N",
     .standard = "0",
     .most = 1000000000,
     .help = "Shows the first N rows; 0 shows all."},
    {.name = "label",
     .type = CLI_LIST,
     .offset = offsetof(struct options, labels),
     .value = "KEY=VALUE",
     .help = "Counts only hosts with this label."},
    {.name = "require-complete",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, require_complete),
     .help = "Ends with status 3 where the answer does not rest on everything that it should."},
    {.name = "fresh-within",
     .type = CLI_DURATION,
     .offset = offsetof(struct options, fresh_within_ms),
     .value = "TIME",
     .standard = "180s",
     .help = "A host that was silent for longer is stale."},
    {.name = NULL},
};

static const struct cli_option duplicates_options[] = {
    {.name = "by",
     .type = CLI_CHOICE,
     .offset = offsetof(struct options, by),
     .value = "WHAT",
     .standard = "term",
     .choices = bys,
     .help = "Shares the ledger out among the fleet's layers, hosts or images."},
    {.name = NULL},
};

static const struct cli_option where_options[] = {
    {.name = "built-on",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, built_on),
     .help = "Finds also the images that stand on it."},
    {.name = "ever",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, ever),
     .help = "Shows also where it was and is not any more."},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {"summary", "", "The fleet on one page.", "layercensus summary", 0, 0, NULL},
    {"hosts", "", "All hosts, what they hold and when they were last heard.",
     "layercensus hosts --sort duplicates_bytes:desc", 0, 0, NULL},
    {"host", "HOST", "One host: its stores, its ledger, its disk, its images.",
     "layercensus host web-17", 1, 1, NULL},
    {"images", "", "All images that lie somewhere now.", "layercensus images --limit 20", 0, 0,
     NULL},
    {"image", "IMAGE", "One image: its layers, history, base and places.",
     "layercensus image debian:12", 1, 1, NULL},
    {"layers", "", "All layers, with their sizes and copies.",
     "layercensus layers --sort nominal_bytes:desc", 0, 0, NULL},
    {"layer", "LAYER", "One layer: on which parents, in which images, how many copies.",
     "layercensus layer 5f70bf18a086", 1, 1, NULL},
    {"bases", "", "The core builds that the fleet stands on.", "layercensus bases -o json", 0, 0,
     NULL},
    {"duplicates", "", "What lies on disk more than once, and why.",
     "layercensus duplicates --by layer --limit 20", 0, 0, duplicates_options},
    {"where", "X", "Which hosts hold an image, layer or chain.",
     "layercensus where --built-on debian:12", 1, 1, where_options},
    {.name = NULL},
};

static const char *const siblings[] = {"LAYERCENSUS_AGENT", "LAYERCENSUS_COLLECTOR", NULL};

const struct cli_program options_program = {
    .name = "layercensus",
    .about = "Answers what lies in the image caches of a fleet of container hosts, from the "
             "collector's database.",
    .env_prefix = "LAYERCENSUS",
    .sibling_prefixes = siblings,
    .options = program_options,
    .commands = commands,
};

const struct report *options_report(const struct cli_command *command)
{
    static const struct report *const reports[] = {
        &report_summary, &report_hosts, &report_host,  &report_images,     &report_image,
        &report_layers,  &report_layer, &report_bases, &report_duplicates, &report_where,
    };

    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
        if (strcmp(reports[i]->name, command->name) == 0)
            return reports[i];
    check(!"a command without a report");
}

int options_labels(struct options *o, struct rec_pair **out, struct err *err)
{
    struct rec_pair *list = calloc(o->labels.count + 1, sizeof(*list));

    if (list == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for labels");
    *out = list;
    for (size_t i = 0; i < o->labels.count; i++) {
        char *equals = strchr(o->labels.items[i], '=');

        if (equals == NULL || equals == o->labels.items[i])
            return err_set(err, ERR_USAGE, "--label %s: expected KEY=VALUE", o->labels.items[i]);
        *equals = '\0';
        list[i] = (struct rec_pair){.key = o->labels.items[i], .value = equals + 1};
    }
    return 0;
}
