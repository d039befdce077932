#include <string.h>

#include "collector/store/read_private.h"
#include "common/cleanup.h"

#define SECONDS_OF_DAY 86400

enum { LAYERS, CHAINS, IMAGES, IMAGE_CHAINS, NAMES };

static const char *const sql[] = {
    [LAYERS] = "SELECT id, diff, fact_state, content_bytes, nominal_bytes, files, directories, "
               "os_release, base_layers, CASE WHEN fact_state = 1 "
               "  AND (files = 0 OR os_release <> '') THEN (SELECT n.host_id FROM incarnation n "
               "  WHERE n.id = fact_incarnation) END, fact_of_user FROM layer ORDER BY id",
    [CHAINS] = "SELECT id, digest, parent_id, coalesce(layer_id, claimed_layer_id), depth "
               "FROM chain ORDER BY id",
    [IMAGES] = "SELECT i.id, i.digest, i.identity, i.parsed, i.os, i.arch, i.variant, i.created, "
               "i.author, d.state, n.host_id, i.created_s, i.first_s, i.chain_id, i.layer_count "
               "FROM image i "
               "LEFT JOIN document d ON d.kind = 1 AND d.digest = i.digest "
               "LEFT JOIN incarnation n ON n.id = d.incarnation_id ORDER BY i.id",
    [IMAGE_CHAINS] = "SELECT chain_id FROM image_chain WHERE image_id = ? ORDER BY position",
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
                              .directories = get_size(st, 6),
                              .base_layers = (uint32_t)stmt_get_int(st, 8),
                              .of_user = stmt_get_int(st, 10) != 0};
    if (stmt_get_digest(st, 1, &l->diff, err) != 0 ||
        read_reference(&r->hosts, st, 9, &l->said_by, err) != 0)
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

/* How many chains lie from `top` down to the first layer; 0 where the line is broken. */
static uint32_t line_length(const struct fleet *f, uint32_t top)
{
    uint32_t length = 0, lowest = FLEET_NONE;

    for (uint32_t c = top; c != FLEET_NONE; c = f->chains[c].parent) {
        lowest = c;
        length++;
    }
    return lowest != FLEET_NONE && f->chains[lowest].depth == 1 ? length : 0;
}

static int read_chain_rows(struct reading *r, struct fleet_image *i, struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_contents, IMAGE_CHAINS);
    uint32_t *list = NULL;
    size_t cap = 0;
    int more;

    stmt_int(&st, i->id);
    while ((more = stmt_row(&st, err)) > 0) {
        list = fleet_room(r->arena, list, i->chain_count, &cap, sizeof(*list), err);
        if (list == NULL || read_reference(&r->chains, &st, 0, &list[i->chain_count], err) != 0)
            return -1;
        i->chain_count++;
    }
    i->chains = list;
    return more;
}

/* Chains know their parents, so those of an image follow from its last one: their rows are ten
 * times as many as the images'. They are read where the line is another one, which a chain of one
 * layer with the digest of a longer chain can bring about. */
static int read_chains_of(struct reading *r, struct fleet_image *i, const struct stmt *st,
                          struct err *err)
{
    const struct fleet *f = r->f;
    uint32_t top, length, *list;

    if (read_reference(&r->chains, st, 13, &top, err) != 0)
        return -1;
    length = line_length(f, top);
    if (length == 0 || length != stmt_get_int(st, 14))
        return read_chain_rows(r, i, err);
    list = arena_array(r->arena, length, sizeof(*list), err);
    if (list == NULL)
        return -1;
    i->chains = list;
    i->chain_count = length;
    for (uint32_t c = top; c != FLEET_NONE; c = f->chains[c].parent)
        list[--length] = c;
    return 0;
}

/* Builds that are to be the same each time are given the first second of all, or the first day. */
static int64_t get_created(const struct stmt *st, int column)
{
    int64_t created = stmt_get_int(st, column);

    return created > SECONDS_OF_DAY ? created : 0;
}

/* Most images have the text of the one before: that one's, or a copy. */
static const char *share_text(struct reading *r, const struct stmt *st, int column,
                              const char *before, struct err *err)
{
    return before != NULL && strcmp(before, stmt_get_text(st, column)) == 0
               ? before
               : stmt_copy_text(st, column, r->arena, err);
}

static int fill_image(struct reading *r, struct fleet_image *i, const struct fleet_image *before,
                      const struct stmt *st, struct err *err)
{
    i->os = share_text(r, st, 4, before != NULL ? before->os : NULL, err);
    i->arch = share_text(r, st, 5, before != NULL ? before->arch : NULL, err);
    i->variant = share_text(r, st, 6, before != NULL ? before->variant : NULL, err);
    i->created = stmt_copy_text(st, 7, r->arena, err);
    i->author = share_text(r, st, 8, before != NULL ? before->author : NULL, err);
    if (i->os == NULL || i->arch == NULL || i->variant == NULL || i->created == NULL ||
        i->author == NULL || stmt_get_digest(st, 1, &i->digest, err) != 0 ||
        read_reference(&r->hosts, st, 10, &i->said_by, err) != 0)
        return -1;
    return read_chains_of(r, i, st, err);
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
                              .document = (enum fleet_document)stmt_get_int(st, 9),
                              .created_s = get_created(st, 11),
                              .first_s = stmt_get_int(st, 12)};
    if (fill_image(r, i, f->image_count > 0 ? i - 1 : NULL, st, err) != 0)
        return -1;
    return read_ids_add(&r->images, i->id, (uint32_t)f->image_count++, r->arena, err);
}

static int name_row(struct reading *r, const struct stmt *st, struct err *err)
{
    struct fleet *f = r->f;
    struct fleet_name *list = read_room(r, f->names, f->name_count, sizeof(*list), err), *n;
    const char *text;

    if (list == NULL)
        return -1;
    f->names = list;
    n = &list[f->name_count];
    n->id = stmt_get_int(st, 0);
    text = stmt_copy_text(st, 1, r->arena, err);
    if (text == NULL || fleet_name_set(n, text, r->arena, err) != 0)
        return -1;
    return read_ids_add(&r->names, n->id, (uint32_t)f->name_count++, r->arena, err);
}

int read_content(struct reading *r, struct err *err)
{
    if (read_rows(r, STORE_SET_contents, LAYERS, layer_row, err) != 0 ||
        read_rows(r, STORE_SET_contents, CHAINS, chain_row, err) != 0 ||
        (r->parents_wait && read_rows(r, STORE_SET_contents, CHAINS, chain_parent_row, err) != 0) ||
        read_rows(r, STORE_SET_contents, IMAGES, image_row, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_contents, NAMES, name_row, err);
}
