/* containerd_read: one pass over one (namespace, snapshotter). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/engines/containerd/containerd_api.h"
#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"

static const struct containerd_layout layouts[] = {
    {.snapshotter = "overlayfs", .files = "fs"},
    {.snapshotter = "fuse-overlayfs", .files = "fs"},
    {.snapshotter = "native", .files = "", .whole_tree = true},
};

const struct containerd_layout *containerd_layout_of(const char *snapshotter)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (strcmp(layouts[i].snapshotter, snapshotter) == 0)
            return &layouts[i];
    }
    return NULL;
}

int containerd_open_below(const struct engine_root *root, const char *below, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", root->path, below) >= (int)sizeof(path))
        return err_set(err, ERR_LIMIT, "%s/%s: path too long", root->path, below);
    return engine_open(root, path, O_RDONLY | O_DIRECTORY, err);
}

int containerd_open_optional(const struct engine_root *root, const char *below, int *fd,
                             struct err *err)
{
    struct err why = {0};

    *fd = containerd_open_below(root, below, &why);
    if (*fd >= 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, "%s", why.text);
}

/* ---- which store it is ----------------------------------------------------------------------- */

/* A namespace in which only containers are (docker's, with a graph driver) is no store. */
size_t containerd_stores_of(const struct containerd_namespace *ns,
                            const char *out[CONTAINERD_SNAPSHOTTERS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < ns->snapshotter_count; i++) {
        if (ns->snapshotters[i].count > 0)
            out[count++] = ns->snapshotters[i].name;
    }
    if (count == 0 && (ns->image_count > 0 || ns->blob_count > 0))
        out[count++] =
            ns->snapshotter_count > 0 ? ns->snapshotters[0].name : CONTAINERD_DEFAULT_SNAPSHOTTER;
    return count;
}

static void settle(struct containerd_pass *p)
{
    const struct engine_root *root = p->base.root;
    size_t before = 0, same_before = 0, same = 0, total = 0;

    for (size_t i = 0; i < p->state->namespace_count; i++) {
        const struct containerd_namespace *ns = &p->state->namespaces[i];
        const char *names[CONTAINERD_SNAPSHOTTERS_MAX];
        size_t count = containerd_stores_of(ns, names);
        bool earlier = strcmp(ns->name, root->space) < 0;

        for (size_t j = 0; j < count; j++) {
            bool is_same = strcmp(names[j], root->storage) == 0;

            total++;
            same += is_same;
            before += earlier;
            same_before += earlier && is_same;
        }
        if (ns == p->ns)
            p->first_of_namespace = count == 0 || strcmp(names[0], root->storage) == 0;
    }
    p->first = before == 0 && p->first_of_namespace;
    p->first_of_snapshotter = same_before == 0;
    p->alone = total <= 1;
    p->alone_snapshotter = same <= 1;
}

/* A namespace that has gone is an empty store, until the next find. */
static void choose(struct containerd_pass *p)
{
    static const struct containerd_namespace no_namespace = {.name = ""};
    static const struct containerd_snapshotter no_snapshotter = {.name = ""};

    p->ns = containerd_namespace_of(p->state, p->base.root->space);
    if (p->ns == NULL)
        p->ns = &no_namespace;
    p->snapshotter = containerd_snapshotter_of(p->ns, p->base.root->storage);
    if (p->snapshotter == NULL)
        p->snapshotter = &no_snapshotter;
    settle(p);
}

