#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/policy_check.h"

#define SENTENCE_MAX 1024

/* ---- counts ---------------------------------------------------------------------------------- */

static int count(struct policy_check *k, struct err *err)
{
    const struct policy *p = k->view.policy;
    uint8_t *gravest = arena_array(k->c->arena, k->c->fleet.image_count, sizeof(*gravest), err);
    bool *is_seen = arena_array(k->c->arena, k->c->fleet.image_count, sizeof(*is_seen), err);
    static const enum policy_outcome outcomes[] = {POLICY_UNJUDGED, POLICY_ACCEPTED, POLICY_EXCUSED,
                                                   POLICY_NOTED, POLICY_VIOLATION};

    k->rule_images = arena_array(k->c->arena, p->rule_count + 1, sizeof(int64_t), err);
    k->rule_running = arena_array(k->c->arena, p->rule_count + 1, sizeof(int64_t), err);
    k->excused = arena_array(k->c->arena, p->exception_count, sizeof(int64_t), err);
    if (gravest == NULL || is_seen == NULL || k->rule_images == NULL || k->rule_running == NULL ||
        k->excused == NULL)
        return -1;
    for (size_t i = 0; i < k->tally.count; i++) {
        const struct policy_finding *f = &k->tally.list[i];
        int weight = policy_tally_weight(f->verdict.outcome) + 1;
        size_t rule = policy_tally_rule(&k->tally, &f->verdict);

        if (weight > gravest[f->image])
            gravest[f->image] = (uint8_t)weight;
        is_seen[f->image] = is_seen[f->image] || f->verdict.seen_as[0] != '\0';
        k->rule_images[rule] += f->verdict.outcome != POLICY_UNJUDGED;
        k->rule_running[rule] += f->running;
        if (f->verdict.exception != NULL)
            k->excused[f->verdict.exception - p->exceptions]++;
        if (f->verdict.outcome == POLICY_VIOLATION)
            k->running += f->running;
    }
    for (size_t i = 0; i < k->c->fleet.image_count; i++) {
        if (gravest[i] > 0) {
            enum policy_outcome outcome = outcomes[gravest[i] - 1];

            k->images[outcome]++;
            k->accepted_unconfirmed +=
                outcome == POLICY_ACCEPTED && policy_is_unconfirmed(&k->c->fleet.images[i]);
        }
        k->seen += is_seen[i];
    }
    return 0;
}

static int fill_totals(struct policy_check *k, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"mode", "mode", CELL_TEXT, false},
        {"policy", "policy", CELL_TEXT, false},
        {"images", "images judged", CELL_COUNT, false},
        {"accepted", "  accepted", CELL_COUNT, false},
        {"accepted_unconfirmed", "    on one host's word", CELL_COUNT, false},
        {"violations", "  violations", CELL_COUNT, false},
        {"excused", "  excused", CELL_COUNT, false},
        {"noted", "  noted", CELL_COUNT, false},
        {"unjudged", "artifacts, not judged", CELL_COUNT, false},
        {"hosts_violating", "hosts with violations", CELL_COUNT, false},
        {"containers_violating", "containers running on violations", CELL_COUNT, false},
        {"seen_as", "images whose names do not count, and would", CELL_COUNT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(k->a, "totals", NULL, true, columns);
    struct sheet_cell *row = sheet_row(k->a, s, err);
    const int64_t *n = k->images;

    if (row == NULL)
        return -1;
    row[0] = cell_text(policy_mode_name(k->view.policy->mode));
    row[1] = cell_text(k->view.policy->path);
    row[2] =
        cell_number(n[POLICY_ACCEPTED] + n[POLICY_VIOLATION] + n[POLICY_EXCUSED] + n[POLICY_NOTED]);
    row[3] = cell_number(n[POLICY_ACCEPTED]);
    row[4] = cell_number(k->accepted_unconfirmed);
    row[5] = cell_number(n[POLICY_VIOLATION]);
    row[6] = cell_number(n[POLICY_EXCUSED]);
    row[7] = cell_number(n[POLICY_NOTED]);
    row[8] = cell_number(n[POLICY_UNJUDGED]);
    row[9] = cell_number(k->tally.violation_hosts);
    if (k->tally.containers_known)
        row[10] = cell_number(k->running);
    row[11] = cell_number(k->seen);
    return 0;
}

/* ---- one row for each image that does not pass ----------------------------------------------- */

/* In tables the last ones go first where a terminal is narrow. */
enum {
    IMAGE,
    IMAGE_ID,
    RULE,
    EVIDENCE,
    HOSTS,
    WHERE,
    CORE,
    SEEN_AS,
    USE,
    LOCAL,
    OWNER,
    REASON,
    EXPIRES,
    NAMES,
    BASE,
    OUTCOME,
    HOST_NAMES,
    RUNNING,
    STOPPED,
    RUN_UNKNOWN,
    CHAIN,
    CELLS
};

