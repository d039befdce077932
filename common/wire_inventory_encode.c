#include "common/wire_private.h"

static int encode_store(struct arena *a, const struct rec_store *in, Layercensus__V1__Store **out,
                        struct err *err)
{
    Layercensus__V1__Store **one = wire_out_list(a, 1, PB_DESCRIPTOR(store), err);
    Layercensus__V1__Problem **problems =
        wire_out_list(a, in->problem_count, PB_DESCRIPTOR(problem), err);
    Layercensus__V1__Store *s;

    if (one == NULL || problems == NULL)
        return -1;
    for (size_t i = 0; i < in->problem_count; i++) {
        problems[i]->subject = (char *)in->problems[i].subject;
        problems[i]->text = (char *)in->problems[i].text;
    }
    s = one[0];
    s->key = wire_out_key(&in->key);
    s->engine = (char *)in->engine;
    s->version = (char *)in->version;
    s->driver = (char *)in->driver;
    s->space = (char *)in->space;
    s->root = (char *)in->root;
    s->owner = in->owner;
    s->fs_type = (char *)in->fs_type;
    s->block_size = in->block_size;
    s->state = (Layercensus__V1__StoreState)in->state;
    s->error = (char *)in->error;
    s->sample = in->sample;
    s->manifests = in->manifests;
    s->problems = problems;
    s->n_problems = in->problem_count;
    s->problems_more = in->problems_more > UINT32_MAX ? UINT32_MAX : (uint32_t)in->problems_more;
    *out = s;
    return 0;
}

static int encode_exceptions(struct arena *a, const struct rec_exception *in, size_t count,
                             Layercensus__V1__Exception ***out, size_t *out_count, struct err *err)
{
    Layercensus__V1__Exception **list = wire_out_list(a, count, PB_DESCRIPTOR(exception), err);

    if (list == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        list[i]->kind = (Layercensus__V1__ChainException)in[i].kind;
        list[i]->chain = wire_out_digest(&in[i].chain);
        list[i]->diff = wire_out_digest(&in[i].diff);
    }
    *out = list;
    *out_count = count;
    return 0;
}

int wire_encode_part(struct arena *a, const struct rec_content *in,
                     Layercensus__V1__InventoryPart *out, struct err *err)
{
    if (encode_store(a, &in->store, &out->store, err) != 0 ||
        wire_encode_images(a, in->images, in->image_count, &out->images, &out->n_images, err) != 0)
        return -1;
    return encode_exceptions(a, in->exceptions, in->exception_count, &out->exceptions,
                             &out->n_exceptions, err);
}

int wire_encode_end(struct arena *a, const struct rec_inventory_end *in,
                    Layercensus__V1__InventoryEnd *out, struct err *err)
{
    out->generation = in->generation;
    return wire_out_sums(a, &out->sums, &out->n_sums, in->sums, in->sum_count, err);
}

static int encode_change(struct arena *a, const struct rec_store_change *in,
                         Layercensus__V1__StoreChange *out, struct err *err)
{
    out->removed = arena_array(a, in->removed_count, sizeof(*out->removed), err);
    if (out->removed == NULL)
        return -1;
    for (size_t i = 0; i < in->removed_count; i++)
        out->removed[i] = wire_out_digest(&in->removed[i]);
    out->n_removed = in->removed_count;
    out->exceptions_given = in->exceptions_given;
    if (encode_store(a, &in->store, &out->store, err) != 0 ||
        wire_encode_images(a, in->changed, in->changed_count, &out->changed, &out->n_changed,
                           err) != 0)
        return -1;
    if (in->exceptions_given && encode_exceptions(a, in->exceptions, in->exception_count,
                                                  &out->exceptions, &out->n_exceptions, err) != 0)
        return -1;
    return wire_out_sum(a, &out->sum, &in->sum, err);
}

int wire_encode_difference(struct arena *a, const struct rec_difference *in,
                           Layercensus__V1__Difference *out, struct err *err)
{
    out->base_generation = in->base;
    out->generation = in->generation;
    out->age_ms = in->age_ms;
    out->stores = wire_out_list(a, in->store_count, PB_DESCRIPTOR(store_change), err);
    out->gone = arena_array(a, in->gone_count, sizeof(*out->gone), err);
    if (out->stores == NULL || out->gone == NULL)
        return -1;
    out->n_stores = in->store_count;
    out->n_gone = in->gone_count;
    for (size_t i = 0; i < in->store_count; i++)
        if (encode_change(a, &in->stores[i], out->stores[i], err) != 0)
            return -1;
    for (size_t i = 0; i < in->gone_count; i++)
        out->gone[i] = wire_out_key(&in->gone[i]);
    return 0;
}
