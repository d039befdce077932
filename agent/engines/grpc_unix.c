#include "agent/engines/grpc_unix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/grpc.h"
#include "common/grpc_status.h"
#include "common/h2.h"
#include "common/utf8.h"

#define NS_PER_MS 1000000u
#define NO_STATUS (-1)
#define H2_CANCEL 0x8 /* RFC 9113 section 7 */
#define IO_BYTES (64u * 1024)

/* A call's answer needs few headers, and its messages come as fast as they are read here. */
static const struct h2_limits h2_limits = {
    .streams_max = 1,
    .header_bytes_max = 16 * 1024,
    .header_count_max = 64,
    .window_bytes = 1024 * 1024,
    .conn_window_bytes = 1024 * 1024,
    .send_queue_max = 64 * 1024,
    .resets_per_minute = 1000,
};

/* The call under way. */
struct answer {
    int32_t stream;
    bool over;
    bool http_ok; /* the first header list was gRPC's */
    int status;   /* NO_STATUS until it came */
    char text[3 * GRPC_MESSAGE_TEXT_MAX];
    uint8_t prefix[GRPC_PREFIX];
    size_t prefix_len, message_len;
    struct buf message;
    size_t total; /* bytes of all messages so far */
    size_t count; /* messages */
    grpc_unix_message_fn *on_message;
    void *arg;
    struct err err; /* why it was ended here */
};

struct grpc_unix {
    char name[128];
    struct grpc_unix_limits limits;
    int socket_fd;        /* the caller's */
    int fd;               /* -1: not connected */
    uint64_t deadline_ns; /* of all calls */
    struct h2 *h2;
    bool going_away; /* the peer takes no further calls on this connection */
    struct buf out;
    struct answer answer;
};

/* ---- the answer ------------------------------------------------------------------------------ */

/* Ends the call from here, for what the peer sent or what on_message said. */
static void give_up(struct grpc_unix *c)
{
    c->answer.over = true;
    h2_reset(c->h2, c->answer.stream, H2_CANCEL);
}

static const char *value_of(const struct h2_header *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0)
            return list[i].value;
    }
    return NULL;
}

/* A trailers-only answer has its status in the first header list, which then is the only one. */
static void on_headers(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                       bool trailers, bool end_stream, void *arg)
{
    struct grpc_unix *c = arg;
    struct answer *a = &c->answer;
    const char *http = value_of(list, count, ":status");
    const char *type = value_of(list, count, "content-type");
    const char *status = value_of(list, count, "grpc-status");
    const char *text = value_of(list, count, "grpc-message");

    (void)h;
    if (stream != a->stream || a->over)
        return;
    if (!trailers) {
        a->http_ok = http != NULL && strcmp(http, "200") == 0 && grpc_is_content_type(type);
        if (!a->http_ok) {
            err_set(&a->err, ERR_PROTOCOL, "no gRPC: HTTP status %.3s, content type %.60s",
                    http != NULL ? http : "none", type != NULL ? type : "none");
            give_up(c);
            return;
        }
    }
    if (end_stream && status != NULL) {
        a->status = grpc_status_parse(status);
        snprintf(a->text, sizeof(a->text), "%s", text != NULL ? text : "");
        grpc_message_decode(a->text);
        a->text[utf8_cut(a->text, strnlen(a->text, GRPC_MESSAGE_TEXT_MAX))] = '\0';
    }
}

