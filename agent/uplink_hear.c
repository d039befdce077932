/* uplink_hear: what the collector says, one handler a kind. */
#include "agent/uplink_private.h"
#include "common/cleanup.h"
#include "common/log.h"

#define HEARTBEAT_LEAST_MS 100

/* One handler a kind; each may take the message over by setting *m NULL. */
typedef void hear_fn(struct uplink *u, struct wire_collector_msg **m);

static void hear_welcome(struct uplink *u, struct wire_collector_msg **m)
{
    const struct rec_welcome *w = &(*m)->welcome;
    uint64_t beat = w->heartbeat_ms > HEARTBEAT_LEAST_MS ? w->heartbeat_ms : HEARTBEAT_LEAST_MS;

    if (u->state != UPLINK_GREETING)
        return;
    uplink_up(u, beat);
    log_event(LOG_INFO, "collector-connected", "collector", u->options.address.host, "version",
              w->collector_version, "filed-under", w->host_name, NULL);
    report_welcome(&u->report, m);
}

static void hear_acknowledgement(struct uplink *u, struct wire_collector_msg **m)
{
    if (!report_acknowledged(&u->report, (*m)->acknowledged))
        return;
    u->resyncs = 0;
    if (!u->report.synced)
        uplink_synced(u);
}

static void hear_want(struct uplink *u, struct wire_collector_msg **m)
{
    documents_want(u, (*m)->want.items, (*m)->want.count);
}

static void hear_measure(struct uplink *u, struct wire_collector_msg **m)
{
    u->events.on_measure((*m)->measure.items, (*m)->measure.count, u->arg);
}

static void hear_resync(struct uplink *u, struct wire_collector_msg **m)
{
    struct err err = {0};

    log_event(LOG_INFO, "resync-wanted", "why", (*m)->resync, NULL);
    report_resync(&u->report);
    if (++u->resyncs <= UPLINK_RESYNCS_MAX)
        return;
    u->resyncs = 0;
    err_set(&err, ERR_PROTOCOL, "the collector wanted everything %d times and acknowledged nothing",
            UPLINK_RESYNCS_MAX);
    uplink_fail(u, &err);
}

static void hear_rejection(struct uplink *u, struct wire_collector_msg **m)
{
    const struct rec_rejection *r = &(*m)->rejection;
    bool about_us = r->code == REC_REJECT_CONFLICT || r->code == REC_REJECT_CERTIFICATE;

    log_event(about_us ? LOG_ERROR : LOG_WARN, "collector-rejects", "subject", r->subject, "text",
              r->text, NULL);
    u->patient = u->patient || about_us;
    if (r->code == REC_REJECT_INVENTORY)
        report_rejected(&u->report, r->generation);
}

static hear_fn *const hear[] = {
    [WIRE_WELCOME] = hear_welcome, [WIRE_ACKNOWLEDGEMENT] = hear_acknowledgement,
    [WIRE_WANT] = hear_want,       [WIRE_MEASURE] = hear_measure,
    [WIRE_RESYNC] = hear_resync,   [WIRE_REJECTION] = hear_rejection,
};

void uplink_hear(struct uplink *u, struct wire_collector_msg **m)
{
    hear[(*m)->kind](u, m);
}
