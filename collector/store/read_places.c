#include <stdlib.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum {
    PRESENCES,
    PLACE_NAMES,
    ALL_NAMES,
    REPO_DIGESTS,
    EXCEPTIONS,
    MEASURED,
    CONTAINERS,
    SPACES,
};

static const char *const sql[] = {
    [PRESENCES] = "SELECT store_id, image_id, unpacked, parent_id, from_s FROM presence "
                  "WHERE gone_s IS NULL ORDER BY store_id, image_id",
    [PLACE_NAMES] = "SELECT store_id, image_id, name_id, 1 FROM presence_name "
                    "WHERE gone_s IS NULL ORDER BY store_id, image_id, name_id",
    [ALL_NAMES] = "SELECT store_id, image_id, name_id, gone_s IS NULL FROM presence_name "
                  "ORDER BY store_id, image_id, name_id",
    [REPO_DIGESTS] = "SELECT r.image_id, r.name_id, r.digest, r.now, "
                     "(SELECT min(d.kind) FROM document d "
                     "WHERE d.kind IN (2, 3) AND d.digest = r.digest) "
                     "FROM (SELECT image_id, name_id, digest, max(gone_s IS NULL) AS now "
                     "FROM presence_repo_digest GROUP BY image_id, name_id, digest) r "
                     "ORDER BY r.image_id, r.name_id, r.digest",
    [EXCEPTIONS] = "SELECT store_id, chain_id, layer_id, kind FROM exception "
                   "ORDER BY store_id, chain_id",
    [MEASURED] = "SELECT store_id, chain_id, allocated_bytes, missing FROM copy "
                 "ORDER BY store_id, chain_id",
    [CONTAINERS] = "SELECT store_id, image_id, state, container, name, since_s FROM container "
                   "ORDER BY store_id, container",
    [SPACES] = "SELECT store_id, class, kind, bytes, count, upper_bound FROM space "
               "ORDER BY store_id, class, kind",
};
const struct store_sql store_sql_places = STORE_SQL(sql);

/* The present store of column 0; FLEET_NONE where that one is not present. */
static int present_store(struct reading *r, const struct stmt *st, uint32_t *store, struct err *err)
{
    if (read_reference(&r->stores, st, 0, store, err) != 0)
        return -1;
    if (!r->f->stores[*store].present)
        *store = FLEET_NONE;
    return 0;
}

/* Rows come store by store, so a store's run grows at the end of the array. */
static void extend(struct fleet_run *run, size_t index)
{
    if (run->count++ == 0)
        run->first = (uint32_t)index;
}

static int presence_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_presence *list,
        p = {.unpacked = stmt_get_int(st, 2) != 0, .from_s = stmt_get_int(st, 4)};

    if (present_store(r, st, &p.store, err) != 0)
        return -1;
    if (p.store == FLEET_NONE)
        return 0;
    if (read_reference(&r->images, st, 1, &p.image, err) != 0 ||
        read_reference(&r->images, st, 3, &p.parent, err) != 0)
        return -1;
    list = read_room(r, f->presences, f->presence_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->presences = list;
    extend(&f->stores[p.store].presences, f->presence_count);
    list[f->presence_count++] = p;
    return 0;
}

static int add_past_name(struct reading *r, uint32_t image, uint32_t name, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_past_name *list =
        read_room(r, f->past_names, f->past_name_count, sizeof(*list), err);

    if (list == NULL)
        return -1;
    f->past_names = list;
    list[f->past_name_count++] = (struct fleet_past_name){image, name};
    return 0;
}

static int name_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_presence *p = NULL;
    uint32_t store, image, name, *list;

    if (present_store(r, st, &store, err) != 0 ||
        read_reference(&r->images, st, 1, &image, err) != 0 ||
        read_reference(&r->names, st, 2, &name, err) != 0)
        return -1;
    if (store != FLEET_NONE && stmt_get_int(st, 3) != 0)
        p = fleet_presence_in(f, &f->stores[store], image);
    if (p == NULL)
        return r->options->past ? add_past_name(r, image, name, err) : 0;
    list = read_room(r, f->place_names, f->place_name_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->place_names = list;
    extend(&p->names, f->place_name_count);
    list[f->place_name_count++] = name;
    return 0;
}

