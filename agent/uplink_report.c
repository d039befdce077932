#include <string.h>

#include "agent/uplink_private.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

#define NS_PER_MS 1000000u
#define DIFFERENCE_ARENA_MAX ((size_t)256 << 20) /* every image of every store changed */

/* ---- what is known --------------------------------------------------------------------------- */

static void replace(struct inventory **slot, struct inventory *inv)
{
    struct inventory *old = *slot;

    *slot = inventory_ref(inv);
    inventory_unref(&old);
}

/* `flight` stays: the collector may have made it durable although its acknowledgement got lost. */
void report_reset(struct uplink_report *r)
{
    r->step = REPORT_NONE;
    r->greeted = r->synced = r->refused = r->takes_origins = false;
    wire_collector_msg_close(&r->welcome);
    inventory_unref(&r->used);
    inventory_unref(&r->using);
}

void report_free(struct uplink_report *r)
{
    report_reset(r);
    inventory_unref(&r->current);
    inventory_unref(&r->acked);
    inventory_unref(&r->flight);
}

void report_set_current(struct uplink_report *r, struct inventory *inv)
{
    replace(&r->current, inv);
    r->refused = false;
}

void report_welcome(struct uplink_report *r, struct wire_collector_msg **m)
{
    r->welcome = steal(m);
}

static void accept_flight(struct uplink_report *r)
{
    replace(&r->acked, r->flight);
    r->acked_generation = r->flight_generation;
    inventory_unref(&r->flight);
    r->step = REPORT_NONE;
}

bool report_acknowledged(struct uplink_report *r, uint64_t generation)
{
    if (r->step != REPORT_SENT || generation != r->flight_generation)
        return false;
    accept_flight(r);
    return true;
}

void report_resync(struct uplink_report *r)
{
    r->step = REPORT_NONE;
    r->refused = false;
    r->acked_generation = 0;
    inventory_unref(&r->acked);
    inventory_unref(&r->flight);
}

/* Sent again the same way it would be rejected again: the next one goes whole, when it is news. */
void report_rejected(struct uplink_report *r, uint64_t generation)
{
    if (r->flight == NULL || generation != r->flight_generation)
        return;
    report_resync(r);
    r->refused = true;
}

/* ---- common ground --------------------------------------------------------------------------- */

static bool holds(const struct rec_welcome *w, const struct inventory *inv)
{
    if (w->generation == 0 || inv == NULL || w->sum_count != inv->store_count)
        return false;
    for (size_t i = 0; i < w->sum_count; i++) {
        const struct inventory_store *s = inventory_find(inv, &w->sums[i].key);

        if (s == NULL || !setsum_eq(&s->sum, &w->sums[i].sum))
            return false;
    }
    return true;
}

static uint64_t next_generation(struct uplink_report *r)
{
    return ++r->last_generation;
}

int64_t report_age_ms(uint64_t since_ns)
{
    return (int64_t)((clock_mono_ns() - since_ns) / NS_PER_MS);
}

/* The content is the same; what it holds of the attributes (states, versions) is not known after
 * a restart of this agent: say them, and change nothing. */
static void send_attributes(struct uplink *u, uint64_t base)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct uplink_report *r = &u->report;
    struct wire_agent_msg m = {.kind = WIRE_DIFFERENCE};
    struct err err = {0};

    if (arena_open(&arena, DIFFERENCE_ARENA_MAX, &err) != 0 ||
        inventory_attributes(r->current, arena, &m.difference, &err) != 0) {
        uplink_fail(u, &err);
        return;
    }
    replace(&r->flight, r->current);
    r->flight_generation = next_generation(r);
    m.difference.base = base;
    m.difference.generation = r->flight_generation;
    m.difference.age_ms = report_age_ms(r->flight->observed_ns);
    r->step = REPORT_SENT;
    uplink_transmit(u, &m);
}

static bool can(const struct rec_welcome *w, uint32_t capability)
{
    for (size_t i = 0; i < w->capability_count; i++)
        if (w->capabilities[i] == capability)
            return true;
    return false;
}

/* Acts upon the welcome: finds what both sides agree on. */
static void greet(struct uplink *u)
{
    AUTO(wire_collector_msg_close) struct wire_collector_msg *m = steal(&u->report.welcome);
    struct uplink_report *r = &u->report;
    const struct rec_welcome *w = &m->welcome;

    r->greeted = true;
    r->takes_origins = can(w, REC_CAP_ORIGINS);
    if (w->generation > r->last_generation)
        r->last_generation = w->generation;
    if (r->flight != NULL && w->generation == r->flight_generation && holds(w, r->flight))
        accept_flight(r);
    inventory_unref(&r->flight);
    if (r->acked != NULL && w->generation == r->acked_generation && holds(w, r->acked)) {
        uplink_synced(u);
        return;
    }
    inventory_unref(&r->acked);
    if (!holds(w, r->current))
        return; /* without common ground the next report goes whole */
    r->acked_generation = w->generation;
    send_attributes(u, w->generation);
}

