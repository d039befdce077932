#include <stdio.h>
#include <string.h>

#include "collector/report/policy_view.h"
#include "collector/report/walk.h"
#include "collector/store/read_past.h"
#include "common/clock.h"

#define SENTENCE_MAX 1024

struct explaining {
    struct census *c;
    struct answer *a;
    struct policy_view view;
    uint32_t index;
    const struct fleet_image *image;
    const char *name;
};

/* ---- the image and its line ------------------------------------------------------------------ */

static int fill_image(struct explaining *x, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"image", "image", CELL_NAME, false},
        {"image_id", "image ID", CELL_DIGEST, false},
        {"mode", "mode", CELL_TEXT, false},
        {"policy", "policy", CELL_TEXT, false},
        {"core", "core build", CELL_TEXT, false},
        {"core_for_policy", "core build, by names that count", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(x->a, "image", NULL, true, columns);
    struct sheet_cell *row = sheet_row(x->a, s, err);
    const char *core, *counting = NULL;
    uint32_t chain;

    if (row == NULL || part_core_name(x->c, x->index, &core, err) != 0 ||
        policy_core_of(x->view.judge, x->index, &chain, err) != 0 ||
        (chain != FLEET_NONE && part_chain_title(x->c, chain, &counting, err) != 0))
        return -1;
    row[0] = cell_text(x->name);
    row[1] = cell_digest(&x->image->digest);
    row[2] = cell_text(policy_mode_name(x->view.policy->mode));
    row[3] = cell_text(x->view.policy->path);
    row[4] = cell_text(core);
    row[5] = cell_text(chain != FLEET_NONE ? counting : "unknown");
    return 0;
}

static int add_claim(struct explaining *x, struct sheet *s, uint32_t position,
                     const struct naming_claim *claim, struct err *err)
{
    const struct fleet *f = &x->c->fleet;
    const char *text = naming_text(claim, x->c->arena, err);
    struct sheet_cell *row = sheet_row(x->a, s, err);

    if (text == NULL || row == NULL)
        return -1;
    row[0] = cell_number(position + 1);
    row[1] = cell_text(text);
    row[2] = cell_flag(claim->for_policy && !claim->displaced);
    row[3] = cell_text(name_strength_name(claim->strength));
    row[4] = cell_flag(claim->displaced);
    if (claim->store != FLEET_NONE)
        row[5] = cell_text(f->hosts[f->stores[claim->store].host].name);
    row[6] = cell_digest(&f->chains[claim->chain].digest);
    return 0;
}

/* Every name of the line, whether it counts or not. */
static int fill_line(struct explaining *x, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"layers", "LAYERS", CELL_COUNT, false},     {"name", "NAME", CELL_TITLE, false},
        {"counts", "COUNTS", CELL_FLAG, false},      {"strength", "WORD", CELL_TEXT, false},
        {"displaced", "DISPLACED", CELL_FLAG, true}, {"host", "FIRST SAID ON", CELL_TEXT, false},
        {"chain_id", "CHAIN", CELL_DIGEST, true},    {NULL, NULL, 0, false},
    };
    const struct naming *n = &x->c->naming;
    struct sheet *s = answer_sheet(x->a, "line", "Its line, from the lowest layer", false, columns);

    for (uint32_t p = 0; p < x->image->chain_count; p++) {
        const struct fleet_run *run = &n->of_chain[x->image->chains[p]];

        for (uint32_t i = 0; i < run->count; i++)
            if (add_claim(x, s, p, &n->claims[run->first + i], err) != 0)
                return -1;
    }
    return 0;
}

/* ---- rules and exceptions, each by itself ---------------------------------------------------- */

static int fill_rules(struct explaining *x, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"rule", "RULE", CELL_TEXT, false},       {"action", "ACTION", CELL_TEXT, false},
        {"matches", "MATCHES", CELL_FLAG, false}, {"why", "WHY", CELL_SENTENCE, false},
        {"seen_as", "SEEN AS", CELL_TEXT, true},  {"on", "ON", CELL_TEXTS, true},
        {"line", "LINE", CELL_COUNT, true},       {NULL, NULL, 0, false},
    };
    const struct policy *p = x->view.policy;
    struct sheet *s = answer_sheet(x->a, "rows", "Rules", false, columns);

    for (size_t i = 0; i < p->rule_count; i++) {
        const struct policy_rule *r = &p->rules[i];
        struct sheet_cell *row = sheet_row(x->a, s, err);
        struct policy_step step;

        if (row == NULL || policy_try_rule(x->view.judge, x->index, i, &step, err) != 0 ||
            part_labels(x->c->arena, r->labels, r->label_count, &row[5], err) != 0)
            return -1;
        row[0] = cell_text(r->name);
        row[1] = cell_text(policy_view_action(r));
        row[2] = cell_flag(step.matched);
        row[3] = cell_text(step.why);
        row[4] = cell_text(step.seen_as[0] != '\0' ? step.seen_as : NULL);
        row[6] = cell_number(r->line);
    }
    return sheet_reveal(x->a, s, "seen_as", err);
}

