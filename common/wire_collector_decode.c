#include "common/cleanup.h"
#include "common/wire_private.h"

static int decode_welcome(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                          struct wire_collector_msg *msg, struct err *err)
{
    const Layercensus__V1__Welcome *in = m->welcome;
    struct rec_welcome *out = &msg->welcome;
    const struct wire_text texts[] = {
        {&out->collector_version, in->collector_version, REC_NAME_BYTES, "collector_version", 0},
        {&out->host_name, in->host_name, REC_NAME_BYTES, "host_name", WIRE_REQUIRED},
    };

    if (wire_texts(texts, LENGTH(texts), err) != 0 ||
        wire_id(&out->collector, &in->collector, "collector", err) != 0 ||
        wire_at_most(in->generation, REC_GENERATION_MAX, "generation", err) != 0 ||
        wire_sums(ctx, &out->sums, &out->sum_count, in->sums, in->n_sums, err) != 0)
        return -1;
    if (in->heartbeat_ms == 0)
        return err_set(err, ERR_PROTOCOL, "heartbeat_ms: missing");
    out->generation = in->generation;
    out->heartbeat_ms = in->heartbeat_ms;
    return wire_capabilities(ctx, &out->capabilities, &out->capability_count, in->capabilities,
                             in->n_capabilities, err);
}

static int decode_acknowledgement(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                                  struct wire_collector_msg *msg, struct err *err)
{
    (void)ctx;
    msg->acknowledged = m->acknowledgement->generation;
    return wire_generation(msg->acknowledged, "generation", err);
}

/* Documents of kinds that this agent does not know are not given: it has none of them. */
static int decode_want(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                       struct wire_collector_msg *msg, struct err *err)
{
    const Layercensus__V1__Want *in = m->want;
    struct rec_wanted *list;

    if (wire_at_most(in->n_items, REC_BATCH_MAX, "items", err) != 0)
        return -1;
    list = arena_array(ctx->arena, in->n_items, sizeof(*list), err);
    if (list == NULL)
        return -1;
    msg->want.items = list;
    msg->want.lease_ms = in->lease_ms;
    for (size_t i = 0; i < in->n_items; i++) {
        int kind = (int)in->items[i]->kind;

        if (!wire_is_document_kind(kind)) {
            ctx->unknown++;
            continue;
        }
        list[msg->want.count].kind = (enum rec_document_kind)kind;
        if (wire_digest(&list[msg->want.count].digest, &in->items[i]->digest, "digest", err) != 0)
            return err_wrap(err, "items[%zu]", i);
        msg->want.count++;
    }
    return 0;
}

static int decode_measure(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                          struct wire_collector_msg *msg, struct err *err)
{
    const Layercensus__V1__MeasureWanted *in = m->measure_wanted;
    struct rec_measure_wanted *list;

    if (wire_at_most(in->n_items, REC_BATCH_MAX, "items", err) != 0)
        return -1;
    list = arena_array(ctx->arena, in->n_items, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < in->n_items; i++)
        if (wire_digest(&list[i].diff, &in->items[i]->diff, "diff", err) != 0 ||
            wire_digest(&list[i].chain, &in->items[i]->chain, "chain", err) != 0)
            return err_wrap(err, "items[%zu]", i);
    msg->measure.items = list;
    msg->measure.count = in->n_items;
    msg->measure.lease_ms = in->lease_ms;
    return 0;
}

static int decode_resync(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                         struct wire_collector_msg *msg, struct err *err)
{
    const struct wire_text text = {&msg->resync, m->resync->reason, REC_TEXT_BYTES, "reason", 0};

    (void)ctx;
    return wire_texts(&text, 1, err);
}

static int decode_rejection(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                            struct wire_collector_msg *msg, struct err *err)
{
    const Layercensus__V1__Rejection *in = m->rejection;
    struct rec_rejection *out = &msg->rejection;
    const struct wire_text texts[] = {
        {&out->subject, in->subject, REC_TEXT_BYTES, "subject", 0},
        {&out->text, in->text, REC_TEXT_BYTES, "text", 0},
    };

    if ((int)in->code >= REC_REJECT_CONFLICT && (int)in->code <= REC_REJECT_CLOCK)
        out->code = (enum rec_reject_code)in->code;
    else if ((int)in->code != REC_REJECT_UNKNOWN)
        ctx->unknown++;
    out->generation = in->generation;
    if (wire_at_most(in->generation, REC_GENERATION_MAX, "generation", err) != 0)
        return -1;
    return wire_texts(texts, LENGTH(texts), err);
}

/* For agents with REC_CAP_PREDICTION; this one does not say that it can. */
static int ignore_prediction(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                             struct wire_collector_msg *msg, struct err *err)
{
    (void)m;
    (void)msg;
    (void)err;
    ctx->unknown++;
    return 0;
}

/* By the number of the oneof's member. */
static const struct {
    const char *name;
    enum wire_collector_kind kind;
    int (*decode)(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                  struct wire_collector_msg *msg, struct err *err);
} kinds[] = {
    [1] = {"welcome", WIRE_WELCOME, decode_welcome},
    [2] = {"acknowledgement", WIRE_ACKNOWLEDGEMENT, decode_acknowledgement},
    [3] = {"want", WIRE_WANT, decode_want},
    [4] = {"measure_wanted", WIRE_MEASURE, decode_measure},
    [5] = {"resync", WIRE_RESYNC, decode_resync},
    [6] = {"rejection", WIRE_REJECTION, decode_rejection},
    [7] = {"prediction", WIRE_COLLECTOR_UNKNOWN, ignore_prediction},
};
_Static_assert(LENGTH(kinds) == LAYERCENSUS__V1__COLLECTOR_MESSAGE__KIND_PREDICTION + 1,
               "each kind of a collector's message has its decoder");

static int decode_kind(struct wire_in *ctx, const Layercensus__V1__CollectorMessage *m,
                       struct wire_collector_msg *msg, struct err *err)
{
    size_t number = (size_t)m->kind_case;

    if (number == 0 && m->base.n_unknown_fields == 0)
        return err_set(err, ERR_PROTOCOL, "the message is empty");
    if (number == 0)
        return 0;
    msg->kind = kinds[number].kind;
    if (kinds[number].decode(ctx, m, msg, err) != 0)
        return err_wrap(err, "%s", kinds[number].name);
    return 0;
}

int wire_collector_decode(struct wire_collector_msg **out, const uint8_t *data, size_t len,
                          struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct wire_in ctx = {.unknown = 0};
    Layercensus__V1__CollectorMessage *m;
    struct wire_collector_msg *msg;

    if (arena_open(&arena, wire_memory_max(len), err) != 0)
        return -1;
    ctx.arena = arena;
    m = (Layercensus__V1__CollectorMessage *)wire_unpack(&ctx, PB_DESCRIPTOR(collector_message),
                                                         data, len, err);
    if (m == NULL)
        return -1;
    msg = arena_alloc(arena, sizeof(*msg), err);
    if (msg == NULL || decode_kind(&ctx, m, msg, err) != 0)
        return -1;
    msg->unknown = ctx.unknown;
    msg->arena = steal(&arena);
    *out = msg;
    return 0;
}

void wire_collector_msg_close(struct wire_collector_msg **m)
{
    struct arena *arena = *m != NULL ? (*m)->arena : NULL;

    arena_close(&arena);
    *m = NULL;
}
