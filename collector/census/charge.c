#include "collector/census/charge.h"

#include <stdlib.h>

/* One image's use of one layer; image is the fleet's image_count for nobody's copies. */
struct use {
    uint32_t layer, image;
    int64_t weight;
};

static int by_layer_then_image(const void *a, const void *b)
{
    const struct use *x = a, *y = b;

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->image < y->image ? -1 : x->image > y->image;
}

/* The part of `total` that falls to weights from `before` to `after` of `all`. Parts of neighbours
 * add up to the whole, as each ends where the next begins. */
static int64_t part(int64_t total, int64_t before, int64_t after, int64_t all)
{
    return (int64_t)((__int128)total * after / all - (__int128)total * before / all);
}

static void share(struct charge *to, const struct ledger_layer *l, int64_t before, int64_t after,
                  int64_t all)
{
    int64_t unique = part(l->unique, before, after, all);
    int64_t replicas = part(l->replicas, before, after, all);
    int64_t duplicates = part(l->duplicates, before, after, all);
    int64_t layout = part(l->layout, before, after, all);
    int64_t unsplit = part(l->unsplit, before, after, all);

    to->unique += unique;
    to->replicas += replicas;
    to->duplicates += duplicates;
    to->layout += layout;
    to->unsplit += unsplit;
    to->stored += unique + replicas + duplicates + layout + unsplit;
}

static void share_layer(struct charge *charges, const struct ledger_layer *l,
                        const struct use *uses, size_t count)
{
    int64_t all = 0, before = 0;

    for (size_t i = 0; i < count; i++)
        all += uses[i].weight;
    for (size_t i = 0; i < count && all > 0; i++) {
        share(&charges[uses[i].image], l, before, before + uses[i].weight, all);
        before += uses[i].weight;
    }
}

void charge_count_extras(int64_t *extras, const struct fleet *f, const struct copies *copies)
{
    for (size_t i = 0; i < copies->count; i++) {
        uint32_t layer = copies->list[i].layer;

        if (!copies->list[i].by_image)
            extras[layer == FLEET_NONE ? f->layer_count : layer]++;
    }
}

static size_t count_uses(const struct fleet *f, const struct standing *images)
{
    size_t count = f->layer_count + 1;

    for (size_t i = 0; i < f->image_count; i++)
        count += images[i].unpacked > 0 ? f->images[i].chain_count : 0;
    return count;
}

static size_t list_uses(struct use *uses, const struct fleet *f, const int64_t *extras,
                        const struct standing *images)
{
    uint32_t nobody = (uint32_t)f->image_count, no_layer = (uint32_t)f->layer_count;
    size_t count = 0;

    for (uint32_t i = 0; i < nobody; i++) {
        const struct fleet_image *image = &f->images[i];

        for (uint32_t p = 0; images[i].unpacked > 0 && p < image->chain_count; p++) {
            uint32_t layer = f->chains[image->chains[p]].layer;

            uses[count++] =
                (struct use){layer == FLEET_NONE ? no_layer : layer, i, images[i].unpacked};
        }
    }
    for (uint32_t i = 0; i <= no_layer; i++)
        if (extras[i] > 0)
            uses[count++] = (struct use){i, nobody, extras[i]};
    return count;
}

struct charge *charge_images(const struct fleet *f, const int64_t *extras,
                             const struct ledgers *ledgers, const struct standing *images,
                             struct arena *arena, struct err *err)
{
    struct charge *charges = arena_array(arena, f->image_count + 1, sizeof(*charges), err);
    struct use *uses = arena_array(arena, count_uses(f, images), sizeof(*uses), err);
    size_t count;

    if (charges == NULL || uses == NULL)
        return NULL;
    count = list_uses(uses, f, extras, images);
    qsort(uses, count, sizeof(*uses), by_layer_then_image);
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first; next < count && uses[next].layer == uses[first].layer; next++)
            ;
        share_layer(charges, &ledgers->layers[uses[first].layer], uses + first, next - first);
    }
    return charges;
}
