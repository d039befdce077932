#include <ctype.h>
#include <string.h>

#include "collector/census/policy_private.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/imageref.h"

enum { SENTENCE_MAX = 4 << 10, SHORT_DIGEST = 12 };

struct policy_doubts {
    struct lineage_counting counting;
    const struct lineage_facts *lineage; /* who is known by what is declared, by words that count */
    bool *evidence;                      /* it is said by one who counts */
    const char **texts; /* by image; "" there is none, NULL: nobody has asked yet */
};

/* The base as the declaration names it. */
static int add_base(struct buf *b, const struct fleet_evidence *e, struct err *err)
{
    char familiar[IMAGEREF_MAX + 1], hex[DIGEST_HEX + 1];
    struct imageref ref;

    if (e->reference[0] == '\0')
        return buf_printf(b, err, "sha256:%.*s", SHORT_DIGEST, digest_hex(&e->digest, hex));
    if (imageref_parse(&ref, e->reference, NULL) != 0)
        return buf_add_str(b, e->reference, err);
    return buf_add_str(b, imageref_familiar(&ref, familiar), err);
}

/* `why` is a sentence of its own, which goes on here. */
static const char *tell(struct policy_judge *j, const struct fleet_evidence *e, const char *why,
                        struct err *err)
{
    size_t len = strlen(why);
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    if (len > 0 && why[len - 1] == '.')
        len--;
    if (buf_add_str(&b, "its declared base is ", err) != 0 || add_base(&b, e, err) != 0 ||
        buf_add_str(&b, ", which nothing verifies", err) != 0)
        return NULL;
    if (len > 0 &&
        buf_printf(&b, err, "; %c%.*s", tolower((unsigned char)why[0]), (int)len - 1, why + 1) != 0)
        return NULL;
    return arena_text(j->arena, buf_str(&b), b.len, err);
}

/* ---- whose word it is ------------------------------------------------------------------------ */

/* Anybody can write a manifest for another's image, and attest anything about a manifest. So an
 * annotation counts where a trusted store lists the image with that manifest, and provenance, of
 * which no signature was checked, not at all; a layer's content manifest as all else that is told
 * of the layer. */
static bool is_said_by_one_who_counts(const struct policy_judge *j, const struct fleet_evidence *e)
{
    const struct fleet *f = j->facts->f;

    if (e->source == EVIDENCE_PROVENANCE)
        return false;
    if (e->source == EVIDENCE_CONTENT_MANIFEST)
        return policy_layer_counts(j, f->chains[f->images[e->image].chains[e->layers]].layer);
    if (e->source != EVIDENCE_ANNOTATION)
        return true;
    for (uint32_t i = 0; i < e->said.count; i++)
        if (j->said_counts[f->evidence_said[e->said.first + i]])
            return true;
    return false;
}

int policy_doubts_open(struct policy_judge *j, struct err *err)
{
    const struct policy_facts *facts = j->facts;
    size_t count = facts->f->evidence_count;
    struct policy_doubts *d;

    if (!j->asks_declared)
        return 0;
    d = arena_alloc(j->arena, sizeof(*d), err);
    if (d == NULL)
        return -1;
    d->evidence = arena_array(j->arena, count, sizeof(bool), err);
    d->texts = arena_array(j->arena, facts->f->image_count, sizeof(*d->texts), err);
    if (d->evidence == NULL || d->texts == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        d->evidence[i] = is_said_by_one_who_counts(j, &facts->f->evidence[i]);
    d->counting = (struct lineage_counting){.said = j->said_counts,
                                            .images = j->image_counts,
                                            .chains = j->counts,
                                            .evidence = d->evidence};
    j->doubts = d;
    return lineage_count_only(&d->lineage, facts->lineage, facts->f, facts->catalogue, &d->counting,
                              j->arena, err);
}

bool policy_hears(const struct policy_judge *j, uint32_t evidence)
{
    return j->doubts == NULL || j->doubts->evidence[evidence];
}

/* ---- what comes of it ------------------------------------------------------------------------ */

static bool names_a_base(const struct fleet_evidence *e)
{
    return e->role == EVIDENCE_OF_BASE && (e->reference[0] != '\0' || !digest_is_zero(&e->digest));
}

/* What an image's declarations come to, by words that count. */
struct declared {
    uint32_t doubt; /* the first row that nothing verifies; FLEET_NONE where there is none, or one
                       is confirmed */
    bool confirmed, differs; /* one is; another one is not */
};

static int look_at_declared(const struct policy_judge *j, uint32_t image, struct declared *out,
                            struct err *err)
{
    const struct fleet_run *run = &j->facts->f->images[image].evidence;

    *out = (struct declared){.doubt = FLEET_NONE};
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct fleet_evidence *e = &j->facts->f->evidence[i];
        enum lineage_outcome outcome;

        if (e->role != EVIDENCE_OF_BASE || e->source == EVIDENCE_HISTORY || !j->doubts->evidence[i])
            continue;
        if (policy_go_on(j, err) != 0)
            return -1;
        outcome = lineage_outcome_by(j->doubts->lineage, i);
        out->confirmed = out->confirmed || outcome == OUTCOME_CONFIRMED;
        if (outcome == OUTCOME_CONFIRMED || outcome == OUTCOME_INHERITED || !names_a_base(e))
            continue;
        out->differs = true;
        if (outcome == OUTCOME_UNVERIFIABLE && out->doubt == FLEET_NONE)
            out->doubt = i;
    }
    if (out->confirmed)
        out->doubt = FLEET_NONE;
    return 0;
}

