#include <stdlib.h>
#include <string.h>

#include "collector/store/mirror.h"
#include "common/check.h"
#include "common/cleanup.h"

/* ---- new rows -------------------------------------------------------------------------------- */

/* The next row of a table, which is to have this id. */
static void *add(struct mirror *m, enum mirror_table table, int64_t id, struct err *err)
{
    if (id < 0 || (uint64_t)id != m->tables[table].count) {
        err_set(err, ERR_CORRUPT,
                "row %lld follows row %zu: rows are missing in the database; restore a backup",
                (long long)id, m->tables[table].count - 1);
        return NULL;
    }
    return undo_add(&m->undo, table, err);
}

/* Content has a row of counters beside it. */
static void *add_counted(struct mirror *m, enum mirror_table table, enum mirror_table counts,
                         int64_t id, struct err *err)
{
    void *added = add(m, table, id, err);

    if (added != NULL && undo_add(&m->undo, counts, err) != NULL)
        return added;
    m->tables[table].count -= added != NULL;
    return NULL;
}

int mirror_add_image(struct mirror *m, int64_t id, const struct digest *digest,
                     enum rec_identity identity, struct err *err)
{
    struct mirror_image *image = add_counted(m, MIRROR_IMAGES, MIRROR_IMAGE_COUNTS, id, err);

    if (image == NULL)
        return -1;
    image->digest = *digest;
    image->identity = identity;
    image->ask = MIRROR_ASK_ANYBODY;
    if (dictionary_add(&m->images, err) == 0)
        return 0;
    m->tables[MIRROR_IMAGES].count--;
    m->tables[MIRROR_IMAGE_COUNTS].count--;
    return -1;
}

int mirror_add_listing(struct mirror *m, int64_t id, const struct mirror_listing *listing,
                       struct err *err)
{
    struct mirror_listing *added = add_counted(m, MIRROR_LISTINGS, MIRROR_LISTING_COUNTS, id, err);

    if (added == NULL)
        return -1;
    *added = *listing;
    if (dictionary_add(&m->listings, err) == 0) {
        if (undo_swap(&m->undo, NULL, listing->key, err) == 0)
            return 0;
        dictionary_cut(&m->listings, (size_t)id);
    }
    m->tables[MIRROR_LISTINGS].count--;
    m->tables[MIRROR_LISTING_COUNTS].count--;
    return -1;
}

/* The item, its old state kept. */
static void *change(struct mirror *m, enum mirror_table table, int64_t id, struct err *err)
{
    check(id > 0 && (uint64_t)id < m->tables[table].count);
    return undo_change(&m->undo, table, (size_t)id, err);
}

/* One more chain ends in the layer. */
static int note_chain(struct mirror *m, uint32_t layer, struct err *err)
{
    struct mirror_layer *l;

    if (layer == 0)
        return 0;
    l = change(m, MIRROR_LAYERS, layer, err);
    if (l == NULL)
        return -1;
    l->chains++;
    return 0;
}

int mirror_add_chain(struct mirror *m, int64_t id, uint32_t layer, struct err *err)
{
    struct mirror_chain *chain = add_counted(m, MIRROR_CHAINS, MIRROR_CHAIN_COUNTS, id, err);

    if (chain == NULL)
        return -1;
    chain->layer = layer;
    return note_chain(m, layer, err);
}

int mirror_add_layer(struct mirror *m, int64_t id, struct err *err)
{
    struct mirror_layer *layer = add_counted(m, MIRROR_LAYERS, MIRROR_LAYER_COUNTS, id, err);

    if (layer == NULL)
        return -1;
    layer->ask = MIRROR_ASK_ANYBODY;
    return 0;
}

int mirror_add_host(struct mirror *m, int64_t id, struct err *err)
{
    struct mirror_host *host = add(m, MIRROR_HOSTS, id, err);

    if (host == NULL)
        return -1;
    host->counted = true;
    return 0;
}

/* ---- changes --------------------------------------------------------------------------------- */

/* Notes that the counter is to be looked at when the transaction ends. */
static int note_changed(struct mirror *m, enum mirror_table table, int64_t id, struct err *err)
{
    size_t room = m->changed_room > 0 ? 2 * m->changed_room : 1024;
    struct mirror_changed *grown;

    if (m->changed_count == m->changed_room) {
        grown = reallocarray(m->changed, room, sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NO_MEMORY, "no memory for the counters");
        m->changed = grown;
        m->changed_room = room;
    }
    m->changed[m->changed_count++] = (struct mirror_changed){table, (uint32_t)id};
    return 0;
}

