/* containerd_origins: the repositories that blobs were fetched from, as containerd labels them, by
 * the layer that they hold. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define LABEL_UNCOMPRESSED "containerd.io/uncompressed"
#define LABEL_SOURCE "containerd.io/distribution.source."
#define PAIRS_MAX ((size_t)1 << 20) /* of a power of two */

/* Pairs of repository and layer; texts are in the pass's arena. */
struct pairs {
    struct rec_origin *items; /* heap, grows */
    size_t count, room;
    bool full;
};

static void close_pairs(struct pairs *pairs)
{
    free(pairs->items);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct rec_origin *x = a, *y = b;
    int order = digest_cmp(&x->diff, &y->diff);

    return order != 0 ? order : strcmp(x->repository, y->repository);
}

static void sort_pairs(struct pairs *pairs)
{
    size_t kept = 0;

    if (pairs->count > 0)
        qsort(pairs->items, pairs->count, sizeof(*pairs->items), compare_pairs);
    for (size_t i = 0; i < pairs->count; i++) {
        if (kept == 0 || compare_pairs(&pairs->items[kept - 1], &pairs->items[i]) != 0)
            pairs->items[kept++] = pairs->items[i];
    }
    pairs->count = kept;
}

static int grow(struct pairs *pairs, struct err *err)
{
    size_t room = pairs->room == 0 ? 256 : pairs->room * 2;
    struct rec_origin *grown = reallocarray(pairs->items, room, sizeof(*grown));

    if (grown == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu origins of layers", room);
    pairs->items = grown;
    pairs->room = room;
    return 0;
}

/* Past the maximum of different ones the others are left out: origins are hints, and the images are
 * worth more than an error about them. */
static int add_pair(struct pairs *pairs, const char *repository, const struct digest *diff,
                    struct err *err)
{
    if (pairs->count == pairs->room && pairs->room >= PAIRS_MAX / 2 && !pairs->full) {
        sort_pairs(pairs);
        pairs->full = pairs->count > PAIRS_MAX / 4;
    }
    if (pairs->count == pairs->room && pairs->full)
        return 0;
    if (pairs->count == pairs->room && grow(pairs, err) != 0)
        return -1;
    pairs->items[pairs->count++] = (struct rec_origin){.repository = repository, .diff = *diff};
    return 0;
}

/* "host" and one of its repositories in normal form; NULL without *err where it is none. */
static int repository_of(struct containerd_pass *p, const char *host, const char *path, size_t len,
                         const char **out, struct err *err)
{
    char name[IMAGEREF_MAX + 1], repository[IMAGEREF_MAX + 1];

    *out = NULL;
    if (snprintf(name, sizeof(name), "%s/%.*s", host, (int)len, path) >= (int)sizeof(name) ||
        imageref_repository(name, repository) != 0)
        return 0;
    *out = arena_text(p->base.arena, repository, strlen(repository), err);
    return *out != NULL ? 0 : -1;
}

/* One label: "containerd.io/distribution.source.<host>" = "<repository>,<repository>". */
static int add_source(struct containerd_pass *p, struct pairs *told,
                      const struct containerd_label *label, const struct digest *diff,
                      struct err *err)
{
    const char *host = label->key + strlen(LABEL_SOURCE);

    for (const char *at = label->value; *at != '\0';) {
        size_t len = strcspn(at, ",");
        const char *repository;

        if (len > 0 && len <= IMAGEREF_MAX) {
            if (repository_of(p, host, at, len, &repository, err) != 0 ||
                (repository != NULL && add_pair(told, repository, diff, err) != 0))
                return -1;
        }
        at += len + (at[len] == ',');
    }
    return 0;
}

static int add_sources(struct containerd_pass *p, struct pairs *told,
                       const struct containerd_blob *blob, const struct digest *diff,
                       struct err *err)
{
    for (size_t i = 0; i < blob->labels.count; i++) {
        const struct containerd_label *label = &blob->labels.items[i];

        if (strncmp(label->key, LABEL_SOURCE, strlen(LABEL_SOURCE)) == 0 &&
            add_source(p, told, label, diff, err) != 0)
            return -1;
    }
    return 0;
}

/* The blob of layer i is what the manifest has in that place, whatever its own label says. */
static int add_layers(struct containerd_pass *p, struct pairs *told,
                      const struct content_image *image, struct err *err)
{
    for (size_t i = 0; i < image->diff_count && image->layer_count == image->diff_count; i++) {
        const struct containerd_blob *blob = containerd_blob_of(p->ns, &image->layers[i].digest);

        if (blob != NULL && add_sources(p, told, blob, &image->diffs[i], err) != 0)
            return -1;
    }
    return 0;
}

static int tell(struct containerd_pass *p, struct pairs *told, struct err *err)
{
    for (size_t i = 0; i < p->ns->image_count; i++) {
        const struct content_found *found = &p->targets[i].found;

        for (size_t j = 0; j < found->image_count; j++) {
            if (add_layers(p, told, &found->images[j], err) != 0)
                return -1;
        }
    }
    for (size_t i = 0; i < p->ns->blob_count; i++) {
        const struct containerd_blob *blob = &p->ns->blobs[i];
        const char *text = containerd_label_of(&blob->labels, LABEL_UNCOMPRESSED);
        struct digest diff;

        if (text != NULL && digest_parse(&diff, text, strlen(text), false, NULL) == 0 &&
            add_sources(p, told, blob, &diff, err) != 0)
            return -1;
    }
    sort_pairs(told);
    return 0;
}

/* ---- what the repo digests tell already ------------------------------------------------------ */

static const struct rec_image *listed(const struct containerd_pass *p, const struct digest *id)
{
    const struct rec_content *content = &p->base.reading->content;
    const struct rec_image key = {.id = *id};

    if (content->image_count == 0)
        return NULL;
    return bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp);
}