static const struct sheet_column columns[] = {
    [IMAGE] = {"image", "IMAGE", CELL_NAME, false},
    [IMAGE_ID] = {"image_id", "IMAGE ID", CELL_DIGEST, true},
    [RULE] = {"rule", "RULE", CELL_TEXT, false},
    [EVIDENCE] = {"evidence", "EVIDENCE", CELL_SENTENCE, false},
    [HOSTS] = {"hosts", "HOSTS", CELL_COUNT, false},
    [WHERE] = {"where", "WHERE", CELL_TEXT, false},
    [CORE] = {"core", "CORE BUILD", CELL_TITLE, false},
    [SEEN_AS] = {"seen_as", "SEEN AS", CELL_TITLE, true},
    [USE] = {"use", "USE", CELL_TEXT, false},
    [LOCAL] = {"built_locally", "LOCAL", CELL_FLAG, true},
    [OWNER] = {"exception_owner", "OWNER", CELL_TEXT, true},
    [REASON] = {"exception_reason", "REASON", CELL_TEXT, true},
    [EXPIRES] = {"exception_expires", "EXPIRES", CELL_TEXT, true},
    [NAMES] = {"names", "NAMES", CELL_NAMES, true},
    [BASE] = {"base", "NEAREST BASE", CELL_TITLE, true},
    [OUTCOME] = {"outcome", "OUTCOME", CELL_TEXT, true},
    [HOST_NAMES] = {"host_names", "HOST NAMES", CELL_TEXTS, true},
    [RUNNING] = {"containers_running", "RUNNING", CELL_COUNT, true},
    [STOPPED] = {"containers_stopped", "STOPPED", CELL_COUNT, true},
    [RUN_UNKNOWN] = {"containers_unknown", "UNKNOWN", CELL_COUNT, true},
    [CHAIN] = {"chain_id", "CHAIN", CELL_DIGEST, true},
    [CELLS] = {NULL, NULL, 0, false},
};

static void set_use(const struct policy_check *k, const struct policy_finding *f,
                    struct sheet_cell *row)
{
    if (!k->tally.containers_known)
        return;
    row[USE] = cell_text(f->running > 0       ? "running"
                         : f->run_unknown > 0 ? "unknown"
                         : f->containers > 0  ? "stopped"
                                              : "unused");
    row[RUNNING] = cell_number(f->running);
    row[STOPPED] = cell_number(f->containers - f->running - f->run_unknown);
    row[RUN_UNKNOWN] = cell_number(f->run_unknown);
}

static int set_base(struct census *c, uint32_t image, struct sheet_cell *cell, struct err *err)
{
    const struct lineage_image *l = &c->lineage.images[image];
    const char *title;

    if (!l->known || l->nearest == FLEET_NONE)
        return 0;
    if (part_nearest_title(c, image, &title, err) != 0)
        return -1;
    *cell = cell_text(title);
    return 0;
}

static int add_row(struct policy_check *k, struct sheet *s, const struct policy_finding *f,
                   const bool *pulled, struct err *err)
{
    const struct policy_verdict *v = &f->verdict;
    const struct standing *standing = &k->c->images[f->image];
    const char *name = policy_view_image(&k->view, f->image, err), *core;
    const char *where = policy_view_where(&k->view, f->named, f->named_count, f->hosts, err);
    struct sheet_cell *row = sheet_row(k->a, s, err);

    if (name == NULL || where == NULL || row == NULL ||
        part_names(k->c, standing->names, standing->name_count, &row[NAMES], err) != 0 ||
        part_core_name(k->c, f->image, &core, err) != 0 ||
        set_base(k->c, f->image, &row[BASE], err) != 0 ||
        policy_view_hosts(&k->view, f->named, f->named_count, &row[HOST_NAMES], err) != 0 ||
        policy_check_exception(k, v->exception, &row[OWNER], err) != 0)
        return -1;
    row[IMAGE] = cell_text(name);
    row[IMAGE_ID] = cell_digest(&k->c->fleet.images[f->image].digest);
    row[CORE] = cell_text(core);
    row[OUTCOME] = cell_text(policy_outcome_name(v->outcome));
    row[RULE] = cell_text(v->rule != NULL ? v->rule->name : POLICY_BY_MODE);
    row[HOSTS] = cell_number(f->hosts);
    row[WHERE] = cell_text(where);
    set_use(k, f, row);
    row[LOCAL] = cell_flag(!pulled[f->image]);
    row[EVIDENCE] = cell_text(v->evidence);
    row[SEEN_AS] = cell_text(v->seen_as[0] != '\0' ? v->seen_as : NULL);
    if (v->chain != FLEET_NONE)
        row[CHAIN] = cell_digest(&k->c->fleet.chains[v->chain].digest);
    return 0;
}

/* Tables show what only some sheets have. */
static int reveal(struct policy_check *k, struct sheet *s, struct err *err)
{
    static const char *const keys[] = {"built_locally", "seen_as", "exception_owner",
                                       "exception_reason", "exception_expires"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (sheet_reveal(k->a, s, keys[i], err) != 0)
            return -1;
    return k->twice_named ? sheet_reveal(k->a, s, columns[IMAGE_ID].key, err) : 0;
}

struct called {
    const char *name;
    uint32_t image;
};

static int by_name(const void *a, const void *b)
{
    const struct called *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->image > y->image) - (x->image < y->image);
}

