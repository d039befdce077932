/* gRPC over a unix socket: peers that hang, flood or talk nonsense cost the deadline at most, and
 * the error says what they did. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/engines/grpc_unix.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "tests/support/grpc_peer.h"
#include "tests/support/tempdir.h"

#define PATH "/test.Service/Call"
#define TIMEOUT_MS 300
#define PATIENCE_MS 20000 /* for a machine that is busy with other things */

struct fixture {
    struct tempdir dir;
    char socket[PATH_MAX];
    struct grpc_unix_limits limits;
    struct grpc_peer peer;
    struct grpc_peer_answer answer;
    bool serving;
    size_t count; /* messages of the last call */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    tempdir_open(&f->dir);
    tempdir_path(&f->dir, "socket", f->socket);
    f->limits = (struct grpc_unix_limits){.message_max = 1 << 20,
                                          .answer_max = 1 << 30,
                                          .call_ms = PATIENCE_MS,
                                          .total_ms = PATIENCE_MS};
    f->answer.path = PATH;
    *state = f;
    return 0;
}

static void stop(struct fixture *f)
{
    if (f->serving)
        grpc_peer_stop(&f->peer);
    f->serving = false;
    unlink(f->socket);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    stop(f);
    tempdir_close(&f->dir);
    free(f);
    return 0;
}

static void serve(struct fixture *f)
{
    grpc_peer_start(&f->peer, f->socket, &f->answer, 1);
    f->serving = true;
}

static int count_message(void *arg, const uint8_t *data, size_t len, struct err *err)
{
    struct fixture *f = arg;

    (void)data;
    (void)len;
    return ++f->count < 1000 ? 0 : err_set(err, ERR_LIMIT, "enough is enough");
}

/* One call by a client of its own. */
static int call(struct fixture *f, bool streaming, struct err *err)
{
    AUTO(grpc_unix_close) struct grpc_unix *client = NULL;
    AUTO_FD int fd = open(f->socket, O_PATH | O_CLOEXEC);
    const struct grpc_unix_call c = {.path = PATH, .stream = streaming};

    assert_true(fd >= 0);
    f->count = 0;
    if (grpc_unix_open(&client, fd, "peer", &f->limits, err) != 0)
        return -1;
    return grpc_unix_call(client, &c, count_message, f, err);
}

/* ---- peers that are wrong -------------------------------------------------------------------- */

struct bad_answer {
    const char *what;
    struct grpc_peer_answer answer;
    enum err_kind kind;
    const char *words;
};

#define BYTES(text) .body = text, .len = sizeof(text) - 1
#define MESSAGE "\0\0\0\0\5\n\0031.6"

static const struct bad_answer bad_answers[] = {
    {"a web server", {.http = "404", .type = "text/html"}, ERR_PROTOCOL, "HTTP status 404"},
    {"another content type", {.type = "text/plain"}, ERR_PROTOCOL, "content type text/plain"},
    {"no service",
     {.status = "12", .text = "unknown service containerd.services.version.v1.Version"},
     ERR_VERSION,
     "UNIMPLEMENTED: unknown service containerd.services.version.v1.Version"},
    {"no namespace",
     {.status = "9", .text = "namespace is required: failed precondition"},
     ERR_PROTOCOL,
     "FAILED_PRECONDITION: namespace is required"},
    {"no right", {.status = "7", .text = "no"}, ERR_DENIED, "PERMISSION_DENIED: no"},
    {"going down", {.status = "14", .text = "bye"}, ERR_UNAVAILABLE, "UNAVAILABLE: bye"},
    {"late itself", {.status = "4", .text = "late"}, ERR_TIMEOUT, "DEADLINE_EXCEEDED: late"},
    {"too long for its sender",
     {.status = "8", .text = "trying to send message larger than max"},
     ERR_LIMIT,
     "RESOURCE_EXHAUSTED: trying"},
    {"an encoded text", {.status = "2", .text = "50%25%20off%0A"}, ERR_PROTOCOL, "50% off"},
    {"a status that is none", {.status = "ninety", .text = "x"}, ERR_PROTOCOL, "UNKNOWN: x"},
    {"compressed", {BYTES("\1\0\0\0\5\n\0031.6")}, ERR_PROTOCOL, "compressed"},
    {"four gigabytes", {BYTES("\0\377\377\377\377x")}, ERR_LIMIT, "4294967295 bytes is over"},
    {"half a message", {BYTES("\0\0\0\0\7\n\0031")}, ERR_PROTOCOL, "inside a message"},
    {"half a prefix", {BYTES("\0\0")}, ERR_PROTOCOL, "inside a message"},
    {"no status", {BYTES(MESSAGE), .way = GRPC_PEER_CUT}, ERR_PROTOCOL, "without a status"},
    {"a reset", {.way = GRPC_PEER_RESET}, ERR_PROTOCOL, "reset, HTTP/2 error 2"},
    {"nothing", {.status = "0"}, ERR_PROTOCOL, "0 messages where one"},
    {"two messages", {BYTES(MESSAGE MESSAGE)}, ERR_PROTOCOL, "2 messages where one"},
};

