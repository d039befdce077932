#include "common/h2.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "tests/support/unit.h"

#define WIRE_MAX (4 * 1024 * 1024)
#define SEEN_MAX 4096

/* One end, and a record of what it was told: "H1 D1:5 E1 C1:0" is headers, five body bytes, the
 * end of them and a clean end, all of stream 1. */
struct end {
    struct h2 *h2;
    char seen[SEEN_MAX];
    size_t body;
    bool consume, answer, echo_reset;
    struct err err;
};

struct pair {
    struct end client, server;
    struct h2_limits limits;
};

static void note(struct end *e, const char *what, int32_t stream, long detail)
{
    size_t len = strlen(e->seen);

    if (detail >= 0)
        snprintf(e->seen + len, SEEN_MAX - len, "%s%d:%ld ", what, stream, detail);
    else
        snprintf(e->seen + len, SEEN_MAX - len, "%s%d ", what, stream);
}

static const struct h2_header request[] = {
    {":method", "POST"}, {":scheme", "http"}, {":path", "/x"}, {":authority", "x"}};
static const struct h2_header response[] = {{":status", "200"}};
static const struct h2_header trailers[] = {{"how", "well"}};

static void on_headers(struct h2 *h, int32_t stream, const struct h2_header *list, size_t count,
                       bool is_trailers, bool end_stream, void *arg)
{
    struct end *e = arg;

    (void)list;
    note(e, is_trailers ? "T" : "H", stream, (long)count);
    if (end_stream)
        note(e, "E", stream, -1);
    if (e->answer && !is_trailers)
        assert_int_equal(h2_respond(h, stream, response, 1, false, NULL), 0);
    if (e->echo_reset)
        h2_reset(h, stream, 8);
}

static void on_data(struct h2 *h, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    struct end *e = arg;

    (void)data;
    e->body += len;
    if (e->body < 100)
        note(e, "D", stream, (long)len);
    if (e->consume)
        h2_consume(h, stream, len);
}

static void on_end(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    note(arg, "E", stream, -1);
}

static void on_stream_closed(struct h2 *h, int32_t stream, uint32_t code, void *arg)
{
    (void)h;
    note(arg, "C", stream, (long)code);
}

static void on_writable(struct h2 *h, int32_t stream, void *arg)
{
    (void)h;
    note(arg, "W", stream, -1);
}

static void on_goaway(struct h2 *h, void *arg)
{
    (void)h;
    note(arg, "G", 0, -1);
}

static const struct h2_handler handler = {on_headers,       on_data,     on_end,
                                          on_stream_closed, on_writable, on_goaway};

static void pair_open(struct pair *p)
{
    struct err err;

    if (p->limits.streams_max == 0)
        p->limits = (struct h2_limits){
            .streams_max = 4,
            .header_bytes_max = 4000,
            .header_count_max = 20,
            .window_bytes = 65535,
            .conn_window_bytes = 100000,
            .send_queue_max = 200000,
            .resets_per_minute = 50,
        };
    assert_ok(h2_open(&p->client.h2, false, &p->limits, &handler, &p->client, &err));
    assert_ok(h2_open(&p->server.h2, true, &p->limits, &handler, &p->server, &err));
    p->client.consume = p->server.consume = true;
}

static void pair_close(struct pair *p)
{
    h2_close(&p->client.h2);
    h2_close(&p->server.h2);
}

/* Moves one flight, `step` bytes at a time. False when there was nothing to move. */
static bool carry(struct end *from, struct end *to, size_t step)
{
    AUTO(buf_close) struct buf wire;
    struct err err;

    buf_init(&wire, WIRE_MAX);
    assert_ok(h2_pull(from->h2, &wire, &err));
    for (size_t at = 0; at < wire.len; at += step) {
        size_t n = wire.len - at < step ? wire.len - at : step;

        if (to->err.kind == ERR_NONE)
            h2_feed(to->h2, wire.data + at, n, &to->err);
    }
    return wire.len > 0;
}

