#include "agent/agent.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/host.h"
#include "agent/keeper.h"
#include "agent/measurer.h"
#include "agent/redact.h"
#include "agent/scan.h"
#include "agent/state_file.h"
#include "agent/uplink.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

#define EXIT_SECOND_SIGNAL 3

enum { ON_TERM, ON_INT, SIGNALS };

struct agent {
    const struct options *options;
    uv_loop_t loop;
    bool loop_made;
    uv_signal_t signals[SIGNALS];
    int signal_count; /* of those that are open */
    int lock;         /* of the state directory */
    struct host host;
    struct rec_pair labels[REC_LABELS_MAX]; /* without secrets; values are ours */
    struct tls_context *tls;
    struct uplink *uplink;
    struct measurer *measurer; /* NULL: --no-measure */
    struct scan *scan;
    struct memory memory; /* from before the restart */
    struct keeper keeper;
    bool worked; /* since the last look: there may be memory to give back */
    bool stopping;
};

/* In the order of a life. */
static void on_signal(uv_signal_t *handle, int number);
static void on_inventory(struct inventory *inv, void *arg);
static void on_looked(uint64_t mono_ns, void *arg);
static void on_synced(void *arg);
static void on_measure(const struct rec_measure_wanted *items, size_t count, void *arg);
static void on_report(const struct wire_agent_msg *m, void *arg);
static void on_scan_closed(void *arg);
static void on_keeper_closed(void *arg);
static void on_measurer_closed(void *arg);
static void on_uplink_closed(void *arg);

/* ---- events ---------------------------------------------------------------------------------- */

static void on_inventory(struct inventory *inv, void *arg)
{
    struct agent *a = arg;

    a->worked = true;
    uplink_set_inventory(a->uplink, inv);
    keeper_put(&a->keeper, inv);
    if (a->measurer != NULL)
        measurer_set_inventory(a->measurer, inv);
}

static void on_looked(uint64_t mono_ns, void *arg)
{
    struct agent *a = arg;

    uplink_set_looked(a->uplink, mono_ns);
    if (a->worked)
        malloc_trim(0); /* what reading and reporting took goes back, not only to our heap */
    a->worked = false;
}

static void on_synced(void *arg)
{
    struct agent *a = arg;

    a->worked = true;
    if (a->measurer != NULL)
        measurer_replay(a->measurer);
}

static void on_measure(const struct rec_measure_wanted *items, size_t count, void *arg)
{
    struct agent *a = arg;

    if (a->measurer != NULL)
        measurer_want(a->measurer, items, count);
}

/* What cannot be sent now is told with the next stream. */
static void on_report(const struct wire_agent_msg *m, void *arg)
{
    struct agent *a = arg;
    struct err err = {0};

    a->worked = true;
    if (!a->stopping && uplink_send(a->uplink, m, &err) != 0 && err.kind != ERR_UNAVAILABLE)
        log_error(LOG_WARN, "measurement-lost", &err, NULL);
}

/* ---- stopping: what makes news first, the stream last ---------------------------------------- */

static void on_uplink_closed(void *arg)
{
    struct agent *a = arg;

    a->uplink = NULL;
    while (a->signal_count > 0)
        uv_close((uv_handle_t *)&a->signals[--a->signal_count], NULL);
}

static void close_uplink(struct agent *a)
{
    if (a->uplink != NULL)
        uplink_close(a->uplink, on_uplink_closed, a);
    else
        on_uplink_closed(a);
}

static void on_measurer_closed(void *arg)
{
    struct agent *a = arg;

    a->measurer = NULL;
    close_uplink(a);
}

static void on_keeper_closed(void *arg)
{
    struct agent *a = arg;

    if (a->measurer != NULL)
        measurer_close(a->measurer, on_measurer_closed, a);
    else
        close_uplink(a);
}

static void on_scan_closed(void *arg)
{
    struct agent *a = arg;

    a->scan = NULL;
    keeper_close(&a->keeper, on_keeper_closed, a);
}

