#include <stdlib.h>
#include <string.h>

#include "collector/store/check_private.h"

enum { COUNT, LISTINGS, NAMES, REPO_DIGESTS, FIRSTS, STRANGE_FIRSTS };

static const char *const sql[] = {
    [COUNT] = "SELECT count(*) FROM listing",
    [LISTINGS] = "SELECT l.id, l.image_id, l.identity, l.unpacked, i.digest, l.parent_id, p.digest "
                 "FROM listing l LEFT JOIN image i ON i.id = l.image_id "
                 "LEFT JOIN image p ON p.id = l.parent_id ORDER BY l.id",
    [NAMES] = "SELECT n.listing_id, i.digest, t.text FROM listing_name n "
              "JOIN listing l ON l.id = n.listing_id JOIN image i ON i.id = l.image_id "
              "JOIN name t ON t.id = n.name_id",
    [REPO_DIGESTS] = "SELECT r.listing_id, i.digest, t.text, r.digest FROM listing_repo_digest r "
                     "JOIN listing l ON l.id = r.listing_id JOIN image i ON i.id = l.image_id "
                     "JOIN name t ON t.id = r.name_id",
    [FIRSTS] = "SELECT listing_id, of_root FROM listing_first",
    /* Whose store it was then is not kept: only that it did list it then. */
    [STRANGE_FIRSTS] =
        "SELECT printf('listing_first: store %d did not list listing %d at %d', f.store_id,"
        " f.listing_id, f.at_s) FROM listing_first f WHERE f.of_root NOT IN (0, 1)"
        " OR NOT EXISTS (SELECT 1 FROM presence p WHERE p.store_id = f.store_id"
        "  AND p.listing_id = f.listing_id AND p.from_s <= f.at_s"
        "  AND (p.gone_s IS NULL OR p.gone_s >= f.at_s))",
};
const struct store_sql store_sql_check_listings = STORE_SQL(sql);

uint32_t check_place(const struct check_ids *ids, int64_t id)
{
    size_t low = 0, high = ids->count;

    /* Content is never deleted: nearly always the ids have no holes. */
    if (id > 0 && (uint64_t)id <= high && ids->ids[id - 1] == id)
        return (uint32_t)(id - 1);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ids->ids[middle] == id)
            return (uint32_t)middle;
        if (ids->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return CHECK_NOWHERE;
}

/* What is missing here is no digest of 32 bytes, and a finding of the foreign keys. */
static int read_listing(const struct stmt *st, struct check_listing *out, struct err *err)
{
    bool has_parent = !stmt_is_null(st, 5);
    struct digest id, parent;

    out->image_id = stmt_get_int(st, 1);
    if (stmt_get_digest(st, 4, &id, err) != 0 ||
        (has_parent && stmt_get_digest(st, 6, &parent, err) != 0))
        return err_wrap(err, "listing %lld", (long long)stmt_get_int(st, 0));
    rec_sum_identity(&out->sum, &id, (enum rec_identity)stmt_get_int(st, 2),
                     stmt_get_int(st, 3) != 0, has_parent ? &parent : NULL, true);
    return 0;
}

static int load_listings(struct checking *c, const struct check_ids *images, struct arena *arena,
                         struct check_listings *out, struct err *err)
{
    AUTO(stmt_end) struct stmt count = stmt_use(c->store, STORE_SET_check_listings, COUNT);
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_listings, LISTINGS);
    size_t room, n = 0;
    int more;

    if (stmt_row(&count, err) < 0)
        return -1;
    room = (size_t)stmt_get_int(&count, 0);
    out->ids.ids = arena_array(arena, room, sizeof(*out->ids.ids), err);
    out->list = arena_array(arena, room, sizeof(*out->list), err);
    if (out->ids.ids == NULL || out->list == NULL)
        return -1;
    while ((more = stmt_row(&st, err)) > 0 && n < room) {
        if (read_listing(&st, &out->list[n], err) != 0)
            return -1;
        out->list[n].image = check_place(images, out->list[n].image_id);
        out->ids.ids[n++] = stmt_get_int(&st, 0);
    }
    out->ids.count = n;
    return more < 0 ? -1 : 0;
}

static int add_names(struct checking *c, struct check_listings *l, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_listings, NAMES);
    struct digest id;
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        uint32_t at = check_place(&l->ids, stmt_get_int(&st, 0));

        if (stmt_get_digest(&st, 1, &id, err) != 0)
            return -1;
        if (at != CHECK_NOWHERE)
            rec_sum_name(&l->list[at].sum, &id, stmt_get_text(&st, 2), true);
    }
    return more;
}

static int add_repo_digests(struct checking *c, struct check_listings *l, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_listings, REPO_DIGESTS);
    struct digest id, manifest;
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        uint32_t at = check_place(&l->ids, stmt_get_int(&st, 0));

        if (stmt_get_digest(&st, 1, &id, err) != 0 || stmt_get_digest(&st, 3, &manifest, err) != 0)
            return -1;
        if (at != CHECK_NOWHERE)
            rec_sum_repo_digest(&l->list[at].sum, &id, &manifest, stmt_get_text(&st, 2), true);
    }
    return more;
}

static int load_firsts(struct checking *c, struct check_listings *l, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(c->store, STORE_SET_check_listings, FIRSTS);
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        uint32_t at = check_place(&l->ids, stmt_get_int(&st, 0));

        if (at != CHECK_NOWHERE)
            l->list[at].first[stmt_get_int(&st, 1) != 0] = true;
    }
    return more;
}

/* ---- distinctness ------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const struct check_listing *x = *(const struct check_listing *const *)a;
    const struct check_listing *y = *(const struct check_listing *const *)b;

    return memcmp(x->sum.lane, y->sum.lane, sizeof(x->sum.lane));
}

/* Two that say the same have the same sum. */
static int find_doubles(struct checking *c, const struct check_listings *l, struct arena *arena,
                        struct err *err)
{
    const struct check_listing **order = arena_array(arena, l->ids.count, sizeof(*order), err);

    if (order == NULL)
        return -1;
    for (size_t i = 0; i < l->ids.count; i++)
        order[i] = &l->list[i];
    if (l->ids.count > 1)
        qsort(order, l->ids.count, sizeof(*order), compare);
    for (size_t i = 1; i < l->ids.count; i++)
        if (compare(&order[i - 1], &order[i]) == 0)
            check_find(c, "listing: %lld and %lld of image %lld say the same",
                       (long long)l->ids.ids[order[i - 1] - l->list],
                       (long long)l->ids.ids[order[i] - l->list], (long long)order[i]->image_id);
    c->result->checked += l->ids.count;
    return 0;
}

int check_listings_load(struct checking *c, const struct check_ids *images, struct arena *arena,
                        struct check_listings *out, struct err *err)
{
    *out = (struct check_listings){0};
    if (load_listings(c, images, arena, out, err) != 0 || add_names(c, out, err) != 0 ||
        add_repo_digests(c, out, err) != 0 || load_firsts(c, out, err) != 0 ||
        check_rows_of(c, STORE_SET_check_listings, STRANGE_FIRSTS, err) != 0)
        return -1;
    return find_doubles(c, out, arena, err);
}
