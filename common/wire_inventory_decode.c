#include <stdio.h>
#include <string.h>

#include "common/wire_private.h"

/* ---- stores -------------------------------------------------------------------------------- */

static int decode_problems(struct wire_in *ctx, const Layercensus__V1__Store *in,
                           struct rec_store *out, struct err *err)
{
    if (wire_at_most(in->n_problems, REC_PROBLEMS_MAX, "problems", err) != 0)
        return -1;
    out->problems = arena_array(ctx->arena, in->n_problems, sizeof(*out->problems), err);
    if (out->problems == NULL)
        return -1;
    for (size_t i = 0; i < in->n_problems; i++) {
        const struct wire_text texts[] = {
            {&out->problems[i].subject, in->problems[i]->subject, REC_TEXT_BYTES, "subject", 0},
            {&out->problems[i].text, in->problems[i]->text, REC_TEXT_BYTES, "text", 0},
        };

        if (wire_texts(texts, LENGTH(texts), err) != 0)
            return err_wrap(err, "problems[%zu]", i);
    }
    out->problem_count = in->n_problems;
    out->problems_more = in->problems_more;
    return 0;
}

/* A state of a newer agent is surely not "all is well": the content counts, and the store is shown
 * with an error. */
static int decode_state(struct wire_in *ctx, const Layercensus__V1__Store *in,
                        struct rec_store *out, struct err *err)
{
    char text[64];

    if (in->state == 0)
        return err_set(err, ERR_PROTOCOL, "state: missing");
    if ((int)in->state >= REC_STORE_OK && (int)in->state <= REC_STORE_ORPHANED) {
        out->state = (enum rec_store_state)in->state;
        return 0;
    }
    ctx->unknown++;
    out->state = REC_STORE_CORRUPT;
    if (out->error[0] != '\0')
        return 0;
    snprintf(text, sizeof(text), "state %d, of a newer agent", (int)in->state);
    out->error = arena_text(ctx->arena, text, strlen(text), err);
    return out->error != NULL ? 0 : -1;
}

static int decode_store(struct wire_in *ctx, const Layercensus__V1__Store *in,
                        struct rec_store *out, struct err *err)
{
    if (in == NULL)
        return err_set(err, ERR_PROTOCOL, "store: missing");

    const struct wire_text texts[] = {
        {&out->engine, in->engine, REC_NAME_BYTES, "engine", WIRE_REQUIRED},
        {&out->version, in->version, REC_TEXT_BYTES, "version", 0},
        {&out->driver, in->driver, REC_NAME_BYTES, "driver", 0},
        {&out->space, in->space, REC_NAME_BYTES, "space", 0},
        {&out->root, in->root, REC_TEXT_BYTES, "root", 0},
        {&out->fs_type, in->fs_type, REC_NAME_BYTES, "fs_type", 0},
        {&out->error, in->error, REC_TEXT_BYTES, "error", 0},
    };

    if (wire_key(&out->key, &in->key, "key", err) != 0 ||
        wire_texts(texts, LENGTH(texts), err) != 0 || decode_state(ctx, in, out, err) != 0 ||
        decode_problems(ctx, in, out, err) != 0)
        return err_wrap(err, "store");
    out->owner = in->owner;
    out->block_size = in->block_size;
    out->sample = in->sample;
    out->manifests = in->manifests;
    return 0;
}

/* ---- exceptions ----------------------------------------------------------------------------- */

static int decode_exceptions(struct wire_in *ctx, Layercensus__V1__Exception *const *in,
                             size_t count, struct rec_exception **out, struct err *err)
{
    struct rec_exception *list;
    char text[DIGEST_TEXT];
    size_t twice;

    if (wire_at_most(count, REC_EXCEPTIONS_MAX, "exceptions", err) != 0)
        return -1;
    list = arena_array(ctx->arena, count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int kind = (int)in[i]->kind;

        if (kind != REC_CHAIN_EXTRA && kind != REC_CHAIN_MISSING)
            return err_set(err, ERR_PROTOCOL, "exceptions[%zu]: kind: %d is not known", i, kind);
        list[i].kind = (enum rec_exception_kind)kind;
        if (wire_digest(&list[i].chain, &in[i]->chain, "chain", err) != 0 ||
            wire_digest(&list[i].diff, &in[i]->diff, "diff", err) != 0)
            return err_wrap(err, "exceptions[%zu]", i);
    }
    twice = wire_sort(list, count, sizeof(*list), rec_exception_cmp);
    if (twice < count)
        return err_set(err, ERR_PROTOCOL, "exceptions: chain %s is there twice",
                       digest_text(&list[twice].chain, text));
    *out = list;
    return 0;
}

/* ---- whole inventories --------------------------------------------------------------------- */

int wire_decode_begin(const Layercensus__V1__InventoryBegin *in, struct rec_inventory_begin *out,
                      struct err *err)
{
    if (wire_generation(in->generation, "generation", err) != 0 ||
        wire_at_most(in->store_count, REC_STORES_MAX, "store_count", err) != 0)
        return -1;
    out->generation = in->generation;
    out->store_count = in->store_count;
    out->age_ms = wire_age(in->age_ms);
    return 0;
}

