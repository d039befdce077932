#include "collector/server/sessions.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/server/session_private.h"
#include "common/check.h"
#include "common/clock.h"

enum {
    GATE_WINDOW_MS = 10000,
    GATE_PASSES = 50,         /* in one window */
    REFRESHES_EACH_TICK = 64, /* jobs that look for missing content */
    LIVES_FIRST = 64,
    COUNT_EACH_MS = 1000,
};

int sessions_open(struct sessions *set, uv_loop_t *loop, struct writer *writer,
                  const struct options *options, struct err *err)
{
    struct wants_limits limits;

    *set = (struct sessions){.options = options, .writer = writer, .loop = loop};
    list_init(&set->nameless);
    list_init(&set->heard);
    list_init(&set->stale);
    list_init(&set->blocked);
    wants_limits_default(&limits);
    limits.lease_ms[WANTS_DOCUMENTS] = (uint64_t)options->lease_ms;
    limits.lease_ms[WANTS_LAYERS] = (uint64_t)options->measure_lease_ms;
    return wants_open(&set->wants, &limits, err);
}

void sessions_close(struct sessions *set)
{
    if (set->wants == NULL)
        return;
    check(set->count == 0);
    wants_close(&set->wants);
    free(set->lives.items);
    set->lives.items = NULL;
}

size_t sessions_count(const struct sessions *set)
{
    return set->count;
}

uint64_t sessions_hosts(const struct sessions *set)
{
    return set->hosts;
}

uint64_t sessions_now(const struct sessions *set)
{
    return uv_now(set->loop);
}

/* ---- memory, logs, events -------------------------------------------------------------------- */

int sessions_hold(struct sessions *set, size_t bytes, struct err *err)
{
    if (bytes > (size_t)set->options->memory_max - set->memory)
        return err_set(err, ERR_LIMIT, "the collector holds %zu bytes of unfinished reports: later",
                       set->memory);
    set->memory += bytes;
    return 0;
}

void sessions_release(struct sessions *set, size_t bytes)
{
    check(bytes <= set->memory);
    set->memory -= bytes;
}

bool gate_pass(struct gate *g, uint64_t now_ms)
{
    if (now_ms - g->window_ms >= GATE_WINDOW_MS) {
        g->window_ms = now_ms;
        g->passed = 0;
    }
    if (g->passed == GATE_PASSES) {
        g->held_back++;
        return false;
    }
    g->passed++;
    return true;
}

void session_warn(struct session *s, const char *event, const char *key, const char *value,
                  const char *text)
{
    struct gate *g = &s->set->log_gate;
    char held_back[24];

    if (!gate_pass(g, sessions_now(s->set)))
        return;
    snprintf(held_back, sizeof(held_back), "%" PRIu64, g->held_back);
    g->held_back = 0;
    log_event(LOG_WARN, event, "host", s->name, "address",
              s->call != NULL ? grpc_call_peer(s->call) : "", key, value, "text", text, "held-back",
              held_back, NULL);
}

static void on_unanswered_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;

    if (err != NULL && gate_pass(&set->log_gate, sessions_now(set)))
        log_error(LOG_ERROR, "not-recorded", err, NULL);
    session_after_job(set, NULL);
}

static void on_hosts_counted(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;

    if (err == NULL)
        set->hosts = i->hosts;
    on_unanswered_done(i, err);
}

/* For what can be lost when the writer is busy: the log has it. */
static void submit_unanswered(struct sessions *set, struct ingest *i,
                              void (*done)(struct ingest *i, const struct err *err))
{
    struct err err;

    i->done = done;
    i->arg = set;
    if (writer_submit(set->writer, &i->job, &err) == 0)
        return;
    if (gate_pass(&set->log_gate, sessions_now(set)))
        log_error(LOG_WARN, "not-recorded", &err, NULL);
    ingest_close(&i);
}

void sessions_event(struct sessions *set, int64_t incarnation_id, const char *kind,
                    const char *subject, const char *text)
{
    struct ingest *i;
    struct err err;

    if (!gate_pass(&set->event_gate, sessions_now(set)))
        return;
    if (ingest_event(&i, incarnation_id, kind, subject, text, &err) == 0)
        submit_unanswered(set, i, on_unanswered_done);
}

/* ---- signs of life --------------------------------------------------------------------------- */

/* Keeps the order of `heard`, so that time and signs of life concern only its two ends. */
void sessions_heard(struct sessions *set, struct session *s)
{
    s->heard_ms = sessions_now(set);
    s->life_is_new = true;
    list_remove(&s->node);
    list_push(&set->heard, &s->node);
}

static struct apply_life *one_more_life(struct sessions *set)
{
    size_t room = set->lives.room == 0 ? LIVES_FIRST : set->lives.room * 2;
    struct apply_life *items;

    if (set->lives.count == set->lives.room) {
        items = reallocarray(set->lives.items, room, sizeof(*items));
        if (items == NULL)
            return NULL;
        set->lives.items = items;
        set->lives.room = room;
    }
    return &set->lives.items[set->lives.count++];
}

void sessions_keep_life(struct sessions *set, struct session *s)
{
    uint64_t ago_ms = sessions_now(set) - s->heard_ms;
    struct apply_life *life;

    if (!s->life_is_new || s->incarnation_id == 0)
        return;
    life = one_more_life(set);
    if (life == NULL)
        return;
    *life = s->life;
    life->incarnation_id = s->incarnation_id;
    life->seen_s = (clock_wall_ms() - (int64_t)ago_ms) / 1000;
    s->life = (struct apply_life){0};
    s->life_is_new = false;
}

