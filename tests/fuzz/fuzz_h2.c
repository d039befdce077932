/* Any bytes from a peer, at either end of a connection: the first byte says which end reads them,
 * and whether they come behind a valid beginning. What is read is answered, and pulled. */
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/h2.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0" /* empty; the array's own NUL is its last byte */
#define STEP 61                     /* odd, so that frames are cut anywhere */
#define OUTPUT_MAX (1 << 20)

enum { AS_SERVER = 1, BEHIND_PREFACE = 2 };

static const struct h2_header request[] = {
    {":method", "POST"}, {":scheme", "http"}, {":path", "/x"}, {":authority", "x"}};
static const struct h2_header response[] = {{":status", "200"}};
static const struct h2_header trailers[] = {{"how", "well"}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_headers(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                       bool is_trailers, bool end_stream, void *arg)
{
    (void)end_stream;
    for (size_t i = 0; i < count; i++)
        check(strlen(list[i].name) > 0 && list[i].value != NULL);
    if (arg != NULL && !is_trailers)
        h2_respond(h, stream, response, 1, false, NULL);
}

static void on_data(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    (void)arg;
    h2_send(h, stream, data, len, NULL);
    h2_consume(h, stream, len);
}

static void on_end(struct h2 *h, int32_t stream, void *arg)
{
    (void)arg;
    h2_finish(h, stream, trailers, 1, NULL);
}

static void on_stream_closed(struct h2 *h, int32_t stream, uint32_t error_code, void *arg)
{
    (void)h;
    (void)stream;
    (void)error_code;
    (void)arg;
}

static void on_writable(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    (void)stream;
    (void)arg;
}

static void on_goaway(struct h2 *h, void *arg)
{
    (void)arg;
    h2_goaway(h);
}

/* False where the connection is over. */
static bool feed(struct h2 *h, const void *data, size_t len)
{
    AUTO(buf_close) struct buf out;
    struct err err = {.kind = ERR_NONE};
    bool alive = h2_feed(h, data, len, &err) == 0;

    check(alive || err.kind == ERR_PROTOCOL || err.kind == ERR_LIMIT);
    buf_init(&out, OUTPUT_MAX);
    return h2_pull(h, &out, NULL) == 0 && alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_handler handler = {on_headers,       on_data,     on_end,
                                              on_stream_closed, on_writable, on_goaway};
    static const struct h2_limits limits = {
        .streams_max = 8,
        .header_bytes_max = 4096,
        .header_count_max = 32,
        .window_bytes = 65535,
        .conn_window_bytes = 65535,
        .send_queue_max = 65536,
        .resets_per_minute = 50,
    };
    AUTO(h2_close) struct h2 *h = NULL;
    bool server, alive = true;

    if (size == 0)
        return 0;
    server = (data[0] & AS_SERVER) != 0;
    check(h2_open(&h, server, &limits, &handler, server ? &server : NULL, NULL) == 0);
    if (!server)
        check(h2_request(h, request, 4, NULL) > 0);
    if ((data[0] & BEHIND_PREFACE) != 0)
        alive = (!server || feed(h, PREFACE, sizeof(PREFACE) - 1)) &&
                feed(h, SETTINGS, sizeof(SETTINGS));
    for (size_t at = 1; at < size && alive; at += STEP)
        alive = feed(h, data + at, size - at < STEP ? size - at : STEP);
    return 0;
}
