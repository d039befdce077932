#include "collector/store/read_past.h"

#include "collector/store/read_private.h"
#include "common/cleanup.h"

#define SEEK_MOST 64 /* images; for more, one walk over all presence is cheaper */

enum { OF_IMAGE, OF_ALL, NAMES_HAD, HISTORY, LABELS };

/* The cross join makes the stores the outer loop: presence is keyed by store first. */
#define COLUMNS "p.store_id, p.image_id, p.from_s, p.gone_after_s, p.gone_s"
static const char *const sql[] = {
    [OF_IMAGE] = "SELECT " COLUMNS " FROM store s CROSS JOIN presence p "
                 "ON p.store_id = s.id AND p.image_id = ? ORDER BY p.store_id, p.from_s",
    [OF_ALL] = "SELECT " COLUMNS " FROM presence p ORDER BY p.store_id, p.image_id, p.from_s",
    /* Two intervals may touch within one second; a name that began with this one is its own. */
    [NAMES_HAD] = "SELECT DISTINCT t.text FROM presence_name n JOIN name t ON t.id = n.name_id "
                  "WHERE n.store_id = ?1 AND n.image_id = ?2 AND n.from_s >= ?3 "
                  "AND (n.from_s = ?3 OR ?4 = 0 OR n.from_s < ?4) ORDER BY t.text",
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
    if (!r->f->hosts[s->host].selected || (s->present && stmt_is_null(st, 4)))
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

int read_past(struct store *s, struct past *out, const struct fleet *f, const bool *marks,
              struct arena *arena, struct err *err)
{
    struct past_reading r = {.out = out, .f = f, .marks = marks, .arena = arena};
    size_t marked = 0;

    *out = (struct past){0};
    if (number_rows(&r, err) != 0)
        return -1;
    for (size_t i = 0; i < f->image_count; i++)
        marked += marks[i];
    if (marked > SEEK_MOST)
        return read_rows_of(&r, s, OF_ALL, 0, err);
    for (size_t i = 0; i < f->image_count; i++)
        if (marks[i] && read_rows_of(&r, s, OF_IMAGE, f->images[i].id, err) != 0)
            return -1;
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
    stmt_int(&st, p->gone_s);
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
