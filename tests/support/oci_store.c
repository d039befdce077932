#include "tests/support/oci_store.h"

#include <string.h>

#include "agent/engines/oci_layout/oci_layout.h"
#include "common/check.h"
#include "common/cleanup.h"

static void write_below(const struct oci_store *s, const char *name, const char *text)
{
    char path[PATH_MAX];

    tempdir_write_text(s->dir, oci_store_below(s, name, path), text);
}

static void write_index(const struct oci_store *s)
{
    AUTO(buf_close) struct buf json;

    buf_init(&json, 64 << 20);
    check(buf_printf(&json, NULL,
                     "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[%s]}",
                     buf_str(&s->entries)) == 0);
    write_below(s, "index.json", buf_str(&json));
}

void oci_store_open(struct oci_store *s, const struct tempdir *dir, const char *root)
{
    char path[PATH_MAX];

    *s = (struct oci_store){.dir = dir};
    snprintf(s->root, sizeof(s->root), "%s", root);
    buf_init(&s->entries, 32 << 20);
    tempdir_mkdir(dir, oci_store_below(s, "blobs/sha256", path));
    write_below(s, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    write_index(s);
}

void oci_store_close(struct oci_store *s)
{
    buf_close(&s->entries);
}

struct engine_root oci_store_root(const struct oci_store *s)
{
    struct engine_root root = {.driver = &oci_layout_driver};
    char path[PATH_MAX];

    snprintf(root.path, sizeof(root.path), "%s", tempdir_path(s->dir, s->root, path));
    return root;
}

char *oci_store_below(const struct oci_store *s, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", s->root, name);
    return out;
}

char *oci_store_blob_path(const struct oci_store *s, const struct digest *digest,
                          char out[PATH_MAX])
{
    char hex[DIGEST_HEX + 1];

    snprintf(out, PATH_MAX, "%s/blobs/sha256/%s", s->root, digest_hex(digest, hex));
    return out;
}

struct digest oci_store_blob(const struct oci_store *s, const char *text)
{
    struct digest digest = digest_of(text, strlen(text));
    char path[PATH_MAX];

    tempdir_write_text(s->dir, oci_store_blob_path(s, &digest, path), text);
    return digest;
}

struct digest oci_store_diff(const char *name)
{
    return digest_of(name, strlen(name));
}

struct digest oci_store_layer(const struct oci_store *s, const char *name)
{
    char text[256];

    snprintf(text, sizeof(text), "packed %s", name);
    return oci_store_blob(s, text);
}

struct digest oci_store_config(const struct oci_store *s, const char *arch,
                               const char *const *layers)
{
    AUTO(buf_close) struct buf json;
    char text[DIGEST_TEXT];

    buf_init(&json, 1 << 20);
    check(buf_printf(&json, NULL,
                     "{\"os\":\"linux\",\"architecture\":\"%s\",\"rootfs\":{\"type\":\"layers\","
                     "\"diff_ids\":[",
                     arch) == 0);
    for (size_t i = 0; layers[i] != NULL; i++) {
        struct digest diff = oci_store_diff(layers[i]);

        check(buf_printf(&json, NULL, "%s\"%s\"", i > 0 ? "," : "", digest_text(&diff, text)) == 0);
    }
    check(buf_add_str(&json, "]}}", NULL) == 0);
    return oci_store_blob(s, buf_str(&json));
}

char *oci_store_descriptor(const struct digest *digest, const char *media_type, const char *more,
                           char out[OCI_STORE_DESCRIPTOR])
{
    char text[DIGEST_TEXT];

    check(snprintf(out, OCI_STORE_DESCRIPTOR,
                   "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1%s}", media_type,
                   digest_text(digest, text), more) < OCI_STORE_DESCRIPTOR);
    return out;
}

struct digest oci_store_manifest(const struct oci_store *s, const struct digest *config,
                                 const char *const *layers)
{
    AUTO(buf_close) struct buf json;
    char text[OCI_STORE_DESCRIPTOR];

    buf_init(&json, 1 << 20);
    check(buf_printf(&json, NULL,
                     "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST
                     "\",\"config\":%s,\"layers\":[",
                     oci_store_descriptor(config, OCI_CONFIG, "", text)) == 0);
    for (size_t i = 0; layers[i] != NULL; i++) {
        struct digest layer = oci_store_layer(s, layers[i]);

        check(buf_printf(&json, NULL, "%s%s", i > 0 ? "," : "",
                         oci_store_descriptor(&layer, OCI_LAYER, "", text)) == 0);
    }
    check(buf_add_str(&json, "]}", NULL) == 0);
    return oci_store_blob(s, buf_str(&json));
}

struct digest oci_store_image(const struct oci_store *s, const char *arch,
                              const char *const *layers)
{
    struct digest config = oci_store_config(s, arch, layers);

    return oci_store_manifest(s, &config, layers);
}

struct digest oci_store_index(const struct oci_store *s, const char *descriptors)
{
    AUTO(buf_close) struct buf json;

    buf_init(&json, 1 << 20);
    check(buf_printf(&json, NULL,
                     "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[%s]}",
                     descriptors) == 0);
    return oci_store_blob(s, buf_str(&json));
}

void oci_store_entry(struct oci_store *s, const char *descriptor)
{
    check(buf_printf(&s->entries, NULL, "%s%s", s->entries.len > 0 ? "," : "", descriptor) == 0);
    write_index(s);
}

void oci_store_name(struct oci_store *s, const struct digest *digest, const char *media_type,
                    const char *ref)
{
    char more[512] = "", text[OCI_STORE_DESCRIPTOR];

    if (ref != NULL)
        snprintf(more, sizeof(more),
                 ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", ref);
    oci_store_entry(s, oci_store_descriptor(digest, media_type, more, text));
}
