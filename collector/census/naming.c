#include "collector/census/naming.h"

#include <stdio.h>
#include <stdlib.h>

#include "collector/census/naming_private.h"
#include "common/imageref.h"

/*
 * Claims are drafted as they are said, gathered by chain where equal ones become one, then looked
 * at by name, and at last put into order. Every step is linear but for sorting within one chain or
 * one name.
 */

struct names {
    const struct fleet *f;
    const struct catalogue *c;
    const bool *trusted_said;
    int64_t known_at_s;
    struct arena *arena;
    struct naming *out;
    struct naming_draft *drafts;
    size_t count, cap;
    uint32_t *name_key;      /* by name of the fleet: one for all of one normal form */
    uint32_t *catalogue_key; /* by catalogue entry */
    size_t key_count;
};

/* ---- names ----------------------------------------------------------------------------------- */

static int by_normal_form(const void *a, const void *b, void *fleet)
{
    const struct fleet *f = fleet;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(f->names[x].normal, f->names[y].normal);

    return order != 0 ? order : (x > y) - (x < y);
}

/* Names that are spelled differently and have one normal form are one name. */
static int number_names(struct names *n, struct err *err)
{
    size_t count = n->f->name_count;
    uint32_t *list = arena_array(n->arena, count, sizeof(*list), err);

    n->name_key = arena_array(n->arena, count, sizeof(*n->name_key), err);
    if (list == NULL || n->name_key == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        list[i] = i;
    if (count > 1)
        qsort_r(list, count, sizeof(*list), by_normal_form, (void *)n->f);
    for (size_t i = 0; i < count; i++) {
        bool is_first =
            i == 0 || strcmp(n->f->names[list[i - 1]].normal, n->f->names[list[i]].normal) != 0;

        n->name_key[list[i]] = is_first ? list[i] : n->name_key[list[i - 1]];
    }
    return 0;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static int add_draft(struct names *n, const struct naming_draft *draft, struct err *err)
{
    struct naming_draft *list =
        fleet_room(n->arena, n->drafts, n->count, &n->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    n->drafts = list;
    list[n->count++] = *draft;
    return 0;
}

/* Whether a name in normal form is of this repository. */
static bool is_of(const char *name, const char *repository)
{
    size_t len = strlen(repository);

    return strncmp(name, repository, len) == 0 &&
           (name[len] == '\0' || name[len] == ':' || name[len] == '@');
}

static enum name_strength pulled_from(const struct names *n, const char *repository)
{
    return catalogue_trusts_repository(n->c, repository) ? NAME_TRUSTED : NAME_PULLED;
}

/* Among the digests that a store of root's lists with a name. */
static enum name_strength strength_of(const struct names *n, const struct fleet_said *said,
                                      const char *name)
{
    for (uint32_t i = 0; i < said->digests.count; i++) {
        const struct fleet_said_digest *d = &n->f->said_digests[said->digests.first + i];
        const char *repository = n->f->names[d->repository].normal;

        if (!d->disproved && is_of(name, repository))
            return pulled_from(n, repository);
    }
    return NAME_TAG;
}

enum name_strength naming_said_strength(const struct naming *n, const struct fleet *f,
                                        const struct catalogue *c, size_t said, const char *name,
                                        int64_t known_at_s)
{
    const struct names names = {.f = f, .c = c};
    const struct fleet_said *s = &f->said[said];

    if (n->trusted_said != NULL && n->trusted_said[said])
        return NAME_TRUSTED;
    if (naming_is_known(&s->root, known_at_s))
        return strength_of(&names, s, name);
    return naming_is_known(&s->user, known_at_s) ? NAME_SEEN : NAME_NONE;
}

/* What all names of one listing have in common; false where it says nothing yet. */
static bool begin(const struct names *n, size_t index, struct naming_draft *out)
{
    const struct fleet_said *said = &n->f->said[index];
    bool by_root = naming_is_known(&said->root, n->known_at_s);
    bool by_user = naming_is_known(&said->user, n->known_at_s);
    const struct fleet_first *first = by_root ? &said->root : &said->user;
    const struct fleet_image *image = &n->f->images[said->image];

    if ((!by_root && !by_user) || !naming_has_line(image, n->known_at_s))
        return false;
    *out = (struct naming_draft){.claim = {.chain = naming_top(image),
                                           .image = said->image,
                                           .strength = by_root ? NAME_TAG : NAME_SEEN,
                                           .other = FLEET_NONE,
                                           .first_s = first->at_s,
                                           .stores = said->stores,
                                           .store = first->store},
                                 .key = FLEET_NONE,
                                 .said = (uint32_t)index};
    if (n->trusted_said != NULL && n->trusted_said[index]) {
        out->claim.strength = NAME_TRUSTED;
        out->claim.for_policy = naming_is_proven(n->f, n->c, image);
    }
    return true;
}

static int draft_names(struct names *n, const struct fleet_said *said,
                       const struct naming_draft *common, struct err *err)
{
    for (uint32_t i = 0; i < said->names.count; i++) {
        uint32_t name = n->f->place_names[said->names.first + i];
        struct naming_draft draft = *common;

        draft.claim.name = n->f->names[name].normal;
        draft.key = strchr(draft.claim.name, '@') == NULL ? n->name_key[name] : FLEET_NONE;
        if (draft.claim.strength == NAME_TAG)
            draft.claim.strength = strength_of(n, said, draft.claim.name);
        if (add_draft(n, &draft, err) != 0)
            return -1;
    }
    return 0;
}

static int draft_digests(struct names *n, const struct fleet_said *said,
                         const struct naming_draft *common, struct err *err)
{
    for (uint32_t i = 0; i < said->digests.count; i++) {
        const struct fleet_said_digest *d = &n->f->said_digests[said->digests.first + i];
        const char *repository = n->f->names[d->repository].normal;
        char text[IMAGEREF_MAX + DIGEST_TEXT + 1], digest[DIGEST_TEXT];
        struct naming_draft draft = *common;

        if (d->disproved)
            continue;
        snprintf(text, sizeof(text), "%s@%s", repository, digest_text(&d->digest, digest));
        draft.claim.name = arena_text(n->arena, text, strlen(text), err);
        if (draft.claim.strength == NAME_TAG)
            draft.claim.strength = pulled_from(n, repository);
        if (draft.claim.name == NULL || add_draft(n, &draft, err) != 0)
            return -1;
    }
    return 0;
}

static int draft_said(struct names *n, struct err *err)
{
    for (size_t i = 0; i < n->f->said_count; i++) {
        const struct fleet_said *said = &n->f->said[i];
        struct naming_draft common;

        if (!begin(n, i, &common))
            continue;
        if (said->names.count > 0 ? draft_names(n, said, &common, err) != 0
                                  : draft_digests(n, said, &common, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- what the catalogue says ----------------------------------------------------------------- */

struct entry { /* of the catalogue, in the order of chains or of names */
    uint32_t index;
    const struct catalogue_base *base;
};

static int by_chain_digest(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return digest_cmp(&x->base->chain, &y->base->chain);
}

static int by_entry_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return strcmp(x->base->name, y->base->name);
}

/* The first of the sorted entries that is not below `key`. */
static size_t entry_at(const struct entry *list, size_t count, const struct catalogue_base *key,
                       int (*cmp)(const void *, const void *))
{
    struct entry wanted = {.base = key};
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (cmp(&list[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void find_chains(struct names *n, struct entry *list, size_t count)
{
    qsort(list, count, sizeof(*list), by_chain_digest);
    for (uint32_t i = 0; i < n->f->chain_count; i++) {
        struct catalogue_base key = {.chain = n->f->chains[i].digest};

        for (size_t at = entry_at(list, count, &key, by_chain_digest);
             at < count && digest_eq(&list[at].base->chain, &key.chain); at++)
            n->out->catalogue_chain[list[at].index] = i;
    }
}

/* Gives each entry the key of its name: that of the fleet's equal name, else one of its own. */
static void find_keys(struct names *n, struct entry *list, size_t count)
{
    qsort(list, count, sizeof(*list), by_entry_name);
    for (uint32_t i = 0; i < n->f->name_count; i++) {
        struct catalogue_base key = {.name = n->f->names[i].normal};

        for (size_t at = entry_at(list, count, &key, by_entry_name);
             at < count && strcmp(list[at].base->name, key.name) == 0; at++)
            n->catalogue_key[list[at].index] = n->name_key[i];
    }
    for (size_t at = 0; at < count; at++) {
        uint32_t *key = &n->catalogue_key[list[at].index];
        bool is_first = at == 0 || by_entry_name(&list[at - 1], &list[at]) != 0;

        if (*key == FLEET_NONE)
            *key = is_first ? (uint32_t)n->key_count++ : n->catalogue_key[list[at - 1].index];
    }
}

static int draft_entry(struct names *n, uint32_t index, struct err *err)
{
    const struct catalogue_base *base = &n->c->bases[index];
    struct naming_draft draft = {.claim = {.chain = n->out->catalogue_chain[index],
                                           .image = FLEET_NONE,
                                           .name = base->name,
                                           .strength = NAME_CATALOGUE,
                                           .for_policy = true,
                                           .other = FLEET_NONE,
                                           .first_s = base->added_s,
                                           .store = FLEET_NONE},
                                 .key = strchr(base->name, '@') == NULL ? n->catalogue_key[index]
                                                                        : FLEET_NONE,
                                 .said = FLEET_NONE,
                                 .platform = base->platform,
                                 .made_s = naming_believed_s(base->created_s, base->added_s)};

    if (n->known_at_s != 0 && base->added_s > n->known_at_s)
        return 0;
    return add_draft(n, &draft, err);
}

/* The first entry of each chain, and before it the first that says something of the family. */
static int find_entries(struct names *n, struct err *err)
{
    const struct catalogue_base *bases = n->c->bases;
    uint32_t *entry = arena_array(n->arena, n->f->chain_count, sizeof(*entry), err);

    if (entry == NULL)
        return -1;
    for (size_t i = 0; i < n->f->chain_count; i++)
        entry[i] = FLEET_NONE;
    for (uint32_t i = 0; i < n->c->base_count; i++) {
        uint32_t chain = n->out->catalogue_chain[i];

        if (chain != FLEET_NONE &&
            (entry[chain] == FLEET_NONE ||
             (bases[entry[chain]].family[0] == '\0' && bases[i].family[0] != '\0')))
            entry[chain] = i;
    }
    n->out->entry = entry;
    return 0;
}

static int draft_catalogue(struct names *n, struct err *err)
{
    size_t count = n->c->base_count;
    struct entry *list = arena_array(n->arena, count, sizeof(*list), err);

    n->key_count = n->f->name_count;
    n->out->catalogue_chain = arena_array(n->arena, count, sizeof(uint32_t), err);
    n->catalogue_key = arena_array(n->arena, count, sizeof(uint32_t), err);
    if (list == NULL || n->out->catalogue_chain == NULL || n->catalogue_key == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (struct entry){i, &n->c->bases[i]};
        n->out->catalogue_chain[i] = n->catalogue_key[i] = FLEET_NONE;
    }
    if (count > 0) {
        find_chains(n, list, count);
        find_keys(n, list, count);
    }
    if (find_entries(n, err) != 0)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        if (draft_entry(n, i, err) != 0)
            return -1;
    return 0;
}

/* ---- equal claims become one ----------------------------------------------------------------- */

static int by_name_then_strength(const void *a, const void *b)
{
    const struct naming_draft *x = a, *y = b;
    int order;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    order = x->key == FLEET_NONE ? strcmp(x->claim.name, y->claim.name) : 0;
    if (order != 0)
        return order;
    if (x->claim.strength != y->claim.strength)
        return x->claim.strength > y->claim.strength ? -1 : 1;
    if (x->claim.first_s != y->claim.first_s)
        return x->claim.first_s < y->claim.first_s ? -1 : 1;
    if (x->claim.image != y->claim.image)
        return x->claim.image < y->claim.image ? -1 : 1;
    return (x->said > y->said) - (x->said < y->said);
}

static bool is_same_name(const struct naming_draft *a, const struct naming_draft *b)
{
    return a->key == b->key && (a->key != FLEET_NONE || strcmp(a->claim.name, b->claim.name) == 0);
}

/* Adds a weaker claim to an equal one; a listing may say one name in several forms, which follow
 * each other, and its stores count once. What only a user's own store says gives no date, image or
 * platform: else he could make any version look older, or newer, than it is. */
static void merge(struct naming_draft *into, const struct naming_draft *more)
{
    struct naming_claim *claim = &into->claim;
    const struct naming_claim *other = &more->claim;

    claim->for_policy = claim->for_policy || other->for_policy;
    if (into->said != more->said)
        claim->stores += other->stores;
    into->said = more->said;
    if (other->strength == NAME_SEEN && claim->strength != NAME_SEEN)
        return;
    if (claim->image == FLEET_NONE)
        claim->image = other->image;
    if (into->made_s == 0)
        into->made_s = more->made_s;
    if (claim->store == FLEET_NONE ||
        (other->store != FLEET_NONE && other->first_s < claim->first_s))
        claim->store = other->store;
    if (other->first_s < claim->first_s)
        claim->first_s = other->first_s;
}

/* Puts the drafts into the order of their chains, those without one last. Returns where each chain
 * begins, those without one as one more, and the end; NULL on failure. */
static size_t *sort_by_chain(struct names *n, struct err *err)
{
    size_t chains = n->f->chain_count;
    struct naming_draft *sorted = arena_array(n->arena, n->count, sizeof(*sorted), err);
    size_t *starts = arena_array(n->arena, chains + 2, sizeof(*starts), err);
    size_t *next = arena_array(n->arena, chains + 1, sizeof(*next), err);

    if (sorted == NULL || starts == NULL || next == NULL)
        return NULL;
    for (size_t i = 0; i < n->count; i++)
        starts[(n->drafts[i].claim.chain == FLEET_NONE ? chains : n->drafts[i].claim.chain) + 1]++;
    for (size_t c = 0; c <= chains; c++) {
        next[c] = starts[c];
        starts[c + 1] += starts[c];
    }
    for (size_t i = 0; i < n->count; i++) {
        uint32_t chain = n->drafts[i].claim.chain;

        sorted[next[chain == FLEET_NONE ? chains : chain]++] = n->drafts[i];
    }
    n->drafts = sorted;
    return starts;
}

/* Makes the drafts of one chain, from `from` up to `end`, distinct behind the first `kept`. */
static size_t merge_run(struct naming_draft *drafts, size_t from, size_t end, size_t kept)
{
    size_t first = kept;

    qsort(drafts + from, end - from, sizeof(*drafts), by_name_then_strength);
    for (size_t i = from; i < end; i++) {
        if (kept > first && is_same_name(&drafts[kept - 1], &drafts[i]))
            merge(&drafts[kept - 1], &drafts[i]);
        else
            drafts[kept++] = drafts[i];
    }
    return kept;
}

/* Gives each chain its run of distinct claims. What the catalogue says of chains that no host has
 * stays behind the last run, for its names' sake. */
static int merge_equal(struct names *n, struct err *err)
{
    size_t chains = n->f->chain_count, kept = 0, more;
    size_t *starts = sort_by_chain(n, err);

    n->out->of_chain = arena_array(n->arena, chains, sizeof(*n->out->of_chain), err);
    if (starts == NULL || n->out->of_chain == NULL)
        return -1;
    for (size_t c = 0; c < chains; c++) {
        size_t first = kept;

        kept = merge_run(n->drafts, starts[c], starts[c + 1], kept);
        n->out->of_chain[c] = (struct fleet_run){(uint32_t)first, (uint32_t)(kept - first)};
    }
    n->out->claim_count = kept;
    more = n->count - starts[chains];
    memmove(n->drafts + kept, n->drafts + starts[chains], more * sizeof(*n->drafts));
    n->count = kept + more;
    return 0;
}

/* ---- the order that they are told in --------------------------------------------------------- */

static int by_strength_then_name(const void *a, const void *b)
{
    const struct naming_claim *x = a, *y = b;

    if (x->strength != y->strength)
        return x->strength > y->strength ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int put_in_order(struct names *n, struct err *err)
{
    struct naming *out = n->out;

    out->claims = arena_array(n->arena, out->claim_count, sizeof(*out->claims), err);
    if (out->claims == NULL)
        return -1;
    for (size_t i = 0; i < out->claim_count; i++)
        out->claims[i] = n->drafts[i].claim;
    for (uint32_t c = 0; c < n->f->chain_count; c++) {
        const struct fleet_run *run = &out->of_chain[c];

        if (run->count > 1)
            qsort(out->claims + run->first, run->count, sizeof(*out->claims),
                  by_strength_then_name);
    }
    return naming_find_titles(out, n->f->chain_count, n->arena, err);
}

int naming_compute(struct naming *out, const struct fleet *f, const struct catalogue *c,
                   const bool *trusted_said, int64_t known_at_s, struct arena *arena,
                   struct err *err)
{
    struct names n = {.f = f,
                      .c = c,
                      .trusted_said = trusted_said,
                      .known_at_s = known_at_s,
                      .arena = arena,
                      .out = out};

    *out = (struct naming){.trusted_said = trusted_said};
    if (number_names(&n, err) != 0 || draft_catalogue(&n, err) != 0 || draft_said(&n, err) != 0 ||
        merge_equal(&n, err) != 0 ||
        naming_settle(n.drafts, n.count, n.key_count, f, arena, err) != 0)
        return -1;
    return put_in_order(&n, err);
}

const struct naming_claim *naming_claim_of(const struct naming *n, uint32_t chain, const char *name)
{
    const struct fleet_run *run = &n->of_chain[chain];

    for (enum name_strength s = NAME_CATALOGUE; s > NAME_NONE; s--) {
        struct naming_claim wanted = {.strength = s, .name = name};
        const struct naming_claim *found =
            run->count == 0 ? NULL
                            : bsearch(&wanted, n->claims + run->first, run->count,
                                      sizeof(*n->claims), by_strength_then_name);

        if (found != NULL)
            return found;
    }
    return NULL;
}
