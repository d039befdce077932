#include "collector/store/held.h"

#include <stdlib.h>

enum {
    IMAGE_ID,
    IMAGE_COUNT,
    IMAGES,
    NAME_COUNT,
    NAMES,
    REPO_DIGEST_COUNT,
    REPO_DIGESTS,
    EXCEPTION_COUNT,
    EXCEPTIONS,
};

/* A range of image ids is all of a store's, or one. Rows come in the order of their keys. */
#define PRESENT "store_id = ? AND image_id BETWEEN ? AND ? AND gone_s IS NULL"

static const char *const sql[] = {
    [IMAGE_ID] = "SELECT id FROM image WHERE digest = ?",
    [IMAGE_COUNT] = "SELECT count(*) FROM presence WHERE " PRESENT,
    [IMAGES] =
        "SELECT p.image_id, i.digest, p.identity, p.unpacked, parent.digest "
        "FROM presence p JOIN image i ON i.id = p.image_id "
        "LEFT JOIN image parent ON parent.id = p.parent_id WHERE " PRESENT " ORDER BY p.image_id",
    [NAME_COUNT] = "SELECT count(*) FROM presence_name WHERE " PRESENT,
    [NAMES] = "SELECT p.image_id, n.text FROM presence_name p JOIN name n ON n.id = p.name_id "
              "WHERE " PRESENT " ORDER BY p.image_id",
    [REPO_DIGEST_COUNT] = "SELECT count(*) FROM presence_repo_digest WHERE " PRESENT,
    [REPO_DIGESTS] = "SELECT p.image_id, n.text, p.digest FROM presence_repo_digest p "
                     "JOIN name n ON n.id = p.name_id WHERE " PRESENT " ORDER BY p.image_id",
    [EXCEPTION_COUNT] = "SELECT count(*) FROM exception WHERE store_id = ?",
    [EXCEPTIONS] = "SELECT e.kind, c.digest, l.diff FROM exception e "
                   "JOIN chain c ON c.id = e.chain_id JOIN layer l ON l.id = e.layer_id "
                   "WHERE e.store_id = ?",
};
const struct store_sql store_sql_held = STORE_SQL(sql);

/* Which part of which store is loaded. */
struct range {
    struct store *store;
    int64_t store_id, first, last;
    struct arena *arena;
};

static struct stmt use_range(const struct range *r, int index)
{
    struct stmt st = stmt_use(r->store, STORE_SET_held, index);

    stmt_int(&st, r->store_id);
    stmt_int(&st, r->first);
    stmt_int(&st, r->last);
    return st;
}

static int count(const struct range *r, int index, size_t *out, struct err *err)
{
    AUTO(stmt_end) struct stmt st = use_range(r, index);

    if (stmt_row(&st, err) < 0)
        return -1;
    *out = (size_t)stmt_get_int(&st, 0);
    return 0;
}

static int read_image(const struct stmt *st, struct held_image *out, struct err *err)
{
    out->id = stmt_get_int(st, 0);
    out->record.identity = (enum rec_identity)stmt_get_int(st, 2);
    out->record.unpacked = stmt_get_int(st, 3) != 0;
    out->record.has_parent = !stmt_is_null(st, 4);
    if (out->record.has_parent && stmt_get_digest(st, 4, &out->record.parent, err) != 0)
        return -1;
    return stmt_get_digest(st, 1, &out->record.id, err);
}

static int load_images(const struct range *r, struct held *out, struct err *err)
{
    struct stmt st;
    size_t room, n = 0;
    int more;

    if (count(r, IMAGE_COUNT, &room, err) != 0)
        return -1;
    out->images = arena_array(r->arena, room, sizeof(*out->images), err);
    if (out->images == NULL)
        return -1;
    st = use_range(r, IMAGES);
    while ((more = stmt_row(&st, err)) > 0 && n < room) {
        if (read_image(&st, &out->images[n], err) != 0) {
            more = -1;
            break;
        }
        n++;
    }
    stmt_end(&st);
    out->image_count = n;
    return more < 0 ? -1 : 0;
}

/* The image that a row of names or repo digests belongs to. Both come in the order of image ids,
 * so *at only moves up. NULL: no present image, which check reports. */
static struct held_image *owner(struct held *held, size_t *at, int64_t image_id)
{
    while (*at < held->image_count && held->images[*at].id < image_id)
        (*at)++;
    return *at < held->image_count && held->images[*at].id == image_id ? &held->images[*at] : NULL;
}

static int load_names(const struct range *r, struct held *held, struct err *err)
{
    AUTO(stmt_end) struct stmt st = use_range(r, NAMES);
    size_t room, n = 0, at = 0;
    const char **names;
    int more;

    if (count(r, NAME_COUNT, &room, err) != 0)
        return -1;
    names = arena_array(r->arena, room, sizeof(*names), err);
    if (names == NULL)
        return -1;
    while ((more = stmt_row(&st, err)) > 0 && n < room) {
        struct held_image *image = owner(held, &at, stmt_get_int(&st, 0));

        if (image == NULL)
            continue;
        names[n] = stmt_copy_text(&st, 1, r->arena, err);
        if (names[n] == NULL)
            return -1;
        if (image->record.name_count++ == 0)
            image->record.names = &names[n];
        n++;
    }
    return more < 0 ? -1 : 0;
}

