#include "agent/engines/containerd/containerd_db.h"

#include <stdio.h>

#define SCHEMA "v1" /* the outermost bucket; the schema's minor version inside does not matter */

/* ---- numbers --------------------------------------------------------------------------------- */

/* A signed number, which is zigzag. False for a negative one: no size is. */
static bool read_varint(struct bolt_bytes bytes, uint64_t *out)
{
    if (!bolt_uvarint(bytes, out) || (*out & 1) != 0)
        return false;
    *out >>= 1;
    return true;
}

/* ---- texts and buckets ----------------------------------------------------------------------- */

static const char *text_of(struct containerd_state *state, struct bolt_bytes bytes, struct err *err)
{
    return containerd_text(state, bytes.data, bytes.len, err);
}

/* A value that may be absent: "" then. */
static int optional_text(struct containerd_state *state, const struct bolt_bucket *in,
                         const char *name, const char **out, struct err *err)
{
    struct bolt_bytes bytes = {0};
    struct err why = {0};

    if (bolt_get(&bytes, in, name, &why) != 0 && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    *out = text_of(state, bytes, err);
    return *out != NULL ? 0 : -1;
}

/* A bucket that may be absent, as each is until something is put into it. */
static int optional_bucket(struct bolt_bucket *out, const struct bolt_bucket *in, const char *name,
                           bool *here, struct err *err)
{
    struct err why = {0};

    *here = bolt_bucket(out, in, name, &why) == 0;
    if (!*here && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    return 0;
}

/* One kind of thing in a namespace: `each` is called with every bucket below `path`. */
struct walker {
    struct containerd_state *state;
    struct containerd_namespace *ns;
    struct containerd_snapshotter *snapshotter; /* of snapshots */
};

typedef int each_fn(struct walker *w, const struct bolt_entry *entry, struct err *err);

static int each_bucket(struct walker *w, const struct bolt_bucket *in, each_fn *each,
                       struct err *err)
{
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    int rc;

    bolt_walk(&cursor, in);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        if (entry.is_bucket && each(w, &entry, err) != 0)
            return -1;
    }
    return rc;
}

static int each_below(struct walker *w, const struct bolt_bucket *in, const char *name,
                      each_fn *each, struct err *err)
{
    struct bolt_bucket bucket;
    bool here;

    if (optional_bucket(&bucket, in, name, &here, err) != 0)
        return -1;
    return here ? each_bucket(w, &bucket, each, err) : 0;
}

/* Names a broken entry by its kind and key. */
static int broken(struct walker *w, const char *kind, struct bolt_bytes key, const char *what,
                  struct err *err)
{
    char subject[320];

    snprintf(subject, sizeof(subject), "%s %.*s", kind, key.len < 256 ? (int)key.len : 256,
             (const char *)key.data);
    return containerd_state_problem(w->state, w->ns, err, subject, "%s", what);
}

/* Whether an entry of its own is broken; the file as such is not, and the others go on. */
static bool is_entry_fault(const struct err *why)
{
    return why->kind == ERR_NOT_FOUND;
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Why the target is none; NULL where it is one. */
static const char *read_target(struct walker *w, const struct bolt_bucket *target,
                               struct containerd_image *image, struct err *err)
{
    struct bolt_bytes digest = {0}, size = {0};

    if (bolt_get(&digest, target, "digest", err) != 0)
        return is_entry_fault(err) ? "its target has no digest" : NULL;
    if (digest_parse(&image->target, (const char *)digest.data, digest.len, false, NULL) != 0)
        return "its target is no sha256 digest";
    if (bolt_get(&size, target, "size", NULL) != 0 || !read_varint(size, &image->size))
        return "its target has no valid size";
    optional_text(w->state, target, "mediatype", &image->media_type, err);
    return NULL;
}

static int read_image(struct walker *w, const struct bolt_entry *entry, struct err *err)
{
    struct containerd_image image = {0}, *slot;
    struct bolt_bucket target;
    struct err why = {0};
    const char *fault;

    if (bolt_bucket(&target, &entry->bucket, "target", &why) != 0)
        fault = is_entry_fault(&why) ? "it has no target" : NULL;
    else
        fault = read_target(w, &target, &image, &why);
    if (fault != NULL)
        return broken(w, "image", entry->key, fault, err);
    if (why.kind != ERR_NONE)
        return err_set(err, why.kind, "%s", why.text);
    image.name = text_of(w->state, entry->key, err);
    slot = containerd_add(w->state, &w->ns->images, w->ns->image_count, sizeof(*slot),
                          CONTAINERD_IMAGES_MAX, err);
    if (image.name == NULL || slot == NULL)
        return -1;
    *slot = image;
    w->ns->image_count++;
    return 0;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

static int add_label(struct containerd_state *state, struct containerd_labels *labels,
                     const struct bolt_entry *entry, struct err *err)
{
    struct containerd_label *label;

    if (labels->count == CONTAINERD_LABELS_MAX)
        return 0;
    label = containerd_add(state, &labels->items, labels->count, sizeof(*label),
                           CONTAINERD_LABELS_MAX, err);
    if (label == NULL)
        return -1;
    label->key = text_of(state, entry->key, err);
    label->value = text_of(state, entry->value, err);
    if (label->key == NULL || label->value == NULL)
        return -1;
    labels->count++;
    return 0;
}

static int read_labels(struct containerd_state *state, const struct bolt_bucket *in,
                       struct containerd_labels *out, struct err *err)
{
    struct bolt_bucket bucket;
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    bool here;
    int rc;

    if (optional_bucket(&bucket, in, "labels", &here, err) != 0)
        return -1;
    if (!here)
        return 0;
    bolt_walk(&cursor, &bucket);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        if (!entry.is_bucket &&
            containerd_label_wanted((const char *)entry.key.data, entry.key.len) &&
            add_label(state, out, &entry, err) != 0)
            return -1;
    }
    return rc;
}

static int read_blob(struct walker *w, const struct bolt_entry *entry, struct err *err)
{
    struct containerd_blob blob = {0}, *slot;
    struct bolt_bytes size;

    if (digest_parse(&blob.digest, (const char *)entry->key.data, entry->key.len, false, NULL) != 0)
        return broken(w, "blob", entry->key, "its name is no sha256 digest", err);
    if (bolt_get(&size, &entry->bucket, "size", NULL) != 0 || !read_varint(size, &blob.size))
        return broken(w, "blob", entry->key, "it has no valid size", err);
    slot = containerd_add(w->state, &w->ns->blobs, w->ns->blob_count, sizeof(*slot),
                          CONTAINERD_BLOBS_MAX, err);
    if (slot == NULL || read_labels(w->state, &entry->bucket, &blob.labels, err) != 0)
        return -1;
    *slot = blob;
    w->ns->blob_count++;
    return 0;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static int read_snapshot(struct walker *w, const struct bolt_entry *entry, struct err *err)
{
    struct containerd_snapshotter *s = w->snapshotter;
    struct containerd_snapshot *slot;

    slot = containerd_add(w->state, &s->snapshots, s->count, sizeof(*slot),
                          CONTAINERD_SNAPSHOTS_MAX, err);
    if (slot == NULL || optional_text(w->state, &entry->bucket, "name", &slot->name, err) != 0 ||
        optional_text(w->state, &entry->bucket, "parent", &slot->parent, err) != 0)
        return -1;
    slot->key = text_of(w->state, entry->key, err);
    if (slot->key == NULL)
        return -1;
    if (slot->name[0] == '\0')
        return broken(w, "snapshot", entry->key, "it has no name", err);
    s->count++;
    return 0;
}

static int read_snapshotter(struct walker *w, const struct bolt_entry *entry, struct err *err)
{
    struct containerd_snapshotter *slot;

    slot = containerd_add(w->state, &w->ns->snapshotters, w->ns->snapshotter_count, sizeof(*slot),
                          CONTAINERD_SNAPSHOTTERS_MAX, err);
    if (slot == NULL)
        return -1;
    slot->name = text_of(w->state, entry->key, err);
    if (slot->name == NULL)
        return -1;
    w->ns->snapshotter_count++;
    w->snapshotter = slot;
    return each_bucket(w, &entry->bucket, read_snapshot, err);
}

/* ---- containers ------------------------------------------------------------------------------ */

static int read_container_labels(struct containerd_state *state, const struct bolt_bucket *in,
                                 struct containerd_container *c, struct err *err)
{
    struct bolt_bucket bucket;
    struct bolt_cursor cursor;
    struct bolt_entry e;
    bool here;
    int rc;

    if (optional_bucket(&bucket, in, "labels", &here, err) != 0)
        return -1;
    if (!here)
        return 0;
    bolt_walk(&cursor, &bucket);
    while ((rc = bolt_next(&cursor, &e, err)) == 1) {
        if (containerd_container_label(state, c, (const char *)e.key.data, e.key.len,
                                       (const char *)e.value.data, e.value.len, err) != 0)
            return -1;
    }
    return rc;
}

static int read_extensions(const struct bolt_bucket *in, struct containerd_container *c,
                           struct err *err)
{
    struct bolt_bucket bucket;
    struct bolt_cursor cursor;
    struct bolt_entry e;
    bool here;
    int rc;

    if (optional_bucket(&bucket, in, "extensions", &here, err) != 0)
        return -1;
    if (!here)
        return 0;
    bolt_walk(&cursor, &bucket);
    while ((rc = bolt_next(&cursor, &e, err)) == 1)
        containerd_container_extension(c, (const char *)e.key.data, e.key.len, e.value.data,
                                       e.value.len);
    return rc;
}

static int read_container(struct walker *w, const struct bolt_entry *entry, struct err *err)
{
    const struct bolt_bucket *in = &entry->bucket;
    struct containerd_container c = {.name = "", .kube_namespace = "", .kube_pod = ""}, *slot;

    c.id = text_of(w->state, entry->key, err);
    slot = containerd_add(w->state, &w->ns->containers, w->ns->container_count, sizeof(*slot),
                          REC_CONTAINERS_MAX, err);
    if (c.id == NULL || slot == NULL || optional_text(w->state, in, "image", &c.image, err) != 0 ||
        optional_text(w->state, in, "snapshotter", &c.snapshotter, err) != 0 ||
        optional_text(w->state, in, "snapshotKey", &c.snapshot_key, err) != 0 ||
        read_container_labels(w->state, in, &c, err) != 0 || read_extensions(in, &c, err) != 0)
        return -1;
    *slot = c;
    w->ns->container_count++;
    return 0;
}

/* ---- the whole file -------------------------------------------------------------------------- */

static int read_blobs(struct walker *w, const struct bolt_bucket *in, struct err *err)
{
    struct bolt_bucket content;
    bool here;

    if (optional_bucket(&content, in, "content", &here, err) != 0)
        return -1;
    return here ? each_below(w, &content, "blob", read_blob, err) : 0;
}

static int read_namespace(struct walker *w, const struct bolt_entry *entry, struct err *err)
{
    const struct bolt_bucket *in = &entry->bucket;
    struct containerd_namespace *ns;

    ns = containerd_add(w->state, &w->state->namespaces, w->state->namespace_count, sizeof(*ns),
                        CONTAINERD_NAMESPACES_MAX, err);
    if (ns == NULL)
        return -1;
    ns->name = text_of(w->state, entry->key, err);
    if (ns->name == NULL)
        return -1;
    w->state->namespace_count++;
    w->ns = ns;
    if (each_below(w, in, "images", read_image, err) != 0 || read_blobs(w, in, err) != 0 ||
        each_below(w, in, "snapshots", read_snapshotter, err) != 0 ||
        each_below(w, in, "containers", read_container, err) != 0)
        return err_wrap(err, "namespace %s", ns->name);
    return 0;
}

int containerd_db_state(struct containerd_state *state, struct bolt *db, struct err *err)
{
    struct walker w = {.state = state};
    struct bolt_bucket root;

    if (bolt_root(&root, db, err) != 0 || each_below(&w, &root, SCHEMA, read_namespace, err) != 0)
        return -1;
    containerd_state_sort(state);
    return 0;
}
