#include "tests/support/grpc_peer.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/check.h"
#include "common/h2.h"

#define IO_BYTES 16384
#define H2_INTERNAL_ERROR 0x2

static const struct h2_limits limits = {
    .streams_max = 16,
    .header_bytes_max = 16384,
    .header_count_max = 64,
    .window_bytes = 65536,
    .conn_window_bytes = 65536,
    .send_queue_max = 64 << 20,
    .resets_per_minute = 100000,
};

/* One connection. */
struct talk {
    const struct grpc_peer *peer;
    const struct grpc_peer_answer *endless; /* being sent over and over */
    int32_t endless_stream;
};

static const char *value_of(const struct h2_header *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0)
            return list[i].value;
    }
    return "";
}

static const struct grpc_peer_answer *answer_to(const struct grpc_peer *p, const char *path,
                                                const char *space)
{
    static const struct grpc_peer_answer unknown = {.status = "12",
                                                    .text = "unknown service of this test"};

    for (size_t i = 0; i < p->count; i++) {
        const struct grpc_peer_answer *a = &p->answers[i];

        if (strcmp(a->path, path) == 0 && (a->space == NULL || strcmp(a->space, space) == 0))
            return a;
    }
    return &unknown;
}

static const char * or (const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

static void give(struct talk *t, struct h2 *h, int32_t stream, const struct grpc_peer_answer *a)
{
    const struct h2_header head[] = {
        {":status", or (a->http, "200")},
        {"content-type", or (a->type, "application/grpc")},
        {"grpc-status", or (a->status, "0")},
        {"grpc-message", or (a->text, "")},
    };
    bool trailers_only = a->len == 0 && a->status != NULL && a->way == GRPC_PEER_ANSWER;

    if (a->way == GRPC_PEER_SILENT)
        return;
    check(h2_respond(h, stream, head, trailers_only ? 4 : 2, trailers_only, NULL) == 0);
    if (trailers_only)
        return;
    if (a->len > 0)
        check(h2_send(h, stream, a->body, a->len, NULL) == 0);
    if (a->way == GRPC_PEER_ENDLESS) {
        t->endless = a;
        t->endless_stream = stream;
    } else if (a->way == GRPC_PEER_RESET) {
        h2_reset(h, stream, H2_INTERNAL_ERROR);
    } else {
        h2_finish(h, stream, head + 2, a->way == GRPC_PEER_CUT ? 0 : 2, NULL);
    }
}

static void on_headers(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                       bool trailers, bool end_stream, void *arg)
{
    struct talk *t = arg;

    (void)end_stream;
    if (!trailers)
        give(t, h, stream,
             answer_to(t->peer, value_of(list, count, ":path"),
                       value_of(list, count, "containerd-namespace")));
}

static void on_data(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    (void)data;
    (void)arg;
    h2_consume(h, stream, len);
}

static void on_stream(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    (void)stream;
    (void)arg;
}

static void on_stream_closed(struct h2 *h, int32_t stream, uint32_t error_code, void *arg)
{
    struct talk *t = arg;

    (void)h;
    (void)error_code;
    if (stream == t->endless_stream)
        t->endless = NULL;
}

static void on_goaway(struct h2 *h, void *arg)
{
    (void)h;
    (void)arg;
}

static const struct h2_handler handler = {
    .on_headers = on_headers,
    .on_data = on_data,
    .on_end = on_stream,
    .on_stream_closed = on_stream_closed,
    .on_writable = on_stream,
    .on_goaway = on_goaway,
};

static bool send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_due(struct talk *t, struct h2 *h, int fd)
{
    struct buf out;
    bool sent = true;

    if (t->endless != NULL && h2_queued(h, t->endless_stream) < IO_BYTES)
        h2_send(h, t->endless_stream, t->endless->body, t->endless->len, NULL);
    buf_init(&out, 1 << 20);
    do {
        buf_reset(&out);
        sent = h2_pull(h, &out, NULL) == 0 && send_all(fd, out.data, out.len);
    } while (sent && out.len > 0);
    buf_close(&out);
    return sent;
}

static void talk(const struct grpc_peer *p, int fd)
{
    struct talk t = {.peer = p};
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    uint8_t data[IO_BYTES];
    struct h2 *h = NULL;
    ssize_t got = 1;

    check(h2_open(&h, true, &limits, &handler, &t, NULL) == 0);
    while (got > 0 && send_due(&t, h, fd)) {
        if (t.endless != NULL && poll(&wait, 1, t.endless->endless_pause_ms) == 0)
            continue;
        got = recv(fd, data, sizeof(data), 0);
        if (got > 0 && h2_feed(h, data, (size_t)got, NULL) != 0)
            break;
    }
    h2_close(&h);
}

static void talk_raw(const struct grpc_peer *p, int fd)
{
    uint8_t data[IO_BYTES];

    if (p->raw_len == 0 || !send_all(fd, p->raw, p->raw_len))
        return;
    while (recv(fd, data, sizeof(data), 0) > 0)
        ;
}

/* Ends when the listener is shut down. */
static void *serve(void *arg)
{
    struct grpc_peer *p = arg;
    int fd;

    while (!atomic_load(&p->stop) && (fd = accept(p->listener, NULL, NULL)) >= 0) {
        atomic_store(&p->fd, fd);
        if (atomic_load(&p->stop))
            shutdown(fd, SHUT_RDWR);
        if (p->raw != NULL)
            talk_raw(p, fd);
        else
            talk(p, fd);
        atomic_store(&p->fd, -1);
        close(fd);
    }
    return NULL;
}

static void start(struct grpc_peer *p, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    atomic_store(&p->fd, -1);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(p->listener >= 0);
    check(bind(p->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    check(listen(p->listener, 8) == 0);
    check(pthread_create(&p->thread, NULL, serve, p) == 0);
}

void grpc_peer_start(struct grpc_peer *p, const char *path, const struct grpc_peer_answer *answers,
                     size_t count)
{
    *p = (struct grpc_peer){.answers = answers, .count = count};
    start(p, path);
}

void grpc_peer_start_raw(struct grpc_peer *p, const char *path, const void *bytes, size_t len)
{
    *p = (struct grpc_peer){.raw = bytes, .raw_len = len};
    start(p, path);
}

void grpc_peer_stop(struct grpc_peer *p)
{
    int fd;

    atomic_store(&p->stop, true);
    shutdown(p->listener, SHUT_RDWR);
    fd = atomic_load(&p->fd);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
}
