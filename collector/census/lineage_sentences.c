#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "collector/census/lineage_private.h"
#include "common/imageref.h"

#define SHORT_HEX 12     /* digits of a digest within a sentence */
#define CLAIMS_TOLD 8    /* names of one chain that do not count */
#define AGAINST_ROOM 128 /* sentences: more than the rules below can make of one line's ends */

/* ---- words ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static const char *say(const struct lineage_teller *t,
                                                             struct err *err, const char *fmt, ...)
{
    char text[LINEAGE_SENTENCE_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return arena_text(t->arena, text, strlen(text), err);
}

/* "lowest layer" that "is", "lowest 2 layers" that "are". */
struct lowest {
    char layers[32];
    const char *are;
};

static struct lowest lowest(uint32_t layers)
{
    struct lowest l = {"lowest layer", "is"};

    if (layers != 1) {
        snprintf(l.layers, sizeof(l.layers), "lowest %" PRIu32 " layers", layers);
        l.are = "are";
    }
    return l;
}

/* "debian:12", or "the image without a name that ends at chain 0123456789ab". */
static const char *chain_words(const struct lineage_teller *t, uint32_t chain, struct err *err)
{
    const struct naming_claim *title = naming_title(t->l->naming, chain);
    char hex[DIGEST_HEX + 1];

    if (title != NULL)
        return naming_text(title, t->arena, err);
    return say(t, err, "an image without a name (chain %.*s)", SHORT_HEX,
               digest_hex(&t->l->f->chains[chain].digest, hex));
}

/* By a name of its own, where it has one that counts: its chain's may be another image's. */
static const char *image_words(const struct lineage_teller *t, uint32_t image, struct err *err)
{
    const struct naming *n = t->l->naming;
    const struct fleet_run *run = &n->of_chain[naming_top(&t->l->f->images[image])];
    char hex[DIGEST_HEX + 1];

    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct naming_claim *claim = &n->claims[i];

        if (claim->image == image && !claim->displaced && claim->strength >= NAME_TAG)
            return naming_text(claim, t->arena, err);
    }
    return say(t, err, "image %.*s", SHORT_HEX, digest_hex(&t->l->f->images[image].digest, hex));
}

/* "python:3@sha256:0123456789ab", as the row says it. */
static const char *declared_words(const struct lineage_teller *t, const struct fleet_evidence *e,
                                  struct err *err)
{
    static const struct digest none;
    char familiar[IMAGEREF_MAX + 1], hex[DIGEST_HEX + 1];
    struct imageref ref;

    if (imageref_parse(&ref, e->reference, NULL) == 0)
        imageref_familiar(&ref, familiar);
    else
        snprintf(familiar, sizeof(familiar), "%s", e->reference);
    if (digest_eq(&e->digest, &none))
        return say(t, err, "%s", familiar[0] != '\0' ? familiar : "a base without a name");
    return say(t, err, "%s@sha256:%.*s", familiar, SHORT_HEX, digest_hex(&e->digest, hex));
}

/* Who declares. */
static const char *source_words(enum fleet_evidence_source source)
{
    static const char *const words[] = {
        [EVIDENCE_ANNOTATION] = "An annotation of its manifest",
        [EVIDENCE_LABEL] = "A label",
        [EVIDENCE_FROM] = "A FROM comment in its history",
        [EVIDENCE_S2I] = "Its source-to-image label",
        [EVIDENCE_BUILDPACKS] = "Its buildpacks label",
        [EVIDENCE_BUILDINFO] = "The build info in its config",
        [EVIDENCE_PROVENANCE] = "A provenance attestation",
        [EVIDENCE_CONTENT_MANIFEST] = "A content manifest in its layers",
        [EVIDENCE_HISTORY] = "Its history",
    };

    return words[source];
}

static const char *store_words(const struct lineage_teller *t, uint32_t store)
{
    const struct fleet *f = t->l->f;

    return store == FLEET_NONE ? "a host" : f->hosts[f->stores[store].host].name;
}

