#include "collector/census/bases.h"

#include <stdio.h>
#include <string.h>

#define PLATFORMS_MAX 256 /* bytes of the joined text; more are cut */

/* What the present images say about one chain. */
struct passage {
    bool named;     /* a named image ends here */
    bool stood_on;  /* another image's line goes on from here */
    bool is_shared; /* as a genesis: images of different chains begin with it */
    uint32_t line;  /* as a genesis: the first whole chain seen that begins with it, + 1 */
    uint32_t base;  /* index + 1 of the base that ends here */
    uint32_t up_to; /* chain + 1 of a named core build whose line begins with this chain */
};

struct lines {
    struct bases *out;
    const struct fleet *f;
    const struct standing *images;
    struct arena *arena;
    struct passage *passages; /* by chain */
    size_t cap;
    uint32_t scratch; /* index + 1 of its base */
};

static bool is_known(const struct lines *l, uint32_t image)
{
    return l->images[image].kind != IMAGE_ABSENT && l->f->images[image].parsed == PARSED_READ;
}

/* The position of the first layer that is not empty; chain_count where there is none. */
static uint32_t genesis(const struct fleet *f, const struct fleet_image *image)
{
    uint32_t p = 0;

    while (p < image->chain_count && fleet_layer_empty(f, f->chains[image->chains[p]].layer))
        p++;
    return p;
}

static bool is_last_content(const struct fleet *f, const struct fleet_image *image, uint32_t p)
{
    while (++p < image->chain_count)
        if (!fleet_layer_empty(f, f->chains[image->chains[p]].layer))
            return false;
    return true;
}

/* Marks where named images end and which chains others stand on. */
static void mark_passages(struct lines *l)
{
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        const struct fleet_image *image = &l->f->images[i];
        uint32_t first = genesis(l->f, image), top;
        struct passage *start;

        if (!is_known(l, i) || first == image->chain_count)
            continue;
        top = image->chains[image->chain_count - 1];
        start = &l->passages[image->chains[first]];
        start->is_shared = start->is_shared || (start->line != 0 && start->line != top + 1);
        start->line = top + 1;
        l->passages[top].named |= l->images[i].kind == IMAGE_NAMED;
        for (uint32_t p = first; p + 1 < image->chain_count; p++)
            l->passages[image->chains[p]].stood_on = true;
    }
}

static int new_base(struct lines *l, enum base_kind kind, uint32_t chain, uint32_t layer,
                    uint32_t *index, struct err *err)
{
    struct base *list =
        fleet_room(l->arena, l->out->list, l->out->count, &l->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    l->out->list = list;
    list[l->out->count] = (struct base){
        .kind = kind, .chain = chain, .genesis_layer = layer, .platforms = "", .os_release = ""};
    l->out->named += kind == BASE_NAMED;
    l->out->unnamed += kind == BASE_UNNAMED;
    *index = ++l->out->count;
    return 0;
}

/* Decides where the core build of an image ends. */
static enum base_kind find_core(const struct lines *l, uint32_t i, uint32_t first, uint32_t *chain)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t count = image->chain_count, layer;
    const char *os;

    for (uint32_t p = first; p < count; p++) {
        const struct passage *at = &l->passages[image->chains[p]];

        *chain = image->chains[p];
        if (at->named && (p + 1 < count || at->stood_on))
            return BASE_NAMED;
    }
    if (first == count)
        return BASE_SCRATCH;
    layer = l->f->chains[image->chains[first]].layer;
    os = layer == FLEET_NONE ? NULL : l->f->layers[layer].os_release;
    if (os != NULL && *os != '\0' && l->images[i].kind == IMAGE_NAMED &&
        is_last_content(l->f, image, first))
        return BASE_NAMED; /* *chain is the image's own */
    *chain = image->chains[first];
    if ((os != NULL && *os != '\0') || l->passages[*chain].is_shared)
        return BASE_UNNAMED;
    return BASE_SCRATCH;
}

/* An image without a name that a named core build was built over (a step of its own making) belongs
 * to that core build. */
static bool is_step_of_core(const struct lines *l, uint32_t i, uint32_t *chain)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t up_to;

    if (l->images[i].kind == IMAGE_NAMED || image->chain_count == 0)
        return false;
    up_to = l->passages[image->chains[image->chain_count - 1]].up_to;
    *chain = up_to - 1;
    return up_to != 0;
}

