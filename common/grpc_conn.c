#include "common/grpc_conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/check.h"
#include "common/cleanup.h"

#define PATIENCE_MS 1000  /* more for a peer whose bytes we have not read yet */
#define PATIENCE_TIMES 20 /* a peer can see to it that some always lie here */

/* libuv's callbacks, in time order. */
static void on_timer(uv_timer_t *timer);
static void on_handle_closed(uv_handle_t *handle);

#define TO(state) (1u << GRPC_CONN_##state)

static const unsigned allowed[GRPC_CONN_STATES] = {
    [GRPC_CONN_NEW] = TO(HANDSHAKE) | TO(LINGERING),
    [GRPC_CONN_HANDSHAKE] = TO(OPEN) | TO(LINGERING),
    [GRPC_CONN_OPEN] = TO(DRAINING) | TO(LINGERING),
    [GRPC_CONN_DRAINING] = TO(LINGERING),
    [GRPC_CONN_LINGERING] = TO(CLOSING),
    [GRPC_CONN_CLOSING] = 0,
};

void grpc_conn_move(struct grpc_conn *conn, enum grpc_conn_state to)
{
    check((allowed[conn->state] & 1u << to) != 0);
    conn->state = to;
}

bool grpc_conn_is_up(const struct grpc_conn *conn)
{
    return conn->state == GRPC_CONN_OPEN || conn->state == GRPC_CONN_DRAINING;
}

/* ---- time ------------------------------------------------------------------------------------ */

/* One timer for everything: at the state's deadline or the next look at silence. */
static void arm(struct grpc_conn *conn)
{
    uint64_t now = uv_now(conn->timer.loop);
    uint64_t idle = conn->limits->idle_ms;
    uint64_t next = conn->deadline;

    if (idle > 0 && grpc_conn_is_up(conn) && conn->why.kind == ERR_NONE) {
        uint64_t look = conn->heard + (conn->pinged ? 2 * idle : idle);

        if (grpc_io_queued(conn) > 0 && now + idle < look)
            look = now + idle;
        if (next == 0 || look < next)
            next = look;
    }
    if (next == 0)
        uv_timer_stop(&conn->timer);
    else
        uv_timer_start(&conn->timer, on_timer, next > now ? next - now : 1, 0);
}

void grpc_conn_deadline(struct grpc_conn *conn, uint64_t after_ms)
{
    conn->deadline = after_ms == 0 ? 0 : uv_now(conn->timer.loop) + after_ms;
    arm(conn);
}

void grpc_conn_fail_text(struct grpc_conn *conn, enum err_kind kind, const char *text)
{
    struct err err;

    err_set(&err, kind, "%s", text);
    grpc_conn_fail(conn, &err);
}

/* A peer that says nothing gets a ping, and is given up when that is not answered; one that takes
 * none of our bytes is given up too. */
static void look_at_silence(struct grpc_conn *conn, uint64_t now)
{
    uint64_t idle = conn->limits->idle_ms;
    uint64_t taken = conn->given - grpc_io_queued(conn);

    if (taken != conn->taken || grpc_io_queued(conn) == 0) {
        conn->taken = taken;
        conn->moved = now;
    } else if (now - conn->moved >= idle) {
        grpc_conn_fail_text(conn, ERR_TIMEOUT, "the peer takes no bytes");
        return;
    }
    if (now - conn->heard >= 2 * idle) {
        grpc_conn_fail_text(conn, ERR_TIMEOUT, "the peer is silent");
    } else if (now - conn->heard >= idle && !conn->pinged) {
        conn->pinged = true;
        h2_ping(conn->h2, NULL);
        grpc_conn_mark(conn);
    }
}

/* A peer may answer every ping and yet open calls that it never says anything on, or never take the
 * end of a call, which then would be held with all that waits before it. */
static void end_idle_calls(struct grpc_conn *conn, uint64_t now)
{
    if (!conn->server)
        return;
    list_each (it, &conn->calls) {
        struct grpc_call *call = list_entry(it, struct grpc_call, node);

        if (now - call->since < conn->limits->idle_ms)
            continue;
        if (call->finished)
            grpc_call_cancel(call);
        else if (!call->heard)
            grpc_call_finish(call, GRPC_DEADLINE_EXCEEDED, "no message came in time");
    }
}

static void close_handles(struct grpc_conn *conn);
static void wind_up(struct grpc_conn *conn);

