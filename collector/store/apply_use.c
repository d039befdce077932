#include <stdlib.h>
#include <string.h>

#include "collector/store/apply.h"
#include "collector/store/content.h"
#include "collector/store/held.h"
#include "collector/store/place.h"
#include "collector/store/store_private.h"

#define MS_PER_SECOND 1000
#define USE_ARENA_BYTES (16u << 20)

enum { CONTAINER_PUT, CONTAINER_NEXT, CONTAINER_DROP };

/* Ages are rounded on their way: a start that moves by a second or two is the same start. */
static const char *const sql[] = {
    [CONTAINER_PUT] = "INSERT INTO container (store_id, container, image_id, name, kube_namespace,"
                      " kube_pod, state, since_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT (store_id, container) DO UPDATE SET "
                      "image_id = excluded.image_id, name = excluded.name, state = excluded.state,"
                      " kube_namespace = excluded.kube_namespace, kube_pod = excluded.kube_pod,"
                      " since_s = excluded.since_s WHERE image_id <> excluded.image_id"
                      " OR name <> excluded.name OR state <> excluded.state"
                      " OR kube_namespace <> excluded.kube_namespace"
                      " OR kube_pod <> excluded.kube_pod"
                      " OR (since_s IS NULL) <> (excluded.since_s IS NULL)"
                      " OR abs(since_s - excluded.since_s) > 2",
    [CONTAINER_NEXT] = "SELECT container FROM container "
                       "WHERE store_id = ? AND container > ? "
                       "ORDER BY container LIMIT 1",
    [CONTAINER_DROP] = "DELETE FROM container WHERE store_id = ? AND container = ?",
};
const struct store_sql store_sql_use = STORE_SQL(sql);

static int put_container(struct store *s, int64_t store_id, const struct rec_container *c,
                         int64_t at_s, struct mirror_use *out, struct err *err)
{
    struct stmt st;
    int64_t image_id;

    if (content_image(s, &c->image, 0, at_s, &image_id, err) != 0)
        return -1;
    *out = (struct mirror_use){(uint32_t)image_id, c->state};
    st = stmt_use(s, STORE_SET_use, CONTAINER_PUT);
    stmt_int(&st, store_id);
    stmt_text(&st, c->id);
    stmt_int(&st, image_id);
    stmt_text(&st, c->name);
    stmt_text(&st, c->kube_namespace);
    stmt_text(&st, c->kube_pod);
    stmt_int(&st, c->state);
    stmt_int_if(&st, c->since_age_ms >= 0, at_s - c->since_age_ms / MS_PER_SECOND);
    return stmt_run(&st, err);
}

/* The first container behind `after`: 1, 0 none, -1. */
static int next_container(struct store *s, int64_t store_id, const char *after, struct arena *arena,
                          const char **out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_use, CONTAINER_NEXT);
    int more;

    stmt_int(&st, store_id);
    stmt_text(&st, after);
    more = stmt_row(&st, err);
    if (more <= 0)
        return more;
    *out = stmt_copy_text(&st, 0, arena, err);
    return *out != NULL ? 1 : -1;
}

static int drop_container(struct store *s, int64_t store_id, const char *id, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_use, CONTAINER_DROP);

    stmt_int(&st, store_id);
    stmt_text(&st, id);
    return stmt_run(&st, err);
}

/* Drops the containers that are not in `ids` any more (sorted). */
static int drop_ended(struct store *s, int64_t store_id, const char **ids, size_t count,
                      struct arena *arena, struct err *err)
{
    const char *at = "";
    int more;

    while ((more = next_container(s, store_id, at, arena, &at, err)) > 0) {
        bool runs = count > 0 && bsearch(&at, ids, count, sizeof(*ids), rec_name_cmp) != NULL;

        if (!runs && drop_container(s, store_id, at, err) != 0)
            return -1;
    }
    return more;
}

/* The containers' IDs, sorted; NULL with ERR_CONFLICT where one is there twice. */
static const char **sort_ids(const struct rec_use *use, struct arena *arena, struct err *err)
{
    const char **ids = arena_array(arena, use->container_count, sizeof(*ids), err);

    if (ids == NULL)
        return NULL;
    for (size_t i = 0; i < use->container_count; i++)
        ids[i] = use->containers[i].id;
    if (use->container_count > 1)
        qsort(ids, use->container_count, sizeof(*ids), rec_name_cmp);
    if (held_strictly(ids, use->container_count, sizeof(*ids), rec_name_cmp))
        return ids;
    err_set(err, ERR_CONFLICT, "a container is named twice");
    return NULL;
}

int apply_use(struct store *s, int64_t incarnation_id, const struct rec_use *use, int64_t now_ms,
              struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    int64_t age_ms = use->age_ms > 0 ? use->age_ms : 0;
    int64_t at_s = (now_ms - age_ms) / MS_PER_SECOND;
    struct mirror_use *now;
    int64_t store_id;
    const char **ids;

    if (place_present(s, incarnation_id, &use->key, &store_id, err) != 0 ||
        arena_open(&arena, USE_ARENA_BYTES, err) != 0)
        return -1;
    ids = sort_ids(use, arena, err);
    now = arena_array(arena, use->container_count, sizeof(*now), err);
    if (ids == NULL || now == NULL || tally_take_store(s->tally, s->mirror, store_id, err) != 0)
        return -1;
    for (size_t i = 0; i < use->container_count; i++)
        if (put_container(s, store_id, &use->containers[i], at_s, &now[i], err) != 0)
            return -1;
    if (mirror_set_uses(s->mirror, store_id, now, (uint32_t)use->container_count, err) != 0)
        return -1;
    return drop_ended(s, store_id, ids, use->container_count, arena, err);
}
