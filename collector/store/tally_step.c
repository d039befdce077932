#include <stdlib.h>
#include <string.h>

#include "collector/store/tally_private.h"
#include "common/cleanup.h"

#define STEPS_MAX 16 /* more of them are counted as a whole */

/* One listing that comes or goes. Chains grow upon each other: what an image shares with another
 * one lies at its lower end, so it has for itself what is above `held`. */
struct step {
    uint32_t listing;
    uint32_t held; /* chains at its lower end that another image of the store has, too */
    int64_t sign;
};

struct steps {
    struct tally *t;
    struct mirror *m;
    const struct mirror_store *store;
    uint32_t *work; /* the store's listings, at the step at hand; sorted by image */
    uint32_t work_count;
    struct step list[STEPS_MAX];
    size_t count;
};

static uint32_t image_of(const struct mirror *m, uint32_t listing)
{
    return mirror_listing(m, listing)->image;
}

/* How much of a listing's chains the others hold; -1 where an image of the store has a parent link,
 * as that one's names count then. */
static int measure(const struct steps *s, struct step *step)
{
    const struct mirror_listing *l = mirror_listing(s->m, step->listing);
    const struct mirror_image *image = mirror_image(s->m, l->image);

    if (l->parent != 0)
        return -1;
    for (uint32_t i = 0; i < s->work_count; i++) {
        const struct mirror_listing *other = mirror_listing(s->m, s->work[i]);
        const struct mirror_image *with = mirror_image(s->m, other->image);

        if (other->parent != 0)
            return -1;
        if (!other->unpacked)
            continue;
        while (step->held < image->chain_count && step->held < with->chain_count &&
               image->chains[step->held] == with->chains[step->held])
            step->held++;
    }
    return 0;
}

/* Whether the counters of layers stay as they are: each chain's layer ends no other chain. */
static bool layers_alone(const struct steps *s, const struct step *step)
{
    const struct mirror_listing *l = mirror_listing(s->m, step->listing);
    const struct mirror_image *image = mirror_image(s->m, l->image);

    for (uint32_t i = step->held; l->unpacked && i < image->chain_count; i++) {
        uint32_t layer = mirror_chain(s->m, image->chains[i])->layer;

        if (layer == 0 || mirror_layer(s->m, layer)->chains > 1)
            return false;
    }
    return true;
}

/* Takes note of a step; false where it is none of the simple ones. */
static bool note(struct steps *s, uint32_t listing, int64_t sign)
{
    struct step *step = &s->list[s->count];

    if (s->count == STEPS_MAX)
        return false;
    *step = (struct step){.listing = listing, .sign = sign};
    if (measure(s, step) != 0 || !layers_alone(s, step))
        return false;
    s->count++;
    return true;
}

/* One image that was listed as `old` and is as `now`; 0 is not there. `at` is its place in the
 * list at hand. */
static bool note_change(struct steps *s, uint32_t at, uint32_t old, uint32_t now)
{
    if (old != 0) {
        s->work_count--;
        memmove(&s->work[at], &s->work[at + 1], (s->work_count - at) * sizeof(*s->work));
        if (!note(s, old, -1))
            return false;
    }
    if (now != 0) {
        if (!note(s, now, 1))
            return false;
        memmove(&s->work[at + 1], &s->work[at], (s->work_count - at) * sizeof(*s->work));
        s->work[at] = now;
        s->work_count++;
    }
    return true;
}

/* Finds all steps from the list at hand to the new one; both are sorted by image. */
static bool note_changes(struct steps *s, const uint32_t *now, uint32_t count)
{
    for (uint32_t i = 0; i < s->work_count || i < count;) {
        uint32_t old = i < s->work_count ? s->work[i] : 0, new = i < count ? now[i] : 0;

        if (old == new) {
            i++;
            continue;
        }
        if (old != 0 && new != 0 && image_of(s->m, old) < image_of(s->m, new))
            new = 0;
        else if (old != 0 && new != 0 && image_of(s->m, old) > image_of(s->m, new))
            old = 0;
        if (!note_change(s, i, old, new))
            return false;
        i += new != 0;
    }
    return true;
}

/* ---- what steps change ----------------------------------------------------------------------- */

static int by_chain(const void *a, const void *b)
{
    const struct mirror_copy *x = a, *y = b;

    return x->chain < y->chain ? -1 : x->chain > y->chain;
}

static int count_chain(const struct steps *s, uint32_t chain, int64_t sign, struct err *err)
{
    const struct mirror_copy key = {.chain = chain}, *copy = NULL;
    int64_t *count = tally_change(s->t, MIRROR_CHAIN_COUNTS, chain, err);

    if (count == NULL)
        return -1;
    if (s->store->copy_count > 0)
        copy = bsearch(&key, s->store->copies, s->store->copy_count, sizeof(key), by_chain);
    if (copy != NULL && copy->missing) {
        count[CHAIN_MISSING] += sign;
        return 0;
    }
    count[CHAIN_COPIES] += sign;
    if (copy != NULL) {
        count[CHAIN_MEASURED] += sign;
        tally_add(&count[CHAIN_BYTES], sign, copy->allocated_bytes);
    }
    return 0;
}

static int apply(const struct steps *s, const struct step *step, struct err *err)
{
    const struct mirror_listing *l = mirror_listing(s->m, step->listing);
    const struct mirror_image *image = mirror_image(s->m, l->image);
    int64_t *count = tally_change(s->t, MIRROR_LISTING_COUNTS, step->listing, err);

    if (count == NULL)
        return -1;
    count[LISTING_STORES] += step->sign;
    for (uint32_t i = step->held; l->unpacked && i < image->chain_count; i++)
        if (count_chain(s, image->chains[i], step->sign, err) != 0)
            return -1;
    return 0;
}

/* Whether this is the only store of its host, and nothing but images says what lies in it. */
static bool stands_alone(const struct mirror *m, const struct mirror_store *store)
{
    return mirror_host(m, store->host)->store_count == 1 && store->exception_count == 0;
}

int tally_step(struct tally *t, struct mirror *m, int64_t store_id, const uint32_t *now,
               uint32_t count, struct err *err)
{
    struct steps s = {.t = t, .m = m, .store = mirror_store(m, store_id)};
    AUTO_FREE uint32_t *work =
        reallocarray(NULL, (size_t)s.store->listing_count + STEPS_MAX, sizeof(*work));

    if (work == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the counters");
    if (tally_is_out(t, s.store->host) || !mirror_host(m, s.store->host)->counted)
        return 0;
    s.work = work;
    s.work_count = s.store->listing_count;
    if (s.work_count > 0)
        memcpy(work, s.store->listings, s.work_count * sizeof(*work));
    if (!stands_alone(m, s.store) || !note_changes(&s, now, count))
        return tally_take(t, m, s.store->host, err);
    if (tally_prepare(t, m, err) != 0)
        return -1;
    for (size_t i = 0; i < s.count; i++)
        if (apply(&s, &s.list[i], err) != 0)
            return -1;
    return 0;
}
