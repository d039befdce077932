/*
 * grpc_peer: our gRPC against another implementation's (tests/sim/grpc_interop.py drives it).
 *
 *     grpc_peer serve ADDRESS [CERT KEY CA]        prints "port N", serves until stdin closes
 *     grpc_peer call ADDRESS COUNT SIZE [CERT KEY CA]
 *
 * The service: /test.Echo/Unary and /test.Echo/Stream give back each message; /test.Echo/Fail
 * ends with ABORTED "no: ä%". The call: one unary, one stream of COUNT messages of SIZE bytes,
 * one failing call; prints "ok" when all came back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/grpc.h"

#define FAIL_TEXT "no: \xc3\xa4%"

static void die(const struct err *err)
{
    fprintf(stderr, "grpc_peer: %s\n", err->text);
    exit(3);
}

static struct tls_files files_of(char **argv, int argc)
{
    struct tls_files files = {0};

    if (argc >= 3) {
        files.cert = argv[0];
        files.key = argv[1];
        files.ca = argv[2];
    }
    return files;
}

/* ---- serve ----------------------------------------------------------------------------------- */

static void give_back(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct err err;

    (void)arg;
    if (grpc_call_send(call, data, len, &err) == 0)
        return;
    if (err.kind == ERR_BUSY)
        grpc_call_pause(call);
    grpc_call_finish(call, grpc_status_of(err.kind), err.text);
}

static void end_well(struct grpc_call *call, void *arg)
{
    (void)arg;
    grpc_call_finish(call, GRPC_OK, NULL);
}

static void end_badly(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    (void)data;
    (void)len;
    (void)arg;
    grpc_call_finish(call, GRPC_ABORTED, FAIL_TEXT);
}

static const struct grpc_handler echo = {.on_message = give_back, .on_half_closed = end_well};
static const struct grpc_handler failing = {.on_message = end_badly};

static int open_echo(struct grpc_call *call, void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    grpc_call_set(call, &echo, NULL);
    return 0;
}

static int open_failing(struct grpc_call *call, void *arg, struct err *err)
{
    (void)arg;
    (void)err;
    grpc_call_set(call, &failing, NULL);
    return 0;
}

static const struct grpc_method methods[] = {
    {"/test.Echo/Unary", open_echo},
    {"/test.Echo/Stream", open_echo},
    {"/test.Echo/Fail", open_failing},
    {NULL, NULL},
};

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    static char scrap[64];

    (void)handle;
    (void)suggested;
    *out = uv_buf_init(scrap, sizeof(scrap));
}

static void on_stdin(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    (void)buf;
    if (nread >= 0)
        return;
    uv_close((uv_handle_t *)stream, NULL);
    grpc_server_close(stream->data, NULL, NULL);
}

static void serve(uv_loop_t *loop, const struct uvx_address *address, const struct tls_files *files)
{
    struct grpc_limits limits;
    struct grpc_server *server = NULL;
    AUTO(tls_context_close) struct tls_context *tls = NULL;
    uv_pipe_t input;
    struct err err;

    grpc_limits_default(&limits);
    if ((files->cert != NULL && tls_server_context(&tls, files, &err) != 0) ||
        grpc_server_open(&server, loop, &limits, methods, NULL, &err) != 0 ||
        grpc_server_listen(server, address, tls, &err) != 0)
        die(&err);
    uv_pipe_init(loop, &input, 0);
    uv_pipe_open(&input, 0);
    input.data = server;
    uv_read_start((uv_stream_t *)&input, lend, on_stdin);
    printf("port %d\n", grpc_server_port(server));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- call ------------------------------------------------------------------------------------ */

struct caller {
    struct grpc_client *client;
    size_t count, size, sent, received;
    int ends, good;
    uint8_t *message;
    struct grpc_call *stream;
};

static void check_end(struct caller *c, bool good)
{
    c->good += good;
    if (++c->ends == 3)
        grpc_client_close(c->client, NULL, NULL);
}

static void on_failed(struct grpc_call *call, int status, const char *message, void *arg)
{
    (void)call;
    check_end(arg, status == GRPC_ABORTED && strcmp(message, FAIL_TEXT) == 0);
}

static void on_ended(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct caller *c = arg;

    if (status != GRPC_OK)
        fprintf(stderr, "grpc_peer: %s %s\n", grpc_status_name(status), message);
    check_end(c, status == GRPC_OK && (call != c->stream || c->received == c->count));
}

static void send_more(struct grpc_call *call, void *arg)
{
    struct caller *c = arg;
    struct err err;

    while (c->sent < c->count) {
        if (grpc_call_send(call, c->message, c->size, &err) != 0)
            return;
        c->sent++;
    }
    grpc_call_finish(call, GRPC_OK, NULL);
}

static void on_echoed(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct caller *c = arg;

    if (call == c->stream && len == c->size && memcmp(data, c->message, len) == 0)
        c->received++;
}

static const struct grpc_handler streaming = {
    .on_message = on_echoed, .on_writable = send_more, .on_closed = on_ended};
static const struct grpc_handler failed = {.on_closed = on_failed};

static void on_ready(struct grpc_client *client, void *arg)
{
    struct caller *c = arg;
    struct grpc_call *unary, *fail;
    struct err err;

    unary = grpc_client_call(client, "/test.Echo/Unary", &streaming, c, &err);
    fail = grpc_client_call(client, "/test.Echo/Fail", &failed, c, &err);
    c->stream = grpc_client_call(client, "/test.Echo/Stream", &streaming, c, &err);
    if (unary == NULL || fail == NULL || c->stream == NULL ||
        grpc_call_send(unary, "x", 1, &err) != 0 || grpc_call_send(fail, "x", 1, &err) != 0)
        die(&err);
    grpc_call_finish(unary, GRPC_OK, NULL);
    grpc_call_finish(fail, GRPC_OK, NULL);
    send_more(c->stream, c);
}

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    (void)client;
    (void)arg;
    die(err);
}

static void call(uv_loop_t *loop, const struct uvx_address *address, const struct tls_files *files,
                 struct caller *c)
{
    static const struct grpc_client_events events = {.on_ready = on_ready, .on_down = on_down};
    AUTO(tls_context_close) struct tls_context *tls = NULL;
    struct grpc_limits limits;
    struct err err;

    grpc_limits_default(&limits);
    c->message = malloc(c->size + 1);
    if (c->message == NULL)
        exit(3);
    memset(c->message, 'm', c->size + 1);
    if ((files->cert != NULL && tls_client_context(&tls, files, &err) != 0) ||
        grpc_client_open(&c->client, loop, &limits, address, tls, NULL, &events, c, &err) != 0)
        die(&err);
    uv_run(loop, UV_RUN_DEFAULT);
    free(c->message);
    if (c->good == 3)
        printf("ok\n");
}

int main(int argc, char **argv)
{
    struct caller c = {0};
    struct uvx_address address;
    struct tls_files files;
    uv_loop_t loop;
    struct err err;

    if (argc < 3 || uvx_address_parse(&address, argv[2], "0", &err) != 0)
        return 2;
    uv_loop_init(&loop);
    if (strcmp(argv[1], "serve") == 0) {
        files = files_of(argv + 3, argc - 3);
        serve(&loop, &address, &files);
        c.good = 3;
    } else if (argc >= 5) {
        c.count = strtoul(argv[3], NULL, 10);
        c.size = strtoul(argv[4], NULL, 10);
        files = files_of(argv + 5, argc - 5);
        call(&loop, &address, &files, &c);
    }
    if (uvx_loop_close(&loop, &err) != 0)
        die(&err);
    return c.good == 3 ? 0 : 1;
}