/* What all that one exception of the file became say together: the first that matches, else the
 * first that would by a name which is only seen. */
static int try_exception(struct explaining *x, size_t index, struct policy_step *out,
                         struct err *err)
{
    const struct policy *p = x->view.policy;

    if (policy_try_exception(x->view.judge, x->index, index, out, err) != 0)
        return -1;
    while (++index < p->exception_count && !policy_view_begins(p, index) && !out->matched) {
        struct policy_step step;

        if (policy_try_exception(x->view.judge, x->index, index, &step, err) != 0)
            return -1;
        if (step.matched || out->seen_as[0] == '\0')
            *out = step;
    }
    return 0;
}

static int add_exception(struct explaining *x, struct sheet *s, size_t index, struct err *err)
{
    const struct policy_exception *e = &x->view.policy->exceptions[index];
    struct sheet_cell *row = sheet_row(x->a, s, err);
    struct policy_step step;
    char day[CLOCK_TEXT];

    if (row == NULL || try_exception(x, index, &step, err) != 0 ||
        part_labels(x->c->arena, e->labels, e->label_count, &row[7], err) != 0)
        return -1;
    clock_text((e->expires_s - 1) * 1000, day);
    row[0] = cell_text(policy_view_excepted(e));
    row[1] = cell_text(e->rule[0] != '\0' ? e->rule : "any");
    row[2] = cell_flag(step.matched);
    row[3] = cell_text(step.why);
    row[4] = cell_flag(policy_exception_expired(x->view.judge, index));
    row[5] = cell_text(arena_text(x->c->arena, day, strcspn(day, "T"), err));
    row[6] = cell_text(step.seen_as[0] != '\0' ? step.seen_as : NULL);
    return row[5].known ? 0 : -1;
}

static int fill_exceptions(struct explaining *x, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"image", "IMAGE", CELL_TITLE, false},
        {"rule", "RULE", CELL_TEXT, false},
        {"matches", "MATCHES", CELL_FLAG, false},
        {"why", "WHY", CELL_SENTENCE, false},
        {"expired", "EXPIRED", CELL_FLAG, false},
        {"expires", "LAST DAY", CELL_TEXT, false},
        {"seen_as", "SEEN AS", CELL_TEXT, true},
        {"on", "ON", CELL_TEXTS, true},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(x->a, "exceptions", "Exceptions", false, columns);

    for (size_t i = 0; i < x->view.policy->exception_count; i++)
        if (policy_view_begins(x->view.policy, i) && add_exception(x, s, i, err) != 0)
            return -1;
    return sheet_reveal(x->a, s, "seen_as", err);
}

/* ---- the verdicts ---------------------------------------------------------------------------- */

/* The hosts of one scope that have the image. */
struct scope_hosts {
    uint32_t *named;
    size_t named_count, named_cap;
    int64_t hosts;
};

static bool has_image(const struct explaining *x, const struct fleet_host *h)
{
    const struct fleet *f = &x->c->fleet;

    for (uint32_t s = h->stores.first; s < h->stores.first + h->stores.count; s++)
        if (f->stores[s].present && fleet_presence_in(f, &f->stores[s], x->index) != NULL)
            return true;
    return false;
}

static int count_host(struct explaining *x, struct scope_hosts *list, uint32_t host,
                      struct err *err)
{
    uint32_t *named;

    list->hosts++;
    if (list->named_count == POLICY_HOSTS_NAMED)
        return 0;
    named = fleet_room(x->c->arena, list->named, list->named_count, &list->named_cap,
                       sizeof(*named), err);
    if (named == NULL)
        return -1;
    list->named = named;
    named[list->named_count++] = host;
    return 0;
}

/* By scope; *out has one item for each that occurs, in order of their first host's name. */
static int gather_hosts(struct explaining *x, struct scope_hosts **out, struct err *err)
{
    const struct fleet *f = &x->c->fleet;
    uint32_t *scopes = arena_array(x->c->arena, f->host_count, sizeof(*scopes), err);
    const uint32_t *order = walk_order(f, x->c->arena, err);

    if (scopes == NULL || order == NULL)
        return -1;
    for (uint32_t i = 0; i < f->host_count; i++) {
        uint32_t h = order[i];

        scopes[h] = FLEET_NONE;
        if (f->hosts[h].present && has_image(x, &f->hosts[h]) &&
            policy_scope(x->view.judge, &f->hosts[h], &scopes[h], err) != 0)
            return -1;
    }
    *out = arena_array(x->c->arena, policy_scope_count(x->view.judge), sizeof(**out), err);
    for (uint32_t i = 0; *out != NULL && i < f->host_count; i++)
        if (scopes[order[i]] != FLEET_NONE &&
            count_host(x, &(*out)[scopes[order[i]]], order[i], err) != 0)
            return -1;
    return *out != NULL ? 0 : -1;
}