static const char *host_words(const struct lineage_teller *t, const struct naming_claim *claim)
{
    return store_words(t, claim->store);
}

/* ---- why a declaration has its outcome ------------------------------------------------------- */

static const char *family_words(const struct lineage_teller *t, uint32_t core)
{
    const char *family = core == FLEET_NONE ? NULL : t->l->family[core];

    return family != NULL ? family : "unknown";
}

/* The family of whatever image ends at `chain`. */
static const char *family_at(const struct lineage_teller *t, uint32_t chain)
{
    uint32_t i = chain == FLEET_NONE ? FLEET_NONE : t->l->out->first_ending[chain];

    return family_words(t, i == FLEET_NONE ? chain : t->l->out->images[i].core);
}

/* What weakens a confirmed one: goes on behind its sentence's last word. */
static const char *why_weak(const struct lineage_teller *t, const struct lineage_judgement *j,
                            struct err *err)
{
    const char *word = j->reason == BECAUSE_DIGEST_FITS ? "name" : "digest", *other;

    if (j->is_one_of_several)
        return "; nobody can verify another source of the same list, so it may be another stage's "
               "base";
    if (j->is_unknown)
        return "; nobody knows a base by the digest that is given with it";
    if (j->proof != PROOF_DISPUTED)
        return "";
    if (j->other == FLEET_NONE)
        return say(t, err, "; the %s that is given with it is known for other layers only", word);
    other = chain_words(t, j->other, err);
    return other == NULL ? NULL
                         : say(t, err, "; the %s that is given with it is that of %s", word, other);
}

static const char *why_confirmed(const struct lineage_teller *t, const struct lineage_judgement *j,
                                 struct err *err)
{
    const char *words = chain_words(t, j->chain, err), *weak = why_weak(t, j, err);
    struct lowest low = lowest(j->boundary);

    if (words == NULL || weak == NULL)
        return NULL;
    if (j->reason == BECAUSE_BOUNDARY_FITS)
        return say(t, err, "It says that the %s %s the base's, and %s ends there.", low.layers,
                   low.are, words);
    if (j->reason == BECAUSE_NAME_FITS)
        return say(t, err, "An image that has or had this name is the %s of this one%s.",
                   low.layers, weak);
    return say(t, err, "The image with this digest is the %s of this one%s.", low.layers, weak);
}

static const char *why_differs(const struct lineage_teller *t, const struct lineage_judgement *j,
                               struct err *err)
{
    const struct fleet_image *image = &t->l->f->images[t->image];
    bool is_single = image->chain_count == t->l->genesis[t->image] + 1;
    const char *words = j->chain == FLEET_NONE ? "" : chain_words(t, j->chain, err);

    if (words == NULL)
        return NULL;
    return say(t, err, "The image with this digest is known%s%s, and its layers are not here.%s",
               words[0] != '\0' ? " as " : "", words,
               is_single ? " This image has a single layer and may have been squashed." : "");
}

static const char *why_nobody(const struct lineage_teller *t, const struct lineage_judgement *j,
                              struct err *err)
{
    struct lowest low = lowest(j->boundary);

    if (t->l->only != NULL)
        return "Nobody whose word counts holds what it names: no trusted store, and no entry of "
               "the "
               "catalogue.";
    if (j->boundary == 0)
        return "Nobody holds what it names: no host, and no entry of the catalogue.";
    return say(t, err, "Nobody holds what it names; by its word the %s %s the base's.", low.layers,
               low.are);
}

static const char *why_unsure(const struct lineage_teller *t, const struct lineage_judgement *j,
                              struct err *err)
{
    const struct lineage_holder *weak = j->weak;
    struct lowest low;

    if (weak == NULL)
        return "Only a store that its own user can write knows what it names, for other layers.";
    low = lowest(t->l->depth[weak->chain]);
    return say(t, err, "Only %s calls the %s so, and that names nothing for others: %s.",
               store_words(t, weak->store), low.layers,
               weak->word == WORD_DISPLACED ? "a stronger word gives that name to other layers"
                                            : "its own user can write that store");
}

