#include "agent/uplink.h"

#include <stdlib.h>
#include <string.h>

#include "agent/uplink_private.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

#define NS_PER_MS 1000000u

/* A message that waits, encoded. */
struct parcel {
    struct list node;
    size_t len;
    uint8_t data[];
};

/*
 * The steps of an attempt, in the order they happen. Each callback recovers its uplink, asks
 * whether it still matters, and starts the next step.
 */
static void on_timer(uv_timer_t *timer);
static void on_ready(struct grpc_client *client, void *arg);
static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg);
static void on_writable(struct grpc_call *call, void *arg);

static void on_call_closed(struct grpc_call *call, int status, const char *message, void *arg);
static void on_down(struct grpc_client *client, const struct err *err, void *arg);
static void on_client_closed(void *arg);
static void on_handle_closed(uv_handle_t *handle);

/* ---- states ---------------------------------------------------------------------------------- */

#define TO(state) (1u << UPLINK_##state)

static const unsigned allowed[] = {
    [UPLINK_IDLE] = TO(CONNECTING) | TO(CLOSING),
    [UPLINK_CONNECTING] = TO(GREETING) | TO(FAILED) | TO(CLOSING) | TO(IDLE),
    [UPLINK_GREETING] = TO(UP) | TO(FAILED) | TO(CLOSING),
    [UPLINK_UP] = TO(FAILED) | TO(CLOSING),
    [UPLINK_FAILED] = TO(IDLE) | TO(CLOSING),
    [UPLINK_CLOSING] = 0,
};

static void move(struct uplink *u, enum uplink_state to)
{
    check((allowed[u->state] & (1u << to)) != 0);
    u->state = to;
}

enum uplink_state uplink_state(const struct uplink *u)
{
    return u->state;
}

static void set_timer(struct uplink *u, uint64_t first_ms, uint64_t repeat_ms)
{
    int rc = uv_timer_start(&u->timer, on_timer, first_ms, repeat_ms);

    check(rc == 0); /* fails only while closing, and then nothing moves any more */
}

/* ---- going down ------------------------------------------------------------------------------ */

/* The same reason again is no news. */
static void log_failure(struct uplink *u, const struct err *err)
{
    bool news = err->kind != u->last_failure.kind || strcmp(err->text, u->last_failure.text) != 0;
    const char *path = u->options.address.host;

    u->last_failure = *err;
    log_error(news ? LOG_WARN : LOG_DEBUG, "collector-lost", err, "collector", path, NULL);
}

static void drop_outbox(struct uplink *u)
{
    struct list *node;

    while ((node = list_pop(&u->outbox)) != NULL)
        free(list_entry(node, struct parcel, node));
    u->outbox_bytes = 0;
}

/* What was true on the stream that ended only. */
static void reset_stream(struct uplink *u)
{
    u->call = NULL;
    u->blocked = false;
    drop_outbox(u);
    report_reset(&u->report);
    documents_reset(&u->documents);
    uv_timer_stop(&u->use_timer);
}

static void wait_for_next(struct uplink *u)
{
    uint64_t ms = backoff_next(&u->backoff);

    if (u->patient && ms < (uint64_t)u->options.reconnect_max_ms)
        ms = (uint64_t)u->options.reconnect_max_ms;
    u->patient = false;
    move(u, UPLINK_IDLE);
    set_timer(u, ms, 0);
}

void uplink_fail(struct uplink *u, const struct err *err)
{
    if (u->state == UPLINK_FAILED || u->state == UPLINK_CLOSING)
        return;
    log_failure(u, err);
    move(u, UPLINK_FAILED);
    uv_timer_stop(&u->timer);
    reset_stream(u);
    grpc_client_close(steal(&u->client), on_client_closed, u);
}

static void on_client_closed(void *arg)
{
    struct uplink *u = arg;

    if (u->state == UPLINK_FAILED)
        wait_for_next(u);
    uplink_closed_one(u);
}

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    (void)client;
    uplink_fail(arg, err);
}

/* A call's end is the stream's end, whatever the status says. */
static void on_call_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct uplink *u = arg;
    struct err err = {0};

    if (call != u->call)
        return;
    u->call = NULL;
    err_set(&err, ERR_UNAVAILABLE, "the collector ended the stream: %s: %s",
            grpc_status_name(status), message != NULL ? message : "");
    uplink_fail(u, &err);
}

/* ---- coming up ------------------------------------------------------------------------------- */

