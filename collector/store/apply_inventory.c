#include "collector/store/apply.h"
#include "collector/store/closing.h"
#include "collector/store/held.h"
#include "collector/store/listing.h"
#include "collector/store/place.h"
#include "collector/store/presence.h"
#include "collector/store/store_private.h"

#define MS_PER_SECOND 1000
#define EXCEPTIONS_BYTES_MAX (64u << 20) /* of one store, at the limit of record.h */

/* ---- what the host claims, before anything is written ---------------------------------------- */

static const struct rec_store_sum *claim_of(const struct apply_inventory *in,
                                            const struct rec_key *key)
{
    for (size_t i = 0; i < in->sum_count; i++)
        if (rec_key_eq(&in->sums[i].key, key))
            return &in->sums[i];
    return NULL;
}

static int pair_stores(const struct apply_inventory *in, struct err *err)
{
    char text[PLACE_KEY_TEXT];

    if (in->content_count != in->sum_count)
        return err_set(err, ERR_CONFLICT, "the inventory has %zu stores and %zu digests of stores",
                       in->content_count, in->sum_count);
    for (size_t i = 0; i < in->content_count; i++) {
        const struct rec_key *key = &in->contents[i].store.key;

        if (claim_of(in, key) == NULL)
            return err_set(err, ERR_CONFLICT, "the inventory gives no digest of %s",
                           place_key_text(key, text));
        for (size_t j = 0; j < i; j++)
            if (rec_key_eq(&in->contents[j].store.key, key))
                return err_set(err, ERR_CONFLICT, "the inventory names %s twice",
                               place_key_text(key, text));
    }
    return 0;
}

static bool content_sorted(const struct rec_content *c)
{
    if (!held_strictly(c->images, c->image_count, sizeof(*c->images), rec_image_cmp) ||
        !held_strictly(c->exceptions, c->exception_count, sizeof(*c->exceptions),
                       rec_exception_cmp))
        return false;
    for (size_t i = 0; i < c->image_count; i++)
        if (!held_sorted(&c->images[i]))
            return false;
    return true;
}

static int verify_sorted(const struct apply_inventory *in, struct err *err)
{
    char text[PLACE_KEY_TEXT];

    for (size_t i = 0; i < in->content_count; i++)
        if (!content_sorted(&in->contents[i]))
            return err_set(err, ERR_CONFLICT,
                           "the inventory of %s is not sorted, or names "
                           "something twice",
                           place_key_text(&in->contents[i].store.key, text));
    return 0;
}

/* ---- one store ------------------------------------------------------------------------------- */

/* What the host lists, with the digest of it; every listing has a row then. */
static int list_images(const struct presence_at *at, const struct rec_content *c,
                       struct presence_list *now, struct setsum *sum, struct err *err)
{
    struct store *s = at->store;

    if (presence_list_make(now, c->image_count, err) != 0)
        return -1;
    for (size_t i = 0; i < c->image_count; i++) {
        uint32_t listing;

        if (listing_put(s, &c->images[i], at->at_s, &listing, err) != 0)
            return -1;
        setsum_merge(sum, &mirror_listing(s->mirror, listing)->sum);
        now->listings[now->count++] = listing;
    }
    presence_list_sort(now, s);
    return 0;
}

static bool exceptions_eq(const struct held *held, const struct rec_content *c)
{
    if (held->exception_count != c->exception_count)
        return false;
    for (size_t i = 0; i < c->exception_count; i++) {
        const struct rec_exception *a = &held->exceptions[i], *b = &c->exceptions[i];

        if (a->kind != b->kind || !digest_eq(&a->chain, &b->chain) ||
            !digest_eq(&a->diff, &b->diff))
            return false;
    }
    return true;
}

static int replace_exceptions(const struct presence_at *at, const struct rec_content *c,
                              bool *ended, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct held held;

    if (arena_open(&arena, EXCEPTIONS_BYTES_MAX, err) != 0 ||
        held_exceptions(at->store, at->store_id, arena, &held, err) != 0)
        return -1;
    if (exceptions_eq(&held, c))
        return 0;
    *ended = true;
    return held_put_exceptions(at->store, at->store_id, c->exceptions, c->exception_count, err);
}

