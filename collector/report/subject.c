#include <stdio.h>
#include <string.h>

#include "collector/report/meant.h"
#include "collector/report/offers.h"
#include "collector/report/parts.h"
#include "common/cleanup.h"

#define SUBJECT_TOLD 160 /* bytes of a subject that an error repeats */

/* Prefers hosts that are present, then whole names: a rebuilt host has its name twice. */
int part_find_host(const struct census *c, uint32_t *out, struct err *err)
{
    const char *subject = c->request->subject;
    AUTO(offers_close) struct offers k;
    uint32_t whole = FLEET_NONE;

    offers_init(&k, offers_error_room(c->request->subject));
    for (uint32_t i = 0; i < c->fleet.host_count; i++) {
        const struct fleet_host *h = &c->fleet.hosts[i];

        if (!h->selected)
            continue;
        if (strcmp(h->name, subject) == 0 && (whole == FLEET_NONE || h->ended_s == 0))
            whole = i;
        if (h->ended_s == 0 && strncmp(h->name, subject, strlen(subject)) == 0) {
            offers_add(&k, "%s", h->name);
            *out = i;
        }
    }
    if (whole != FLEET_NONE)
        *out = whole;
    else if (k.count == 0)
        return err_set(err, ERR_NOT_FOUND, "no host \"%s\"", subject);
    else if (k.count > 1)
        return offers_fail(&k, subject, err);
    return 0;
}

/* Keeps the hits of the kinds from `least` to `most`. */
static void keep_kinds(struct resolution *r, enum resolve_kind least, enum resolve_kind most)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++)
        if (r->hits[i].kind >= least && r->hits[i].kind <= most)
            r->hits[kept++] = r->hits[i];
    r->count = kept;
}

/* A digest that is of no image may be one that answers print. */
static int fail_found(const struct census *c, const struct meant *m, struct err *err)
{
    AUTO(offers_close) struct offers k;
    const struct resolve_hit *hit = &m->found.hits[m->found.count - 1];
    const struct fleet *f = &c->fleet;
    char hex[DIGEST_HEX + 1];

    offers_init(&k, offers_error_room(c->request->subject) / 2);
    for (uint32_t i = 0; hit->kind == RESOLVED_CHAIN && i < f->image_count; i++)
        if (f->images[i].chain_count > 0 &&
            f->images[i].chains[f->images[i].chain_count - 1] == hit->index)
            offers_add(&k, DIGEST_ALGORITHM "%.*s", DIGEST_SHORT,
                       digest_hex(&f->images[i].digest, hex));
    return err_set(err, ERR_NOT_FOUND, "\"%.*s\" is a %s, no image%s%s", SUBJECT_TOLD,
                   c->request->subject, resolve_kind_name(f, hit),
                   k.count > 0 ? "; images that end there: " : "", offers_text(&k));
}

int part_find_image(const struct census *c, struct answer *a, uint32_t *out, struct err *err)
{
    const char *did_you_mean;
    struct meant m;

    if (meant_find(&m, c, c->images, RESOLVED_MANIFEST, RESOLVE_ONE, err) != 0)
        return -1;
    if (m.count > 1)
        return meant_fail(&m, c, err);
    for (uint32_t i = 0; i < c->fleet.image_count; i++)
        if (m.images[i])
            *out = i;
    if (m.count == 1)
        return meant_note(&m, c, a, err);
    if (m.found.count > 0 && m.found.hits[m.found.count - 1].kind >= RESOLVED_LAYER)
        return fail_found(c, &m, err);
    did_you_mean = meant_suggest(c, err);
    if (did_you_mean == NULL)
        return -1;
    return err_set(err, ERR_NOT_FOUND, "no image \"%.*s\"%s", SUBJECT_TOLD, c->request->subject,
                   did_you_mean[0] != '\0' ? did_you_mean
                                           : ": a name, an image ID, a manifest or index digest, "
                                             "or the first 4 hex digits of one");
}

int part_find_layer(const struct census *c, uint32_t *out, struct err *err)
{
    AUTO(offers_close) struct offers k;
    const char *subject = c->request->subject;
    struct resolution r;
    char text[DIGEST_TEXT];

    offers_init(&k, offers_error_room(c->request->subject));
    if (resolve(&r, &c->fleet, c->images, subject, c->arena, err) != 0)
        return -1;
    keep_kinds(&r, RESOLVED_LAYER, RESOLVED_LAYER);
    for (size_t i = 0; i < r.count; i++) {
        offers_add(&k, "layer %s", digest_text(&r.hits[i].digest, text));
        *out = r.hits[i].index;
    }
    if (k.count == 0)
        return err_set(err, ERR_NOT_FOUND, "no layer \"%s\": a diffID or its first 4 hex digits",
                       subject);
    return k.count == 1 ? 0 : offers_fail(&k, subject, err);
}

int part_fail_digests(const struct census *c, const struct resolution *r, struct err *err)
{
    AUTO(offers_close) struct offers k;
    char text[DIGEST_TEXT];

    offers_init(&k, offers_error_room(c->request->subject));
    for (size_t i = 0; i < r->count; i++)
        if (i == 0 || !digest_eq(&r->hits[i].digest, &r->hits[i - 1].digest))
            offers_add(&k, "%s %s", resolve_kind_name(&c->fleet, &r->hits[i]),
                       digest_text(&r->hits[i].digest, text));
    return offers_fail(&k, c->request->subject, err);
}
