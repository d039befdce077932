#include "agent/engines/docker/docker_by_api.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "agent/engines/docker/docker_by_api_private.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define NS_PER_MS 1000000u
#define COPIES_ROOM 1024 /* at first */

/* Copies while they are collected: heap, in any order, with repetitions. */
struct copies {
    struct engine_copy *items;
    size_t count, room;
};

struct api_pass {
    struct pass base;
    struct docker_api *api;
    uint64_t deadline_ns; /* of the pass */
    struct docker_api_daemon daemon;
    const struct docker_api_kept *last_kept; /* NULL: none */
    struct docker_api_kept *kept;
    struct copies copies;
    size_t asked; /* images whose layers the daemon was asked for */
};

/* ---- token ----------------------------------------------------------------------------------- */

/* A step of its own for each store would spread the fleet's questions no better: the monotonic
 * clock begins with each host's boot. */
int docker_by_api_token(const struct engine_root *root, struct engine_token *out, struct err *err)
{
    bool slow = root->space[0] != '\0' || strcmp(root->engine, "podman") == 0;

    (void)err;
    out->len = 0;
    pass_token_step(out, slow ? DOCKER_BY_API_SLOW_STEP_MS : DOCKER_BY_API_STEP_MS);
    return 0;
}

/* During a pass it is not time that tells whether the store moved: see run(). */
static int no_token(const struct engine_root *root, struct engine_token *out, int64_t *youngest_ns,
                    struct err *err)
{
    (void)root;
    (void)err;
    out->len = 0;
    *youngest_ns = 0;
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int get(struct api_pass *p, const char *path, json_t **out, struct err *err)
{
    uint64_t now = clock_mono_ns();
    int64_t left_ms = now < p->deadline_ns ? (int64_t)((p->deadline_ns - now) / NS_PER_MS) : 0;
    int64_t patience_ms = p->base.options->api_timeout_ms;

    if (left_ms == 0)
        return err_set(err, ERR_TIMEOUT, "%s: the time for a reading is over", path);
    docker_api_renew(p->api, left_ms < patience_ms ? left_ms : patience_ms);
    return docker_api_get(p->api, path, out, err);
}

static int open_api(struct api_pass *p, struct err *err)
{
    const struct engine_root *root = p->base.root;
    const struct engine_options *options = p->base.options;
    const char *socket = root->socket[0] != '\0' ? root->socket : options->docker_socket;

    if (socket == NULL || socket[0] == '\0')
        return err_set(err, ERR_UNAVAILABLE, "%s: no socket of a daemon is known", root->path);
    p->deadline_ns =
        clock_mono_ns() + (uint64_t)options->api_timeout_ms * DOCKER_BY_API_PATIENCES * NS_PER_MS;
    return docker_api_open(&p->api, root, socket, options->api_timeout_ms, err);
}

static int describe(struct api_pass *p, struct err *err)
{
    struct engine_reading *reading = p->base.reading;
    struct engine_root *root = p->base.root;
    const struct docker_api_daemon *d = &p->daemon;
    AUTO_JSON json_t *info = NULL;
    bool podman;

    if (docker_api_is_podman(p->api, &podman, err) != 0 || get(p, "/info", &info, err) != 0 ||
        docker_api_daemon_parse(&p->daemon, info, podman, err) != 0)
        return -1;
    if (root->storage[0] != '\0' && strcmp(root->storage, d->storage) != 0)
        return err_set(err, ERR_CONFLICT, "the daemon keeps its images in %s now, no more in %s",
                       d->storage, root->storage);
    snprintf(root->storage, sizeof(root->storage), "%s", d->storage);
    snprintf(root->version, sizeof(root->version), "%s", d->version);
    if (d->podman)
        snprintf(root->engine, sizeof(root->engine), "podman");
    reading->content.store.key = d->key;
    reading->use.key = d->key;
    reading->origins.key = d->key;
    return pass_name(&p->base, err);
}

/* ---- layers ---------------------------------------------------------------------------------- */

static int compare_copies(const void *a, const void *b)
{
    return digest_cmp(&((const struct engine_copy *)a)->chain,
                      &((const struct engine_copy *)b)->chain);
}

/* Sorts, and drops what is there twice: images share their lower layers. */
static void compact(struct copies *c)
{
    size_t kept = 0;

    if (c->count == 0)
        return;
    qsort(c->items, c->count, sizeof(*c->items), compare_copies);
    for (size_t i = 0; i < c->count; i++) {
        if (kept == 0 || !digest_eq(&c->items[kept - 1].chain, &c->items[i].chain))
            c->items[kept++] = c->items[i];
    }
    c->count = kept;
}

static int make_room(struct copies *c, struct err *err)
{
    struct engine_copy *grown;
    size_t room;

    if (c->count < c->room)
        return 0;
    compact(c);
    if (c->count > REC_COPIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d layers", REC_COPIES_MAX);
    if (c->count < c->room / 2)
        return 0;
    room = c->room == 0 ? COPIES_ROOM : c->room * 2;
    grown = realloc(c->items, room * sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu layers", room);
    c->items = grown;
    c->room = room;
    return 0;
}

static int add_copies(struct copies *c, const struct docker_api_layers *layers, struct err *err)
{
    struct digest chain;

    for (size_t i = 0; i < layers->count; i++) {
        chain = digest_chain(i == 0 ? NULL : &chain, &layers->diffs[i]);
        if (make_room(c, err) != 0)
            return -1;
        c->items[c->count++] =
            (struct engine_copy){.chain = chain, .diff = layers->diffs[i], .needed = true};
    }
    return 0;
}

static int compare_layers(const void *a, const void *b)
{
    return digest_cmp(&((const struct docker_api_layers *)a)->image,
                      &((const struct docker_api_layers *)b)->image);
}

/* Of the last reading, whose arena may go: copied. */
static int recall(struct api_pass *p, const struct docker_api_layers *last,
                  struct docker_api_layers *out, struct err *err)
{
    struct digest *diffs = arena_array(p->base.arena, last->count, sizeof(*diffs), err);

    if (diffs == NULL)
        return -1;
    if (last->count > 0)
        memcpy(diffs, last->diffs, last->count * sizeof(*diffs));
    out->diffs = diffs;
    out->count = last->count;
    return 0;
}

/* *why tells what is wrong with this image alone. */
static int ask_layers(struct api_pass *p, const struct digest *image, struct docker_api_layers *out,
                      struct err *why)
{
    AUTO_JSON json_t *answer = NULL;
    char path[DIGEST_TEXT + 32], text[DIGEST_TEXT];

    p->asked++;
    snprintf(path, sizeof(path), "/images/%s/json", digest_text(image, text));
    if (get(p, path, &answer, why) != 0)
        return -1;
    return docker_api_layers_parse(out, answer, p->base.arena, why);
}

static int take_layers(struct api_pass *p, struct rec_image *image, struct err *err)
{
    struct docker_api_layers layers = {.image = image->id};
    const struct docker_api_layers *last = NULL;
    char subject[DIGEST_TEXT + 8], text[DIGEST_TEXT];
    struct err why = {0};

    if (p->last_kept != NULL && p->last_kept->count > 0)
        last = bsearch(&layers, p->last_kept->items, p->last_kept->count, sizeof(*last),
                       compare_layers);
    if (last != NULL) {
        if (recall(p, last, &layers, err) != 0)
            return -1;
    } else if (ask_layers(p, &image->id, &layers, &why) != 0) {
        snprintf(subject, sizeof(subject), "image %s", digest_text(&image->id, text));
        if (why.kind == ERR_PROTOCOL) /* the daemon cannot tell it of this image */
            why.kind = ERR_CORRUPT;
        return pass_entry_failed(&p->base, subject, &why, err);
    }
    image->unpacked = true; /* a graph driver's store has no other images */
    p->kept->items[p->kept->count++] = layers;
    return add_copies(&p->copies, &layers, err);
}

static int publish_copies(struct api_pass *p, struct err *err)
{
    struct engine_reading *reading = p->base.reading;

    compact(&p->copies);
    if (p->copies.count > REC_COPIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d layers", REC_COPIES_MAX);
    reading->copies = arena_array(p->base.arena, p->copies.count, sizeof(*reading->copies), err);
    if (reading->copies == NULL)
        return -1;
    if (p->copies.count > 0)
        memcpy(reading->copies, p->copies.items, p->copies.count * sizeof(*reading->copies));
    reading->copy_count = p->copies.count;
    return 0;
}

/* ---- a pass ---------------------------------------------------------------------------------- */

/* What was kept of another store, as of the same one read from disk, is not this one's. */
static int open_kept(struct api_pass *p, struct err *err)
{
    const struct engine_reading *last = p->base.last;

    if (last != NULL && rec_key_eq(&last->content.store.key, &p->daemon.key))
        p->last_kept = last->kept;
    p->kept = arena_alloc(p->base.arena, sizeof(*p->kept), err);
    if (p->kept == NULL)
        return -1;
    p->kept->items = arena_array(p->base.arena, p->base.reading->content.image_count,
                                 sizeof(*p->kept->items), err);
    p->base.reading->kept = p->kept;
    return p->kept->items != NULL ? 0 : -1;
}

/* Where layers had to be asked for, that took its time: the list must be the same after it. */
static int ensure_still(struct api_pass *p, const struct setsum *before, struct err *err)
{
    AUTO_JSON json_t *images = NULL;
    struct setsum after;

    if (p->asked == 0)
        return 0;
    if (get(p, "/images/json?all=1", &images, err) != 0)
        return -1;
    after = docker_api_images_sum(images);
    return setsum_eq(before, &after) ? 0 : err_set(err, ERR_MOVED, "images came or went");
}

static int read_images(struct api_pass *p, struct err *err)
{
    struct rec_content *content = &p->base.reading->content;
    AUTO_JSON json_t *images = NULL;
    struct setsum sum;

    if (get(p, "/images/json?all=1", &images, err) != 0 ||
        docker_api_images_parse(&p->base, images, p->daemon.in_containerd, err) != 0 ||
        open_kept(p, err) != 0)
        return -1;
    if (p->daemon.in_containerd)
        return 0;
    sum = docker_api_images_sum(images);
    for (size_t i = 0; i < content->image_count; i++) {
        if (take_layers(p, &content->images[i], err) != 0)
            return -1;
    }
    return publish_copies(p, err) == 0 ? ensure_still(p, &sum, err) : -1;
}

static int read_containers(struct api_pass *p, struct err *err)
{
    AUTO_JSON json_t *containers = NULL;

    if (get(p, "/containers/json?all=1", &containers, err) != 0)
        return -1;
    return docker_api_containers_parse(&p->base, containers, err);
}

/* A list that is not found is no store that has vanished. */
static int run(struct pass *base, struct err *err)
{
    struct api_pass *p = (struct api_pass *)base;
    struct err why;

    if (open_api(p, &why) == 0 && describe(p, &why) == 0 && read_images(p, &why) == 0 &&
        read_containers(p, &why) == 0)
        return 0;
    return err_set(err, why.kind == ERR_NOT_FOUND ? ERR_PROTOCOL : why.kind, "%s", why.text);
}

static void close_pass(struct pass *base)
{
    struct api_pass *p = (struct api_pass *)base;

    docker_api_close(&p->api);
    free(p->copies.items);
}

/* The token is of the time before: a reading that lasts into the next step is followed by another.
 */
int docker_by_api_read(struct engine_root *root, const struct engine_options *options,
                       const struct engine_reading *last, struct engine_reading **out,
                       struct err *err)
{
    static const struct pass_source source = {
        .size = sizeof(struct api_pass), .token = no_token, .run = run, .close = close_pass};
    struct engine_token token;

    if (docker_by_api_token(root, &token, err) != 0 ||
        pass_read(&source, root, options, last, out, err) != 0)
        return -1;
    (*out)->token = token;
    return 0;
}
