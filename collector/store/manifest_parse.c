#include "collector/store/manifest_parse.h"

#include <string.h>

#include "common/json.h"

/* A descriptor's digest. `what` names the descriptor in errors. */
static int take_digest(const json_t *descriptor, const char *what, struct digest *out,
                       struct err *err)
{
    const char *text = json_str(descriptor, "digest");

    if (text == NULL)
        return err_set(err, ERR_CORRUPT, "%s has no digest", what);
    if (digest_parse(out, text, strlen(text), false, err) != 0)
        return err_wrap(err, "%s", what);
    return 0;
}

static int take_blob(const json_t *descriptor, const char *what, const struct manifest_blob *before,
                     struct arena *arena, struct manifest_blob *out, struct err *err)
{
    const char *type = json_str(descriptor, "mediaType");
    long long bytes = json_int(descriptor, "size", -1);

    if (take_digest(descriptor, what, &out->digest, err) != 0)
        return -1;
    if (bytes < 0)
        return err_set(err, ERR_CORRUPT, "%s has no size", what);
    if ((unsigned long long)bytes > REC_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s has a size of %lld bytes", what, bytes);
    out->bytes = (uint64_t)bytes;
    type = type != NULL ? type : "";
    out->media_type =
        before != NULL && strcmp(before->media_type, type) == 0
            ? before->media_type
            : rec_text_clean(arena, type, strlen(type), MANIFEST_WORD_BYTES, false, err);
    return out->media_type != NULL ? 0 : -1;
}

/* The list may be absent or null, as Go writes an empty one. */
static int take_blobs(const json_t *root, struct arena *arena, struct manifest *out,
                      struct err *err)
{
    const json_t *list = json_object_get(root, "layers");
    size_t count = json_array_size(list);
    char what[32];

    if (list != NULL && !json_is_array(list) && !json_is_null(list))
        return err_set(err, ERR_CORRUPT, "not a manifest: layers is not a list");
    if (count > MANIFEST_LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "manifest with %zu layers: at most %d are read", count,
                       MANIFEST_LAYERS_MAX);
    out->blobs = arena_array(arena, count, sizeof(*out->blobs), err);
    if (out->blobs == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        snprintf(what, sizeof(what), "layers[%zu]", i);
        if (take_blob(json_array_get(list, i), what, i > 0 ? &out->blobs[i - 1] : NULL, arena,
                      &out->blobs[i], err) != 0)
            return -1;
    }
    out->blob_count = count;
    return 0;
}

/* ---- attestations ---------------------------------------------------------------------------- */

static bool has_digest(const struct digest *list, size_t count, const struct digest *d)
{
    for (size_t i = 0; i < count; i++)
        if (digest_eq(&list[i], d))
            return true;
    return false;
}

/* Whether the layer is a statement of where an image comes from, of any version. */
static bool is_provenance(const json_t *layer)
{
    static const char predicate[] = "https://slsa.dev/provenance/";
    const char *type = json_str(layer, "mediaType");
    const char *about = json_str(json_obj(layer, "annotations"), "in-toto.io/predicate-type");

    return type != NULL && strcmp(type, "application/vnd.in-toto+json") == 0 && about != NULL &&
           strncmp(about, predicate, sizeof(predicate) - 1) == 0;
}

static void take_provenances(const json_t *root, struct manifest *out)
{
    const json_t *list = json_arr(root, "layers");

    for (size_t i = 0; i < out->blob_count; i++) {
        const struct digest *digest = &out->blobs[i].digest;

        if (is_provenance(json_array_get(list, i)) &&
            out->provenance_count < MANIFEST_PROVENANCES_MAX &&
            !has_digest(out->provenances, out->provenance_count, digest))
            out->provenances[out->provenance_count++] = *digest;
    }
}

/* A text that is a digest. */
static bool read_digest(const char *text, struct digest *out)
{
    return text != NULL && digest_parse(out, text, strlen(text), false, NULL) == 0;
}

static bool read_attestation(const json_t *entry, struct manifest_attestation *out)
{
    const json_t *notes = json_obj(entry, "annotations");
    const char *type = json_str(notes, "vnd.docker.reference.type");

    return type != NULL && strcmp(type, "attestation-manifest") == 0 &&
           read_digest(json_str(entry, "digest"), &out->manifest) &&
           read_digest(json_str(notes, "vnd.docker.reference.digest"), &out->subject);
}

static bool has_attestation(const struct manifest *m, const struct manifest_attestation *a)
{
    for (size_t i = 0; i < m->attestation_count; i++)
        if (digest_eq(&m->attestations[i].manifest, &a->manifest) &&
            digest_eq(&m->attestations[i].subject, &a->subject))
            return true;
    return false;
}

static int take_attestations(const json_t *list, struct arena *arena, struct manifest *out,
                             struct err *err)
{
    struct manifest_attestation found;

    out->attestations =
        arena_array(arena, MANIFEST_ATTESTATIONS_MAX, sizeof(*out->attestations), err);
    if (out->attestations == NULL)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_attestation(json_array_get(list, i), &found) &&
            out->attestation_count < MANIFEST_ATTESTATIONS_MAX && !has_attestation(out, &found))
            out->attestations[out->attestation_count++] = found;
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int take_annotation(const json_t *root, const char *key, struct arena *arena,
                           const char **out, struct err *err)
{
    const char *text = json_str(json_obj(root, "annotations"), key);

    if (text == NULL)
        return 0;
    *out = rec_text_clean(arena, text, strlen(text), MANIFEST_LINE_BYTES, false, err);
    return *out != NULL ? 0 : -1;
}

int manifest_parse(struct manifest *out, const uint8_t *data, size_t len, struct arena *arena,
                   struct err *err)
{
    AUTO_JSON json_t *root = json_parse((const char *)data, len, err);
    const json_t *config;

    *out = (struct manifest){.kind = REC_DOC_MANIFEST};
    if (root == NULL)
        return -1;
    config = json_obj(root, "config");
    if (json_arr(root, "manifests") != NULL) {
        /* Who takes it for one and who for the other would see two different things. */
        if (config != NULL || json_arr(root, "layers") != NULL)
            return err_set(err, ERR_CORRUPT, "a manifest and an index at once");
        out->kind = REC_DOC_INDEX;
        return take_attestations(json_arr(root, "manifests"), arena, out, err);
    }
    if (config == NULL)
        return err_set(err, ERR_CORRUPT, "neither a manifest nor an index: no config");
    if (take_digest(config, "its config", &out->config, err) != 0 ||
        take_annotation(root, MANIFEST_BASE_NAME, arena, &out->base_name, err) != 0 ||
        take_annotation(root, MANIFEST_BASE_DIGEST, arena, &out->base_digest, err) != 0 ||
        take_blobs(root, arena, out, err) != 0)
        return -1;
    take_provenances(root, out);
    return 0;
}
