#include "agent/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "agent/redact.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/utf8.h"

/* ---- inventories --------------------------------------------------------------------------------
 */

int inventory_open(struct inventory **out, size_t stores, struct err *err)
{
    struct inventory *inv = calloc(1, sizeof(*inv));

    if (stores > REC_STORES_MAX)
        stores = REC_STORES_MAX;
    if (inv != NULL)
        inv->stores = calloc(stores + 1, sizeof(*inv->stores));
    if (inv == NULL || inv->stores == NULL) {
        free(inv);
        return err_set(err, ERR_NO_MEMORY, "no memory for an inventory");
    }
    atomic_init(&inv->refs, 1);
    inv->observed_ms = clock_wall_ms();
    inv->observed_ns = clock_mono_ns();
    *out = inv;
    return 0;
}

/* What can be said of a store that was never read. */
static struct rec_store unread_store(const struct inventory_standing *standing,
                                     const struct engine_root *root)
{
    return (struct rec_store){
        .key = standing->key,
        .engine = root->engine[0] != '\0' ? root->engine : root->driver->name,
        .version = root->version,
        .driver = root->storage,
        .space = root->space,
        .root = root->path,
        .fs_type = "",
        .state = REC_STORE_UNREADABLE,
    };
}

static int put_error(struct inventory_store *s, const char *text, struct err *err)
{
    uint32_t cuts = 0;
    AUTO_FREE char *clean = redact_name(text, &cuts);
    size_t len;

    if (clean == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to redact an error");
    len = strlen(clean);
    if (len >= sizeof(s->error))
        len = utf8_cut(clean, sizeof(s->error) - 1);
    memcpy(s->error, clean, len);
    s->error[len] = '\0';
    s->store.error = s->error;
    return 0;
}

int inventory_add(struct inventory *inv, const struct inventory_standing *standing, struct err *err)
{
    struct inventory_store *s = &inv->stores[inv->store_count];
    const struct inventory_reading *r = standing->reading;

    if (inv->store_count == REC_STORES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d stores on this host", REC_STORES_MAX);
    s->root = *standing->root;
    s->store = r != NULL ? r->reading->content.store : unread_store(standing, &s->root);
    for (size_t i = 0; i < inv->store_count; i++)
        if (rec_key_eq(&inv->stores[i].store.key, &s->store.key))
            return err_set(err, ERR_CONFLICT, "%s is the same store as %s", s->root.path,
                           inv->stores[i].root.path);
    if (standing->state != 0)
        s->store.state = standing->state;
    s->store.sample = s->root.sample;
    if (put_error(s, standing->error, err) != 0)
        return -1;
    s->shared = inventory_reading_ref(standing->reading);
    s->sum = r != NULL ? r->sum : (struct setsum){{0}};
    inv->store_count++;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct inventory_store *x = a;
    const struct inventory_store *y = b;

    return memcmp(x->store.key.bytes, y->store.key.bytes, sizeof(x->store.key.bytes));
}

void inventory_finish(struct inventory *inv)
{
    qsort(inv->stores, inv->store_count, sizeof(*inv->stores), by_key);
    for (size_t i = 0; i < inv->store_count; i++) { /* these point into what has been moved */
        struct inventory_store *s = &inv->stores[i];

        s->store.error = s->error;
        if (s->shared == NULL) {
            if (s->root.engine[0] != '\0')
                s->store.engine = s->root.engine;
            s->store.version = s->root.version;
            s->store.driver = s->root.storage;
            s->store.space = s->root.space;
            s->store.root = s->root.path;
        }
    }
}

struct inventory *inventory_ref(struct inventory *inv)
{
    if (inv != NULL)
        atomic_fetch_add(&inv->refs, 1);
    return inv;
}

void inventory_unref(struct inventory **pp)
{
    struct inventory *inv = steal(pp);

    if (inv == NULL || atomic_fetch_sub(&inv->refs, 1) != 1)
        return;
    for (size_t i = 0; i < inv->store_count; i++)
        inventory_reading_unref(&inv->stores[i].shared);
    free(inv->stores);
    free(inv);
}

const struct inventory_store *inventory_find(const struct inventory *inv, const struct rec_key *key)
{
    for (size_t i = 0; inv != NULL && i < inv->store_count; i++)
        if (rec_key_eq(&inv->stores[i].store.key, key))
            return &inv->stores[i];
    return NULL;
}

const struct rec_content *inventory_content(const struct inventory_store *store)
{
    return store->shared != NULL ? &store->shared->reading->content : NULL;
}

bool inventory_use_eq(const struct rec_use *a, const struct rec_use *b)
{
    if (a->container_count != b->container_count)
        return false;
    for (size_t i = 0; i < a->container_count; i++) {
        const struct rec_container *x = &a->containers[i];
        const struct rec_container *y = &b->containers[i];

        if (x->state != y->state || !digest_eq(&x->image, &y->image) || strcmp(x->id, y->id) != 0 ||
            strcmp(x->name, y->name) != 0 || strcmp(x->kube_namespace, y->kube_namespace) != 0 ||
            strcmp(x->kube_pod, y->kube_pod) != 0)
            return false;
    }
    return true;
}

bool inventory_origins_eq(const struct rec_origins *a, const struct rec_origins *b)
{
    if (a->origin_count != b->origin_count)
        return false;
    for (size_t i = 0; i < a->origin_count; i++)
        if (rec_origin_cmp(&a->origins[i], &b->origins[i]) != 0)
            return false;
    return true;
}

/* ---- differences --------------------------------------------------------------------------------
 */

static const struct rec_content no_content;

static const struct rec_content *content_or_none(const struct inventory_store *store)
{
    const struct rec_content *content = store != NULL ? inventory_content(store) : NULL;

    return content != NULL ? content : &no_content;
}

static bool exceptions_eq(const struct rec_content *a, const struct rec_content *b)
{
    if (a->exception_count != b->exception_count)
        return false;
    for (size_t i = 0; i < a->exception_count; i++)
        if (a->exceptions[i].kind != b->exceptions[i].kind ||
            !digest_eq(&a->exceptions[i].chain, &b->exceptions[i].chain) ||
            !digest_eq(&a->exceptions[i].diff, &b->exceptions[i].diff))
            return false;
    return true;
}

/* Walks both sorted lists side by side. */
static void merge_images(const struct rec_content *from, const struct rec_content *to,
                         struct rec_store_change *change)
{
    size_t i = 0, j = 0;

    while (i < from->image_count || j < to->image_count) {
        int order = i == from->image_count ? 1
                    : j == to->image_count ? -1
                                           : digest_cmp(&from->images[i].id, &to->images[j].id);

        if (order < 0)
            change->removed[change->removed_count++] = from->images[i].id;
        else if (order > 0 || !rec_image_eq(&from->images[i], &to->images[j]))
            change->changed[change->changed_count++] = to->images[j];
        i += order <= 0;
        j += order >= 0;
    }
}

static int change_content(const struct rec_content *from, const struct rec_content *to,
                          struct arena *arena, struct rec_store_change *change, struct err *err)
{
    change->changed = arena_array(arena, to->image_count, sizeof(*change->changed), err);
    change->removed = arena_array(arena, from->image_count, sizeof(*change->removed), err);
    if (change->changed == NULL || change->removed == NULL)
        return -1;
    merge_images(from, to, change);
    change->exceptions_given = !exceptions_eq(from, to);
    if (change->exceptions_given) {
        change->exceptions = to->exceptions;
        change->exception_count = to->exception_count;
    }
    return 0;
}

static int add_store_change(const struct inventory_store *from, const struct inventory_store *to,
                            struct arena *arena, struct rec_difference *out, struct err *err)
{
    struct rec_store_change *change = &out->stores[out->store_count];

    if (from != NULL && setsum_eq(&from->sum, &to->sum) && rec_store_eq(&from->store, &to->store))
        return 0;
    *change = (struct rec_store_change){.store = to->store, .sum = to->sum};
    if (change_content(content_or_none(from), content_or_none(to), arena, change, err) != 0)
        return -1;
    out->store_count++;
    return 0;
}

int inventory_difference(const struct inventory *from, const struct inventory *to,
                         struct arena *arena, struct rec_difference *out, bool *differs,
                         struct err *err)
{
    size_t from_count = from != NULL ? from->store_count : 0;

    *out = (struct rec_difference){0};
    out->stores = arena_array(arena, to->store_count, sizeof(*out->stores), err);
    out->gone = arena_array(arena, from_count, sizeof(*out->gone), err);
    if (out->stores == NULL || out->gone == NULL)
        return -1;
    for (size_t i = 0; i < to->store_count; i++)
        if (add_store_change(inventory_find(from, &to->stores[i].store.key), &to->stores[i], arena,
                             out, err) != 0)
            return -1;
    for (size_t i = 0; i < from_count; i++)
        if (inventory_find(to, &from->stores[i].store.key) == NULL)
            out->gone[out->gone_count++] = from->stores[i].store.key;
    *differs = out->store_count > 0 || out->gone_count > 0;
    return 0;
}

int inventory_attributes(const struct inventory *inv, struct arena *arena,
                         struct rec_difference *out, struct err *err)
{
    *out = (struct rec_difference){0};
    out->stores = arena_array(arena, inv->store_count, sizeof(*out->stores), err);
    if (out->stores == NULL)
        return -1;
    for (size_t i = 0; i < inv->store_count; i++)
        out->stores[out->store_count++] =
            (struct rec_store_change){.store = inv->stores[i].store, .sum = inv->stores[i].sum};
    return 0;
}
