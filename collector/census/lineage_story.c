#include <stdio.h>

#include "collector/census/lineage_private.h"
#include "common/imageref.h"

/* ---- names that are declared ----------------------------------------------------------------- */

/* By this name, or NULL: one that does not name the chain is none. */
static const struct naming_claim *names_it(const struct lineage_facts *l, uint32_t chain,
                                           const char *name)
{
    const struct naming_claim *claim = naming_claim_of(l->naming, chain, name);

    return claim != NULL && !claim->displaced && claim->strength >= NAME_TAG ? claim : NULL;
}

/* The claim on a chain that a declaration's words give: its name, else what it is called by the
 * digest alone. */
static const struct naming_claim *claim_of(const struct lineage_facts *l, uint32_t chain,
                                           const struct fleet_evidence *e)
{
    char name[IMAGEREF_MAX + DIGEST_TEXT + 1], repository[IMAGEREF_MAX + 1], digest[DIGEST_TEXT];
    const struct naming_claim *claim = names_it(l, chain, e->reference);
    struct imageref ref;

    if (claim != NULL || imageref_parse(&ref, e->reference, NULL) != 0 ||
        imageref_repository(e->reference, repository) != 0)
        return claim;
    if (!digest_is_zero(&e->digest)) {
        snprintf(name, sizeof(name), "%s@%s", repository, digest_text(&e->digest, digest));
        claim = names_it(l, chain, name);
    } else if (ref.tag[0] == '\0') {
        snprintf(name, sizeof(name), "%s:latest", repository);
        claim = names_it(l, chain, name);
    }
    return claim;
}

const struct naming_claim *lineage_declared_name(const struct lineage_facts *l, uint32_t image)
{
    const struct lineage_image *out = &l->out->images[image];
    const struct fleet_run *run = &l->f->images[image].evidence;
    const uint32_t open_lists = lineage_open_lists(l, image);
    const struct naming_claim *found = NULL;
    enum lineage_proof proof = PROOF_NONE;

    if (out->method != LINEAGE_DECLARED || !out->nearest_named)
        return NULL;
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct naming_claim *claim;
        struct lineage_judgement j;

        if (!lineage_declares(&l->f->evidence[i]))
            continue;
        lineage_judge(l, i, open_lists, &j);
        if (j.outcome != OUTCOME_CONFIRMED || j.chain != out->nearest || j.proof <= proof)
            continue;
        claim = claim_of(l, out->nearest, &l->f->evidence[i]);
        if (claim == NULL)
            continue;
        found = claim;
        proof = j.proof;
    }
    return found;
}

/* The facts, as they are with what the caller holds. */
static struct lineage_facts facts_of(const struct lineage *l, const struct fleet *f,
                                     const struct catalogue *c)
{
    struct lineage_facts facts = *l->facts;

    facts.f = f;
    facts.c = c;
    return facts;
}

const struct naming_claim *lineage_nearest_title(const struct lineage *l, const struct fleet *f,
                                                 const struct catalogue *c, uint32_t image)
{
    uint32_t nearest = l->images[image].nearest;
    const struct naming_claim *declared;
    struct lineage_facts facts;

    if (nearest == FLEET_NONE)
        return NULL;
    if (l->naming->of_chain[nearest].count < 2)
        return naming_title(l->naming, nearest);
    facts = facts_of(l, f, c);
    declared = lineage_declared_name(&facts, image);
    return declared != NULL ? declared : naming_title(l->naming, nearest);
}

bool lineage_is_inherited(const struct lineage *l, const struct fleet *f, const struct catalogue *c,
                          uint32_t image, enum fleet_evidence_source source)
{
    const struct fleet_run *run = &f->images[image].evidence;
    const struct lineage_facts facts = facts_of(l, f, c);
    uint32_t open_lists;
    bool inherits = false;

    if (!l->images[image].known)
        return false;
    open_lists = lineage_open_lists(&facts, image);
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        struct lineage_judgement j;

        if (f->evidence[i].source != source || !lineage_declares(&f->evidence[i]))
            continue;
        lineage_judge(&facts, i, open_lists, &j);
        if (j.outcome != OUTCOME_INHERITED)
            return false;
        inherits = true;
    }
    return inherits;
}

/* Lists of sources name other stages' too, and a layer's content manifest that layer's image. */
static bool is_of_one_base(const struct fleet_evidence *e)
{
    return lineage_declares(e) && e->source != EVIDENCE_BUILDINFO &&
           e->source != EVIDENCE_PROVENANCE && e->source != EVIDENCE_CONTENT_MANIFEST &&
           (e->reference[0] != '\0' || !digest_is_zero(&e->digest));
}

uint32_t lineage_unproven(const struct lineage_facts *l, uint32_t image)
{
    const struct fleet_run *run = &l->f->images[image].evidence;
    const uint32_t open_lists = lineage_open_lists(l, image);
    uint32_t found = FLEET_NONE;

    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        struct lineage_judgement j;

        if (!lineage_declares(&l->f->evidence[i]))
            continue;
        lineage_judge(l, i, open_lists, &j);
        if (lineage_proves(&j))
            return FLEET_NONE;
        if (found == FLEET_NONE && j.outcome != OUTCOME_INHERITED &&
            is_of_one_base(&l->f->evidence[i]))
            found = i;
    }
    return found;
}