static const char *why_itself(const struct lineage_teller *t, const struct lineage_judgement *j,
                              struct err *err)
{
    switch (j->reason) {
    case BECAUSE_DIGEST_FITS:
    case BECAUSE_NAME_FITS:
    case BECAUSE_BOUNDARY_FITS:
        return why_confirmed(t, j, err);
    case BECAUSE_DIGEST_DIFFERS:
        return why_differs(t, j, err);
    case BECAUSE_BOUNDARY_DIFFERS:
        return say(t, err,
                   "The image with this digest does not end after the %s, where the base is said "
                   "to.",
                   lowest(j->boundary).layers);
    case BECAUSE_NO_SUCH_LAYER:
        return "It says where the base ends, and the image has no such layer.";
    case BECAUSE_FAMILY_DIFFERS:
        return say(t, err, "All that ever had this name is of another family: %s there, %s here.",
                   family_at(t, j->chain), family_words(t, t->l->out->images[t->image].core));
    case BECAUSE_NOBODY_HOLDS_IT:
        return why_nobody(t, j, err);
    case BECAUSE_OTHER_VERSION:
        return j->is_unknown
                   ? "The name is known for other layers only, and nobody knows the digest that is "
                     "given with it."
                   : "The name is known for other layers only; another version may have been "
                     "meant.";
    case BECAUSE_OTHER_PLATFORM:
        return "The digest is known for another platform only.";
    case BECAUSE_UNSURE:
        return why_unsure(t, j, err);
    case BECAUSE_ONE_OF_SEVERAL:
        return "It lists all sources of the build; this one may be another stage's.";
    }
    return "";
}

const char *lineage_why(const struct lineage_teller *t, const struct lineage_judgement *j,
                        struct err *err)
{
    const char *itself = why_itself(t, j, err), *from;

    if (itself == NULL || j->outcome != OUTCOME_INHERITED)
        return itself;
    if (j->from == FLEET_NONE)
        return say(t, err,
                   "A FROM comment above it is the image's own, so this one is of an image below. "
                   "%s",
                   itself);
    from = image_words(t, j->from, err);
    return from == NULL ? NULL : say(t, err, "Inherited: %s says the same. %s", from, itself);
}

/* ---- what speaks against the answer ---------------------------------------------------------- */

static int add(struct lineage_story *story, const char *sentence)
{
    if (sentence == NULL)
        return -1;
    if (story->against_count < AGAINST_ROOM)
        story->against[story->against_count++] = sentence;
    return 0;
}

static int tell_contradicted(const struct lineage_teller *t, struct lineage_story *story,
                             struct err *err)
{
    for (size_t i = 0; i < story->declaration_count; i++) {
        const struct lineage_declaration *d = &story->declarations[i];
        const char *declared;

        if (d->outcome != OUTCOME_CONTRADICTED)
            continue;
        declared = declared_words(t, d->evidence, err);
        if (declared == NULL ||
            add(story, say(t, err, "%s names %s as its base; the layers contradict it. %s",
                           source_words(d->evidence->source), declared, d->why)) != 0)
            return -1;
    }
    return 0;
}

/* Declared by name and digest that do not go together. */
static int tell_disputed(const struct lineage_teller *t, struct lineage_story *story,
                         struct err *err)
{
    for (size_t i = 0; i < story->declaration_count; i++) {
        const struct lineage_declaration *d = &story->declarations[i];
        const char *declared;

        if (d->outcome != OUTCOME_CONFIRMED || !d->is_disputed)
            continue;
        declared = declared_words(t, d->evidence, err);
        if (declared == NULL ||
            add(story, say(t, err,
                           "%s names %s as its base; its name and its digest mean different "
                           "images. %s",
                           source_words(d->evidence->source), declared, d->why)) != 0)
            return -1;
    }
    return 0;
}

