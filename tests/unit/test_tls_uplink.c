#include "tests/support/unit.h"

#include "agent/uplink.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tests/support/pki.h"
#include "tests/support/run_until.h"

/* A collector that ends each stream at once, and an agent's uplink that comes back. */
struct ends {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out, server_closed, uplink_closed;
    struct tls_context *server_tls, *client_tls;
    struct grpc_server *server;
    struct uplink *uplink;
    unsigned streams, resumed;
    char peer_name[64]; /* of the newest stream */
};

static int on_stream(struct grpc_call *call, void *arg, struct err *err)
{
    struct ends *e = arg;

    e->streams++;
    e->resumed += grpc_call_is_resumed(call);
    snprintf(e->peer_name, sizeof(e->peer_name), "%s", grpc_call_peer_name(call));
    return err_set(err, ERR_UNAVAILABLE, "come back");
}

static void on_synced(void *arg)
{
    (void)arg;
}

static void on_measure(const struct rec_measure_wanted *items, size_t count, void *arg)
{
    (void)items;
    (void)count;
    (void)arg;
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void on_watchdog(uv_timer_t *timer)
{
    ((struct ends *)timer->data)->timed_out = true;
}

static void open_contexts(struct ends *e, const struct pki *pki)
{
    char cert[PKI_PATH], key[PKI_PATH], ca[PKI_PATH];
    struct tls_files files = {.ca = pki_path(pki, "ca.pem", ca)};
    struct err err;

    files.cert = pki_path(pki, "server.pem", cert);
    files.key = pki_path(pki, "server.key", key);
    assert_ok(tls_server_context(&e->server_tls, &files, &err));
    files.cert = pki_path(pki, "client.pem", cert);
    files.key = pki_path(pki, "client.key", key);
    assert_ok(tls_client_context(&e->client_tls, &files, &err));
}

static void serve(struct ends *e)
{
    static const struct grpc_method methods[] = {{WIRE_PATH_REPORT, on_stream}, {NULL, NULL}};
    struct grpc_limits limits;
    struct uvx_address address;
    struct err err;

    grpc_limits_default(&limits);
    assert_ok(uvx_address_parse(&address, "127.0.0.1:0", "0", &err));
    assert_ok(grpc_server_open(&e->server, &e->loop, &limits, methods, e, &err));
    assert_ok(grpc_server_listen(e->server, &address, e->server_tls, &err));
}

static void start_uplink(struct ends *e)
{
    static const struct uplink_events events = {.on_synced = on_synced, .on_measure = on_measure};
    struct uplink_options options = {.tls = e->client_tls,
                                     .reconnect_min_ms = 1,
                                     .reconnect_max_ms = 2,
                                     .seed = 1,
                                     .hello = {.agent_version = "0.1.0",
                                               .host_name = "node-1",
                                               .cluster = "",
                                               .incarnation = {.bytes = {1}},
                                               .lifetime = REC_LIFETIME_LASTING,
                                               .os = "linux",
                                               .kernel = "6",
                                               .arch = "amd64"}};
    char text[32];
    struct err err;

    snprintf(text, sizeof(text), "127.0.0.1:%d", grpc_server_port(e->server));
    assert_ok(uvx_address_parse(&options.address, text, "0", &err));
    assert_ok(uplink_open(&e->uplink, &e->loop, &options, &events, e, &err));
}

static void an_agent_that_comes_back_resumes_its_session(void **state)
{
    struct ends e = {0};
    struct pki pki;
    struct err err;

    (void)state;
    log_setup(2, LOG_ERROR, LOG_TEXT);
    pki_make(&pki);
    open_contexts(&e, &pki);
    pki_remove(&pki);
    uv_loop_init(&e.loop);
    uv_timer_init(&e.loop, &e.watchdog);
    e.watchdog.data = &e;
    uv_timer_start(&e.watchdog, on_watchdog, 20000, 0);
    serve(&e);
    start_uplink(&e);
    run_until(&e, e.streams == 1);
    assert_int_equal(e.resumed, 0);
    run_until(&e, e.streams == 4);
    assert_int_equal(e.resumed, 3);
    assert_string_equal(e.peer_name, "node-1");
    uplink_close(e.uplink, on_closed, &e.uplink_closed);
    run_until(&e, e.uplink_closed);
    grpc_server_close(e.server, on_closed, &e.server_closed);
    run_until(&e, e.server_closed);
    uv_close((uv_handle_t *)&e.watchdog, NULL);
    uv_run(&e.loop, UV_RUN_DEFAULT);
    assert_ok(uvx_loop_close(&e.loop, &err));
    tls_context_close(&e.server_tls);
    tls_context_close(&e.client_tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_that_comes_back_resumes_its_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
