#include "common/grpc.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/support/grpc_rig.h"
#include "tests/support/tempdir.h"
#include "tests/support/unit.h"

static struct rig rig;

static void open_server_and_client(struct rig_client *c)
{
    rig_serve(&rig, "127.0.0.1:0", NULL);
    rig_join(&rig, c);
}

static void send_text(struct grpc_call *call, const char *text)
{
    struct err err;

    assert_ok(grpc_call_send(call, text, strlen(text), &err));
}

static void echo_once(struct rig_client *c)
{
    struct grpc_call *call = rig_call(c, "/t/Echo");

    send_text(call, "hello");
    grpc_call_finish(call, GRPC_OK, NULL);
    run_until(&rig, c->end.closed);
    assert_int_equal(c->end.status, GRPC_OK);
    assert_string_equal(c->end.message, "");
    assert_int_equal(c->end.messages, 1);
    assert_memory_equal(c->end.last, "hello", 5);
    run_until(&rig, rig.served.closed);
    assert_int_equal(rig.served.status, GRPC_OK);
}

/* ---- calls --------------------------------------------------------------------------------- */

static void a_message_comes_back_over_tcp(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    echo_once(&c);
    assert_false(rig.served.secure);
    assert_int_equal(strncmp(rig.served.peer, "127.0.0.1:", 10), 0);
    assert_string_equal(rig.served.peer_name, "");
    echo_once(&c); /* a second call on the same connection */
    assert_int_equal(grpc_server_connections(rig.server), 1);
    rig_leave(&c);
}

/* The milliseconds after which the kernel gives up the connection that leads to this port. */
static unsigned user_timeout_of(int port)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in in;
        socklen_t len = sizeof(in);
        unsigned ms = 0;

        if (getpeername(fd, (struct sockaddr *)&in, &len) != 0 || ntohs(in.sin_port) != port)
            continue;
        len = sizeof(ms);
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
        return ms;
    }
    return 0;
}

static void a_client_does_not_wait_long_for_a_line_that_swallows_its_bytes(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    assert_int_equal(user_timeout_of(grpc_server_port(rig.server)), 120000);
    rig_leave(&c);
}

static void a_message_comes_back_over_a_unix_socket(void **state)
{
    struct tempdir dir;
    char path[PATH_MAX], address[PATH_MAX + 5], peer[32];
    struct rig_client c;

    (void)state;
    tempdir_open(&dir);
    snprintf(address, sizeof(address), "unix:%s", tempdir_path(&dir, "socket", path));
    rig_serve(&rig, address, NULL);
    rig_connect(&rig, &c, address, NULL, NULL);
    run_until(&rig, c.ready);
    echo_once(&c);
    snprintf(peer, sizeof(peer), "unix (pid %d)", (int)getpid());
    assert_string_equal(rig.served.peer, peer);
    rig_leave(&c);
    tempdir_close(&dir);
}

static void an_empty_message_is_a_message(void **state)
{
    struct rig_client c;
    struct grpc_call *call;
    struct err err;

    (void)state;
    open_server_and_client(&c);
    call = rig_call(&c, "/t/Echo");
    assert_ok(grpc_call_send(call, NULL, 0, &err));
    grpc_call_finish(call, GRPC_OK, NULL);
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.messages, 1);
    assert_int_equal(c.end.bytes, 0);
    rig_leave(&c);
}

static void the_longest_message_passes_and_a_longer_one_does_not(void **state)
{
    size_t max = 4 * 1024 * 1024;
    AUTO_FREE uint8_t *data = calloc(1, max + 1);
    struct rig_client c;
    struct grpc_call *call;
    struct err err;

    (void)state;
    assert_non_null(data);
    open_server_and_client(&c);
    call = rig_call(&c, "/t/Echo");
    assert_fails(grpc_call_send(call, data, max + 1, &err), ERR_LIMIT, "4194305");
    assert_non_null(strstr(err.text, "4194304"));
    assert_ok(grpc_call_send(call, data, max, &err));
    grpc_call_finish(call, GRPC_OK, NULL);
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.status, GRPC_OK);
    assert_int_equal(c.end.bytes, max);
    rig_leave(&c);
}

