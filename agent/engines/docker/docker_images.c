/* docker_images: imagedb, verified, with the names that point to each image. */
#include <limits.h>
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "agent/engines/image_config.h"
#include "common/cleanup.h"

static int read_config(struct docker_pass *p, int fd, const char *name, struct image_config *config,
                       const struct digest *id, struct err *err)
{
    struct digest found;

    if (docker_read_file(&p->base.file, fd, ".", name, err) != 0)
        return -1;
    found = digest_of(buf_str(&p->base.file), p->base.file.len);
    if (!digest_eq(&found, id))
        return err_set(err, ERR_CORRUPT, "corrupt config: its bytes have another digest");
    return image_config_parse(config, buf_str(&p->base.file), p->base.file.len, err);
}

/* Written by the classic builder and commit only. */
static int read_parent(struct docker_pass *p, int fd, const char *name, struct rec_image *image,
                       struct err *err)
{
    struct err why = {0};

    if (fd < 0)
        return 0;
    if (docker_read_file(&p->small, fd, name, "parent", &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    if (digest_parse(&image->parent, buf_str(&p->small), p->small.len, false, err) != 0)
        return err_wrap(err, "its parent");
    image->has_parent = true;
    return 0;
}

/* An image of which no layer is here at all is not unpacked. Of one that has some, the others are
 * exceptions. Either way Docker cannot run it, and a problem says so. *top: its uppermost chain. */
static int place_layers(struct docker_pass *p, const char *subject, struct rec_image *image,
                        const struct image_config *config, struct digest *top, struct err *err)
{
    struct digest chain = {{0}};
    size_t first_missing = p->base.exception_count;
    size_t missing;

    for (size_t i = 0; i < config->diff_count; i++) {
        const struct digest *diff = &config->diff_ids[i];
        struct docker_layer *layer;

        chain = digest_chain(i == 0 ? NULL : &chain, diff);
        layer = docker_layer_of(p, &chain);
        if (layer != NULL)
            layer->needed = true;
        else if (pass_exception(&p->base, REC_CHAIN_MISSING, &chain, diff, err) != 0)
            return -1;
    }
    *top = chain;
    missing = p->base.exception_count - first_missing;
    image->unpacked = missing < config->diff_count || config->diff_count == 0;
    if (!image->unpacked)
        p->base.exception_count = first_missing;
    if (missing > 0)
        return pass_problem(&p->base, err, subject, "%zu of its %zu layers are not in layerdb",
                            missing, config->diff_count);
    return 0;
}

/* The run of refs that point to this image. */
static const struct docker_ref *refs_of(const struct docker_pass *p, const struct digest *image,
                                        size_t *count)
{
    size_t low = 0, high = p->ref_count, end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (digest_cmp(&p->refs[middle].image, image) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < p->ref_count && digest_eq(&p->refs[end].image, image);)
        end++;
    *count = end - low;
    return p->ref_count > 0 ? &p->refs[low] : NULL;
}

static bool same_repo_digest(const struct rec_repo_digest *a, const struct docker_ref *b)
{
    return strcmp(a->repository, b->text) == 0 && digest_eq(&a->digest, &b->manifest);
}

/* Sorted already, by kind and then text. Two repo digests can become equal by normalising. */
static int name_image(struct docker_pass *p, const char *subject, struct rec_image *image,
                      struct err *err)
{
    size_t count, dropped = 0;
    const struct docker_ref *refs = refs_of(p, &image->id, &count);

    image->names = arena_array(p->base.arena, count, sizeof(*image->names), err);
    image->repo_digests = arena_array(p->base.arena, count, sizeof(*image->repo_digests), err);
    if (image->names == NULL || image->repo_digests == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        size_t *n =
            refs[i].kind == DOCKER_REF_NAME ? &image->name_count : &image->repo_digest_count;

        if (refs[i].kind == DOCKER_REF_BROKEN)
            continue;
        if (*n >= REC_NAMES_MAX)
            dropped++;
        else if (refs[i].kind == DOCKER_REF_NAME)
            image->names[(*n)++] = refs[i].text;
        else if (*n == 0 || !same_repo_digest(&image->repo_digests[*n - 1], &refs[i]))
            image->repo_digests[(*n)++] =
                (struct rec_repo_digest){.repository = refs[i].text, .digest = refs[i].manifest};
    }
    if (dropped > 0)
        return pass_problem(&p->base, err, subject, "%zu names more than the limit of %d", dropped,
                            REC_NAMES_MAX);
    return 0;
}

struct image_dirs {
    int content;
    int metadata; /* -1 where there is none */
};

/* The image as the last pass kept it, if all that it rests on stands. */
static const struct docker_kept_image *kept_image(struct docker_pass *p,
                                                  const struct docker_kept_image *now)
{
    const struct docker_kept_image *last = docker_kept_image(p->last_kept, &now->id);

    if (last == NULL || !file_stamp_eq(&last->config, &now->config) ||
        (last->has_layers && !docker_need_chain(p, &last->top)))
        return NULL;
    return last;
}

/* Reads an image's own files. *broken: it is to be left out. */
static int read_files(struct docker_pass *p, const struct image_dirs *dirs, const char *name,
                      const char *subject, struct rec_image *image, struct docker_kept_image *kept,
                      bool *broken, struct err *err)
{
    AUTO(image_config_close) struct image_config config = {0};
    struct err why = {0};

    *broken = read_config(p, dirs->content, name, &config, &image->id, &why) != 0;
    if (*broken)
        return pass_entry_failed(&p->base, subject, &why, err);
    kept->has_layers = config.diff_count > 0;
    return place_layers(p, subject, image, &config, &kept->top, err);
}

/* 0 also where the image is broken and left out. */
static int read_image(struct docker_pass *p, const struct image_dirs *dirs, const struct digest *id,
                      struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    struct rec_image image = {.id = *id, .identity = REC_BY_CONFIG, .unpacked = true};
    char subject[DIGEST_TEXT + 8], name[DIGEST_HEX + 1];
    struct docker_kept_image now = {.id = *id,
                                    .config = file_stamp_at(dirs->content, digest_hex(id, name))};
    const struct docker_kept_image *last = kept_image(p, &now);
    size_t remarks = pass_remarks(&p->base);
    struct err why = {0};
    bool broken = false;

    snprintf(subject, sizeof(subject), "image sha256:%s", name);
    if (last != NULL)
        now = *last;
    else if (read_files(p, dirs, name, subject, &image, &now, &broken, err) != 0)
        return -1;
    if (broken)
        return 0;
    if (read_parent(p, dirs->metadata, name, &image, &why) != 0 &&
        pass_entry_failed(&p->base, subject, &why, err) != 0)
        return -1;
    if (pass_remarks(&p->base) == remarks)
        p->kept->images[p->kept->image_count++] = now;
    if (name_image(p, subject, &image, err) != 0)
        return -1;
    content->images[content->image_count++] = image;
    return 0;
}

/* What points to no image: Docker keeps such names when a config is lost. */
static int report_dead_refs(struct docker_pass *p, struct err *err)
{
    const struct rec_content *content = &p->base.reading->content;

    for (size_t i = 0; i < p->ref_count; i++) {
        const struct docker_ref *ref = &p->refs[i];
        struct rec_image key = {.id = ref->image};
        char subject[REC_NAME_BYTES + DIGEST_TEXT + 32], text[DIGEST_TEXT];
        int rc;

        if (ref->kind != DOCKER_REF_BROKEN && content->image_count > 0 &&
            bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp))
            continue;
        snprintf(subject, sizeof(subject), "name %.*s%s%s", REC_NAME_BYTES, ref->text,
                 ref->kind == DOCKER_REF_DIGEST ? "@" : "",
                 ref->kind == DOCKER_REF_DIGEST ? digest_text(&ref->manifest, text) : "");
        if (ref->kind == DOCKER_REF_BROKEN)
            rc = pass_problem(&p->base, err, subject,
                              "repositories.json gives it no valid image ID");
        else
            rc = pass_problem(&p->base, err, subject, "its image %s is not here",
                              digest_text(&ref->image, text));
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* The IDs of imagedb: of the last pass where its directory stands, else by listing it. */
static int list_images(struct docker_pass *p, int fd, bool stand, struct digest **out,
                       size_t *count, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    size_t most;

    if (!stand &&
        docker_list(p->base.root, fd, "imagedb/content/sha256", REC_IMAGES_MAX, &list, err) != 0)
        return -1;
    most = stand ? p->last_kept->image_count : list.count;
    *out = arena_array(p->base.arena, most, sizeof(**out), err);
    *count = 0;
    if (*out == NULL)
        return -1;
    for (size_t i = 0; i < most; i++) {
        if (stand)
            (*out)[(*count)++] = p->last_kept->images[i].id;
        else if (docker_hex_valid(list.names[i]))
            *count += digest_parse(&(*out)[*count], list.names[i], DIGEST_HEX, true, NULL) == 0;
    }
    return 0;
}

static int read_images(struct docker_pass *p, const struct image_dirs *dirs, bool stand,
                       struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    struct digest *ids;
    size_t count;

    if (list_images(p, dirs->content, stand, &ids, &count, err) != 0)
        return -1;
    content->images = arena_array(p->base.arena, count, sizeof(*content->images), err);
    p->kept->images = arena_array(p->base.arena, count, sizeof(*p->kept->images), err);
    if (content->images == NULL || p->kept->images == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (read_image(p, dirs, &ids[i], err) != 0)
            return -1;
    }
    return 0;
}

int docker_read_images(struct docker_pass *p, struct err *err)
{
    const struct docker_kept *last = p->last_kept;
    AUTO_FD int content = docker_open_metadata(p->base.root, "imagedb/content/sha256", err);
    AUTO_FD int metadata = -1;
    struct file_stamp contents;
    struct image_dirs dirs;
    size_t remarks = pass_remarks(&p->base);

    if (content < 0 ||
        docker_open_optional(p->base.root, "imagedb/metadata/sha256", &metadata, err) != 0)
        return -1;
    contents = file_stamp_at(content, "");
    dirs = (struct image_dirs){.content = content, .metadata = metadata};
    if (read_images(p, &dirs, last != NULL && file_stamp_eq(&last->contents, &contents), err) != 0)
        return -1;
    if (pass_remarks(&p->base) == remarks)
        p->kept->contents = contents;
    return report_dead_refs(p, err);
}