struct mirror_count *mirror_count(struct mirror *m, enum mirror_table table, int64_t id,
                                  struct err *err)
{
    struct mirror_count *count = change(m, table, id, err);

    if (count == NULL || count->listed)
        return count;
    if (note_changed(m, table, id, err) != 0)
        return NULL;
    count->listed = true;
    return count;
}

int mirror_set_identity(struct mirror *m, int64_t image, enum rec_identity identity,
                        struct err *err)
{
    struct mirror_image *i = change(m, MIRROR_IMAGES, image, err);

    if (i == NULL)
        return -1;
    i->identity = identity;
    return 0;
}

int mirror_set_image_ask(struct mirror *m, int64_t image, uint32_t ask, struct err *err)
{
    struct mirror_image *i = change(m, MIRROR_IMAGES, image, err);

    if (i == NULL)
        return -1;
    i->ask = ask;
    return 0;
}

int mirror_set_manifests_known(struct mirror *m, int64_t listing, struct err *err)
{
    struct mirror_listing *l = change(m, MIRROR_LISTINGS, listing, err);

    if (l == NULL)
        return -1;
    l->manifests_known = true;
    return 0;
}

int mirror_set_first_known(struct mirror *m, int64_t listing, bool of_root, struct err *err)
{
    struct mirror_listing *l = change(m, MIRROR_LISTINGS, listing, err);

    if (l == NULL)
        return -1;
    l->first_known[of_root] = true;
    return 0;
}

int mirror_set_layer_ask(struct mirror *m, int64_t layer, uint32_t ask, struct err *err)
{
    struct mirror_layer *l = change(m, MIRROR_LAYERS, layer, err);

    if (l == NULL)
        return -1;
    l->ask = ask;
    return 0;
}

int mirror_set_chain_layer(struct mirror *m, int64_t chain, uint32_t layer, struct err *err)
{
    struct mirror_chain *c = change(m, MIRROR_CHAINS, chain, err);

    if (c == NULL)
        return -1;
    c->layer = layer;
    return note_chain(m, layer, err);
}

/* Puts a copy of `bytes` bytes where *owned is, which an item of ours holds. */
static int replace_list(struct mirror *m, void *owned, const void *list, size_t bytes,
                        struct err *err)
{
    AUTO_FREE void *fresh = bytes > 0 ? malloc(bytes) : NULL;
    void *old;

    if (bytes > 0 && fresh == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a list of %zu bytes", bytes);
    if (bytes > 0)
        memcpy(fresh, list, bytes);
    memcpy(&old, owned, sizeof(old));
    if (undo_swap(&m->undo, old, fresh, err) != 0)
        return -1;
    memcpy(owned, &fresh, sizeof(fresh));
    steal(&fresh);
    return 0;
}

int mirror_set_chains(struct mirror *m, int64_t image, bool read, const uint32_t *chains,
                      uint32_t count, struct err *err)
{
    struct mirror_image *i = change(m, MIRROR_IMAGES, image, err);

    if (i == NULL || replace_list(m, &i->chains, chains, count * sizeof(*chains), err) != 0)
        return -1;
    i->chain_count = count;
    i->read = read;
    return 0;
}

/* ---- changes of hosts and stores ------------------------------------------------------------- */

int mirror_set_claimed(struct mirror *m, int64_t chain, uint32_t layer, struct err *err)
{
    struct mirror_chain *c = change(m, MIRROR_CHAINS, chain, err);

    if (c == NULL)
        return -1;
    c->claimed = layer;
    return note_chain(m, layer, err);
}

int mirror_set_counted(struct mirror *m, int64_t host_id, bool counted, struct err *err)
{
    struct mirror_host *h = change(m, MIRROR_HOSTS, host_id, err);

    if (h == NULL)
        return -1;
    h->counted = counted;
    return 0;
}

static int add_to_host(struct mirror *m, int64_t host_id, uint32_t store_id, struct err *err)
{
    struct mirror_host *h = change(m, MIRROR_HOSTS, host_id, err);
    AUTO_FREE uint32_t *stores = NULL;

    if (h == NULL)
        return -1;
    stores = reallocarray(NULL, h->store_count + 1, sizeof(*stores));
    if (stores == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a host's stores");
    if (h->store_count > 0)
        memcpy(stores, h->stores, h->store_count * sizeof(*stores));
    stores[h->store_count] = store_id;
    if (replace_list(m, &h->stores, stores, (h->store_count + 1) * sizeof(*stores), err) != 0)
        return -1;
    h->store_count++;
    return 0;
}

int mirror_add_store(struct mirror *m, int64_t id, int64_t host_id, struct err *err)
{
    struct mirror_store *s = add(m, MIRROR_STORES, id, err);

    if (s == NULL)
        return -1;
    s->host = (uint32_t)host_id;
    return add_to_host(m, host_id, (uint32_t)id, err);
}

uint64_t mirror_hash(const struct mirror *m, const void *data, size_t len)
{
    return dictionary_hash(&m->images, data, len);
}

int mirror_set_attributes(struct mirror *m, int64_t store_id, uint64_t hash, struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL)
        return -1;
    s->attributes = hash;
    return 0;
}

bool mirror_is_place(const struct mirror *m, int64_t store_id, uint32_t owner, const char *engine)
{
    const struct mirror_store *s = mirror_store(m, store_id);

    return s->owner == owner && s->engine == mirror_hash(m, engine, strlen(engine));
}

int mirror_set_place(struct mirror *m, int64_t store_id, uint32_t owner, const char *engine,
                     struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL)
        return -1;
    s->owner = owner;
    s->engine = mirror_hash(m, engine, strlen(engine));
    return 0;
}

