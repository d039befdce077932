#include "collector/census/lineage.h"

#include "collector/census/lineage_private.h"

/*
 * Passes over all lines, each linear: who ends and stands where; core builds; who is standalone;
 * declarations and nearest bases (lineage_nearest.c).
 */

/* ---- what the lines have in common ----------------------------------------------------------- */

static bool is_empty(const struct lineage_facts *l, const struct fleet_image *image, uint32_t p)
{
    return fleet_layer_empty(l->f, l->f->chains[image->chains[p]].layer);
}

static uint32_t find_genesis(const struct lineage_facts *l, const struct fleet_image *image)
{
    uint32_t p = 0;

    while (p < image->chain_count && is_empty(l, image, p))
        p++;
    return p;
}

/* How many layers there are up to the last one that is not empty. */
static uint32_t content_end(const struct lineage_facts *l, const struct fleet_image *image)
{
    uint32_t end = image->chain_count;

    while (end > 0 && is_empty(l, image, end - 1))
        end--;
    return end;
}

static bool has_os_release(const struct lineage_facts *l, uint32_t chain)
{
    uint32_t layer = l->f->chains[chain].layer;
    const char *text = layer == FLEET_NONE ? NULL : l->f->layers[layer].os_release;

    return text != NULL && text[0] != '\0';
}

static void mark_ending(struct lineage_facts *l, uint32_t i)
{
    uint32_t top = naming_top(&l->f->images[i]);

    l->out->next_ending[i] = l->out->first_ending[top];
    l->out->first_ending[top] = i;
    l->named_endings[top] += l->is_named[i];
}

static void mark_chain(struct lineage_facts *l, const struct fleet_image *image, uint32_t p)
{
    uint32_t chain = image->chains[p];
    bool is_new = l->depth[chain] == 0;

    l->depth[chain] = p + 1;
    if (is_new || image->first_s < l->out->first_s[chain])
        l->out->first_s[chain] = image->first_s;
    if (is_new && p > 0 && l->out->directions[image->chains[p - 1]] < UINT16_MAX)
        l->out->directions[image->chains[p - 1]]++;
}

/* `content`: by genesis chain, the first line's last content + 1. */
static void mark_line(struct lineage_facts *l, uint32_t i, uint32_t *content)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t first = find_genesis(l, image), end = content_end(l, image), top, genesis;

    l->genesis[i] = first;
    if (image->chain_count == 0)
        return;
    mark_ending(l, i);
    for (uint32_t p = 0; p < image->chain_count; p++) {
        mark_chain(l, image, p);
        if (p + 1 < end)
            l->out->stood_on[image->chains[p]] = true;
    }
    if (first == image->chain_count)
        return;
    genesis = image->chains[first];
    top = naming_top(image);
    l->is_shared[genesis] |=
        content[genesis] != 0 && content[genesis] != image->chains[end - 1] + 1;
    content[genesis] = image->chains[end - 1] + 1;
    if (end == first + 1 && has_os_release(l, genesis) && lineage_is_named(l, top))
        l->is_base[top] = true;
}

static int mark_lines(struct lineage_facts *l, struct err *err)
{
    uint32_t *content = arena_array(l->arena, l->f->chain_count, sizeof(*content), err);

    if (content == NULL)
        return -1;
    for (uint32_t i = 0; i < l->f->image_count; i++) {
        l->out->next_ending[i] = FLEET_NONE;
        l->out->images[i] =
            (struct lineage_image){.core = FLEET_NONE, .nearest = FLEET_NONE, .above = FLEET_NONE};
        l->out->images[i].known = lineage_knows(l, i);
        if (l->out->images[i].known)
            mark_line(l, i, content);
    }
    for (uint32_t c = 0; c < l->f->chain_count; c++)
        l->is_base[c] |= lineage_is_named(l, c) &&
                         (l->out->stood_on[c] || l->naming->strength[c] == NAME_CATALOGUE);
    return 0;
}

static bool is_refuted(const struct fleet *f, const struct fleet_said *said)
{
    for (uint32_t i = 0; i < said->digests.count; i++)
        if (f->said_digests[said->digests.first + i].disproved)
            return true;
    return false;
}

