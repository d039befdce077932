#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/grpc_server.h"
#include "tests/support/grpc_rig.h"
#include "tests/support/h2_raw.h"
#include "tests/support/tempdir.h"
#include "tests/support/unit.h"

#define PEERS (GATE_PLACES + 100) /* the kernel's backlog takes as many before we look */

static struct rig rig;
static int silent[PEERS];
static struct raw talkers[PEERS];
static const uint8_t empty_message[5];

/* They say nothing, ever. */
static void connect_silent(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

    in.sin_port = htons((uint16_t)grpc_server_port(rig.server));
    for (int i = 0; i < PEERS; i++) {
        silent[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(silent[i], (struct sockaddr *)&in, sizeof(in)), 0);
    }
}

static void part_silent(void)
{
    for (int i = 0; i < PEERS; i++)
        close(silent[i]);
}

static void silent_peers_are_let_in_a_number_at_a_time(void **state)
{
    uint64_t begin;

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    connect_silent();
    uv_update_time(&rig.loop);
    begin = uv_now(&rig.loop);
    run_until(&rig, grpc_server_connections(rig.server) == GATE_PLACES);
    run_until(&rig, grpc_server_connections(rig.server) > GATE_PLACES);
    assert_true(uv_now(&rig.loop) - begin >= GATE_HOLD_MS);
    run_until(&rig, grpc_server_connections(rig.server) == PEERS);
    part_silent();
}

static void silent_peers_keep_nobody_out(void **state)
{
    struct rig_client c;
    char address[32];

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    connect_silent();
    rig_connect(&rig, &c, rig_address(&rig, address), NULL, NULL);
    run_until(&rig, c.ready);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened == 1);
    assert_int_equal(grpc_server_connections(rig.server), PEERS + 1);
    rig_leave(&c);
    part_silent();
}

/* Each says all at once, the request included, before the server looks. */
static void connect_talkers(void)
{
    for (int i = 0; i < PEERS; i++) {
        struct raw *r = &talkers[i];

        raw_open(r, grpc_server_port(rig.server), NULL);
        raw_send(r, raw_request(r, "/t/Hold"), empty_message, sizeof(empty_message));
        raw_settle(r);
    }
}

/* Its own slowness lets nobody else in and turns nobody away: between two looks the places are over
 * and the time to join is, too. */
static void a_slow_server_serves_a_herd_to_the_last(void **state)
{
    (void)state;
    rig.limits.handshake_ms = GATE_HOLD_MS / 2;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    connect_talkers();
    while (rig.opened < PEERS && !rig.timed_out) {
        uv_run(&rig.loop, UV_RUN_ONCE);
        assert_in_range(grpc_server_connections(rig.server), rig.opened, rig.opened + GATE_PLACES);
        usleep((GATE_HOLD_MS + 50) * 1000);
    }
    assert_int_equal(rig.opened, PEERS);
    assert_int_equal(grpc_server_connections(rig.server), PEERS);
    for (int i = 0; i < PEERS; i++)
        raw_close(&talkers[i]);
}

static void each_listener_has_its_turn(void **state)
{
    struct uvx_address a = {.is_unix = true};
    struct tempdir dir;
    struct raw local;
    char path[PATH_MAX];
    struct err err;

    (void)state;
    tempdir_open(&dir);
    rig_serve(&rig, "127.0.0.1:0", NULL);
    snprintf(a.host, sizeof(a.host), "%.100s", tempdir_path(&dir, "s", path));
    assert_ok(grpc_server_listen(rig.server, &a, NULL, &err));
    connect_silent();
    run_until(&rig, grpc_server_connections(rig.server) == GATE_PLACES);
    raw_open(&local, 0, path);
    raw_send(&local, raw_request(&local, "/t/Hold"), empty_message, sizeof(empty_message));
    raw_settle(&local);
    run_until(&rig, rig.opened == 1);
    raw_close(&local);
    part_silent();
    tempdir_close(&dir);
}

static void a_server_may_close_while_peers_wait(void **state)
{
    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    connect_silent();
    run_until(&rig, grpc_server_connections(rig.server) == GATE_PLACES);
    part_silent();
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
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silent_peers_are_let_in_a_number_at_a_time), TEST(silent_peers_keep_nobody_out),
        TEST(a_slow_server_serves_a_herd_to_the_last),    TEST(each_listener_has_its_turn),
        TEST(a_server_may_close_while_peers_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
