#include "collector/store/read_origins.h"

#include <stdlib.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { OF_LAYER, OF_ALL };

static const char *const sql[] = {
    [OF_LAYER] = "SELECT name_id, store_id FROM origin WHERE layer_id = ? ORDER BY name_id",
    [OF_ALL] = "SELECT layer_id, name_id, store_id FROM origin "
               "WHERE (layer_id, name_id, store_id) > (?, ?, ?) "
               "ORDER BY layer_id, name_id, store_id",
};
const struct store_sql store_sql_read_origins = STORE_SQL(sql);

struct places {
    const struct reading *r;
    struct arena *arena;
    struct origin_place *list;
    size_t count, cap;
    size_t *last_place; /* by host: the last repository that it was counted for, from 1 */
};

static int add_place(struct places *p, uint32_t name, struct err *err)
{
    struct origin_place *list =
        fleet_room(p->arena, p->list, p->count, &p->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    p->list = list;
    list[p->count++] = (struct origin_place){.name = name};
    return 0;
}

static int origin_row(struct places *p, const struct stmt *st, struct err *err)
{
    const struct fleet_store *s;
    uint32_t name, store;

    if (read_reference(&p->r->names, st, 0, &name, err) != 0 ||
        read_reference(&p->r->stores, st, 1, &store, err) != 0)
        return -1;
    s = &p->r->f->stores[store];
    if (!s->present)
        return 0;
    if ((p->count == 0 || p->list[p->count - 1].name != name) && add_place(p, name, err) != 0)
        return -1;
    p->list[p->count - 1].hosts += p->last_place[s->host] != p->count;
    p->last_place[s->host] = p->count;
    return 0;
}

int read_origins(const struct reading *reading, uint32_t layer, struct origin_place **out,
                 size_t *count, struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(reading->store, STORE_SET_read_origins, OF_LAYER);
    struct places p = {.r = reading, .arena = arena};
    int more;

    p.last_place = arena_array(arena, reading->f->host_count, sizeof(*p.last_place), err);
    if (p.last_place == NULL)
        return -1;
    stmt_int(&st, reading->f->layers[layer].id);
    while ((more = stmt_row(&st, err)) > 0)
        if (origin_row(&p, &st, err) != 0)
            return err_wrap(err, "read where a layer comes from");
    *out = p.list;
    *count = p.count;
    return more;
}

/* ---- all of them ----------------------------------------------------------------------------- */

#define STEPS_MOST 16 /* rows that are passed over one by one; for more, a search is cheaper */

struct walk { /* over all rows: by layer, repository, store */
    const struct reading *r;
    struct arena *arena;
    struct all_origins *out;
    const bool *trusted; /* by store; NULL none */
    size_t cap;
    int64_t layer, name; /* row numbers of the pair at hand */
    bool listed;         /* it is among the results, their last */
    uint32_t passed;     /* rows since it is settled */
};

/* Whether a further store could add nothing to the pair at hand. */
static bool is_settled(const struct walk *w)
{
    const struct all_origins *out = w->out;

    return w->listed && (w->trusted == NULL || out->layers[out->layer_count - 1].counts);
}

static int list_pair(struct walk *w, const struct stmt *st, struct err *err)
{
    struct all_origins *out = w->out;
    struct policy_origin *list =
        fleet_room(w->arena, out->layers, out->layer_count, &w->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    out->layers = list;
    list += out->layer_count;
    *list = (struct policy_origin){.counts = false};
    if (read_reference(&w->r->layers, st, 0, &list->of, err) != 0 ||
        read_reference(&w->r->names, st, 1, &list->name, err) != 0)
        return -1;
    out->layer_count++;
    w->listed = true;
    return 0;
}

static int pair_row(struct walk *w, const struct stmt *st, struct err *err)
{
    struct all_origins *out = w->out;
    uint32_t store;

    if (stmt_get_int(st, 0) != w->layer || stmt_get_int(st, 1) != w->name) {
        w->layer = stmt_get_int(st, 0);
        w->name = stmt_get_int(st, 1);
        w->listed = false;
        w->passed = 0;
    }
    if (is_settled(w)) {
        w->passed++;
        return 0;
    }
    if (read_reference(&w->r->stores, st, 2, &store, err) != 0)
        return -1;
    if (!w->r->f->stores[store].present)
        return 0;
    if (!w->listed && list_pair(w, st, err) != 0)
        return -1;
    if (w->trusted != NULL && w->trusted[store])
        out->layers[out->layer_count - 1].counts = true;
    return 0;
}

/* From behind the pair at hand on: 1 there is more behind another pair, 0 all is read. */
static int walk_on(struct walk *w, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(w->r->store, STORE_SET_read_origins, OF_ALL);
    int more;

    stmt_int(&st, w->layer);
    stmt_int(&st, w->name);
    stmt_int(&st, INT64_MAX);
    while ((more = stmt_row(&st, err)) > 0) {
        if (pair_row(w, &st, err) != 0)
            return -1;
        if (w->passed > STEPS_MOST)
            return 1;
    }
    return more;
}

static int by_place(const void *a, const void *b)
{
    const struct policy_origin *x = a, *y = b;

    if (x->of != y->of)
        return x->of < y->of ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

static int list_images(const struct fleet *f, struct all_origins *out, const bool *trusted,
                       struct arena *arena, struct err *err)
{
    size_t count = 0, kept = 0;

    out->images = arena_array(arena, f->said_digest_count, sizeof(*out->images), err);
    if (out->images == NULL)
        return -1;
    for (size_t i = 0; i < f->said_count; i++)
        for (uint32_t d = 0; d < f->said[i].digests.count; d++)
            out->images[count++] = (struct policy_origin){
                f->said[i].image, f->said_digests[f->said[i].digests.first + d].repository,
                trusted != NULL && trusted[i]};
    qsort(out->images, count, sizeof(*out->images), by_place);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || by_place(&out->images[kept - 1], &out->images[i]) != 0)
            out->images[kept++] = out->images[i];
        else
            out->images[kept - 1].counts |= out->images[i].counts;
    }
    out->image_count = kept;
    return 0;
}

int read_all_origins(const struct reading *reading, struct all_origins *out, const bool *stores,
                     const bool *said, struct arena *arena, struct err *err)
{
    struct walk w = {
        .r = reading, .arena = arena, .out = out, .trusted = stores, .layer = INT64_MIN};
    int more;

    *out = (struct all_origins){0};
    while ((more = walk_on(&w, err)) > 0)
        w.passed = 0;
    if (more < 0)
        return err_wrap(err, "read where layers come from");
    return list_images(reading->f, out, said, arena, err);
}
