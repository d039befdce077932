#include <stdlib.h>

#include "collector/store/read_private.h"

enum { LISTINGS, LISTING_NAMES, PRESENCES, REPO_DIGESTS };

/* Presence is joined here with what hosts list, which is content. */
static const char *const sql[] = {
    [LISTINGS] = "SELECT id, image_id, unpacked, parent_id FROM listing ORDER BY id",
    [LISTING_NAMES] = "SELECT listing_id, name_id FROM listing_name ORDER BY listing_id, name_id",
    [PRESENCES] = "SELECT store_id, listing_id, coalesce(since_s, from_s) FROM presence "
                  "WHERE store_id = ? AND gone_s IS NULL ORDER BY listing_id, from_s",
    [REPO_DIGESTS] = "SELECT r.listing_id, r.name_id, r.digest, "
                     "(SELECT min(d.kind) FROM document d "
                     "WHERE d.kind IN (2, 3) AND d.digest = r.digest) "
                     "FROM listing_repo_digest r",
};
const struct store_sql store_sql_presences = STORE_SQL(sql);

/* ---- what hosts list ------------------------------------------------------------------------- */

static int listing_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct read_listing *list = read_room(r, r->listing_list, r->listing_count, sizeof(*list), err),
                        *l;

    if (list == NULL)
        return -1;
    r->listing_list = list;
    l = &list[r->listing_count];
    *l = (struct read_listing){.id = stmt_get_int(st, 0), .unpacked = stmt_get_int(st, 2) != 0};
    if (read_reference(&r->images, st, 1, &l->image, err) != 0 ||
        read_reference(&r->images, st, 3, &l->parent, err) != 0)
        return -1;
    return read_ids_add(&r->listings, l->id, (uint32_t)r->listing_count++, r->arena, err);
}

static int listing_name_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    uint32_t *list = read_room(r, f->place_names, f->place_name_count, sizeof(*list), err);
    uint32_t listing;

    if (list == NULL)
        return -1;
    f->place_names = list;
    if (read_reference(&r->listings, st, 0, &listing, err) != 0 ||
        read_reference(&r->names, st, 1, &list[f->place_name_count], err) != 0)
        return -1;
    read_extend(&r->listing_list[listing].said, f->place_name_count++);
    return 0;
}

int read_listings(struct reading *r, struct err *err)
{
    if (read_rows(r, STORE_SET_presences, LISTINGS, listing_row, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_presences, LISTING_NAMES, listing_name_row, err);
}

/* ---- where it is ----------------------------------------------------------------------------- */

static int presence_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_presence *list = read_room(r, f->presences, f->presence_count, sizeof(*list), err);
    struct read_listing *l;
    uint32_t store, listing;

    if (list == NULL || read_reference(&r->stores, st, 0, &store, err) != 0 ||
        read_reference(&r->listings, st, 1, &listing, err) != 0)
        return -1;
    l = &r->listing_list[listing];
    l->there = true;
    f->presences = list;
    list[f->presence_count] = (struct fleet_presence){.store = store,
                                                      .image = l->image,
                                                      .parent = l->parent,
                                                      .unpacked = l->unpacked,
                                                      .from_s = stmt_get_int(st, 2),
                                                      .names = l->said};
    read_extend(&f->stores[store].presences, f->presence_count++);
    return 0;
}

static int by_image(const void *a, const void *b)
{
    const struct fleet_presence *x = a, *y = b;

    return x->image < y->image ? -1 : x->image > y->image;
}

/* Listings are mostly numbered as their images are, so most stores are in order already. */
static void sort_by_image(struct fleet *f, const struct fleet_store *s)
{
    struct fleet_presence *list = f->presences + s->presences.first;

    for (uint32_t i = 1; i < s->presences.count; i++)
        if (list[i - 1].image > list[i].image) {
            qsort(list, s->presences.count, sizeof(*list), by_image);
            return;
        }
}

int read_presences_in(struct reading *r, uint32_t store, struct err *err)
{
    if (read_rows_of(r, STORE_SET_presences, PRESENCES, r->f->stores[store].id, presence_row,
                     err) != 0)
        return -1;
    sort_by_image(r->f, &r->f->stores[store]);
    return 0;
}

/* ---- names and digests, distinct ------------------------------------------------------------- */

static int by_image_then_name(const void *a, const void *b)
{
    const struct fleet_past_name *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

static int list_past_names(struct reading *r, struct err *err)
{
    struct fleet *f = r->f;
    size_t count = 0, kept = 0;

    f->past_names = arena_array(r->arena, f->place_name_count, sizeof(*f->past_names), err);
    if (f->past_names == NULL)
        return -1;
    for (size_t i = 0; i < r->listing_count; i++)
        for (uint32_t n = 0; n < r->listing_list[i].said.count; n++)
            f->past_names[count++] = (struct fleet_past_name){
                r->listing_list[i].image, f->place_names[r->listing_list[i].said.first + n]};
    qsort(f->past_names, count, sizeof(*f->past_names), by_image_then_name);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || by_image_then_name(&f->past_names[kept - 1], &f->past_names[i]) != 0)
            f->past_names[kept++] = f->past_names[i];
    f->past_name_count = kept;
    return 0;
}

static int repo_digest_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_repo_digest *list =
        read_room(r, f->repo_digests, f->repo_digest_count, sizeof(*list), err);
    struct fleet_repo_digest *d;
    uint32_t listing;

    if (list == NULL || read_reference(&r->listings, st, 0, &listing, err) != 0)
        return -1;
    f->repo_digests = list;
    d = &list[f->repo_digest_count];
    *d = (struct fleet_repo_digest){.image = r->listing_list[listing].image,
                                    .present = r->listing_list[listing].there,
                                    .kind = (enum rec_document_kind)stmt_get_int(st, 3)};
    if (read_reference(&r->names, st, 1, &d->repository, err) != 0 ||
        stmt_get_digest(st, 2, &d->digest, err) != 0)
        return -1;
    f->repo_digest_count++;
    return 0;
}

static int by_image_then_digest(const void *a, const void *b)
{
    const struct fleet_repo_digest *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    if (x->repository != y->repository)
        return x->repository < y->repository ? -1 : 1;
    return digest_cmp(&x->digest, &y->digest);
}

static int read_repo_digests(struct reading *r, struct err *err)
{
    struct fleet_repo_digest *list;
    size_t kept = 0;

    if (read_rows(r, STORE_SET_presences, REPO_DIGESTS, repo_digest_row, err) != 0)
        return -1;
    list = r->f->repo_digests;
    if (r->f->repo_digest_count > 0)
        qsort(list, r->f->repo_digest_count, sizeof(*list), by_image_then_digest);
    for (size_t i = 0; i < r->f->repo_digest_count; i++) {
        if (kept == 0 || by_image_then_digest(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
        else
            list[kept - 1].present = list[kept - 1].present || list[i].present;
    }
    r->f->repo_digest_count = kept;
    return 0;
}

int read_said(struct reading *r, struct err *err)
{
    if (r->options->past && list_past_names(r, err) != 0)
        return -1;
    return r->options->digests ? read_repo_digests(r, err) : 0;
}
