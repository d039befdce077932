#include "common/check.h"
#include "common/cleanup.h"
#include "common/wire_private.h"

static int encode_welcome(struct arena *a, const struct wire_collector_msg *m, void *body,
                          struct err *err)
{
    const struct rec_welcome *in = &m->welcome;
    Layercensus__V1__Welcome *out = body;

    out->collector_version = (char *)in->collector_version;
    out->collector = wire_out_bytes(in->collector.bytes, sizeof(in->collector.bytes));
    out->host_name = (char *)in->host_name;
    out->generation = in->generation;
    out->heartbeat_ms = in->heartbeat_ms;
    out->capabilities = in->capabilities;
    out->n_capabilities = in->capability_count;
    return wire_out_sums(a, &out->sums, &out->n_sums, in->sums, in->sum_count, err);
}

static int encode_acknowledgement(struct arena *a, const struct wire_collector_msg *m, void *body,
                                  struct err *err)
{
    Layercensus__V1__Acknowledgement *out = body;

    (void)a;
    (void)err;
    out->generation = m->acknowledged;
    return 0;
}

static int encode_want(struct arena *a, const struct wire_collector_msg *m, void *body,
                       struct err *err)
{
    Layercensus__V1__Want *out = body;

    out->lease_ms = m->want.lease_ms;
    out->items = wire_out_list(a, m->want.count, PB_DESCRIPTOR(wanted_item), err);
    if (out->items == NULL)
        return -1;
    out->n_items = m->want.count;
    for (size_t i = 0; i < m->want.count; i++) {
        out->items[i]->kind = (Layercensus__V1__DocumentKind)m->want.items[i].kind;
        out->items[i]->digest = wire_out_digest(&m->want.items[i].digest);
    }
    return 0;
}

static int encode_measure(struct arena *a, const struct wire_collector_msg *m, void *body,
                          struct err *err)
{
    Layercensus__V1__MeasureWanted *out = body;

    out->lease_ms = m->measure.lease_ms;
    out->items = wire_out_list(a, m->measure.count, PB_DESCRIPTOR(measure_item), err);
    if (out->items == NULL)
        return -1;
    out->n_items = m->measure.count;
    for (size_t i = 0; i < m->measure.count; i++) {
        out->items[i]->diff = wire_out_digest(&m->measure.items[i].diff);
        out->items[i]->chain = wire_out_digest(&m->measure.items[i].chain);
    }
    return 0;
}

static int encode_resync(struct arena *a, const struct wire_collector_msg *m, void *body,
                         struct err *err)
{
    Layercensus__V1__Resync *out = body;

    (void)a;
    (void)err;
    out->reason = (char *)m->resync;
    return 0;
}

static int encode_rejection(struct arena *a, const struct wire_collector_msg *m, void *body,
                            struct err *err)
{
    Layercensus__V1__Rejection *out = body;

    (void)a;
    (void)err;
    out->code = (Layercensus__V1__RejectCode)m->rejection.code;
    out->generation = m->rejection.generation;
    out->subject = (char *)m->rejection.subject;
    out->text = (char *)m->rejection.text;
    return 0;
}

/* `number` is the member of the oneof. */
static const struct {
    int number;
    const ProtobufCMessageDescriptor *descriptor;
    int (*encode)(struct arena *a, const struct wire_collector_msg *m, void *body, struct err *err);
} kinds[] = {
    [WIRE_WELCOME] = {1, PB_DESCRIPTOR(welcome), encode_welcome},
    [WIRE_ACKNOWLEDGEMENT] = {2, PB_DESCRIPTOR(acknowledgement), encode_acknowledgement},
    [WIRE_WANT] = {3, PB_DESCRIPTOR(want), encode_want},
    [WIRE_MEASURE] = {4, PB_DESCRIPTOR(measure_wanted), encode_measure},
    [WIRE_RESYNC] = {5, PB_DESCRIPTOR(resync), encode_resync},
    [WIRE_REJECTION] = {6, PB_DESCRIPTOR(rejection), encode_rejection},
};

int wire_collector_encode(const struct wire_collector_msg *m, struct buf *out, struct err *err)
{
    AUTO(arena_close) struct arena *scratch = NULL;
    Layercensus__V1__CollectorMessage message = LAYERCENSUS__V1__COLLECTOR_MESSAGE__INIT;
    void **body;

    check(m->kind > WIRE_COLLECTOR_UNKNOWN && (size_t)m->kind < LENGTH(kinds));
    if (arena_open(&scratch, WIRE_SCRATCH_MAX, err) != 0)
        return -1;
    body = wire_out_list(scratch, 1, kinds[m->kind].descriptor, err);
    if (body == NULL || kinds[m->kind].encode(scratch, m, body[0], err) != 0)
        return -1;
    message.kind_case = (Layercensus__V1__CollectorMessage__KindCase)kinds[m->kind].number;
    message.welcome = body[0]; /* every member of the oneof is such a pointer */
    return wire_pack(&message.base, out, err);
}
