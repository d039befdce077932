#include <stdlib.h>

#include "collector/census/platforms.h"

/* The images of one platform: neighbours in the list of all. */
struct group {
    const struct fleet_image *like;
    uint32_t first, count;
    uint32_t hosts; /* of the image of it that most hosts have */
};

static int by_platform(const void *a, const void *b, void *arg)
{
    const struct fleet *f = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = platforms_cmp(&f->images[x], &f->images[y]);

    return order != 0 ? order : (x > y) - (x < y);
}

static int by_spread(const void *a, const void *b)
{
    const struct group *x = a, *y = b;

    if (x->hosts != y->hosts)
        return x->hosts > y->hosts ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return platforms_cmp(x->like, y->like);
}

static int by_like(const void *a, const void *b)
{
    return platforms_cmp(((const struct group *)a)->like, ((const struct group *)b)->like);
}

/* Fills the sorted list of those images that are in a row. */
static uint32_t list_images(const struct fleet *f, const uint32_t *row_of, uint32_t *list)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < f->image_count; i++)
        if (row_of[i] != FLEET_NONE)
            list[count++] = i;
    if (count > 1)
        qsort_r(list, count, sizeof(*list), by_platform, (void *)f);
    return count;
}

static uint32_t make_groups(struct group *groups, const struct fleet *f,
                            const struct standing *images, const uint32_t *list, uint32_t count)
{
    uint32_t made = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct fleet_image *image = &f->images[list[i]];
        struct group *g;

        if (made == 0 || platforms_cmp(groups[made - 1].like, image) != 0)
            groups[made++] = (struct group){.like = image, .first = i};
        g = &groups[made - 1];
        g->count++;
        if (images[list[i]].hosts > g->hosts)
            g->hosts = images[list[i]].hosts;
    }
    return made;
}

static void take(struct platforms_list *out, const struct group *group, uint32_t platform,
                 const uint32_t *list)
{
    for (uint32_t i = group->first; i < group->first + group->count; i++)
        out->of_image[list[i]] = platform;
}

int platforms_list(struct platforms_list *out, const struct fleet *f, const struct standing *images,
                   const uint32_t *row_of, uint32_t most, struct arena *arena, struct err *err)
{
    uint32_t *list = arena_array(arena, f->image_count, sizeof(*list), err), groups_made;
    struct group *groups = arena_array(arena, f->image_count, sizeof(*groups), err);
    const struct fleet_image *rarest = NULL;
    uint32_t rest = 0;

    *out = (struct platforms_list){0};
    out->of_image = arena_array(arena, f->image_count, sizeof(*out->of_image), err);
    out->likes = arena_array(arena, most, sizeof(*out->likes), err);
    if (list == NULL || groups == NULL || out->of_image == NULL || out->likes == NULL)
        return -1;
    groups_made = make_groups(groups, f, images, list, list_images(f, row_of, list));
    out->count = groups_made < most ? groups_made : most;
    if (groups_made > most) {
        qsort(groups, groups_made, sizeof(*groups), by_spread);
        rarest = groups[most - 1].like;
        qsort(groups, most, sizeof(*groups), by_like);
    }
    for (uint32_t g = 0; g < out->count; g++) {
        out->likes[g] = groups[g].like;
        take(out, &groups[g], g, list);
        if (groups[g].like == rarest)
            rest = g;
    }
    for (uint32_t g = out->count; g < groups_made; g++)
        take(out, &groups[g], rest, list);
    return 0;
}
