#include "collector/store/read_host.h"

#include "collector/store/statements.h"
#include "common/cleanup.h"

enum { PROBLEMS, EVENTS, INCARNATIONS };

static const char *const sql[] = {
    [PROBLEMS] = "SELECT subject, text FROM problem WHERE store_id = ? ORDER BY seq",
    [EVENTS] = "SELECT at_s, kind, subject, text FROM event WHERE host_id = ? "
               "OR (host_id IS NULL AND subject = ?) ORDER BY id DESC LIMIT ?",
    [INCARNATIONS] = "SELECT uuid, first_s, last_s, ended_s, generation, skew_ms, unknown, "
                     "address, agent_version FROM incarnation WHERE host_id = ? "
                     "ORDER BY ended_s IS NULL DESC, last_s DESC, id DESC",
};
const struct store_sql store_sql_host = STORE_SQL(sql);

static int read_problems(struct store *s, struct host_story *out, uint32_t store, int64_t store_id,
                         size_t *cap, struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_host, PROBLEMS);
    int more;

    stmt_int(&st, store_id);
    while ((more = stmt_row(&st, err)) > 0) {
        struct host_problem *list =
            fleet_room(arena, out->problems, out->problem_count, cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        out->problems = list;
        list += out->problem_count++;
        list->store = store;
        list->subject = stmt_copy_text(&st, 0, arena, err);
        list->text = stmt_copy_text(&st, 1, arena, err);
        if (list->subject == NULL || list->text == NULL)
            return -1;
    }
    return more;
}

static int read_events(struct store *s, struct host_story *out, const struct fleet_host *h,
                       struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_host, EVENTS);
    int more;

    out->events = arena_array(arena, HOST_EVENTS_MAX, sizeof(*out->events), err);
    if (out->events == NULL)
        return -1;
    stmt_int(&st, h->id);
    stmt_text(&st, h->name);
    stmt_int(&st, HOST_EVENTS_MAX);
    while ((more = stmt_row(&st, err)) > 0) {
        struct host_event *e = &out->events[out->event_count++];

        e->at_s = stmt_get_int(&st, 0);
        e->kind = stmt_copy_text(&st, 1, arena, err);
        e->subject = stmt_copy_text(&st, 2, arena, err);
        e->text = stmt_copy_text(&st, 3, arena, err);
        if (e->kind == NULL || e->subject == NULL || e->text == NULL)
            return -1;
    }
    return more;
}

static int read_incarnations(struct store *s, struct host_story *out, int64_t host_id,
                             struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_host, INCARNATIONS);
    size_t cap = 0;
    int more;

    stmt_int(&st, host_id);
    while ((more = stmt_row(&st, err)) > 0) {
        struct host_incarnation *list =
            fleet_room(arena, out->incarnations, out->incarnation_count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        out->incarnations = list;
        list += out->incarnation_count++;
        *list = (struct host_incarnation){.first_s = stmt_get_int(&st, 1),
                                          .last_s = stmt_get_int(&st, 2),
                                          .ended_s = stmt_get_int(&st, 3),
                                          .generation = stmt_get_int(&st, 4),
                                          .skew_ms = stmt_get_int(&st, 5),
                                          .unknown = stmt_get_int(&st, 6),
                                          .address = stmt_copy_text(&st, 7, arena, err),
                                          .agent_version = stmt_copy_text(&st, 8, arena, err)};
        if (list->address == NULL || list->agent_version == NULL ||
            stmt_get_id(&st, 0, list->id.bytes, err) != 0)
            return -1;
    }
    return more;
}

int read_host(struct store *s, struct host_story *out, const struct fleet *f, uint32_t host,
              struct arena *arena, struct err *err)
{
    const struct fleet_host *h = &f->hosts[host];
    size_t cap = 0;

    *out = (struct host_story){0};
    for (uint32_t i = h->stores.first; i < h->stores.first + h->stores.count; i++)
        if (f->stores[i].gone_s == 0 &&
            read_problems(s, out, i, f->stores[i].id, &cap, arena, err) != 0)
            return -1;
    if (read_events(s, out, h, arena, err) != 0)
        return -1;
    return read_incarnations(s, out, h->id, arena, err);
}
