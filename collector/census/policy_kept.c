/* How many words are kept. Any number of images may end at one chain, and hosts may give each of
 * them any number of names: one word that counts decides, and of the others a few are shown. */
#include "collector/census/policy_private.h"

bool policy_is_full(const struct policy_judge *j, uint32_t rule, const struct naming_claim *claim)
{
    const struct policy_kept *k = &j->kept[rule];

    if (k->place != claim->chain)
        return false;
    return k->last == claim ||
           (policy_claim_counts(claim) ? k->counts : k->seen == POLICY_SEEN_MAX);
}

void policy_keep(struct policy_judge *j, uint32_t rule, const struct naming_claim *claim)
{
    struct policy_kept *k = &j->kept[rule];

    if (k->place != claim->chain)
        *k = (struct policy_kept){.place = claim->chain};
    k->last = claim;
    if (policy_claim_counts(claim))
        k->counts = true;
    else
        k->seen++;
}

static bool is_alike(const struct policy_word *x, const struct policy_word *y)
{
    return x->place == y->place && x->rule == y->rule && x->kind == y->kind &&
           x->counts == y->counts;
}

void policy_thin_words(struct policy_judge *j)
{
    size_t kept = 0, alike = 0;

    for (size_t i = 0; i < j->word_count; i++) {
        const struct policy_word *w = &j->words[i];

        alike = kept > 0 && is_alike(&j->words[kept - 1], w) ? alike + 1 : 1;
        if (alike <= (w->counts ? 1 : POLICY_SEEN_MAX))
            j->words[kept++] = *w;
    }
    j->word_count = kept;
}
