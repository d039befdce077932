#include <stdio.h>
#include <stdlib.h>

#include "collector/census/naming_private.h"
#include "common/clock.h"
#include "common/imageref.h"

/* ---- platforms ------------------------------------------------------------------------------- */

static const char *take_part(char out[NAMING_PLATFORM_MAX], const char *text)
{
    size_t len = strcspn(text, "/");

    snprintf(out, NAMING_PLATFORM_MAX, "%.*s", (int)len, text);
    return text + len + (text[len] == '/');
}

void naming_platform_parse(struct naming_platform *out, const char *text)
{
    text = take_part(out->os, text);
    text = take_part(out->arch, text);
    take_part(out->variant, text);
    if (naming_variant(out->arch, out->variant)[0] == '\0')
        out->variant[0] = '\0';
}

bool naming_is_platform(const struct fleet_image *image, const char *text)
{
    struct naming_platform p;

    naming_platform_parse(&p, text);
    return strcmp(p.os, image->os) == 0 && strcmp(p.arch, image->arch) == 0 &&
           strcmp(p.variant, naming_variant(image->arch, image->variant)) == 0;
}

/* ---- one name for several chains ------------------------------------------------------------- */

/* A claim among those of its name. */
struct rival {
    struct naming_claim *claim;
    struct naming_platform platform;
    int64_t made_s; /* 0: not told, or by a date that cannot be believed */
};

static int cmp_platform(const struct rival *a, const struct rival *b)
{
    int order = strcmp(a->platform.os, b->platform.os);

    if (order == 0)
        order = strcmp(a->platform.arch, b->platform.arch);
    return order != 0 ? order : strcmp(a->platform.variant, b->platform.variant);
}

static int by_platform(const void *a, const void *b)
{
    return cmp_platform(a, b);
}

static void make_rival(struct rival *r, struct naming_draft *draft, const struct fleet *f)
{
    const struct fleet_image *image =
        draft->claim.image == FLEET_NONE ? NULL : &f->images[draft->claim.image];

    *r = (struct rival){.claim = &draft->claim, .made_s = draft->made_s};
    if (r->made_s == 0 && image != NULL)
        r->made_s = naming_made_s(image);
    if (draft->platform != NULL && draft->platform[0] != '\0') {
        naming_platform_parse(&r->platform, draft->platform);
    } else if (image != NULL) {
        take_part(r->platform.os, image->os);
        take_part(r->platform.arch, image->arch);
        take_part(r->platform.variant, naming_variant(image->arch, image->variant));
    }
}

static const struct rival *find_strongest(const struct rival *rivals, size_t count)
{
    const struct rival *strongest = &rivals[0];

    for (size_t i = 1; i < count; i++)
        if (rivals[i].claim->strength > strongest->claim->strength)
            strongest = &rivals[i];
    return strongest;
}

static bool is_newer(const struct rival *a, const struct rival *b, bool all_dated)
{
    if (all_dated && a->made_s != b->made_s)
        return a->made_s > b->made_s;
    if (a->claim->first_s != b->claim->first_s)
        return a->claim->first_s > b->claim->first_s;
    return a->claim->chain < b->claim->chain;
}

/* The newest of those that are strong enough; NULL: none is. A version's date is when it was made,
 * so that an old one which a host brings late stays old. Where one of them has no such date, it is
 * when the fleet first heard of each under the name: dates of two kinds cannot be compared. */
static const struct rival *find_newest(const struct rival *rivals, size_t count,
                                       enum name_strength enough)
{
    const struct rival *newest = NULL;
    bool all_dated = true;

    for (size_t i = 0; i < count; i++)
        all_dated = all_dated && (rivals[i].claim->strength < enough || rivals[i].made_s != 0);
    for (size_t i = 0; i < count; i++)
        if (rivals[i].claim->strength >= enough &&
            (newest == NULL || is_newer(&rivals[i], newest, all_dated)))
            newest = &rivals[i];
    return newest;
}

/* The claims of one name and platform. What displaces them may be of another platform: an image's
 * platform is its config's word, which whoever makes the image chooses. What the catalogue calls so
 * yields to no date of others: the operator says when the name went on. */
static void settle_platform(struct rival *rivals, size_t count, const struct rival *of_all)
{
    const struct rival *strongest = find_strongest(rivals, count), *newest;
    bool has_catalogue = strongest->claim->strength == NAME_CATALOGUE;
    enum name_strength enough = of_all->claim->strength > NAME_TAG ? NAME_PULLED : NAME_TAG;

    if (strongest->claim->strength < enough)
        strongest = of_all;
    newest = find_newest(rivals, count, has_catalogue ? NAME_CATALOGUE : enough);
    for (size_t i = 0; i < count; i++) {
        struct naming_claim *claim = rivals[i].claim;

        if (claim->strength >= enough && &rivals[i] != newest) {
            claim->moved = true;
            claim->other = newest->claim->chain;
        } else if (claim->strength < enough && enough > NAME_TAG) {
            claim->displaced = true;
            claim->other = strongest->claim->chain;
        }
    }
}

