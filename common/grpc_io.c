#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/grpc_conn.h"

#define PLAIN_BYTES_MAX (128 * 1024) /* of one read and a record begun before it */
#define PULL_BYTES_MAX (64 * 1024)   /* taken from HTTP/2 for one write */
#define CIPHER_BYTES_MAX (2 * PULL_BYTES_MAX)
#define WRITE_QUEUE_MAX (256 * 1024) /* in libuv; beyond, nothing is taken from HTTP/2 */
#define CONN_WINDOW_MAX (16 * 1024 * 1024)
#define HEADER_BYTES_MAX (16 * 1024)
#define HEADER_COUNT_MAX 100
#define CONTROL_PER_MINUTE 800 /* nghttp2's own limit, without words, is 1,000 resets at once */

/* libuv's callbacks, in time order. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out);
static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf);
static void on_written(uv_write_t *req, int status);
static void on_shutdown(uv_shutdown_t *req, int status);

/* ---- writing --------------------------------------------------------------------------------- */

uint64_t grpc_io_queued(const struct grpc_conn *conn)
{
    return conn->io_open ? conn->io.stream.write_queue_size : 0;
}

struct write {
    uv_write_t req;
    struct grpc_conn *conn; /* valid unless status is UV_ECANCELED */
    uint8_t data[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write *w = req->data;
    struct grpc_conn *conn = w->conn;

    if (status != UV_ECANCELED && conn->state != GRPC_CONN_CLOSING) {
        if (status != 0 && conn->why.kind == ERR_NONE) {
            conn->dead = true;
            uvx_fail(&conn->why, status, "write to %s", conn->peer);
        }
        grpc_conn_mark(conn);
    }
    free(w);
}

static int queue_bytes(struct grpc_conn *conn, const uint8_t *data, size_t len, struct err *err)
{
    struct write *w = malloc(sizeof(*w) + len);
    uv_buf_t b;
    int rc;

    if (w == NULL)
        return err_set(err, ERR_NO_MEMORY, "write to %s", conn->peer);
    memcpy(w->data, data, len);
    w->conn = conn;
    w->req.data = w;
    b = uv_buf_init((char *)w->data, (unsigned)len);
    if (grpc_io_queued(conn) == 0)
        conn->moved = uv_now(conn->timer.loop);
    rc = uv_write(&w->req, &conn->io.stream, &b, 1, on_written);
    if (rc != 0) {
        free(w);
        return uvx_fail(err, rc, "write to %s", conn->peer);
    }
    return 0;
}

/* Most writes fit the kernel's buffer and need neither a copy nor a request. */
static int send_bytes(struct grpc_conn *conn, const struct buf *bytes, struct err *err)
{
    uv_buf_t b = uv_buf_init((char *)bytes->data, (unsigned)bytes->len);
    int n = 0;

    if (bytes->len == 0)
        return 0;
    conn->given += bytes->len;
    if (grpc_io_queued(conn) == 0)
        n = uv_try_write(&conn->io.stream, &b, 1);
    if (n == UV_EAGAIN)
        n = 0;
    if (n < 0)
        return uvx_fail(err, n, "write to %s", conn->peer);
    if ((size_t)n == bytes->len)
        return 0;
    return queue_bytes(conn, bytes->data + n, bytes->len - (size_t)n, err);
}

static int send_cipher(struct grpc_conn *conn, struct err *err)
{
    int rc = send_bytes(conn, &conn->cipher, err);

    buf_close(&conn->cipher);
    return rc;
}

static int send_plain(struct grpc_conn *conn, const struct buf *plain, struct err *err)
{
    if (conn->tls == NULL)
        return send_bytes(conn, plain, err);
    if (tls_write(conn->tls, plain->data, plain->len, &conn->cipher, err) != 0)
        return -1;
    return send_cipher(conn, err);
}

static void transport_failed(struct grpc_conn *conn, const struct err *why)
{
    conn->dead = true;
    grpc_conn_fail(conn, why);
}

void grpc_io_write(struct grpc_conn *conn)
{
    AUTO(buf_close) struct buf plain;
    struct err err;
    int rc;

    buf_init(&plain, PULL_BYTES_MAX);
    while (conn->h2 != NULL && !conn->dead && grpc_io_queued(conn) < WRITE_QUEUE_MAX) {
        buf_reset(&plain);
        rc = h2_pull(conn->h2, &plain, &err);
        if (rc != 0)
            grpc_conn_fail(conn, &err);
        if (plain.len > 0 && send_plain(conn, &plain, &err) != 0)
            transport_failed(conn, &err);
        if (rc != 0 || plain.len == 0)
            break;
    }
    if (conn->cipher.len > 0 && !conn->dead && grpc_io_queued(conn) < WRITE_QUEUE_MAX &&
        send_cipher(conn, &err) != 0)
        transport_failed(conn, &err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static uint32_t conn_window(uint32_t calls_max)
{
    uint64_t window = (uint64_t)GRPC_WINDOW * calls_max;

    return window < CONN_WINDOW_MAX ? (uint32_t)window : CONN_WINDOW_MAX;
}

static int begin_h2(struct grpc_conn *conn, struct err *err)
{
    const struct grpc_limits *l = conn->limits;
    struct h2_limits limits = {
        .streams_max = l->calls_max,
        .header_bytes_max = HEADER_BYTES_MAX,
        .header_count_max = HEADER_COUNT_MAX,
        .window_bytes = GRPC_WINDOW,
        .conn_window_bytes = conn_window(l->calls_max),
        .send_queue_max = l->send_queue_max,
        .resets_per_minute = CONTROL_PER_MINUTE,
    };

    if (limits.send_queue_max < l->message_max + GRPC_PREFIX) /* else the longest never fits */
        limits.send_queue_max = l->message_max + GRPC_PREFIX;
    if (h2_open(&conn->h2, conn->server, &limits, &grpc_conn_h2_events, conn, err) != 0)
        return -1;
    if (conn->server) /* its first call may come with the preface */
        grpc_conn_move(conn, GRPC_CONN_OPEN);
    return 0;
}

/* A client that meets a TLS server with plaintext, or the reverse, should read so. */
static void explain_plaintext(const struct grpc_conn *conn, const uint8_t *data, size_t len,
                              struct err *err)
{
    bool hello = len >= 2 && data[0] == 0x16 && data[1] == 0x03; /* TLS handshake record */
    bool alert = len >= 2 && data[0] == 0x15 && data[1] == 0x03;

    if (conn->tls == NULL && !h2_peer_ready(conn->h2) && (hello || alert))
        err_set(err, ERR_PROTOCOL, "the peer speaks TLS, and plaintext is configured here");
}

static void receive_plain(struct grpc_conn *conn, const uint8_t *data, size_t len)
{
    struct err err;

    if (conn->h2 == NULL && begin_h2(conn, &err) != 0) {
        grpc_conn_fail(conn, &err);
        return;
    }
    if (h2_feed(conn->h2, data, len, &err) != 0) {
        explain_plaintext(conn, data, len, &err);
        grpc_conn_fail(conn, &err);
        return;
    }
    if (conn->state == GRPC_CONN_HANDSHAKE && h2_peer_ready(conn->h2) &&
        conn->why.kind == ERR_NONE) {
        grpc_conn_move(conn, GRPC_CONN_OPEN);
        grpc_conn_deadline(conn, 0);
        conn->events->on_ready(conn);
    }
}

static void receive_cipher(struct grpc_conn *conn, const uint8_t *data, size_t len)
{
    AUTO(buf_close) struct buf plain;
    struct err err;
    int rc;

    buf_init(&plain, PLAIN_BYTES_MAX);
    rc = tls_feed(conn->tls, data, len, &plain, &conn->cipher, &err);
    if (tls_ready(conn->tls) && (plain.len > 0 || conn->h2 == NULL))
        receive_plain(conn, plain.data, plain.len);
    if (rc != 0)
        grpc_conn_fail(conn, &err);
    else if (tls_peer_closed(conn->tls))
        grpc_conn_fail_text(conn, ERR_UNAVAILABLE, "the peer closed the connection");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    const struct grpc_conn *conn = handle->data;

    (void)suggested;
    *out = grpc_pump_lend(conn->pump);
}

static void on_lost(struct grpc_conn *conn, int status)
{
    struct err err;

    if (status == UV_ENOBUFS)
        err_set(&err, ERR_NO_MEMORY, "read from %s", conn->peer);
    else if (status == UV_EOF && conn->state == GRPC_CONN_HANDSHAKE && conn->tls == NULL)
        err_set(&err, ERR_UNAVAILABLE,
                "%s closed the connection before HTTP/2 began: does it expect TLS?", conn->peer);
    else if (status == UV_EOF)
        err_set(&err, ERR_UNAVAILABLE, "%s closed the connection", conn->peer);
    else
        uvx_fail(&err, status, "read from %s", conn->peer);
    if (status != UV_ENOBUFS)
        conn->dead = true;
    uv_read_stop(&conn->io.stream);
    grpc_conn_fail(conn, &err);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    const uint8_t *bytes = (const uint8_t *)buf->base;
    struct grpc_conn *conn = stream->data;

    if (nread < 0) {
        on_lost(conn, (int)nread);
        return;
    }
    if (nread == 0)
        return;
    conn->heard = uv_now(stream->loop);
    conn->pinged = false;
    if (conn->state >= GRPC_CONN_LINGERING || conn->why.kind != ERR_NONE)
        return;
    if (conn->tls != NULL)
        receive_cipher(conn, bytes, (size_t)nread);
    else
        receive_plain(conn, bytes, (size_t)nread);
    grpc_conn_mark(conn);
}

/* ---- beginning and ending -------------------------------------------------------------------- */

static int begin_tls(struct grpc_conn *conn, struct tls_context *ctx, const char *server_name,
                     struct err *err)
{
    if (tls_open(&conn->tls, ctx, server_name, err) != 0)
        return -1;
    if (conn->server)
        return 0;
    if (conn->ticket != NULL)
        tls_use_ticket(conn->tls, conn->ticket);
    return tls_start(conn->tls, &conn->cipher, err);
}

int grpc_io_begin(struct grpc_conn *conn, struct tls_context *ctx, const char *server_name,
                  struct err *err)
{
    int rc;

    conn->heard = conn->moved = uv_now(conn->timer.loop);
    buf_init(&conn->cipher, CIPHER_BYTES_MAX);
    grpc_conn_move(conn, GRPC_CONN_HANDSHAKE);
    if (ctx != NULL && begin_tls(conn, ctx, server_name, err) != 0)
        return -1;
    if (ctx == NULL && begin_h2(conn, err) != 0)
        return -1;
    rc = uv_read_start(&conn->io.stream, on_alloc, on_read);
    if (rc != 0)
        return uvx_fail(err, rc, "read from %s", conn->peer);
    grpc_conn_mark(conn);
    return 0;
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct grpc_conn *conn = req->data;

    (void)status; /* the peer's end of file or the deadline closes */
    grpc_conn_unref(conn);
}

void grpc_io_end(struct grpc_conn *conn)
{
    if (conn->tls != NULL &&
        (tls_shutdown(conn->tls, &conn->cipher, NULL) != 0 || send_cipher(conn, NULL) != 0))
        conn->dead = true;
    if (!conn->dead && uv_shutdown(&conn->shutdown, &conn->io.stream, on_shutdown) == 0)
        conn->refs++;
    else
        conn->dead = true;
}
