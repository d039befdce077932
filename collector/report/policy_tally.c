#include "collector/report/policy_tally.h"

#include <stdlib.h>

#include "collector/report/walk.h"
#include "collector/store/read_fleet.h"

bool policy_tally_tells(const struct policy_verdict *v)
{
    return v->outcome == POLICY_VIOLATION || v->outcome == POLICY_EXCUSED ||
           v->outcome == POLICY_NOTED;
}

size_t policy_tally_rule(const struct policy_tally *t, const struct policy_verdict *v)
{
    const struct policy *p = t->view->policy;

    return v->rule != NULL ? (size_t)(v->rule - p->rules) : p->rule_count;
}

int policy_tally_weight(enum policy_outcome outcome)
{
    static const int weights[] = {[POLICY_UNJUDGED] = 0,
                                  [POLICY_ACCEPTED] = 1,
                                  [POLICY_EXCUSED] = 2,
                                  [POLICY_NOTED] = 3,
                                  [POLICY_VIOLATION] = 4};

    return weights[outcome];
}

/* ---- findings -------------------------------------------------------------------------------- */

static bool is_same(const struct policy_verdict *a, const struct policy_verdict *b)
{
    return a->outcome == b->outcome && a->rule == b->rule && a->exception == b->exception;
}

/* The finding of an image under this verdict, which may be its first. NULL on failure. */
static struct policy_finding *finding_of(struct policy_tally *t, uint32_t image,
                                         const struct policy_verdict *v, struct err *err)
{
    struct policy_finding *list;

    for (uint32_t i = t->of_image[image]; i != 0; i = t->list[i - 1].next)
        if (is_same(&t->list[i - 1].verdict, v))
            return &t->list[i - 1];
    list = fleet_room(t->view->c->arena, t->list, t->count, &t->cap, sizeof(*list), err);
    if (list == NULL)
        return NULL;
    t->list = list;
    list[t->count++] =
        (struct policy_finding){.image = image, .verdict = *v, .next = t->of_image[image]};
    t->of_image[image] = (uint32_t)t->count;
    return &list[t->count - 1];
}

static int name_host(struct policy_tally *t, struct policy_finding *finding, uint32_t host,
                     struct err *err)
{
    uint32_t *named;

    if (finding->named_count == POLICY_HOSTS_NAMED)
        return 0;
    named = fleet_room(t->view->c->arena, finding->named, finding->named_count, &finding->named_cap,
                       sizeof(*named), err);
    if (named == NULL)
        return -1;
    finding->named = named;
    named[finding->named_count++] = host;
    return 0;
}

/* Counts a host for what is wrong with an image on it: for its rule, and once for all violations.
 */
static int tell_host(struct policy_tally *t, struct policy_finding *finding, uint32_t host,
                     struct err *err)
{
    size_t rule = policy_tally_rule(t, &finding->verdict);

    if (t->rule_last_host[rule] != host + 1) {
        t->rule_last_host[rule] = host + 1;
        t->rule_hosts[rule]++;
    }
    if (finding->verdict.outcome == POLICY_VIOLATION && t->violation_last_host != host + 1) {
        t->violation_last_host = host + 1;
        t->violation_hosts++;
    }
    return name_host(t, finding, host, err);
}

/* ---- where the same holds everywhere --------------------------------------------------------- */

/* Each image has one finding, and its counts are known already. */
static int judge_once(struct policy_tally *t, bool *is_told, struct err *err)
{
    struct census *c = t->view->c;

    *is_told = false;
    for (uint32_t i = 0; i < c->fleet.image_count; i++) {
        const struct standing *s = &c->images[i];
        struct policy_finding *finding;
        struct policy_verdict v;

        if (s->kind == IMAGE_ABSENT)
            continue;
        if (policy_judge(t->view->judge, i, 0, &v, err) != 0)
            return -1;
        finding = finding_of(t, i, &v, err);
        if (finding == NULL)
            return -1;
        finding->hosts = s->hosts;
        finding->containers = s->containers;
        finding->running = s->running;
        finding->run_unknown = s->run_unknown;
        *is_told = *is_told || policy_tally_tells(&v);
    }
    return 0;
}

static int name_presence(struct policy_tally *t, uint32_t image, uint32_t host, struct err *err)
{
    struct policy_finding *finding =
        t->of_image[image] != 0 ? &t->list[t->of_image[image] - 1] : NULL;

    if (finding == NULL || !policy_tally_tells(&finding->verdict) || finding->last_host == host + 1)
        return 0;
    finding->last_host = host + 1;
    return tell_host(t, finding, host, err);
}