/* The chains below each named core build. Where several go through one chain, the first stays. */
static void mark_steps(struct lines *l)
{
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        const struct fleet_image *image = &l->f->images[i];
        uint32_t first = genesis(l->f, image), chain;

        if (!is_known(l, i) || find_core(l, i, first, &chain) != BASE_NAMED)
            continue;
        for (uint32_t p = first; p < image->chain_count && image->chains[p] != chain; p++)
            if (l->passages[image->chains[p]].up_to == 0)
                l->passages[image->chains[p]].up_to = chain + 1;
    }
}

static int place_image(struct lines *l, uint32_t i, struct err *err)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t first = genesis(l->f, image), chain = FLEET_NONE;
    enum base_kind kind =
        is_step_of_core(l, i, &chain) ? BASE_NAMED : find_core(l, i, first, &chain);
    uint32_t *base = kind == BASE_SCRATCH ? &l->scratch : &l->passages[chain].base;
    uint32_t layer = FLEET_NONE;

    if (kind == BASE_SCRATCH) {
        chain = FLEET_NONE;
        l->out->scratch_images++;
    } else {
        layer = l->f->chains[image->chains[first]].layer;
    }
    if (*base == 0 && new_base(l, kind, chain, layer, base, err) != 0)
        return -1;
    l->out->core_of[i] = *base - 1;
    for (uint32_t p = first; p + 1 < image->chain_count; p++)
        if (l->passages[image->chains[p]].named)
            l->out->nearest[i] = image->chains[p];
    return 0;
}

static void link_endings(struct lines *l)
{
    for (uint32_t c = 0; c < l->f->chain_count; c++)
        l->out->first_ending[c] = FLEET_NONE;
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        const struct fleet_image *image = &l->f->images[i];
        uint32_t *first;

        l->out->next_ending[i] = FLEET_NONE;
        if (l->images[i].kind == IMAGE_ABSENT || image->chain_count == 0)
            continue;
        first = &l->out->first_ending[image->chains[image->chain_count - 1]];
        l->out->next_ending[i] = *first;
        *first = i;
    }
}

static int place_images(struct lines *l, struct err *err)
{
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        l->out->core_of[i] = l->out->nearest[i] = FLEET_NONE;
        if (is_known(l, i)) {
            if (place_image(l, i, err) != 0)
                return -1;
        } else {
            l->out->undecided_images += l->images[i].kind != IMAGE_ABSENT;
        }
    }
    return 0;
}

/* "linux/arm/v7" among the others, in the order of the texts, unless it is there already. */
static int add_platform(struct lines *l, struct base *b, const struct fleet_image *image,
                        struct err *err)
{
    char one[64], all[PLATFORMS_MAX] = "";
    const char *at = b->platforms;
    bool placed = false;
    size_t len = 0;

    snprintf(one, sizeof(one), "%s/%s%s%s", image->os, image->arch,
             image->variant[0] != '\0' ? "/" : "", image->variant);
    while (len < sizeof(all) && (*at != '\0' || !placed)) {
        size_t next = strcspn(at, ",");
        int order = next > 0 ? strncmp(at, one, next) : 1;

        if (order == 0 && one[next] == '\0')
            return 0;
        if (!placed && order > 0) {
            len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", len > 0 ? ", " : "", one);
            placed = true;
            continue;
        }
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%.*s", len > 0 ? ", " : "",
                                (int)next, at);
        at += next + strspn(at + next, ", ");
    }
    b->platforms = arena_text(l->arena, all, strlen(all), err);
    return b->platforms != NULL ? 0 : -1;
}

static int count_images(struct lines *l, struct err *err)
{
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        const struct fleet_image *image = &l->f->images[i];
        struct base *b;
        uint32_t step;

        if (l->out->core_of[i] == FLEET_NONE)
            continue;
        b = &l->out->list[l->out->core_of[i]];
        b->images +=
            (image->chain_count == 0 || image->chains[image->chain_count - 1] != b->chain) &&
            !is_step_of_core(l, i, &step);
        b->containers += l->images[i].containers;
        b->running += l->images[i].running;
        if (add_platform(l, b, image, err) != 0)
            return -1;
    }
    return 0;
}

/* Adds up the layers of one base; `last_base` keeps a layer that stands in it twice from counting
 * twice. Sums saturate nowhere: ledger_check() refuses a fleet whose bytes do not fit. */
static void sum_layers(const struct lines *l, uint32_t index, const struct ledger_chain *sums,
                       uint32_t *last_base)
{
    struct base *b = &l->out->list[index];

    for (uint32_t c = b->chain; c != FLEET_NONE; c = l->f->chains[c].parent) {
        uint32_t layer = l->f->chains[c].layer;
        int64_t nominal = fleet_nominal(l->f, layer);

        b->copies += sums[c].copies;
        b->stored_bytes = (int64_t)((uint64_t)b->stored_bytes + (uint64_t)sums[c].stored);
        if (layer == FLEET_NONE || last_base[layer] == index + 1)
            continue;
        last_base[layer] = index + 1;
        b->layers++;
        b->unknown_layers += nominal == FLEET_UNKNOWN;
        b->nominal_bytes += nominal == FLEET_UNKNOWN ? 0 : nominal;
        if (b->os_release[0] == '\0' && l->f->layers[layer].os_release != NULL)
            b->os_release = l->f->layers[layer].os_release;
    }
}

