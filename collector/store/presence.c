#include "collector/store/presence.h"

#include <string.h>

#include "collector/store/content.h"

enum {
    IMAGE_BEGIN,
    IMAGE_END,
    NAME_BEGIN,
    NAME_END,
    NAMES_END,
    REPO_DIGEST_BEGIN,
    REPO_DIGEST_END,
    REPO_DIGESTS_END,
    ALL_IMAGES_END,
    ALL_NAMES_END,
    ALL_REPO_DIGESTS_END,
    EXCEPTIONS_CLEAR,
    EXCEPTION_ADD,
    COPIES_DROP,
};

/* The last look with it lies within the interval. Binds: at, at, look. */
#define END "gone_s = ?, gone_after_s = min(?, max(from_s, ?)) "
#define OPEN " AND gone_s IS NULL"

static const char *const sql[] = {
    [IMAGE_BEGIN] =
        "INSERT INTO presence (store_id, image_id, from_s, identity, unpacked, parent_id) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (store_id, image_id, from_s) DO UPDATE SET "
        "identity = excluded.identity, unpacked = excluded.unpacked, "
        "parent_id = excluded.parent_id, gone_after_s = NULL, gone_s = NULL",
    [IMAGE_END] = "UPDATE presence SET " END "WHERE store_id = ? AND image_id = ?" OPEN,
    [NAME_BEGIN] = "INSERT INTO presence_name (store_id, image_id, name_id, from_s) "
                   "VALUES (?, ?, ?, ?) ON CONFLICT (store_id, image_id, name_id, from_s) "
                   "DO UPDATE SET gone_after_s = NULL, gone_s = NULL",
    [NAME_END] =
        "UPDATE presence_name SET " END "WHERE store_id = ? AND image_id = ? AND name_id = ?" OPEN,
    [NAMES_END] = "UPDATE presence_name SET " END "WHERE store_id = ? AND image_id = ?" OPEN,
    [REPO_DIGEST_BEGIN] =
        "INSERT INTO presence_repo_digest (store_id, image_id, name_id, digest, from_s) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (store_id, image_id, name_id, digest, from_s) "
        "DO UPDATE SET gone_after_s = NULL, gone_s = NULL",
    [REPO_DIGEST_END] = "UPDATE presence_repo_digest SET " END
                        "WHERE store_id = ? AND image_id = ? AND name_id = ? AND digest = ?" OPEN,
    [REPO_DIGESTS_END] =
        "UPDATE presence_repo_digest SET " END "WHERE store_id = ? AND image_id = ?" OPEN,
    [ALL_IMAGES_END] = "UPDATE presence SET " END "WHERE store_id = ?" OPEN,
    [ALL_NAMES_END] = "UPDATE presence_name SET " END "WHERE store_id = ?" OPEN,
    [ALL_REPO_DIGESTS_END] = "UPDATE presence_repo_digest SET " END "WHERE store_id = ?" OPEN,
    [EXCEPTIONS_CLEAR] = "DELETE FROM exception WHERE store_id = ?",
    [EXCEPTION_ADD] = "INSERT INTO exception (store_id, chain_id, kind, layer_id) "
                      "VALUES (?, ?, ?, ?)",
    [COPIES_DROP] =
        "DELETE FROM copy WHERE store_id = ?1 AND NOT EXISTS ("
        " SELECT 1 FROM presence p JOIN image i ON i.id = p.image_id WHERE p.store_id = ?1"
        " AND p.gone_s IS NULL AND p.unpacked = 1 AND i.parsed IN (0, 3)) AND chain_id NOT IN ("
        " SELECT ic.chain_id FROM presence p JOIN image_chain ic ON ic.image_id = p.image_id"
        " WHERE p.store_id = ?1 AND p.gone_s IS NULL AND p.unpacked = 1"
        " UNION ALL SELECT chain_id FROM exception WHERE store_id = ?1 AND kind = 1)",
};
const struct store_sql store_sql_presence = STORE_SQL(sql);

