/*
 * bench_herd N: N agents for a real collector, each with a certificate of its own, for benchmarks
 * that look at the collector from outside.
 *
 * Says first where its certificates are, {"pki": DIRECTORY}: server.pem, server.key and ca.pem are
 * the collector's. Then it obeys lines on stdin until their end, each answered by one JSON object
 * when it is done:
 *
 *     join ADDRESS   all of them connect and say hello, always 500 at once; done at the last
 *                    welcome
 *     part           all connections are cut off; the next ones resume their TLS sessions
 *     beat MS        from now on each says a heartbeat in every MS milliseconds, evenly spread
 *     count          how many heartbeats were said so far
 *
 * An agent that is turned away or loses its connection tries again at once; "retries" counts these.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/wire.h"
#include "tests/bench/peers.h"

#define MESSAGE_MAX 4096
#define LINE_MAX_BYTES 200
#define AT_ONCE                                                                                    \
    500 /* on their way to a welcome: more would wait for this one process, not for the            \
         * collector, and be given up as slow */

struct herd;

struct agent {
    struct herd *herd;
    size_t number;
    struct tls_context *tls;
    struct tls_ticket ticket;
    struct grpc_client *client; /* NULL while parted */
    struct grpc_call *call;
    bool welcome;
    uv_timer_t heartbeat;
};

struct herd {
    uv_loop_t loop;
    uv_pipe_t orders;
    char line[LINE_MAX_BYTES]; /* orders come one by one */
    struct pki pki;
    struct uvx_address address;
    struct agent *agents;
    size_t count, welcomed, retries, heartbeats;
    size_t next; /* agent to join */
    size_t open; /* clients that are not closed yet */
    bool parting;
    uint64_t begun_ns;
};

static void join_more(struct herd *h);
static void join(struct agent *a);

static void must(int rc, const struct err *err, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static void name_of(const struct agent *a, char out[32])
{
    snprintf(out, 32, "herd-%06zu", a->number);
}

/* ---- one agent ------------------------------------------------------------------------------- */

static void say(struct agent *a, const struct wire_agent_msg *m)
{
    AUTO(buf_close) struct buf bytes;
    struct err err = {0};

    buf_init(&bytes, MESSAGE_MAX);
    must(wire_agent_encode(m, &bytes, &err), &err, "message");
    if (a->call != NULL)
        grpc_call_send(a->call, bytes.data, bytes.len, NULL); /* its end comes as an event */
}

static void say_hello(struct agent *a)
{
    struct wire_agent_msg m = {.kind = WIRE_HELLO,
                               .hello = {.agent_version = "0.1.0",
                                         .cluster = "herd",
                                         .lifetime = REC_LIFETIME_LASTING,
                                         .os = "linux",
                                         .kernel = "6",
                                         .arch = "amd64",
                                         .clock_ms = clock_wall_ms()}};
    char name[32];

    name_of(a, name);
    m.hello.host_name = name;
    memcpy(m.hello.incarnation.bytes, &a->number, sizeof(a->number));
    memcpy(m.hello.fingerprint.bytes, &a->number, sizeof(a->number));
    say(a, &m);
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct agent *a = arg;
    struct herd *h = a->herd;

    (void)call;
    (void)data;
    (void)len;
    if (a->welcome)
        return;
    a->welcome = true; /* nothing else is said first */
    h->welcomed++;
    join_more(h);
    if (h->welcomed == h->count)
        printf("{\"joined\": %zu, \"wall_ms\": %.1f, \"retries\": %zu}\n", h->count,
               (double)(clock_mono_ns() - h->begun_ns) / 1e6, h->retries);
}

static void on_client_closed(void *arg)
{
    struct agent *a = arg;
    struct herd *h = a->herd;

    h->open--;
    if (!h->parting)
        join(a);
    else if (h->open == 0)
        printf("{\"parted\": %zu}\n", h->count);
}

static void leave(struct agent *a)
{
    a->herd->welcomed -= a->welcome;
    a->welcome = false;
    grpc_client_close(steal(&a->client), on_client_closed, a);
}

static void try_again(struct agent *a, const char *what, const char *why)
{
    if (a->herd->retries++ == 0)
        fprintf(stderr, "the first agent that must try again: %s: %s\n", what, why);
    leave(a);
}

/* The collector ended the stream, or the connection is over. */
static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct agent *a = arg;

    (void)call;
    a->call = NULL;
    if (a->client != NULL)
        try_again(a, grpc_status_name(status), message);
}

