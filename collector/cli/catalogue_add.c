#include <string.h>

#include "collector/cli/command.h"
#include "collector/report/names.h"
#include "collector/rules/catalogue_change.h"
#include "collector/rules/catalogue_file.h"
#include "collector/rules/layout.h"
#include "common/imageref.h"

#define LAYOUT_PREFIX "oci:"
#define SHORT_DIGEST 12

struct adding {
    const struct command *c;
    struct catalogue_base *list;
    size_t count, cap;
    enum catalogue_outcome *outcomes; /* parallel to the list, once it is in the catalogue */
    size_t *versions;
};

static int add(struct adding *x, const struct catalogue_base *base, struct err *err)
{
    const char *platform = x->c->options->platform;
    struct catalogue_base *list;

    if (platform != NULL && strcmp(platform, base->platform) != 0)
        return 0;
    list = fleet_room(x->c->arena, x->list, x->count, &x->cap, sizeof(*list), err);
    if (list == NULL)
        return -1;
    x->list = list;
    list[x->count++] = *base;
    return 0;
}

/* ---- from the fleet -------------------------------------------------------------------------- */

/* Ready to be typed: each line is an answer to the question which of them is meant. */
static void offer(const struct answer *a, size_t row)
{
    const struct sheet_cell *cells = &a->rows->cells[row * NAMES_COLUMNS];
    char id[DIGEST_TEXT], hosts[COUNT_TEXT];

    fprintf(stderr, "  layercensus catalogue add %s@%s --platform %s  # named by: %s, on %s\n",
            cells[NAMES_NAME].text, digest_text(cells[NAMES_IMAGE].digest, id),
            cells[NAMES_PLATFORM].text[0] != '\0' ? cells[NAMES_PLATFORM].text : "''",
            cells[NAMES_SAID_BY].text, count_text(cells[NAMES_HOSTS].number, "host", hosts));
}

static bool is_asked_for(const struct adding *x, const struct answer *a, size_t row)
{
    const char *platform = x->c->options->platform;

    return platform == NULL ||
           strcmp(a->rows->cells[row * NAMES_COLUMNS + NAMES_PLATFORM].text, platform) == 0;
}

static int refuse_several(const struct adding *x, const struct answer *a, const char *name,
                          struct err *err)
{
    size_t several = 0;

    for (size_t i = 1; i < a->rows->row_count; i++)
        several += is_asked_for(x, a, i) && names_differ(a, i);
    if (several == 0)
        return 0;
    fprintf(stderr, "%s names these now:\n", name);
    for (size_t i = 0; i < a->rows->row_count; i++)
        if (is_asked_for(x, a, i))
            offer(a, i);
    return err_set(err, ERR_USAGE,
                   "%s is the name of different images of one platform: say which, as above", name);
}

static int add_from_fleet(struct adding *x, const char *name, struct err *err)
{
    struct command c = *x->c;
    size_t before = x->count;
    struct answer a;

    c.request.subject = name;
    c.request.sort = NULL;
    c.request.limit = 0;
    if (command_report(&c, &report_names, &a, err) != 0)
        return -1;
    if (refuse_several(x, &a, name, err) != 0)
        return -1;
    for (size_t i = 0; i < a.rows->row_count; i++) {
        struct catalogue_base base;

        if (names_base(&a, i, &base, err) != 0 || add(x, &base, err) != 0)
            return -1;
    }
    if (x->count == before)
        return err_set(err, ERR_NOT_FOUND, "%s: the fleet has no image of %s by this name", name,
                       x->c->options->platform);
    return 0;
}

/* ---- from files ------------------------------------------------------------------------------ */

