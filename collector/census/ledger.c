#include "collector/census/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The copies of one layer on one host, by how near they are to each other. */
struct group {
    int64_t copies, stores, engines, users; /* engines: distinct (user, engine) */
    int64_t bytes, measured, estimated;
};

static void sum(struct ledger *l, int64_t *total, int64_t bytes)
{
    if (__builtin_add_overflow(*total, bytes, total))
        l->overflow = true;
}

static int64_t times(struct ledger *l, int64_t count, int64_t bytes)
{
    int64_t product = 0;

    if (__builtin_mul_overflow(count, bytes, &product))
        l->overflow = true;
    return product;
}

static int by_layer_then_store(const void *a, const void *b)
{
    const struct copy *x = *(const struct copy *const *)a, *y = *(const struct copy *const *)b;

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->store != y->store)
        return x->store < y->store ? -1 : 1;
    return x->chain < y->chain ? -1 : x->chain > y->chain;
}

static bool same_user(const struct fleet *f, const struct copy *a, const struct copy *b)
{
    return f->stores[a->store].owner == f->stores[b->store].owner;
}

static bool same_engine(const struct fleet *f, const struct copy *a, const struct copy *b)
{
    return same_user(f, a, b) &&
           strcmp(f->stores[a->store].engine, f->stores[b->store].engine) == 0;
}

/* The stores of a host are sorted by owner and engine, so neighbours tell what is new. */
static struct group measure_group(const struct fleet *f, struct ledger *l, struct copy *const *list,
                                  size_t count)
{
    struct group g = {0};

    for (size_t i = 0; i < count; i++) {
        const struct copy *c = list[i], *before = i > 0 ? list[i - 1] : NULL;

        g.copies++;
        g.stores += before == NULL || before->store != c->store;
        g.engines += before == NULL || !same_engine(f, before, c);
        g.users += before == NULL || !same_user(f, before, c);
        g.measured += c->size == COPY_MEASURED;
        g.estimated += c->size == COPY_ESTIMATED;
        sum(l, &g.bytes, c->bytes);
    }
    return g;
}

static void book_causes(struct ledger *l, const struct group *g, int64_t nominal,
                        struct ledger_layer *layer)
{
    const int64_t extra[LEDGER_CAUSES] = {
        [CAUSE_PARENTS] = g->copies - g->stores,
        [CAUSE_STORES] = g->stores - g->engines,
        [CAUSE_ENGINES] = g->engines - g->users,
        [CAUSE_USERS] = g->users - 1,
    };

    for (int i = 0; i < LEDGER_CAUSES; i++) {
        int64_t bytes = times(l, extra[i], nominal);

        l->cause_copies[i] += extra[i];
        sum(l, &l->by_cause[i], bytes);
        sum(l, &layer->by_cause[i], bytes);
    }
}

/* Books what one host holds of one layer. The sum of a(k) goes to `stored` copy by copy elsewhere,
 * so that the two sides of the identity are two computations. */
static void book_group(struct ledger *l, struct ledger_layer *layer, int64_t nominal,
                       const struct group *g)
{
    int64_t layout;

    l->copies += g->copies;
    l->measured += g->measured;
    l->estimated += g->estimated;
    l->unknown += g->copies - g->measured - g->estimated;
    l->layers++;
    layer->copies += g->copies;
    layer->measured += g->measured;
    layer->hosts++;
    sum(l, &layer->stored, g->bytes);
    if (nominal == FLEET_UNKNOWN) {
        sum(l, &l->unsplit, g->bytes);
        sum(l, &layer->unsplit, g->bytes);
        return;
    }
    if (__builtin_sub_overflow(g->bytes, times(l, g->copies, nominal), &layout))
        l->overflow = true;
    sum(l, &l->unique, nominal);
    sum(l, &l->duplicates, times(l, g->copies - 1, nominal));
    sum(l, &l->layout, layout);
    sum(l, &layer->duplicates, times(l, g->copies - 1, nominal));
    sum(l, &layer->layout, layout);
    book_causes(l, g, nominal, layer);
}

static void book_host_copies(struct ledgers *out, const struct fleet *f, uint32_t host,
                             struct copy **list, size_t count)
{
    struct ledger *l = &out->hosts[host];

    qsort(list, count, sizeof(struct copy *), by_layer_then_store);
    for (size_t first = 0, next; first < count; first = next) {
        uint32_t layer = list[first]->layer;
        struct group g;

        for (next = first + 1; next < count && list[next]->layer == layer; next++)
            ;
        g = measure_group(f, l, list + first, next - first);
        book_group(l, &out->layers[layer == FLEET_NONE ? f->layer_count : layer],
                   fleet_nominal(f, layer), &g);
    }
}

static void book_spaces(struct ledgers *out, const struct fleet *f)
{
    for (size_t i = 0; i < f->space_count; i++) {
        const struct fleet_space *s = &f->spaces[i];
        struct ledger *l = &out->hosts[f->stores[s->store].host];

        if (s->klass == REC_SPACE_BLOBS)
            sum(l, strcmp(s->kind, "only") == 0 ? &l->blobs_only : &l->blobs_kept, s->bytes);
        else if (s->klass == REC_SPACE_ORPHANS)
            sum(l, &l->orphans, s->bytes);
        else
            continue;
        sum(l, &l->stored, s->bytes);
        l->upper_bound = l->upper_bound || s->upper_bound;
    }
}

