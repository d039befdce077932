#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/grpc_conn.h"

#define USER_AGENT "layercensus/" LAYERCENSUS_VERSION
#define UNTAKEN_MS (120 * 1000) /* bytes that the peer's kernel does not confirm */

struct grpc_client {
    struct grpc_conn conn; /* conn.owner is the client */
    struct grpc_pump pump;
    uv_loop_t *loop;
    struct grpc_limits limits;
    struct uvx_address address;
    struct tls_context *tls;
    char *server_name;
    char authority[sizeof(((struct uvx_address *)0)->host) + 10];
    struct grpc_client_events events;
    void *arg;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct addrinfo *found, *next; /* addresses to try */
    uint64_t connect_by;           /* uv_now() at which all of them have failed */
    struct err attempt;            /* why the last address failed */
    bool conn_gone, closing;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* In time order. */
static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res);
static void on_connected(uv_connect_t *req, int status);
static void on_connect_late(struct grpc_conn *conn);
static void on_attempt_closed(uv_handle_t *handle);
static void on_ready(struct grpc_conn *conn);
static void on_down(struct grpc_conn *conn);
static void on_conn_closed(struct grpc_conn *conn);
static void on_pump_closed(struct grpc_pump *pump);

static const struct grpc_conn_events conn_events = {
    .on_connect_late = on_connect_late,
    .on_ready = on_ready,
    .on_down = on_down,
    .on_closed = on_conn_closed,
};

static void free_client(struct grpc_client **cp)
{
    struct grpc_client *c = *cp;

    if (c == NULL)
        return;
    if (c->found != NULL)
        uv_freeaddrinfo(c->found);
    free(c->server_name);
    free(c);
    *cp = NULL;
}

