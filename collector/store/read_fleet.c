#include "collector/store/read_fleet.h"

#include "collector/store/read_private.h"
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

static int read_all(struct reading *r, struct err *err)
{
    if (read_hosts(r, err) != 0 || read_content(r, err) != 0)
        return -1;
    return read_places(r, err);
}

int read_fleet(struct store *s, struct fleet *out, const struct read_options *options,
               struct arena *arena, struct err *err)
{
    struct reading r = {.store = s, .f = out, .arena = arena, .options = options};

    *out = (struct fleet){.now_s = options->now_s};
    return read_all(&r, err) == 0 ? 0 : err_wrap(err, "read the fleet");
}