static void a_full_queue_is_busy_and_writable_later(void **state)
{
    uint8_t data[1000] = {0};
    size_t sent = 0;
    struct rig_client c;
    struct grpc_call *call;
    struct err err = {0};

    (void)state;
    rig.limits.message_max = 1000;
    rig.limits.send_queue_max = 100000;
    open_server_and_client(&c);
    call = rig_call(&c, "/t/Hold");
    while (grpc_call_send(call, data, sizeof(data), &err) == 0)
        sent++;
    assert_int_equal(err.kind, ERR_BUSY);
    assert_int_equal(sent, 100000 / 1005);
    run_until(&rig, c.end.writable);
    assert_ok(grpc_call_send(call, data, sizeof(data), &err));
    run_until(&rig, rig.served.messages == sent + 1);
    assert_int_equal(c.end.writable, 1);
    rig_leave(&c);
}

/* The server takes one a loop turn, so what it has not taken stays with the client. */
static void a_thousand_messages_pass_a_slow_reader(void **state)
{
    uint8_t data[2000] = {0};
    struct rig_client c;
    struct grpc_call *call;
    struct err err;
    size_t sent = 0, ahead = 0;

    (void)state;
    rig.limits.message_max = sizeof(data);
    rig.limits.send_queue_max = 20000;
    open_server_and_client(&c);
    call = rig_call(&c, "/t/Slow");
    while (sent < 1000 && !rig.timed_out) {
        while (sent < 1000 && grpc_call_send(call, data, sizeof(data), &err) == 0)
            sent++;
        if (sent - rig.served.messages > ahead)
            ahead = sent - rig.served.messages;
        uv_run(&rig.loop, UV_RUN_ONCE);
    }
    grpc_call_finish(call, GRPC_OK, NULL);
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.status, GRPC_OK);
    assert_int_equal(rig.served.messages, 1000);
    assert_true(ahead * sizeof(data) < 400000); /* a window, a queue and what is on the way */
    rig_leave(&c);
}

static void a_paused_client_gets_its_messages_before_the_end(void **state)
{
    struct rig_client c;
    struct grpc_call *call;

    (void)state;
    open_server_and_client(&c);
    call = rig_call(&c, "/t/Echo");
    grpc_call_pause(call);
    grpc_call_pause(call);
    send_text(call, "one");
    send_text(call, "two");
    grpc_call_finish(call, GRPC_OK, NULL);
    run_until(&rig, rig.served.closed);
    rig_turns(&rig, 20);
    assert_int_equal(c.end.messages, 0);
    grpc_call_resume(call);
    rig_turns(&rig, 5);
    assert_int_equal(c.end.messages, 0); /* paused twice */
    grpc_call_resume(call);
    assert_int_equal(c.end.messages, 0); /* never from inside the call */
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.messages, 2);
    assert_int_equal(c.end.half_closed, 1);
    assert_int_equal(c.end.status, GRPC_OK);
    rig_leave(&c);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void a_status_and_its_text_arrive_as_given(void **state)
{
    static const char text[] = "no: \xc3\xa4 100% \n done";
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened);
    send_text(rig.served.call, "before");
    grpc_call_finish(rig.served.call, GRPC_ABORTED, text);
    grpc_call_finish(rig.served.call, GRPC_OK, "the second is ignored");
    assert_int_equal(rig.served.closed, 0);
    run_until(&rig, c.end.closed && rig.served.closed);
    assert_int_equal(c.end.messages, 1);
    assert_int_equal(c.end.status, GRPC_ABORTED);
    assert_string_equal(c.end.message, text);
    assert_int_equal(rig.served.status, GRPC_ABORTED);
    rig_leave(&c);
}

static void a_long_text_is_cut_at_a_character(void **state)
{
    char text[1000];
    struct rig_client c;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(text); i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    text[sizeof(text) - 1] = '\0';
    open_server_and_client(&c);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened);
    grpc_call_finish(rig.served.call, GRPC_INTERNAL, text);
    run_until(&rig, c.end.closed);
    assert_int_equal(strlen(c.end.message), 399);
    assert_int_equal(memcmp(c.end.message, text, 399), 0);
    rig_leave(&c);
}

