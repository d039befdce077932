#include "collector/store/apply.h"
#include "collector/store/apply_words.h"
#include "collector/store/closing.h"
#include "collector/store/place.h"

enum {
    INCARNATION_SEEN,
    HOST_SEEN,
    STORES_LOOKED,
    EPHEMERAL_NEXT,
    SILENT_NEXT,
    HOST_RETIRE,
};

static const char *const sql[] = {
    /* A look is an observation: no later report is placed before it. */
    [INCARNATION_SEEN] = "UPDATE incarnation SET last_s = max(last_s, ?),"
                         " observed_s = max(observed_s, ?), unknown = unknown + ? "
                         "WHERE id = ? AND ended_s IS NULL",
    /* Who speaks after it was retired is back. */
    [HOST_SEEN] = "UPDATE host SET last_s = max(last_s, ?1),"
                  " retired_s = CASE WHEN retired_s < ?1 THEN NULL ELSE retired_s END "
                  "WHERE id = (SELECT host_id FROM incarnation WHERE id = ?2) "
                  "RETURNING id, retired_s IS NULL AND ended_s IS NULL",
    [STORES_LOOKED] = "UPDATE store SET look_s = max(look_s, ?) "
                      "WHERE incarnation_id = ? AND gone_s IS NULL AND state NOT IN (3, 5)",
    [EPHEMERAL_NEXT] = "SELECT h.id, i.id FROM host h "
                       "LEFT JOIN incarnation i ON i.host_id = h.id AND i.ended_s IS NULL "
                       "WHERE h.id > ?1 AND h.last_s < ?2 AND coalesce(i.last_s, 0) < ?2 "
                       "AND h.lifetime = 2 "
                       "AND h.retired_s IS NULL AND h.ended_s IS NULL ORDER BY h.id LIMIT 1",
    /* What a host reports is a sign of life too, and stands with its incarnation. */
    [SILENT_NEXT] = "SELECT h.id FROM host h WHERE h.id > ?1 AND h.last_s < ?2 "
                    "AND h.retired_s IS NULL AND h.ended_s IS NULL AND NOT EXISTS "
                    "(SELECT 1 FROM incarnation i WHERE i.host_id = h.id AND i.last_s >= ?2) "
                    "ORDER BY h.id LIMIT 1",
    [HOST_RETIRE] = "UPDATE host SET retired_s = ? WHERE id = ?",
};
const struct store_sql store_sql_life = STORE_SQL(sql);

static int host_seen(struct store *s, const struct apply_life *life, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_life, HOST_SEEN);
    int64_t host_id = 0;
    bool counted = false;
    int more;

    stmt_int(&st, life->seen_s);
    stmt_int(&st, life->incarnation_id);
    more = stmt_row(&st, err);
    if (more > 0) {
        host_id = stmt_get_int(&st, 0);
        counted = stmt_get_int(&st, 1) != 0;
    }
    stmt_end(&st);
    if (more <= 0)
        return more;
    return place_count_host(s, host_id, counted, err);
}

static int apply_life(struct store *s, const struct apply_life *life, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_life, INCARNATION_SEEN);

    stmt_int(&st, life->seen_s);
    stmt_int(&st, life->look_s);
    stmt_int(&st, (int64_t)life->unknown);
    stmt_int(&st, life->incarnation_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    if (store_changed(s) == 0) /* another machine took its place meanwhile */
        return 0;
    if (host_seen(s, life, err) != 0)
        return -1;
    if (life->look_s == 0)
        return 0;
    st = stmt_use(s, STORE_SET_life, STORES_LOOKED);
    stmt_int(&st, life->look_s);
    stmt_int(&st, life->incarnation_id);
    return stmt_run(&st, err);
}

int apply_lives(struct store *s, const struct apply_life *lives, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (apply_life(s, &lives[i], err) != 0)
            return -1;
    return 0;
}

/* 1 with the next ephemeral host behind *host_id that is silent since before `before_s`, 0 none,
 * -1. */
static int next_ephemeral(struct store *s, int64_t before_s, int64_t *host_id,
                          int64_t *incarnation_id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_life, EPHEMERAL_NEXT);
    int more;

    stmt_int(&st, *host_id);
    stmt_int(&st, before_s);
    more = stmt_row(&st, err);
    if (more > 0) {
        *host_id = stmt_get_int(&st, 0);
        *incarnation_id = stmt_get_int(&st, 1);
    }
    return more;
}

static int retire(struct store *s, int64_t host_id, int64_t now_s, struct err *err)
{
    struct stmt st = stmt_use(s, STORE_SET_life, HOST_RETIRE);

    stmt_int(&st, now_s);
    stmt_int(&st, host_id);
    if (stmt_run(&st, err) != 0 || words_forget_host(s, host_id, err) != 0)
        return -1;
    return place_count_host(s, host_id, false, err);
}

static int retire_ephemeral(struct store *s, int64_t now_s, int64_t before_s, struct err *err)
{
    int64_t host_id = 0, incarnation_id;
    int more;

    while ((more = next_ephemeral(s, before_s, &host_id, &incarnation_id, err)) > 0)
        if (closing_incarnation(s, incarnation_id, err) != 0 || retire(s, host_id, now_s, err) != 0)
            return -1;
    return more;
}

/* 1 with the next host behind *host_id that is silent since before `before_s`, 0 none, -1. */
static int next_silent(struct store *s, int64_t before_s, int64_t *host_id, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_life, SILENT_NEXT);
    int more;

    stmt_int(&st, *host_id);
    stmt_int(&st, before_s);
    more = stmt_row(&st, err);
    if (more > 0)
        *host_id = stmt_get_int(&st, 0);
    return more;
}

static int retire_silent(struct store *s, int64_t now_s, int64_t before_s, struct err *err)
{
    int64_t host_id = 0;
    int more;

    while ((more = next_silent(s, before_s, &host_id, err)) > 0)
        if (retire(s, host_id, now_s, err) != 0)
            return -1;
    return more;
}

int apply_housekeeping(struct store *s, int64_t now_s, int64_t ephemeral_s, int64_t retire_s,
                       struct err *err)
{
    if (ephemeral_s > 0 && retire_ephemeral(s, now_s, now_s - ephemeral_s, err) != 0)
        return -1;
    return retire_s > 0 ? retire_silent(s, now_s, now_s - retire_s, err) : 0;
}