static void a_bad_answer_is_an_error_that_says_so(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < unit_count(bad_answers); i++) {
        const struct bad_answer *bad = &bad_answers[i];
        struct err err = {0};

        f->answer = bad->answer;
        f->answer.path = PATH;
        serve(f);
        if (call(f, false, &err) == 0 || err.kind != bad->kind ||
            strstr(err.text, bad->words) == NULL || strstr(err.text, "peer " PATH ": ") == NULL)
            fail_msg("%s: %s: %s", bad->what, err_kind_name(err.kind), err.text);
        stop(f);
    }
}

struct raw_peer {
    const char *what;
    const char *bytes;
    size_t len;
    enum err_kind kind;
    const char *words;
};

#define RAW(text) text, sizeof(text) - 1
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define GOAWAY "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\13"

static const struct raw_peer raw_peers[] = {
    {"an old web server", RAW("HTTP/1.1 400 Bad Request\r\n\r\n"), ERR_PROTOCOL, "HTTP/2"},
    {"noise", RAW("\351\1\7\377\377\377\377\377\377\377\377\377"), ERR_PROTOCOL, "HTTP/2"},
    {"a goodbye", RAW(SETTINGS GOAWAY), ERR_UNAVAILABLE, "ENHANCE_YOUR_CALM"},
    {"a closed door", RAW(""), ERR_UNAVAILABLE, "closed the connection"},
    {"settings and silence", RAW(SETTINGS), ERR_TIMEOUT, "no answer in time"},
    {"half a frame and silence", RAW("\0\0"), ERR_TIMEOUT, "no answer in time"},
};

static void a_peer_that_speaks_no_grpc_is_an_error(void **state)
{
    struct fixture *f = *state;

    f->limits.call_ms = TIMEOUT_MS;
    for (size_t i = 0; i < unit_count(raw_peers); i++) {
        const struct raw_peer *raw = &raw_peers[i];
        struct err err = {0};

        grpc_peer_start_raw(&f->peer, f->socket, raw->bytes, raw->len);
        f->serving = true;
        if (call(f, false, &err) == 0 || err.kind != raw->kind ||
            strstr(err.text, raw->words) == NULL)
            fail_msg("%s: %s: %s", raw->what, err_kind_name(err.kind), err.text);
        stop(f);
    }
}

static uint64_t elapsed_ms(uint64_t since_ns)
{
    return (clock_mono_ns() - since_ns) / 1000000;
}

static void assert_late(struct fixture *f, uint64_t began, const char *words)
{
    struct err err;

    assert_fails(call(f, true, &err), ERR_TIMEOUT, words);
    assert_true(elapsed_ms(began) >= TIMEOUT_MS && elapsed_ms(began) < PATIENCE_MS);
}

