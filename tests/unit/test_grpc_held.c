#include "tests/support/grpc_rig.h"
#include "tests/support/h2_raw.h"
#include "tests/support/unit.h"

/* Peers that break no rule of HTTP/2, but hold what they do not use, or say much that means
 * nothing. They answer every ping: raw_settle() does. */

#define FLOOD 1000 /* more than a minute may have */

static struct rig rig;
static struct raw raw;
static const uint8_t empty_message[5];

static void open_server_and_raw(void)
{
    rig.limits.stop_ms = 10;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    raw_open(&raw, grpc_server_port(rig.server), NULL);
    raw_settle(&raw);
}

/* Runs the loop and the raw peer until the condition holds. */
#define raw_until(cond) run_until(&rig, (raw_settle(&raw), (cond)))

/* ---- held ------------------------------------------------------------------------------------ */

static void a_connection_whose_calls_are_over_is_closed(void **state)
{
    struct raw_stream *s;

    (void)state;
    rig.limits.idle_ms = 100;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Nothing");
    raw_until(s->ended);
    raw_until(raw.eof); /* raw_settle() answers the pings */
    assert_true(raw.goaway);
}

static void a_refused_request_is_no_call(void **state)
{
    (void)state;
    rig.limits.handshake_ms = 50;
    open_server_and_raw();
    raw_request_as(&raw, "GET", "text/plain", "/");
    raw_until(raw.eof);
}

static void a_call_without_a_message_is_ended(void **state)
{
    struct raw_stream *s;

    (void)state;
    rig.limits.idle_ms = 100;
    open_server_and_raw();
    s = raw_request(&raw, "/t/Hold");
    raw_until(s->closed);
    assert_string_equal(s->grpc_status, "4");
    assert_string_equal(s->grpc_message, "no message came in time");
    assert_int_equal(rig.served.status, GRPC_DEADLINE_EXCEEDED);
}

static void a_call_that_has_said_something_may_be_quiet(void **state)
{
    uint64_t begin;

    (void)state;
    rig.limits.idle_ms = 100;
    open_server_and_raw();
    raw_send(&raw, raw_request(&raw, "/t/Hold"), empty_message, sizeof(empty_message));
    raw_until(rig.served.messages == 1);
    begin = uv_now(&rig.loop);
    raw_until(uv_now(&rig.loop) - begin > 500);
    assert_int_equal(rig.served.closed, 0);
}

/* No window is given back, so that what waits before the end of the call never leaves. Another call
 * keeps the connection. */
static void a_call_whose_end_is_not_taken_is_reset(void **state)
{
    struct raw_stream *s;

    (void)state;
    rig.limits.idle_ms = 100;
    open_server_and_raw();
    raw.hoard = true;
    raw_send(&raw, raw_request(&raw, "/t/Hold"), empty_message, sizeof(empty_message));
    raw_until(rig.served.messages == 1);
    s = raw_request(&raw, "/t/Flood");
    raw_until(rig.opened == 2);
    grpc_call_finish(rig.served.call, GRPC_OK, NULL);
    raw_until(s->closed);
    assert_int_equal(s->reset, 8); /* CANCEL */
    assert_int_equal(rig.served.status, GRPC_CANCELLED);
    assert_false(raw.eof);
}

/* ---- floods ---------------------------------------------------------------------------------- */

static void expect_flood_ends(const uint8_t *frame, size_t len)
{
    for (int i = 0; i < FLOOD && !raw.eof; i++)
        raw_bytes(&raw, frame, len);
    raw_until(raw.eof);
    assert_true(raw.goaway);
    assert_non_null(strstr(h2_trouble(raw.h2), "ENHANCE_YOUR_CALM"));
}

static void a_flood_of_window_updates_ends_the_connection(void **state)
{
    static const uint8_t update[] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1};

    (void)state;
    open_server_and_raw();
    expect_flood_ends(update, sizeof(update));
}

static void a_flood_of_frames_of_unknown_type_ends_the_connection(void **state)
{
    static const uint8_t unknown[] = {0, 0, 2, 0xbb, 0xff, 0, 0, 0, 3, 'h', 'i'};

    (void)state;
    open_server_and_raw();
    expect_flood_ends(unknown, sizeof(unknown));
}

static void single_frames_of_unknown_type_are_ignored(void **state)
{
    struct raw_stream *s;

    (void)state;
    open_server_and_raw();
    for (int type = 10; type <= UINT8_MAX; type++) {
        const uint8_t unknown[] = {0, 0, 1, (uint8_t)type, 0, 0, 0, 0, 0, 'x'};

        assert_int_equal(raw_bytes(&raw, unknown, sizeof(unknown)), sizeof(unknown));
    }
    s = raw_request(&raw, "/t/Echo");
    raw_send(&raw, s, empty_message, sizeof(empty_message));
    raw_until(s->body_len == sizeof(empty_message));
    assert_false(raw.eof);
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
        TEST(a_connection_whose_calls_are_over_is_closed),
        TEST(a_refused_request_is_no_call),
        TEST(a_call_without_a_message_is_ended),
        TEST(a_call_that_has_said_something_may_be_quiet),
        TEST(a_call_whose_end_is_not_taken_is_reset),
        TEST(a_flood_of_window_updates_ends_the_connection),
        TEST(a_flood_of_frames_of_unknown_type_ends_the_connection),
        TEST(single_frames_of_unknown_type_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
