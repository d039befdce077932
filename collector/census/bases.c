#include "collector/census/bases.h"

#include <stdlib.h>
#include <string.h>

#include "collector/census/naming_private.h"
#include "collector/census/platforms.h"

struct maker {
    struct bases *out;
    enum bases_by by;
    const struct versions *versions;
    const struct fleet *f;
    const struct lineage *lineage;
    const struct standing *images;
    const struct ledgers *ledgers;
    struct arena *arena;
    uint32_t *row_at;    /* by key: index + 1 of the row */
    uint32_t *chain_row; /* by chain: index + 1 of the row that it ends */
    uint32_t *platform;  /* by image */
    size_t cap;
};

/* ---- which row an image belongs to ----------------------------------------------------------- */

/* The chain that an image is filed under, FLEET_NONE for scratch. */
static uint32_t foot(const struct maker *m, uint32_t image)
{
    const struct lineage_image *l = &m->lineage->images[image];

    return m->by == BASES_BY_PARENT ? l->nearest : l->core;
}

static enum base_kind foot_kind(const struct maker *m, uint32_t image)
{
    const struct lineage_image *l = &m->lineage->images[image];

    if (foot(m, image) == FLEET_NONE)
        return BASE_SCRATCH;
    if (m->by == BASES_BY_PARENT)
        return l->nearest_named ? BASE_NAMED : BASE_UNNAMED;
    return l->kind;
}

/* What images of one row have in common; 0 for scratch. */
static uint32_t row_key(const struct maker *m, uint32_t image)
{
    uint32_t chain = foot(m, image);

    if (chain == FLEET_NONE)
        return 0;
    switch (m->by) {
    case BASES_BY_CORE:
    case BASES_BY_PARENT:
        return 1 + (foot_kind(m, image) == BASE_NAMED ? m->out->release[chain] : chain);
    case BASES_BY_VERSION:
        return 1 + m->versions->of_chain[chain];
    case BASES_BY_FAMILY:
        return 1 + m->versions->list[m->versions->of_chain[chain]].family;
    }
    return 0;
}

