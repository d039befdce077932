/* Any bytes to our gRPC server, over a real socket: the first byte says whether they are the body
 * of a call, in two pieces, or stand for HTTP/2 itself. The server must let go of the connection.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/grpc.h"
#include "tests/support/h2_raw.h"

#define MESSAGE_MAX 4096
#define TURNS 4 /* of the loop, for an answer to come */

enum { AS_BODY = 1 };

static struct {
    uv_loop_t loop;
    struct grpc_server *server;
    char dir[32];
    struct uvx_address address;
} fixture = {.dir = "/tmp/fuzz_grpc.XXXXXX"};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    (void)arg;
    check(len <= MESSAGE_MAX);
    grpc_call_send(call, data, len, NULL);
}

static void on_half_closed(struct grpc_call *call, void *arg)
{
    (void)arg;
    grpc_call_finish(call, GRPC_OK, NULL);
}

static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    (void)call;
    (void)arg;
    check(status >= 0 && message != NULL);
}

static int open_echo(struct grpc_call *call, void *arg, struct err *err)
{
    static const struct grpc_handler echoing = {
        .on_message = on_message, .on_half_closed = on_half_closed, .on_closed = on_closed};

    (void)arg;
    (void)err;
    grpc_call_set(call, &echoing, NULL);
    return 0;
}

static void remove_socket(void)
{
    unlink(fixture.address.host);
    rmdir(fixture.dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct grpc_method methods[] = {{"/t/Echo", open_echo}, {NULL, NULL}};
    struct grpc_limits limits;

    (void)argc;
    (void)argv;
    grpc_limits_default(&limits);
    limits.message_max = MESSAGE_MAX;
    check(mkdtemp(fixture.dir) != NULL && atexit(remove_socket) == 0);
    fixture.address.is_unix = true;
    snprintf(fixture.address.host, sizeof(fixture.address.host), "%s/s", fixture.dir);
    check(uv_loop_init(&fixture.loop) == 0);
    check(grpc_server_open(&fixture.server, &fixture.loop, &limits, methods, NULL, NULL) == 0);
    check(grpc_server_listen(fixture.server, &fixture.address, NULL, NULL) == 0);
    return 0;
}

static void say(struct raw *r, const uint8_t *data, size_t size, bool as_body)
{
    size_t half = size / 2;
    struct raw_stream *s;

    if (!as_body) {
        raw_settle(r); /* the preface and SETTINGS */
        raw_bytes(r, data, size);
        return;
    }
    s = raw_request(r, "/t/Echo");
    if (half > 0)
        raw_send(r, s, data, half);
    raw_send(r, s, data + half, size - half);
    h2_finish(r->h2, s->id, NULL, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct raw r;

    if (size < 2)
        return 0;
    raw_open(&r, 0, fixture.address.host);
    say(&r, data + 1, size - 1, (data[0] & AS_BODY) != 0);
    for (int i = 0; i < TURNS; i++) {
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
        raw_settle(&r);
    }
    raw_close(&r);
    while (grpc_server_connections(fixture.server) > 0)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    return 0;
}
