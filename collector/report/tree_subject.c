#include <string.h>

#include "collector/report/meant.h"
#include "collector/report/tree_private.h"
#include "common/imageref.h"

#define SUBJECT_TOLD 160 /* bytes of a subject that an error repeats */

static void mark_contents(struct tree *t, const struct resolution *r)
{
    const struct fleet *f = &t->c->fleet;

    for (size_t i = 0; i < r->count; i++) {
        const struct resolve_hit *h = &r->hits[i];

        if (h->kind == RESOLVED_CHAIN)
            t->subject_chains[h->index] = true;
        for (uint32_t c = 0; h->kind == RESOLVED_LAYER && c < f->chain_count; c++)
            t->subject_chains[c] = t->subject_chains[c] || f->chains[c].layer == h->index;
    }
}

/* A subject that lies nowhere has a line as well, and things may stand on it. */
static void mark_images(struct tree *t, const bool *marks)
{
    for (uint32_t i = 0; i < t->c->fleet.image_count; i++) {
        const struct fleet_image *image = &t->c->fleet.images[i];

        if (!marks[i])
            continue;
        t->members[i] = true;
        t->subject_images[i] = true;
        if (image->chain_count > 0)
            t->subject_chains[image->chains[image->chain_count - 1]] = true;
    }
}

/* A base that only the catalogue names. Nothing stands on one whose layers nobody has. */
static bool find_claims(struct tree *t)
{
    const struct catalogue *catalogue = t->c->request->catalogue;
    const struct naming *n = &t->c->naming;
    char text[IMAGEREF_MAX + 1];
    struct imageref r;
    bool any = false;

    if (imageref_parse(&r, t->c->request->subject, NULL) != 0)
        return false;
    imageref_text(&r, text);
    for (size_t i = 0; i < n->claim_count; i++) {
        if (n->claims[i].strength != NAME_CATALOGUE || strcmp(n->claims[i].name, text) != 0)
            continue;
        t->subject_chains[n->claims[i].chain] = true;
        any = true;
    }
    for (size_t i = 0; i < catalogue->base_count; i++)
        any = any || strcmp(catalogue->bases[i].name, text) == 0;
    return any;
}

static int fail_unknown(const struct tree *t, const char *did_you_mean, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no image, layer or chain \"%.*s\"%s", SUBJECT_TOLD,
                   t->c->request->subject,
                   did_you_mean[0] != '\0'
                       ? did_you_mean
                       : ": a name, a digest, or the first 4 hex digits of one");
}

int tree_find_subject(struct tree *t, struct err *err)
{
    const struct fleet *f = &t->c->fleet;
    const char *subject = t->c->request->subject;
    const char *did_you_mean;
    struct meant m;

    if (subject == NULL)
        return 0;
    t->subject_chains = arena_array(t->c->arena, f->chain_count, sizeof(bool), err);
    t->subject_images = arena_array(t->c->arena, f->image_count, sizeof(bool), err);
    if (t->subject_chains == NULL || t->subject_images == NULL ||
        meant_find(&m, t->c, t->images, RESOLVED_MANIFEST, RESOLVE_NOW, err) != 0)
        return -1;
    if (m.found.digests > 1)
        return part_fail_digests(t->c, &m.found, err);
    if (m.found.count == 0 && m.count == 0 && !find_claims(t)) {
        did_you_mean = meant_suggest(t->c, err);
        return did_you_mean == NULL ? -1 : fail_unknown(t, did_you_mean, err);
    }
    mark_contents(t, &m.found);
    mark_images(t, m.images);
    return meant_note(&m, t->c, t->a, err);
}
