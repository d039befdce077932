#include "tests/support/mirror_equal.h"

#include <stdlib.h>

#include "collector/store/store_private.h"
#include "tests/support/unit.h"

static int by_chain(const void *a, const void *b)
{
    const struct mirror_exception *x = a, *y = b;

    return (x->chain > y->chain) - (x->chain < y->chain);
}

static int by_image_and_state(const void *a, const void *b)
{
    const struct mirror_use *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->state > y->state) - (x->state < y->state);
}

static void *sorted(struct store_rig *r, const void *list, size_t count, size_t size,
                    int (*cmp)(const void *, const void *))
{
    char *copy = arena_array(r->arena, count + 1, size, NULL);

    assert_non_null(copy);
    if (count > 0)
        memcpy(copy, list, count * size);
    qsort(copy, count, size, cmp);
    return copy;
}

static void same_content(const struct mirror *a, const struct mirror *b)
{
    for (size_t i = 1; i < a->tables[MIRROR_IMAGES].count; i++) {
        const struct mirror_image *x = mirror_image(a, (int64_t)i),
                                  *y = mirror_image(b, (int64_t)i);

        assert_true(digest_eq(&x->digest, &y->digest));
        assert_int_equal(mirror_find_image(a, &x->digest), i);
        assert_int_equal(x->identity, y->identity);
        assert_int_equal(x->read, y->read);
        assert_int_equal(x->ask, y->ask);
        assert_int_equal(x->chain_count, y->chain_count);
        for (uint32_t c = 0; c < x->chain_count; c++)
            assert_int_equal(x->chains[c], y->chains[c]);
    }
    for (size_t i = 1; i < a->tables[MIRROR_CHAINS].count; i++) {
        const struct mirror_chain *x = mirror_chain(a, (int64_t)i),
                                  *y = mirror_chain(b, (int64_t)i);

        assert_int_equal(x->layer, y->layer);
        assert_int_equal(x->claimed, y->claimed);
    }
    for (size_t i = 1; i < a->tables[MIRROR_LAYERS].count; i++)
        assert_int_equal(mirror_layer(a, (int64_t)i)->ask, mirror_layer(b, (int64_t)i)->ask);
}

static void same_listings(const struct mirror *a, const struct mirror *b)
{
    for (size_t i = 1; i < a->tables[MIRROR_LISTINGS].count; i++) {
        const struct mirror_listing *x = mirror_listing(a, (int64_t)i);
        const struct mirror_listing *y = mirror_listing(b, (int64_t)i);

        assert_int_equal(x->key_len, y->key_len);
        assert_memory_equal(x->key, y->key, x->key_len);
        assert_int_equal(mirror_find_listing(a, x->key, x->key_len), i);
        assert_true(setsum_eq(&x->sum, &y->sum));
        assert_int_equal(x->image, y->image);
        assert_int_equal(x->parent, y->parent);
        assert_int_equal(x->by_config, y->by_config);
        assert_int_equal(x->unpacked, y->unpacked);
        assert_int_equal(x->named, y->named);
        assert_memory_equal(x->first_known, y->first_known, sizeof(x->first_known));
    }
}

/* Lists that the file has in another order are compared sorted. */
static void same_lists(struct store_rig *r, const struct mirror_store *x,
                       const struct mirror_store *y)
{
    const struct mirror_exception *e, *f;
    const struct mirror_use *u, *v;

    assert_int_equal(x->listing_count, y->listing_count);
    for (uint32_t i = 0; i < x->listing_count; i++)
        assert_int_equal(x->listings[i], y->listings[i]);
    assert_int_equal(x->copy_count, y->copy_count);
    for (uint32_t i = 0; i < x->copy_count; i++) {
        assert_int_equal(x->copies[i].chain, y->copies[i].chain);
        assert_int_equal(x->copies[i].missing, y->copies[i].missing);
        assert_int_equal(x->copies[i].allocated_bytes, y->copies[i].allocated_bytes);
    }
    assert_int_equal(x->exception_count, y->exception_count);
    e = sorted(r, x->exceptions, x->exception_count, sizeof(*e), by_chain);
    f = sorted(r, y->exceptions, y->exception_count, sizeof(*f), by_chain);
    for (uint32_t i = 0; i < x->exception_count; i++)
        assert_true(e[i].chain == f[i].chain && e[i].kind == f[i].kind);
    assert_int_equal(x->use_count, y->use_count);
    u = sorted(r, x->uses, x->use_count, sizeof(*u), by_image_and_state);
    v = sorted(r, y->uses, y->use_count, sizeof(*v), by_image_and_state);
    for (uint32_t i = 0; i < x->use_count; i++)
        assert_true(u[i].image == v[i].image && u[i].state == v[i].state);
}

/* Each mirror has its own hashes of engines: they must only tell the same ones apart. */
static void same_stores(struct store_rig *r, const struct mirror *a, const struct mirror *b)
{
    for (size_t i = 1; i < a->tables[MIRROR_STORES].count; i++) {
        const struct mirror_store *x = mirror_store(a, (int64_t)i),
                                  *y = mirror_store(b, (int64_t)i);

        same_lists(r, x, y);
        assert_int_equal(x->host, y->host);
        assert_int_equal(x->owner, y->owner);
        assert_int_equal(x->engine == mirror_store(a, 1)->engine,
                         y->engine == mirror_store(b, 1)->engine);
        assert_int_equal(x->blobs_kept, y->blobs_kept);
        assert_int_equal(x->blobs_only, y->blobs_only);
        assert_int_equal(x->orphans, y->orphans);
        assert_int_equal(x->upper_bound, y->upper_bound);
    }
    for (size_t i = 1; i < a->tables[MIRROR_HOSTS].count; i++) {
        const struct mirror_host *x = mirror_host(a, (int64_t)i), *y = mirror_host(b, (int64_t)i);

        assert_int_equal(x->counted, y->counted);
        assert_int_equal(x->store_count, y->store_count);
        for (uint32_t s = 0; s < x->store_count; s++)
            assert_int_equal(x->stores[s], y->stores[s]);
    }
}

static void same_counters(const struct mirror *a, const struct mirror *b)
{
    for (int t = MIRROR_CHAIN_COUNTS; t < MIRROR_TABLES; t++) {
        const struct mirror_count *x = a->tables[t].items, *y = b->tables[t].items;

        for (size_t i = 1; i < a->tables[t].count; i++) {
            assert_memory_equal(x[i].now, y[i].now, sizeof(x[i].now));
            assert_memory_equal(x[i].now, x[i].written, sizeof(x[i].now));
        }
    }
}

void assert_mirror_as_file(struct store_rig *r)
{
    struct tally *tally;
    struct mirror *fresh;
    struct store *reader;
    struct err err;

    assert_ok(store_open_reader(&reader, r->path, &err));
    assert_ok(mirror_open(&fresh, reader, &err));
    assert_ok(tally_open(&tally, &err));
    assert_ok(tally_all(tally, fresh, &err));
    for (int t = 0; t < MIRROR_TABLES; t++)
        assert_int_equal(r->store->mirror->tables[t].count, fresh->tables[t].count);
    same_content(r->store->mirror, fresh);
    same_listings(r->store->mirror, fresh);
    same_stores(r, r->store->mirror, fresh);
    same_counters(r->store->mirror, fresh);
    tally_close(&tally);
    mirror_close(&fresh);
    store_close(&reader);
}
