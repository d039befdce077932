#include "collector/store/tally.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* What the host at hand holds of a layer so far; valid where `host` is the pass at hand. */
struct layer_state {
    uint64_t host;
    uint32_t last_store; /* index of the store that had the last copy */
    uint32_t copies, stores, engines, users;
};

/* What the store at hand says of a chain; valid where `store` is the pass at hand. */
struct chain_state {
    uint64_t store;
    bool counted, measured, missing;
    int64_t allocated_bytes;
};

/* What the hosts that were taken out, and put back, change in one counter. Most of it cancels out:
 * only what is left in the end touches the counter itself. */
struct delta {
    int64_t by[MIRROR_VALUES];
    bool listed;
};

struct deltas { /* of one table */
    struct delta *list;
    size_t room;
};

/* The hosts and stores that are passed get numbers, so that no array has to be cleared. */
struct tally {
    uint64_t host_pass, store_pass;
    struct chain_state *chains;
    struct layer_state *layers;
    uint32_t *layers_seen; /* of the host at hand */
    size_t layer_count;    /* in it */
    uint64_t *images;      /* the host pass that saw the image last */
    uint64_t *parents;     /* the store pass that named the image as parent last */
    size_t chain_room, layer_room, seen_room, image_room, parent_room;

    struct deltas deltas[MIRROR_TABLES]; /* of the tables of counters */
    struct mirror_changed *changed;      /* those that are listed */
    size_t changed_count, changed_room;

    uint32_t *out; /* hosts taken out, in the job at hand */
    bool *is_out;  /* by host */
    size_t out_count, out_room, is_out_room;
};

/* One host while its part is added (sign 1) or taken away (-1). */
struct part {
    struct tally *t;
    struct mirror *m;
    int64_t sign;
    const struct mirror_store *store; /* the one at hand */
    const struct mirror_store **stores;
    uint32_t store_index, store_count;
};

int tally_open(struct tally **out, struct err *err)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for the counters");
}

void tally_close(struct tally **t)
{
    struct tally *old = *t;

    if (old == NULL)
        return;
    *t = NULL;
    free(old->chains);
    free(old->layers);
    free(old->layers_seen);
    free(old->images);
    free(old->parents);
    for (size_t i = 0; i < MIRROR_TABLES; i++)
        free(old->deltas[i].list);
    free(old->changed);
    free(old->out);
    free(old->is_out);
    free(old);
}

/* ---- scratch --------------------------------------------------------------------------------- */

