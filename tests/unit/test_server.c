/* server: start, stop, and what it refuses to start with. */
#include "tests/support/unit.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "collector/server/server.h"
#include "common/log.h"
#include "tests/support/collector_rig.h"

static void a_stop_commits_what_is_queued(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    collector_start(rig);
    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, 5));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    for (uint32_t n = 0; n < 20; n++)
        host_add_image(&h, 2 + n, rig_content(&h, 0, 6 + n), 5 + n);
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    collector_stop(rig);
    /* Every acknowledgement that the host was given is true. */
    assert_true(collector_sql(rig, "SELECT generation FROM incarnation") >=
                2 + (int64_t)host_pending(&h, WIRE_ACKNOWLEDGEMENT));
    assert_int_equal(collector_sql(rig, "SELECT count(*) FROM presence WHERE gone_s IS NULL") - 4,
                     collector_sql(rig, "SELECT generation FROM incarnation"));
    assert_int_equal(host_wait_closed(&h), GRPC_UNAVAILABLE);
    host_leave(&h);
}

static void sigterm_stops_and_a_second_one_does_no_harm(void **state)
{
    struct collector_rig *rig = *state;

    collector_start(rig);
    raise(SIGTERM);
    raise(SIGTERM);
    while (uv_run(&rig->loop, UV_RUN_ONCE) != 0)
        assert_false(rig->timed_out);
    server_close(&rig->server);
}

static void sighup_changes_nothing(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    collector_start(rig);
    raise(SIGHUP);
    host_join(&h, rig, "alpha", 1, 1);
    host_leave(&h);
}

static void a_port_of_zero_is_told(void **state)
{
    struct collector_rig *rig = *state;
    char address[] = "127.0.0.1:0";

    rig->listen[0] = address;
    collector_start(rig);
    assert_true(server_port(rig->server) > 0);
}

static void assert_refused(struct collector_rig *rig, const char *words)
{
    struct err err;

    assert_fails(server_open(&rig->server, &rig->loop, &rig->options, &err), ERR_USAGE, words);
    assert_null(rig->server);
}

static void plaintext_beyond_this_machine_is_refused(void **state)
{
    struct collector_rig *rig = *state;
    char address[] = "0.0.0.0:0";

    rig->listen[0] = address;
    assert_refused(rig, "in plaintext: give --cert");
    rig->options.plaintext = true;
    collector_start(rig);
}

static void hosts_without_certificates_are_refused_beyond_this_machine(void **state)
{
    struct collector_rig *rig = *state;
    char address[] = "0.0.0.0:0", file[] = "/nowhere.pem";

    rig->listen[0] = address;
    rig->options.cert = file;
    rig->options.key = file;
    assert_refused(rig, "--trust-host-names");
}

static void a_silence_shorter_than_the_heartbeat_is_refused(void **state)
{
    struct collector_rig *rig = *state;

    rig->options.silence_ms = rig->options.heartbeat_ms;
    assert_refused(rig, "--silence");
}

static void a_host_is_not_retired_between_two_heartbeats(void **state)
{
    struct collector_rig *rig = *state;

    rig->options.ephemeral_after_ms = rig->options.silence_ms;
    assert_refused(rig, "--ephemeral-after");
}