static void settle(struct pair *p, size_t step)
{
    bool more = true;

    while (more) {
        more = carry(&p->client, &p->server, step);
        more = carry(&p->server, &p->client, step) || more;
    }
}

static int32_t ask(struct pair *p)
{
    struct err err;
    int32_t id = h2_request(p->client.h2, request, 4, &err);

    assert_true(id > 0);
    return id;
}

static void a_request_is_answered(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    int32_t id;
    struct err err;

    (void)state;
    pair_open(&p);
    p.server.answer = true;
    id = ask(&p);
    assert_ok(h2_send(p.client.h2, id, (const uint8_t *)"hello", 5, &err));
    settle(&p, WIRE_MAX);
    assert_ok(h2_finish(p.client.h2, id, NULL, 0, &err));
    assert_ok(
        h2_send_two(p.server.h2, id, (const uint8_t *)"a", 1, (const uint8_t *)"bc", 2, &err));
    assert_ok(h2_finish(p.server.h2, id, trailers, 1, &err));
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "H1:4 D1:5 E1 C1:0 ");
    assert_string_equal(p.client.seen, "H1:1 D1:3 T1:1 E1 C1:0 ");
    assert_true(h2_peer_ready(p.client.h2));
}

static void bytes_may_come_one_by_one(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    int32_t id;
    struct err err;

    (void)state;
    pair_open(&p);
    id = ask(&p);
    assert_ok(h2_send(p.client.h2, id, (const uint8_t *)"hello", 5, &err));
    assert_ok(h2_finish(p.client.h2, id, NULL, 0, &err));
    settle(&p, 1);
    assert_int_equal(p.server.body, 5);
    assert_string_equal(p.server.seen, "H1:4 D1:1 D1:1 D1:1 D1:1 D1:1 E1 ");
}

static void an_unread_window_holds_the_sender(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    AUTO_FREE uint8_t *data = calloc(1, 200000);
    int32_t id;
    struct err err;

    (void)state;
    pair_open(&p);
    p.server.consume = false;
    id = ask(&p);
    assert_ok(h2_send(p.client.h2, id, data, 200000, &err));
    assert_fails(h2_send(p.client.h2, id, data, 1, &err), ERR_BUSY, "200000");
    settle(&p, WIRE_MAX);
    assert_int_equal(p.server.body, 65535);
    assert_int_equal(h2_queued(p.client.h2, id), 200000 - 65535);
    h2_consume(p.server.h2, id, 65535);
    settle(&p, WIRE_MAX);
    assert_int_equal(p.server.body, 2 * 65535);
    assert_non_null(strstr(p.client.seen, "W1 ")); /* below half */
    h2_consume(p.server.h2, id, 65535);
    p.server.consume = true;
    settle(&p, WIRE_MAX);
    assert_int_equal(p.server.body, 200000);
    assert_int_equal(h2_queued(p.client.h2, id), 0);
}

/* A stream that dies with unread bytes must not take the connection's window with it. */
static void a_closed_stream_gives_its_window_back(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    AUTO_FREE uint8_t *data = calloc(1, 60000);
    struct err err;

    (void)state;
    pair_open(&p);
    p.server.consume = false;
    for (int i = 0; i < 10; i++) {
        int32_t id = ask(&p);
        size_t before = p.server.body;

        assert_ok(h2_send(p.client.h2, id, data, 60000, &err));
        settle(&p, WIRE_MAX);
        assert_int_equal(p.server.body - before, 60000);
        h2_reset(p.client.h2, id, 8);
        settle(&p, WIRE_MAX);
    }
}

static void a_reset_is_told_once_to_both(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    int32_t id;
    struct err err;

    (void)state;
    pair_open(&p);
    id = ask(&p);
    settle(&p, WIRE_MAX);
    h2_reset(p.server.h2, id, 5);
    assert_fails(h2_respond(p.server.h2, id, response, 1, false, &err), ERR_CANCELED, "over");
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "H1:4 C1:5 ");
    assert_string_equal(p.client.seen, "C1:5 ");
    assert_fails(h2_send(p.client.h2, id, (const uint8_t *)"x", 1, &err), ERR_CANCELED, "over");
    h2_consume(p.client.h2, id, 0);
    h2_reset(p.client.h2, id, 8); /* harmless */
    settle(&p, WIRE_MAX);
}

