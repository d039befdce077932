#include "tests/support/unit.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/tls.h"
#include "tests/support/pki.h"

#define BYTES_MAX (1024 * 1024)

static struct pki pki;

/* A server and a client that meet more than once. */
struct world {
    struct tls_context *server_ctx, *client_ctx;
    struct tls_ticket ticket;
    /* the connection made last */
    struct tls *server, *client;
    struct err server_err, client_err;
};

static void context_of(struct tls_context **out, bool server, const char *name)
{
    char cert[PKI_PATH], key[PKI_PATH], ca[PKI_PATH], file[64];
    struct tls_files files = {.ca = pki_path(&pki, "ca.pem", ca)};
    struct err err;

    snprintf(file, sizeof(file), "%s.pem", name);
    files.cert = pki_path(&pki, file, cert);
    snprintf(file, sizeof(file), "%s.key", name);
    files.key = pki_path(&pki, file, key);
    tls_context_close(out);
    if (server)
        assert_ok(tls_server_context(out, &files, &err));
    else
        assert_ok(tls_client_context(out, &files, &err));
}

static void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    context_of(&w->server_ctx, true, "server");
    context_of(&w->client_ctx, false, "client");
}

static void part(struct world *w)
{
    tls_close(&w->server);
    tls_close(&w->client);
    w->server_err.kind = w->client_err.kind = ERR_NONE;
}

static void world_close(struct world *w)
{
    part(w);
    tls_ticket_close(&w->ticket);
    tls_context_close(&w->server_ctx);
    tls_context_close(&w->client_ctx);
}

/* One more connection, to its end or until nothing moves. True where both sides are ready. */
static bool meet_as(struct world *w, const char *server_name, bool with_ticket)
{
    AUTO(buf_close) struct buf to_server;
    AUTO(buf_close) struct buf to_client;
    AUTO(buf_close) struct buf plain;
    struct err err;

    buf_init(&to_server, BYTES_MAX);
    buf_init(&to_client, BYTES_MAX);
    buf_init(&plain, BYTES_MAX);
    part(w);
    assert_ok(tls_open(&w->server, w->server_ctx, NULL, &err));
    assert_ok(tls_open(&w->client, w->client_ctx, server_name, &err));
    if (with_ticket)
        tls_use_ticket(w->client, &w->ticket);
    assert_ok(tls_start(w->client, &to_server, &err));
    while (to_server.len + to_client.len > 0) {
        AUTO(buf_close) struct buf one = to_server;
        AUTO(buf_close) struct buf other = to_client;

        buf_init(&to_server, BYTES_MAX);
        buf_init(&to_client, BYTES_MAX);
        if (one.len > 0 && w->server_err.kind == ERR_NONE)
            tls_feed(w->server, one.data, one.len, &plain, &to_client, &w->server_err);
        if (other.len > 0 && w->client_err.kind == ERR_NONE)
            tls_feed(w->client, other.data, other.len, &plain, &to_server, &w->client_err);
    }
    return w->server_err.kind == ERR_NONE && w->client_err.kind == ERR_NONE &&
           tls_ready(w->server) && tls_ready(w->client);
}

static bool meet(struct world *w)
{
    return meet_as(w, "localhost", true);
}

static bool both_resumed(const struct world *w)
{
    assert_int_equal(tls_resumed(w->server), tls_resumed(w->client));
    return tls_resumed(w->server);
}

static void the_next_connection_resumes_and_knows_its_peer(void **state)
{
    AUTO(world_close) struct world w;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    for (int i = 0; i < 3; i++) {
        assert_true(meet(&w));
        assert_true(both_resumed(&w));
        assert_string_equal(tls_peer_name(w.server), "node-1");
        assert_true(tls_peer_is(w.server, "NODE-1.example"));
        assert_false(tls_peer_is(w.server, "node-2"));
        assert_string_equal(tls_peer_name(w.client), "localhost");
    }
}

static void two_clients_do_not_get_each_others_names(void **state)
{
    struct tls_context *other_ctx = NULL;
    AUTO(world_close) struct world w;
    struct tls_ticket other = {0}, mine;

    (void)state;
    world_open(&w);
    context_of(&other_ctx, false, "cn");
    assert_true(meet(&w));
    mine = w.ticket;
    w.ticket = other;
    part(&w);
    for (int i = 0; i < 2; i++) { /* the other one, then again */
        struct tls_context *swap = w.client_ctx;

        w.client_ctx = other_ctx;
        assert_true(meet(&w));
        assert_int_equal(both_resumed(&w), i == 1);
        assert_string_equal(tls_peer_name(w.server), "node-2");
        assert_false(tls_peer_is(w.server, "node-1"));
        part(&w);
        w.client_ctx = swap;
    }
    other = w.ticket;
    w.ticket = mine;
    assert_true(meet(&w));
    assert_true(both_resumed(&w));
    assert_string_equal(tls_peer_name(w.server), "node-1");
    tls_ticket_close(&other);
    tls_context_close(&other_ctx);
}

/* A certificate with two names has two sessions. */
static void full_handshakes_leave_no_more_sessions_than_names(void **state)
{
    AUTO(world_close) struct world w;
    struct tls_ticket tickets[3];

    (void)state;
    world_open(&w);
    for (int i = 0; i < 3; i++) {
        assert_true(meet(&w));
        assert_false(both_resumed(&w));
        part(&w);
        tickets[i] = w.ticket;
        w.ticket = (struct tls_ticket){0};
    }
    for (int i = 0; i < 3; i++) { /* the newest first, or its own next one would push it out */
        tls_ticket_close(&w.ticket);
        w.ticket = tickets[2 - i];
        assert_true(meet(&w));
        assert_int_equal(both_resumed(&w), i < 2);
        part(&w);
    }
}

