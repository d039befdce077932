#include "collector/server/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "collector/server/ingest.h"
#include "collector/server/sessions.h"
#include "collector/server/surveyor.h"
#include "collector/store/store.h"
#include "collector/store/writer.h"
#include "common/buf.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/grpc.h"
#include "common/log.h"
#include "common/wire.h"

enum {
    TICK_MS = 500,
    LIVES_MS = 5000,
    HOUSEKEEPING_MS = 3600 * 1000,
    HOUSEKEEPING_FIRST_MS = 600 * 1000, /* hosts that our own stop made silent come back before */
    IDLE_LEAST_MS = 60 * 1000,
    IDLE_MOST_MS = 300 * 1000,
    PROBE_BYTES_MAX = 4096,
    ADDRESSES_TEXT = 1024,
};

/*
 * What happens, from start to end.
 */
static int on_report(struct grpc_call *call, void *arg, struct err *err);
static int on_probe(struct grpc_call *call, void *arg, struct err *err);
static void on_tick(uv_timer_t *timer);
static void on_lives_due(uv_timer_t *timer);
static void on_housekeeping_due(uv_timer_t *timer);
static void on_signal(uv_signal_t *handle, int number);
static void on_streams_closed(void *arg);
static void on_surveys_stopped(void *arg);
static void on_writer_stopped(void *arg);
static void on_handle_closed(uv_handle_t *handle);

static const struct grpc_method methods[] = {
    {.path = WIRE_PATH_REPORT, .open = on_report},
    {.path = WIRE_PATH_PROBE, .open = on_probe},
    {.path = NULL},
};

static const struct {
    uv_timer_cb due;
    uint64_t first_ms, each_ms;
} schedule[] = {
    {on_tick, TICK_MS, TICK_MS},
    {on_lives_due, LIVES_MS, LIVES_MS},
    {on_housekeeping_due, HOUSEKEEPING_FIRST_MS, HOUSEKEEPING_MS},
};

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

enum {
    TIMERS = sizeof(schedule) / sizeof(schedule[0]),
    SIGNALS = sizeof(signals) / sizeof(signals[0]),
};

struct server {
    uv_loop_t *loop;
    const struct options *options;
    struct writer *writer;
    struct grpc_server *grpc;
    struct tls_context *tls;
    struct sessions sessions;
    struct surveyor *surveyor;
    uv_timer_t timers[TIMERS];
    uv_signal_t signals[SIGNALS];
    unsigned open_handles;
    bool stopping;
};

/* ---- start ----------------------------------------------------------------------------------- */

static int open_database(struct server *s, struct err *err)
{
    AUTO(store_close) struct store *reader = NULL;
    const char *path = s->options->db;
    struct writer_options limits = {.bytes_max = (size_t)s->options->queue_max};

    if (writer_open(&s->writer, s->loop, path, &limits, err) != 0)
        return -1;
    if (sessions_open(&s->sessions, s->loop, s->writer, s->options, err) != 0)
        return -1;
    if (store_open_reader(&reader, path, err) != 0)
        return -1;
    return store_collector_id(reader, &s->sessions.collector, err);
}

static int open_tls(struct tls_context **out, const struct options *o, struct err *err)
{
    struct tls_files files = {.cert = o->cert, .key = o->key, .ca = o->ca};

    return o->cert != NULL ? tls_server_context(out, &files, err) : 0;
}

int server_check(const struct options *options, struct err *err)
{
    AUTO(tls_context_close) struct tls_context *tls = NULL;

    if (options_check(options, err) != 0 || surveyor_check(options, err) != 0)
        return -1;
    return open_tls(&tls, options, err);
}

/* A host that speaks in time is not asked by PING whether it lives; one that never speaks is,
 * within minutes. */
static uint64_t idle_ms(const struct options *o)
{
    uint64_t silence = (uint64_t)o->silence_ms;

    if (silence < IDLE_LEAST_MS)
        return IDLE_LEAST_MS;
    return silence < IDLE_MOST_MS ? silence : IDLE_MOST_MS;
}