static void settle_name(struct rival *rivals, size_t count)
{
    const struct rival *strongest;

    qsort(rivals, count, sizeof(*rivals), by_platform);
    strongest = find_strongest(rivals, count);
    for (size_t from = 0, end; from < count; from = end) {
        for (end = from + 1; end < count && cmp_platform(&rivals[from], &rivals[end]) == 0;)
            end++;
        settle_platform(rivals + from, end - from, strongest);
    }
}

/* The drafts by key, as places in their list; `starts` gets where each key begins, and the end. */
static uint32_t *sort_by_key(const struct naming_draft *drafts, size_t count, size_t key_count,
                             uint32_t *starts, struct arena *arena, struct err *err)
{
    uint32_t *sorted = arena_array(arena, count, sizeof(*sorted), err);
    uint32_t *next = arena_array(arena, key_count, sizeof(*next), err);

    if (sorted == NULL || next == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (drafts[i].key != FLEET_NONE)
            starts[drafts[i].key + 1]++;
    for (size_t k = 0; k < key_count; k++) {
        next[k] = starts[k];
        starts[k + 1] += starts[k];
    }
    for (size_t i = 0; i < count; i++)
        if (drafts[i].key != FLEET_NONE)
            sorted[next[drafts[i].key]++] = (uint32_t)i;
    return sorted;
}

int naming_settle(struct naming_draft *drafts, size_t count, size_t key_count,
                  const struct fleet *f, struct arena *arena, struct err *err)
{
    uint32_t *starts = arena_array(arena, key_count + 1, sizeof(*starts), err), *sorted;
    struct rival *rivals = NULL;
    size_t room = 0;

    if (starts == NULL)
        return -1;
    sorted = sort_by_key(drafts, count, key_count, starts, arena, err);
    if (sorted == NULL)
        return -1;
    for (size_t k = 0; k < key_count; k++)
        if (starts[k + 1] - starts[k] > room)
            room = starts[k + 1] - starts[k];
    rivals = arena_array(arena, room, sizeof(*rivals), err);
    if (rivals == NULL)
        return -1;
    for (size_t k = 0; k < key_count; k++) {
        size_t rival_count = starts[k + 1] - starts[k];

        if (rival_count < 2)
            continue;
        for (size_t i = 0; i < rival_count; i++)
            make_rival(&rivals[i], &drafts[sorted[starts[k] + i]], f);
        settle_name(rivals, rival_count);
    }
    return 0;
}

/* ---- titles ---------------------------------------------------------------------------------- */

/* Whether, of two that name one chain, `a` is the one to show. */
static bool titles_before(const struct naming_claim *a, const struct naming_claim *b)
{
    bool has_tag = strchr(a->name, '@') == NULL;

    if (a->strength != b->strength)
        return a->strength > b->strength;
    if (has_tag != (strchr(b->name, '@') == NULL))
        return has_tag;
    if (a->first_s != b->first_s)
        return a->first_s < b->first_s;
    if (a->stores != b->stores)
        return a->stores > b->stores;
    return strcmp(a->name, b->name) < 0;
}

static void find_title(struct naming *out, uint32_t chain)
{
    const struct fleet_run *run = &out->of_chain[chain];
    uint32_t *title = &out->title[chain];

    *title = FLEET_NONE;
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        const struct naming_claim *claim = &out->claims[i];

        if (claim->displaced)
            continue;
        if (claim->strength > out->strength[chain])
            out->strength[chain] = claim->strength;
        if (claim->strength >= NAME_TAG &&
            (*title == FLEET_NONE || titles_before(claim, &out->claims[*title])))
            *title = i;
    }
}

int naming_find_titles(struct naming *out, size_t chain_count, struct arena *arena, struct err *err)
{
    out->strength = arena_array(arena, chain_count, sizeof(*out->strength), err);
    out->title = arena_array(arena, chain_count, sizeof(*out->title), err);
    if (out->strength == NULL || out->title == NULL)
        return -1;
    for (uint32_t c = 0; c < chain_count; c++)
        find_title(out, c);
    return 0;
}

const struct naming_claim *naming_title(const struct naming *n, uint32_t chain)
{
    return n->title[chain] == FLEET_NONE ? NULL : &n->claims[n->title[chain]];
}

/* ---- texts ----------------------------------------------------------------------------------- */

const char *naming_text(const struct naming_claim *claim, struct arena *arena, struct err *err)
{
    char familiar[IMAGEREF_MAX + 1], day[CLOCK_TEXT], text[IMAGEREF_MAX + CLOCK_TEXT + 8];
    struct imageref ref;

    if (imageref_parse(&ref, claim->name, NULL) == 0)
        imageref_familiar(&ref, familiar);
    else
        snprintf(familiar, sizeof(familiar), "%s", claim->name);
    clock_text(claim->first_s * 1000, day);
    day[strcspn(day, "T")] = '\0';
    snprintf(text, sizeof(text), "%s%s%s", familiar, claim->moved ? " as of " : "",
             claim->moved ? day : "");
    return arena_text(arena, text, strlen(text), err);
}

const char *name_strength_name(enum name_strength strength)
{
    static const char *const names[] = {
        [NAME_NONE] = "none",     [NAME_SEEN] = "seen",       [NAME_TAG] = "tag",
        [NAME_PULLED] = "pulled", [NAME_TRUSTED] = "trusted", [NAME_CATALOGUE] = "catalogue",
    };

    return names[strength];
}