static void add_space(struct mirror_store *s, const struct rec_space *space)
{
    int64_t *sum = &s->orphans;

    if (space->klass == REC_SPACE_BLOBS)
        sum = strcmp(space->kind, "only") == 0 ? &s->blobs_only : &s->blobs_kept;
    else if (space->klass != REC_SPACE_ORPHANS)
        return;
    *sum = (int64_t)((uint64_t)*sum + space->bytes);
    s->upper_bound = s->upper_bound || space->upper_bound;
}

int mirror_add_space(struct mirror *m, int64_t store_id, const struct rec_space *space,
                     struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL)
        return -1;
    add_space(s, space);
    return 0;
}

int mirror_set_spaces(struct mirror *m, int64_t store_id, const struct rec_space *list,
                      size_t count, struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL)
        return -1;
    s->blobs_kept = s->blobs_only = s->orphans = 0;
    s->upper_bound = false;
    for (size_t i = 0; i < count; i++)
        add_space(s, &list[i]);
    return 0;
}

/* Both lists are sorted by image, and a listing's image never changes. */
static int move_marks(struct mirror *m, struct mirror_store *s, const uint32_t *listings,
                      uint32_t count, struct err *err)
{
    AUTO_FREE bool *asked = NULL;
    uint32_t old = 0;

    if (s->asked == NULL)
        return 0;
    asked = calloc(count + 1, sizeof(*asked));
    if (asked == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %u marks", count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t image = mirror_listing(m, listings[i])->image;

        while (old < s->listing_count && mirror_listing(m, s->listings[old])->image < image)
            old++;
        asked[i] = old < s->listing_count && s->listings[old] == listings[i] && s->asked[old];
    }
    return replace_list(m, &s->asked, asked, count * sizeof(*asked), err);
}

int mirror_set_held(struct mirror *m, int64_t store_id, const uint32_t *listings, uint32_t count,
                    struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL || move_marks(m, s, listings, count, err) != 0 ||
        replace_list(m, &s->listings, listings, count * sizeof(*listings), err) != 0)
        return -1;
    s->listing_count = count;
    return 0;
}

int mirror_set_asked(struct mirror *m, int64_t store_id, const bool *asked, int64_t since_s,
                     struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL || replace_list(m, &s->asked, asked, s->listing_count * sizeof(*asked), err) != 0)
        return -1;
    s->asked_s = since_s;
    return 0;
}

int mirror_set_exceptions(struct mirror *m, int64_t store_id, const struct mirror_exception *list,
                          uint32_t count, struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL || replace_list(m, &s->exceptions, list, count * sizeof(*list), err) != 0)
        return -1;
    s->exception_count = count;
    return 0;
}

int mirror_set_copies(struct mirror *m, int64_t store_id, const struct mirror_copy *list,
                      uint32_t count, struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL || replace_list(m, &s->copies, list, count * sizeof(*list), err) != 0)
        return -1;
    s->copy_count = count;
    return 0;
}

int mirror_set_uses(struct mirror *m, int64_t store_id, const struct mirror_use *list,
                    uint32_t count, struct err *err)
{
    struct mirror_store *s = change(m, MIRROR_STORES, store_id, err);

    if (s == NULL || replace_list(m, &s->uses, list, count * sizeof(*list), err) != 0)
        return -1;
    s->use_count = count;
    return 0;
}
