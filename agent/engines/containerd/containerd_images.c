/* containerd_images: a namespace's image records, and what each leads to. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define LABEL_SOURCE "containerd.io/distribution.source."
/* Docker's name for an image that has none, so that containerd keeps it. */
#define DANGLING "moby-dangling@"

/* ---- names ----------------------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* CRI writes each image three times: by tag, by repo digest, and by ID. A repo digest has the full
 * name; "import-2024-01-02@sha256:..." is what `ctr images import` calls an image without one. */
void containerd_name_parse(struct containerd_name *out, const struct containerd_image *record)
{
    char normal[IMAGEREF_MAX + 1];
    struct imageref ref;
    struct digest id;

    *out = (struct containerd_name){.is_name = true};
    if (begins_with(record->name, DANGLING) ||
        digest_parse(&id, record->name, strlen(record->name), false, NULL) == 0)
        out->is_name = false;
    if (!out->is_name || imageref_parse(&ref, record->name, NULL) != 0 ||
        strcmp(imageref_text(&ref, normal), record->name) != 0 ||
        imageref_repository(normal, out->repository) != 0)
        return;
    out->is_repository = ref.has_digest && digest_eq(&ref.digest, &record->target);
    out->is_name = !out->is_repository;
}

/* Whether "a,b,c" has the text as one of its parts. */
static bool lists(const char *list, const char *text)
{
    size_t len = strlen(text);

    for (;;) {
        const char *end = strchrnul(list, ',');

        if ((size_t)(end - list) == len && memcmp(list, text, len) == 0)
            return true;
        if (*end == '\0')
            return false;
        list = end + 1;
    }
}

/* The label's key has the registry's host, and by some clients (ctr, CRI) without its port. */
static bool is_host(const char *host, const char *registry, size_t registry_len)
{
    size_t len = strlen(host);
    const char *port = memchr(registry, ':', registry_len);

    if (len == registry_len && memcmp(host, registry, len) == 0)
        return true;
    return port != NULL && len == (size_t)(port - registry) && memcmp(host, registry, len) == 0;
}

bool containerd_source_is(const struct containerd_labels *labels, const char *repository)
{
    const char *path = strchr(repository, '/');

    for (size_t i = 0; path != NULL && i < labels->count; i++) {
        const struct containerd_label *label = &labels->items[i];

        if (begins_with(label->key, LABEL_SOURCE) &&
            is_host(label->key + strlen(LABEL_SOURCE), repository, (size_t)(path - repository)) &&
            lists(label->value, path + 1))
            return true;
    }
    return false;
}

/* ---- records --------------------------------------------------------------------------------- */

/* A tag alone says nothing about a registry: `ctr images tag` gives any name to any image. That the
 * document was fetched from there does. */
static bool came_from(const struct containerd_pass *p, const struct containerd_image *record,
                      const char *repository)
{
    const struct containerd_blob *blob = containerd_blob_of(p->ns, &record->target);

    return repository[0] != '\0' && blob != NULL && containerd_source_is(&blob->labels, repository);
}

/* Whether an image of the namespace belongs to this one of its stores: where its layers are, or
 * to the first one when they are nowhere. */
static bool is_listed(const struct containerd_pass *p, const struct content_image *image,
                      bool unpacked)
{
    char key[DIGEST_TEXT];

    if (unpacked || (image->diff_count == 0 && p->first_of_namespace))
        return true;
    for (size_t i = 0; i < p->ns->snapshotter_count && image->diff_count > 0; i++) {
        digest_text(&image->chains[image->diff_count - 1], key);
        if (containerd_snapshot_of(&p->ns->snapshotters[i], key) != NULL &&
            &p->ns->snapshotters[i] != p->snapshotter)
            return false;
    }
    return p->first_of_namespace;
}

static void add_top(struct containerd_pass *p, const struct content_image *image)
{
    struct containerd_top *top = &p->tops[p->top_count];

    if (image->identity != REC_BY_CONFIG || image->diff_count == 0)
        return;
    *top =
        (struct containerd_top){.chain = image->chains[image->diff_count - 1], .image = image->id};
    p->top_count++;
}

static int put_image(struct containerd_pass *p, struct content_records *records,
                     const struct containerd_image *record, const struct content_image *image,
                     struct err *err)
{
    bool unpacked = image->identity == REC_BY_CONFIG && containerd_is_unpacked(p, image);
    struct containerd_name parsed;
    const char *name = NULL, *repository = NULL;

    if (!is_listed(p, image, unpacked))
        return 0;
    containerd_name_parse(&parsed, record);
    if (parsed.is_name)
        name = arena_text(p->base.arena, record->name, strlen(record->name), err);
    if (parsed.is_repository || came_from(p, record, parsed.repository))
        repository = arena_text(p->base.arena, parsed.repository, strlen(parsed.repository), err);
    if ((name == NULL && parsed.is_name) ||
        content_records_put(records, image, unpacked, name, repository, &record->target, err) != 0)
        return -1;
    add_top(p, image);
    return 0;
}

