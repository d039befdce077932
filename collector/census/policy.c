#include "collector/census/policy.h"

#include <stdio.h>
#include <string.h>

#include "collector/census/policy_private.h"
#include "common/check.h"

#define SLOTS_FIRST ((size_t)1024) /* a power of two; at most half full */

struct entry {
    uint32_t image, scope;
    struct policy_verdict verdict;
};

/* What was judged already, by image and scope. */
struct policy_verdicts {
    struct entry *list;
    size_t count, cap;
    uint32_t *slots; /* index into list + 1 */
    size_t slot_count;
};

/* ---- opening --------------------------------------------------------------------------------- */

int policy_open(struct policy_judge **out, const struct policy *policy,
                const struct policy_facts *facts, int64_t now_s, struct arena *arena,
                struct err *err)
{
    const struct fleet *f = facts->f;
    struct policy_judge *j = arena_alloc(arena, sizeof(*j), err);

    if (j == NULL)
        return -1;
    j->asks_declared = policy->mode == POLICY_WHITE_LIST;
    for (size_t i = 0; i < policy->rule_count; i++)
        j->asks_declared = j->asks_declared || policy->rules[i].unverified;
    j->policy = policy;
    j->facts = facts;
    j->now_s = now_s;
    j->arena = arena;
    j->cores = arena_array(arena, f->chain_count, sizeof(struct policy_core *), err);
    j->systems = arena_array(arena, f->layer_count, sizeof(struct policy_os *), err);
    j->fits = arena_array(arena, policy->rule_count, sizeof(*j->fits), err);
    j->rule_matched = arena_array(arena, policy->rule_count, sizeof(bool), err);
    j->exception_used = arena_array(arena, policy->exception_count, sizeof(bool), err);
    j->verdicts = arena_alloc(arena, sizeof(*j->verdicts), err);
    if (j->cores == NULL || j->systems == NULL || j->fits == NULL || j->rule_matched == NULL ||
        j->exception_used == NULL || j->verdicts == NULL || policy_find_trusted(j, err) != 0 ||
        policy_find_words(j, err) != 0 || policy_doubts_open(j, err) != 0 ||
        policy_find_exceptions(j, err) != 0 || policy_fit_origins(j, err) != 0 ||
        policy_scopes_open(j, err) != 0)
        return -1;
    *out = j;
    return 0;
}

/* ---- exceptions ------------------------------------------------------------------------------ */

bool policy_exception_expired(const struct policy_judge *j, size_t exception)
{
    return j->now_s >= j->policy->exceptions[exception].expires_s;
}

/* One that excuses the image from the rule, or (NULL) from what the mode rejects; NULL none. With
 * `seen`, one that would if every name counted. */
static const struct policy_exception *excuse(const struct policy_judge *j, uint32_t image,
                                             uint32_t scope, const struct policy_rule *rule,
                                             bool seen, const struct naming_claim **claim)
{
    for (size_t i = 0; i < j->policy->exception_count; i++) {
        const struct policy_exception *e = &j->policy->exceptions[i];

        if (policy_exception_expired(j, i) || !policy_exception_holds_in(j, scope, i) ||
            (e->rule[0] != '\0' && (rule == NULL || strcmp(e->rule, rule->name) != 0)))
            continue;
        if (policy_excepts(j, e, image, seen, claim))
            return e;
    }
    return NULL;
}

/* ---- one verdict ----------------------------------------------------------------------------- */

static const struct policy_verdict nothing_yet = {
    .outcome = POLICY_ACCEPTED, .chain = FLEET_NONE, .evidence = "", .seen_as = ""};

struct trial {
    struct policy_judge *j;
    struct policy_subject subject;
    uint32_t scope;
    struct policy_verdict *out;
    const struct policy_rule *accepts_doubt; /* the first rule that does; NULL */
    bool is_doubted;                         /* only for want of such a rule it does not pass */
};

static bool is_asked(const struct trial *t, size_t rule, bool accept)
{
    return t->j->policy->rules[rule].accept == accept && policy_rule_holds_in(t->j, t->scope, rule);
}

static int decide(struct trial *t, enum policy_outcome outcome, size_t rule, struct err *err)
{
    const struct policy_held *held = &t->j->fits[rule].counting;

    t->out->outcome = outcome;
    t->out->rule = &t->j->policy->rules[rule];
    t->out->chain = held->place < t->j->facts->f->chain_count ? held->place : FLEET_NONE;
    t->out->evidence = policy_evidence(t->j, &t->subject, rule, err);
    return t->out->evidence != NULL ? 0 : -1;
}

static void use_exception(struct trial *t, const struct policy_exception *e)
{
    t->out->exception = e;
    t->j->exception_used[e - t->j->policy->exceptions] = true;
}

/* The first rule that rejects and that nothing excuses decides; else the first that is excused. All
 * rules are tried, so that the unused ones are known. */
