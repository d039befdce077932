#include "collector/server/ingest_gather.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/cleanup.h"

struct gather {
    struct rec_inventory_begin begin;
    struct wire_agent_msg **parts;
    size_t part_count, part_room;
    struct wire_agent_msg *end;
    struct arena *arena; /* merged lists */
    struct rec_content *contents;
    size_t content_count;
    size_t bytes;
    struct err wrong; /* the first contradiction; told at the end, when the sender listens */
    struct apply_inventory inventory;
};

int gather_open(struct gather **out, const struct rec_inventory_begin *begin, struct err *err)
{
    AUTO(gather_close) struct gather *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an inventory");
    g->begin = *begin;
    if (arena_open(&g->arena, GATHER_BYTES_MAX, err) != 0)
        return -1;
    if (begin->store_count > REC_STORES_MAX)
        return err_set(err, ERR_LIMIT, "inventory of more than %d stores", REC_STORES_MAX);
    g->contents = arena_array(g->arena, begin->store_count, sizeof(*g->contents), err);
    if (g->contents == NULL)
        return -1;
    *out = steal(&g);
    return 0;
}

void gather_close(struct gather **g)
{
    if (*g == NULL)
        return;
    for (size_t i = 0; i < (*g)->part_count; i++)
        wire_agent_msg_close(&(*g)->parts[i]);
    free((*g)->parts);
    wire_agent_msg_close(&(*g)->end);
    arena_close(&(*g)->arena);
    free(*g);
    *g = NULL;
}

static int make_room(struct gather *g, struct err *err)
{
    size_t room = g->part_room == 0 ? 16 : g->part_room * 2;
    struct wire_agent_msg **parts;

    if (g->part_count < g->part_room)
        return 0;
    if (g->part_count >= GATHER_PARTS_MAX)
        return err_set(err, ERR_LIMIT, "inventory of more than %d parts", GATHER_PARTS_MAX);
    parts = reallocarray(g->parts, room, sizeof(struct wire_agent_msg *));
    if (parts == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu parts", room);
    g->parts = parts;
    g->part_room = room;
    return 0;
}

static struct rec_content *find_content(struct gather *g, const struct rec_key *key)
{
    for (size_t i = 0; i < g->content_count; i++)
        if (rec_key_eq(&g->contents[i].store.key, key))
            return &g->contents[i];
    return NULL;
}

/* Counts a part into its store's content; the lists are merged at the end. */
static int count_part(struct gather *g, const struct rec_content *part, struct err *err)
{
    struct rec_content *content = find_content(g, &part->store.key);

    if (content == NULL) {
        if (g->content_count == g->begin.store_count)
            return err_set(err, ERR_CONFLICT, "inventory of %" PRIu32 " stores holds more",
                           g->begin.store_count);
        content = &g->contents[g->content_count++];
        content->store = part->store;
    }
    if (!rec_store_eq(&content->store, &part->store))
        return err_set(err, ERR_CONFLICT, "store %s: its parts describe it differently",
                       part->store.root);
    content->image_count += part->image_count;
    content->exception_count += part->exception_count;
    if (content->image_count > REC_IMAGES_MAX || content->exception_count > REC_EXCEPTIONS_MAX)
        return err_set(err, ERR_LIMIT, "store %s: more than %d images or %d exceptions",
                       part->store.root, REC_IMAGES_MAX, REC_EXCEPTIONS_MAX);
    return 0;
}

int gather_part(struct gather *g, struct wire_agent_msg **part, struct err *err)
{
    struct err why;

    if (g->wrong.kind != ERR_NONE) {
        wire_agent_msg_close(part);
        return 0;
    }
    g->bytes += arena_used((*part)->arena);
    if (g->bytes > GATHER_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "inventory of more than %d bytes", GATHER_BYTES_MAX);
    if (make_room(g, err) != 0)
        return -1;
    if (count_part(g, &(*part)->part, &why) == 0) {
        g->parts[g->part_count++] = steal(part);
        return 0;
    }
    if (why.kind == ERR_CONFLICT) {
        g->wrong = why;
        wire_agent_msg_close(part);
        return 0;
    }
    *err = why;
    return -1;
}

size_t gather_bytes(const struct gather *g)
{
    return g->bytes + arena_used(g->arena);
}

static int allocate_lists(struct gather *g, struct err *err)
{
    for (size_t i = 0; i < g->content_count; i++) {
        struct rec_content *c = &g->contents[i];

        c->images = arena_array(g->arena, c->image_count, sizeof(*c->images), err);
        c->exceptions = arena_array(g->arena, c->exception_count, sizeof(*c->exceptions), err);
        if (c->images == NULL || c->exceptions == NULL)
            return -1;
        c->image_count = c->exception_count = 0;
    }
    return 0;
}

static void merge_parts(struct gather *g)
{
    for (size_t i = 0; i < g->part_count; i++) {
        const struct rec_content *part = &g->parts[i]->part;
        struct rec_content *c = find_content(g, &part->store.key);

        for (size_t n = 0; n < part->image_count; n++)
            c->images[c->image_count++] = part->images[n];
        for (size_t n = 0; n < part->exception_count; n++)
            c->exceptions[c->exception_count++] = part->exceptions[n];
    }
}

/* Parts may come in any order: sorted here, and a double is a contradiction. */
static int sort_content(struct rec_content *c, struct err *err)
{
    char text[DIGEST_TEXT];

    qsort(c->images, c->image_count, sizeof(*c->images), rec_image_cmp);
    qsort(c->exceptions, c->exception_count, sizeof(*c->exceptions), rec_exception_cmp);
    for (size_t i = 1; i < c->image_count; i++)
        if (rec_image_cmp(&c->images[i - 1], &c->images[i]) == 0)
            return err_set(err, ERR_CONFLICT, "store %s: image %s twice", c->store.root,
                           digest_text(&c->images[i].id, text));
    for (size_t i = 1; i < c->exception_count; i++)
        if (rec_exception_cmp(&c->exceptions[i - 1], &c->exceptions[i]) == 0)
            return err_set(err, ERR_CONFLICT, "store %s: chain %s twice", c->store.root,
                           digest_text(&c->exceptions[i].chain, text));
    return 0;
}

int gather_finish(struct gather *g, struct wire_agent_msg **end, struct err *err)
{
    g->end = steal(end);
    if (g->wrong.kind != ERR_NONE) {
        *err = g->wrong;
        return -1;
    }
    if (g->end->end.generation != g->begin.generation)
        return err_set(err, ERR_CONFLICT,
                       "inventory began as generation %" PRIu64 " and ends as %" PRIu64,
                       g->begin.generation, g->end->end.generation);
    if (g->content_count != g->begin.store_count)
        return err_set(err, ERR_CONFLICT, "inventory of %" PRIu32 " stores holds %zu",
                       g->begin.store_count, g->content_count);
    if (allocate_lists(g, err) != 0)
        return -1;
    merge_parts(g);
    for (size_t i = 0; i < g->content_count; i++)
        if (sort_content(&g->contents[i], err) != 0)
            return -1;
    g->inventory = (struct apply_inventory){
        .generation = g->begin.generation,
        .age_ms = g->begin.age_ms,
        .contents = g->contents,
        .content_count = g->content_count,
        .sums = g->end->end.sums,
        .sum_count = g->end->end.sum_count,
    };
    return 0;
}

const struct apply_inventory *gather_inventory(const struct gather *g)
{
    return &g->inventory;
}
