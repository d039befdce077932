#include "collector/rules/catalogue_file.h"

#include <stdlib.h>
#include <string.h>

#include "collector/rules/patterns.h"
#include "collector/rules/yaml_values.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/imageref.h"

struct reader {
    const struct yaml *yaml;
    struct arena *arena;
    struct catalogue *catalogue;
};

/* A section that may be missing or have nothing: how many items or pairs it has. */
static int section(const struct reader *r, const struct yaml_node *node, enum yaml_kind kind,
                   const char *what, size_t most, size_t *count, struct err *err)
{
    *count = 0;
    if (node == NULL || (node->kind == YAML_TEXT && node->text[0] == '\0'))
        return 0;
    if (yaml_expect(r->yaml, node, kind, what, err) != 0)
        return -1;
    if (node->count > most)
        return yaml_fail(r->yaml, node, err, "expected %s, found over %zu", what, most);
    *count = node->count;
    return 0;
}

/* ---- bases ----------------------------------------------------------------------------------- */

/* The chainID of all layers, which the file says again so that people see what they change. */
static int check_chain(const struct reader *r, const struct yaml_node *map,
                       struct catalogue_base *out, struct err *err)
{
    const struct yaml_node *node = yaml_get(map, "chain");
    struct digest chain = out->diffs[0];
    char text[DIGEST_TEXT];

    for (size_t i = 1; i < out->layers; i++)
        chain = digest_chain(&chain, &out->diffs[i]);
    out->chain = chain;
    if (node == NULL)
        return 0;
    if (yaml_digest(r->yaml, node, &out->chain, err) != 0)
        return -1;
    if (digest_eq(&out->chain, &chain))
        return 0;
    return yaml_fail(r->yaml, node, err,
                     "the chain does not fit the layers: expected %s, or other layers",
                     digest_text(&chain, text));
}

static int read_layers(struct reader *r, const struct yaml_node *map, struct catalogue_base *out,
                       struct err *err)
{
    static const char what[] = "layers: a list of diffIDs, the lowest first";
    const struct yaml_node *node = yaml_get(map, "layers");

    if (node == NULL)
        return yaml_fail(r->yaml, map, err, "expected %s, found none", what);
    if (yaml_expect(r->yaml, node, YAML_LIST, what, err) != 0)
        return -1;
    if (node->count == 0 || node->count > CATALOGUE_LAYERS_MAX)
        return yaml_fail(r->yaml, node, err, "expected 1 to %d layers", CATALOGUE_LAYERS_MAX);
    out->diffs = arena_array(r->arena, node->count, sizeof(*out->diffs), err);
    if (out->diffs == NULL)
        return -1;
    out->layers = node->count;
    for (size_t i = 0; i < node->count; i++)
        if (yaml_digest(r->yaml, &node->items[i], &out->diffs[i], err) != 0)
            return -1;
    return check_chain(r, map, out, err);
}

/* A name with tag and digest is the tag's; the digest then is that of the manifest or index. */
static int read_name(struct reader *r, const struct yaml_node *map, struct catalogue_base *out,
                     struct err *err)
{
    static const char what[] = "an image's name with its tag, as debian:12";
    const struct yaml_node *node = yaml_get(map, "name");
    const struct yaml_node *digest = yaml_get(map, "digest");
    char name[IMAGEREF_MAX + 1];
    struct imageref ref;
    const char *text;
    struct err why;

    if (yaml_required(r->yaml, map, "name", what, &text, err) != 0)
        return -1;
    if (imageref_parse(&ref, text, &why) != 0)
        return yaml_fail(r->yaml, node, err, "expected %s: %s", what, why.text);
    if (ref.tag[0] == '\0' && !ref.has_digest)
        return yaml_fail(r->yaml, node, err, "expected %s, found none in \"%.200s\"", what, text);
    if (digest != NULL && yaml_digest(r->yaml, digest, &out->digest, err) != 0)
        return -1;
    if (ref.has_digest && digest != NULL && !digest_eq(&out->digest, &ref.digest))
        return yaml_fail(r->yaml, digest, err, "expected the digest that the name ends with");
    if (ref.has_digest)
        out->digest = ref.digest;
    ref.has_digest = ref.has_digest && ref.tag[0] == '\0';
    imageref_text(&ref, name);
    out->name = arena_text(r->arena, name, strlen(name), err);
    return out->name != NULL ? 0 : -1;
}

static int read_time(const struct reader *r, const struct yaml_node *map, const char *key,
                     int64_t *out_s, struct err *err)
{
    const struct yaml_node *node = yaml_get(map, key);
    const char *text;
    struct err why;
    int64_t ms;

    if (yaml_maybe_text(r->yaml, node, "a time, as 2026-03-02T10:00:00Z", &text, err) != 0)
        return -1;
    if (text[0] == '\0')
        return 0;
    if (clock_parse(&ms, text, &why) != 0)
        return yaml_fail(r->yaml, node, err, "%s", why.text);
    *out_s = ms / 1000;
    return 0;
}

