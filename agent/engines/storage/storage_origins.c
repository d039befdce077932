/* storage_origins: which repositories the store's images and layers come from, as far as more than
 * a name says so.
 *
 * A name in images.json is no proof: `podman tag` gives any image any name. What podman shows as
 * repo digests is each repository of a name with each manifest of the image, and so has pairs that
 * no registry ever had. Here (R, M) is one where R has a name of the image, and either
 *   - the blob info cache met the top layer of M in R; or
 *   - of all names that the image has or ever had (names-history), none is of another repository,
 *     R is not below localhost, and all layers of M are compressed. A manifest that was made on
 * this host, by a build or by loading a docker archive, has the layers as they lie here, by their
 * diffIDs. An index of the image that lists such a manifest is in R as well, as it is how the image
 * was found. Names with a digest are repo digests in any case (storage_images.c).
 *
 * Nothing else tells a pull from a tag: both put their name at the same end of names and
 * names-history, in some versions of podman at least; times and manifests stay as they were. So
 * these real pairs are missing:
 *   - where several repositories have names of one image, those from which its top layer never had
 *     to be fetched, as it was here; all of them where the cache is lost;
 *   - where layers travelled uncompressed and the top one was here already, or the cache is lost.
 * And these false ones are told:
 *   - of an OCI archive or directory that was loaded under a name, and of what `skopeo copy`
 *     fetched from one repository and named after another, as long as that is its only name;
 *   - of an image that was tagged into a repository from which a layer like its top one was once
 *     fetched, or into which it was pushed. */
#include <stdlib.h>
#include <string.h>

#include "agent/engines/storage/storage.h"
#include "agent/engines/storage/storage_cache.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define ROOT_CACHE "/var/lib/containers/cache"
#define CACHE_ARENA_BYTES (256 << 20)
#define MADE_HERE "localhost/" /* podman's, for names without a registry of what was made here */
#define USER_CACHE "~/.local/share/containers/cache"

/* The cache of who owns the store, as far as it can be read: it is no part of the store, and what
 * is wrong with it is wrong with nothing here. NULL: there is none. */
static const char *cache_path(struct storage_pass *p, struct err *err)
{
    uint32_t owner = p->base.reading->content.store.owner;
    struct storage_users users;

    if (owner == 0)
        return ROOT_CACHE;
    if (storage_users_read(&users, p->base.root, p->base.arena, err) != 0)
        return NULL;
    for (size_t i = 0; i < users.count; i++) {
        if (users.items[i].uid == owner)
            return storage_conf_expand(USER_CACHE, &users.items[i], p->base.arena);
    }
    return NULL;
}

/* ---- repo digests ---------------------------------------------------------------------------- */

/* Layers below the top one may be those of the image that this one was built on. */
static bool was_met(const struct storage_cache *cache, const struct image_manifest *m,
                    const char *repository)
{
    return m->kind == IMAGE_MANIFEST && m->layer_count > 0 &&
           storage_cache_has(cache, &m->layers[m->layer_count - 1].digest, repository);
}

static bool is_compressed(const struct storage_kept_image *kept, const struct image_manifest *m)
{
    if (m->kind != IMAGE_MANIFEST || m->layer_count == 0 || m->layer_count != kept->diff_count)
        return false;
    for (size_t i = 0; i < m->layer_count; i++) {
        if (digest_eq(&m->layers[i].digest, &kept->diffs[i]))
            return false;
    }
    return true;
}

static bool lists(const struct image_manifest *index, const struct digest *manifest)
{
    for (size_t i = 0; i < index->entry_count; i++) {
        if (index->entries[i].broken == NULL && digest_eq(&index->entries[i].to.digest, manifest))
            return true;
    }
    return false;
}

/* The manifests of one image that this repository has, as repo digests from out[0]. `alone`: the
 * image never had a name of another one. */
static size_t confirm(const struct storage_cache *cache, const struct storage_kept_image *kept,
                      const char *repository, bool alone, struct rec_repo_digest *out)
{
    bool confirmed[STORAGE_MANIFESTS_MAX + 1] = {false};
    size_t count = 0;

    for (size_t i = 0; i < kept->manifest_count; i++) {
        const struct image_manifest *m = &kept->manifests[i].parsed;

        confirmed[i] = was_met(cache, m, repository) || (alone && is_compressed(kept, m));
    }
    for (size_t i = 0; i < kept->manifest_count; i++) {
        const struct storage_manifest *index = &kept->manifests[i];

        for (size_t j = 0; j < kept->manifest_count && index->parsed.kind == IMAGE_INDEX; j++) {
            if (kept->manifests[j].parsed.kind == IMAGE_MANIFEST && confirmed[j])
                confirmed[i] = confirmed[i] || lists(&index->parsed, &kept->manifests[j].digest);
        }
    }
    for (size_t i = 0; i < kept->manifest_count; i++) {
        if (confirmed[i])
            out[count++] = (struct rec_repo_digest){.repository = repository,
                                                    .digest = kept->manifests[i].digest};
    }
    return count;
}