/* Whether a firm listing gives the image a name that is not displaced. */
static bool gives_name(const struct lineage_facts *l, const struct fleet_said *said)
{
    const struct fleet *f = l->f;
    const struct fleet_image *image = &f->images[said->image];

    if (!naming_has_line(image, l->known_at_s))
        return false;
    for (uint32_t i = 0; i < said->names.count; i++) {
        const char *name = f->names[f->place_names[said->names.first + i]].normal;
        const struct naming_claim *claim = naming_claim_of(l->naming, naming_top(image), name);

        if (claim != NULL && !claim->displaced)
            return true;
    }
    for (uint32_t i = 0; said->names.count == 0 && i < said->digests.count; i++)
        if (!f->said_digests[said->digests.first + i].disproved)
            return true;
    return false;
}

static void mark_named(struct lineage_facts *l)
{
    for (uint32_t c = 0; c < l->f->chain_count; c++)
        l->refuted[c] = FLEET_NONE;
    for (size_t i = 0; i < l->f->said_count; i++) {
        const struct fleet_said *said = &l->f->said[i];

        if (said->names.count + said->digests.count == 0)
            continue;
        if (naming_is_firm(l->naming, l->f, i, l->known_at_s)) {
            l->is_named[said->image] = true;
            l->may_pass_on[said->image] |= gives_name(l, said);
        }
        if (naming_is_known(&said->root, l->known_at_s) && is_refuted(l->f, said) &&
            naming_has_line(&l->f->images[said->image], l->known_at_s))
            l->refuted[naming_top(&l->f->images[said->image])] = (uint32_t)i;
    }
}

/* ---- core builds ----------------------------------------------------------------------------- */

/* The lowest named boundary of a line; one that is named by a tag alone only where nothing stronger
 * lies above it. FLEET_NONE: none. */
static uint32_t named_core(const struct lineage_facts *l, uint32_t i)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t tagged = FLEET_NONE;

    for (uint32_t p = l->genesis[i]; p < image->chain_count; p++) {
        uint32_t chain = image->chains[p];

        if (!l->is_base[chain])
            continue;
        if (l->naming->strength[chain] > NAME_TAG)
            return chain;
        if (tagged == FLEET_NONE)
            tagged = chain;
    }
    return tagged;
}

static void find_core(struct lineage_facts *l, uint32_t i)
{
    struct lineage_image *out = &l->out->images[i];
    const struct fleet_image *image = &l->f->images[i];
    uint32_t genesis;

    out->kind = BASE_SCRATCH;
    if (l->genesis[i] == image->chain_count)
        return;
    out->core = named_core(l, i);
    if (out->core != FLEET_NONE) {
        out->kind = BASE_NAMED;
        out->core_method = out->core == naming_top(image) ? LINEAGE_SELF : LINEAGE_CONTAINS;
        return;
    }
    genesis = image->chains[l->genesis[i]];
    if (!has_os_release(l, genesis) && !l->is_shared[genesis])
        return;
    out->kind = BASE_UNNAMED;
    out->core = genesis;
    out->core_method = has_os_release(l, genesis) ? LINEAGE_OS : LINEAGE_BRANCH;
}

/* Marks the chains that a named core build was built over. Where several go on from one chain, the
 * first stays. */
static void mark_steps(struct lineage_facts *l, uint32_t i)
{
    const struct fleet_image *image = &l->f->images[i];
    uint32_t core = l->out->images[i].core;

    if (l->out->images[i].kind != BASE_NAMED)
        return;
    for (uint32_t p = l->genesis[i]; image->chains[p] != core; p++)
        if (l->up_to[image->chains[p]] == FLEET_NONE)
            l->up_to[image->chains[p]] = core;
}

static void place_step(struct lineage_facts *l, uint32_t i)
{
    struct lineage_image *out = &l->out->images[i];
    const struct fleet_image *image = &l->f->images[i];
    uint32_t top;

    if (image->chain_count == 0 || l->genesis[i] == image->chain_count)
        return;
    top = naming_top(image);
    if (l->naming->of_chain[top].count > 0 || l->up_to[top] == FLEET_NONE)
        return; /* whom anybody calls something is no step, even if the name does not count */
    out->kind = BASE_NAMED;
    out->core = l->up_to[top];
    out->core_method = LINEAGE_CONTAINS;
    out->is_step = true;
}

