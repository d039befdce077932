/* wire_origins: where layers come from, grouped by repository on the wire. */
#include <stdlib.h>
#include <string.h>

#include "common/wire_private.h"

/* Adds one repository's layers; its name is checked once and shared. */
static int decode_origin(const Layercensus__V1__Origin *in, struct rec_origins *out,
                         struct err *err)
{
    const char *repository;
    const struct wire_text text = {&repository, in->repository, REC_NAME_BYTES, "repository",
                                   WIRE_REQUIRED};

    if (wire_texts(&text, 1, err) != 0)
        return -1;
    for (size_t i = 0; i < in->n_diffs; i++) {
        struct rec_origin *origin = &out->origins[out->origin_count];

        if (wire_digest(&origin->diff, &in->diffs[i], "diff", err) != 0)
            return err_wrap(err, "diffs[%zu]", i);
        origin->repository = repository;
        out->origin_count++;
    }
    return 0;
}

static int sort_origins(struct rec_origins *out, struct err *err)
{
    size_t twice =
        wire_sort(out->origins, out->origin_count, sizeof(*out->origins), rec_origin_cmp);
    char text[DIGEST_TEXT];

    if (twice == out->origin_count)
        return 0;
    return err_set(err, ERR_PROTOCOL, "origins: %s of %.*s is there twice",
                   digest_text(&out->origins[twice].diff, text), 128,
                   out->origins[twice].repository);
}

int wire_decode_origins(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                        struct wire_agent_msg *msg, struct err *err)
{
    const Layercensus__V1__Origins *in = m->origins;
    struct rec_origins *out = &msg->origins;
    size_t count = 0;

    for (size_t i = 0; i < in->n_origins; i++)
        count += in->origins[i]->n_diffs;
    if (wire_key(&out->key, &in->key, "key", err) != 0 ||
        wire_at_most(in->n_origins, REC_ORIGINS_MAX, "repositories", err) != 0 ||
        wire_at_most(count, REC_ORIGINS_MAX, "origins", err) != 0)
        return -1;
    out->continued = in->continued;
    out->origins = arena_array(ctx->arena, count, sizeof(*out->origins), err);
    if (out->origins == NULL)
        return -1;
    for (size_t i = 0; i < in->n_origins; i++)
        if (decode_origin(in->origins[i], out, err) != 0)
            return err_wrap(err, "origins[%zu]", i);
    return sort_origins(out, err);
}

static int by_repository(const void *a, const void *b)
{
    const struct rec_origin *x = *(const struct rec_origin *const *)a;
    const struct rec_origin *y = *(const struct rec_origin *const *)b;
    int order = strcmp(x->repository, y->repository);

    return order != 0 ? order : digest_cmp(&x->diff, &y->diff);
}

/* The origins, those of one repository side by side. NULL with *err. */
static const struct rec_origin **group(struct arena *a, const struct rec_origins *in,
                                       size_t *groups, struct err *err)
{
    const struct rec_origin **list = arena_array(a, in->origin_count, sizeof(*list), err);

    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < in->origin_count; i++)
        list[i] = &in->origins[i];
    if (in->origin_count > 1)
        qsort(list, in->origin_count, sizeof(*list), by_repository);
    *groups = 0;
    for (size_t i = 0; i < in->origin_count; i++)
        *groups += i == 0 || strcmp(list[i]->repository, list[i - 1]->repository) != 0;
    return list;
}

int wire_encode_origins(struct arena *a, const struct wire_agent_msg *m, void *body,
                        struct err *err)
{
    const struct rec_origins *in = &m->origins;
    Layercensus__V1__Origins *out = body;
    size_t groups = 0;
    const struct rec_origin **list = group(a, in, &groups, err);
    ProtobufCBinaryData *diffs = arena_array(a, in->origin_count, sizeof(*diffs), err);

    out->key = wire_out_key(&in->key);
    out->continued = in->continued;
    out->origins = wire_out_list(a, groups, PB_DESCRIPTOR(origin), err);
    if (list == NULL || diffs == NULL || out->origins == NULL)
        return -1;
    for (size_t i = 0; i < in->origin_count; i++) {
        Layercensus__V1__Origin *origin;

        if (i == 0 || strcmp(list[i]->repository, list[i - 1]->repository) != 0) {
            origin = out->origins[out->n_origins++];
            origin->repository = (char *)list[i]->repository;
            origin->diffs = &diffs[i];
        }
        origin = out->origins[out->n_origins - 1];
        diffs[i] = wire_out_digest(&list[i]->diff);
        origin->n_diffs++;
    }
    return 0;
}