/* Its layers alone tell the base; or a list too, of which another source may be it. */
static int tell_contained(const struct lineage_teller *t, struct lineage_story *story,
                          const char *base, struct err *err)
{
    uint32_t nearest = t->l->out->images[t->image].nearest;

    for (size_t i = 0; i < story->declaration_count; i++) {
        const struct lineage_declaration *d = &story->declarations[i];

        if (d->is_one_of_several && d->chain == nearest)
            return add(story, say(t, err,
                                  "Its layers begin with those of %s. %s lists it among all "
                                  "sources of the build, and nobody can verify another one: it may "
                                  "be another stage's base.",
                                  base, source_words(d->evidence->source)));
    }
    return add(story, say(t, err,
                          "Its layers begin with those of %s; nothing else says that it was built "
                          "from it.",
                          base));
}

static int tell_nearest(const struct lineage_teller *t, struct lineage_story *story,
                        struct err *err)
{
    const struct lineage_image *image = &t->l->out->images[t->image];
    const char *words;

    if (image->nearest == FLEET_NONE)
        return 0;
    words = chain_words(t, image->nearest, err);
    if (words == NULL)
        return -1;
    if (image->method == LINEAGE_CONTAINS && tell_contained(t, story, words, err) != 0)
        return -1;
    if (image->ties > 1 && lineage_declared_name(t->l, t->image) == NULL &&
        add(story, say(t, err,
                       "%d named images have just these layers; which of them was meant cannot be "
                       "told from layers.",
                       image->ties)) != 0)
        return -1;
    if (!image->nearest_named && image->method != LINEAGE_DECLARED)
        return add(story,
                   say(t, err,
                       "No image that is known by a name ends after the %s; that a base "
                       "ends there is inferred (%s).",
                       lowest(image->nearest_layers).layers, lineage_method_name(image->method)));
    return 0;
}

static int tell_above(const struct lineage_teller *t, struct lineage_story *story, struct err *err)
{
    const struct lineage_image *image = &t->l->out->images[t->image];

    if (image->above == FLEET_NONE)
        return 0;
    return add(story,
               say(t, err, "A base without a name may lie above the nearest one, after the %s: %s.",
                   lowest(t->l->depth[image->above]).layers,
                   t->l->out->directions[image->above] > 1
                       ? "lines of several images part there"
                       : "a declaration that nobody can verify ends there"));
}

/* A boundary that is named by a tag alone, and either is the core build or had to give way. */
static int tell_tags(const struct lineage_teller *t, struct lineage_story *story, struct err *err)
{
    uint32_t core = t->l->out->images[t->image].core;

    for (size_t i = 0; i < story->boundary_count; i++) {
        const struct lineage_boundary *b = &story->boundaries[i];
        const struct naming_claim *title = naming_title(t->l->naming, b->chain);
        const char *words;

        if (!b->named || title == NULL || title->strength != NAME_TAG)
            continue;
        words = chain_words(t, b->chain, err);
        if (words == NULL ||
            add(story, say(t, err,
                           "The name %s is only a tag on %s: whoever may tag images there can make "
                           "it%s.",
                           words, host_words(t, title),
                           core != FLEET_NONE && t->l->depth[core] > b->layers
                               ? ", so a boundary above it with a stronger name is the core build"
                               : "")) != 0)
            return -1;
    }
    return 0;
}

static const char *claim_words(const struct lineage_teller *t, const struct naming_claim *claim,
                               uint32_t layers, struct err *err)
{
    const char *name = naming_text(claim, t->arena, err);
    struct lowest low = lowest(layers);

    if (name == NULL)
        return NULL;
    return say(t, err, "Its %s %s seen as %s on %s, %s", low.layers, low.are, name,
               host_words(t, claim),
               claim->displaced
                   ? "which does not count: a stronger word gives that name to other layers."
                   : "in a store that its own user can write: that names it for nobody else.");
}

