#include "collector/store/listing.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/content.h"
#include "collector/store/store_private.h"

enum { LISTING_ADD, NAME_ADD, REPO_DIGEST_ADD, FIRST_ADD };

static const char *const sql[] = {
    [LISTING_ADD] = "INSERT INTO listing (image_id, identity, unpacked, parent_id) "
                    "VALUES (?, ?, ?, ?)",
    [NAME_ADD] = "INSERT INTO listing_name (listing_id, name_id) VALUES (?, ?)",
    [REPO_DIGEST_ADD] = "INSERT INTO listing_repo_digest (listing_id, name_id, digest) "
                        "VALUES (?, ?, ?)",
    [FIRST_ADD] = "INSERT INTO listing_first (listing_id, of_root, store_id, at_s) "
                  "VALUES (?, ?, ?, ?)",
};
const struct store_sql store_sql_listing = STORE_SQL(sql);

int listing_key(struct buf *out, const struct rec_image *image, struct err *err)
{
    uint8_t head[DIGEST_BYTES + 3 + 8];
    uint32_t names = (uint32_t)image->name_count, repo_digests = (uint32_t)image->repo_digest_count;

    memcpy(head, image->id.bytes, DIGEST_BYTES);
    head[DIGEST_BYTES] = (uint8_t)image->identity;
    head[DIGEST_BYTES + 1] = image->unpacked;
    head[DIGEST_BYTES + 2] = image->has_parent;
    memcpy(head + DIGEST_BYTES + 3, &names, 4);
    memcpy(head + DIGEST_BYTES + 7, &repo_digests, 4);
    if (buf_add(out, head, sizeof(head), err) != 0 ||
        (image->has_parent && buf_add(out, image->parent.bytes, DIGEST_BYTES, err) != 0))
        return -1;
    for (size_t i = 0; i < image->name_count; i++)
        if (buf_add(out, image->names[i], strlen(image->names[i]) + 1, err) != 0)
            return -1;
    for (size_t i = 0; i < image->repo_digest_count; i++) {
        const struct rec_repo_digest *r = &image->repo_digests[i];

        if (buf_add(out, r->digest.bytes, DIGEST_BYTES, err) != 0 ||
            buf_add(out, r->repository, strlen(r->repository) + 1, err) != 0)
            return -1;
    }
    return 0;
}

static int add_row(struct store *s, const struct rec_image *image, int64_t at_s,
                   struct mirror_listing *l, int64_t *id, struct err *err)
{
    int64_t image_id, parent_id = 0;
    struct stmt st;

    if (content_image(s, &image->id, image->identity, at_s, &image_id, err) != 0 ||
        (image->has_parent && content_image(s, &image->parent, 0, at_s, &parent_id, err) != 0))
        return -1;
    l->image = (uint32_t)image_id;
    l->parent = (uint32_t)parent_id;
    st = stmt_use(s, STORE_SET_listing, LISTING_ADD);
    stmt_int(&st, image_id);
    stmt_int(&st, image->identity);
    stmt_int(&st, image->unpacked);
    stmt_int_if(&st, image->has_parent, parent_id);
    if (stmt_run(&st, err) != 0)
        return -1;
    *id = store_last_id(s);
    return 0;
}

static int add_names(struct store *s, int64_t id, const struct rec_image *image, struct err *err)
{
    for (size_t i = 0; i < image->name_count; i++) {
        int64_t name_id;
        struct stmt st;

        if (content_name(s, image->names[i], &name_id, err) != 0)
            return -1;
        st = stmt_use(s, STORE_SET_listing, NAME_ADD);
        stmt_int(&st, id);
        stmt_int(&st, name_id);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int add_repo_digests(struct store *s, int64_t id, const struct rec_image *image,
                            struct err *err)
{
    for (size_t i = 0; i < image->repo_digest_count; i++) {
        int64_t name_id;
        struct stmt st;

        if (content_name(s, image->repo_digests[i].repository, &name_id, err) != 0)
            return -1;
        st = stmt_use(s, STORE_SET_listing, REPO_DIGEST_ADD);
        stmt_int(&st, id);
        stmt_int(&st, name_id);
        stmt_digest(&st, &image->repo_digests[i].digest);
        if (stmt_run(&st, err) != 0)
            return -1;
    }
    return 0;
}

static int add(struct store *s, const struct rec_image *image, const struct buf *key, int64_t at_s,
               uint32_t *out, struct err *err)
{
    AUTO_FREE uint8_t *bytes = malloc(key->len);
    struct mirror_listing l = {.key = bytes,
                               .key_len = key->len,
                               .by_config = image->identity == REC_BY_CONFIG,
                               .unpacked = image->unpacked,
                               .named = image->name_count > 0};
    int64_t id;

    if (bytes == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an image's listing");
    memcpy(bytes, key->data, key->len);
    rec_image_sum(&l.sum, image, true);
    if (add_row(s, image, at_s, &l, &id, err) != 0 || add_names(s, id, image, err) != 0 ||
        add_repo_digests(s, id, image, err) != 0 || mirror_add_listing(s->mirror, id, &l, err) != 0)
        return -1;
    steal(&bytes);
    *out = (uint32_t)id;
    return 0;
}

int listing_put(struct store *s, const struct rec_image *image, int64_t at_s, uint32_t *id,
                struct err *err)
{
    struct buf *key = &s->scratch;

    buf_reset(key);
    if (listing_key(key, image, err) != 0)
        return -1;
    *id = mirror_find_listing(s->mirror, key->data, key->len);
    if (*id == 0)
        return add(s, image, key, at_s, id, err);
    return content_said(s, mirror_listing(s->mirror, *id)->image, image->identity, err);
}

int listing_said(struct store *s, uint32_t listing, int64_t store_id, int64_t at_s, struct err *err)
{
    bool of_root = mirror_store(s->mirror, store_id)->owner == 0;
    struct stmt st;

    if (mirror_listing(s->mirror, listing)->first_known[of_root])
        return 0;
    st = stmt_use(s, STORE_SET_listing, FIRST_ADD);
    stmt_int(&st, listing);
    stmt_int(&st, of_root);
    stmt_int(&st, store_id);
    stmt_int(&st, at_s);
    if (stmt_run(&st, err) != 0)
        return -1;
    return mirror_set_first_known(s->mirror, listing, of_root, err);
}