static void a_refused_open_ends_the_call_and_tells_nobody(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    rig_call(&c, "/t/Refuse");
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.status, GRPC_ABORTED);
    assert_string_equal(c.end.message, "two truths");
    rig_turns(&rig, 5);
    assert_int_equal(rig.served.closed, 0);
    rig_leave(&c);
}

static void an_unknown_method_is_unimplemented(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    rig_call(&c, "/t/Nothing");
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.status, GRPC_UNIMPLEMENTED);
    assert_non_null(strstr(c.end.message, "/t/Nothing"));
    rig_leave(&c);
}

static void half_close_is_told_and_the_server_goes_on(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    grpc_call_finish(rig_call(&c, "/t/Hold"), GRPC_OK, NULL);
    run_until(&rig, rig.served.half_closed);
    send_text(rig.served.call, "late");
    run_until(&rig, c.end.messages == 1);
    grpc_call_finish(rig.served.call, GRPC_OK, NULL);
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.half_closed, 1);
    rig_leave(&c);
}

static void a_cancelled_call_ends_on_both_sides(void **state)
{
    struct rig_client c;
    struct grpc_call *call;
    struct err err;

    (void)state;
    open_server_and_client(&c);
    call = rig_call(&c, "/t/Hold");
    send_text(call, "x");
    run_until(&rig, rig.served.messages);
    grpc_call_cancel(call);
    assert_int_equal(c.end.closed, 0); /* never from inside the call */
    assert_fails(grpc_call_send(call, "y", 1, &err), ERR_CANCELED, "over");
    grpc_call_cancel(call);
    run_until(&rig, c.end.closed && rig.served.closed);
    assert_int_equal(c.end.status, GRPC_CANCELLED);
    assert_int_equal(rig.served.status, GRPC_CANCELLED);
    echo_once(&c); /* the connection is unharmed */
    rig_leave(&c);
}

static void a_call_cancelled_before_it_was_sent_ends_too(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    grpc_call_cancel(rig_call(&c, "/t/Hold"));
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.closed, 1);
    assert_int_equal(c.end.status, GRPC_CANCELLED);
    echo_once(&c);
    rig_leave(&c);
}

static void the_server_may_cancel(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened);
    grpc_call_cancel(rig.served.call);
    run_until(&rig, c.end.closed && rig.served.closed);
    assert_int_equal(c.end.status, GRPC_CANCELLED);
    assert_int_equal(rig.served.status, GRPC_CANCELLED);
    rig_leave(&c);
}

static void no_more_calls_than_allowed(void **state)
{
    struct rig_client c;
    struct err err;

    (void)state;
    rig.limits.calls_max = 2;
    open_server_and_client(&c);
    rig_call(&c, "/t/Hold");
    rig_call(&c, "/t/Hold");
    assert_null(grpc_client_call(c.client, "/t/Hold", NULL, NULL, &err));
    assert_int_equal(err.kind, ERR_BUSY);
    rig_leave(&c);
}

/* ---- connections that end ------------------------------------------------------------------- */

static void a_client_that_leaves_ends_its_calls(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened);
    rig_leave(&c);
    assert_int_equal(c.end.closed, 1);
    assert_int_equal(c.end.status, GRPC_CANCELLED);
    assert_int_equal(c.down, 0);
    run_until(&rig, rig.served.closed);
    assert_int_equal(rig.served.status, GRPC_UNAVAILABLE);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
}

static void a_message_sent_before_leaving_arrives(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    send_text(rig_call(&c, "/t/Hold"), "last words");
    rig_leave(&c);
    run_until(&rig, rig.served.closed);
    assert_int_equal(rig.served.messages, 1);
}

static void mark_server_closed(void *arg)
{
    ((struct rig *)arg)->server_closed = true;
}

static void a_stopping_server_ends_streams_with_a_reason(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened);
    send_text(rig.served.call, "before the end");
    grpc_server_close(rig.server, mark_server_closed, &rig);
    run_until(&rig, c.down);
    assert_int_equal(c.end.closed, 1);
    assert_int_equal(c.end.messages, 1);
    assert_int_equal(c.end.status, GRPC_UNAVAILABLE);
    assert_string_equal(c.end.message, "collector is stopping");
    assert_int_equal(c.why.kind, ERR_UNAVAILABLE);
    assert_int_equal(c.down, 1);
    run_until(&rig, rig.server_closed);
    assert_int_equal(rig.served.closed, 1);
    rig_leave(&c);
}