bool lineage_declares_another(const struct lineage *l, const struct fleet *f,
                              const struct catalogue *c, uint32_t chain)
{
    const struct lineage_facts facts = facts_of(l, f, c);
    bool declares = false;

    for (uint32_t i = l->first_ending[chain]; i != FLEET_NONE; i = l->next_ending[i]) {
        if (!facts.is_named[i])
            continue;
        if (lineage_unproven(&facts, i) == FLEET_NONE)
            return false;
        declares = true;
    }
    return declares;
}

/* ---- declarations ---------------------------------------------------------------------------- */

/* `judgements`: parallel to the story's declarations. */
static int tell_declarations(const struct lineage_teller *t, struct lineage_story *out,
                             struct lineage_judgement *judgements, struct err *err)
{
    const struct fleet_run *run = &t->l->f->images[t->image].evidence;
    uint32_t open_lists = lineage_open_lists(t->l, t->image);

    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct fleet_evidence *e = &t->l->f->evidence[i];
        struct lineage_judgement *j = &judgements[out->declaration_count];
        const char *why;

        if (!lineage_declares(e))
            continue;
        lineage_judge(t->l, i, open_lists, j);
        why = lineage_why(t, j, err);
        if (why == NULL)
            return -1;
        out->declarations[out->declaration_count++] =
            (struct lineage_declaration){.evidence = e,
                                         .outcome = j->outcome,
                                         .by_itself = j->by_itself,
                                         .is_disputed = j->proof == PROOF_DISPUTED,
                                         .is_one_of_several = j->is_one_of_several,
                                         .chain = j->chain,
                                         .from = j->from,
                                         .why = why};
    }
    return 0;
}

/* ---- boundaries ------------------------------------------------------------------------------ */

/* Whether a declaration has its base end after so many layers, by its own outcome. */
static bool is_declared(const struct lineage_story *story,
                        const struct lineage_judgement *judgements, uint32_t layers,
                        enum lineage_outcome outcome, enum lineage_proof *proof)
{
    bool found = false;

    for (size_t i = 0; i < story->declaration_count; i++) {
        const struct lineage_judgement *j = &judgements[i];

        if (j->by_itself != outcome || j->is_one_of_several || j->boundary != layers)
            continue;
        found = true;
        *proof = j->proof > *proof ? j->proof : *proof;
    }
    return found;
}

/* How the end of the lowest `layers` layers is known as a boundary. */
static enum lineage_method method_at(const struct lineage_teller *t,
                                     const struct lineage_story *story,
                                     const struct lineage_judgement *judgements,
                                     struct lineage_boundary *b)
{
    const struct lineage_facts *l = t->l;
    const struct lineage_image *image = &l->out->images[t->image];
    bool is_top = b->layers == l->f->images[t->image].chain_count;
    enum lineage_proof proof = PROOF_NONE;
    enum lineage_method method = LINEAGE_NONE;

    if (b->is_nearest)
        method = image->method;
    else if (is_declared(story, judgements, b->layers, OUTCOME_CONFIRMED, &proof))
        method = LINEAGE_DECLARED;
    else if (b->is_core)
        method = image->core_method;
    else if (b->named && !is_top)
        method = LINEAGE_CONTAINS;
    else if (is_declared(story, judgements, b->layers, OUTCOME_UNVERIFIABLE, &proof))
        method = LINEAGE_CLAIMED;
    else
        method = lineage_unnamed_at(l, t->image, b->layers);
    b->confidence = b->is_nearest ? image->confidence : lineage_weigh(method, proof, b->strength);
    if (b->is_core && !b->is_nearest)
        b->confidence = image->core_confidence;
    return method;
}

static void tell_boundaries(const struct lineage_teller *t, struct lineage_story *out,
                            const struct lineage_judgement *judgements)
{
    const struct lineage_facts *l = t->l;
    const struct fleet_image *image = &l->f->images[t->image];
    const struct lineage_image *found = &l->out->images[t->image];

    for (uint32_t p = l->genesis[t->image]; p < image->chain_count; p++) {
        uint32_t chain = image->chains[p];
        struct lineage_boundary b = {.chain = chain,
                                     .layers = p + 1,
                                     .named = lineage_is_named(l, chain) && l->is_grounded[chain],
                                     .is_core = chain == found->core,
                                     .is_nearest = chain == found->nearest,
                                     .strength = l->naming->strength[chain]};

        b.method = method_at(t, out, judgements, &b);
        if (b.method != LINEAGE_NONE)
            out->boundaries[out->boundary_count++] = b;
    }
}

int lineage_explain(struct lineage_story *out, const struct lineage *l, const struct fleet *f,
                    const struct catalogue *c, uint32_t image, struct arena *arena, struct err *err)
{
    size_t declarations = f->images[image].evidence.count;
    struct lineage_judgement *judgements =
        arena_array(arena, declarations, sizeof(*judgements), err);
    struct lineage_facts *facts = arena_alloc(arena, sizeof(*facts), err);
    struct lineage_teller t = {.l = facts, .image = image, .arena = arena};

    if (judgements == NULL || facts == NULL)
        return -1;
    *facts = facts_of(l, f, c);
    *out = (struct lineage_story){0};
    out->boundaries =
        arena_array(arena, f->images[image].chain_count, sizeof(*out->boundaries), err);
    out->declarations = arena_array(arena, declarations, sizeof(*out->declarations), err);
    if (out->boundaries == NULL || out->declarations == NULL)
        return -1;
    if (l->images[image].known) {
        if (tell_declarations(&t, out, judgements, err) != 0)
            return -1;
        tell_boundaries(&t, out, judgements);
    }
    return lineage_tell_against(&t, out, err);
}