static int open_grpc(struct server *s, struct err *err)
{
    struct grpc_limits limits;

    grpc_limits_default(&limits);
    limits.idle_ms = idle_ms(s->options);
    limits.message_max = (size_t)s->options->message_max;
    limits.conns_max = (uint32_t)s->options->connections_max;
    return grpc_server_open(&s->grpc, s->loop, &limits, methods, s, err);
}

/* Listens on every address, and lists them as they are: with the port that the system chose. */
static int listen_all(struct server *s, char *list, size_t room, struct err *err)
{
    struct uvx_address addresses[OPTIONS_ADDRESSES_MAX];
    size_t count, len = 0;

    if (options_addresses(s->options, addresses, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct uvx_address *a = &addresses[i];
        char port[8] = "";

        if (grpc_server_listen(s->grpc, a, a->is_unix ? NULL : s->tls, err) != 0)
            return -1;
        if (!a->is_unix && strcmp(a->port, "0") == 0)
            snprintf(port, sizeof(port), "%d", grpc_server_port(s->grpc));
        if (len < room)
            len += (size_t)snprintf(list + len, room - len, "%s%s%s%s%s", len > 0 ? "," : "",
                                    a->is_unix ? "unix:" : "", a->host, a->is_unix ? "" : ":",
                                    port[0] != '\0' ? port : a->port);
    }
    return 0;
}

static void open_handle(struct server *s, uv_handle_t *handle)
{
    handle->data = s;
    s->open_handles++;
}

static int start_handles(struct server *s, struct err *err)
{
    int rc = 0;

    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(s->loop, &s->signals[i]);
        open_handle(s, (uv_handle_t *)&s->signals[i]);
        if (rc == 0)
            rc = uv_signal_start(&s->signals[i], on_signal, signals[i]);
    }
    for (int i = 0; i < TIMERS; i++) {
        uv_timer_init(s->loop, &s->timers[i]);
        open_handle(s, (uv_handle_t *)&s->timers[i]);
        if (rc == 0)
            rc = uv_timer_start(&s->timers[i], schedule[i].due, schedule[i].first_ms,
                                schedule[i].each_ms);
    }
    return rc == 0 ? 0 : uvx_fail(err, rc, "watch signals and time");
}

/* Each host is an open file: as many as the service manager allows, not as few as it began with.
 * Where that fails, hosts past the limit are turned away and said so in the log. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static int start(struct server *s, struct err *err)
{
    char addresses[ADDRESSES_TEXT] = "";
    char port[8];

    raise_file_limit();
    /* Files that are wrong are told before anything is made. */
    if (options_check(s->options, err) != 0 || surveyor_check(s->options, err) != 0 ||
        open_tls(&s->tls, s->options, err) != 0 || open_database(s, err) != 0 ||
        open_grpc(s, err) != 0 || listen_all(s, addresses, sizeof(addresses), err) != 0 ||
        start_handles(s, err) != 0 ||
        surveyor_open(&s->surveyor, s->loop, s->writer, s->options, err) != 0)
        return -1;
    sessions_count_hosts(&s->sessions);
    snprintf(port, sizeof(port), "%d", grpc_server_port(s->grpc));
    log_event(LOG_INFO, "ready", "address", addresses, "port", port, "db", s->options->db,
              "version", LAYERCENSUS_VERSION, NULL);
    return 0;
}

int server_open(struct server **out, uv_loop_t *loop, const struct options *options,
                struct err *err)
{
    AUTO(server_close) struct server *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the server");
    s->loop = loop;
    s->options = options;
    if (start(s, err) != 0) {
        server_stop(s);
        uv_run(loop, UV_RUN_DEFAULT);
        return -1;
    }
    *out = steal(&s);
    return 0;
}

int server_port(const struct server *server)
{
    return grpc_server_port(server->grpc);
}

/* ---- at work --------------------------------------------------------------------------------- */

