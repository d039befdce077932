#include "collector/store/counts.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/store_private.h"

enum {
    CHAIN_READ,
    LAYER_READ,
    LISTING_READ,
    IMAGE_READ,
    FLEET_READ,
    CHAIN_ADD,
    LAYER_ADD,
    LISTING_ADD,
    IMAGE_ADD,
    FLEET_ADD,
    CHAIN_SET,
    LAYER_SET,
    LISTING_SET,
    IMAGE_SET,
    FLEET_SET,
};

static const char *const sql[] = {
    [CHAIN_READ] = "SELECT chain_id, copies, measured, allocated_bytes, missing FROM count_chain",
    [LAYER_READ] = "SELECT layer_id, parents, stores, engines, users FROM count_layer",
    [LISTING_READ] = "SELECT listing_id, stores FROM count_listing",
    [IMAGE_READ] = "SELECT image_id, again, parent_in, containers, running, unknown "
                   "FROM count_image",
    [FLEET_READ] = "SELECT id, blobs_kept, blobs_only, orphans, upper_bounds FROM count_fleet",
    /* The key comes last, as where it is looked for. */
    [CHAIN_ADD] = "INSERT INTO count_chain (copies, measured, allocated_bytes, missing, chain_id) "
                  "VALUES (?, ?, ?, ?, ?)",
    [LAYER_ADD] = "INSERT INTO count_layer (parents, stores, engines, users, layer_id) "
                  "VALUES (?, ?, ?, ?, ?)",
    [LISTING_ADD] = "INSERT INTO count_listing (stores, listing_id) VALUES (?, ?)",
    [IMAGE_ADD] = "INSERT INTO count_image (again, parent_in, containers, running, unknown,"
                  " image_id) VALUES (?, ?, ?, ?, ?, ?)",
    [FLEET_ADD] = "INSERT INTO count_fleet (blobs_kept, blobs_only, orphans, upper_bounds, id) "
                  "VALUES (?, ?, ?, ?, ?)",
    [CHAIN_SET] = "UPDATE count_chain SET copies = ?, measured = ?, allocated_bytes = ?,"
                  " missing = ? WHERE chain_id = ?",
    [LAYER_SET] = "UPDATE count_layer SET parents = ?, stores = ?, engines = ?, users = ? "
                  "WHERE layer_id = ?",
    [LISTING_SET] = "UPDATE count_listing SET stores = ? WHERE listing_id = ?",
    [IMAGE_SET] = "UPDATE count_image SET again = ?, parent_in = ?, containers = ?, running = ?,"
                  " unknown = ? WHERE image_id = ?",
    [FLEET_SET] = "UPDATE count_fleet SET blobs_kept = ?, blobs_only = ?, orphans = ?,"
                  " upper_bounds = ? WHERE id = ?",
};
const struct store_sql store_sql_counts = STORE_SQL(sql);