/* "oci:FOLDER[:NAME]", called as the only argument says, else as the layout does. */
static int add_from_layout(struct adding *x, struct err *err)
{
    const struct cli_result *cli = x->c->cli;
    const char *from = x->c->options->from + strlen(LAYOUT_PREFIX);
    size_t folder = strcspn(from, ":");
    struct layout_query query = {.which = from[folder] != '\0' ? from + folder + 1 : NULL};
    char name[IMAGEREF_MAX + 1];
    struct imageref ref;
    struct layout found;

    if (cli->arg_count > 1)
        return err_set(err, ERR_USAGE, "expected one name for what is in the layout");
    if (cli->arg_count == 1) {
        if (imageref_parse(&ref, cli->args[0], err) != 0 || ref.tag[0] == '\0' || ref.has_digest)
            return err_set(err, ERR_USAGE, "%s: expected a name with its tag, as debian:12",
                           cli->args[0]);
        query.name = imageref_text(&ref, name);
    }
    query.platform = x->c->options->platform;
    query.folder = arena_text(x->c->arena, from, folder, err);
    if (query.folder == NULL || layout_read(&found, &query, x->c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < found.count; i++)
        if (add(x, &found.bases[i], err) != 0)
            return -1;
    if (found.absent > 0)
        fprintf(stderr, "%s: %zu more that it lists are not in it\n", query.folder, found.absent);
    return 0;
}

static int add_from_file(struct adding *x, const char *path, struct err *err)
{
    struct catalogue_source source;
    const struct catalogue *k = &source.catalogue;

    if (x->c->cli->arg_count > 0)
        return err_set(err, ERR_USAGE, "--from %s: expected no names beside a file", path);
    if (catalogue_read_source(&source, path, x->c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < k->base_count; i++) {
        struct catalogue_base base = k->bases[i];

        base.source = base.source[0] != '\0' ? base.source : "file";
        if (add(x, &base, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < source.name_count; i++)
        if (add_from_fleet(x, source.names[i], err) != 0)
            return err_wrap(err, "%s", path);
    if (k->family_count + k->registry_count + k->namer_count > 0)
        fprintf(stderr, "%s: only its bases are taken, not its families nor its trust\n", path);
    return 0;
}

static int gather(struct adding *x, struct err *err)
{
    const struct cli_result *cli = x->c->cli;
    const char *from = x->c->options->from;

    if (from != NULL && strncmp(from, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0)
        return add_from_layout(x, err);
    if (from != NULL)
        return add_from_file(x, from, err);
    if (cli->arg_count == 0)
        return err_set(err, ERR_USAGE, "expected names that the fleet knows, or --from SOURCE");
    for (int i = 0; i < cli->arg_count; i++)
        if (add_from_fleet(x, cli->args[i], err) != 0)
            return -1;
    return 0;
}

/* ---- into the catalogue ---------------------------------------------------------------------- */

static void tell(const struct catalogue_base *b, enum catalogue_outcome outcome, size_t versions)
{
    static const char *const did[] = {[CATALOGUE_ADDED] = "added",
                                      [CATALOGUE_CHANGED] = "changed",
                                      [CATALOGUE_UNCHANGED] = "already there:"};
    char hex[DIGEST_HEX + 1];

    fprintf(stderr, "%s %s, %s, chain %.*s, from %s", did[outcome], b->name,
            b->platform[0] != '\0' ? b->platform : "unknown platform", SHORT_DIGEST,
            digest_hex(&b->chain, hex), b->source);
    if (versions > 1)
        fprintf(stderr, "; it has %zu versions there now", versions);
    fprintf(stderr, "\n");
}

static int put_all(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    struct adding *x = data;
    const struct options *o = x->c->options;

    x->outcomes = arena_array(arena, x->count, sizeof(*x->outcomes), err);
    x->versions = arena_array(arena, x->count, sizeof(*x->versions), err);
    if (x->outcomes == NULL || x->versions == NULL ||
        catalogue_reserve(c, x->count, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < x->count; i++) {
        struct catalogue_base *b = &x->list[i];

        b->family = o->family != NULL ? o->family : b->family;
        b->version = o->base_version != NULL ? o->base_version : b->version;
        b->added_s = x->c->request.now_s;
        x->outcomes[i] = catalogue_put(c, b);
        x->versions[i] = catalogue_versions(c, b);
    }
    return 0;
}

int command_catalogue_add(const struct command *c, struct err *err)
{
    struct adding x = {.c = c};

    if (gather(&x, err) != 0)
        return -1;
    if (x.count == 0)
        return err_set(err, ERR_NOT_FOUND, "there is nothing to add");
    if (catalogue_edit(c->catalogue_path, put_all, &x, c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < x.count; i++)
        tell(&x.list[i], x.outcomes[i], x.versions[i]);
    return 0;
}
