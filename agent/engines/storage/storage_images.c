/* storage_images: images.json, and the big data of each image, verified. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engines/image_config.h"
#include "agent/engines/storage/storage.h"
#include "common/cleanup.h"
#include "common/imageref.h"

/* One image under way. */
struct work {
    const struct storage_image *entry;
    struct rec_image image;
    struct storage_kept_image kept;
    char subject[DIGEST_TEXT + 16];
};

/* ---- big data -------------------------------------------------------------------------------- */

/* Reads one into p->base.file. `digest` NULL: whatever it holds. */
static int read_big_data(struct storage_pass *p, int images, const struct storage_image *entry,
                         const char *key, const struct digest *digest, struct digest *found,
                         struct err *err)
{
    char path[DIGEST_HEX + 1 + STORAGE_BIG_DATA_NAME], file[STORAGE_BIG_DATA_NAME];

    snprintf(path, sizeof(path), "%s/%s", entry->id_text, storage_big_data_name(key, file));
    if (buf_read_file_at(&p->base.file, images, path, err) != 0)
        return err_wrap(err, "big data %s", key);
    *found = digest_of(buf_str(&p->base.file), p->base.file.len);
    if (digest != NULL && !digest_eq(found, digest))
        return err_set(err, ERR_CORRUPT, "big data %s: its bytes have another digest", key);
    return 0;
}

static bool has_manifest(const struct storage_kept_image *kept, const struct digest *digest)
{
    for (size_t i = 0; i < kept->manifest_count; i++) {
        if (digest_eq(&kept->manifests[i].digest, digest))
            return true;
    }
    return false;
}

/* A manifest or index; one that is broken is named, and the image goes on without it. */
static int read_manifest(struct storage_pass *p, int images, struct work *w, const char *key,
                         const struct digest *digest, struct err *err)
{
    struct storage_manifest *m = &w->kept.manifests[w->kept.manifest_count];
    struct err why = {0};

    if (read_big_data(p, images, w->entry, key, digest, &m->digest, &why) != 0)
        return pass_entry_failed(&p->base, w->subject, &why, err);
    if (has_manifest(&w->kept, &m->digest))
        return 0;
    if (image_manifest_parse(&m->parsed, buf_str(&p->base.file), p->base.file.len, p->base.arena,
                             &why) != 0) {
        err_wrap(&why, "big data %s", key);
        return pass_entry_failed(&p->base, w->subject, &why, err);
    }
    w->kept.manifest_count++;
    return 0;
}

/* "manifest" has the bytes of one of the others but where the image is a list that podman made. */
static int read_manifests(struct storage_pass *p, int images, struct work *w, struct err *err)
{
    const struct storage_image *entry = w->entry;

    w->kept.manifests =
        arena_array(p->base.arena, entry->manifest_count + 1, sizeof(*w->kept.manifests), err);
    if (w->kept.manifests == NULL)
        return -1;
    for (size_t i = 0; i < entry->manifest_count; i++) {
        char key[DIGEST_TEXT + 16] = "manifest-";

        digest_text(&entry->manifests[i], key + strlen(key));
        if (read_manifest(p, images, w, key, &entry->manifests[i], err) != 0)
            return -1;
    }
    if (!entry->has_manifest)
        return 0;
    return read_manifest(p, images, w, "manifest", entry->has_current ? &entry->current : NULL,
                         err);
}

/* The config, where it is one of an image: then it is what the image is known by. */
static int read_config(struct storage_pass *p, int images, struct work *w, struct err *err)
{
    AUTO(image_config_close) struct image_config config = {0};
    char key[DIGEST_TEXT];
    struct digest found;
    struct err why = {0};

    digest_text(&w->entry->config, key);
    if (read_big_data(p, images, w->entry, key, &w->entry->config, &found, &why) != 0)
        return pass_entry_failed(&p->base, w->subject, &why, err);
    if (image_config_parse(&config, buf_str(&p->base.file), p->base.file.len, &why) != 0)
        return why.kind == ERR_CORRUPT ? 0 : pass_entry_failed(&p->base, w->subject, &why, err);
    w->kept.diffs = arena_array(p->base.arena, config.diff_count, sizeof(*w->kept.diffs), err);
    if (w->kept.diffs == NULL)
        return -1;
    if (config.diff_count > 0)
        memcpy(w->kept.diffs, config.diff_ids, config.diff_count * sizeof(*w->kept.diffs));
    w->kept.diff_count = config.diff_count;
    w->kept.by_config = true;
    return 0;
}

