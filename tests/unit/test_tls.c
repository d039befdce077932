#include <openssl/ssl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/tls.h"
#include "tests/support/pki.h"
#include "tests/support/unit.h"

#define BYTES_MAX (1024 * 1024)

static struct pki pki;

/* Two sessions and the wires between them. */
struct pair {
    struct tls_context *server_ctx, *client_ctx;
    struct tls *server, *client;
    struct buf to_server, to_client;       /* ciphertext on its way */
    struct buf server_plain, client_plain; /* what arrived */
    struct err server_err, client_err;
    size_t step; /* bytes handed over at once; 0: all */
};

struct names {
    const char *server, *server_ca, *client, *client_ca, *expected;
};

static void context_of(struct tls_context **out, bool server, const char *name, const char *ca)
{
    char cert[PKI_PATH], key[PKI_PATH], ca_path[PKI_PATH], file[64];
    struct tls_files files = {0};
    struct err err;
    int rc;

    if (name != NULL) {
        snprintf(file, sizeof(file), "%s.pem", name);
        files.cert = pki_path(&pki, file, cert);
        snprintf(file, sizeof(file), "%s.key", name);
        files.key = pki_path(&pki, file, key);
    }
    if (ca != NULL)
        files.ca = pki_path(&pki, ca, ca_path);
    rc = server ? tls_server_context(out, &files, &err) : tls_client_context(out, &files, &err);
    assert_int_equal(rc, 0);
}

static void pair_open(struct pair *p, const struct names *n)
{
    struct err err;

    memset(p, 0, sizeof(*p));
    buf_init(&p->to_server, BYTES_MAX);
    buf_init(&p->to_client, BYTES_MAX);
    buf_init(&p->server_plain, BYTES_MAX);
    buf_init(&p->client_plain, BYTES_MAX);
    context_of(&p->server_ctx, true, n->server, n->server_ca);
    context_of(&p->client_ctx, false, n->client, n->client_ca);
    assert_int_equal(tls_open(&p->server, p->server_ctx, NULL, &err), 0);
    assert_int_equal(tls_open(&p->client, p->client_ctx, n->expected, &err), 0);
    assert_int_equal(tls_start(p->client, &p->to_server, &err), 0);
}

static void pair_close(struct pair *p)
{
    tls_close(&p->server);
    tls_close(&p->client);
    tls_context_close(&p->server_ctx);
    tls_context_close(&p->client_ctx);
    buf_close(&p->to_server);
    buf_close(&p->to_client);
    buf_close(&p->server_plain);
    buf_close(&p->client_plain);
}

/* Hands over what is on its way to one side. */
static void hand_over(struct pair *p, struct tls *to, struct buf *wire, struct buf *plain,
                      struct buf *answer, struct err *err)
{
    size_t step = p->step == 0 || p->step > wire->len ? wire->len : p->step;

    if (err->kind == ERR_NONE)
        tls_feed(to, wire->data, step, plain, answer, err);
    buf_consume(wire, step);
}

static void pair_run(struct pair *p)
{
    while (p->to_server.len + p->to_client.len > 0) {
        if (p->to_server.len > 0)
            hand_over(p, p->server, &p->to_server, &p->server_plain, &p->to_client, &p->server_err);
        if (p->to_client.len > 0)
            hand_over(p, p->client, &p->to_client, &p->client_plain, &p->to_server, &p->client_err);
    }
}

static const struct names mutual = {"server", "ca.pem", "client", "ca.pem", "localhost"};

static void both_sides_carry_bytes(void **state)
{
    AUTO(pair_close) struct pair p;
    struct err err;

    (void)state;
    pair_open(&p, &mutual);
    pair_run(&p);
    assert_true(tls_ready(p.server) && tls_ready(p.client));
    assert_int_equal(tls_write(p.client, (const uint8_t *)"ping", 4, &p.to_server, &err), 0);
    assert_int_equal(tls_write(p.server, (const uint8_t *)"pong!", 5, &p.to_client, &err), 0);
    pair_run(&p);
    assert_string_equal(buf_str(&p.server_plain), "ping");
    assert_string_equal(buf_str(&p.client_plain), "pong!");
}

