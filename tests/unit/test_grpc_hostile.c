#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/support/grpc_rig.h"
#include "tests/support/h2_raw.h"
#include "tests/support/unit.h"

static struct rig rig;
static struct raw raw;
static const uint8_t empty_message[5];

static void open_server_and_raw(void)
{
    rig_serve(&rig, "127.0.0.1:0", NULL);
    raw_open(&raw, grpc_server_port(rig.server), NULL);
    raw_settle(&raw);
}

/* Runs the loop and the raw peer until the condition holds. */
#define raw_until(cond) run_until(&rig, (raw_settle(&raw), (cond)))

static void prefix(uint8_t out[5], uint8_t flag, uint32_t len)
{
    uint32_t be = htonl(len);

    out[0] = flag;
    memcpy(out + 1, &be, 4);
}

static void expect_status(struct raw_stream *s, const char *status, const char *words)
{
    raw_until(s->closed);
    assert_string_equal(s->grpc_status, status);
    if (strstr(s->grpc_message, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, s->grpc_message);
}

/* The connection still works. */
static void expect_alive(void)
{
    struct raw_stream *s = raw_request(&raw, "/t/Echo");
    uint8_t message[7] = {0, 0, 0, 0, 2, 'o', 'k'};

    raw_send(&raw, s, message, sizeof(message));
    raw_until(s->body_len == 7);
    assert_memory_equal(s->body, message, 7);
    h2_finish(raw.h2, s->id, NULL, 0, NULL);
    expect_status(s, "0", "");
}

/* ---- framing ------------------------------------------------------------------------------- */

static void a_message_may_come_byte_by_byte_in_data_frames(void **state)
{
    static const uint8_t messages[] = {0, 0, 0, 0, 3, 'a', 'b', 'c', 0,  0,
                                       0, 0, 0, 0, 0, 0,   0,   1,   'z'};
    struct raw_stream *s;

    (void)state;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    for (size_t i = 0; i < sizeof(messages); i++)
        raw_send(&raw, s, &messages[i], 1);
    raw_until(rig.served.messages == 3);
    assert_int_equal(rig.served.bytes, 4);
    assert_memory_equal(rig.served.last, "z", 1);
}

static void many_messages_may_come_in_one_frame(void **state)
{
    uint8_t data[600];
    struct raw_stream *s;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i += 6) {
        prefix(data + i, 0, 1);
        data[i + 5] = 'x';
    }
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    raw_send(&raw, s, data, sizeof(data));
    raw_until(rig.served.messages == 100);
}

static void a_message_over_the_limit_is_refused_by_its_prefix(void **state)
{
    uint8_t data[5];
    struct raw_stream *s;

    (void)state;
    rig.limits.message_max = 1000;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    prefix(data, 0, 1001);
    raw_send(&raw, s, data, 5); /* not one byte of the message itself */
    expect_status(s, "8", "1001");
    assert_non_null(strstr(s->grpc_message, "1000"));
    assert_int_equal(rig.served.messages, 0);
    assert_int_equal(rig.served.status, GRPC_RESOURCE_EXHAUSTED);
    expect_alive();
}

static void a_compressed_message_is_unimplemented(void **state)
{
    uint8_t data[6] = {1, 0, 0, 0, 1, 'x'};
    struct raw_stream *s;

    (void)state;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    raw_send(&raw, s, data, sizeof(data));
    expect_status(s, "12", "compressed");
    s = raw_request(&raw, "/t/Hold");
    data[0] = 7;
    raw_send(&raw, s, data, sizeof(data));
    expect_status(s, "13", "first byte");
    expect_alive();
}

static void an_end_in_the_middle_of_a_message_is_an_error(void **state)
{
    uint8_t data[8] = {0, 0, 0, 0, 10, 'a', 'b', 'c'};
    struct raw_stream *s;

    (void)state;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    h2_send(raw.h2, s->id, data, sizeof(data), NULL);
    h2_finish(raw.h2, s->id, NULL, 0, NULL);
    expect_status(s, "13", "middle of a message");
    assert_int_equal(rig.served.half_closed, 0);
    assert_int_equal(rig.served.messages, 0);
    expect_alive();
}

