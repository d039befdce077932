#include <stdlib.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { PRESENCES, PRESENCES_SINCE, PRESENCES_AT, LISTED_EVER };

/* Presence is joined here with what hosts list, which is content. A fleet has millions of rows:
 * each column that is not read is a part of the time. */
static const char *const sql[] = {
    [PRESENCES] = "SELECT listing_id FROM presence "
                  "WHERE store_id = ? AND gone_s IS NULL ORDER BY listing_id, from_s",
    [PRESENCES_SINCE] = "SELECT listing_id, coalesce(since_s, from_s) FROM presence "
                        "WHERE store_id = ? AND gone_s IS NULL ORDER BY listing_id, from_s",
    [PRESENCES_AT] = "SELECT listing_id, coalesce(since_s, from_s) FROM presence "
                     "WHERE store_id = ?1 AND from_s <= ?2 AND (gone_s IS NULL OR gone_s > ?2) "
                     "ORDER BY listing_id, from_s",
    [LISTED_EVER] = "SELECT listing_id FROM presence WHERE store_id = ? AND from_s <= ? "
                    "ORDER BY listing_id",
};
const struct store_sql store_sql_presences = STORE_SQL(sql);

/* ---- where it is ----------------------------------------------------------------------------- */

static int presence_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_presence *list = read_room(r, f->presences, f->presence_count, sizeof(*list), err);
    uint32_t listing;

    if (list == NULL || read_reference(&r->listings, st, 0, &listing, err) != 0)
        return -1;
    f->presences = list;
    list[f->presence_count] = (struct fleet_presence){
        .image = listing, .from_s = r->wants_since ? stmt_get_int(st, 1) : 0};
    read_extend(&f->stores[r->at].presences, f->presence_count++);
    return 0;
}

/* Presences that have the number of a listing in the place of the image get what that listing says.
 * After all rows, not with each: a store's listings lie far from each other in memory, and like
 * this the processor fetches many of them at a time. */
static void fill_presences(const struct reading *r, uint32_t store)
{
    const struct fleet_run *run = &r->f->stores[store].presences;

    for (uint32_t i = 0; i < run->count; i++) {
        struct fleet_presence *p = &r->f->presences[run->first + i];
        const uint32_t listing = p->image;
        const int64_t from_s = p->from_s;

        *p = r->listing_list[listing].like;
        p->store = store;
        p->from_s = from_s;
        if (r->counts_stores)
            r->f->said[listing].stores++;
    }
}

static int by_image(const void *a, const void *b)
{
    const struct fleet_presence *x = a, *y = b;

    return x->image < y->image ? -1 : x->image > y->image;
}

/* Listings are mostly numbered as their images are, so most stores are in order already. */
static void sort_by_image(struct fleet *f, const struct fleet_store *s)
{
    struct fleet_presence *list;

    if (s->presences.count < 2)
        return;
    list = f->presences + s->presences.first;
    for (uint32_t i = 1; i < s->presences.count; i++)
        if (list[i - 1].image > list[i].image) {
            qsort(list, s->presences.count, sizeof(*list), by_image);
            return;
        }
}

static int read_presences_at(struct reading *r, int64_t store_id, int64_t at_s, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_presences, PRESENCES_AT);
    int more;

    stmt_int(&st, store_id);
    stmt_int(&st, at_s);
    while ((more = stmt_row(&st, err)) > 0)
        if (presence_row(r, &st, err) != 0)
            return -1;
    return more;
}

int read_presences_in(struct reading *r, uint32_t store, struct err *err)
{
    int64_t id = r->f->stores[store].id, at_s = r->options->as_of_s;
    int index = r->wants_since ? PRESENCES_SINCE : PRESENCES;

    r->at = store;
    if ((at_s != 0 ? read_presences_at(r, id, at_s, err)
                   : read_rows_of(r, STORE_SET_presences, index, id, presence_row, err)) != 0)
        return -1;
    fill_presences(r, store);
    sort_by_image(r->f, &r->f->stores[store]);
    return 0;
}

/* ---- who ever said what ---------------------------------------------------------------------- */

/* *left: how many are not marked. */
static int mark_listed(const struct reading *r, uint32_t store, int64_t until_s, bool *said,
                       size_t *left, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_presences, LISTED_EVER);
    uint32_t listing;
    int more;

    stmt_int(&st, r->f->stores[store].id);
    stmt_int(&st, until_s);
    while ((more = stmt_row(&st, err)) > 0) {
        if (read_reference(&r->listings, &st, 0, &listing, err) != 0)
            return -1;
        *left -= !said[listing];
        said[listing] = true;
    }
    return more;
}

static bool is_marked(const bool *stores, const struct fleet_first *first, int64_t until_s)
{
    return first->store != FLEET_NONE && stores[first->store] && first->at_s <= until_s;
}

/* The first ones that listed it are known already: of thousands of marked stores that list the same
 * few are read. */
int read_said_by(const struct reading *r, const bool *stores, int64_t known_at_s, bool *said,
                 struct err *err)
{
    const int64_t until_s = known_at_s != 0 ? known_at_s : INT64_MAX;
    const struct fleet *f = r->f;
    size_t left = 0;

    for (size_t i = 0; i < f->said_count; i++) {
        said[i] = is_marked(stores, &f->said[i].root, until_s) ||
                  is_marked(stores, &f->said[i].user, until_s);
        left += !said[i];
    }
    for (uint32_t s = 0; s < f->store_count && left > 0; s++)
        if (stores[s] && mark_listed(r, s, until_s, said, &left, err) != 0)
            return err_wrap(err, "read what trusted stores list");
    return 0;
}