static void it_works_byte_by_byte_and_for_many_records(void **state)
{
    AUTO(pair_close) struct pair p;
    AUTO_FREE uint8_t *data = malloc(100000);
    struct err err;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < 100000; i++)
        data[i] = (uint8_t)(i * 7);
    pair_open(&p, &mutual);
    p.step = 1;
    pair_run(&p);
    assert_true(tls_ready(p.server) && tls_ready(p.client));
    p.step = 1000;
    assert_int_equal(tls_write(p.client, data, 100000, &p.to_server, &err), 0);
    pair_run(&p);
    assert_int_equal(p.server_plain.len, 100000);
    assert_memory_equal(p.server_plain.data, data, 100000);
}

static void the_peer_has_the_names_of_its_certificate(void **state)
{
    AUTO(pair_close) struct pair p;

    (void)state;
    pair_open(&p, &mutual);
    pair_run(&p);
    assert_string_equal(tls_peer_name(p.server), "node-1");
    assert_true(tls_peer_is(p.server, "NODE-1.example"));
    assert_false(tls_peer_is(p.server, "node one")); /* the CN counts only without a SAN */
    assert_false(tls_peer_is(p.server, "node"));
    assert_string_equal(tls_peer_name(p.client), "localhost");
}

static void a_certificate_without_san_speaks_for_its_common_name(void **state)
{
    const struct names n = {"server", "ca.pem", "cn", "ca.pem", "127.0.0.1"};
    AUTO(pair_close) struct pair p;

    (void)state;
    pair_open(&p, &n);
    pair_run(&p);
    assert_string_equal(tls_peer_name(p.server), "node-2");
    assert_true(tls_peer_is(p.server, "node-2"));
}

static void a_client_may_be_anonymous_where_no_ca_is_given(void **state)
{
    const struct names n = {"server", NULL, NULL, "ca.pem", "localhost"};
    AUTO(pair_close) struct pair p;

    (void)state;
    pair_open(&p, &n);
    pair_run(&p);
    assert_true(tls_ready(p.server) && tls_ready(p.client));
    assert_string_equal(tls_peer_name(p.server), "");
    assert_false(tls_peer_is(p.server, ""));
}

static void expect_refusal(const struct names *n, bool by_client, const char *words,
                           const char *words_other)
{
    AUTO(pair_close) struct pair p;
    const struct err *refuser, *refused;

    pair_open(&p, n);
    pair_run(&p);
    refuser = by_client ? &p.client_err : &p.server_err;
    refused = by_client ? &p.server_err : &p.client_err;
    assert_int_equal(refuser->kind, ERR_DENIED);
    assert_non_null(strstr(refuser->text, words));
    assert_int_equal(refused->kind, ERR_DENIED); /* the alert arrived */
    assert_non_null(strstr(refused->text, words_other));
}

static void a_server_of_an_unknown_ca_is_refused(void **state)
{
    const struct names n = {"stranger", NULL, NULL, "ca.pem", "localhost"};

    (void)state;
    expect_refusal(&n, true, "unknown CA", "unknown CA");
}

static void a_server_with_another_name_is_refused(void **state)
{
    const struct names n = {"wrong", NULL, NULL, "ca.pem", "localhost"};
    const struct names ip = {"wrong", NULL, NULL, "ca.pem", "127.0.0.1"};

    (void)state;
    expect_refusal(&n, true, "not for 'localhost'", "refused our certificate");
    expect_refusal(&ip, true, "not for '127.0.0.1'", "refused our certificate");
}

static void a_client_without_certificate_is_refused(void **state)
{
    const struct names n = {"server", "ca.pem", NULL, "ca.pem", "localhost"};

    (void)state;
    expect_refusal(&n, false, "gave no certificate", "demands a certificate");
}

