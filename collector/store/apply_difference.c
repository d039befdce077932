#include "collector/store/apply.h"
#include "collector/store/closing.h"
#include "collector/store/held.h"
#include "collector/store/listing.h"
#include "collector/store/place.h"
#include "collector/store/presence.h"
#include "collector/store/store_private.h"

#define MS_PER_SECOND 1000
#define EXCEPTIONS_BYTES_MAX (64u << 20) /* of one store, at the limit of record.h */

/* One store while its change is applied: the digest follows each element, from the rows that are
 * here and not from what the host says was here. */
struct change {
    struct presence_at at;
    struct setsum sum;
    struct presence_list now;
    bool ended; /* a copy may be gone */
};

static void free_change(struct change *c)
{
    presence_list_free(&c->now);
}

/* The caller answers with Resync, and the host sends everything. */
static int out_of_step(struct err *err, const char *why)
{
    return err_set(err, ERR_MOVED, "resync: %s", why);
}

static int apply_changed(struct change *c, const struct rec_image *now, struct err *err)
{
    struct store *s = c->at.store;
    uint32_t listing, old;

    if (!held_sorted(now))
        return err_set(err, ERR_CONFLICT, "an image's names are not sorted, or one is there twice");
    if (listing_put(s, now, c->at.at_s, &listing, err) != 0)
        return -1;
    old = presence_list_put(&c->now, s, listing);
    if (old != 0)
        setsum_part(&c->sum, &mirror_listing(s->mirror, old)->sum);
    setsum_merge(&c->sum, &mirror_listing(s->mirror, listing)->sum);
    return 0;
}

static int apply_removed(struct change *c, const struct digest *id, struct err *err)
{
    struct store *s = c->at.store;
    uint32_t image = mirror_find_image(s->mirror, id);
    uint32_t old = image != 0 ? presence_list_take(&c->now, s, image) : 0;

    if (old == 0)
        return out_of_step(err, "an image is removed that is not here");
    setsum_part(&c->sum, &mirror_listing(s->mirror, old)->sum);
    return 0;
}

static int apply_exceptions(struct change *c, const struct rec_store_change *d, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct held held = {0};

    if (arena_open(&arena, EXCEPTIONS_BYTES_MAX, err) != 0 ||
        held_exceptions(c->at.store, c->at.store_id, arena, &held, err) != 0)
        return -1;
    for (size_t i = 0; i < held.exception_count; i++)
        rec_exception_sum(&c->sum, &held.exceptions[i], false);
    for (size_t i = 0; i < d->exception_count; i++)
        rec_exception_sum(&c->sum, &d->exceptions[i], true);
    c->ended = true;
    return held_put_exceptions(c->at.store, c->at.store_id, d->exceptions, d->exception_count, err);
}

/* One message is within the limits (wire.h); many small ones must stay within them too. */
static int check_images(const struct change *c, const struct rec_store *store, struct err *err)
{
    if (c->now.count <= REC_IMAGES_MAX)
        return 0;
    return err_set(err, ERR_LIMIT, "store %s: more than %d images", store->root, REC_IMAGES_MAX);
}

static int apply_elements(struct change *c, const struct rec_store_change *d, struct err *err)
{
    if (presence_list_load(&c->now, c->at.store, c->at.store_id, d->changed_count, err) != 0)
        return -1;
    for (size_t i = 0; i < d->removed_count; i++)
        if (apply_removed(c, &d->removed[i], err) != 0)
            return -1;
    for (size_t i = 0; i < d->changed_count; i++)
        if (apply_changed(c, &d->changed[i], err) != 0)
            return -1;
    if (check_images(c, &d->store, err) != 0 ||
        presence_replace(&c->at, &c->now, &c->ended, err) != 0)
        return -1;
    if (d->exceptions_given && apply_exceptions(c, d, err) != 0)
        return -1;
    return c->ended ? presence_drop_copies(&c->at, err) : 0;
}

static int check_stores(struct store *s, int64_t incarnation_id, struct err *err)
{
    size_t stores;

    if (place_count(s, incarnation_id, &stores, err) != 0)
        return -1;
    if (stores > REC_STORES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d stores", REC_STORES_MAX);
    return 0;
}

/* *grown: the host has one more store. */
static int apply_store_change(struct store *s, int64_t incarnation_id,
                              const struct rec_store_change *d, int64_t at_s, bool *grown,
                              struct err *err)
{
    AUTO(free_change) struct change c = {.ended = false};
    int64_t look_s = place_is_look(d->store.state) ? at_s : 0;
    char text[PLACE_KEY_TEXT];
    struct place_store was;

    if (place_put(s, incarnation_id, &d->store, at_s, &was, err) != 0)
        return -1;
    *grown = *grown || !was.present;
    if (was.present && d->store.state == REC_STORE_UNREADABLE && !setsum_eq(&d->sum, &was.sum))
        return err_set(err, ERR_CONFLICT,
                       "%s could not be read, and yet the host gives another content than before",
                       place_key_text(&d->store.key, text));
    c.at = (struct presence_at){s, was.id, at_s, was.look_s};
    c.sum = was.sum;
    if (apply_elements(&c, d, err) != 0)
        return -1;
    if (!setsum_eq(&c.sum, &d->sum))
        return out_of_step(err, "a store's digest afterwards is not the host's");
    return place_set_sum(s, was.id, &c.sum, look_s, err);
}

static int apply_gone(struct store *s, int64_t incarnation_id, const struct rec_key *key,
                      int64_t at_s, struct err *err)
{
    struct place_store was;
    int found = place_store(s, incarnation_id, key, &was, err);

    if (found < 0)
        return -1;
    if (found == 0 || !was.present)
        return out_of_step(err, "a store is removed that is not here");
    return closing_store(s, was.id, was.look_s, at_s, err);
}

int apply_difference(struct store *s, int64_t incarnation_id, const struct rec_difference *d,
                     int64_t now_ms, struct err *err)
{
    struct place_host host;
    bool grown = false;
    int64_t at_s;

    if (place_host(s, incarnation_id, &host, err) != 0)
        return -1;
    if (d->base != host.generation || d->generation <= d->base)
        return out_of_step(err, "the difference does not start from the generation that is here");
    at_s = place_time(&host, d->age_ms, now_ms);
    for (size_t i = 0; i < d->store_count; i++)
        if (apply_store_change(s, incarnation_id, &d->stores[i], at_s, &grown, err) != 0)
            return -1;
    for (size_t i = 0; i < d->gone_count; i++)
        if (apply_gone(s, incarnation_id, &d->gone[i], at_s, err) != 0)
            return -1;
    if (grown && check_stores(s, incarnation_id, err) != 0)
        return -1;
    return place_advance(s, &host, d->generation, at_s, now_ms / MS_PER_SECOND, err);
}
