#include <string.h>

#include "common/wire_private.h"

bool wire_is_document_kind(int kind)
{
    return kind >= REC_DOC_CONFIG && kind <= REC_DOC_ATTESTATION;
}

/* A kind that is not known was never wanted: the whole message is of an unknown kind. */
int wire_decode_document(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                         struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__Document *in = m->document;
    struct rec_document *out = &msg->document;

    if (in->kind == 0)
        return err_set(err, ERR_PROTOCOL, "kind: missing");
    if (!wire_is_document_kind((int)in->kind)) {
        ctx->unknown++;
        msg->kind = WIRE_AGENT_UNKNOWN;
        return 0;
    }
    if (wire_digest(&out->digest, &in->digest, "digest", err) != 0 ||
        wire_at_most(in->total, REC_DOCUMENT_BYTES, "total", err) != 0 ||
        wire_at_most(in->data.len, REC_CHUNK_BYTES, "data bytes", err) != 0)
        return -1;
    if (in->data.len == 0)
        return err_set(err, ERR_PROTOCOL, "data: missing");
    if (in->offset > in->total || in->data.len > in->total - in->offset)
        return err_set(err, ERR_PROTOCOL, "data: %zu bytes at %u do not lie in a total of %u",
                       in->data.len, in->offset, in->total);
    if (in->cuts > 0 && in->redaction_rules == 0)
        return err_set(err, ERR_PROTOCOL, "cuts: %u without redaction_rules", in->cuts);
    if (in->redaction_rules > 0 && in->cuts == 0)
        return err_set(err, ERR_PROTOCOL, "redaction_rules: %u without cuts", in->redaction_rules);
    out->kind = (enum rec_document_kind)in->kind;
    out->total = in->total;
    out->offset = in->offset;
    out->data = in->data.data;
    out->len = (uint32_t)in->data.len;
    out->rules = in->redaction_rules;
    out->cuts = in->cuts;
    return 0;
}

static int decode_layer_fact(const Layercensus__V1__LayerFact *in, struct rec_layer_facts *out,
                             struct err *err)
{
    const struct wire_text text = {&out->os_release, in->os_release, REC_OS_RELEASE_BYTES,
                                   "os_release", WIRE_LINES};

    if (wire_digest(&out->diff, &in->diff, "diff", err) != 0 ||
        wire_at_most(in->content_bytes, REC_BYTES_MAX, "content_bytes", err) != 0 ||
        wire_at_most(in->nominal_bytes, REC_BYTES_MAX, "nominal_bytes", err) != 0 ||
        wire_at_most(in->files, REC_BYTES_MAX, "files", err) != 0 ||
        wire_at_most(in->directories, REC_BYTES_MAX, "directories", err) != 0 ||
        wire_at_most(in->base_layers, REC_BASE_LAYERS_MAX, "base_layers", err) != 0)
        return -1;
    out->base_layers = in->base_layers;
    out->of_user = in->of_user;
    out->content_bytes = in->content_bytes;
    out->nominal_bytes = in->nominal_bytes;
    out->files = in->files;
    out->directories = in->directories;
    return wire_texts(&text, 1, err);
}

int wire_decode_layer_facts(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                            struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__LayerFacts *in = m->layer_facts;

    if (wire_at_most(in->n_facts, REC_BATCH_MAX, "facts", err) != 0)
        return -1;
    msg->layer_facts.count = in->n_facts;
    msg->layer_facts.items =
        arena_array(ctx->arena, in->n_facts, sizeof(*msg->layer_facts.items), err);
    if (msg->layer_facts.items == NULL)
        return -1;
    for (size_t i = 0; i < in->n_facts; i++)
        if (decode_layer_fact(in->facts[i], &msg->layer_facts.items[i], err) != 0)
            return err_wrap(err, "facts[%zu]", i);
    return 0;
}

int wire_decode_copies(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                       struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__CopyFacts *in = m->copy_facts;
    struct rec_copies *out = &msg->copies;

    if (wire_key(&out->key, &in->key, "key", err) != 0 ||
        wire_at_most(in->n_copies, REC_BATCH_MAX, "copies", err) != 0)
        return -1;
    out->copy_count = in->n_copies;
    out->copies = arena_array(ctx->arena, in->n_copies, sizeof(*out->copies), err);
    if (out->copies == NULL)
        return -1;
    for (size_t i = 0; i < in->n_copies; i++) {
        const Layercensus__V1__CopyFact *from = in->copies[i];

        if (wire_digest(&out->copies[i].chain, &from->chain, "chain", err) != 0 ||
            wire_at_most(from->allocated_bytes, REC_BYTES_MAX, "allocated_bytes", err) != 0)
            return err_wrap(err, "copies[%zu]", i);
        out->copies[i].allocated_bytes = from->allocated_bytes;
        out->copies[i].missing = from->missing;
    }
    return 0;
}

static int cmp_spaces(const void *a, const void *b)
{
    const struct rec_space *x = a, *y = b;

    return x->klass != y->klass ? (int)x->klass - (int)y->klass : strcmp(x->kind, y->kind);
}

/* Adds one space; a class of a newer agent is left out. */
static int decode_space(struct wire_in *ctx, const Layercensus__V1__Space *in,
                        struct rec_spaces *out, struct err *err)
{
    struct rec_space *space = &out->spaces[out->space_count];
    const struct wire_text text = {&space->kind, in->kind, REC_NAME_BYTES, "kind", 0};

    if ((int)in->class_ < REC_SPACE_COPIES || (int)in->class_ > REC_SPACE_TOTAL) {
        ctx->unknown++;
        return 0;
    }
    if (wire_texts(&text, 1, err) != 0 ||
        wire_at_most(in->bytes, REC_BYTES_MAX, "bytes", err) != 0 ||
        wire_at_most(in->count, REC_BYTES_MAX, "count", err) != 0)
        return -1;
    space->klass = (enum rec_space_class)in->class_;
    space->bytes = in->bytes;
    space->count = in->count;
    space->upper_bound = in->upper_bound;
    out->space_count++;
    return 0;
}

int wire_decode_spaces(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                       struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__StoreSpaces *in = m->store_spaces;
    struct rec_spaces *out = &msg->spaces;
    size_t twice;

    if (wire_key(&out->key, &in->key, "key", err) != 0 ||
        wire_at_most(in->copies_total, REC_BYTES_MAX, "copies_total", err) != 0 ||
        wire_at_most(in->copies_measured, in->copies_total, "copies_measured", err) != 0 ||
        wire_at_most(in->n_spaces, REC_SPACES_MAX, "spaces", err) != 0)
        return -1;
    out->age_ms = wire_age(in->age_ms);
    out->copies_total = in->copies_total;
    out->copies_measured = in->copies_measured;
    out->spaces = arena_array(ctx->arena, in->n_spaces, sizeof(*out->spaces), err);
    if (out->spaces == NULL)
        return -1;
    for (size_t i = 0; i < in->n_spaces; i++)
        if (decode_space(ctx, in->spaces[i], out, err) != 0)
            return err_wrap(err, "spaces[%zu]", i);
    twice = wire_sort(out->spaces, out->space_count, sizeof(*out->spaces), cmp_spaces);
    if (twice < out->space_count)
        return err_set(err, ERR_PROTOCOL, "spaces: class %d \"%.*s\" is there twice",
                       (int)out->spaces[twice].klass, 128, out->spaces[twice].kind);
    return 0;
}