static int take_problems(struct containerd_pass *p, struct err *err)
{
    for (size_t i = 0; i < p->ns->problem_count; i++) {
        const struct rec_problem *problem = &p->ns->problems[i];

        if (pass_problem(&p->base, err, problem->subject, "%s", problem->text) != 0)
            return -1;
    }
    p->base.problems_more += p->ns->problems_more;
    p->base.vanished += p->ns->unjoined;
    return 0;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

/* A blob that containerd knows and that is not there, or not whole: its digest could not be right
 * any more, and nothing but the size tells that without reading all of it. */
static int check_blob(struct containerd_pass *p, const struct containerd_blob *blob,
                      const struct content_blob *file, struct err *err)
{
    char subject[DIGEST_TEXT + 16] = "blob ";

    digest_text(&blob->digest, subject + strlen(subject));
    if (file == NULL) {
        p->base.vanished++;
        return pass_problem(&p->base, err, subject, "its file is not there");
    }
    if (file->size != blob->size)
        return pass_problem(&p->base, err, subject, "its file has %llu bytes of %llu",
                            (unsigned long long)file->size, (unsigned long long)blob->size);
    return 0;
}

/* What the API lists has no file to look at: its bytes are those of its digest. */
static struct content_blob listed_blob(const struct containerd_blob *blob)
{
    return (struct content_blob){.digest = blob->digest,
                                 .stamp = {.inode = 1, .size = (int64_t)blob->size},
                                 .size = blob->size};
}

/* Of all files, those that this namespace knows. */
static int narrow_blobs(struct containerd_pass *p, struct err *err)
{
    struct content_blobs *mine = &p->look.blobs;

    mine->items = arena_array(p->base.arena, p->ns->blob_count, sizeof(*mine->items), err);
    if (mine->items == NULL)
        return -1;
    for (size_t i = 0; i < p->ns->blob_count; i++) {
        const struct containerd_blob *blob = &p->ns->blobs[i];
        const struct content_blob *file = content_blobs_find(&p->all, &blob->digest);

        if (p->base.root->by_api)
            mine->items[mine->count++] = listed_blob(blob);
        else if (check_blob(p, blob, file, err) != 0)
            return -1;
        else if (file != NULL)
            mine->items[mine->count++] = *file;
    }
    return 0;
}

static int read_content(void *context, const struct digest *digest, struct buf *out,
                        struct err *err)
{
    struct containerd_pass *p = context;

    if (p->state->content != NULL)
        return p->state->content(p->state, digest, out, err);
    return content_blob_read(p->content_fd, digest, out, err);
}

int containerd_list_blobs(struct containerd_pass *p, struct err *err)
{
    cleanup_fd(&p->content_fd);
    p->content_fd = -1;
    if (containerd_open_optional(p->base.root, CONTAINERD_CONTENT "/blobs/sha256", &p->content_fd,
                                 err) != 0)
        return -1;
    return content_blobs_list(&p->all, p->content_fd, CONTAINERD_CONTENT, p->base.arena, err);
}

static int read_blobs(struct containerd_pass *p, struct err *err)
{
    p->look.pass = &p->base;
    p->look.read = read_content;
    p->look.context = p;
    p->look.last = p->last != NULL ? &p->last->content : NULL;
    if (!p->base.root->by_api && containerd_list_blobs(p, err) != 0)
        return -1;
    return narrow_blobs(p, err);
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* Where not even the metadata's directory can be seen, the store is told by its names. */
static void name_unseen(struct containerd_pass *p)
{
    const struct engine_root *root = p->base.root;
    char text[ENGINE_PATH_MAX + 256];
    struct digest digest;
    struct rec_key *key = &p->base.reading->content.store.key;
    int len = snprintf(text, sizeof(text), "%s\n%s\n%s", root->path, root->storage, root->space);

    digest = digest_of(text, (size_t)len);
    memcpy(key->bytes, digest.bytes, sizeof(key->bytes));
    p->base.reading->use.key = *key;
    p->base.reading->origins.key = *key;
}

static int describe(struct containerd_pass *p, struct err *err)
{
    struct err why = {0};
    const char *metadata =
        pass_text(&p->base, err, "%s/%s", p->base.root->path, CONTAINERD_METADATA);

    if (metadata == NULL)
        return -1;
    if (pass_describe(&p->base, metadata, &why) == 0)
        return 0;
    if (!p->base.root->by_api)
        return err_set(err, why.kind, "%s", why.text);
    if (pass_name(&p->base, err) != 0)
        return -1;
    name_unseen(p);
    return 0;
}

static int read_files(struct containerd_pass *p, struct err *err)
{
    const struct engine_root *root = p->base.root;

    if (p->stands) {
        p->state = p->last->state;
        p->keys = p->last->keys;
        arena_share(p->state->arena); /* close_pass() ends this part in it */
    } else if (containerd_state_read(&p->state, &p->keys, &p->versions, root, root->storage, err) !=
               0) {
        return -1;
    }
    p->base.reading->layers = arena_share(p->state->arena);
    return 0;
}

static int read_state(struct containerd_pass *p, struct err *err)
{
    struct engine_root *root = p->base.root;

    if (!root->by_api)
        return read_files(p, err);
    if (containerd_api_state(root, p->base.options, &p->state, err) != 0)
        return -1;
    snprintf(root->version, sizeof(root->version), "%s", p->state->version);
    return 0;
}

static int read_anew(struct containerd_pass *p, struct err *err)
{
    if (take_problems(p, err) != 0 || read_blobs(p, err) != 0 ||
        containerd_read_images(p, err) != 0 || containerd_read_layers(p, err) != 0 ||
        containerd_read_origins(p, err) != 0)
        return -1;
    p->base.reading->kept = containerd_keep(p, err);
    return p->base.reading->kept != NULL ? 0 : -1;
}

/* What follows from files alone goes into the state's arena, so that later readings can have it. */
static int read_lasting(struct containerd_pass *p, struct err *err)
{
    struct arena *own = p->base.arena;
    int rc = 0;

    if (p->stands) {
        p->base.reading->kept = p->last;
    } else {
        p->base.arena = p->base.root->by_api ? own : p->state->arena;
        rc = read_anew(p, err);
        p->base.arena = own;
    }
    return rc == 0 ? containerd_take(p, p->base.reading->kept, err) : -1;
}

static int run(struct pass *base, struct err *err)
{
    struct containerd_pass *p = (struct containerd_pass *)base;

    p->content_fd = -1;
    if (containerd_recall(p, err) != 0 || read_state(p, err) != 0 || describe(p, err) != 0)
        return -1;
    choose(p);
    p->layout = containerd_layout_of(base->root->storage);
    if (read_lasting(p, err) != 0 || containerd_read_use(p, err) != 0)
        return -1;
    return containerd_read_space(p, err);
}

static void close_pass(struct pass *base)
{
    struct containerd_pass *p = (struct containerd_pass *)base;

    containerd_state_close(&p->state);
    cleanup_fd(&p->content_fd);
}

int containerd_read(struct engine_root *root, const struct engine_options *options,
                    const struct engine_reading *last, struct engine_reading **out, struct err *err)
{
    static const struct pass_source source = {
        .size = sizeof(struct containerd_pass),
        .token = containerd_token,
        .run = run,
        .close = close_pass,
    };

    return pass_read(&source, root, options, last, out, err);
}
