#include <string.h>

#include "collector/cli/command.h"
#include "collector/cli/shell_word.h"
#include "collector/export/plain.h"
#include "collector/report/names.h"
#include "collector/rules/catalogue_change.h"
#include "collector/rules/catalogue_file.h"
#include "collector/rules/layout.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define LAYOUT_PREFIX "oci:"
#define SHORT_DIGEST 12
#define OFFERS_MAX ((size_t)64 << 20) /* bytes of what is asked back */
#define LINE_BYTES ((size_t)16 << 10) /* of what is said of one base */

struct addition {
    struct catalogue_base base;
    const char *said_by; /* whose word its name is in the fleet; "" */
};

struct adding {
    const struct command *c;
    struct addition *list;
    size_t count, cap;
    enum catalogue_outcome *outcomes; /* parallel to the list, once it is in the catalogue */
    size_t *versions;
};

static int add(struct adding *x, const struct catalogue_base *base, const char *said_by,
               struct err *err)
{
    const char *platform = x->c->options->platform;
    struct addition *list;

    if (platform != NULL && strcmp(platform, base->platform) != 0)
        return 0;
    list = fleet_room(x->c->arena, x->list, x->count, &x->cap, sizeof(*list), err);
    if (list == NULL)
        return -1;
    x->list = list;
    list[x->count++] = (struct addition){.base = *base, .said_by = said_by};
    return 0;
}

/* ---- from the fleet -------------------------------------------------------------------------- */

static const struct sheet_cell *cells_of(const struct answer *a, size_t row)
{
    return &a->rows->cells[row * NAMES_COLUMNS];
}

static bool is_asked_for(const struct adding *x, const struct answer *a, size_t row)
{
    const char *platform = x->c->options->platform;

    return platform == NULL || strcmp(cells_of(a, row)[NAMES_PLATFORM].text, platform) == 0;
}

/* Ready to be typed: each line is an answer to the question which of them is meant. */
static int offer(struct buf *out, const struct answer *a, size_t row, struct err *err)
{
    const struct sheet_cell *cells = cells_of(a, row);
    const char *name = cells[NAMES_NAME].text;
    char id[DIGEST_TEXT], hosts[COUNT_TEXT];
    size_t comment;

    digest_text(cells[NAMES_IMAGE].digest, id);
    name = arena_text(a->arena, name, strcspn(name, "@"), err); /* its digest gives way to the ID */
    if (name == NULL || buf_add_str(out, "  layercensus catalogue add ", err) != 0 ||
        shell_word(out, name, err) != 0 || buf_printf(out, err, "@%s --platform ", id) != 0 ||
        shell_word(out, cells[NAMES_PLATFORM].text, err) != 0)
        return -1;
    comment = out->len;
    if (buf_printf(out, err, "  # named by: %s; on %s", cells[NAMES_SAID_BY].text,
                   count_text(cells[NAMES_HOSTS].number, "host", hosts)) != 0)
        return -1;
    plain_clean(out, comment);
    return buf_add_str(out, "\n", err);
}

/* The rows of one of the names that were asked for. */
struct rows {
    const char *name;
    size_t first, end;
};

static int refuse_several(const struct adding *x, const struct answer *a, const struct rows *rows,
                          struct err *err)
{
    AUTO(buf_close) struct buf out;
    size_t several = 0;

    buf_init(&out, OFFERS_MAX);
    for (size_t i = rows->first + 1; i < rows->end; i++)
        several += is_asked_for(x, a, i) && names_differ(a, i);
    if (several == 0)
        return 0;
    for (size_t i = rows->first; i < rows->end; i++)
        if (is_asked_for(x, a, i) && offer(&out, a, i, err) != 0)
            return -1;
    fprintf(stderr, "%s names these now:\n%s", rows->name, buf_str(&out));
    return err_set(err, ERR_USAGE,
                   "%s is the name of different images of one platform: say which, as above",
                   rows->name);
}

/* A user's own name, and one that means something else by a stronger word, are left out: the
 * catalogue is the operator's word, so he has to give it. */
static int tell_weak(const struct adding *x, const struct answer *a, const struct rows *rows,
                     struct err *err)
{
    AUTO(buf_close) struct buf out;

    buf_init(&out, OFFERS_MAX);
    for (size_t i = rows->first; i < rows->end; i++)
        if (is_asked_for(x, a, i) && cells_of(a, i)[NAMES_WEAK].number && offer(&out, a, i, err))
            return -1;
    if (out.len > 0)
        fprintf(stderr, "%s: not added, as no word that counts stands behind these names:\n%s",
                rows->name, buf_str(&out));
    return 0;
}

static int refuse_clashes(const struct adding *x, const struct answer *a, const struct rows *rows,
                          struct err *err)
{
    AUTO(buf_close) struct buf out;

    buf_init(&out, OFFERS_MAX);
    for (size_t i = rows->first; i < rows->end; i++)
        if (is_asked_for(x, a, i) && cells_of(a, i)[NAMES_CLASHES].number &&
            !cells_of(a, i)[NAMES_WEAK].number && offer(&out, a, i, err) != 0)
            return -1;
    if (out.len == 0)
        return 0;
    fprintf(stderr, "%s names these now:\n%s", rows->name, buf_str(&out));
    return err_set(err, ERR_USAGE,
                   "%s: the catalogue has this name for other layers: to add these as one more "
                   "version, say which, as above",
                   rows->name);
}