/* ---- requests ------------------------------------------------------------------------------- */

struct request_case {
    const char *method, *type, *path, *http, *status;
};

static void requests_that_are_no_grpc_are_refused(void **state)
{
    static const struct request_case cases[] = {
        {"POST", "application/json", "/t/Echo", "415", ""},
        {"POST", "application/grpc-web", "/t/Echo", "415", ""},
        {"POST", "application/grpcish", "/t/Echo", "415", ""},
        {"GET", "application/grpc", "/t/Echo", "405", ""},
        {"PUT", "application/grpc", "/t/Echo", "405", ""},
        {"POST", "application/grpc", "/", "200", "12"},
        {"POST", "application/grpc+proto", "/t/None", "200", "12"},
        {"POST", "application/grpc; charset=x", "/t/EchoX", "200", "12"},
    };

    (void)state;
    open_server_and_raw();
    for (size_t i = 0; i < unit_count(cases); i++) {
        const struct request_case *c = &cases[i];
        struct raw_stream *s = raw_request_as(&raw, c->method, c->type, c->path);

        raw_until(s->closed);
        assert_string_equal(s->http_status, c->http);
        assert_string_equal(s->grpc_status, c->status);
        assert_int_equal(s->reset, 0);
    }
    assert_int_equal(rig.opened, 0);
    expect_alive();
}

static void a_body_behind_a_refused_request_is_swallowed(void **state)
{
    AUTO_FREE uint8_t *data = calloc(1, 60000);

    (void)state;
    open_server_and_raw();
    for (int i = 0; i < 40; i++) { /* more than the connection's window in all */
        struct raw_stream *s = raw_request_as(&raw, "POST", "text/plain", "/t/Echo");

        h2_send(raw.h2, s->id, data, 60000, NULL);
        raw_until(s->closed);
        assert_string_equal(s->http_status, "415");
    }
    expect_alive();
}

static void a_reset_by_the_client_cancels(void **state)
{
    struct raw_stream *s;

    (void)state;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    raw_until(rig.opened);
    h2_reset(raw.h2, s->id, 8);
    raw_until(rig.served.closed);
    assert_int_equal(rig.served.status, GRPC_CANCELLED);
    expect_alive();
}

static void a_vanished_client_ends_its_calls(void **state)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    (void)state;
    open_server_and_raw();
    raw_request(&raw, "/t/Hold");
    raw_until(rig.opened);
    setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* close() resets */
    raw_close(&raw);
    run_until(&rig, rig.served.closed);
    assert_int_equal(rig.served.status, GRPC_UNAVAILABLE);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
}

/* ---- floods --------------------------------------------------------------------------------- */

static void rapid_reset_ends_the_connection(void **state)
{
    int rounds = 0;

    (void)state;
    open_server_and_raw();
    while (!raw.eof && rounds < 20000) {
        struct raw_stream *s = raw_request(&raw, "/t/Hold");

        h2_reset(raw.h2, s->id, 8);
        raw_settle(&raw);
        if (++rounds % 8 == 0)
            uv_run(&rig.loop, UV_RUN_NOWAIT);
    }
    raw_until(raw.eof);
    assert_true(raw.goaway);
    assert_non_null(strstr(h2_trouble(raw.h2), "ENHANCE_YOUR_CALM"));
    assert_true(rig.opened <= 900);
    raw_close(&raw);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
}

static void endless_continuation_ends_the_connection(void **state)
{
    static const uint8_t begin[] = {0, 0, 1, 1, 0, 0, 0, 0, 1, 0x83};     /* HEADERS, no end */
    static const uint8_t more[] = {0, 0, 3, 9, 0, 0, 0, 0, 1, 0, 1, 'a'}; /* CONTINUATION */
    int rounds = 0;

    (void)state;
    open_server_and_raw();
    raw_bytes(&raw, begin, sizeof(begin));
    while (!raw.eof && ++rounds < 2000) {
        raw_bytes(&raw, more, sizeof(more));
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        raw_settle(&raw);
    }
    raw_until(raw.eof);
    assert_int_equal(rig.opened, 0);
}

