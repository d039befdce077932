#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/h2_private.h"

static ssize_t on_body_wanted(nghttp2_session *s, int32_t id, uint8_t *out, size_t len,
                              uint32_t *flags, nghttp2_data_source *source, void *arg);

/* ---- callbacks ------------------------------------------------------------------------------- */

/* Drops what is sent. Moved only when half of it is gone, so a long queue is not moved for each
 * frame; an empty queue holds no memory. */
static void stream_sent(struct h2 *h, struct h2_stream *s, size_t len)
{
    s->head += len;
    if (s->head == s->queue.len) {
        buf_close(&s->queue);
        s->head = 0;
    } else if (s->head > s->queue.len / 2) {
        buf_consume(&s->queue, s->head);
        s->head = 0;
    }
    if (s->wants_writable && h2_stream_queued(s) <= h->limits.send_queue_max / 2 &&
        h2_event_push_simple(h, H2_EVENT_WRITABLE, s, 0) == 0)
        s->wants_writable = false;
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t id, uint8_t *out, size_t len,
                              uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct h2 *h = arg;
    struct h2_stream *s = source->ptr;
    size_t n = h2_stream_queued(s) < len ? h2_stream_queued(s) : len;

    if (n == 0 && !s->finish) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0) {
        memcpy(out, s->queue.data + s->head, n);
        stream_sent(h, s, n);
    }
    if (s->finish && h2_stream_queued(s) == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailer_count > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (nghttp2_submit_trailer(session, id, s->trailers, s->trailer_count) != 0)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

/* A server that has said all tells a client that still sends to stop (RFC 9113 section 8.1). */
static void on_end_sent(struct h2 *h, int32_t id)
{
    struct h2_stream *s = nghttp2_session_get_stream_user_data(h->session, id);

    if (s != NULL)
        s->end_sent = true;
    if (h->server && nghttp2_session_get_stream_remote_close(h->session, id) == 0)
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
}

int h2_on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    uint8_t type = frame->hd.type;

    (void)session;
    if (type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        h->trouble[0] == '\0')
        snprintf(h->trouble, sizeof(h->trouble), "the peer broke HTTP/2: %s",
                 nghttp2_http2_strerror(frame->goaway.error_code));
    if (type == NGHTTP2_DATA && h->ping_credit < H2_PING_CREDIT_MAX)
        h->ping_credit++;
    if (type == NGHTTP2_DATA && h->window_credit < H2_WINDOW_CREDIT_MAX)
        h->window_credit += H2_WINDOWS_EACH_DATA;
    if ((type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        on_end_sent(h, frame->hd.stream_id);
    /* Resets that a peer provokes cost as much as its own ("MadeYouReset"). */
    if (h->server && type == NGHTTP2_RST_STREAM &&
        frame->rst_stream.error_code != NGHTTP2_NO_ERROR && h->fault.kind == ERR_NONE)
        h2_count_flood(h, "provoked RST_STREAM");
    return 0;
}

/* ---- what the owner asks for ----------------------------------------------------------------- */

static nghttp2_nv make_nv(const char *name, size_t name_len, const char *value, size_t value_len)
{
    return (nghttp2_nv){.name = (uint8_t *)name,
                        .namelen = name_len,
                        .value = (uint8_t *)value,
                        .valuelen = value_len};
}

/* One allocation: the list, then (where `copy`) the bytes it points to. NULL without memory. */
static nghttp2_nv *make_list(const struct h2_header *list, size_t count, bool copy)
{
    size_t bytes = 0;
    nghttp2_nv *nv;
    char *at;

    for (size_t i = 0; copy && i < count; i++)
        bytes += strlen(list[i].name) + strlen(list[i].value);
    nv = malloc((count + 1) * sizeof(*nv) + bytes);
    if (nv == NULL)
        return NULL;
    at = (char *)(nv + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t name_len = strlen(list[i].name), value_len = strlen(list[i].value);

        nv[i] = make_nv(list[i].name, name_len, list[i].value, value_len);
        if (!copy)
            continue;
        nv[i].name = memcpy(at, list[i].name, name_len);
        nv[i].value = memcpy(at + name_len, list[i].value, value_len);
        at += name_len + value_len;
    }
    return nv;
}

int32_t h2_request(struct h2 *h, const struct h2_header *list, size_t count, struct err *err)
{
    AUTO_FREE nghttp2_nv *nv = make_list(list, count, false);
    struct h2_stream *s = h2_stream_new(h);
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = on_body_wanted};
    int32_t id = NGHTTP2_ERR_NOMEM;

    if (nv != NULL && s != NULL)
        id = nghttp2_submit_request(h->session, NULL, nv, count, &body, s);
    if (id <= 0) {
        if (s != NULL)
            h2_stream_free(s);
        return err_set(err, id == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_UNAVAILABLE,
                       "HTTP/2 request: %s", nghttp2_strerror(id));
    }
    s->id = id;
    s->announced = true;
    return id;
}

static int stream_gone(struct err *err)
{
    return err_set(err, ERR_CANCELED, "HTTP/2: the stream is over");
}

int h2_respond(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count, bool end,
               struct err *err)
{
    AUTO_FREE nghttp2_nv *nv = make_list(list, count, false);
    struct h2_stream *s = h2_stream_find(h, stream);
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = on_body_wanted};
    int rc;

    if (nv == NULL)
        return err_set(err, ERR_NO_MEMORY, "HTTP/2 response");
    if (s == NULL || s->reset)
        return stream_gone(err);
    rc = nghttp2_submit_response(h->session, stream, nv, count, end ? NULL : &body);
    if (rc != 0)
        return err_set(err, rc == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_CANCELED,
                       "HTTP/2 response: %s", nghttp2_strerror(rc));
    return 0;
}