static int add_rows(struct adding *x, const struct answer *a, const struct rows *rows,
                    struct err *err)
{
    size_t before = x->count, weak = 0;

    if (refuse_several(x, a, rows, err) != 0 || tell_weak(x, a, rows, err) != 0 ||
        refuse_clashes(x, a, rows, err) != 0)
        return -1;
    for (size_t i = rows->first; i < rows->end; i++) {
        const struct sheet_cell *cells = cells_of(a, i);
        struct catalogue_base base;

        if (cells[NAMES_WEAK].number) {
            weak += is_asked_for(x, a, i);
            continue;
        }
        if (names_base(a, i, &base, err) != 0 || add(x, &base, cells[NAMES_SAID_BY].text, err) != 0)
            return -1;
    }
    if (x->count == before && weak > 0)
        return err_set(err, ERR_USAGE,
                       "%s: nobody whose word counts calls an image so: to make it yours, say "
                       "which, as above",
                       rows->name);
    return x->count > before
               ? 0
               : err_set(err, ERR_NOT_FOUND, "%s: the fleet has no image of %s by this name",
                         rows->name, x->c->options->platform);
}

/* All names with one reading of the fleet. */
static int add_from_fleet(struct adding *x, const char *const *names, size_t count, struct err *err)
{
    struct command c = *x->c;
    struct rows rows = {.first = 0};
    struct answer a;

    c.request.subject = NULL;
    c.request.subjects = names;
    c.request.subject_count = count;
    c.request.sort = NULL;
    c.request.limit = 0;
    if (command_report(&c, &report_names, &a, err) != 0)
        return -1;
    for (; rows.first < a.rows->row_count; rows.first = rows.end) {
        int64_t asked = cells_of(&a, rows.first)[NAMES_ASKED].number;

        rows.name = names[asked];
        for (rows.end = rows.first; rows.end < a.rows->row_count; rows.end++)
            if (cells_of(&a, rows.end)[NAMES_ASKED].number != asked)
                break;
        if (add_rows(x, &a, &rows, err) != 0)
            return -1;
    }
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
    if (folder == 0)
        return err_set(err, ERR_USAGE, "--from %s: expected oci:FOLDER", x->c->options->from);
    query.folder = arena_text(x->c->arena, from, folder, err);
    if (query.folder == NULL || layout_read(&found, &query, x->c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < found.count; i++)
        if (add(x, &found.bases[i], "", err) != 0)
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
        if (add(x, &base, "", err) != 0)
            return -1;
    }
    if (source.name_count > 0 && add_from_fleet(x, source.names, source.name_count, err) != 0)
        return err_wrap(err, "%s", path);
    if (k->family_count + k->registry_count + k->namer_count > 0)
        fprintf(stderr, "%s: only its bases are taken, not its families nor its trust\n", path);
    return 0;
}

static int gather(struct adding *x, struct err *err)
{
    const struct cli_result *cli = x->c->cli;
    const char *from = x->c->options->from;

    if (from != NULL && from[0] == '\0')
        return err_set(err, ERR_USAGE, "--from: expected oci:FOLDER or a FILE, found nothing");
    if (from != NULL && strncmp(from, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0)
        return add_from_layout(x, err);
    if (from != NULL)
        return add_from_file(x, from, err);
    if (cli->arg_count == 0)
        return err_set(err, ERR_USAGE, "expected names that the fleet knows, or --from SOURCE");
    return add_from_fleet(x, (const char *const *)cli->args, (size_t)cli->arg_count, err);
}

/* ---- into the catalogue ---------------------------------------------------------------------- */

static void tell(const struct addition *addition, enum catalogue_outcome outcome, size_t versions)
{
    const struct catalogue_base *b = &addition->base;
    static const char *const did[] = {[CATALOGUE_ADDED] = "added",
                                      [CATALOGUE_CHANGED] = "changed",
                                      [CATALOGUE_UNCHANGED] = "already there:"};
    AUTO(buf_close) struct buf line;
    char hex[DIGEST_HEX + 1];

    buf_init(&line, LINE_BYTES);
    buf_printf(&line, NULL, "%s %s, %s, chain %.*s, from %s", did[outcome], b->name,
               b->platform[0] != '\0' ? b->platform : "unknown platform", SHORT_DIGEST,
               digest_hex(&b->chain, hex), b->source);
    if (addition->said_by[0] != '\0')
        buf_printf(&line, NULL, ", named by: %s", addition->said_by);
    if (versions > 1)
        buf_printf(&line, NULL, "; it has %zu versions there now", versions);
    plain_clean(&line, 0);
    fprintf(stderr, "%s\n", buf_str(&line));
}

static int put_all(struct catalogue *c, void *data, struct arena *arena, struct err *err)
{
    struct adding *x = data;
    const struct options *o = x->c->options;
    const struct catalogue_said said = {.family = o->family != NULL,
                                        .version = o->base_version != NULL};

    x->outcomes = arena_array(arena, x->count, sizeof(*x->outcomes), err);
    x->versions = arena_array(arena, x->count, sizeof(*x->versions), err);
    if (x->outcomes == NULL || x->versions == NULL ||
        catalogue_reserve(c, x->count, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < x->count; i++) {
        struct catalogue_base *b = &x->list[i].base;

        b->family = o->family != NULL ? o->family : b->family;
        b->version = o->base_version != NULL ? o->base_version : b->version;
        b->added_s = x->c->request.now_s;
        x->outcomes[i] = catalogue_put(c, b, &said);
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
