#include <string.h>

#include "collector/report/names.h"
#include "collector/report/walk.h"
#include "common/imageref.h"

enum {
    NAME,
    PLATFORM,
    CHAIN,
    LAYERS,
    FAMILY,
    VERSION,
    DIGEST,
    CREATED,
    SOURCE,
    ADDED,
    KNOWN,
    IMAGES,
    HOSTS,
    HOSTS_ON,
    CELLS
};

static const struct sheet_column columns[] = {
    [NAME] = {"name", "NAME", CELL_TITLE, false},
    [PLATFORM] = {"platform", "PLATFORM", CELL_TEXT, false},
    [CHAIN] = {"chain_id", "CHAIN", CELL_DIGEST, false},
    [LAYERS] = {"layers", "LAYERS", CELL_COUNT, true},
    [FAMILY] = {"family", "FAMILY", CELL_TEXT, true},
    [VERSION] = {"version", "VERSION", CELL_TEXT, true},
    [DIGEST] = {"digest", "DIGEST", CELL_DIGEST, true},
    [CREATED] = {"created", "CREATED", CELL_TIME, true},
    [SOURCE] = {"source", "FROM", CELL_TEXT, false},
    [ADDED] = {"added", "ADDED", CELL_TIME, false},
    [KNOWN] = {"known_in_fleet", "KNOWN", CELL_FLAG, false},
    [IMAGES] = {"images_on_it", "IMAGES ON IT", CELL_COUNT, false},
    [HOSTS] = {"hosts", "HOSTS", CELL_COUNT, false},
    [HOSTS_ON] = {"hosts_with_images_on_it", "HOSTS ON IT", CELL_COUNT, false},
    [CELLS] = {NULL, NULL, 0, false},
};

/* What lies at a chain that the catalogue names, or on it. */
struct spot {
    int64_t images, hosts, hosts_on;
    uint32_t seen, seen_on; /* the last host counted, and one more; 0: none yet */
};

struct finding {
    struct spot *spots; /* by chain */
    bool *in_catalogue; /* by chain */
};

static void count_host(struct finding *x, const struct fleet_image *image, uint32_t host)
{
    for (uint32_t p = 0; p < image->chain_count; p++) {
        uint32_t chain = image->chains[p];
        struct spot *spot = &x->spots[chain];
        bool ends = p + 1 == image->chain_count;

        if (!x->in_catalogue[chain])
            continue;
        spot->hosts += ends && spot->seen != host + 1;
        spot->hosts_on += !ends && spot->seen_on != host + 1;
        *(ends ? &spot->seen : &spot->seen_on) = host + 1;
    }
}

static int visit(const struct walk *w, const struct fleet *f, uint32_t host,
                 const struct copies *copies, struct err *err)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    (void)copies;
    (void)err;
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++) {
        const struct fleet_run *run = &f->stores[s].presences;

        for (uint32_t p = run->first; f->stores[s].present && p < run->first + run->count; p++)
            count_host(w->data, &f->images[f->presences[p].image], host);
    }
    return 0;
}

static int find(struct census *c, struct finding *x, struct err *err)
{
    const struct walk w = {.visit = visit, .data = x};
    const struct fleet *f = &c->fleet;

    x->spots = arena_array(c->arena, f->chain_count, sizeof(*x->spots), err);
    x->in_catalogue = arena_array(c->arena, f->chain_count, sizeof(*x->in_catalogue), err);
    if (x->spots == NULL || x->in_catalogue == NULL)
        return -1;
    for (size_t i = 0; i < c->request->catalogue->base_count; i++)
        if (c->naming.catalogue_chain[i] != FLEET_NONE)
            x->in_catalogue[c->naming.catalogue_chain[i]] = true;
    for (size_t i = 0; i < f->image_count; i++)
        for (uint32_t p = 0; c->images[i].kind != IMAGE_ABSENT && p + 1 < f->images[i].chain_count;
             p++)
            x->spots[f->images[i].chains[p]].images++;
    return walk_hosts(c, &w, err);
}

static int add_base(struct census *c, struct answer *a, const struct finding *x, size_t index,
                    struct err *err)
{
    static const struct digest none;
    static const struct spot nowhere;
    const struct catalogue_base *b = &c->request->catalogue->bases[index];
    uint32_t chain = c->naming.catalogue_chain[index];
    const struct spot *spot = chain != FLEET_NONE ? &x->spots[chain] : &nowhere;
    struct sheet_cell *row = sheet_row(a, a->rows, err);