static void add_host(struct ledger *fleet, const struct ledger *host)
{
    sum(fleet, &fleet->stored, host->stored);
    sum(fleet, &fleet->duplicates, host->duplicates);
    sum(fleet, &fleet->layout, host->layout);
    sum(fleet, &fleet->unsplit, host->unsplit);
    sum(fleet, &fleet->blobs_kept, host->blobs_kept);
    sum(fleet, &fleet->blobs_only, host->blobs_only);
    sum(fleet, &fleet->orphans, host->orphans);
    for (int i = 0; i < LEDGER_CAUSES; i++) {
        sum(fleet, &fleet->by_cause[i], host->by_cause[i]);
        fleet->cause_copies[i] += host->cause_copies[i];
    }
    fleet->copies += host->copies;
    fleet->measured += host->measured;
    fleet->estimated += host->estimated;
    fleet->unknown += host->unknown;
    fleet->upper_bound = fleet->upper_bound || host->upper_bound;
    fleet->overflow = fleet->overflow || host->overflow;
}

/* unique and replicas of the fleet come from the layers: a layer is needed once for each host. */
static void sum_fleet(struct ledgers *out, const struct fleet *f)
{
    struct ledger *l = &out->fleet;

    for (size_t i = 0; i < f->host_count; i++)
        add_host(l, &out->hosts[i]);
    for (size_t i = 0; i < f->layer_count; i++) {
        struct ledger_layer *layer = &out->layers[i];

        l->layers += layer->hosts > 0;
        if (layer->hosts == 0 || f->layers[i].nominal_bytes == FLEET_UNKNOWN)
            continue;
        layer->unique = f->layers[i].nominal_bytes;
        layer->replicas = times(l, layer->hosts - 1, layer->unique);
        sum(l, &l->unique, layer->unique);
        sum(l, &l->replicas, layer->replicas);
    }
}

int ledger_compute(struct ledgers *out, const struct fleet *f, const struct copies *copies,
                   struct arena *arena, struct err *err)
{
    struct copy **list = arena_array(arena, copies->count, sizeof(struct copy *), err);

    *out = (struct ledgers){0};
    if (list == NULL)
        return -1;
    out->hosts = arena_array(arena, f->host_count, sizeof(*out->hosts), err);
    if (out->hosts == NULL)
        return -1;
    out->layers = arena_array(arena, f->layer_count + 1, sizeof(*out->layers), err);
    if (out->layers == NULL)
        return -1;
    for (size_t i = 0; i < copies->count; i++)
        list[i] = &copies->list[i];
    for (size_t first = 0, next; first < copies->count; first = next) {
        uint32_t host = f->stores[list[first]->store].host;

        for (next = first; next < copies->count && f->stores[list[next]->store].host == host;
             next++)
            sum(&out->hosts[host], &out->hosts[host].stored, list[next]->bytes);
        book_host_copies(out, f, host, list + first, next - first);
    }
    book_spaces(out, f);
    sum_fleet(out, f);
    return 0;
}

/* Modulo 2^64, as a sum that fits may leave 63 bits on its way. */
int64_t ledger_terms(const struct ledger *l)
{
    uint64_t total = (uint64_t)l->unique + (uint64_t)l->replicas + (uint64_t)l->duplicates +
                     (uint64_t)l->layout + (uint64_t)l->unsplit + (uint64_t)l->blobs_kept +
                     (uint64_t)l->blobs_only + (uint64_t)l->orphans;

    return (int64_t)total;
}

int64_t ledger_duplicate_storage(const struct ledger *l)
{
    return l->replicas + l->duplicates + l->blobs_kept;
}

int64_t ledger_copies_bytes(const struct ledger *l)
{
    return l->stored - l->blobs_kept - l->blobs_only - l->orphans;
}

static int check_one(const struct ledger *l, const char *of, struct err *err)
{
    int64_t causes = 0;

    if (l->overflow)
        return err_set(err, ERR_LIMIT, "the bytes of %s do not fit 63 bits: a host claims too much",
                       of);
    for (int i = 0; i < LEDGER_CAUSES; i++)
        causes += l->by_cause[i];
    if (ledger_terms(l) != l->stored)
        return err_set(err, ERR_CONFLICT,
                       "internal error: the ledger of %s explains %" PRId64 " bytes of %" PRId64
                       " stored",
                       of, ledger_terms(l), l->stored);
    if (causes != l->duplicates)
        return err_set(err, ERR_CONFLICT,
                       "internal error: the causes of %s's duplicates are %" PRId64
                       " bytes of %" PRId64,
                       of, causes, l->duplicates);
    return 0;
}

int ledger_check(const struct ledgers *l, const struct fleet *f, struct err *err)
{
    int64_t needed = 0;

    if (check_one(&l->fleet, "the fleet", err) != 0)
        return -1;
    for (size_t i = 0; i < f->host_count; i++) {
        if (check_one(&l->hosts[i], f->hosts[i].name, err) != 0)
            return -1;
        needed += l->hosts[i].unique;
    }
    if (needed != l->fleet.unique + l->fleet.replicas)
        return err_set(err, ERR_CONFLICT,
                       "internal error: the hosts need %" PRId64
                       " bytes, the fleet's unique and replicas are %" PRId64,
                       needed, l->fleet.unique + l->fleet.replicas);
    return 0;
}

const char *ledger_cause_name(enum ledger_cause cause)
{
    static const char *const names[LEDGER_CAUSES] = {
        [CAUSE_PARENTS] = "parents",
        [CAUSE_STORES] = "stores",
        [CAUSE_ENGINES] = "engines",
        [CAUSE_USERS] = "users",
    };

    return names[cause];
}