static void stop(struct agent *a)
{
    a->stopping = true;
    if (a->scan != NULL)
        scan_close(a->scan, on_scan_closed, a);
    else
        on_scan_closed(a);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;

    if (a->stopping) {
        log_event(LOG_WARN, "stopped-at-once", "why", "a second signal", NULL);
        _exit(EXIT_SECOND_SIGNAL);
    }
    log_event(LOG_INFO, "stopping", "signal", number == SIGINT ? "SIGINT" : "SIGTERM", NULL);
    stop(a);
}

/* ---- starting -------------------------------------------------------------------------------- */

static int open_tls(const struct options *o, struct tls_context **out, struct err *err)
{
    const struct tls_files files = {.cert = o->cert, .key = o->key, .ca = o->ca};
    bool wanted = o->cert != NULL || o->ca != NULL;

    if (o->plaintext || (uvx_address_is_local(&o->address) && !wanted))
        return 0;
    return tls_client_context(out, &files, err);
}

static int clean_labels(struct agent *a, struct err *err)
{
    for (size_t i = 0; i < a->options->label_count; i++) {
        const struct rec_pair *from = &a->options->label_pairs[i];
        uint32_t cuts = 0;

        a->labels[i] = (struct rec_pair){from->key, redact_value(from->key, from->value, &cuts)};
        if (a->labels[i].value == NULL)
            return err_set(err, ERR_NO_MEMORY, "no memory for labels");
        if (cuts > 0)
            log_event(LOG_WARN, "label-redacted", "label", from->key, NULL);
    }
    return 0;
}

/* Room for every capability there is. */
#define CAPABILITIES 5

static struct rec_hello make_hello(struct agent *a, uint32_t capabilities[CAPABILITIES])
{
    const struct options *o = a->options;
    struct rec_hello hello = {
        .agent_version = LAYERCENSUS_VERSION,
        .host_name = a->host.name,
        .cluster = o->cluster != NULL ? o->cluster : "",
        .labels = a->labels,
        .label_count = o->label_count,
        .incarnation = a->host.incarnation,
        .fingerprint = a->host.fingerprint,
        .lifetime = o->lifetime == 1 ? REC_LIFETIME_EPHEMERAL : REC_LIFETIME_LASTING,
        .os = a->host.os,
        .kernel = a->host.kernel,
        .arch = a->host.arch,
        .capabilities = capabilities,
    };

    capabilities[hello.capability_count++] = REC_CAP_DOCUMENTS;
    capabilities[hello.capability_count++] = REC_CAP_USE;
    capabilities[hello.capability_count++] = REC_CAP_ORIGINS;
    capabilities[hello.capability_count++] = REC_CAP_ATTESTATIONS;
    if (o->measure)
        capabilities[hello.capability_count++] = REC_CAP_MEASURE;
    return hello;
}

/* The incarnation is random and every host's own: a good seed for what must not go in step. */
static uint64_t seed_of(const struct host *host)
{
    uint64_t seed;

    memcpy(&seed, host->incarnation.bytes, sizeof(seed));
    return seed;
}

static int start_signals(struct agent *a, struct err *err)
{
    static const int numbers[SIGNALS] = {[ON_TERM] = SIGTERM, [ON_INT] = SIGINT};

    for (int i = 0; i < SIGNALS; i++) {
        int rc = uv_signal_init(&a->loop, &a->signals[i]);

        if (rc != 0)
            return uvx_fail(err, rc, "wait for signals");
        a->signal_count++;
        a->signals[i].data = a;
        rc = uv_signal_start(&a->signals[i], on_signal, numbers[i]);
        if (rc != 0)
            return uvx_fail(err, rc, "wait for signals");
    }
    return 0;
}

static int start_uplink(struct agent *a, uint32_t capabilities[CAPABILITIES], struct err *err)
{
    static const struct uplink_events events = {.on_synced = on_synced, .on_measure = on_measure};
    const struct options *o = a->options;
    const struct uplink_options options = {
        .address = o->address,
        .tls = a->tls,
        .server_name = o->server_name,
        .reconnect_min_ms = o->reconnect_min_ms,
        .reconnect_max_ms = o->reconnect_max_ms,
        .seed = seed_of(&a->host) ^ clock_mono_ns(),
        .hello = make_hello(a, capabilities),
    };

    return uplink_open(&a->uplink, &a->loop, &options, &events, a, err);
}

