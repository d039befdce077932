#include "collector/census/ledger.h"

#include <inttypes.h>
#include <string.h>

/* The copies of one layer on one host, by how near they are to each other. */
struct group {
    uint32_t copies, stores, engines, users; /* engines: distinct (user, engine) */
    uint32_t measured, estimated;
    int64_t bytes;
};

/* The host at hand, layer by layer. */
struct ledger_pass {
    struct ledgers *sums; /* layers and chains over all hosts; NULL: not wanted */
    const struct fleet *f;
    struct ledger *host;
    struct held {
        uint32_t host; /* + 1, that the rest is of */
        struct group group;
        const struct copy *last; /* none before the first */
    } * held;                    /* by layer; one more for all whose layer is not known */
    uint32_t *seen;              /* the host's layers */
    size_t seen_count;
};

void ledger_add(struct ledger *l, int64_t *total, int64_t bytes)
{
    if (__builtin_add_overflow(*total, bytes, total))
        l->overflow = true;
}

int64_t ledger_times(struct ledger *l, int64_t count, int64_t bytes)
{
    int64_t product = 0;

    if (__builtin_mul_overflow(count, bytes, &product))
        l->overflow = true;
    return product;
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

/* The stores of a host are sorted by owner and engine, so the last copy tells what is new. */
static void add_to_group(const struct fleet *f, struct ledger *l, struct group *g,
                         const struct copy *last, const struct copy *c)
{
    g->copies++;
    g->stores += last == NULL || last->store != c->store;
    g->engines += last == NULL || !same_engine(f, last, c);
    g->users += last == NULL || !same_user(f, last, c);
    g->measured += c->size == COPY_MEASURED;
    g->estimated += c->size == COPY_ESTIMATED;
    ledger_add(l, &g->bytes, c->bytes);
}

/* The copies beyond the first, by what sets them apart. */
static int64_t extra_copies(const struct group *g, enum ledger_cause cause)
{
    const int64_t extra[LEDGER_CAUSES] = {
        [CAUSE_PARENTS] = g->copies - g->stores,
        [CAUSE_STORES] = g->stores - g->engines,
        [CAUSE_ENGINES] = g->engines - g->users,
        [CAUSE_USERS] = g->users - 1,
    };

    return extra[cause];
}

static void book_causes(struct ledger *l, const struct group *g, int64_t nominal)
{
    for (int i = 0; i < LEDGER_CAUSES && g->copies > 1; i++) {
        int64_t extra = extra_copies(g, (enum ledger_cause)i);

        l->cause_copies[i] += extra;
        ledger_add(l, &l->by_cause[i], ledger_times(l, extra, nominal));
    }
}

/* What one host holds of one layer, in the layer's sums. */
static void book_layer(struct ledger *l, struct ledger_layer *layer, const struct group *g)
{
    layer->copies += g->copies;
    layer->measured += g->measured;
    layer->hosts++;
    ledger_add(l, &layer->stored, g->bytes);
    for (int i = 0; i < LEDGER_CAUSES; i++)
        layer->cause_copies[i] += extra_copies(g, (enum ledger_cause)i);
}

/* Books what one host holds of one layer. The sum of a(k) goes to `stored` copy by copy elsewhere,
 * so that the two sides of the identity are two computations. */
static void book_group(struct ledger *l, int64_t nominal, const struct group *g)
{
    int64_t layout = 0;

    l->copies += g->copies;
    l->measured += g->measured;
    l->estimated += g->estimated;
    l->unknown += g->copies - g->measured - g->estimated;
    l->layers++;
    if (nominal == FLEET_UNKNOWN) {
        ledger_add(l, &l->unsplit, g->bytes);
        return;
    }
    book_causes(l, g, nominal);
    if (__builtin_sub_overflow(g->bytes, ledger_times(l, g->copies, nominal), &layout))
        l->overflow = true;
    ledger_add(l, &l->unique, nominal);
    ledger_add(l, &l->duplicates, ledger_times(l, (int64_t)g->copies - 1, nominal));
    ledger_add(l, &l->layout, layout);
}

static void book_copy(struct ledger_pass *b, uint32_t host, const struct copy *c)
{
    uint32_t layer = c->layer == FLEET_NONE ? (uint32_t)b->f->layer_count : c->layer;
    struct ledger *l = b->host;
    struct held *held = &b->held[layer];

    ledger_add(l, &l->stored, c->bytes);
    if (b->sums != NULL) {
        b->sums->chains[c->chain].copies++;
        ledger_add(l, &b->sums->chains[c->chain].stored, c->bytes);
    }
    if (held->host != host + 1) {
        *held = (struct held){.host = host + 1};
        b->seen[b->seen_count++] = layer;
    }
    add_to_group(b->f, l, &held->group, held->last, c);
    held->last = c;
}

static void book_groups(struct ledger_pass *b)
{
    for (size_t i = 0; i < b->seen_count; i++) {
        const struct held *held = &b->held[b->seen[i]];

        book_group(b->host, held->last->nominal, &held->group);
        if (b->sums != NULL)
            book_layer(b->host, &b->sums->layers[b->seen[i]], &held->group);
    }
    b->seen_count = 0;
}

static void book_spaces(struct ledger *l, const struct fleet *f, const struct fleet_store *store)
{
    for (uint32_t i = 0; i < store->spaces.count; i++) {
        const struct fleet_space *s = &f->spaces[store->spaces.first + i];

        if (s->klass == REC_SPACE_BLOBS)
            ledger_add(l, strcmp(s->kind, "only") == 0 ? &l->blobs_only : &l->blobs_kept, s->bytes);
        else if (s->klass == REC_SPACE_ORPHANS)
            ledger_add(l, &l->orphans, s->bytes);
        else
            continue;
        ledger_add(l, &l->stored, s->bytes);
        l->upper_bound = l->upper_bound || s->upper_bound;
    }
}

static void sum_host(struct ledger *fleet, const struct ledger *host)
{
    ledger_add(fleet, &fleet->stored, host->stored);
    ledger_add(fleet, &fleet->blobs_kept, host->blobs_kept);
    ledger_add(fleet, &fleet->blobs_only, host->blobs_only);
    ledger_add(fleet, &fleet->orphans, host->orphans);
    fleet->copies += host->copies;
    fleet->measured += host->measured;
    fleet->estimated += host->estimated;
    fleet->unknown += host->unknown;
    fleet->upper_bound = fleet->upper_bound || host->upper_bound;
    fleet->overflow = fleet->overflow || host->overflow;
}

/* The terms of one layer whose size is known: it is needed once for each host. */
static void derive_terms(struct ledger *l, struct ledger_layer *layer, int64_t nominal)
{
    layer->unique = nominal;
    layer->replicas = ledger_times(l, layer->hosts - 1, nominal);
    layer->duplicates = ledger_times(l, layer->copies - layer->hosts, nominal);
    if (__builtin_sub_overflow(layer->stored, ledger_times(l, layer->copies, nominal),
                               &layer->layout))
        l->overflow = true;
    for (int i = 0; i < LEDGER_CAUSES; i++) {
        layer->by_cause[i] = ledger_times(l, layer->cause_copies[i], nominal);
        ledger_add(l, &l->by_cause[i], layer->by_cause[i]);
        l->cause_copies[i] += layer->cause_copies[i];
    }
    ledger_add(l, &l->unique, layer->unique);
    ledger_add(l, &l->replicas, layer->replicas);
    ledger_add(l, &l->duplicates, layer->duplicates);
    ledger_add(l, &l->layout, layer->layout);
}

void ledger_derive(struct ledgers *out, const struct fleet *f)
{
    struct ledger *l = &out->fleet;

    for (size_t i = 0; i <= f->layer_count; i++) {
        struct ledger_layer *layer = &out->layers[i];
        bool is_known = i < f->layer_count;

        if (layer->copies == 0)
            continue;
        l->layers += is_known;
        if (is_known && f->layers[i].nominal_bytes != FLEET_UNKNOWN) {
            derive_terms(l, layer, f->layers[i].nominal_bytes);
        } else {
            layer->unsplit = layer->stored;
            ledger_add(l, &l->unsplit, layer->unsplit);
        }
    }
}

int ledger_open(struct ledgers *out, const struct fleet *f, struct arena *arena, struct err *err)
{
    *out = (struct ledgers){0};
    out->layers = arena_array(arena, f->layer_count + 1, sizeof(*out->layers), err);
    if (out->layers == NULL)
        return -1;
    out->chains = arena_array(arena, f->chain_count, sizeof(*out->chains), err);
    return out->chains != NULL ? 0 : -1;
}

int ledger_pass_open(struct ledger_pass **out, const struct fleet *f, struct ledgers *sums,
                     struct arena *arena, struct err *err)
{
    struct ledger_pass *b = arena_alloc(arena, sizeof(*b), err);

    if (b == NULL)
        return -1;
    *b = (struct ledger_pass){.sums = sums, .f = f};
    b->held = arena_array(arena, f->layer_count + 1, sizeof(*b->held), err);
    b->seen = arena_array(arena, f->layer_count + 1, sizeof(*b->seen), err);
    *out = b;
    return b->held != NULL && b->seen != NULL ? 0 : -1;
}

void ledger_pass_host(struct ledger_pass *b, struct ledger *to, const struct fleet *f,
                      uint32_t host, const struct copies *copies)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    b->f = f;
    b->host = to;
    *to = (struct ledger){0};
    for (size_t i = 0; i < copies->count; i++)
        book_copy(b, host, &copies->list[i]);
    book_groups(b);
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        if (f->stores[s].present)
            book_spaces(to, f, &f->stores[s]);
}

