#include "collector/census/catalogue.h"

#include <string.h>

#define WILDCARDS "*?"

/* A stretch of text. */
struct span {
    const char *text;
    size_t len;
};

static bool span_matches(struct span pattern, struct span text)
{
    size_t p = 0, t = 0, star = 0, resume = 0; /* star: behind the last one; 0 none yet */

    while (t < text.len) {
        if (p < pattern.len && pattern.text[p] == '*') {
            star = ++p;
            resume = t;
        } else if (p < pattern.len && (pattern.text[p] == '?' || pattern.text[p] == text.text[t])) {
            p++;
            t++;
        } else if (star != 0) {
            p = star; /* the last '*' takes one byte more; earlier ones never need to */
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.text[p] == '*')
        p++;
    return p == pattern.len;
}

bool catalogue_matches(const char *pattern, const char *text)
{
    return span_matches((struct span){pattern, strlen(pattern)}, (struct span){text, strlen(text)});
}

bool catalogue_matches_name(const char *pattern, const char *name)
{
    size_t registry = strcspn(pattern, "/"), given = strcspn(name, "/");

    if (pattern[registry] == '\0' || strspn(pattern, "*") == registry)
        return catalogue_matches(pattern, name);
    return span_matches((struct span){pattern, registry}, (struct span){name, given}) &&
           catalogue_matches(pattern + registry, name + given);
}

/* A pattern of nothing but wildcards matches every root and names none. */
static bool names_a_root(const char *pattern)
{
    return pattern[strspn(pattern, WILDCARDS)] != '\0';
}

bool catalogue_trusts_store(const struct catalogue *c, const char *host, const char *root,
                            uint32_t owner)
{
    for (size_t i = 0; i < c->namer_count; i++) {
        const struct catalogue_namer *n = &c->namers[i];

        if (!catalogue_matches(n->host, host) || (owner != 0 && !names_a_root(n->root)))
            continue;
        if (n->root[0] == '\0' || catalogue_matches(n->root, root))
            return true;
    }
    return false;
}

bool catalogue_trusts_repository(const struct catalogue *c, const char *repository)
{
    for (size_t i = 0; i < c->registry_count; i++)
        if (catalogue_matches_name(c->registries[i], repository))
            return true;
    return false;
}

/* The first that matches, in the order of the file. */
const char *catalogue_family_of(const struct catalogue *c, const char *repository)
{
    for (size_t i = 0; i < c->family_count; i++)
        if (catalogue_matches_name(c->families[i].pattern, repository))
            return c->families[i].family;
    return NULL;
}
