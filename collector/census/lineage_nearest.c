#include "collector/census/lineage_private.h"

/* What the declarations of one image come to. */
struct declared {
    uint32_t layers; /* of the uppermost base that is confirmed and its own; 0 none */
    enum lineage_proof proof;
    uint32_t claimed; /* of the uppermost base that nobody holds and whose end is told; 0 none */
    bool has_core;    /* one that is confirmed is its core build */
    enum lineage_proof core_proof;
};

enum lineage_confidence lineage_weigh(enum lineage_method method, enum lineage_proof proof,
                                      enum name_strength strength)
{
    switch (method) {
    case LINEAGE_NONE:
        return CONFIDENCE_NONE;
    case LINEAGE_DECLARED:
        if (proof == PROOF_BOUNDARY || proof == PROOF_DISPUTED)
            return strength >= NAME_PULLED ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
        return proof == PROOF_DIGEST || strength == NAME_CATALOGUE ? CONFIDENCE_HIGH
                                                                   : CONFIDENCE_MEDIUM;
    case LINEAGE_CONTAINS:
    case LINEAGE_SELF:
        if (strength == NAME_CATALOGUE)
            return CONFIDENCE_HIGH;
        return strength >= NAME_PULLED ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
    case LINEAGE_BRANCH:
    case LINEAGE_CLAIMED:
    case LINEAGE_HISTORY:
    case LINEAGE_OS:
        break;
    }
    return CONFIDENCE_LOW;
}

static void count_one(uint16_t *count)
{
    if (*count < UINT16_MAX)
        ++*count;
}

static void take_confirmed(const struct lineage_facts *l, uint32_t i,
                           const struct lineage_judgement *j, struct declared *d)
{
    if (j->chain == l->out->images[i].core && l->out->images[i].kind == BASE_NAMED) {
        d->has_core = true;
        d->core_proof = j->proof > d->core_proof ? j->proof : d->core_proof;
    }
    if (j->outcome != OUTCOME_CONFIRMED || j->boundary <= l->genesis[i] || j->boundary < d->layers)
        return;
    if (j->boundary > d->layers || j->proof > d->proof)
        d->proof = j->proof;
    d->layers = j->boundary;
}

static void take_judgement(struct lineage_facts *l, uint32_t i, const struct lineage_judgement *j,
                           struct declared *d)
{
    struct lineage_image *out = &l->out->images[i];

    switch (j->outcome) {
    case OUTCOME_CONFIRMED:
        count_one(&out->confirmed);
        break;
    case OUTCOME_CONTRADICTED:
        count_one(&out->contradicted);
        break;
    case OUTCOME_UNVERIFIABLE:
        count_one(&out->unverifiable);
        if (j->boundary > d->claimed)
            d->claimed = j->boundary;
        break;
    case OUTCOME_INHERITED:
        count_one(&out->inherited);
        break;
    }
    if (lineage_proves(j))
        take_confirmed(l, i, j, d);
}

static void judge_all(struct lineage_facts *l, uint32_t i, struct declared *d)
{
    const struct fleet_run *run = &l->f->images[i].evidence;
    uint32_t open_lists = lineage_open_lists(l, i);

    for (uint32_t e = run->first; e < run->first + run->count; e++) {
        struct lineage_judgement judgement;

        if (!lineage_declares(&l->f->evidence[e]))
            continue;
        lineage_judge(l, e, open_lists, &judgement);
        take_judgement(l, i, &judgement, d);
    }
}

/* A step that usually ends an image, as the config's history tells. */
static bool is_history_step(const struct lineage_facts *l, uint32_t i, uint32_t layers)
{
    const struct fleet_run *run = &l->f->images[i].evidence;

    for (uint32_t e = run->first; e < run->first + run->count; e++)
        if (l->f->evidence[e].source == EVIDENCE_HISTORY &&
            l->f->evidence[e].layers == (int64_t)layers)
            return true;
    return false;
}

uint32_t lineage_floor(const struct lineage_facts *l, uint32_t image)
{
    const struct lineage_image *out = &l->out->images[image];

    return out->kind == BASE_NAMED ? l->depth[out->core] : l->genesis[image];
}

enum lineage_method lineage_unnamed_at(const struct lineage_facts *l, uint32_t image,
                                       uint32_t layers)
{
    const struct fleet_image *i = &l->f->images[image];

    if (layers <= lineage_floor(l, image) || layers >= i->chain_count)
        return LINEAGE_NONE;
    if (l->out->directions[i->chains[layers - 1]] > 1)
        return LINEAGE_BRANCH;
    return is_history_step(l, image, layers) ? LINEAGE_HISTORY : LINEAGE_NONE;
}

