/*
 * mirror: what the writer keeps in memory of its file, so that a report is placed without a search
 * in it: the dictionary (image ID or listing to row), what each store holds, what is still to be
 * asked for, and the counters (tally.h).
 *
 * It changes inside the writer's transactions and goes back with them (store.c). Every index here
 * is the id of a row; index 0 is nothing. Content rows are never deleted.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_MIRROR_H
#define COLLECTOR_STORE_MIRROR_H

#include <stdbool.h>

#include "collector/store/dictionary.h"
#include "common/digest.h"
#include "common/record.h"

/* Who could still tell something new: a host's id means all other hosts, of a layer those who hold
 * it in a store of root's. */
enum {
    MIRROR_ASK_NOBODY = 0,
    MIRROR_ASK_ROOTS = INT32_MAX, /* layers: whoever holds it in a store of root's */
    MIRROR_ASK_USERS = 1u << 31,  /* layers, with a host's id: those, and all of other hosts */
    MIRROR_ASK_ANYBODY = UINT32_MAX,
};

struct mirror_image {
    struct digest digest;
    uint32_t *chains; /* by position, the lowest first; owned */
    uint32_t chain_count;
    uint32_t ask; /* for its config */
    enum rec_identity identity;
    bool read; /* its document was: what hosts say of its identity counts no more */
};

struct mirror_listing {
    uint8_t *key; /* all that it says (listing.c); owned */
    size_t key_len;
    struct setsum sum;      /* its part of a store's digest */
    uint32_t image, parent; /* parent: an image, 0 none */
    bool by_config, unpacked, named;
    bool manifests_known; /* found so: nobody has to be asked for what its digests name */
    bool first_known[2];  /* [whether root's]: the first such store that lists it is written */
};

struct mirror_chain {
    uint32_t layer;   /* 0: only its digest is known */
    uint32_t claimed; /* then: the layer that a host first said it ends in; 0 none did */
};

struct mirror_layer {
    uint32_t ask;    /* for its facts */
    uint32_t chains; /* that end in it, or were said to */
};

struct mirror_exception {
    uint32_t chain;
    enum rec_exception_kind kind;
};

struct mirror_copy { /* a measured one */
    uint32_t chain;
    bool missing;
    int64_t allocated_bytes;
};

struct mirror_use { /* a container */
    uint32_t image;
    enum rec_run_state state;
};

struct mirror_store {
    uint32_t *listings; /* present ones, sorted by image; these lists are owned */
    struct mirror_exception *exceptions;
    struct mirror_copy *copies; /* sorted by chain */
    struct mirror_use *uses;
    bool *asked;     /* parallel to the listings: asked for its manifests; NULL none; owned */
    int64_t asked_s; /* since when the marks are made: they grow old together */
    uint32_t listing_count, exception_count, copy_count, use_count;
    uint32_t host, owner;
    uint64_t engine;     /* a hash of its name, to tell engines apart */
    uint64_t attributes; /* a hash of all that a host says of the store; 0 not known */
    int64_t blobs_kept, blobs_only, orphans;
    bool upper_bound; /* one of these three is */
};

struct mirror_host {
    uint32_t *stores; /* all it ever had; owned */
    uint32_t store_count;
    bool counted; /* neither retired nor ended */
};

#define MIRROR_VALUES 5

struct mirror_count { /* one counter row, its columns in the table's order */
    int64_t now[MIRROR_VALUES];
    /* These do not go back with a job: counts.c says why. */
    int64_t written[MIRROR_VALUES];
    bool stored; /* the file has the row */
    bool listed; /* among those to be looked at when the transaction ends */
};

enum mirror_table {
    MIRROR_IMAGES,
    MIRROR_LISTINGS,
    MIRROR_CHAINS,
    MIRROR_LAYERS,
    MIRROR_STORES,
    MIRROR_HOSTS,
    /* Counters, by the id of what they count. */
    MIRROR_CHAIN_COUNTS,
    MIRROR_LAYER_COUNTS,
    MIRROR_LISTING_COUNTS,
    MIRROR_IMAGE_COUNTS,
    MIRROR_FLEET_COUNTS, /* row 1 */
    MIRROR_TABLES,
};

/* Columns of the counters. */
enum { CHAIN_COPIES, CHAIN_MEASURED, CHAIN_BYTES, CHAIN_MISSING, CHAIN_VALUES };
enum { LAYER_PARENTS, LAYER_STORES, LAYER_ENGINES, LAYER_USERS, LAYER_VALUES };
enum { LISTING_STORES, LISTING_VALUES };
enum { IMAGE_AGAIN, IMAGE_PARENT_IN, IMAGE_CONTAINERS, IMAGE_RUNNING, IMAGE_UNKNOWN, IMAGE_VALUES };
enum { FLEET_BLOBS_KEPT, FLEET_BLOBS_ONLY, FLEET_ORPHANS, FLEET_UPPER_BOUNDS, FLEET_VALUES };

struct mirror_changed { /* a counter */
    uint32_t table, id;
};

