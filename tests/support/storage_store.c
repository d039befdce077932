#include "tests/support/storage_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/storage/storage.h"
#include "common/check.h"
#include "common/cleanup.h"

#define FILE_BYTES (4u << 20)

char *storage_store_name(const struct storage_store *s, const char *below, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s%s", s->root, s->driver, below);
    return out;
}

char *storage_store_run_name(const struct storage_store *s, const char *below, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s%s", s->run, s->driver, below);
    return out;
}

static void make(const struct storage_store *s, const char *below)
{
    char name[PATH_MAX];

    tempdir_mkdir(s->dir, storage_store_name(s, below, name));
}

/* Writes one JSON list and, as the engines do, new bytes into the lock beside it. */
static void write_list(struct storage_store *s, const struct buf *entries, const char *what)
{
    AUTO(buf_close) struct buf text;
    char below[64], name[PATH_MAX], lock[STORAGE_LOCK_BYTES + 1];

    buf_init(&text, FILE_BYTES);
    check(buf_printf(&text, NULL, "[%s]", buf_str(entries)) == 0);
    snprintf(below, sizeof(below), "-%s/%s.json", what, what);
    tempdir_write(s->dir, storage_store_name(s, below, name), text.data, text.len);
    snprintf(below, sizeof(below), "-%s/%s.lock", what, what);
    snprintf(lock, sizeof(lock), "%064u", ++s->changes);
    tempdir_write(s->dir, storage_store_name(s, below, name), lock, STORAGE_LOCK_BYTES);
}

static void add_entry(struct buf *entries, const char *json)
{
    check(buf_printf(entries, NULL, "%s%s", entries->len > 0 ? "," : "", json) == 0);
}

void storage_store_open(struct storage_store *s, const struct tempdir *dir, const char *root,
                        const char *driver)
{
    *s = (struct storage_store){.dir = dir};
    snprintf(s->root, sizeof(s->root), "%s", root);
    snprintf(s->run, sizeof(s->run), "%s-run", root);
    snprintf(s->driver, sizeof(s->driver), "%s", driver);
    buf_init(&s->images, FILE_BYTES);
    buf_init(&s->layers, FILE_BYTES);
    buf_init(&s->containers, FILE_BYTES);
    make(s, "-images");
    make(s, "-layers");
    make(s, "-containers");
    make(s, strcmp(driver, "overlay") == 0 ? "/l" : "/dir");
}

void storage_store_close(struct storage_store *s)
{
    buf_close(&s->images);
    buf_close(&s->layers);
    buf_close(&s->containers);
}

struct engine_root storage_store_root(const struct storage_store *s)
{
    struct engine_root root = {.driver = &storage_driver, .engine = "podman"};

    tempdir_path(s->dir, s->root, root.path);
    tempdir_path(s->dir, s->run, root.run);
    snprintf(root.storage, sizeof(root.storage), "%s", s->driver);
    return root;
}

struct digest storage_store_diff(const char *text)
{
    return digest_of(text, strlen(text));
}

struct digest storage_store_blob(const struct digest *diff)
{
    return digest_of(diff, sizeof(*diff));
}

struct digest storage_store_layer_id(const struct digest *parent, const struct digest *diff)
{
    char text[2 * DIGEST_HEX + 2];

