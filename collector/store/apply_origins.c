#include <stdlib.h>
#include <string.h>

#include "collector/store/apply.h"
#include "collector/store/content.h"
#include "collector/store/held.h"
#include "collector/store/place.h"
#include "collector/store/store_private.h"

#define ORIGINS_ARENA_BYTES (32u << 20)

enum { ORIGIN_ADD, ORIGIN_DROP, ORIGINS_OF, ORIGINS_COUNT };

static const char *const sql[] = {
    [ORIGIN_ADD] = "INSERT INTO origin (store_id, layer_id, name_id) VALUES (?, ?, ?)",
    [ORIGIN_DROP] = "DELETE FROM origin WHERE store_id = ? AND layer_id = ? AND name_id = ?",
    [ORIGINS_OF] = ("SELECT layer_id, name_id FROM origin WHERE store_id = ? "
                    "ORDER BY layer_id, name_id"),
    [ORIGINS_COUNT] = "SELECT count(*) FROM origin WHERE store_id = ?",
};
const struct store_sql store_sql_origins = STORE_SQL(sql);

struct row {
    int64_t layer_id, name_id;
};

struct rows {
    struct row *list; /* sorted */
    size_t count;
};

static int by_ids(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->layer_id != y->layer_id)
        return x->layer_id < y->layer_id ? -1 : 1;
    return x->name_id < y->name_id ? -1 : x->name_id > y->name_id;
}

static int run_on(struct store *s, int index, int64_t store_id, const struct row *row,
                  struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_origins, index);

    stmt_int(&st, store_id);
    stmt_int(&st, row->layer_id);
    stmt_int(&st, row->name_id);
    return stmt_run(&st, err);
}

/* What is held now. */
static int load_rows(struct store *s, int64_t store_id, struct arena *arena, struct rows *out,
                     struct err *err)
{
    AUTO(stmt_end) struct stmt count = stmt_use(s, STORE_SET_origins, ORIGINS_COUNT);
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_origins, ORIGINS_OF);
    int more;

    stmt_int(&count, store_id);
    if (stmt_row(&count, err) < 0)
        return -1;
    out->list = arena_array(arena, (size_t)stmt_get_int(&count, 0), sizeof(*out->list), err);
    if (out->list == NULL)
        return -1;
    stmt_int(&st, store_id);
    while ((more = stmt_row(&st, err)) > 0)
        out->list[out->count++] = (struct row){stmt_get_int(&st, 0), stmt_get_int(&st, 1)};
    return more;
}

/* What is said, as rows. Neighbours are mostly of one layer, so each layer is looked up once. */
static int make_rows(struct store *s, const struct rec_origins *in, struct arena *arena,
                     struct rows *out, struct err *err)
{
    out->list = arena_array(arena, in->origin_count, sizeof(*out->list), err);
    if (out->list == NULL)
        return -1;
    for (size_t i = 0; i < in->origin_count; i++) {
        const struct rec_origin *origin = &in->origins[i];
        struct row *row = &out->list[i];

        if (i > 0 && digest_eq(&origin->diff, &origin[-1].diff))
            row->layer_id = row[-1].layer_id;
        else if (content_layer(s, &origin->diff, &row->layer_id, err) != 0)
            return -1;
        if (content_name(s, origin->repository, &row->name_id, err) != 0)
            return -1;
    }
    out->count = in->origin_count;
    if (out->count > 1)
        qsort(out->list, out->count, sizeof(*out->list), by_ids);
    return 0;
}

/* Walks both lists side by side: only what differs is written. */
static int replace(struct store *s, int64_t store_id, const struct rows *before,
                   const struct rows *now, bool keep, struct err *err)
{
    size_t i = 0, j = 0, count = 0;

    for (; i < before->count || j < now->count; count++) {
        int order = i == before->count ? 1
                    : j == now->count  ? -1
                                       : by_ids(&before->list[i], &now->list[j]);

        if (order > 0 && run_on(s, ORIGIN_ADD, store_id, &now->list[j], err) != 0)
            return -1;
        if (order < 0 && !keep) {
            if (run_on(s, ORIGIN_DROP, store_id, &before->list[i], err) != 0)
                return -1;
            count--;
        }
        i += order <= 0;
        j += order >= 0;
    }
    if (count > REC_ORIGINS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d origins in one store", REC_ORIGINS_MAX);
    return 0;
}

int apply_origins(struct store *s, int64_t incarnation_id, const struct rec_origins *origins,
                  struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct rows before = {0}, now = {0};
    int64_t store_id;

    if (!held_strictly(origins->origins, origins->origin_count, sizeof(*origins->origins),
                       rec_origin_cmp))
        return err_set(err, ERR_CONFLICT, "origins are not sorted, or one is there twice");
    if (place_present(s, incarnation_id, &origins->key, &store_id, err) != 0 ||
        arena_open(&arena, ORIGINS_ARENA_BYTES, err) != 0 ||
        load_rows(s, store_id, arena, &before, err) != 0 ||
        make_rows(s, origins, arena, &now, err) != 0)
        return -1;
    return replace(s, store_id, &before, &now, origins->continued, err);
}
