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

/* The chain that the image of a declaration ends at; FLEET_NONE where nothing is inherited of it:
 * the row tells no base, or the image never had a name. */
static uint32_t ends_of(const struct lineage_facts *l, uint32_t evidence)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    const struct fleet_image *image = &l->f->images[e->image];

    if (l->only != NULL && !l->only->evidence[evidence])
        return FLEET_NONE;
    return lineage_declares(e) && l->is_called[e->image] && naming_has_line(image, l->known_at_s)
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

/* What the FROM comments tell of the image's own making. */
static void find_steps(const struct lineage_facts *l, const struct fleet_run *run,
                       struct lineage_judgement *out)
{
    int64_t base = FLEET_UNKNOWN;

    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct fleet_evidence *e = &l->f->evidence[i];

        if (e->source != EVIDENCE_FROM)
            continue;
        if (e->role == EVIDENCE_OF_BASE) {
            base = e->layers;
        } else if (e->role == EVIDENCE_OF_STEPS && base != FLEET_UNKNOWN) {
            out->steps_above = base;
            out->steps_to = e->layers;
        }
    }
}

static bool is_own_step(const struct lineage_judgement *j, uint32_t layers)
{
    return layers > j->steps_above && layers <= j->steps_to;
}

/* The lowest image of the line that says the same: it is the one who meant it. */
static uint32_t said_below(const struct lineage_facts *l, uint32_t evidence,
                           const struct lineage_judgement *j)
{
    const struct fleet_image *image = &l->f->images[l->f->evidence[evidence].image];

    for (uint32_t p = 0; p + 1 < image->chain_count; p++) {
        uint32_t from = is_own_step(j, p + 1) ? FLEET_NONE : said_at(l, image->chains[p], evidence);

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

/* Of a list by chain: at this one, and not the image itself; NULL: none. */
static const struct lineage_holder *holder_at(const struct lineage_holder *list, size_t count,
                                              uint32_t chain, uint32_t image)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list[middle].chain < chain)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < count && list[low].chain == chain && list[low].image == image)
        low++; /* its only one: the list is distinct */
    return low < count && list[low].chain == chain ? &list[low] : NULL;
}

/* The uppermost holder in the line, which ends at the boundary where one is given (else 0). */
static const struct lineage_holder *highest_of(const struct lineage_facts *l,
                                               const struct lineage_holder *list, size_t count,
                                               const struct fleet_evidence *e, uint32_t boundary,
                                               const struct lineage_judgement *j, uint32_t *layers)
{
    const struct fleet_image *image = &l->f->images[e->image];

    for (uint32_t p = count == 0 ? 0 : image->chain_count; p-- > 0;) {
        const struct lineage_holder *h;

        if ((boundary != 0 && p + 1 != boundary) || is_own_step(j, p + 1))
            continue;
        h = holder_at(list, count, image->chains[p], e->image);
        if (h == NULL)
            continue;
        *layers = p + 1;
        return h;
    }
    return NULL;
}

/* Among those whose word is firm. */
static const struct lineage_holder *fits(const struct lineage_facts *l, uint32_t key,
                                         const struct fleet_evidence *e, uint32_t boundary,
                                         const struct lineage_judgement *j, uint32_t *layers)
{
    const struct lineage_held *held = &l->known.of_key[key];

    return highest_of(l, l->known.holders + held->first, held->firm, e, boundary, j, layers);
}

/* Among those who are only so called by words that name nothing: they prove nothing, and are told.
 */
static void look_at_weak(const struct lineage_facts *l, uint32_t key,
                         const struct fleet_evidence *e, struct lineage_judgement *out)
{
    const struct lineage_held *held = &l->known.of_key[key];
    uint32_t layers;

    if (out->outcome != OUTCOME_UNVERIFIABLE || held->count == held->firm || out->weak != NULL)
        return;
    out->weak = highest_of(l, l->known.holders + held->first + held->firm, held->count - held->firm,
                           e, out->boundary, out, &layers);
    if (out->weak != NULL || held->firm == 0)
        out->reason = BECAUSE_UNSURE;
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
    out->proof = by_digest ? PROOF_DIGEST : PROOF_NAME;
    out->boundary = layers;
}

/* Whether a holder is the image in one of its own steps. */
static bool is_step(const struct lineage_facts *l, const struct lineage_holder *h, uint32_t image,
                    const struct lineage_judgement *j)
{
    const struct fleet_image *i = &l->f->images[image];
    uint32_t layers = h->chain == FLEET_NONE ? 0 : l->depth[h->chain];

    return layers > 0 && layers <= i->chain_count && i->chains[layers - 1] == h->chain &&
           is_own_step(j, layers);
}

