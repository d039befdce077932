#include "common/grpc_server.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/log.h"

#define COMPLAINTS_PER_MINUTE 20

static void on_request(struct grpc_conn *conn, int32_t stream, const struct h2_header *list,
                       size_t count);
static void on_down(struct grpc_conn *conn);
static void on_conn_closed(struct grpc_conn *conn);
static void on_gate_closed(uv_handle_t *handle);
static void on_pump_closed(struct grpc_pump *pump);

static const struct grpc_conn_events conn_events = {
    .on_request = on_request,
    .on_down = on_down,
    .on_closed = on_conn_closed,
};

/* ---- requests -------------------------------------------------------------------------------- */

static const struct grpc_method *find_method(const struct grpc_server *server, const char *path)
{
    for (const struct grpc_method *m = server->methods; m->path != NULL; m++)
        if (strcmp(m->path, path) == 0)
            return m;
    return NULL;
}

static void open_call(struct grpc_server *server, struct grpc_call *call, const char *path)
{
    const struct grpc_method *method = find_method(server, path);
    struct err err;
    char text[200];

    if (server->closing) {
        grpc_call_finish(call, GRPC_UNAVAILABLE, "collector is stopping");
    } else if (method == NULL) {
        snprintf(text, sizeof(text), "there is no method '%.150s' here", path);
        grpc_call_finish(call, GRPC_UNIMPLEMENTED, text);
    } else if (method->open(call, server->service_arg, &err) != 0) {
        grpc_call_set(call, NULL, NULL); /* never was a call to its owner */
        grpc_call_finish(call, grpc_status_of(err.kind), err.text);
    }
}

static void on_request(struct grpc_conn *conn, int32_t stream, const struct h2_header *list,
                       size_t count)
{
    const char *method = grpc_header(list, count, ":method");
    const char *path = grpc_header(list, count, ":path");
    struct grpc_call *call;

    grpc_gate_leave(conn->owner, conn);
    if (method == NULL || strcmp(method, "POST") != 0) {
        grpc_conn_refuse(conn, stream, "405");
        return;
    }
    if (!grpc_is_content_type(grpc_header(list, count, "content-type"))) {
        grpc_conn_refuse(conn, stream, "415");
        return;
    }
    call = grpc_call_new(conn, stream, NULL);
    if (call == NULL)
        grpc_conn_refuse(conn, stream, "503");
    else
        open_call(conn->owner, call, path == NULL ? "" : path);
}

/* ---- connections ----------------------------------------------------------------------------- */

void grpc_server_complain(struct grpc_server *server, const char *peer, const struct err *why)
{
    uint64_t now = uv_now(server->loop);

    if (now - server->complaints_since > 60000) {
        server->complaints_since = now;
        server->complaints = 0;
    }
    if (++server->complaints <= COMPLAINTS_PER_MINUTE)
        log_error(LOG_WARN, "connection-ended", why, "peer", peer, NULL);
    if (server->complaints == COMPLAINTS_PER_MINUTE)
        log_event(LOG_WARN, "connection-complaints-muted", "for", "the rest of this minute", NULL);
}

/* A peer that simply goes is no news; one that is refused or breaks the protocol is. */
static void on_down(struct grpc_conn *conn)
{
    grpc_gate_leave(conn->owner, conn);
    if (conn->why.kind != ERR_UNAVAILABLE)
        grpc_server_complain(conn->owner, conn->peer, &conn->why);
}

static void on_conn_closed(struct grpc_conn *conn)
{
    struct grpc_server *server = conn->owner;

    grpc_gate_leave(server, conn);
    list_remove(&conn->node);
    server->conn_count--;
    free(conn);
    grpc_server_check_closed(server);
}

/* "10.1.2.3:4711"; an IPv4 peer on a dual-stack listener shows as IPv4. */
static void name_peer(struct grpc_conn *conn)
{
    struct sockaddr_storage ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
    struct sockaddr_in *in = (struct sockaddr_in *)&ss;
    int len = sizeof(ss);
    char ip[INET6_ADDRSTRLEN] = "?";
    const char *host = ip;

    if (uv_tcp_getpeername(&conn->io.tcp, (struct sockaddr *)&ss, &len) != 0) {
        snprintf(conn->peer, sizeof(conn->peer), "?");
    } else if (ss.ss_family == AF_INET) {
        uv_ip4_name(in, ip, sizeof(ip));
        snprintf(conn->peer, sizeof(conn->peer), "%s:%u", ip, ntohs(in->sin_port));
    } else {
        uv_ip6_name(in6, ip, sizeof(ip));
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            host = strrchr(ip, ':') + 1;
        snprintf(conn->peer, sizeof(conn->peer), host == ip ? "[%s]:%u" : "%s:%u", host,
                 ntohs(in6->sin6_port));
    }
}

