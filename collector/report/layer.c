#include <stdlib.h>

#include "collector/report/parts.h"
#include "collector/report/walk.h"
#include "collector/store/read_blobs.h"
#include "collector/store/read_fleet.h"
#include "collector/store/read_origins.h"

static int fill_layer(struct census *c, struct answer *a, uint32_t index, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"diff_id", "layer", CELL_DIGEST, false},
        {"size_state", "size", CELL_TEXT, false},
        {"nominal_bytes", "nominal size", CELL_BYTES, false},
        {"content_bytes", "content size", CELL_BYTES, false},
        {"files", "files", CELL_COUNT, false},
        {"directories", "directories", CELL_COUNT, false},
        {"empty", "empty", CELL_FLAG, false},
        {"os", "os", CELL_TEXT, false},
        {"hosts", "hosts", CELL_COUNT, false},
        {"copies", "copies", CELL_COUNT, false},
        {"copies_measured", "  measured", CELL_COUNT, false},
        {"stored_bytes", "stored (allocated)", CELL_BYTES, false},
        {"unique_bytes", "  unique (nominal)", CELL_BYTES, false},
        {"replicas_bytes", "  replicas (nominal)", CELL_BYTES, false},
        {"duplicates_bytes", "  duplicates (nominal)", CELL_BYTES, false},
        {"layout_bytes", "  layout", CELL_BYTES, false},
        {"unsplit_bytes", "  unsplit (allocated)", CELL_BYTES, false},
        {NULL, NULL, 0, false},
    };
    const struct fleet_layer *l = &c->fleet.layers[index];
    const struct ledger_layer *sums = &c->ledgers.layers[index];
    struct sheet *s = answer_sheet(a, "layer", NULL, true, columns);
    struct sheet_cell *row = sheet_row(a, s, err);
    const char *os;

    if (row == NULL || part_os_name(c, l->os_release, &os, err) != 0)
        return -1;
    row[0] = cell_digest(&l->diff);
    row[1] = cell_text(part_size_state(l));
    row[2] = cell_size(l->nominal_bytes);
    row[3] = cell_size(l->content_bytes);
    row[4] = cell_size(l->files);
    row[5] = cell_size(l->directories);
    row[6] = cell_flag(fleet_layer_empty(&c->fleet, index));
    row[7] = cell_text(os);
    row[8] = cell_number(sums->hosts);
    row[9] = cell_number(sums->copies);
    row[10] = cell_number(sums->measured);
    row[11] = cell_number(sums->stored);
    row[12] = cell_number(sums->unique);
    row[13] = cell_number(sums->replicas);
    row[14] = cell_number(sums->duplicates);
    row[15] = cell_number(sums->layout);
    row[16] = cell_number(sums->unsplit);
    return 0;
}

/* Copies of a chain beyond the first on one host, by chain. */
struct again {
    uint32_t layer;
    int64_t *copies;
    uint32_t *last_host; /* + 1 */
};

/* In one store a chain lies once. */
static bool has_stores(const struct walk *w, const struct fleet *f, uint32_t host)
{
    const struct fleet_run *stores = &f->hosts[host].stores;
    uint32_t present = 0;

    (void)w;
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++)
        present += f->stores[s].present;
    return present > 1;
}

static int count_again(const struct walk *w, const struct fleet *f, uint32_t host,
                       const struct copies *copies, struct err *err)
{
    struct again *again = w->data;

    (void)f;
    (void)err;
    for (size_t i = 0; i < copies->count; i++) {
        const struct copy *k = &copies->list[i];

        if (k->layer != again->layer)
            continue;
        again->copies[k->chain] += again->last_host[k->chain] == host + 1;
        again->last_host[k->chain] = host + 1;
    }
    return 0;
}

/* Only hosts with several stores can have a chain again, and only where the layer's counters say
 * that one has the layer in a second store is there anything to look for. */
static int find_again(struct census *c, struct again *again, struct err *err)
{
    const struct walk w = {.what = READ_PLACES,
                           .copies = true,
                           .wants = has_stores,
                           .visit = count_again,
                           .data = again};
    const int64_t *causes = c->ledgers.layers[again->layer].cause_copies;

    again->copies = arena_array(c->arena, c->fleet.chain_count, sizeof(*again->copies), err);
    again->last_host = arena_array(c->arena, c->fleet.chain_count, sizeof(*again->last_host), err);
    if (again->copies == NULL || again->last_host == NULL)
        return -1;
    if (causes[CAUSE_STORES] + causes[CAUSE_ENGINES] + causes[CAUSE_USERS] == 0)
        return 0;
    return walk_hosts(c, &w, err);
}

static int fill_chains(struct census *c, struct answer *a, uint32_t layer, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"chain_id", "CHAIN", CELL_DIGEST, false},
        {"parent_chain_id", "PARENT CHAIN", CELL_DIGEST, false},
        {"position", "#", CELL_COUNT, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"copies", "COPIES", CELL_COUNT, false},
        {"stored_bytes", "STORED", CELL_BYTES, false},
        {NULL, NULL, 0, false},
    };
    struct again again = {.layer = layer};

    if (find_again(c, &again, err) != 0)
        return -1;
    answer_sheet(a, "rows", "Chains", false, columns);
    for (size_t i = 0; i < c->fleet.chain_count; i++) {
        const struct fleet_chain *chain = &c->fleet.chains[i];
        const struct ledger_chain *sums = &c->ledgers.chains[i];
        struct sheet_cell *row;

        if (chain->layer != layer || sums->copies == 0)
            continue;
        row = sheet_row(a, a->rows, err);
        if (row == NULL)
            return -1;
        row[0] = cell_digest(&chain->digest);
        row[1] = cell_digest(chain->parent == FLEET_NONE ? NULL
                                                         : &c->fleet.chains[chain->parent].digest);
        row[2] = cell_size((int64_t)chain->depth - 1);
        row[3] = cell_number(sums->copies - again.copies[i]);
        row[4] = cell_number(sums->copies);
        row[5] = cell_number(sums->stored);
    }
    return 0;
}

