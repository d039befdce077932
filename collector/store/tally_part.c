#include <stdlib.h>

#include "collector/store/tally_private.h"
#include "common/cleanup.h"

/* One host while its part is added (sign 1) or taken away (-1). */
struct part {
    struct tally *t;
    struct mirror *m;
    int64_t sign;
    const struct mirror_store *store; /* the one at hand */
    const struct mirror_store **stores;
    uint32_t store_index, store_count;
};

static struct chain_state *state_of(struct part *p, uint32_t chain)
{
    struct chain_state *c = &p->t->chains[chain];

    if (c->store != p->t->store_pass)
        *c = (struct chain_state){.store = p->t->store_pass};
    return c;
}

/* Stores come by owner and engine, so what is new differs from the last one. */
static void note_layer(struct part *p, uint32_t layer)
{
    struct layer_state *l = &p->t->layers[layer];
    const struct mirror_store *last;

    if (l->host != p->t->host_pass) {
        *l = (struct layer_state){p->t->host_pass, p->store_index, 1, 1, 1, 1};
        p->t->layers_seen[p->t->layer_count++] = layer;
        return;
    }
    last = p->stores[l->last_store];
    l->copies++;
    l->stores += last != p->store;
    l->engines += last->owner != p->store->owner || last->engine != p->store->engine;
    l->users += last->owner != p->store->owner;
    l->last_store = p->store_index;
}

/* One chain that images or an exception promise, once for the store. */
static int count_chain(struct part *p, uint32_t chain, struct err *err)
{
    struct chain_state *state = state_of(p, chain);
    const struct mirror_chain *c = mirror_chain(p->m, chain);
    uint32_t layer = c->layer != 0 ? c->layer : c->claimed;
    int64_t *count;

    if (state->counted)
        return 0;
    state->counted = true;
    count = tally_change(p->t, MIRROR_CHAIN_COUNTS, chain, err);
    if (count == NULL)
        return -1;
    if (state->missing) {
        count[CHAIN_MISSING] += p->sign;
        return 0;
    }
    count[CHAIN_COPIES] += p->sign;
    if (state->measured) {
        count[CHAIN_MEASURED] += p->sign;
        tally_add(&count[CHAIN_BYTES], p->sign, state->allocated_bytes);
    }
    /* In one store, a layer that ends no other chain cannot be there twice. */
    if (layer != 0 && (p->store_count > 1 || mirror_layer(p->m, layer)->chains > 1))
        note_layer(p, layer);
    return 0;
}

static void note_facts(struct part *p)
{
    const struct mirror_store *s = p->store;

    for (uint32_t i = 0; i < s->copy_count; i++) {
        struct chain_state *c = state_of(p, s->copies[i].chain);

        c->missing = s->copies[i].missing;
        c->measured = !c->missing;
        c->allocated_bytes = s->copies[i].allocated_bytes;
    }
    for (uint32_t i = 0; i < s->exception_count; i++)
        if (s->exceptions[i].kind == REC_CHAIN_MISSING)
            state_of(p, s->exceptions[i].chain)->missing = true;
}

/* The link of another image: to one of the same store that has no name. */
static int count_parent(struct part *p, uint32_t parent, struct err *err)
{
    int64_t *count;
    uint32_t listing;

    if (parent == 0 || p->t->parents[parent] == p->t->store_pass)
        return 0;
    p->t->parents[parent] = p->t->store_pass;
    listing = mirror_held(p->m, p->store, parent);
    if (listing == 0 || mirror_listing(p->m, listing)->named)
        return 0;
    count = tally_change(p->t, MIRROR_IMAGE_COUNTS, parent, err);
    if (count == NULL)
        return -1;
    count[IMAGE_PARENT_IN] += p->sign;
    return 0;
}

static int count_listing(struct part *p, uint32_t listing, struct err *err)
{
    const struct mirror_listing *l = mirror_listing(p->m, listing);
    const struct mirror_image *image = mirror_image(p->m, l->image);
    int64_t *count = tally_change(p->t, MIRROR_LISTING_COUNTS, listing, err);

    if (count == NULL)
        return -1;
    count[LISTING_STORES] += p->sign;
    if (p->t->images[l->image] == p->t->host_pass) {
        count = tally_change(p->t, MIRROR_IMAGE_COUNTS, l->image, err);
        if (count == NULL)
            return -1;
        count[IMAGE_AGAIN] += p->sign;
    }
    p->t->images[l->image] = p->t->host_pass;
    /* From the top: below a chain that was counted all are, as they lie beneath each other. */
    for (uint32_t i = image->chain_count; l->unpacked && i > 0; i--) {
        if (state_of(p, image->chains[i - 1])->counted)
            break;
        if (count_chain(p, image->chains[i - 1], err) != 0)
            return -1;
    }
    return l->parent != l->image ? count_parent(p, l->parent, err) : 0;
}

