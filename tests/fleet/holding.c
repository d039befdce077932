#include "tests/fleet/holding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/fleet/random.h"

/* Where the image stands in the list; its length if it is not here. */
static size_t place_of(const struct holding *h, uint32_t image)
{
    size_t at = 0;

    while (at < h->count && h->list[at].image != image)
        at++;
    return at;
}

static bool holds(const struct holding *h, uint32_t image)
{
    return place_of(h, image) < h->count;
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

static int open_holding(struct holding *h, const struct cat_images *c, uint32_t host, size_t room,
                        struct err *err)
{
    char name[64];
    struct digest d;
    size_t len = (size_t)snprintf(name, sizeof(name), "store of host %u", host);

    *h = (struct holding){.catalogue = c, .host = host, .room = room};
    h->list = calloc(room + 1, sizeof(*h->list));
    if (h->list == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a host");
    d = digest_of(name, len);
    memcpy(h->key.bytes, d.bytes, sizeof(h->key.bytes));
    return 0;
}

int holding_init(struct holding *h, const struct cat_images *c, uint32_t host, size_t images,
                 bool extra, uint64_t seed, struct err *err)
{
    if (open_holding(h, c, host, c->image_count, err) != 0)
        return -1;
    h->rng = seed + host * 1000003ULL;
    while (h->count < images && h->count < c->image_count) {
        uint32_t image = choose_new(h);

        h->list[h->count++].image = image;
    }
    if (extra)
        choose_extra(h);
    return 0;
}

/* Each event adds one image at most. */
int holding_init_script(struct holding *h, const struct cat_images *c, uint32_t host,
                        const struct script_host *script, struct err *err)
{
    if (open_holding(h, c, host, script->image_count + script->event_count, err) != 0)
        return -1;
    h->scripted = true;
    for (; h->count < script->image_count; h->count++)
        h->list[h->count].image = script->images[h->count];
    return 0;
}

int holding_init_power(struct holding *h, const struct cat_images *c, uint32_t host, size_t images,
                       uint64_t seed, struct err *err)
{
    if (open_holding(h, c, host, images, err) != 0)
        return -1;
    h->rng = seed + host * 1000003ULL;
    while (h->count < images && h->count < c->image_count) {
        double u = (double)(random_next(&h->rng) >> 11) / (double)(1ULL << 53);
        uint32_t image = (uint32_t)(u * u * u * (double)c->image_count);

        if (!holds(h, image))
            h->list[h->count++].image = image;
    }
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

static const struct cat_layer *layer_of(const struct cat_images *c, uint32_t chain)
{
    return &c->layers[c->chains[chain].layer];
}

bool holding_has_layer(const struct holding *h, const struct digest *diff)
{
    const struct cat_images *c = h->catalogue;
    const struct cat_layer *layer = catalogue_find_layer(c, diff);

    if (h->has_extra && layer_of(c, h->extra) == layer)
        return true;
    for (size_t i = 0; i < h->count; i++) {
        const struct cat_image *image = &c->images[h->list[i].image];

        for (size_t j = 0; j < image->depth; j++)
            if (layer_of(c, image->chains[j]) == layer)
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
    const char **names = arena_array(a, image->name_count + 1, sizeof(*names), err);
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
                              .name_count = image->name_count,
                              .repo_digests = repo,
                              .repo_digest_count = 1};
    for (size_t i = 0; i < image->name_count; i++)
        names[i] = image->names[i];
    if (held->tag != 0) {
        len = (size_t)snprintf(tag, sizeof(tag), "localhost/host%u:%u", h->host, held->tag);
        names[out->name_count] = arena_text(a, tag, len, err);
        if (names[out->name_count++] == NULL)
            return -1;
    }
    qsort(names, out->name_count, sizeof(*names), rec_name_cmp);
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

int holding_use(const struct holding *h, struct arena *a, struct rec_use *out, struct err *err)
{
    size_t count = h->count < 2 ? h->count : 2;
    char id[64];

    *out = (struct rec_use){.key = h->key, .age_ms = 1, .container_count = count};
    out->containers = arena_array(a, count, sizeof(*out->containers), err);
    if (out->containers == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        size_t len = (size_t)snprintf(id, sizeof(id), "container-%u-%zu", h->host, i);
        struct rec_container *c = &out->containers[i];

        *c = (struct rec_container){.image = h->catalogue->images[h->list[i].image].id,
                                    .id = arena_text(a, id, len, err),
                                    .name = "",
                                    .kube_namespace = "",
                                    .kube_pod = "",
                                    .state = i == 0 ? REC_RUNNING : REC_STOPPED,
                                    .since_age_ms = 60000};
        if (c->id == NULL)
            return -1;
    }
    return 0;
}

/* ---- changes ------------------------------------------------------------------------------- */

static int remove_at(struct holding *h, size_t at, struct arena *a, struct rec_store_change *out,
                     struct err *err)
{
    out->removed = arena_alloc(a, sizeof(*out->removed), err);
    if (out->removed == NULL)
        return -1;
    out->removed[0] = h->catalogue->images[h->list[at].image].id;
    out->removed_count = 1;
    h->list[at] = h->list[--h->count];
    return 0;
}

static int change_at(struct holding *h, size_t at, struct arena *a, struct rec_store_change *out,
                     struct err *err)
{
    out->changed = arena_alloc(a, sizeof(*out->changed), err);
    out->changed_count = 1;
    return out->changed == NULL ? -1 : image_of(h, &h->list[at], a, out->changed, err);
}

/* The rest of a difference: what follows from the whole content afterwards. */
static int end_change(struct holding *h, struct arena *a, struct rec_store_change *out,
                      struct err *err)
{
    struct rec_content after;

    if (holding_content(h, a, &after, err) != 0)
        return -1;
    out->exceptions = after.exceptions;
    out->exception_count = after.exception_count;
    out->sum = rec_content_sum(&after);
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
    int status;

    *out = (struct rec_store_change){.store = store_of(h), .exceptions_given = h->has_extra};
    if (h->count > 1 && random_below(&h->rng, 3) == 0)
        status = remove_at(h, random_below(&h->rng, (uint32_t)h->count), a, out, err);
    else
        status = change_at(h, add_or_tag(h, number), a, out, err);
    return status != 0 ? -1 : end_change(h, a, out, err);
}

int holding_play(struct holding *h, struct arena *a, const struct script_event *event,
                 struct rec_store_change *out, struct err *err)
{
    size_t at = place_of(h, event->image);
    int status;

    *out = (struct rec_store_change){.store = store_of(h)};
    if ((at == h->count) != event->pull || (event->pull && h->count == h->room))
        return err_set(err, ERR_CORRUPT, "the script %s an image that is %shere",
                       event->pull ? "pulls" : "removes", event->pull ? "" : "not ");
    if (event->pull) {
        h->list[h->count++] = (struct held_image){.image = event->image};
        status = change_at(h, at, a, out, err);
    } else {
        status = remove_at(h, at, a, out, err);
    }
    return status != 0 ? -1 : end_change(h, a, out, err);
}

uint64_t holding_orphans(const struct holding *h)
{
    return h->host % 4 == 0 && !h->scripted ? 8192 : 0;
}