static void sort_repo_digests(struct rec_image *image)
{
    size_t kept = 0;

    if (image->repo_digest_count > 0)
        qsort(image->repo_digests, image->repo_digest_count, sizeof(*image->repo_digests),
              rec_repo_digest_cmp);
    for (size_t i = 0; i < image->repo_digest_count; i++) {
        if (kept == 0 ||
            rec_repo_digest_cmp(&image->repo_digests[kept - 1], &image->repo_digests[i]) != 0)
            image->repo_digests[kept++] = image->repo_digests[i];
    }
    image->repo_digest_count = kept < REC_NAMES_MAX ? kept : REC_NAMES_MAX;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The repositories of its names, as texts that live as long as the reading, each once. */
static int repositories_of(struct storage_pass *p, const struct storage_image *listed,
                           const char ***out, size_t *count, struct err *err)
{
    const char **all = arena_array(p->base.arena, listed->name_count, sizeof(*all), err);
    size_t found = 0;

    *out = all;
    *count = 0;
    if (all == NULL)
        return -1;
    for (size_t i = 0; i < listed->name_count; i++) {
        char text[IMAGEREF_MAX + 1];

        if (imageref_repository(listed->names[i], text) != 0)
            continue;
        all[found] = arena_text(p->base.arena, text, strlen(text), err);
        if (all[found++] == NULL)
            return -1;
    }
    if (found > 0)
        qsort(all, found, sizeof(*all), compare_texts);
    for (size_t i = 0; i < found; i++) {
        if (*count == 0 || strcmp(all[*count - 1], all[i]) != 0)
            all[(*count)++] = all[i];
    }
    return 0;
}

static bool was_only_in(const struct storage_image *listed, const char *repository)
{
    for (size_t i = 0; i < listed->history_count; i++) {
        char text[IMAGEREF_MAX + 1];

        if (imageref_repository(listed->history[i], text) != 0 || strcmp(text, repository) != 0)
            return false;
    }
    return true;
}

static int add_repo_digests(struct storage_pass *p, const struct storage_cache *cache,
                            const struct storage_kept_image *kept, struct rec_image *image,
                            struct err *err)
{
    const char **repositories;
    struct rec_repo_digest *all;
    size_t count, room;
    bool alone;

    if (repositories_of(p, kept->listed, &repositories, &count, err) != 0)
        return -1;
    if (count > REC_NAMES_MAX)
        count = REC_NAMES_MAX;
    room = image->repo_digest_count + count * kept->manifest_count;
    all = arena_array(p->base.arena, room, sizeof(*all), err);
    if (all == NULL)
        return -1;
    if (image->repo_digest_count > 0)
        memcpy(all, image->repo_digests, image->repo_digest_count * sizeof(*all));
    image->repo_digests = all;
    alone = count == 1 && strncmp(repositories[0], MADE_HERE, sizeof(MADE_HERE) - 1) != 0 &&
            was_only_in(kept->listed, repositories[0]);
    for (size_t i = 0; i < count; i++)
        image->repo_digest_count +=
            confirm(cache, kept, repositories[i], alone, all + image->repo_digest_count);
    return 0;
}

static struct rec_image *record_of(const struct storage_pass *p, const struct digest *id)
{
    const struct rec_content *content = &p->base.reading->content;
    const struct rec_image key = {.id = *id};

    return bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp);
}

/* ---- origins --------------------------------------------------------------------------------- */

static int compare_origins(const void *a, const void *b)
{
    const struct rec_origin *x = a, *y = b;
    int order = digest_cmp(&x->diff, &y->diff);

    return order != 0 ? order : strcmp(x->repository, y->repository);
}

static size_t sort_origins(struct rec_origin *items, size_t count)
{
    size_t kept = 0;

    if (count > 0)
        qsort(items, count, sizeof(*items), compare_origins);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_origins(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    }
    return kept;
}

/* A growing list of pairs, of layers that the store has. */
struct origins {
    struct storage_pass *p;
    struct rec_origin *items;
    size_t count, room;
};

static int add_origin(struct origins *o, const struct digest *diff, const char *repository,
                      struct err *err)
{
    if (o->count == o->room) {
        size_t room = o->room == 0 ? 256 : o->room * 2;
        struct rec_origin *grown = arena_array(o->p->base.arena, room, sizeof(*grown), err);

        if (grown == NULL)
            return -1;
        if (o->count > 0)
            memcpy(grown, o->items, o->count * sizeof(*grown));
        o->items = grown;
        o->room = room;
    }
    o->items[o->count++] = (struct rec_origin){.repository = repository, .diff = *diff};
    return 0;
}

