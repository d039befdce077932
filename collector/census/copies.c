#include "collector/census/copies.h"

#include <string.h>

/* A chain, with what is needed of it side by side: a fleet has millions of copies. */
struct mark {
    uint32_t layer;
    int64_t nominal; /* of the layer */
    /* What the store at hand says about it; valid where `store` is its index + 1. */
    uint32_t store;
    bool added, missing, measured;
    int64_t bytes;
};

struct copies_maker {
    struct copies *out;
    const struct fleet *f;
    struct arena *arena;
    size_t cap;
    struct mark *marks; /* one for each chain */
};

static struct mark *mark_of(struct copies_maker *d, uint32_t store, uint32_t chain)
{
    struct mark *m = &d->marks[chain];

    if (m->store != store + 1)
        *m = (struct mark){.layer = m->layer, .nominal = m->nominal, .store = store + 1};
    return m;
}

static void read_facts(struct copies_maker *d, uint32_t store)
{
    const struct fleet_store *s = &d->f->stores[store];

    for (uint32_t i = 0; i < s->measured.count; i++) {
        const struct fleet_measured *m = &d->f->measured[s->measured.first + i];
        struct mark *mark = mark_of(d, store, m->chain);

        mark->measured = !m->missing;
        mark->missing = m->missing;
        mark->bytes = m->allocated_bytes;
    }
    for (uint32_t i = 0; i < s->exceptions.count; i++) {
        const struct fleet_exception *e = &d->f->exceptions[s->exceptions.first + i];
        struct mark *mark = mark_of(d, store, e->chain);

        mark->missing = mark->missing || e->kind == REC_CHAIN_MISSING;
    }
}

static void set_size(struct copy *c, const struct mark *m)
{
    if (m->measured) {
        c->size = COPY_MEASURED;
        c->bytes = m->bytes;
    } else if (m->nominal != FLEET_UNKNOWN) {
        c->size = COPY_ESTIMATED;
        c->bytes = m->nominal;
    } else {
        c->size = COPY_UNKNOWN;
    }
}

/* Adds the copy unless it was added before; one that is missing is only counted. There is room. */
static void add(struct copies_maker *d, uint32_t store, uint32_t chain, bool by_image)
{
    struct copies *out = d->out;
    struct mark *m = mark_of(d, store, chain);
    struct copy *copy;

    if (m->added)
        return;
    m->added = true;
    if (m->missing) {
        out->missing++;
        return;
    }
    copy = &out->list[out->count++];
    *copy = (struct copy){.store = store,
                          .chain = chain,
                          .layer = m->layer,
                          .nominal = m->nominal,
                          .by_image = by_image};
    set_size(copy, m);
}

/* Has the processor fetch the marks of an image's chains while another image is added: the marks of
 * a large fleet are in no cache, and those of two images lie far from each other. */
static void expect_image(const struct copies_maker *d, const struct fleet_image *image)
{
    for (uint32_t i = 0; i < image->chain_count; i++)
        __builtin_prefetch(&d->marks[image->chains[i]], 1);
}

static void add_image(struct copies_maker *d, uint32_t store, const struct fleet_image *image)
{
    for (uint32_t i = 0; i < image->chain_count; i++)
        add(d, store, image->chains[i], true);
}

static const struct fleet_image *image_at(const struct copies_maker *d, const struct fleet_store *s,
                                          uint32_t i)
{
    return &d->f->images[d->f->presences[s->presences.first + i].image];
}

/* Room for all copies of one more store: none is of the same chain as another. */
static int make_room(struct copies_maker *d, const struct fleet_store *s, struct err *err)
{
    size_t most = s->exceptions.count;
    struct copies *out = d->out;
    struct copy *grown;

    for (uint32_t i = 0; i < s->presences.count; i++)
        most += image_at(d, s, i)->chain_count;
    if (most > d->f->chain_count)
        most = d->f->chain_count;
    if (most <= d->cap - out->count)
        return 0;
    most += out->count;
    if (most < 2 * d->cap)
        most = 2 * d->cap;
    grown = arena_array(d->arena, most, sizeof(*grown), err);
    if (grown == NULL)
        return -1;
    if (out->count > 0)
        memcpy(grown, out->list, out->count * sizeof(*grown));
    out->list = grown;
    d->cap = most;
    return 0;
}

static int derive_store(struct copies_maker *d, uint32_t store, struct err *err)
{
    const struct fleet_store *s = &d->f->stores[store];

    if (make_room(d, s, err) != 0)
        return -1;
    read_facts(d, store);
    for (uint32_t i = 0; i < s->presences.count; i++) {
        if (i + 1 < s->presences.count)
            expect_image(d, image_at(d, s, i + 1));
        if (d->f->presences[s->presences.first + i].unpacked)
            add_image(d, store, image_at(d, s, i));
    }
    for (uint32_t i = 0; i < s->exceptions.count; i++) {
        const struct fleet_exception *e = &d->f->exceptions[s->exceptions.first + i];

        if (e->kind == REC_CHAIN_EXTRA)
            add(d, store, e->chain, false);
    }
    return 0;
}

int copies_open(struct copies_maker **out, const struct fleet *f, struct arena *arena,
                struct err *err)
{
    struct mark *marks = arena_array(arena, f->chain_count, sizeof(*marks), err);

    *out = arena_alloc(arena, sizeof(**out), err);
    if (*out == NULL || marks == NULL)
        return -1;
    **out = (struct copies_maker){.marks = marks};
    for (size_t i = 0; i < f->chain_count; i++)
        marks[i] = (struct mark){.layer = f->chains[i].layer,
                                 .nominal = fleet_nominal(f, f->chains[i].layer)};
    return 0;
}

int copies_of_host(struct copies_maker *d, struct copies *out, const struct fleet *f, uint32_t host,
                   struct arena *arena, struct err *err)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    *out = (struct copies){0};
    d->out = out;
    d->f = f;
    d->arena = arena;
    d->cap = 0;
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        if (f->stores[s].present && derive_store(d, s, err) != 0)
            return err_wrap(err, "copies");
    return 0;
}

int copies_derive(struct copies *out, const struct fleet *f, struct arena *arena, struct err *err)
{
    struct copies_maker *d;

    *out = (struct copies){0};
    if (copies_open(&d, f, arena, err) != 0)
        return -1;
    d->out = out;
    d->f = f;
    d->arena = arena;
    for (uint32_t s = 0; s < f->store_count; s++)
        if (f->stores[s].present && derive_store(d, s, err) != 0)
            return err_wrap(err, "copies");
    return 0;
}
