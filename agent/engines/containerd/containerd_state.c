/* containerd_state: building and looking up the state of one containerd, whatever it comes from. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/json.h"

#define STATE_ARENA_BYTES ((size_t)512 << 20)

#define LABEL_UNCOMPRESSED "containerd.io/uncompressed"
#define LABEL_SOURCE "containerd.io/distribution.source."
#define LABEL_SNAPSHOT "containerd.io/gc.ref.snapshot."

int containerd_state_open(struct containerd_state **out, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct containerd_state *state;

    if (arena_open(&arena, STATE_ARENA_BYTES, err) != 0)
        return -1;
    state = arena_alloc(arena, sizeof(*state), err);
    if (state == NULL)
        return -1;
    state->version = "";
    state->arena = steal(&arena);
    *out = state;
    return 0;
}

void containerd_state_close(struct containerd_state **state)
{
    struct containerd_state *s = *state;
    struct arena *arena;

    *state = NULL;
    if (s == NULL)
        return;
    if (s->close != NULL)
        s->close(s);
    arena = s->arena; /* the state itself lies in it */
    arena_close(&arena);
}

void *containerd_add(struct containerd_state *state, void *items, size_t count, size_t size,
                     size_t max, struct err *err)
{
    void *grown = NULL, *old;

    memcpy(&old, items, sizeof(old)); /* a pointer of any type */
    if (count >= max) {
        err_set(err, ERR_LIMIT, "more than %zu entries of one kind", max);
        return NULL;
    }
    if (count > 0 && (count & (count - 1)) != 0) /* there is room up to the next power of two */
        return (char *)old + count * size;
    grown = arena_array(state->arena, count == 0 ? 1 : 2 * count, size, err);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, old, count * size);
    memcpy(items, &grown, sizeof(grown));
    return (char *)grown + count * size;
}

const char *containerd_text(struct containerd_state *state, const void *data, size_t len,
                            struct err *err)
{
    const char *text = len > 0 ? data : "";

    if (len <= CONTAINERD_TEXT_BYTES && rec_text_fault(text, len, false) == len)
        return arena_text(state->arena, text, len, err);
    return rec_text_clean(state->arena, text, len, CONTAINERD_TEXT_BYTES, false, err);
}

int containerd_state_problem(struct containerd_state *state, struct containerd_namespace *ns,
                             struct err *err, const char *subject, const char *fmt, ...)
{
    struct rec_problem *problem;
    char text[ERR_TEXT_MAX];
    va_list args;

    if (ns->problem_count >= REC_PROBLEMS_MAX) {
        ns->problems_more++;
        return 0;
    }
    problem = containerd_add(state, &ns->problems, ns->problem_count, sizeof(*problem),
                             REC_PROBLEMS_MAX, err);
    if (problem == NULL)
        return -1;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    problem->subject = containerd_text(state, subject, strlen(subject), err);
    problem->text = containerd_text(state, text, strlen(text), err);
    if (problem->subject == NULL || problem->text == NULL)
        return -1;
    ns->problem_count++;
    return 0;
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Each of these structs begins with the text that it is sorted by. */
static int compare_texts(const void *a, const void *b)
{
    const char *x, *y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return strcmp(x, y);
}

_Static_assert(offsetof(struct containerd_image, name) == 0, "sorted by its first field");
_Static_assert(offsetof(struct containerd_snapshot, key) == 0, "sorted by its first field");
_Static_assert(offsetof(struct containerd_snapshotter, name) == 0, "sorted by its first field");
_Static_assert(offsetof(struct containerd_namespace, name) == 0, "sorted by its first field");

static int compare_blobs(const void *a, const void *b)
{
    const struct containerd_blob *x = a, *y = b;

    return digest_cmp(&x->digest, &y->digest);
}

/* Sorts and drops equals; the new count. From a sorted source, as bolt is, nothing moves. */
static size_t sort(void *items, size_t count, size_t size,
                   int (*compare)(const void *, const void *))
{
    char *at = items;
    size_t kept = 0;

    if (count > 1)
        qsort(items, count, size, compare);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare(at + (kept - 1) * size, at + i * size) == 0)
            continue;
        if (kept != i)
            memcpy(at + kept * size, at + i * size, size);
        kept++;
    }
    return kept;
}

static void sort_namespace(struct containerd_namespace *ns)
{
    ns->image_count = sort(ns->images, ns->image_count, sizeof(*ns->images), compare_texts);
    ns->blob_count = sort(ns->blobs, ns->blob_count, sizeof(*ns->blobs), compare_blobs);
    for (size_t i = 0; i < ns->snapshotter_count; i++) {
        struct containerd_snapshotter *s = &ns->snapshotters[i];

        s->count = sort(s->snapshots, s->count, sizeof(*s->snapshots), compare_texts);
    }
    ns->snapshotter_count =
        sort(ns->snapshotters, ns->snapshotter_count, sizeof(*ns->snapshotters), compare_texts);
}