static bool contains(const struct fleet *f, const struct fleet_image *image, uint32_t layer)
{
    for (uint32_t p = 0; p < image->chain_count; p++)
        if (f->chains[image->chains[p]].layer == layer)
            return true;
    return false;
}

static int fill_images(struct census *c, struct answer *a, uint32_t layer, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"image_id", "IMAGE ID", CELL_DIGEST, false},
        {"names", "NAMES", CELL_NAMES, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "images", "Images", false, columns);

    for (uint32_t i = 0; i < c->fleet.image_count; i++) {
        const struct fleet_image *image = &c->fleet.images[i];
        const struct standing *standing = &c->images[i];
        struct sheet_cell *row;

        if (standing->kind == IMAGE_ABSENT || !contains(&c->fleet, image, layer))
            continue;
        row = sheet_row(a, s, err);
        if (row == NULL || part_names(c, standing->names, standing->name_count, &row[1], err) != 0)
            return -1;
        row[0] = cell_digest(&image->digest);
        row[2] = cell_number(standing->hosts);
    }
    return 0;
}

/* A repository that holds the layer: engines' files say so, or it holds an image of it. */
struct origin {
    uint32_t name;
    uint32_t told_hosts;
    uint32_t image; /* FLEET_NONE where it is told */
};

static int by_name_then_image(const void *a, const void *b)
{
    const struct origin *x = a, *y = b;

    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return x->image < y->image ? -1 : x->image > y->image;
}

/* What is told and what repo digests imply, that of one repository side by side. */
static int list_origins(struct census *c, uint32_t layer, struct origin **out, size_t *count,
                        struct err *err)
{
    const struct fleet *f = &c->fleet;
    struct origin_place *told;
    struct origin *list;
    size_t told_count;

    if (read_origins(c->reading, layer, &told, &told_count, c->arena, err) != 0)
        return -1;
    *out = list = arena_array(c->arena, told_count + f->repo_digest_count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (*count = 0; *count < told_count; (*count)++)
        list[*count] = (struct origin){told[*count].name, told[*count].hosts, FLEET_NONE};
    for (size_t i = 0; i < f->repo_digest_count; i++) {
        const struct fleet_repo_digest *d = &f->repo_digests[i];

        if (d->present && contains(f, &f->images[d->image], layer))
            list[(*count)++] = (struct origin){d->repository, 0, d->image};
    }
    if (*count > 1)
        qsort(list, *count, sizeof(*list), by_name_then_image);
    return 0;
}

static int fill_origins(struct census *c, struct answer *a, uint32_t layer, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"repository", "REPOSITORY", CELL_TITLE, false},
        {"hosts_telling", "HOSTS THAT TELL", CELL_COUNT, false},
        {"images", "BY IMAGES", CELL_COUNT, false},
        {"images_hosts", "ON HOSTS, AT LEAST", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "origins", "Origins", false, columns);
    struct origin *list;
    size_t count;

    if (list_origins(c, layer, &list, &count, err) != 0)
        return -1;
    for (size_t i = 0, next; i < count; i = next) {
        struct sheet_cell *row = sheet_row(a, s, err);
        int64_t told = 0, images = 0, hosts = 0;

        if (row == NULL)
            return -1;
        for (next = i; next < count && list[next].name == list[i].name; next++) {
            const struct origin *o = &list[next];

            told += o->told_hosts;
            if (o->image == FLEET_NONE || (next > i && o->image == o[-1].image))
                continue;
            images++;
            hosts = c->images[o->image].hosts > hosts ? c->images[o->image].hosts : hosts;
        }
        row[0] = cell_text(c->fleet.names[list[i].name].text);
        row[1] = cell_number(told);
        row[2] = cell_number(images);
        row[3] = cell_number(hosts);
    }
    return sheet_sort(a, s, "repository", err);
}

static int fill_blobs(struct census *c, struct answer *a, uint32_t layer, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"digest", "BLOB", CELL_DIGEST, false},
        {"bytes", "BYTES", CELL_BYTES, false},
        {"media_type", "MEDIA TYPE", CELL_TEXT, false},
        {"manifests", "MANIFESTS", CELL_COUNT, false},
        {"state", "STATE", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "blobs", "Blobs, as manifests say", false, columns);
    struct layer_blob *list;
    size_t count;

    if (read_layer_blobs(c->reading, layer, &list, &count, c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_digest(&list[i].digest);
        row[1] = cell_number(list[i].bytes);
        row[2] = cell_text(list[i].media_type[0] != '\0' ? list[i].media_type : NULL);
        row[3] = cell_number(list[i].manifests);
        row[4] = cell_text(list[i].confirmed ? "proven" : "unconfirmed");
    }
    return 0;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    uint32_t index = 0;

    if (part_find_layer(c, &index, err) != 0 || fill_layer(c, a, index, err) != 0 ||
        fill_chains(c, a, index, err) != 0 || fill_images(c, a, index, err) != 0)
        return -1;
    return fill_origins(c, a, index, err) == 0 ? fill_blobs(c, a, index, err) : -1;
}

const struct report report_layer = {.name = "layer",
                                    .needs = NEEDS_PRESENCE | NEEDS_CONTENT | NEEDS_SIZES,
                                    .digests = true,
                                    .sort = "copies:desc",
                                    .fill = fill};
