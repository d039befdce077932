#include "tests/bench/peers.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#define QUIET_MS 500
#define HANDSHAKE_MS (10 * 60 * 1000) /* the herd waits in line, and nobody gives up */

static void must(int rc, const struct err *err, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static struct tls_context *context(const struct pki *pki, const char *name, bool server)
{
    char file[32], cert[PKI_PATH], key[PKI_PATH], ca[PKI_PATH];
    struct tls_files files = {.ca = pki_path(pki, "ca.pem", ca)};
    struct tls_context *tls = NULL;
    struct err err = {0};

    snprintf(file, sizeof(file), "%s.pem", name);
    files.cert = pki_path(pki, file, cert);
    snprintf(file, sizeof(file), "%s.key", name);
    files.key = pki_path(pki, file, key);
    must(server ? tls_server_context(&tls, &files, &err) : tls_client_context(&tls, &files, &err),
         &err, "TLS");
    return tls;
}

struct grpc_limits peers_limits(void)
{
    struct grpc_limits l;

    grpc_limits_default(&l);
    l.handshake_ms = HANDSHAKE_MS;
    l.idle_ms = 0;
    return l;
}

/* ---- the child: clients ---------------------------------------------------------------------- */

struct client {
    struct crowd *crowd;
    struct grpc_client *client;
    struct tls_ticket ticket;
};

struct crowd {
    uv_loop_t loop;
    uv_pipe_t orders;
    struct tls_context **tls; /* as many clients as its certificate has names share each */
    struct uvx_address address;
    struct client *clients;
    size_t count;
    size_t order; /* what the last order said */
};

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    (void)client;
    (void)arg;
    fprintf(stderr, "a client went down: %s\n", err->text);
    exit(1);
}

static void ignore_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    (void)call;
    (void)data;
    (void)len;
    (void)arg;
}

static void ignore_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    (void)call;
    (void)status;
    (void)message;
    (void)arg;
}

static void on_ready(struct grpc_client *client, void *arg)
{
    static const struct grpc_handler handler = {.on_message = ignore_message,
                                                .on_closed = ignore_closed};
    struct err err = {0};

    need(grpc_client_call(client, "/bench/Hold", &handler, arg, &err) != NULL, err.text);
}

static void join(struct crowd *c, size_t number)
{
    static const struct grpc_client_events events = {.on_ready = on_ready, .on_down = on_down};
    struct grpc_limits l = peers_limits();
    struct client *k = &c->clients[number];
    struct err err = {0};

    k->crowd = c;
    must(grpc_client_open(&k->client, &c->loop, &l, &c->address, c->tls[number / PKI_SHARERS],
                          "localhost", &events, k, &err),
         &err, "client");
    grpc_client_use_ticket(k->client, &k->ticket);
}

static void obey(struct crowd *c, size_t count)
{
    if (count > 0) {
        while (c->count < count)
            join(c, c->count++);
        return;
    }
    while (c->count > 0)
        grpc_client_close(steal(&c->clients[--c->count].client), NULL, NULL);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct crowd *c = handle->data;

    (void)suggested;
    *out = uv_buf_init((char *)&c->order, sizeof(c->order)); /* orders come one by one */
}

static void on_order(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct crowd *c = stream->data;

    (void)buf;
    if (nread < 0)
        _exit(0);
    if ((size_t)nread == sizeof(c->order))
        obey(c, c->order);
}

static struct tls_context **contexts(const struct pki *pki, size_t clients)
{
    size_t count = (clients + PKI_SHARERS - 1) / PKI_SHARERS;
    struct tls_context **tls = calloc(count, sizeof(struct tls_context *));
    char name[32];

    need(tls != NULL, "contexts");
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "host-%zu", i);
        pki_issue_shared(pki, name);
        tls[i] = context(pki, name, false);
    }
    return tls;
}

static void run_crowd(const struct pki *pki, int orders, int port, size_t max)
{
    struct crowd c = {0};
    char text[32];
    struct err err = {0};

    snprintf(text, sizeof(text), "127.0.0.1:%d", port);
    must(uvx_address_parse(&c.address, text, "0", &err), &err, "address");
    c.tls = contexts(pki, max);
    c.clients = calloc(max, sizeof(*c.clients));
    need(c.clients != NULL, "clients");
    uv_loop_init(&c.loop);
    uv_pipe_init(&c.loop, &c.orders, 0);
    c.orders.data = &c;
    need(uv_pipe_open(&c.orders, orders) == 0, "orders");
    uv_read_start((uv_stream_t *)&c.orders, on_alloc, on_order);
    uv_run(&c.loop, UV_RUN_DEFAULT);
    _exit(0);
}