static void a_reset_inside_a_handler_silences_the_stream(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    int32_t id;
    struct err err;

    (void)state;
    pair_open(&p);
    p.server.echo_reset = true;
    id = ask(&p);
    assert_ok(h2_send(p.client.h2, id, (const uint8_t *)"hello", 5, &err));
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "H1:4 C1:8 ");
}

static void a_request_reset_before_it_was_sent_ends(void **state)
{
    AUTO(pair_close) struct pair p = {0};

    (void)state;
    pair_open(&p);
    h2_reset(p.client.h2, ask(&p), 8);
    settle(&p, WIRE_MAX);
    assert_string_equal(p.client.seen, "C1:8 ");
    assert_string_equal(p.server.seen, "");
}

static void an_early_answer_stops_the_client(void **state)
{
    AUTO(pair_close) struct pair p = {0};

    (void)state;
    pair_open(&p);
    ask(&p);
    settle(&p, WIRE_MAX);
    assert_int_equal(h2_respond(p.server.h2, 1, response, 1, true, NULL), 0);
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "H1:4 C1:0 ");
    assert_string_equal(p.client.seen, "H1:1 E1 C1:0 ");
}

/* ---- limits -------------------------------------------------------------------------------- */

static void too_many_streams_wait_or_are_refused(void **state)
{
    AUTO(pair_close) struct pair p = {0};

    (void)state;
    pair_open(&p);
    settle(&p, WIRE_MAX); /* the client knows the limit */
    for (int i = 0; i < 6; i++)
        ask(&p);
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "H1:4 H3:4 H5:4 H7:4 ");
    assert_string_equal(p.client.seen, "");
}

static void a_header_list_over_the_limit_costs_its_stream(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    char value[3000];
    struct h2_header list[6];
    struct err err;

    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    memcpy(list, request, sizeof(request));
    list[4] = (struct h2_header){"one", value};
    list[5] = (struct h2_header){"two", value};
    pair_open(&p);
    assert_true(h2_request(p.client.h2, list, 6, &err) > 0);
    ask(&p);
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "H3:4 ");
    assert_non_null(strstr(p.client.seen, "C1:"));
    assert_int_equal(p.server.err.kind, ERR_NONE);
}

static void too_many_headers_cost_their_stream(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    struct h2_header list[30];
    struct err err;

    (void)state;
    memcpy(list, request, sizeof(request));
    for (size_t i = 4; i < unit_count(list); i++)
        list[i] = (struct h2_header){"again", "x"};
    pair_open(&p);
    assert_true(h2_request(p.client.h2, list, unit_count(list), &err) > 0);
    settle(&p, WIRE_MAX);
    assert_string_equal(p.server.seen, "");
    assert_non_null(strstr(p.client.seen, "C1:"));
}

static void open_and_reset_in_a_row_is_a_flood(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    int rounds = 0;

    (void)state;
    pair_open(&p);
    while (p.server.err.kind == ERR_NONE && rounds < 200) {
        int32_t id = ask(&p);

        carry(&p.client, &p.server, WIRE_MAX);
        h2_reset(p.client.h2, id, 8);
        carry(&p.client, &p.server, WIRE_MAX);
        rounds++;
    }
    assert_int_equal(p.server.err.kind, ERR_LIMIT);
    assert_non_null(strstr(p.server.err.text, "RST_STREAM"));
    assert_true(rounds <= 51);
    carry(&p.server, &p.client, WIRE_MAX); /* the last words */
    assert_non_null(strstr(p.client.seen, "G0"));
    assert_non_null(strstr(h2_trouble(p.client.h2), "ENHANCE_YOUR_CALM"));
    assert_true(h2_is_done(p.server.h2));
}

