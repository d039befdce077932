#include "collector/store/admin.h"

#include "collector/store/apply.h"
#include "collector/store/apply_words.h"
#include "collector/store/closing.h"
#include "collector/store/place.h"
#include "common/cleanup.h"

enum { HOST_NEXT, HOST_RETIRE, HOST_COUNT };

static const char *const sql[] = {
    [HOST_NEXT] = "SELECT h.id, h.name, h.lifetime, i.id FROM host h "
                  "LEFT JOIN incarnation i ON i.host_id = h.id AND i.ended_s IS NULL "
                  "WHERE h.name GLOB ? AND h.retired_s IS NULL AND h.ended_s IS NULL LIMIT 1",
    [HOST_RETIRE] = "UPDATE host SET retired_s = ? WHERE id = ?",
    [HOST_COUNT] = "SELECT count(*) FROM host WHERE retired_s IS NULL AND ended_s IS NULL",
};
const struct store_sql store_sql_admin = STORE_SQL(sql);

/* Notes the retirement and closes what an ephemeral host held. */
static int note_retirement(struct store *s, const struct stmt *host, int64_t now_s, struct err *err)
{
    int64_t incarnation_id = stmt_get_int(host, 3);

    if (apply_event(s, incarnation_id, "host-retired", stmt_get_text(host, 1), "by hand",
                    now_s * 1000, err) != 0)
        return -1;
    if (stmt_get_int(host, 2) != REC_LIFETIME_EPHEMERAL || stmt_is_null(host, 3))
        return 0;
    return closing_incarnation(s, incarnation_id, err);
}

/* 1 retired one, 0 none is left, -1. */
static int retire_next(struct store *s, const char *pattern, int64_t now_s, struct err *err)
{
    AUTO(stmt_end) struct stmt host = stmt_use(s, STORE_SET_admin, HOST_NEXT);
    struct stmt retire;
    int more;

    stmt_text(&host, pattern);
    more = stmt_row(&host, err);
    if (more <= 0)
        return more;
    if (note_retirement(s, &host, now_s, err) != 0)
        return -1;
    retire = stmt_use(s, STORE_SET_admin, HOST_RETIRE);
    stmt_int(&retire, now_s);
    stmt_int(&retire, stmt_get_int(&host, 0));
    if (stmt_run(&retire, err) != 0 || words_forget_host(s, stmt_get_int(&host, 0), err) != 0)
        return -1;
    return place_count_host(s, stmt_get_int(&host, 0), false, err) == 0 ? 1 : -1;
}

int admin_retire(struct store *s, const char *pattern, int64_t now_s, uint64_t *retired,
                 struct err *err)
{
    int more;

    *retired = 0;
    if (store_begin(s, err) != 0)
        return -1;
    while ((more = retire_next(s, pattern, now_s, err)) > 0)
        ++*retired;
    if (more == 0)
        return store_commit(s, err);
    store_rollback(s);
    return -1;
}

int admin_count_hosts(struct store *s, uint64_t *count, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_admin, HOST_COUNT);

    if (stmt_row(&st, err) < 0)
        return -1;
    *count = (uint64_t)stmt_get_int(&st, 0);
    return 0;
}