/* The lengths are checked before one byte of the message is kept. */
static int check_prefix(struct grpc_unix *c)
{
    struct answer *a = &c->answer;
    uint32_t len;

    memcpy(&len, a->prefix + 1, sizeof(len));
    a->message_len = ntohl(len);
    if (a->prefix[0] != 0)
        return err_set(&a->err, ERR_PROTOCOL, "a compressed message, which was not asked for");
    if (a->message_len > c->limits.message_max)
        return err_set(&a->err, ERR_LIMIT, "a message of %zu bytes is over the limit of %zu",
                       a->message_len, c->limits.message_max);
    if (a->message_len > c->limits.answer_max - a->total)
        return err_set(&a->err, ERR_LIMIT, "the answer is over the limit of %zu bytes",
                       c->limits.answer_max);
    a->total += a->message_len;
    buf_reset(&a->message);
    return 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Takes what belongs to the prefix or to the message behind it. Returns how much, 0 on failure. */
static size_t take(struct grpc_unix *c, const uint8_t *data, size_t len)
{
    struct answer *a = &c->answer;
    size_t n = 0;

    if (a->prefix_len < GRPC_PREFIX) {
        n = least(len, GRPC_PREFIX - a->prefix_len);
        memcpy(a->prefix + a->prefix_len, data, n);
        a->prefix_len += n;
        if (a->prefix_len < GRPC_PREFIX)
            return n;
        if (check_prefix(c) != 0)
            return 0;
    } else {
        n = least(len, a->message_len - a->message.len);
        if (buf_add(&a->message, data, n, &a->err) != 0)
            return 0;
    }
    if (a->message.len < a->message_len)
        return n;
    a->prefix_len = 0;
    a->count++;
    if (a->on_message(a->arg, (const uint8_t *)buf_str(&a->message), a->message.len, &a->err) != 0)
        return 0;
    return n;
}

static void on_data(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    struct grpc_unix *c = arg;

    h2_consume(h, stream, len);
    while (len > 0 && stream == c->answer.stream && !c->answer.over) {
        size_t n = take(c, data, len);

        if (n == 0) {
            give_up(c);
            return;
        }
        data += n;
        len -= n;
    }
}

static void on_end(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    (void)stream;
    (void)arg; /* without trailers: on_stream_closed() finds no status */
}

/* A reset without a status says by its code what happened. */
static void on_stream_closed(struct h2 *h, int32_t stream, uint32_t error_code, void *arg)
{
    struct grpc_unix *c = arg;
    struct answer *a = &c->answer;
    const char *trouble = h2_trouble(h);

    if (stream != a->stream || a->over)
        return;
    a->over = true;
    if (a->status == NO_STATUS && error_code == 0) {
        err_set(&a->err, ERR_PROTOCOL, "the answer ended without a status");
    } else if (a->status == NO_STATUS) {
        a->status = grpc_status_of_reset(error_code);
        snprintf(a->text, sizeof(a->text), "the stream was reset, HTTP/2 error %u%s%s", error_code,
                 *trouble == '\0' ? "" : ": ", trouble);
    } else if (a->status == GRPC_OK && a->prefix_len > 0) {
        err_set(&a->err, ERR_PROTOCOL, "the answer ended inside a message");
    }
}

static void on_writable(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    (void)stream;
    (void)arg; /* a request is queued whole */
}

static void on_goaway(struct h2 *h, void *arg)
{
    struct grpc_unix *c = arg;

    (void)h;
    c->going_away = true;
}

static const struct h2_handler h2_events = {
    .on_headers = on_headers,
    .on_data = on_data,
    .on_end = on_end,
    .on_stream_closed = on_stream_closed,
    .on_writable = on_writable,
    .on_goaway = on_goaway,
};

/* ---- the connection -------------------------------------------------------------------------- */

int grpc_unix_open(struct grpc_unix **out, int socket_fd, const char *name,
                   const struct grpc_unix_limits *limits, struct err *err)
{
    struct grpc_unix *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to ask %s", name);
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->limits = *limits;
    c->socket_fd = socket_fd;
    c->fd = -1;
    c->deadline_ns = clock_mono_ns() + (uint64_t)limits->total_ms * NS_PER_MS;
    buf_init(&c->out, IO_BYTES);
    buf_init(&c->answer.message, limits->message_max);
    *out = c;
    return 0;
}

static void disconnect(struct grpc_unix *c)
{
    h2_close(&c->h2);
    cleanup_fd(&c->fd);
    c->fd = -1;
    c->going_away = false;
    buf_reset(&c->out);
}

void grpc_unix_close(struct grpc_unix **c)
{
    struct grpc_unix *client = steal(c);

    if (client == NULL)
        return;
    disconnect(client);
    buf_close(&client->out);
    buf_close(&client->answer.message);
    free(client);
}

/* Milliseconds until then, rounded up; 0 where it has passed. */
static int left_ms(uint64_t deadline_ns)
{
    uint64_t now = clock_mono_ns();

    return now < deadline_ns ? (int)((deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* connect() to a unix socket waits while the peer's backlog is full, as long as SO_SNDTIMEO says.
 * The process's own /proc path keeps symlinks inside the host's root and the path short. */
static int connect_socket(struct grpc_unix *c, uint64_t deadline_ns, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ms = left_ms(deadline_ns);
    struct timeval patience = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 + 1};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", c->socket_fd);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0)
        return err_errno(err, ERR_IO, errno, "make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        error = errno;
        if (error == EAGAIN)
            return err_set(err, ERR_TIMEOUT, "connecting took too long");
        return err_errno(err, error == EACCES || error == EPERM ? ERR_DENIED : ERR_UNAVAILABLE,
                         error, "connect");
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return err_errno(err, ERR_IO, errno, "make a socket");
    c->fd = steal_fd(&fd);
    return 0;
}

static int be_connected(struct grpc_unix *c, uint64_t deadline_ns, struct err *err)
{
    if (c->going_away)
        disconnect(c);
    if (c->h2 != NULL)
        return 0;
    if (connect_socket(c, deadline_ns, err) != 0)
        return -1;
    return h2_open(&c->h2, false, &h2_limits, &h2_events, c, err);
}

/* To a peer that closed its end nothing is written any more; what it said before is still read. */
static int write_some(struct grpc_unix *c, struct err *err)
{
    ssize_t n;

    if (h2_pull(c->h2, &c->out, err) != 0)
        return -1;
    while (c->out.len > 0) {
        n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && errno != EPIPE && errno != ECONNRESET)
            return err_errno(err, ERR_UNAVAILABLE, errno, "send");
        buf_consume(&c->out, n < 0 ? c->out.len : (size_t)n);
    }
    return 0;
}

static int read_some(struct grpc_unix *c, struct err *err)
{
    uint8_t data[IO_BYTES];
    const char *trouble;
    ssize_t n;

    do
        n = recv(c->fd, data, sizeof(data), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0 && errno != ECONNRESET)
        return err_errno(err, ERR_UNAVAILABLE, errno, "receive");
    if (n > 0)
        return h2_feed(c->h2, data, (size_t)n, err);
    trouble = h2_trouble(c->h2);
    return err_set(err, ERR_UNAVAILABLE, "it closed the connection before the answer's end%s%s",
                   *trouble == '\0' ? "" : ": ", trouble);
}

/* Until the call is over, or nothing can come of it any more. */
static int exchange(struct grpc_unix *c, uint64_t deadline_ns, struct err *err)
{
    struct pollfd p = {.fd = c->fd};
    int ms, ready;

    for (;;) {
        if (write_some(c, err) != 0)
            return -1;
        if (c->answer.over)
            return 0;
        if (h2_is_done(c->h2))
            return err_set(err, ERR_PROTOCOL, "it does not speak HTTP/2: %s", h2_trouble(c->h2));
        ms = left_ms(deadline_ns);
        if (ms == 0)
            return err_set(err, ERR_TIMEOUT, "no answer in time");
        p.events = (short)(POLLIN | (c->out.len > 0 || h2_wants_write(c->h2) ? POLLOUT : 0));
        ready = poll(&p, 1, ms);
        if (ready < 0 && errno != EINTR)
            return err_errno(err, ERR_IO, errno, "poll");
        if (ready > 0 && (p.revents & ~POLLOUT) != 0 && read_some(c, err) != 0 && !c->answer.over)
            return -1;
    }
}

/* ---- a call ---------------------------------------------------------------------------------- */

static int begin(struct grpc_unix *c, const struct grpc_unix_call *call, struct err *err)
{
    const struct h2_header list[] = {
        {":method", "POST"},
        {":scheme", "http"},
        {":path", call->path},
        {":authority", "localhost"},
        {"content-type", "application/grpc"},
        {"te", "trailers"},
        {"containerd-namespace", call->space},
    };
    size_t count = sizeof(list) / sizeof(list[0]) - (call->space == NULL ? 1 : 0);
    uint32_t len = htonl((uint32_t)call->request_len);
    uint8_t prefix[GRPC_PREFIX] = {0};

    memcpy(prefix + 1, &len, sizeof(len));
    c->answer.stream = h2_request(c->h2, list, count, err);
    if (c->answer.stream < 0)
        return -1;
    if (h2_send_two(c->h2, c->answer.stream, prefix, sizeof(prefix), call->request,
                    call->request_len, err) != 0)
        return -1;
    return h2_finish(c->h2, c->answer.stream, NULL, 0, err);
}

static enum err_kind kind_of_status(int status)
{
    switch (status) {
    case GRPC_NOT_FOUND:
        return ERR_NOT_FOUND;
    case GRPC_UNIMPLEMENTED:
        return ERR_VERSION;
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
        return ERR_DENIED;
    case GRPC_UNAVAILABLE:
    case GRPC_CANCELLED:
    case GRPC_ABORTED:
        return ERR_UNAVAILABLE;
    case GRPC_DEADLINE_EXCEEDED:
        return ERR_TIMEOUT;
    case GRPC_RESOURCE_EXHAUSTED:
        return ERR_LIMIT;
    default:
        return ERR_PROTOCOL;
    }
}

static void reset_answer(struct answer *a, grpc_unix_message_fn *on_message, void *arg)
{
    struct buf message = a->message;

    *a = (struct answer){.status = NO_STATUS, .on_message = on_message, .arg = arg};
    a->message = message;
    buf_reset(&a->message);
}

static int perform(struct grpc_unix *c, const struct grpc_unix_call *call, struct err *err)
{
    const struct answer *a = &c->answer;
    uint64_t deadline_ns = clock_mono_ns() + (uint64_t)c->limits.call_ms * NS_PER_MS;

    if (deadline_ns > c->deadline_ns)
        deadline_ns = c->deadline_ns;
    if (left_ms(deadline_ns) == 0)
        return err_set(err, ERR_TIMEOUT, "no time left");
    if (be_connected(c, deadline_ns, err) != 0 || begin(c, call, err) != 0 ||
        exchange(c, deadline_ns, err) != 0) {
        disconnect(c);
        return -1;
    }
    if (a->err.kind != ERR_NONE) {
        disconnect(c);
        return err_set(err, a->err.kind, "%s", a->err.text);
    }
    if (a->status != GRPC_OK)
        return err_set(err, kind_of_status(a->status), "%s: %s", grpc_status_name(a->status),
                       a->text);
    if (!call->stream && a->count != 1)
        return err_set(err, ERR_PROTOCOL, "%zu messages where one was to come", a->count);
    return 0;
}

int grpc_unix_call(struct grpc_unix *c, const struct grpc_unix_call *call,
                   grpc_unix_message_fn *on_message, void *arg, struct err *err)
{
    struct err why;

    reset_answer(&c->answer, on_message, arg);
    if (perform(c, call, &why) == 0)
        return 0;
    return err_set(err, why.kind, "%s %s: %s", c->name, call->path, why.text);
}