static void find_cores(struct lineage_facts *l)
{
    uint32_t count = (uint32_t)l->f->image_count;

    for (uint32_t c = 0; c < l->f->chain_count; c++)
        l->up_to[c] = FLEET_NONE;
    for (uint32_t i = 0; i < count; i++)
        if (l->out->images[i].known)
            find_core(l, i);
    for (uint32_t i = 0; i < count; i++)
        if (l->out->images[i].known)
            mark_steps(l, i);
    for (uint32_t i = 0; i < count; i++) {
        const struct lineage_image *out = &l->out->images[i];

        if (!out->known)
            continue;
        place_step(l, i);
        if (out->kind != BASE_SCRATCH)
            l->is_grounded[naming_top(&l->f->images[i])] = true;
    }
    for (uint32_t c = 0; c < l->f->chain_count; c++)
        l->is_grounded[c] |= l->naming->strength[c] == NAME_CATALOGUE;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int make_room(struct lineage_facts *l, struct err *err)
{
    size_t images = l->f->image_count, chains = l->f->chain_count;
    struct lineage *out = l->out;

    out->images = arena_array(l->arena, images, sizeof(*out->images), err);
    out->next_ending = arena_array(l->arena, images, sizeof(*out->next_ending), err);
    out->first_ending = arena_array(l->arena, chains, sizeof(*out->first_ending), err);
    out->directions = arena_array(l->arena, chains, sizeof(*out->directions), err);
    out->stood_on = arena_array(l->arena, chains, sizeof(*out->stood_on), err);
    out->first_s = arena_array(l->arena, chains, sizeof(*out->first_s), err);
    l->genesis = arena_array(l->arena, images, sizeof(*l->genesis), err);
    l->is_named = arena_array(l->arena, images, sizeof(*l->is_named), err);
    l->may_pass_on = arena_array(l->arena, images, sizeof(*l->may_pass_on), err);
    l->named_endings = arena_array(l->arena, chains, sizeof(*l->named_endings), err);
    l->depth = arena_array(l->arena, chains, sizeof(*l->depth), err);
    l->is_base = arena_array(l->arena, chains, sizeof(*l->is_base), err);
    l->is_grounded = arena_array(l->arena, chains, sizeof(*l->is_grounded), err);
    l->is_shared = arena_array(l->arena, chains, sizeof(*l->is_shared), err);
    l->refuted = arena_array(l->arena, chains, sizeof(*l->refuted), err);
    l->up_to = arena_array(l->arena, chains, sizeof(*l->up_to), err);
    l->family = arena_array(l->arena, chains, sizeof(*l->family), err);
    if (out->images == NULL || out->next_ending == NULL || out->first_ending == NULL ||
        out->directions == NULL || out->stood_on == NULL || out->first_s == NULL ||
        l->genesis == NULL || l->is_named == NULL || l->may_pass_on == NULL ||
        l->named_endings == NULL || l->depth == NULL || l->is_base == NULL ||
        l->is_grounded == NULL || l->is_shared == NULL || l->refuted == NULL || l->up_to == NULL ||
        l->family == NULL)
        return -1;
    for (size_t c = 0; c < chains; c++)
        out->first_ending[c] = FLEET_NONE;
    return 0;
}

int lineage_compute(struct lineage *out, const struct fleet *f, const struct catalogue *c,
                    const struct naming *naming, int64_t known_at_s, struct arena *arena,
                    struct err *err)
{
    struct lineage_facts *l = arena_alloc(arena, sizeof(*l), err);
    struct lineage *own = arena_alloc(arena, sizeof(*own), err); /* the caller may move his */

    if (l == NULL || own == NULL)
        return -1;
    *own = (struct lineage){.naming = naming, .facts = l};
    *l = (struct lineage_facts){
        .f = f, .c = c, .naming = naming, .known_at_s = known_at_s, .arena = arena, .out = own};
    if (make_room(l, err) != 0)
        return -1;
    mark_named(l);
    if (mark_lines(l, err) != 0)
        return -1;
    find_cores(l);
    if (lineage_find_known(l, err) != 0 || lineage_find_sayings(l, err) != 0 ||
        lineage_find_families(l, err) != 0)
        return -1;
    lineage_find_bases(l);
    *out = *own;
    return 0;
}
