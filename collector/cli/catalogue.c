#include <string.h>

#include "collector/cli/command.h"
#include "collector/report/names.h"
#include "collector/rules/catalogue_change.h"
#include "collector/rules/catalogue_file.h"
#include "collector/rules/patterns.h"
#include "collector/rules/yaml.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/imageref.h"

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

/* A base that two arguments name is told once, by the first. */
static int mark_one(struct removing *x, const struct catalogue *c, bool *doomed, const char *text,
                    struct err *err)
{
    struct catalogue_pick pick;
    char hex[DIGEST_HEX + 1];
    bool found = false;

    if (catalogue_pick(&pick, text, err) != 0)
        return -1;
    for (size_t i = 0; i < c->base_count; i++) {
        const struct catalogue_base *b = &c->bases[i];

        if (!catalogue_picks(&pick, b))
            continue;
        found = true;
        if (!doomed[i] && buf_printf(&x->said, err, "removed %s, %s, chain %.*s\n", b->name,
                                     b->platform[0] != '\0' ? b->platform : "unknown platform",
                                     SHORT_DIGEST, digest_hex(&b->chain, hex)) != 0)
            return -1;
        doomed[i] = true;
    }
    return found
               ? 0
               : err_set(err, ERR_NOT_FOUND, "%s: not in the catalogue; nothing was removed", text);
}

static int remove_all(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    struct removing *x = data;
    bool *doomed = arena_array(arena, c->base_count, sizeof(*doomed), err);

    if (doomed == NULL)
        return -1;
    for (int i = 0; i < x->cli->arg_count; i++)
        if (mark_one(x, c, doomed, x->cli->args[i], err) != 0)
            return -1;
    for (size_t i = c->base_count; i-- > 0;)
        if (doomed[i])
            catalogue_take(c, i);
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
    if (t->trust && t->registry != NULL)
        fputs("this is for lineage: policy verdicts rest on the catalogue and on trusted stores "
              "alone\n",
              stderr);
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

/* What patterns have no character for is written by people who think of a shell's. */
static int check_pattern(const char *pattern, struct err *err)
{
    size_t at = strcspn(pattern, "[]{}()|^$\\");

    if (pattern[at] == '\0')
        return 0;
    return err_set(
        err, ERR_USAGE,
        "\"%.100s\": '%c' stands for nothing in a pattern: only * is any text, and ? any "
        "one character",
        pattern, pattern[at]);
}

static int check_registry(const char *pattern, struct err *err)
{
    for (const char *p = pattern; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            return err_set(err, ERR_USAGE, "\"%.100s\": registries are written in lower case",
                           pattern);
    return check_pattern(pattern, err);
}

static int check_store(const struct catalogue_namer *namer, struct err *err)
{
    if (namer->host[0] == '\0')
        return err_set(err, ERR_USAGE, "expected store HOST [ROOT]: HOST is empty");
    if (namer->root[0] != '\0' && strchr("/*?", namer->root[0]) == NULL)
        return err_set(err, ERR_USAGE,
                       "\"%.100s\": expected a store's root from / on, as /var/lib/docker",
                       namer->root);
    return check_pattern(namer->host, err);
}

/* All below what is written without wildcards; NULL: it has some, or nothing can be below it. */
static const char *all_below(const struct command *c, const struct trusting *t)
{
    const char *written = c->cli->args[1], *pattern;
    char text[IMAGEREF_MAX + 1];
    struct err ignored;

    if (t->registry == NULL || strpbrk(t->registry, "*?") != NULL ||
        snprintf(text, sizeof(text), "%s/*", written) >= (int)sizeof(text) ||
        pattern_of_repositories(&pattern, text, c->arena, &ignored) != 0)
        return NULL;
    return pattern;
}

/* Says where trust was given in vain, and what may have been meant. A fleet that cannot be read
 * says nothing: the word is written all the same. */
static void note_unmatched(const struct command *c, const struct trusting *t)
{
    const char *wider = all_below(c, t);
    bool was_there;
    struct command own = *c;
    struct catalogue now;
    struct answer a;
    struct err ignored;

    own.request = (struct report_request){.now_s = c->request.now_s,
                                          .fresh_within_s = c->request.fresh_within_s};
    own.request.catalogue = &now;
    if (catalogue_read(&now, c->catalogue_path, true, c->arena, &ignored) != 0 ||
        (wider != NULL &&
         catalogue_trust_registry(&now, wider, &was_there, c->arena, &ignored) != 0) ||
        command_report(&own, &report_catalogue, &a, &ignored) != 0)
        return;
    if (names_trust_matches(&a, t->registry, &t->namer) != 0)
        return;
    if (wider != NULL && names_trust_matches(&a, wider, &t->namer) > 0)
        fprintf(stderr,
                "nothing in the fleet was pulled from there, as stores tell now; %s would match: "
                "all below it\n",
                wider);
    else
        fprintf(stderr, "%s\n",
                t->registry != NULL
                    ? "nothing in the fleet was pulled from there, as stores tell now"
                    : "no store of the fleet matches this now");
}

static int run_trust(const struct command *c, bool trust, struct err *err)
{
    const struct cli_result *cli = c->cli;
    struct trusting t = {.trust = trust};

    if (strcmp(cli->args[0], "registry") == 0) {
        if (cli->arg_count != 2)
            return err_set(err, ERR_USAGE, "expected registry PATTERN, as registry quay.io");
        if ((trust && check_registry(cli->args[1], err) != 0) ||
            pattern_of_repositories(&t.registry, cli->args[1], c->arena, err) != 0)
            return -1;
    } else if (strcmp(cli->args[0], "store") == 0) {
        t.namer.host = cli->args[1];
        t.namer.root = cli->arg_count == 3 ? cli->args[2] : "";
        if (trust && check_store(&t.namer, err) != 0)
            return -1;
    } else {
        return err_set(err, ERR_USAGE, "\"%s\": expected registry or store", cli->args[0]);
    }
    if (catalogue_edit(c->catalogue_path, change_trust, &t, c->arena, err) != 0)
        return -1;
    tell(&t);
    if (trust)
        note_unmatched(c, &t);
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