static int read_base(struct reader *r, const struct yaml_node *map, struct catalogue_base *out,
                     struct err *err)
{
    static const char *const keys[] = {"name",   "chain",   "layers", "platform",
                                       "family", "version", "digest", "created",
                                       "source", "added",   NULL};
    const struct yaml *y = r->yaml;

    *out = (struct catalogue_base){.name = NULL};
    if (yaml_expect(y, map, YAML_MAP, "a base, as name: and layers:", err) != 0 ||
        yaml_only(y, map, keys, err) != 0 || read_name(r, map, out, err) != 0 ||
        read_layers(r, map, out, err) != 0)
        return -1;
    if (yaml_maybe_text(y, yaml_get(map, "platform"), "a platform, as linux/amd64", &out->platform,
                        err) != 0)
        return -1;
    if (out->platform[0] != '\0' && strchr(out->platform, '/') == NULL)
        return yaml_fail(y, yaml_get(map, "platform"), err,
                         "expected a platform, as linux/amd64, found \"%.60s\"", out->platform);
    if (yaml_maybe_text(y, yaml_get(map, "family"), "a family", &out->family, err) != 0 ||
        yaml_maybe_text(y, yaml_get(map, "version"), "a version", &out->version, err) != 0 ||
        yaml_maybe_text(y, yaml_get(map, "source"), "where it is from", &out->source, err) != 0)
        return -1;
    return read_time(r, map, "created", &out->created_s, err) == 0
               ? read_time(r, map, "added", &out->added_s, err)
               : -1;
}

struct placed { /* a base and where it stands */
    const struct catalogue_base *base;
    const struct yaml_node *at;
};

static int by_base(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = strcmp(x->base->name, y->base->name);

    if (order == 0)
        order = strcmp(x->base->platform, y->base->platform);
    if (order == 0)
        order = digest_cmp(&x->base->chain, &y->base->chain);
    return order;
}

static int by_base_then_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = by_base(a, b);

    return order != 0 ? order : (x->base > y->base) - (x->base < y->base);
}

/* Of two that are the same only one could be believed. */
static int refuse_twins(const struct reader *r, const struct yaml_node *list, size_t count,
                        struct err *err)
{
    AUTO_FREE struct placed *all = calloc(count + 1, sizeof(*all));

    if (all == NULL)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory to read it", r->yaml->path);
    for (size_t i = 0; i < count; i++)
        all[i] = (struct placed){&r->catalogue->bases[i], &list->items[i]};
    qsort(all, count, sizeof(*all), by_base_then_place);
    for (size_t i = 1; i < count; i++)
        if (by_base(&all[i - 1], &all[i]) == 0)
            return yaml_fail(r->yaml, all[i].at, err, "the same base stands in line %d already",
                             all[i - 1].at->line);
    return 0;
}

