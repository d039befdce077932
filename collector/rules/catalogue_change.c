#include "collector/rules/catalogue_change.h"

#include <string.h>

#include "collector/rules/catalogue_file.h"

#define HEX_LEAST 6   /* digits of a chain behind "sha256:" */
#define BARE_LEAST 12 /* the same without it: fewer are rather a name */

/* A longer copy of a list, with room for some more at its end. */
static void *grown(const void *list, size_t count, size_t more, size_t size, struct arena *arena,
                   struct err *err)
{
    void *out = arena_array(arena, count + more, size, err);

    if (out != NULL && count > 0)
        memcpy(out, list, count * size);
    return out;
}

static bool same_platform(const struct catalogue_base *a, const struct catalogue_base *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->platform, b->platform) == 0;
}

static bool same_words(const struct catalogue_base *a, const struct catalogue_base *b)
{
    return strcmp(a->family, b->family) == 0 && strcmp(a->version, b->version) == 0 &&
           strcmp(a->source, b->source) == 0 && digest_eq(&a->digest, &b->digest) &&
           a->created_s == b->created_s;
}

/* ---- bases ----------------------------------------------------------------------------------- */

int catalogue_reserve(struct catalogue *c, size_t more, struct arena *arena, struct err *err)
{
    struct catalogue_base *list;

    if (more > CATALOGUE_BASES_MAX || c->base_count > CATALOGUE_BASES_MAX - more)
        return err_set(err, ERR_LIMIT, "a catalogue holds at most %d bases", CATALOGUE_BASES_MAX);
    list = grown(c->bases, c->base_count, more, sizeof(*list), arena, err);
    if (list == NULL)
        return -1;
    c->bases = list;
    return 0;
}

enum catalogue_outcome catalogue_put(struct catalogue *c, const struct catalogue_base *base,
                                     const struct catalogue_said *said)
{
    struct catalogue_base now = *base;

    for (size_t i = 0; i < c->base_count; i++) {
        struct catalogue_base *old = &c->bases[i];
        bool same;

        if (!same_platform(old, base) || !digest_eq(&old->chain, &base->chain))
            continue;
        now.family = said->family || now.family[0] != '\0' ? now.family : old->family;
        now.version = said->version || now.version[0] != '\0' ? now.version : old->version;
        now.added_s = old->added_s;
        same = same_words(old, &now);
        *old = now;
        return same ? CATALOGUE_UNCHANGED : CATALOGUE_CHANGED;
    }
    c->bases[c->base_count++] = now;
    return CATALOGUE_ADDED;
}

size_t catalogue_versions(const struct catalogue *c, const struct catalogue_base *base)
{
    size_t count = 0;

    for (size_t i = 0; i < c->base_count; i++)
        count += same_platform(&c->bases[i], base);
    return count;
}

int catalogue_pick(struct catalogue_pick *out, const char *text, struct err *err)
{
    bool marked = strncmp(text, DIGEST_ALGORITHM, strlen(DIGEST_ALGORITHM)) == 0;
    const char *hex = marked ? text + strlen(DIGEST_ALGORITHM) : text;
    size_t len = strlen(hex);
    struct err why;

    *out = (struct catalogue_pick){.hex = ""};
    if (len <= DIGEST_HEX && len >= (marked ? HEX_LEAST : BARE_LEAST) &&
        strspn(hex, "0123456789abcdef") == len) {
        memcpy(out->hex, hex, len + 1);
        return 0;
    }
    if (marked)
        return err_set(err, ERR_USAGE, "%s: expected a chain, as sha256: and at least %d digits",
                       text, HEX_LEAST);
    if (imageref_parse(&out->name, text, &why) != 0)
        return err_set(err, ERR_USAGE, "%s", why.text);
    return 0;
}

bool catalogue_picks(const struct catalogue_pick *pick, const struct catalogue_base *base)
{
    char hex[DIGEST_HEX + 1];
    struct imageref have;

    if (pick->hex[0] != '\0')
        return strncmp(digest_hex(&base->chain, hex), pick->hex, strlen(pick->hex)) == 0;
    if (imageref_parse(&have, base->name, NULL) != 0 ||
        !imageref_same_repository(&have, &pick->name))
        return false;
    if (pick->name.has_digest && !digest_eq(&pick->name.digest, &base->digest))
        return false;
    return pick->name.tag[0] == '\0' || strcmp(pick->name.tag, have.tag) == 0;
}

void catalogue_take(struct catalogue *c, size_t index)
{
    c->base_count--;
    memmove(&c->bases[index], &c->bases[index + 1], (c->base_count - index) * sizeof(*c->bases));
}

/* ---- trust ----------------------------------------------------------------------------------- */

static size_t find_registry(const struct catalogue *c, const char *pattern)
{
    size_t i = 0;

    while (i < c->registry_count && strcmp(c->registries[i], pattern) != 0)
        i++;
    return i;
}

static size_t find_store(const struct catalogue *c, const struct catalogue_namer *namer)
{
    size_t i = 0;

    while (i < c->namer_count && (strcmp(c->namers[i].host, namer->host) != 0 ||
                                  strcmp(c->namers[i].root, namer->root) != 0))
        i++;
    return i;
}

int catalogue_trust_registry(struct catalogue *c, const char *pattern, bool *found,
                             struct arena *arena, struct err *err)
{
    const char **list;

    *found = find_registry(c, pattern) < c->registry_count;
    if (*found)
        return 0;
    if (c->registry_count == CATALOGUE_PATTERNS_MAX)
        return err_set(err, ERR_LIMIT, "at most %d registries", CATALOGUE_PATTERNS_MAX);
    list = grown(c->registries, c->registry_count, 1, sizeof(*list), arena, err);
    if (list == NULL)
        return -1;
    list[c->registry_count++] = pattern;
    c->registries = list;
    return 0;
}

int catalogue_trust_store(struct catalogue *c, const struct catalogue_namer *namer, bool *found,
                          struct arena *arena, struct err *err)
{
    struct catalogue_namer *list;

    *found = find_store(c, namer) < c->namer_count;
    if (*found)
        return 0;
    if (c->namer_count == CATALOGUE_PATTERNS_MAX)
        return err_set(err, ERR_LIMIT, "at most %d stores", CATALOGUE_PATTERNS_MAX);
    list = grown(c->namers, c->namer_count, 1, sizeof(*list), arena, err);
    if (list == NULL)
        return -1;
    list[c->namer_count++] = *namer;
    c->namers = list;
    return 0;
}

bool catalogue_distrust_registry(struct catalogue *c, const char *pattern)
{
    size_t i = find_registry(c, pattern);

    if (i == c->registry_count)
        return false;
    c->registry_count--;
    memmove(&c->registries[i], &c->registries[i + 1],
            (c->registry_count - i) * sizeof(*c->registries));
    return true;
}

bool catalogue_distrust_store(struct catalogue *c, const struct catalogue_namer *namer)
{
    size_t i = find_store(c, namer);

    if (i == c->namer_count)
        return false;
    c->namer_count--;
    memmove(&c->namers[i], &c->namers[i + 1], (c->namer_count - i) * sizeof(*c->namers));
    return true;
}