/* What the images' repo digests say already. */
static int add_implied(struct origins *o, struct err *err)
{
    for (size_t i = 0; i < o->p->kept_count; i++) {
        const struct storage_kept_image *kept = &o->p->kept[i];
        const struct rec_image *image = record_of(o->p, &kept->id);

        for (size_t j = 0; image != NULL && j < image->repo_digest_count; j++) {
            const char *repository = image->repo_digests[j].repository;

            if (j > 0 && strcmp(image->repo_digests[j - 1].repository, repository) == 0)
                continue;
            for (size_t k = 0; k < kept->diff_count; k++) {
                if (add_origin(o, &kept->diffs[k], repository, err) != 0)
                    return -1;
            }
        }
    }
    o->count = sort_origins(o->items, o->count);
    return 0;
}

static int compare_digests(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

/* The layers of the store's images, and those that no image needs. */
static int layers_of(struct storage_pass *p, struct digest **out, size_t *count, struct err *err)
{
    size_t room = p->node_count;

    for (size_t i = 0; i < p->kept_count; i++)
        room += p->kept[i].diff_count;
    *count = 0;
    *out = arena_array(p->base.arena, room, sizeof(**out), err);
    if (*out == NULL)
        return -1;
    for (size_t i = 0; i < p->node_count; i++) {
        if (p->nodes[i].has_chain)
            (*out)[(*count)++] = p->nodes[i].diff;
    }
    for (size_t i = 0; i < p->kept_count; i++) {
        for (size_t j = 0; j < p->kept[i].diff_count; j++)
            (*out)[(*count)++] = p->kept[i].diffs[j];
    }
    if (*count > 0)
        qsort(*out, *count, sizeof(**out), compare_digests);
    return 0;
}

/* What each blob of the store's manifests is uncompressed; sorted by blob. */
static int pairs_of(struct storage_pass *p, struct storage_cache *out, struct err *err)
{
    size_t room = 0;

    for (size_t i = 0; i < p->kept_count; i++)
        room += p->kept[i].diff_count * p->kept[i].manifest_count;
    *out = (struct storage_cache){0};
    out->pairs = arena_array(p->base.arena, room, sizeof(*out->pairs), err);
    if (out->pairs == NULL)
        return -1;
    for (size_t i = 0; i < p->kept_count; i++) {
        const struct storage_kept_image *kept = &p->kept[i];

        for (size_t j = 0; j < kept->manifest_count; j++) {
            const struct image_manifest *m = &kept->manifests[j].parsed;

            for (size_t k = 0; m->layer_count == kept->diff_count && k < m->layer_count; k++)
                out->pairs[out->pair_count++] =
                    (struct storage_pair){.blob = m->layers[k].digest, .diff = kept->diffs[k]};
        }
    }
    storage_cache_sort(out);
    return 0;
}

static int find_origins(struct storage_pass *p, const struct storage_cache *cache,
                        struct origins *found, struct err *err)
{
    struct storage_cache own;
    struct digest *layers;
    size_t count;

    if (layers_of(p, &layers, &count, err) != 0 || pairs_of(p, &own, err) != 0)
        return -1;
    for (size_t i = 0; i < cache->location_count; i++) {
        const struct storage_location *at = &cache->locations[i];
        const struct digest *diff = storage_cache_diff(&own, &at->blob);

        if (diff == NULL)
            diff = storage_cache_diff(cache, &at->blob);
        if (diff != NULL && count > 0 &&
            bsearch(diff, layers, count, sizeof(*layers), compare_digests) != NULL &&
            add_origin(found, diff, at->repository, err) != 0)
            return -1;
    }
    found->count = sort_origins(found->items, found->count);
    return 0;
}

static int report_origins(struct storage_pass *p, const struct storage_cache *cache,
                          struct err *err)
{
    struct rec_origins *out = &p->base.reading->origins;
    struct origins implied = {.p = p}, found = {.p = p};

    if (add_implied(&implied, err) != 0 || find_origins(p, cache, &found, err) != 0)
        return -1;
    out->origins = found.items;
    for (size_t i = 0; i < found.count; i++) {
        if (implied.count > 0 && bsearch(&found.items[i], implied.items, implied.count,
                                         sizeof(*implied.items), compare_origins) != NULL)
            continue;
        if (out->origin_count == REC_ORIGINS_MAX)
            return pass_problem(&p->base, err, "blob info cache",
                                "it tells more than %d origins of layers", REC_ORIGINS_MAX);
        out->origins[out->origin_count++] = found.items[i];
    }
    return 0;
}

int storage_read_origins(struct storage_pass *p, struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    const char *path = cache_path(p, err);
    struct storage_cache cache = {0};
    struct err why = {0};

    if (path != NULL && storage_cache_read(&cache, p->base.root, path, p->base.arena, &why) != 0 &&
        why.kind == ERR_NO_MEMORY)
        return err_set(err, why.kind, "%s", why.text);
    for (size_t i = 0; i < p->kept_count; i++) {
        struct rec_image *image = record_of(p, &p->kept[i].id);

        if (image != NULL && add_repo_digests(p, &cache, &p->kept[i], image, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < content->image_count; i++)
        sort_repo_digests(&content->images[i]);
    return report_origins(p, &cache, err);
}
