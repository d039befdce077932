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
    int64_t date_s;
};

static int cmp_platform(const struct rival *a, const struct rival *b)
{
    int order = strcmp(a->platform.os, b->platform.os);

    if (order == 0)
        order = strcmp(a->platform.arch, b->platform.arch);
    return order != 0 ? order : strcmp(a->platform.variant, b->platform.variant);
}

/* By platform; within one the newest first. */
static int by_platform_then_date(const void *a, const void *b)
{
    const struct rival *x = a, *y = b;
    int order = cmp_platform(x, y);

    if (order != 0)
        return order;
    if (x->date_s != y->date_s)
        return x->date_s > y->date_s ? -1 : 1;
    if (x->claim->first_s != y->claim->first_s)
        return x->claim->first_s > y->claim->first_s ? -1 : 1;
    return (x->claim->chain > y->claim->chain) - (x->claim->chain < y->claim->chain);
}

/* A version's date is when it was made, so that an old one which a host brings late stays old. */
static void make_rival(struct rival *r, struct naming_draft *draft, const struct fleet *f)
{
    const struct fleet_image *image =
        draft->claim.image == FLEET_NONE ? NULL : &f->images[draft->claim.image];

    *r = (struct rival){.claim = &draft->claim, .date_s = draft->made_s};
    if (r->date_s == 0 && image != NULL)
        r->date_s = naming_made_s(image);
    if (r->date_s == 0)
        r->date_s = draft->claim.first_s;
    if (draft->platform != NULL && draft->platform[0] != '\0') {
        naming_platform_parse(&r->platform, draft->platform);
    } else if (image != NULL) {
        take_part(r->platform.os, image->os);
        take_part(r->platform.arch, image->arch);
        take_part(r->platform.variant, naming_variant(image->arch, image->variant));
    }
}

/* The claims of one name and platform, the newest first. */
static void settle_platform(struct rival *rivals, size_t count)
{
    const struct naming_claim *strongest = rivals[0].claim, *newest = NULL;

    for (size_t i = 1; i < count; i++)
        if (rivals[i].claim->strength > strongest->strength)
            strongest = rivals[i].claim;
    for (size_t i = 0; i < count; i++) {
        struct naming_claim *claim = rivals[i].claim;

        if (strongest->strength > NAME_TAG && claim->strength <= NAME_TAG) {
            claim->displaced = true;
            claim->other = strongest->chain;
        } else if (newest == NULL && claim->strength >= NAME_TAG) {
            newest = claim;
        } else if (claim->strength >= NAME_TAG) {
            claim->moved = true;
            claim->other = newest->chain;
        }
    }
}

static void settle_name(struct rival *rivals, size_t count)
{
    qsort(rivals, count, sizeof(*rivals), by_platform_then_date);
    for (size_t from = 0, end; from < count; from = end) {
        for (end = from + 1; end < count && cmp_platform(&rivals[from], &rivals[end]) == 0;)
            end++;
        settle_platform(rivals + from, end - from);
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
