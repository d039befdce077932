/*
 * wire_image: images of inventories and differences, whose names need not repeat what the image
 * before said (docs/protocol.md, "Names").
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/imageref.h"
#include "common/utf8.h"
#include "common/wire_private.h"

/* ---- encoding ------------------------------------------------------------------------------ */

static const char *first_name(const struct rec_image *image)
{
    return image->name_count > 0 ? image->names[0] : "";
}

/* Neighbours share most of their names then. */
static int by_first_name(const void *a, const void *b)
{
    const struct rec_image *x = *(const struct rec_image *const *)a;
    const struct rec_image *y = *(const struct rec_image *const *)b;
    int order = strcmp(first_name(x), first_name(y));

    return order != 0 ? order : digest_cmp(&x->id, &y->id);
}

/* Bytes that both begin with, at most all of them but one, and whole characters only. */
static size_t shared_bytes(const char *before, const char *name)
{
    size_t len = 0;

    while (name[len] != '\0' && name[len + 1] != '\0' && name[len] == before[len])
        len++;
    return utf8_cut(name, len);
}

/* The first name loses what it shares with *before, which then is that name. */
static int encode_names(struct arena *a, const struct rec_image *in, const char **before,
                        Layercensus__V1__Image *out, struct err *err)
{
    out->names = arena_array(a, in->name_count, sizeof(*out->names), err);
    if (out->names == NULL)
        return -1;
    for (size_t i = 0; i < in->name_count; i++)
        out->names[i] = (char *)in->names[i];
    out->n_names = in->name_count;
    if (in->name_count == 0)
        return 0;
    out->shared = (uint32_t)shared_bytes(*before, in->names[0]);
    out->names[0] += out->shared;
    *before = in->names[0];
    return 0;
}

static int encode_repo_digests(struct arena *a, const struct rec_image *in,
                               Layercensus__V1__Image *out, struct err *err)
{
    char repository[IMAGEREF_MAX + 1] = "";
    Layercensus__V1__RepoDigest **list =
        wire_out_list(a, in->repo_digest_count, PB_DESCRIPTOR(repo_digest), err);

    out->manifests = arena_array(a, in->repo_digest_count, sizeof(*out->manifests), err);
    if (list == NULL || out->manifests == NULL)
        return -1;
    if (in->name_count > 0 && imageref_repository(in->names[0], repository) != 0)
        repository[0] = '\0';
    for (size_t i = 0; i < in->repo_digest_count; i++) {
        const struct rec_repo_digest *from = &in->repo_digests[i];

        if (strcmp(from->repository, repository) == 0) {
            out->manifests[out->n_manifests++] = wire_out_digest(&from->digest);
            continue;
        }
        list[out->n_repo_digests]->repository = (char *)from->repository;
        list[out->n_repo_digests++]->digest = wire_out_digest(&from->digest);
    }
    out->repo_digests = list;
    return 0;
}

static int encode_image(struct arena *a, const struct rec_image *in, const char **before,
                        Layercensus__V1__Image *out, struct err *err)
{
    out->id = wire_out_digest(&in->id);
    if (in->identity != REC_BY_CONFIG)
        out->identity = (Layercensus__V1__Identity)in->identity;
    out->unpacked = in->unpacked;
    if (in->has_parent)
        out->parent = wire_out_digest(&in->parent);
    if (encode_names(a, in, before, out, err) != 0)
        return -1;
    return encode_repo_digests(a, in, out, err);
}

