#include "common/grpc.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/grpc_conn.h"

#define H2_NO_ERROR 0x0
#define H2_INTERNAL_ERROR 0x2
#define H2_CANCEL 0x8

/* ---- life ------------------------------------------------------------------------------------ */

struct grpc_call *grpc_call_new(struct grpc_conn *conn, int32_t stream, struct err *err)
{
    struct grpc_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        err_set(err, ERR_NO_MEMORY, "gRPC call");
        return NULL;
    }
    call->conn = conn;
    call->stream = stream;
    call->status = GRPC_STATUS_NONE;
    call->since = uv_now(conn->timer.loop);
    buf_init(&call->body, conn->limits->message_max + 1);
    buf_init(&call->backlog, GRPC_WINDOW);
    list_push(&conn->calls, &call->node);
    conn->call_count++;
    return call;
}

struct grpc_call *grpc_call_find(struct grpc_conn *conn, int32_t stream)
{
    list_each (it, &conn->calls) {
        struct grpc_call *call = list_entry(it, struct grpc_call, node);

        if (call->stream == stream && !call->over)
            return call;
    }
    return NULL;
}

static void call_free(struct grpc_call *call)
{
    buf_close(&call->body);
    buf_close(&call->backlog);
    free(call->message);
    free(call);
}

/* Tells the end and frees the call. */
static void call_end(struct grpc_call *call)
{
    struct grpc_conn *conn = call->conn;

    call->over = true;
    call->deaf = true;
    list_remove(&call->node);
    conn->call_count--;
    if (call->handler != NULL && call->handler->on_closed != NULL)
        call->handler->on_closed(call, call->status, call->message == NULL ? "" : call->message,
                                 call->arg);
    call_free(call);
    grpc_conn_mark(conn);
}

/* The first status counts. */
static void set_status(struct grpc_call *call, int status, const char *message)
{
    if (call->status != GRPC_STATUS_NONE)
        return;
    call->status = status;
    if (message != NULL && *message != '\0')
        call->message = strdup(message); /* without memory the status goes without words */
}

static void force_status(struct grpc_call *call, int status, const char *message)
{
    free(call->message);
    call->message = NULL;
    call->status = GRPC_STATUS_NONE;
    set_status(call, status, message);
}

void grpc_call_drop(struct grpc_call *call, int status, const char *message)
{
    bool known = !call->conn->server && call->status != GRPC_STATUS_NONE && call->backlog.len == 0;

    if (!known)
        force_status(call, status, message);
    call_end(call);
}

/* From here on nothing of the peer is looked at; its bytes only give their window back. */
static void go_deaf(struct grpc_call *call)
{
    call->deaf = true;
    h2_consume(call->conn->h2, call->stream, call->backlog.len);
    buf_close(&call->backlog);
    buf_close(&call->body);
}

/* Ends the call because of what the peer sent. */
static void break_call(struct grpc_call *call, int status, const char *message)
{
    if (call->conn->server) {
        grpc_call_finish(call, status, message);
        return;
    }
    set_status(call, status, message);
    go_deaf(call);
    h2_reset(call->conn->h2, call->stream, H2_CANCEL);
    grpc_conn_mark(call->conn);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static uint32_t read_u32(const uint8_t *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof(v));
    return ntohl(v);
}

/* The limit is checked here, before one byte of the message is kept. */
static int check_prefix(struct grpc_call *call)
{
    size_t max = call->conn->limits->message_max;
    char text[120];

    call->message_len = read_u32(call->prefix + 1);
    if (call->prefix[0] != 0) {
        break_call(call, call->prefix[0] == 1 ? GRPC_UNIMPLEMENTED : GRPC_INTERNAL,
                   call->prefix[0] == 1 ? "compressed messages are not supported"
                                        : "a message's first byte must be 0 or 1");
        return -1;
    }
    if (call->message_len > max) {
        snprintf(text, sizeof(text), "message of %zu bytes is over the limit of %zu bytes",
                 call->message_len, max);
        break_call(call, GRPC_RESOURCE_EXHAUSTED, text);
        return -1;
    }
    return 0;
}

static void deliver_message(struct grpc_call *call, const uint8_t *data)
{
    call->prefix_len = 0;
    call->heard = true;
    if (call->handler != NULL && call->handler->on_message != NULL)
        call->handler->on_message(call, data, call->message_len, call->arg);
}

/* Takes bytes of the message whose prefix is complete. Returns how many. */
static size_t take_body(struct grpc_call *call, const uint8_t *data, size_t len)
{
    size_t need = call->message_len - call->body.len;
    size_t n = len < need ? len : need;
    struct err err;

    if (n == need && call->body.len == 0) { /* the whole message at once: no copy */
        deliver_message(call, data);
        return n;
    }
    if (buf_add(&call->body, data, n, &err) != 0) {
        break_call(call, GRPC_RESOURCE_EXHAUSTED, err.text);
        return n;
    }
    if (n == need) {
        AUTO(buf_close) struct buf body = call->body;

        buf_init(&call->body, call->conn->limits->message_max + 1);
        deliver_message(call, body.data);
    }
    return n;
}

