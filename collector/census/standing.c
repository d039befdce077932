#include "collector/census/standing.h"

#include <stdlib.h>
#include <string.h>

enum image_kind standing_in_store(const struct fleet *f, const struct fleet_presence *p)
{
    const struct fleet_store *s = &f->stores[p->store];

    if (p->names.count > 0)
        return IMAGE_NAMED;
    for (uint32_t i = 0; i < s->presences.count; i++)
        if (f->presences[s->presences.first + i].parent == p->image)
            return IMAGE_INTERMEDIATE;
    return IMAGE_DANGLING;
}

/* Marks the images that another image of the same store names as parent. */
static void mark_parents(const struct fleet *f, struct standing *list)
{
    for (size_t i = 0; i < f->presence_count; i++) {
        const struct fleet_presence *p = &f->presences[i], *parent;

        if (p->parent == FLEET_NONE)
            continue;
        parent = fleet_presence_in(f, &f->stores[p->store], p->parent);
        if (parent != NULL && parent->names.count == 0)
            list[p->parent].kind = IMAGE_INTERMEDIATE;
    }
}

static void count_place(struct standing *s, const struct fleet_presence *p)
{
    s->stores++;
    s->unpacked += p->unpacked;
    if (p->names.count > 0)
        s->kind = IMAGE_NAMED;
    else if (s->kind == IMAGE_ABSENT)
        s->kind = IMAGE_DANGLING;
}

/* Store by store, as those of one host are neighbours there. */
static void count_places(const struct fleet *f, struct standing *list, uint32_t *last_host)
{
    for (size_t s = 0; s < f->store_count; s++) {
        const struct fleet_store *store = &f->stores[s];

        for (uint32_t i = 0; i < store->presences.count; i++) {
            const struct fleet_presence *p = &f->presences[store->presences.first + i];

            list[p->image].hosts += last_host[p->image] != store->host + 1;
            last_host[p->image] = store->host + 1;
            count_place(&list[p->image], p);
        }
    }
}

static void count_containers(const struct fleet *f, struct standing *list)
{
    for (size_t i = 0; i < f->container_count; i++) {
        struct standing *s = &list[f->containers[i].image];

        s->containers++;
        s->running += f->containers[i].state == REC_RUNNING;
        s->run_unknown += f->containers[i].state == REC_RUN_UNKNOWN;
    }
}

static int by_image_then_text(const void *a, const void *b)
{
    const struct standing_name *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* Presences share runs of names, and a run is of one image: each is listed once. */
static size_t list_pairs(const struct fleet *f, struct standing_name *pairs, bool *listed)
{
    size_t count = 0;

    for (size_t i = 0; i < f->presence_count; i++) {
        const struct fleet_presence *p = &f->presences[i];
        const uint32_t *names = f->place_names + p->names.first;

        if (p->names.count == 0 || listed[p->names.first])
            continue;
        listed[p->names.first] = true;
        for (uint32_t n = 0; n < p->names.count; n++)
            pairs[count++] = (struct standing_name){p->image, names[n], f->names[names[n]].text};
    }
    return count;
}

int standing_set_names(struct standing *list, struct standing_name *pairs, size_t pair_count,
                       struct arena *arena, struct err *err)
{
    uint32_t *names = arena_array(arena, pair_count, sizeof(*names), err);
    size_t count = 0;

    if (names == NULL)
        return -1;
    if (pair_count > 0)
        qsort(pairs, pair_count, sizeof(*pairs), by_image_then_text);
    for (size_t i = 0; i < pair_count; i++) {
        struct standing *s = &list[pairs[i].image];

        if (s->name_count > 0 && names[count - 1] == pairs[i].name)
            continue;
        if (s->name_count++ == 0)
            s->names = names + count;
        names[count++] = pairs[i].name;
    }
    return 0;
}

static int collect_names(const struct fleet *f, struct standing *list, struct arena *arena,
                         struct err *err)
{
    struct standing_name *pairs = arena_array(arena, f->place_name_count, sizeof(*pairs), err);
    bool *listed = arena_array(arena, f->place_name_count, sizeof(*listed), err);

    if (pairs == NULL || listed == NULL)
        return -1;
    return standing_set_names(list, pairs, list_pairs(f, pairs, listed), arena, err);
}

struct standing *standing_compute(const struct fleet *f, struct arena *arena, struct err *err)
{
    struct standing *list = arena_array(arena, f->image_count, sizeof(*list), err);
    uint32_t *last_host = arena_array(arena, f->image_count, sizeof(*last_host), err);

    if (list == NULL || last_host == NULL)
        return NULL;
    mark_parents(f, list);
    count_places(f, list, last_host);
    count_containers(f, list);
    return collect_names(f, list, arena, err) == 0 ? list : NULL;
}

const char *standing_kind_name(enum image_kind kind)
{
    static const char *const names[] = {
        [IMAGE_ABSENT] = "absent",
        [IMAGE_NAMED] = "named",
        [IMAGE_INTERMEDIATE] = "intermediate",
        [IMAGE_DANGLING] = "dangling",
    };

    return names[kind];
}
