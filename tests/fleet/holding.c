#include "tests/fleet/holding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/fleet/random.h"

static bool holds(const struct holding *h, uint32_t image)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->list[i].image == image)
            return true;
    return false;
}

/* An image of the catalogue that is not here; the caller knows that there is one. */
static uint32_t choose_new(struct holding *h)
{
    uint32_t image = random_below(&h->rng, (uint32_t)h->catalogue->image_count);

    while (holds(h, image))
        image = (image + 1) % (uint32_t)h->catalogue->image_count;
    return image;
}

/* The top chain of an image that is not here becomes the exception. It may come to be needed when
 * that image is added: then it is none any more. */
static void choose_extra(struct holding *h)
{
    const struct cat_image *image;

    if (h->count == h->catalogue->image_count)
        return;
    image = &h->catalogue->images[choose_new(h)];
    h->extra = image->chains[image->depth - 1];
    h->has_extra = true;
}

int holding_init(struct holding *h, const struct catalogue *c, uint32_t host, size_t images,
                 bool extra, uint64_t seed, struct err *err)
{
    char name[64];
    struct digest d;
    size_t len = (size_t)snprintf(name, sizeof(name), "store of host %u", host);

    *h = (struct holding){.catalogue = c, .host = host, .rng = seed + host * 1000003ULL};
    h->room = c->image_count;
    h->list = calloc(h->room, sizeof(*h->list));
    if (h->list == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a host");
    d = digest_of(name, len);
    memcpy(h->key.bytes, d.bytes, sizeof(h->key.bytes));
    while (h->count < images && h->count < c->image_count) {
        uint32_t image = choose_new(h);

        h->list[h->count++].image = image;
    }
    if (extra)
        choose_extra(h);
    return 0;
}

void holding_close(struct holding *h)
{
    free(h->list);
    h->list = NULL;
}

bool holding_has(const struct holding *h, const struct digest *image)
{
    for (size_t i = 0; i < h->count; i++)
        if (digest_eq(&h->catalogue->images[h->list[i].image].id, image))
            return true;
    return false;
}

static const struct cat_layer *layer_of(const struct catalogue *c, uint32_t chain)
{
    return &c->layers[c->chains[chain].layer];
}

bool holding_has_layer(const struct holding *h, const struct digest *diff)
{
    const struct catalogue *c = h->catalogue;

    if (h->has_extra && digest_eq(&layer_of(c, h->extra)->facts.diff, diff))
        return true;
    for (size_t i = 0; i < h->count; i++) {
        const struct cat_image *image = &c->images[h->list[i].image];

        for (size_t j = 0; j < image->depth; j++)
            if (digest_eq(&layer_of(c, image->chains[j])->facts.diff, diff))
                return true;
    }
    return false;
}

static void mark_needed(const struct holding *h, uint8_t *marks)
{
    memset(marks, 0, h->catalogue->chain_count);
    for (size_t i = 0; i < h->count; i++) {
        const struct cat_image *image = &h->catalogue->images[h->list[i].image];

        for (size_t j = 0; j < image->depth; j++)
            marks[image->chains[j]] = 1;
    }
}

size_t holding_chains(const struct holding *h, uint8_t *marks)
{
    size_t count = 0;

    mark_needed(h, marks);
    if (h->has_extra)
        marks[h->extra] = 1;
    for (size_t i = 0; i < h->catalogue->chain_count; i++)
        count += marks[i];
    return count;
}

/* ---- records ------------------------------------------------------------------------------- */

static struct rec_store store_of(const struct holding *h)
{
    return (struct rec_store){.key = h->key,
                              .engine = "docker",
                              .version = "28.0",
                              .driver = "overlay2",
                              .space = "",
                              .root = "/var/lib/docker",
                              .fs_type = "ext4",
                              .block_size = 4096,
                              .state = REC_STORE_OK,
                              .error = ""};
}

static int image_of(const struct holding *h, const struct held_image *held, struct arena *a,
                    struct rec_image *out, struct err *err)
{
    const struct cat_image *image = &h->catalogue->images[held->image];
    const char **names = arena_array(a, 2, sizeof(*names), err);
    struct rec_repo_digest *repo = arena_alloc(a, sizeof(*repo), err);
    char tag[64];
    size_t len;

    if (names == NULL || repo == NULL)
        return -1;
    *repo = (struct rec_repo_digest){image->repository, image->manifest};
    *out = (struct rec_image){.id = image->id,
                              .identity = REC_BY_CONFIG,
                              .unpacked = true,
                              .names = names,
                              .name_count = 1,
                              .repo_digests = repo,
                              .repo_digest_count = 1};
    names[0] = image->name;
    if (held->tag == 0)
        return 0;
    len = (size_t)snprintf(tag, sizeof(tag), "localhost/host%u:%u", h->host, held->tag);
    names[1] = arena_text(a, tag, len, err);
    if (names[1] == NULL)
        return -1;
    out->name_count = 2;
    qsort(names, 2, sizeof(*names), rec_name_cmp);
    return 0;
}

static int exceptions_of(const struct holding *h, struct arena *a, struct rec_exception **out,
                         size_t *count, struct err *err)
{
    struct rec_exception *x = arena_alloc(a, sizeof(*x), err);
    uint8_t *needed = arena_alloc(a, h->catalogue->chain_count, err);

    if (x == NULL || needed == NULL)
        return -1;
    *out = x;
    *count = 0;
    mark_needed(h, needed);
    if (!h->has_extra || needed[h->extra])
        return 0;
    x->kind = REC_CHAIN_EXTRA;
    x->chain = h->catalogue->chains[h->extra].id;
    x->diff = layer_of(h->catalogue, h->extra)->facts.diff;
    *count = 1;
    return 0;
}

int holding_content(const struct holding *h, struct arena *a, struct rec_content *out,
                    struct err *err)
{
    out->store = store_of(h);
    out->image_count = h->count;
    out->images = arena_array(a, h->count, sizeof(*out->images), err);
    if (out->images == NULL)
        return -1;
    for (size_t i = 0; i < h->count; i++)
        if (image_of(h, &h->list[i], a, &out->images[i], err) != 0)
            return -1;
    qsort(out->images, out->image_count, sizeof(*out->images), rec_image_cmp);
    return exceptions_of(h, a, &out->exceptions, &out->exception_count, err);
}

/* ---- changes ------------------------------------------------------------------------------- */

static int remove_one(struct holding *h, struct arena *a, struct rec_store_change *out,
                      struct err *err)
{
    size_t at = random_below(&h->rng, (uint32_t)h->count);

    out->removed = arena_alloc(a, sizeof(*out->removed), err);
    if (out->removed == NULL)
        return -1;
    out->removed[0] = h->catalogue->images[h->list[at].image].id;
    out->removed_count = 1;
    h->list[at] = h->list[--h->count];
    return 0;
}

/* The place of the image that is new or has another name now. */
static size_t add_or_tag(struct holding *h, uint32_t number)
{
    size_t at;

    if (h->count == 0 || (h->count < h->room && random_below(&h->rng, 2) == 0)) {
        check(h->count < h->room);
        h->list[h->count] = (struct held_image){.image = choose_new(h)};
        return h->count++;
    }
    at = random_below(&h->rng, (uint32_t)h->count);
    h->list[at].tag = h->list[at].tag != 0 ? 0 : number;
    return at;
}

int holding_change(struct holding *h, struct arena *a, uint32_t number,
                   struct rec_store_change *out, struct err *err)
{
    struct rec_content after;
    size_t at;

    *out = (struct rec_store_change){.store = store_of(h), .exceptions_given = h->has_extra};
    if (h->count > 1 && random_below(&h->rng, 3) == 0) {
        if (remove_one(h, a, out, err) != 0)
            return -1;
    } else {
        at = add_or_tag(h, number);
        out->changed = arena_alloc(a, sizeof(*out->changed), err);
        if (out->changed == NULL || image_of(h, &h->list[at], a, out->changed, err) != 0)
            return -1;
        out->changed_count = 1;
    }
    if (holding_content(h, a, &after, err) != 0)
        return -1;
    out->exceptions = after.exceptions;
    out->exception_count = after.exception_count;
    out->sum = rec_content_sum(&after);
    return 0;
}

uint64_t holding_orphans(const struct holding *h)
{
    return h->host % 4 == 0 ? 8192 : 0;
}
