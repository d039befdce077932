#include <stdlib.h>

#include "collector/census/lineage_private.h"

/* ---- who said the same before ---------------------------------------------------------------- */

static int cmp_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Orders rows by their words: what a child inherits from its parent is equal in all of them. */
static int cmp_words(const struct lineage_facts *l, uint32_t a, uint32_t b)
{
    const struct fleet_evidence *x = &l->f->evidence[a], *y = &l->f->evidence[b];
    const struct lineage_known *k = &l->known;
    int order = cmp_u64(x->source, y->source);

    if (order == 0)
        order = cmp_u64(k->name_of[a], k->name_of[b]);
    if (order == 0)
        order = cmp_u64(k->digest_of[a], k->digest_of[b]);
    if (order == 0 && k->name_of[a] == FLEET_NONE && k->digest_of[a] == FLEET_NONE)
        order = cmp_u64((uint64_t)x->layers, (uint64_t)y->layers);
    return order;
}

static int by_words(const void *a, const void *b, void *facts)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = cmp_words(facts, x, y);

    return order != 0 ? order : cmp_u64(x, y);
}

/* The chain that the image of a declaration ends at; FLEET_NONE where nothing is inherited of it:
 * the row tells no base, or no word that names ever gave a name to the image itself. */
static uint32_t ends_of(const struct lineage_facts *l, uint32_t evidence)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    const struct fleet_image *image = &l->f->images[e->image];

    if (l->only != NULL && !l->only->evidence[evidence])
        return FLEET_NONE;
    return lineage_declares(e) && l->may_pass_on[e->image] && naming_has_line(image, l->known_at_s)
               ? naming_top(image)
               : FLEET_NONE;
}

int lineage_find_sayings(struct lineage_facts *l, struct err *err)
{
    struct lineage_sayings *s = &l->sayings;
    size_t chains = l->f->chain_count;
    uint32_t *next = arena_array(l->arena, chains, sizeof(*next), err), chain;

    s->list = arena_array(l->arena, l->f->evidence_count, sizeof(*s->list), err);
    s->starts = arena_array(l->arena, chains + 1, sizeof(*s->starts), err);
    if (next == NULL || s->list == NULL || s->starts == NULL)
        return -1;
    for (uint32_t i = 0; i < l->f->evidence_count; i++)
        if ((chain = ends_of(l, i)) != FLEET_NONE)
            s->starts[chain + 1]++;
    for (size_t c = 0; c < chains; c++) {
        next[c] = s->starts[c];
        s->starts[c + 1] += s->starts[c];
    }
    for (uint32_t i = 0; i < l->f->evidence_count; i++)
        if ((chain = ends_of(l, i)) != FLEET_NONE)
            s->list[next[chain]++] = i;
    for (size_t c = 0; c < chains; c++)
        if (s->starts[c + 1] - s->starts[c] > 1)
            qsort_r(s->list + s->starts[c], s->starts[c + 1] - s->starts[c], sizeof(*s->list),
                    by_words, l);
    return 0;
}

/* An image that ends at `chain` and says the same; FLEET_NONE. */
static uint32_t said_at(const struct lineage_facts *l, uint32_t chain, uint32_t evidence)
{
    const struct lineage_sayings *s = &l->sayings;
    uint32_t low = s->starts[chain], high = s->starts[chain + 1];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = cmp_words(l, s->list[middle], evidence);

        if (order == 0)
            return l->f->evidence[s->list[middle]].image;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return FLEET_NONE;
}

uint32_t lineage_said_below(const struct lineage_facts *l, uint32_t evidence,
                            const struct lineage_judgement *j)
{
    const struct fleet_image *image = &l->f->images[l->f->evidence[evidence].image];

    for (uint32_t p = j->boundary; p + 1 < image->chain_count; p++) {
        uint32_t from =
            lineage_is_own_step(j, p + 1) ? FLEET_NONE : said_at(l, image->chains[p], evidence);

        if (from != FLEET_NONE)
            return from;
    }
    return FLEET_NONE;
}

bool lineage_is_nested(const struct lineage_facts *l, uint32_t evidence)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    const struct fleet_run *run = &l->f->images[e->image].evidence;

    for (uint32_t i = evidence + 1; i < run->first + run->count; i++)
        if (l->f->evidence[i].source == EVIDENCE_FROM && lineage_declares(&l->f->evidence[i]))
            return e->source == EVIDENCE_FROM;
    return false;
}