    if (parent == NULL)
        return *diff;
    digest_hex(parent, text);
    text[DIGEST_HEX] = '+';
    digest_hex(diff, text + DIGEST_HEX + 1);
    return digest_of(text, strlen(text));
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void make_directory(const struct storage_store *s, const char *hex)
{
    char below[128], name[PATH_MAX];

    if (strcmp(s->driver, "overlay") == 0)
        snprintf(below, sizeof(below), "/%s/diff/file", hex);
    else
        snprintf(below, sizeof(below), "/dir/%s/file", hex);
    tempdir_write_text(s->dir, storage_store_name(s, below, name), hex);
}

struct digest storage_store_layer(struct storage_store *s, const struct digest *parent,
                                  const struct digest *diff, const char *extra)
{
    struct digest id =
        diff != NULL ? storage_store_layer_id(parent, diff) : storage_store_diff(extra);
    char hex[DIGEST_HEX + 1], above[DIGEST_HEX + 1], text[DIGEST_TEXT];
    AUTO(buf_close) struct buf entry;

    buf_init(&entry, FILE_BYTES);
    check(buf_printf(&entry, NULL, "{\"id\":\"%s\"", digest_hex(&id, hex)) == 0);
    if (parent != NULL)
        check(buf_printf(&entry, NULL, ",\"parent\":\"%s\"", digest_hex(parent, above)) == 0);
    if (diff != NULL)
        check(buf_printf(&entry, NULL, ",\"diff-digest\":\"%s\"", digest_text(diff, text)) == 0);
    check(buf_printf(&entry, NULL, "%s}", extra) == 0);
    add_entry(&s->layers, buf_str(&entry));
    make_directory(s, hex);
    write_list(s, &s->layers, "layers");
    return id;
}

static bool has_layer(const struct storage_store *s, const struct digest *id)
{
    char hex[DIGEST_HEX + 1], mark[DIGEST_HEX + 16];

    snprintf(mark, sizeof(mark), "{\"id\":\"%s\"", digest_hex(id, hex));
    return strstr(buf_str(&s->layers), mark) != NULL;
}

/* ---- images ---------------------------------------------------------------------------------- */

void storage_store_image_entry(struct storage_store *s, const char *json)
{
    add_entry(&s->images, json);
    write_list(s, &s->images, "images");
}

struct digest storage_store_big_data(const struct storage_store *s, const struct digest *image,
                                     const char *key, const char *text)
{
    char below[DIGEST_TEXT + STORAGE_BIG_DATA_NAME + 16], name[PATH_MAX];
    char hex[DIGEST_HEX + 1], file[STORAGE_BIG_DATA_NAME];

    snprintf(below, sizeof(below), "-images/%s/%s", digest_hex(image, hex),
             storage_big_data_name(key, file));
    tempdir_write_text(s->dir, storage_store_name(s, below, name), text);
    return digest_of(text, strlen(text));
}

void storage_store_replace(const struct storage_store *s, const struct digest *image,
                           const char *key, const char *text)
{
    char below[DIGEST_TEXT + STORAGE_BIG_DATA_NAME + 16], name[PATH_MAX];
    char hex[DIGEST_HEX + 1], file[STORAGE_BIG_DATA_NAME], from[PATH_MAX], to[PATH_MAX];

    storage_store_big_data(s, image, "new", text);
    snprintf(below, sizeof(below), "-images/%s/new", digest_hex(image, hex));
    tempdir_path(s->dir, storage_store_name(s, below, name), from);
    snprintf(below, sizeof(below), "-images/%s/%s", hex, storage_big_data_name(key, file));
    tempdir_path(s->dir, storage_store_name(s, below, name), to);
    check(rename(from, to) == 0);
}

static void write_config(struct buf *out, const struct digest *diffs, size_t count)
{
    char text[DIGEST_TEXT];

    check(buf_add_str(out,
                      "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
                      "\"layers\",\"diff_ids\":[",
                      NULL) == 0);
    for (size_t i = 0; i < count; i++)
        check(buf_printf(out, NULL, "%s\"%s\"", i > 0 ? "," : "", digest_text(&diffs[i], text)) ==
              0);
    check(buf_add_str(out, "]}}", NULL) == 0);
}

static void write_manifest(struct buf *out, const struct digest *config, size_t config_len,
                           const struct digest *diffs, size_t count)
{
    static const char oci[] = "application/vnd.oci.image";
    char text[DIGEST_TEXT];

    check(buf_printf(out, NULL,
                     "{\"schemaVersion\":2,\"mediaType\":\"%s.manifest.v1+json\",\"config\":{"
                     "\"mediaType\":\"%s.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
                     "\"layers\":[",
                     oci, oci, digest_text(config, text), config_len) == 0);
    for (size_t i = 0; i < count; i++) {
        struct digest blob = storage_store_blob(&diffs[i]);

        check(buf_printf(out, NULL,
                         "%s{\"mediaType\":\"%s.layer.v1.tar+gzip\",\"digest\":\"%s\",\"size\":1}",
                         i > 0 ? "," : "", oci, digest_text(&blob, text)) == 0);
    }
    check(buf_add_str(out, "]}", NULL) == 0);
}

/* The images.json entry as podman writes it; digests as texts. */
static void name_image(struct storage_store *s, const struct storage_made *made, size_t layers,
                       const char *names)
{
    char hex[DIGEST_HEX + 1], manifest[DIGEST_TEXT], top[DIGEST_HEX + 1];
    AUTO(buf_close) struct buf entry;

    buf_init(&entry, FILE_BYTES);
    digest_hex(&made->id, hex);
    digest_text(&made->manifest, manifest);
    check(buf_printf(&entry, NULL,
                     "{\"id\":\"%s\",\"digest\":\"%s\",\"names\":%s,\"names-history\":"
                     "%s,\"big-data-names\":[\"sha256:%s\",\"manifest-%s\","
                     "\"manifest\"],\"created\":\"2026-03-02T10:00:00Z\"",
                     hex, manifest, names,
                     strcmp(names, "[]") == 0 ? "[\"localhost/once:1\"]" : names, hex,
                     manifest) == 0);
    if (layers > 0)
        check(buf_printf(&entry, NULL, ",\"layer\":\"%s\"", digest_hex(&made->top, top)) == 0);
    check(buf_add_str(&entry, "}", NULL) == 0);
    storage_store_image_entry(s, buf_str(&entry));
}

struct storage_made storage_store_image(struct storage_store *s, const struct digest *diffs,
                                        size_t count, const char *names)
{
    AUTO(buf_close) struct buf config;
    AUTO(buf_close) struct buf manifest;
    struct storage_made made = {.id = {{0}}};
    char key[DIGEST_TEXT + 16];

    buf_init(&config, FILE_BYTES);
    buf_init(&manifest, FILE_BYTES);
    for (size_t i = 0; i < count; i++) {
        struct digest id = storage_store_layer_id(i > 0 ? &made.top : NULL, &diffs[i]);

        if (!has_layer(s, &id))
            storage_store_layer(s, i > 0 ? &made.top : NULL, &diffs[i], "");
        made.top = id;
    }
    write_config(&config, diffs, count);
    made.id = digest_of(config.data, config.len);
    write_manifest(&manifest, &made.id, config.len, diffs, count);
    made.manifest = digest_of(manifest.data, manifest.len);
    storage_store_big_data(s, &made.id, digest_text(&made.id, key), buf_str(&config));
    snprintf(key, sizeof(key), "manifest-");
    digest_text(&made.manifest, key + strlen(key));
    storage_store_big_data(s, &made.id, key, buf_str(&manifest));
    storage_store_big_data(s, &made.id, "manifest", buf_str(&manifest));
    name_image(s, &made, count, names);
    return made;
}

/* ---- containers ------------------------------------------------------------------------------ */

struct digest storage_store_container(struct storage_store *s, char digit,
                                      const struct storage_made *image, const char *metadata)
{
    char extra[64], id[DIGEST_HEX + 1], layer_hex[DIGEST_HEX + 1], image_hex[DIGEST_HEX + 1];
    AUTO(buf_close) struct buf entry;
    struct digest layer;

    buf_init(&entry, FILE_BYTES);
    memset(id, digit, DIGEST_HEX);
    id[DIGEST_HEX] = '\0';
    snprintf(extra, sizeof(extra), ",\"names\":[\"c%c-layer\"]", digit);
    layer = storage_store_layer(s, &image->top, NULL, extra);
    check(buf_printf(&entry, NULL,
                     "{\"id\":\"%s\",\"names\":[\"c%c\"],\"image\":\"%s\",\"layer\":\"%s\","
                     "\"metadata\":\"%s\"}",
                     id, digit, digest_hex(&image->id, image_hex), digest_hex(&layer, layer_hex),
                     metadata) == 0);
    add_entry(&s->containers, buf_str(&entry));
    write_list(s, &s->containers, "containers");
    return layer;
}
