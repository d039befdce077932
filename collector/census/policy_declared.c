#include <ctype.h>
#include <string.h>

#include "collector/census/policy_private.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define STORY_MEMORY_MAX ((size_t)64 << 20) /* bytes, for what lineage tells of one image */

enum { SENTENCE_MAX = 4 << 10, SHORT_DIGEST = 12 };

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
static const char *tell(struct policy_judge *j, const struct lineage_declaration *d,
                        struct err *err)
{
    size_t len = strlen(d->why);
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    if (len > 0 && d->why[len - 1] == '.')
        len--;
    if (buf_add_str(&b, "its declared base is ", err) != 0 || add_base(&b, d->evidence, err) != 0 ||
        buf_add_str(&b, ", which nothing verifies", err) != 0)
        return NULL;
    if (len > 0 && buf_printf(&b, err, "; %c%.*s", tolower((unsigned char)d->why[0]), (int)len - 1,
                              d->why + 1) != 0)
        return NULL;
    return arena_text(j->arena, buf_str(&b), b.len, err);
}

static bool names_a_base(const struct fleet_evidence *e)
{
    return e->role == EVIDENCE_OF_BASE && (e->reference[0] != '\0' || !digest_is_zero(&e->digest));
}

static int find_doubt(struct policy_judge *j, uint32_t image, const char **out, struct err *err)
{
    const struct policy_facts *facts = j->facts;
    AUTO(arena_close) struct arena *arena = NULL;
    struct lineage_story story;

    if (arena_open(&arena, STORY_MEMORY_MAX, err) != 0 ||
        lineage_explain(&story, facts->lineage, facts->f, facts->catalogue, image, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < story.declaration_count; i++) {
        const struct lineage_declaration *d = &story.declarations[i];

        if (d->outcome != OUTCOME_UNVERIFIABLE || !names_a_base(d->evidence))
            continue;
        *out = tell(j, d, err);
        return *out != NULL ? 0 : -1;
    }
    return 0;
}

int policy_doubt(struct policy_judge *j, uint32_t image, const char **out, struct err *err)
{
    const struct lineage_image *l = &j->facts->lineage->images[image];

    *out = NULL;
    return j->asks_declared && l->unverifiable > 0 && l->confirmed == 0
               ? find_doubt(j, image, out, err)
               : 0;
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
           r->families.count > 0 || r->versions.count > 0 || r->origins.count > 0 ||
           r->older_than_s != 0;
}

bool policy_accepts_doubt(const struct policy_judge *j, const struct policy_subject *s, size_t rule)
{
    return s->doubt != NULL && j->policy->rules[rule].unverified;
}

const char *policy_why_not_unknown(const struct policy_rule *r)
{
    if (!r->unverified)
        return "its core build has a name that counts";
    return r->unknown ? "its core build has a name that counts, and it declares no base that "
                        "nothing verifies"
                      : "it declares no base that nothing verifies";
}
