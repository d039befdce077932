#include "tests/support/grpc_rig.h"

#include "tests/support/unit.h"

#define TICK_MS 10

/* ---- the service ----------------------------------------------------------------------------- */

static void note_message(struct rig_end *e, const uint8_t *data, size_t len)
{
    e->messages++;
    e->bytes += len;
    e->last_len = len < sizeof(e->last) ? len : sizeof(e->last);
    if (e->last_len > 0)
        memcpy(e->last, data, e->last_len);
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    (void)call;
    note_message(arg, data, len);
}

static void on_half_closed(struct grpc_call *call, void *arg)
{
    struct rig_end *e = arg;

    (void)call;
    e->half_closed++;
}

static void on_writable(struct grpc_call *call, void *arg)
{
    struct rig_end *e = arg;

    (void)call;
    e->writable++;
}

static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct rig_end *e = arg;

    (void)call;
    e->closed++;
    e->status = status;
    e->call = NULL;
    snprintf(e->message, sizeof(e->message), "%s", message);
}

static void on_echo_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct err err;

    note_message(arg, data, len);
    assert_ok(grpc_call_send(call, data, len, &err));
}

static void on_echo_half_closed(struct grpc_call *call, void *arg)
{
    on_half_closed(call, arg);
    grpc_call_finish(call, GRPC_OK, NULL);
}

static void on_turn(uv_timer_t *timer)
{
    struct rig *rig = timer->data;

    if (rig->served.call != NULL)
        grpc_call_resume(rig->served.call);
}

static void on_slow_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct rig_end *e = arg;

    note_message(e, data, len);
    grpc_call_pause(call);
    uv_timer_start(&e->rig->turn, on_turn, 0, 0);
}

static void flood(struct grpc_call *call, void *arg)
{
    static const uint8_t message[4096];
    struct rig_end *e = arg;
    struct err err;

    while (grpc_call_send(call, message, sizeof(message), &err) == 0)
        e->bytes += sizeof(message);
}

static const struct grpc_handler holding = {on_message, on_half_closed, on_writable, on_closed};
static const struct grpc_handler echoing = {on_echo_message, on_echo_half_closed, on_writable,
                                            on_closed};
static const struct grpc_handler slowing = {on_slow_message, on_echo_half_closed, on_writable,
                                            on_closed};
static const struct grpc_handler flooding = {on_message, on_half_closed, flood, on_closed};

static void serve_call(struct rig *rig, struct grpc_call *call, const struct grpc_handler *handler)
{
    rig->opened++;
    rig->served = (struct rig_end){.call = call, .rig = rig};
    rig->served.secure = grpc_call_is_secure(call);
    snprintf(rig->served.peer, sizeof(rig->served.peer), "%s", grpc_call_peer(call));
    snprintf(rig->served.peer_name, sizeof(rig->served.peer_name), "%s", grpc_call_peer_name(call));
    grpc_call_set(call, handler, &rig->served);
}

static int open_echo(struct grpc_call *call, void *arg, struct err *err)
{
    (void)err;
    serve_call(arg, call, &echoing);
    return 0;
}

static int open_hold(struct grpc_call *call, void *arg, struct err *err)
{
    (void)err;
    serve_call(arg, call, &holding);
    return 0;
}

static int open_slow(struct grpc_call *call, void *arg, struct err *err)
{
    (void)err;
    serve_call(arg, call, &slowing);
    return 0;
}

static int open_flood(struct grpc_call *call, void *arg, struct err *err)
{
    (void)err;
    serve_call(arg, call, &flooding);
    flood(call, &((struct rig *)arg)->served);
    return 0;
}

static int open_refuse(struct grpc_call *call, void *arg, struct err *err)
{
    serve_call(arg, call, &holding);
    return err_set(err, ERR_CONFLICT, "two truths");
}

static const struct grpc_method methods[] = {
    {"/t/Echo", open_echo},     {"/t/Hold", open_hold},   {"/t/Slow", open_slow},
    {"/t/Refuse", open_refuse}, {"/t/Flood", open_flood}, {NULL, NULL},
};

/* ---- rig ------------------------------------------------------------------------------------- */

/* Ticks, so that a loop with nothing to wait for comes back to look at the condition. */
static void on_watchdog(uv_timer_t *timer)
{
    struct rig *rig = timer->data;

    if (++rig->ticks == 20000 / TICK_MS)
        rig->timed_out = true;
}

void rig_open(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    grpc_limits_default(&rig->limits);
    uv_loop_init(&rig->loop);
    uv_timer_init(&rig->loop, &rig->watchdog);
    uv_timer_init(&rig->loop, &rig->turn);
    rig->watchdog.data = rig;
    rig->turn.data = rig;
    uv_timer_start(&rig->watchdog, on_watchdog, TICK_MS, TICK_MS);
}

static void on_server_closed(void *arg)
{
    ((struct rig *)arg)->server_closed = true;
}

void rig_close(struct rig *rig)
{
    struct err err;

    if (rig->server != NULL && !rig->server_closed) {
        grpc_server_close(rig->server, on_server_closed, rig);
        run_until(rig, rig->server_closed);
    }
    uv_close((uv_handle_t *)&rig->watchdog, NULL);
    uv_close((uv_handle_t *)&rig->turn, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_ok(uvx_loop_close(&rig->loop, &err));
}

void rig_serve(struct rig *rig, const char *address, struct tls_context *tls)
{
    struct uvx_address a;
    struct err err;

    assert_ok(uvx_address_parse(&a, address, "0", &err));
    assert_ok(grpc_server_open(&rig->server, &rig->loop, &rig->limits, methods, rig, &err));
    assert_ok(grpc_server_listen(rig->server, &a, tls, &err));
}

const char *rig_address(const struct rig *rig, char out[32])
{
    snprintf(out, 32, "127.0.0.1:%d", grpc_server_port(rig->server));
    return out;
}

static void on_ready(struct grpc_client *client, void *arg)
{
    (void)client;
    ((struct rig_client *)arg)->ready++;
}

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    struct rig_client *c = arg;

    (void)client;
    c->down++;
    c->why = *err;
}

void rig_connect(struct rig *rig, struct rig_client *c, const char *address,
                 struct tls_context *tls, const char *server_name)
{
    static const struct grpc_client_events events = {.on_ready = on_ready, .on_down = on_down};
    struct uvx_address a;
    struct err err;

    memset(c, 0, sizeof(*c));
    c->rig = rig;
    assert_ok(uvx_address_parse(&a, address, "1", &err));
    assert_ok(grpc_client_open(&c->client, &rig->loop, &rig->limits, &a, tls, server_name, &events,
                               c, &err));
}

void rig_join(struct rig *rig, struct rig_client *c)
{
    char address[32];

    rig_connect(rig, c, rig_address(rig, address), NULL, NULL);
    run_until(rig, c->ready + c->down > 0);
    assert_int_equal(c->ready, 1);
}

struct grpc_call *rig_call(struct rig_client *c, const char *path)
{
    struct err err;

    c->end = (struct rig_end){.rig = c->rig};
    c->end.call = grpc_client_call(c->client, path, &holding, &c->end, &err);
    if (c->end.call == NULL)
        fail_msg("call %s: %s", path, err.text);
    return c->end.call;
}

static void on_client_closed(void *arg)
{
    ((struct rig_client *)arg)->closed = true;
}

void rig_leave(struct rig_client *c)
{
    grpc_client_close(c->client, on_client_closed, c);
    run_until(c->rig, c->closed);
}

void rig_turns(struct rig *rig, int count)
{
    while (count-- > 0)
        uv_run(&rig->loop, UV_RUN_NOWAIT);
}
