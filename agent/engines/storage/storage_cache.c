#include "agent/engines/storage/storage_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/bolt.h"
#include "agent/engines/foreign_sqlite.h"
#include "common/cleanup.h"

#define BOLT_FILE "blob-info-cache-v1.boltdb"
#define SQLITE_FILE "blob-info-cache-v1.sqlite"
#define SQLITE_BYTES (64 << 20) /* all of it is held in memory */

/* ---- collecting ------------------------------------------------------------------------------ */

/* An array with room for one more; NULL where the cache is full, or without memory (*err then). */
static void *grow(struct arena *arena, void *items, size_t count, size_t *room, size_t size,
                  struct err *err)
{
    size_t more = *room == 0 ? 256 : *room * 2;
    void *grown;

    if (count < *room)
        return items;
    grown = arena_array(arena, more, size, err);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * size);
    *room = more;
    return grown;
}

static bool take_digest(struct digest *out, const void *text, size_t len)
{
    return digest_parse(out, text, len, false, NULL) == 0;
}

static int add_location(struct storage_cache *c, const struct digest *blob, const char *repository,
                        size_t len, struct err *err)
{
    struct storage_location *items;

    if (c->location_count >= STORAGE_CACHE_ENTRIES || len == 0 || len > REC_NAME_BYTES)
        return 0;
    items = grow(c->arena, c->locations, c->location_count, &c->location_room, sizeof(*items), err);
    if (items == NULL)
        return -1;
    c->locations = items;
    items[c->location_count].blob = *blob;
    items[c->location_count].repository =
        rec_text_clean(c->arena, repository, len, REC_NAME_BYTES, false, err);
    return items[c->location_count++].repository != NULL ? 0 : -1;
}

static int add_pair(struct storage_cache *c, const struct digest *blob, const struct digest *diff,
                    struct err *err)
{
    struct storage_pair *items;

    if (c->pair_count >= STORAGE_CACHE_ENTRIES)
        return 0;
    items = grow(c->arena, c->pairs, c->pair_count, &c->pair_room, sizeof(*items), err);
    if (items == NULL)
        return -1;
    c->pairs = items;
    items[c->pair_count++] = (struct storage_pair){.blob = *blob, .diff = *diff};
    return 0;
}

/* ---- boltdb ---------------------------------------------------------------------------------- */

static int read_pairs(struct storage_cache *c, const struct bolt_bucket *root, struct err *err)
{
    struct bolt_bucket bucket;
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    struct err why = {0};
    int rc;

    if (bolt_bucket(&bucket, root, "uncompressedDigest", &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    bolt_walk(&cursor, &bucket);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        struct digest blob, diff;

        if (!entry.is_bucket && take_digest(&blob, entry.key.data, entry.key.len) &&
            take_digest(&diff, entry.value.data, entry.value.len) &&
            add_pair(c, &blob, &diff, err) != 0)
            return -1;
    }
    return rc;
}

/* The repositories of one blob: the keys; the values are times. */
static int read_repositories(struct storage_cache *c, const struct bolt_bucket *bucket,
                             const struct digest *blob, struct err *err)
{
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    int rc;

    bolt_walk(&cursor, bucket);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        if (!entry.is_bucket &&
            add_location(c, blob, (const char *)entry.key.data, entry.key.len, err) != 0)
            return -1;
    }
    return rc;
}

static int read_registry(struct storage_cache *c, const struct bolt_bucket *bucket, struct err *err)
{
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    int rc;

    bolt_walk(&cursor, bucket);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        struct digest blob;

        if (entry.is_bucket && take_digest(&blob, entry.key.data, entry.key.len) &&
            read_repositories(c, &entry.bucket, &blob, err) != 0)
            return -1;
    }
    return rc;
}

