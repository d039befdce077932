/* Which origins have the patterns of which rules. Any number of images may have a layer in common,
 * and hosts may give that any number of origins: those are gone through once for all images. */
#include <stdlib.h>

#include "collector/census/policy_private.h"

static bool has_name(const struct policy_words *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (catalogue_matches_name(patterns->items[i], name))
            return true;
    return false;
}

static int by_of(const void *a, const void *b)
{
    const struct policy_origin_fit *x = a, *y = b;

    if (x->of != y->of)
        return x->of < y->of ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

/* Of the origins of one image or layer the first that has a pattern of the rule is kept, and the
 * first of those that counts. */
static int fit(struct policy_judge *j, struct policy_origin_fits *fits, uint32_t rule,
               const struct policy_origin *list, size_t count, struct err *err)
{
    struct policy_origin_fit found = {.of = list[0].of, .rule = rule};
    struct policy_origin_fit *room;

    for (size_t i = 0; i < count && found.counting == NULL; i++) {
        if (policy_go_on(j, err) != 0)
            return -1;
        if ((found.any != NULL && !list[i].counts) ||
            !has_name(&j->policy->rules[rule].origins, j->facts->f->names[list[i].name].text))
            continue;
        if (found.any == NULL)
            found.any = &list[i];
        if (list[i].counts)
            found.counting = &list[i];
    }
    if (found.any == NULL)
        return 0;
    room = fleet_room(j->arena, fits->list, fits->count, &fits->cap, sizeof(*room), err);
    if (room == NULL)
        return -1;
    fits->list = room;
    room[fits->count++] = found;
    return 0;
}

static int fit_all(struct policy_judge *j, struct policy_origin_fits *fits,
                   const struct policy_origin *list, size_t count, struct err *err)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end].of == list[i].of;)
            end++;
        for (uint32_t r = 0; r < j->policy->rule_count; r++)
            if (j->policy->rules[r].origins.count > 0 &&
                fit(j, fits, r, list + i, end - i, err) != 0)
                return -1;
    }
    return 0;
}

int policy_fit_origins(struct policy_judge *j, struct err *err)
{
    const struct policy_facts *facts = j->facts;

    return fit_all(j, &j->image_origins, facts->image_origins, facts->image_origin_count, err) == 0
               ? fit_all(j, &j->layer_origins, facts->layer_origins, facts->layer_origin_count, err)
               : -1;
}

static const struct policy_origin *find(const struct policy_origin_fits *fits, uint32_t of,
                                        uint32_t rule, bool seen)
{
    const struct policy_origin_fit key = {.of = of, .rule = rule};
    const struct policy_origin_fit *found =
        fits->count > 0 ? bsearch(&key, fits->list, fits->count, sizeof(key), by_of) : NULL;

    if (found == NULL)
        return NULL;
    return seen ? found->any : found->counting;
}

const struct policy_origin *policy_find_origin(const struct policy_judge *j,
                                               const struct policy_subject *s,
                                               const struct policy_rule *rule, bool seen,
                                               bool *of_image)
{
    uint32_t index = (uint32_t)(rule - j->policy->rules);
    const struct policy_origin *found = find(&j->image_origins, s->image, index, seen);

    *of_image = found != NULL;
    for (uint32_t p = 0; found == NULL && p < s->place_count; p++) {
        uint32_t layer = j->facts->f->chains[s->places[p]].layer;

        if (layer != FLEET_NONE)
            found = find(&j->layer_origins, layer, index, seen);
    }
    return found;
}
