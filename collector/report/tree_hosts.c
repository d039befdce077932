#include "collector/report/policy_tally.h"
#include "collector/report/tree_private.h"
#include "collector/report/walk.h"
#include "collector/store/read_fleet.h"

/* ---- one host -------------------------------------------------------------------------------- */

static int find_host(struct tree *t, struct err *err)
{
    struct report_request request = *t->c->request;
    struct census c = *t->c;

    request.subject = request.tree.host;
    c.request = &request;
    return part_find_host(&c, &t->host, err);
}

/* Reads it; what the other hosts had is forgotten. */
static int read_host_only(struct tree *t, struct err *err)
{
    struct fleet *f = &t->c->fleet;

    if (read_one_host(t->c->reading, f, t->host, READ_PLACES, t->c->arena, err) != 0)
        return -1;
    for (size_t i = 0; i < f->store_count; i++)
        if (f->stores[i].host != t->host)
            f->stores[i].presences = (struct fleet_run){0};
    return 0;
}

static int sum_copies(struct tree *t, struct err *err)
{
    const struct fleet *f = &t->c->fleet;
    struct copies_maker *maker;
    struct ledger_pass *pass;
    struct copies copies;
    struct ledgers sums;
    struct ledger ledger = {0};

    if (copies_open(&maker, f, t->c->arena, err) != 0 ||
        copies_of_host(maker, &copies, f, t->host, t->c->arena, err) != 0 ||
        ledger_open(&sums, f, t->c->arena, err) != 0 ||
        ledger_pass_open(&pass, f, &sums, t->c->arena, err) != 0)
        return -1;
    ledger_pass_host(pass, &ledger, f, t->host, &copies);
    t->ledger = sums.chains;
    return 0;
}

int tree_take_host(struct tree *t, struct err *err)
{
    const struct fleet_host *h;

    if (t->c->request->tree.host == NULL)
        return 0;
    if (find_host(t, err) != 0 || read_host_only(t, err) != 0 || sum_copies(t, err) != 0)
        return -1;
    t->images = standing_compute(&t->c->fleet, t->c->arena, err);
    if (t->images == NULL)
        return -1;
    h = &t->c->fleet.hosts[t->host];
    if (!h->present)
        return answer_note(t->a, err, "%s is %s: it is in no sum, and its images are not listed.",
                           h->name,
                           coverage_freshness_name(
                               coverage_freshness(&t->c->fleet, h, t->c->request->fresh_within_s)));
    return 0;
}

/* ---- all hosts ------------------------------------------------------------------------------- */

struct tree_walk {
    struct tree *t;
    uint32_t *last_chain;     /* by chain: the last host that has it, + 1 */
    struct policy_view *view; /* NULL: there is no policy */
};

/* From the top down as far as another image of the host has been. */
static void count_line(struct tree_walk *w, const struct fleet_image *image, uint32_t host)
{
    for (uint32_t i = image->chain_count; i-- > 0;) {
        uint32_t chain = image->chains[i];

        if (w->last_chain[chain] == host + 1)
            return;
        w->last_chain[chain] = host + 1;
        w->t->chain_hosts[chain]++;
    }
}

bool tree_is_graver(uint8_t a, uint8_t b)
{
    return policy_tally_weight((enum policy_outcome)(a - 1)) >
           policy_tally_weight((enum policy_outcome)(b - 1));
}

static int judge(struct tree_walk *w, uint32_t image, uint32_t scope, struct err *err)
{
    uint8_t *verdict = &w->t->verdicts[image];
    struct policy_verdict v;

    if (policy_judge(w->view->judge, image, scope, &v, err) != 0)
        return -1;
    if (*verdict == 0 || tree_is_graver((uint8_t)(v.outcome + 1), *verdict))
        *verdict = (uint8_t)(v.outcome + 1);
    return 0;
}

static int visit_host(const struct walk *walk, const struct fleet *f, uint32_t host,
                      const struct copies *copies, struct err *err)
{
    struct tree_walk *w = walk->data;
    const struct fleet_host *h = &f->hosts[host];
    uint32_t scope = 0;

    (void)copies;
    if (w->view != NULL && policy_scope(w->view->judge, h, &scope, err) != 0)
        return -1;
    for (uint32_t s = h->stores.first; s < h->stores.first + h->stores.count; s++)
        for (uint32_t i = 0; i < f->stores[s].presences.count; i++) {
            uint32_t image = f->presences[f->stores[s].presences.first + i].image;

            count_line(w, &f->images[image], host);
            if (w->view != NULL && judge(w, image, scope, err) != 0)
                return -1;
        }
    return 0;
}

static bool is_wanted(const struct walk *walk, const struct fleet *f, uint32_t host)
{
    const struct tree_walk *w = walk->data;

    (void)f;
    return w->t->host == FLEET_NONE || w->t->host == host;
}

int tree_walk_hosts(struct tree *t, struct err *err)
{
    const struct policy *policy = t->c->request->policy;
    struct policy_view view;
    struct tree_walk w = {.t = t, .view = policy != NULL ? &view : NULL};
    const struct walk walk = {.wants = is_wanted, .visit = visit_host, .data = &w};

    w.last_chain = arena_array(t->c->arena, t->c->fleet.chain_count, sizeof(*w.last_chain), err);
    t->chain_hosts = arena_array(t->c->arena, t->c->fleet.chain_count, sizeof(uint32_t), err);
    t->verdicts = arena_array(t->c->arena, t->c->fleet.image_count, sizeof(*t->verdicts), err);
    if (w.last_chain == NULL || t->chain_hosts == NULL || t->verdicts == NULL ||
        (policy != NULL && policy_view_open(&view, t->c, policy, err) != 0))
        return -1;
    return walk_hosts(t->c, &walk, err);
}
