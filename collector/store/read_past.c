#include "collector/store/read_past.h"

#include <stdlib.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

#define SEEK_MOST 8 /* listings; for more, one walk over all presence is cheaper */

enum { OF_LISTING, OF_ALL, NAMES_HAD, HISTORY, LABELS };

/* The cross joins say the order of the loops: presence is keyed by store, then listing. */
#define COLUMNS                                                                                    \
    "SELECT p.store_id, p.listing_id, coalesce(p.since_s, p.from_s), p.gone_after_s, p.gone_s "
static const char *const sql[] = {
    [OF_LISTING] = COLUMNS "FROM store s CROSS JOIN presence p "
                           "ON p.store_id = s.id AND p.listing_id = ?",
    [OF_ALL] = COLUMNS "FROM presence p",
    [NAMES_HAD] = "SELECT DISTINCT t.text FROM listing l CROSS JOIN presence p "
                  "ON p.store_id = ?1 AND p.listing_id = l.id "
                  "AND coalesce(p.since_s, p.from_s) = ?3 "
                  "JOIN listing_name n ON n.listing_id = l.id JOIN name t ON t.id = n.name_id "
                  "WHERE l.image_id = ?2 ORDER BY t.text",
    [HISTORY] = ("SELECT created, created_by, comment, empty FROM image_history "
                 "WHERE image_id = ? ORDER BY seq"),
    [LABELS] = "SELECT key, value FROM image_label WHERE image_id = ? ORDER BY key",
};
const struct store_sql store_sql_past = STORE_SQL(sql);

struct stays {
    struct reading *r;
    struct past *out;
    bool *listed; /* by listing: of a marked image */
    size_t cap;
};

/* ---- rows ------------------------------------------------------------------------------------ */

static int add_past(struct stays *y, const struct stmt *st, uint32_t store, uint32_t image,
                    struct err *err)
{
    struct past *out = y->out;
    struct past_presence *list =
        fleet_room(y->r->arena, out->list, out->count, &y->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    out->list = list;
    list[out->count++] = (struct past_presence){.store = store,
                                                .image = image,
                                                .from_s = stmt_get_int(st, 2),
                                                .gone_after_s = stmt_get_int(st, 3),
                                                .gone_s = stmt_get_int(st, 4)};
    return 0;
}

static int add_present(struct stays *y, const struct stmt *st, uint32_t store, uint32_t listing,
                       struct err *err)
{
    struct fleet *f = y->r->f;
    struct fleet_presence *list =
        read_room(y->r, f->presences, f->presence_count, sizeof(*list), err);

    if (list == NULL)
        return -1;
    f->presences = list;
    list += f->presence_count++;
    *list = y->r->listing_list[listing].like;
    list->store = store;
    list->from_s = stmt_get_int(st, 2);
    return 0;
}

/* Nearly all rows of a walk over everything are of images that nobody asked for. */
static int stay_row(struct stays *y, const struct stmt *st, struct err *err)
{
    const struct reading *r = y->r;
    const struct fleet_store *s;
    uint32_t store, listing;

    if (read_reference(&r->listings, st, 1, &listing, err) != 0)
        return -1;
    if (!y->listed[listing])
        return 0;
    if (read_reference(&r->stores, st, 0, &store, err) != 0)
        return -1;
    s = &r->f->stores[store];
    if (!r->f->hosts[s->host].selected)
        return 0;
    return s->present && stmt_is_null(st, 4)
               ? add_present(y, st, store, listing, err)
               : add_past(y, st, store, r->f->said[listing].image, err);
}

static int read_rows_where(struct stays *y, int index, int64_t listing_id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(y->r->store, STORE_SET_past, index);
    int more;

    if (index == OF_LISTING)
        stmt_int(&st, listing_id);
    while ((more = stmt_row(&st, err)) > 0)
        if (stay_row(y, &st, err) != 0)
            return -1;
    return more;
}

static int read_listed(struct stays *y, const bool *marks, struct err *err)
{
    const struct reading *r = y->r;
    size_t marked = 0;

    for (size_t i = 0; i < r->f->said_count; i++) {
        y->listed[i] = marks[r->f->said[i].image];
        marked += y->listed[i];
    }
    if (marked > SEEK_MOST)
        return read_rows_where(y, OF_ALL, 0, err);
    for (size_t i = 0; i < r->f->said_count; i++)
        if (y->listed[i] && read_rows_where(y, OF_LISTING, r->listing_list[i].id, err) != 0)
            return -1;
    return 0;
}

/* ---- stays ----------------------------------------------------------------------------------- */

static int by_store_then_image(const void *a, const void *b)
{
    const struct fleet_presence *x = a, *y = b;

    if (x->store != y->store)
        return x->store < y->store ? -1 : 1;
    return x->image < y->image ? -1 : x->image > y->image;
}

/* Gives each store its presences and, where it has some, its containers. */
static int arrange_presences(struct reading *r, struct err *err)
{
    struct fleet *f = r->f;

    if (f->presence_count > 0)
        qsort(f->presences, f->presence_count, sizeof(*f->presences), by_store_then_image);
    for (size_t i = 0; i < f->store_count; i++)
        f->stores[i].presences = f->stores[i].containers = (struct fleet_run){0};
    for (size_t i = 0; i < f->presence_count; i++) {
        uint32_t store = f->presences[i].store;

        read_extend(&f->stores[store].presences, i);
        if (f->stores[store].presences.count == 1 && read_containers_in(r, store, err) != 0)
            return -1;
    }
    return 0;
}

/* Drops what is over of stays that are not: only listings of the image that a tag ended. */
static void drop_lasting(struct past *past, const struct fleet *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < past->count; i++) {
        const struct past_presence *p = &past->list[i];
        const struct fleet_presence *now = fleet_presence_in(f, &f->stores[p->store], p->image);

        if (now == NULL || now->from_s != p->from_s)
            past->list[kept++] = *p;
    }
    past->count = kept;
}