struct mirror {
    struct undo_table tables[MIRROR_TABLES];
    struct undo undo;
    struct dictionary images, listings;
    struct mirror_changed *changed; /* may hold what changed back, or one twice */
    size_t changed_count, changed_room;
};

struct store;

/* Reads it from the store's file. ERR_CORRUPT where rows are missing. */
int mirror_open(struct mirror **out, struct store *s, struct err *err);
void mirror_close(struct mirror **m);

/* As undo.h, with the dictionary. */
struct undo_mark mirror_mark(const struct mirror *m);
void mirror_back(struct mirror *m, const struct undo_mark *mark);
void mirror_keep(struct mirror *m);

/* The rows with these ids, to be read. They move with the next row of their table. */
const struct mirror_image *mirror_image(const struct mirror *m, int64_t id);
const struct mirror_listing *mirror_listing(const struct mirror *m, int64_t id);
const struct mirror_chain *mirror_chain(const struct mirror *m, int64_t id);
const struct mirror_layer *mirror_layer(const struct mirror *m, int64_t id);
const struct mirror_store *mirror_store(const struct mirror *m, int64_t id);
const struct mirror_host *mirror_host(const struct mirror *m, int64_t id);

/* 0 where it is not known. */
uint32_t mirror_find_image(const struct mirror *m, const struct digest *digest);
uint32_t mirror_find_listing(const struct mirror *m, const void *key, size_t len);

/* The listing of an image that the store holds, 0 where it does not hold the image. */
uint32_t mirror_held(const struct mirror *m, const struct mirror_store *store, uint32_t image);

/* A counter, to be changed now; NULL without memory. */
struct mirror_count *mirror_count(struct mirror *m, enum mirror_table table, int64_t id,
                                  struct err *err);

/* A keyed hash, so that nobody can choose two things that have the same one. */
uint64_t mirror_hash(const struct mirror *m, const void *data, size_t len);

/* Whether the store has this owner and engine already. */
bool mirror_is_place(const struct mirror *m, int64_t store_id, uint32_t owner, const char *engine);

/* Follow an INSERT that made the row `id`, the table's next. What a listing owns goes over to the
 * mirror on 0. */
int mirror_add_image(struct mirror *m, int64_t id, const struct digest *digest,
                     enum rec_identity identity, struct err *err);
int mirror_add_listing(struct mirror *m, int64_t id, const struct mirror_listing *listing,
                       struct err *err);
int mirror_add_chain(struct mirror *m, int64_t id, uint32_t layer, struct err *err);
int mirror_add_layer(struct mirror *m, int64_t id, struct err *err);
int mirror_add_host(struct mirror *m, int64_t id, struct err *err);
int mirror_add_store(struct mirror *m, int64_t id, int64_t host_id, struct err *err);

/* Follow an UPDATE. */
int mirror_set_identity(struct mirror *m, int64_t image, enum rec_identity identity,
                        struct err *err);
int mirror_set_image_ask(struct mirror *m, int64_t image, uint32_t ask, struct err *err);
int mirror_set_manifests_known(struct mirror *m, int64_t listing, struct err *err);
int mirror_set_first_known(struct mirror *m, int64_t listing, bool of_root, struct err *err);
int mirror_set_layer_ask(struct mirror *m, int64_t layer, uint32_t ask, struct err *err);
int mirror_set_chain_layer(struct mirror *m, int64_t chain, uint32_t layer, struct err *err);
int mirror_set_claimed(struct mirror *m, int64_t chain, uint32_t layer, struct err *err);
int mirror_set_counted(struct mirror *m, int64_t host_id, bool counted, struct err *err);
int mirror_set_place(struct mirror *m, int64_t store_id, uint32_t owner, const char *engine,
                     struct err *err);
int mirror_set_attributes(struct mirror *m, int64_t store_id, uint64_t hash, struct err *err);

/* What was read of an image's config; the chains are copied. */
int mirror_set_chains(struct mirror *m, int64_t image, bool read, const uint32_t *chains,
                      uint32_t count, struct err *err);

/* The store's blobs and orphans: one more row of them, or all anew. */
int mirror_add_space(struct mirror *m, int64_t store_id, const struct rec_space *space,
                     struct err *err);
int mirror_set_spaces(struct mirror *m, int64_t store_id, const struct rec_space *list,
                      size_t count, struct err *err);

/* What a store holds now; copied, in the order that its list has. Listings that stay keep their
 * mark of having been asked for. */
int mirror_set_held(struct mirror *m, int64_t store_id, const uint32_t *listings, uint32_t count,
                    struct err *err);
/* The marks of all its listings, copied, and since when they are made. */
int mirror_set_asked(struct mirror *m, int64_t store_id, const bool *asked, int64_t since_s,
                     struct err *err);
int mirror_set_exceptions(struct mirror *m, int64_t store_id, const struct mirror_exception *list,
                          uint32_t count, struct err *err);
int mirror_set_copies(struct mirror *m, int64_t store_id, const struct mirror_copy *list,
                      uint32_t count, struct err *err);
int mirror_set_uses(struct mirror *m, int64_t store_id, const struct mirror_use *list,
                    uint32_t count, struct err *err);

#endif