static int count_bytes(struct lines *l, const struct ledgers *ledgers, struct err *err)
{
    uint32_t *last_base = arena_array(l->arena, l->f->layer_count, sizeof(*last_base), err);

    if (last_base == NULL)
        return -1;
    for (uint32_t i = 0; i < l->out->count; i++)
        sum_layers(l, i, ledgers->chains, last_base);
    return 0;
}

static int name_bases(struct lines *l, struct err *err)
{
    for (uint32_t i = 0; i < l->out->count; i++) {
        struct base *b = &l->out->list[i];

        if (b->kind != BASE_NAMED)
            continue;
        b->names = bases_names_at(l->out, l->f, l->images, b->chain, &b->name_count, l->arena, err);
        if (b->names == NULL)
            return -1;
    }
    return 0;
}

int bases_compute(struct bases *out, const struct fleet *f, const struct ledgers *ledgers,
                  const struct standing *images, struct arena *arena, struct err *err)
{
    struct lines l = {.out = out, .f = f, .images = images, .arena = arena};

    *out = (struct bases){0};
    l.passages = arena_array(arena, f->chain_count, sizeof(*l.passages), err);
    out->core_of = arena_array(arena, f->image_count, sizeof(*out->core_of), err);
    out->nearest = arena_array(arena, f->image_count, sizeof(*out->nearest), err);
    out->first_ending = arena_array(arena, f->chain_count, sizeof(*out->first_ending), err);
    out->next_ending = arena_array(arena, f->image_count, sizeof(*out->next_ending), err);
    if (l.passages == NULL || out->core_of == NULL || out->nearest == NULL ||
        out->first_ending == NULL || out->next_ending == NULL)
        return -1;
    mark_passages(&l);
    mark_steps(&l);
    link_endings(&l);
    if (place_images(&l, err) != 0 || count_images(&l, err) != 0)
        return -1;
    out->last_host = arena_array(arena, out->count, sizeof(*out->last_host), err);
    if (out->last_host == NULL)
        return -1;
    return count_bytes(&l, ledgers, err) == 0 ? name_bases(&l, err) : -1;
}

/* Each name of the list once, in the order of the texts. */
static void insert_name(const struct fleet *f, uint32_t *list, uint32_t *count, uint32_t name)
{
    uint32_t at = *count;

    for (uint32_t i = 0; i < *count; i++)
        if (list[i] == name)
            return;
    for (; at > 0 && strcmp(f->names[list[at - 1]].text, f->names[name].text) > 0; at--)
        list[at] = list[at - 1];
    list[at] = name;
    ++*count;
}

const uint32_t *bases_names_at(const struct bases *b, const struct fleet *f,
                               const struct standing *images, uint32_t chain, uint32_t *count,
                               struct arena *arena, struct err *err)
{
    size_t most = 0;
    uint32_t *list;

    *count = 0;
    for (uint32_t i = b->first_ending[chain]; i != FLEET_NONE; i = b->next_ending[i])
        most += images[i].name_count;
    list = arena_array(arena, most, sizeof(*list), err);
    if (list == NULL)
        return NULL;
    for (uint32_t i = b->first_ending[chain]; i != FLEET_NONE; i = b->next_ending[i])
        for (uint32_t n = 0; n < images[i].name_count; n++)
            insert_name(f, list, count, images[i].names[n]);
    return list;
}

void bases_add_host(struct bases *b, const struct fleet *f, uint32_t host)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    for (uint32_t s = stores->first; s < stores->first + stores->count; s++) {
        const struct fleet_run *run = &f->stores[s].presences;

        for (uint32_t i = 0; i < run->count; i++) {
            uint32_t base = b->core_of[f->presences[run->first + i].image];

            if (base == FLEET_NONE || b->last_host[base] == host + 1)
                continue;
            b->last_host[base] = host + 1;
            b->list[base].hosts++;
        }
    }
}

const char *bases_kind_name(enum base_kind kind)
{
    static const char *const names[] = {
        [BASE_NAMED] = "named",
        [BASE_UNNAMED] = "unnamed",
        [BASE_SCRATCH] = "scratch",
    };

    return names[kind];
}
