/*
 * From a typed name to images: whoever has it, weighed against each other. Candidates are sorted by
 * name, platform, chain and image, and each rule passes over a run of them once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/census/naming_private.h"
#include "collector/census/resolve_private.h"
#include "common/clock.h"

#define DAY_TEXT 10 /* "2026-03-02" */

struct weighing {
    const struct resolve_facts *facts;
    const struct resolution *found;
    enum resolve_reach reach;
    struct resolve_calls *out;
    struct arena *arena;
    bool *wanted; /* by name of the fleet */
    size_t cap;
};

static uint32_t top_of(const struct fleet *f, uint32_t image)
{
    const struct fleet_image *i = &f->images[image];

    return i->chain_count > 0 ? naming_top(i) : FLEET_NONE;
}

static int cmp_platform(const struct fleet_image *a, const struct fleet_image *b)
{
    int order = strcmp(a->os, b->os);

    if (order == 0)
        order = strcmp(a->arch, b->arch);
    return order != 0
               ? order
               : strcmp(naming_variant(a->arch, a->variant), naming_variant(b->arch, b->variant));
}

static int by_place(const void *a, const void *b, void *fleet)
{
    const struct resolve_call *x = a, *y = b;
    const struct fleet *f = fleet;
    uint32_t x_top = top_of(f, x->image), y_top = top_of(f, y->image);
    int order = strcmp(x->name, y->name);

    if (order == 0)
        order = cmp_platform(&f->images[x->image], &f->images[y->image]);
    if (order == 0)
        order = (x_top > y_top) - (x_top < y_top);
    return order != 0 ? order : (x->image > y->image) - (x->image < y->image);
}

/* ---- candidates ------------------------------------------------------------------------------ */

static int add_call(struct weighing *w, uint32_t image, const char *name, bool now, struct err *err)
{
    struct resolve_calls *out = w->out;
    struct resolve_call *list =
        fleet_room(w->arena, out->list, out->count, &w->cap, sizeof(*list), err);

    if (list == NULL)
        return -1;
    out->list = list;
    list[out->count++] = (struct resolve_call){
        .image = image, .name = name, .now = now, .other = FLEET_NONE, .store = FLEET_NONE};
    return 0;
}

static int add_named(struct weighing *w, bool past, struct err *err)
{
    const struct fleet *f = w->facts->f;

    for (uint32_t i = 0; i < f->image_count; i++) {
        const struct standing *s = &w->facts->images[i];

        for (uint32_t n = 0; n < s->name_count; n++)
            if (w->wanted[s->names[n]] &&
                add_call(w, i, f->names[s->names[n]].normal, true, err) != 0)
                return -1;
    }
    for (size_t i = 0; past && i < f->past_name_count; i++) {
        const struct fleet_past_name *p = &f->past_names[i];

        if (w->wanted[p->name] && add_call(w, p->image, f->names[p->name].normal, false, err) != 0)
            return -1;
    }
    return 0;
}

/* What the catalogue calls so, whoever else does. */
static int add_catalogued(struct weighing *w, bool past, struct err *err)
{
    const struct fleet *f = w->facts->f;
    const struct naming *n = w->facts->naming;
    const char **names = arena_array(w->arena, f->chain_count, sizeof(*names), err);
    struct imageref want;
    bool any = false;

    if (names == NULL)
        return -1;
    if (imageref_parse(&want, w->found->name, NULL) != 0)
        return 0;
    for (size_t i = 0; i < n->claim_count; i++) {
        if (n->claims[i].strength != NAME_CATALOGUE ||
            !resolve_name_matches(&want, n->claims[i].name))
            continue;
        names[n->claims[i].chain] = n->claims[i].name;
        any = true;
    }
    for (uint32_t i = 0; any && i < f->image_count; i++) {
        uint32_t top = top_of(f, i);

        if (top != FLEET_NONE && names[top] != NULL &&
            (past || w->facts->images[i].kind != IMAGE_ABSENT) &&
            add_call(w, i, names[top], w->facts->images[i].kind != IMAGE_ABSENT, err) != 0)
            return -1;
    }
    return 0;
}

/* Each image and name once. */
static void sort_calls(struct weighing *w)
{
    struct resolve_calls *out = w->out;
    size_t kept = 0;

    if (out->count == 0)
        return;
    qsort_r(out->list, out->count, sizeof(*out->list), by_place, (void *)w->facts->f);
    for (size_t i = 0; i < out->count; i++) {
        struct resolve_call *last = kept > 0 ? &out->list[kept - 1] : NULL;

        if (last != NULL && by_place(last, &out->list[i], (void *)w->facts->f) == 0)
            last->now = last->now || out->list[i].now;
        else
            out->list[kept++] = out->list[i];
    }
    out->count = kept;
}

