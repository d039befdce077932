#include "collector/store/closing.h"

#include "collector/store/presence.h"
#include "collector/store/store_private.h"

enum {
    STORE_CLOSE,
    CONTAINERS_CLEAR,
    COPIES_CLEAR,
    SPACES_CLEAR,
    ORIGINS_CLEAR,
    EXCEPTIONS_CLEAR,
    PROBLEMS_CLEAR,
    STORES_PRESENT,
    LAST_CONTACT,
    INCARNATION_FORGET,
};

static const char *const sql[] = {
    [STORE_CLOSE] =
        "UPDATE store SET gone_s = ?, gone_after_s = min(?, look_s), sum = zeroblob(32),"
        " copies_total = 0, copies_measured = 0, spaces_s = NULL WHERE id = ?",
    [CONTAINERS_CLEAR] = "DELETE FROM container WHERE store_id = ?",
    [COPIES_CLEAR] = "DELETE FROM copy WHERE store_id = ?",
    [SPACES_CLEAR] = "DELETE FROM space WHERE store_id = ?",
    [ORIGINS_CLEAR] = "DELETE FROM origin WHERE store_id = ?",
    [EXCEPTIONS_CLEAR] = "DELETE FROM exception WHERE store_id = ?",
    [PROBLEMS_CLEAR] = "DELETE FROM problem WHERE store_id = ?",
    [STORES_PRESENT] = "SELECT id, look_s FROM store WHERE incarnation_id = ? AND gone_s IS NULL "
                       "ORDER BY id LIMIT 1",
    [LAST_CONTACT] = "SELECT max(last_s, observed_s) FROM incarnation WHERE id = ?",
    /* Nothing may be placed before the second at which presence was closed. */
    [INCARNATION_FORGET] = "UPDATE incarnation SET generation = 0,"
                           " observed_s = max(observed_s, last_s) WHERE id = ?",
};
const struct store_sql store_sql_closing = STORE_SQL(sql);

static int run_on(struct store *s, int index, int64_t id, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_closing, index);

    stmt_int(&st, id);
    return stmt_run(&st, err);
}

static int forget_details(struct store *s, int64_t store_id, struct err *err)
{
    struct mirror *m = s->mirror;

    if (mirror_set_exceptions(m, store_id, NULL, 0, err) != 0 ||
        mirror_set_copies(m, store_id, NULL, 0, err) != 0 ||
        mirror_set_uses(m, store_id, NULL, 0, err) != 0)
        return -1;
    return mirror_set_spaces(m, store_id, NULL, 0, err);
}

int closing_store(struct store *s, int64_t store_id, int64_t look_s, int64_t at_s, struct err *err)
{
    struct presence_at at = {s, store_id, at_s, look_s};
    struct stmt st;

    if (presence_end_all(&at, err) != 0 || forget_details(s, store_id, err) != 0)
        return -1;
    for (int clear = CONTAINERS_CLEAR; clear <= PROBLEMS_CLEAR; clear++)
        if (run_on(s, clear, store_id, err) != 0)
            return -1;
    st = stmt_use(s, STORE_SET_closing, STORE_CLOSE);
    stmt_int(&st, at_s);
    stmt_int(&st, at_s);
    stmt_int(&st, store_id);
    return stmt_run(&st, err);
}

/* 1 with the next store that is still present, 0 none, -1. */
static int next_store(struct store *s, int64_t incarnation_id, int64_t *id, int64_t *look_s,
                      struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_closing, STORES_PRESENT);
    int more;

    stmt_int(&st, incarnation_id);
    more = stmt_row(&st, err);
    if (more > 0) {
        *id = stmt_get_int(&st, 0);
        *look_s = stmt_get_int(&st, 1);
    }
    return more;
}

int closing_incarnation(struct store *s, int64_t incarnation_id, struct err *err)
{
    AUTO(stmt_end) struct stmt last = stmt_use(s, STORE_SET_closing, LAST_CONTACT);
    int64_t id, look_s, at_s;
    int more;

    stmt_int(&last, incarnation_id);
    more = stmt_row(&last, err);
    if (more <= 0)
        return more;
    at_s = stmt_get_int(&last, 0);
    while ((more = next_store(s, incarnation_id, &id, &look_s, err)) > 0)
        if (closing_store(s, id, look_s, at_s, err) != 0)
            return -1;
    return more < 0 ? -1 : run_on(s, INCARNATION_FORGET, incarnation_id, err);
}