static void a_session_is_used_once(void **state)
{
    AUTO(world_close) struct world w;
    struct tls_ticket copy;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    copy = w.ticket; /* stolen: a second user of the same session */
    SSL_SESSION_up_ref(copy.session);
    assert_true(meet(&w));
    assert_true(both_resumed(&w));
    SSL_SESSION_free(w.ticket.session);
    w.ticket.session = copy.session;
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    assert_string_equal(tls_peer_name(w.server), "node-1");
}

static void without_a_ticket_the_handshake_is_full(void **state)
{
    AUTO(world_close) struct world w;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    assert_true(meet_as(&w, "localhost", false));
    assert_false(both_resumed(&w));
}

static void a_ticket_serves_one_name_only(void **state)
{
    AUTO(world_close) struct world w;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    assert_true(meet_as(&w, "127.0.0.1", true));
    assert_false(both_resumed(&w));
    meet_as(&w, "elsewhere.example", true); /* and opens no door to another */
    assert_int_equal(w.client_err.kind, ERR_DENIED);
}

static void a_ticket_serves_one_context_only(void **state)
{
    struct tls_context *old;
    AUTO(world_close) struct world w;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    part(&w);
    old = steal(&w.client_ctx);
    context_of(&w.client_ctx, false, "cn");
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    assert_string_equal(tls_peer_name(w.server), "node-2");
    tls_context_close(&old);
}

/* The old context's memory is free for the new one, but its sessions are not. */
static void a_ticket_does_not_outlive_its_context(void **state)
{
    AUTO(world_close) struct world w;

    (void)state;
    world_open(&w);
    for (int i = 0; i < 8; i++) {
        assert_true(meet(&w));
        assert_false(both_resumed(&w));
        assert_non_null(w.ticket.session);
        part(&w);
        context_of(&w.client_ctx, false, "client");
    }
}

/* A restart with another CA, for one: nothing of before is believed. */
static void another_server_knows_nothing_of_the_session(void **state)
{
    AUTO(world_close) struct world w;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    part(&w);
    context_of(&w.server_ctx, true, "server");
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    assert_true(meet(&w));
    assert_true(both_resumed(&w));
}

/* The same ticket under a name that the server never gave. */
static void a_tampered_session_means_a_full_handshake(void **state)
{
    AUTO(world_close) struct world w;
    AUTO_FREE unsigned char *der = NULL;
    const unsigned char *at;
    const unsigned char *ticket;
    size_t ticket_len;
    SSL_SESSION *bent;
    int len;

    (void)state;
    world_open(&w);
    assert_true(meet(&w));
    SSL_SESSION_get0_ticket(w.ticket.session, &ticket, &ticket_len);
    len = i2d_SSL_SESSION(w.ticket.session, NULL);
    der = malloc((size_t)len);
    at = der;
    assert_int_equal(i2d_SSL_SESSION(w.ticket.session, &(unsigned char *){der}), len);
    ((unsigned char *)memmem(der, (size_t)len, ticket, ticket_len))[ticket_len - 1] ^= 1;
    bent = d2i_SSL_SESSION(NULL, &at, len);
    assert_non_null(bent);
    SSL_SESSION_free(w.ticket.session);
    w.ticket.session = bent;
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    assert_string_equal(tls_peer_name(w.server), "node-1");
}

static void wait_ms(uint64_t ms)
{
    for (uint64_t end = clock_mono_ns() + ms * 1000000; clock_mono_ns() <= end;)
        usleep(1000);
}

static void an_expired_session_means_a_full_handshake(void **state)
{
    AUTO(world_close) struct world w;
    struct err err;

    (void)state;
    world_open(&w);
    assert_ok(tls_context_sessions(w.server_ctx, 10, 1, &err)); /* expired for the server */
    assert_true(meet(&w));
    wait_ms(1);
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    part(&w);
    assert_ok(tls_context_sessions(w.server_ctx, 10, TLS_SESSION_MS, &err));
    assert_ok(tls_context_sessions(w.client_ctx, 0, 1, &err)); /* for the client */
    assert_true(meet(&w));
    wait_ms(1);
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
}

static void either_side_may_keep_no_sessions(void **state)
{
    AUTO(world_close) struct world w;
    struct err err;

    (void)state;
    world_open(&w);
    assert_ok(tls_context_sessions(w.server_ctx, 0, TLS_SESSION_MS, &err));
    assert_true(meet(&w));
    assert_null(w.ticket.session);
    assert_true(meet(&w));
    assert_false(both_resumed(&w));
    part(&w);
    assert_ok(tls_context_sessions(w.server_ctx, 10, TLS_SESSION_MS, &err));
    assert_ok(tls_context_sessions(w.client_ctx, 0, 0, &err));
    assert_true(meet(&w));
    assert_null(w.ticket.session);
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
        cmocka_unit_test(the_next_connection_resumes_and_knows_its_peer),
        cmocka_unit_test(two_clients_do_not_get_each_others_names),
        cmocka_unit_test(full_handshakes_leave_no_more_sessions_than_names),
        cmocka_unit_test(a_session_is_used_once),
        cmocka_unit_test(without_a_ticket_the_handshake_is_full),
        cmocka_unit_test(a_ticket_serves_one_name_only),
        cmocka_unit_test(a_ticket_serves_one_context_only),
        cmocka_unit_test(a_ticket_does_not_outlive_its_context),
        cmocka_unit_test(another_server_knows_nothing_of_the_session),
        cmocka_unit_test(a_tampered_session_means_a_full_handshake),
        cmocka_unit_test(an_expired_session_means_a_full_handshake),
        cmocka_unit_test(either_side_may_keep_no_sessions),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
