/* Which exceptions are of which images. Many images may end at one chain, and each may have many
 * names: what a chain's names fulfil is found once for all of them. */
#include <stdlib.h>
#include <string.h>

#include "collector/census/policy_private.h"

/* What exceptions ask for, ready to be looked up. */
struct asked {
    struct policy_judge *j;
    uint32_t *names; /* exceptions by a name, sorted by it */
    uint32_t *patterns;
    size_t name_count, pattern_count;
    size_t *found; /* by exception: index + 1 of what it was found as last, in j->excusing */
    size_t first;  /* of what was found for the chain that is looked at */
};

static int by_exception(const void *a, const void *b)
{
    const struct policy_excusing *x = a, *y = b;

    return (x->exception > y->exception) - (x->exception < y->exception);
}

static int make_room(struct asked *a, struct err *err)
{
    struct policy_judge *j = a->j;
    size_t count = j->policy->exception_count;

    j->excepted_ids = arena_array(j->arena, count, sizeof(*j->excepted_ids), err);
    j->excusing_of = arena_array(j->arena, j->facts->f->chain_count, sizeof(*j->excusing_of), err);
    a->names = arena_array(j->arena, count, sizeof(*a->names), err);
    a->patterns = arena_array(j->arena, count, sizeof(*a->patterns), err);
    a->found = arena_array(j->arena, count, sizeof(*a->found), err);
    return j->excepted_ids != NULL && j->excusing_of != NULL && a->names != NULL &&
                   a->patterns != NULL && a->found != NULL
               ? 0
               : -1;
}

static int by_name(const void *a, const void *b, void *arg)
{
    const struct policy_exception *list = arg;

    return strcmp(list[*(const uint32_t *)a].image, list[*(const uint32_t *)b].image);
}

static void ask_all(struct asked *a)
{
    const struct policy *policy = a->j->policy;

    for (size_t i = 0; i < policy->exception_count; i++) {
        const char *image = policy->exceptions[i].image;

        if (digest_parse(&a->j->excepted_ids[i], image, strlen(image), false, NULL) == 0)
            continue;
        a->j->excepted_ids[i] = (struct digest){{0}};
        if (strpbrk(image, "*?") == NULL)
            a->names[a->name_count++] = (uint32_t)i;
        else
            a->patterns[a->pattern_count++] = (uint32_t)i;
    }
    if (a->name_count > 1)
        qsort_r(a->names, a->name_count, sizeof(*a->names), by_name, policy->exceptions);
}

/* The first in the order of names that is not before this one. */
static size_t find_name(const struct asked *a, const char *name)
{
    size_t low = 0, high = a->name_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(a->j->policy->exceptions[a->names[middle]].image, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the chain's names the first is kept, and the first that counts. */
static int find(struct asked *a, uint32_t exception, const struct naming_claim *claim,
                struct err *err)
{
    struct policy_judge *j = a->j;
    struct policy_excusing *list;

    if (a->found[exception] <= a->first) {
        list = fleet_room(j->arena, j->excusing, j->excusing_count, &j->excusing_cap, sizeof(*list),
                          err);
        if (list == NULL)
            return -1;
        j->excusing = list;
        list[j->excusing_count++] = (struct policy_excusing){.exception = exception, .any = claim};
        a->found[exception] = j->excusing_count;
    }
    list = &j->excusing[a->found[exception] - 1];
    if (list->counting == NULL && policy_claim_counts(claim))
        list->counting = claim;
    return 0;
}

static bool is_settled(const struct asked *a, uint32_t exception)
{
    return a->found[exception] > a->first &&
           a->j->excusing[a->found[exception] - 1].counting != NULL;
}

static int look_up(struct asked *a, const struct naming_claim *claim, struct err *err)
{
    const struct policy_exception *exceptions = a->j->policy->exceptions;

    if (policy_go_on(a->j, err) != 0)
        return -1;
    for (size_t i = find_name(a, claim->name);
         i < a->name_count && strcmp(exceptions[a->names[i]].image, claim->name) == 0; i++)
        if (find(a, a->names[i], claim, err) != 0)
            return -1;
    for (size_t i = 0; i < a->pattern_count; i++)
        if (!is_settled(a, a->patterns[i]) &&
            catalogue_matches_name(exceptions[a->patterns[i]].image, claim->name) &&
            find(a, a->patterns[i], claim, err) != 0)
            return -1;
    return 0;
}

int policy_find_exceptions(struct policy_judge *j, struct err *err)
{
    const struct naming *n = j->facts->lineage->naming;
    struct asked a = {.j = j};

    if (make_room(&a, err) != 0)
        return -1;
    ask_all(&a);
    if (a.name_count + a.pattern_count == 0)
        return 0;
    for (uint32_t c = 0; c < j->facts->f->chain_count; c++) {
        const struct fleet_run *run = &n->of_chain[c];
        size_t count;

        a.first = j->excusing_count;
        for (uint32_t i = 0; i < run->count; i++)
            if (look_up(&a, &n->claims[run->first + i], err) != 0)
                return -1;
        count = j->excusing_count - a.first;
        if (count > 1)
            qsort(j->excusing + a.first, count, sizeof(*j->excusing), by_exception);
        j->excusing_of[c] = (struct fleet_run){(uint32_t)a.first, (uint32_t)count};
    }
    return 0;
}

bool policy_excepts(const struct policy_judge *j, const struct policy_exception *e, uint32_t image,
                    bool seen, const struct naming_claim **claim)
{
    const struct fleet_image *i = &j->facts->f->images[image];
    struct policy_excusing key = {.exception = (uint32_t)(e - j->policy->exceptions)};
    const struct policy_excusing *found;
    const struct fleet_run *run;

    *claim = NULL;
    if (!digest_is_zero(&i->digest) && digest_eq(&j->excepted_ids[key.exception], &i->digest))
        return true;
    if (i->chain_count == 0)
        return false;
    run = &j->excusing_of[i->chains[i->chain_count - 1]];
    if (run->count == 0)
        return false;
    found = bsearch(&key, j->excusing + run->first, run->count, sizeof(key), by_exception);
    if (found != NULL)
        *claim = seen ? found->any : found->counting;
    return *claim != NULL;
}
