#include <stdio.h>
#include <string.h>

#include "collector/census/policy_private.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
    SENTENCE_MAX = 16 << 10,
    DAY_TEXT = 10,
};

/* Between one condition and the next. */
static int add_join(struct buf *b, struct err *err)
{
    return b->len > 0 ? buf_add_str(b, "; ", err) : 0;
}

static const char *keep(struct policy_judge *j, struct buf *b, struct err *err)
{
    return arena_text(j->arena, buf_str(b), b->len, err);
}

static const char *host_of(const struct policy_judge *j, uint32_t store)
{
    const struct fleet *f = j->facts->f;

    return store == FLEET_NONE ? NULL : f->hosts[f->stores[store].host].name;
}

const char *policy_claim_text(struct policy_judge *j, const struct naming_claim *claim,
                              struct err *err)
{
    const char *name = naming_text(claim, j->arena, err), *host = host_of(j, claim->store);
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    if (name == NULL || host == NULL)
        return name;
    return buf_printf(&b, err, "%s on %s", name, host) == 0 ? keep(j, &b, err) : NULL;
}

/* "layer 1", "layers 1 to 3". */
static int add_layers(struct buf *b, const struct fleet *f, uint32_t place, struct err *err)
{
    uint32_t depth = place < f->chain_count ? f->chains[place].depth : 0;

    if (depth == 0)
        return buf_add_str(b, "it", err);
    return depth == 1 ? buf_add_str(b, "layer 1", err)
                      : buf_printf(b, err, "layers 1 to %u", (unsigned)depth);
}

/* The store that said it first need not be one that is trusted: any of those may have said so
 * since.
 */
static bool is_trusted(const struct policy_judge *j, uint32_t store)
{
    const struct fleet *f = j->facts->f;
    const struct fleet_store *s = store == FLEET_NONE ? NULL : &f->stores[store];

    return s != NULL &&
           catalogue_trusts_store(j->facts->catalogue, f->hosts[s->host].name, s->root, s->owner);
}

/* A name, and whose word it is. */
static int add_name(struct policy_judge *j, struct buf *b, const struct naming_claim *claim,
                    struct err *err)
{
    const char *name = naming_text(claim, j->arena, err);

    if (name == NULL)
        return -1;
    if (claim->strength == NAME_CATALOGUE)
        return buf_printf(b, err, "%s, as the catalogue says", name);
    if (!is_trusted(j, claim->store))
        return buf_printf(b, err, "%s, as a store says that is trusted to name", name);
    return buf_printf(b, err, "%s, as %s says, which is trusted to name", name,
                      host_of(j, claim->store));
}

/* ---- what made a rule match ------------------------------------------------------------------ */

static int add_word(struct policy_judge *j, struct buf *b, const struct policy_held *held,
                    struct err *err)
{
    const struct fleet *f = j->facts->f;
    const struct policy_word *w = held->word;
    char hex[DIGEST_HEX + 1];
    bool one;

    if (w == NULL)
        return 0;
    one = held->place >= f->chain_count || f->chains[held->place].depth <= 1;
    if (add_layers(b, f, held->place, err) != 0)
        return -1;
    if (w->kind == WORD_OF_BASE)
        return buf_add_str(b, one ? " is " : " are ", err) != 0 ? -1
                                                                : add_name(j, b, w->claim, err);
    return buf_printf(b, err, " %s %s sha256:%.*s%s", one ? "is" : "are",
                      w->kind == WORD_OF_CHAIN ? "chain" : "image", DIGEST_SHORT,
                      digest_hex(w->digest, hex),
                      w->store != FLEET_NONE ? ", as a store says that is trusted to name" : "");
}

static int add_unknown(struct policy_judge *j, struct buf *b, const struct policy_subject *s,
                       struct err *err)
{
    if (j->facts->f->images[s->image].parsed != PARSED_READ)
        return buf_add_str(b, "its layers are not known", err);
    return buf_add_str(b,
                       s->is_own ? "nothing below it in its line has a name that counts"
                                 : "nothing in its line has a name that counts",
                       err);
}

static bool core_fits(const struct policy_subject *s, const struct policy_rule *rule)
{
    return s->core != NULL &&
           (rule->families.count == 0 || policy_has(&rule->families, s->core->family)) &&
           policy_has_version(&rule->versions, s->core->family, s->core->version, s->core->date_s);
}

