#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/fleet/fleet.h"
#include "tests/fleet/greeting.h"

#define RETRY_LEAST_MS 100
#define RETRY_MOST_MS 2000

/* In the order they happen. */
static void on_ready(struct grpc_client *client, void *arg);
static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg);
static void on_writable(struct grpc_call *call, void *arg);
static void on_call_closed(struct grpc_call *call, int status, const char *message, void *arg);
static void on_down(struct grpc_client *client, const struct err *err, void *arg);
static void on_client_closed(void *arg);
static void on_retry(uv_timer_t *timer);

struct letter {
    struct list node;
    size_t len;
    uint8_t bytes[];
};

/* ---- life ---------------------------------------------------------------------------------- */

int speaker_init(struct speaker *s, struct fleet *fleet, uint32_t number, struct err *err)
{
    const struct fleet_options *o = fleet->options;

    *s = (struct speaker){.fleet = fleet, .number = number, .changes_left = (uint32_t)o->changes};
    list_init(&s->outbox);
    snprintf(s->name, sizeof(s->name), "host-%06u.%s", number, o->cluster);
    if (fleet->script != NULL) {
        s->script = &fleet->script->hosts[number];
        s->changes_left = (uint32_t)s->script->event_count;
        snprintf(s->name, sizeof(s->name), "%s", s->script->name);
    }
    backoff_init(&s->backoff, RETRY_LEAST_MS, RETRY_MOST_MS, (uint64_t)o->seed + number);
    check(uv_timer_init(fleet->loop, &s->timer) == 0);
    s->timer.data = s;
    if (s->script != NULL)
        return holding_init_script(&s->holding, fleet->catalogue, number, s->script, err);
    return holding_init(&s->holding, fleet->catalogue, number, (size_t)o->per_host,
                        number < o->extra, (uint64_t)o->seed, err);
}

static void empty_outbox(struct speaker *s)
{
    struct list *node;

    while ((node = list_pop(&s->outbox)) != NULL)
        free(list_entry(node, struct letter, node));
}

void speaker_close(struct speaker *s)
{
    empty_outbox(s);
    tls_ticket_close(&s->ticket);
    holding_close(&s->holding);
}

static void note_event(struct speaker *s)
{
    s->fleet->last_event_ns = uv_hrtime();
}

static void end_connection(struct speaker *s)
{
    empty_outbox(s);
    s->fleet->held -= s->held;
    s->held = false;
    s->call = NULL;
    if (s->client == NULL || s->client_closing)
        return;
    s->client_closing = true;
    uv_timer_stop(&s->timer);
    grpc_client_close(s->client, on_client_closed, s);
}

void speaker_die(struct speaker *s)
{
    s->state = SPEAKER_GONE;
    end_connection(s);
}

void speaker_stop(struct speaker *s)
{
    end_connection(s);
    if (!uv_is_closing((uv_handle_t *)&s->timer))
        uv_close((uv_handle_t *)&s->timer, NULL);
}

/* A conversation that failed is tried again; every end but one that we wanted is told. */
void speaker_fail(struct speaker *s, const char *why)
{
    if (s->state == SPEAKER_GONE || s->client_closing)
        return;
    snprintf(s->fleet->stats.last_end, sizeof(s->fleet->stats.last_end), "%s: %s", s->name, why);
    note_event(s);
    s->state = SPEAKER_WAITING;
    end_connection(s);
}

static void on_client_closed(void *arg)
{
    struct speaker *s = arg;

    s->client = NULL;
    s->client_closing = false;
    if (s->state == SPEAKER_WAITING && !s->fleet->stopping)
        uv_timer_start(&s->timer, on_retry, backoff_next(&s->backoff), 0);
}

static void on_retry(uv_timer_t *timer)
{
    speaker_start(timer->data);
}

/* ---- sending ------------------------------------------------------------------------------- */