static int start_scan(struct agent *a, struct err *err)
{
    static const struct scan_events events = {.on_inventory = on_inventory, .on_looked = on_looked};
    const struct options *o = a->options;
    const struct scan_options options = {
        .engine = options_engine(o),
        .look_ms = o->look_ms,
        .full_ms = o->scan_ms,
        .absent_ms = o->absent_ms,
        .sample = o->sample,
        .seed = seed_of(&a->host),
        .memory = &a->memory,
    };

    return scan_open(&a->scan, &a->loop, &options, &events, a, err);
}

static int start_measurer(struct agent *a, struct err *err)
{
    static const struct measurer_events events = {.on_report = on_report};
    const struct measurer_options options = {.entries_per_second =
                                                 (uint32_t)a->options->measure_rate};

    return a->options->measure ? measurer_open(&a->measurer, &a->loop, &options, &events, a, err)
                               : 0;
}

/* Identity and certificates first: without them nothing is opened. */
static int prepare(struct agent *a, struct err *err)
{
    const struct options *o = a->options;
    const char *host_root = o->host_root != NULL ? o->host_root : "";

    if (host_describe(&a->host, host_root, o->host_name, err) != 0 ||
        state_file_lock(&a->lock, o->state_dir, err) != 0 ||
        host_incarnate(&a->host, host_root, o->state_dir, err) != 0)
        return -1;
    if (!a->host.marked)
        log_event(LOG_WARN, "machine-without-marks", "why",
                  "neither machine-id nor product UUID can be read: copies of this machine cannot "
                  "be told apart",
                  NULL);
    if (open_tls(o, &a->tls, err) != 0 || clean_labels(a, err) != 0)
        return -1;
    return memory_load(&a->memory, o->state_dir, engine_drivers, err);
}

static int start(struct agent *a, uint32_t capabilities[CAPABILITIES], struct err *err)
{
    int rc = uv_loop_init(&a->loop);

    if (rc != 0)
        return uvx_fail(err, rc, "make the loop");
    a->loop_made = true;
    keeper_init(&a->keeper, &a->loop, a->options->state_dir);
    signal(SIGPIPE, SIG_IGN);
    if (start_signals(a, err) != 0 || start_uplink(a, capabilities, err) != 0 ||
        start_measurer(a, err) != 0)
        return -1;
    return start_scan(a, err);
}

static void release(struct agent *a)
{
    for (size_t i = 0; i < a->options->label_count; i++)
        free((char *)a->labels[i].value);
    memory_free(&a->memory);
    tls_context_close(&a->tls);
    cleanup_fd(&a->lock);
}

int agent_run(const struct options *options, struct err *err)
{
    struct agent a = {.options = options, .lock = -1};
    uint32_t capabilities[CAPABILITIES];
    int rc = prepare(&a, err);

    if (rc == 0) {
        rc = start(&a, capabilities, err);
        if (rc != 0 && a.loop_made)
            stop(&a);
        else if (rc == 0)
            log_event(LOG_INFO, "started", "version", LAYERCENSUS_VERSION, "host", a.host.name,
                      "collector", options->collector, NULL);
    }
    if (a.loop_made) {
        uv_run(&a.loop, UV_RUN_DEFAULT);
        if (uvx_loop_close(&a.loop, rc == 0 ? err : NULL) != 0)
            rc = -1;
    }
    release(&a);
    if (rc == 0)
        log_event(LOG_INFO, "stopped", NULL);
    return rc;
}

int agent_check(const struct options *options, struct err *err)
{
    AUTO(tls_context_close) struct tls_context *tls = NULL;
    const char *host_root = options->host_root != NULL ? options->host_root : "";
    struct host host;

    if (host_describe(&host, host_root, options->host_name, err) != 0)
        return -1;
    return open_tls(options, &tls, err);
}