static int count_uses(struct part *p, struct err *err)
{
    for (uint32_t i = 0; i < p->store->use_count; i++) {
        const struct mirror_use *use = &p->store->uses[i];
        int64_t *count = tally_change(p->t, MIRROR_IMAGE_COUNTS, use->image, err);

        if (count == NULL)
            return -1;
        count[IMAGE_CONTAINERS] += p->sign;
        if (use->state == REC_RUNNING)
            count[IMAGE_RUNNING] += p->sign;
        if (use->state == REC_RUN_UNKNOWN)
            count[IMAGE_UNKNOWN] += p->sign;
    }
    return 0;
}

static int count_spaces(struct part *p, struct err *err)
{
    const struct mirror_store *s = p->store;
    int64_t *count;

    if (s->blobs_kept == 0 && s->blobs_only == 0 && s->orphans == 0 && !s->upper_bound)
        return 0;
    count = tally_change(p->t, MIRROR_FLEET_COUNTS, 1, err);
    if (count == NULL)
        return -1;
    tally_add(&count[FLEET_BLOBS_KEPT], p->sign, s->blobs_kept);
    tally_add(&count[FLEET_BLOBS_ONLY], p->sign, s->blobs_only);
    tally_add(&count[FLEET_ORPHANS], p->sign, s->orphans);
    count[FLEET_UPPER_BOUNDS] += s->upper_bound ? p->sign : 0;
    return 0;
}

/* Listings and images lie all over memory: what is needed soon is fetched while others are
 * counted. */
static void look_ahead(const struct part *p, uint32_t i)
{
    const struct mirror_store *s = p->store;

    if (i + 8 < s->listing_count)
        __builtin_prefetch(mirror_listing(p->m, s->listings[i + 8]));
    if (i + 4 < s->listing_count)
        __builtin_prefetch(mirror_image(p->m, mirror_listing(p->m, s->listings[i + 4])->image));
    if (i + 2 < s->listing_count)
        __builtin_prefetch(
            mirror_image(p->m, mirror_listing(p->m, s->listings[i + 2])->image)->chains);
}

static int count_store(struct part *p, struct err *err)
{
    const struct mirror_store *s = p->store;

    p->t->store_pass++;
    note_facts(p);
    for (uint32_t i = 0; i < s->listing_count; i++) {
        look_ahead(p, i);
        if (count_listing(p, s->listings[i], err) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < s->exception_count; i++)
        if (s->exceptions[i].kind == REC_CHAIN_EXTRA &&
            count_chain(p, s->exceptions[i].chain, err) != 0)
            return -1;
    return count_uses(p, err) == 0 ? count_spaces(p, err) : -1;
}

/* What one host has more than once. */
static int count_again(struct part *p, struct err *err)
{
    for (size_t i = 0; i < p->t->layer_count; i++) {
        uint32_t layer = p->t->layers_seen[i];
        const struct layer_state *l = &p->t->layers[layer];
        int64_t *count;

        if (l->copies == 1)
            continue;
        count = tally_change(p->t, MIRROR_LAYER_COUNTS, layer, err);
        if (count == NULL)
            return -1;
        count[LAYER_PARENTS] += p->sign * (int64_t)(l->copies - l->stores);
        count[LAYER_STORES] += p->sign * (int64_t)(l->stores - l->engines);
        count[LAYER_ENGINES] += p->sign * (int64_t)(l->engines - l->users);
        count[LAYER_USERS] += p->sign * (int64_t)(l->users - 1);
    }
    return 0;
}

static int by_owner_then_engine(const void *a, const void *b)
{
    const struct mirror_store *x = *(const struct mirror_store *const *)a;
    const struct mirror_store *y = *(const struct mirror_store *const *)b;

    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return x->engine < y->engine ? -1 : x->engine > y->engine;
}

int tally_part(struct tally *t, struct mirror *m, int64_t host_id, int64_t sign, struct err *err)
{
    const struct mirror_host *host = mirror_host(m, host_id);
    AUTO_FREE const struct mirror_store **stores =
        reallocarray(NULL, host->store_count + 1, sizeof(*stores));
    struct part p = {
        .t = t, .m = m, .sign = sign, .stores = stores, .store_count = host->store_count};

    if (!host->counted)
        return 0;
    if (stores == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the counters");
    if (tally_prepare(t, m, err) != 0)
        return -1;
    for (uint32_t i = 0; i < host->store_count; i++)
        stores[i] = mirror_store(m, host->stores[i]);
    if (host->store_count > 1)
        qsort(stores, host->store_count, sizeof(struct mirror_store *), by_owner_then_engine);
    t->host_pass++;
    t->layer_count = 0;
    for (p.store_index = 0; p.store_index < host->store_count; p.store_index++) {
        p.store = stores[p.store_index];
        if (count_store(&p, err) != 0)
            return -1;
    }
    return count_again(&p, err);
}
