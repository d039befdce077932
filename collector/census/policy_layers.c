#include "collector/census/naming_private.h"
#include "collector/census/policy_private.h"

int policy_find_trusted(struct policy_judge *j, struct err *err)
{
    const struct fleet *f = j->facts->f;

    j->host_counts = arena_array(j->arena, f->host_count, sizeof(bool), err);
    j->image_counts = arena_array(j->arena, f->image_count, sizeof(bool), err);
    if (j->host_counts == NULL || j->image_counts == NULL)
        return -1;
    for (uint32_t h = 0; h < f->host_count; h++)
        j->host_counts[h] = naming_trusts_host(f, j->facts->catalogue, h);
    for (size_t i = 0; i < f->image_count; i++)
        j->image_counts[i] = naming_is_proven(f, j->facts->catalogue, &f->images[i]);
    return 0;
}

bool policy_is_unjudged(const struct policy_judge *j, uint32_t image)
{
    return policy_is_no_image(&j->facts->f->images[image]) && j->image_counts[image];
}

bool policy_layer_counts(const struct policy_judge *j, uint32_t layer)
{
    const struct fleet_layer *l;

    if (layer == FLEET_NONE)
        return false;
    l = &j->facts->f->layers[layer];
    if (l->of_user)
        return false;
    return l->state == FACT_CONFIRMED ||
           (l->state == FACT_REPORTED && l->said_by != FLEET_NONE && j->host_counts[l->said_by]);
}

bool policy_layer_empty(const struct policy_judge *j, uint32_t layer)
{
    return policy_layer_counts(j, layer) ? fleet_layer_empty(j->facts->f, layer)
                                         : fleet_layer_empty_tar(j->facts->f, layer);
}
