#include "collector/store/apply_event.h"

#include <stdio.h>

#include "collector/store/apply.h"

#define MS_PER_SECOND 1000
#define EVENTS_KEPT "10000"

enum { EVENT_ADD, EVENTS_TRIM, HOST_OF };

static const char *const sql[] = {
    [EVENT_ADD] = "INSERT INTO event (at_s, host_id, incarnation_id, kind, subject, text) VALUES "
                  "(?1, (SELECT host_id FROM incarnation WHERE id = ?2), ?2, ?3, ?4, ?5)",
    [EVENTS_TRIM] = "DELETE FROM event WHERE id <= ? - " EVENTS_KEPT,
    [HOST_OF] = "SELECT h.name, i.address FROM incarnation i JOIN host h ON h.id = i.host_id "
                "WHERE i.id = ?",
};
const struct store_sql store_sql_event = STORE_SQL(sql);

int apply_event(struct store *s, int64_t incarnation_id, const char *kind, const char *subject,
                const char *text, int64_t now_ms, struct err *err)
{
    struct stmt add = stmt_use(s, STORE_SET_event, EVENT_ADD);
    struct stmt trim;

    stmt_int(&add, now_ms / MS_PER_SECOND);
    stmt_int_if(&add, incarnation_id != 0, incarnation_id);
    stmt_text(&add, kind);
    stmt_text(&add, subject);
    stmt_text(&add, text);
    if (stmt_run(&add, err) != 0)
        return -1;
    trim = stmt_use(s, STORE_SET_event, EVENTS_TRIM);
    stmt_int(&trim, store_last_id(s));
    return stmt_run(&trim, err);
}

/* "web-1 (10.0.0.7:4100)" */
static int name_host(struct store *s, int64_t incarnation_id, char *out, size_t size,
                     struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_event, HOST_OF);
    int found;

    stmt_int(&st, incarnation_id);
    found = stmt_row(&st, err);
    if (found < 0)
        return -1;
    if (found == 0)
        snprintf(out, size, "a host that is gone");
    else
        snprintf(out, size, "%s (%s)", stmt_get_text(&st, 0), stmt_get_text(&st, 1));
    return 0;
}

int apply_event_pair(struct store *s, const char *kind, const char *subject, const char *what,
                     int64_t one, int64_t other, int64_t now_ms, struct err *err)
{
    char first[ERR_TEXT_MAX], second[ERR_TEXT_MAX];
    char text[3 * ERR_TEXT_MAX];

    if (name_host(s, one, first, sizeof(first), err) != 0 ||
        name_host(s, other, second, sizeof(second), err) != 0)
        return -1;
    snprintf(text, sizeof(text), "%s %s; the other is %s", first, what, second);
    return apply_event(s, one, kind, subject, text, now_ms, err);
}