static void a_second_collector_on_one_database_is_refused(void **state)
{
    struct collector_rig *rig = *state;
    struct server *second = NULL;
    uv_loop_t loop;
    struct err err;

    collector_start(rig);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(server_open(&second, &loop, &rig->options, &err), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_null(second);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_silent_host_loses_its_stream(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;

    rig->options.heartbeat_ms = 100;
    rig->options.silence_ms = 600;
    collector_start(rig);
    host_join(&h, rig, "alpha", 1, 1);
    assert_int_equal(host_wait_closed(&h), GRPC_DEADLINE_EXCEEDED);
    host_leave(&h);
}

/* ---- probe ----------------------------------------------------------------------------------- */

struct probe {
    struct wire_probe_answer answer;
    bool ready, answered, closed, client_closed;
};

static void on_ready(struct grpc_client *client, void *arg)
{
    struct probe *p = arg;

    (void)client;
    p->ready = true;
}

static void on_answer(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct probe *p = arg;
    struct err err;

    (void)call;
    assert_ok(wire_probe_decode(&p->answer, data, len, &err));
    p->answered = true;
}

static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct probe *p = arg;

    (void)call;
    (void)message;
    assert_int_equal(status, GRPC_OK);
    p->closed = true;
}

static void on_client_closed(void *arg)
{
    struct probe *p = arg;

    p->client_closed = true;
}

static void ask(struct collector_rig *rig, struct probe *p)
{
    static const struct grpc_client_events events = {.on_ready = on_ready};
    static const struct grpc_handler handler = {.on_message = on_answer, .on_closed = on_closed};
    struct grpc_client *client;
    struct grpc_limits limits;
    struct uvx_address address;
    struct grpc_call *call;
    struct err err;

    *p = (struct probe){0};
    grpc_limits_default(&limits);
    assert_ok(uvx_address_parse(&address, rig->address, "", &err));
    assert_ok(
        grpc_client_open(&client, &rig->loop, &limits, &address, NULL, NULL, &events, p, &err));
    while (!p->ready)
        assert_true(collector_turn(rig));
    call = grpc_client_call(client, WIRE_PATH_PROBE, &handler, p, &err);
    assert_non_null(call);
    assert_ok(grpc_call_send(call, "", 0, &err));
    grpc_call_finish(call, GRPC_OK, NULL);
    while (!p->closed)
        assert_true(collector_turn(rig));
    grpc_client_close(client, on_client_closed, p);
    while (!p->client_closed)
        assert_true(collector_turn(rig));
}

static void a_probe_is_told_who_serves(void **state)
{
    struct collector_rig *rig = *state;
    struct rig_host h;
    struct probe p;

    collector_start(rig);
    host_join(&h, rig, "alpha", 1, 1);
    ask(rig, &p);
    assert_true(p.answered);
    assert_string_equal(p.answer.version, LAYERCENSUS_VERSION);
    assert_int_equal(p.answer.connected, 1);
    host_leave(&h);
}

/* ---- surveys --------------------------------------------------------------------------------- */

enum { SURVEY_EACH_MS = 5, SURVEYS_MS = 2500, SURVEYED_IMAGES = 100 };

static void damage(const struct collector_rig *rig, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open_v2(rig->db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, 20000), SQLITE_OK); /* the writer is at it too */
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static size_t count_lines(const char *path, const char *words)
{
    FILE *file = fopen(path, "re");
    char line[4096];
    size_t found = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        found += strstr(line, words) != NULL;
    fclose(file);
    return found;
}

/* It takes so long that there is none at every interval: between them the files are looked at,
 * which goes well. */
static void a_survey_that_fails_each_time_is_told_once(void **state)
{
    struct collector_rig *rig = *state;
    char path[PATH_MAX];
    struct rig_host h;
    FILE *log;
    uint64_t end;

    log = fopen(tempdir_path(&rig->dir, "log", path), "we");
    assert_non_null(log);
    rig->options.survey_interval_ms = SURVEY_EACH_MS;
    collector_start(rig);
    host_join(&h, rig, "alpha", 1, 1);
    host_inventory(&h, 1, rig_content(&h, 0, SURVEYED_IMAGES));
    host_wait(&h, WIRE_ACKNOWLEDGEMENT);
    host_leave(&h);
    damage(rig, "UPDATE listing SET image_id = 1000000 WHERE id = (SELECT max(id) FROM listing)");
    log_setup(fileno(log), LOG_WARN, LOG_TEXT);
    while (count_lines(path, "survey-failed") == 0)
        assert_true(collector_turn(rig));
    end = uv_hrtime() + (uint64_t)SURVEYS_MS * 1000000;
    while (uv_hrtime() < end)
        assert_true(collector_turn(rig));
    collector_stop(rig);
    log_setup(STDERR_FILENO, LOG_ERROR, LOG_TEXT);
    fclose(log);
    assert_int_equal(count_lines(path, "survey-failed"), 1);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, collector_rig_setup, collector_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stop_commits_what_is_queued),
        TEST(sigterm_stops_and_a_second_one_does_no_harm),
        TEST(sighup_changes_nothing),
        TEST(a_port_of_zero_is_told),
        TEST(plaintext_beyond_this_machine_is_refused),
        TEST(hosts_without_certificates_are_refused_beyond_this_machine),
        TEST(a_silence_shorter_than_the_heartbeat_is_refused),
        TEST(a_host_is_not_retired_between_two_heartbeats),
        TEST(a_second_collector_on_one_database_is_refused),
        TEST(a_silent_host_loses_its_stream),
        TEST(a_probe_is_told_who_serves),
        TEST(a_survey_that_fails_each_time_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