static int read_locations(struct storage_cache *c, const struct bolt_bucket *root, struct err *err)
{
    static const char *const path[] = {"knownLocations", "docker", NULL};
    struct bolt_bucket bucket;
    struct bolt_cursor cursor;
    struct bolt_entry entry;
    struct err why = {0};
    int rc;

    if (bolt_path(&bucket, root, path, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    bolt_walk(&cursor, &bucket);
    while ((rc = bolt_next(&cursor, &entry, err)) == 1) {
        if (entry.is_bucket && read_registry(c, &entry.bucket, err) != 0)
            return -1;
    }
    return rc;
}

static int read_bolt(struct storage_cache *c, int fd, struct err *err)
{
    AUTO(bolt_close) struct bolt *db = NULL;
    struct bolt_bucket root;
    struct err why = {0};

    if (bolt_open(&db, fd, BOLT_FILE, STORAGE_CACHE_BYTES, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    if (bolt_root(&root, db, err) != 0 || read_pairs(c, &root, err) != 0 ||
        read_locations(c, &root, err) != 0)
        return err_wrap(err, BOLT_FILE);
    return 0;
}

/* ---- SQLite ---------------------------------------------------------------------------------- */

static int on_pair(void *arg, const char *const *columns, struct err *err)
{
    struct digest blob, diff;

    if (columns[0] == NULL || columns[1] == NULL ||
        !take_digest(&blob, columns[0], strlen(columns[0])) ||
        !take_digest(&diff, columns[1], strlen(columns[1])))
        return 0;
    return add_pair(arg, &blob, &diff, err);
}

static int on_location(void *arg, const char *const *columns, struct err *err)
{
    struct digest blob;

    if (columns[0] == NULL || columns[1] == NULL || columns[2] == NULL ||
        strcmp(columns[2], "docker") != 0 || !take_digest(&blob, columns[0], strlen(columns[0])))
        return 0;
    return add_location(arg, &blob, columns[1], strlen(columns[1]), err);
}

static int ask(struct foreign_sqlite *db, const char *table, const char *const *columns,
               foreign_sqlite_row *row, struct storage_cache *c, struct err *err)
{
    struct err why = {0};

    if (foreign_sqlite_ask(db, table, columns, STORAGE_CACHE_ENTRIES, row, c, &why) == 0 ||
        why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, SQLITE_FILE ": %s", why.text);
}

static int read_sqlite(struct storage_cache *c, int fd, struct err *err)
{
    static const char *const pairs[] = {"anyDigest", "uncompressedDigest", NULL};
    static const char *const locations[] = {"digest", "location", "transport", NULL};
    AUTO(foreign_sqlite_close) struct foreign_sqlite *db = NULL;
    struct err why = {0};

    if (foreign_sqlite_open(&db, fd, SQLITE_FILE, SQLITE_BYTES, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    if (ask(db, "DigestUncompressedPairs", pairs, on_pair, c, err) != 0)
        return -1;
    return ask(db, "KnownLocations", locations, on_location, c, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int compare_locations(const void *a, const void *b)
{
    const struct storage_location *x = a, *y = b;
    int order = digest_cmp(&x->blob, &y->blob);

    return order != 0 ? order : strcmp(x->repository, y->repository);
}

static int compare_pairs(const void *a, const void *b)
{
    return digest_cmp(&((const struct storage_pair *)a)->blob,
                      &((const struct storage_pair *)b)->blob);
}

void storage_cache_sort(struct storage_cache *c)
{
    size_t kept = 0;

    if (c->location_count > 0)
        qsort(c->locations, c->location_count, sizeof(*c->locations), compare_locations);
    for (size_t i = 0; i < c->location_count; i++) {
        if (kept == 0 || compare_locations(&c->locations[kept - 1], &c->locations[i]) != 0)
            c->locations[kept++] = c->locations[i];
    }
    c->location_count = kept;
    if (c->pair_count > 0)
        qsort(c->pairs, c->pair_count, sizeof(*c->pairs), compare_pairs);
    kept = 0;
    for (size_t i = 0; i < c->pair_count; i++) {
        if (kept == 0 || compare_pairs(&c->pairs[kept - 1], &c->pairs[i]) != 0)
            c->pairs[kept++] = c->pairs[i];
    }
    c->pair_count = kept;
}

int storage_cache_read(struct storage_cache *out, const struct engine_root *like, const char *path,
                       struct arena *arena, struct err *err)
{
    struct err why = {0};
    AUTO_FD int fd = engine_open(like, path, O_RDONLY | O_DIRECTORY, &why);
    int rc;

    *out = (struct storage_cache){.arena = arena};
    if (fd < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, "%s", why.text);
    rc = read_bolt(out, fd, err);
    if (read_sqlite(out, fd, rc == 0 ? err : NULL) != 0)
        rc = -1;
    storage_cache_sort(out);
    return rc;
}

bool storage_cache_has(const struct storage_cache *cache, const struct digest *blob,
                       const char *repository)
{
    size_t low = 0, high = cache->location_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct storage_location *l = &cache->locations[middle];
        int order = digest_cmp(&l->blob, blob);

        if (order == 0 && repository == NULL)
            return true;
        if (order == 0)
            order = strcmp(l->repository, repository);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

const struct digest *storage_cache_diff(const struct storage_cache *cache,
                                        const struct digest *blob)
{
    const struct storage_pair key = {.blob = *blob};
    const struct storage_pair *found =
        cache->pair_count > 0
            ? bsearch(&key, cache->pairs, cache->pair_count, sizeof(key), compare_pairs)
            : NULL;

    return found != NULL ? &found->diff : NULL;
}