/* ---- differences ----------------------------------------------------------------------------- */

static void begin_whole(struct uplink *u)
{
    struct uplink_report *r = &u->report;
    AUTO(inventory_unref) struct inventory *inv = NULL;
    struct err err = {0};

    if (inventory_softened(r->current, &inv, &err) != 0) {
        uplink_fail(u, &err);
        return;
    }
    replace(&r->flight, inv);
    r->flight_generation = next_generation(r);
    r->store = 0;
    r->at = (struct inventory_cursor){0};
    r->step = REPORT_BEGIN;
}

/* Encodes the difference into u->out: 1 there is one, 0 there is none, -1 it must go whole. */
static int encode_difference(struct uplink *u, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct uplink_report *r = &u->report;
    struct wire_agent_msg m = {.kind = WIRE_DIFFERENCE};
    bool differs;

    if (arena_open(&arena, DIFFERENCE_ARENA_MAX, err) != 0 ||
        inventory_difference(r->acked, r->current, arena, &m.difference, &differs, err) != 0)
        return -1;
    if (!differs)
        return 0;
    m.difference.base = r->acked_generation;
    m.difference.generation = r->last_generation + 1;
    m.difference.age_ms = report_age_ms(r->current->observed_ns);
    if (uplink_encode(u, &m, err) != 0)
        return -1;
    return u->out.len <= UPLINK_DIFFERENCE_BYTES ? 1 : -1;
}

/* What changed since the acknowledged inventory; false where nothing did. */
static bool begin_report(struct uplink *u)
{
    struct uplink_report *r = &u->report;
    struct err err = {0};
    int encoded;

    if (r->current == NULL || r->current == r->acked || r->refused)
        return false;
    encoded = r->acked != NULL ? encode_difference(u, &err) : -1;
    if (encoded < 0) {
        begin_whole(u);
        return true;
    }
    if (encoded == 0) {
        replace(&r->acked, r->current);
        return false;
    }
    replace(&r->flight, r->current);
    r->flight_generation = next_generation(r);
    r->step = REPORT_SENT;
    uplink_flush(u);
    return true;
}

/* ---- whole inventories ----------------------------------------------------------------------- */

static void send_begin(struct uplink *u)
{
    struct uplink_report *r = &u->report;
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_BEGIN};

    m.begin.generation = r->flight_generation;
    m.begin.store_count = (uint32_t)r->flight->store_count;
    m.begin.age_ms = report_age_ms(r->flight->observed_ns);
    r->step = r->flight->store_count > 0 ? REPORT_PARTS : REPORT_END;
    uplink_transmit(u, &m);
}

static void send_part(struct uplink *u)
{
    struct uplink_report *r = &u->report;
    const struct inventory_store *s = &r->flight->stores[r->store];
    const struct rec_content *content = inventory_content(s);
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_PART};

    m.part.store = s->store;
    if (content == NULL || !inventory_next_part(content, &r->at, UPLINK_PART_BYTES, &m.part)) {
        r->store++;
        r->at = (struct inventory_cursor){0};
        if (r->store == r->flight->store_count)
            r->step = REPORT_END;
    }
    uplink_transmit(u, &m);
}

static void send_end(struct uplink *u)
{
    struct uplink_report *r = &u->report;
    struct rec_store_sum sums[REC_STORES_MAX];
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_END};

    for (size_t i = 0; i < r->flight->store_count; i++)
        sums[i] = (struct rec_store_sum){r->flight->stores[i].store.key, r->flight->stores[i].sum};
    m.end = (struct rec_inventory_end){r->flight_generation, sums, r->flight->store_count};
    r->step = REPORT_SENT;
    uplink_transmit(u, &m);
}

bool report_next(struct uplink *u)
{
    struct uplink_report *r = &u->report;

    if (!r->greeted && (r->welcome == NULL || r->current == NULL))
        return false;
    if (!r->greeted) {
        greet(u);
        return true;
    }
    switch (r->step) {
    case REPORT_NONE:
        return begin_report(u);
    case REPORT_BEGIN:
        send_begin(u);
        return true;
    case REPORT_PARTS:
        send_part(u);
        return true;
    case REPORT_END:
        send_end(u);
        return true;
    case REPORT_SENT:
        break;
    }
    return false;
}
