#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/grpc_server.h"

#define BACKLOG 1024 /* a fleet that comes back at once; the kernel cuts at somaxconn */

static void on_connection(uv_stream_t *stream, int status);
static void on_listener_closed(uv_handle_t *handle);

static void close_found(struct addrinfo **found)
{
    if (*found != NULL)
        freeaddrinfo(*found);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct grpc_listener *listener = stream->data;
    struct err err;

    if (status == 0) {
        grpc_gate_knock(listener);
        return;
    }
    uvx_fail(&err, status, "accept");
    grpc_server_complain(listener->server, "", &err);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct grpc_listener *listener = handle->data;
    struct grpc_server *server = listener->server;

    free(listener);
    server->listener_count--;
    grpc_server_check_closed(server);
}

void grpc_listener_close(struct grpc_listener *listener)
{
    list_remove(&listener->node);
    list_remove(&listener->waiting);
    uv_close(&listener->io.handle, on_listener_closed);
}

static struct grpc_listener *listener_new(struct grpc_server *server, bool is_unix,
                                          struct tls_context *tls, struct err *err)
{
    struct grpc_listener *listener = calloc(1, sizeof(*listener));
    int rc;

    if (listener == NULL) {
        err_set(err, ERR_NO_MEMORY, "listener");
        return NULL;
    }
    listener->server = server;
    listener->is_unix = is_unix;
    listener->tls = tls;
    rc = is_unix ? uv_pipe_init(server->loop, &listener->io.pipe, 0)
                 : uv_tcp_init(server->loop, &listener->io.tcp);
    if (rc != 0) {
        free(listener);
        uvx_fail(err, rc, "listener");
        return NULL;
    }
    listener->io.handle.data = listener;
    list_init(&listener->waiting);
    list_push(&server->listeners, &listener->node);
    server->listener_count++;
    return listener;
}

/* ---- unix ------------------------------------------------------------------------------------ */

/* Whether somebody accepts at this path. */
static bool is_answered(const char *path)
{
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    memcpy(sun.sun_path, path, strlen(path) + 1); /* its length is checked */
    if (fd < 0)
        return true; /* unknown: rather no service than somebody else's socket gone */
    return connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 || errno != ECONNREFUSED;
}

/* Removes a socket that a killed server left behind; nothing else. */
static int clear_stale(const char *path, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_errno(err, ERR_IO, errno, "unix socket %s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFLICT,
                       "unix socket %s: a file that is no socket is there: "
                       "remove it or choose another path",
                       path);
    if (is_answered(path))
        return err_set(err, ERR_CONFLICT,
                       "unix socket %s: address already in use: another server "
                       "answers there: stop it or choose another path",
                       path);
    if (unlink(path) != 0 && errno != ENOENT)
        return err_errno(err, ERR_IO, errno, "unix socket %s", path);
    return 0;
}

static int listen_unix(struct grpc_server *server, const char *path, struct tls_context *tls,
                       struct err *err)
{
    struct grpc_listener *listener;
    int rc;

    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return err_set(err, ERR_USAGE, "unix socket %s: the path is too long", path);
    if (clear_stale(path, err) != 0)
        return -1;
    listener = listener_new(server, true, tls, err);
    if (listener == NULL)
        return -1;
    rc = uv_pipe_bind(&listener->io.pipe, path);
    if (rc == 0)
        rc = uv_listen(&listener->io.stream, BACKLOG, on_connection);
    if (rc == 0)
        return 0;
    grpc_listener_close(listener);
    if (rc == UV_EACCES) /* libuv says so also where the folder is missing */
        return err_set(err, ERR_DENIED,
                       "listen on unix socket %s: its folder does not exist or may not be written: "
                       "make it, or check its owner and mode",
                       path);
    return uvx_fail(err, rc, "listen on unix socket %s", path);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static int listen_at(struct grpc_server *server, const struct sockaddr *sa, struct tls_context *tls)
{
    struct grpc_listener *listener = listener_new(server, false, tls, NULL);
    int rc;

    if (listener == NULL)
        return UV_ENOMEM;
    rc = uv_tcp_bind(&listener->io.tcp, sa, 0);
    if (rc == 0)
        rc = uv_listen(&listener->io.stream, BACKLOG, on_connection);
    if (rc != 0)
        grpc_listener_close(listener);
    return rc;
}

/* What to do about it, where we know. */
static const char *advice(int rc)
{
    switch (rc) {
    case UV_EADDRINUSE:
        return ": stop the program that listens there (ss -ltnp shows it) or choose another port";
    case UV_EADDRNOTAVAIL:
        return ": this machine does not have it: name one that it has (ip address shows them)";
    case UV_EACCES:
        return ": choose a port from 1024, or give the right to use a lower one "
               "(CAP_NET_BIND_SERVICE)";
    default:
        return "";
    }
}

static int fail_listen(const struct uvx_address *a, int rc, struct err *err)
{
    enum err_kind kind = rc == UV_EADDRINUSE ? ERR_CONFLICT : rc == UV_EACCES ? ERR_DENIED : ERR_IO;
    bool v6 = strchr(a->host, ':') != NULL;
    char reason[128];

    return err_set(err, kind, "listen on %s%s%s:%s: %s%s", v6 ? "[" : "", a->host, v6 ? "]" : "",
                   a->port, uv_strerror_r(rc, reason, sizeof(reason)), advice(rc));
}

static void set_port(struct sockaddr *sa, int port)
{
    if (sa->sa_family == AF_INET)
        ((struct sockaddr_in *)sa)->sin_port = htons((uint16_t)port);
    else if (sa->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)sa)->sin6_port = htons((uint16_t)port);
}

