#include "agent/engines/oci_layout/oci_layout.h"

#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"

#define NS_PER_MS 1000000

/* ---- places ---------------------------------------------------------------------------------- */

/* A layout is found where the configuration says, and nowhere else: any directory may be one. */
static int find(const struct engine_options *options, struct engine_roots *roots, struct err *err)
{
    for (size_t i = 0; i < options->layouts.count; i++) {
        struct engine_root root = {.driver = &oci_layout_driver};

        snprintf(root.host, sizeof(root.host), "%s", options->host_root);
        if (engine_path_set(root.path, options->layouts.items[i], err) != 0 ||
            engine_roots_add(roots, &root, err) != 0)
            return -1;
    }
    return 0;
}

/* Opens <path>/<below> as a directory; -1 with *err. */
static int open_below(const struct engine_root *root, const char *below, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", root->path, below) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s/%s: path too long", root->path, below);
    return engine_open(root, path, O_RDONLY | O_DIRECTORY, err);
}

/* blobs/sha256: -1 and 0 where it is not there. */
static int open_blobs(const struct engine_root *root, int *fd, struct err *err)
{
    struct err why = {0};

    *fd = open_below(root, "blobs/sha256", &why);
    if (*fd >= 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

/* ---- token ----------------------------------------------------------------------------------- */

static int layout_token(const struct engine_root *root, struct engine_token *out,
                        int64_t *youngest_ns, struct err *err)
{
    static const char *const watched[] = {".", "oci-layout", "index.json", "blobs", "blobs/sha256"};
    AUTO_FD int fd = open_below(root, "", err);

    *out = (struct engine_token){0};
    *youngest_ns = 0;
    if (fd < 0)
        return -1;
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        if (pass_token_stat(out, fd, watched[i], youngest_ns, err) != 0)
            return -1;
    }
    return 0;
}

static int token(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    int64_t youngest_ns;

    return layout_token(root, out, &youngest_ns, err);
}

static int watches(const struct engine_root *root, struct engine_paths *out, struct err *err)
{
    char blobs[ENGINE_PATH_MAX];

    if (snprintf(blobs, sizeof(blobs), "%s/blobs/sha256", root->path) >= (int)sizeof(blobs))
        return err_set(err, ERR_LIMIT, "%s: path too long", root->path);
    return engine_paths_add(out, root->path, err) == 0 ? engine_paths_add(out, blobs, err) : -1;
}

/* ---- one pass -------------------------------------------------------------------------------- */

int oci_layout_version_parse(const char *data, size_t len, struct err *err)
{
    AUTO_JSON json_t *document = json_parse(data, len, err);
    const char *version = json_str(document, "imageLayoutVersion");

    if (document == NULL)
        return err_wrap(err, "oci-layout");
    if (version == NULL)
        return err_set(err, ERR_CORRUPT, "oci-layout: no imageLayoutVersion");
    if (strncmp(version, "1.", 2) != 0)
        return err_set(err, ERR_VERSION, "oci-layout: version %.20s, only 1 is read", version);
    return 0;
}

/* Reads a file of the layout; ERR_CORRUPT where it is not there. `stamp` is its own before. */
static int read_file(struct oci_layout_pass *p, const char *name, struct file_stamp *stamp,
                     struct err *err)
{
    struct err why = {0};

    *stamp = file_stamp_at(p->dir, name);
    if (buf_read_file_at(&p->pass.file, p->dir, name, &why) == 0)
        return 0;
    if (why.kind == ERR_NOT_FOUND)
        return err_set(err, ERR_CORRUPT, "no OCI layout: there is no file %s in it", name);
    return err_set(err, why.kind, "%s", why.text);
}

/* Whether the file changed since `stamp` was taken, or so lately that somebody may be at it. */
static bool is_moving(int fd, const char *name, const struct file_stamp *stamp)
{
    struct file_stamp now = file_stamp_at(fd, name);
    int64_t settled_ms = clock_wall_ms() - OCI_LAYOUT_SETTLE_MS;

    return !file_stamp_eq(stamp, &now) || now.ctime_ns > settled_ms * NS_PER_MS;
}

/* Gives -1: the file is broken, as *err says, but ERR_MOVED while it moves. Without it there is no
 * reading, in the last attempt neither. */
static int broken(const struct oci_layout_pass *p, const char *name, const struct file_stamp *stamp,
                  struct err *err)
{
    if (err->kind == ERR_CORRUPT && is_moving(p->dir, name, stamp))
        err->kind = ERR_MOVED;
    return -1;
}

/* Without this file a directory is no layout, whatever else is in it. */
static int check_version(struct oci_layout_pass *p, struct err *err)
{
    struct file_stamp stamp;

    if (read_file(p, "oci-layout", &stamp, err) != 0)
        return -1;
    if (oci_layout_version_parse(buf_str(&p->pass.file), p->pass.file.len, err) != 0)
        return broken(p, "oci-layout", &stamp, err);
    return 0;
}

static int parse_index(struct oci_layout_pass *p, struct err *err)
{
    const struct buf *file = &p->pass.file;

    if (image_manifest_parse(&p->index, buf_str(file), file->len, p->pass.arena, err) != 0)
        return err_wrap(err, "index.json");
    if (p->index.kind != IMAGE_INDEX)
        return err_set(err, ERR_CORRUPT, "index.json: no index");
    return 0;
}

static int read_index(struct oci_layout_pass *p, struct err *err)
{
    struct file_stamp stamp;

    if (read_file(p, "index.json", &stamp, err) != 0)
        return -1;
    return parse_index(p, err) == 0 ? 0 : broken(p, "index.json", &stamp, err);
}

/* index.json as the last reading had it, or read. */
static int take_index(struct oci_layout_pass *p, const struct oci_layout_kept *last,
                      struct err *err)
{
    struct file_stamp stamp = file_stamp_at(p->dir, "index.json");
    int rc;

    if (last != NULL && file_stamp_eq(&last->index_stamp, &stamp))
        rc = image_manifest_copy(&p->index, &last->index, p->pass.arena, err);
    else
        rc = read_index(p, err);
    p->kept->index = p->index;
    p->kept->index_stamp = stamp;
    return rc;
}

/* Other bytes than the digest's are no news of a file that changes right now. */
static int read_blob(void *context, const struct digest *digest, struct buf *out, struct err *err)
{
    struct oci_layout_pass *p = context;
    const struct content_blob *listed = content_blobs_find(&p->look.blobs, digest);
    char name[DIGEST_HEX + 1];
    struct digest found;

    digest_hex(digest, name);
    if (content_blob_read(p->blobs, digest, out, err) != 0)
        return -1;
    if (listed != NULL && !is_moving(p->blobs, name, &listed->stamp))
        return 0;
    found = digest_of(buf_str(out), out->len);
    if (digest_eq(&found, digest))
        return 0;
    err_set(err, ERR_CORRUPT, "its bytes have another digest, and it has only just changed");
    return pass_unsettled(&p->pass, err);
}

static int open_look(struct oci_layout_pass *p, const struct oci_layout_kept *last, struct err *err)
{
    char what[2 * ENGINE_PATH_MAX + 16];
    const struct engine_root *root = p->pass.root;

    snprintf(what, sizeof(what), "%s%s/blobs/sha256", root->host, root->path);
    p->look = (struct content_look){.pass = &p->pass,
                                    .last = last != NULL ? &last->content : NULL,
                                    .read = read_blob,
                                    .context = p,
                                    .complete = true};
    return content_blobs_list(&p->look.blobs, p->blobs, what, p->pass.arena, err);
}

/* What was kept of another layout, as under a path that was replaced, is not this one's. */
static const struct oci_layout_kept *last_kept(const struct pass *p)
{
    if (p->last == NULL || p->last->kept == NULL ||
        !rec_key_eq(&p->last->content.store.key, &p->reading->content.store.key))
        return NULL;
    return p->last->kept;
}

static int run(struct pass *base, struct err *err)
{
    struct oci_layout_pass *p = (struct oci_layout_pass *)base;
    const struct oci_layout_kept *last;

    p->dir = p->blobs = -1;
    p->kept = arena_alloc(base->arena, sizeof(*p->kept), err);
    if (p->kept == NULL || pass_describe(base, base->root->path, err) != 0)
        return -1;
    last = last_kept(base);
    p->dir = open_below(base->root, "", err);
    if (p->dir < 0 || check_version(p, err) != 0 || open_blobs(base->root, &p->blobs, err) != 0 ||
        take_index(p, last, err) != 0 || open_look(p, last, err) != 0 ||
        oci_layout_read_images(p, err) != 0 || oci_layout_read_space(p, err) != 0)
        return -1;
    p->kept->content = content_look_keep(&p->look);
    base->reading->kept = p->kept;
    return 0;
}

static void close_pass(struct pass *base)
{
    struct oci_layout_pass *p = (struct oci_layout_pass *)base;

    cleanup_fd(&p->dir);
    cleanup_fd(&p->blobs);
}

static int read_layout(struct engine_root *root, const struct engine_options *options,
                       const struct engine_reading *last, struct engine_reading **out,
                       struct err *err)
{
    static const struct pass_source source = {
        .size = sizeof(struct oci_layout_pass),
        .patient = true,
        .token = layout_token,
        .run = run,
        .close = close_pass,
    };

    return pass_read(&source, root, options, last, out, err);
}

/* ---- documents ------------------------------------------------------------------------------- */

static int document(const struct engine_root *root, enum rec_document_kind kind,
                    const struct digest *digest, struct buf *out, struct err *err)
{
    AUTO_FD int fd = open_below(root, "blobs/sha256", err);
    char text[DIGEST_TEXT];

    (void)kind; /* all of them are blobs */
    if (fd < 0 || content_blob_verified(fd, digest, out, err) != 0)
        return err_wrap(err, "document %s", digest_text(digest, text));
    return 0;
}

/* There is no daemon, and so no socket that could be asked anything. */
const struct engine_driver oci_layout_driver = {
    .name = "oci-layout",
    .gives_manifests = true,
    .find = find,
    .token = token,
    .read = read_layout,
    .watches = watches,
    .document = document,
};