static int try_rejecting(struct trial *t, bool *decided, struct err *err)
{
    enum policy_outcome outcome =
        t->j->policy->mode == POLICY_WILD_WEST ? POLICY_NOTED : POLICY_VIOLATION;
    const struct naming_claim *claim;

    *decided = false;
    for (size_t r = 0; r < t->j->policy->rule_count; r++) {
        const struct policy_exception *e;
        bool matches;

        if (!is_asked(t, r, false))
            continue;
        if (policy_matches(t->j, &t->subject, r, false, &matches, err) != 0)
            return -1;
        t->j->rule_matched[r] = t->j->rule_matched[r] || matches;
        if (!matches || *decided)
            continue;
        e = excuse(t->j, t->subject.image, t->scope, &t->j->policy->rules[r], false, &claim);
        if (e != NULL)
            t->j->exception_used[e - t->j->policy->exceptions] = true;
        if (e != NULL && t->out->exception != NULL)
            continue;
        if (decide(t, e != NULL ? POLICY_EXCUSED : outcome, r, err) != 0)
            return -1;
        t->out->exception = e;
        *decided = e == NULL;
    }
    return 0;
}

/* The first rule that accepts its line, and the first that accepts its unverified declaration. */
static int try_accepting(struct trial *t, bool may_decide, struct err *err)
{
    bool decided = !may_decide;

    for (size_t r = 0; r < t->j->policy->rule_count; r++) {
        bool matches;

        if (!is_asked(t, r, true))
            continue;
        if (policy_matches(t->j, &t->subject, r, false, &matches, err) != 0)
            return -1;
        t->j->rule_matched[r] = t->j->rule_matched[r] || matches;
        if (!matches)
            continue;
        if (t->accepts_doubt == NULL && policy_accepts_doubt(t->j, &t->subject, r))
            t->accepts_doubt = &t->j->policy->rules[r];
        if (decided || !policy_accepts_line(t->j, &t->subject, r))
            continue;
        if (decide(t, POLICY_ACCEPTED, r, err) != 0)
            return -1;
        decided = true;
    }
    return 0;
}

/* A violation of the mode alone, which an exception may excuse. */
static int break_mode(struct trial *t, const char *evidence)
{
    const struct naming_claim *claim;
    const struct policy_exception *e;

    if (evidence == NULL)
        return -1;
    *t->out = nothing_yet;
    t->out->outcome = POLICY_VIOLATION;
    t->out->evidence = evidence;
    e = excuse(t->j, t->subject.image, t->scope, NULL, false, &claim);
    if (e != NULL) {
        t->out->outcome = POLICY_EXCUSED;
        use_exception(t, e);
    }
    return 0;
}

/* What the mode says where no rule does. */
static int try_mode(struct trial *t, struct err *err)
{
    t->out->outcome = POLICY_ACCEPTED;
    t->out->chain = FLEET_NONE;
    t->out->rule = NULL;
    if (t->j->policy->mode != POLICY_WHITE_LIST) {
        t->out->evidence = "no rule rejects it";
        return 0;
    }
    return break_mode(t, policy_evidence_of_mode(t->j, &t->subject, err));
}

/* A rule accepts the line; on a white list a declared base that nothing verifies needs one too. */
static int try_doubt(struct trial *t, struct err *err)
{
    const char *text;

    if (t->j->policy->mode != POLICY_WHITE_LIST || t->subject.doubt == NULL ||
        t->accepts_doubt == t->out->rule)
        return 0;
    if (t->accepts_doubt == NULL) {
        t->is_doubted = true;
        return break_mode(t, t->subject.doubt);
    }
    text = policy_evidence_of_doubt(t->j, &t->subject, t->accepts_doubt, err);
    if (text != NULL)
        t->out->evidence = policy_add_evidence(t->j, t->out->evidence, text, err);
    return text != NULL && t->out->evidence != NULL ? 0 : -1;
}

/* What is accepted on one host's word says so. */
static int tell_unconfirmed(struct trial *t, struct err *err)
{
    const char *text;

    if (t->out->outcome != POLICY_ACCEPTED ||
        !policy_is_unconfirmed(&t->j->facts->f->images[t->subject.image]))
        return 0;
    text = policy_evidence_of_config(t->j, t->subject.image, err);
    if (text != NULL)
        t->out->evidence = policy_add_evidence(t->j, t->out->evidence, text, err);
    return text != NULL && t->out->evidence != NULL ? 0 : -1;
}

/* ---- what was only seen ---------------------------------------------------------------------- */

/* Names that would change the verdict, had they the word: of rules that would reject what is
 * accepted, of rules and exceptions that would let pass what is not. */
static int look_at_rules(struct trial *t, bool accept, struct err *err)
{
    for (size_t r = 0; r < t->j->policy->rule_count && t->out->seen_as[0] == '\0'; r++) {
        bool matches;

        if (!is_asked(t, r, accept))
            continue;
        if (policy_matches(t->j, &t->subject, r, true, &matches, err) != 0)
            return -1;
        if (matches)
            t->out->seen_as = policy_seen(t->j, &t->subject, r, err);
        if (t->out->seen_as == NULL)
            return -1;
    }
    return 0;
}