static struct resolve_call *find_call(struct weighing *w, uint32_t image, const char *name)
{
    const struct resolve_call key = {.image = image, .name = name};
    size_t low = 0, high = w->out->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = by_place(&w->out->list[middle], &key, (void *)w->facts->f);

        if (order == 0)
            return &w->out->list[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* How strong each candidate's own word is, and who gave it first. */
static void hear_words(struct weighing *w)
{
    const struct fleet *f = w->facts->f;

    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_said *s = &f->said[i];

        for (uint32_t n = 0; n < s->names.count; n++) {
            uint32_t name = f->place_names[s->names.first + n];
            struct resolve_call *k =
                w->wanted[name] ? find_call(w, s->image, f->names[name].normal) : NULL;
            enum name_strength strength;

            if (k == NULL)
                continue;
            strength = naming_said_strength(w->facts->naming, f, w->facts->catalogue, i, k->name,
                                            w->facts->known_at_s);
            if (strength <= k->strength)
                continue;
            k->strength = strength;
            k->store = s->root.store != FLEET_NONE ? s->root.store : s->user.store;
        }
    }
}

static void find_claims(struct weighing *w)
{
    for (size_t i = 0; i < w->out->count; i++) {
        struct resolve_call *k = &w->out->list[i];
        uint32_t top = top_of(w->facts->f, k->image);

        if (top == FLEET_NONE)
            continue;
        k->claim = naming_claim_of(w->facts->naming, top, k->name);
    }
}

/* ---- "as of 2026-03-02" ---------------------------------------------------------------------- */

/* Whether answers call the candidate's chain just so. */
static bool is_called(const struct weighing *w, const struct resolve_call *k)
{
    const char *as_of = w->found->as_of;
    const struct naming_claim *claim = k->claim, *title;
    char text[CLOCK_TEXT + 8], day[CLOCK_TEXT];
    const char *told, *behind;

    if (claim == NULL)
        return false;
    snprintf(text, sizeof(text), " as of %.*s", DAY_TEXT, clock_text(claim->first_s * 1000, day));
    if (claim->moved && strcmp(as_of, text) == 0)
        return true;
    title = naming_title(w->facts->naming, claim->chain);
    told = w->facts->titles != NULL ? w->facts->titles[claim->chain] : NULL;
    if (title == NULL || told == NULL || strcmp(title->name, k->name) != 0)
        return false;
    behind = strchr(told, ' ');
    return behind != NULL && strcmp(behind, as_of) == 0;
}

static void keep_called(struct weighing *w)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->out->count; i++)
        if (is_called(w, &w->out->list[i]))
            w->out->list[kept++] = w->out->list[i];
    w->out->count = kept;
}

/* ---- weighing -------------------------------------------------------------------------------- */

static enum name_strength of_chain(const struct resolve_call *k)
{
    return k->claim != NULL && k->claim->strength > k->strength ? k->claim->strength : k->strength;
}

static enum name_strength of_itself(const struct resolve_call *k)
{
    return k->strength;
}

/* Sets aside what is weaker than naming lets stand beside the strongest of these. */
static void drop_weaker(struct resolve_call *list, size_t count,
                        enum name_strength (*strength)(const struct resolve_call *))
{
    const struct resolve_call *best = NULL;
    enum name_strength enough;

    for (size_t i = 0; i < count; i++)
        if (list[i].verdict == RESOLVE_MEANT &&
            (best == NULL || strength(&list[i]) > strength(best)))
            best = &list[i];
    if (best == NULL)
        return;
    enough = strength(best) > NAME_TAG ? NAME_PULLED : strength(best);
    for (size_t i = 0; i < count; i++) {
        if (list[i].verdict != RESOLVE_MEANT || strength(&list[i]) >= enough)
            continue;
        list[i].verdict = RESOLVE_WEAKER;
        list[i].other = best->image;
    }
}