static void wake(struct h2 *h, struct h2_stream *s)
{
    if (!s->deferred)
        return;
    s->deferred = false;
    nghttp2_session_resume_data(h->session, s->id); /* fails only where the stream just ended */
}

int h2_send_two(struct h2 *h, int32_t stream, const uint8_t *a, size_t a_len, const uint8_t *b,
                size_t b_len, struct err *err)
{
    struct h2_stream *s = h2_stream_find(h, stream);
    uint8_t *to;

    if (s == NULL || s->finish || s->reset)
        return stream_gone(err);
    if (a_len + b_len > h->limits.send_queue_max - h2_stream_queued(s)) {
        s->wants_writable = true;
        return err_set(err, ERR_BUSY, "HTTP/2: %zu bytes are waiting in the stream",
                       h2_stream_queued(s));
    }
    if (s->queue.len + a_len + b_len > h->limits.send_queue_max) { /* what is sent fills it up */
        buf_consume(&s->queue, s->head);
        s->head = 0;
    }
    to = buf_reserve(&s->queue, a_len + b_len, err);
    if (to == NULL)
        return -1;
    if (a_len > 0)
        memcpy(to, a, a_len);
    if (b_len > 0)
        memcpy(to + a_len, b, b_len);
    buf_commit(&s->queue, a_len + b_len);
    wake(h, s);
    return 0;
}

int h2_send(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, struct err *err)
{
    return h2_send_two(h, stream, data, len, NULL, 0, err);
}

int h2_finish(struct h2 *h, int32_t stream, const struct h2_header *trailers, size_t count,
              struct err *err)
{
    struct h2_stream *s = h2_stream_find(h, stream);

    if (s == NULL || s->finish || s->reset)
        return stream_gone(err);
    if (count > 0) {
        s->trailers = make_list(trailers, count, true);
        if (s->trailers == NULL)
            return err_set(err, ERR_NO_MEMORY, "HTTP/2 trailers");
        s->trailer_count = count;
    }
    s->finish = true;
    wake(h, s);
    return 0;
}

void h2_reset(struct h2 *h, int32_t stream, uint32_t error_code)
{
    struct h2_stream *s = h2_stream_find(h, stream);

    if (s == NULL || s->reset)
        return;
    s->reset = true;
    nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, stream, error_code);
}

void h2_consume(struct h2 *h, int32_t stream, size_t len)
{
    struct h2_stream *s = h2_stream_find(h, stream);

    if (s == NULL || len == 0)
        return;
    check(len <= s->unconsumed);
    s->unconsumed -= len;
    nghttp2_session_consume(h->session, stream, len);
}

int h2_ping(struct h2 *h, struct err *err)
{
    if (nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL) != 0)
        return err_set(err, ERR_NO_MEMORY, "HTTP/2 ping");
    return 0;
}

void h2_goaway(struct h2 *h)
{
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

size_t h2_queued(const struct h2 *h, int32_t stream)
{
    const struct h2_stream *s = h2_stream_find(h, stream);

    return s == NULL ? 0 : h2_stream_queued(s);
}
