#include <string.h>

#include "collector/report/policy_check.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define LISTED_MAX 5 /* rules or exceptions that a note names */
#define LIST_BYTES ((size_t)700)

/* "2026-12-31": the last day that the exception holds. */
static const char *last_day(const struct policy_check *k, const struct policy_exception *e,
                            struct err *err)
{
    char text[CLOCK_TEXT];

    clock_text((e->expires_s - 1) * 1000, text);
    return arena_text(k->c->arena, text, strcspn(text, "T"), err);
}

int policy_check_exception(const struct policy_check *k, const struct policy_exception *e,
                           struct sheet_cell *cells, struct err *err)
{
    const char *day;

    if (e == NULL)
        return 0;
    day = last_day(k, e, err);
    cells[0] = cell_text(e->owner);
    cells[1] = cell_text(e->reason);
    cells[2] = cell_text(day);
    return day != NULL ? 0 : -1;
}

/* ---- rules and exceptions -------------------------------------------------------------------- */

int policy_check_rules(struct policy_check *k, struct err *err)
{
    static const struct sheet_column rule_columns[] = {
        {"rule", "RULE", CELL_TEXT, false},
        {"action", "ACTION", CELL_TEXT, false},
        {"images", "IMAGES", CELL_COUNT, false},
        {"hosts", "HOSTS", CELL_COUNT, false},
        {"containers_running", "RUNNING", CELL_COUNT, false},
        {"matches", "MATCHES ANYTHING", CELL_FLAG, false},
        {"on", "ON", CELL_TEXTS, true},
        {NULL, NULL, 0, false},
    };
    const struct policy *p = k->view.policy;
    struct sheet *s =
        answer_sheet(k->a, "rules", "Rules, and the images that each decided", false, rule_columns);

    for (size_t i = 0; i <= p->rule_count; i++) {
        const struct policy_rule *r = i < p->rule_count ? &p->rules[i] : NULL;
        bool rejects = r != NULL ? !r->accept : p->mode == POLICY_WHITE_LIST;
        struct sheet_cell *row = sheet_row(k->a, s, err);

        if (row == NULL ||
            (r != NULL && part_labels(k->c->arena, r->labels, r->label_count, &row[6], err) != 0))
            return -1;
        row[0] = cell_text(r != NULL ? r->name : POLICY_BY_MODE);
        row[1] = cell_text(rejects ? "reject" : "accept");
        row[2] = cell_number(k->rule_images[i]);
        if (rejects)
            row[3] = cell_number(k->tally.rule_hosts[i]);
        if (k->tally.containers_known)
            row[4] = cell_number(k->rule_running[i]);
        if (r != NULL)
            row[5] = cell_flag(policy_rule_used(k->view.judge, i));
    }
    return 0;
}

/* Of all that one exception of the file became. */
struct exception_state {
    int64_t images;
    bool used;
};

static struct exception_state state_of(const struct policy_check *k, size_t first)
{
    const struct policy *p = k->view.policy;
    struct exception_state state = {0};
    size_t i = first;

    do {
        state.images += k->excused[i];
        state.used = state.used || policy_exception_used(k->view.judge, i);
    } while (++i < p->exception_count && !policy_view_begins(p, i));
    return state;
}

static const char *state_name(const struct policy_check *k, size_t exception, bool used)
{
    if (policy_exception_expired(k->view.judge, exception))
        return "expired";
    return used ? "holds" : "unused";
}

int policy_check_exceptions(struct policy_check *k, struct err *err)
{
    static const struct sheet_column exception_columns[] = {
        {"image", "IMAGE", CELL_TITLE, false},
        {"rule", "RULE", CELL_TEXT, false},
        {"state", "STATE", CELL_TEXT, false},
        {"images", "IMAGES", CELL_COUNT, false},
        {"owner", "OWNER", CELL_TEXT, false},
        {"reason", "REASON", CELL_TEXT, false},
        {"expires", "LAST DAY", CELL_TEXT, false},
        {"on", "ON", CELL_TEXTS, true},
        {NULL, NULL, 0, false},
    };
    const struct policy *p = k->view.policy;
    struct sheet *s = answer_sheet(k->a, "exceptions", "Exceptions", false, exception_columns);

    for (size_t i = 0; i < p->exception_count; i++) {
        const struct policy_exception *e = &p->exceptions[i];
        struct exception_state state;
        struct sheet_cell *row;

        if (!policy_view_begins(p, i))
            continue;
        state = state_of(k, i);
        row = sheet_row(k->a, s, err);
        if (row == NULL || policy_check_exception(k, e, &row[4], err) != 0 ||
            part_labels(k->c->arena, e->labels, e->label_count, &row[7], err) != 0)
            return -1;
        row[0] = cell_text(policy_view_excepted(e));
        row[1] = cell_text(e->rule[0] != '\0' ? e->rule : "any");
        row[2] = cell_text(state_name(k, i, state.used));
        row[3] = cell_number(state.images);
    }
    return 0;
}

