#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/h2_private.h"

static size_t event_size(size_t payload)
{
    size_t align = _Alignof(struct h2_event);

    return (sizeof(struct h2_event) + payload + align - 1) / align * align;
}

int h2_event_push(struct h2 *h, const struct h2_event *e, const void *payload)
{
    size_t size = event_size(e->len);
    uint8_t *to;

    if (h->fault.kind != ERR_NONE)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    to = buf_reserve(&h->events, size, &h->fault);
    if (to == NULL) {
        err_wrap(&h->fault, "HTTP/2 events");
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    memset(to, 0, size);
    memcpy(to, e, sizeof(*e));
    if (payload != NULL)
        memcpy(to + sizeof(*e), payload, e->len);
    buf_commit(&h->events, size);
    return 0;
}

int h2_event_push_simple(struct h2 *h, enum h2_event_type type, struct h2_stream *s, uint32_t code)
{
    struct h2_event e = {.type = type, .stream = s, .code = code};

    return h2_event_push(h, &e, NULL);
}

/* Splits "name NUL value NUL ..." and tells the owner. */
static void deliver_headers(struct h2 *h, const struct h2_event *e, const char *at)
{
    struct h2_header *list = calloc(e->code + 1, sizeof(*list));

    if (list == NULL) {
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, e->stream->id,
                                  NGHTTP2_INTERNAL_ERROR);
        return;
    }
    for (uint32_t i = 0; i < e->code; i++) {
        list[i].name = at;
        at += strlen(at) + 1;
        list[i].value = at;
        at += strlen(at) + 1;
    }
    h->handler->on_headers(h, e->stream->id, list, e->code, e->trailers, e->end_stream, h->arg);
    free(list);
}

static void deliver_closed(struct h2 *h, struct h2_stream *s, uint32_t code)
{
    h->handler->on_stream_closed(h, s->id, code, h->arg);
    nghttp2_session_consume_connection(h->session, s->unconsumed);
    h2_stream_free(s);
}

static void deliver_event(struct h2 *h, const struct h2_event *e)
{
    const uint8_t *payload = (const uint8_t *)(e + 1);
    struct h2_stream *s = e->stream;

    if (s != NULL && s->reset && e->type != H2_EVENT_CLOSED)
        return;
    switch (e->type) {
    case H2_EVENT_HEADERS:
        deliver_headers(h, e, (const char *)payload);
        break;
    case H2_EVENT_DATA:
        h->handler->on_data(h, s->id, payload, e->len, h->arg);
        break;
    case H2_EVENT_END:
        h->handler->on_end(h, s->id, h->arg);
        break;
    case H2_EVENT_CLOSED:
        deliver_closed(h, s, e->code);
        break;
    case H2_EVENT_WRITABLE:
        h->handler->on_writable(h, s->id, h->arg);
        break;
    case H2_EVENT_GOAWAY:
        h->handler->on_goaway(h, h->arg);
        break;
    }
}

/* Handlers may pull, and that queues events again: each batch is taken out before it is told. */
void h2_event_deliver(struct h2 *h)
{
    if (h->delivering)
        return;
    h->delivering = true;
    while (h->events.len > 0) {
        AUTO(buf_close) struct buf batch = h->events;

        buf_init(&h->events, H2_EVENTS_BYTES_MAX);
        for (size_t at = 0; at < batch.len;) {
            const struct h2_event *e = (const struct h2_event *)(batch.data + at);

            at += event_size(e->len);
            deliver_event(h, e);
        }
    }
    h->delivering = false;
}
