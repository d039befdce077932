#include <stdlib.h>
#include <string.h>

#include "collector/census/forest_private.h"
#include "common/imageref.h"

/* Where the image ends; FLEET_NONE where that is not known. */
static uint32_t slot_of(const struct forest_plan *p, uint32_t image)
{
    const struct fleet_image *i = &p->f->images[image];

    if (!p->wish->members[image] || i->parsed != PARSED_READ)
        return FLEET_NONE;
    return i->chain_count > 0 ? i->chains[i->chain_count - 1] : p->chain_count + image;
}

static int by_digest(const void *a, const void *b, void *arg)
{
    const struct fleet_image *images = arg;

    return digest_cmp(&images[*(const uint32_t *)a].digest, &images[*(const uint32_t *)b].digest);
}

static int give_images(struct forest_plan *p, struct err *err)
{
    uint32_t *list = arena_array(p->arena, p->f->image_count, sizeof(*list), err), at = 0;

    if (list == NULL)
        return -1;
    for (uint32_t i = 0; i < p->f->image_count; i++)
        if (slot_of(p, i) != FLEET_NONE)
            p->slots[slot_of(p, i)].images.count++;
    for (uint32_t s = 0; s < p->slot_count; s++) {
        struct fleet_run *run = &p->slots[s].images;

        run->first = at;
        at += run->count;
        run->count = 0;
    }
    for (uint32_t i = 0; i < p->f->image_count; i++) {
        uint32_t slot = slot_of(p, i);

        if (slot != FLEET_NONE)
            list[p->slots[slot].images.first + p->slots[slot].images.count++] = i;
    }
    for (uint32_t s = 0; s < p->slot_count; s++)
        if (p->slots[s].images.count > 1)
            qsort_r(list + p->slots[s].images.first, p->slots[s].images.count, sizeof(*list),
                    by_digest, p->f->images);
    p->out->images = list;
    return 0;
}

/* A name as people type it, the same text each time; in its own form where it breaks the grammar.
 */
static const char *familiar(const struct forest_plan *p, const char **texts, uint32_t name,
                            struct err *err)
{
    char text[IMAGEREF_MAX + 1];
    struct imageref r;

    if (texts[name] != NULL)
        return texts[name];
    texts[name] = p->f->names[name].text;
    if (imageref_parse(&r, p->f->names[name].text, NULL) == 0) {
        imageref_familiar(&r, text);
        texts[name] = arena_text(p->arena, text, strlen(text), err);
    }
    return texts[name];
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts a run of names and keeps each once. */
static void settle_names(const char **names, struct fleet_run *run)
{
    const char **own = names + run->first;
    uint32_t kept = 0;

    if (run->count > 1)
        qsort(own, run->count, sizeof(*own), by_text);
    for (uint32_t i = 0; i < run->count; i++)
        if (kept == 0 || strcmp(own[i], own[kept - 1]) != 0)
            own[kept++] = own[i];
    run->count = kept;
}

static int give_names(struct forest_plan *p, struct err *err)
{
    const char **texts = arena_array(p->arena, p->f->name_count, sizeof(*texts), err);
    size_t count = 0;
    uint32_t at = 0;

    for (uint32_t i = 0; i < p->f->image_count; i++)
        count += p->wish->members[i] ? p->standing[i].name_count : 0;
    p->out->names = arena_array(p->arena, count, sizeof(*p->out->names), err);
    if (texts == NULL || p->out->names == NULL)
        return -1;
    for (uint32_t s = 0; s < p->slot_count; s++) {
        struct forest_slot *slot = &p->slots[s];

        slot->names.first = at;
        for (uint32_t i = 0; i < slot->images.count; i++) {
            const struct standing *of = &p->standing[p->out->images[slot->images.first + i]];

            for (uint32_t n = 0; n < of->name_count; n++) {
                p->out->names[at] = familiar(p, texts, of->names[n], err);
                if (p->out->names[at++] == NULL)
                    return -1;
            }
        }
        slot->names.count = at - slot->names.first;
        settle_names(p->out->names, &slot->names);
    }
    return 0;
}

int forest_give_images(struct forest_plan *p, struct err *err)
{
    return give_images(p, err) == 0 ? give_names(p, err) : -1;
}
