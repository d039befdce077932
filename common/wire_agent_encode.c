#include "common/check.h"
#include "common/cleanup.h"
#include "common/wire_private.h"

/* Each encoder fills the member of `out` that its kind names; `body` is that member, initialised.
 */

static int encode_hello(struct arena *a, const struct wire_agent_msg *m, void *body,
                        struct err *err)
{
    const struct rec_hello *in = &m->hello;
    Layercensus__V1__Hello *out = body;

    out->labels = wire_out_list(a, in->label_count, PB_DESCRIPTOR(label), err);
    if (out->labels == NULL)
        return -1;
    out->n_labels = in->label_count;
    for (size_t i = 0; i < in->label_count; i++) {
        out->labels[i]->key = (char *)in->labels[i].key;
        out->labels[i]->value = (char *)in->labels[i].value;
    }
    out->agent_version = (char *)in->agent_version;
    out->host_name = (char *)in->host_name;
    out->cluster = (char *)in->cluster;
    out->incarnation = wire_out_bytes(in->incarnation.bytes, sizeof(in->incarnation.bytes));
    out->fingerprint = wire_out_digest(&in->fingerprint);
    out->lifetime = (Layercensus__V1__Lifetime)in->lifetime;
    out->os = (char *)in->os;
    out->kernel = (char *)in->kernel;
    out->arch = (char *)in->arch;
    out->clock_ms = in->clock_ms;
    out->generation = in->generation;
    out->capabilities = in->capabilities;
    out->n_capabilities = in->capability_count;
    return 0;
}

static int encode_begin(struct arena *a, const struct wire_agent_msg *m, void *body,
                        struct err *err)
{
    Layercensus__V1__InventoryBegin *out = body;

    (void)a;
    (void)err;
    out->generation = m->begin.generation;
    out->store_count = m->begin.store_count;
    out->age_ms = m->begin.age_ms;
    return 0;
}

static int encode_part(struct arena *a, const struct wire_agent_msg *m, void *body, struct err *err)
{
    return wire_encode_part(a, &m->part, body, err);
}

static int encode_end(struct arena *a, const struct wire_agent_msg *m, void *body, struct err *err)
{
    return wire_encode_end(a, &m->end, body, err);
}

static int encode_difference(struct arena *a, const struct wire_agent_msg *m, void *body,
                             struct err *err)
{
    return wire_encode_difference(a, &m->difference, body, err);
}

static int encode_use(struct arena *a, const struct wire_agent_msg *m, void *body, struct err *err)
{
    const struct rec_use *in = &m->use;
    Layercensus__V1__Use *out = body;

    out->key = wire_out_key(&in->key);
    out->age_ms = in->age_ms;
    out->containers = wire_out_list(a, in->container_count, PB_DESCRIPTOR(container), err);
    if (out->containers == NULL)
        return -1;
    out->n_containers = in->container_count;
    for (size_t i = 0; i < in->container_count; i++) {
        out->containers[i]->image = wire_out_digest(&in->containers[i].image);
        out->containers[i]->id = (char *)in->containers[i].id;
        out->containers[i]->name = (char *)in->containers[i].name;
        out->containers[i]->kube_namespace = (char *)in->containers[i].kube_namespace;
        out->containers[i]->kube_pod = (char *)in->containers[i].kube_pod;
        out->containers[i]->state = (Layercensus__V1__RunState)in->containers[i].state;
        out->containers[i]->since_age_ms = in->containers[i].since_age_ms;
    }
    return 0;
}

static int encode_document(struct arena *a, const struct wire_agent_msg *m, void *body,
                           struct err *err)
{
    const struct rec_document *in = &m->document;
    Layercensus__V1__Document *out = body;

    (void)a;
    out->kind = (Layercensus__V1__DocumentKind)in->kind;
    out->digest = wire_out_digest(&in->digest);
    out->total = in->total;
    out->offset = in->offset;
    out->data = wire_out_bytes(in->data, in->len);
    out->redaction_rules = in->rules;
    out->cuts = in->cuts;
    return wire_at_most(in->len, REC_CHUNK_BYTES, "data bytes", err);
}

static int encode_layer_facts(struct arena *a, const struct wire_agent_msg *m, void *body,
                              struct err *err)
{
    Layercensus__V1__LayerFacts *out = body;

    out->facts = wire_out_list(a, m->layer_facts.count, PB_DESCRIPTOR(layer_fact), err);
    if (out->facts == NULL)
        return -1;
    out->n_facts = m->layer_facts.count;
    for (size_t i = 0; i < m->layer_facts.count; i++) {
        const struct rec_layer_facts *in = &m->layer_facts.items[i];

        out->facts[i]->diff = wire_out_digest(&in->diff);
        out->facts[i]->content_bytes = in->content_bytes;
        out->facts[i]->nominal_bytes = in->nominal_bytes;
        out->facts[i]->files = in->files;
        out->facts[i]->directories = in->directories;
        out->facts[i]->os_release = (char *)in->os_release;
        out->facts[i]->base_layers = in->base_layers;
        out->facts[i]->of_user = in->of_user;
    }
    return 0;
}

static int encode_copies(struct arena *a, const struct wire_agent_msg *m, void *body,
                         struct err *err)
{
    const struct rec_copies *in = &m->copies;
    Layercensus__V1__CopyFacts *out = body;

