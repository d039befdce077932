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

int read_rows_of(struct reading *r, enum store_set set, int index, int64_t id,
                 int (*row)(struct reading *r, const struct stmt *st, struct err *err),
                 struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, set, index);
    int more;

    stmt_int(&st, id);
    while ((more = stmt_row(&st, err)) > 0)
        if (row(r, &st, err) != 0)
            return -1;
    return more;
}

int read_reference(const struct read_ids *ids, const struct stmt *st, int column, uint32_t *out,
                   struct err *err)
{
    int64_t id = stmt_get_int(st, column);

    *out = FLEET_NONE;
    if (id == 0 && stmt_is_null(st, column))
        return 0;
    *out = read_ids_find(ids, id);
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

void read_extend(struct fleet_run *run, size_t index)
{
    if (run->count++ == 0)
        run->first = (uint32_t)index;
}

void read_forget(struct fleet *f)
{
    f->presences = NULL;
    f->exceptions = NULL;
    f->measured = NULL;
    f->containers = NULL;
    f->spaces = NULL;
    f->presence_count = f->exception_count = f->measured_count = 0;
    f->container_count = f->space_count = 0;
}

static int read_store(struct reading *r, uint32_t store, unsigned what, struct err *err)
{
    struct fleet_store *s = &r->f->stores[store];

    if (r->options->as_of_s != 0)
        what = 0; /* only now is known */
    s->presences = s->exceptions = s->measured = s->containers = s->spaces = (struct fleet_run){0};
    if (!s->present)
        return 0;
    r->wants_since = (what & READ_SINCE) != 0;
    if (read_presences_in(r, store, err) != 0 ||
        ((what & READ_PLACES) && read_places_in(r, store, err) != 0))
        return -1;
    return (what & READ_CONTAINERS) ? read_containers_in(r, store, err) : 0;
}

/* What both ways of reading begin with. */
static int read_common(struct reading *r, struct err *err)
{
    if (read_hosts(r, err) != 0 || read_content(r, err) != 0 || read_listings(r, err) != 0)
        return -1;
    return read_evidence(r, err);
}

static int read_all(struct reading *r, struct err *err)
{
    if (read_common(r, err) != 0)
        return -1;
    r->counts_stores = true;
    for (uint32_t s = 0; s < r->f->store_count; s++)
        if (read_store(r, s, READ_SINCE | READ_PLACES | READ_CONTAINERS, err) != 0)
            return -1;
    r->counts_stores = false;
    return read_distinct_said(r, err);
}

static int read_distinct(struct reading *r, struct err *err)
{
    if (read_common(r, err) != 0 || read_counts(r, err) != 0 || read_distinct_said(r, err) != 0)
        return -1;
    return read_unable(r, err);
}

static struct reading *new_reading(struct store *s, struct fleet *out,
                                   const struct read_options *options, struct arena *arena,
                                   struct err *err)
{
    struct reading *r = arena_alloc(arena, sizeof(*r), err);

    *out = (struct fleet){.now_s = options->as_of_s != 0 ? options->as_of_s : options->now_s};
    if (r != NULL)
        *r = (struct reading){.store = s, .f = out, .arena = arena, .options = options};
    return r;
}

int read_fleet(struct store *s, struct fleet *out, const struct read_options *options,
               struct reading **reading, struct arena *arena, struct err *err)
{
    struct reading *r = new_reading(s, out, options, arena, err);

    if (r == NULL || read_all(r, err) != 0)
        return err_wrap(err, "read the fleet");
    *reading = r;
    return 0;
}

int read_counted(struct store *s, struct fleet *out, struct counted *counted,
                 const struct read_options *options, struct reading **reading, struct arena *arena,
                 struct err *err)
{
    struct reading *r = new_reading(s, out, options, arena, err);

    check(options->label_count == 0 && options->as_of_s == 0);
    *counted = (struct counted){0};
    if (r == NULL)
        return -1;
    r->counted = counted;
    if (read_distinct(r, err) != 0)
        return err_wrap(err, "read the counters");
    *reading = r;
    return 0;
}

int read_one_host(const struct reading *reading, struct fleet *out, uint32_t host, unsigned what,
                  struct arena *arena, struct err *err)
{
    const struct fleet_run *stores = &reading->f->hosts[host].stores;
    struct reading r = *reading;

    *out = *reading->f;
    read_forget(out);
    r.f = out;
    r.arena = arena;
    if ((what & READ_TEXTS) && read_host_texts(&r, host, err) != 0)
        return err_wrap(err, "read a host");
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        if (read_store(&r, s, what, err) != 0)
            return err_wrap(err, "read a host");
    return 0;
}
