#include "collector/census/lineage_private.h"
#include "common/imageref.h"

#define HOLDERS_LOOKED_AT 64 /* of one name or digest, to contradict; more are left unsure */

/* ---- steps of its own making ------------------------------------------------------------------
 */

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
    while (low < count && list[low].chain == chain && list[low].image == image)
        low++; /* few: one for each repository */
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

        if ((boundary != 0 && p + 1 != boundary) || lineage_is_own_step(j, p + 1))
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

    if (held->firm == 0)
        return NULL;
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
           lineage_is_own_step(j, layers);
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

/* ---- name and digest together ---------------------------------------------------------------- */

static bool is_of(const char *name, const char *repository)
{
    size_t len = strlen(repository);

    return strncmp(name, repository, len) == 0 && (name[len] == '\0' || name[len] == ':');
}

/* Whether somebody who has the digest has, or had, the declared name too. */
static bool is_one_image(const struct lineage_facts *l, uint32_t name, uint32_t digest,
                         uint32_t image)
{
    const struct lineage_held *by_name = &l->known.of_key[name];
    const struct lineage_held *by_digest = &l->known.of_key[digest];

    for (uint32_t i = 0; i < by_digest->firm && i < HOLDERS_LOOKED_AT; i++) {
        uint32_t chain = l->known.holders[by_digest->first + i].chain;

        if (holder_at(l->known.holders + by_name->first, by_name->firm, chain, image) != NULL)
            return true;
    }
    return false;
}

/* Whether the digest is one of the declared name's repository: then it says which version. */
static bool is_one_repository(const struct lineage_facts *l, uint32_t digest, const char *name)
{
    const struct lineage_held *held = &l->known.of_key[digest];
    struct imageref declared, other;

    if (imageref_parse(&declared, name, NULL) != 0)
        return false;
    for (uint32_t i = 0; i < held->firm && i < HOLDERS_LOOKED_AT; i++) {
        const struct lineage_holder *h = &l->known.holders[held->first + i];

        if (h->repository != FLEET_NONE && is_of(name, l->f->names[h->repository].normal))
            return true;
        if (h->entry != FLEET_NONE &&
            imageref_parse(&other, l->c->bases[h->entry].name, NULL) == 0 &&
            imageref_same_repository(&declared, &other))
            return true;
    }
    return false;
}

/* Whether the name goes before a digest that fits too: it ends above that, and where both are of
 * one repository it is more than a tag, which anybody who tags images can make. */
static bool goes_before(const struct lineage_facts *l, const struct lineage_holder *h,
                        uint32_t layers, const char *name, bool is_version,
                        const struct lineage_judgement *j)
{
    const struct naming_claim *claim = naming_claim_of(l->naming, h->chain, name);

    return layers > j->boundary && (!is_version || (claim != NULL && claim->strength > NAME_TAG));
}

/* The digest decided. Where the name is known too, and for another image, the layers decide among
 * both: the uppermost one that they begin with is meant. A child may say its own base's name, and
 * have the digest from its parent. A digest that does not fit is a lie all the same where it is a
 * version of what is named. `told`: the boundary that the row says. */
static void weigh_both(const struct lineage_facts *l, uint32_t name, uint32_t digest,
                       const struct fleet_evidence *e, uint32_t told, struct lineage_judgement *out)
{
    bool fits_digest = out->outcome == OUTCOME_CONFIRMED, is_version;
    const struct lineage_holder *h;
    uint32_t layers = 0, meant;

    if (l->known.of_key[name].firm == 0 || is_one_image(l, name, digest, e->image))
        return;
    is_version = is_one_repository(l, digest, e->reference);
    h = fits(l, name, e, told, out, &layers);
    if (h != NULL &&
        (fits_digest ? goes_before(l, h, layers, e->reference, is_version, out) : !is_version)) {
        meant = fits_digest ? out->chain : FLEET_NONE;
        confirm(out, h, layers, false);
        out->other = meant;
    } else if (fits_digest && !is_version) {
        out->other = h != NULL ? h->chain : FLEET_NONE;
    } else {
        return;
    }
    out->proof = PROOF_DISPUTED;
}

