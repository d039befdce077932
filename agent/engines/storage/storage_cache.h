/*
 * storage_cache: the blob info cache of containers/image (pkg/blobinfocache), in which podman,
 * buildah, skopeo and CRI-O note where they met a blob: which repositories have it, and what it is
 * uncompressed. One for each user, whatever stores he has. Two forms, of which both may be there
 * after an upgrade:
 *   blob-info-cache-v1.boltdb   bucket uncompressedDigest: digest -> digest
 *                               buckets knownLocations/docker/<registry>/<digest>: repository ->
 *                               time
 *   blob-info-cache-v1.sqlite   tables DigestUncompressedPairs, KnownLocations
 *
 * What stands in it was met by pulling or pushing; it is never forgotten, and may be long out of
 * date. Threads: any; blocks on disk.
 */
#ifndef AGENT_ENGINES_STORAGE_STORAGE_CACHE_H
#define AGENT_ENGINES_STORAGE_STORAGE_CACHE_H

#include "agent/engines/engine.h"

enum {
    STORAGE_CACHE_BYTES = 256 << 20, /* of one file */
    STORAGE_CACHE_ENTRIES = 400000,  /* of either kind; more are left out */
};

/* The blob is in the repository ("docker.io/library/debian"). */
struct storage_location {
    struct digest blob;
    const char *repository;
};

/* The blob, uncompressed, is that one; which may be itself. */
struct storage_pair {
    struct digest blob, diff;
};

/* Texts and arrays are the arena's. */
struct storage_cache {
    struct storage_location *locations; /* sorted by blob, then repository; unique */
    size_t location_count;
    struct storage_pair *pairs; /* sorted by blob, unique */
    size_t pair_count;
    struct arena *arena; /* private */
    size_t location_room, pair_room;
};

/* Reads what is in the host's directory `path`. No cache is an empty one; so is, with *err set and
 * -1 returned, one that is broken: then *out has what the other form says. */
int storage_cache_read(struct storage_cache *out, const struct engine_root *like, const char *path,
                       struct arena *arena, struct err *err);

/* Brings both arrays into their order, each entry once. */
void storage_cache_sort(struct storage_cache *cache);

/* Whether the repository is known to have the blob; `repository` NULL: any. */
bool storage_cache_has(const struct storage_cache *cache, const struct digest *blob,
                       const char *repository);
/* What the blob is uncompressed; NULL where that is not known. */
const struct digest *storage_cache_diff(const struct storage_cache *cache,
                                        const struct digest *blob);

#endif
