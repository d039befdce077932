#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/h2_private.h"

#define FEED_STEP 16384              /* bytes given to nghttp2 before events are delivered */
#define SPILL_BYTES_MAX (256 * 1024) /* one frame that did not fit the caller's buffer */

/* ---- streams --------------------------------------------------------------------------------- */

struct h2_stream *h2_stream_new(struct h2 *h)
{
    struct h2_stream *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    buf_init(&s->queue, h->limits.send_queue_max);
    list_push(&h->streams, &s->node);
    return s;
}

void h2_stream_free(struct h2_stream *s)
{
    list_remove(&s->node);
    buf_close(&s->queue);
    free(s->trailers);
    free(s);
}

/* Streams are few (limits.streams_max), and nghttp2 knows a request only once it is sent. */
struct h2_stream *h2_stream_find(const struct h2 *h, int32_t id)
{
    list_each (it, &h->streams) {
        struct h2_stream *s = list_entry(it, struct h2_stream, node);

        if (s->id == id)
            return s;
    }
    return NULL;
}

size_t h2_stream_queued(const struct h2_stream *s)
{
    return s->queue.len - s->head;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void close_callbacks(nghttp2_session_callbacks **cbs)
{
    nghttp2_session_callbacks_del(*cbs);
}

static void close_option(nghttp2_option **option)
{
    nghttp2_option_del(*option);
}

/* Frames of unknown types are ignored, but not for free: each of them is shown to us. */
static void count_unknown_frames(nghttp2_session_callbacks *cbs, nghttp2_option *option)
{
    for (unsigned type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; type++)
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
    nghttp2_session_callbacks_set_unpack_extension_callback(cbs, h2_on_unknown_frame);
}

static int make_session(struct h2 *h)
{
    AUTO(close_callbacks) nghttp2_session_callbacks *cbs = NULL;
    AUTO(close_option) nghttp2_option *option = NULL;
    nghttp2_mem memory = h2_memory(h);

    if (nghttp2_session_callbacks_new(&cbs) != 0 || nghttp2_option_new(&option) != 0)
        return -1;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cbs, h2_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cbs, h2_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, h2_on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, h2_on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cbs, h2_on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cbs, h2_on_stream_close);
    count_unknown_frames(cbs, option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    return (h->server ? nghttp2_session_server_new3(&h->session, cbs, h, option, &memory)
                      : nghttp2_session_client_new3(&h->session, cbs, h, option, &memory)) == 0
               ? 0
               : -1;
}

static int submit_settings(struct h2 *h)
{
    nghttp2_settings_entry list[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->limits.streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, h->limits.window_bytes},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->limits.header_bytes_max},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };
    size_t count = sizeof(list) / sizeof(list[0]) - (h->server ? 1 : 0); /* push: clients only */

    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, list, count) != 0)
        return -1;
    return nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                 (int32_t)h->limits.conn_window_bytes) == 0
               ? 0
               : -1;
}

int h2_open(struct h2 **out, bool server, const struct h2_limits *limits,
            const struct h2_handler *handler, void *arg, struct err *err)
{
    AUTO(h2_close) struct h2 *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return err_set(err, ERR_NO_MEMORY, "HTTP/2 session");
    h->limits = *limits;
    h->handler = handler;
    h->arg = arg;
    h->server = server;
    h->minute_start = clock_mono_ns();
    list_init(&h->streams);
    buf_init(&h->events, H2_EVENTS_BYTES_MAX);
    buf_init(&h->block, limits->header_bytes_max + 2 * limits->header_count_max);
    buf_init(&h->spill, SPILL_BYTES_MAX);
    if (make_session(h) != 0 || submit_settings(h) != 0)
        return err_set(err, ERR_NO_MEMORY, "HTTP/2 session");
    *out = steal(&h);
    return 0;
}

void h2_close(struct h2 **hp)
{
    struct h2 *h = *hp;

    if (h == NULL)
        return;
    check(!h->delivering);
    nghttp2_session_del(h->session);
    list_each_safe (it, next, &h->streams) {
        h2_stream_free(list_entry(it, struct h2_stream, node));
    }
    buf_close(&h->events);
    buf_close(&h->block);
    buf_close(&h->spill);
    free(h);
    *hp = NULL;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int fail_session(struct h2 *h, int rc, struct err *err)
{
    uint32_t code = NGHTTP2_PROTOCOL_ERROR;

    if (h->fault.kind == ERR_LIMIT)
        code = NGHTTP2_ENHANCE_YOUR_CALM;
    nghttp2_session_terminate_session(h->session, code);
    if (h->fault.kind != ERR_NONE) {
        if (err != NULL)
            *err = h->fault;
        h->fault.kind = ERR_NONE; /* told once; what is left to send may go */
        return -1;
    }
    if (rc == NGHTTP2_ERR_NOMEM)
        return err_set(err, ERR_NO_MEMORY, "HTTP/2 session");
    if (rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        return err_set(err, ERR_PROTOCOL, "the peer does not speak HTTP/2");
    if (rc == NGHTTP2_ERR_FLOODED)
        return err_set(err, ERR_LIMIT, "HTTP/2: the peer floods without reading");
    return err_set(err, ERR_PROTOCOL, "HTTP/2: %s", nghttp2_strerror(rc));
}

int h2_feed(struct h2 *h, const uint8_t *data, size_t len, struct err *err)
{
    check(!h->delivering);
    while (len > 0) {
        size_t step = len < FEED_STEP ? len : FEED_STEP;
        ssize_t n = nghttp2_session_mem_recv(h->session, data, step);

        h2_event_deliver(h);
        if (n < 0)
            return fail_session(h, (int)n, err);
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int h2_pull(struct h2 *h, struct buf *out, struct err *err)
{
    if (h->spill.len > 0) {
        if (buf_add(out, h->spill.data, h->spill.len, NULL) != 0)
            return out->len > 0 ? 0 : err_set(err, ERR_LIMIT, "HTTP/2: buffer under one frame");
        buf_close(&h->spill);
    }
    for (;;) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h->session, &data);

        if (n < 0)
            return fail_session(h, (int)n, err);
        if (n == 0)
            break;
        if (buf_add(out, data, (size_t)n, NULL) == 0)
            continue;
        if (buf_add(&h->spill, data, (size_t)n, err) != 0)
            return -1;
        break;
    }
    h2_event_deliver(h);
    return h->fault.kind == ERR_NONE ? 0 : fail_session(h, 0, err);
}

bool h2_wants_write(const struct h2 *h)
{
    return h->spill.len > 0 || nghttp2_session_want_write(h->session) != 0;
}

bool h2_is_done(const struct h2 *h)
{
    return h->spill.len == 0 && nghttp2_session_want_read(h->session) == 0 &&
           nghttp2_session_want_write(h->session) == 0;
}

bool h2_peer_ready(const struct h2 *h)
{
    return h->peer_ready;
}

const char *h2_trouble(const struct h2 *h)
{
    return h->trouble;
}
