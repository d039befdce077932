#include "collector/store/listing_rows.h"

#include <stdlib.h>

#include "collector/census/fleet.h"
#include "collector/store/statements.h"

enum { LISTINGS, NAMES, REPO_DIGESTS };

static const char *const sql[] = {
    [LISTINGS] = "SELECT l.id, l.image_id, i.digest, l.identity, l.unpacked, p.digest "
                 "FROM listing l JOIN image i ON i.id = l.image_id "
                 "LEFT JOIN image p ON p.id = l.parent_id ORDER BY l.id",
    [NAMES] = "SELECT l.listing_id, n.text FROM listing_name l "
              "JOIN name n ON n.id = l.name_id ORDER BY l.listing_id",
    [REPO_DIGESTS] = "SELECT l.listing_id, n.text, l.digest FROM listing_repo_digest l "
                     "JOIN name n ON n.id = l.name_id ORDER BY l.listing_id",
};
const struct store_sql store_sql_listing_rows = STORE_SQL(sql);

/* Rows in the order of listings, the next one always read already. */
struct ahead {
    struct stmt st;
    int more; /* 1 there is a row, 0 none, -1 */
};

struct reading {
    struct arena *arena;
    struct ahead names, repo_digests;
};

static void close_reading(struct reading *r)
{
    stmt_end(&r->names.st);
    stmt_end(&r->repo_digests.st);
}

static void next(struct ahead *a, struct err *err)
{
    a->more = stmt_row(&a->st, err);
}

/* Rows are taken in the order of their listings: one of an earlier listing belongs to none. */
static int end_of(const struct ahead *a, int64_t listing, struct err *err)
{
    if (a->more > 0 && stmt_get_int(&a->st, 0) < listing)
        return err_set(err, ERR_CORRUPT, "a row belongs to listing %lld, which is not there",
                       (long long)stmt_get_int(&a->st, 0));
    return a->more < 0 ? -1 : 0;
}

static bool is_of(const struct ahead *a, int64_t listing)
{
    return a->more > 0 && stmt_get_int(&a->st, 0) == listing;
}

static int take_names(struct reading *r, int64_t listing, struct rec_image *image, struct err *err)
{
    size_t cap = 0;

    for (; is_of(&r->names, listing); next(&r->names, err)) {
        const char **list =
            fleet_room(r->arena, image->names, image->name_count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        image->names = list;
        list += image->name_count++;
        *list = stmt_copy_text(&r->names.st, 1, r->arena, err);
        if (*list == NULL)
            return -1;
    }
    if (image->name_count > 1)
        qsort(image->names, image->name_count, sizeof(*image->names), rec_name_cmp);
    return end_of(&r->names, listing, err);
}

static int take_repo_digests(struct reading *r, int64_t listing, struct rec_image *image,
                             struct err *err)
{
    struct ahead *a = &r->repo_digests;
    size_t cap = 0;

    for (; is_of(a, listing); next(a, err)) {
        struct rec_repo_digest *list = fleet_room(
            r->arena, image->repo_digests, image->repo_digest_count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        image->repo_digests = list;
        list += image->repo_digest_count++;
        list->repository = stmt_copy_text(&a->st, 1, r->arena, err);
        if (list->repository == NULL || stmt_get_digest(&a->st, 2, &list->digest, err) != 0)
            return -1;
    }
    if (image->repo_digest_count > 1)
        qsort(image->repo_digests, image->repo_digest_count, sizeof(*image->repo_digests),
              rec_repo_digest_cmp);
    return end_of(a, listing, err);
}

static int read_image(struct reading *r, const struct stmt *st, struct rec_image *image,
                      struct err *err)
{
    int64_t listing = stmt_get_int(st, 0);

    image->identity = (enum rec_identity)stmt_get_int(st, 3);
    image->unpacked = stmt_get_int(st, 4) != 0;
    image->has_parent = !stmt_is_null(st, 5);
    if (stmt_get_digest(st, 2, &image->id, err) != 0 ||
        (image->has_parent && stmt_get_digest(st, 5, &image->parent, err) != 0) ||
        take_names(r, listing, image, err) != 0)
        return -1;
    return take_repo_digests(r, listing, image, err);
}

int listing_rows(struct store *s, struct arena *arena,
                 int (*each)(void *arg, int64_t id, int64_t image_id, const struct rec_image *image,
                             struct err *err),
                 void *arg, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_listing_rows, LISTINGS);
    AUTO(close_reading)
    struct reading r = {
        .arena = arena,
        .names.st = stmt_use(s, STORE_SET_listing_rows, NAMES),
        .repo_digests.st = stmt_use(s, STORE_SET_listing_rows, REPO_DIGESTS),
    };
    int more;

    next(&r.names, err);
    next(&r.repo_digests, err);
    while ((more = stmt_row(&st, err)) > 0) {
        struct rec_image image = {0};

        if (read_image(&r, &st, &image, err) != 0 ||
            each(arg, stmt_get_int(&st, 0), stmt_get_int(&st, 1), &image, err) != 0)
            return -1;
    }
    return more;
}