static void a_client_of_an_unknown_ca_is_refused(void **state)
{
    const struct names n = {"server", "ca.pem", "stranger", "ca.pem", "localhost"};

    (void)state;
    expect_refusal(&n, false, "unknown CA", "unknown CA");
}

/* Our own server would not start with it, so OpenSSL plays the server. */
static void an_expired_server_is_refused(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *server = NULL;
    struct tls_context *client_ctx = NULL;
    struct tls *client = NULL;
    struct buf out, plain;
    uint8_t flight[16384];
    char path[PKI_PATH];
    struct err err;
    int len;

    (void)state;
    buf_init(&out, BYTES_MAX);
    buf_init(&plain, BYTES_MAX);
    SSL_CTX_use_certificate_chain_file(ctx, pki_path(&pki, "expired.pem", path));
    SSL_CTX_use_PrivateKey_file(ctx, pki_path(&pki, "expired.key", path), SSL_FILETYPE_PEM);
    server = SSL_new(ctx);
    SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    context_of(&client_ctx, false, NULL, "ca.pem");
    assert_int_equal(tls_open(&client, client_ctx, "localhost", &err), 0);
    assert_int_equal(tls_start(client, &out, &err), 0);
    BIO_write(SSL_get_rbio(server), out.data, (int)out.len);
    SSL_accept(server);
    len = BIO_read(SSL_get_wbio(server), flight, sizeof(flight));
    assert_true(len > 0);
    assert_int_equal(tls_feed(client, flight, (size_t)len, &plain, &out, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "certificate has expired"));
    tls_close(&client);
    tls_context_close(&client_ctx);
    SSL_free(server);
    SSL_CTX_free(ctx);
    buf_close(&out);
    buf_close(&plain);
}

static void bytes_that_are_no_tls_are_refused(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    AUTO(pair_close) struct pair p;
    struct err err;

    (void)state;
    pair_open(&p, &mutual);
    assert_int_equal(tls_feed(p.server, (const uint8_t *)http, sizeof(http) - 1, &p.server_plain,
                              &p.to_client, &err),
                     -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "does not speak TLS"));
}

static void a_broken_record_ends_the_session(void **state)
{
    AUTO(pair_close) struct pair p;
    struct err err;

    (void)state;
    pair_open(&p, &mutual);
    pair_run(&p);
    assert_int_equal(tls_write(p.client, (const uint8_t *)"ping", 4, &p.to_server, &err), 0);
    p.to_server.data[p.to_server.len - 1] ^= 1;
    pair_run(&p);
    assert_int_equal(p.server_err.kind, ERR_PROTOCOL);
    assert_int_equal(p.server_plain.len, 0);
}

static void a_shutdown_is_seen(void **state)
{
    AUTO(pair_close) struct pair p;
    struct err err;

    (void)state;
    pair_open(&p, &mutual);
    pair_run(&p);
    assert_int_equal(tls_shutdown(p.client, &p.to_server, &err), 0);
    pair_run(&p);
    assert_true(tls_peer_closed(p.server));
    assert_int_equal(p.server_err.kind, ERR_NONE);
}

