#include "collector/census/counted.h"

/* ---- standing -------------------------------------------------------------------------------- */

static void place_listings(struct standing *list, const struct counted *c)
{
    for (size_t i = 0; i < c->listing_count; i++) {
        const struct counted_listing *l = &c->listings[i];
        struct standing *s = &list[l->image];

        if (l->stores == 0)
            continue;
        s->stores += (uint32_t)l->stores;
        s->unpacked += l->unpacked ? (uint32_t)l->stores : 0;
        if (l->name_count > 0)
            s->kind = IMAGE_NAMED;
    }
}

static void place_image(struct standing *s, const struct counted_image *image)
{
    s->hosts = s->stores - (uint32_t)image->again;
    s->containers = (uint32_t)image->containers;
    s->running = (uint32_t)image->running;
    s->run_unknown = (uint32_t)image->run_unknown;
    if (s->stores > 0 && s->kind != IMAGE_NAMED)
        s->kind = image->parent_in > 0 ? IMAGE_INTERMEDIATE : IMAGE_DANGLING;
}

static size_t list_names(struct standing_name *pairs, const struct counted *c,
                         const struct fleet *f)
{
    size_t count = 0;

    for (size_t i = 0; i < c->listing_count; i++) {
        const struct counted_listing *l = &c->listings[i];

        for (uint32_t n = 0; l->stores > 0 && n < l->name_count; n++)
            pairs[count++] =
                (struct standing_name){l->image, l->names[n], f->names[l->names[n]].text};
    }
    return count;
}

struct standing *counted_standing(const struct counted *c, const struct fleet *f,
                                  struct arena *arena, struct err *err)
{
    struct standing *list = arena_array(arena, f->image_count, sizeof(*list), err);
    struct standing_name *pairs;
    size_t name_count = 0;

    for (size_t i = 0; i < c->listing_count; i++)
        name_count += c->listings[i].name_count;
    pairs = arena_array(arena, name_count, sizeof(*pairs), err);
    if (list == NULL || pairs == NULL)
        return NULL;
    place_listings(list, c);
    for (size_t i = 0; i < f->image_count; i++)
        place_image(&list[i], &c->images[i]);
    return standing_set_names(list, pairs, list_names(pairs, c, f), arena, err) == 0 ? list : NULL;
}

/* ---- ledgers --------------------------------------------------------------------------------- */

/* Copies that are not measured stand with their nominal size, where that is known. */
static void book_chain(struct ledgers *out, const struct fleet *f, size_t index,
                       const struct counted_chain *c)
{
    uint32_t layer = f->chains[index].layer;
    int64_t nominal = fleet_nominal(f, layer), others = c->copies - c->measured;
    struct ledger_layer *to = &out->layers[layer == FLEET_NONE ? f->layer_count : layer];
    struct ledger *l = &out->fleet;
    int64_t stored = c->allocated_bytes;

    if (nominal != FLEET_UNKNOWN)
        ledger_add(l, &stored, ledger_times(l, others, nominal));
    l->overflow = l->overflow || c->allocated_bytes < 0; /* a sum past 63 bits came out so */
    out->chains[index] = (struct ledger_chain){c->copies, stored};
    out->missing += c->missing;
    to->copies += c->copies;
    to->measured += c->measured;
    ledger_add(l, &to->stored, stored);
    ledger_add(l, &l->stored, stored);
    l->copies += c->copies;
    l->measured += c->measured;
    *(nominal != FLEET_UNKNOWN ? &l->estimated : &l->unknown) += others;
}

/* Every host's first copy of a layer is none of those that it has again. */
static void book_layer(struct ledger_layer *to, const struct counted_layer *layer)
{
    to->hosts = to->copies;
    for (int i = 0; i < LEDGER_CAUSES; i++) {
        to->cause_copies[i] = layer->again[i];
        to->hosts -= layer->again[i];
    }
}

static void book_spaces(struct ledger *l, const struct counted *c)
{
    l->blobs_kept = c->blobs_kept;
    l->blobs_only = c->blobs_only;
    l->orphans = c->orphans;
    l->upper_bound = c->upper_bounds > 0;
    l->overflow = l->overflow || c->blobs_kept < 0 || c->blobs_only < 0 || c->orphans < 0;
    ledger_add(l, &l->stored, c->blobs_kept);
    ledger_add(l, &l->stored, c->blobs_only);
    ledger_add(l, &l->stored, c->orphans);
}

int counted_ledgers(struct ledgers *out, const struct counted *c, const struct fleet *f,
                    struct arena *arena, struct err *err)
{
    if (ledger_open(out, f, arena, err) != 0)
        return -1;
    for (size_t i = 0; i < f->chain_count; i++)
        book_chain(out, f, i, &c->chains[i]);
    for (size_t i = 0; i < f->layer_count; i++)
        book_layer(&out->layers[i], &c->layers[i]);
    book_spaces(&out->fleet, c);
    ledger_derive(out, f);
    return 0;
}
