#include "agent/engines/image_manifest.h"

#include <string.h>

#include "common/json.h"

/* ---- media types ----------------------------------------------------------------------------- */

#define OCI_ARTIFACT "application/vnd.oci.artifact.manifest.v1+json"

enum image_manifest_kind image_manifest_kind_of(const char *media_type)
{
    static const struct {
        const char *media_type;
        enum image_manifest_kind kind;
    } types[] = {
        {"application/vnd.oci.image.manifest.v1+json", IMAGE_MANIFEST},
        {"application/vnd.docker.distribution.manifest.v2+json", IMAGE_MANIFEST},
        {OCI_ARTIFACT, IMAGE_MANIFEST},
        {"application/vnd.oci.image.index.v1+json", IMAGE_INDEX},
        {"application/vnd.docker.distribution.manifest.list.v2+json", IMAGE_INDEX},
        {"application/vnd.docker.distribution.manifest.v1+json", IMAGE_SCHEMA1},
        {"application/vnd.docker.distribution.manifest.v1+prettyjws", IMAGE_SCHEMA1},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].media_type, media_type) == 0)
            return types[i].kind;
    }
    return 0;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool image_layer_is_foreign(const char *media_type)
{
    return begins(media_type, "application/vnd.oci.image.layer.nondistributable.") ||
           begins(media_type, "application/vnd.docker.image.rootfs.foreign.");
}

/* Docker took a config without a type, or with that of any bytes, for an image's. */
static bool is_config_type(const char *media_type)
{
    return strcmp(media_type, "application/vnd.oci.image.config.v1+json") == 0 ||
           strcmp(media_type, "application/vnd.docker.container.image.v1+json") == 0 ||
           strcmp(media_type, "application/octet-stream") == 0 || media_type[0] == '\0';
}

static bool is_layer_type(const char *media_type)
{
    return begins(media_type, "application/vnd.oci.image.layer.") ||
           begins(media_type, "application/vnd.docker.image.rootfs.") || media_type[0] == '\0';
}

/* Statements (in-toto) and signatures borrow an image config's media type for theirs. */
static bool is_image(const struct image_manifest *m)
{
    if (!m->has_config || !is_config_type(m->config.media_type))
        return false;
    for (size_t i = 0; i < m->layer_count; i++) {
        if (is_layer_type(m->layers[i].media_type))
            return true;
    }
    return m->layer_count == 0;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    struct err *err;
    const char *type; /* the last media type: of the next layer too, as a rule */
};

static const char *take_text(struct reader *r, const json_t *object, const char *key)
{
    const char *text = json_str(object, key);

    if (text == NULL || text[0] == '\0')
        return "";
    return arena_text(r->arena, text, strlen(text), r->err);
}

static const char *take_type(struct reader *r, const json_t *object)
{
    const char *text = json_str(object, "mediaType");

    if (r->type == NULL || text == NULL || strcmp(text, r->type) != 0)
        r->type = take_text(r, object, "mediaType");
    return r->type;
}

/* Why it is no descriptor; NULL where it is one. */
static const char *read_digest(struct image_descriptor *out, const json_t *object)
{
    const char *digest = json_str(object, "digest");
    long long size = json_int(object, "size", -1);

    if (!json_is_object(object))
        return "is no object";
    if (digest == NULL || digest_parse(&out->digest, digest, strlen(digest), false, NULL) != 0)
        return "has no sha256 digest";
    if (size < 0 && json_object_get(object, "size") != NULL)
        return "has no valid size";
    out->size = size < 0 ? 0 : (uint64_t)size;
    return NULL;
}

static int read_descriptor(struct reader *r, struct image_descriptor *out, const json_t *object,
                           const char *what)
{
    const char *fault = read_digest(out, object);

    if (fault != NULL)
        return err_set(r->err, ERR_CORRUPT, "%s %s", what, fault);
    out->media_type = take_type(r, object);
    return out->media_type != NULL ? 0 : -1;
}

/* ---- a manifest ------------------------------------------------------------------------------ */