static void connect_now(struct uplink *u)
{
    static const struct grpc_client_events events = {.on_ready = on_ready, .on_down = on_down};
    struct grpc_limits limits;
    struct err err = {0};

    grpc_limits_default(&limits);
    limits.handshake_ms = UPLINK_GREETING_MS;
    limits.idle_ms = UPLINK_IDLE_MS;
    move(u, UPLINK_CONNECTING);
    u->stream++;
    if (grpc_client_open(&u->client, u->loop, &limits, &u->options.address, u->options.tls,
                         u->options.server_name, &events, u, &err) != 0) {
        log_failure(u, &err);
        wait_for_next(u);
        return;
    }
    grpc_client_use_ticket(u->client, &u->ticket);
    u->open++;
    set_timer(u, UPLINK_GREETING_MS, 0);
}

static void send_hello(struct uplink *u)
{
    struct wire_agent_msg m = {.kind = WIRE_HELLO, .hello = u->options.hello};

    m.hello.clock_ms = clock_wall_ms();
    m.hello.generation = u->report.acked_generation;
    uplink_transmit(u, &m);
}

static void on_ready(struct grpc_client *client, void *arg)
{
    static const struct grpc_handler handler = {
        .on_message = on_message, .on_writable = on_writable, .on_closed = on_call_closed};
    struct uplink *u = arg;
    struct err err = {0};

    if (u->state != UPLINK_CONNECTING)
        return;
    move(u, UPLINK_GREETING);
    u->call = grpc_client_call(client, WIRE_PATH_REPORT, &handler, u, &err);
    if (u->call == NULL)
        uplink_fail(u, &err);
    else
        send_hello(u);
}

static void send_heartbeat(struct uplink *u)
{
    struct wire_agent_msg m = {.kind = WIRE_HEARTBEAT};

    m.heartbeat.generation = u->report.acked_generation;
    m.heartbeat.look_age_ms =
        u->looked_ns != 0 ? (int64_t)((clock_mono_ns() - u->looked_ns) / NS_PER_MS) : -1;
    uplink_transmit(u, &m);
}