/* A statement that ends intervals, its first parameters bound. */
static struct stmt use_end(const struct presence_at *at, int index)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, index);

    stmt_int(&st, at->at_s);
    stmt_int(&st, at->at_s);
    stmt_int(&st, at->look_s);
    stmt_int(&st, at->store_id);
    return st;
}

/* ---- names and repo digests ------------------------------------------------------------------ */

static int begin_name(const struct presence_at *at, int64_t image_id, const char *name,
                      struct err *err)
{
    struct stmt st;
    int64_t name_id;

    if (content_name(at->store, name, &name_id, err) != 0)
        return -1;
    st = stmt_use(at->store, STORE_SET_presence, NAME_BEGIN);
    stmt_int(&st, at->store_id);
    stmt_int(&st, image_id);
    stmt_int(&st, name_id);
    stmt_int(&st, at->at_s);
    return stmt_run(&st, err);
}

static int end_name(const struct presence_at *at, int64_t image_id, const char *name,
                    struct err *err)
{
    struct stmt st;
    int64_t name_id;

    if (content_name(at->store, name, &name_id, err) != 0)
        return -1;
    st = use_end(at, NAME_END);
    stmt_int(&st, image_id);
    stmt_int(&st, name_id);
    return stmt_run(&st, err);
}

static int begin_repo_digest(const struct presence_at *at, int64_t image_id,
                             const struct rec_repo_digest *r, struct err *err)
{
    struct stmt st;
    int64_t name_id;

    if (content_name(at->store, r->repository, &name_id, err) != 0)
        return -1;
    st = stmt_use(at->store, STORE_SET_presence, REPO_DIGEST_BEGIN);
    stmt_int(&st, at->store_id);
    stmt_int(&st, image_id);
    stmt_int(&st, name_id);
    stmt_digest(&st, &r->digest);
    stmt_int(&st, at->at_s);
    return stmt_run(&st, err);
}

static int end_repo_digest(const struct presence_at *at, int64_t image_id,
                           const struct rec_repo_digest *r, struct err *err)
{
    struct stmt st;
    int64_t name_id;

    if (content_name(at->store, r->repository, &name_id, err) != 0)
        return -1;
    st = use_end(at, REPO_DIGEST_END);
    stmt_int(&st, image_id);
    stmt_int(&st, name_id);
    stmt_digest(&st, &r->digest);
    return stmt_run(&st, err);
}

/* Both lists are sorted: one walk finds what only one side has. */
static int change_names(const struct presence_at *at, int64_t image_id, const struct rec_image *old,
                        const struct rec_image *now, struct err *err)
{
    size_t i = 0, j = 0;

    while (i < old->name_count || j < now->name_count) {
        int order = i == old->name_count   ? 1
                    : j == now->name_count ? -1
                                           : strcmp(old->names[i], now->names[j]);

        if (order < 0 && end_name(at, image_id, old->names[i], err) != 0)
            return -1;
        if (order > 0 && begin_name(at, image_id, now->names[j], err) != 0)
            return -1;
        i += order <= 0;
        j += order >= 0;
    }
    return 0;
}

static int change_repo_digests(const struct presence_at *at, int64_t image_id,
                               const struct rec_image *old, const struct rec_image *now,
                               struct err *err)
{
    size_t i = 0, j = 0;

    while (i < old->repo_digest_count || j < now->repo_digest_count) {
        int order = i == old->repo_digest_count ? 1
                    : j == now->repo_digest_count
                        ? -1
                        : rec_repo_digest_cmp(&old->repo_digests[i], &now->repo_digests[j]);

        if (order < 0 && end_repo_digest(at, image_id, &old->repo_digests[i], err) != 0)
            return -1;
        if (order > 0 && begin_repo_digest(at, image_id, &now->repo_digests[j], err) != 0)
            return -1;
        i += order <= 0;
        j += order >= 0;
    }
    return 0;
}