/* Splits bytes into messages until they end or the owner pauses. Returns how many were used. */
static size_t take(struct grpc_call *call, const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (at < len && call->paused == 0 && !call->deaf) {
        if (call->prefix_len < GRPC_PREFIX) {
            call->prefix[call->prefix_len++] = data[at++];
            if (call->prefix_len < GRPC_PREFIX)
                continue;
            if (check_prefix(call) != 0)
                break;
        }
        if (at < len || call->message_len == 0)
            at += take_body(call, data + at, len - at);
    }
    return at;
}

/* Takes what can be taken, keeps the rest for later, and gives back the window of the former. */
static void receive(struct grpc_call *call, const uint8_t *data, size_t len)
{
    size_t used = take(call, data, len);
    struct err err;

    if (call->deaf)
        used = len;
    h2_consume(call->conn->h2, call->stream, used);
    if (used < len && buf_add(&call->backlog, data + used, len - used, &err) != 0) {
        h2_consume(call->conn->h2, call->stream, len - used);
        break_call(call, GRPC_RESOURCE_EXHAUSTED, err.text);
    }
}

void grpc_call_on_data(struct grpc_call *call, const uint8_t *data, size_t len)
{
    struct err err;

    if (call->deaf) {
        h2_consume(call->conn->h2, call->stream, len);
        return;
    }
    if (call->paused == 0 && call->backlog.len == 0) {
        receive(call, data, len);
        return;
    }
    if (buf_add(&call->backlog, data, len, &err) != 0) {
        h2_consume(call->conn->h2, call->stream, len);
        break_call(call, GRPC_RESOURCE_EXHAUSTED, err.text);
    }
}

static void tell_half_closed(struct grpc_call *call)
{
    call->half_told = true;
    if (call->prefix_len > 0) {
        break_call(call, GRPC_INTERNAL, "the stream ended in the middle of a message");
        return;
    }
    if (call->handler != NULL && call->handler->on_half_closed != NULL)
        call->handler->on_half_closed(call, call->arg);
}

void grpc_call_settle(struct grpc_call *call)
{
    if (call->paused == 0 && call->backlog.len > 0) {
        AUTO(buf_close) struct buf backlog = call->backlog;

        buf_init(&call->backlog, GRPC_WINDOW);
        receive(call, backlog.data, backlog.len);
    }
    if (call->backlog.len > 0)
        return;
    if (call->peer_done && !call->half_told && !call->deaf)
        tell_half_closed(call);
    if (call->over)
        call_end(call);
}

void grpc_call_on_end(struct grpc_call *call)
{
    call->peer_done = true;
    grpc_call_settle(call);
}

/* ---- the response, on a client --------------------------------------------------------------- */

const char *grpc_header(const struct h2_header *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i].value;
    return NULL;
}

static void note_status(struct grpc_call *call, const char *status, const char *message)
{
    AUTO_FREE char *text = message == NULL ? NULL : strdup(message);

    if (text != NULL)
        grpc_message_decode(text);
    set_status(call, grpc_status_parse(status), text);
}

/* What answers without being gRPC: a proxy, a web server. */
static void check_response(struct grpc_call *call, const char *http_status, const char *type)
{
    char text[200];

    if (strcmp(http_status, "200") != 0) {
        snprintf(text, sizeof(text), "the server answered HTTP %.3s", http_status);
        break_call(call, grpc_status_of_http(http_status), text);
    } else if (!grpc_is_content_type(type)) {
        snprintf(text, sizeof(text), "the server answered with content type '%.80s', not gRPC",
                 type == NULL ? "" : type);
        break_call(call, GRPC_UNKNOWN, text);
    }
}

static void on_response(struct grpc_call *call, const struct h2_header *list, size_t count,
                        bool end_stream)
{
    const char *status = grpc_header(list, count, "grpc-status");
    const char *http_status = grpc_header(list, count, ":status");

    if (end_stream && status != NULL)
        note_status(call, status, grpc_header(list, count, "grpc-message"));
    else if (http_status != NULL)
        check_response(call, http_status, grpc_header(list, count, "content-type"));
}

void grpc_call_on_headers(struct grpc_call *call, const struct h2_header *list, size_t count,
                          bool end_stream)
{
    struct grpc_conn *conn = call->conn;
    int32_t stream = call->stream;
    bool finished = call->finished;

    if (!conn->server && !call->deaf)
        on_response(call, list, count, end_stream);
    if (!end_stream)
        return;
    grpc_call_on_end(call);
    if (!conn->server && !finished)
        h2_reset(conn->h2, stream, H2_NO_ERROR); /* the server is done: so are we */
}