/* "unix (pid 123)": tells apart the agents of one machine. */
static void name_unix_peer(struct grpc_conn *conn)
{
    struct ucred who = {.pid = 0};
    socklen_t len = sizeof(who);
    int fd;

    if (uv_fileno(&conn->io.handle, &fd) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.pid > 0)
        snprintf(conn->peer, sizeof(conn->peer), "unix (pid %d)", (int)who.pid);
    else
        snprintf(conn->peer, sizeof(conn->peer), "unix");
}

static int accept_io(struct grpc_listener *listener, struct grpc_conn *conn)
{
    int rc;

    if (listener->is_unix)
        rc = uv_pipe_init(listener->server->loop, &conn->io.pipe, 0);
    else
        rc = uv_tcp_init(listener->server->loop, &conn->io.tcp);
    if (rc != 0)
        return rc;
    conn->io.handle.data = conn;
    conn->io_open = true;
    conn->refs++;
    rc = uv_accept(&listener->io.stream, &conn->io.stream);
    if (rc != 0)
        return rc;
    if (listener->is_unix) {
        name_unix_peer(conn);
        return 0;
    }
    name_peer(conn);
    uv_tcp_nodelay(&conn->io.tcp, 1);
    return 0;
}

static int begin_conn(struct grpc_listener *listener, struct grpc_conn *conn, struct err *err)
{
    struct grpc_server *server = listener->server;
    int rc = accept_io(listener, conn);

    if (rc != 0)
        return uvx_fail(err, rc, "accept");
    if (server->conn_count > server->limits.conns_max)
        return err_set(err, ERR_LIMIT, "more than %u connections", server->limits.conns_max);
    if (grpc_io_begin(conn, listener->tls, NULL, err) != 0)
        return -1;
    grpc_conn_deadline(conn, server->limits.handshake_ms);
    return 0;
}

void grpc_server_accept(struct grpc_listener *listener)
{
    struct grpc_server *server = listener->server;
    struct grpc_conn *conn = calloc(1, sizeof(*conn));
    struct err err;

    if (conn == NULL) { /* the peer waits until there is memory */
        err_set(&err, ERR_NO_MEMORY, "accept");
        grpc_server_complain(server, "", &err);
        grpc_gate_wait(listener);
        return;
    }
    conn->pump = &server->pump;
    conn->limits = &server->limits;
    conn->events = &conn_events;
    conn->owner = server;
    conn->server = true;
    grpc_conn_init(conn, server->loop);
    grpc_gate_enter(server, conn);
    list_push(&server->conns, &conn->node);
    server->conn_count++;
    if (begin_conn(listener, conn, &err) != 0)
        grpc_conn_fail(conn, &err);
}

/* ---- life ------------------------------------------------------------------------------------ */

int grpc_server_open(struct grpc_server **out, uv_loop_t *loop, const struct grpc_limits *limits,
                     const struct grpc_method *methods, void *service_arg, struct err *err)
{
    struct grpc_server *server = calloc(1, sizeof(*server));

    if (server == NULL)
        return err_set(err, ERR_NO_MEMORY, "gRPC server");
    server->loop = loop;
    server->limits = *limits;
    server->methods = methods;
    server->service_arg = service_arg;
    list_init(&server->listeners);
    list_init(&server->conns);
    grpc_pump_open(&server->pump, loop);
    grpc_gate_open(server);
    *out = server;
    return 0;
}

size_t grpc_server_connections(const struct grpc_server *server)
{
    return server->conn_count;
}

void grpc_server_close(struct grpc_server *server, void (*on_closed)(void *arg), void *arg)
{
    server->closing = true;
    server->on_closed = on_closed;
    server->closed_arg = arg;
    list_each_safe (it, next, &server->listeners) {
        grpc_listener_close(list_entry(it, struct grpc_listener, node));
    }
    list_each (it, &server->conns) {
        grpc_conn_stop(list_entry(it, struct grpc_conn, node));
    }
    grpc_server_check_closed(server);
}

void grpc_server_check_closed(struct grpc_server *server)
{
    if (server->closing && server->listener_count == 0 && server->conn_count == 0)
        uv_close((uv_handle_t *)&server->gate.timer, on_gate_closed);
}

static void on_gate_closed(uv_handle_t *handle)
{
    struct grpc_server *server = handle->data;

    grpc_pump_close(&server->pump, on_pump_closed);
}

static void on_pump_closed(struct grpc_pump *pump)
{
    struct grpc_server *server = list_entry(pump, struct grpc_server, pump);
    void (*on_closed)(void *arg) = server->on_closed;
    void *arg = server->closed_arg;

    free(server);
    if (on_closed != NULL)
        on_closed(arg);
}