int wire_decode_part(struct wire_in *ctx, const Layercensus__V1__InventoryPart *in,
                     struct rec_content *out, struct err *err)
{
    out->image_count = in->n_images;
    out->exception_count = in->n_exceptions;
    if (decode_store(ctx, in->store, &out->store, err) != 0 ||
        wire_decode_images(ctx, in->images, in->n_images, &out->images, "images", err) != 0)
        return -1;
    return decode_exceptions(ctx, in->exceptions, in->n_exceptions, &out->exceptions, err);
}

int wire_decode_end(struct wire_in *ctx, const Layercensus__V1__InventoryEnd *in,
                    struct rec_inventory_end *out, struct err *err)
{
    if (wire_generation(in->generation, "generation", err) != 0)
        return -1;
    out->generation = in->generation;
    return wire_sums(ctx, &out->sums, &out->sum_count, in->sums, in->n_sums, err);
}

/* ---- differences --------------------------------------------------------------------------- */

static int decode_removed(struct wire_in *ctx, const Layercensus__V1__StoreChange *in,
                          struct rec_store_change *out, struct err *err)
{
    if (wire_at_most(in->n_removed, REC_IMAGES_MAX, "removed", err) != 0)
        return -1;
    out->removed_count = in->n_removed;
    out->removed = arena_array(ctx->arena, in->n_removed, sizeof(*out->removed), err);
    if (out->removed == NULL)
        return -1;
    for (size_t i = 0; i < in->n_removed; i++)
        if (wire_digest(&out->removed[i], &in->removed[i], "removed", err) != 0)
            return -1;
    return wire_sort_digests(out->removed, out->removed_count, "removed", err);
}

/* Both lists are sorted: one pass. */
static int check_apart(const struct rec_store_change *change, struct err *err)
{
    char text[DIGEST_TEXT];
    size_t i = 0, j = 0;

    while (i < change->changed_count && j < change->removed_count) {
        int order = digest_cmp(&change->changed[i].id, &change->removed[j]);

        if (order == 0)
            return err_set(err, ERR_PROTOCOL, "image %s is both changed and removed",
                           digest_text(&change->removed[j], text));
        if (order < 0)
            i++;
        else
            j++;
    }
    return 0;
}

static int decode_change(struct wire_in *ctx, const Layercensus__V1__StoreChange *in,
                         struct rec_store_change *out, struct err *err)
{
    out->changed_count = in->n_changed;
    out->exceptions_given = in->exceptions_given;
    out->exception_count = in->n_exceptions;
    if (!in->exceptions_given && in->n_exceptions > 0)
        return err_set(err, ERR_PROTOCOL, "exceptions: given, but exceptions_given is not set");
    if (decode_store(ctx, in->store, &out->store, err) != 0 ||
        wire_decode_images(ctx, in->changed, in->n_changed, &out->changed, "changed", err) != 0 ||
        decode_removed(ctx, in, out, err) != 0 || check_apart(out, err) != 0 ||
        decode_exceptions(ctx, in->exceptions, in->n_exceptions, &out->exceptions, err) != 0)
        return -1;
    return wire_sum(&out->sum, &in->sum, "sum", err);
}

/* A store may be named once: as changed, or as gone. */
static int check_stores(struct wire_in *ctx, const struct rec_difference *d, struct err *err)
{
    size_t count = d->store_count + d->gone_count;
    struct rec_key *keys = arena_array(ctx->arena, count, sizeof(*keys), err);

    if (keys == NULL)
        return -1;
    for (size_t i = 0; i < d->store_count; i++)
        keys[i] = d->stores[i].store.key;
    for (size_t i = 0; i < d->gone_count; i++)
        keys[d->store_count + i] = d->gone[i];
    return wire_sort_keys(keys, count, "stores and gone", err);
}

static int decode_gone(struct wire_in *ctx, const Layercensus__V1__Difference *in,
                       struct rec_difference *out, struct err *err)
{
    if (wire_at_most(in->n_gone, REC_STORES_MAX, "gone", err) != 0)
        return -1;
    out->gone_count = in->n_gone;
    out->gone = arena_array(ctx->arena, in->n_gone, sizeof(*out->gone), err);
    if (out->gone == NULL)
        return -1;
    for (size_t i = 0; i < in->n_gone; i++)
        if (wire_key(&out->gone[i], &in->gone[i], "gone", err) != 0)
            return -1;
    return 0;
}

int wire_decode_difference(struct wire_in *ctx, const Layercensus__V1__Difference *in,
                           struct rec_difference *out, struct err *err)
{
    if (wire_generation(in->base_generation, "base_generation", err) != 0 ||
        wire_generation(in->generation, "generation", err) != 0 ||
        wire_at_most(in->n_stores, REC_STORES_MAX, "stores", err) != 0)
        return -1;
    if (in->generation <= in->base_generation)
        return err_set(err, ERR_PROTOCOL, "generation: not after its base");
    out->base = in->base_generation;
    out->generation = in->generation;
    out->age_ms = wire_age(in->age_ms);
    out->store_count = in->n_stores;
    out->stores = arena_array(ctx->arena, in->n_stores, sizeof(*out->stores), err);
    if (out->stores == NULL)
        return -1;
    for (size_t i = 0; i < in->n_stores; i++)
        if (decode_change(ctx, in->stores[i], &out->stores[i], err) != 0)
            return err_wrap(err, "stores[%zu]", i);
    if (decode_gone(ctx, in, out, err) != 0)
        return -1;
    return check_stores(ctx, out, err);
}
