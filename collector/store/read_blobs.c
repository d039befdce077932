#include "collector/store/read_blobs.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { OF_POSITION, OF_IMAGE };

static const char *const sql[] = {
    [OF_POSITION] = "SELECT m.id, b.digest, b.bytes, b.media_type, d.state FROM manifest m "
                    "JOIN document d ON d.kind = 2 AND d.digest = m.digest "
                    "JOIN manifest_blob b ON b.manifest_id = m.id AND b.position = ?3 "
                    "WHERE m.config = ?1 AND m.layer_count = ?2",
    /* The image's ID is its config's digest, or the manifest's own. */
    [OF_IMAGE] = "SELECT m.digest, m.layer_count, (SELECT coalesce(sum(t.bytes), 0) FROM "
                 "(SELECT max(bytes) AS bytes FROM manifest_blob WHERE manifest_id = m.id "
                 "GROUP BY digest) t), d.state FROM manifest m "
                 "JOIN document d ON d.kind = 2 AND d.digest = m.digest "
                 "WHERE m.config = ?1 OR m.digest = ?1 ORDER BY m.digest",
};
const struct store_sql store_sql_read_blobs = STORE_SQL(sql);

/* ---- of a layer ------------------------------------------------------------------------------ */

struct said { /* by one manifest */
    struct layer_blob blob;
    int64_t manifest_id;
};

struct blobs {
    const struct reading *r;
    struct arena *arena;
    struct said *list;
    size_t count, cap;
};

static int blob_row(struct blobs *b, const struct stmt *st, bool confirmed, struct err *err)
{
    struct said *list = fleet_room(b->arena, b->list, b->count, &b->cap, sizeof(*list), err), *s;

    if (list == NULL)
        return -1;
    b->list = list;
    s = &list[b->count++];
    *s = (struct said){.blob = {.bytes = stmt_get_int(st, 2),
                                .media_type = stmt_copy_text(st, 3, b->arena, err),
                                .confirmed = confirmed && stmt_get_int(st, 4) != 2},
                       .manifest_id = stmt_get_int(st, 0)};
    return s->blob.media_type != NULL ? stmt_get_digest(st, 1, &s->blob.digest, err) : -1;
}

static int read_position(struct blobs *b, const struct fleet_image *image, uint32_t position,
                         struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(b->r->store, STORE_SET_read_blobs, OF_POSITION);
    int more;

    stmt_digest(&st, &image->digest);
    stmt_int(&st, image->chain_count);
    stmt_int(&st, position);
    while ((more = stmt_row(&st, err)) > 0)
        if (blob_row(b, &st, image->document != DOCUMENT_UNCONFIRMED, err) != 0)
            return -1;
    return more;
}

static int cmp_blobs(const struct layer_blob *a, const struct layer_blob *b)
{
    int order = digest_cmp(&a->digest, &b->digest);

    if (order == 0 && a->bytes != b->bytes)
        order = a->bytes < b->bytes ? -1 : 1;
    return order != 0 ? order : strcmp(a->media_type, b->media_type);
}

static int by_blob_then_manifest(const void *x, const void *y)
{
    const struct said *a = x, *b = y;
    int order = cmp_blobs(&a->blob, &b->blob);

    return order != 0 ? order
                      : (a->manifest_id > b->manifest_id) - (a->manifest_id < b->manifest_id);
}

/* Of neighbours that say the same, one. A manifest may have the layer, and the blob, twice. */
static size_t unite(const struct said *list, size_t count, struct layer_blob *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool again = i > 0 && cmp_blobs(&list[i].blob, &list[i - 1].blob) == 0;

        if (!again)
            out[kept++] = list[i].blob;
        out[kept - 1].manifests += !again || list[i].manifest_id != list[i - 1].manifest_id;
        out[kept - 1].confirmed |= list[i].blob.confirmed;
    }
    return kept;
}

int read_layer_blobs(const struct reading *reading, uint32_t layer, struct layer_blob **out,
                     size_t *count, struct arena *arena, struct err *err)
{
    const struct fleet *f = reading->f;
    struct blobs b = {.r = reading, .arena = arena};

    for (size_t i = 0; i < f->image_count; i++)
        for (uint32_t p = 0; p < f->images[i].chain_count; p++)
            if (f->chains[f->images[i].chains[p]].layer == layer &&
                read_position(&b, &f->images[i], p, err) != 0)
                return err_wrap(err, "read the blobs of a layer");
    if (b.count > 1)
        qsort(b.list, b.count, sizeof(*b.list), by_blob_then_manifest);
    *out = arena_array(arena, b.count, sizeof(**out), err);
    if (*out == NULL)
        return -1;
    *count = unite(b.list, b.count, *out);
    return 0;
}

/* ---- of an image ----------------------------------------------------------------------------- */

int read_image_manifests(const struct reading *reading, uint32_t image, struct image_manifest **out,
                         size_t *count, struct arena *arena, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(reading->store, STORE_SET_read_blobs, OF_IMAGE);
    size_t cap = 0;
    int more;

    *out = NULL;
    *count = 0;
    stmt_digest(&st, &reading->f->images[image].digest);
    while ((more = stmt_row(&st, err)) > 0) {
        struct image_manifest *list = fleet_room(arena, *out, *count, &cap, sizeof(*list), err);

        if (list == NULL)
            return -1;
        *out = list;
        list[*count] = (struct image_manifest){.layers = stmt_get_int(&st, 1),
                                               .bytes = stmt_get_int(&st, 2),
                                               .confirmed = stmt_get_int(&st, 3) != 2};
        if (stmt_get_digest(&st, 0, &list[(*count)++].digest, err) != 0)
            return -1;
    }
    return more;
}