bool grpc_conn_has_unread(const struct grpc_conn *conn)
{
    int fd, bytes = 0;

    return conn->io_open && uv_fileno(&conn->io.handle, &fd) == 0 &&
           ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

static void on_late(struct grpc_conn *conn)
{
    bool joining = conn->state == GRPC_CONN_HANDSHAKE || conn->state == GRPC_CONN_OPEN;

    if (conn->server && joining && conn->patience < PATIENCE_TIMES && grpc_conn_has_unread(conn)) {
        conn->patience++;
        grpc_conn_deadline(conn, PATIENCE_MS);
        return;
    }
    conn->deadline = 0;
    switch (conn->state) {
    case GRPC_CONN_NEW:
        conn->events->on_connect_late(conn);
        break;
    case GRPC_CONN_HANDSHAKE:
        grpc_conn_fail_text(conn, ERR_TIMEOUT,
                            conn->tls != NULL && conn->h2 == NULL
                                ? "the TLS handshake took too long"
                                : "the peer did not begin HTTP/2 in time");
        break;
    case GRPC_CONN_OPEN:
        grpc_conn_fail_text(conn, ERR_TIMEOUT, "no call came in time");
        break;
    case GRPC_CONN_DRAINING:
        wind_up(conn);
        close_handles(conn);
        break;
    case GRPC_CONN_LINGERING:
        close_handles(conn);
        break;
    default:
        break;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct grpc_conn *conn = timer->data;
    uint64_t now = uv_now(timer->loop);

    if (conn->deadline != 0 && now >= conn->deadline) {
        on_late(conn);
    } else if (conn->limits->idle_ms > 0 && grpc_conn_is_up(conn) && conn->why.kind == ERR_NONE) {
        end_idle_calls(conn, now);
        look_at_silence(conn, now);
    }
    if (conn->state != GRPC_CONN_CLOSING)
        arm(conn);
}

/* ---- HTTP/2's events ------------------------------------------------------------------------- */

static void on_h2_headers(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                          bool trailers, bool end_stream, void *arg)
{
    struct grpc_conn *conn = arg;
    struct grpc_call *call;
    bool begun = false;

    (void)h;
    if (conn->server && !trailers) {
        conn->events->on_request(conn, stream, list, count);
        begun = true;
    }
    call = grpc_call_find(conn, stream);
    if (begun && call != NULL && !conn->stopping) { /* a request that was refused is no call */
        conn->has_calls = true;
        grpc_conn_deadline(conn, 0);
    }
    if (call != NULL)
        grpc_call_on_headers(call, list, count, end_stream);
}

static void on_h2_data(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    struct grpc_call *call = grpc_call_find(arg, stream);

    if (call == NULL)
        h2_consume(h, stream, len);
    else
        grpc_call_on_data(call, data, len);
}

static void on_h2_end(struct h2 *h, int32_t stream, void *arg)
{
    struct grpc_call *call = grpc_call_find(arg, stream);

    (void)h;
    if (call != NULL)
        grpc_call_on_end(call);
}

static void on_h2_stream_closed(struct h2 *h, int32_t stream, uint32_t code, void *arg)
{
    struct grpc_call *call = grpc_call_find(arg, stream);

    (void)h;
    if (call != NULL)
        grpc_call_on_stream_closed(call, code);
}

static void on_h2_writable(struct h2 *h, int32_t stream, void *arg)
{
    struct grpc_call *call = grpc_call_find(arg, stream);

    (void)h;
    if (call != NULL && !call->finished && call->handler != NULL &&
        call->handler->on_writable != NULL)
        call->handler->on_writable(call, call->arg);
}

static void on_h2_goaway(struct h2 *h, void *arg)
{
    struct grpc_conn *conn = arg;

    (void)h;
    conn->going_away = true;
}

const struct h2_handler grpc_conn_h2_events = {
    .on_headers = on_h2_headers,
    .on_data = on_h2_data,
    .on_end = on_h2_end,
    .on_stream_closed = on_h2_stream_closed,
    .on_writable = on_h2_writable,
    .on_goaway = on_h2_goaway,
};

void grpc_conn_refuse(struct grpc_conn *conn, int32_t stream, const char *http_status)
{
    const struct h2_header list[] = {{":status", http_status}, {"content-length", "0"}};

    h2_respond(conn->h2, stream, list, 2, true, NULL);
}

/* ---- beginning ------------------------------------------------------------------------------- */

void grpc_conn_init(struct grpc_conn *conn, uv_loop_t *loop)
{
    list_init(&conn->mark);
    list_init(&conn->calls);
    list_init(&conn->node);
    list_init(&conn->place);
    uv_timer_init(loop, &conn->timer);
    conn->timer.data = conn;
    conn->shutdown.data = conn;
    conn->refs = 1;
}

/* ---- settling and ending --------------------------------------------------------------------- */

void grpc_conn_fail(struct grpc_conn *conn, const struct err *why)
{
    if (conn->why.kind == ERR_NONE)
        conn->why = *why;
    if (conn->state != GRPC_CONN_CLOSING)
        grpc_conn_mark(conn);
}

void grpc_conn_unref(struct grpc_conn *conn)
{
    if (--conn->refs > 0)
        return;
    tls_close(&conn->tls);
    buf_close(&conn->cipher);
    h2_close(&conn->h2);
    conn->events->on_closed(conn);
}

static void on_handle_closed(uv_handle_t *handle)
{
    grpc_conn_unref(handle->data);
}

static void close_handles(struct grpc_conn *conn)
{
    if (conn->state == GRPC_CONN_CLOSING)
        return;
    grpc_conn_move(conn, GRPC_CONN_CLOSING);
    list_remove(&conn->mark);
    if (conn->io_open && !uv_is_closing(&conn->io.handle))
        uv_close(&conn->io.handle, on_handle_closed);
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

static void drop_calls(struct grpc_conn *conn)
{
    int status = GRPC_UNAVAILABLE;
    const char *text = conn->why.text;

    if (conn->stopping) {
        status = conn->server ? GRPC_UNAVAILABLE : GRPC_CANCELLED;
        text = conn->server ? "collector is stopping" : "closed here";
    } else if (conn->why.kind == ERR_PROTOCOL && !conn->server) {
        status = GRPC_INTERNAL;
    }
    while (!list_empty(&conn->calls))
        grpc_call_drop(list_entry(conn->calls.next, struct grpc_call, node), status, text);
}

/* Ends every call, tells the owner, and begins to close. */
static void wind_up(struct grpc_conn *conn)
{
    bool connected = conn->state != GRPC_CONN_NEW;
    bool drained = conn->state == GRPC_CONN_DRAINING; /* its deadline goes on */

    if (conn->h2 != NULL)
        h2_goaway(conn->h2);
    grpc_conn_move(conn, GRPC_CONN_LINGERING);
    drop_calls(conn);
    if (connected)
        grpc_io_write(conn);
    if (!conn->stopping)
        conn->events->on_down(conn);
    if (connected && !conn->dead)
        grpc_io_end(conn);
    if (!connected || conn->dead)
        close_handles(conn);
    else if (!drained)
        grpc_conn_deadline(conn, conn->limits->stop_ms + 1);
}

/* A server's stop: running calls get their status, and its bytes get stop_ms to arrive. */
static void drain(struct grpc_conn *conn)
{
    grpc_conn_move(conn, GRPC_CONN_DRAINING);
    h2_goaway(conn->h2);
    list_each (it, &conn->calls) {
        grpc_call_finish(list_entry(it, struct grpc_call, node), GRPC_UNAVAILABLE,
                         "collector is stopping");
    }
    grpc_conn_deadline(conn, conn->limits->stop_ms + 1);
}

void grpc_conn_stop(struct grpc_conn *conn)
{
    if (conn->stopping || conn->state == GRPC_CONN_CLOSING)
        return;
    conn->stopping = true;
    grpc_conn_mark(conn);
}

static void settle_calls(struct grpc_conn *conn)
{
    list_each_safe (it, next, &conn->calls) {
        grpc_call_settle(list_entry(it, struct grpc_call, node));
    }
}

/* A peer's connection is there for calls: without any that runs it ends. */
static void watch_for_calls(struct grpc_conn *conn)
{
    bool any = false;

    list_each (it, &conn->calls) {
        any = any || !list_entry(it, struct grpc_call, node)->finished;
    }
    if (!conn->server || conn->state != GRPC_CONN_OPEN || any == conn->has_calls)
        return;
    conn->has_calls = any;
    grpc_conn_deadline(conn, any ? 0 : conn->limits->idle_ms);
}

/* Whether nothing more can come of this connection. */
static void notice_end(struct grpc_conn *conn)
{
    const char *trouble = conn->h2 == NULL ? "" : h2_trouble(conn->h2);

    if (conn->h2 == NULL || conn->why.kind != ERR_NONE)
        return;
    if (h2_is_done(conn->h2))
        grpc_conn_fail_text(conn, *trouble == '\0' ? ERR_UNAVAILABLE : ERR_PROTOCOL,
                            *trouble == '\0' ? "the connection is over" : trouble);
    else if (conn->going_away && conn->call_count == 0)
        grpc_conn_fail_text(conn, ERR_UNAVAILABLE,
                            *trouble == '\0' ? "the peer takes no more calls" : trouble);
}

void grpc_conn_settle(struct grpc_conn *conn)
{
    if (conn->state == GRPC_CONN_CLOSING)
        return;
    if (conn->state == GRPC_CONN_LINGERING) {
        if (conn->dead)
            close_handles(conn);
        return;
    }
    if (conn->stopping && conn->server && conn->state == GRPC_CONN_OPEN)
        drain(conn);
    if (grpc_conn_is_up(conn))
        settle_calls(conn);
    grpc_io_write(conn);
    watch_for_calls(conn);
    notice_end(conn);
    if (conn->why.kind != ERR_NONE ||
        (conn->stopping && (conn->state != GRPC_CONN_DRAINING || conn->call_count == 0)))
        wind_up(conn);
}