    out->key = wire_out_key(&in->key);
    out->copies = wire_out_list(a, in->copy_count, PB_DESCRIPTOR(copy_fact), err);
    if (out->copies == NULL)
        return -1;
    out->n_copies = in->copy_count;
    for (size_t i = 0; i < in->copy_count; i++) {
        out->copies[i]->chain = wire_out_digest(&in->copies[i].chain);
        out->copies[i]->allocated_bytes = in->copies[i].allocated_bytes;
        out->copies[i]->missing = in->copies[i].missing;
    }
    return 0;
}

static int encode_spaces(struct arena *a, const struct wire_agent_msg *m, void *body,
                         struct err *err)
{
    const struct rec_spaces *in = &m->spaces;
    Layercensus__V1__StoreSpaces *out = body;

    out->key = wire_out_key(&in->key);
    out->age_ms = in->age_ms;
    out->copies_total = in->copies_total;
    out->copies_measured = in->copies_measured;
    out->spaces = wire_out_list(a, in->space_count, PB_DESCRIPTOR(space), err);
    if (out->spaces == NULL)
        return -1;
    out->n_spaces = in->space_count;
    for (size_t i = 0; i < in->space_count; i++) {
        out->spaces[i]->class_ = (Layercensus__V1__SpaceClass)in->spaces[i].klass;
        out->spaces[i]->kind = (char *)in->spaces[i].kind;
        out->spaces[i]->bytes = in->spaces[i].bytes;
        out->spaces[i]->count = in->spaces[i].count;
        out->spaces[i]->upper_bound = in->spaces[i].upper_bound;
    }
    return 0;
}

static int encode_declined(struct arena *a, const struct wire_agent_msg *m, void *body,
                           struct err *err)
{
    Layercensus__V1__Declined *out = body;

    out->items = wire_out_list(a, m->declined.count, PB_DESCRIPTOR(declined_item), err);
    if (out->items == NULL)
        return -1;
    out->n_items = m->declined.count;
    for (size_t i = 0; i < m->declined.count; i++) {
        out->items[i]->kind = (Layercensus__V1__DocumentKind)m->declined.items[i].kind;
        out->items[i]->digest = wire_out_digest(&m->declined.items[i].digest);
        out->items[i]->reason = (char *)m->declined.items[i].reason;
    }
    return 0;
}

static int encode_heartbeat(struct arena *a, const struct wire_agent_msg *m, void *body,
                            struct err *err)
{
    Layercensus__V1__Heartbeat *out = body;

    (void)a;
    (void)err;
    out->generation = m->heartbeat.generation;
    out->look_age_ms = m->heartbeat.look_age_ms;
    return 0;
}

/* `number` is the member of the oneof. */
static const struct {
    int number;
    const ProtobufCMessageDescriptor *descriptor;
    int (*encode)(struct arena *a, const struct wire_agent_msg *m, void *body, struct err *err);
} kinds[] = {
    [WIRE_HELLO] = {1, PB_DESCRIPTOR(hello), encode_hello},
    [WIRE_INVENTORY_BEGIN] = {2, PB_DESCRIPTOR(inventory_begin), encode_begin},
    [WIRE_INVENTORY_PART] = {3, PB_DESCRIPTOR(inventory_part), encode_part},
    [WIRE_INVENTORY_END] = {4, PB_DESCRIPTOR(inventory_end), encode_end},
    [WIRE_DIFFERENCE] = {5, PB_DESCRIPTOR(difference), encode_difference},
    [WIRE_USE] = {6, PB_DESCRIPTOR(use), encode_use},
    [WIRE_DOCUMENT] = {7, PB_DESCRIPTOR(document), encode_document},
    [WIRE_LAYER_FACTS] = {8, PB_DESCRIPTOR(layer_facts), encode_layer_facts},
    [WIRE_COPIES] = {9, PB_DESCRIPTOR(copy_facts), encode_copies},
    [WIRE_SPACES] = {10, PB_DESCRIPTOR(store_spaces), encode_spaces},
    [WIRE_DECLINED] = {11, PB_DESCRIPTOR(declined), encode_declined},
    [WIRE_HEARTBEAT] = {12, PB_DESCRIPTOR(heartbeat), encode_heartbeat},
    [WIRE_ORIGINS] = {13, PB_DESCRIPTOR(origins), wire_encode_origins},
};

int wire_agent_encode(const struct wire_agent_msg *m, struct buf *out, struct err *err)
{
    AUTO(arena_close) struct arena *scratch = NULL;
    Layercensus__V1__AgentMessage message = LAYERCENSUS__V1__AGENT_MESSAGE__INIT;
    void **body;

    check(m->kind > WIRE_AGENT_UNKNOWN && (size_t)m->kind < LENGTH(kinds));
    if (arena_open(&scratch, WIRE_SCRATCH_MAX, err) != 0)
        return -1;
    body = wire_out_list(scratch, 1, kinds[m->kind].descriptor, err);
    if (body == NULL || kinds[m->kind].encode(scratch, m, body[0], err) != 0)
        return -1;
    message.kind_case = (Layercensus__V1__AgentMessage__KindCase)kinds[m->kind].number;
    message.hello = body[0]; /* every member of the oneof is such a pointer */
    return wire_pack(&message.base, out, err);
}
