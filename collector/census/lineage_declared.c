#include <stdlib.h>

#include "collector/census/lineage_private.h"

#define HOLDERS_LOOKED_AT 64 /* of one name or digest, to contradict; more are left unsure */

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

/* The chain that the image of a declaration ends at; FLEET_NONE where the row tells no base. */
static uint32_t ends_of(const struct lineage_facts *l, uint32_t evidence)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    const struct fleet_image *image = &l->f->images[e->image];

    return lineage_declares(e) && naming_has_line(image, l->known_at_s) ? naming_top(image)
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

/* The lowest image of the line that says the same: it is the one who meant it. */
static uint32_t said_below(const struct lineage_facts *l, uint32_t evidence)
{
    const struct fleet_image *image = &l->f->images[l->f->evidence[evidence].image];

    for (uint32_t p = 0; p + 1 < image->chain_count; p++) {
        uint32_t from = said_at(l, image->chains[p], evidence);

        if (from != FLEET_NONE)
            return from;
    }
    return FLEET_NONE;
}

/* FROM comments nest: only the uppermost is the image's own. */
static bool is_nested_from(const struct lineage_facts *l, uint32_t evidence)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    const struct fleet_run *run = &l->f->images[e->image].evidence;

    for (uint32_t i = evidence + 1; i < run->first + run->count; i++)
        if (l->f->evidence[i].source == EVIDENCE_FROM && lineage_declares(&l->f->evidence[i]))
            return e->source == EVIDENCE_FROM;
    return false;
}

/* ---- who it fits ----------------------------------------------------------------------------- */

/* How many layers the row says that the base has; 0 it does not say. -1: the image has not that. */
static int boundary_of(const struct lineage_facts *l, const struct fleet_evidence *e,
                       uint32_t *boundary)
{
    static const struct digest none;
    const struct fleet_image *image = &l->f->images[e->image];

    *boundary = 0;
    if (!digest_eq(&e->top, &none)) {
        for (uint32_t p = image->chain_count; p-- > 0 && *boundary == 0;) {
            uint32_t layer = l->f->chains[image->chains[p]].layer;

            if (layer != FLEET_NONE && digest_eq(&l->f->layers[layer].diff, &e->top))
                *boundary = p + 1;
        }
        return *boundary != 0 ? 0 : -1;
    }
    if (e->layers == FLEET_UNKNOWN || e->layers == 0)
        return 0;
    if (e->layers < 0 || e->layers > (int64_t)image->chain_count)
        return -1;
    *boundary = (uint32_t)e->layers;
    return 0;
}

/* The first holder of a key at this chain that is not the image itself; a firm one where there is.
 * NULL: none. */
static const struct lineage_holder *holder_at(const struct lineage_facts *l, uint32_t key,
                                              uint32_t chain, uint32_t image)
{
    const struct fleet_run *run = &l->known.of_key[key];
    const struct lineage_holder *list, *found = NULL;
    size_t low = 0, high = run->count;

    if (run->count == 0)
        return NULL;
    list = l->known.holders + run->first;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list[middle].chain < chain)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < run->count && list[i].chain == chain; i++) {
        if (list[i].image == image && image != FLEET_NONE)
            continue;
        if (list[i].firm)
            return &list[i];
        if (found == NULL)
            found = &list[i];
    }
    return found;
}

/* The uppermost holder in the line, which ends at the boundary where one is given. */
static const struct lineage_holder *fits(const struct lineage_facts *l, uint32_t key,
                                         const struct fleet_evidence *e, uint32_t boundary,
                                         uint32_t *layers)
{
    const struct fleet_image *image = &l->f->images[e->image];

    for (uint32_t p = image->chain_count; p-- > 0;) {
        const struct lineage_holder *h;

        if (boundary != 0 && p + 1 != boundary)
            continue;
        h = holder_at(l, key, image->chains[p], e->image);
        if (h == NULL)
            continue;
        *layers = p + 1;
        return h;
    }
    return NULL;
}

static bool is_own_platform(const struct lineage_facts *l, const struct lineage_holder *h,
                            uint32_t image)
{
    if (h->image != FLEET_NONE)
        return naming_same_platform(&l->f->images[h->image], &l->f->images[image]);
    return naming_is_platform(&l->f->images[image], l->c->bases[h->entry].platform);
}

/* ---- the outcome ----------------------------------------------------------------------------- */

static void conclude(struct lineage_judgement *out, enum lineage_outcome outcome,
                     enum lineage_reason reason, uint32_t chain)
{
    out->outcome = outcome;
    out->reason = reason;
    out->chain = chain;
}

static void confirm(struct lineage_judgement *out, const struct lineage_holder *h, uint32_t layers,
                    bool by_digest)
{
    conclude(out, OUTCOME_CONFIRMED, by_digest ? BECAUSE_DIGEST_FITS : BECAUSE_NAME_FITS, h->chain);
    out->by_digest = by_digest && h->firm;
    out->boundary = layers;
}

/* By the digest: a holder of the image's platform who is no prefix speaks against it, if it is sure
 * that the digest is his. */