static int file_image(struct maker *m, uint32_t image, struct err *err)
{
    struct bases *out = m->out;
    uint32_t *row = &m->row_at[row_key(m, image)];

    if (*row == 0) {
        struct base *list =
            fleet_room(m->arena, out->list, out->count, &m->cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        out->list = list;
        list[out->count++] = (struct base){.kind = BASE_SCRATCH,
                                           .chain = FLEET_NONE,
                                           .genesis_layer = FLEET_NONE,
                                           .like = image,
                                           .os_release = ""};
        *row = out->count;
    }
    out->row_of[image] = *row - 1;
    if (foot(m, image) == FLEET_NONE)
        return 0;
    if (m->chain_row[foot(m, image)] == 0)
        out->list[*row - 1].chain_count++;
    m->chain_row[foot(m, image)] = *row;
    if (foot_kind(m, image) == BASE_NAMED || out->list[*row - 1].kind == BASE_SCRATCH)
        out->list[*row - 1].kind = foot_kind(m, image);
    return 0;
}

static int file_images(struct maker *m, struct err *err)
{
    for (uint32_t i = 0; i < m->f->image_count; i++) {
        bool present = m->images[i].kind != IMAGE_ABSENT;

        m->out->row_of[i] = FLEET_NONE;
        if (!present)
            continue;
        if (!m->lineage->images[i].known)
            m->out->undecided_images++;
        else if (file_image(m, i, err) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < m->out->count; i++) {
        m->out->named += m->out->list[i].kind == BASE_NAMED;
        m->out->unnamed += m->out->list[i].kind == BASE_UNNAMED;
    }
    return 0;
}

/* ---- platforms ------------------------------------------------------------------------------- */

static int list_platforms(struct maker *m, struct err *err)
{
    struct bases *out = m->out;
    struct platforms_list list;

    if (platforms_list(&list, m->f, m->images, out->row_of, BASES_PLATFORMS_MAX, m->arena, err) !=
        0)
        return -1;
    out->platforms = arena_array(m->arena, list.count, sizeof(*out->platforms), err);
    out->on_platform = arena_array(m->arena, (size_t)out->count * list.count, sizeof(bool), err);
    if (out->platforms == NULL || out->on_platform == NULL)
        return -1;
    for (uint32_t p = 0; p < list.count; p++)
        out->platforms[p].like = list.likes[p];
    out->platform_count = list.count;
    m->platform = list.of_image;
    return 0;
}

static void count_image(struct maker *m, uint32_t image)
{
    const struct fleet_image *i = &m->f->images[image];
    uint32_t row = m->out->row_of[image];
    struct base *b = &m->out->list[row];
    struct bases_platform *p = &m->out->platforms[m->platform[image]];
    bool *seen = &m->out->on_platform[(size_t)row * m->out->platform_count + m->platform[image]];
    bool ends_here = i->chain_count > 0 && i->chains[i->chain_count - 1] == foot(m, image);
    bool on_scratch = b->chain_count == 0;
    int64_t made_s = naming_made_s(i);

    b->images++;
    if (made_s != 0 && (b->oldest_s == 0 || made_s < b->oldest_s))
        b->oldest_s = made_s;
    b->standing += !ends_here && !m->lineage->images[image].is_step;
    b->containers += m->images[image].containers;
    b->running += m->images[image].running;
    m->out->scratch_images += on_scratch;
    p->images++;
    p->scratch_images += on_scratch;
    if (!*seen) {
        p->named += b->kind == BASE_NAMED;
        p->unnamed += b->kind == BASE_UNNAMED;
    }
    *seen = true;
}

static int count_images(struct maker *m, struct err *err)
{
    if (list_platforms(m, err) != 0)
        return -1;
    for (uint32_t i = 0; i < m->f->image_count; i++)
        if (m->out->row_of[i] != FLEET_NONE)
            count_image(m, i);
    return 0;
}

/* ---- the chains of each row ------------------------------------------------------------------ */

struct ending {
    uint32_t row, chain;
    const struct fleet_image *image; /* of those that end there the first platform; NULL none */
    const struct digest *digest;
};

static int by_row_then_platform(const void *a, const void *b)
{
    const struct ending *x = a, *y = b;
    int order = (x->row > y->row) - (x->row < y->row);

    if (order == 0)
        order = (x->image == NULL) - (y->image == NULL);
    if (order == 0 && x->image != NULL)
        order = platforms_cmp(x->image, y->image);
    return order != 0 ? order : digest_cmp(x->digest, y->digest);
}

static const struct fleet_image *image_at(const struct maker *m, uint32_t chain)
{
    const struct fleet_image *first = NULL;

    for (uint32_t i = m->lineage->first_ending[chain]; i != FLEET_NONE;
         i = m->lineage->next_ending[i])
        if (first == NULL || platforms_cmp(&m->f->images[i], first) < 0)
            first = &m->f->images[i];
    return first;
}

/* The layer of the lowest chain that is not empty. */
static uint32_t genesis_layer(const struct fleet *f, uint32_t chain)
{
    uint32_t layer = FLEET_NONE;

    for (uint32_t c = chain; c != FLEET_NONE; c = f->chains[c].parent)
        if (!fleet_layer_empty(f, f->chains[c].layer))
            layer = f->chains[c].layer;
    return layer;
}

static void take_chains(struct maker *m, uint32_t *chains, const struct ending *endings,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct base *b = &m->out->list[endings[i].row];

        chains[i] = endings[i].chain;
        if (b->chain != FLEET_NONE)
            continue;
        b->chains = &chains[i];
        b->chain = endings[i].chain;
        b->genesis_layer = genesis_layer(m->f, b->chain);
    }
}

static int list_chains(struct maker *m, struct err *err)
{
    struct ending *endings;
    uint32_t *chains, count = 0;

    for (uint32_t i = 0; i < m->out->count; i++)
        count += m->out->list[i].chain_count;
    endings = arena_array(m->arena, count, sizeof(*endings), err);
    chains = arena_array(m->arena, count, sizeof(*chains), err);
    if (endings == NULL || chains == NULL)
        return -1;
    count = 0;
    for (uint32_t c = 0; c < m->f->chain_count; c++)
        if (m->chain_row[c] != 0)
            endings[count++] = (struct ending){.row = m->chain_row[c] - 1,
                                               .chain = c,
                                               .image = image_at(m, c),
                                               .digest = &m->f->chains[c].digest};
    if (count > 1)
        qsort(endings, count, sizeof(*endings), by_row_then_platform);
    take_chains(m, chains, endings, count);
    return 0;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* The last row that counted a chain or layer, + 1: nothing counts twice in one row. */
struct counted_last {
    uint32_t *chain, *layer;
};

/* Adds up the chains from one end of a base down. Sums saturate nowhere: ledger_check() refuses a
 * fleet whose bytes do not fit. */
static void sum_chains(const struct maker *m, uint32_t row, uint32_t end,
                       const struct counted_last *last)
{
    struct base *b = &m->out->list[row];

    for (uint32_t c = end; c != FLEET_NONE && last->chain[c] != row + 1;
         c = m->f->chains[c].parent) {
        uint32_t layer = m->f->chains[c].layer;
        int64_t nominal = fleet_nominal(m->f, layer);

        last->chain[c] = row + 1;
        b->copies += m->ledgers->chains[c].copies;
        b->stored_bytes =
            (int64_t)((uint64_t)b->stored_bytes + (uint64_t)m->ledgers->chains[c].stored);
        if (layer == FLEET_NONE || last->layer[layer] == row + 1)
            continue;
        last->layer[layer] = row + 1;
        b->layers++;
        b->unknown_layers += nominal == FLEET_UNKNOWN;
        b->nominal_bytes += nominal == FLEET_UNKNOWN ? 0 : nominal;
        if (b->os_release[0] == '\0' && m->f->layers[layer].os_release != NULL)
            b->os_release = m->f->layers[layer].os_release;
    }
}

static int count_bytes(struct maker *m, struct err *err)
{
    struct counted_last last = {
        .chain = arena_array(m->arena, m->f->chain_count, sizeof(*last.chain), err),
        .layer = arena_array(m->arena, m->f->layer_count, sizeof(*last.layer), err)};

    if (last.chain == NULL || last.layer == NULL)
        return -1;
    for (uint32_t i = 0; i < m->out->count; i++)
        for (uint32_t c = 0; c < m->out->list[i].chain_count; c++)
            sum_chains(m, i, m->out->list[i].chains[c], &last);
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int bases_group(struct bases *out, enum bases_by by, const struct versions *versions,
                const uint32_t *release, const struct fleet *f, const struct lineage *lineage,
                const struct ledgers *ledgers, const struct standing *images, struct arena *arena,
                struct err *err)
{
    struct maker m = {.out = out,
                      .by = by,
                      .versions = versions,
                      .f = f,
                      .lineage = lineage,
                      .ledgers = ledgers,
                      .images = images,
                      .arena = arena};

    *out = (struct bases){.lineage = lineage, .release = release};
    out->row_of = arena_array(arena, f->image_count, sizeof(*out->row_of), err);
    m.row_at = arena_array(arena, f->chain_count + 1, sizeof(*m.row_at), err);
    m.chain_row = arena_array(arena, f->chain_count, sizeof(*m.chain_row), err);
    if (out->row_of == NULL || m.row_at == NULL || m.chain_row == NULL)
        return -1;
    if (file_images(&m, err) != 0 || count_images(&m, err) != 0)
        return -1;
    out->last_host = arena_array(arena, out->count, sizeof(*out->last_host), err);
    if (out->last_host == NULL || list_chains(&m, err) != 0)
        return -1;
    return count_bytes(&m, err);
}

int bases_compute(struct bases *out, const struct fleet *f, const struct lineage *lineage,
                  const struct ledgers *ledgers, const struct standing *images, struct arena *arena,
                  struct err *err)
{
    uint32_t *release = platforms_join(f, arena, err);

    if (release == NULL)
        return -1;
    return bases_group(out, BASES_BY_CORE, NULL, release, f, lineage, ledgers, images, arena, err);
}

void bases_add_host(struct bases *b, const struct fleet *f, uint32_t host)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    for (uint32_t s = stores->first; s < stores->first + stores->count; s++) {
        const struct fleet_run *run = &f->stores[s].presences;

        for (uint32_t i = 0; i < run->count; i++) {
            uint32_t row = b->row_of[f->presences[run->first + i].image];

            if (row == FLEET_NONE || b->last_host[row] == host + 1)
                continue;
            b->last_host[row] = host + 1;
            b->list[row].hosts++;
        }
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Each name of the list once, in the order of the texts. */
static void insert_name(const struct fleet *f, uint32_t *list, uint32_t *count, uint32_t name)
{
    uint32_t at = *count;

    for (uint32_t i = 0; i < *count; i++)
        if (list[i] == name)
            return;
    for (; at > 0 && strcmp(f->names[list[at - 1]].normal, f->names[name].normal) > 0; at--)
        list[at] = list[at - 1];
    list[at] = name;
    ++*count;
}

const uint32_t *bases_names_at(const struct lineage *lineage, const struct fleet *f,
                               const struct standing *images, uint32_t chain, uint32_t *count,
                               struct arena *arena, struct err *err)
{
    size_t most = 0;
    uint32_t *list;

    *count = 0;
    for (uint32_t i = lineage->first_ending[chain]; i != FLEET_NONE; i = lineage->next_ending[i])
        most += images[i].name_count;
    list = arena_array(arena, most, sizeof(*list), err);
    if (list == NULL)
        return NULL;
    for (uint32_t i = lineage->first_ending[chain]; i != FLEET_NONE; i = lineage->next_ending[i])
        for (uint32_t n = 0; n < images[i].name_count; n++)
            insert_name(f, list, count, images[i].names[n]);
    return list;
}
