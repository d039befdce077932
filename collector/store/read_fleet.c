#include "collector/store/read_fleet.h"

#include "collector/store/read_private.h"
#include "common/check.h"
#include "common/cleanup.h"

int read_rows(struct reading *r, enum store_set set, int index,
              int (*row)(struct reading *r, const struct stmt *st, struct err *err),
              struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, set, index);
    int more;

    while ((more = stmt_row(&st, err)) > 0)
        if (row(r, &st, err) != 0)
            return -1;
    return more;
}

int read_rows_in(struct reading *r, enum store_set set, int index, uint32_t store,
                 int (*row)(struct reading *r, const struct stmt *st, struct err *err),
                 struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, set, index);
    int more;

    stmt_int(&st, r->f->stores[store].id);
    while ((more = stmt_row(&st, err)) > 0)
        if (row(r, &st, err) != 0)
            return -1;
    return more;
}

int read_reference(const struct read_ids *ids, const struct stmt *st, int column, uint32_t *out,
                   struct err *err)
{
    *out = FLEET_NONE;
    if (stmt_is_null(st, column))
        return 0;
    *out = read_ids_find(ids, stmt_get_int(st, column));
    if (*out == FLEET_NONE)
        return err_set(err, ERR_CORRUPT,
                       "%s: a row points to a row that is not there: run layercensus-collector "
                       "check",
                       store_path(st->store));
    return 0;
}

void *read_room(struct reading *r, void *list, size_t count, size_t size, struct err *err)
{
    size_t cap = count == 0 ? 0 : FLEET_FIRST_ROOM;

    while (cap < count)
        cap *= 2;
    if (count >= FLEET_NONE) {
        err_set(err, ERR_LIMIT, "%s holds more rows than can be counted", store_path(r->store));
        return NULL;
    }
    return fleet_room(r->arena, list, count, &cap, size, err);
}

int read_present_store(struct reading *r, const struct stmt *st, uint32_t *store, struct err *err)
{
    if (read_reference(&r->stores, st, 0, store, err) != 0)
        return -1;
    if (!r->f->stores[*store].present)
        *store = FLEET_NONE;
    return 0;
}

void read_extend(struct fleet_run *run, size_t index)
{
    if (run->count++ == 0)
        run->first = (uint32_t)index;
}

static int read_all(struct reading *r, struct err *err)
{
    if (read_hosts(r, err) != 0 || read_content(r, err) != 0 || read_presences(r, err) != 0)
        return -1;
    return read_places(r, err);
}

static int read_distinct(struct reading *r, struct err *err)
{
    if (read_hosts(r, err) != 0 || read_content(r, err) != 0 || read_counts(r, err) != 0)
        return -1;
    return read_unable(r, err);
}

int read_fleet(struct store *s, struct fleet *out, const struct read_options *options,
               struct arena *arena, struct err *err)
{
    struct reading r = {.store = s, .f = out, .arena = arena, .options = options};

    *out = (struct fleet){.now_s = options->now_s};
    return read_all(&r, err) == 0 ? 0 : err_wrap(err, "read the fleet");
}

int read_counted(struct store *s, struct fleet *out, struct counted *counted,
                 const struct read_options *options, struct reading **reading, struct arena *arena,
                 struct err *err)
{
    struct reading *r = arena_alloc(arena, sizeof(*r), err);

    check(options->label_count == 0);
    *out = (struct fleet){.now_s = options->now_s};
    *counted = (struct counted){0};
    if (r == NULL)
        return -1;
    *r = (struct reading){
        .store = s, .f = out, .arena = arena, .options = options, .counted = counted};
    if (read_distinct(r, err) != 0)
        return err_wrap(err, "read the counters");
    *reading = r;
    return 0;
}

static int read_host_rows(struct reading *r, const struct fleet_host *h, bool places,
                          struct err *err)
{
    for (uint32_t s = h->stores.first; s < h->stores.first + h->stores.count; s++) {
        struct fleet_store *store = &r->f->stores[s];

        store->presences = store->exceptions = store->measured = store->spaces =
            (struct fleet_run){0};
        if (!store->present)
            continue;
        if (read_presences_in(r, s, err) != 0 || (places && read_places_in(r, s, err) != 0))
            return -1;
    }
    return 0;
}

int read_one_host(const struct reading *reading, struct fleet *out, uint32_t host, bool places,
                  struct arena *arena, struct err *err)
{
    struct reading r = *reading;

    *out = *reading->f;
    out->presences = NULL;
    out->place_names = NULL;
    out->exceptions = NULL;
    out->measured = NULL;
    out->spaces = NULL;
    out->presence_count = out->place_name_count = 0;
    out->exception_count = out->measured_count = out->space_count = 0;
    r.f = out;
    r.arena = arena;
    r.no_names = true;
    return read_host_rows(&r, &out->hosts[host], places, err) == 0 ? 0
                                                                   : err_wrap(err, "read a host");
}