static void judge_digest(const struct lineage_facts *l, uint32_t key,
                         const struct fleet_evidence *e, struct lineage_judgement *out)
{
    const struct fleet_run *run = &l->known.of_key[key];
    uint32_t layers;
    const struct lineage_holder *h = fits(l, key, e, out->boundary, &layers);

    if (h != NULL) {
        confirm(out, h, layers, true);
        return;
    }
    for (uint32_t i = 0; i < run->count && i < HOLDERS_LOOKED_AT; i++) {
        h = &l->known.holders[run->first + i];
        if (!is_own_platform(l, h, e->image)) {
            out->reason = BECAUSE_OTHER_PLATFORM;
        } else if (!h->firm) {
            out->reason = BECAUSE_UNSURE;
        } else {
            conclude(out, OUTCOME_CONTRADICTED, BECAUSE_DIGEST_DIFFERS, h->chain);
            break;
        }
    }
    if (out->outcome == OUTCOME_CONTRADICTED && out->boundary != 0 &&
        fits(l, key, e, 0, &layers) != NULL)
        out->reason = BECAUSE_BOUNDARY_DIFFERS;
}

/* Where an image's core build ends; FLEET_NONE. */
static uint32_t core_of(const struct lineage_facts *l, const struct lineage_holder *h)
{
    return h->image == FLEET_NONE ? h->chain : l->out->images[h->image].core;
}

/* By the name alone another version of it may have been meant, unless all that the name ever stood
 * for is of another family. */
static void judge_family(const struct lineage_facts *l, uint32_t key,
                         const struct fleet_evidence *e, struct lineage_judgement *out)
{
    const struct fleet_run *run = &l->known.of_key[key];
    uint32_t core = l->out->images[e->image].core;
    const char *own = core == FLEET_NONE ? NULL : l->family[core];

    if (run->count == 0)
        return;
    out->reason = BECAUSE_OTHER_VERSION;
    if (own == NULL || run->count > HOLDERS_LOOKED_AT)
        return;
    for (uint32_t i = 0; i < run->count; i++) {
        const char *other;

        core = core_of(l, &l->known.holders[run->first + i]);
        other = core == FLEET_NONE ? NULL : l->family[core];
        if (other == NULL || strcmp(own, other) == 0)
            return;
    }
    conclude(out, OUTCOME_CONTRADICTED, BECAUSE_FAMILY_DIFFERS, l->known.holders[run->first].chain);
}

static void judge_name(const struct lineage_facts *l, uint32_t key, const struct fleet_evidence *e,
                       struct lineage_judgement *out)
{
    uint32_t layers;
    const struct lineage_holder *h = fits(l, key, e, out->boundary, &layers);

    if (h != NULL)
        confirm(out, h, layers, false);
    else
        judge_family(l, key, e, out);
}

/* It names nothing, and says where the base ends: a named image ends just there, or none. */
static void judge_boundary(const struct lineage_facts *l, const struct fleet_evidence *e,
                           struct lineage_judgement *out)
{
    uint32_t chain;

    if (out->boundary == 0 || out->boundary >= l->f->images[e->image].chain_count)
        return;
    chain = l->f->images[e->image].chains[out->boundary - 1];
    if (lineage_is_named(l, chain))
        conclude(out, OUTCOME_CONFIRMED, BECAUSE_BOUNDARY_FITS, chain);
}

static void judge_words(const struct lineage_facts *l, uint32_t evidence,
                        struct lineage_judgement *out)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    uint32_t name = l->known.name_of[evidence], digest = l->known.digest_of[evidence];

    if (boundary_of(l, e, &out->boundary) != 0) {
        conclude(out, OUTCOME_CONTRADICTED, BECAUSE_NO_SUCH_LAYER, FLEET_NONE);
        return;
    }
    if (digest != FLEET_NONE)
        judge_digest(l, digest, e, out);
    if (out->outcome == OUTCOME_UNVERIFIABLE && name != FLEET_NONE)
        judge_name(l, name, e, out);
    if (name == FLEET_NONE && digest == FLEET_NONE)
        judge_boundary(l, e, out);
}

void lineage_judge(const struct lineage_facts *l, uint32_t evidence, struct lineage_judgement *out)
{
    enum fleet_evidence_source source = l->f->evidence[evidence].source;

    *out = (struct lineage_judgement){.outcome = OUTCOME_UNVERIFIABLE,
                                      .reason = BECAUSE_NOBODY_HOLDS_IT,
                                      .chain = FLEET_NONE,
                                      .from = FLEET_NONE};
    judge_words(l, evidence, out);
    if ((source == EVIDENCE_BUILDINFO || source == EVIDENCE_PROVENANCE) &&
        out->outcome == OUTCOME_CONTRADICTED)
        conclude(out, OUTCOME_UNVERIFIABLE, BECAUSE_ONE_OF_SEVERAL, FLEET_NONE);
    out->by_itself = out->outcome;
    out->from = said_below(l, evidence);
    out->is_nested = is_nested_from(l, evidence);
    if (out->from != FLEET_NONE || out->is_nested)
        out->outcome = OUTCOME_INHERITED;
}
