#include "collector/report/policy_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define WHERE_MAX 3 /* hosts that a table names */
#define TEXT_MAX ((size_t)64 << 10)

/* Origins are many, and few policies ask for them. */
static int find_origins(struct policy_view *v, struct err *err)
{
    bool wanted = false;

    for (size_t i = 0; i < v->policy->rule_count; i++)
        wanted = wanted || v->policy->rules[i].origins.count > 0;
    v->origins_unknown = wanted && v->c->request->as_of_s != 0;
    if (!wanted || v->origins_unknown)
        return 0;
    return read_all_origins(v->c->reading, &v->origins, v->c->trusted_stores, v->c->trusted_said,
                            v->c->arena, err);
}

int policy_view_open(struct policy_view *out, struct census *c, const struct policy *policy,
                     struct err *err)
{
    *out = (struct policy_view){.c = c, .policy = policy};
    if (find_origins(out, err) != 0)
        return -1;
    out->facts =
        (struct policy_facts){.f = &c->fleet,
                              .catalogue = c->request->catalogue,
                              .lineage = &c->lineage,
                              .images = c->images,
                              .image_origins = out->origins.images,
                              .layer_origins = out->origins.layers,
                              .image_origin_count = out->origins.image_count,
                              .layer_origin_count = out->origins.layer_count,
                              .trusted_said = c->trusted_said,
                              .known_at_s = c->request->known_then ? c->request->as_of_s : 0,
                              .canceled = c->request->canceled};
    return policy_open(&out->judge, policy, &out->facts, c->fleet.now_s, c->arena, err);
}

/* ---- texts ----------------------------------------------------------------------------------- */

const char *policy_view_image(const struct policy_view *v, uint32_t image, struct err *err)
{
    const struct standing *s = &v->c->images[image];
    char text[DIGEST_TEXT];

    if (s->name_count > 0)
        return v->c->fleet.names[s->names[0]].text;
    digest_text(&v->c->fleet.images[image].digest, text);
    return arena_text(v->c->arena, text, strlen(text), err);
}

const char *policy_view_action(const struct policy_rule *rule)
{
    return rule->accept ? "accept" : "reject";
}

bool policy_view_begins(const struct policy *policy, size_t exception)
{
    const struct policy_exception *e = &policy->exceptions[exception];

    return exception == 0 || e->written == NULL || e[-1].written != e->written;
}

const char *policy_view_excepted(const struct policy_exception *e)
{
    return e->written != NULL ? e->written : e->image;
}

int policy_view_note_names(const struct policy_view *v, struct answer *a, struct err *err)
{
    if (policy_names_count(v->judge))
        return 0;
    return answer_note(a, err,
                       "No name in the fleet counts for policy: names count from the catalogue "
                       "(layercensus catalogue add NAME) and from stores that are trusted to name "
                       "(layercensus catalogue trust store HOST).");
}

const char *policy_view_where(const struct policy_view *v, const uint32_t *hosts, size_t named,
                              int64_t count, struct err *err)
{
    AUTO(buf_close) struct buf b;
    size_t shown = named < WHERE_MAX ? named : WHERE_MAX;

    buf_init(&b, TEXT_MAX);
    for (size_t i = 0; i < shown; i++)
        if (buf_printf(&b, err, "%s%s", i > 0 ? ", " : "", v->c->fleet.hosts[hosts[i]].name) != 0)
            return NULL;
    if (shown > 0 && count > (int64_t)shown &&
        buf_printf(&b, err, " and %" PRId64 " more", count - (int64_t)shown) != 0)
        return NULL;
    return arena_text(v->c->arena, buf_str(&b), b.len, err);
}

int policy_view_hosts(const struct policy_view *v, const uint32_t *hosts, size_t named,
                      struct sheet_cell *cell, struct err *err)
{
    const char **names = arena_array(v->c->arena, named, sizeof(*names), err);

    if (names == NULL)
        return -1;
    for (size_t i = 0; i < named; i++)
        names[i] = v->c->fleet.hosts[hosts[i]].name;
    *cell = cell_texts(names, named);
    return 0;
}