/* The image's own files, or what the last pass kept of them. What was broken is not kept. */
static int read_files(struct storage_pass *p, int images, struct work *w, struct err *err)
{
    size_t remarks = pass_remarks(&p->base);
    struct file_stamp stamp;
    const struct storage_kept_image *kept = storage_kept_find(p, images, w->entry, &stamp);

    if (kept != NULL && storage_kept_copy(p, kept, &w->kept, err) != 0)
        return -1;
    if (kept == NULL && (read_manifests(p, images, w, err) != 0 ||
                         (w->entry->has_config && read_config(p, images, w, err) != 0)))
        return -1;
    if (pass_remarks(&p->base) == remarks)
        w->kept.stamp = stamp;
    return 0;
}

static int place_by_config(struct storage_pass *p, struct work *w, struct err *err)
{
    w->image.identity = REC_BY_CONFIG;
    w->image.id = w->entry->config;
    return storage_place_image(p, w->subject, w->entry, w->kept.diffs, w->kept.diff_count,
                               &w->image, err);
}

/* Without an image config: by its manifest, or else its index. */
static void identify_by_manifest(struct work *w)
{
    for (size_t i = 0; i < w->kept.manifest_count; i++) {
        const struct storage_manifest *m = &w->kept.manifests[i];

        if (w->image.identity != 0 && m->parsed.kind == IMAGE_INDEX)
            continue;
        w->image.identity = REC_BY_MANIFEST;
        w->image.id = m->digest;
        if (m->parsed.kind != IMAGE_INDEX)
            return;
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

static int note_name(struct storage_pass *p, struct work *w, const char *name, struct err *err)
{
    struct rec_image *image = &w->image;
    struct rec_repo_digest *digests = image->repo_digests;
    char repository[IMAGEREF_MAX + 1];
    struct imageref ref;

    if (imageref_parse(&ref, name, NULL) != 0 || !ref.has_digest) {
        image->names[image->name_count++] = name;
        return 0;
    }
    if (imageref_repository(name, repository) != 0)
        return 0;
    digests[image->repo_digest_count].repository = pass_text(&p->base, err, "%s", repository);
    digests[image->repo_digest_count].digest = ref.digest;
    return digests[image->repo_digest_count++].repository != NULL ? 0 : -1;
}

/* "repository@sha256:..." is the name of an image that was pulled by digest: no name of ours, and
 * the one repo digest that images.json tells. (What podman shows as RepoDigests is every repository
 * of a name with every manifest: pairs that no registry may have ever had, and that a mere tag can
 * claim. storage_origins.c adds those that more than a name tells.) */
static int read_names(struct storage_pass *p, struct work *w, struct err *err)
{
    const struct storage_image *entry = w->entry;
    size_t dropped = 0, room = entry->name_count;

    if (room > REC_NAMES_MAX)
        room = REC_NAMES_MAX;
    w->image.names = arena_array(p->base.arena, room, sizeof(*w->image.names), err);
    w->image.repo_digests = arena_array(p->base.arena, room, sizeof(*w->image.repo_digests), err);
    if (w->image.names == NULL || w->image.repo_digests == NULL)
        return -1;
    for (size_t i = 0; i < entry->name_count; i++) {
        if (i - dropped >= room || strlen(entry->names[i]) > REC_NAME_BYTES)
            dropped++;
        else if (note_name(p, w, entry->names[i], err) != 0)
            return -1;
    }
    if (dropped > 0)
        return pass_problem(&p->base, err, w->subject, "%zu of its names are too many or too long",
                            dropped);
    return 0;
}

/* ---- one image after the other --------------------------------------------------------------- */

/* containers/image makes an image first, then its directory with its big data one after the other,
 * and names it last. Such a half of one is not to be seen: it is looked at again when it had its
 * time. */
static bool is_unfinished(int images, const struct storage_image *entry)
{
    if (entry->has_manifest && entry->name_count + entry->history_count > 0)
        return false;
    if (faccessat(images, entry->id_text, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return storage_is_fresh(images, entry->id_text);
    return storage_is_fresh(images, "images.json");
}

static int take_image(struct storage_pass *p, struct work *w, struct err *err)
{
    struct rec_content *content = &p->base.reading->content;

    if (read_names(p, w, err) != 0)
        return -1;
    w->kept.entry = w->entry->id;
    w->kept.id = w->image.id;
    w->kept.listed = w->entry;
    p->kept[p->kept_count++] = w->kept;
    content->images[content->image_count++] = w->image;
    return 0;
}

static int read_image(struct storage_pass *p, int images, const struct storage_image *entry,
                      struct err *err)
{
    struct work w = {.entry = entry};

    snprintf(w.subject, sizeof(w.subject), "image %s%s", entry->broken == NULL ? "sha256:" : "",
             entry->id_text);
    if (entry->broken != NULL)
        return pass_problem(&p->base, err, w.subject, "%s", entry->broken);
    if (is_unfinished(images, entry))
        return 0;
    if (read_files(p, images, &w, err) != 0)
        return -1;
    if (!w.kept.by_config)
        identify_by_manifest(&w);
    else if (place_by_config(p, &w, err) != 0)
        return -1;
    if (w.image.identity == 0)
        return pass_problem(&p->base, err, w.subject,
                            "it has no config and no manifest that could be read");
    return take_image(p, &w, err);
}

/* ---- one record for each identity ------------------------------------------------------------ */

static int merge_names(struct rec_image *into, const struct rec_image *from, struct arena *arena,
                       struct err *err)
{
    size_t names = into->name_count + from->name_count;
    size_t digests = into->repo_digest_count + from->repo_digest_count;
    const char **all = arena_array(arena, names, sizeof(*all), err);
    struct rec_repo_digest *all_digests = arena_array(arena, digests, sizeof(*all_digests), err);

    if (all == NULL || all_digests == NULL)
        return -1;
    for (size_t i = 0; i < names; i++)
        all[i] = i < into->name_count ? into->names[i] : from->names[i - into->name_count];
    for (size_t i = 0; i < digests; i++)
        all_digests[i] = i < into->repo_digest_count
                             ? into->repo_digests[i]
                             : from->repo_digests[i - into->repo_digest_count];
    into->names = all;
    into->name_count = names;
    into->repo_digests = all_digests;
    into->repo_digest_count = digests;
    return 0;
}

/* Two entries may have one config: the same image, once whole and once in chunks. */
static int merge_images(struct storage_pass *p, struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    size_t kept = 0;

    if (content->image_count > 0)
        qsort(content->images, content->image_count, sizeof(*content->images), rec_image_cmp);
    for (size_t i = 0; i < content->image_count; i++) {
        struct rec_image *image = &content->images[i];
        struct rec_image *before = kept > 0 ? &content->images[kept - 1] : NULL;

        if (before == NULL || !digest_eq(&before->id, &image->id)) {
            content->images[kept++] = *image;
            continue;
        }
        before->unpacked = before->unpacked || image->unpacked;
        if (merge_names(before, image, p->base.arena, err) != 0)
            return -1;
    }
    content->image_count = kept;
    return 0;
}

static void sort_names(struct rec_image *image)
{
    size_t kept = 0;

    if (image->name_count > 0)
        qsort(image->names, image->name_count, sizeof(*image->names), rec_name_cmp);
    for (size_t i = 0; i < image->name_count; i++) {
        if (kept == 0 || strcmp(image->names[kept - 1], image->names[i]) != 0)
            image->names[kept++] = image->names[i];
    }
    image->name_count = kept < REC_NAMES_MAX ? kept : REC_NAMES_MAX;
}

static int compare_entries(const void *a, const void *b)
{
    return digest_cmp(&((const struct storage_image *)a)->id,
                      &((const struct storage_image *)b)->id);
}

static int load_images(struct storage_pass *p, int fd, struct err *err)
{
    struct file_stamp stamp = file_stamp_at(fd, "images.json");
    bool there;

    p->next->list_stamp = stamp;
    if (p->last != NULL && file_stamp_eq(&p->last->list_stamp, &stamp))
        return storage_kept_images(p, &p->last->list, &p->images, err);
    if (storage_load(p, fd, "images.json", &there, err) != 0)
        return -1;
    if (storage_images_parse(&p->images, buf_str(&p->base.file), p->base.file.len, p->base.arena,
                             err) != 0)
        return err_wrap(err, "images.json");
    if (p->images.count > 0)
        qsort(p->images.items, p->images.count, sizeof(*p->images.items), compare_entries);
    return 0;
}

int storage_read_images(struct storage_pass *p, struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    AUTO_FD int fd = storage_open(p->base.root, "-images", err);

    if (fd < 0 || load_images(p, fd, err) != 0)
        return -1;
    content->images = arena_array(p->base.arena, p->images.count, sizeof(*content->images), err);
    p->kept = arena_array(p->base.arena, p->images.count, sizeof(*p->kept), err);
    if (content->images == NULL || p->kept == NULL)
        return -1;
    for (size_t i = 0; i < p->images.count; i++) {
        if (read_image(p, fd, &p->images.items[i], err) != 0)
            return -1;
    }
    p->next->images = p->kept;
    p->next->count = p->kept_count;
    p->next->list = p->images;
    if (merge_images(p, err) != 0)
        return -1;
    for (size_t i = 0; i < content->image_count; i++)
        sort_names(&content->images[i]);
    return 0;
}
