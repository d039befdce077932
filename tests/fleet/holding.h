/*
 * holding: what one simulated host holds, and how that changes.
 *
 * Threads: plain data.
 */
#ifndef TESTS_FLEET_HOLDING_H
#define TESTS_FLEET_HOLDING_H

#include "tests/fleet/script.h"

enum { HOLDING_MAX = 4096 };

struct held_image {
    uint32_t image; /* index in the catalogue */
    uint32_t tag;   /* 0, or the number of a local tag beside its name */
};

struct holding {
    const struct cat_images *catalogue;
    uint32_t host; /* number of the host */
    uint64_t rng;
    struct rec_key key;
    struct held_image *list;
    size_t count, room;
    bool scripted;
    bool has_extra; /* one chain is unpacked that no image of the host needs */
    uint32_t extra; /* its index */
};

/* Chooses `images` of the catalogue. `extra`: with an exception. */
int holding_init(struct holding *h, const struct cat_images *c, uint32_t host, size_t images,
                 bool extra, uint64_t seed, struct err *err);
/* Holds what the script says at first. */
int holding_init_script(struct holding *h, const struct cat_images *c, uint32_t host,
                        const struct script_host *script, struct err *err);
/* Chooses `images` that are spread by a power law: number u * u * u * all of them, u in [0, 1). */
int holding_init_power(struct holding *h, const struct cat_images *c, uint32_t host, size_t images,
                       uint64_t seed, struct err *err);
void holding_close(struct holding *h);

/* Whether the host holds this image. */
bool holding_has(const struct holding *h, const struct digest *image);
/* Whether an image of the host, or its exception, has this layer. */
bool holding_has_layer(const struct holding *h, const struct digest *diff);
/* Marks the distinct chains (catalogue's indices) in `marks`, one byte each; how many there are. */
size_t holding_chains(const struct holding *h, uint8_t *marks);

/* The records, in the arena. Texts may point into the holding and the catalogue. */
int holding_content(const struct holding *h, struct arena *a, struct rec_content *out,
                    struct err *err);

/* The containers: one that runs on the first image, one that was stopped on the second. */
int holding_use(const struct holding *h, struct arena *a, struct rec_use *out, struct err *err);

/* Changes one thing: adds, removes, tags or untags an image. What changed is filled in as a
 * difference of the store, with its digest afterwards. */
int holding_change(struct holding *h, struct arena *a, uint32_t number,
                   struct rec_store_change *out, struct err *err);

/* The same with what a script says. ERR_CORRUPT: an image to remove is not here, one to pull is. */
int holding_play(struct holding *h, struct arena *a, const struct script_event *event,
                 struct rec_store_change *out, struct err *err);

/* Bytes that nothing explains on this host. */
uint64_t holding_orphans(const struct holding *h);

#endif
