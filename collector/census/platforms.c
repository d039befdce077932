#include "collector/census/platforms.h"

#include <stdlib.h>
#include <string.h>

#include "collector/census/naming_private.h"

struct listed {
    struct digest digest;
    const struct fleet_image *image;
    uint32_t chain; /* its whole one */
};

/* Releases as rings of chains. */
struct rings {
    const struct fleet *f;
    const struct fleet_image **image; /* by chain: one that ends there; NULL none was listed */
    uint32_t *next;                   /* by chain */
    uint32_t *first;                  /* by chain */
};

int platforms_cmp(const struct fleet_image *a, const struct fleet_image *b)
{
    int order = strcmp(a->os, b->os);

    if (order == 0)
        order = strcmp(a->arch, b->arch);
    return order != 0
               ? order
               : strcmp(naming_variant(a->arch, a->variant), naming_variant(b->arch, b->variant));
}

static int by_digest_then_platform(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    int order = digest_cmp(&x->digest, &y->digest);

    if (order == 0)
        order = platforms_cmp(x->image, y->image);
    return order != 0 ? order : digest_cmp(&x->image->digest, &y->image->digest);
}

/* What stores of root's list with a digest. */
static struct listed *list_all(const struct fleet *f, size_t *count, struct arena *arena,
                               struct err *err)
{
    size_t most = 0;
    struct listed *list;

    *count = 0;
    for (size_t i = 0; i < f->said_count; i++)
        most += f->said[i].digests.count;
    list = arena_array(arena, most, sizeof(*list), err);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_said *said = &f->said[i];
        const struct fleet_image *image = &f->images[said->image];

        if (said->root.store == FLEET_NONE || image->parsed != PARSED_READ ||
            image->chain_count == 0)
            continue;
        for (uint32_t d = 0; d < said->digests.count; d++) {
            const struct fleet_said_digest *digest = &f->said_digests[said->digests.first + d];

            if (!digest->disproved)
                list[(*count)++] = (struct listed){
                    .digest = digest->digest, .image = image, .chain = naming_top(image)};
        }
    }
    if (*count > 1)
        qsort(list, *count, sizeof(*list), by_digest_then_platform);
    return list;
}

/* Whether the rings of a and b are two, and no chain of the one has a platform of the other. */
static bool may_join(const struct rings *r, uint32_t a, uint32_t b)
{
    uint32_t x = a, members = 0;

    do {
        uint32_t y = b;

        do {
            if (x == y || platforms_cmp(r->image[x], r->image[y]) == 0)
                return false;
            y = r->next[y];
            members++;
        } while (y != b);
        x = r->next[x];
    } while (x != a);
    return members < PLATFORMS_MOST;
}

/* Each chain of an index is tried against the index's first. */
static void join_listed(struct rings *r, const struct listed *list, size_t count)
{
    size_t first = 0;

    for (size_t i = 0; i < count; i++)
        if (r->image[list[i].chain] == NULL ||
            platforms_cmp(list[i].image, r->image[list[i].chain]) < 0)
            r->image[list[i].chain] = list[i].image;
    for (size_t i = 1; i < count; i++) {
        uint32_t a, b = list[i].chain, after;

        if (!digest_eq(&list[first].digest, &list[i].digest))
            first = i;
        a = list[first].chain;
        if (!may_join(r, a, b))
            continue;
        after = r->next[a];
        r->next[a] = r->next[b];
        r->next[b] = after;
    }
}

static bool is_before(const struct rings *r, uint32_t a, uint32_t b)
{
    int order = platforms_cmp(r->image[a], r->image[b]);

    return order != 0 ? order < 0
                      : digest_cmp(&r->f->chains[a].digest, &r->f->chains[b].digest) < 0;
}

/* Walks each ring once: from the first of its chains that is met. */
static void choose_first(struct rings *r)
{
    for (uint32_t c = 0; c < r->f->chain_count; c++) {
        uint32_t best = c;

        if (r->first[c] != FLEET_NONE)
            continue;
        for (uint32_t x = r->next[c]; x != c; x = r->next[x])
            best = is_before(r, x, best) ? x : best;
        for (uint32_t x = r->next[c]; x != c; x = r->next[x])
            r->first[x] = best;
        r->first[c] = best;
    }
}

uint32_t *platforms_join(const struct fleet *f, struct arena *arena, struct err *err)
{
    struct rings r = {.f = f};
    struct listed *list;
    size_t count;

    list = list_all(f, &count, arena, err);
    r.image = arena_array(arena, f->chain_count, sizeof(*r.image), err);
    r.next = arena_array(arena, f->chain_count, sizeof(*r.next), err);
    r.first = arena_array(arena, f->chain_count, sizeof(*r.first), err);
    if (list == NULL || r.image == NULL || r.next == NULL || r.first == NULL)
        return NULL;
    for (uint32_t c = 0; c < f->chain_count; c++) {
        r.next[c] = c;
        r.first[c] = FLEET_NONE;
    }
    join_listed(&r, list, count);
    choose_first(&r);
    return r.first;
}
