#include "collector/report/origins.h"

#include <stdlib.h>
#include <string.h>

#include "common/imageref.h"

#define REGISTRIES_MAX 32 /* shown of one base */

struct registries {
    const char *texts[REGISTRIES_MAX];
    size_t count;
};

int origins_open(struct origins *out, struct census *c, struct err *err)
{
    *out = (struct origins){.c = c, .known = c->request->as_of_s == 0};
    out->registries = arena_array(c->arena, c->fleet.name_count, sizeof(*out->registries), err);
    if (out->registries == NULL)
        return -1;
    return out->known ? read_all_origins(c->reading, &out->all, NULL, NULL, c->arena, err) : 0;
}

/* "" where the name breaks the grammar. */
static const char *registry_of(const struct origins *o, uint32_t name, struct err *err)
{
    struct imageref ref;
    struct err ignored;

    if (o->registries[name] != NULL)
        return o->registries[name];
    if (imageref_parse(&ref, o->c->fleet.names[name].text, &ignored) != 0)
        ref.registry[0] = '\0';
    o->registries[name] = arena_text(o->c->arena, ref.registry, strlen(ref.registry), err);
    return o->registries[name];
}

/* Puts a text in its place, unless it is there. */
static void insert(struct registries *r, const char *text)
{
    size_t at = r->count;

    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->texts[i], text) == 0)
            return;
    if (text[0] == '\0' || r->count == REGISTRIES_MAX)
        return;
    for (; at > 0 && strcmp(r->texts[at - 1], text) > 0; at--)
        r->texts[at] = r->texts[at - 1];
    r->texts[at] = text;
    r->count++;
}

/* The first entry of `of`, or of what comes after it. */
static size_t first_of(const struct policy_origin *list, size_t count, uint32_t of)
{
    size_t from = 0;

    while (from < count) {
        size_t middle = from + (count - from) / 2;

        if (list[middle].of < of)
            from = middle + 1;
        else
            count = middle;
    }
    return from;
}

static int insert_all(const struct origins *o, struct registries *r,
                      const struct policy_origin *list, size_t count, uint32_t of, struct err *err)
{
    for (size_t i = first_of(list, count, of); i < count && list[i].of == of; i++) {
        const char *text = registry_of(o, list[i].name, err);

        if (text == NULL)
            return -1;
        insert(r, text);
    }
    return 0;
}

static int insert_chain(const struct origins *o, struct registries *r, uint32_t chain,
                        struct err *err)
{
    const struct fleet *f = &o->c->fleet;
    const struct lineage *l = &o->c->lineage;

    for (uint32_t i = l->first_ending[chain]; i != FLEET_NONE; i = l->next_ending[i])
        if (insert_all(o, r, o->all.images, o->all.image_count, i, err) != 0)
            return -1;
    for (uint32_t c = chain; c != FLEET_NONE; c = f->chains[c].parent)
        if (f->chains[c].layer != FLEET_NONE &&
            insert_all(o, r, o->all.layers, o->all.layer_count, f->chains[c].layer, err) != 0)
            return -1;
    return 0;
}

int origins_of(const struct origins *o, const struct base *b, struct sheet_cell *cell,
               struct err *err)
{
    struct registries r = {.count = 0};
    const char **texts;

    if (!o->known)
        return 0;
    for (uint32_t i = 0; i < b->chain_count; i++)
        if (insert_chain(o, &r, b->chains[i], err) != 0)
            return -1;
    texts = arena_array(o->c->arena, r.count, sizeof(*texts), err);
    if (texts == NULL)
        return -1;
    memcpy(texts, r.texts, r.count * sizeof(*texts));
    *cell = cell_texts(texts, r.count);
    return 0;
}