/* Whether two of the images that do not pass are called the same. */
static int find_twice_named(struct policy_check *k, struct err *err)
{
    struct called *list = arena_array(k->c->arena, k->tally.count, sizeof(*list), err);
    size_t count = 0;

    if (list == NULL)
        return -1;
    for (size_t i = 0; i < k->tally.count; i++) {
        const struct policy_finding *f = &k->tally.list[i];
        const struct standing *s = &k->c->images[f->image];

        if (f->verdict.outcome == POLICY_ACCEPTED || f->verdict.outcome == POLICY_UNJUDGED ||
            s->name_count == 0)
            continue;
        list[count++] = (struct called){k->c->fleet.names[s->names[0]].text, f->image};
    }
    if (count > 1)
        qsort(list, count, sizeof(*list), by_name);
    for (size_t i = 1; i < count && !k->twice_named; i++)
        k->twice_named =
            list[i].image != list[i - 1].image && strcmp(list[i].name, list[i - 1].name) == 0;
    return 0;
}

/* The sheets beside the rows keep their order, and the limit, too. */
static int arrange(struct policy_check *k, struct sheet *s, struct err *err)
{
    const struct report_request *r = k->c->request;

    if (reveal(k, s, err) != 0)
        return -1;
    if (s == k->a->rows)
        return 0;
    if (sheet_sort(k->a, s, r->sort != NULL ? r->sort : report_policy_check.sort, err) != 0)
        return -1;
    if (r->limit > 0 && s->row_count > (size_t)r->limit)
        s->row_count = (size_t)r->limit;
    return 0;
}

static int fill_findings(struct policy_check *k, const char *key, const char *title,
                         enum policy_outcome outcome, const bool *pulled, struct err *err)
{
    struct sheet *s = answer_sheet(k->a, key, title, false, columns);

    for (size_t i = 0; i < k->tally.count; i++)
        if (k->tally.list[i].verdict.outcome == outcome &&
            add_row(k, s, &k->tally.list[i], pulled, err) != 0)
            return -1;
    return arrange(k, s, err);
}

static int fill_images(struct policy_check *k, struct err *err)
{
    const struct fleet *f = &k->c->fleet;
    bool *pulled = arena_array(k->c->arena, f->image_count, sizeof(*pulled), err);

    if (pulled == NULL || find_twice_named(k, err) != 0)
        return -1;
    for (size_t i = 0; i < f->repo_digest_count; i++)
        pulled[f->repo_digests[i].image] = true;
    if (fill_findings(k, "rows", "Violations", POLICY_VIOLATION, pulled, err) != 0 ||
        fill_findings(k, "noted", "Noted: what a rule would reject", POLICY_NOTED, pulled, err) !=
            0)
        return -1;
    return fill_findings(k, "excused", "Excused", POLICY_EXCUSED, pulled, err);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* "White list policy.yaml: 3 of 120 images break it, on 5 of 40 hosts." */
static int say(struct policy_check *k, struct err *err)
{
    const int64_t *n = k->images;
    int64_t judged = n[POLICY_ACCEPTED] + n[POLICY_VIOLATION] + n[POLICY_EXCUSED] + n[POLICY_NOTED];
    char text[SENTENCE_MAX], images[COUNT_TEXT], hosts[COUNT_TEXT];

    if (k->view.policy->mode == POLICY_WILD_WEST)
        snprintf(text, sizeof(text), "The wild west rejects nothing; rules note %" PRId64 " of %s.",
                 n[POLICY_NOTED], count_text(judged, "image", images));
    else
        snprintf(text, sizeof(text), "%" PRId64 " of %s break the %s, on %s.", n[POLICY_VIOLATION],
                 count_text(judged, "image", images), policy_mode_name(k->view.policy->mode),
                 count_text(k->tally.violation_hosts, "host", hosts));
    k->a->sentence = arena_text(k->c->arena, text, strlen(text), err);
    return k->a->sentence != NULL ? 0 : -1;
}

static int fill(struct census *c, struct answer *a, struct err *err)
{
    struct policy_check k = {.c = c, .a = a};

    if (c->request->policy == NULL)
        return err_set(err, ERR_USAGE, "policy check: no policy is given");
    if (policy_view_open(&k.view, c, c->request->policy, err) != 0 ||
        policy_tally_fill(&k.tally, &k.view, err) != 0 || count(&k, err) != 0 ||
        say(&k, err) != 0 || fill_totals(&k, err) != 0 || fill_images(&k, err) != 0)
        return -1;
    return policy_check_rules(&k, err) == 0 && policy_check_exceptions(&k, err) == 0
               ? policy_check_notes(&k, err)
               : -1;
}

/* Labels of hosts are among the texts. */
const struct report report_policy_check = {.name = "policy check",
                                           .needs = NEEDS_PRESENCE | NEEDS_CONTENT,
                                           .digests = true,
                                           .texts = true,
                                           .takes_as_of = true,
                                           .sort = "hosts:desc",
                                           .fill = fill};