int policy_doubt(struct policy_judge *j, uint32_t image, const char **out, struct err *err)
{
    static const char no_doubt[] = "";
    const char **text, *why;
    struct declared declared;

    *out = NULL;
    if (j->doubts == NULL || !j->facts->lineage->images[image].known)
        return 0;
    text = &j->doubts->texts[image];
    if (*text == NULL) {
        if (look_at_declared(j, image, &declared, err) != 0)
            return -1;
        *text = no_doubt;
        if (declared.doubt != FLEET_NONE) {
            why = lineage_why_by(j->doubts->lineage, declared.doubt, j->arena, err);
            *text = why != NULL ? tell(j, &j->facts->f->evidence[declared.doubt], why, err) : NULL;
        }
    }
    if (*text == NULL)
        return -1;
    *out = *text != no_doubt ? *text : NULL;
    return 0;
}

bool policy_is_no_image(const struct fleet_image *image)
{
    return image->parsed == PARSED_NO_IMAGE ||
           (image->parsed == PARSED_READ && image->chain_count == 0);
}

bool policy_is_unconfirmed(const struct fleet_image *image)
{
    return image->chain_count > 0 &&
           (image->document == DOCUMENT_UNCONFIRMED || image->document == DOCUMENT_DISPUTED);
}

bool policy_unknown_holds(const struct policy_subject *s, const struct policy_rule *r)
{
    return (!r->unknown && !r->unverified) || (r->unknown && s->core == NULL) ||
           (r->unverified && s->doubt != NULL);
}

bool policy_accepts_line(const struct policy_judge *j, const struct policy_subject *s, size_t rule)
{
    const struct policy_rule *r = &j->policy->rules[rule];

    return !r->unverified || (r->unknown && s->core == NULL) || j->asked[rule] != 0 ||
           r->families.count > 0 || r->versions.count > 0 || r->origins.count > 0;
}

bool policy_accepts_doubt(const struct policy_judge *j, const struct policy_subject *s, size_t rule)
{
    return s->doubt != NULL && j->policy->rules[rule].unverified;
}

int policy_why_not_unknown(const struct policy_judge *j, const struct policy_subject *s,
                           const struct policy_rule *r, const char **out, struct err *err)
{
    struct declared declared = {.doubt = FLEET_NONE};
    bool vouched;

    *out = "its core build has a name that counts";
    if (!r->unverified)
        return 0;
    if (j->doubts != NULL && j->facts->lineage->images[s->image].known &&
        look_at_declared(j, s->image, &declared, err) != 0)
        return -1;
    vouched = declared.confirmed && declared.differs;
    if (r->unknown)
        *out = vouched ? "its core build has a name that counts, and one of its declarations is "
                         "confirmed"
                       : "its core build has a name that counts, and it declares no base that "
                         "nothing verifies";
    else
        *out = vouched ? "one of its declarations is confirmed"
                       : "it declares no base that nothing verifies";
    return 0;
}
