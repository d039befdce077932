#include <stdlib.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { LISTINGS, LISTING_NAMES, LISTING_DIGESTS, FIRSTS, KIND_OF };

/* What hosts list is content: an index of `listing` is one of the fleet's `said`. */
static const char *const sql[] = {
    [LISTINGS] = "SELECT id, image_id, unpacked, parent_id FROM listing ORDER BY id",
    [LISTING_NAMES] = "SELECT listing_id, name_id FROM listing_name ORDER BY listing_id, name_id",
    /* A manifest has one config: 1 it is this image's, 2 another's. One that is only a host's word
     * (document.state) proves nothing, and disproves nothing. */
    [LISTING_DIGESTS] = ("SELECT d.listing_id, d.name_id, d.digest, "
                         "  CASE WHEN i.identity = 1 THEN ("
                         "    SELECT CASE WHEN m.config = i.digest THEN 1 ELSE 2 END "
                         "    FROM manifest m JOIN document o ON o.kind = 2 "
                         "                                   AND o.digest = m.digest "
                         "    WHERE m.digest = d.digest AND o.state = 1) END "
                         "FROM listing_repo_digest d JOIN listing l ON l.id = d.listing_id "
                         "JOIN image i ON i.id = l.image_id "
                         "ORDER BY d.listing_id, d.name_id, d.digest"),
    [FIRSTS] = "SELECT listing_id, of_root, store_id, at_s FROM listing_first",
    [KIND_OF] = "SELECT min(kind) FROM document WHERE kind IN (2, 3) AND digest = ?",
};
const struct store_sql store_sql_read_said = STORE_SQL(sql);

/* ---- what hosts list ------------------------------------------------------------------------- */

static int listing_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct read_listing *list = read_room(r, r->listing_list, f->said_count, sizeof(*list), err);
    struct fleet_said *said = read_room(r, f->said, f->said_count, sizeof(*said), err);

    if (list == NULL || said == NULL)
        return -1;
    r->listing_list = list;
    f->said = said;
    list += f->said_count;
    said += f->said_count;
    *list =
        (struct read_listing){.id = stmt_get_int(st, 0), .like.unpacked = stmt_get_int(st, 2) != 0};
    *said = (struct fleet_said){.root.store = FLEET_NONE, .user.store = FLEET_NONE};
    if (read_reference(&r->images, st, 1, &said->image, err) != 0 ||
        read_reference(&r->images, st, 3, &list->like.parent, err) != 0)
        return -1;
    list->like.image = said->image;
    return read_ids_add(&r->listings, list->id, (uint32_t)f->said_count++, r->arena, err);
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
    read_extend(&f->said[listing].names, f->place_name_count++);
    r->listing_list[listing].like.names = f->said[listing].names;
    return 0;
}

static int listing_digest_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_said_digest *list =
        read_room(r, f->said_digests, f->said_digest_count, sizeof(*list), err);
    uint32_t listing;

    if (list == NULL)
        return -1;
    f->said_digests = list;
    list += f->said_digest_count;
    if (read_reference(&r->listings, st, 0, &listing, err) != 0 ||
        read_reference(&r->names, st, 1, &list->repository, err) != 0 ||
        stmt_get_digest(st, 2, &list->digest, err) != 0)
        return -1;
    list->proved = stmt_get_int(st, 3) == 1;
    list->disproved = stmt_get_int(st, 3) == 2;
    read_extend(&f->said[listing].digests, f->said_digest_count++);
    return 0;
}

static int first_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet_first *first;
    uint32_t listing;

    if (read_reference(&r->listings, st, 0, &listing, err) != 0)
        return -1;
    first = stmt_get_int(st, 1) != 0 ? &r->f->said[listing].root : &r->f->said[listing].user;
    first->at_s = stmt_get_int(st, 3);
    return read_reference(&r->stores, st, 2, &first->store, err);
}

int read_listings(struct reading *r, struct err *err)
{
    if (read_rows(r, STORE_SET_read_said, LISTINGS, listing_row, err) != 0 ||
        read_rows(r, STORE_SET_read_said, LISTING_NAMES, listing_name_row, err) != 0 ||
        read_rows(r, STORE_SET_read_said, LISTING_DIGESTS, listing_digest_row, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_read_said, FIRSTS, first_row, err);
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
    for (size_t i = 0; i < f->said_count; i++)
        for (uint32_t n = 0; n < f->said[i].names.count; n++)
            f->past_names[count++] = (struct fleet_past_name){
                f->said[i].image, f->place_names[f->said[i].names.first + n]};
    qsort(f->past_names, count, sizeof(*f->past_names), by_image_then_name);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || by_image_then_name(&f->past_names[kept - 1], &f->past_names[i]) != 0)
            f->past_names[kept++] = f->past_names[i];
    f->past_name_count = kept;
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

/* The digests of all listings, each with its image. */
static int gather_repo_digests(struct reading *r, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_repo_digest *list =
        arena_array(r->arena, f->said_digest_count, sizeof(*list), err);

    if (list == NULL)
        return -1;
    f->repo_digests = list;
    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_said *said = &f->said[i];

        for (uint32_t d = said->digests.first; d < said->digests.first + said->digests.count; d++)
            list[f->repo_digest_count++] =
                (struct fleet_repo_digest){.image = said->image,
                                           .repository = f->said_digests[d].repository,
                                           .digest = f->said_digests[d].digest,
                                           .present = said->stores > 0};
    }
    return 0;
}

static int read_kind(struct reading *r, struct fleet_repo_digest *d, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_read_said, KIND_OF);

    stmt_digest(&st, &d->digest);
    if (stmt_row(&st, err) < 0)
        return -1;
    d->kind = (enum rec_document_kind)stmt_get_int(&st, 0);
    return 0;
}

static int list_repo_digests(struct reading *r, struct err *err)
{
    struct fleet_repo_digest *list;
    size_t kept = 0;

    if (gather_repo_digests(r, err) != 0)
        return -1;
    list = r->f->repo_digests;
    qsort(list, r->f->repo_digest_count, sizeof(*list), by_image_then_digest);
    for (size_t i = 0; i < r->f->repo_digest_count; i++) {
        if (kept > 0 && by_image_then_digest(&list[kept - 1], &list[i]) == 0) {
            list[kept - 1].present = list[kept - 1].present || list[i].present;
            continue;
        }
        list[kept++] = list[i];
        if (read_kind(r, &list[kept - 1], err) != 0)
            return -1;
    }
    r->f->repo_digest_count = kept;
    return 0;
}

int read_distinct_said(struct reading *r, struct err *err)
{
    if (r->options->past && list_past_names(r, err) != 0)
        return -1;
    return r->options->digests ? list_repo_digests(r, err) : 0;
}