/* ---- the parent: our server ------------------------------------------------------------------ */

static void on_call_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    (void)call;
    (void)status;
    (void)message;
    ((struct peers_server *)arg)->calls--;
}

static int on_call(struct grpc_call *call, void *arg, struct err *err)
{
    static const struct grpc_handler handler = {.on_message = ignore_message,
                                                .on_closed = on_call_closed};
    struct peers_server *s = arg;

    (void)err;
    s->calls++;
    s->opened++;
    s->resumed += grpc_call_is_resumed(call);
    grpc_call_set(call, &handler, s);
    return 0;
}

void peers_raise_file_limit(void)
{
    struct rlimit files;

    need(getrlimit(RLIMIT_NOFILE, &files) == 0, "file limit");
    files.rlim_cur = files.rlim_max;
    need(setrlimit(RLIMIT_NOFILE, &files) == 0, "file limit");
}

void peers_open(struct peers_server *s, size_t max)
{
    static const struct grpc_method methods[] = {{"/bench/Hold", on_call}, {NULL, NULL}};
    struct grpc_limits l = peers_limits();
    struct uvx_address address;
    struct err err = {0};
    int ends[2];

    peers_raise_file_limit();
    *s = (struct peers_server){0};
    pki_make(&s->pki);
    s->tls = context(&s->pki, "server", true);
    uv_loop_init(&s->loop);
    must(uvx_address_parse(&address, "127.0.0.1:0", "0", &err), &err, "address");
    must(grpc_server_open(&s->server, &s->loop, &l, methods, s, &err), &err, "server");
    must(grpc_server_listen(s->server, &address, s->tls, &err), &err, "listen");
    need(pipe(ends) == 0, "pipe");
    s->child = fork();
    need(s->child >= 0, "fork");
    if (s->child == 0) {
        close(ends[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The server's loop is the parent's: the child never touches it. */
        run_crowd(&s->pki, ends[0], grpc_server_port(s->server), max);
    }
    close(ends[0]);
    s->orders = ends[1];
}

void peers_say(struct peers_server *s, size_t count)
{
    need(write(s->orders, &count, sizeof(count)) == sizeof(count), "order");
}

static void turn(struct peers_server *s)
{
    int status;

    uv_run(&s->loop, UV_RUN_ONCE);
    if (waitpid(s->child, &status, WNOHANG) == s->child) {
        fprintf(stderr, "the clients ended\n");
        exit(1);
    }
}

void peers_wait_opened(struct peers_server *s, size_t opened)
{
    while (s->opened < opened)
        turn(s);
}

static void on_quiet(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void serve_for(struct peers_server *s, uint64_t ms)
{
    uv_timer_t timer;
    bool over = false;

    uv_timer_init(&s->loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, on_quiet, ms, 0);
    while (!over)
        turn(s);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

void peers_wait(struct peers_server *s, size_t calls)
{
    while (s->calls != calls)
        turn(s);
    serve_for(s, QUIET_MS);
    while (grpc_server_connections(s->server) != calls)
        turn(s);
}

static void on_server_closed(void *arg)
{
    *(bool *)arg = true;
}

void peers_close(struct peers_server *s)
{
    struct err err = {0};

    kill(s->child, SIGKILL);
    waitpid(s->child, NULL, 0);
    close(s->orders);
    grpc_server_close(s->server, on_server_closed, &s->closed);
    while (!s->closed)
        uv_run(&s->loop, UV_RUN_ONCE);
    must(uvx_loop_close(&s->loop, &err), &err, "loop");
    tls_context_close(&s->tls);
    pki_remove(&s->pki);
}

/* ---- the command line ------------------------------------------------------------------------ */

void peers_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        fprintf(stderr, "not pinned to processor %d\n", cpu);
}

size_t peers_count(int argc, char **argv, size_t otherwise)
{
    char *end = NULL;
    unsigned long n;

    if (argc == 1)
        return otherwise;
    n = argc == 3 && strcmp(argv[1], "--connections") == 0 ? strtoul(argv[2], &end, 10) : 0;
    if (n < 10 || n > 1000000 || *end != '\0') {
        fprintf(stderr, "usage: %s [--connections N], N at least 10\n", argv[0]);
        exit(2);
    }
    return n;
}