static void a_server_without_calls_closes_too(void **state)
{
    struct rig_client c;

    (void)state;
    open_server_and_client(&c);
    grpc_server_close(rig.server, mark_server_closed, &rig);
    run_until(&rig, rig.server_closed && c.down);
    rig_leave(&c);
}

static void closing_while_connecting_tells_nothing(void **state)
{
    struct rig_client c;
    char address[32];

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    rig_connect(&rig, &c, rig_address(&rig, address), NULL, NULL);
    rig_leave(&c); /* while it resolves */
    assert_int_equal(c.ready + c.down, 0);
    rig_connect(&rig, &c, rig_address(&rig, address), NULL, NULL);
    for (int i = 0; i < 3; i++)
        uv_run(&rig.loop, UV_RUN_ONCE); /* while it connects */
    rig_leave(&c);
    assert_int_equal(c.down, 0);
}

static void nobody_there_is_down(void **state)
{
    struct rig_client c;
    struct tempdir dir;
    char path[PATH_MAX], address[PATH_MAX + 5];

    (void)state;
    rig_connect(&rig, &c, "127.0.0.1:1", NULL, NULL);
    run_until(&rig, c.down);
    assert_int_equal(c.why.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(c.why.text, "127.0.0.1:1"));
    assert_non_null(strstr(c.why.text, "refused"));
    rig_leave(&c);
    tempdir_open(&dir);
    snprintf(address, sizeof(address), "unix:%s", tempdir_path(&dir, "none", path));
    rig_connect(&rig, &c, address, NULL, NULL);
    run_until(&rig, c.down);
    assert_non_null(strstr(c.why.text, path));
    rig_leave(&c);
    tempdir_close(&dir);
}

static void a_name_that_does_not_exist_is_down(void **state)
{
    struct rig_client c;

    (void)state;
    rig_connect(&rig, &c, "no-such-host.invalid:4711", NULL, NULL);
    run_until(&rig, c.down);
    assert_non_null(strstr(c.why.text, "no-such-host.invalid"));
    rig_leave(&c);
}

/* localhost has two addresses on most machines, and only one of them answers here. */
static void every_address_of_a_name_is_tried(void **state)
{
    struct rig_client c;
    char address[32];

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    snprintf(address, sizeof(address), "localhost:%d", grpc_server_port(rig.server));
    rig_connect(&rig, &c, address, NULL, NULL);
    run_until(&rig, c.ready + c.down);
    assert_int_equal(c.ready, 1);
    rig_leave(&c);
}

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_back_over_tcp),
        TEST(a_client_does_not_wait_long_for_a_line_that_swallows_its_bytes),
        TEST(a_message_comes_back_over_a_unix_socket),
        TEST(an_empty_message_is_a_message),
        TEST(the_longest_message_passes_and_a_longer_one_does_not),
        TEST(a_full_queue_is_busy_and_writable_later),
        TEST(a_thousand_messages_pass_a_slow_reader),
        TEST(a_paused_client_gets_its_messages_before_the_end),
        TEST(a_status_and_its_text_arrive_as_given),
        TEST(a_long_text_is_cut_at_a_character),
        TEST(a_refused_open_ends_the_call_and_tells_nobody),
        TEST(an_unknown_method_is_unimplemented),
        TEST(half_close_is_told_and_the_server_goes_on),
        TEST(a_cancelled_call_ends_on_both_sides),
        TEST(a_call_cancelled_before_it_was_sent_ends_too),
        TEST(the_server_may_cancel),
        TEST(no_more_calls_than_allowed),
        TEST(a_client_that_leaves_ends_its_calls),
        TEST(a_message_sent_before_leaving_arrives),
        TEST(a_stopping_server_ends_streams_with_a_reason),
        TEST(a_server_without_calls_closes_too),
        TEST(closing_while_connecting_tells_nothing),
        TEST(nobody_there_is_down),
        TEST(a_name_that_does_not_exist_is_down),
        TEST(every_address_of_a_name_is_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
