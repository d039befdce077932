#include <string.h>

#include "collector/cli/command.h"
#include "collector/report/names.h"
#include "collector/rules/catalogue_change.h"
#include "collector/rules/catalogue_file.h"
#include "collector/rules/patterns.h"
#include "collector/rules/yaml.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define SHORT_DIGEST 12

int command_catalogue_list(const struct command *c, struct err *err)
{
    struct answer a;

    if (command_report(c, &report_catalogue, &a, err) != 0 || command_print(c, &a, err) != 0)
        return -1;
    return command_status(c, &a);
}

/* ---- remove ---------------------------------------------------------------------------------- */

/* What is said once it is done. */
struct removing {
    const struct cli_result *cli;
    struct buf said;
};

static int remove_one(struct removing *x, struct catalogue *c, const char *text, struct err *err)
{
    struct catalogue_pick pick;
    size_t before = c->base_count;
    char hex[DIGEST_HEX + 1];

    if (catalogue_pick(&pick, text, err) != 0)
        return -1;
    for (size_t i = c->base_count; i-- > 0;) {
        const struct catalogue_base *b = &c->bases[i];

        if (!catalogue_picks(&pick, b))
            continue;
        if (buf_printf(&x->said, err, "removed %s, %s, chain %.*s\n", b->name,
                       b->platform[0] != '\0' ? b->platform : "unknown platform", SHORT_DIGEST,
                       digest_hex(&b->chain, hex)) != 0)
            return -1;
        catalogue_take(c, i);
    }
    return c->base_count < before
               ? 0
               : err_set(err, ERR_NOT_FOUND, "%s: not in the catalogue; nothing was removed", text);
}

static int remove_all(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    struct removing *x = data;

    (void)arena;
    for (int i = 0; i < x->cli->arg_count; i++)
        if (remove_one(x, c, x->cli->args[i], err) != 0)
            return -1;
    return 0;
}

static void removing_close(struct removing *x)
{
    buf_close(&x->said);
}

int command_catalogue_remove(const struct command *c, struct err *err)
{
    AUTO(removing_close) struct removing x = {.cli = c->cli};

    buf_init(&x.said, YAML_BYTES_MAX);
    if (catalogue_edit(c->catalogue_path, remove_all, &x, c->arena, err) != 0)
        return -1;
    fputs(buf_str(&x.said), stderr);
    return 0;
}

/* ---- trust ----------------------------------------------------------------------------------- */

/* What is to be trusted, or not any more. */
struct trusting {
    bool trust;
    const char *registry; /* NULL: a store */
    struct catalogue_namer namer;
    bool found; /* it was trusted before */
};

static void tell(const struct trusting *t)
{
    const char *what = t->registry != NULL ? "registry" : "store";
    const char *of = t->registry != NULL ? t->registry : t->namer.host;

    fprintf(stderr, "%s %s%s%s %s\n", what, of, t->registry == NULL ? " " : "",
            t->registry != NULL        ? ""
            : t->namer.root[0] != '\0' ? t->namer.root
                                       : "(any that root owns)",
            !t->trust  ? "is not trusted any more"
            : t->found ? "is trusted already"
                       : "is trusted to name now");
}

static int change_trust(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    struct trusting *t = data;

    if (t->trust)
        return t->registry != NULL ? catalogue_trust_registry(c, t->registry, &t->found, arena, err)
                                   : catalogue_trust_store(c, &t->namer, &t->found, arena, err);
    if (t->registry != NULL ? catalogue_distrust_registry(c, t->registry)
                            : catalogue_distrust_store(c, &t->namer))
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "%s is not among those that are trusted: see layercensus catalogue list",
                   t->registry != NULL ? t->registry : t->namer.host);
}

static int run_trust(const struct command *c, bool trust, struct err *err)
{
    const struct cli_result *cli = c->cli;
    struct trusting t = {.trust = trust};

    if (strcmp(cli->args[0], "registry") == 0) {
        if (cli->arg_count != 2)
            return err_set(err, ERR_USAGE, "expected registry PATTERN, as registry quay.io");
        if (pattern_of_repositories(&t.registry, cli->args[1], c->arena, err) != 0)
            return -1;
    } else if (strcmp(cli->args[0], "store") == 0) {
        t.namer.host = cli->args[1];
        t.namer.root = cli->arg_count == 3 ? cli->args[2] : "";
        if (t.namer.host[0] == '\0')
            return err_set(err, ERR_USAGE, "expected store HOST [ROOT]: HOST is empty");
    } else {
        return err_set(err, ERR_USAGE, "\"%s\": expected registry or store", cli->args[0]);
    }
    if (catalogue_edit(c->catalogue_path, change_trust, &t, c->arena, err) != 0)
        return -1;
    tell(&t);
    return 0;
}

int command_catalogue_trust(const struct command *c, struct err *err)
{
    return run_trust(c, true, err);
}

int command_catalogue_distrust(const struct command *c, struct err *err)
{
    return run_trust(c, false, err);
}