static void garbage_ends_the_connection(void **state)
{
    static const char http[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    raw_open(&raw, grpc_server_port(rig.server), NULL);
    raw_bytes(&raw, http, sizeof(http) - 1);
    run_until(&rig, (raw_settle(&raw), raw.eof));
    raw_close(&raw);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
}

static void random_bytes_harm_nobody(void **state)
{
    struct rig_client c;
    uint8_t noise[4000];

    (void)state;
    srandom(7);
    rig.limits.stop_ms = 10;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    rig_join(&rig, &c);
    rig_call(&c, "/t/Hold");
    for (int i = 0; i < 50; i++) {
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)random();
        raw_open(&raw, grpc_server_port(rig.server), NULL);
        raw_settle(&raw); /* preface and SETTINGS, so that frames are expected */
        raw_bytes(&raw, noise, sizeof(noise));
        raw_close(&raw);
        rig_turns(&rig, 3);
    }
    run_until(&rig, grpc_server_connections(rig.server) == 1);
    assert_int_equal(c.down + c.end.closed, 0);
    rig_leave(&c);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void a_connection_without_a_call_is_closed(void **state)
{
    (void)state;
    rig.limits.handshake_ms = 50;
    rig.limits.stop_ms = 10;
    open_server_and_raw();
    raw_until(raw.eof);
    assert_true(raw.goaway);
}

static void a_late_server_does_not_blame_its_peers(void **state)
{
    (void)state;
    rig.limits.handshake_ms = 500;
    open_server_and_raw();
    raw_send(&raw, raw_request(&raw, "/t/Hold"), empty_message, sizeof(empty_message));
    raw_settle(&raw);
    usleep(600 * 1000); /* the server is busy with others, and the request lies there */
    raw_until(rig.served.messages == 1 || raw.eof);
    assert_int_equal(rig.served.messages, 1);
}

static void an_answering_idle_peer_is_kept(void **state)
{
    uint64_t begin;

    (void)state;
    rig.limits.idle_ms = 400;
    open_server_and_raw();
    raw_send(&raw, raw_request(&raw, "/t/Hold"), empty_message, sizeof(empty_message));
    raw_until(rig.served.messages == 1);
    begin = uv_now(&rig.loop);
    raw_until(uv_now(&rig.loop) - begin > 1300); /* raw_settle() answers the pings */
    assert_int_equal(rig.served.closed, 0);
    assert_false(raw.eof);
}

static void a_silent_peer_is_given_up(void **state)
{
    (void)state;
    rig.limits.idle_ms = 300;
    rig.limits.stop_ms = 10;
    open_server_and_raw();
    raw_send(&raw, raw_request(&raw, "/t/Hold"), empty_message, sizeof(empty_message));
    raw_until(rig.served.messages == 1);
    run_until(&rig, rig.served.closed); /* nobody reads or answers at the other end */
    assert_int_equal(rig.served.status, GRPC_UNAVAILABLE);
    assert_string_equal(rig.served.message, "the peer is silent");
    run_until(&rig, grpc_server_connections(rig.server) == 0);
}

/* It opens every window and keeps saying something, but takes nothing from its socket. */
static void a_peer_that_never_reads_is_given_up_with_bounded_memory(void **state)
{
    static const uint8_t windows[] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xfe, 0x00, 0x00,
                                      0, 0, 4, 8, 0, 0, 0, 0, 1, 0x7f, 0xfe, 0x00, 0x00};
    static const uint8_t ping_ack[] = {0, 0, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    (void)state;
    rig.limits.idle_ms = 100;
    rig.limits.stop_ms = 10;
    rig.limits.send_queue_max = 100000;
    rig.limits.message_max = 5000;
    open_server_and_raw();
    raw_send(&raw, raw_request(&raw, "/t/Flood"), empty_message, sizeof(empty_message));
    raw_until(rig.served.messages == 1);
    raw_bytes(&raw, windows, sizeof(windows));
    while (!rig.served.closed && !rig.timed_out) {
        uv_run(&rig.loop, UV_RUN_ONCE);
        raw_bytes(&raw, ping_ack, sizeof(ping_ack));
    }
    assert_int_equal(rig.served.closed, 1);
    assert_string_equal(rig.served.message, "the peer takes no bytes");
    assert_true(rig.served.bytes < 16 * 1024 * 1024); /* the kernel's buffers, mostly */
}

static void a_server_stops_in_time_though_a_client_stays(void **state)
{
    uint64_t begin;

    (void)state;
    rig.limits.stop_ms = 50;
    open_server_and_raw();
    raw_request(&raw, "/t/Hold");
    raw_until(rig.opened);
    begin = uv_hrtime();
    rig_close(&rig); /* nobody reads at the other end */
    assert_true(uv_hrtime() - begin < 2000ull * 1000 * 1000);
    assert_int_equal(rig.served.status, GRPC_UNAVAILABLE);
    raw_close(&raw);
    rig_open(&rig); /* for the teardown */
}

static void more_connections_than_allowed_are_closed(void **state)
{
    struct rig_client a, b;
    char address[32];

    (void)state;
    rig.limits.conns_max = 1;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    rig_join(&rig, &a);
    rig_connect(&rig, &b, rig_address(&rig, address), NULL, NULL);
    run_until(&rig, b.down);
    assert_int_equal(b.ready, 0);
    assert_int_equal(a.down, 0);
    rig_leave(&a);
    rig_leave(&b);
}

/* ---- hostile servers ------------------------------------------------------------------------- */

/* Listens by hand; the client connects; returns the accepted socket. */
static int play_server(struct rig_client *c)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(in);
    AUTO_FD int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char address[32];
    int fd = -1;

    assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(in.sin_port));
    rig_connect(&rig, c, address, NULL, NULL);
    run_until(&rig, fd >= 0 || (fd = accept(listener, NULL, NULL)) >= 0);
    return fd;
}