static int by_image_then_name(const void *a, const void *b)
{
    const struct fleet_past_name *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

static void make_past_names_distinct(struct fleet *f)
{
    size_t kept = 0;

    if (f->past_name_count == 0)
        return;
    qsort(f->past_names, f->past_name_count, sizeof(*f->past_names), by_image_then_name);
    for (size_t i = 0; i < f->past_name_count; i++)
        if (kept == 0 || by_image_then_name(&f->past_names[kept - 1], &f->past_names[i]) != 0)
            f->past_names[kept++] = f->past_names[i];
    f->past_name_count = kept;
}

static int repo_digest_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_repo_digest *list =
        read_room(r, f->repo_digests, f->repo_digest_count, sizeof(*list), err);
    struct fleet_repo_digest *d;

    if (list == NULL)
        return -1;
    f->repo_digests = list;
    d = &list[f->repo_digest_count];
    *d = (struct fleet_repo_digest){.present = stmt_get_int(st, 3) != 0,
                                    .kind = (enum rec_document_kind)stmt_get_int(st, 4)};
    if (read_reference(&r->images, st, 0, &d->image, err) != 0 ||
        read_reference(&r->names, st, 1, &d->repository, err) != 0 ||
        stmt_get_digest(st, 2, &d->digest, err) != 0)
        return -1;
    f->repo_digest_count++;
    return 0;
}

static int exception_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_exception *list, e = {.kind = (enum rec_exception_kind)stmt_get_int(st, 3)};

    if (present_store(r, st, &e.store, err) != 0)
        return -1;
    if (e.store == FLEET_NONE)
        return 0;
    if (read_reference(&r->chains, st, 1, &e.chain, err) != 0 ||
        read_reference(&r->layers, st, 2, &e.layer, err) != 0)
        return -1;
    list = read_room(r, f->exceptions, f->exception_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->exceptions = list;
    extend(&f->stores[e.store].exceptions, f->exception_count);
    list[f->exception_count++] = e;
    return 0;
}

static int measured_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_measured *list,
        m = {.allocated_bytes = stmt_get_int(st, 2), .missing = stmt_get_int(st, 3) != 0};

    if (present_store(r, st, &m.store, err) != 0)
        return -1;
    if (m.store == FLEET_NONE)
        return 0;
    if (read_reference(&r->chains, st, 1, &m.chain, err) != 0)
        return -1;
    list = read_room(r, f->measured, f->measured_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->measured = list;
    extend(&f->stores[m.store].measured, f->measured_count);
    list[f->measured_count++] = m;
    return 0;
}

static int container_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_container *list,
        c = {.state = (enum rec_run_state)stmt_get_int(st, 2), .since_s = stmt_get_int(st, 5)};

    if (present_store(r, st, &c.store, err) != 0)
        return -1;
    if (c.store == FLEET_NONE)
        return 0;
    c.id = stmt_copy_text(st, 3, r->arena, err);
    c.name = stmt_copy_text(st, 4, r->arena, err);
    if (c.id == NULL || c.name == NULL || read_reference(&r->images, st, 1, &c.image, err) != 0)
        return -1;
    list = read_room(r, f->containers, f->container_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    f->containers = list;
    extend(&f->stores[c.store].containers, f->container_count);
    list[f->container_count++] = c;
    return 0;
}

static int space_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_space *list, s = {.klass = (enum rec_space_class)stmt_get_int(st, 1),
                                   .bytes = stmt_get_int(st, 3),
                                   .count = stmt_get_int(st, 4),
                                   .upper_bound = stmt_get_int(st, 5) != 0};

    if (present_store(r, st, &s.store, err) != 0)
        return -1;
    if (s.store == FLEET_NONE)
        return 0;
    s.kind = stmt_copy_text(st, 2, r->arena, err);
    list = read_room(r, f->spaces, f->space_count, sizeof(*list), err);
    if (list == NULL || s.kind == NULL)
        return -1;
    f->spaces = list;
    extend(&f->stores[s.store].spaces, f->space_count);
    list[f->space_count++] = s;
    return 0;
}

int read_places(struct reading *r, struct err *err)
{
    const struct read_options *o = r->options;

    if (read_rows(r, STORE_SET_places, PRESENCES, presence_row, err) != 0 ||
        read_rows(r, STORE_SET_places, o->past ? ALL_NAMES : PLACE_NAMES, name_row, err) != 0)
        return -1;
    make_past_names_distinct(r->f);
    if (o->digests && read_rows(r, STORE_SET_places, REPO_DIGESTS, repo_digest_row, err) != 0)
        return -1;
    if (read_rows(r, STORE_SET_places, EXCEPTIONS, exception_row, err) != 0 ||
        read_rows(r, STORE_SET_places, MEASURED, measured_row, err) != 0 ||
        read_rows(r, STORE_SET_places, CONTAINERS, container_row, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_places, SPACES, space_row, err);
}
