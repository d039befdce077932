#include "collector/census/policy_private.h"

const char policy_no_image[] = "no image: it has no layers to judge";

int policy_try_rule(struct policy_judge *j, uint32_t image, size_t rule, struct policy_step *out,
                    struct err *err)
{
    struct policy_subject s;
    bool seen;

    *out = (struct policy_step){.seen_as = ""};
    if (policy_is_unjudged(j, image)) {
        out->why = policy_no_image;
        return 0;
    }
    if (policy_look(j, image, &s, err) != 0 ||
        policy_matches(j, &s, rule, false, &out->matched, err) != 0 ||
        policy_matches(j, &s, rule, true, &seen, err) != 0)
        return -1;
    if (!out->matched && policy_why_not(j, &s, rule, &out->why, err) != 0)
        return -1;
    if (!out->matched && seen)
        out->seen_as = policy_seen(j, &s, rule, err);
    if (out->matched)
        out->why = policy_evidence(j, &s, rule, err);
    return out->why != NULL && out->seen_as != NULL ? 0 : -1;
}

int policy_try_exception(struct policy_judge *j, uint32_t image, size_t exception,
                         struct policy_step *out, struct err *err)
{
    const struct policy_exception *e = &j->policy->exceptions[exception];
    const struct naming_claim *claim;

    *out = (struct policy_step){.why = "no name of the image that counts, and not its ID",
                                .seen_as = ""};
    out->matched = policy_excepts(j, e, image, false, &claim);
    if (out->matched)
        out->why = claim == NULL ? "it is the image's ID" : policy_claim_text(j, claim, err);
    else if (policy_excepts(j, e, image, true, &claim) && claim != NULL)
        out->seen_as = policy_claim_text(j, claim, err);
    return out->why != NULL && out->seen_as != NULL ? 0 : -1;
}

bool policy_rule_used(const struct policy_judge *j, size_t rule)
{
    return j->rule_matched[rule];
}

bool policy_exception_used(const struct policy_judge *j, size_t exception)
{
    return j->exception_used[exception];
}

bool policy_names_count(const struct policy_judge *j)
{
    for (size_t i = 0; i < j->facts->f->chain_count; i++)
        if (j->counts[i])
            return true;
    return false;
}

bool policy_chain_counts(const struct policy_judge *j, uint32_t chain)
{
    return j->counts[chain];
}

int policy_core_of(struct policy_judge *j, uint32_t image, uint32_t *chain, struct err *err)
{
    struct policy_subject s;

    if (policy_look(j, image, &s, err) != 0)
        return -1;
    *chain = s.core != NULL ? s.core->chain : FLEET_NONE;
    return 0;
}