static void a_server_that_is_a_web_server_is_down(void **state)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    struct rig_client c;
    AUTO_FD int fd = play_server(&c);

    (void)state;
    assert_true(write(fd, http, sizeof(http) - 1) > 0);
    rig.limits.stop_ms = 10;
    run_until(&rig, c.down);
    assert_int_equal(c.ready, 0);
    assert_int_equal(c.why.kind, ERR_PROTOCOL);
    rig_leave(&c);
}

static void a_server_that_says_nothing_times_out(void **state)
{
    struct rig_client c;

    AUTO_FD int fd = -1;

    (void)state;
    rig.limits.handshake_ms = 100;
    rig.limits.stop_ms = 10;
    fd = play_server(&c);
    run_until(&rig, c.down);
    assert_int_equal(c.why.kind, ERR_TIMEOUT);
    rig_leave(&c);
}

static void a_server_that_closes_at_once_is_down(void **state)
{
    struct rig_client c;

    (void)state;
    close(play_server(&c));
    run_until(&rig, c.down);
    assert_int_equal(c.why.kind, ERR_UNAVAILABLE);
    rig_leave(&c);
}

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    raw.fd = -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    raw_close(&raw);
    rig_close(&rig);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_may_come_byte_by_byte_in_data_frames),
        TEST(many_messages_may_come_in_one_frame),
        TEST(a_message_over_the_limit_is_refused_by_its_prefix),
        TEST(a_compressed_message_is_unimplemented),
        TEST(an_end_in_the_middle_of_a_message_is_an_error),
        TEST(requests_that_are_no_grpc_are_refused),
        TEST(a_body_behind_a_refused_request_is_swallowed),
        TEST(a_reset_by_the_client_cancels),
        TEST(a_vanished_client_ends_its_calls),
        TEST(rapid_reset_ends_the_connection),
        TEST(endless_continuation_ends_the_connection),
        TEST(garbage_ends_the_connection),
        TEST(random_bytes_harm_nobody),
        TEST(a_connection_without_a_call_is_closed),
        TEST(a_late_server_does_not_blame_its_peers),
        TEST(an_answering_idle_peer_is_kept),
        TEST(a_silent_peer_is_given_up),
        TEST(a_peer_that_never_reads_is_given_up_with_bounded_memory),
        TEST(a_server_stops_in_time_though_a_client_stays),
        TEST(more_connections_than_allowed_are_closed),
        TEST(a_server_that_is_a_web_server_is_down),
        TEST(a_server_that_says_nothing_times_out),
        TEST(a_server_that_closes_at_once_is_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
