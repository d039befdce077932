/* What a host reports by itself: its inventory, its changes when they are due, and heartbeats. */
#include "common/cleanup.h"
#include "tests/fleet/fleet.h"

#define PART_IMAGES 16 /* of an inventory; several parts are the usual case in a test, too */

static void on_heartbeat(uv_timer_t *timer);
static void on_day(uv_timer_t *timer);

static int send_parts(struct speaker *s, const struct rec_content *content, struct err *err)
{
    size_t at = 0;

    do {
        struct wire_agent_msg m = {.kind = WIRE_INVENTORY_PART, .part = *content};
        size_t left = content->image_count - at;

        m.part.images = content->images + at;
        m.part.image_count = left < PART_IMAGES ? left : PART_IMAGES;
        if (at > 0)
            m.part.exception_count = 0;
        if (speaker_send(s, &m, err) != 0)
            return -1;
        at += m.part.image_count;
    } while (at < content->image_count);
    return 0;
}

int reporting_inventory(struct speaker *s, uint64_t generation, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct rec_content content;
    struct rec_store_sum sum = {.key = s->holding.key};
    struct wire_agent_msg begin = {.kind = WIRE_INVENTORY_BEGIN, .begin = {generation, 1, 5}};
    struct wire_agent_msg end = {.kind = WIRE_INVENTORY_END, .end = {generation, &sum, 1}};

    if (arena_open(&arena, SPEAKER_MEMORY, err) != 0 ||
        holding_content(&s->holding, arena, &content, err) != 0)
        return -1;
    sum.sum = rec_content_sum(&content);
    s->generation = generation;
    s->state = SPEAKER_REPORTING;
    s->fleet->stats.inventories++;
    if (s->fleet->begun_ns == 0)
        s->fleet->begun_ns = uv_hrtime();
    if (speaker_send(s, &begin, err) != 0 || send_parts(s, &content, err) != 0)
        return -1;
    return speaker_send(s, &end, err);
}

static int make_change(struct speaker *s, struct arena *a, struct rec_store_change *out,
                       struct err *err)
{
    s->changes_left--;
    s->change_number++;
    if (s->script != NULL)
        return holding_play(&s->holding, a, &s->script->events[s->change_number - 1], out, err);
    return holding_change(&s->holding, a, s->change_number, out, err);
}

static int send_change(struct speaker *s, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct rec_store_change change;
    struct wire_agent_msg m = {.kind = WIRE_DIFFERENCE};

    if (arena_open(&arena, SPEAKER_MEMORY, err) != 0 || make_change(s, arena, &change, err) != 0)
        return -1;
    m.difference = (struct rec_difference){.base = s->generation,
                                           .generation = s->generation + 1,
                                           .age_ms = 1,
                                           .stores = &change,
                                           .store_count = 1};
    s->generation++;
    s->state = SPEAKER_REPORTING;
    s->fleet->stats.differences++;
    return speaker_send(s, &m, err);
}

/* When the next event of the script is due, in milliseconds from now. Hosts have their places in a
 * day, so that the load is even. */
static uint64_t ms_to_event(const struct speaker *s)
{
    const struct fleet *f = s->fleet;
    uint64_t day_ms = (uint64_t)f->options->day_ms, due_ms, now_ms;

    if (day_ms == 0 || s->script == NULL)
        return 0;
    due_ms = s->script->events[s->change_number].day * day_ms + s->number * day_ms / f->count;
    now_ms = (uv_hrtime() - f->begun_ns) / 1000000;
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

/* After every so many reports of its own a host leaves, and comes back. */
static bool leaves_for_now(struct speaker *s)
{
    uint64_t every = (uint64_t)s->fleet->options->rejoin;

    if (every == 0 || s->change_number == s->rejoined || s->change_number % every != 0)
        return false;
    s->rejoined = s->change_number;
    return true;
}

/* The next change, now or when its day comes. */
static int change_or_wait(struct speaker *s, struct err *err)
{
    uint64_t wait_ms = ms_to_event(s);

    if (wait_ms == 0)
        return send_change(s, err);
    s->state = SPEAKER_PAUSING;
    uv_timer_start(&s->timer, on_day, wait_ms < s->heartbeat_ms ? wait_ms : s->heartbeat_ms, 0);
    return 0;
}

/* What is durable needs nothing more; the next change, or all that comes unasked. */
int reporting_go_on(struct speaker *s, struct err *err)
{
    s->acknowledged = s->generation;
    backoff_reset(&s->backoff);
    if (s->dying || (s->changes_left == 0 && s->script != NULL && s->script->goes)) {
        speaker_die(s);
        return 0;
    }
    if (leaves_for_now(s))
        return err_set(err, ERR_CANCELED, "left, to come back");
    if (s->changes_left > 0)
        return change_or_wait(s, err);
    s->state = SPEAKER_SETTLED;
    uv_timer_start(&s->timer, on_heartbeat, s->heartbeat_ms, s->heartbeat_ms);
    return answer_unasked(s, err);
}

static int send_heartbeat(struct speaker *s, struct err *err)
{
    struct wire_agent_msg m = {.kind = WIRE_HEARTBEAT, .heartbeat = {s->acknowledged, 1}};

    s->fleet->stats.heartbeats++;
    return speaker_send(s, &m, err);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct speaker *s = timer->data;
    struct err err;

    if (s->state == SPEAKER_SETTLED && send_heartbeat(s, &err) != 0)
        speaker_fail(s, err.text);
}

static void on_day(uv_timer_t *timer)
{
    struct speaker *s = timer->data;
    struct err err;

    if (s->state != SPEAKER_PAUSING)
        return;
    if ((ms_to_event(s) > 0 && send_heartbeat(s, &err) != 0) || change_or_wait(s, &err) != 0)
        speaker_fail(s, err.text);
}
