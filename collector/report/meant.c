#include "collector/report/meant.h"

#include <stdio.h>
#include <string.h>

#include "collector/report/offers.h"
#include "collector/report/parts.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define ID_TEXT (sizeof(DIGEST_ALGORITHM) + DIGEST_SHORT)
#define WORD_TEXT 320 /* whose word a name is: a host's name is no longer than 255 bytes */
#define LIST_ROOM 800 /* of a note */
#define DAY_TEXT 10   /* "2026-03-02" */

/* ---- finding --------------------------------------------------------------------------------- */

/* Without the names, where none of their images is of the day that is asked for. */
static void drop_names(struct resolution *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++)
        if (r->hits[i].kind != RESOLVED_NAME)
            r->hits[kept++] = r->hits[i];
    r->count = kept;
}

static void mark_hits(const struct meant *m, const struct fleet *f, enum resolve_kind most)
{
    for (size_t i = 0; i < m->found.count; i++) {
        const struct resolution one = {.hits = &m->found.hits[i], .count = 1};

        if (one.hits->kind <= most)
            resolve_images(&one, f, m->images);
    }
}

int meant_find(struct meant *out, const struct census *c, const struct standing *images,
               enum resolve_kind most, enum resolve_reach reach, struct err *err)
{
    const struct fleet *f = &c->fleet;
    const struct resolve_facts facts = {.f = f,
                                        .images = images,
                                        .naming = &c->naming,
                                        .catalogue = c->request->catalogue,
                                        .titles = c->titles,
                                        .known_at_s =
                                            c->request->known_then ? c->request->as_of_s : 0};
    bool any_now = false;

    *out = (struct meant){.images = arena_array(c->arena, f->image_count, sizeof(bool), err)};
    if (out->images == NULL ||
        resolve(&out->found, f, images, c->request->subject, c->arena, err) != 0 ||
        resolve_calls(&out->calls, &out->found, &facts, reach, c->arena, err) != 0)
        return -1;
    if (out->calls.count == 0 && out->found.as_of[0] != '\0')
        drop_names(&out->found);
    mark_hits(out, f, most);
    for (size_t i = 0; i < out->calls.count; i++) {
        any_now = any_now || out->calls.list[i].now;
        if (out->calls.list[i].verdict == RESOLVE_MEANT)
            out->images[out->calls.list[i].image] = true;
    }
    for (size_t i = 0; i < f->image_count; i++)
        out->count += out->images[i];
    out->only_past = out->calls.count > 0 && !any_now;
    return 0;
}

/* ---- one image in a list --------------------------------------------------------------------- */

static const char *short_id(const struct census *c, uint32_t image, char out[ID_TEXT])
{
    char hex[DIGEST_HEX + 1];

    snprintf(out, ID_TEXT, "%s%.*s", DIGEST_ALGORITHM, DIGEST_SHORT,
             digest_hex(&c->fleet.images[image].digest, hex));
    return out;
}

/* What answers print as its name. NULL on failure. */
static const char *title_of(const struct census *c, const struct resolve_call *k, struct err *err)
{
    const char *title = NULL;

    if (k->claim == NULL || !k->claim->moved)
        return part_shown(c, k->name, err);
    if (naming_title(&c->naming, k->claim->chain) != k->claim)
        return naming_text(k->claim, c->arena, err);
    return part_chain_title(c, k->claim->chain, &title, err) == 0 ? title : NULL;
}

/* "pulled by web-1", "tag on web-1". */
static const char *word_of(const struct census *c, const struct resolve_call *k,
                           char out[WORD_TEXT])
{
    static const char *const how[] = {
        [NAME_NONE] = "called so by", [NAME_SEEN] = "a user's own tag on", [NAME_TAG] = "tag on",
        [NAME_PULLED] = "pulled by",  [NAME_TRUSTED] = "trusted, said on",
    };

    if (k->claim != NULL && k->claim->strength == NAME_CATALOGUE)
        return "of the catalogue";
    if (k->store == FLEET_NONE)
        return "nobody's word";
    snprintf(out, WORD_TEXT, "%s %s", how[k->strength],
             c->fleet.hosts[c->fleet.stores[k->store].host].name);
    return out;
}

/* "made 2026-03-02, 2 hosts" */
static const char *place_of(const struct census *c, uint32_t image, char out[WORD_TEXT])
{
    const struct fleet_image *i = &c->fleet.images[image];
    char hosts[COUNT_TEXT], day[CLOCK_TEXT];

    count_text(c->images[image].hosts, "host", hosts);
    if (i->created_s > 0)
        snprintf(out, WORD_TEXT, "made %.*s, %s", DAY_TEXT, clock_text(i->created_s * 1000, day),
                 hosts);
    else
        snprintf(out, WORD_TEXT, "%s", hosts);
    return out;
}

/* Another name that it has now, in front of a comma; "". NULL on failure. */
static const char *other_name(const struct census *c, uint32_t image, const char *name,
                              struct err *err)
{
    const struct standing *s = &c->images[image];

