#include "agent/engines/docker/docker.h"

#include <fcntl.h>
#include <string.h>

#include "agent/engines/docker/docker_by_api.h"
#include "common/cleanup.h"

static const struct docker_layout layouts[] = {
    {.driver = "overlay2", .dirs = "", .files = "diff"},
    {.driver = "fuse-overlayfs", .dirs = "", .files = "diff"},
    {.driver = "aufs", .dirs = "diff", .files = ""},
    {.driver = "vfs", .dirs = "dir", .files = "", .whole_tree = true},
    {.driver = "btrfs", .dirs = "subvolumes", .files = "", .own_device = true, .whole_tree = true},
};

const struct docker_layout *docker_layout_of(const char *storage)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (strcmp(layouts[i].driver, storage) == 0)
            return &layouts[i];
    }
    return NULL;
}

int docker_open_below(const struct engine_root *root, const char *below, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", root->path, below) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s/%s: path too long", root->path, below);
    return engine_open(root, path, O_RDONLY | O_DIRECTORY, err);
}

int docker_no_store(const struct engine_root *root, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "%s is no docker data root (no image/<driver> in it)",
                   root->path);
}

/* Opens <path>/image of a place that was named and whose graph driver is not known yet. */
static int open_unsettled(const struct engine_root *root, struct err *err)
{
    struct err why = {0};
    int fd = docker_open_below(root, "image", &why);

    if (fd < 0 && why.kind == ERR_NOT_FOUND)
        return docker_no_store(root, err);
    return fd >= 0 ? fd : err_set(err, why.kind, "%s", why.text);
}

int docker_open_metadata(const struct engine_root *root, const char *below, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "image/%s/%s", root->storage, below) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s: path too long", below);
    if (root->storage[0] == '\0' && below[0] == '\0')
        return open_unsettled(root, err);
    return docker_open_below(root, path, err);
}

int docker_open_optional(const struct engine_root *root, const char *below, int *fd,
                         struct err *err)
{
    struct err why = {0};

    *fd = docker_open_metadata(root, below, &why);
    if (*fd >= 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

int docker_list(const struct engine_root *root, int fd, const char *below, size_t max,
                struct dirlist *out, struct err *err)
{
    char what[3 * ENGINE_PATH_MAX];

    snprintf(what, sizeof(what), "%s%s/%s", root->host, root->path, below);
    return dirlist_read(out, fd, max, what, err);
}

static bool all_of(const char *text, size_t len, const char *accept)
{
    return strspn(text, accept) >= len;
}

bool docker_hex_valid(const char *name)
{
    return strlen(name) == DIGEST_HEX && all_of(name, DIGEST_HEX, "0123456789abcdef");
}

bool docker_cache_id_valid(const char *id)
{
    size_t len = strlen(id);

    if (len == 25)
        return all_of(id, len, "0123456789abcdefghijklmnopqrstuvwxyz");
    return len >= DIGEST_HEX && all_of(id, DIGEST_HEX, "0123456789abcdef") &&
           (len == DIGEST_HEX || strcmp(id + DIGEST_HEX, "-init") == 0);
}

int docker_compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int token(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    int64_t youngest_ns;

    if (root->by_api)
        return docker_by_api_token(root, out, err);
    return docker_token(root, out, &youngest_ns, err);
}

static int read_root(struct engine_root *root, const struct engine_options *options,
                     const struct engine_reading *last, struct engine_reading **out,
                     struct err *err)
{
    if (root->by_api)
        return docker_by_api_read(root, options, last, out, err);
    return docker_read(root, options, last, out, err);
}

static int watches(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    return root->by_api ? 0 : docker_watches(root, out, err);
}

static int document(const struct engine_root *root, enum rec_document_kind kind,
                    const struct digest *digest, struct buf *out, struct err *err)
{
    char hex[DIGEST_HEX + 1];
    struct digest found;
    AUTO_FD int fd = -1;

    digest_hex(digest, hex);
    if (root->by_api)
        return err_set(err, ERR_NOT_FOUND, "document sha256:%s: docker's API has none", hex);
    if (kind != REC_DOC_CONFIG) /* the graph-driver store keeps no manifest */
        return err_set(err, ERR_NOT_FOUND, "document sha256:%s is no image config", hex);
    fd = docker_open_metadata(root, "imagedb/content/sha256", err);
    if (fd < 0 || buf_read_file_at(out, fd, hex, err) != 0)
        return err_wrap(err, "config sha256:%s", hex);
    found = digest_of(out->data, out->len);
    if (!digest_eq(&found, digest)) {
        buf_reset(out);
        return err_set(err, ERR_CORRUPT, "config sha256:%s does not have that digest", hex);
    }
    return 0;
}

const struct engine_driver docker_driver = {
    .name = "docker",
    .completes = true, /* containerd's: which of them hold docker's images */
    .find = docker_find,
    .token = token,
    .read = read_root,
    .watches = watches,
    .document = document,
    .answers = docker_answers,
    .cross_check = docker_cross_check,
};