static int look_at_exceptions(struct trial *t, struct err *err)
{
    const struct naming_claim *claim = NULL;

    if (excuse(t->j, t->subject.image, t->scope, t->out->rule, true, &claim) == NULL ||
        claim == NULL)
        return 0;
    t->out->seen_as = policy_claim_text(t->j, claim, err);
    return t->out->seen_as != NULL ? 0 : -1;
}

static int look_at_seen(struct trial *t, struct err *err)
{
    bool is_rejected = t->out->outcome == POLICY_VIOLATION || t->out->outcome == POLICY_NOTED;

    if (t->out->outcome == POLICY_ACCEPTED)
        return look_at_rules(t, false, err);
    if (!is_rejected)
        return 0;
    if (t->out->rule == NULL && !t->is_doubted && look_at_rules(t, true, err) != 0)
        return -1;
    return t->out->seen_as[0] == '\0' ? look_at_exceptions(t, err) : 0;
}

/* Nothing rejects it, or all that does is excused: then it still needs what the mode asks for, or
 * an exception from that too. */
static int settle(struct trial *t, struct err *err)
{
    struct policy_verdict excused = *t->out;

    *t->out = nothing_yet;
    if (try_accepting(t, true, err) != 0 ||
        (t->out->rule == NULL ? try_mode(t, err) : try_doubt(t, err)) != 0)
        return -1;
    if (excused.exception != NULL && t->out->outcome != POLICY_VIOLATION)
        *t->out = excused;
    return 0;
}

static int judge(struct policy_judge *j, uint32_t image, uint32_t scope, struct policy_verdict *out,
                 struct err *err)
{
    struct trial t = {.j = j, .scope = scope, .out = out};
    bool rejected;

    *out = nothing_yet;
    if (policy_is_unjudged(j, image)) {
        out->outcome = POLICY_UNJUDGED;
        out->evidence = policy_no_image;
        return 0;
    }
    if (policy_look(j, image, &t.subject, err) != 0 || try_rejecting(&t, &rejected, err) != 0 ||
        (rejected ? try_accepting(&t, false, err) : settle(&t, err)) != 0 ||
        tell_unconfirmed(&t, err) != 0)
        return -1;
    return look_at_seen(&t, err);
}

/* ---- each once ------------------------------------------------------------------------------- */

static size_t slot_of(uint32_t image, uint32_t scope, size_t slots)
{
    uint64_t hash = ((uint64_t)image << 32 | scope) * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)(hash >> 32) & (slots - 1);
}

static uint32_t *find_slot(struct policy_verdicts *v, uint32_t image, uint32_t scope)
{
    size_t i = slot_of(image, scope, v->slot_count);

    while (v->slots[i] != 0 &&
           (v->list[v->slots[i] - 1].image != image || v->list[v->slots[i] - 1].scope != scope))
        i = (i + 1) & (v->slot_count - 1);
    return &v->slots[i];
}

static int grow_slots(struct policy_judge *j, struct err *err)
{
    struct policy_verdicts *v = j->verdicts;
    size_t count = v->slot_count == 0 ? SLOTS_FIRST : v->slot_count * 2;
    uint32_t *slots = arena_array(j->arena, count, sizeof(*slots), err);

    if (slots == NULL)
        return -1;
    v->slots = slots;
    v->slot_count = count;
    for (size_t i = 0; i < v->count; i++)
        *find_slot(v, v->list[i].image, v->list[i].scope) = (uint32_t)i + 1;
    return 0;
}

int policy_judge(struct policy_judge *j, uint32_t image, uint32_t scope, struct policy_verdict *out,
                 struct err *err)
{
    struct policy_verdicts *v = j->verdicts;
    struct entry *list;
    uint32_t *slot;

    check(scope < policy_scope_count(j));
    if (v->slot_count <= 2 * v->count && grow_slots(j, err) != 0)
        return -1;
    slot = find_slot(v, image, scope);
    if (*slot != 0) {
        *out = v->list[*slot - 1].verdict;
        return 0;
    }
    list = fleet_room(j->arena, v->list, v->count, &v->cap, sizeof(*list), err);
    if (list == NULL || judge(j, image, scope, out, err) != 0)
        return -1;
    v->list = list;
    list[v->count++] = (struct entry){.image = image, .scope = scope, .verdict = *out};
    *slot = (uint32_t)v->count;
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

const char *policy_mode_name(enum policy_mode mode)
{
    static const char *const names[] = {[POLICY_WILD_WEST] = "wild west",
                                        [POLICY_BLACK_LIST] = "black list",
                                        [POLICY_WHITE_LIST] = "white list"};

    return names[mode];
}

const char *policy_outcome_name(enum policy_outcome outcome)
{
    static const char *const names[] = {[POLICY_ACCEPTED] = "accepted",
                                        [POLICY_VIOLATION] = "violation",
                                        [POLICY_EXCUSED] = "excused",
                                        [POLICY_NOTED] = "noted",
                                        [POLICY_UNJUDGED] = "unjudged"};

    return names[outcome];
}