/* The only verdict, or that there are several. */
static int say(struct explaining *x, size_t verdicts, const struct policy_verdict *v,
               struct err *err)
{
    const char *name = part_shown(x->c, x->name, err);
    char text[SENTENCE_MAX];

    if (name == NULL)
        return -1;
    if (verdicts > 1)
        snprintf(text, sizeof(text), "%s falls under different rules on different hosts.", name);
    else
        snprintf(text, sizeof(text), "%s: %s: %s.", name, policy_outcome_name(v->outcome),
                 v->evidence);
    x->a->sentence = arena_text(x->c->arena, text, strlen(text), err);
    return x->a->sentence != NULL ? 0 : -1;
}

static int add_verdict(struct explaining *x, struct sheet *s, uint32_t scope,
                       const struct scope_hosts *hosts, struct err *err)
{
    const char *labels = policy_scope_text(x->view.judge, scope, err),
               *where =
                   policy_view_where(&x->view, hosts->named, hosts->named_count, hosts->hosts, err);
    struct sheet_cell *row = sheet_row(x->a, s, err);
    struct policy_verdict v;

    if (labels == NULL || where == NULL || row == NULL ||
        policy_judge(x->view.judge, x->index, scope, &v, err) != 0 ||
        policy_view_hosts(&x->view, hosts->named, hosts->named_count, &row[8], err) != 0)
        return -1;
    row[0] = cell_text(labels[0] != '\0' ? labels : "any host");
    row[1] = cell_text(policy_outcome_name(v.outcome));
    row[2] = cell_text(v.rule != NULL ? v.rule->name : "(the mode)");
    row[3] = cell_text(v.evidence);
    row[4] = cell_text(v.seen_as[0] != '\0' ? v.seen_as : NULL);
    row[5] = cell_text(v.exception != NULL ? v.exception->reason : NULL);
    row[6] = cell_number(hosts->hosts);
    row[7] = cell_text(where);
    return say(x, s->row_count, &v, err);
}

static int fill_verdicts(struct explaining *x, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"scope", "ON HOSTS WITH", CELL_TEXT, false},
        {"outcome", "VERDICT", CELL_TEXT, false},
        {"rule", "RULE", CELL_TEXT, false},
        {"evidence", "EVIDENCE", CELL_SENTENCE, false},
        {"seen_as", "SEEN AS", CELL_TEXT, true},
        {"exception", "EXCEPTION", CELL_TEXT, true},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"where", "WHERE", CELL_TEXT, false},
        {"host_names", "HOST NAMES", CELL_TEXTS, true},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(x->a, "verdicts", "Verdicts", false, columns);
    uint32_t scopes;
    struct scope_hosts *hosts;
    bool any = false;

    if (gather_hosts(x, &hosts, err) != 0)
        return -1;
    scopes = policy_scope_count(x->view.judge);
    for (uint32_t i = 0; i < scopes; i++)
        any = any || hosts[i].hosts > 0;
    for (uint32_t i = 0; i < scopes; i++)
        if ((hosts[i].hosts > 0 || (!any && i == 0)) && add_verdict(x, s, i, &hosts[i], err) != 0)
            return -1;
    return sheet_reveal(x->a, s, "seen_as", err) == 0 ? sheet_reveal(x->a, s, "exception", err)
                                                      : -1;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int read_places(struct explaining *x, struct err *err)
{
    bool *marks = arena_array(x->c->arena, x->c->fleet.image_count, sizeof(*marks), err);
    struct past past;

    if (marks == NULL)
        return -1;
    marks[x->index] = true;
    return read_stays(x->c->reading, &x->c->fleet, &past, marks, x->c->arena, err);
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct explaining x = {.c = c, .a = a};

    if (c->request->policy == NULL)
        return err_set(err, ERR_USAGE, "policy explain: no policy is given");
    if (part_find_image(c, a, &x.index, err) != 0 ||
        policy_view_open(&x.view, c, c->request->policy, err) != 0)
        return -1;
    x.image = &c->fleet.images[x.index];
    x.name = policy_view_image(&x.view, x.index, err);
    if (x.name == NULL || read_places(&x, err) != 0 || fill_image(&x, err) != 0 ||
        fill_verdicts(&x, err) != 0 || fill_rules(&x, err) != 0 || fill_exceptions(&x, err) != 0 ||
        fill_line(&x, err) != 0)
        return -1;
    return policy_view_note_names(&x.view, a, err);
}

/* Labels of hosts are among the texts. The rules keep the order of the file. */
const struct report report_policy_explain = {.name = "policy explain",
                                             .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                             .digests = true,
                                             .past = true,
                                             .texts = true,
                                             .takes_as_of = true,
                                             .fill = fill};