    for (uint32_t n = 0; n < s->name_count; n++)
        if (name == NULL || strcmp(c->fleet.names[s->names[n]].normal, name) != 0)
            return part_shown(c, c->fleet.names[s->names[n]].normal, err);
    return "";
}

/* ---- several images -------------------------------------------------------------------------- */

/* One of those that a name means: what it is called, where that is more than was typed. */
static int offer_call(struct offers *o, const struct census *c, const struct resolve_call *k,
                      struct err *err)
{
    const char *title = title_of(c, k, err);
    const char *platform = part_platform(c, &c->fleet.images[k->image], err);
    char id[ID_TEXT], word[WORD_TEXT], place[WORD_TEXT];
    bool is_typed;

    if (title == NULL || platform == NULL)
        return -1;
    is_typed = strcmp(title, c->request->subject) == 0 || strcmp(k->name, c->request->subject) == 0;
    offers_add(o, "%s (%s%s%s%s%s, %s)", short_id(c, k->image, id), is_typed ? "" : title,
               is_typed ? "" : ", ", platform, platform[0] != '\0' ? ", " : "", word_of(c, k, word),
               place_of(c, k->image, place));
    return 0;
}

static int offer_image(struct offers *o, const struct census *c, uint32_t image, struct err *err)
{
    const char *name = other_name(c, image, NULL, err);
    char id[ID_TEXT], place[WORD_TEXT];

    if (name == NULL)
        return -1;
    offers_add(o, "image %s (%s%s%s)", short_id(c, image, id), name, name[0] != '\0' ? ", " : "",
               place_of(c, image, place));
    return 0;
}

int meant_fail(const struct meant *m, const struct census *c, struct err *err)
{
    AUTO(offers_close) struct offers o;
    bool *told = arena_array(c->arena, c->fleet.image_count, sizeof(*told), err);

    offers_init(&o, offers_error_room(c->request->subject));
    if (told == NULL)
        return -1;
    for (size_t i = 0; i < m->calls.count; i++) {
        const struct resolve_call *k = &m->calls.list[i];

        if (k->verdict != RESOLVE_MEANT || told[k->image])
            continue;
        told[k->image] = true;
        if (offer_call(&o, c, k, err) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < c->fleet.image_count; i++)
        if (m->images[i] && !told[i] && offer_image(&o, c, i, err) != 0)
            return -1;
    return offers_fail(&o, c->request->subject, err);
}

/* ---- notes ----------------------------------------------------------------------------------- */

static int offer_older(struct offers *o, const struct census *c, const struct resolve_call *k,
                       struct err *err)
{
    const char *title = title_of(c, k, err);
    char id[ID_TEXT], place[WORD_TEXT];

    if (title == NULL)
        return -1;
    if (k->claim != NULL && k->claim->moved)
        offers_add(o, "\"%s\" (%s, %s)", title, short_id(c, k->image, id),
                   place_of(c, k->image, place));
    else
        offers_add(o, "%s (the same layers, %s)", short_id(c, k->image, id),
                   place_of(c, k->image, place));
    return 0;
}

static int offer_weaker(struct offers *o, const struct census *c, const struct resolve_call *k,
                        struct err *err)
{
    const char *name = other_name(c, k->image, k->name, err);
    char id[ID_TEXT], word[WORD_TEXT];

    if (name == NULL)
        return -1;
    offers_add(o, "%s (%s%s%s)", short_id(c, k->image, id), name, name[0] != '\0' ? ", " : "",
               word_of(c, k, word));
    return 0;
}

/* The images of one verdict; of those that are meant, the ones that a weak word names. */
static int list_calls(struct offers *o, const struct meant *m, const struct census *c,
                      enum resolve_verdict verdict, struct err *err)
{
    for (size_t i = 0; i < m->calls.count; i++) {
        const struct resolve_call *k = &m->calls.list[i];

        if (k->verdict != verdict || m->images[k->image] != (verdict == RESOLVE_MEANT) ||
            (verdict == RESOLVE_MEANT && (k->claim == NULL || !k->claim->displaced)))
            continue;
        if (verdict == RESOLVE_OLDER ? offer_older(o, c, k, err) != 0
                                     : offer_weaker(o, c, k, err) != 0)
            return -1;
    }
    return 0;
}

int meant_note(const struct meant *m, const struct census *c, struct answer *a, struct err *err)
{
    static const struct {
        enum resolve_verdict verdict;
        const char *words;
    } notes[] = {
        {RESOLVE_OLDER, "Had the name before, and is not meant"},
        {RESOLVE_WEAKER, "Has the name by a weaker word, and is not meant"},
        {RESOLVE_MEANT, "A stronger word gives the name to other layers, and counts; what is meant "
                        "here is only called so"},
    };

    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        AUTO(offers_close) struct offers o;

        offers_init(&o, LIST_ROOM);
        if (list_calls(&o, m, c, notes[i].verdict, err) != 0 ||
            (o.count > 0 && answer_note(a, err, "%s: %s.", notes[i].words, offers_text(&o)) != 0))
            return -1;
    }
    return 0;
}