/* ERR_CONFLICT where the content does not have its digest. */
static int replace_content(const struct presence_at *at, const struct rec_content *c,
                           const struct setsum *claimed, struct err *err)
{
    AUTO(presence_list_free) struct presence_list now = {0};
    char text[PLACE_KEY_TEXT];
    struct setsum sum = {0};
    bool ended = false;

    if (list_images(at, c, &now, &sum, err) != 0)
        return -1;
    for (size_t i = 0; i < c->exception_count; i++)
        rec_exception_sum(&sum, &c->exceptions[i], true);
    if (!setsum_eq(&sum, claimed))
        return err_set(err, ERR_CONFLICT,
                       "the inventory of %s (%zu images) does not have the digest that the host "
                       "gives for it",
                       place_key_text(&c->store.key, text), c->image_count);
    if (presence_replace(at, &now, &ended, err) != 0 || replace_exceptions(at, c, &ended, err) != 0)
        return -1;
    return ended ? presence_drop_copies(at, err) : 0;
}

static int apply_content(struct store *s, const struct apply_inventory *in,
                         const struct rec_content *c, int64_t at_s, struct err *err)
{
    const struct setsum *sum = &claim_of(in, &c->store.key)->sum;
    int64_t look_s = place_is_look(c->store.state) ? at_s : 0;
    char text[PLACE_KEY_TEXT];
    struct place_store was;
    struct presence_at at;

    if (place_put(s, in->incarnation_id, &c->store, at_s, &was, err) != 0)
        return -1;
    if (was.present && c->store.state == REC_STORE_UNREADABLE && !setsum_eq(sum, &was.sum))
        return err_set(err, ERR_CONFLICT,
                       "%s could not be read, and yet the host gives another content than before",
                       place_key_text(&c->store.key, text));
    at = (struct presence_at){s, was.id, at_s, was.look_s};
    /* Even where the digests agree: a whole inventory is how damage is repaired. */
    if (replace_content(&at, c, sum, err) != 0)
        return -1;
    return place_set_sum(s, was.id, sum, look_s, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

enum { STORES_OF };

static const char *const sql[] = {
    [STORES_OF] = "SELECT id, look_s, key FROM store WHERE incarnation_id = ? AND gone_s IS NULL "
                  "AND id > ? ORDER BY id LIMIT 1",
};
const struct store_sql store_sql_inventory = STORE_SQL(sql);

/* 1 with the present store after `*id`, 0 none, -1. One at a time: closing changes the table. */
static int next_store(struct store *s, int64_t incarnation_id, int64_t *id, int64_t *look_s,
                      struct rec_key *key, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(s, STORE_SET_inventory, STORES_OF);
    int more;

    stmt_int(&st, incarnation_id);
    stmt_int(&st, *id);
    more = stmt_row(&st, err);
    if (more <= 0)
        return more;
    *id = stmt_get_int(&st, 0);
    *look_s = stmt_get_int(&st, 1);
    return stmt_get_id(&st, 2, key->bytes, err) != 0 ? -1 : 1;
}

static int close_unnamed(struct store *s, const struct apply_inventory *in, int64_t at_s,
                         struct err *err)
{
    int64_t id = 0, look_s;
    struct rec_key key;
    int more;

    while ((more = next_store(s, in->incarnation_id, &id, &look_s, &key, err)) > 0)
        if (claim_of(in, &key) == NULL && closing_store(s, id, look_s, at_s, err) != 0)
            return -1;
    return more;
}

int apply_inventory(struct store *s, const struct apply_inventory *in, struct err *err)
{
    struct place_host host;
    int64_t at_s;

    if (place_host(s, in->incarnation_id, &host, err) != 0)
        return -1;
    if (in->generation <= host.generation)
        return err_set(err, ERR_PROTOCOL, "generation %llu does not follow generation %llu",
                       (unsigned long long)in->generation, (unsigned long long)host.generation);
    if (pair_stores(in, err) != 0 || verify_sorted(in, err) != 0)
        return -1;
    at_s = place_time(&host, in->age_ms, in->now_ms);
    for (size_t i = 0; i < in->content_count; i++)
        if (apply_content(s, in, &in->contents[i], at_s, err) != 0)
            return -1;
    if (close_unnamed(s, in, at_s, err) != 0)
        return -1;
    return place_advance(s, &host, in->generation, at_s, in->now_ms / MS_PER_SECOND, err);
}
