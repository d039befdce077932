#include "collector/store/read_origins.h"

#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { OF_LAYER };

static const char *const sql[] = {
    [OF_LAYER] = "SELECT name_id, store_id FROM origin WHERE layer_id = ? ORDER BY name_id",
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