static void a_full_buffer_is_a_limit(void **state)
{
    AUTO(pair_close) struct pair p;
    uint8_t data[8000] = {0};
    struct buf small;
    struct err err;

    (void)state;
    buf_init(&small, 5000);
    pair_open(&p, &mutual);
    pair_run(&p);
    assert_int_equal(tls_write(p.client, data, sizeof(data), &small, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(tls_write(p.server, data, sizeof(data), &p.to_client, &err), 0);
    assert_int_equal(
        tls_feed(p.client, p.to_client.data, p.to_client.len, &small, &p.to_server, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    buf_close(&small);
}

/* ---- files --------------------------------------------------------------------------------- */

struct file_case {
    const char *cert, *key, *ca;
    enum err_kind kind;
    const char *words[2];
};

static void a_wrong_file_is_named(void **state)
{
    static const struct file_case cases[] = {
        {"none.pem", "server.key", NULL, ERR_NOT_FOUND, {"certificate", "none.pem"}},
        {"server.pem", "none.key", NULL, ERR_NOT_FOUND, {"key", "none.key"}},
        {"server.pem", "server.key", "none.pem", ERR_NOT_FOUND, {"CA", "none.pem"}},
        {"server.key", "server.key", NULL, ERR_CORRUPT, {"server.key", "no certificate"}},
        {"server.pem", "ca.pem", NULL, ERR_CORRUPT, {"ca.pem", "no private key"}},
        {"server.pem", "client.key", NULL, ERR_CORRUPT, {"client.key", "does not fit"}},
        {"server.pem", "server.key", "server.key", ERR_CORRUPT, {"CA", "no certificate"}},
        {"expired.pem", "expired.key", NULL, ERR_DENIED, {"expired.pem", "expired on 20"}},
        {"server.pem", NULL, NULL, ERR_USAGE, {"key", "missing"}},
        {NULL, NULL, NULL, ERR_USAGE, {"needs", "certificate"}},
    };
    char cert[PKI_PATH], key[PKI_PATH], ca[PKI_PATH];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct file_case *c = &cases[i];
        struct tls_files files = {
            .cert = c->cert == NULL ? NULL : pki_path(&pki, c->cert, cert),
            .key = c->key == NULL ? NULL : pki_path(&pki, c->key, key),
            .ca = c->ca == NULL ? NULL : pki_path(&pki, c->ca, ca),
        };
        struct tls_context *ctx = NULL;
        struct err err = {0};

        assert_int_equal(tls_server_context(&ctx, &files, &err), -1);
        assert_null(ctx);
        assert_int_equal(err.kind, c->kind);
        assert_non_null(strstr(err.text, c->words[0]));
        assert_non_null(strstr(err.text, c->words[1]));
    }
}

static void a_directory_is_no_certificate(void **state)
{
    char key[PKI_PATH];
    struct tls_files files = {.cert = pki.dir, .key = pki_path(&pki, "server.key", key)};
    struct tls_context *ctx = NULL;
    struct err err;

    (void)state;
    assert_int_equal(tls_server_context(&ctx, &files, &err), -1);
    assert_int_equal(err.kind, ERR_CORRUPT);
    assert_non_null(strstr(err.text, "not a regular file"));
}

static void a_client_must_know_whom_it_calls(void **state)
{
    struct tls_context *ctx = NULL;
    struct tls *t = NULL;
    struct err err;

    (void)state;
    context_of(&ctx, false, NULL, "ca.pem");
    assert_int_equal(tls_open(&t, ctx, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_null(t);
    tls_context_close(&ctx);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_carry_bytes),
        cmocka_unit_test(it_works_byte_by_byte_and_for_many_records),
        cmocka_unit_test(the_peer_has_the_names_of_its_certificate),
        cmocka_unit_test(a_certificate_without_san_speaks_for_its_common_name),
        cmocka_unit_test(a_client_may_be_anonymous_where_no_ca_is_given),
        cmocka_unit_test(a_server_of_an_unknown_ca_is_refused),
        cmocka_unit_test(a_server_with_another_name_is_refused),
        cmocka_unit_test(a_client_without_certificate_is_refused),
        cmocka_unit_test(a_client_of_an_unknown_ca_is_refused),
        cmocka_unit_test(an_expired_server_is_refused),
        cmocka_unit_test(bytes_that_are_no_tls_are_refused),
        cmocka_unit_test(a_broken_record_ends_the_session),
        cmocka_unit_test(a_shutdown_is_seen),
        cmocka_unit_test(a_full_buffer_is_a_limit),
        cmocka_unit_test(a_wrong_file_is_named),
        cmocka_unit_test(a_directory_is_no_certificate),
        cmocka_unit_test(a_client_must_know_whom_it_calls),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
