/* docker_origins: from which repositories Docker pulled a layer, or to which it pushed it:
 * distribution/v2metadata-by-diffid/sha256/<diffID>, a list of
 * [{"Digest":"sha256:<blob>","SourceRepository":"127.0.0.1:5000/team/base","HMAC":"..."}]
 * which outlives the layer: only those of layers that are here are looked at. */
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define FILES "distribution/v2metadata-by-diffid/sha256"

/* ---- one file -------------------------------------------------------------------------------- */

/* *out NULL where the entry names no repository, which is allowed. */
static int read_repository(const char **out, const json_t *entry, struct arena *arena,
                           struct err *err)
{
    const char *source = json_str(entry, "SourceRepository");
    char normal[IMAGEREF_MAX + 1];

    *out = NULL;
    if (!json_is_object(entry) ||
        (source == NULL && json_object_get(entry, "SourceRepository") != NULL))
        return err_set(err, ERR_CORRUPT, "an entry names no repository");
    if (source == NULL || source[0] == '\0')
        return 0;
    if (imageref_repository(source, normal) != 0)
        return err_set(err, ERR_CORRUPT, "an entry's repository breaks the grammar of names");
    *out = arena_text(arena, normal, strlen(normal), err);
    return *out != NULL ? 0 : -1;
}

int docker_origins_parse(const char ***out, size_t *count, const char *data, size_t len,
                         struct arena *arena, struct err *err)
{
    AUTO_JSON json_t *document = json_parse(data, len, err);
    size_t entries = json_array_size(document), kept = 0;
    const char **repositories;

    if (document == NULL)
        return -1;
    if (!json_is_array(document))
        return err_set(err, ERR_CORRUPT, "no list");
    if (entries > DOCKER_ORIGINS_MAX)
        return err_set(err, ERR_LIMIT, "%zu entries: at most %d are read", entries,
                       DOCKER_ORIGINS_MAX);
    repositories = arena_array(arena, entries, sizeof(*repositories), err);
    if (repositories == NULL)
        return -1;
    for (size_t i = 0; i < entries; i++) {
        if (read_repository(&repositories[kept], json_array_get(document, i), arena, err) != 0)
            return -1;
        kept += repositories[kept] != NULL;
    }
    if (kept > 0)
        qsort(repositories, kept, sizeof(*repositories), docker_compare_texts);
    *out = repositories;
    *count = 0;
    for (size_t i = 0; i < kept; i++) {
        if (*count == 0 || strcmp(repositories[*count - 1], repositories[i]) != 0)
            repositories[(*count)++] = repositories[i];
    }
    return 0;
}

/* ---- all files that matter ------------------------------------------------------------------- */

static int compare_files(const void *a, const void *b)
{
    return digest_cmp(&((const struct docker_origin_file *)a)->diff,
                      &((const struct docker_origin_file *)b)->diff);
}

static const struct docker_origin_file *file_of(const struct docker_kept *kept,
                                                const struct digest *diff)
{
    struct docker_origin_file key = {.diff = *diff};

    if (kept == NULL || kept->origin_count == 0)
        return NULL;
    return bsearch(&key, kept->origins, kept->origin_count, sizeof(key), compare_files);
}

/* One of the last pass, copied. */
static int take_file(struct docker_pass *p, const struct docker_origin_file *last, struct err *err)
{
    struct docker_origin_file *file = &p->kept->origins[p->kept->origin_count];
    const char **repositories = arena_array(p->base.arena, last->count, sizeof(*repositories), err);

    if (repositories == NULL)
        return -1;
    for (size_t i = 0; i < last->count; i++) {
        const char *text = last->repositories[i];

        repositories[i] = arena_text(p->base.arena, text, strlen(text), err);
        if (repositories[i] == NULL)
            return -1;
    }
    *file = *last;
    file->repositories = repositories;
    p->kept->origin_count++;
    return 0;
}

/* 0 also where there is none, or it is broken. */
static int read_file(struct docker_pass *p, int fd, const struct digest *diff, struct err *err)
{
    struct docker_origin_file *file = &p->kept->origins[p->kept->origin_count];
    char name[DIGEST_HEX + 1], subject[DIGEST_HEX + 32];
    struct err why = {0};
    const struct docker_origin_file *last = file_of(p->last_kept, diff);

    *file = (struct docker_origin_file){.diff = *diff,
                                        .stamp = file_stamp_at(fd, digest_hex(diff, name))};
    if (last != NULL && file_stamp_eq(&last->stamp, &file->stamp))
        return take_file(p, last, err);
    if (docker_read_file(&p->base.file, fd, ".", name, &why) == 0 &&
        docker_origins_parse(&file->repositories, &file->count, buf_str(&p->base.file),
                             p->base.file.len, p->base.arena, &why) == 0) {
        p->kept->origin_count++;
        return 0;
    }
    if (why.kind == ERR_NOT_FOUND) /* built here, and never pushed */
        return 0;
    snprintf(subject, sizeof(subject), "origins of layer %s", name);
    return pass_entry_failed(&p->base, subject, &why, err);
}

