#include "collector/census/coverage.h"
#include "collector/store/read_private.h"

enum { CHAINS, LAYERS, LISTINGS, IMAGES, FLEET };

static const char *const sql[] = {
    [CHAINS] = "SELECT chain_id, copies, measured, allocated_bytes, missing FROM count_chain",
    [LAYERS] = ("SELECT layer_id, parents, stores, engines, users FROM count_layer "
                "WHERE parents + stores + engines + users > 0"),
    [LISTINGS] = "SELECT listing_id, stores FROM count_listing",
    [IMAGES] = "SELECT image_id, again, parent_in, containers, running, unknown FROM count_image",
    [FLEET] = "SELECT blobs_kept, blobs_only, orphans, upper_bounds FROM count_fleet",
};
const struct store_sql store_sql_read_counts = STORE_SQL(sql);

static int chain_row(struct reading *r, const struct stmt *st, struct err *err)
{
    uint32_t chain;

    if (read_reference(&r->chains, st, 0, &chain, err) != 0)
        return -1;
    r->counted->chains[chain] = (struct counted_chain){.copies = stmt_get_int(st, 1),
                                                       .measured = stmt_get_int(st, 2),
                                                       .allocated_bytes = stmt_get_int(st, 3),
                                                       .missing = stmt_get_int(st, 4)};
    return 0;
}

static int layer_row(struct reading *r, const struct stmt *st, struct err *err)
{
    uint32_t layer;

    if (read_reference(&r->layers, st, 0, &layer, err) != 0)
        return -1;
    r->counted->layers[layer] = (struct counted_layer){.again = {
                                                           [CAUSE_PARENTS] = stmt_get_int(st, 1),
                                                           [CAUSE_STORES] = stmt_get_int(st, 2),
                                                           [CAUSE_ENGINES] = stmt_get_int(st, 3),
                                                           [CAUSE_USERS] = stmt_get_int(st, 4),
                                                       }};
    return 0;
}

static int listing_row(struct reading *r, const struct stmt *st, struct err *err)
{
    uint32_t listing;

    if (read_reference(&r->listings, st, 0, &listing, err) != 0)
        return -1;
    r->counted->listings[listing].stores = stmt_get_int(st, 1);
    r->f->said[listing].stores = stmt_get_int(st, 1);
    return 0;
}

static int image_row(struct reading *r, const struct stmt *st, struct err *err)
{
    uint32_t image;

    if (read_reference(&r->images, st, 0, &image, err) != 0)
        return -1;
    r->counted->images[image] = (struct counted_image){.again = stmt_get_int(st, 1),
                                                       .parent_in = stmt_get_int(st, 2),
                                                       .containers = stmt_get_int(st, 3),
                                                       .running = stmt_get_int(st, 4),
                                                       .run_unknown = stmt_get_int(st, 5)};
    return 0;
}

static int fleet_row(struct reading *r, const struct stmt *st, struct err *err)
{
    (void)err;
    r->counted->blobs_kept = stmt_get_int(st, 0);
    r->counted->blobs_only = stmt_get_int(st, 1);
    r->counted->orphans = stmt_get_int(st, 2);
    r->counted->upper_bounds = stmt_get_int(st, 3);
    return 0;
}

/* What hosts list, without counts yet. */
static int prepare(struct reading *r, struct err *err)
{
    struct counted *c = r->counted;

    c->chains = arena_array(r->arena, r->f->chain_count, sizeof(*c->chains), err);
    c->layers = arena_array(r->arena, r->f->layer_count, sizeof(*c->layers), err);
    c->images = arena_array(r->arena, r->f->image_count, sizeof(*c->images), err);
    c->listings = arena_array(r->arena, r->f->said_count, sizeof(*c->listings), err);
    if (c->chains == NULL || c->layers == NULL || c->images == NULL || c->listings == NULL)
        return -1;
    c->listing_count = r->f->said_count;
    for (size_t i = 0; i < r->f->said_count; i++) {
        const struct fleet_said *said = &r->f->said[i];

        c->listings[i] = (struct counted_listing){
            .image = said->image,
            .unpacked = r->listing_list[i].like.unpacked,
            .names = said->names.count > 0 ? r->f->place_names + said->names.first : NULL,
            .name_count = said->names.count};
    }
    return 0;
}

int read_counts(struct reading *r, struct err *err)
{
    if (prepare(r, err) != 0 || read_rows(r, STORE_SET_read_counts, CHAINS, chain_row, err) != 0 ||
        read_rows(r, STORE_SET_read_counts, LAYERS, layer_row, err) != 0 ||
        read_rows(r, STORE_SET_read_counts, LISTINGS, listing_row, err) != 0 ||
        read_rows(r, STORE_SET_read_counts, IMAGES, image_row, err) != 0)
        return -1;
    return read_rows(r, STORE_SET_read_counts, FLEET, fleet_row, err);
}

/* ---- who could not confirm --------------------------------------------------------------------
 */

/* Marks the hosts that said a config which no other one confirmed; returns whether there is one. */
static bool mark_sayers(const struct reading *r, bool *unable)
{
    bool any = false;

    for (size_t i = 0; i < r->counted->listing_count; i++) {
        const struct counted_listing *l = &r->counted->listings[i];
        const struct fleet_image *image = &r->f->images[l->image];

        if (l->stores == 0 || !coverage_unconfirmed(image))
            continue;
        any = true;
        if (image->said_by != FLEET_NONE)
            unable[image->said_by] = true;
    }
    return any;
}

int read_unable(struct reading *r, struct err *err)
{
    const struct fleet *f = r->f;
    bool *unable = arena_array(r->arena, f->host_count, sizeof(*unable), err);

    if (unable == NULL)
        return -1;
    if (!mark_sayers(r, unable))
        return 0;
    for (uint32_t s = 0; s < f->store_count; s++) {
        const struct fleet_host *h = &f->hosts[f->stores[s].host];
        bool fresh = coverage_freshness(f, h, r->options->fresh_within_s) == HOST_FRESH;

        if (f->stores[s].present && (!fresh || unable[f->stores[s].host]) &&
            read_presences_in(r, s, err) != 0)
            return -1;
    }
    return 0;
}
