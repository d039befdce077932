#include <string.h>

#include "common/cleanup.h"
#include "common/wire_private.h"

static int cmp_labels(const void *a, const void *b)
{
    return strcmp(((const struct rec_pair *)a)->key, ((const struct rec_pair *)b)->key);
}

static int decode_labels(struct wire_in *ctx, const Layercensus__V1__Hello *in,
                         struct rec_hello *out, struct err *err)
{
    size_t twice;

    if (wire_at_most(in->n_labels, REC_LABELS_MAX, "labels", err) != 0)
        return -1;
    out->label_count = in->n_labels;
    out->labels = arena_array(ctx->arena, in->n_labels, sizeof(*out->labels), err);
    if (out->labels == NULL)
        return -1;
    for (size_t i = 0; i < in->n_labels; i++) {
        const struct wire_text texts[] = {
            {&out->labels[i].key, in->labels[i]->key, REC_NAME_BYTES, "key", WIRE_REQUIRED},
            {&out->labels[i].value, in->labels[i]->value, REC_TEXT_BYTES, "value", 0},
        };

        if (wire_texts(texts, LENGTH(texts), err) != 0)
            return err_wrap(err, "labels[%zu]", i);
    }
    twice = wire_sort(out->labels, out->label_count, sizeof(*out->labels), cmp_labels);
    if (twice < out->label_count)
        return err_set(err, ERR_PROTOCOL, "labels: %.*s is there twice", 128,
                       out->labels[twice].key);
    return 0;
}

/* Not said, or of a newer agent: a lasting host, which stays in the coverage's denominator. */
static enum rec_lifetime decode_lifetime(struct wire_in *ctx, int value)
{
    if (value == REC_LIFETIME_EPHEMERAL)
        return REC_LIFETIME_EPHEMERAL;
    if (value != 0 && value != REC_LIFETIME_LASTING)
        ctx->unknown++;
    return REC_LIFETIME_LASTING;
}

static int decode_hello(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                        struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__Hello *in = m->hello;
    struct rec_hello *out = &msg->hello;
    const struct wire_text texts[] = {
        {&out->agent_version, in->agent_version, REC_NAME_BYTES, "agent_version", 0},
        {&out->host_name, in->host_name, REC_NAME_BYTES, "host_name", WIRE_REQUIRED},
        {&out->cluster, in->cluster, REC_NAME_BYTES, "cluster", 0},
        {&out->os, in->os, REC_TEXT_BYTES, "os", 0},
        {&out->kernel, in->kernel, REC_TEXT_BYTES, "kernel", 0},
        {&out->arch, in->arch, REC_NAME_BYTES, "arch", 0},
    };

    if (wire_texts(texts, LENGTH(texts), err) != 0 ||
        wire_id(&out->incarnation, &in->incarnation, "incarnation", err) != 0 ||
        wire_digest(&out->fingerprint, &in->fingerprint, "fingerprint", err) != 0 ||
        wire_at_most(in->generation, REC_GENERATION_MAX, "generation", err) != 0 ||
        decode_labels(ctx, in, out, err) != 0)
        return -1;
    out->lifetime = decode_lifetime(ctx, (int)in->lifetime);
    out->clock_ms = in->clock_ms < 0 ? 0 : in->clock_ms;
    if (out->clock_ms > REC_CLOCK_MAX_MS)
        out->clock_ms = REC_CLOCK_MAX_MS;
    out->generation = in->generation;
    return wire_capabilities(ctx, &out->capabilities, &out->capability_count, in->capabilities,
                             in->n_capabilities, err);
}

static int decode_begin(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                        struct wire_agent_msg *msg, struct err *err)
{
    (void)ctx;
    return wire_decode_begin(m->inventory_begin, &msg->begin, err);
}

static int decode_part(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                       struct wire_agent_msg *msg, struct err *err)
{
    return wire_decode_part(ctx, m->inventory_part, &msg->part, err);
}

static int decode_end(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                      struct wire_agent_msg *msg, struct err *err)
{
    return wire_decode_end(ctx, m->inventory_end, &msg->end, err);
}

static int decode_difference(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                             struct wire_agent_msg *msg, struct err *err)
{
    return wire_decode_difference(ctx, m->difference, &msg->difference, err);
}

static int cmp_containers(const void *a, const void *b)
{
    return strcmp(((const struct rec_container *)a)->id, ((const struct rec_container *)b)->id);
}

static enum rec_run_state decode_run_state(struct wire_in *ctx, int value)
{
    if (value == REC_RUNNING || value == REC_STOPPED)
        return (enum rec_run_state)value;
    if (value != 0 && value != REC_RUN_UNKNOWN)
        ctx->unknown++;
    return REC_RUN_UNKNOWN;
}

static int decode_container(struct wire_in *ctx, const Layercensus__V1__Container *in,
                            struct rec_container *out, struct err *err)
{
    const struct wire_text texts[] = {
        {&out->id, in->id, REC_NAME_BYTES, "id", WIRE_REQUIRED},
        {&out->name, in->name, REC_NAME_BYTES, "name", 0},
        {&out->kube_namespace, in->kube_namespace, REC_NAME_BYTES, "kube_namespace", 0},
        {&out->kube_pod, in->kube_pod, REC_NAME_BYTES, "kube_pod", 0},
    };

