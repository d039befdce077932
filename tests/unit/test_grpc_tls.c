#include <unistd.h>

#include "common/cleanup.h"
#include "tests/support/grpc_rig.h"
#include "tests/support/h2_raw.h"
#include "tests/support/pki.h"
#include "tests/support/unit.h"

static struct rig rig;
static struct pki pki;
static struct tls_context *contexts[2]; /* server's, client's: closed in teardown */

/* Names as in pki.h; NULL: none. */
static struct tls_context *context(bool server, const char *name, const char *ca)
{
    char cert[PKI_PATH], key[PKI_PATH], ca_path[PKI_PATH], file[64];
    struct tls_files files = {0};
    struct err err;

    if (name != NULL) {
        snprintf(file, sizeof(file), "%s.pem", name);
        files.cert = pki_path(&pki, file, cert);
        snprintf(file, sizeof(file), "%s.key", name);
        files.key = pki_path(&pki, file, key);
    }
    if (ca != NULL)
        files.ca = pki_path(&pki, ca, ca_path);
    if (server)
        assert_ok(tls_server_context(&contexts[0], &files, &err));
    else
        assert_ok(tls_client_context(&contexts[1], &files, &err));
    return contexts[server ? 0 : 1];
}

static void serve(const char *name, const char *ca)
{
    rig_serve(&rig, "127.0.0.1:0", context(true, name, ca));
}

static void connect_as(struct rig_client *c, const char *name, const char *ca, const char *expected)
{
    char address[32];

    rig_connect(&rig, c, rig_address(&rig, address), context(false, name, ca), expected);
    run_until(&rig, c->ready + c->down > 0);
}

static void expect_down(struct rig_client *c, enum err_kind kind, const char *words)
{
    assert_int_equal(c->ready, 0);
    assert_int_equal(c->down, 1);
    unit_assert_error(&c->why, kind, words, __FILE__, __LINE__);
    rig_leave(c);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
    assert_int_equal(rig.opened, 0);
}

static void a_call_over_mutual_tls_knows_its_peer(void **state)
{
    static const uint8_t data[300000];
    struct rig_client c;
    struct grpc_call *call;
    struct err err;

    (void)state;
    serve("server", "ca.pem");
    connect_as(&c, "client", "ca.pem", NULL); /* the address's host: 127.0.0.1 */
    assert_int_equal(c.ready, 1);
    call = rig_call(&c, "/t/Echo");
    for (int i = 0; i < 10; i++)
        assert_ok(grpc_call_send(call, data, sizeof(data), &err));
    run_until(&rig, rig.opened);
    assert_true(grpc_call_peer_is(rig.served.call, "node-1.example"));
    assert_false(grpc_call_peer_is(rig.served.call, "node-2"));
    grpc_call_finish(call, GRPC_OK, NULL);
    run_until(&rig, c.end.closed);
    assert_int_equal(c.end.status, GRPC_OK);
    assert_int_equal(c.end.bytes, 10 * sizeof(data));
    assert_true(rig.served.secure);
    assert_string_equal(rig.served.peer_name, "node-1");
    rig_leave(&c);
}

static void a_server_of_an_unknown_ca_is_refused(void **state)
{
    struct rig_client c;

    (void)state;
    serve("stranger", NULL);
    connect_as(&c, NULL, "ca.pem", "localhost");
    expect_down(&c, ERR_DENIED, "unknown CA");
}

static void a_server_with_another_name_is_refused(void **state)
{
    struct rig_client c;

    (void)state;
    serve("wrong", NULL);
    connect_as(&c, NULL, "ca.pem", "localhost");
    expect_down(&c, ERR_DENIED, "not for 'localhost'");
}

/* In TLS 1.3 a client is done before the server has judged it: it must still not be told that it
 * is connected. */
static void a_client_without_certificate_never_is_ready(void **state)
{
    struct rig_client c;

    (void)state;
    serve("server", "ca.pem");
    connect_as(&c, NULL, "ca.pem", "localhost");
    expect_down(&c, ERR_DENIED, "demands a certificate");
}

static void a_client_of_an_unknown_ca_never_is_ready(void **state)
{
    struct rig_client c;

    (void)state;
    serve("server", "ca.pem");
    connect_as(&c, "stranger", "ca.pem", "localhost");
    expect_down(&c, ERR_DENIED, "unknown CA");
}

static void a_plaintext_client_is_told_about_tls(void **state)
{
    struct rig_client c;
    char address[32];

    (void)state;
    serve("server", NULL);
    rig_connect(&rig, &c, rig_address(&rig, address), NULL, NULL);
    run_until(&rig, c.ready + c.down > 0);
    expect_down(&c, ERR_UNAVAILABLE, "does it expect TLS?");
}

static void a_tls_client_is_told_about_plaintext(void **state)
{
    struct rig_client c;

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    connect_as(&c, NULL, "ca.pem", "localhost");
    expect_down(&c, ERR_DENIED, "does not speak TLS");
}

static void silence_in_the_handshake_ends_it(void **state)
{
    struct raw raw;

    (void)state;
    rig.limits.handshake_ms = 100;
    serve("server", NULL);
    raw_open(&raw, grpc_server_port(rig.server), NULL);
    run_until(&rig, grpc_server_connections(rig.server) == 1);
    rig.limits.stop_ms = 100;
    run_until(&rig, (raw_settle(&raw), raw.eof));
    raw_close(&raw);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
}

static void garbage_in_place_of_tls_ends_it(void **state)
{
    struct raw raw;

    (void)state;
    serve("server", NULL);
    raw_open(&raw, grpc_server_port(rig.server), NULL);
    raw_bytes(&raw, "\x16\x03\x01\xff\xff garbage garbage garbage", 29);
    run_until(&rig, (raw_settle(&raw), raw.eof));
    raw_close(&raw);
    run_until(&rig, grpc_server_connections(rig.server) == 0);
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
    tls_context_close(&contexts[0]);
    tls_context_close(&contexts[1]);
    return 0;
}

static int group_setup(void **state)
{
    (void)state;
    pki_make(&pki);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    pki_remove(&pki);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_over_mutual_tls_knows_its_peer),
        TEST(a_server_of_an_unknown_ca_is_refused),
        TEST(a_server_with_another_name_is_refused),
        TEST(a_client_without_certificate_never_is_ready),
        TEST(a_client_of_an_unknown_ca_never_is_ready),
        TEST(a_plaintext_client_is_told_about_tls),
        TEST(a_tls_client_is_told_about_plaintext),
        TEST(silence_in_the_handshake_ends_it),
        TEST(garbage_in_place_of_tls_ends_it),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
