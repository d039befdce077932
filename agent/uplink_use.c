/* uplink_use: what is told beside the inventory, when it has changed: use, and origins. */
#include <stdlib.h>

#include "agent/uplink_private.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define NS_PER_MS 1000000u

/* Ages count from the reading; they are told as they are now. */
static void send_use(struct uplink *u, const struct inventory_reading *reading)
{
    const struct rec_use *use = &reading->reading->use;
    int64_t age = report_age_ms(reading->observed_ns);
    AUTO_FREE struct rec_container *list = calloc(use->container_count + 1, sizeof(*list));
    struct wire_agent_msg m = {.kind = WIRE_USE, .use = *use};
    struct err err = {0};

    if (list == NULL) {
        err_set(&err, ERR_NO_MEMORY, "no memory for a report of use");
        uplink_fail(u, &err);
        return;
    }
    for (size_t i = 0; i < use->container_count; i++) {
        list[i] = use->containers[i];
        if (list[i].since_age_ms >= 0)
            list[i].since_age_ms += age;
    }
    m.use.key = reading->reading->content.store.key;
    m.use.age_ms = age;
    m.use.containers = list;
    uplink_transmit(u, &m);
}

/* The reading that this stream was last told of for the store, or NULL. */
static const struct engine_reading *told_before(const struct uplink_report *r,
                                                const struct inventory_store *s)
{
    const struct inventory_store *before = inventory_find(r->used, &s->store.key);

    return before != NULL && before->shared != NULL && !before->shared->remembered
               ? before->shared->reading
               : NULL;
}

static void send_origins(struct uplink *u, const struct inventory_store *s)
{
    struct uplink_report *r = &u->report;
    const struct rec_origins *origins = &s->shared->reading->origins;
    struct wire_agent_msg m = {.kind = WIRE_ORIGINS};

    inventory_next_origins(origins, &r->origin, UPLINK_DIFFERENCE_BYTES, &m.origins);
    m.origins.key = s->store.key;
    r->origins_told = r->origin == origins->origin_count;
    uplink_transmit(u, &m);
}

/* Starts telling the acknowledged inventory's use, unless it is known or was told just now. */
static bool begin_use(struct uplink *u)
{
    struct uplink_report *r = &u->report;
    uint64_t now = clock_mono_ns();

    if (!r->synced || r->acked == NULL || r->acked == r->used)
        return false;
    if (now < r->next_use_ns) {
        if (!uv_is_active((uv_handle_t *)&u->use_timer))
            uv_timer_start(&u->use_timer, uplink_on_use_timer,
                           (r->next_use_ns - now) / NS_PER_MS + 1, 0);
        return false;
    }
    inventory_unref(&r->using);
    r->using = inventory_ref(r->acked);
    r->use_store = r->origin = 0;
    r->use_told = r->origins_told = false;
    r->next_use_ns = now + (uint64_t)u->options.use_ms * NS_PER_MS;
    return true;
}

/* Tells the next of what is news of the store: its use, then its origins part by part; false where
 * nothing is left. */
static bool tell_store(struct uplink *u, const struct inventory_store *s)
{
    struct uplink_report *r = &u->report;
    const struct engine_reading *before = told_before(r, s), *now = s->shared->reading;

    if (!r->use_told) {
        r->use_told = true;
        if (before == NULL || !inventory_use_eq(&before->use, &now->use)) {
            send_use(u, s->shared);
            return true;
        }
    }
    if (!r->takes_origins || r->origins_told)
        return false;
    if (r->origin == 0 && before != NULL && inventory_origins_eq(&before->origins, &now->origins))
        return false;
    send_origins(u, s);
    return true;
}

static void next_use_store(struct uplink_report *r)
{
    r->use_store++;
    r->origin = 0;
    r->use_told = r->origins_told = false;
}

bool report_next_use(struct uplink *u)
{
    struct uplink_report *r = &u->report;

    if (r->using == NULL && !begin_use(u))
        return false;
    for (; r->use_store < r->using->store_count; next_use_store(r)) {
        const struct inventory_store *s = &r->using->stores[r->use_store];

        if (s->shared != NULL && !s->shared->remembered && tell_store(u, s))
            return true;
    }
    inventory_unref(&r->used);
    r->used = steal(&r->using);
    return true;
}
