#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/h2_private.h"

#define MINUTE_NS (60ull * 1000 * 1000 * 1000)

int h2_count_flood(struct h2 *h, const char *what)
{
    uint64_t now = clock_mono_ns();

    if (now - h->minute_start > MINUTE_NS) {
        h->minute_start = now;
        h->minute_count = 0;
    }
    if (++h->minute_count <= h->limits.resets_per_minute)
        return 0;
    err_set(&h->fault, ERR_LIMIT, "HTTP/2: more than %u control frames in a minute, last: %s",
            h->limits.resets_per_minute, what);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s;

    buf_reset(&h->block);
    h->block_count = 0;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = h2_stream_new(h);
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    s->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

/* A list over the limits costs its stream, not the connection. */
int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                 size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct h2 *h = arg;

    (void)session;
    (void)frame;
    (void)flags;
    if (h->block_count >= h->limits.header_count_max ||
        h->block.len + name_len + value_len > h->limits.header_bytes_max ||
        buf_add(&h->block, name, name_len + 1, NULL) != 0 || /* nghttp2 ends both with NUL */
        buf_add(&h->block, value, value_len + 1, NULL) != 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    h->block_count++;
    return 0;
}

int h2_on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                     size_t len, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    struct h2_event e = {.type = H2_EVENT_DATA, .stream = s, .len = len};

    (void)flags;
    if (s == NULL)
        return nghttp2_session_consume(session, id, len) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    s->unconsumed += len;
    return h2_event_push(h, &e, data);
}

/* An informational response (1xx) is not the response. */
static bool is_informational(const struct h2 *h)
{
    static const char status[] = ":status";

    return !h->server && h->block.len > sizeof(status) &&
           memcmp(h->block.data, status, sizeof(status)) == 0 &&
           h->block.data[sizeof(status)] == '1';
}

static int on_headers_frame(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(h->session, frame->hd.stream_id);
    struct h2_event e = {.type = H2_EVENT_HEADERS,
                         .stream = s,
                         .code = (uint32_t)h->block_count,
                         .len = h->block.len,
                         .end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0};
    int rc;

    if (s == NULL || is_informational(h))
        return 0;
    e.trailers = s->final_seen;
    s->final_seen = true;
    s->announced = true;
    rc = h2_event_push(h, &e, h->block.data);
    buf_close(&h->block);
    return rc;
}

static int on_data_frame(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(h->session, frame->hd.stream_id);

    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        return s == NULL ? 0 : h2_event_push_simple(h, H2_EVENT_END, s, 0);
    return frame->hd.length == 0 ? h2_count_flood(h, "empty DATA") : 0;
}

static int on_goaway_frame(struct h2 *h, const nghttp2_goaway *g)
{
    size_t len = g->opaque_data_len < 60 ? g->opaque_data_len : 60;

    if (g->error_code != NGHTTP2_NO_ERROR)
        snprintf(h->trouble, sizeof(h->trouble), "the peer said %s%s%.*s",
                 nghttp2_http2_strerror(g->error_code), len > 0 ? ": " : "", (int)len,
                 len > 0 ? (const char *)g->opaque_data : "");
    return h2_event_push_simple(h, H2_EVENT_GOAWAY, NULL, 0);
}

/* Peers measure the line with pings while they receive data; those are no flood. */
static int count_ping(struct h2 *h)
{
    if (h->ping_credit == 0)
        return h2_count_flood(h, "PING");
    h->ping_credit--;
    return 0;
}

/* Windows are given back for data that we send. */
static int count_window(struct h2 *h)
{
    if (h->window_credit == 0)
        return h2_count_flood(h, "WINDOW_UPDATE");
    h->window_credit--;
    return 0;
}

int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        return on_headers_frame(h, frame);
    case NGHTTP2_DATA:
        return on_data_frame(h, frame);
    case NGHTTP2_SETTINGS:
        h->peer_ready = true;
        return ack ? 0 : h2_count_flood(h, "SETTINGS");
    case NGHTTP2_PING:
        return ack ? 0 : count_ping(h);
    case NGHTTP2_WINDOW_UPDATE:
        return count_window(h);
    case NGHTTP2_RST_STREAM:
        return h2_count_flood(h, "RST_STREAM");
    case NGHTTP2_PRIORITY:
        return h2_count_flood(h, "PRIORITY");
    case NGHTTP2_GOAWAY:
        return on_goaway_frame(h, &frame->goaway);
    default:
        return 0;
    }
}

int h2_on_unknown_frame(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd,
                        void *arg)
{
    (void)session;
    (void)payload;
    (void)hd;
    return h2_count_flood(arg, "a frame of unknown type") == 0 ? NGHTTP2_ERR_CANCEL
                                                               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int h2_on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);

    if (s == NULL)
        s = h2_stream_find(h, id); /* cancelled before its request was sent */
    if (s == NULL)
        return 0;
    if (!s->announced) {
        nghttp2_session_consume_connection(session, s->unconsumed);
        h2_stream_free(s);
        return 0;
    }
    if (h->server && s->end_sent)
        code = NGHTTP2_NO_ERROR; /* the answer was complete, whatever the client does then */
    return h2_event_push_simple(h, H2_EVENT_CLOSED, s, code);
}