static int on_report(struct grpc_call *call, void *arg, struct err *err)
{
    struct server *s = arg;

    return sessions_accept(&s->sessions, call, err);
}

static void on_probe_question(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    AUTO(buf_close) struct buf bytes;
    struct server *s = arg;
    struct wire_probe_answer answer = {.version = LAYERCENSUS_VERSION,
                                       .collector = s->sessions.collector,
                                       .connected = sessions_count(&s->sessions),
                                       .hosts = sessions_hosts(&s->sessions)};
    struct err err;

    (void)data;
    (void)len;
    sessions_count_hosts(&s->sessions);
    buf_init(&bytes, PROBE_BYTES_MAX);
    if (wire_probe_encode(&answer, &bytes, &err) == 0 &&
        grpc_call_send(call, bytes.data, bytes.len, &err) == 0)
        grpc_call_finish(call, GRPC_OK, NULL);
    else
        grpc_call_finish(call, grpc_status_of(err.kind), err.text);
}

static void on_probe_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    (void)call;
    (void)status;
    (void)message;
    (void)arg;
}

static int on_probe(struct grpc_call *call, void *arg, struct err *err)
{
    static const struct grpc_handler events = {.on_message = on_probe_question,
                                               .on_closed = on_probe_closed};

    (void)err;
    grpc_call_set(call, &events, arg);
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;

    sessions_tick(&s->sessions);
}

static void on_lives_due(uv_timer_t *timer)
{
    struct server *s = timer->data;

    sessions_flush_lives(&s->sessions);
}

static void on_housekeeping_due(uv_timer_t *timer)
{
    struct server *s = timer->data;

    sessions_keep_house(&s->sessions);
    sessions_count_hosts(&s->sessions);
}

static void on_signal(uv_signal_t *handle, int number)
{
    if (number == SIGHUP) {
        log_event(LOG_INFO, "hangup", "text", "nothing to reload: restart to change options", NULL);
        return;
    }
    server_stop(handle->data);
}

/* ---- stop ------------------------------------------------------------------------------------ */

void server_stop(struct server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    if (s->open_handles > 0)
        log_event(LOG_INFO, "stopping", NULL);
    for (int i = 0; s->open_handles > 0 && i < TIMERS; i++)
        uv_timer_stop(&s->timers[i]);
    if (s->grpc != NULL)
        grpc_server_close(s->grpc, on_streams_closed, s);
    else
        on_streams_closed(s);
}

static void on_streams_closed(void *arg)
{
    struct server *s = arg;

    s->grpc = NULL;
    if (s->surveyor != NULL)
        surveyor_stop(s->surveyor, on_surveys_stopped, s);
    else
        on_surveys_stopped(s);
}

static void on_surveys_stopped(void *arg)
{
    struct server *s = arg;

    s->surveyor = NULL;
    if (s->writer == NULL) {
        on_writer_stopped(s);
        return;
    }
    if (s->sessions.wants != NULL)
        sessions_flush_lives(&s->sessions);
    writer_stop(s->writer, on_writer_stopped, s);
}

/* The last: signal handlers stay until here, so that an impatient second signal does no harm. */
static void on_writer_stopped(void *arg)
{
    struct server *s = arg;

    s->writer = NULL;
    if (s->open_handles == 0)
        return;
    for (int i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&s->signals[i], on_handle_closed);
    for (int i = 0; i < TIMERS; i++)
        uv_close((uv_handle_t *)&s->timers[i], on_handle_closed);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct server *s = handle->data;

    if (--s->open_handles == 0)
        log_event(LOG_INFO, "stopped", NULL);
}

void server_close(struct server **out)
{
    struct server *s = *out;

    if (s == NULL)
        return;
    check(s->open_handles == 0 && s->writer == NULL && s->grpc == NULL && s->surveyor == NULL);
    sessions_close(&s->sessions);
    tls_context_close(&s->tls);
    free(s);
    *out = NULL;
}