static const char *whose_word(const struct policy_judge *j, uint32_t layer)
{
    if (policy_layer_counts(j, layer))
        return "";
    return j->facts->f->layers[layer].of_user ? ", as seen in a user's store only"
                                              : ", on one host's word";
}

static int add_family(struct policy_judge *j, struct buf *b, const struct policy_subject *s,
                      const struct policy_rule *rule, bool seen, struct err *err)
{
    const struct policy_os *os;
    char hex[DIGEST_HEX + 1];
    uint32_t layer;

    if (core_fits(s, rule))
        return buf_printf(b, err, "its core build is %s %s", s->core->family, s->core->version);
    if (policy_find_system(j, s, rule, seen, &layer, err) != 0)
        return -1;
    os = policy_system(j, layer, err);
    if (os == NULL || layer == FLEET_NONE)
        return os == NULL ? -1 : 0;
    return buf_printf(b, err, "the os-release of layer %.*s says %s %s%s", DIGEST_SHORT,
                      digest_hex(&j->facts->f->layers[layer].diff, hex), os->family, os->version,
                      whose_word(j, layer));
}

static int add_age(struct policy_judge *j, struct buf *b, const struct policy_subject *s,
                   struct err *err)
{
    bool of_core = s->core != NULL && s->core->date_s != 0;
    int64_t date_s = policy_date(j, s);
    char text[CLOCK_TEXT];
    const char *name;

    clock_text(date_s * 1000, text);
    if (!of_core)
        return buf_printf(b, err, "the image is of %.*s, and no base of it is younger", DAY_TEXT,
                          text);
    name = naming_text(s->core->title, j->arena, err);
    return name != NULL ? buf_printf(b, err, "its core build %s is of %.*s", name, DAY_TEXT, text)
                        : -1;
}

static int add_origin(struct policy_judge *j, struct buf *b, const struct policy_subject *s,
                      const struct policy_rule *rule, bool seen, struct err *err)
{
    bool of_image;
    const struct policy_origin *o = policy_find_origin(j, s, rule, seen, &of_image);

    if (o == NULL)
        return 0;
    return buf_printf(b, err, "%s comes from %s", of_image ? "it" : "a layer of it",
                      j->facts->f->names[o->name].text);
}

const char *policy_evidence(struct policy_judge *j, const struct policy_subject *s, size_t rule,
                            struct err *err)
{
    const struct policy_rule *r = &j->policy->rules[rule];
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    if (add_word(j, &b, &j->fits[rule].counting, err) != 0)
        return NULL;
    if (r->unknown && s->core == NULL &&
        (add_join(&b, err) != 0 || add_unknown(j, &b, s, err) != 0))
        return NULL;
    if (r->unverified && s->doubt != NULL &&
        (add_join(&b, err) != 0 || buf_add_str(&b, s->doubt, err) != 0))
        return NULL;
    if ((r->families.count > 0 || r->versions.count > 0) &&
        (add_join(&b, err) != 0 || add_family(j, &b, s, r, false, err) != 0))
        return NULL;
    if (r->older_than_s != 0 && (add_join(&b, err) != 0 || add_age(j, &b, s, err) != 0))
        return NULL;
    if (r->origins.count > 0 &&
        (add_join(&b, err) != 0 || add_origin(j, &b, s, r, false, err) != 0))
        return NULL;
    if (b.len == 0 && buf_add_str(&b, "every image falls under it", err) != 0)
        return NULL;
    return keep(j, &b, err);
}

/* What its own declarations say; no proof, but where to look next. */
static int add_declared(struct policy_judge *j, struct buf *b, const struct policy_subject *s,
                        struct err *err)
{
    const struct fleet *f = j->facts->f;
    const struct fleet_run *run = &f->images[s->image].evidence;

    for (uint32_t i = 0; i < run->count; i++) {
        const struct fleet_evidence *e = &f->evidence[run->first + i];

        if (e->role == EVIDENCE_OF_BASE && e->reference[0] != '\0' &&
            policy_hears(j, run->first + i))
            return buf_printf(b, err, "; it declares %s, which is no proof", e->reference);
    }
    return 0;
}

