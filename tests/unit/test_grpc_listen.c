#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "tests/support/grpc_rig.h"
#include "tests/support/tempdir.h"
#include "tests/support/unit.h"

static struct rig rig;

static void a_port_in_use_is_a_conflict_that_says_what_to_do(void **state)
{
    struct uvx_address a;
    char address[32];
    struct err err;

    (void)state;
    rig_serve(&rig, "127.0.0.1:0", NULL);
    assert_ok(uvx_address_parse(&a, rig_address(&rig, address), NULL, &err));
    assert_fails(grpc_server_listen(rig.server, &a, NULL, &err), ERR_CONFLICT,
                 "address already in use");
    assert_non_null(strstr(err.text, address));
    assert_non_null(strstr(err.text, "another port"));
}

static void every_address_is_served_without_a_host(void **state)
{
    struct rig_client c;
    char address[32];

    (void)state;
    rig_serve(&rig, ":0", NULL);
    rig_connect(&rig, &c, rig_address(&rig, address), NULL, NULL);
    run_until(&rig, c.ready + c.down);
    assert_int_equal(c.ready, 1);
    rig_call(&c, "/t/Hold");
    run_until(&rig, rig.opened);
    assert_int_equal(strncmp(rig.served.peer, "127.0.0.1:", 10), 0); /* not ::ffff:127.0.0.1 */
    rig_leave(&c);
}

/* A bound socket that nobody listens on any more, as a killed server leaves it. */
static void leave_socket(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct tempdir dir;
    char path[PATH_MAX], address[PATH_MAX + 5];
    struct uvx_address a;
    struct rig_client c;
    struct err err;

    (void)state;
    tempdir_open(&dir);
    leave_socket(tempdir_path(&dir, "s", path));
    snprintf(address, sizeof(address), "unix:%s", path);
    rig_serve(&rig, address, NULL);
    assert_ok(uvx_address_parse(&a, address, NULL, &err));
    assert_fails(grpc_server_listen(rig.server, &a, NULL, &err), ERR_CONFLICT, path);
    rig_connect(&rig, &c, address, NULL, NULL); /* the first one still serves */
    run_until(&rig, c.ready);
    rig_leave(&c);
    tempdir_close(&dir);
}

static void a_file_in_place_of_the_socket_is_kept(void **state)
{
    struct tempdir dir;
    char path[PATH_MAX];
    struct uvx_address a = {.is_unix = 1};
    struct stat st;
    struct err err;

    (void)state;
    tempdir_open(&dir);
    tempdir_write_text(&dir, "precious", "data");
    snprintf(a.host, sizeof(a.host), "%.200s", tempdir_path(&dir, "precious", path));
    rig_serve(&rig, "127.0.0.1:0", NULL);
    assert_fails(grpc_server_listen(rig.server, &a, NULL, &err), ERR_CONFLICT, "precious");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    tempdir_close(&dir);
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
        TEST(a_port_in_use_is_a_conflict_that_says_what_to_do),
        TEST(every_address_is_served_without_a_host),
        TEST(a_stale_socket_is_replaced_and_a_live_one_is_not),
        TEST(a_file_in_place_of_the_socket_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
