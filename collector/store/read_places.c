#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { EXCEPTIONS, MEASURED, CONTAINERS, SPACES, EXTRA_STORES, STORE_BYTES };

static const char *const sql[] = {
    [EXCEPTIONS] = "SELECT chain_id, layer_id, kind FROM exception "
                   "WHERE store_id = ? ORDER BY chain_id",
    [MEASURED] = "SELECT chain_id, allocated_bytes, missing FROM copy "
                 "WHERE store_id = ? ORDER BY chain_id",
    [CONTAINERS] = "SELECT image_id, state, container, name, since_s, kube_namespace, kube_pod "
                   "FROM container WHERE store_id = ? ORDER BY container",
    [SPACES] = "SELECT class, kind, bytes, count, upper_bound FROM space "
               "WHERE store_id = ? ORDER BY class, kind",
    [EXTRA_STORES] = "SELECT DISTINCT store_id FROM exception WHERE kind = ?",
    [STORE_BYTES] = "SELECT (SELECT coalesce(sum(allocated_bytes), 0) FROM copy "
                    "WHERE store_id = ?1 AND missing = 0) + (SELECT coalesce(sum(bytes), 0) "
                    "FROM space WHERE store_id = ?1 AND class IN (?2, ?3))",
};
const struct store_sql store_sql_places = STORE_SQL(sql);

static int exception_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_exception *list,
        e = {.store = r->at, .kind = (enum rec_exception_kind)stmt_get_int(st, 2)};

    if (read_reference(&r->chains, st, 0, &e.chain, err) != 0 ||
        read_reference(&r->layers, st, 1, &e.layer, err) != 0)
        return -1;
    list = read_room(r, f->exceptions, f->exception_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->exceptions = list;
    read_extend(&f->stores[r->at].exceptions, f->exception_count);
    list[f->exception_count++] = e;
    return 0;
}

static int measured_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_measured *list, m = {.store = r->at,
                                      .allocated_bytes = stmt_get_int(st, 1),
                                      .missing = stmt_get_int(st, 2) != 0};

    if (read_reference(&r->chains, st, 0, &m.chain, err) != 0)
        return -1;
    list = read_room(r, f->measured, f->measured_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->measured = list;
    read_extend(&f->stores[r->at].measured, f->measured_count);
    list[f->measured_count++] = m;
    return 0;
}

static int container_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_container *list, c = {.store = r->at,
                                       .state = (enum rec_run_state)stmt_get_int(st, 1),
                                       .since_s = stmt_get_int(st, 4)};

    c.id = stmt_copy_text(st, 2, r->arena, err);
    c.name = stmt_copy_text(st, 3, r->arena, err);
    c.kube_namespace = stmt_copy_text(st, 5, r->arena, err);
    c.kube_pod = stmt_copy_text(st, 6, r->arena, err);
    if (c.id == NULL || c.name == NULL || c.kube_namespace == NULL || c.kube_pod == NULL ||
        read_reference(&r->images, st, 0, &c.image, err) != 0)
        return -1;
    list = read_room(r, f->containers, f->container_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->containers = list;
    read_extend(&f->stores[r->at].containers, f->container_count);
    list[f->container_count++] = c;
    return 0;
}

static int space_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_space *list, s = {.store = r->at,
                                   .klass = (enum rec_space_class)stmt_get_int(st, 0),
                                   .bytes = stmt_get_int(st, 2),
                                   .count = stmt_get_int(st, 3),
                                   .upper_bound = stmt_get_int(st, 4) != 0};

    s.kind = stmt_copy_text(st, 1, r->arena, err);
    list = read_room(r, f->spaces, f->space_count, sizeof(*list), err);
    if (list == NULL || s.kind == NULL)
        return -1;
    f->spaces = list;
    read_extend(&f->stores[r->at].spaces, f->space_count);
    list[f->space_count++] = s;
    return 0;
}

int read_places_in(struct reading *r, uint32_t store, struct err *err)
{
    int64_t id = r->f->stores[store].id;

    r->at = store;
    if (read_rows_of(r, STORE_SET_places, EXCEPTIONS, id, exception_row, err) != 0 ||
        read_rows_of(r, STORE_SET_places, MEASURED, id, measured_row, err) != 0)
        return -1;
    return read_rows_of(r, STORE_SET_places, SPACES, id, space_row, err);
}

int read_containers_in(struct reading *r, uint32_t store, struct err *err)
{
    r->at = store;
    return read_rows_of(r, STORE_SET_places, CONTAINERS, r->f->stores[store].id, container_row,
                        err);
}

int read_extra_hosts(const struct reading *reading, bool *hosts, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(reading->store, STORE_SET_places, EXTRA_STORES);
    uint32_t store;
    int more;

    stmt_int(&st, REC_CHAIN_EXTRA);
    while ((more = stmt_row(&st, err)) > 0) {
        if (read_reference(&reading->stores, &st, 0, &store, err) != 0)
            return -1;
        hosts[reading->f->stores[store].host] = true;
    }
    return more;
}

int read_store_bytes(const struct reading *reading, uint32_t store, int64_t *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(reading->store, STORE_SET_places, STORE_BYTES);
    int more;

    stmt_int(&st, reading->f->stores[store].id);
    stmt_int(&st, REC_SPACE_BLOBS);
    stmt_int(&st, REC_SPACE_ORPHANS);
    more = stmt_row(&st, err);
    *out = stmt_get_int(&st, 0);
    return more < 0 ? -1 : 0;
}