const char *policy_evidence_of_mode(struct policy_judge *j, const struct policy_subject *s,
                                    struct err *err)
{
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    if (s->core != NULL) {
        if (buf_add_str(&b, "no rule accepts it: ", err) != 0 ||
            buf_add_str(&b, s->is_own ? "it is " : "its core build is ", err) != 0 ||
            add_name(j, &b, s->core->title, err) != 0)
            return NULL;
        return keep(j, &b, err);
    }
    if (buf_add_str(&b, "no rule accepts it: ", err) != 0 || add_unknown(j, &b, s, err) != 0 ||
        add_declared(j, &b, s, err) != 0)
        return NULL;
    return keep(j, &b, err);
}

const char *policy_add_evidence(struct policy_judge *j, const char *before, const char *more,
                                struct err *err)
{
    AUTO(buf_close) struct buf b;

    buf_init(&b, 2 * SENTENCE_MAX);
    return buf_printf(&b, err, "%s; %s", before, more) == 0 ? keep(j, &b, err) : NULL;
}

const char *policy_evidence_of_doubt(struct policy_judge *j, const struct policy_subject *s,
                                     const struct policy_rule *rule, struct err *err)
{
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    return buf_printf(&b, err, "%s; rule \"%s\" accepts that", s->doubt, rule->name) == 0
               ? keep(j, &b, err)
               : NULL;
}

const char *policy_evidence_of_config(struct policy_judge *j, uint32_t image, struct err *err)
{
    const struct fleet *f = j->facts->f;
    uint32_t host = f->images[image].said_by;
    AUTO(buf_close) struct buf b;

    buf_init(&b, SENTENCE_MAX);
    if (host == FLEET_NONE)
        return "its layers are the word of one host alone";
    return buf_printf(&b, err, "its layers are the word of %s alone", f->hosts[host].name) == 0
               ? keep(j, &b, err)
               : NULL;
}

/* ---- what does not count --------------------------------------------------------------------- */

static int add_seen_word(struct policy_judge *j, struct buf *b, const struct policy_word *w,
                         struct err *err)
{
    const char *host = host_of(j, w->store), *name;
    char hex[DIGEST_HEX + 1];

    if (w->claim != NULL) {
        name = policy_claim_text(j, w->claim, err);
        return name != NULL ? buf_add_str(b, name, err) : -1;
    }
    return buf_printf(b, err, "sha256:%.*s%s%s", DIGEST_SHORT, digest_hex(w->digest, hex),
                      host != NULL ? " on " : "", host != NULL ? host : "");
}

static int add_seen_words(struct policy_judge *j, struct buf *b, const struct policy_subject *s,
                          size_t rule, struct err *err)
{
    uint32_t own = (uint32_t)j->facts->f->chain_count + s->image;
    int shown = 0;

    for (uint32_t p = 0; p <= s->place_count; p++) {
        const struct fleet_run *run = &j->words_of[p < s->place_count ? s->places[p] : own];

        for (uint32_t i = 0; i < run->count && shown < POLICY_SEEN_MAX; i++) {
            const struct policy_word *w = &j->words[run->first + i];

            if (w->rule != rule || w->counts)
                continue;
            if ((b->len > 0 && buf_add_str(b, ", ", err) != 0) || add_seen_word(j, b, w, err) != 0)
                return -1;
            shown++;
        }
    }
    return 0;
}

const char *policy_seen(struct policy_judge *j, const struct policy_subject *s, size_t rule,
                        struct err *err)
{
    const struct policy_rule *r = &j->policy->rules[rule];
    AUTO(buf_close) struct buf b;
    bool of_image;

    buf_init(&b, SENTENCE_MAX);
    if (!j->fits[rule].counting.holds && add_seen_words(j, &b, s, rule, err) != 0)
        return NULL;
    if (r->origins.count > 0 && policy_find_origin(j, s, r, false, &of_image) == NULL &&
        (add_join(&b, err) != 0 || add_origin(j, &b, s, r, true, err) != 0))
        return NULL;
    if ((r->families.count > 0 || r->versions.count > 0) && !core_fits(s, r) &&
        (add_join(&b, err) != 0 || add_family(j, &b, s, r, true, err) != 0))
        return NULL;
    return keep(j, &b, err);
}