static void many_pings_are_a_flood(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    struct err err;

    (void)state;
    pair_open(&p);
    settle(&p, WIRE_MAX);
    for (int i = 0; i < 60; i++)
        assert_ok(h2_ping(p.client.h2, &err));
    carry(&p.client, &p.server, WIRE_MAX);
    assert_int_equal(p.server.err.kind, ERR_LIMIT);
    assert_non_null(strstr(p.server.err.text, "PING"));
}

static void a_peer_that_speaks_something_else_is_told_apart(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    AUTO(pair_close) struct pair p = {0};
    struct err err;

    (void)state;
    pair_open(&p);
    assert_fails(h2_feed(p.server.h2, (const uint8_t *)http, sizeof(http) - 1, &err), ERR_PROTOCOL,
                 "does not speak HTTP/2");
}

/* Frames after the preface that make no sense: every byte value as a frame type. */
static void garbage_frames_end_the_connection_or_are_ignored(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        AUTO(pair_close) struct pair p = {0};
        uint8_t frame[9 + 40] = {0, 0, 40, (uint8_t)type, 0xff, 0, 0, 0, 1};
        AUTO(buf_close) struct buf out;
        struct err err;

        pair_open(&p);
        carry(&p.client, &p.server, WIRE_MAX);
        memset(frame + 9, 0xaa, 40);
        buf_init(&out, WIRE_MAX);
        h2_feed(p.server.h2, frame, sizeof(frame), &err);
        assert_int_equal(h2_pull(p.server.h2, &out, &err), 0);
        assert_string_equal(p.server.seen, "");
    }
}

static void a_going_server_takes_no_more(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    int32_t id;
    struct err err;

    (void)state;
    pair_open(&p);
    p.server.answer = true;
    id = ask(&p);
    settle(&p, WIRE_MAX);
    h2_goaway(p.server.h2);
    settle(&p, WIRE_MAX);
    assert_non_null(strstr(p.client.seen, "G0 "));
    assert_ok(h2_finish(p.client.h2, id, NULL, 0, &err));
    assert_ok(h2_finish(p.server.h2, id, NULL, 0, &err));
    settle(&p, WIRE_MAX);
    assert_non_null(strstr(p.client.seen, "C1:0")); /* what runs goes on */
}

static void a_small_buffer_is_filled_in_turns(void **state)
{
    AUTO(pair_close) struct pair p = {0};
    AUTO_FREE uint8_t *data = calloc(1, 60000);
    struct err err;
    int32_t id;
    int pulls = 0;

    (void)state;
    pair_open(&p);
    settle(&p, WIRE_MAX);
    id = ask(&p);
    assert_ok(h2_send(p.client.h2, id, data, 60000, &err));
    while (h2_wants_write(p.client.h2)) {
        AUTO(buf_close) struct buf wire;

        buf_init(&wire, 20000); /* one frame of 16 KiB and a bit */
        assert_ok(h2_pull(p.client.h2, &wire, &err));
        assert_ok(h2_feed(p.server.h2, wire.data, wire.len, &err));
        pulls++;
    }
    assert_true(pulls >= 4);
    assert_int_equal(p.server.body, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(an_unread_window_holds_the_sender),
        cmocka_unit_test(a_closed_stream_gives_its_window_back),
        cmocka_unit_test(a_reset_is_told_once_to_both),
        cmocka_unit_test(a_reset_inside_a_handler_silences_the_stream),
        cmocka_unit_test(a_request_reset_before_it_was_sent_ends),
        cmocka_unit_test(an_early_answer_stops_the_client),
        cmocka_unit_test(too_many_streams_wait_or_are_refused),
        cmocka_unit_test(a_header_list_over_the_limit_costs_its_stream),
        cmocka_unit_test(too_many_headers_cost_their_stream),
        cmocka_unit_test(open_and_reset_in_a_row_is_a_flood),
        cmocka_unit_test(many_pings_are_a_flood),
        cmocka_unit_test(a_peer_that_speaks_something_else_is_told_apart),
        cmocka_unit_test(garbage_frames_end_the_connection_or_are_ignored),
        cmocka_unit_test(a_going_server_takes_no_more),
        cmocka_unit_test(a_small_buffer_is_filled_in_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