    if (row == NULL)
        return -1;
    row[NAME] = cell_text(b->name);
    row[PLATFORM] = cell_text(b->platform[0] != '\0' ? b->platform : NULL);
    row[CHAIN] = cell_digest(&b->chain);
    row[LAYERS] = cell_number((int64_t)b->layers);
    row[FAMILY] = cell_text(b->family[0] != '\0' ? b->family : NULL);
    row[VERSION] = cell_text(b->version[0] != '\0' ? b->version : NULL);
    row[DIGEST] = cell_digest(digest_eq(&b->digest, &none) ? NULL : &b->digest);
    row[CREATED] = cell_time(b->created_s);
    row[SOURCE] = cell_text(b->source[0] != '\0' ? b->source : NULL);
    row[ADDED] = cell_time(b->added_s);
    row[KNOWN] = cell_flag(chain != FLEET_NONE);
    row[IMAGES] = cell_number(spot->images);
    row[HOSTS] = cell_number(spot->hosts);
    row[HOSTS_ON] = cell_number(spot->hosts_on);
    return 0;
}

/* Present stores that a word of trust is about. */
static int64_t count_stores(const struct census *c, const struct catalogue_namer *namer)
{
    struct catalogue_namer one = *namer;
    const struct catalogue alone = {.namers = &one, .namer_count = 1};
    const struct fleet *f = &c->fleet;
    int64_t count = 0;

    for (size_t i = 0; i < f->store_count; i++)
        count +=
            f->stores[i].present && catalogue_trusts_store(&alone, f->hosts[f->stores[i].host].name,
                                                           f->stores[i].root, f->stores[i].owner);
    return count;
}

/* What stores list now as pulled by digest from there. */
static int64_t count_pulled(const struct census *c, const char *pattern)
{
    const struct fleet *f = &c->fleet;
    char repository[IMAGEREF_MAX + 1];
    int64_t count = 0;

    for (size_t i = 0; i < f->repo_digest_count; i++)
        count +=
            f->repo_digests[i].present &&
            imageref_repository(f->names[f->repo_digests[i].repository].normal, repository) == 0 &&
            catalogue_matches_name(pattern, repository);
    return count;
}

/* Families and trust as lists of their own: only data, where there are some. */
static int add_trust(const struct census *c, struct answer *a, struct err *err)
{
    const struct catalogue *k = c->request->catalogue;
    static const struct sheet_column trust_columns[] = {
        {"kind", "KIND", CELL_TEXT, false},        {"pattern", "PATTERN", CELL_TEXT, false},
        {"root", "ROOT", CELL_TEXT, false},        {"family", "FAMILY", CELL_TEXT, false},
        {"matches", "MATCHES", CELL_COUNT, false}, {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "words", "Trust and families", false, trust_columns);
    struct sheet_cell *row;

    for (size_t i = 0; i < k->registry_count; i++) {
        if ((row = sheet_row(a, s, err)) == NULL)
            return -1;
        row[0] = cell_text("trusted registry");
        row[1] = cell_text(k->registries[i]);
        row[4] = cell_number(count_pulled(c, k->registries[i]));
    }
    for (size_t i = 0; i < k->namer_count; i++) {
        if ((row = sheet_row(a, s, err)) == NULL)
            return -1;
        row[0] = cell_text("trusted store");
        row[1] = cell_text(k->namers[i].host);
        row[2] = cell_text(k->namers[i].root[0] != '\0' ? k->namers[i].root : NULL);
        row[4] = cell_number(count_stores(c, &k->namers[i]));
    }
    for (size_t i = 0; i < k->family_count; i++) {
        if ((row = sheet_row(a, s, err)) == NULL)
            return -1;
        row[0] = cell_text("family");
        row[1] = cell_text(k->families[i].pattern);
        row[3] = cell_text(k->families[i].family);
    }
    return 0;
}

int64_t names_trust_matches(const struct answer *a, const char *registry,
                            const struct catalogue_namer *namer)
{
    for (size_t i = 0; i < a->sheet_count; i++) {
        const struct sheet *s = &a->sheets[i];

        if (strcmp(s->key, "words") != 0)
            continue;
        for (size_t r = 0; r < s->row_count; r++) {
            const struct sheet_cell *row = &s->cells[r * s->column_count];
            const char *root = row[2].known ? row[2].text : "";
            bool is_registry = strcmp(row[0].text, "trusted registry") == 0;

            if (!row[4].known || is_registry != (registry != NULL))
                continue;
            if (is_registry
                    ? strcmp(row[1].text, registry) == 0
                    : strcmp(row[1].text, namer->host) == 0 && strcmp(root, namer->root) == 0)
                return row[4].number;
        }
    }
    return -1;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct finding x = {0};

    if (find(c, &x, err) != 0)
        return -1;
    answer_sheet(a, "rows", NULL, false, columns);
    for (size_t i = 0; i < c->request->catalogue->base_count; i++)
        if (add_base(c, a, &x, i, err) != 0)
            return -1;
    return sheet_reveal(a, a->rows, columns[FAMILY].key, err) == 0 &&
                   sheet_reveal(a, a->rows, columns[VERSION].key, err) == 0
               ? add_trust(c, a, err)
               : -1;
}

const struct report report_catalogue = {.name = "catalogue list",
                                        .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                        .digests = true,
                                        .sort = "name",
                                        .fill = fill};
