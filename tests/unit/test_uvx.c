#include "tests/support/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/uvx.h"
#include "tests/support/capture.h"

static void statuses_become_kinds_with_context(void **state)
{
    static const struct {
        int status;
        enum err_kind kind;
    } cases[] = {
        {UV_ECONNREFUSED, ERR_UNAVAILABLE},
        {UV_EOF, ERR_UNAVAILABLE},
        {UV_EAI_AGAIN, ERR_UNAVAILABLE},
        {UV_ENOENT, ERR_NOT_FOUND},
        {UV_EACCES, ERR_DENIED},
        {UV_ETIMEDOUT, ERR_TIMEOUT},
        {UV_ECANCELED, ERR_CANCELED},
        {UV_ENOMEM, ERR_NO_MEMORY},
        {UV_EMFILE, ERR_IO},
        {-99999, ERR_IO},
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(uvx_fail(&err, cases[i].status, "connect %s", "h:1"), cases[i].kind,
                     "connect h:1: ");
    uvx_fail(&err, UV_ECONNREFUSED, "connect");
    assert_string_equal(err.text, "connect: connection refused");
}

static void an_idle_loop_closes(void **state)
{
    uv_loop_t loop;
    struct err err;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_ok(uvx_loop_close(&loop, &err));
}

static void a_handle_left_open_is_named_and_refused(void **state)
{
    struct capture capture;
    AUTO_FREE char *text = NULL;
    uv_timer_t timer;
    uv_loop_t loop;
    struct err err;
    int rc;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_timer_init(&loop, &timer), 0);
    log_setup(STDERR_FILENO, LOG_INFO, LOG_TEXT);
    capture_begin(&capture, STDERR_FILENO);
    rc = uvx_loop_close(&loop, &err);
    text = capture_end(&capture);
    assert_int_equal(rc, -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.text, "close loop: 1 handles left open");
    assert_non_null(strstr(text, "event=handle-left-open type=timer active=no closing=no"));
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_ok(uvx_loop_close(&loop, &err));
}

static void addresses_have_their_parts(void **state)
{
    static const struct {
        const char *text, *host, *port;
        int is_unix;
    } cases[] = {
        {"host:80", "host", "80", 0},
        {"host", "host", "4317", 0},
        {":9000", "", "9000", 0},
        {"[::1]:80", "::1", "80", 0},
        {"[fe80::1%eth0]", "fe80::1%eth0", "4317", 0},
        {"127.0.0.1:0", "127.0.0.1", "0", 0},
        {"h:65535", "h", "65535", 0},
        {"unix:/run/x.sock", "/run/x.sock", "", 1},
        {"unix:relative", "relative", "", 1},
    };
    struct uvx_address a;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++) {
        assert_ok(uvx_address_parse(&a, cases[i].text, "4317", &err));
        assert_string_equal(a.host, cases[i].host);
        assert_string_equal(a.port, cases[i].port);
        assert_int_equal(a.is_unix, cases[i].is_unix);
    }
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "expected host:port"},          {"host:", "expected a port"},
        {"host:port", "expected a port"},    {"host:65536", "expected a port"},
        {"host:-1", "expected a port"},      {"host:000080", "expected a port"},
        {"host", "expected a port"},         {"::1", "write an IPv6 address as [::1]"},
        {"[::1", "expected host:port"},      {"[::1]80", "expected host:port"},
        {"[host]:80", "expected host:port"}, {"unix:", "expected a path"},
    };
    struct uvx_address a;
    struct err err;
    char text[400];

    (void)state;
    for (size_t i = 0; i < unit_count(cases); i++)
        assert_fails(uvx_address_parse(&a, cases[i].text, NULL, &err), ERR_USAGE, cases[i].words);
    snprintf(text, sizeof(text), "%0256d:80", 0);
    assert_fails(uvx_address_parse(&a, text, NULL, &err), ERR_USAGE, "at most 255 bytes");
    snprintf(text, sizeof(text), "unix:/%0107d", 0);
    assert_fails(uvx_address_parse(&a, text, NULL, &err), ERR_USAGE, "at most 107 bytes");
}

static void only_this_machine_is_local(void **state)
{
    static const char *const local[] = {"localhost:1", "127.0.0.1:1", "127.9.8.7:1", "[::1]:1",
                                        "unix:/x"};
    static const char *const remote[] = {
        ":1",          "0.0.0.0:1",          "10.0.0.1:1",          "[::]:1",
        "[fe80::1]:1", "127.evil.example:1", "localhost.example:1", "128.0.0.1:1"};
    struct uvx_address a;
    struct err err;

    (void)state;
    for (size_t i = 0; i < unit_count(local); i++) {
        assert_ok(uvx_address_parse(&a, local[i], NULL, &err));
        assert_true(uvx_address_is_local(&a));
    }
    for (size_t i = 0; i < unit_count(remote); i++) {
        assert_ok(uvx_address_parse(&a, remote[i], NULL, &err));
        assert_false(uvx_address_is_local(&a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_become_kinds_with_context),
        cmocka_unit_test(an_idle_loop_closes),
        cmocka_unit_test(a_handle_left_open_is_named_and_refused),
        cmocka_unit_test(addresses_have_their_parts),
        cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
        cmocka_unit_test(only_this_machine_is_local),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
