#include "collector/census/platforms.h"

#include <stdlib.h>
#include <string.h>

#include "collector/census/naming_private.h"
#include "collector/census/os_release.h"

struct listed {
    struct digest digest;
    const struct fleet_image *image;
    uint32_t chain; /* its whole one */
};

/* Releases as lists of chains, sorted by platform; no platform is in one twice. What is "by list"
 * is kept at its first chain. Two lists are compared in at most PLATFORMS_MOST steps: any number of
 * digests may be listed with the same images. */
struct releases {
    const struct fleet *f;
    const struct fleet_image **image; /* by chain: one that ends there; NULL none was listed */
    uint32_t *platform;               /* by chain: its place among all of them */
    uint32_t *first;                  /* by chain: of its list */
    uint32_t *next;                   /* by chain: FLEET_NONE ends a list */
    uint32_t *count;                  /* by list */
    const char **distro;              /* by list: the distribution that it is of; "" not known */
    const char **id;                  /* by layer: of its os-release; NULL nobody has looked yet */
    struct arena *arena;
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

/* ---- what a chain is ------------------------------------------------------------------------- */

static int by_platform(const void *a, const void *b, void *arg)
{
    const struct releases *r = arg;

    return platforms_cmp(r->image[*(const uint32_t *)a], r->image[*(const uint32_t *)b]);
}

/* Of several images that end at a chain, the first platform is the chain's. */
static int number_platforms(struct releases *r, const struct listed *list, size_t count,
                            struct err *err)
{
    uint32_t *chains = arena_array(r->arena, r->f->chain_count, sizeof(*chains), err);
    uint32_t listed = 0;

    if (chains == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct fleet_image **image = &r->image[list[i].chain];

        if (*image == NULL)
            chains[listed++] = list[i].chain;
        if (*image == NULL || platforms_cmp(list[i].image, *image) < 0)
            *image = list[i].image;
    }
    if (listed > 1)
        qsort_r(chains, listed, sizeof(*chains), by_platform, r);
    for (uint32_t i = 1; i < listed; i++)
        r->platform[chains[i]] =
            r->platform[chains[i - 1]] + (by_platform(&chains[i - 1], &chains[i], r) != 0);
    return 0;
}

static const char *id_of(struct releases *r, uint32_t layer, struct err *err)
{
    struct os_release parsed;

    if (layer == FLEET_NONE)
        return "";
    if (r->id[layer] == NULL) {
        os_release_parse(&parsed, r->f->layers[layer].os_release);
        r->id[layer] = arena_text(r->arena, parsed.id, strlen(parsed.id), err);
    }
    return r->id[layer];
}

/* The distribution by the uppermost os-release of a line. */
static int find_distros(struct releases *r, struct err *err)
{
    for (uint32_t i = 0; i < r->f->chain_count; i++) {
        r->distro[i] = "";
        for (uint32_t c = i; r->image[i] != NULL && c != FLEET_NONE && r->distro[i][0] == '\0';
             c = r->f->chains[c].parent) {
            r->distro[i] = id_of(r, r->f->chains[c].layer, err);
            if (r->distro[i] == NULL)
                return -1;
        }
    }
    return 0;
}

/* ---- joining --------------------------------------------------------------------------------- */

/* Whether two lists have a platform in common. */
static bool shares_platform(const struct releases *r, uint32_t a, uint32_t b)
{
    while (a != FLEET_NONE && b != FLEET_NONE) {
        if (r->platform[a] == r->platform[b])
            return true;
        if (r->platform[a] < r->platform[b])
            a = r->next[a];
        else
            b = r->next[b];
    }
    return false;
}

static bool may_join(const struct releases *r, uint32_t a, uint32_t b)
{
    if (r->count[a] + r->count[b] > PLATFORMS_MOST)
        return false;
    if (r->distro[a][0] != '\0' && r->distro[b][0] != '\0' &&
        strcmp(r->distro[a], r->distro[b]) != 0)
        return false;
    return !shares_platform(r, a, b);
}

static void join(struct releases *r, uint32_t a, uint32_t b)
{
    uint32_t first = r->platform[a] < r->platform[b] ? a : b, count = r->count[a] + r->count[b];
    const char *distro = r->distro[a][0] != '\0' ? r->distro[a] : r->distro[b];
    uint32_t last = FLEET_NONE;

    while (a != FLEET_NONE || b != FLEET_NONE) {
        bool is_a = b == FLEET_NONE || (a != FLEET_NONE && r->platform[a] < r->platform[b]);
        uint32_t *from = is_a ? &a : &b, chain = *from;

        *from = r->next[chain];
        r->first[chain] = first;
        r->next[chain] = FLEET_NONE;
        if (last != FLEET_NONE)
            r->next[last] = chain;
        last = chain;
    }
    r->count[first] = count;
    r->distro[first] = distro;
}

/* Each chain of an index is tried against the index's first. */
static void join_listed(struct releases *r, const struct listed *list, size_t count)
{
    size_t first = 0;

    for (size_t i = 1; i < count; i++) {
        uint32_t a, b = r->first[list[i].chain];

        if (!digest_eq(&list[first].digest, &list[i].digest))
            first = i;
        a = r->first[list[first].chain];
        if (may_join(r, a, b))
            join(r, a, b);
    }
}

static int make_room(struct releases *r, struct err *err)
{
    size_t chains = r->f->chain_count;

    r->image = arena_array(r->arena, chains, sizeof(*r->image), err);
    r->platform = arena_array(r->arena, chains, sizeof(*r->platform), err);
    r->first = arena_array(r->arena, chains, sizeof(*r->first), err);
    r->next = arena_array(r->arena, chains, sizeof(*r->next), err);
    r->count = arena_array(r->arena, chains, sizeof(*r->count), err);
    r->distro = arena_array(r->arena, chains, sizeof(*r->distro), err);
    r->id = arena_array(r->arena, r->f->layer_count, sizeof(*r->id), err);
    if (r->image == NULL || r->platform == NULL || r->first == NULL || r->next == NULL ||
        r->count == NULL || r->distro == NULL || r->id == NULL)
        return -1;
    for (uint32_t c = 0; c < chains; c++) {
        r->first[c] = c;
        r->next[c] = FLEET_NONE;
        r->count[c] = 1;
    }
    return 0;
}

uint32_t *platforms_join(const struct fleet *f, struct arena *arena, struct err *err)
{
    struct releases r = {.f = f, .arena = arena};
    struct listed *list;
    size_t count;

    list = list_all(f, &count, arena, err);
    if (list == NULL || make_room(&r, err) != 0 || number_platforms(&r, list, count, err) != 0 ||
        find_distros(&r, err) != 0)
        return NULL;
    join_listed(&r, list, count);
    return r.first;
}
