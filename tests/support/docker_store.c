#include "tests/support/docker_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/docker/docker.h"
#include "common/check.h"
#include "common/cleanup.h"

#define CONFIG_BYTES (1u << 20)

static void make(const struct docker_store *s, const char *name)
{
    char path[PATH_MAX];

    tempdir_mkdir(s->dir, docker_store_metadata(s, name, path));
}

void docker_store_open(struct docker_store *s, const struct tempdir *dir, const char *root,
                       const char *driver)
{
    char path[PATH_MAX], entries[64];

    *s = (struct docker_store){.dir = dir};
    snprintf(s->root, sizeof(s->root), "%s", root);
    snprintf(s->driver, sizeof(s->driver), "%s", driver);
    buf_init(&s->refs, CONFIG_BYTES);
    make(s, "imagedb/content/sha256");
    make(s, "imagedb/metadata/sha256");
    make(s, "layerdb/sha256");
    make(s, "layerdb/mounts");
    snprintf(entries, sizeof(entries), "%s/l", driver);
    tempdir_mkdir(dir, docker_store_below(s, entries, path));
    tempdir_mkdir(dir, docker_store_below(s, "containers", path));
}

void docker_store_close(struct docker_store *s)
{
    buf_close(&s->refs);
}

struct engine_root docker_store_root(const struct docker_store *s)
{
    struct engine_root root = {.driver = &docker_driver};

    tempdir_path(s->dir, s->root, root.path);
    snprintf(root.storage, sizeof(root.storage), "%s", s->driver);
    return root;
}

char *docker_store_metadata(const struct docker_store *s, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/image/%s/%s", s->root, s->driver, name);
    return out;
}

char *docker_store_below(const struct docker_store *s, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", s->root, name);
    return out;
}

struct digest docker_store_diff(const char *text)
{
    return digest_of(text, strlen(text));
}

char *docker_store_cache_id(const struct digest *chain, char out[DIGEST_HEX + 1])
{
    struct digest id = digest_of(chain->bytes, sizeof(chain->bytes));

    return digest_hex(&id, out);
}

static void write_metadata(const struct docker_store *s, const char *dir, const char *name,
                           const char *file, const char *text)
{
    char below[512], path[PATH_MAX];

    snprintf(below, sizeof(below), "%s/%s/%s", dir, name, file);
    tempdir_write_text(s->dir, docker_store_metadata(s, below, path), text);
}

struct digest docker_store_layer(const struct docker_store *s, const struct digest *parent,
                                 const struct digest *diff, const char *cache_id)
{
    struct digest chain = digest_chain(parent, diff);
    char made[DIGEST_HEX + 1], name[DIGEST_HEX + 1], text[DIGEST_TEXT];
    char below[256], path[PATH_MAX];

    if (cache_id == NULL)
        cache_id = docker_store_cache_id(&chain, made);
    digest_hex(&chain, name);
    write_metadata(s, "layerdb/sha256", name, "diff", digest_text(diff, text));
    if (parent != NULL)
        write_metadata(s, "layerdb/sha256", name, "parent", digest_text(parent, text));
    write_metadata(s, "layerdb/sha256", name, "cache-id", cache_id);
    write_metadata(s, "layerdb/sha256", name, "size", "5");
    if (strcmp(s->driver, "vfs") == 0) {
        snprintf(below, sizeof(below), "vfs/dir/%s/file", cache_id);
    } else {
        snprintf(below, sizeof(below), "%s/%s/link", s->driver, cache_id);
        tempdir_write_text(s->dir, docker_store_below(s, below, path), "ABCDEF");
        snprintf(below, sizeof(below), "%s/%s/diff/file", s->driver, cache_id);
    }
    tempdir_write_text(s->dir, docker_store_below(s, below, path), "hello");
    return chain;
}

