#include <stdlib.h>
#include <string.h>

#include "collector/census/naming_private.h"
#include "collector/census/policy_private.h"

struct exact { /* a pattern without wildcards */
    const char *text;
    uint32_t rule;
};

struct wanted { /* a digest of a rule */
    struct digest digest;
    uint32_t rule;
};

/* What rules ask for, ready to be looked up. */
struct search {
    struct exact *names, *patterns;
    struct wanted *digests, *chains, *images;
    size_t name_count, pattern_count, digest_count, chain_count, image_count;
};

static int by_exact(const void *a, const void *b)
{
    return strcmp(((const struct exact *)a)->text, ((const struct exact *)b)->text);
}

static int by_wanted(const void *a, const void *b)
{
    return digest_cmp(&((const struct wanted *)a)->digest, &((const struct wanted *)b)->digest);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static int make_search(struct policy_judge *j, struct search *s, struct err *err)
{
    size_t bases = 0, digests = 0, chains = 0, images = 0;

    for (size_t r = 0; r < j->policy->rule_count; r++) {
        bases += j->policy->rules[r].bases.count;
        digests += j->policy->rules[r].digests.count;
        chains += j->policy->rules[r].chains.count;
        images += j->policy->rules[r].images.count;
    }
    s->names = arena_array(j->arena, bases, sizeof(*s->names), err);
    s->patterns = arena_array(j->arena, bases, sizeof(*s->patterns), err);
    s->digests = arena_array(j->arena, digests, sizeof(*s->digests), err);
    s->chains = arena_array(j->arena, chains, sizeof(*s->chains), err);
    s->images = arena_array(j->arena, images, sizeof(*s->images), err);
    return s->names != NULL && s->patterns != NULL && s->digests != NULL && s->chains != NULL &&
                   s->images != NULL
               ? 0
               : -1;
}

static void ask(struct policy_judge *j, struct search *s, uint32_t index)
{
    const struct policy_rule *rule = &j->policy->rules[index];

    for (size_t i = 0; i < rule->bases.count; i++) {
        struct exact e = {rule->bases.items[i], index};

        if (strpbrk(e.text, "*?") == NULL)
            s->names[s->name_count++] = e;
        else
            s->patterns[s->pattern_count++] = e;
    }
    for (size_t i = 0; i < rule->digests.count; i++)
        s->digests[s->digest_count++] = (struct wanted){rule->digests.items[i], index};
    for (size_t i = 0; i < rule->chains.count; i++)
        s->chains[s->chain_count++] = (struct wanted){rule->chains.items[i], index};
    for (size_t i = 0; i < rule->images.count; i++)
        s->images[s->image_count++] = (struct wanted){rule->images.items[i], index};
    j->asked[index] = (rule->bases.count > 0 ? WORD_OF_BASE : 0) |
                      (rule->digests.count > 0 ? WORD_OF_DIGEST : 0) |
                      (rule->chains.count > 0 ? WORD_OF_CHAIN : 0) |
                      (rule->images.count > 0 ? WORD_OF_IMAGE : 0);
}

static int ask_all(struct policy_judge *j, struct search *s, struct err *err)
{
    if (make_search(j, s, err) != 0)
        return -1;
    for (size_t r = 0; r < j->policy->rule_count; r++)
        ask(j, s, (uint32_t)r);
    if (s->name_count > 1)
        qsort(s->names, s->name_count, sizeof(*s->names), by_exact);
    if (s->digest_count > 1)
        qsort(s->digests, s->digest_count, sizeof(*s->digests), by_wanted);
    if (s->chain_count > 1)
        qsort(s->chains, s->chain_count, sizeof(*s->chains), by_wanted);
    if (s->image_count > 1)
        qsort(s->images, s->image_count, sizeof(*s->images), by_wanted);
    return 0;
}

/* The first of equal ones. */
static size_t find_name(const struct search *s, const char *text)
{
    size_t low = 0, high = s->name_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(s->names[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t find_wanted(const struct wanted *list, size_t count, const struct digest *digest)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (digest_cmp(&list[middle].digest, digest) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static int add_word(struct policy_judge *j, struct policy_word word, struct err *err)
{
    struct policy_word *list =
        fleet_room(j->arena, j->words, j->word_count, &j->word_cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    j->words = list;
    list[j->word_count++] = word;
    return 0;
}

/* Root's, where it said so by the time that is asked about; NULL: nobody did. */
static const struct fleet_first *first_of(const struct policy_judge *j,
                                          const struct fleet_said *said)
{
    int64_t known_at_s = j->facts->known_at_s;

    if (naming_is_known(&said->root, known_at_s))
        return &said->root;
    return naming_is_known(&said->user, known_at_s) ? &said->user : NULL;
}

static bool is_said_by_trusted(const struct policy_judge *j, size_t said)
{
    const struct policy_facts *facts = j->facts;
    const struct fleet_first *first[] = {&facts->f->said[said].root, &facts->f->said[said].user};

    if (facts->trusted_said != NULL)
        return facts->trusted_said[said];
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        const struct fleet_store *s =
            first[i]->store == FLEET_NONE ? NULL : &facts->f->stores[first[i]->store];

        if (s != NULL && catalogue_trusts_store(facts->catalogue, facts->f->hosts[s->host].name,
                                                s->root, s->owner))
            return true;
    }
    return false;
}

/* Layers that hold nothing are no boundary, whatever they are called: all images could begin with
 * them. */
static bool is_blank(const struct policy_judge *j, uint32_t chain)
{
    const struct fleet *f = j->facts->f;

    for (; chain != FLEET_NONE; chain = f->chains[chain].parent)
        if (!policy_layer_empty(j, f->chains[chain].layer))
            return false;
    return true;
}

static int add_base(struct policy_judge *j, struct policy_word word, struct err *err)
{
    if (policy_is_full(j, word.rule, word.claim))
        return 0;
    policy_keep(j, word.rule, word.claim);
    return add_word(j, word, err);
}

static int add_claim(struct policy_judge *j, const struct search *s,
                     const struct naming_claim *claim, struct err *err)
{
    struct policy_word word = {.place = claim->chain,
                               .kind = WORD_OF_BASE,
                               .counts = policy_claim_counts(claim),
                               .claim = claim,
                               .store = claim->store};

    for (size_t i = find_name(s, claim->name);
         i < s->name_count && strcmp(s->names[i].text, claim->name) == 0; i++) {
        word.rule = s->names[i].rule;
        if (add_base(j, word, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < s->pattern_count; i++) {
        word.rule = s->patterns[i].rule;
        if (!policy_is_full(j, word.rule, claim) &&
            catalogue_matches_name(s->patterns[i].text, claim->name) && add_base(j, word, err) != 0)
            return -1;
    }
    return 0;
}

/* All chains below one that counts carry it. */
static void mark_counting(struct policy_judge *j, uint32_t chain)
{
    const struct fleet_chain *chains = j->facts->f->chains;

    j->counts[chain] = true;
    for (uint32_t c = chains[chain].parent; c != FLEET_NONE && !j->carries[c]; c = chains[c].parent)
        j->carries[c] = true;
}

static int add_claims(struct policy_judge *j, const struct search *s, struct err *err)
{
    const struct naming *n = j->facts->lineage->naming;

    for (size_t i = 0; i < n->claim_count; i++) {
        const struct naming_claim *claim = &n->claims[i];

        if (policy_go_on(j, err) != 0)
            return -1;
        if (claim->chain == FLEET_NONE || is_blank(j, claim->chain))
            continue;
        if (policy_claim_counts(claim))
            mark_counting(j, claim->chain);
        if (add_claim(j, s, claim, err) != 0)
            return -1;
    }
    return 0;
}

static int add_digest(struct policy_judge *j, const struct search *s, uint32_t place,
                      const struct digest *digest, uint32_t store, bool counts, struct err *err)
{
    for (size_t i = find_wanted(s->digests, s->digest_count, digest);
         i < s->digest_count && digest_eq(&s->digests[i].digest, digest); i++)
        if (add_word(j,
                     (struct policy_word){.place = place,
                                          .rule = s->digests[i].rule,
                                          .kind = WORD_OF_DIGEST,
                                          .counts = counts,
                                          .digest = &s->digests[i].digest,
                                          .store = store},
                     err) != 0)
            return -1;
    return 0;
}

/* Where an image ends. One whose layers are the word of somebody who does not count says nothing of
 * what else lies there: it has a place of its own. */
static uint32_t place_of(const struct policy_judge *j, uint32_t image)
{
    const struct fleet *f = j->facts->f;
    const struct fleet_image *i = &f->images[image];

    return i->chain_count > 0 && j->image_counts[image] ? i->chains[i->chain_count - 1]
                                                        : (uint32_t)f->chain_count + image;
}

/* An image's ID is its content, and the catalogue is the operator's; that a manifest is of an image
 * is what a store says, or what the manifest itself does. */
static int add_digests(struct policy_judge *j, const struct search *s, struct err *err)
{
    const struct fleet *f = j->facts->f;
    const struct catalogue *c = j->facts->catalogue;

    if (s->digest_count == 0)
        return 0;
    for (uint32_t i = 0; i < f->image_count; i++)
        if (add_digest(j, s, place_of(j, i), &f->images[i].digest, FLEET_NONE, true, err) != 0)
            return -1;
    for (size_t i = 0; i < c->base_count; i++) {
        uint32_t chain = j->facts->lineage->naming->catalogue_chain[i];

        if (chain != FLEET_NONE &&
            add_digest(j, s, chain, &c->bases[i].digest, FLEET_NONE, true, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_said *said = &f->said[i];
        const struct fleet_first *first = first_of(j, said);

        if (first == NULL)
            continue;
        for (uint32_t d = 0; d < said->digests.count; d++) {
            const struct fleet_said_digest *digest = &f->said_digests[said->digests.first + d];

            if (!digest->disproved && add_digest(j, s, place_of(j, said->image), &digest->digest,
                                                 digest->proved ? FLEET_NONE : first->store,
                                                 digest->proved || j->said_counts[i], err) != 0)
                return -1;
        }
    }
    return 0;
}

static int add_chains(struct policy_judge *j, const struct search *s, struct err *err)
{
    const struct fleet *f = j->facts->f;

    if (s->chain_count == 0)
        return 0;
    for (uint32_t c = 0; c < f->chain_count; c++)
        for (size_t i = find_wanted(s->chains, s->chain_count, &f->chains[c].digest);
             i < s->chain_count && digest_eq(&s->chains[i].digest, &f->chains[c].digest); i++)
            if (add_word(j,
                         (struct policy_word){.place = c,
                                              .rule = s->chains[i].rule,
                                              .kind = WORD_OF_CHAIN,
                                              .counts = true,
                                              .digest = &f->chains[c].digest,
                                              .store = FLEET_NONE},
                         err) != 0)
                return -1;
    return 0;
}

/* An image that is meant by itself has a place that no other image has. */
static int add_images(struct policy_judge *j, const struct search *s, struct err *err)
{
    const struct fleet *f = j->facts->f;

    if (s->image_count == 0)
        return 0;
    for (uint32_t n = 0; n < f->image_count; n++)
        for (size_t i = find_wanted(s->images, s->image_count, &f->images[n].digest);
             i < s->image_count && digest_eq(&s->images[i].digest, &f->images[n].digest); i++)
            if (add_word(j,
                         (struct policy_word){.place = (uint32_t)f->chain_count + n,
                                              .rule = s->images[i].rule,
                                              .kind = WORD_OF_IMAGE,
                                              .counts = true,
                                              .digest = &s->images[i].digest,
                                              .store = FLEET_NONE},
                         err) != 0)
                return -1;
    return 0;
}

static bool is_named(const struct fleet *f, const struct fleet_said *said)
{
    for (uint32_t d = 0; said->names.count == 0 && d < said->digests.count; d++)
        if (!f->said_digests[said->digests.first + d].disproved)
            return true;
    return said->names.count > 0;
}

/* How old a chain is does not rest on who else has an image that ends there: only on those that a
 * trusted store names. */
static void find_dates(struct policy_judge *j)
{
    const struct fleet *f = j->facts->f;

    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_said *said = &f->said[i];
        const struct fleet_image *image = &f->images[said->image];
        const struct fleet_first *first = first_of(j, said);
        int64_t made_s = naming_made_s(image), *out;

        if (image->chain_count == 0 || first == NULL || !j->said_counts[i] ||
            !j->image_counts[said->image] || !is_named(f, said))
            continue;
        out = &j->made_s[naming_top(image)];
        if (made_s != 0 && (*out == 0 || made_s < *out))
            *out = made_s;
        out = &j->heard_s[naming_top(image)];
        if (first->at_s != 0 && (*out == 0 || first->at_s < *out))
            *out = first->at_s;
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct policy_word *x = a, *y = b;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->counts != y->counts)
        return x->counts ? -1 : 1;
    if (x->claim != y->claim) /* of one array: the strongest claim comes first */
        return x->claim < y->claim ? -1 : 1;
    return x->store < y->store ? -1 : x->store > y->store;
}

static int make_room(struct policy_judge *j, struct err *err)
{
    const struct fleet *f = j->facts->f;

    j->asked = arena_array(j->arena, j->policy->rule_count, sizeof(*j->asked), err);
    j->kept = arena_array(j->arena, j->policy->rule_count, sizeof(*j->kept), err);
    j->counts = arena_array(j->arena, f->chain_count, sizeof(bool), err);
    j->carries = arena_array(j->arena, f->chain_count, sizeof(bool), err);
    j->made_s = arena_array(j->arena, f->chain_count, sizeof(int64_t), err);
    j->heard_s = arena_array(j->arena, f->chain_count, sizeof(int64_t), err);
    j->said_counts = arena_array(j->arena, f->said_count, sizeof(bool), err);
    j->words_of = arena_array(j->arena, f->chain_count + f->image_count, sizeof(*j->words_of), err);
    return j->asked != NULL && j->kept != NULL && j->counts != NULL && j->carries != NULL &&
                   j->made_s != NULL && j->heard_s != NULL && j->said_counts != NULL &&
                   j->words_of != NULL
               ? 0
               : -1;
}

int policy_find_words(struct policy_judge *j, struct err *err)
{
    struct search s = {0};

    if (make_room(j, err) != 0)
        return -1;
    for (size_t i = 0; i < j->facts->f->said_count; i++)
        j->said_counts[i] = is_said_by_trusted(j, i) && first_of(j, &j->facts->f->said[i]) != NULL;
    if (ask_all(j, &s, err) != 0 || add_claims(j, &s, err) != 0 || add_digests(j, &s, err) != 0 ||
        add_chains(j, &s, err) != 0 || add_images(j, &s, err) != 0)
        return -1;
    find_dates(j);
    if (j->word_count > 1)
        qsort(j->words, j->word_count, sizeof(*j->words), by_place);
    policy_thin_words(j);
    for (size_t i = 0; i < j->word_count; i++) {
        struct fleet_run *run = &j->words_of[j->words[i].place];

        if (run->count++ == 0)
            run->first = (uint32_t)i;
    }
    return 0;
}