/* At least `count` items, new ones zeroed. */
static int grow(void *list, size_t *room, size_t count, size_t size, struct err *err)
{
    size_t want = *room > 0 ? *room : 1024;
    uint8_t *old, *grown;

    if (count <= *room)
        return 0;
    while (want < count)
        want *= 2;
    memcpy(&old, list, sizeof(old));
    grown = reallocarray(old, want, size);
    if (grown == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the counters");
    memset(grown + *room * size, 0, (want - *room) * size);
    memcpy(list, &grown, sizeof(grown));
    *room = want;
    return 0;
}

static int prepare(struct tally *t, const struct mirror *m, struct err *err)
{
    size_t chains = m->tables[MIRROR_CHAINS].count, layers = m->tables[MIRROR_LAYERS].count;
    size_t images = m->tables[MIRROR_IMAGES].count;

    for (size_t i = MIRROR_CHAIN_COUNTS; i < MIRROR_TABLES; i++)
        if (grow(&t->deltas[i].list, &t->deltas[i].room, m->tables[i].count, sizeof(struct delta),
                 err) != 0)
            return -1;
    if (grow(&t->chains, &t->chain_room, chains, sizeof(*t->chains), err) != 0 ||
        grow(&t->layers, &t->layer_room, layers, sizeof(*t->layers), err) != 0 ||
        grow(&t->layers_seen, &t->seen_room, layers, sizeof(*t->layers_seen), err) != 0 ||
        grow(&t->images, &t->image_room, images, sizeof(*t->images), err) != 0)
        return -1;
    return grow(&t->parents, &t->parent_room, images, sizeof(*t->parents), err);
}

/* ---- one host's part ------------------------------------------------------------------------- */

/* What changes in a counter; NULL without memory. */
static int64_t *change(struct part *p, enum mirror_table table, uint32_t id, struct err *err)
{
    struct tally *t = p->t;
    struct delta *d = &t->deltas[table].list[id];

    if (!d->listed) {
        if (grow(&t->changed, &t->changed_room, t->changed_count + 1, sizeof(*t->changed), err) !=
            0)
            return NULL;
        t->changed[t->changed_count++] = (struct mirror_changed){table, id};
        d->listed = true;
    }
    return d->by;
}

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
    count = change(p, MIRROR_CHAIN_COUNTS, chain, err);
    if (count == NULL)
        return -1;
    if (state->missing) {
        count[CHAIN_MISSING] += p->sign;
        return 0;
    }
    count[CHAIN_COPIES] += p->sign;
    if (state->measured) {
        count[CHAIN_MEASURED] += p->sign;
        count[CHAIN_BYTES] += p->sign * state->allocated_bytes;
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
    listing = mirror_held_in(p->m, p->store, parent);
    if (listing == 0 || mirror_listing(p->m, listing)->named)
        return 0;
    count = change(p, MIRROR_IMAGE_COUNTS, parent, err);
    if (count == NULL)
        return -1;
    count[IMAGE_PARENT_IN] += p->sign;
    return 0;
}

static int count_listing(struct part *p, uint32_t listing, struct err *err)
{
    const struct mirror_listing *l = mirror_listing(p->m, listing);
    const struct mirror_image *image = mirror_image(p->m, l->image);
    int64_t *count = change(p, MIRROR_LISTING_COUNTS, listing, err);

    if (count == NULL)
        return -1;
    count[LISTING_STORES] += p->sign;
    if (p->t->images[l->image] == p->t->host_pass) {
        count = change(p, MIRROR_IMAGE_COUNTS, l->image, err);
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
        int64_t *count = change(p, MIRROR_IMAGE_COUNTS, use->image, err);

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
    count = change(p, MIRROR_FLEET_COUNTS, 1, err);
    if (count == NULL)
        return -1;
    count[FLEET_BLOBS_KEPT] += p->sign * s->blobs_kept;
    count[FLEET_BLOBS_ONLY] += p->sign * s->blobs_only;
    count[FLEET_ORPHANS] += p->sign * s->orphans;
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
        count = change(p, MIRROR_LAYER_COUNTS, layer, err);
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

static int count_host(struct tally *t, struct mirror *m, int64_t host_id, int64_t sign,
                      struct err *err)
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
    if (prepare(t, m, err) != 0)
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

/* ---- who is in, who is out ------------------------------------------------------------------- */

int tally_take(struct tally *t, struct mirror *m, int64_t host_id, struct err *err)
{
    if (grow(&t->is_out, &t->is_out_room, (size_t)host_id + 1, sizeof(*t->is_out), err) != 0 ||
        grow(&t->out, &t->out_room, t->out_count + 1, sizeof(*t->out), err) != 0)
        return -1;
    if (t->is_out[host_id])
        return 0;
    if (count_host(t, m, host_id, -1, err) != 0)
        return -1;
    t->is_out[host_id] = true;
    t->out[t->out_count++] = (uint32_t)host_id;
    return 0;
}

int tally_take_store(struct tally *t, struct mirror *m, int64_t store_id, struct err *err)
{
    return tally_take(t, m, mirror_store(m, store_id)->host, err);
}

int tally_take_holders(struct tally *t, struct mirror *m, uint32_t image, struct err *err)
{
    for (size_t i = 1; i < m->tables[MIRROR_STORES].count; i++) {
        const struct mirror_store *s = mirror_store(m, (int64_t)i);
        uint32_t listing = mirror_held_in(m, s, image);

        if (listing != 0 && mirror_listing(m, listing)->unpacked &&
            tally_take(t, m, s->host, err) != 0)
            return -1;
    }
    return 0;
}

static bool excepts(const struct mirror_store *s, uint32_t chain)
{
    for (uint32_t i = 0; i < s->exception_count; i++)
        if (s->exceptions[i].chain == chain)
            return true;
    return false;
}

int tally_take_claimers(struct tally *t, struct mirror *m, int64_t chain, struct err *err)
{
    if (mirror_chain(m, chain)->claimed == 0)
        return 0;
    for (size_t i = 1; i < m->tables[MIRROR_STORES].count; i++) {
        const struct mirror_store *s = mirror_store(m, (int64_t)i);

        if (excepts(s, (uint32_t)chain) && tally_take(t, m, s->host, err) != 0)
            return -1;
    }
    return 0;
}

/* Brings what is left of the changes into the counters. */
static int settle(struct tally *t, struct mirror *m, struct err *err)
{
    static const int64_t nothing[MIRROR_VALUES];

    for (size_t i = 0; i < t->changed_count; i++) {
        const struct mirror_changed *c = &t->changed[i];
        const int64_t *by = t->deltas[c->table].list[c->id].by;
        struct mirror_count *count;

        if (memcmp(by, nothing, sizeof(nothing)) == 0)
            continue;
        count = mirror_count(m, (enum mirror_table)c->table, c->id, err);
        if (count == NULL)
            return -1;
        for (size_t v = 0; v < MIRROR_VALUES; v++)
            count->now[v] += by[v];
    }
    return 0;
}

int tally_put(struct tally *t, struct mirror *m, struct err *err)
{
    for (size_t i = 0; i < t->out_count; i++)
        if (count_host(t, m, t->out[i], 1, err) != 0)
            return -1;
    if (settle(t, m, err) != 0)
        return -1;
    tally_forget(t);
    return 0;
}

void tally_forget(struct tally *t)
{
    for (; t->changed_count > 0; t->changed_count--) {
        const struct mirror_changed *c = &t->changed[t->changed_count - 1];

        t->deltas[c->table].list[c->id] = (struct delta){.listed = false};
    }
    while (t->out_count > 0)
        t->is_out[t->out[--t->out_count]] = false;
}

int tally_all(struct tally *t, struct mirror *m, struct err *err)
{
    for (size_t i = 1; i < m->tables[MIRROR_HOSTS].count; i++)
        if (count_host(t, m, (int64_t)i, 1, err) != 0)
            return -1;
    return tally_put(t, m, err);
}
