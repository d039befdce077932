#include "collector/census/catalogue.h"

#include <string.h>

#define WILDCARDS "*?"

bool catalogue_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star; /* the last '*' takes one byte more; earlier ones never need to */
            text = ++resume;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
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
        if (catalogue_matches(c->registries[i], repository))
            return true;
    return false;
}

/* The first that matches, in the order of the file. */
const char *catalogue_family_of(const struct catalogue *c, const char *repository)
{
    for (size_t i = 0; i < c->family_count; i++)
        if (catalogue_matches(c->families[i].pattern, repository))
            return c->families[i].family;
    return NULL;
}