/* A name that leads to nothing that can be read is still a name. */
static int put_unread(struct containerd_pass *p, struct content_records *records,
                      const struct containerd_image *record, struct err *err)
{
    const struct content_image image = {
        .id = record->target, .identity = REC_BY_MANIFEST, .manifest = record->target};

    return put_image(p, records, record, &image, err);
}

/* The record's own document is not here. */
static int put_absent(struct containerd_pass *p, struct content_records *records,
                      const struct containerd_image *record, struct err *err)
{
    char subject[320], text[DIGEST_TEXT];

    snprintf(subject, sizeof(subject), "image %.256s", record->name);
    if (pass_problem(&p->base, err, subject, "%s, which it leads to, is not there",
                     digest_text(&record->target, text)) != 0)
        return -1;
    return put_unread(p, records, record, err);
}

static int put_target(struct containerd_pass *p, struct content_records *records,
                      const struct containerd_target *target, struct err *err)
{
    if (!target->found.here)
        return put_absent(p, records, target->record, err);
    if (target->found.image_count == 0 && target->found.attestations == 0)
        return put_unread(p, records, target->record, err);
    for (size_t i = 0; i < target->found.image_count; i++) {
        if (put_image(p, records, target->record, &target->found.images[i], err) != 0)
            return -1;
    }
    return 0;
}

static int compare_tops(const void *a, const void *b)
{
    const struct containerd_top *x = a, *y = b;
    int order = digest_cmp(&x->chain, &y->chain);

    return order != 0 ? order : digest_cmp(&x->image, &y->image);
}

static int put_all(struct containerd_pass *p, struct content_records *records, struct err *err)
{
    size_t room = 0;

    for (size_t i = 0; i < p->ns->image_count; i++)
        room += p->targets[i].found.image_count;
    p->tops = arena_array(p->base.arena, room, sizeof(*p->tops), err);
    if (p->tops == NULL)
        return -1;
    for (size_t i = 0; i < p->ns->image_count; i++) {
        if (put_target(p, records, &p->targets[i], err) != 0)
            return -1;
    }
    if (p->top_count > 0)
        qsort(p->tops, p->top_count, sizeof(*p->tops), compare_tops);
    return content_records_finish(records, err);
}

/* ---- the step -------------------------------------------------------------------------------- */

/* Which snapshots hold a layer each: what is_unpacked() looks at. */
static int read_chains(struct containerd_pass *p, struct err *err)
{
    const struct containerd_snapshotter *s = p->snapshotter;

    p->layers = arena_array(p->base.arena, s->count, sizeof(*p->layers), err);
    if (p->layers == NULL)
        return -1;
    for (size_t i = 0; i < s->count; i++) {
        const char *key = s->snapshots[i].key;

        p->layers[i].is_layer =
            s->snapshots[i].kind == CONTAINERD_COMMITTED &&
            digest_parse(&p->layers[i].chain, key, strlen(key), false, NULL) == 0;
    }
    return 0;
}

struct containerd_layer *containerd_layer_of(const struct containerd_pass *p,
                                             const struct digest *chain)
{
    const struct containerd_snapshot *snapshot;
    struct containerd_layer *layer;
    char key[DIGEST_TEXT];

    snapshot = containerd_snapshot_of(p->snapshotter, digest_text(chain, key));
    if (snapshot == NULL)
        return NULL;
    layer = &p->layers[snapshot - p->snapshotter->snapshots];
    return layer->is_layer ? layer : NULL;
}

bool containerd_is_unpacked(const struct containerd_pass *p, const struct content_image *image)
{
    for (size_t i = image->diff_count; i > 0; i--) {
        if (containerd_layer_of(p, &image->chains[i - 1]) == NULL)
            return false;
    }
    return true;
}

int containerd_read_images(struct containerd_pass *p, struct err *err)
{
    AUTO(content_records_close) struct content_records records = {.pass = &p->base};

    p->targets = arena_array(p->base.arena, p->ns->image_count, sizeof(*p->targets), err);
    if (p->targets == NULL || read_chains(p, err) != 0)
        return -1;
    for (size_t i = 0; i < p->ns->image_count; i++) {
        struct containerd_target *target = &p->targets[i];
        const struct containerd_image *record = &p->ns->images[i];
        const struct image_descriptor to = {
            .digest = record->target, .size = record->size, .media_type = record->media_type};

        target->record = record;
        if (content_look_at(&p->look, &to, &target->found, err) != 0)
            return -1;
    }
    return put_all(p, &records, err);
}