    if (wire_texts(texts, LENGTH(texts), err) != 0 ||
        wire_digest(&out->image, &in->image, "image", err) != 0)
        return -1;
    out->since_age_ms = in->since_age_ms < 0 ? -1 : wire_age(in->since_age_ms);
    out->state = decode_run_state(ctx, (int)in->state);
    return 0;
}

static int decode_use(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                      struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__Use *in = m->use;
    struct rec_use *out = &msg->use;
    size_t twice;

    if (wire_key(&out->key, &in->key, "key", err) != 0 ||
        wire_at_most(in->n_containers, REC_CONTAINERS_MAX, "containers", err) != 0)
        return -1;
    out->age_ms = wire_age(in->age_ms);
    out->container_count = in->n_containers;
    out->containers = arena_array(ctx->arena, in->n_containers, sizeof(*out->containers), err);
    if (out->containers == NULL)
        return -1;
    for (size_t i = 0; i < in->n_containers; i++)
        if (decode_container(ctx, in->containers[i], &out->containers[i], err) != 0)
            return err_wrap(err, "containers[%zu]", i);
    twice =
        wire_sort(out->containers, out->container_count, sizeof(*out->containers), cmp_containers);
    if (twice < out->container_count)
        return err_set(err, ERR_PROTOCOL, "containers: %.*s is there twice", 128,
                       out->containers[twice].id);
    return 0;
}

static int decode_declined(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                           struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__Declined *in = m->declined;
    struct rec_declined *list;

    if (wire_at_most(in->n_items, REC_BATCH_MAX, "items", err) != 0)
        return -1;
    list = arena_array(ctx->arena, in->n_items, sizeof(*list), err);
    if (list == NULL)
        return -1;
    msg->declined.items = list;
    for (size_t i = 0; i < in->n_items; i++) {
        const Layercensus__V1__DeclinedItem *from = in->items[i];
        struct rec_declined *to = &list[msg->declined.count];
        const struct wire_text text = {&to->reason, from->reason, REC_TEXT_BYTES, "reason", 0};

        if ((int)from->kind != 0 && !wire_is_document_kind((int)from->kind)) {
            ctx->unknown++;
            continue;
        }
        if (wire_digest(&to->digest, &from->digest, "digest", err) != 0 ||
            wire_texts(&text, 1, err) != 0)
            return err_wrap(err, "items[%zu]", i);
        to->kind = (enum rec_document_kind)from->kind;
        msg->declined.count++;
    }
    return 0;
}

static int decode_heartbeat(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                            struct wire_agent_msg *msg, struct err *err)
{
    (void)ctx;
    msg->heartbeat.generation = m->heartbeat->generation;
    msg->heartbeat.look_age_ms = wire_age(m->heartbeat->look_age_ms);
    return wire_at_most(m->heartbeat->generation, REC_GENERATION_MAX, "generation", err);
}

/* By the number of the oneof's member. */
static const struct {
    const char *name;
    enum wire_agent_kind kind;
    int (*decode)(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                  struct wire_agent_msg *msg, struct err *err);
} kinds[] = {
    [1] = {"hello", WIRE_HELLO, decode_hello},
    [2] = {"inventory_begin", WIRE_INVENTORY_BEGIN, decode_begin},
    [3] = {"inventory_part", WIRE_INVENTORY_PART, decode_part},
    [4] = {"inventory_end", WIRE_INVENTORY_END, decode_end},
    [5] = {"difference", WIRE_DIFFERENCE, decode_difference},
    [6] = {"use", WIRE_USE, decode_use},
    [7] = {"document", WIRE_DOCUMENT, wire_decode_document},
    [8] = {"layer_facts", WIRE_LAYER_FACTS, wire_decode_layer_facts},
    [9] = {"copy_facts", WIRE_COPIES, wire_decode_copies},
    [10] = {"store_spaces", WIRE_SPACES, wire_decode_spaces},
    [11] = {"declined", WIRE_DECLINED, decode_declined},
    [12] = {"heartbeat", WIRE_HEARTBEAT, decode_heartbeat},
    [13] = {"origins", WIRE_ORIGINS, wire_decode_origins},
};
_Static_assert(LENGTH(kinds) == LAYERCENSUS__V1__AGENT_MESSAGE__KIND_ORIGINS + 1,
               "each kind of an agent's message has its decoder");

static int decode_kind(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                       struct wire_agent_msg *msg, struct err *err)
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

int wire_agent_decode(struct wire_agent_msg **out, const uint8_t *data, size_t len, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct wire_in ctx = {.unknown = 0};
    Layercensus__V1__AgentMessage *m;
    struct wire_agent_msg *msg;

    if (arena_open(&arena, wire_memory_max(len), err) != 0)
        return -1;
    ctx.arena = arena;
    m = (Layercensus__V1__AgentMessage *)wire_unpack(&ctx, PB_DESCRIPTOR(agent_message), data, len,
                                                     err);
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

void wire_agent_msg_close(struct wire_agent_msg **m)
{
    struct arena *arena = *m != NULL ? (*m)->arena : NULL;

    arena_close(&arena);
    *m = NULL;
}