/* The highest unnamed boundary of one kind below the top and above `floor` layers; 0 none. */
static uint32_t highest(const struct lineage_facts *l, uint32_t i, uint32_t floor,
                        enum lineage_method method)
{
    for (uint32_t layers = l->f->images[i].chain_count; layers-- > floor + 1;)
        if (lineage_unnamed_at(l, i, layers) == method)
            return layers;
    return 0;
}

/* Without a name: where somebody said that the base ends; else where lines part; else where the
 * history looks like it; else the genesis layer. */
static uint32_t find_unnamed(const struct lineage_facts *l, uint32_t i, const struct declared *d,
                             enum lineage_method *method)
{
    const struct lineage_image *out = &l->out->images[i];
    uint32_t first = lineage_floor(l, i), layers;

    *method = LINEAGE_CLAIMED;
    if (d->claimed > first && d->claimed < l->f->images[i].chain_count)
        return d->claimed;
    *method = LINEAGE_BRANCH;
    if ((layers = highest(l, i, first, LINEAGE_BRANCH)) != 0)
        return layers;
    *method = LINEAGE_HISTORY;
    if ((layers = highest(l, i, first, LINEAGE_HISTORY)) != 0)
        return layers;
    *method = out->core_method;
    return out->kind == BASE_UNNAMED && first + 1 < l->f->images[i].chain_count ? first + 1 : 0;
}

/* Not below the core build: what is named there had to give way to it. */
static uint32_t find_named(const struct lineage_facts *l, uint32_t i)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t lowest = lineage_floor(l, i);

    for (uint32_t p = image->chain_count - 1; p-- > l->genesis[i] && p + 1 >= lowest;)
        if (lineage_is_named(l, image->chains[p]) && l->is_grounded[image->chains[p]])
            return p + 1;
    return 0;
}

/* The named images that end at a chain, without the image itself. */
static uint16_t count_ties(const struct lineage_facts *l, uint32_t i)
{
    uint32_t chain = l->out->images[i].nearest, count;

    if (chain == FLEET_NONE)
        return 0;
    count = l->named_endings[chain];
    if (chain == naming_top(&l->f->images[i]) && l->is_named[i])
        count--;
    if (count > UINT16_MAX)
        return UINT16_MAX;
    return count > 1 ? (uint16_t)count : 1;
}

/* Where an unnamed base may lie above a nearest base that is only contained. */
static uint32_t find_above(const struct lineage_facts *l, uint32_t i, const struct declared *d)
{
    const struct lineage_image *out = &l->out->images[i];
    const struct fleet_image *image = &l->f->images[i];
    uint32_t layers;

    if (out->method != LINEAGE_CONTAINS)
        return FLEET_NONE;
    if (d->claimed > out->nearest_layers && d->claimed < image->chain_count)
        return image->chains[d->claimed - 1];
    layers = highest(l, i, out->nearest_layers, LINEAGE_BRANCH);
    return layers == 0 ? FLEET_NONE : image->chains[layers - 1];
}

static void find_nearest(struct lineage_facts *l, uint32_t i, const struct declared *d)
{
    struct lineage_image *out = &l->out->images[i];

    out->method = LINEAGE_DECLARED;
    out->nearest_layers = d->layers;
    if (out->nearest_layers == 0) {
        out->method = LINEAGE_CONTAINS;
        out->nearest_layers = find_named(l, i);
    }
    if (out->nearest_layers == 0)
        out->nearest_layers = find_unnamed(l, i, d, &out->method);
    if (out->nearest_layers == 0) {
        out->method = LINEAGE_NONE;
        return;
    }
    out->nearest = l->f->images[i].chains[out->nearest_layers - 1];
    out->nearest_named = lineage_is_named(l, out->nearest);
    out->confidence = lineage_weigh(out->method, d->proof, l->naming->strength[out->nearest]);
    out->above = find_above(l, i, d);
}

static void weigh_core(struct lineage_facts *l, uint32_t i, const struct declared *d)
{
    struct lineage_image *out = &l->out->images[i];

    if (out->kind == BASE_SCRATCH)
        return;
    if (d->has_core)
        out->core_method = LINEAGE_DECLARED;
    out->core_confidence =
        lineage_weigh(out->core_method, d->core_proof, l->naming->strength[out->core]);
    if (out->is_step)
        out->core_confidence = CONFIDENCE_LOW;
}

void lineage_find_bases(struct lineage_facts *l)
{
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        struct declared d = {0};

        if (!l->out->images[i].known)
            continue;
        judge_all(l, i, &d);
        weigh_core(l, i, &d);
        if (l->genesis[i] == l->f->images[i].chain_count)
            continue;
        find_nearest(l, i, &d);
        l->out->images[i].ties = count_ties(l, i);
    }
}