int ledger_compute(struct ledgers *out, const struct fleet *f, const struct copies *copies,
                   struct arena *arena, struct err *err)
{
    struct ledger_pass *b;
    size_t next = 0;

    if (ledger_open(out, f, arena, err) != 0 || ledger_pass_open(&b, f, out, arena, err) != 0)
        return -1;
    out->hosts = arena_array(arena, f->host_count, sizeof(*out->hosts), err);
    if (out->hosts == NULL)
        return -1;
    for (uint32_t host = 0; host < f->host_count; host++) {
        struct copies own = {.list = copies->count > 0 ? copies->list + next : NULL};

        for (; next < copies->count && f->stores[copies->list[next].store].host == host; next++)
            own.count++;
        ledger_pass_host(b, &out->hosts[host], f, host, &own);
        sum_host(&out->fleet, &out->hosts[host]);
    }
    out->missing = (int64_t)copies->missing;
    ledger_derive(out, f);
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

int ledger_check_one(const struct ledger *l, const char *of, struct err *err)
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

/* A layer is needed once on each of its hosts; what a host has more than once, the fleet has. */
static int check_hosts(const struct ledgers *l, const struct fleet *f, struct err *err)
{
    uint64_t needed = 0, duplicates = 0;

    for (size_t i = 0; i < f->host_count; i++) {
        if (ledger_check_one(&l->hosts[i], f->hosts[i].name, err) != 0)
            return -1;
        needed += (uint64_t)l->hosts[i].unique;
        duplicates += (uint64_t)l->hosts[i].duplicates;
    }
    if (needed != (uint64_t)l->fleet.unique + (uint64_t)l->fleet.replicas)
        return err_set(err, ERR_CONFLICT,
                       "internal error: the hosts need %" PRIu64
                       " bytes, the fleet's unique and replicas are %" PRId64,
                       needed, l->fleet.unique + l->fleet.replicas);
    if (duplicates != (uint64_t)l->fleet.duplicates)
        return err_set(err, ERR_CONFLICT,
                       "internal error: the hosts hold %" PRIu64
                       " bytes more than once, the fleet %" PRId64,
                       duplicates, l->fleet.duplicates);
    return 0;
}

int ledger_check(const struct ledgers *l, const struct fleet *f, struct err *err)
{
    if (ledger_check_one(&l->fleet, "the fleet", err) != 0)
        return -1;
    return l->hosts != NULL ? check_hosts(l, f, err) : 0;
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