static int compare_digests(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

/* Each diffID of the store is asked for, once. */
static int read_files(struct docker_pass *p, int fd, struct err *err)
{
    struct digest *diffs = arena_array(p->base.arena, p->layer_count, sizeof(*diffs), err);

    if (diffs == NULL)
        return -1;
    for (size_t i = 0; i < p->layer_count; i++)
        diffs[i] = p->layers[i].diff;
    if (p->layer_count > 0)
        qsort(diffs, p->layer_count, sizeof(*diffs), compare_digests);
    for (size_t i = 0; i < p->layer_count; i++) {
        if ((i == 0 || !digest_eq(&diffs[i - 1], &diffs[i])) &&
            read_file(p, fd, &diffs[i], err) != 0)
            return -1;
    }
    return 0;
}

/* Docker renames a new file over the old one, which the directory's times show. */
static int take_files(struct docker_pass *p, struct err *err)
{
    for (size_t i = 0; i < p->last_kept->origin_count; i++) {
        if (take_file(p, &p->last_kept->origins[i], err) != 0)
            return -1;
    }
    return 0;
}

/* ---- what is news ---------------------------------------------------------------------------- */

struct origins {
    struct rec_origin *items; /* sorted by diff, then repository */
    bool *told;               /* beside each: the images' repo digests say so already */
    size_t count;
};

static int list_origins(struct docker_pass *p, struct origins *out, struct err *err)
{
    size_t room = 0;

    for (size_t i = 0; i < p->kept->origin_count; i++)
        room += p->kept->origins[i].count;
    out->items = arena_array(p->base.arena, room, sizeof(*out->items), err);
    out->told = arena_array(p->base.arena, room, sizeof(*out->told), err);
    if (out->items == NULL || out->told == NULL)
        return -1;
    for (size_t i = 0; i < p->kept->origin_count; i++) {
        const struct docker_origin_file *file = &p->kept->origins[i];

        for (size_t j = 0; j < file->count; j++)
            out->items[out->count++] =
                (struct rec_origin){.repository = file->repositories[j], .diff = file->diff};
    }
    return 0;
}

/* Where the origins of this diffID begin, or would. */
static size_t first_of(const struct origins *o, const struct digest *diff)
{
    size_t low = 0, high = o->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (digest_cmp(&o->items[middle].diff, diff) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void tell(struct origins *o, const size_t *firsts, const struct docker_pass *p,
                 const struct digest *top, const char *repository)
{
    const struct docker_layer *layer = docker_layer_of(p, top);

    while (layer != NULL) {
        for (size_t i = firsts[layer - p->layers];
             i < o->count && digest_eq(&o->items[i].diff, &layer->diff); i++)
            o->told[i] |= strcmp(o->items[i].repository, repository) == 0;
        layer = layer->below != DOCKER_NO_LAYER ? &p->layers[layer->below] : NULL;
    }
}

/* A repository that holds an image holds its layers. Of an image that is broken nothing is taken
 * for told. */
static int tell_images(struct docker_pass *p, struct origins *o, struct err *err)
{
    const struct rec_content *content = &p->base.reading->content;
    size_t *firsts = arena_array(p->base.arena, p->layer_count, sizeof(*firsts), err);

    if (firsts == NULL)
        return -1;
    for (size_t i = 0; i < p->layer_count; i++)
        firsts[i] = first_of(o, &p->layers[i].diff);
    for (size_t i = 0; i < content->image_count; i++) {
        const struct rec_image *image = &content->images[i];
        const struct docker_kept_image *kept = docker_kept_image(p->kept, &image->id);

        for (size_t j = 0; kept != NULL && kept->has_layers && j < image->repo_digest_count; j++) {
            const char *repository = image->repo_digests[j].repository;

            if (j == 0 || strcmp(image->repo_digests[j - 1].repository, repository) != 0)
                tell(o, firsts, p, &kept->top, repository);
        }
    }
    return 0;
}

static int report(struct docker_pass *p, struct err *err)
{
    struct rec_origins *out = &p->base.reading->origins;
    struct origins o = {0};
    size_t news = 0;

    if (list_origins(p, &o, err) != 0 || tell_images(p, &o, err) != 0)
        return -1;
    for (size_t i = 0; i < o.count; i++) {
        if (!o.told[i])
            o.items[news++] = o.items[i];
    }
    out->origins = o.items;
    out->origin_count = news < REC_ORIGINS_MAX ? news : REC_ORIGINS_MAX;
    if (news <= REC_ORIGINS_MAX)
        return 0;
    return pass_problem(&p->base, err, "origins", "%zu of layers: at most %d are reported", news,
                        REC_ORIGINS_MAX);
}

int docker_read_origins(struct docker_pass *p, struct err *err)
{
    AUTO_FD int fd = -1;
    size_t remarks = pass_remarks(&p->base);
    struct file_stamp stamp;
    bool stand;

    if (docker_open_optional(p->base.root, FILES, &fd, err) != 0)
        return -1;
    if (fd < 0)
        return 0;
    stamp = file_stamp_at(fd, "");
    stand = p->layers_stand && file_stamp_eq(&p->last_kept->origins_stamp, &stamp);
    p->kept->origins = arena_array(p->base.arena, p->layer_count, sizeof(*p->kept->origins), err);
    if (p->kept->origins == NULL || (stand ? take_files(p, err) : read_files(p, fd, err)) != 0)
        return -1;
    if (pass_remarks(&p->base) == remarks)
        p->kept->origins_stamp = stamp;
    return report(p, err);
}
