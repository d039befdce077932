#include <stdio.h>
#include <string.h>

#include "collector/census/naming_private.h"
#include "collector/census/os_release.h"
#include "collector/census/policy_private.h"
#include "common/clock.h"
#include "common/imageref.h"

#define LABEL_MAX 1024 /* bytes of a version as answers write it */
#define DAY_TEXT 10    /* "2026-03-02" */

bool policy_has(const struct policy_words *words, const char *text)
{
    for (size_t i = 0; i < words->count; i++)
        if (catalogue_matches(words->items[i], text))
            return true;
    return false;
}

/* ---- systems and core builds ----------------------------------------------------------------- */

const struct policy_os *policy_system(struct policy_judge *j, uint32_t layer, struct err *err)
{
    static const struct policy_os none = {"", ""};
    struct policy_os *os;
    struct os_release parsed;

    if (layer == FLEET_NONE)
        return &none;
    if (j->systems[layer] != NULL)
        return j->systems[layer];
    os_release_parse(&parsed, j->facts->f->layers[layer].os_release);
    if (parsed.id[0] == '\0') {
        j->systems[layer] = &none;
        return &none;
    }
    os = arena_alloc(j->arena, sizeof(*os), err);
    if (os == NULL)
        return NULL;
    os->family = arena_text(j->arena, parsed.id, strlen(parsed.id), err);
    os->version = arena_text(j->arena, parsed.version_id, strlen(parsed.version_id), err);
    if (os->family == NULL || os->version == NULL)
        return NULL;
    j->systems[layer] = os;
    return os;
}

/* The uppermost os-release that counts of the line up to the chain. */
static const struct policy_os *system_under(struct policy_judge *j, uint32_t chain, struct err *err)
{
    const struct fleet_chain *chains = j->facts->f->chains;
    const struct policy_os *os = policy_system(j, FLEET_NONE, err);

    for (; chain != FLEET_NONE && os != NULL && os->family[0] == '\0'; chain = chains[chain].parent)
        if (policy_layer_counts(j, chains[chain].layer))
            os = policy_system(j, chains[chain].layer, err);
    return os;
}

/* The catalogue's word goes before the os-release's. */
static void ask_catalogue(const struct policy_judge *j, struct policy_core *core)
{
    const struct catalogue *c = j->facts->catalogue;
    const struct naming *n = j->facts->lineage->naming;
    char repository[IMAGEREF_MAX + 1];
    const char *family;
    bool overridden = false;

    for (size_t i = 0; i < c->base_count; i++) {
        if (n->catalogue_chain[i] != core->chain)
            continue;
        if (c->bases[i].family[0] != '\0')
            core->family = c->bases[i].family;
        if (c->bases[i].version[0] != '\0')
            core->version = c->bases[i].version;
        if (c->bases[i].created_s != 0)
            core->date_s = c->bases[i].created_s;
        if (core->date_s == 0)
            core->date_s = c->bases[i].added_s;
        overridden = overridden || c->bases[i].family[0] != '\0';
    }
    if (overridden)
        return;
    if (imageref_repository(core->title->name, repository) != 0)
        return;
    family = catalogue_family_of(c, repository);
    if (family != NULL)
        core->family = family;
}

/* Without an os-release it is called as the last part of the repository that names it. */
static int name_by_repository(struct policy_judge *j, struct policy_core *core, struct err *err)
{
    char repository[IMAGEREF_MAX + 1];
    const char *last;

    core->family = "unknown";
    if (imageref_repository(core->title->name, repository) != 0)
        return 0;
    last = strrchr(repository, '/');
    last = last != NULL ? last + 1 : repository;
    core->family = arena_text(j->arena, last, strlen(last), err);
    return core->family != NULL ? 0 : -1;
}

static const struct naming_claim *title_of(const struct naming *n, uint32_t chain)
{
    const struct fleet_run *run = &n->of_chain[chain];

    for (uint32_t i = 0; i < run->count; i++)
        if (policy_claim_counts(&n->claims[run->first + i]))
            return &n->claims[run->first + i];
    return NULL;
}

/* What a chain with a name that counts is as a core build. */
static const struct policy_core *core_at(struct policy_judge *j, uint32_t chain, struct err *err)
{
    const struct policy_os *os;
    struct policy_core *core;

    if (j->cores[chain] != NULL)
        return j->cores[chain];
    os = system_under(j, chain, err);
    core = arena_alloc(j->arena, sizeof(*core), err);
    if (os == NULL || core == NULL)
        return NULL;
    *core = (struct policy_core){.chain = chain,
                                 .title = title_of(j->facts->lineage->naming, chain),
                                 .family = os->family,
                                 .version = os->version,
                                 .date_s =
                                     j->made_s[chain] != 0 ? j->made_s[chain] : j->heard_s[chain]};
    if (os->family[0] == '\0' && name_by_repository(j, core, err) != 0)
        return NULL;
    ask_catalogue(j, core);
    j->cores[chain] = core;
    return core;
}

