#include "collector/store/apply.h"
#include "collector/store/content.h"
#include "collector/store/place.h"

#define MS_PER_SECOND 1000

enum { COPY_PUT, COPY_COUNT, SPACES_CLEAR, SPACE_ADD, SPACES_NOTE };

static const char *const sql[] = {
    [COPY_PUT] = "INSERT INTO copy (store_id, chain_id, allocated_bytes, missing) "
                 "VALUES (?, ?, ?, ?) ON CONFLICT (store_id, chain_id) DO UPDATE SET "
                 "allocated_bytes = excluded.allocated_bytes, missing = excluded.missing "
                 "WHERE allocated_bytes <> excluded.allocated_bytes OR missing <> excluded.missing",
    [COPY_COUNT] = "SELECT count(*) FROM copy WHERE store_id = ?",
    [SPACES_CLEAR] = "DELETE FROM space WHERE store_id = ?",
    [SPACE_ADD] = "INSERT INTO space (store_id, class, kind, bytes, count, upper_bound) "
                  "VALUES (?, ?, ?, ?, ?, ?)",
    [SPACES_NOTE] = "UPDATE store SET copies_total = ?, copies_measured = ?, spaces_s = ? "
                    "WHERE id = ?",
};
const struct store_sql store_sql_measures = STORE_SQL(sql);

static int put_copy(struct store *s, int64_t store_id, const struct rec_copy_facts *c,
                    struct err *err)
{
    struct stmt st;
    int64_t chain_id;

    if (content_chain(s, &c->chain, &chain_id, err) != 0)
        return -1;
    st = stmt_use(s, STORE_SET_measures, COPY_PUT);
    stmt_int(&st, store_id);
    stmt_int(&st, chain_id);
    stmt_int(&st, (int64_t)c->allocated_bytes);
    stmt_int(&st, c->missing);
    return stmt_run(&st, err);
}

/* Copies may come before the configs that explain them, so a host could name chains without end. */
static int check_copy_count(struct store *s, int64_t store_id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_measures, COPY_COUNT);

    stmt_int(&st, store_id);
    if (stmt_row(&st, err) < 0)
        return -1;
    if (stmt_get_int(&st, 0) > REC_COPIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d copies in one store", REC_COPIES_MAX);
    return 0;
}

int apply_copies(struct store *s, int64_t incarnation_id, const struct rec_copies *copies,
                 struct err *err)
{
    int64_t store_id;

    if (place_present(s, incarnation_id, &copies->key, &store_id, err) != 0)
        return -1;
    for (size_t i = 0; i < copies->copy_count; i++)
        if (put_copy(s, store_id, &copies->copies[i], err) != 0)
            return -1;
    return check_copy_count(s, store_id, err);
}

static int put_space(struct store *s, int64_t store_id, const struct rec_space *space,
                     struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_measures, SPACE_ADD);

    stmt_int(&st, store_id);
    stmt_int(&st, space->klass);
    stmt_text(&st, space->kind);
    stmt_int(&st, (int64_t)space->bytes);
    stmt_int(&st, (int64_t)space->count);
    stmt_int(&st, space->upper_bound);
    return stmt_run(&st, err);
}

int apply_spaces(struct store *s, int64_t incarnation_id, const struct rec_spaces *spaces,
                 int64_t now_ms, struct err *err)
{
    int64_t age_ms = spaces->age_ms > 0 ? spaces->age_ms : 0;
    int64_t store_id;
    struct stmt st;

    if (place_present(s, incarnation_id, &spaces->key, &store_id, err) != 0)
        return -1;
    st = stmt_use(s, STORE_SET_measures, SPACES_CLEAR);
    stmt_int(&st, store_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    for (size_t i = 0; i < spaces->space_count; i++)
        if (put_space(s, store_id, &spaces->spaces[i], err) != 0)
            return -1;
    st = stmt_use(s, STORE_SET_measures, SPACES_NOTE);
    stmt_int(&st, (int64_t)spaces->copies_total);
    stmt_int(&st, (int64_t)spaces->copies_measured);
    stmt_int(&st, (now_ms - age_ms) / MS_PER_SECOND);
    stmt_int(&st, store_id);
    return stmt_run(&st, err);
}