static int name_visited(const struct walk *w, const struct fleet *f, uint32_t host,
                        const struct copies *copies, struct err *err)
{
    const struct fleet_run *stores = &f->hosts[host].stores;

    (void)copies;
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++) {
        const struct fleet_run *run = &f->stores[s].presences;

        for (uint32_t i = 0; i < run->count; i++)
            if (name_presence(w->data, f->presences[run->first + i].image, host, err) != 0)
                return -1;
    }
    return 0;
}

/* ---- where it depends on the host ------------------------------------------------------------ */

static struct policy_finding *find_on(struct policy_tally *t, uint32_t image, uint32_t scope,
                                      struct err *err)
{
    struct policy_verdict v;

    return policy_judge(t->view->judge, image, scope, &v, err) == 0 ? finding_of(t, image, &v, err)
                                                                    : NULL;
}

static int judge_presence(struct policy_tally *t, uint32_t image, uint32_t host, uint32_t scope,
                          struct err *err)
{
    struct policy_finding *finding = find_on(t, image, scope, err);

    if (finding == NULL)
        return -1;
    if (finding->last_host == host + 1)
        return 0;
    finding->last_host = host + 1;
    finding->hosts++;
    return policy_tally_tells(&finding->verdict) ? tell_host(t, finding, host, err) : 0;
}

static int judge_container(struct policy_tally *t, const struct fleet_container *k, uint32_t scope,
                           struct err *err)
{
    struct policy_finding *finding;

    if (k->image == FLEET_NONE)
        return 0;
    finding = find_on(t, k->image, scope, err);
    if (finding == NULL)
        return -1;
    finding->containers++;
    finding->running += k->state == REC_RUNNING;
    finding->run_unknown += k->state == REC_RUN_UNKNOWN;
    return 0;
}

static int judge_visited(const struct walk *w, const struct fleet *f, uint32_t host,
                         const struct copies *copies, struct err *err)
{
    const struct fleet_run *stores = &f->hosts[host].stores;
    struct policy_tally *t = w->data;
    uint32_t scope;

    (void)copies;
    if (policy_scope(t->view->judge, &f->hosts[host], &scope, err) != 0)
        return -1;
    for (uint32_t s = stores->first; s < stores->first + stores->count; s++) {
        const struct fleet_run *run = &f->stores[s].presences, *used = &f->stores[s].containers;

        for (uint32_t i = 0; i < run->count; i++)
            if (judge_presence(t, f->presences[run->first + i].image, host, scope, err) != 0)
                return -1;
        for (uint32_t i = 0; i < used->count; i++)
            if (judge_container(t, &f->containers[used->first + i], scope, err) != 0)
                return -1;
    }
    return 0;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int by_image(const void *a, const void *b, void *fleet)
{
    const struct policy_finding *x = a, *y = b;
    const struct fleet_image *images = ((const struct fleet *)fleet)->images;
    int order = digest_cmp(&images[x->image].digest, &images[y->image].digest);

    if (order == 0)
        order =
            (x->verdict.outcome > y->verdict.outcome) - (x->verdict.outcome < y->verdict.outcome);
    if (order == 0)
        order = (x->verdict.rule > y->verdict.rule) - (x->verdict.rule < y->verdict.rule);
    return order != 0 ? order
                      : (x->verdict.exception > y->verdict.exception) -
                            (x->verdict.exception < y->verdict.exception);
}

/* By what the fleet is, not by the database's rows. The findings of one image are found no more. */
static void arrange(struct policy_tally *t)
{
    if (t->count > 1)
        qsort_r(t->list, t->count, sizeof(*t->list), by_image, &t->view->c->fleet);
}

/* ---- all of it ------------------------------------------------------------------------------- */

int policy_tally_fill(struct policy_tally *out, struct policy_view *view, struct err *err)
{
    struct walk name = {.visit = name_visited, .data = out};
    struct walk judge = {.what = READ_CONTAINERS, .visit = judge_visited, .data = out};
    size_t rules = view->policy->rule_count + 1;
    struct arena *arena = view->c->arena;
    bool is_told;

    *out = (struct policy_tally){.view = view, .containers_known = view->c->request->as_of_s == 0};
    out->rule_hosts = arena_array(arena, rules, sizeof(*out->rule_hosts), err);
    out->rule_last_host = arena_array(arena, rules, sizeof(*out->rule_last_host), err);
    out->of_image = arena_array(arena, view->c->fleet.image_count, sizeof(*out->of_image), err);
    if (out->rule_hosts == NULL || out->rule_last_host == NULL || out->of_image == NULL)
        return -1;
    if (policy_has_scopes(view->judge)) {
        if (walk_hosts(view->c, &judge, err) != 0)
            return -1;
    } else if (judge_once(out, &is_told, err) != 0 ||
               (is_told && walk_hosts(view->c, &name, err) != 0)) {
        return -1;
    }
    arrange(out);
    return 0;
}