static int read_bases(struct reader *r, const struct yaml_node *list, struct err *err)
{
    struct catalogue *c = r->catalogue;
    size_t count;

    if (section(r, list, YAML_LIST, "a list of bases", CATALOGUE_BASES_MAX, &count, err) != 0)
        return -1;
    c->bases = arena_array(r->arena, count, sizeof(*c->bases), err);
    if (c->bases == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_base(r, &list->items[i], &c->bases[i], err) != 0)
            return -1;
    if (refuse_twins(r, list, count, err) != 0)
        return -1;
    c->base_count = count;
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static int read_repository(const struct reader *r, const struct yaml_node *node, const char **out,
                           struct err *err)
{
    const char *text;
    struct err why;

    if (yaml_text(r->yaml, node, "a repository, in which * is any text", &text, err) != 0)
        return -1;
    if (pattern_of_repositories(out, text, r->arena, &why) == 0)
        return 0;
    return why.kind == ERR_USAGE ? yaml_fail(r->yaml, node, err, "%s", why.text)
                                 : err_set(err, why.kind, "%s", why.text);
}

static int read_families(struct reader *r, const struct yaml_node *map, struct err *err)
{
    struct catalogue *c = r->catalogue;
    size_t count;

    if (section(r, map, YAML_MAP, "families, as docker.io/library/debian: debian",
                CATALOGUE_PATTERNS_MAX, &count, err) != 0)
        return -1;
    if (count > 0 && yaml_only(r->yaml, map, NULL, err) != 0)
        return -1;
    c->families = arena_array(r->arena, count, sizeof(*c->families), err);
    if (c->families == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_repository(r, &map->items[2 * i], &c->families[i].pattern, err) != 0 ||
            yaml_text(r->yaml, &map->items[2 * i + 1], "a family", &c->families[i].family, err) !=
                0)
            return -1;
    c->family_count = count;
    return 0;
}

static int read_registries(struct reader *r, const struct yaml_node *list, struct err *err)
{
    struct catalogue *c = r->catalogue;
    size_t count;

    if (section(r, list, YAML_LIST, "a list of registries or repositories", CATALOGUE_PATTERNS_MAX,
                &count, err) != 0)
        return -1;
    c->registries = arena_array(r->arena, count, sizeof(*c->registries), err);
    if (c->registries == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_repository(r, &list->items[i], &c->registries[i], err) != 0)
            return -1;
    c->registry_count = count;
    return 0;
}

static int read_namers(struct reader *r, const struct yaml_node *list, struct err *err)
{
    static const char *const keys[] = {"host", "root", NULL};
    struct catalogue *c = r->catalogue;
    size_t count;

    if (section(r, list, YAML_LIST, "a list of stores, as host: and root:", CATALOGUE_PATTERNS_MAX,
                &count, err) != 0)
        return -1;
    c->namers = arena_array(r->arena, count, sizeof(*c->namers), err);
    if (c->namers == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *map = &list->items[i];

        if (yaml_expect(r->yaml, map, YAML_MAP, "a store, as host: and root:", err) != 0 ||
            yaml_only(r->yaml, map, keys, err) != 0 ||
            yaml_required(r->yaml, map, "host", "a pattern of hosts' names", &c->namers[i].host,
                          err) != 0 ||
            yaml_maybe_text(r->yaml, yaml_get(map, "root"), "a pattern of stores' folders",
                            &c->namers[i].root, err) != 0)
            return -1;
    }
    c->namer_count = count;
    return 0;
}

static int read_trust(struct reader *r, const struct yaml_node *map, struct err *err)
{
    static const char *const keys[] = {"registries", "stores", NULL};
    size_t count;

    if (section(r, map, YAML_MAP, "trust, as registries: and stores:", 2, &count, err) != 0)
        return -1;
    if (count == 0)
        return 0;
    return yaml_only(r->yaml, map, keys, err) == 0 &&
                   read_registries(r, yaml_get(map, "registries"), err) == 0
               ? read_namers(r, yaml_get(map, "stores"), err)
               : -1;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int from_tree(struct catalogue *out, const struct yaml *yaml, struct arena *arena,
                     struct err *err)
{
    static const char *const keys[] = {"bases", "families", "trust", NULL};
    struct reader r = {.yaml = yaml, .arena = arena, .catalogue = out};

    *out = (struct catalogue){.base_count = 0};
    if (yaml->root == NULL)
        return 0;
    if (yaml_expect(yaml, yaml->root, YAML_MAP,
                    "a catalogue, as bases:, families: and trust:", err) != 0 ||
        yaml_only(yaml, yaml->root, keys, err) != 0)
        return -1;
    return read_bases(&r, yaml_get(yaml->root, "bases"), err) == 0 &&
                   read_families(&r, yaml_get(yaml->root, "families"), err) == 0
               ? read_trust(&r, yaml_get(yaml->root, "trust"), err)
               : -1;
}

int catalogue_parse(struct catalogue *out, const char *path, const char *data, size_t len,
                    struct arena *arena, struct err *err)
{
    struct yaml yaml;

    return yaml_parse(&yaml, path, data, len, arena, err) == 0 ? from_tree(out, &yaml, arena, err)
                                                               : -1;
}

int catalogue_read(struct catalogue *out, const char *path, bool must_exist, struct arena *arena,
                   struct err *err)
{
    struct yaml yaml;
    struct err why;

    if (yaml_read(&yaml, path, arena, &why) == 0)
        return from_tree(out, &yaml, arena, err);
    if (why.kind != ERR_NOT_FOUND || must_exist)
        return err_set(err, why.kind, "%s", why.text);
    *out = (struct catalogue){.base_count = 0};
    return 0;
}

static int read_names(struct catalogue_source *out, const struct reader *r,
                      const struct yaml_node *list, struct err *err)
{
    size_t count;

    if (yaml_texts(r->yaml, list, "a list of images' names", CATALOGUE_PATTERNS_MAX, &count, err) !=
        0)
        return -1;
    out->names = arena_array(r->arena, count, sizeof(*out->names), err);
    if (out->names == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        out->names[i] = list->items[i].text;
    out->name_count = count;
    return 0;
}

int catalogue_read_source(struct catalogue_source *out, const char *path, struct arena *arena,
                          struct err *err)
{
    struct yaml yaml;
    struct reader r = {.yaml = &yaml, .arena = arena, .catalogue = &out->catalogue};

    *out = (struct catalogue_source){.name_count = 0};
    if (yaml_read(&yaml, path, arena, err) != 0)
        return -1;
    if (yaml.root == NULL || yaml.root->kind != YAML_LIST || yaml.root->count == 0)
        return from_tree(&out->catalogue, &yaml, arena, err);
    return yaml.root->items[0].kind == YAML_MAP ? read_bases(&r, yaml.root, err)
                                                : read_names(out, &r, yaml.root, err);
}

const char *catalogue_beside(const char *db, struct arena *arena, struct err *err)
{
    static const char name[] = "catalogue.yaml";
    const char *slash = strrchr(db, '/');
    size_t folder = slash != NULL ? (size_t)(slash + 1 - db) : 0;
    char *out = arena_alloc(arena, folder + sizeof(name), err);

    if (out == NULL)
        return NULL;
    memcpy(out, db, folder);
    memcpy(out + folder, name, sizeof(name));
    return out;
}