static const struct kind {
    enum mirror_table table;
    int read, add, set, values; /* statements, and how many columns there are */
    const char *name, *what, *columns[MIRROR_VALUES];
} kinds[] = {
    {
        .table = MIRROR_CHAIN_COUNTS,
        .read = CHAIN_READ,
        .add = CHAIN_ADD,
        .set = CHAIN_SET,
        .values = CHAIN_VALUES,
        .name = "count_chain",
        .what = "chain",
        .columns = {"copies", "measured", "allocated_bytes", "missing"},
    },
    {
        .table = MIRROR_LAYER_COUNTS,
        .read = LAYER_READ,
        .add = LAYER_ADD,
        .set = LAYER_SET,
        .values = LAYER_VALUES,
        .name = "count_layer",
        .what = "layer",
        .columns = {"parents", "stores", "engines", "users"},
    },
    {
        .table = MIRROR_LISTING_COUNTS,
        .read = LISTING_READ,
        .add = LISTING_ADD,
        .set = LISTING_SET,
        .values = LISTING_VALUES,
        .name = "count_listing",
        .what = "listing",
        .columns = {"stores"},
    },
    {
        .table = MIRROR_IMAGE_COUNTS,
        .read = IMAGE_READ,
        .add = IMAGE_ADD,
        .set = IMAGE_SET,
        .values = IMAGE_VALUES,
        .name = "count_image",
        .what = "image",
        .columns = {"again", "parent_in", "containers", "running", "unknown"},
    },
    {
        .table = MIRROR_FLEET_COUNTS,
        .read = FLEET_READ,
        .add = FLEET_ADD,
        .set = FLEET_SET,
        .values = FLEET_VALUES,
        .name = "count_fleet",
        .what = "row",
        .columns = {"blobs_kept", "blobs_only", "orphans", "upper_bounds"},
    },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- what the file says ---------------------------------------------------------------------- */

static int read_kind(struct store *s, const struct kind *kind, struct mirror *m, uint64_t *rows,
                     struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_counts, kind->read);
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        int64_t id = stmt_get_int(&st, 0);
        struct mirror_count *count;

        if (id <= 0 || (uint64_t)id >= m->tables[kind->table].count)
            return err_set(err, ERR_CORRUPT,
                           "%s: %s counts %s %lld, which is not there: restore a backup",
                           store_path(s), kind->name, kind->what, (long long)id);
        count = mirror_count(m, kind->table, id, err);
        if (count == NULL)
            return -1;
        ++*rows;
        count->stored = true;
        for (int v = 0; v < kind->values; v++)
            count->written[v] = stmt_get_int(&st, v + 1);
    }
    return more;
}

static void compare(const struct kind *kind, uint32_t id, const struct mirror_count *count,
                    void (*differs)(const struct counts_difference *d, void *arg), void *arg)
{
    for (int v = 0; v < kind->values; v++) {
        struct counts_difference d = {kind->name, kind->what,        kind->columns[v],
                                      id,         count->written[v], count->now[v]};

        if (d.written != d.recomputed)
            differs(&d, arg);
    }
}

int counts_compare(struct store *s, struct mirror *m, uint64_t *rows,
                   void (*differs)(const struct counts_difference *d, void *arg), void *arg,
                   struct err *err)
{
    *rows = 0;
    for (size_t k = 0; k < KINDS; k++) {
        const struct undo_table *t = &m->tables[kinds[k].table];

        if (read_kind(s, &kinds[k], m, rows, err) != 0)
            return -1;
        for (size_t i = 1; i < t->count; i++)
            compare(&kinds[k], (uint32_t)i, &((const struct mirror_count *)t->items)[i], differs,
                    arg);
    }
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_written(const struct mirror_count *count)
{
    return memcmp(count->now, count->written, sizeof(count->now)) == 0;
}

/* Writing is the last thing before COMMIT, and where either fails the mirror is read again from the
 * file: so what is noted of it here never has to go back. A counter that stays listed after its job
 * was undone is only looked at once more. */
static int write_count(struct store *s, size_t kind, uint32_t id, struct err *err)
{
    struct mirror_count *count =
        &((struct mirror_count *)s->mirror->tables[kinds[kind].table].items)[id];
    struct stmt st;

    count->listed = false;
    if (is_written(count))
        return 0;
    st = stmt_use(s, STORE_SET_counts, count->stored ? kinds[kind].set : kinds[kind].add);
    count->stored = true;
    memcpy(count->written, count->now, sizeof(count->written));
    for (int v = 0; v < kinds[kind].values; v++)
        stmt_int(&st, count->now[v]);
    stmt_int(&st, id);
    return stmt_run(&st, err);
}

static int by_table_then_id(const void *a, const void *b)
{
    const struct mirror_changed *x = a, *y = b;

    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

int counts_write(struct store *s, struct err *err)
{
    struct mirror *m = s->mirror;

    if (m->changed_count > 1) /* neighbours lie in one page */
        qsort(m->changed, m->changed_count, sizeof(*m->changed), by_table_then_id);
    for (size_t i = 0; i < m->changed_count; i++) {
        size_t kind = m->changed[i].table - MIRROR_CHAIN_COUNTS;

        /* What was taken back may have been there only since then. */
        if (m->changed[i].id < m->tables[m->changed[i].table].count &&
            write_count(s, kind, m->changed[i].id, err) != 0)
            return -1;
    }
    m->changed_count = 0;
    return 0;
}
