#include <stdlib.h>

#include "collector/store/apply.h"
#include "collector/store/content.h"
#include "collector/store/place.h"
#include "collector/store/store_private.h"

#define MS_PER_SECOND 1000

enum { COPY_PUT, SPACES_CLEAR, SPACE_ADD, SPACES_NOTE };

static const char *const sql[] = {
    [COPY_PUT] = "INSERT INTO copy (store_id, chain_id, allocated_bytes, missing) "
                 "VALUES (?, ?, ?, ?) ON CONFLICT (store_id, chain_id) DO UPDATE SET "
                 "allocated_bytes = excluded.allocated_bytes, missing = excluded.missing "
                 "WHERE allocated_bytes <> excluded.allocated_bytes OR missing <> excluded.missing",
    [SPACES_CLEAR] = "DELETE FROM space WHERE store_id = ?",
    [SPACE_ADD] = "INSERT INTO space (store_id, class, kind, bytes, count, upper_bound) "
                  "VALUES (?, ?, ?, ?, ?, ?)",
    [SPACES_NOTE] = "UPDATE store SET copies_total = ?, copies_measured = ?, spaces_s = ? "
                    "WHERE id = ?",
};
const struct store_sql store_sql_measures = STORE_SQL(sql);

struct measured {
    struct mirror_copy copy;
    size_t order; /* later ones have more */
};

static int put_copy(struct store *s, int64_t store_id, const struct rec_copy_facts *c,
                    struct mirror_copy *out, struct err *err)
{
    struct stmt st;
    int64_t chain_id;

    if (content_chain(s, &c->chain, &chain_id, err) != 0)
        return -1;
    *out = (struct mirror_copy){(uint32_t)chain_id, c->missing, (int64_t)c->allocated_bytes};
    st = stmt_use(s, STORE_SET_measures, COPY_PUT);
    stmt_int(&st, store_id);
    stmt_int(&st, chain_id);
    stmt_int(&st, (int64_t)c->allocated_bytes);
    stmt_int(&st, c->missing);
    return stmt_run(&st, err);
}

/* By chain, and where two say something of one chain the later one first. */
static int by_chain_then_newest(const void *a, const void *b)
{
    const struct measured *x = a, *y = b;

    if (x->copy.chain != y->copy.chain)
        return x->copy.chain < y->copy.chain ? -1 : 1;
    return x->order > y->order ? -1 : x->order < y->order;
}

/* What the store's copies are after `count` new ones, sorted and each chain once. */
static size_t merge(struct measured *all, size_t count, struct mirror_copy *out)
{
    size_t kept = 0;

    qsort(all, count, sizeof(*all), by_chain_then_newest);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || all[i].copy.chain != all[i - 1].copy.chain)
            out[kept++] = all[i].copy;
    return kept;
}

int apply_copies(struct store *s, int64_t incarnation_id, const struct rec_copies *copies,
                 struct err *err)
{
    AUTO_FREE struct measured *all = NULL;
    AUTO_FREE struct mirror_copy *now = NULL;
    const struct mirror_store *store;
    size_t count = 0;
    int64_t store_id;

    if (place_present(s, incarnation_id, &copies->key, &store_id, err) != 0 ||
        tally_take_store(s->tally, s->mirror, store_id, err) != 0)
        return -1;
    store = mirror_store(s->mirror, store_id);
    all = reallocarray(NULL, store->copy_count + copies->copy_count + 1, sizeof(*all));
    now = reallocarray(NULL, store->copy_count + copies->copy_count + 1, sizeof(*now));
    if (all == NULL || now == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the copies of a store");
    for (; count < store->copy_count; count++)
        all[count] = (struct measured){store->copies[count], 0};
    for (size_t i = 0; i < copies->copy_count; i++, count++) {
        all[count].order = i + 1;
        if (put_copy(s, store_id, &copies->copies[i], &all[count].copy, err) != 0)
            return -1;
    }
    count = merge(all, count, now);
    /* Copies may come before the configs that explain them, so a host could name chains without
     * end. */
    if (count > REC_COPIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d copies in one store", REC_COPIES_MAX);
    return mirror_set_copies(s->mirror, store_id, now, (uint32_t)count, err);
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
    if (stmt_run(&st, err) != 0 || tally_take_store(s->tally, s->mirror, store_id, err) != 0 ||
        mirror_set_spaces(s->mirror, store_id, spaces->spaces, spaces->space_count, err) != 0)
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