/* A list that is not there, or null as Go writes it, is empty. */
static int list_of(struct reader *r, const json_t *document, const char *key, size_t max,
                   const json_t **out, size_t *count)
{
    const json_t *list = json_object_get(document, key);

    *count = json_array_size(list);
    *out = list;
    if (list != NULL && !json_is_array(list) && !json_is_null(list))
        return err_set(r->err, ERR_CORRUPT, "its %s are no list", key);
    if (*count > max)
        return err_set(r->err, ERR_LIMIT, "%zu %s: at most %zu are read", *count, key, max);
    return 0;
}

static int read_manifest(struct reader *r, struct image_manifest *m, const json_t *document,
                         const char *layers_key)
{
    const json_t *config = json_object_get(document, "config");
    const json_t *list;
    char what[32];

    m->has_config = config != NULL;
    if (config != NULL && read_descriptor(r, &m->config, config, "its config") != 0)
        return -1;
    if (list_of(r, document, layers_key, IMAGE_MANIFEST_LAYERS_MAX, &list, &m->layer_count) != 0)
        return -1;
    m->layers = arena_array(r->arena, m->layer_count, sizeof(*m->layers), r->err);
    if (m->layers == NULL)
        return -1;
    for (size_t i = 0; i < m->layer_count; i++) {
        snprintf(what, sizeof(what), "its layer %zu", i);
        if (read_descriptor(r, &m->layers[i], json_array_get(list, i), what) != 0)
            return -1;
    }
    m->is_image = is_image(m);
    return 0;
}

/* ---- an index -------------------------------------------------------------------------------- */

static int read_entry(struct reader *r, struct image_index_entry *entry, const json_t *object)
{
    const json_t *platform = json_obj(object, "platform");
    const json_t *notes = json_obj(object, "annotations");
    const char *about = json_str(notes, "vnd.docker.reference.type");

    entry->broken = read_digest(&entry->to, object);
    if (entry->broken != NULL)
        return 0;
    entry->to.media_type = take_type(r, object);
    entry->os = take_text(r, platform, "os");
    entry->arch = take_text(r, platform, "architecture");
    entry->variant = take_text(r, platform, "variant");
    entry->attestation = about != NULL && strcmp(about, "attestation-manifest") == 0;
    entry->ref_name = take_text(r, notes, "org.opencontainers.image.ref.name");
    entry->image_name = take_text(r, notes, "io.containerd.image.name");
    return entry->to.media_type != NULL && entry->os != NULL && entry->arch != NULL &&
                   entry->variant != NULL && entry->ref_name != NULL && entry->image_name != NULL
               ? 0
               : -1;
}

static int read_index(struct reader *r, struct image_manifest *m, const json_t *document)
{
    const json_t *list;

    if (list_of(r, document, "manifests", IMAGE_MANIFEST_ENTRIES_MAX, &list, &m->entry_count) != 0)
        return -1;
    m->entries = arena_array(r->arena, m->entry_count, sizeof(*m->entries), r->err);
    if (m->entries == NULL)
        return -1;
    for (size_t i = 0; i < m->entry_count; i++) {
        if (read_entry(r, &m->entries[i], json_array_get(list, i)) != 0)
            return -1;
    }
    return 0;
}

/* ---- a document ------------------------------------------------------------------------------ */

/* What it holds; 0 with *err where that is nothing, or two things at once. */
static enum image_manifest_kind kind_by_content(const json_t *document, struct err *err)
{
    bool index = json_object_get(document, "manifests") != NULL;
    bool manifest =
        json_object_get(document, "config") != NULL || json_object_get(document, "layers") != NULL;
    long long version = json_int(document, "schemaVersion", 0);

    if (version == 1 || json_object_get(document, "fsLayers") != NULL) {
        if (index || manifest)
            err_set(err, ERR_CORRUPT, "a manifest of schema 1 and of a later one at once");
        return index || manifest ? 0 : IMAGE_SCHEMA1;
    }
    if (index && manifest)
        err_set(err, ERR_CORRUPT, "a manifest and an index at once");
    else if (!index && !manifest)
        err_set(err, ERR_CORRUPT, "neither a manifest nor an index");
    else if (version != 2)
        err_set(err, ERR_CORRUPT, "its schemaVersion is not 2");
    else
        return index ? IMAGE_INDEX : IMAGE_MANIFEST;
    return 0;
}