static void on_timer(uv_timer_t *timer)
{
    struct uplink *u = timer->data;
    struct err err = {0};

    if (u->state == UPLINK_IDLE) {
        connect_now(u);
    } else if (u->state == UPLINK_CONNECTING || u->state == UPLINK_GREETING) {
        err_set(&err, ERR_TIMEOUT, "no greeting from the collector within %d seconds",
                UPLINK_GREETING_MS / 1000);
        uplink_fail(u, &err);
    } else if (u->state == UPLINK_UP && !u->blocked) {
        send_heartbeat(u);
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

int uplink_encode(struct uplink *u, const struct wire_agent_msg *m, struct err *err)
{
    check(!u->blocked);
    buf_reset(&u->out);
    return wire_agent_encode(m, &u->out, err);
}

void uplink_flush(struct uplink *u)
{
    struct err err = {0};

    u->blocked = false;
    if (u->call == NULL)
        return;
    if (grpc_call_send(u->call, u->out.data, u->out.len, &err) == 0) {
        if (u->state == UPLINK_UP)
            uv_timer_again(&u->timer); /* whatever is sent serves as heartbeat */
        return;
    }
    u->blocked = err.kind == ERR_BUSY;
    if (!u->blocked)
        uplink_fail(u, &err);
}

void uplink_transmit(struct uplink *u, const struct wire_agent_msg *m)
{
    struct err err = {0};

    if (uplink_encode(u, m, &err) == 0) {
        uplink_flush(u);
        return;
    }
    err_wrap(&err, "encode a message");
    uplink_fail(u, &err);
}

static bool send_parcel(struct uplink *u)
{
    struct list *node = u->report.synced ? list_pop(&u->outbox) : NULL;
    struct parcel *p;
    struct err err = {0};

    if (node == NULL)
        return false;
    p = list_entry(node, struct parcel, node);
    u->outbox_bytes -= p->len;
    buf_reset(&u->out);
    if (buf_add(&u->out, p->data, p->len, &err) == 0)
        uplink_flush(u);
    else
        uplink_fail(u, &err);
    free(p);
    return true;
}

void uplink_pump(struct uplink *u)
{
    bool sent = true;

    while (sent && u->state == UPLINK_UP && !u->blocked)
        sent = report_next(u) || report_next_use(u) || send_parcel(u) || documents_next(u);
}

static void on_writable(struct grpc_call *call, void *arg)
{
    struct uplink *u = arg;

    if (call != u->call)
        return;
    if (u->blocked)
        uplink_flush(u);
    uplink_pump(u);
}

void uplink_on_use_timer(uv_timer_t *timer)
{
    uplink_pump(timer->data);
}

int uplink_send(struct uplink *u, const struct wire_agent_msg *m, struct err *err)
{
    AUTO(buf_close) struct buf b;
    struct parcel *p;

    buf_init(&b, REC_MESSAGE_BYTES);
    if (u->state != UPLINK_UP || !u->report.synced)
        return err_set(err, ERR_UNAVAILABLE, "the collector is not connected");
    if (wire_agent_encode(m, &b, err) != 0)
        return -1;
    if (u->outbox_bytes + b.len > UPLINK_OUTBOX_BYTES)
        return err_set(err, ERR_BUSY, "%zu bytes wait for the collector", u->outbox_bytes);
    p = malloc(sizeof(*p) + b.len);
    if (p == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a message");
    p->len = b.len;
    memcpy(p->data, b.data, b.len);
    list_push(&u->outbox, &p->node);
    u->outbox_bytes += p->len;
    uplink_pump(u);
    return 0;
}

void uplink_up(struct uplink *u, uint64_t heartbeat_ms)
{
    move(u, UPLINK_UP);
    u->last_failure.kind = ERR_NONE;
    set_timer(u, heartbeat_ms, heartbeat_ms);
}

void uplink_synced(struct uplink *u)
{
    u->report.synced = true;
    backoff_reset(&u->backoff);
    u->events.on_synced(u->arg);
}

/* ---- hearing --------------------------------------------------------------------------------- */

/* A collector speaks first with its welcome, or refuses. */
static bool in_order(const struct uplink *u, const struct wire_collector_msg *m)
{
    return u->state == UPLINK_UP ? m->kind != WIRE_WELCOME
                                 : m->kind == WIRE_WELCOME || m->kind == WIRE_REJECTION;
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    AUTO(wire_collector_msg_close) struct wire_collector_msg *m = NULL;
    struct uplink *u = arg;
    struct err err = {0};

    if (call != u->call || (u->state != UPLINK_GREETING && u->state != UPLINK_UP))
        return;
    if (wire_collector_decode(&m, data, len, &err) != 0) {
        err_wrap(&err, "the collector's message");
        uplink_fail(u, &err);
        return;
    }
    if (m->kind == WIRE_COLLECTOR_UNKNOWN) /* of a newer collector */
        return;
    if (!in_order(u, m)) {
        err_set(&err, ERR_PROTOCOL, "the collector's messages are out of order");
        uplink_fail(u, &err);
        return;
    }
    uplink_hear(u, &m);
    uplink_pump(u);
}

/* ---- life ------------------------------------------------------------------------------------ */

void uplink_set_inventory(struct uplink *u, struct inventory *inv)
{
    report_set_current(&u->report, inv);
    uplink_pump(u);
}

void uplink_set_looked(struct uplink *u, uint64_t mono_ns)
{
    u->looked_ns = mono_ns;
}

int uplink_open(struct uplink **out, uv_loop_t *loop, const struct uplink_options *options,
                const struct uplink_events *events, void *arg, struct err *err)
{
    struct uplink *u = calloc(1, sizeof(*u));

    if (u == NULL || documents_init(u, err) != 0) {
        free(u);
        return err_set(err, ERR_NO_MEMORY, "no memory for the uplink");
    }
    u->loop = loop;
    u->options = *options;
    if (u->options.use_ms == 0)
        u->options.use_ms = UPLINK_USE_MS;
    u->events = *events;
    u->arg = arg;
    list_init(&u->outbox);
    buf_init(&u->out, REC_MESSAGE_BYTES);
    backoff_init(&u->backoff, (uint64_t)options->reconnect_min_ms,
                 (uint64_t)options->reconnect_max_ms, options->seed);
    uv_timer_init(loop, &u->timer); /* cannot fail */
    uv_timer_init(loop, &u->use_timer);
    u->timer.data = u;
    u->use_timer.data = u;
    u->open = 2;
    set_timer(u, 0, 0);
    *out = u;
    return 0;
}

void uplink_closed_one(struct uplink *u)
{
    void (*on_closed)(void *) = u->on_closed;
    void *arg = u->closed_arg;

    u->open--;
    if (u->state != UPLINK_CLOSING || u->open > 0)
        return;
    report_free(&u->report);
    documents_free(&u->documents);
    buf_close(&u->out);
    tls_ticket_close(&u->ticket);
    free(u);
    on_closed(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
    uplink_closed_one(handle->data);
}

void uplink_close(struct uplink *u, void (*on_closed)(void *arg), void *arg)
{
    move(u, UPLINK_CLOSING);
    u->on_closed = on_closed;
    u->closed_arg = arg;
    reset_stream(u);
    if (u->client != NULL)
        grpc_client_close(steal(&u->client), on_client_closed, u);
    if (u->documents.reading)
        uv_cancel((uv_req_t *)&u->documents.work);
    uv_close((uv_handle_t *)&u->timer, on_handle_closed);
    uv_close((uv_handle_t *)&u->use_timer, on_handle_closed);
}