static int by_stay(const void *a, const void *b)
{
    const struct past_presence *x = a, *y = b;

    if (x->store != y->store)
        return x->store < y->store ? -1 : 1;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->from_s < y->from_s ? -1 : x->from_s > y->from_s;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One stay of an image has a row for each listing of it, one after the other. */
static void merge_stays(struct past *past)
{
    size_t kept = 0;

    if (past->count > 0)
        qsort(past->list, past->count, sizeof(*past->list), by_stay);
    for (size_t i = 0; i < past->count; i++) {
        const struct past_presence *row = &past->list[i];
        struct past_presence *stay = kept > 0 ? &past->list[kept - 1] : NULL;

        if (stay == NULL || by_stay(stay, row) != 0) {
            past->list[kept++] = *row;
            continue;
        }
        if (stay->gone_s == 0 || row->gone_s == 0) {
            stay->gone_after_s = stay->gone_s = 0;
            continue;
        }
        stay->gone_after_s = later(stay->gone_after_s, row->gone_after_s);
        stay->gone_s = later(stay->gone_s, row->gone_s);
    }
    past->count = kept;
}

int read_stays(const struct reading *reading, struct fleet *f, struct past *out, const bool *marks,
               struct arena *arena, struct err *err)
{
    struct reading r = *reading;
    struct stays y = {.r = &r, .out = out};

    *out = (struct past){0};
    *f = *reading->f;
    read_forget(f);
    r.f = f;
    r.arena = arena;
    y.listed = arena_array(arena, r.f->said_count, sizeof(bool), err);
    if (y.listed == NULL || read_listed(&y, marks, err) != 0 || arrange_presences(&r, err) != 0)
        return err_wrap(err, "read where images are");
    drop_lasting(out, f);
    merge_stays(out);
    return 0;
}

/* ---- texts ----------------------------------------------------------------------------------- */

int read_names_had(struct store *s, const struct fleet *f, const struct past_presence *p,
                   const char ***out, size_t *count, struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_past, NAMES_HAD);
    size_t cap = 0;
    int more;

    *out = NULL;
    *count = 0;
    stmt_int(&st, f->stores[p->store].id);
    stmt_int(&st, f->images[p->image].id);
    stmt_int(&st, p->from_s);
    while ((more = stmt_row(&st, err)) > 0) {
        const char **list = fleet_room(arena, *out, *count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        *out = list;
        list[*count] = stmt_copy_text(&st, 0, arena, err);
        if (list[(*count)++] == NULL)
            return -1;
    }
    return more;
}

static int read_history(struct store *s, struct image_text *out, int64_t image_id,
                        struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_past, HISTORY);
    size_t cap = 0;
    int more;

    stmt_int(&st, image_id);
    while ((more = stmt_row(&st, err)) > 0) {
        struct image_step *list =
            fleet_room(arena, out->steps, out->step_count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        out->steps = list;
        list += out->step_count++;
        list->created = stmt_copy_text(&st, 0, arena, err);
        list->created_by = stmt_copy_text(&st, 1, arena, err);
        list->comment = stmt_copy_text(&st, 2, arena, err);
        list->empty = stmt_get_int(&st, 3) != 0;
        if (list->created == NULL || list->created_by == NULL || list->comment == NULL)
            return -1;
    }
    return more;
}

static int read_labels(struct store *s, struct image_text *out, int64_t image_id,
                       struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_past, LABELS);
    size_t cap = 0;
    int more;

    stmt_int(&st, image_id);
    while ((more = stmt_row(&st, err)) > 0) {
        struct rec_pair *list =
            fleet_room(arena, out->labels, out->label_count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        out->labels = list;
        list += out->label_count++;
        list->key = stmt_copy_text(&st, 0, arena, err);
        list->value = stmt_copy_text(&st, 1, arena, err);
        if (list->key == NULL || list->value == NULL)
            return -1;
    }
    return more;
}

int read_image_text(struct store *s, struct image_text *out, int64_t image_id, struct arena *arena,
                    struct err *err)
{
    *out = (struct image_text){0};
    if (read_history(s, out, image_id, arena, err) != 0)
        return -1;
    return read_labels(s, out, image_id, arena, err);
}