int wire_encode_images(struct arena *a, const struct rec_image *in, size_t count,
                       Layercensus__V1__Image ***out, size_t *out_count, struct err *err)
{
    Layercensus__V1__Image **list = wire_out_list(a, count, PB_DESCRIPTOR(image), err);
    const struct rec_image **order = arena_array(a, count, sizeof(*order), err);
    const char *before = "";

    if (list == NULL || order == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        order[i] = &in[i];
    if (count > 0)
        qsort(order, count, sizeof(*order), by_first_name);
    for (size_t i = 0; i < count; i++)
        if (encode_image(a, order[i], &before, list[i], err) != 0)
            return -1;
    *out = list;
    *out_count = count;
    return 0;
}

/* ---- decoding ------------------------------------------------------------------------------ */

/* Puts the first `shared` bytes of `before` in front of a checked name. */
static int join_name(struct wire_in *ctx, const char *before, size_t shared, const char **name,
                     struct err *err)
{
    size_t own = strlen(*name);
    char *joined;

    if (shared > strlen(before) || utf8_cut(before, shared) != shared)
        return err_set(err, ERR_PROTOCOL, "shared: %zu bytes of a name of %zu, or of a part of it",
                       shared, strlen(before));
    if (wire_at_most(shared + own, REC_NAME_BYTES, "name", err) != 0)
        return -1;
    joined = arena_alloc(ctx->arena, shared + own + 1, err);
    if (joined == NULL)
        return -1;
    memcpy(joined, before, shared);
    memcpy(joined + shared, *name, own + 1);
    *name = joined;
    return 0;
}

static int decode_names(struct wire_in *ctx, const Layercensus__V1__Image *in, const char **before,
                        struct rec_image *out, struct err *err)
{
    size_t twice;

    if (wire_at_most(in->n_names, REC_NAMES_MAX, "names", err) != 0)
        return -1;
    if (in->n_names == 0 && (in->shared > 0 || in->n_manifests > 0))
        return err_set(err, ERR_PROTOCOL, "shared or manifests: of an image without a name");
    out->name_count = in->n_names;
    out->names = arena_array(ctx->arena, in->n_names, sizeof(*out->names), err);
    if (out->names == NULL)
        return -1;
    for (size_t i = 0; i < in->n_names; i++) {
        const struct wire_text text = {&out->names[i], in->names[i], REC_NAME_BYTES, "name",
                                       WIRE_REQUIRED};

        if (wire_texts(&text, 1, err) != 0)
            return err_wrap(err, "names[%zu]", i);
    }
    if (in->shared > 0 && join_name(ctx, *before, in->shared, &out->names[0], err) != 0)
        return -1;
    if (in->n_names > 0)
        *before = out->names[0];
    twice = wire_sort(out->names, out->name_count, sizeof(*out->names), rec_name_cmp);
    if (twice < out->name_count)
        return err_set(err, ERR_PROTOCOL, "names: %.*s is there twice", 128, out->names[twice]);
    return 0;
}

/* Those that are given by their manifest only; `name` is the image's first. */
static int decode_manifests(struct wire_in *ctx, const Layercensus__V1__Image *in, const char *name,
                            struct rec_repo_digest *out, struct err *err)
{
    char repository[IMAGEREF_MAX + 1];
    const char *text;

    if (in->n_manifests == 0)
        return 0;
    if (imageref_repository(name, repository) != 0)
        return err_set(err, ERR_PROTOCOL, "manifests: the first name has no repository");
    text = arena_text(ctx->arena, repository, strlen(repository), err);
    if (text == NULL)
        return -1;
    for (size_t i = 0; i < in->n_manifests; i++) {
        out[i].repository = text;
        if (wire_digest(&out[i].digest, &in->manifests[i], "manifest", err) != 0)
            return err_wrap(err, "manifests[%zu]", i);
    }
    return 0;
}

static int decode_repo_digests(struct wire_in *ctx, const Layercensus__V1__Image *in,
                               const char *name, struct rec_image *out, struct err *err)
{
    size_t count = in->n_repo_digests + in->n_manifests, twice;
    struct rec_repo_digest *list;

    if (wire_at_most(count, REC_NAMES_MAX, "repo_digests", err) != 0)
        return -1;
    list = arena_array(ctx->arena, count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < in->n_repo_digests; i++) {
        const Layercensus__V1__RepoDigest *from = in->repo_digests[i];
        const struct wire_text text = {&list[i].repository, from->repository, REC_NAME_BYTES,
                                       "repository", WIRE_REQUIRED};

        if (wire_texts(&text, 1, err) != 0 ||
            wire_digest(&list[i].digest, &from->digest, "digest", err) != 0)
            return err_wrap(err, "repo_digests[%zu]", i);
    }
    if (decode_manifests(ctx, in, name, list + in->n_repo_digests, err) != 0)
        return -1;
    out->repo_digests = list;
    out->repo_digest_count = count;
    twice = wire_sort(list, count, sizeof(*list), rec_repo_digest_cmp);
    if (twice < count)
        return err_set(err, ERR_PROTOCOL, "repo_digests: one of %.*s is there twice", 128,
                       list[twice].repository);
    return 0;
}

/* Identity is part of the store's digest: one that is not understood cannot be left out. A newer
 * agent uses new ones only towards a collector that said it can (capabilities). */
static int decode_identity(const Layercensus__V1__Image *in, struct rec_image *out, struct err *err)
{
    int identity = (int)in->identity != 0 ? (int)in->identity : REC_BY_CONFIG;

    if (identity != REC_BY_CONFIG && identity != REC_BY_MANIFEST)
        return err_set(err, ERR_PROTOCOL, "identity: %d is not known", identity);
    out->identity = (enum rec_identity)identity;
    return 0;
}

static int decode_image(struct wire_in *ctx, const Layercensus__V1__Image *in, const char **before,
                        struct rec_image *out, struct err *err)
{
    if (wire_digest(&out->id, &in->id, "id", err) != 0 || decode_identity(in, out, err) != 0)
        return -1;
    out->unpacked = in->unpacked;
    out->has_parent = in->parent.len > 0;
    if (out->has_parent && wire_digest(&out->parent, &in->parent, "parent", err) != 0)
        return -1;
    if (decode_names(ctx, in, before, out, err) != 0)
        return -1;
    return decode_repo_digests(ctx, in, *before, out, err);
}

int wire_decode_images(struct wire_in *ctx, Layercensus__V1__Image *const *in, size_t count,
                       struct rec_image **out, const char *field, struct err *err)
{
    struct rec_image *list;
    const char *before = "";
    char text[DIGEST_TEXT];
    size_t twice;

    if (wire_at_most(count, REC_IMAGES_MAX, field, err) != 0)
        return -1;
    list = arena_array(ctx->arena, count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (decode_image(ctx, in[i], &before, &list[i], err) != 0)
            return err_wrap(err, "%s[%zu]", field, i);
    twice = wire_sort(list, count, sizeof(*list), rec_image_cmp);
    if (twice < count)
        return err_set(err, ERR_PROTOCOL, "%s: image %s is there twice", field,
                       digest_text(&list[twice].id, text));
    *out = list;
    return 0;
}