/* Whether the image's own chain, which has a name that counts, may be its core build. What others
 * build on it without a name that counts does not make it one: anybody can. */
static bool own_chain_is_core(const struct policy_judge *j, const struct fleet_image *image,
                              uint32_t chain)
{
    const struct fleet *f = j->facts->f;
    const struct naming *n = j->facts->lineage->naming;
    const struct fleet_run *run = &n->of_chain[chain];
    uint32_t filled = 0;
    bool has_system = false;

    if (j->carries[chain])
        return true;
    for (uint32_t i = 0; i < run->count; i++)
        if (n->claims[run->first + i].strength == NAME_CATALOGUE &&
            policy_claim_counts(&n->claims[run->first + i]))
            return true;
    for (uint32_t p = 0; p < image->chain_count; p++) {
        uint32_t layer = f->chains[image->chains[p]].layer;

        if (policy_layer_empty(j, layer))
            continue;
        filled++;
        has_system =
            has_system || (policy_layer_counts(j, layer) && f->layers[layer].os_release != NULL &&
                           f->layers[layer].os_release[0] != '\0');
    }
    return filled == 1 && has_system;
}

static int find_core(struct policy_judge *j, struct policy_subject *s, struct err *err)
{
    const struct fleet_image *image = &j->facts->f->images[s->image];

    for (uint32_t p = 0; p < image->chain_count; p++) {
        uint32_t chain = image->chains[p];

        if (!j->counts[chain])
            continue;
        s->is_own = p + 1 == image->chain_count;
        if (s->is_own && !own_chain_is_core(j, image, chain))
            return 0;
        s->core = core_at(j, chain, err);
        return s->core != NULL ? 0 : -1;
    }
    return 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void hold(struct policy_held *held, unsigned asked, unsigned have, uint32_t place,
                 const struct policy_word *word)
{
    if (!held->holds && (have & asked) == asked)
        *held = (struct policy_held){.holds = true, .place = place, .word = word};
}

/* The words for one place are sorted by rule: all kinds that a rule asks for must be at one. */
static void look_at_place(struct policy_judge *j, uint32_t place)
{
    const struct fleet_run *run = &j->words_of[place];
    uint32_t i = run->first, end = run->first + run->count;

    while (i < end) {
        const struct policy_word *first = &j->words[i], *counting = NULL, *seen = NULL;
        struct policy_fit *fit = &j->fits[first->rule];
        unsigned have = 0, have_seen = 0;

        for (; i < end && j->words[i].rule == first->rule; i++) {
            const struct policy_word *w = &j->words[i];

            have |= w->counts ? w->kind : 0;
            have_seen |= w->kind;
            if (w->counts && counting == NULL)
                counting = w;
            if (!w->counts && seen == NULL)
                seen = w;
        }
        hold(&fit->counting, j->asked[first->rule], have, place, counting);
        hold(&fit->seen, j->asked[first->rule], have_seen, place, seen);
    }
}

int policy_go_on(const struct policy_judge *j, struct err *err)
{
    const atomic_bool *canceled = j->facts->canceled;

    return canceled != NULL && atomic_load_explicit(canceled, memory_order_relaxed)
               ? err_set(err, ERR_CANCELED, "given up")
               : 0;
}

int policy_look(struct policy_judge *j, uint32_t image, struct policy_subject *out, struct err *err)
{
    const struct fleet_image *i = &j->facts->f->images[image];

    if (policy_go_on(j, err) != 0)
        return -1;
    *out =
        (struct policy_subject){.image = image, .places = i->chains, .place_count = i->chain_count};
    for (size_t r = 0; r < j->policy->rule_count; r++) {
        bool free = j->asked[r] == 0;

        j->fits[r].counting = j->fits[r].seen =
            (struct policy_held){.holds = free, .place = FLEET_NONE};
    }
    for (uint32_t p = 0; p < i->chain_count; p++)
        look_at_place(j, i->chains[p]);
    look_at_place(j, (uint32_t)j->facts->f->chain_count + image);
    return find_core(j, out, err) == 0 ? policy_doubt(j, image, &out->doubt, err) : -1;
}

/* ---- the other conditions -------------------------------------------------------------------- */

bool policy_has_version(const struct policy_words *words, const char *family, const char *number,
                        int64_t date_s)
{
    char text[LABEL_MAX], time[CLOCK_TEXT];
    size_t len;

    if (words->count == 0 || policy_has(words, number))
        return true;
    snprintf(text, sizeof(text) / 2, "%s%s%s", family, number[0] != '\0' ? " " : "", number);
    if (number[0] != '\0' && policy_has(words, text))
        return true;
    if (date_s <= 0)
        return false;
    len = strlen(text);
    snprintf(text + len, sizeof(text) - len, " of %.*s", DAY_TEXT, clock_text(date_s * 1000, time));
    return policy_has(words, text);
}

int policy_find_system(struct policy_judge *j, const struct policy_subject *s,
                       const struct policy_rule *rule, bool seen, uint32_t *out, struct err *err)
{
    *out = FLEET_NONE;
    for (uint32_t p = 0; p < s->place_count; p++) {
        uint32_t layer = j->facts->f->chains[s->places[p]].layer;
        const struct policy_os *os = policy_system(j, layer, err);

        if (os == NULL)
            return -1;
        if (os->family[0] != '\0' && (seen || policy_layer_counts(j, layer)) &&
            (rule->families.count == 0 || policy_has(&rule->families, os->family)) &&
            policy_has_version(&rule->versions, os->family, os->version, 0)) {
            *out = layer;
            return 0;
        }
    }
    return 0;
}

/* To accept, a name that counts must stand behind the family. To reject, an os-release that counts
 * is enough, also one that a layer above put over the base's. */
static int family_holds(struct policy_judge *j, const struct policy_subject *s,
                        const struct policy_rule *rule, bool seen, bool *out, struct err *err)
{
    uint32_t layer;

    *out = s->core != NULL &&
           (rule->families.count == 0 || policy_has(&rule->families, s->core->family)) &&
           policy_has_version(&rule->versions, s->core->family, s->core->version, s->core->date_s);
    if (*out || (rule->accept && !seen))
        return 0;
    if (policy_find_system(j, s, rule, seen, &layer, err) != 0)
        return -1;
    *out = layer != FLEET_NONE;
    return 0;
}

int64_t policy_date(const struct policy_judge *j, const struct policy_subject *s)
{
    return s->core != NULL && s->core->date_s != 0 ? s->core->date_s
                                                   : naming_made_s(&j->facts->f->images[s->image]);
}

/* That an image says so of itself accepts nothing: whoever built it wrote the date. */
static bool is_older(const struct policy_judge *j, const struct policy_subject *s,
                     const struct policy_rule *rule)
{
    bool is_own_word = s->core == NULL || s->core->date_s == 0;
    int64_t date_s = policy_date(j, s);

    return date_s != 0 && j->now_s - date_s > rule->older_than_s && !(rule->accept && is_own_word);
}

static bool origin_holds(const struct policy_judge *j, const struct policy_subject *s,
                         const struct policy_rule *rule, bool seen)
{
    bool of_image;

    return policy_find_origin(j, s, rule, seen, &of_image) != NULL;
}

int policy_matches(struct policy_judge *j, const struct policy_subject *s, size_t rule, bool seen,
                   bool *out, struct err *err)
{
    const struct policy_rule *r = &j->policy->rules[rule];
    const struct policy_fit *fit = &j->fits[rule];

    *out = (seen ? fit->seen.holds : fit->counting.holds) && policy_unknown_holds(s, r) &&
           (r->older_than_s == 0 || is_older(j, s, r));
    if (*out && r->origins.count > 0)
        *out = origin_holds(j, s, r, seen);
    if (*out && (r->families.count > 0 || r->versions.count > 0))
        return family_holds(j, s, r, seen, out, err);
    return 0;
}

static const char *why_not_words(unsigned asked)
{
    if (asked == WORD_OF_BASE)
        return "nothing in its line has one of the rule's names that counts";
    if (asked == WORD_OF_DIGEST)
        return "no image with one of the rule's digests ends in its line";
    if (asked == WORD_OF_CHAIN)
        return "none of the rule's chains is in its line";
    if (asked == WORD_OF_IMAGE)
        return "it is none of the rule's images";
    return "no place in its line has all that the rule asks for: names, digests, chains";
}

int policy_why_not(struct policy_judge *j, const struct policy_subject *s, size_t rule,
                   const char **out, struct err *err)
{
    const struct policy_rule *r = &j->policy->rules[rule];
    bool holds = true;

    *out = NULL;
    if (!j->fits[rule].counting.holds)
        *out = why_not_words(j->asked[rule]);
    else if (!policy_unknown_holds(s, r))
        return policy_why_not_unknown(j, s, r, out, err);
    else if (r->older_than_s != 0 &&
             (policy_date(j, s) == 0 || (r->accept && (s->core == NULL || s->core->date_s == 0))))
        *out = "nobody knows how old its core build is";
    else if (r->older_than_s != 0 && !is_older(j, s, r))
        *out = "its core build is younger, as far as is known";
    else if (r->origins.count > 0 && !origin_holds(j, s, r, false))
        *out = "no origin that counts has one of the rule's patterns";
    else if ((r->families.count > 0 || r->versions.count > 0) &&
             family_holds(j, s, r, false, &holds, err) != 0)
        return -1;
    if (!holds)
        *out = s->core == NULL && r->accept
                   ? "its core build has no name that counts, which a family needs to be accepted"
                   : "its family or version is another one";
    return 0;
}
