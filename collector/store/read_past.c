#include "collector/store/read_past.h"

#include <stdlib.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

#define SEEK_MOST 8 /* images; for more, one walk over all presence is cheaper */

enum { OF_IMAGE, OF_ALL, NAMES_HAD, HISTORY, LABELS };

/* The cross joins say the order of the loops: presence is keyed by store, then listing. */
#define COLUMNS "p.store_id, l.image_id, coalesce(p.since_s, p.from_s), p.gone_after_s, p.gone_s"
static const char *const sql[] = {
    [OF_IMAGE] = "SELECT " COLUMNS " FROM listing l CROSS JOIN store s CROSS JOIN presence p "
                 "ON p.store_id = s.id AND p.listing_id = l.id WHERE l.image_id = ?",
    [OF_ALL] = "SELECT " COLUMNS " FROM presence p CROSS JOIN listing l ON l.id = p.listing_id",
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

struct past_reading {
    struct past *out;
    const struct fleet *f;
    const bool *marks;
    struct arena *arena;
    struct read_ids stores, images;
    size_t cap;
};

/* Whether the image is in the store now, since then: what is over of this stay were only listings
 * of it that a tag ended. */
static bool lasts(const struct fleet *f, const struct fleet_store *s, uint32_t image,
                  int64_t came_s)
{
    const struct fleet_presence *p = s->present ? fleet_presence_in(f, s, image) : NULL;

    return p != NULL && p->from_s == came_s;
}

static int past_row(struct past_reading *r, const struct stmt *st, struct err *err)
{
    struct past *out = r->out;
    struct past_presence *list;
    const struct fleet_store *s;
    uint32_t store, image;

    if (read_reference(&r->stores, st, 0, &store, err) != 0 ||
        read_reference(&r->images, st, 1, &image, err) != 0)
        return -1;
    if (!r->marks[image])
        return 0;
    s = &r->f->stores[store];
    if (!r->f->hosts[s->host].selected || lasts(r->f, s, image, stmt_get_int(st, 2)))
        return 0;
    list = fleet_room(r->arena, out->list, out->count, &r->cap, sizeof(*list), err);
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

static int read_rows_of(struct past_reading *r, struct store *s, int index, int64_t image_id,
                        struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_past, index);
    int more;

    if (index == OF_IMAGE)
        stmt_int(&st, image_id);
    while ((more = stmt_row(&st, err)) > 0)
        if (past_row(r, &st, err) != 0)
            return -1;
    return more;
}

static int number_rows(struct past_reading *r, struct err *err)
{
    for (size_t i = 0; i < r->f->store_count; i++)
        if (read_ids_add(&r->stores, r->f->stores[i].id, (uint32_t)i, r->arena, err) != 0)
            return -1;
    for (size_t i = 0; i < r->f->image_count; i++)
        if (read_ids_add(&r->images, r->f->images[i].id, (uint32_t)i, r->arena, err) != 0)
            return -1;
    read_ids_sort(&r->stores);
    read_ids_sort(&r->images);
    return 0;
}

static int read_marked(struct past_reading *r, struct store *s, struct err *err)
{
    const struct fleet *f = r->f;
    size_t marked = 0;

    for (size_t i = 0; i < f->image_count; i++)
        marked += r->marks[i];
    if (marked > SEEK_MOST)
        return read_rows_of(r, s, OF_ALL, 0, err);
    for (size_t i = 0; i < f->image_count; i++)
        if (r->marks[i] && read_rows_of(r, s, OF_IMAGE, f->images[i].id, err) != 0)
            return -1;
    return 0;
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

int read_past(struct store *s, struct past *out, const struct fleet *f, const bool *marks,
              struct arena *arena, struct err *err)
{
    struct past_reading r = {.out = out, .f = f, .marks = marks, .arena = arena};

    *out = (struct past){0};
    if (number_rows(&r, err) != 0 || read_marked(&r, s, err) != 0)
        return -1;
    merge_stays(out);
    return 0;
}

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