/* ---- one row --------------------------------------------------------------------------------- */

static void judge_words(const struct lineage_facts *l, uint32_t evidence,
                        struct lineage_judgement *out)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];
    uint32_t name = l->known.name_of[evidence], digest = l->known.digest_of[evidence], told;

    if (boundary_of(l, e, &out->boundary) != 0) {
        conclude(out, OUTCOME_CONTRADICTED, BECAUSE_NO_SUCH_LAYER, FLEET_NONE);
        return;
    }
    told = out->boundary;
    if (digest != FLEET_NONE)
        judge_digest(l, digest, e, out);
    if (name != FLEET_NONE && out->outcome == OUTCOME_UNVERIFIABLE)
        judge_name(l, name, e, out);
    else if (name != FLEET_NONE && digest != FLEET_NONE)
        weigh_both(l, name, digest, e, told, out);
    if (name == FLEET_NONE && digest == FLEET_NONE)
        judge_boundary(l, e, out);
}

static bool is_list(const struct fleet_evidence *e)
{
    return e->source == EVIDENCE_BUILDINFO || e->source == EVIDENCE_PROVENANCE;
}

/* Its own outcome, whoever said the same before. */
static void judge_alone(const struct lineage_facts *l, uint32_t evidence,
                        struct lineage_judgement *out)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];

    *out = (struct lineage_judgement){.outcome = OUTCOME_UNVERIFIABLE,
                                      .reason = BECAUSE_NOBODY_HOLDS_IT,
                                      .chain = FLEET_NONE,
                                      .other = FLEET_NONE,
                                      .from = FLEET_NONE};
    find_steps(l, &l->f->images[e->image].evidence, out);
    judge_words(l, evidence, out);
    if (is_list(e) && out->outcome == OUTCOME_CONTRADICTED)
        conclude(out, OUTCOME_UNVERIFIABLE, BECAUSE_ONE_OF_SEVERAL, FLEET_NONE);
    out->by_itself = out->outcome;
}

/* What BuildKit builds with, and lists among the sources: no image is ever built on these. */
static bool is_tool(const struct fleet_evidence *e)
{
    static const char *const tools[] = {"docker.io/docker/dockerfile",
                                        "docker.io/docker/dockerfile-upstream",
                                        "docker.io/docker/buildkit-syft-scanner"};

    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
        if (is_of(e->reference, tools[i]))
            return true;
    return false;
}

uint32_t lineage_open_lists(const struct lineage_facts *l, uint32_t image)
{
    const struct fleet_run *run = &l->f->images[image].evidence;
    uint32_t open_lists = 0;

    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct fleet_evidence *e = &l->f->evidence[i];
        struct lineage_judgement j;

        if (!is_list(e) || !lineage_declares(e) || is_tool(e))
            continue;
        judge_alone(l, i, &j);
        if (j.outcome == OUTCOME_UNVERIFIABLE && j.reason != BECAUSE_ONE_OF_SEVERAL)
            open_lists |= UINT32_C(1) << e->source;
    }
    return open_lists;
}

void lineage_judge(const struct lineage_facts *l, uint32_t evidence, uint32_t open_lists,
                   struct lineage_judgement *out)
{
    const struct fleet_evidence *e = &l->f->evidence[evidence];

    judge_alone(l, evidence, out);
    /* With all layers there is no room for another base. */
    out->is_one_of_several = out->outcome == OUTCOME_CONFIRMED &&
                             (open_lists >> e->source & 1) != 0 &&
                             out->boundary < l->f->images[e->image].chain_count;
    out->from = lineage_said_below(l, evidence, out);
    out->is_nested = lineage_is_nested(l, evidence);
    if (out->from != FLEET_NONE || out->is_nested)
        out->outcome = OUTCOME_INHERITED;
}