/* The OCI artifact manifest, which was given up again: no schemaVersion, no config, no layers. */
static int read_artifact(struct reader *r, struct image_manifest *m, const json_t *document)
{
    if (json_object_get(document, "manifests") != NULL ||
        json_object_get(document, "config") != NULL || json_object_get(document, "layers") != NULL)
        return err_set(r->err, ERR_CORRUPT, "its mediaType is not that of what it holds");
    m->kind = IMAGE_MANIFEST;
    return read_manifest(r, m, document, "blobs");
}

static int read_document(struct reader *r, struct image_manifest *m, const json_t *document)
{
    const char *type = json_str(document, "mediaType");

    if (!json_is_object(document))
        return err_set(r->err, ERR_CORRUPT, "neither a manifest nor an index");
    if (type == NULL && json_object_get(document, "mediaType") != NULL)
        return err_set(r->err, ERR_CORRUPT, "its mediaType is no text");
    if (type != NULL && strcmp(type, OCI_ARTIFACT) == 0)
        return read_artifact(r, m, document);
    m->kind = kind_by_content(document, r->err);
    if (m->kind == 0)
        return -1;
    if (type != NULL && type[0] != '\0' && image_manifest_kind_of(type) != m->kind)
        return err_set(r->err, ERR_CORRUPT, "its mediaType is not that of what it holds");
    if (m->kind == IMAGE_SCHEMA1)
        return 0;
    if (m->kind == IMAGE_INDEX)
        return read_index(r, m, document);
    if (json_object_get(document, "config") == NULL)
        return err_set(r->err, ERR_CORRUPT, "a manifest without config");
    return read_manifest(r, m, document, "layers");
}

int image_manifest_parse(struct image_manifest *out, const char *data, size_t len,
                         struct arena *arena, struct err *err)
{
    AUTO_JSON json_t *document = json_parse(data, len, err);
    struct reader r = {.arena = arena, .err = err};
    struct image_manifest m = {0};

    if (document == NULL || read_document(&r, &m, document) != 0)
        return -1;
    *out = m;
    return 0;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static const char *copy_text(struct reader *r, const char *text)
{
    return text[0] == '\0' ? "" : arena_text(r->arena, text, strlen(text), r->err);
}

static int copy_layers(struct reader *r, struct image_manifest *out,
                       const struct image_manifest *from)
{
    const char *last = NULL, *copied = NULL;

    out->config.media_type = from->has_config ? copy_text(r, from->config.media_type) : "";
    out->layers = arena_array(r->arena, from->layer_count, sizeof(*out->layers), r->err);
    if (out->layers == NULL || out->config.media_type == NULL)
        return -1;
    for (size_t i = 0; i < from->layer_count; i++) {
        if (from->layers[i].media_type != last)
            copied = copy_text(r, from->layers[i].media_type);
        if (copied == NULL)
            return -1;
        last = from->layers[i].media_type;
        out->layers[i] = from->layers[i];
        out->layers[i].media_type = copied;
    }
    return 0;
}

static int copy_entry(struct reader *r, struct image_index_entry *out,
                      const struct image_index_entry *from)
{
    *out = *from;
    if (from->broken != NULL) /* a constant */
        return 0;
    out->to.media_type = copy_text(r, from->to.media_type);
    out->os = copy_text(r, from->os);
    out->arch = copy_text(r, from->arch);
    out->variant = copy_text(r, from->variant);
    out->ref_name = copy_text(r, from->ref_name);
    out->image_name = copy_text(r, from->image_name);
    return out->to.media_type != NULL && out->os != NULL && out->arch != NULL &&
                   out->variant != NULL && out->ref_name != NULL && out->image_name != NULL
               ? 0
               : -1;
}

int image_manifest_copy(struct image_manifest *out, const struct image_manifest *from,
                        struct arena *arena, struct err *err)
{
    struct reader r = {.arena = arena, .err = err};
    struct image_manifest m = *from;

    if (copy_layers(&r, &m, from) != 0)
        return -1;
    m.entries = arena_array(arena, from->entry_count, sizeof(*m.entries), err);
    if (m.entries == NULL)
        return -1;
    for (size_t i = 0; i < from->entry_count; i++) {
        if (copy_entry(&r, &m.entries[i], &from->entries[i]) != 0)
            return -1;
    }
    *out = m;
    return 0;
}