/* By the digest: a holder of the image's platform who is no prefix speaks against it. */
static void judge_digest(const struct lineage_facts *l, uint32_t key,
                         const struct fleet_evidence *e, struct lineage_judgement *out)
{
    const struct lineage_held *held = &l->known.of_key[key];
    uint32_t layers;
    const struct lineage_holder *h = fits(l, key, e, out->boundary, out, &layers);

    if (h != NULL) {
        confirm(out, h, layers, true);
        return;
    }
    out->is_unknown = true;
    for (uint32_t i = 0; i < held->firm && i < HOLDERS_LOOKED_AT; i++) {
        h = &l->known.holders[held->first + i];
        if (is_step(l, h, e->image, out))
            continue;
        out->is_unknown = false;
        if (is_own_platform(l, h, e->image)) {
            conclude(out, OUTCOME_CONTRADICTED, BECAUSE_DIGEST_DIFFERS, h->chain);
            break;
        }
        out->reason = BECAUSE_OTHER_PLATFORM;
    }
    if (out->outcome == OUTCOME_CONTRADICTED && out->boundary != 0 &&
        fits(l, key, e, 0, out, &layers) != NULL)
        out->reason = BECAUSE_BOUNDARY_DIFFERS;
    look_at_weak(l, key, e, out);
}

/* Where an image's core build ends; FLEET_NONE. */
static uint32_t core_of(const struct lineage_facts *l, const struct lineage_holder *h)
{
    return h->image == FLEET_NONE ? h->chain : l->out->images[h->image].core;
}

/* By the name alone another version of it may have been meant, unless all that the name ever stood
 * for is of another family. With a digest that nobody knows another version was meant. */
static void judge_family(const struct lineage_facts *l, uint32_t key,
                         const struct fleet_evidence *e, struct lineage_judgement *out)
{
    const struct lineage_held *held = &l->known.of_key[key];
    uint32_t core = l->out->images[e->image].core;
    const char *own = core == FLEET_NONE ? NULL : l->family[core];

    if (held->firm == 0)
        return;
    out->reason = BECAUSE_OTHER_VERSION;
    if (own == NULL || out->is_unknown || held->firm > HOLDERS_LOOKED_AT)
        return;
    for (uint32_t i = 0; i < held->firm; i++) {
        const char *other;

        core = core_of(l, &l->known.holders[held->first + i]);
        other = core == FLEET_NONE ? NULL : l->family[core];
        if (other == NULL || strcmp(own, other) == 0)
            return;
    }
    conclude(out, OUTCOME_CONTRADICTED, BECAUSE_FAMILY_DIFFERS,
             l->known.holders[held->first].chain);
}

static void judge_name(const struct lineage_facts *l, uint32_t key, const struct fleet_evidence *e,
                       struct lineage_judgement *out)
{
    uint32_t layers;
    const struct lineage_holder *h = fits(l, key, e, out->boundary, out, &layers);

    if (h != NULL)
        confirm(out, h, layers, false);
    else
        judge_family(l, key, e, out);
    look_at_weak(l, key, e, out);
}

/* It names nothing, and says where the base ends: a named image ends just there, or none. */
static void judge_boundary(const struct lineage_facts *l, const struct fleet_evidence *e,
                           struct lineage_judgement *out)
{
    uint32_t chain;

    if (out->boundary == 0 || out->boundary >= l->f->images[e->image].chain_count)
        return;
    chain = l->f->images[e->image].chains[out->boundary - 1];
    if (!lineage_is_named(l, chain))
        return;
    conclude(out, OUTCOME_CONFIRMED, BECAUSE_BOUNDARY_FITS, chain);
    out->proof = PROOF_BOUNDARY;
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
    const struct fleet_evidence *e = &l->f->evidence[evidence];

    *out = (struct lineage_judgement){.outcome = OUTCOME_UNVERIFIABLE,
                                      .reason = BECAUSE_NOBODY_HOLDS_IT,
                                      .chain = FLEET_NONE,
                                      .from = FLEET_NONE};
    find_steps(l, &l->f->images[e->image].evidence, out);
    judge_words(l, evidence, out);
    if ((e->source == EVIDENCE_BUILDINFO || e->source == EVIDENCE_PROVENANCE) &&
        out->outcome == OUTCOME_CONTRADICTED)
        conclude(out, OUTCOME_UNVERIFIABLE, BECAUSE_ONE_OF_SEVERAL, FLEET_NONE);
    out->by_itself = out->outcome;
    out->from = said_below(l, evidence, out);
    out->is_nested = is_nested_from(l, evidence);
    if (out->from != FLEET_NONE || out->is_nested)
        out->outcome = OUTCOME_INHERITED;
}
