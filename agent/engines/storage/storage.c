#include "agent/engines/storage/storage.h"

#include <fcntl.h>
#include <string.h>

#include "agent/engines/dirlist.h"
#include "common/cleanup.h"

const struct storage_layout storage_layouts[] = {
    {.driver = "overlay", .dirs = "", .files = "diff", .known = true},
    {.driver = "vfs", .dirs = "dir", .files = "", .known = true, .whole_tree = true},
    {.driver = "btrfs",
     .dirs = "subvolumes",
     .files = "",
     .known = true,
     .own_device = true,
     .whole_tree = true},
    {.driver = "zfs"},
    {.driver = NULL},
};

const struct storage_layout *storage_layout_of(const char *storage)
{
    for (const struct storage_layout *l = storage_layouts; l->driver != NULL; l++) {
        if (strcmp(l->driver, storage) == 0)
            return l;
    }
    return NULL;
}

static int open_below(const struct engine_root *root, const char *place, const char *suffix,
                      struct err *err)
{
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s%s", place, root->storage, suffix) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s: path too long", place);
    return engine_open(root, path, O_RDONLY | O_DIRECTORY, err);
}

int storage_open(const struct engine_root *root, const char *suffix, struct err *err)
{
    return open_below(root, root->path, suffix, err);
}

int storage_open_optional(const struct engine_root *root, const char *suffix, int *fd,
                          struct err *err)
{
    struct err why = {0};

    *fd = open_below(root, root->path, suffix, &why);
    return *fd >= 0 || why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
}

int storage_open_run(const struct engine_root *root, const char *suffix, int *fd, struct err *err)
{
    struct err why = {0};

    *fd = -1;
    if (root->run[0] == '\0')
        return 0;
    *fd = open_below(root, root->run, suffix, &why);
    return *fd >= 0 || why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
}

static int token(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    int64_t youngest_ns;

    return storage_token(root, out, &youngest_ns, err);
}

/* ---- documents ------------------------------------------------------------------------------- */

/* Reads <image>/<file>; true where these bytes have the digest. */
static bool read_document(int images, const char *image, const char *file,
                          const struct digest *digest, struct buf *out, struct err *why)
{
    char path[DIGEST_TEXT + STORAGE_BIG_DATA_NAME];
    struct digest found;

    if (snprintf(path, sizeof(path), "%s/%s", image, file) >= (int)sizeof(path) ||
        buf_read_file_at(out, images, path, why) != 0)
        return false;
    found = digest_of(out->data, out->len);
    if (digest_eq(&found, digest))
        return true;
    err_set(why, ERR_CORRUPT, "%s does not have that digest", path);
    return false;
}

/* Which image has it is known to images.json alone. To try each image's directory costs some
 * microseconds an image, and to read that file more. `named`: the file is named by the digest, and
 * other bytes in it are broken ones. */
static int find_document(const struct engine_root *root, int images, const char *file, bool named,
                         const struct digest *digest, struct buf *out, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    struct err worst = {.kind = ERR_NOT_FOUND};

    if (dirlist_read(&list, images, STORAGE_ENTRIES_MAX, root->path, err) != 0)
        return -1;
    for (size_t i = 0; i < list.count; i++) {
        struct err why = {0};

        if (strlen(list.names[i]) != DIGEST_HEX)
            continue;
        if (read_document(images, list.names[i], file, digest, out, &why))
            return 0;
        if (why.kind != ERR_NOT_FOUND && (named || why.kind != ERR_CORRUPT))
            worst = why;
    }
    buf_reset(out);
    if (worst.kind == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "no image here has it");
    return err_set(err, worst.kind, "%s", worst.text);
}

/* Manifests and indexes are kept under their digest, but for the lists that podman makes itself. */
static int find_manifest(const struct engine_root *root, int images, const struct digest *digest,
                         struct buf *out, struct err *err)
{
    char key[DIGEST_TEXT + 16] = "manifest-", file[STORAGE_BIG_DATA_NAME];
    struct err why = {0};

    digest_text(digest, key + strlen(key));
    storage_big_data_name(key, file);
    if (find_document(root, images, file, true, digest, out, &why) == 0)
        return 0;
    if (why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    return find_document(root, images, "manifest", false, digest, out, err);
}

/* The image of a config ordinarily is named by it. */
static int find_config(const struct engine_root *root, int images, const struct digest *digest,
                       struct buf *out, struct err *err)
{
    char text[DIGEST_TEXT], hex[DIGEST_HEX + 1], file[STORAGE_BIG_DATA_NAME];

    storage_big_data_name(digest_text(digest, text), file);
    if (read_document(images, digest_hex(digest, hex), file, digest, out, NULL))
        return 0;
    return find_document(root, images, file, true, digest, out, err);
}

static int document(const struct engine_root *root, enum rec_document_kind kind,
                    const struct digest *digest, struct buf *out, struct err *err)
{
    AUTO_FD int images = storage_open(root, "-images", err);
    char text[DIGEST_TEXT];
    int rc;

    if (images < 0)
        return -1;
    rc = kind == REC_DOC_CONFIG ? find_config(root, images, digest, out, err)
                                : find_manifest(root, images, digest, out, err);
    return rc == 0 ? 0 : err_wrap(err, "document %s", digest_text(digest, text));
}

/* No daemon, and so no socket, which answers() and cross_check() would be asked with. */
const struct engine_driver storage_driver = {
    .name = "containers-storage",
    .gives_manifests = true,
    .find = storage_find,
    .token = token,
    .read = storage_read,
    .watches = storage_watches,
    .document = document,
};