static int imply_image(struct containerd_pass *p, struct pairs *implied,
                       const struct content_image *image, struct err *err)
{
    const struct rec_image *record = listed(p, &image->id);

    for (size_t i = 0; record != NULL && i < record->repo_digest_count; i++) {
        const char *repository = record->repo_digests[i].repository;

        if (i > 0 && strcmp(record->repo_digests[i - 1].repository, repository) == 0)
            continue;
        for (size_t j = 0; j < image->diff_count; j++) {
            if (add_pair(implied, repository, &image->diffs[j], err) != 0)
                return -1;
        }
    }
    return 0;
}

static int imply(struct containerd_pass *p, struct pairs *implied, struct err *err)
{
    for (size_t i = 0; i < p->ns->image_count; i++) {
        const struct content_found *found = &p->targets[i].found;

        for (size_t j = 0; j < found->image_count; j++) {
            if (imply_image(p, implied, &found->images[j], err) != 0)
                return -1;
        }
    }
    sort_pairs(implied);
    return 0;
}

/* Some clients leave the registry's port out of the label's key: what a repo digest of the same
 * layer says with its port is not another origin. */
static bool is_portless(const char *repository, const char *with_port)
{
    size_t host = strcspn(repository, "/"), other = strcspn(with_port, ":/");

    return host == other && with_port[other] == ':' && memcmp(repository, with_port, host) == 0 &&
           strcmp(repository + host, strchrnul(with_port, '/')) == 0;
}

static bool is_implied(const struct pairs *implied, const struct rec_origin *pair)
{
    size_t low = 0, high = implied->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (digest_cmp(&implied->items[middle].diff, &pair->diff) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < implied->count && digest_eq(&implied->items[low].diff, &pair->diff); low++) {
        const char *repository = implied->items[low].repository;

        if (strcmp(repository, pair->repository) == 0 || is_portless(pair->repository, repository))
            return true;
    }
    return false;
}

int containerd_read_origins(struct containerd_pass *p, struct err *err)
{
    AUTO(close_pairs) struct pairs told = {0};
    AUTO(close_pairs) struct pairs implied = {0};
    struct rec_origins *out = &p->base.reading->origins;

    if (tell(p, &told, err) != 0 || (told.count > 0 && imply(p, &implied, err) != 0))
        return -1;
    out->origins = arena_array(p->base.arena, told.count, sizeof(*out->origins), err);
    if (out->origins == NULL)
        return -1;
    for (size_t i = 0; i < told.count; i++) {
        if (is_implied(&implied, &told.items[i]))
            continue;
        if (out->origin_count == REC_ORIGINS_MAX)
            return pass_problem(&p->base, err, "origins", "more than %d: the others are left out",
                                REC_ORIGINS_MAX);
        out->origins[out->origin_count++] = told.items[i];
    }
    return 0;
}