/* Neither silence nor messages without end move it. */
static void the_deadline_holds(void **state)
{
    struct fixture *f = *state;

    f->limits.call_ms = TIMEOUT_MS;
    f->answer.way = GRPC_PEER_SILENT;
    serve(f);
    assert_late(f, clock_mono_ns(), "no answer in time");
    stop(f);
    f->answer.way = GRPC_PEER_ENDLESS;
    f->answer.body = "\0\0\0\0"; /* an empty message's prefix, with the text's end */
    f->answer.len = 5;
    f->answer.endless_pause_ms = 5;
    serve(f);
    assert_late(f, clock_mono_ns(), "no answer in time");
    f->limits.call_ms = PATIENCE_MS;
    f->limits.total_ms = TIMEOUT_MS;
    assert_late(f, clock_mono_ns(), "no answer in time");
}

static void a_full_backlog_costs_the_deadline(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), others[4];
    struct err err;

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", f->socket);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (size_t i = 0; i < unit_count(others); i++) {
        others[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(others[i], (struct sockaddr *)&address, sizeof(address)); /* some are refused */
    }
    f->limits.call_ms = TIMEOUT_MS;
    assert_fails(call(f, false, &err), ERR_TIMEOUT, "connecting took too long");
    for (size_t i = 0; i < unit_count(others); i++)
        close(others[i]);
    close(listener);
}

static void nobody_there_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct err err;

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", f->socket);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* what a daemon leaves that was killed */
    assert_fails(call(f, false, &err), ERR_UNAVAILABLE, "refused");
}

static void the_lengths_hold(void **state)
{
    struct fixture *f = *state;
    struct err err;

    f->answer.body = MESSAGE;
    f->answer.len = sizeof(MESSAGE) - 1;
    f->answer.way = GRPC_PEER_ENDLESS;
    serve(f);
    f->limits.answer_max = 52;
    assert_fails(call(f, true, &err), ERR_LIMIT, "the answer is over the limit of 52");
    assert_int_equal(f->count, 10);
    f->limits.message_max = 4;
    assert_fails(call(f, true, &err), ERR_LIMIT, "of 5 bytes is over the limit of 4");
    assert_int_equal(f->count, 0);
    f->limits.message_max = 5;
    f->limits.answer_max = 1 << 30;
    assert_fails(call(f, true, &err), ERR_LIMIT, "enough is enough");
    assert_int_equal(f->count, 1000);
    f->limits.total_ms = 0;
    assert_fails(call(f, true, &err), ERR_TIMEOUT, "no time left");
}

static int call_again(struct grpc_unix *client, struct fixture *f, struct err *err)
{
    const struct grpc_unix_call c = {.path = PATH};

    return grpc_unix_call(client, &c, count_message, f, err);
}

/* After an error the client is good for the next call, over the same connection or another. */
static void a_client_outlives_its_errors(void **state)
{
    struct fixture *f = *state;
    AUTO(grpc_unix_close) struct grpc_unix *client = NULL;
    struct err err;
    int fd;

    f->answer.status = "5";
    serve(f);
    fd = open(f->socket, O_PATH | O_CLOEXEC);
    assert_ok(grpc_unix_open(&client, fd, "peer", &f->limits, &err));
    assert_fails(call_again(client, f, &err), ERR_NOT_FOUND, "NOT_FOUND");
    f->answer.status = NULL;
    f->answer.body = "\1\0\0\0";
    f->answer.len = 5;
    assert_fails(call_again(client, f, &err), ERR_PROTOCOL, "compressed");
    f->answer.body = MESSAGE;
    f->answer.len = sizeof(MESSAGE) - 1;
    assert_ok(call_again(client, f, &err));
    assert_int_equal(f->count, 1);
    close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_bad_answer_is_an_error_that_says_so),
        T(a_peer_that_speaks_no_grpc_is_an_error),
        T(the_deadline_holds),
        T(a_full_backlog_costs_the_deadline),
        T(nobody_there_is_unavailable),
        T(the_lengths_hold),
        T(a_client_outlives_its_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