void containerd_state_sort(struct containerd_state *state)
{
    for (size_t i = 0; i < state->namespace_count; i++)
        sort_namespace(&state->namespaces[i]);
    state->namespace_count =
        sort(state->namespaces, state->namespace_count, sizeof(*state->namespaces), compare_texts);
}

static void *find_text(const void *items, size_t count, size_t size, const char *text)
{
    return count > 0 ? bsearch(&text, items, count, size, compare_texts) : NULL;
}

struct containerd_namespace *containerd_namespace_of(const struct containerd_state *state,
                                                     const char *name)
{
    return find_text(state->namespaces, state->namespace_count, sizeof(*state->namespaces), name);
}

const struct containerd_image *containerd_image_of(const struct containerd_namespace *ns,
                                                   const char *name)
{
    return find_text(ns->images, ns->image_count, sizeof(*ns->images), name);
}

const struct containerd_snapshotter *
containerd_snapshotter_of(const struct containerd_namespace *ns, const char *name)
{
    return find_text(ns->snapshotters, ns->snapshotter_count, sizeof(*ns->snapshotters), name);
}

const struct containerd_snapshot *
containerd_snapshot_of(const struct containerd_snapshotter *snapshotter, const char *key)
{
    return find_text(snapshotter->snapshots, snapshotter->count, sizeof(*snapshotter->snapshots),
                     key);
}

const struct containerd_blob *containerd_blob_of(const struct containerd_namespace *ns,
                                                 const struct digest *digest)
{
    const struct containerd_blob key = {.digest = *digest};

    if (ns->blob_count == 0)
        return NULL;
    return bsearch(&key, ns->blobs, ns->blob_count, sizeof(*ns->blobs), compare_blobs);
}

/* ---- labels ---------------------------------------------------------------------------------- */

const char *containerd_label_of(const struct containerd_labels *labels, const char *key)
{
    for (size_t i = 0; i < labels->count; i++) {
        if (strcmp(labels->items[i].key, key) == 0)
            return labels->items[i].value;
    }
    return NULL;
}

static bool begins_with(const char *key, size_t len, const char *prefix)
{
    return len > strlen(prefix) && memcmp(key, prefix, strlen(prefix)) == 0;
}

static bool equals(const char *key, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(key, text, len) == 0;
}

bool containerd_label_wanted(const char *key, size_t len)
{
    return equals(key, len, LABEL_UNCOMPRESSED) || begins_with(key, len, LABEL_SOURCE) ||
           begins_with(key, len, LABEL_SNAPSHOT);
}

int containerd_container_label(struct containerd_state *state, struct containerd_container *c,
                               const char *key, size_t key_len, const char *value, size_t value_len,
                               struct err *err)
{
    const struct {
        const char *label;
        const char **field;
    } kept[] = {
        {"io.kubernetes.container.name", &c->name},
        {"nerdctl/name", &c->name},
        {"io.kubernetes.pod.name", &c->kube_pod},
        {"io.kubernetes.pod.namespace", &c->kube_namespace},
    };

    if (equals(key, key_len, "io.cri-containerd.kind"))
        c->sandbox = equals(value, value_len, "sandbox");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (!equals(key, key_len, kept[i].label))
            continue;
        *kept[i].field =
            rec_text_clean(state->arena, value, value_len, CONTAINERD_NAME_BYTES, false, err);
        if (*kept[i].field == NULL)
            return -1;
    }
    return 0;
}

/* ---- CRI's record of a container ------------------------------------------------------------- */

/* A protobuf varint; false where it is cut off or too long. */
static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        *out |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* Field 2 of google.protobuf.Any: both of its fields are runs of bytes. */
static bool any_value(const uint8_t *at, size_t len, const uint8_t **out, size_t *out_len)
{
    const uint8_t *end = at + len;
    uint64_t tag, size;

    while (at < end) {
        if (!read_varint(&at, end, &tag) || (tag & 7) != 2 || !read_varint(&at, end, &size) ||
            size > (uint64_t)(end - at))
            return false;
        if (tag >> 3 == 2) {
            *out = at;
            *out_len = (size_t)size;
            return true;
        }
        at += size;
    }
    return false;
}

void containerd_container_extension(struct containerd_container *c, const char *key, size_t key_len,
                                    const void *value, size_t value_len)
{
    AUTO_JSON json_t *document = NULL;
    const uint8_t *json;
    const char *image;
    size_t len;

    if (!equals(key, key_len, "io.cri-containerd.container.metadata") || value_len == 0 ||
        !any_value(value, value_len, &json, &len))
        return;
    document = json_parse((const char *)json, len, NULL);
    image = json_str(json_obj(document, "Metadata"), "ImageRef");
    c->has_image_id =
        image != NULL && digest_parse(&c->image_id, image, strlen(image), false, NULL) == 0;
}
