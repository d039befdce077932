#include <stdio.h>
#include <string.h>

#include "collector/census/resolve.h"
#include "collector/report/parts.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define CANDIDATES_MAX 8 /* named in an error; more are counted */

/* The candidates of an ambiguous subject, as an error's text. */
struct candidates {
    struct buf text;
    size_t count;
};

static void candidates_close(struct candidates *k)
{
    buf_close(&k->text);
}

static void offer(struct candidates *k, const char *what, const char *which)
{
    if (k->count++ < CANDIDATES_MAX)
        buf_printf(&k->text, NULL, "%s%s%s%s", k->text.len > 0 ? ", " : "", what,
                   what[0] != '\0' ? " " : "", which);
}

static int fail_ambiguous(const struct candidates *k, const char *subject, struct err *err)
{
    if (k->count > CANDIDATES_MAX)
        return err_set(err, ERR_USAGE, "\"%s\" may be %s, and %zu more", subject, buf_str(&k->text),
                       k->count - CANDIDATES_MAX);
    return err_set(err, ERR_USAGE, "\"%s\" may be %s", subject, buf_str(&k->text));
}

/* Prefers hosts that are present, then whole names: a rebuilt host has its name twice. */
int part_find_host(const struct census *c, uint32_t *out, struct err *err)
{
    const char *subject = c->request->subject;
    AUTO(candidates_close) struct candidates k = {.count = 0};
    uint32_t whole = FLEET_NONE;

    buf_init(&k.text, ERR_TEXT_MAX);
    for (uint32_t i = 0; i < c->fleet.host_count; i++) {
        const struct fleet_host *h = &c->fleet.hosts[i];

        if (!h->selected)
            continue;
        if (strcmp(h->name, subject) == 0 && (whole == FLEET_NONE || h->ended_s == 0))
            whole = i;
        if (h->ended_s == 0 && strncmp(h->name, subject, strlen(subject)) == 0) {
            offer(&k, "", h->name);
            *out = i;
        }
    }
    if (whole != FLEET_NONE)
        *out = whole;
    else if (k.count == 0)
        return err_set(err, ERR_NOT_FOUND, "no host \"%s\"", subject);
    else if (k.count > 1)
        return fail_ambiguous(&k, subject, err);
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

static void offer_image(struct candidates *k, const struct census *c, uint32_t image)
{
    char text[DIGEST_TEXT], hosts[COUNT_TEXT], where[160];
    const struct standing *s = &c->images[image];

    snprintf(where, sizeof(where), "%s (%s%s%s)", digest_text(&c->fleet.images[image].digest, text),
             s->name_count > 0 ? c->fleet.names[s->names[0]].text : "",
             s->name_count > 0 ? ", " : "", count_text(s->hosts, "host", hosts));
    offer(k, "image", where);
}

int part_find_image(const struct census *c, uint32_t *out, struct err *err)
{
    AUTO(candidates_close) struct candidates k = {.count = 0};
    bool *marks = arena_array(c->arena, c->fleet.image_count, sizeof(*marks), err);
    const char *subject = c->request->subject;
    struct resolution r;

    buf_init(&k.text, ERR_TEXT_MAX);
    if (marks == NULL || resolve(&r, &c->fleet, c->images, subject, c->arena, err) != 0)
        return -1;
    keep_kinds(&r, RESOLVED_NAME, RESOLVED_MANIFEST);
    for (int ever = 0; ever <= 1 && k.count == 0; ever++) {
        resolve_images(&r, &c->fleet, c->images, ever != 0, marks);
        for (uint32_t i = 0; i < c->fleet.image_count; i++) {
            if (!marks[i])
                continue;
            offer_image(&k, c, i);
            *out = i;
        }
    }
    if (k.count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "no image \"%s\": a name, an image ID, a manifest or "
                       "index digest, or the first 4 hex digits of one",
                       subject);
    return k.count == 1 ? 0 : fail_ambiguous(&k, subject, err);
}

int part_find_layer(const struct census *c, uint32_t *out, struct err *err)
{
    AUTO(candidates_close) struct candidates k = {.count = 0};
    const char *subject = c->request->subject;
    struct resolution r;
    char text[DIGEST_TEXT];

    buf_init(&k.text, ERR_TEXT_MAX);
    if (resolve(&r, &c->fleet, c->images, subject, c->arena, err) != 0)
        return -1;
    keep_kinds(&r, RESOLVED_LAYER, RESOLVED_LAYER);
    for (size_t i = 0; i < r.count; i++) {
        offer(&k, "layer", digest_text(&r.hits[i].digest, text));
        *out = r.hits[i].index;
    }
    if (k.count == 0)
        return err_set(err, ERR_NOT_FOUND, "no layer \"%s\": a diffID or its first 4 hex digits",
                       subject);
    return k.count == 1 ? 0 : fail_ambiguous(&k, subject, err);
}

int part_fail_digests(const struct census *c, const struct resolution *r, struct err *err)
{
    AUTO(candidates_close) struct candidates k = {.count = 0};
    char text[DIGEST_TEXT];

    buf_init(&k.text, ERR_TEXT_MAX);
    for (size_t i = 0; i < r->count; i++)
        if (i == 0 || !digest_eq(&r->hits[i].digest, &r->hits[i - 1].digest))
            offer(&k, resolve_kind_name(&c->fleet, &r->hits[i]),
                  digest_text(&r->hits[i].digest, text));
    return fail_ambiguous(&k, c->request->subject, err);
}
