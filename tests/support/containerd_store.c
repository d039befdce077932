#include "tests/support/containerd_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engines/containerd/containerd_pass.h"

#define PAGE_SIZE 4096

static void fail(const char *what)
{
    fprintf(stderr, "containerd_store: %s\n", what);
    abort();
}

void containerd_store_open(struct containerd_store *s, const struct tempdir *dir,
                           const char *snapshotter)
{
    char path[PATH_MAX];

    *s = (struct containerd_store){
        .dir = dir, .root = "containerd", .snapshotter = snapshotter, .txid = 1};
    oci_store_open(&s->content, dir, "containerd/" CONTAINERD_CONTENT);
    tempdir_mkdir(dir, containerd_store_below(s, CONTAINERD_CONTENT "/ingest", path));
    s->meta = bolt_made_open();
    s->keys = bolt_made_open();
    bolt_made_bucket(s->meta, "v1");
    bolt_made_bucket(bolt_made_bucket(s->keys, "v1"), "snapshots");
}

void containerd_store_close(struct containerd_store *s)
{
    oci_store_close(&s->content);
    bolt_made_close(&s->meta);
    bolt_made_close(&s->keys);
}

struct engine_root containerd_store_root(const struct containerd_store *s, const char *ns)
{
    struct engine_root root = {.driver = &containerd_driver};

    tempdir_path(s->dir, s->root, root.path);
    tempdir_path(s->dir, "run", root.run);
    snprintf(root.storage, sizeof(root.storage), "%s", s->snapshotter);
    snprintf(root.space, sizeof(root.space), "%s", ns);
    return root;
}

char *containerd_store_below(const struct containerd_store *s, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", s->root, name);
    return out;
}

char *containerd_store_snapshot_path(const struct containerd_store *s, uint64_t id,
                                     char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/" CONTAINERD_SNAPSHOTTER "%s/snapshots/%llu", s->root,
             s->snapshotter, (unsigned long long)id);
    return out;
}

struct bolt_made *containerd_store_space(const struct containerd_store *s, const char *ns)
{
    return bolt_made_bucket(bolt_made_bucket(s->meta, "v1"), ns);
}

/* ---- numbers as Go's encoding/binary writes them --------------------------------------------- */

static void put_uvarint(struct bolt_made *in, const char *name, uint64_t number)
{
    uint8_t bytes[10];
    size_t len = 0;

    for (; number >= 0x80; number >>= 7)
        bytes[len++] = (uint8_t)(number | 0x80);
    bytes[len++] = (uint8_t)number;
    bolt_made_put(in, name, bytes, len);
}

static void put_varint(struct bolt_made *in, const char *name, uint64_t number)
{
    put_uvarint(in, name, number << 1);
}

/* ---- images and blobs ------------------------------------------------------------------------ */

static uint64_t blob_size(const struct containerd_store *s, const struct digest *digest)
{
    char name[PATH_MAX], path[PATH_MAX];
    struct stat st;

    tempdir_path(s->dir, oci_store_blob_path(&s->content, digest, name), path);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 1;
}

void containerd_store_name(struct containerd_store *s, const char *ns, const char *name,
                           const struct digest *target, const char *media_type)
{
    struct bolt_made *images = bolt_made_bucket(containerd_store_space(s, ns), "images");
    struct bolt_made *to = bolt_made_bucket(bolt_made_bucket(images, name), "target");
    char text[DIGEST_TEXT];

    bolt_made_put_text(to, "digest", digest_text(target, text));
    bolt_made_put_text(to, "mediatype", media_type);
    put_varint(to, "size", blob_size(s, target));
}

static struct bolt_made *blob_of(const struct containerd_store *s, const char *ns,
                                 const struct digest *digest)
{
    struct bolt_made *content = bolt_made_bucket(containerd_store_space(s, ns), "content");
    char text[DIGEST_TEXT];

    return bolt_made_bucket(bolt_made_bucket(content, "blob"), digest_text(digest, text));
}

void containerd_store_know(struct containerd_store *s, const char *ns, const struct digest *digest)
{
    put_varint(blob_of(s, ns, digest), "size", blob_size(s, digest));
}

