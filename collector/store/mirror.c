#include "collector/store/mirror.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/mirror_load.h"
#include "common/check.h"
#include "common/cleanup.h"

static const size_t item_sizes[MIRROR_TABLES] = {
    [MIRROR_IMAGES] = sizeof(struct mirror_image),
    [MIRROR_LISTINGS] = sizeof(struct mirror_listing),
    [MIRROR_CHAINS] = sizeof(struct mirror_chain),
    [MIRROR_LAYERS] = sizeof(struct mirror_layer),
    [MIRROR_STORES] = sizeof(struct mirror_store),
    [MIRROR_HOSTS] = sizeof(struct mirror_host),
    [MIRROR_CHAIN_COUNTS] = sizeof(struct mirror_count),
    [MIRROR_LAYER_COUNTS] = sizeof(struct mirror_count),
    [MIRROR_LISTING_COUNTS] = sizeof(struct mirror_count),
    [MIRROR_IMAGE_COUNTS] = sizeof(struct mirror_count),
    [MIRROR_FLEET_COUNTS] = sizeof(struct mirror_count),
};

static struct dictionary_key key_of_image(const void *item)
{
    const struct mirror_image *image = item;

    return (struct dictionary_key){image->digest.bytes, sizeof(image->digest.bytes)};
}

static struct dictionary_key key_of_listing(const void *item)
{
    const struct mirror_listing *listing = item;

    return (struct dictionary_key){listing->key, listing->key_len};
}

/* ---- life ------------------------------------------------------------------------------------ */

static void free_items(struct mirror *m)
{
    for (size_t i = 1; i < m->tables[MIRROR_IMAGES].count; i++)
        free(mirror_image(m, (int64_t)i)->chains);
    for (size_t i = 1; i < m->tables[MIRROR_LISTINGS].count; i++)
        free(mirror_listing(m, (int64_t)i)->key);
    for (size_t i = 1; i < m->tables[MIRROR_HOSTS].count; i++)
        free(mirror_host(m, (int64_t)i)->stores);
    for (size_t i = 1; i < m->tables[MIRROR_STORES].count; i++) {
        const struct mirror_store *s = mirror_store(m, (int64_t)i);

        free(s->listings);
        free(s->exceptions);
        free(s->copies);
        free(s->uses);
        free(s->asked);
    }
}

void mirror_close(struct mirror **m)
{
    struct mirror *old = *m;

    if (old == NULL)
        return;
    *m = NULL;
    undo_keep(&old->undo);
    free_items(old);
    dictionary_close(&old->images);
    dictionary_close(&old->listings);
    undo_close(&old->undo);
    free(old->changed);
    free(old);
}

int mirror_open(struct mirror **out, struct store *s, struct err *err)
{
    AUTO(mirror_close) struct mirror *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return err_set(err, ERR_NO_MEMORY, "read the database into memory");
    m->undo.tables = m->tables;
    m->undo.table_count = MIRROR_TABLES;
    for (size_t i = 0; i < MIRROR_TABLES; i++) {
        m->tables[i].item_size = item_sizes[i];
        m->tables[i].saved_size =
            i < MIRROR_CHAIN_COUNTS ? item_sizes[i] : offsetof(struct mirror_count, written);
        if (undo_add(&m->undo, i, err) == NULL)
            return -1;
    }
    if (undo_add(&m->undo, MIRROR_FLEET_COUNTS, err) == NULL)
        return -1;
    if (dictionary_open(&m->images, &m->tables[MIRROR_IMAGES], key_of_image, err) != 0 ||
        dictionary_open(&m->listings, &m->tables[MIRROR_LISTINGS], key_of_listing, err) != 0 ||
        mirror_load(m, s, err) != 0)
        return -1;
    undo_keep(&m->undo);
    *out = steal(&m);
    return 0;
}

struct undo_mark mirror_mark(const struct mirror *m)
{
    return undo_mark(&m->undo);
}

void mirror_back(struct mirror *m, const struct undo_mark *mark)
{
    dictionary_cut(&m->images, mark->counts[MIRROR_IMAGES]);
    dictionary_cut(&m->listings, mark->counts[MIRROR_LISTINGS]);
    undo_back(&m->undo, mark);
}

void mirror_keep(struct mirror *m)
{
    undo_keep(&m->undo);
}

/* ---- reading --------------------------------------------------------------------------------- */

static const void *item(const struct mirror *m, enum mirror_table table, int64_t id)
{
    const struct undo_table *t = &m->tables[table];

    check(id > 0 && (uint64_t)id < t->count);
    return (const uint8_t *)t->items + (size_t)id * t->item_size;
}

const struct mirror_image *mirror_image(const struct mirror *m, int64_t id)
{
    return item(m, MIRROR_IMAGES, id);
}

const struct mirror_listing *mirror_listing(const struct mirror *m, int64_t id)
{
    return item(m, MIRROR_LISTINGS, id);
}

const struct mirror_chain *mirror_chain(const struct mirror *m, int64_t id)
{
    return item(m, MIRROR_CHAINS, id);
}

const struct mirror_layer *mirror_layer(const struct mirror *m, int64_t id)
{
    return item(m, MIRROR_LAYERS, id);
}

const struct mirror_store *mirror_store(const struct mirror *m, int64_t id)
{
    return item(m, MIRROR_STORES, id);
}

const struct mirror_host *mirror_host(const struct mirror *m, int64_t id)
{
    return item(m, MIRROR_HOSTS, id);
}

uint32_t mirror_find_image(const struct mirror *m, const struct digest *digest)
{
    return dictionary_find(&m->images, digest->bytes, sizeof(digest->bytes));
}

uint32_t mirror_find_listing(const struct mirror *m, const void *key, size_t len)
{
    return dictionary_find(&m->listings, key, len);
}

uint32_t mirror_held(const struct mirror *m, const struct mirror_store *s, uint32_t image)
{
    size_t low = 0, high = s->listing_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mirror_listing(m, s->listings[middle])->image < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->listing_count && mirror_listing(m, s->listings[low])->image == image
               ? s->listings[low]
               : 0;
}
