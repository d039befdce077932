#include "agent/engines/content_records.h"

#include <string.h>

#include "common/cleanup.h"

struct content_row {
    struct digest id, manifest, target;
    enum rec_identity identity;
    bool unpacked;
    const char *name, *repository; /* or NULL */
};

void content_records_close(struct content_records *r)
{
    free(r->rows);
    *r = (struct content_records){0};
}

static int make_room(struct content_records *r, struct err *err)
{
    size_t room = r->room == 0 ? 64 : r->room * 2;
    struct content_row *grown;

    if (r->count < r->room)
        return 0;
    if (r->count >= CONTENT_ROWS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d names of images", CONTENT_ROWS_MAX);
    grown = reallocarray(r->rows, room, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu names", room);
    r->rows = grown;
    r->room = room;
    return 0;
}

static const char *subject_of(const struct digest *image, char out[DIGEST_TEXT + 8])
{
    char text[DIGEST_TEXT];

    snprintf(out, DIGEST_TEXT + 8, "image %s", digest_text(image, text));
    return out;
}

static bool name_is_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= REC_NAME_BYTES && rec_text_fault(name, len, false) == len;
}

int content_records_put(struct content_records *r, const struct content_image *image, bool unpacked,
                        const char *name, const char *repository, const struct digest *target,
                        struct err *err)
{
    char subject[DIGEST_TEXT + 8];

    if (make_room(r, err) != 0)
        return -1;
    if (name != NULL && !name_is_valid(name)) {
        if (pass_problem(r->pass, err, subject_of(&image->id, subject),
                         "a name of it is no text, or longer than %d bytes", REC_NAME_BYTES) != 0)
            return -1;
        name = NULL;
    }
    r->rows[r->count++] = (struct content_row){.id = image->id,
                                               .manifest = image->manifest,
                                               .target = *target,
                                               .identity = image->identity,
                                               .unpacked = unpacked,
                                               .name = name,
                                               .repository = repository};
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    return digest_cmp(&((const struct content_row *)a)->id, &((const struct content_row *)b)->id);
}

/* Leaves each once, in an array that is sorted, and at most REC_NAMES_MAX. *dropped counts on. */
static size_t unique(void *items, size_t count, size_t size,
                     int (*compare)(const void *a, const void *b), size_t *dropped)
{
    char *bytes = items;
    size_t kept = 0;

    if (count > 0)
        qsort(items, count, size, compare);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare(bytes + (kept - 1) * size, bytes + i * size) == 0)
            continue;
        if (kept == REC_NAMES_MAX)
            ++*dropped;
        else
            memmove(bytes + kept++ * size, bytes + i * size, size);
    }
    return kept;
}

static void take_row(struct rec_image *image, const struct content_row *row)
{
    image->unpacked |= row->unpacked;
    if (row->identity == REC_BY_CONFIG)
        image->identity = REC_BY_CONFIG;
    if (row->name != NULL)
        image->names[image->name_count++] = row->name;
    if (row->repository == NULL)
        return;
    image->repo_digests[image->repo_digest_count++] =
        (struct rec_repo_digest){.repository = row->repository, .digest = row->target};
    image->repo_digests[image->repo_digest_count++] =
        (struct rec_repo_digest){.repository = row->repository, .digest = row->manifest};
}

/* Makes one record of `count` rows that have the same ID. */
static int merge(struct content_records *r, const struct content_row *rows, size_t count,
                 struct rec_image *out, struct err *err)
{
    struct arena *arena = r->pass->arena;
    struct rec_image image = {.id = rows[0].id, .identity = REC_BY_MANIFEST};
    size_t dropped = 0;
    char subject[DIGEST_TEXT + 8];

    image.names = arena_array(arena, count, sizeof(*image.names), err);
    image.repo_digests = arena_array(arena, count * 2, sizeof(*image.repo_digests), err);
    if (image.names == NULL || image.repo_digests == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        take_row(&image, &rows[i]);
    image.name_count =
        unique(image.names, image.name_count, sizeof(*image.names), rec_name_cmp, &dropped);
    image.repo_digest_count = unique(image.repo_digests, image.repo_digest_count,
                                     sizeof(*image.repo_digests), rec_repo_digest_cmp, &dropped);
    *out = image;
    if (dropped == 0)
        return 0;
    return pass_problem(r->pass, err, subject_of(&image.id, subject),
                        "%zu names more than the limit of %d", dropped, REC_NAMES_MAX);
}

static size_t count_ids(const struct content_records *r)
{
    size_t ids = 0;

    for (size_t i = 0; i < r->count; i++)
        ids += i == 0 || !digest_eq(&r->rows[i - 1].id, &r->rows[i].id);
    return ids;
}

int content_records_finish(struct content_records *r, struct err *err)
{
    struct rec_content *content = &r->pass->reading->content;
    size_t ids, end;

    if (r->count > 0)
        qsort(r->rows, r->count, sizeof(*r->rows), compare_rows);
    ids = count_ids(r);
    if (ids > REC_IMAGES_MAX)
        return err_set(err, ERR_LIMIT, "%zu images: at most %d are read", ids, REC_IMAGES_MAX);
    content->images = arena_array(r->pass->arena, ids, sizeof(*content->images), err);
    if (content->images == NULL)
        return -1;
    for (size_t i = 0; i < r->count; i = end) {
        for (end = i + 1; end < r->count && digest_eq(&r->rows[i].id, &r->rows[end].id);)
            end++;
        if (merge(r, &r->rows[i], end - i, &content->images[content->image_count++], err) != 0)
            return -1;
    }
    return 0;
}