void grpc_call_on_stream_closed(struct grpc_call *call, uint32_t h2_error)
{
    bool server = call->conn->server;
    bool complete = !server && call->peer_done && !call->deaf;
    char text[80];

    /* A server's own status holds only where the client took it all. */
    if (call->status == GRPC_STATUS_NONE ||
        (server && h2_error != H2_NO_ERROR && call->status != GRPC_CANCELLED)) {
        if (h2_error == H2_NO_ERROR)
            snprintf(text, sizeof(text), "the stream ended without a status");
        else
            snprintf(text, sizeof(text), "the peer reset the stream (HTTP/2 error %u)", h2_error);
        force_status(call, server ? GRPC_CANCELLED : grpc_status_of_reset(h2_error), text);
    }
    call->over = true;
    if (!complete)
        call_end(call);
    else
        grpc_call_settle(call); /* ends it unless messages are held back */
}

/* ---- what the owner asks for ----------------------------------------------------------------- */

static int respond(struct grpc_call *call, struct err *err)
{
    static const struct h2_header list[] = {
        {":status", "200"},
        {"content-type", "application/grpc"},
    };

    if (!call->conn->server || call->responded)
        return 0;
    if (h2_respond(call->conn->h2, call->stream, list, 2, false, err) != 0)
        return -1;
    call->responded = true;
    return 0;
}

int grpc_call_send(struct grpc_call *call, const void *data, size_t len, struct err *err)
{
    size_t max = call->conn->limits->message_max;
    uint8_t prefix[GRPC_PREFIX] = {0};
    uint32_t be = htonl((uint32_t)len);

    if (call->over || call->finished || call->deaf || !grpc_conn_is_up(call->conn))
        return err_set(err, ERR_CANCELED, "the call is over");
    if (len > max || len > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "message of %zu bytes is over the limit of %zu bytes", len,
                       max);
    memcpy(prefix + 1, &be, sizeof(be));
    if (respond(call, err) != 0 ||
        h2_send_two(call->conn->h2, call->stream, prefix, sizeof(prefix), data, len, err) != 0)
        return -1;
    grpc_conn_mark(call->conn);
    return 0;
}

static int finish_server(struct grpc_call *call, int status, const char *message)
{
    char code[12], encoded[GRPC_ENCODED];
    const struct h2_header list[] = {
        {":status", "200"},
        {"content-type", "application/grpc"},
        {"grpc-status", code},
        {"grpc-message", grpc_message_encode(encoded, message == NULL ? "" : message)},
    };
    size_t trailers = encoded[0] == '\0' ? 1 : 2;

    snprintf(code, sizeof(code), "%d", status);
    if (call->responded)
        return h2_finish(call->conn->h2, call->stream, list + 2, trailers, NULL);
    return h2_respond(call->conn->h2, call->stream, list, 2 + trailers, true, NULL);
}

void grpc_call_finish(struct grpc_call *call, int status, const char *message)
{
    struct grpc_conn *conn = call->conn;
    int rc;

    if (call->over || call->finished || !grpc_conn_is_up(conn))
        return;
    call->finished = true;
    call->since = uv_now(conn->timer.loop);
    if (conn->server) {
        set_status(call, status, message);
        go_deaf(call);
        rc = finish_server(call, status, message);
    } else {
        rc = h2_finish(conn->h2, call->stream, NULL, 0, NULL);
    }
    if (rc != 0)
        h2_reset(conn->h2, call->stream, H2_INTERNAL_ERROR);
    grpc_conn_mark(conn);
}

void grpc_call_cancel(struct grpc_call *call)
{
    force_status(call, GRPC_CANCELLED, "cancelled here");
    call->finished = true;
    go_deaf(call);
    if (!call->over)
        h2_reset(call->conn->h2, call->stream, H2_CANCEL);
    grpc_conn_mark(call->conn);
}

void grpc_call_pause(struct grpc_call *call)
{
    call->paused++;
}

void grpc_call_resume(struct grpc_call *call)
{
    if (call->paused > 0 && --call->paused == 0)
        grpc_conn_mark(call->conn);
}

void grpc_call_set(struct grpc_call *call, const struct grpc_handler *handler, void *arg)
{
    call->handler = handler;
    call->arg = arg;
}

void *grpc_call_arg(const struct grpc_call *call)
{
    return call->arg;
}

const char *grpc_call_peer(const struct grpc_call *call)
{
    return call->conn->peer;
}

bool grpc_call_is_secure(const struct grpc_call *call)
{
    return call->conn->tls != NULL;
}

bool grpc_call_is_resumed(const struct grpc_call *call)
{
    return call->conn->tls != NULL && tls_resumed(call->conn->tls);
}

const char *grpc_call_peer_name(const struct grpc_call *call)
{
    return call->conn->tls == NULL ? "" : tls_peer_name(call->conn->tls);
}

bool grpc_call_peer_is(const struct grpc_call *call, const char *name)
{
    return call->conn->tls != NULL && tls_peer_is(call->conn->tls, name);
}