/* Of one platform: where one has the name plainly, the others had it before. */
static void drop_moved(struct resolve_call *list, size_t count)
{
    const struct resolve_call *plain = NULL;

    for (size_t i = 0; i < count && plain == NULL; i++)
        if (list[i].verdict == RESOLVE_MEANT && list[i].claim != NULL && !list[i].claim->moved &&
            !list[i].claim->displaced && of_chain(&list[i]) >= NAME_TAG)
            plain = &list[i];
    for (size_t i = 0; plain != NULL && i < count; i++) {
        if (list[i].verdict != RESOLVE_MEANT || list[i].claim == NULL || !list[i].claim->moved)
            continue;
        list[i].verdict = RESOLVE_OLDER;
        list[i].other = plain->image;
    }
}

static bool is_newer(const struct fleet_image *a, const struct fleet_image *b)
{
    int64_t a_s = naming_made_s(a), b_s = naming_made_s(b);

    if (a_s != 0 && b_s != 0 && a_s != b_s)
        return a_s > b_s;
    return a->first_s > b->first_s;
}

/* Of one chain: images that differ in their config alone. Those that only users call so stay. */
static void drop_rebuilt(const struct fleet *f, struct resolve_call *list, size_t count)
{
    const struct resolve_call *newest = NULL;

    for (size_t i = 0; i < count; i++)
        if (list[i].verdict == RESOLVE_MEANT && of_chain(&list[i]) >= NAME_TAG &&
            (newest == NULL || is_newer(&f->images[list[i].image], &f->images[newest->image])))
            newest = &list[i];
    for (size_t i = 0; newest != NULL && i < count; i++) {
        if (list[i].verdict != RESOLVE_MEANT ||
            !is_newer(&f->images[newest->image], &f->images[list[i].image]))
            continue;
        list[i].verdict = RESOLVE_OLDER;
        list[i].other = newest->image;
    }
}

static void weigh_chain(struct weighing *w, struct resolve_call *list, size_t count)
{
    if (count < 2 || top_of(w->facts->f, list->image) == FLEET_NONE)
        return;
    drop_weaker(list, count, of_itself);
    if (w->reach == RESOLVE_ONE)
        drop_rebuilt(w->facts->f, list, count);
}

static void weigh_platform(struct weighing *w, struct resolve_call *list, size_t count)
{
    const struct fleet *f = w->facts->f;

    if (w->reach == RESOLVE_ONE && w->found->as_of[0] == '\0')
        drop_moved(list, count);
    for (size_t from = 0, end; from < count; from = end) {
        for (end = from + 1;
             end < count && top_of(f, list[from].image) == top_of(f, list[end].image);)
            end++;
        weigh_chain(w, list + from, end - from);
    }
}

/* A digest in a name says itself which image is meant. */
static void weigh_name(struct weighing *w, struct resolve_call *list, size_t count)
{
    const struct fleet *f = w->facts->f;

    if (strchr(list->name, '@') != NULL)
        return;
    drop_weaker(list, count, of_chain);
    for (size_t from = 0, end; from < count; from = end) {
        for (end = from + 1; end < count && cmp_platform(&f->images[list[from].image],
                                                         &f->images[list[end].image]) == 0;)
            end++;
        weigh_platform(w, list + from, end - from);
    }
}

static void weigh(struct weighing *w)
{
    struct resolve_calls *out = w->out;

    for (size_t from = 0, end; from < out->count; from = end) {
        for (end = from + 1;
             end < out->count && strcmp(out->list[from].name, out->list[end].name) == 0;)
            end++;
        weigh_name(w, out->list + from, end - from);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int gather(struct weighing *w, bool past, struct err *err)
{
    w->out->count = 0;
    if (add_named(w, past, err) != 0 || add_catalogued(w, past, err) != 0)
        return -1;
    sort_calls(w);
    hear_words(w);
    find_claims(w);
    if (w->found->as_of[0] != '\0')
        keep_called(w);
    return 0;
}

int resolve_calls(struct resolve_calls *out, const struct resolution *found,
                  const struct resolve_facts *facts, enum resolve_reach reach, struct arena *arena,
                  struct err *err)
{
    struct weighing w = {
        .facts = facts, .found = found, .reach = reach, .out = out, .arena = arena};
    const bool ever = reach == RESOLVE_EVER;

    *out = (struct resolve_calls){0};
    w.wanted = arena_array(arena, facts->f->name_count, sizeof(*w.wanted), err);
    if (w.wanted == NULL)
        return -1;
    for (size_t i = 0; i < found->count; i++)
        if (found->hits[i].kind == RESOLVED_NAME)
            w.wanted[found->hits[i].index] = true;
    if (gather(&w, ever, err) != 0 || (!ever && out->count == 0 && gather(&w, true, err) != 0))
        return -1;
    weigh(&w);
    return 0;
}