/* Still on its way to a connection, and wanted. */
static bool is_wanted(const struct grpc_client *c)
{
    return c->conn.state == GRPC_CONN_NEW && !c->conn.stopping && c->conn.why.kind == ERR_NONE;
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* Each address gets an equal share of the time that is left. */
static uint64_t attempt_time(const struct grpc_client *c)
{
    uint64_t now = uv_now(c->loop);
    uint64_t left = c->connect_by > now ? c->connect_by - now : 1;
    unsigned count = 1;

    for (const struct addrinfo *a = c->next; a != NULL && a->ai_next != NULL; a = a->ai_next)
        count++;
    return left / count + 1;
}

static void io_opened(struct grpc_client *c)
{
    c->conn.io.handle.data = &c->conn;
    c->conn.io_open = true;
    c->conn.refs++;
}

static int connect_next(struct grpc_client *c)
{
    int rc = uv_tcp_init(c->loop, &c->conn.io.tcp);

    if (rc != 0)
        return rc;
    io_opened(c);
    rc = uv_tcp_connect(&c->connect, &c->conn.io.tcp, c->next->ai_addr, on_connected);
    if (rc != 0)
        return rc;
    c->conn.refs++; /* the request */
    return 0;
}

/* This address did not answer: the next one, on a new handle, or the end. */
static void attempt_failed(struct grpc_client *c, int status)
{
    uvx_fail(&c->attempt, status, "connect to %s", c->authority);
    c->attempt.kind = status == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE;
    if (c->next != NULL)
        c->next = c->next->ai_next;
    if (c->next == NULL) {
        grpc_conn_fail(&c->conn, &c->attempt);
        return;
    }
    c->conn.io_open = false;
    uv_close(&c->conn.io.handle, on_attempt_closed);
}

static void try_address(struct grpc_client *c)
{
    int rc = connect_next(c);
    struct err err;

    if (rc == 0) {
        grpc_conn_deadline(&c->conn, attempt_time(c));
    } else if (c->conn.io_open) {
        attempt_failed(c, rc); /* no route for this family, for one */
    } else {
        uvx_fail(&err, rc, "connect to %s", c->authority);
        grpc_conn_fail(&c->conn, &err);
    }
}

static void on_attempt_closed(uv_handle_t *handle)
{
    struct grpc_conn *conn = handle->data;
    struct grpc_client *c = conn->owner;

    if (is_wanted(c))
        try_address(c);
    grpc_conn_unref(conn);
}

static void on_connect_late(struct grpc_conn *conn)
{
    struct grpc_client *c = conn->owner;

    if (!is_wanted(c))
        return;
    if (c->found == NULL && !c->address.is_unix) {
        err_set(&c->attempt, ERR_TIMEOUT, "connect to %s: the name was not resolved in time",
                c->authority);
        grpc_conn_fail(conn, &c->attempt);
        return;
    }
    attempt_failed(c, UV_ETIMEDOUT);
}

/* A line that swallows our bytes is given up by the kernel, so that no PING has to look for it. */
static void tune_tcp(struct grpc_client *c)
{
    unsigned ms = UNTAKEN_MS;
    int fd;

    uv_tcp_nodelay(&c->conn.io.tcp, 1);
    if (uv_fileno(&c->conn.io.handle, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)); /* best effort */
}

static void start_conn(struct grpc_client *c)
{
    const char *name = c->server_name == NULL ? c->address.host : c->server_name;
    struct err err;

    snprintf(c->conn.peer, sizeof(c->conn.peer), "%.63s",
             c->address.is_unix ? "unix" : c->authority);
    if (!c->address.is_unix)
        tune_tcp(c);
    if (grpc_io_begin(&c->conn, c->tls, name, &err) != 0)
        grpc_conn_fail(&c->conn, &err);
    else
        grpc_conn_deadline(&c->conn, attempt_time(c));
}

static void on_connected(uv_connect_t *req, int status)
{
    struct grpc_client *c = req->data;

    if (status != UV_ECANCELED && is_wanted(c)) {
        if (status != 0)
            attempt_failed(c, status);
        else
            start_conn(c);
    }
    grpc_conn_unref(&c->conn);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct grpc_client *c = req->data;
    struct err err;

    c->found = res;
    c->next = res;
    if (is_wanted(c)) {
        if (status != 0) {
            uvx_fail(&err, status, "resolve %s", c->address.host);
            grpc_conn_fail(&c->conn, &err);
        } else {
            try_address(c);
        }
    }
    grpc_conn_unref(&c->conn);
}

static int begin_tcp(struct grpc_client *c, struct err *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const char *host = c->address.host[0] == '\0' ? "localhost" : c->address.host;
    int rc = uv_getaddrinfo(c->loop, &c->resolve, on_resolved, host, c->address.port, &hints);

    if (rc != 0)
        return uvx_fail(err, rc, "resolve %s", host);
    c->conn.refs++;
    return 0;
}

static int begin_unix(struct grpc_client *c, struct err *err)
{
    int rc;

    if (strlen(c->address.host) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return err_set(err, ERR_USAGE, "unix socket %s: the path is too long", c->address.host);
    rc = uv_pipe_init(c->loop, &c->conn.io.pipe, 0);
    if (rc != 0)
        return uvx_fail(err, rc, "connect to %s", c->authority);
    io_opened(c);
    uv_pipe_connect(&c->connect, &c->conn.io.pipe, c->address.host, on_connected);
    c->conn.refs++;
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void set_authority(struct grpc_client *c)
{
    const struct uvx_address *a = &c->address;

    if (a->is_unix)
        snprintf(c->authority, sizeof(c->authority), "unix:%.255s", a->host);
    else
        snprintf(c->authority, sizeof(c->authority),
                 strchr(a->host, ':') == NULL ? "%.255s:%.5s" : "[%.255s]:%.5s", a->host, a->port);
}

static void init_conn(struct grpc_client *c)
{
    grpc_pump_open(&c->pump, c->loop);
    c->conn.pump = &c->pump;
    c->conn.limits = &c->limits;
    c->conn.events = &conn_events;
    c->conn.owner = c;
    c->resolve.data = c;
    c->connect.data = c;
    grpc_conn_init(&c->conn, c->loop);
    c->connect_by = uv_now(c->loop) + c->limits.handshake_ms;
    grpc_conn_deadline(&c->conn, c->limits.handshake_ms);
}

int grpc_client_open(struct grpc_client **out, uv_loop_t *loop, const struct grpc_limits *limits,
                     const struct uvx_address *address, struct tls_context *tls,
                     const char *server_name, const struct grpc_client_events *events, void *arg,
                     struct err *err)
{
    AUTO(free_client) struct grpc_client *c = calloc(1, sizeof(*c));
    struct err why;

    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "gRPC client");
    if (server_name != NULL && (c->server_name = strdup(server_name)) == NULL)
        return err_set(err, ERR_NO_MEMORY, "gRPC client");
    c->loop = loop;
    c->limits = *limits;
    c->address = *address;
    c->tls = tls;
    c->events = *events;
    c->arg = arg;
    set_authority(c);
    init_conn(c);
    /* With its handles open it cannot simply be freed: a failure is told by on_down. */
    if ((c->address.is_unix ? begin_unix(c, &why) : begin_tcp(c, &why)) != 0)
        grpc_conn_fail(&c->conn, &why);
    *out = steal(&c);
    return 0;
}

void grpc_client_use_ticket(struct grpc_client *client, struct tls_ticket *ticket)
{
    client->conn.ticket = ticket;
}

/* ---- calls ----------------------------------------------------------------------------------- */

struct grpc_call *grpc_client_call(struct grpc_client *client, const char *path,
                                   const struct grpc_handler *handler, void *arg, struct err *err)
{
    struct grpc_conn *conn = &client->conn;
    const struct h2_header list[] = {
        {":method", "POST"},
        {":scheme", client->tls == NULL ? "http" : "https"},
        {":path", path},
        {":authority", client->address.is_unix ? "localhost" : client->authority},
        {"te", "trailers"},
        {"content-type", "application/grpc"},
        {"user-agent", USER_AGENT},
    };
    struct grpc_call *call;

    if (conn->state != GRPC_CONN_OPEN || conn->stopping || conn->why.kind != ERR_NONE ||
        conn->going_away) {
        err_set(err, ERR_UNAVAILABLE, "not connected to %s", client->authority);
        return NULL;
    }
    if (conn->call_count >= client->limits.calls_max) {
        err_set(err, ERR_BUSY, "%u calls are running on this connection", client->limits.calls_max);
        return NULL;
    }
    call = grpc_call_new(conn, 0, err);
    if (call == NULL)
        return NULL;
    call->stream = h2_request(conn->h2, list, sizeof(list) / sizeof(list[0]), err);
    if (call->stream < 0) {
        grpc_call_drop(call, GRPC_UNAVAILABLE, NULL); /* without a handler: nobody is told */
        return NULL;
    }
    grpc_call_set(call, handler, arg);
    grpc_conn_mark(conn);
    return call;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void on_ready(struct grpc_conn *conn)
{
    struct grpc_client *c = conn->owner;

    c->events.on_ready(c, c->arg);
}

static void on_down(struct grpc_conn *conn)
{
    struct grpc_client *c = conn->owner;

    c->events.on_down(c, &conn->why, c->arg);
}

static void close_pump(struct grpc_client *c)
{
    grpc_pump_close(&c->pump, on_pump_closed);
}

static void on_conn_closed(struct grpc_conn *conn)
{
    struct grpc_client *c = conn->owner;

    c->conn_gone = true;
    if (c->closing)
        close_pump(c);
}

static void on_pump_closed(struct grpc_pump *pump)
{
    struct grpc_client *c = list_entry(pump, struct grpc_client, pump);
    void (*on_closed)(void *arg) = c->on_closed;
    void *arg = c->closed_arg;

    free_client(&c);
    if (on_closed != NULL)
        on_closed(arg);
}

void grpc_client_close(struct grpc_client *client, void (*on_closed)(void *arg), void *arg)
{
    client->closing = true;
    client->on_closed = on_closed;
    client->closed_arg = arg;
    if (client->conn_gone)
        close_pump(client);
    else
        grpc_conn_stop(&client->conn);
    /* A resolution that waits for a thread need not be waited for; else this does nothing. */
    if (client->conn.state == GRPC_CONN_NEW && client->found == NULL)
        uv_cancel((uv_req_t *)&client->resolve);
}