static void add_list(struct buf *b, const char *head, size_t count, const struct digest *diffs)
{
    char text[DIGEST_TEXT];

    check(buf_add_str(b, head, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        if (diffs != NULL)
            check(buf_printf(b, NULL, "%s\"%s\"", i > 0 ? "," : "", digest_text(&diffs[i], text)) ==
                  0);
        else
            check(buf_printf(b, NULL, "%s{\"created_by\":\"step %zu\",\"empty_layer\":true}",
                             i > 0 ? "," : "", i) == 0);
    }
    check(buf_add_str(b, "]", NULL) == 0);
}

struct digest docker_store_config(const struct docker_store *s, const struct digest *diffs,
                                  size_t count, size_t history)
{
    AUTO(buf_close) struct buf config;
    char below[256], path[PATH_MAX], hex[DIGEST_HEX + 1];
    struct digest id;

    buf_init(&config, CONFIG_BYTES);
    add_list(&config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"history\":[", history, NULL);
    add_list(&config, ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[", count, diffs);
    check(buf_add_str(&config, "}}", NULL) == 0);
    id = digest_of(config.data, config.len);
    snprintf(below, sizeof(below), "imagedb/content/sha256/%s", digest_hex(&id, hex));
    tempdir_write(s->dir, docker_store_metadata(s, below, path), config.data, config.len);
    return id;
}

static bool has_layer(const struct docker_store *s, const struct digest *chain)
{
    char below[256], name[PATH_MAX], path[PATH_MAX], hex[DIGEST_HEX + 1];
    struct stat st;

    snprintf(below, sizeof(below), "layerdb/sha256/%s", digest_hex(chain, hex));
    docker_store_metadata(s, below, name);
    return stat(tempdir_path(s->dir, name, path), &st) == 0;
}

struct digest docker_store_image(const struct docker_store *s, const struct digest *diffs,
                                 size_t count, size_t history)
{
    struct digest chain = {{0}};

    for (size_t i = 0; i < count; i++) {
        struct digest next = digest_chain(i > 0 ? &chain : NULL, &diffs[i]);

        if (!has_layer(s, &next))
            docker_store_layer(s, i > 0 ? &chain : NULL, &diffs[i], NULL);
        chain = next;
    }
    return docker_store_config(s, diffs, count, history);
}

void docker_store_parent(const struct docker_store *s, const struct digest *image,
                         const struct digest *parent)
{
    char hex[DIGEST_HEX + 1], text[DIGEST_TEXT];

    write_metadata(s, "imagedb/metadata/sha256", digest_hex(image, hex), "parent",
                   digest_text(parent, text));
}

void docker_store_name(struct docker_store *s, const char *repository, const char *name,
                       const struct digest *image)
{
    AUTO(buf_close) struct buf file;
    char path[PATH_MAX], text[DIGEST_TEXT];

    /* Each entry gets a repository of its own: their keys only have to differ. */
    check(buf_printf(&s->refs, NULL, "%s\"%s%zu\":{\"%s\":\"%s\"}", s->refs.len > 0 ? "," : "",
                     repository, s->refs.len, name, digest_text(image, text)) == 0);
    buf_init(&file, CONFIG_BYTES);
    check(buf_printf(&file, NULL, "{\"Repositories\":{%s}}", buf_str(&s->refs)) == 0);
    tempdir_write(s->dir, docker_store_metadata(s, "repositories.json", path), file.data, file.len);
}

static void make_mount(const struct docker_store *s, const char *id, const char *file, char digit,
                       const char *suffix)
{
    char mount[DIGEST_HEX + 8], below[256], path[PATH_MAX];

    memset(mount, digit, DIGEST_HEX);
    snprintf(mount + DIGEST_HEX, sizeof(mount) - DIGEST_HEX, "%s", suffix);
    write_metadata(s, "layerdb/mounts", id, file, mount);
    snprintf(below, sizeof(below), "%s/%s%s/diff/written", s->driver,
             strcmp(s->driver, "vfs") == 0 ? "dir/" : "", mount);
    tempdir_write_text(s->dir, docker_store_below(s, below, path), "by a container");
}

void docker_store_container(const struct docker_store *s, char digit, const struct digest *image,
                            const char *state)
{
    char id[DIGEST_HEX + 1] = {0}, below[256], path[PATH_MAX], text[DIGEST_TEXT];
    AUTO(buf_close) struct buf file;

    memset(id, digit, DIGEST_HEX);
    buf_init(&file, CONFIG_BYTES);
    check(buf_printf(&file, NULL,
                     "{\"ID\":\"%s\",\"Created\":\"2026-01-01T00:00:00Z\",\"Name\":\"/name-%c\","
                     "\"Image\":\"%s\",\"State\":%s}",
                     id, digit, digest_text(image, text), state) == 0);
    snprintf(below, sizeof(below), "containers/%s/config.v2.json", id);
    tempdir_write(s->dir, docker_store_below(s, below, path), file.data, file.len);
    make_mount(s, id, "mount-id", digit, "");
    make_mount(s, id, "init-id", digit, "-init");
}