static int load_repo_digests(const struct range *r, struct held *held, struct err *err)
{
    AUTO(stmt_end) struct stmt st = use_range(r, REPO_DIGESTS);
    size_t room, n = 0, at = 0;
    struct rec_repo_digest *all;
    int more;

    if (count(r, REPO_DIGEST_COUNT, &room, err) != 0)
        return -1;
    all = arena_array(r->arena, room, sizeof(*all), err);
    if (all == NULL)
        return -1;
    while ((more = stmt_row(&st, err)) > 0 && n < room) {
        struct held_image *image = owner(held, &at, stmt_get_int(&st, 0));

        if (image == NULL)
            continue;
        all[n].repository = stmt_copy_text(&st, 1, r->arena, err);
        if (all[n].repository == NULL || stmt_get_digest(&st, 2, &all[n].digest, err) != 0)
            return -1;
        if (image->record.repo_digest_count++ == 0)
            image->record.repo_digests = &all[n];
        n++;
    }
    return more < 0 ? -1 : 0;
}

static void sort(void *items, size_t count_of, size_t size, int (*cmp)(const void *, const void *))
{
    if (count_of > 1)
        qsort(items, count_of, size, cmp);
}

/* Names are sorted before their images, whose records move then. */
static int load_range(const struct range *r, struct held *out, struct err *err)
{
    if (load_images(r, out, err) != 0 || load_names(r, out, err) != 0 ||
        load_repo_digests(r, out, err) != 0)
        return -1;
    for (size_t i = 0; i < out->image_count; i++) {
        struct rec_image *image = &out->images[i].record;

        sort(image->names, image->name_count, sizeof(*image->names), rec_name_cmp);
        sort(image->repo_digests, image->repo_digest_count, sizeof(*image->repo_digests),
             rec_repo_digest_cmp);
    }
    sort(out->images, out->image_count, sizeof(*out->images), rec_image_cmp);
    return 0;
}

int held_exceptions(struct store *s, int64_t store_id, struct arena *arena, struct held *out,
                    struct err *err)
{
    AUTO(stmt_end) struct stmt total = stmt_use(s, STORE_SET_held, EXCEPTION_COUNT);
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_held, EXCEPTIONS);
    size_t room, n = 0;
    int more;

    stmt_int(&total, store_id);
    if (stmt_row(&total, err) < 0)
        return -1;
    room = (size_t)stmt_get_int(&total, 0);
    out->exceptions = arena_array(arena, room, sizeof(*out->exceptions), err);
    if (out->exceptions == NULL)
        return -1;
    stmt_int(&st, store_id);
    while ((more = stmt_row(&st, err)) > 0 && n < room) {
        struct rec_exception *e = &out->exceptions[n++];

        e->kind = (enum rec_exception_kind)stmt_get_int(&st, 0);
        if (stmt_get_digest(&st, 1, &e->chain, err) != 0 ||
            stmt_get_digest(&st, 2, &e->diff, err) != 0)
            return -1;
    }
    out->exception_count = n;
    sort(out->exceptions, n, sizeof(*out->exceptions), rec_exception_cmp);
    return more < 0 ? -1 : 0;
}

int held_load(struct store *s, int64_t store_id, struct arena *arena, struct held *out,
              struct err *err)
{
    struct range all = {s, store_id, INT64_MIN, INT64_MAX, arena};

    *out = (struct held){0};
    if (load_range(&all, out, err) != 0)
        return -1;
    return held_exceptions(s, store_id, arena, out, err);
}

int held_count(struct store *s, int64_t store_id, size_t *images, struct err *err)
{
    struct range all = {s, store_id, INT64_MIN, INT64_MAX, NULL};

    return count(&all, IMAGE_COUNT, images, err);
}

int held_image(struct store *s, int64_t store_id, const struct digest *id, struct arena *arena,
               struct held_image *out, struct err *err)
{
    AUTO(stmt_end) struct stmt find = stmt_use(s, STORE_SET_held, IMAGE_ID);
    struct held held = {0};
    struct range one;
    int found;

    stmt_digest(&find, id);
    found = stmt_row(&find, err);
    if (found <= 0)
        return found;
    one = (struct range){s, store_id, stmt_get_int(&find, 0), stmt_get_int(&find, 0), arena};
    if (load_range(&one, &held, err) != 0)
        return -1;
    if (held.image_count == 0)
        return 0;
    *out = held.images[0];
    return 1;
}

bool held_strictly(const void *items, size_t count_of, size_t size,
                   int (*cmp)(const void *, const void *))
{
    const char *at = items;

    for (size_t i = 1; i < count_of; i++)
        if (cmp(at + (i - 1) * size, at + i * size) >= 0)
            return false;
    return true;
}

bool held_sorted(const struct rec_image *image)
{
    return held_strictly(image->names, image->name_count, sizeof(*image->names), rec_name_cmp) &&
           held_strictly(image->repo_digests, image->repo_digest_count,
                         sizeof(*image->repo_digests), rec_repo_digest_cmp);
}
