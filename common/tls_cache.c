#include "common/tls_cache.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define BUCKETS_LEAST 64

/* The entries of one hash, oldest first, in each of the two tables. */
struct bucket {
    struct list by_id;   /* struct tls_cached.by_id */
    struct list by_peer; /* struct tls_cached.by_peer */
};

struct tls_cache {
    size_t max, count;
    uint64_t lifetime_ns;
    struct list by_age; /* struct tls_cached.age, oldest first */
    struct bucket *buckets;
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

/* IDs are random numbers of our own making and fingerprints are digests: their first bytes are a
 * hash. */
static struct bucket *bucket_of(const struct tls_cache *c, const uint8_t *random)
{
    uint64_t hash;

    memcpy(&hash, random, sizeof(hash));
    return &c->buckets[hash & (c->bucket_count - 1)];
}

static void put_in_buckets(struct tls_cache *c, struct tls_cached *e)
{
    list_push(&bucket_of(c, e->id)->by_id, &e->by_id);
    list_push(&bucket_of(c, e->identity->fingerprint)->by_peer, &e->by_peer);
}

/* One bucket an entry. Where there is no memory to grow, chains do. */
static void grow(struct tls_cache *c)
{
    size_t count = c->bucket_count == 0 ? BUCKETS_LEAST : 2 * c->bucket_count;
    struct bucket *buckets;

    if (c->count < c->bucket_count)
        return;
    buckets = calloc(count, sizeof(*buckets));
    if (buckets == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        list_init(&buckets[i].by_id);
        list_init(&buckets[i].by_peer);
    }
    free(c->buckets);
    c->buckets = buckets;
    c->bucket_count = count;
    list_each (it, &c->by_age) {
        put_in_buckets(c, list_entry(it, struct tls_cached, age));
    }
}

static void take_out(struct tls_cache *c, struct tls_cached *e)
{
    list_remove(&e->by_id);
    list_remove(&e->by_peer);
    list_remove(&e->age);
    c->count--;
}

static void drop(struct tls_cache *c, struct tls_cached *e)
{
    take_out(c, e);
    tls_cached_free(&e);
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
        drop(c, oldest);
    }
}

/* A certificate's sessions: one for each of its names, since each name is one host's. */
static size_t sessions_of(const struct tls_identity *id)
{
    return id->name_count > 1 ? id->name_count : 1;
}

/* Makes room among the sessions of this certificate: its oldest goes. */
static void drop_replaced(struct tls_cache *c, const struct tls_identity *id)
{
    struct tls_cached *oldest = NULL;
    size_t count = 0;

    list_each (it, &bucket_of(c, id->fingerprint)->by_peer) {
        struct tls_cached *e = list_entry(it, struct tls_cached, by_peer);

        if (memcmp(e->identity->fingerprint, id->fingerprint, TLS_FINGERPRINT) != 0)
            continue;
        if (oldest == NULL)
            oldest = e;
        count++;
    }
    if (count >= sessions_of(id))
        drop(c, oldest);
}

void tls_cache_add(struct tls_cache *c, const struct tls_cached *entry, uint64_t now_ns,
                   int64_t now_s)
{
    struct tls_cached *e;

    if (c->max == 0 || entry->identity->bytes > TLS_CACHE_NAMES_MAX ||
        !holds(c, entry, now_ns, now_s))
        return;
    grow(c);
    if (c->bucket_count == 0)
        return;
    drop_replaced(c, entry->identity);
    drop_old(c, now_ns, now_s);
    e = malloc(sizeof(*e));
    if (e == NULL)
        return;
    *e = *entry;
    e->identity = tls_identity_ref(entry->identity);
    put_in_buckets(c, e);
    list_push(&c->by_age, &e->age);
    c->count++;
}

static struct tls_cached *find(const struct tls_cache *c, const uint8_t *id)
{
    list_each (it, &bucket_of(c, id)->by_id) {
        struct tls_cached *e = list_entry(it, struct tls_cached, by_id);

        if (memcmp(e->id, id, TLS_CACHE_ID) == 0)
            return e;
    }
    return NULL;
}

struct tls_cached *tls_cache_take(struct tls_cache *c, const uint8_t *id, size_t len,
                                  uint64_t now_ns, int64_t now_s)
{
    AUTO(tls_cached_free) struct tls_cached *e = NULL;

    if (len != TLS_CACHE_ID || c->count == 0)
        return NULL;
    e = find(c, id);
    if (e == NULL)
        return NULL;
    take_out(c, e);
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