static int keep_for_later(struct speaker *s, const struct buf *bytes, struct err *err)
{
    struct letter *l = malloc(sizeof(*l) + bytes->len);

    if (l == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a message");
    l->len = bytes->len;
    memcpy(l->bytes, bytes->data, bytes->len);
    list_push(&s->outbox, &l->node);
    return 0;
}

int speaker_send(struct speaker *s, const struct wire_agent_msg *m, struct err *err)
{
    AUTO(buf_close) struct buf bytes;
    struct err busy = {.kind = ERR_NONE};

    buf_init(&bytes, REC_MESSAGE_BYTES);
    if (s->call == NULL)
        return err_set(err, ERR_UNAVAILABLE, "the stream is closed");
    if (wire_agent_encode(m, &bytes, err) != 0)
        return -1;
    s->fleet->stats.sent_messages++;
    s->fleet->stats.sent_bytes += bytes.len;
    if (s->held || !list_empty(&s->outbox))
        return keep_for_later(s, &bytes, err);
    if (grpc_call_send(s->call, bytes.data, bytes.len, &busy) == 0)
        return 0;
    if (busy.kind == ERR_BUSY)
        return keep_for_later(s, &bytes, err);
    *err = busy;
    return -1;
}

static void on_writable(struct grpc_call *call, void *arg)
{
    struct speaker *s = arg;

    while (!s->held && s->call == call && !list_empty(&s->outbox)) {
        struct letter *l = list_entry(s->outbox.next, struct letter, node);

        if (grpc_call_send(call, l->bytes, l->len, NULL) != 0)
            return;
        list_remove(&l->node);
        free(l);
    }
}

static int send_hello(struct speaker *s, struct err *err)
{
    struct wire_agent_msg m = {.kind = WIRE_HELLO};

    m.hello = greeting(s->name, s->fleet->options->cluster,
                       s->script != NULL ? s->script->arch : "amd64");
    m.hello.clock_ms = clock_wall_ms();
    m.hello.generation = s->acknowledged;
    return speaker_send(s, &m, err);
}

/* ---- what the collector says --------------------------------------------------------------- */

static bool sums_are_ours(struct speaker *s, const struct rec_welcome *w)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct rec_content content;
    struct setsum sum;

    if (w->sum_count != 1 || !rec_key_eq(&w->sums[0].key, &s->holding.key) ||
        arena_open(&arena, SPEAKER_MEMORY, NULL) != 0 ||
        holding_content(&s->holding, arena, &content, NULL) != 0)
        return false;
    sum = rec_content_sum(&content);
    return setsum_eq(&sum, &w->sums[0].sum);
}

/* The last one to have its report together lets all of them go. */
static int hold_report(struct speaker *s, uint64_t generation, struct err *err)
{
    struct fleet *f = s->fleet;

    s->held = true;
    if (reporting_inventory(s, generation, err) != 0)
        return -1;
    if (++f->held < f->count)
        return 0;
    f->begun_ns = uv_hrtime();
    for (size_t i = 0; i < f->count; i++) {
        f->speakers[i].held = false;
        on_writable(f->speakers[i].call, &f->speakers[i]);
    }
    return 0;
}

static int on_welcome(struct speaker *s, const struct rec_welcome *w, struct err *err)
{
    uint64_t last = w->generation > s->generation ? w->generation : s->generation;

    s->fleet->stats.welcomes++;
    s->heartbeat_ms = w->heartbeat_ms;
    if (s->fleet->options->hello_only_rate > 0) {
        speaker_die(s);
        return 0;
    }
    if (s->fleet->options->together && s->fleet->held < s->fleet->count)
        return hold_report(s, last + 1, err);
    if (w->generation == 0 || !sums_are_ours(s, w))
        return reporting_inventory(s, last + 1, err);
    s->generation = w->generation;
    return reporting_go_on(s, err);
}

