#include "collector/store/held.h"

#include <stdlib.h>

#include "collector/store/content.h"
#include "collector/store/store_private.h"

enum { EXCEPTION_COUNT, EXCEPTIONS, EXCEPTIONS_CLEAR, EXCEPTION_ADD };

static const char *const sql[] = {
    [EXCEPTION_COUNT] = "SELECT count(*) FROM exception WHERE store_id = ?",
    [EXCEPTIONS] = "SELECT e.kind, c.digest, l.diff FROM exception e "
                   "JOIN chain c ON c.id = e.chain_id JOIN layer l ON l.id = e.layer_id "
                   "WHERE e.store_id = ?",
    [EXCEPTIONS_CLEAR] = "DELETE FROM exception WHERE store_id = ?",
    [EXCEPTION_ADD] = "INSERT INTO exception "
                      "(store_id, chain_id, kind, layer_id) "
                      "VALUES (?, ?, ?, ?)",
};
const struct store_sql store_sql_held = STORE_SQL(sql);

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
    if (n > 1)
        qsort(out->exceptions, n, sizeof(*out->exceptions), rec_exception_cmp);
    return more < 0 ? -1 : 0;
}

static int add_exception(struct store *s, int64_t store_id, const struct rec_exception *e,
                         struct mirror_exception *out, struct err *err)
{
    struct stmt st;
    int64_t chain_id, layer_id;

    if (content_chain(s, &e->chain, &chain_id, err) != 0 ||
        content_layer(s, &e->diff, &layer_id, err) != 0 ||
        content_claim(s, chain_id, layer_id, err) != 0)
        return -1;
    *out = (struct mirror_exception){(uint32_t)chain_id, e->kind};
    st = stmt_use(s, STORE_SET_held, EXCEPTION_ADD);
    stmt_int(&st, store_id);
    stmt_int(&st, chain_id);
    stmt_int(&st, e->kind);
    stmt_int(&st, layer_id);
    return stmt_run(&st, err);
}

int held_put_exceptions(struct store *s, int64_t store_id, const struct rec_exception *list,
                        size_t count, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_held, EXCEPTIONS_CLEAR);
    AUTO_FREE struct mirror_exception *now = reallocarray(NULL, count + 1, sizeof(*now));

    if (now == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu exceptions", count);
    stmt_int(&st, store_id);
    if (stmt_run(&st, err) != 0 || tally_take_store(s->tally, s->mirror, store_id, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_exception(s, store_id, &list[i], &now[i], err) != 0)
            return -1;
    return mirror_set_exceptions(s->mirror, store_id, now, (uint32_t)count, err);
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