/* ---- images ---------------------------------------------------------------------------------- */

static int begin_image(const struct presence_at *at, int64_t image_id, const struct rec_image *now,
                       struct err *err)
{
    int64_t parent_id = 0;
    struct stmt st;

    if (now->has_parent &&
        content_image(at->store, &now->parent, 0, at->at_s, &parent_id, err) != 0)
        return -1;
    st = stmt_use(at->store, STORE_SET_presence, IMAGE_BEGIN);
    stmt_int(&st, at->store_id);
    stmt_int(&st, image_id);
    stmt_int(&st, at->at_s);
    stmt_int(&st, now->identity);
    stmt_int(&st, now->unpacked);
    stmt_int_if(&st, now->has_parent, parent_id);
    return stmt_run(&st, err);
}

static int end_of_image(const struct presence_at *at, int index, int64_t image_id, struct err *err)
{
    struct stmt st = use_end(at, index);

    stmt_int(&st, image_id);
    return stmt_run(&st, err);
}

int presence_add(const struct presence_at *at, const struct rec_image *now, struct err *err)
{
    static const struct rec_image nothing;
    int64_t id;

    if (content_image(at->store, &now->id, now->identity, at->at_s, &id, err) != 0 ||
        begin_image(at, id, now, err) != 0 || change_names(at, id, &nothing, now, err) != 0)
        return -1;
    return change_repo_digests(at, id, &nothing, now, err);
}

static bool same_row(const struct rec_image *a, const struct rec_image *b)
{
    return a->identity == b->identity && a->unpacked == b->unpacked &&
           a->has_parent == b->has_parent && (!a->has_parent || digest_eq(&a->parent, &b->parent));
}

int presence_change(const struct presence_at *at, const struct held_image *old,
                    const struct rec_image *now, struct err *err)
{
    if (!same_row(&old->record, now) &&
        (end_of_image(at, IMAGE_END, old->id, err) != 0 || begin_image(at, old->id, now, err) != 0))
        return -1;
    if (change_names(at, old->id, &old->record, now, err) != 0)
        return -1;
    return change_repo_digests(at, old->id, &old->record, now, err);
}

int presence_end(const struct presence_at *at, int64_t image_id, struct err *err)
{
    if (end_of_image(at, IMAGE_END, image_id, err) != 0 ||
        end_of_image(at, NAMES_END, image_id, err) != 0)
        return -1;
    return end_of_image(at, REPO_DIGESTS_END, image_id, err);
}

int presence_end_all(const struct presence_at *at, struct err *err)
{
    static const int ends[] = {ALL_IMAGES_END, ALL_NAMES_END, ALL_REPO_DIGESTS_END};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct stmt st = use_end(at, ends[i]);

        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- what presence does not explain ---------------------------------------------------------- */

static int add_exception(const struct presence_at *at, const struct rec_exception *e,
                         struct err *err)
{
    struct stmt st;
    int64_t chain_id, layer_id;

    if (content_chain(at->store, &e->chain, &chain_id, err) != 0 ||
        content_layer(at->store, &e->diff, &layer_id, err) != 0)
        return -1;
    st = stmt_use(at->store, STORE_SET_presence, EXCEPTION_ADD);
    stmt_int(&st, at->store_id);
    stmt_int(&st, chain_id);
    stmt_int(&st, e->kind);
    stmt_int(&st, layer_id);
    return stmt_run(&st, err);
}

int presence_put_exceptions(const struct presence_at *at, const struct rec_exception *list,
                            size_t count, struct err *err)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, EXCEPTIONS_CLEAR);

    stmt_int(&st, at->store_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_exception(at, &list[i], err) != 0)
            return -1;
    return 0;
}

int presence_drop_copies(const struct presence_at *at, struct err *err)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, COPIES_DROP);

    stmt_int(&st, at->store_id);
    return stmt_run(&st, err);
}
