#include "tests/support/h2_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"

static struct raw_stream *find(struct raw *r, int32_t id)
{
    for (size_t i = 0; i < r->stream_count; i++)
        if (r->streams[i].id == id)
            return &r->streams[i];
    return NULL;
}

static void note(const struct h2_header *header, const char *name, char *out, size_t size)
{
    if (strcmp(header->name, name) == 0)
        snprintf(out, size, "%s", header->value);
}

static void on_headers(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                       bool trailers, bool end_stream, void *arg)
{
    struct raw_stream *s = find(arg, stream);

    (void)h;
    (void)trailers;
    if (s == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        note(&list[i], ":status", s->http_status, sizeof(s->http_status));
        note(&list[i], "grpc-status", s->grpc_status, sizeof(s->grpc_status));
        note(&list[i], "grpc-message", s->grpc_message, sizeof(s->grpc_message));
    }
    s->ended = s->ended || end_stream;
}

static void on_data(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    struct raw *r = arg;
    struct raw_stream *s = find(r, stream);
    size_t room = s == NULL ? 0 : sizeof(s->body) - s->body_len;
    size_t kept = len < room ? len : room;

    if (kept > 0) {
        memcpy(s->body + s->body_len, data, kept);
        s->body_len += kept;
    }
    if (!r->hoard)
        h2_consume(h, stream, len);
}

static void on_end(struct h2 *h, int32_t stream, void *arg)
{
    struct raw_stream *s = find(arg, stream);

    (void)h;
    if (s != NULL)
        s->ended = true;
}

static void on_stream_closed(struct h2 *h, int32_t stream, uint32_t code, void *arg)
{
    struct raw_stream *s = find(arg, stream);

    (void)h;
    if (s == NULL)
        return;
    s->closed = true;
    s->reset = code;
}

static void on_writable(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    (void)stream;
    (void)arg;
}

static void on_goaway(struct h2 *h, void *arg)
{
    (void)h;
    ((struct raw *)arg)->goaway = true;
}

static const struct h2_handler handler = {
    .on_headers = on_headers,
    .on_data = on_data,
    .on_end = on_end,
    .on_stream_closed = on_stream_closed,
    .on_writable = on_writable,
    .on_goaway = on_goaway,
};

static int connect_to(int port, const char *unix_path)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(port > 0 ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(fd >= 0);
    if (port > 0) {
        check(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    } else {
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", unix_path);
        check(connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
    }
    check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

void raw_open(struct raw *r, int port, const char *unix_path)
{
    const struct h2_limits limits = {
        .streams_max = 100,
        .header_bytes_max = 65536,
        .header_count_max = 100,
        .window_bytes = 65535,
        .conn_window_bytes = 65535,
        .send_queue_max = 16 * 1024 * 1024,
        .resets_per_minute = 1000000,
    };

    memset(r, 0, sizeof(*r));
    r->fd = connect_to(port, unix_path);
    check(h2_open(&r->h2, false, &limits, &handler, r, NULL) == 0);
}

void raw_close(struct raw *r)
{
    h2_close(&r->h2);
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

size_t raw_bytes(struct raw *r, const void *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = send(r->fd, (const char *)data + done, len - done, MSG_NOSIGNAL);

        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

void raw_settle(struct raw *r)
{
    AUTO(buf_close) struct buf out;
    uint8_t in[65536];
    ssize_t n;

    buf_init(&out, 1024 * 1024);
    check(h2_pull(r->h2, &out, NULL) == 0);
    raw_bytes(r, out.data, out.len);
    while ((n = recv(r->fd, in, sizeof(in), 0)) > 0)
        h2_feed(r->h2, in, (size_t)n, NULL);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        r->eof = true;
}

struct raw_stream *raw_request_as(struct raw *r, const char *method, const char *type,
                                  const char *path)
{
    const struct h2_header list[] = {
        {":method", method}, {":scheme", "http"}, {":path", path},
        {":authority", "x"}, {"te", "trailers"},  {"content-type", type},
    };
    struct raw_stream *s = &r->streams[r->stream_count % RAW_STREAMS];

    memset(s, 0, sizeof(*s));
    s->id = h2_request(r->h2, list, 6, NULL);
    check(s->id > 0);
    if (r->stream_count < RAW_STREAMS)
        r->stream_count++;
    raw_settle(r);
    return s;
}

struct raw_stream *raw_request(struct raw *r, const char *path)
{
    return raw_request_as(r, "POST", "application/grpc", path);
}

void raw_send(struct raw *r, struct raw_stream *s, const void *data, size_t len)
{
    check(h2_send(r->h2, s->id, data, len, NULL) == 0);
    raw_settle(r);
}
