#include "collector/store/read_private.h"
#include "common/cleanup.h"

enum { LAYERS, CHAINS, IMAGES, IMAGE_CHAINS, NAMES };

static const char *const sql[] = {
    [LAYERS] = "SELECT id, diff, fact_state, content_bytes, nominal_bytes, files, directories, "
               "os_release FROM layer ORDER BY id",
    [CHAINS] = "SELECT id, digest, parent_id, coalesce(layer_id, claimed_layer_id), depth "
               "FROM chain ORDER BY id",
    [IMAGES] = "SELECT i.id, i.digest, i.identity, i.parsed, i.os, i.arch, i.variant, i.created, "
               "i.author, d.state, n.host_id FROM image i "
               "LEFT JOIN document d ON d.kind = 1 AND d.digest = i.digest "
               "LEFT JOIN incarnation n ON n.id = d.incarnation_id ORDER BY i.id",
    [IMAGE_CHAINS] = "SELECT image_id, chain_id FROM image_chain ORDER BY image_id, position",
    [NAMES] = "SELECT id, text FROM name ORDER BY id",
};
const struct store_sql store_sql_contents = STORE_SQL(sql);

static int64_t get_size(const struct stmt *st, int column)
{
    return stmt_is_null(st, column) ? FLEET_UNKNOWN : stmt_get_int(st, column);
}

static int layer_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_layer *list = read_room(r, f->layers, f->layer_count, sizeof(*list), err), *l;

    if (list == NULL)
        return -1;
    f->layers = list;
    l = &list[f->layer_count];
    *l = (struct fleet_layer){.id = stmt_get_int(st, 0),
                              .state = (enum fleet_fact_state)stmt_get_int(st, 2),
                              .content_bytes = get_size(st, 3),
                              .nominal_bytes = get_size(st, 4),
                              .files = get_size(st, 5),
                              .directories = get_size(st, 6)};
    if (stmt_get_digest(st, 1, &l->diff, err) != 0)
        return -1;
    if (!stmt_is_null(st, 7)) {
        l->os_release = stmt_copy_text(st, 7, r->arena, err);
        if (l->os_release == NULL)
            return -1;
    }
    return read_ids_add(&r->layers, l->id, (uint32_t)f->layer_count++, r->arena, err);
}

/* Only a parent that is one less deep is taken, so that no damaged file makes a ring. */
static void set_parent(const struct fleet *f, struct fleet_chain *c, uint32_t parent)
{
    if (parent != FLEET_NONE && f->chains[parent].depth + 1 == c->depth)
        c->parent = parent;
}

/* A parent that comes behind its child waits until all rows are here. */
static int chain_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_chain *list = read_room(r, f->chains, f->chain_count, sizeof(*list), err), *c;

    if (list == NULL)
        return -1;
    f->chains = list;
    c = &list[f->chain_count];
    *c = (struct fleet_chain){
        .id = stmt_get_int(st, 0), .parent = FLEET_NONE, .depth = (uint32_t)stmt_get_int(st, 4)};
    if (stmt_get_digest(st, 1, &c->digest, err) != 0 ||
        read_reference(&r->layers, st, 3, &c->layer, err) != 0)
        return -1;
    if (!stmt_is_null(st, 2)) {
        uint32_t parent = read_ids_find(&r->chains, stmt_get_int(st, 2));

        set_parent(f, c, parent);
        r->parents_wait = r->parents_wait || parent == FLEET_NONE;
    }
    return read_ids_add(&r->chains, c->id, (uint32_t)f->chain_count++, r->arena, err);
}

static int chain_parent_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet_chain *c = &r->f->chains[read_ids_find(&r->chains, stmt_get_int(st, 0))];
    uint32_t parent;

    if (read_reference(&r->chains, st, 2, &parent, err) != 0)
        return -1;
    set_parent(r->f, c, parent);
    return 0;
}

static int image_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_image *list = read_room(r, f->images, f->image_count, sizeof(*list), err), *i;

    if (list == NULL)
        return -1;
    f->images = list;
    i = &list[f->image_count];
    *i = (struct fleet_image){.id = stmt_get_int(st, 0),
                              .identity = (enum rec_identity)stmt_get_int(st, 2),
                              .parsed = (enum fleet_parsed)stmt_get_int(st, 3),
                              .document = (enum fleet_document)stmt_get_int(st, 9)};
    i->os = stmt_copy_text(st, 4, r->arena, err);
    i->arch = stmt_copy_text(st, 5, r->arena, err);
    i->variant = stmt_copy_text(st, 6, r->arena, err);
    i->created = stmt_copy_text(st, 7, r->arena, err);
    i->author = stmt_copy_text(st, 8, r->arena, err);
    if (i->os == NULL || i->arch == NULL || i->variant == NULL || i->created == NULL ||
        i->author == NULL || stmt_get_digest(st, 1, &i->digest, err) != 0 ||
        read_reference(&r->hosts, st, 10, &i->said_by, err) != 0)
        return -1;
    return read_ids_add(&r->images, i->id, (uint32_t)f->image_count++, r->arena, err);
}

/* All chains of all images lie in one array; the images point into it when it is whole. */
static int read_image_chains(struct reading *r, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_contents, IMAGE_CHAINS);
    uint32_t *all = NULL, image, chain;
    size_t count = 0;
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        uint32_t *list = read_room(r, all, count, sizeof(*list), err);

        if (list == NULL || read_reference(&r->images, &st, 0, &image, err) != 0 ||
            read_reference(&r->chains, &st, 1, &chain, err) != 0)
            return -1;
        all = list;
        all[count++] = chain;
        r->f->images[image].chain_count++;
    }
    count = 0;
    for (size_t i = 0; i < r->f->image_count; i++) {
        r->f->images[i].chains = all + count;
        count += r->f->images[i].chain_count;
    }
    return more;
}

static int name_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_name *list = read_room(r, f->names, f->name_count, sizeof(*list), err), *n;

    if (list == NULL)
        return -1;
    f->names = list;
    n = &list[f->name_count];
    n->id = stmt_get_int(st, 0);
    n->text = stmt_copy_text(st, 1, r->arena, err);
    if (n->text == NULL)
        return -1;
    return read_ids_add(&r->names, n->id, (uint32_t)f->name_count++, r->arena, err);
}

int read_content(struct reading *r, struct err *err)
{
    if (read_rows(r, STORE_SET_contents, LAYERS, layer_row, err) != 0 ||
        read_rows(r, STORE_SET_contents, CHAINS, chain_row, err) != 0 ||
        (r->parents_wait && read_rows(r, STORE_SET_contents, CHAINS, chain_parent_row, err) != 0) ||
        read_rows(r, STORE_SET_contents, IMAGES, image_row, err) != 0 ||
        read_image_chains(r, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_contents, NAMES, name_row, err);
}