/* ---- what the operator should know ----------------------------------------------------------- */

/* A list that ends with how many more there are. */
struct listed {
    struct buf text;
    size_t count;
};

static void close_list(struct listed *l)
{
    buf_close(&l->text);
}

static int list(struct listed *l, const char *name, const char *day, struct err *err)
{
    if (l->count++ >= LISTED_MAX)
        return 0;
    return buf_printf(&l->text, err, "%s%.60s%s%s%s", l->count > 1 ? ", " : "", name,
                      day != NULL ? " (" : "", day != NULL ? day : "", day != NULL ? ")" : "");
}

static int note_list(struct policy_check *k, struct listed *l, const char *what, struct err *err)
{
    if (l->count == 0)
        return 0;
    if (l->count > LISTED_MAX)
        return answer_note(k->a, err, "%s: %s and %zu more.", what, buf_str(&l->text),
                           l->count - LISTED_MAX);
    return answer_note(k->a, err, "%s: %s.", what, buf_str(&l->text));
}

static int note_exceptions(struct policy_check *k, bool expired, struct err *err)
{
    const struct policy *p = k->view.policy;
    AUTO(close_list) struct listed l = {0};

    buf_init(&l.text, LIST_BYTES);
    for (size_t i = 0; i < p->exception_count; i++) {
        const char *day;

        if (!policy_view_begins(p, i) || policy_exception_expired(k->view.judge, i) != expired ||
            (!expired && state_of(k, i).used))
            continue;
        day = last_day(k, &p->exceptions[i], err);
        if (day == NULL ||
            list(&l, policy_view_excepted(&p->exceptions[i]), expired ? day : NULL, err) != 0)
            return -1;
    }
    return note_list(
        k, &l, expired ? "Exceptions that have expired" : "Exceptions that excuse nothing", err);
}

static int note_rules(struct policy_check *k, struct err *err)
{
    const struct policy *p = k->view.policy;
    AUTO(close_list) struct listed l = {0};

    buf_init(&l.text, LIST_BYTES);
    for (size_t i = 0; i < p->rule_count; i++)
        if (!policy_rule_used(k->view.judge, i) && list(&l, p->rules[i].name, NULL, err) != 0)
            return -1;
    return note_list(k, &l, "Rules that match nothing, by what counts", err);
}

/* Their layers are the word of who told the config: its digest proves nothing where secrets were
 * cut from it. */
static int note_unconfirmed(struct policy_check *k, struct err *err)
{
    int64_t count = k->accepted_unconfirmed;
    char images[COUNT_TEXT];

    if (count == 0)
        return 0;
    return answer_note(k->a, err,
                       "%s %s on one host's word: secrets were cut from the config, and no second "
                       "host has told the same.",
                       count_text(count, "accepted image", images), count == 1 ? "rests" : "rest");
}

int policy_check_notes(struct policy_check *k, struct err *err)
{
    char images[COUNT_TEXT];

    if (answer_note(k->a, err,
                    "Everything on disk is judged: running, stopped, unused, built locally.") !=
            0 ||
        policy_view_note_names(&k->view, k->a, err) != 0 || note_rules(k, err) != 0 ||
        note_exceptions(k, true, err) != 0 || note_exceptions(k, false, err) != 0 ||
        note_unconfirmed(k, err) != 0)
        return -1;
    if (k->seen > 0 &&
        answer_note(k->a, err,
                    "The verdict on %s would be another one if names counted that do not; seen_as "
                    "says which, and where.",
                    count_text(k->seen, "image", images)) != 0)
        return -1;
    return k->view.origins_unknown
               ? answer_note(k->a, err,
                             "Origins of the past are not known: rules that ask for "
                             "them match nothing.")
               : 0;
}
