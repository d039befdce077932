#include "collector/cli/options.h"

#include <stdlib.h>
#include <string.h>

static const char *const outputs[] = {"table", "json", "csv", NULL};
static const char *const levels[] = {"core", "parent", "version", "family", NULL};
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
     .help = "Ends with status 3 where the answer does not rest on everything that it should. Of "
             "policy check, violations (status 1) go first."},
    {.name = "fresh-within",
     .type = CLI_DURATION,
     .offset = offsetof(struct options, fresh_within_ms),
     .value = "TIME",
     .standard = "180s",
     .help = "A host that was silent for longer is stale."},
    {.name = "catalogue",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, catalogue),
     .value = "FILE",
     .help =
         "What the operator says of names. Without it, catalogue.yaml beside the database, which "
         "need not be there."},
    {.name = "policy",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, policy),
     .value = "FILE",
     .help = "The policy that colours and explains; - is standard input."},
    {.name = "as-of",
     .type = CLI_MOMENT,
     .offset = offsetof(struct options, as_of_ms),
     .value = "TIME",
     .help = "Tells of the fleet at that time: 2026-03-02, 2026-03-02T10:00:00Z, or 14d for so "
             "long ago. Names are those known today."},
    {.name = "known-then",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, known_then),
     .help = "With --as-of: only with the names and images that were known then."},
    {.name = NULL},
};

static const struct cli_option bases_options[] = {
    {.name = "level",
     .type = CLI_CHOICE,
     .offset = offsetof(struct options, level),
     .value = "WHAT",
     .standard = "core",
     .choices = levels,
     .help = "What one row is: a core build, the nearest base of images, a version, or a family."},
    {.name = NULL},
};

static const struct cli_option tree_options[] = {
    {.name = "tree",
     .letter = 't',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, as_tree),
     .help = "Draws the tree as text, as it does without any of -d and -s."},
    {.name = "dot",
     .letter = 'd',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, as_dot),
     .help = "Writes it for graphviz: dot draws the tree, patchwork its bytes as areas."},
    {.name = "short",
     .letter = 's',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, as_short),
     .help = "One line for each repository, with its tags."},
    {.name = "incremental",
     .letter = 'i',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, incremental),
     .help = "Shows the size of each layer alone, not with all layers below it."},
    {.name = "only-labelled",
     .letter = 'l',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, labelled_only),
     .help = "Keeps only what has a name, roots, and where lines part."},
    {.name = "no-trunc",
     .letter = 'n',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, no_trunc),
     .help = "Shows whole digests."},
    {.name = "no-human",
     .letter = 'c',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, no_human),
     .help = "Shows sizes as bytes."},
    {.name = "show-created-by",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, created_by),
     .help = "Shows the step that made each layer."},
    {.name = "up",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, up),
     .help = "Shows what X stands on, not what stands on it."},
    {.name = "host",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, host),
     .value = "HOST",
     .help = "Shows only what lies on this host."},
    {.name = "depth",
     .type = CLI_NUMBER,
     .offset = offsetof(struct options, depth),
     .value = "N",
     .standard = "0",
     .most = 1000000,
     .help = "Collapses what lies deeper; 0 shows all."},
    {.name = "min-bytes",
     .type = CLI_SIZE,
     .offset = offsetof(struct options, min_bytes),
     .value = "SIZE",
     .standard = "0",
     .most = 1LL << 62,
     .help = "Collapses branches whose layers are smaller than this altogether: bytes, or 64k, "
             "10M, 2G, "
             "binary."},
    {.name = NULL},
};

static const struct cli_option catalogue_add_options[] = {
    {.name = "from",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, from),
     .value = "SOURCE",
     .help = "Where to take it from: oci:FOLDER[:NAME], or a FILE with a catalogue or a list of "
             "names; without it, the fleet."},
    {.name = "family",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, family),
     .value = "WORD",
     .help = "The family to file it under, instead of what its os-release says; '' takes it away."},
    {.name = "base-version",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, base_version),
     .value = "TEXT",
     .help = "Its version, instead of what its os-release says; '' takes it away."},
    {.name = "platform",
     .type = CLI_TEXT,
     .offset = offsetof(struct options, platform),
     .value = "OS/ARCH",
     .help = "Takes only this platform."},
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
    {"bases", "", "The core builds that the fleet stands on.", "layercensus bases --level family",
     0, 0, bases_options},
    {"lineage", "IMAGE", "Which base an image stands on, and how we know.",
     "layercensus lineage registry.example.com/shop/cart:7", 1, 1, NULL},
    {"builders", "", "Which source-to-image and buildpack builders made what.",
     "layercensus builders", 0, 0, NULL},
    {"history", "",
     "Core builds, diversity and violations, day by day, as the collector kept them.",
     "layercensus history --limit 30", 0, 0, NULL},
    {"tree", "[X]",
     "What stands on what: the whole fleet, or only X: an image's name (without a tag, all of its "
     "repository) or ID, a layer, a chain, or a name of the catalogue.",
     "layercensus tree -l debian:12", 0, 1, tree_options},
    {"policy check", "FILE",
     "Who breaks the rules of a policy; status 1 where somebody does. FILE may be -, standard "
     "input, "
     "or a pipe.",
     "layercensus policy check policy.yaml -o json", 1, 1, NULL},
    {"policy explain", "IMAGE",
     "What the policy of --policy FILE, which is needed, says of one image, rule by rule.",
     "layercensus --policy policy.yaml policy explain web:3", 1, 1, NULL},
    {"policy init", "", "Writes a white list of what the fleet runs today.",
     "layercensus policy init > policy.yaml", 0, 0, NULL},
    {"policy history", "", "What the collector counted under its own policy, day by day.",
     "layercensus policy history", 0, 0, NULL},
    {"catalogue add", "[NAME...]",
     "Says that these names are base images: NAME, NAME@DIGEST, or an image's ID.",
     "layercensus catalogue add debian:12 --family debian", 0, -1, catalogue_add_options},
    {"catalogue list", "", "What the catalogue holds, and where it lies.",
     "layercensus catalogue list", 0, 0, NULL},
    {"catalogue remove", "NAME|CHAIN...",
     "Takes bases out of it: a name, without a tag all of its repository, or a chain, of which the "
     "first 12 digits do.",
     "layercensus catalogue remove debian:11", 1, -1, NULL},
    {"catalogue trust", "registry PATTERN|store HOST [ROOT]",
     "Whose names count: what was pulled by digest from a registry or its repository, for lineage "
     "alone, as no policy verdict rests on it; or what a store of a host says, for policies too. "
     "HOST and ROOT, the store's folder, are patterns: * is any text, ? one character. Without "
     "ROOT it is any store there that root owns.",
     "layercensus catalogue trust store 'build-*'", 2, 3, NULL},
    {"catalogue distrust", "registry PATTERN|store HOST [ROOT]",
     "Takes trust back; say it as it was given.", "layercensus catalogue distrust store 'build-*'",
     2, 3, NULL},
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
        &report_summary, &report_hosts,    &report_host,    &report_images,         &report_image,
        &report_layers,  &report_layer,    &report_bases,   &report_duplicates,     &report_where,
        &report_lineage, &report_builders, &report_history, &report_policy_history,
    };

    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
        if (strcmp(reports[i]->name, command->name) == 0)
            return reports[i];
    return NULL;
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