static void on_ready(struct grpc_client *client, void *arg)
{
    static const struct grpc_handler handler = {.on_message = on_message, .on_closed = on_closed};
    struct agent *a = arg;

    a->call = grpc_client_call(client, WIRE_PATH_REPORT, &handler, a, NULL);
    if (a->call != NULL) /* else the collector is ending the connection */
        say_hello(a);
}

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    (void)client;
    try_again(arg, "connection", err->text);
}

static void join(struct agent *a)
{
    static const struct grpc_client_events events = {.on_ready = on_ready, .on_down = on_down};
    struct herd *h = a->herd;
    struct grpc_limits limits = peers_limits();
    struct err err = {0};

    must(grpc_client_open(&a->client, &h->loop, &limits, &h->address, a->tls, "localhost", &events,
                          a, &err),
         &err, "client");
    grpc_client_use_ticket(a->client, &a->ticket);
    h->open++;
}

static void join_more(struct herd *h)
{
    while (h->next < h->count && h->next - h->welcomed < AT_ONCE)
        join(&h->agents[h->next++]);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    struct wire_agent_msg m = {.kind = WIRE_HEARTBEAT};

    m.heartbeat.look_age_ms = (int64_t)((clock_mono_ns() - a->herd->begun_ns) / 1000000);
    a->herd->heartbeats++;
    say(a, &m);
}

static void prepare(struct herd *h, size_t number)
{
    struct agent *a = &h->agents[number];
    char name[32], file[48], cert[PKI_PATH], key[PKI_PATH], ca[PKI_PATH];
    struct tls_files files = {.ca = pki_path(&h->pki, "ca.pem", ca)};
    struct err err = {0};

    a->herd = h;
    a->number = number;
    name_of(a, name);
    pki_issue(&h->pki, name);
    snprintf(file, sizeof(file), "%s.pem", name);
    files.cert = pki_path(&h->pki, file, cert);
    snprintf(file, sizeof(file), "%s.key", name);
    files.key = pki_path(&h->pki, file, key);
    must(tls_client_context(&a->tls, &files, &err), &err, "TLS");
    uv_timer_init(&h->loop, &a->heartbeat);
    a->heartbeat.data = a;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void join_all(struct herd *h, const char *address)
{
    struct err err = {0};

    must(uvx_address_parse(&h->address, address, "0", &err), &err, "address");
    h->parting = false;
    h->retries = 0;
    h->begun_ns = clock_mono_ns();
    h->next = 0;
    join_more(h);
}

static void part_all(struct herd *h)
{
    h->parting = true;
    for (size_t i = 0; i < h->count; i++)
        leave(&h->agents[i]);
}

static void beat_all(struct herd *h, uint64_t every_ms)
{
    for (size_t i = 0; i < h->count; i++)
        uv_timer_start(&h->agents[i].heartbeat, on_heartbeat, 1 + i * every_ms / h->count,
                       every_ms);
    printf("{\"beating\": %" PRIu64 "}\n", every_ms);
}

static void obey(struct herd *h)
{
    char *end = strchr(h->line, '\n');

    if (end != NULL)
        *end = '\0';
    if (strncmp(h->line, "join ", 5) == 0)
        join_all(h, h->line + 5);
    else if (strcmp(h->line, "part") == 0)
        part_all(h);
    else if (strncmp(h->line, "beat ", 5) == 0)
        beat_all(h, strtoull(h->line + 5, NULL, 10));
    else if (strcmp(h->line, "count") == 0)
        printf("{\"heartbeats\": %zu}\n", h->heartbeats);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct herd *h = handle->data;

    (void)suggested;
    memset(h->line, 0, sizeof(h->line));
    *out = uv_buf_init(h->line, sizeof(h->line) - 1);
}

static void on_order(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct herd *h = stream->data;

    (void)buf;
    if (nread < 0) {
        pki_remove(&h->pki);
        exit(0);
    }
    obey(h);
}

int main(int argc, char **argv)
{
    struct herd h = {.count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0};

    if (h.count == 0) {
        fprintf(stderr, "usage: bench_herd N\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_setup(2, LOG_ERROR, LOG_TEXT);
    peers_raise_file_limit();
    h.agents = calloc(h.count, sizeof(*h.agents));
    if (h.agents == NULL)
        return 1;
    uv_loop_init(&h.loop);
    pki_make(&h.pki);
    for (size_t i = 0; i < h.count; i++)
        prepare(&h, i);
    printf("{\"pki\": \"%s\"}\n", h.pki.dir);
    uv_pipe_init(&h.loop, &h.orders, 0);
    h.orders.data = &h;
    uv_pipe_open(&h.orders, 0);
    uv_read_start((uv_stream_t *)&h.orders, on_alloc, on_order);
    return uv_run(&h.loop, UV_RUN_DEFAULT);
}