void sessions_flush_lives(struct sessions *set)
{
    struct ingest *i;
    struct err err;

    for (struct list *it = set->heard.prev; it != &set->heard; it = it->prev) {
        struct session *s = list_entry(it, struct session, node);

        if (s->heard_ms < set->lives.flushed_ms)
            break;
        sessions_keep_life(set, s);
    }
    set->lives.flushed_ms = sessions_now(set);
    if (set->lives.count == 0)
        return;
    if (ingest_lives(&i, &set->lives.items, set->lives.count, &err) != 0)
        return;
    set->lives.count = set->lives.room = 0;
    submit_unanswered(set, i, on_unanswered_done);
}

/* ---- identities and names -------------------------------------------------------------------- */

static int compare_incarnations(const void *a, const void *b)
{
    const struct session *x = a, *y = b;

    return memcmp(x->incarnation.bytes, y->incarnation.bytes, sizeof(x->incarnation.bytes));
}

static int compare_names(const void *a, const void *b)
{
    const struct session *x = a, *y = b;

    return strcmp(x->name, y->name);
}

struct session *sessions_by_incarnation(const struct sessions *set, const struct rec_id *id)
{
    struct session key = {.incarnation = *id};
    struct session *const *found = tfind(&key, &set->by_incarnation, compare_incarnations);

    return found != NULL ? *found : NULL;
}

/* The first session of a name stands in the tree; its namesakes are in a ring with it. */
static int register_name(struct sessions *set, struct session *s, struct err *err)
{
    struct session **found = tsearch(s, &set->by_name, compare_names);

    if (found == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    if (*found != s)
        list_push(&(*found)->namesakes, &s->namesakes);
    s->by_name = true;
    return 0;
}

static void unregister_name(struct sessions *set, struct session *s)
{
    struct session **found = tfind(s, &set->by_name, compare_names);

    check(found != NULL);
    if (*found != s)
        list_remove(&s->namesakes);
    else if (list_empty(&s->namesakes))
        tdelete(s, &set->by_name, compare_names);
    else {
        *found = list_entry(s->namesakes.next, struct session, namesakes);
        list_remove(&s->namesakes);
    }
    s->by_name = false;
}

int sessions_register(struct sessions *set, struct session *s, struct err *err)
{
    struct session **found;

    if (register_name(set, s, err) != 0)
        return -1;
    found = tsearch(s, &set->by_incarnation, compare_incarnations);
    if (found == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    s->by_incarnation = *found == s;
    return 0;
}

void sessions_unregister(struct sessions *set, struct session *s)
{
    if (s->by_name)
        unregister_name(set, s);
    if (s->by_incarnation)
        tdelete(s, &set->by_incarnation, compare_incarnations);
    s->by_incarnation = false;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

size_t sessions_live(const struct session *s, int64_t *out, size_t max)
{
    size_t count = 0;

    list_each (it, &s->namesakes) {
        const struct session *other = list_entry(it, struct session, namesakes);

        if (other->incarnation_id != 0 && count < max)
            out[count++] = other->incarnation_id;
    }
    qsort(out, count, sizeof(*out), compare_numbers);
    return count;
}

/* ---- asking and time ------------------------------------------------------------------------- */

void sessions_pump(struct sessions *set)
{
    struct wants_session *next;

    while ((next = wants_next(set->wants)) != NULL)
        session_ask(list_entry(next, struct session, wants));
}

/* Ends the streams at the front of a list that are silent for so long. A stream that is not read
 * for want of room is not blamed for its silence. */
static void end_silent(struct list *sessions, uint64_t now_ms, uint64_t silence_ms, const char *why)
{
    list_each (it, sessions) {
        struct session *s = list_entry(it, struct session, node);

        if (now_ms - s->heard_ms < silence_ms)
            return;
        if (s->state != SESSION_ENDING && !s->paused && s->job_count == 0)
            session_end(s, GRPC_DEADLINE_EXCEEDED, why);
    }
}

static void refresh_stale(struct sessions *set)
{
    size_t left = REFRESHES_EACH_TICK;

    list_each_safe (it, next, &set->stale) {
        if (left > 0 && session_refresh(list_entry(it, struct session, stale)))
            left--;
    }
}

void sessions_tick(struct sessions *set)
{
    uint64_t now = sessions_now(set);
    size_t expired = wants_expire(set->wants, now);
    char count[24];

    snprintf(count, sizeof(count), "%zu", expired);
    if (expired > 0)
        log_event(LOG_INFO, "lease-expired", "count", count, NULL);
    end_silent(&set->nameless, now, SESSION_HELLO_MS, "no hello came");
    end_silent(&set->heard, now, (uint64_t)set->options->silence_ms, "no heartbeat came");
    if (wants_is_starved(set->wants))
        list_each (it, &set->heard) {
            session_refresh_anew(list_entry(it, struct session, node));
        }
    refresh_stale(set);
    sessions_pump(set);
}

void sessions_keep_house(struct sessions *set)
{
    struct ingest *i;
    struct err err;

    if (ingest_housekeeping(&i, set->options->ephemeral_after_ms / 1000,
                            set->options->retire_after_ms / 1000, &err) == 0)
        submit_unanswered(set, i, on_unanswered_done);
}

void sessions_count_hosts(struct sessions *set)
{
    uint64_t now = sessions_now(set);
    struct ingest *i;
    struct err err;

    if (set->hosts_ms != 0 && now - set->hosts_ms < COUNT_EACH_MS)
        return;
    set->hosts_ms = now;
    if (ingest_host_count(&i, &err) == 0)
        submit_unanswered(set, i, on_hosts_counted);
}
