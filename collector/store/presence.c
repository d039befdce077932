#include "collector/store/presence.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/listing.h"
#include "collector/store/store_private.h"
#include "common/check.h"

enum { BEGIN, END, END_ALL, COPY_DROP };

/* The last look with it lies within the interval. Binds: at, at, look. */
#define ENDS "gone_s = ?, gone_after_s = min(?, max(from_s, ?)) "

static const char *const sql[] = {
    [BEGIN] = "INSERT INTO presence (store_id, listing_id, from_s, since_s) VALUES (?, ?, ?, ?) "
              "ON CONFLICT (store_id, listing_id, from_s) DO UPDATE SET "
              "since_s = excluded.since_s, gone_after_s = NULL, gone_s = NULL",
    [END] = "UPDATE presence SET " ENDS "WHERE store_id = ? AND listing_id = ? AND gone_s IS NULL "
            "RETURNING coalesce(since_s, from_s)",
    [END_ALL] = "UPDATE presence SET " ENDS "WHERE store_id = ? AND gone_s IS NULL",
    [COPY_DROP] = "DELETE FROM copy WHERE store_id = ? AND chain_id = ?",
};
const struct store_sql store_sql_presence = STORE_SQL(sql);

/* ---- lists ----------------------------------------------------------------------------------- */

int presence_list_make(struct presence_list *l, size_t room, struct err *err)
{
    *l = (struct presence_list){.cap = room > 0 ? room : 1};
    l->listings = reallocarray(NULL, l->cap, sizeof(*l->listings));
    return l->listings != NULL
               ? 0
               : err_set(err, ERR_NO_MEMORY, "no memory for a list of %zu images", room);
}

int presence_list_load(struct presence_list *l, struct store *s, int64_t store_id, size_t room,
                       struct err *err)
{
    const struct mirror_store *held = mirror_store(s->mirror, store_id);

    if (presence_list_make(l, held->listing_count + room, err) != 0)
        return -1;
    if (held->listing_count > 0)
        memcpy(l->listings, held->listings, held->listing_count * sizeof(*l->listings));
    l->count = held->listing_count;
    return 0;
}

void presence_list_free(struct presence_list *l)
{
    free(l->listings);
    *l = (struct presence_list){0};
}

static uint32_t image_of(const struct store *s, uint32_t listing)
{
    return mirror_listing(s->mirror, listing)->image;
}

static int by_image(const void *a, const void *b, void *store)
{
    uint32_t x = image_of(store, *(const uint32_t *)a), y = image_of(store, *(const uint32_t *)b);

    return x < y ? -1 : x > y;
}

void presence_list_sort(struct presence_list *l, struct store *s)
{
    qsort_r(l->listings, l->count, sizeof(*l->listings), by_image, s);
}

/* Where the image is in the list, or would be. */
static size_t find(const struct presence_list *l, const struct store *s, uint32_t image)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (image_of(s, l->listings[middle]) < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t presence_list_put(struct presence_list *l, struct store *s, uint32_t listing)
{
    uint32_t image = image_of(s, listing), old = 0;
    size_t at = find(l, s, image);

    if (at < l->count && image_of(s, l->listings[at]) == image) {
        old = l->listings[at];
    } else {
        check(l->count < l->cap);
        memmove(&l->listings[at + 1], &l->listings[at], (l->count - at) * sizeof(*l->listings));
        l->count++;
    }
    l->listings[at] = listing;
    return old;
}

uint32_t presence_list_take(struct presence_list *l, struct store *s, uint32_t image)
{
    size_t at = find(l, s, image);
    uint32_t old;

    if (at == l->count || image_of(s, l->listings[at]) != image)
        return 0;
    old = l->listings[at];
    l->count--;
    memmove(&l->listings[at], &l->listings[at + 1], (l->count - at) * sizeof(*l->listings));
    return old;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* since_s 0: the image was not there before. */
static int begin(const struct presence_at *at, uint32_t listing, int64_t since_s, struct err *err)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, BEGIN);

    stmt_int(&st, at->store_id);
    stmt_int(&st, listing);
    stmt_int(&st, at->at_s);
    stmt_int_if(&st, since_s != 0 && since_s != at->at_s, since_s);
    if (stmt_run(&st, err) != 0)
        return -1;
    return listing_said(at->store, listing, at->store_id, at->at_s, err);
}

static void bind_end(struct stmt *st, const struct presence_at *at)
{
    stmt_int(st, at->at_s);
    stmt_int(st, at->at_s);
    stmt_int(st, at->look_s);
    stmt_int(st, at->store_id);
}

/* *since_s: since when its image is there. */
static int end(const struct presence_at *at, uint32_t listing, int64_t *since_s, struct err *err)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, END);
    int more;

    bind_end(&st, at);
    stmt_int(&st, listing);
    more = stmt_row(&st, err);
    *since_s = more > 0 ? stmt_get_int(&st, 0) : 0;
    stmt_end(&st);
    if (more == 0)
        return err_set(err, ERR_CORRUPT,
                       "%s: a row of what a store holds is missing: restore a backup",
                       store_path(at->store));
    return more < 0 ? -1 : 0;
}