static int on_acknowledged(struct speaker *s, uint64_t generation, struct err *err)
{
    s->fleet->stats.acknowledgements++;
    s->fleet->acknowledged_ns = uv_hrtime();
    if (generation > s->generation)
        return err_set(err, ERR_PROTOCOL, "acknowledged %lu, but the last one was %lu",
                       (unsigned long)generation, (unsigned long)s->generation);
    if (generation < s->generation || s->state != SPEAKER_REPORTING)
        return 0;
    return reporting_go_on(s, err);
}

static void on_rejected(struct speaker *s, const struct rec_rejection *r)
{
    struct fleet_stats *stats = &s->fleet->stats;

    stats->rejections[r->code]++;
    snprintf(stats->last_rejection, sizeof(stats->last_rejection), "%s: %s: %s", s->name,
             r->subject, r->text);
}

static int dispatch(struct speaker *s, const struct wire_collector_msg *m, struct err *err)
{
    s->fleet->stats.received_messages++;
    s->fleet->stats.unknown += m->unknown;
    switch (m->kind) {
    case WIRE_WELCOME:
        return on_welcome(s, &m->welcome, err);
    case WIRE_ACKNOWLEDGEMENT:
        return on_acknowledged(s, m->acknowledged, err);
    case WIRE_WANT:
        return answer_want(s, m, err);
    case WIRE_MEASURE:
        return answer_measure(s, m, err);
    case WIRE_RESYNC:
        s->fleet->stats.resyncs++;
        return reporting_inventory(s, s->generation + 1, err);
    case WIRE_REJECTION:
        on_rejected(s, &m->rejection);
        return 0;
    case WIRE_COLLECTOR_UNKNOWN:
        return 0;
    }
    return 0;
}

/* ---- connection ---------------------------------------------------------------------------- */

void speaker_start(struct speaker *s)
{
    static const struct grpc_client_events events = {.on_ready = on_ready, .on_down = on_down};
    struct fleet *f = s->fleet;
    struct tls_context *tls = f->tls_count > 0 ? f->tls[s->number % f->tls_count] : NULL;
    struct err err;

    s->state = SPEAKER_CONNECTING;
    f->stats.connections++;
    if (grpc_client_open(&s->client, f->loop, &f->limits, &f->address, tls, f->options->server_name,
                         &events, s, &err) == 0) {
        if (f->options->rejoin > 0) /* who comes back often resumes its session, as an agent does */
            grpc_client_use_ticket(s->client, &s->ticket);
        return;
    }
    s->client = NULL;
    s->state = SPEAKER_WAITING;
    snprintf(f->stats.last_end, sizeof(f->stats.last_end), "%s: %s", s->name, err.text);
    uv_timer_start(&s->timer, on_retry, backoff_next(&s->backoff), 0);
}

static void on_ready(struct grpc_client *client, void *arg)
{
    static const struct grpc_handler handler = {
        .on_message = on_message, .on_writable = on_writable, .on_closed = on_call_closed};
    struct speaker *s = arg;
    struct err err;

    s->state = SPEAKER_GREETING;
    s->call = grpc_client_call(client, WIRE_PATH_REPORT, &handler, s, &err);
    if (s->call == NULL || send_hello(s, &err) != 0)
        speaker_fail(s, err.text);
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct speaker *s = arg;
    AUTO(wire_collector_msg_close) struct wire_collector_msg *m = NULL;
    struct err err = {.kind = ERR_NONE};

    if (s->call != call)
        return;
    note_event(s);
    if (wire_collector_decode(&m, data, len, &err) != 0 || dispatch(s, m, &err) != 0)
        speaker_fail(s, err.text);
}

static void on_call_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct speaker *s = arg;
    char why[ERR_TEXT_MAX];

    if (s->call != call)
        return;
    s->fleet->stats.ends++;
    snprintf(why, sizeof(why), "%s: %s", grpc_status_name(status), message);
    speaker_fail(s, why);
}

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    (void)client;
    speaker_fail(arg, err->text);
}