/* Every address of the name, all on one port. An address that this machine does not have (IPv6
 * switched off) is no failure as long as another one works. */
static int listen_all(struct grpc_server *server, const struct uvx_address *a,
                      struct addrinfo *found, struct tls_context *tls, struct err *err)
{
    bool listening = false;
    int rc, last = UV_EADDRNOTAVAIL;

    for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next) {
        if (listening && strcmp(a->port, "0") == 0)
            set_port(ai->ai_addr, grpc_server_port(server));
        rc = listen_at(server, ai->ai_addr, tls);
        if (rc == 0)
            listening = true;
        else if (rc != UV_EADDRNOTAVAIL && rc != UV_EAFNOSUPPORT)
            return fail_listen(a, rc, err);
        else
            last = rc;
    }
    return listening ? 0 : fail_listen(a, last, err);
}

/* No host: every address of this machine, by one dual-stack socket where there is IPv6. */
static int listen_any(struct grpc_server *server, const struct uvx_address *a,
                      struct tls_context *tls, struct err *err)
{
    uint16_t port = htons((uint16_t)strtol(a->port, NULL, 10));
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_ANY_INIT};
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr = {htonl(INADDR_ANY)}};
    int rc;

    rc = listen_at(server, (struct sockaddr *)&in6, tls);
    if (rc == UV_EADDRNOTAVAIL || rc == UV_EAFNOSUPPORT)
        rc = listen_at(server, (struct sockaddr *)&in, tls);
    return rc == 0 ? 0 : fail_listen(a, rc, err);
}

int grpc_server_listen(struct grpc_server *server, const struct uvx_address *address,
                       struct tls_context *tls, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    AUTO(close_found) struct addrinfo *found = NULL;
    int rc;

    if (address->is_unix)
        return listen_unix(server, address->host, tls, err);
    if (address->host[0] == '\0')
        return listen_any(server, address, tls, err);
    rc = getaddrinfo(address->host, address->port, &hints, &found);
    if (rc != 0)
        return err_set(
            err, ERR_UNAVAILABLE,
            "listen on \"%s\": %s: give an address of this machine, or a name of it that "
            "resolves",
            address->host, gai_strerror(rc));
    return listen_all(server, address, found, tls, err);
}

int grpc_server_port(const struct grpc_server *server)
{
    list_each (it, &server->listeners) {
        const struct grpc_listener *listener = list_entry(it, struct grpc_listener, node);
        struct sockaddr_storage ss;
        int len = sizeof(ss);

        if (listener->is_unix ||
            uv_tcp_getsockname(&listener->io.tcp, (struct sockaddr *)&ss, &len) != 0)
            continue;
        return ntohs(ss.ss_family == AF_INET ? ((struct sockaddr_in *)&ss)->sin_port
                                             : ((struct sockaddr_in6 *)&ss)->sin6_port);
    }
    return 0;
}