void containerd_store_know_all(struct containerd_store *s, const char *ns)
{
    char name[PATH_MAX], path[PATH_MAX];
    struct digest digest;
    struct dirent *entry;
    DIR *dir;

    containerd_store_below(s, CONTAINERD_CONTENT "/blobs/sha256", name);
    dir = opendir(tempdir_path(s->dir, name, path));
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (digest_parse(&digest, entry->d_name, strlen(entry->d_name), true, NULL) == 0)
            containerd_store_know(s, ns, &digest);
    }
    if (dir == NULL || closedir(dir) != 0)
        fail("no blobs");
}

void containerd_store_label(struct containerd_store *s, const char *ns, const struct digest *digest,
                            const char *key, const char *value)
{
    bolt_made_put_text(bolt_made_bucket(blob_of(s, ns, digest), "labels"), key, value);
}

/* ---- snapshots and containers ---------------------------------------------------------------- */

static struct bolt_made *snapshots_of(const struct containerd_store *s, const char *ns)
{
    return bolt_made_bucket(bolt_made_bucket(containerd_store_space(s, ns), "snapshots"),
                            s->snapshotter);
}

uint64_t containerd_store_snapshot(struct containerd_store *s, const char *ns, const char *key,
                                   const char *parent, char kind)
{
    struct bolt_made *in = bolt_made_bucket(snapshots_of(s, ns), key), *own;
    uint8_t number = kind == 'c'   ? CONTAINERD_COMMITTED
                     : kind == 'a' ? CONTAINERD_ACTIVE
                                   : CONTAINERD_VIEW;
    char name[512], path[PATH_MAX];
    uint64_t id = ++s->next_id;

    snprintf(name, sizeof(name), "%s/%llu/%s", ns, (unsigned long long)id, key);
    bolt_made_put_text(in, "name", name);
    if (parent != NULL)
        bolt_made_put_text(in, "parent", parent);
    own = bolt_made_bucket(bolt_made_bucket(s->keys, "v1"), "snapshots");
    own = bolt_made_bucket(own, name);
    put_uvarint(own, "id", id);
    bolt_made_put(own, "kind", &number, 1);
    containerd_store_snapshot_path(s, id, path);
    snprintf(path + strlen(path), sizeof(path) - strlen(path), "/fs/file");
    tempdir_write_text(s->dir, path, key);
    return id;
}

static bool has_snapshot(const struct containerd_store *s, const char *ns, const char *key)
{
    return bolt_made_has(snapshots_of(s, ns), key);
}

struct digest containerd_store_unpack(struct containerd_store *s, const char *ns,
                                      const char *const *layers)
{
    char key[DIGEST_TEXT], parent[DIGEST_TEXT];
    struct digest chain = {{0}};

    for (size_t i = 0; layers[i] != NULL; i++) {
        struct digest diff = oci_store_diff(layers[i]);

        digest_text(&chain, parent);
        chain = digest_chain(i > 0 ? &chain : NULL, &diff);
        digest_text(&chain, key);
        if (!has_snapshot(s, ns, key))
            containerd_store_snapshot(s, ns, key, i > 0 ? parent : NULL, 'c');
    }
    return chain;
}

struct bolt_made *containerd_store_container(struct containerd_store *s, const char *ns,
                                             const char *id, const char *image, const char *key)
{
    struct bolt_made *containers = bolt_made_bucket(containerd_store_space(s, ns), "containers");
    struct bolt_made *c = bolt_made_bucket(containers, id);

    bolt_made_put_text(c, "image", image);
    bolt_made_put_text(c, "snapshotter", s->snapshotter);
    bolt_made_put_text(c, "snapshotKey", key);
    return c;
}

void containerd_store_write(struct containerd_store *s)
{
    const struct bolt_form form = {.page_size = PAGE_SIZE, .page_elements = 20, .txid = ++s->txid};
    struct buf file = {.data = NULL};
    char path[PATH_MAX], below[256];

    bolt_made_write(s->keys, &form, &file);
    snprintf(below, sizeof(below), CONTAINERD_SNAPSHOTTER "%s/metadata.db", s->snapshotter);
    tempdir_write(s->dir, containerd_store_below(s, below, path), file.data, file.len);
    bolt_made_write(s->meta, &form, &file);
    tempdir_write(s->dir, containerd_store_below(s, CONTAINERD_METADATA "/meta.db", path),
                  file.data, file.len);
    buf_close(&file);
}