/* One image: as `old` until now, as `now` from now on; 0 is not there. */
static int change(const struct presence_at *at, uint32_t old, uint32_t now, bool *ended,
                  struct err *err)
{
    const struct mirror *m = at->store->mirror;
    int64_t since_s = 0;

    if (old == now)
        return 0;
    if (old != 0) {
        *ended = *ended || now == 0 ||
                 (mirror_listing(m, old)->unpacked && !mirror_listing(m, now)->unpacked);
        if (end(at, old, &since_s, err) != 0)
            return -1;
    }
    return now != 0 ? begin(at, now, since_s, err) : 0;
}

int presence_replace(const struct presence_at *at, const struct presence_list *now, bool *ended,
                     struct err *err)
{
    const struct mirror_store *held = mirror_store(at->store->mirror, at->store_id);
    size_t i = 0, j = 0;

    if (held->listing_count == now->count &&
        (now->count == 0 ||
         memcmp(held->listings, now->listings, now->count * sizeof(*now->listings)) == 0))
        return 0;
    if (tally_step(at->store->tally, at->store->mirror, at->store_id, now->listings,
                   (uint32_t)now->count, err) != 0)
        return -1;
    while (i < held->listing_count || j < now->count) {
        uint32_t old = i < held->listing_count ? held->listings[i] : 0;
        uint32_t new = j < now->count ? now->listings[j] : 0;

        if (old != 0 && new != 0 && image_of(at->store, old) < image_of(at->store, new))
            new = 0;
        else if (old != 0 && new != 0 && image_of(at->store, old) > image_of(at->store, new))
            old = 0;
        if (change(at, old, new, ended, err) != 0)
            return -1;
        i += old != 0;
        j += new != 0;
    }
    return mirror_set_held(at->store->mirror, at->store_id, now->listings, (uint32_t)now->count,
                           err);
}

int presence_end_all(const struct presence_at *at, struct err *err)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, END_ALL);

    bind_end(&st, at);
    if (stmt_run(&st, err) != 0 ||
        tally_take_store(at->store->tally, at->store->mirror, at->store_id, err) != 0)
        return -1;
    return mirror_set_held(at->store->mirror, at->store_id, NULL, 0, err);
}

/* ---- measured copies ------------------------------------------------------------------------- */

static void mark(const struct mirror_store *held, uint32_t chain, bool *explained)
{
    size_t low = 0, high = held->copy_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (held->copies[middle].chain < chain)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < held->copy_count && held->copies[low].chain == chain)
        explained[low] = true;
}

/* Marks the copies of a store that its images or exceptions explain. False while the document of an
 * unpacked image is not known. */
static bool mark_explained(const struct mirror *m, const struct mirror_store *held, bool *explained)
{
    for (uint32_t i = 0; i < held->listing_count; i++) {
        const struct mirror_listing *l = mirror_listing(m, held->listings[i]);
        const struct mirror_image *image = mirror_image(m, l->image);

        if (!l->unpacked)
            continue;
        if (!image->read)
            return false;
        for (uint32_t p = 0; p < image->chain_count; p++)
            mark(held, image->chains[p], explained);
    }
    for (uint32_t i = 0; i < held->exception_count; i++)
        if (held->exceptions[i].kind == REC_CHAIN_EXTRA)
            mark(held, held->exceptions[i].chain, explained);
    return true;
}

static int drop_copy(const struct presence_at *at, uint32_t chain, struct err *err)
{
    struct stmt st = stmt_use(at->store, STORE_SET_presence, COPY_DROP);

    stmt_int(&st, at->store_id);
    stmt_int(&st, chain);
    return stmt_run(&st, err);
}

int presence_drop_copies(const struct presence_at *at, struct err *err)
{
    struct store *s = at->store;
    const struct mirror_store *held = mirror_store(s->mirror, at->store_id);
    AUTO_FREE struct mirror_copy *kept = NULL;
    AUTO_FREE bool *explained = NULL;
    uint32_t count = 0;

    if (held->copy_count == 0)
        return 0;
    kept = reallocarray(NULL, held->copy_count, sizeof(*kept));
    explained = calloc(held->copy_count, sizeof(*explained));
    if (kept == NULL || explained == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the copies of a store");
    if (!mark_explained(s->mirror, held, explained))
        return 0;
    if (tally_take_store(s->tally, s->mirror, at->store_id, err) != 0)
        return -1;
    for (uint32_t i = 0; i < held->copy_count; i++) {
        if (explained[i])
            kept[count++] = held->copies[i];
        else if (drop_copy(at, held->copies[i].chain, err) != 0)
            return -1;
    }
    return mirror_set_copies(s->mirror, at->store_id, kept, count, err);
}