/* Names along the line that do not count. */
static int tell_seen(const struct lineage_teller *t, struct lineage_story *story, struct err *err)
{
    const struct fleet_image *image = &t->l->f->images[t->image];
    const struct naming *n = t->l->naming;

    for (uint32_t p = t->l->genesis[t->image]; p < image->chain_count; p++) {
        const struct fleet_run *run = &n->of_chain[image->chains[p]];
        int told = 0;

        for (uint32_t i = run->first; i < run->first + run->count && told < CLAIMS_TOLD; i++) {
            const struct naming_claim *claim = &n->claims[i];

            if (!claim->displaced && claim->strength != NAME_SEEN)
                continue;
            if (add(story, claim_words(t, claim, p + 1, err)) != 0)
                return -1;
            told++;
        }
    }
    return 0;
}

/* Repo digests along the line that the documents disprove. */
static int tell_refuted(const struct lineage_teller *t, struct lineage_story *story,
                        struct err *err)
{
    const struct fleet *f = t->l->f;
    const struct fleet_image *image = &f->images[t->image];

    for (uint32_t p = t->l->genesis[t->image]; p < image->chain_count; p++) {
        uint32_t index = t->l->refuted[image->chains[p]];
        const struct fleet_said_digest *d;
        const struct fleet_said *said;
        struct lowest low = lowest(p + 1);

        if (index == FLEET_NONE)
            continue;
        said = &f->said[index];
        for (d = &f->said_digests[said->digests.first]; !d->disproved;)
            d++;
        if (add(story, say(t, err,
                           "Its %s %s listed on %s with a repo digest of %s, which does not count: "
                           "the manifest with that digest is of another image.",
                           low.layers, low.are, store_words(t, said->root.store),
                           f->names[d->repository].normal)) != 0)
            return -1;
    }
    return 0;
}

static int tell_core(const struct lineage_teller *t, struct lineage_story *story)
{
    const struct lineage_image *image = &t->l->out->images[t->image];

    if (!image->known)
        return add(story, "No host has its config, so its layers are not known.");
    if (image->kind == BASE_SCRATCH)
        return add(story, "No operating system was found in its first layer, and no other image "
                          "begins with it.");
    if (image->kind == BASE_UNNAMED)
        return add(story, "No image that is known by a name and that others stand on ends in its "
                          "line: its core build is only known by its first layer.");
    if (image->is_step)
        return add(story, "It has no name itself and looks like a step in the making of its core "
                          "build.");
    return 0;
}

/* A core build that names a base of its own. What the layers contradict is told apart. */
static int tell_unproven(const struct lineage_teller *t, struct lineage_story *story,
                         struct err *err)
{
    const struct fleet *f = t->l->f;
    const struct lineage_image *image = &t->l->out->images[t->image];
    uint32_t unproven;

    if (image->kind != BASE_NAMED || image->core != naming_top(&f->images[t->image]))
        return 0;
    unproven = lineage_unproven(t->l, t->image);
    for (size_t i = 0; unproven != FLEET_NONE && i < story->declaration_count; i++) {
        const struct lineage_declaration *d = &story->declarations[i];
        const char *declared;

        if (d->evidence != &f->evidence[unproven] || d->outcome != OUTCOME_UNVERIFIABLE)
            continue;
        declared = declared_words(t, d->evidence, err);
        return declared == NULL
                   ? -1
                   : add(story, say(t, err,
                                    "%s names %s as its base, and nothing verifies that: this may "
                                    "be no core build, but an application that was squashed. %s",
                                    source_words(d->evidence->source), declared, d->why));
    }
    return 0;
}

int lineage_tell_against(const struct lineage_teller *t, struct lineage_story *story,
                         struct err *err)
{
    story->against = arena_array(t->arena, AGAINST_ROOM, sizeof(*story->against), err);
    if (story->against == NULL || tell_core(t, story) != 0)
        return -1;
    if (!t->l->out->images[t->image].known)
        return 0;
    if (tell_unproven(t, story, err) != 0 || tell_contradicted(t, story, err) != 0 ||
        tell_disputed(t, story, err) != 0 || tell_nearest(t, story, err) != 0 ||
        tell_above(t, story, err) != 0)
        return -1;
    if (tell_tags(t, story, err) != 0 || tell_seen(t, story, err) != 0)
        return -1;
    return tell_refuted(t, story, err);
}
