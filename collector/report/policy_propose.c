#include "collector/report/policy_propose.h"

#include <stdio.h>
#include <string.h>

#define RULES_APART 900     /* core builds that get a rule each; more share rules */
#define VALUES_TOGETHER 400 /* of a rule that several share */
#define BUNDLE_NAME_MAX 64

enum { RULE, BASE, CHAIN, IMAGE_ID, UNKNOWN }; /* columns of report_policy_init */

static const struct sheet_cell *cell_of(const struct sheet *s, size_t row, int column)
{
    return &s->cells[row * s->column_count + (size_t)column];
}

static int kind_of(const struct sheet *s, size_t row)
{
    int kind = BASE;

    while (kind < UNKNOWN && !cell_of(s, row, kind)->known)
        kind++;
    return kind;
}

static int make_room(struct policy_rule *rule, int kind, struct arena *arena, struct err *err)
{
    size_t count = VALUES_TOGETHER;

    rule->accept = true;
    rule->unverified = kind == UNKNOWN;
    if (kind == UNKNOWN)
        return 0;
    if (kind == BASE)
        rule->bases.items = arena_array(arena, count, sizeof(*rule->bases.items), err);
    else if (kind == CHAIN)
        rule->chains.items = arena_array(arena, count, sizeof(*rule->chains.items), err);
    else
        rule->images.items = arena_array(arena, count, sizeof(*rule->images.items), err);
    return rule->bases.items != NULL || rule->chains.items != NULL || rule->images.items != NULL
               ? 0
               : -1;
}

static size_t add_value(struct policy_rule *rule, const struct sheet *s, size_t row)
{
    switch (kind_of(s, row)) {
    case BASE:
        rule->bases.items[rule->bases.count++] = cell_of(s, row, BASE)->text;
        return rule->bases.count;
    case CHAIN:
        rule->chains.items[rule->chains.count++] = *cell_of(s, row, CHAIN)->digest;
        return rule->chains.count;
    case UNKNOWN:
        return 0;
    default:
        rule->images.items[rule->images.count++] = *cell_of(s, row, IMAGE_ID)->digest;
        return rule->images.count;
    }
}

static struct policy_rule *add_rule(struct policy *p, const char *name, int kind,
                                    struct arena *arena, struct err *err)
{
    struct policy_rule *rule;

    if (p->rule_count == POLICY_RULES_MAX) {
        err_set(err, ERR_LIMIT, "policy init: the fleet needs over %d rules", POLICY_RULES_MAX);
        return NULL;
    }
    rule = &p->rules[p->rule_count++];
    rule->name = name;
    return make_room(rule, kind, arena, err) == 0 ? rule : NULL;
}

/* Rules of many values: those of one kind together. */
static int bundle(struct policy *p, const struct sheet *s, int kind, struct arena *arena,
                  struct err *err)
{
    static const char *const words[] = {
        [BASE] = "bases", [CHAIN] = "chains", [IMAGE_ID] = "images", [UNKNOWN] = "declarations"};
    struct policy_rule *rule = NULL;
    size_t count = 0;
    int part = 0;

    for (size_t i = 0; i < s->row_count; i++) {
        char name[BUNDLE_NAME_MAX];
        const char *kept;

        if (kind_of(s, i) != kind)
            continue;
        if (rule == NULL || count == VALUES_TOGETHER) {
            snprintf(name, sizeof(name), "%s of today, %d", words[kind], ++part);
            kept = arena_text(arena, name, strlen(name), err);
            rule = kept != NULL ? add_rule(p, kept, kind, arena, err) : NULL;
        }
        if (rule == NULL)
            return -1;
        count = add_value(rule, s, i);
    }
    return 0;
}

int policy_propose(struct policy *out, const struct answer *a, struct arena *arena, struct err *err)
{
    const struct sheet *s = a->rows;

    *out = (struct policy){.path = "", .mode = POLICY_WHITE_LIST};
    out->rules = arena_array(arena, POLICY_RULES_MAX, sizeof(*out->rules), err);
    if (out->rules == NULL)
        return -1;
    for (int kind = BASE; s->row_count > RULES_APART && kind <= UNKNOWN; kind++)
        if (bundle(out, s, kind, arena, err) != 0)
            return -1;
    if (s->row_count > RULES_APART)
        return 0;
    for (size_t i = 0; i < s->row_count; i++) {
        struct policy_rule *rule =
            add_rule(out, cell_of(s, i, RULE)->text, kind_of(s, i), arena, err);

        if (rule == NULL)
            return -1;
        add_value(rule, s, i);
    }
    return 0;
}
