#include "common/tls_cache.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define BUCKETS_LEAST 64

struct tls_cache {
    size_t max, count;
    uint64_t lifetime_ns;
    struct list by_age; /* struct tls_cached.age, oldest first */
    struct tls_cached **buckets;
    size_t bucket_count; /* a power of two */
};

int tls_cache_open(struct tls_cache **out, size_t max, uint64_t lifetime_ns, struct err *err)
{
    struct tls_cache *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "TLS sessions");
    c->max = max;
    c->lifetime_ns = lifetime_ns;
    list_init(&c->by_age);
    *out = c;
    return 0;
}

/* IDs are random numbers of our own making: their first bytes are a hash. */
static struct tls_cached **bucket_of(struct tls_cache *c, const uint8_t *id)
{
    uint64_t hash;

    memcpy(&hash, id, sizeof(hash));
    return &c->buckets[hash & (c->bucket_count - 1)];
}

static struct tls_cached **place_of(struct tls_cache *c, const uint8_t *id)
{
    struct tls_cached **at = bucket_of(c, id);

    while (*at != NULL && memcmp((*at)->id, id, TLS_CACHE_ID) != 0)
        at = &(*at)->next;
    return at;
}

/* One bucket an entry. Where there is no memory to grow, chains do. */
static void grow(struct tls_cache *c)
{
    size_t count = c->bucket_count == 0 ? BUCKETS_LEAST : 2 * c->bucket_count;
    struct tls_cached **buckets;

    if (c->count < c->bucket_count)
        return;
    buckets = calloc(count, sizeof(*buckets));
    if (buckets == NULL)
        return;
    free(c->buckets);
    c->buckets = buckets;
    c->bucket_count = count;
    list_each (it, &c->by_age) {
        struct tls_cached *e = list_entry(it, struct tls_cached, age);
        struct tls_cached **at = bucket_of(c, e->id);

        e->next = *at;
        *at = e;
    }
}

static void take_out(struct tls_cache *c, struct tls_cached **at)
{
    struct tls_cached *e = *at;

    *at = e->next;
    e->next = NULL;
    list_remove(&e->age);
    c->count--;
}

static bool holds(const struct tls_cache *c, const struct tls_cached *e, uint64_t now_ns,
                  int64_t now_s)
{
    return tls_identity_holds(e->identity, c->lifetime_ns, now_ns, now_s);
}

/* Those of an older handshake than their own place says go a little later. */
static void drop_old(struct tls_cache *c, uint64_t now_ns, int64_t now_s)
{
    while (c->count > 0) {
        struct tls_cached *oldest = list_entry(c->by_age.next, struct tls_cached, age);

        if (c->count < c->max && holds(c, oldest, now_ns, now_s))
            return;
        take_out(c, place_of(c, oldest->id));
        tls_cached_free(&oldest);
    }
}

void tls_cache_add(struct tls_cache *c, const struct tls_cached *entry, uint64_t now_ns,
                   int64_t now_s)
{
    struct tls_cached *e;
    struct tls_cached **at;

    drop_old(c, now_ns, now_s);
    grow(c);
    if (c->bucket_count == 0 || c->count >= c->max ||
        entry->identity->bytes > TLS_CACHE_NAMES_MAX || !holds(c, entry, now_ns, now_s))
        return;
    e = malloc(sizeof(*e));
    if (e == NULL)
        return;
    *e = *entry;
    e->identity = tls_identity_ref(entry->identity);
    at = bucket_of(c, e->id);
    e->next = *at;
    *at = e;
    list_push(&c->by_age, &e->age);
    c->count++;
}

struct tls_cached *tls_cache_take(struct tls_cache *c, const uint8_t *id, size_t len,
                                  uint64_t now_ns, int64_t now_s)
{
    struct tls_cached **at;
    AUTO(tls_cached_free) struct tls_cached *e = NULL;

    if (len != TLS_CACHE_ID || c->count == 0)
        return NULL;
    at = place_of(c, id);
    if (*at == NULL)
        return NULL;
    e = *at;
    take_out(c, at);
    return holds(c, e, now_ns, now_s) ? steal(&e) : NULL;
}

void tls_cached_free(struct tls_cached **ep)
{
    struct tls_cached *e = *ep;

    *ep = NULL;
    if (e == NULL)
        return;
    OPENSSL_cleanse(e->secret, sizeof(e->secret));
    tls_identity_unref(&e->identity);
    free(e);
}

size_t tls_cache_count(const struct tls_cache *c)
{
    return c->count;
}

void tls_cache_close(struct tls_cache **cp)
{
    struct tls_cache *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    list_each_safe (it, next, &c->by_age) {
        struct tls_cached *e = list_entry(it, struct tls_cached, age);

        tls_cached_free(&e);
    }
    free(c->buckets);
    free(c);
}
