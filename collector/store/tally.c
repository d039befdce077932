#include <stdlib.h>
#include <string.h>

#include "collector/store/tally_private.h"

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

int tally_prepare(struct tally *t, const struct mirror *m, struct err *err)
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

int64_t *tally_change(struct tally *t, enum mirror_table table, uint32_t id, struct err *err)
{
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

/* ---- who is in, who is out ------------------------------------------------------------------- */

int tally_take(struct tally *t, struct mirror *m, int64_t host_id, struct err *err)
{
    if (grow(&t->is_out, &t->is_out_room, (size_t)host_id + 1, sizeof(*t->is_out), err) != 0 ||
        grow(&t->out, &t->out_room, t->out_count + 1, sizeof(*t->out), err) != 0)
        return -1;
    if (t->is_out[host_id])
        return 0;
    if (tally_part(t, m, host_id, -1, err) != 0)
        return -1;
    t->is_out[host_id] = true;
    t->out[t->out_count++] = (uint32_t)host_id;
    return 0;
}

bool tally_is_out(const struct tally *t, int64_t host_id)
{
    return (size_t)host_id < t->is_out_room && t->is_out[host_id];
}

int tally_take_store(struct tally *t, struct mirror *m, int64_t store_id, struct err *err)
{
    return tally_take(t, m, mirror_store(m, store_id)->host, err);
}

int tally_take_holders(struct tally *t, struct mirror *m, uint32_t image, struct err *err)
{
    for (size_t i = 1; i < m->tables[MIRROR_STORES].count; i++) {
        const struct mirror_store *s = mirror_store(m, (int64_t)i);
        uint32_t listing = mirror_held(m, s, image);

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

int tally_take_exceptions(struct tally *t, struct mirror *m, int64_t chain, struct err *err)
{
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
            tally_add(&count->now[v], 1, by[v]);
    }
    return 0;
}

int tally_put(struct tally *t, struct mirror *m, struct err *err)
{
    for (size_t i = 0; i < t->out_count; i++)
        if (tally_part(t, m, t->out[i], 1, err) != 0)
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
        if (tally_part(t, m, (int64_t)i, 1, err) != 0)
            return -1;
    return tally_put(t, m, err);
}
