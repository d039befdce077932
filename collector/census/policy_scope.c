#include <string.h>

#include "collector/census/policy_private.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define TEXT_MAX ((size_t)64 << 10) /* bytes of the labels of one scope */

/* A hundred thousand hosts, and each with labels of its own. */
#define SCOPES_FIRST ((size_t)64) /* slots; a power of two, at most half full */

struct scope_labels {
    const struct rec_pair *list;
    size_t count;
};

struct scope {
    bool *holds; /* by set of labels */
};

/* Rules and exceptions with the same labels share a set; set 0 is the one without. */
struct policy_scopes {
    struct scope_labels *sets;
    size_t set_count;
    uint32_t *set_of_rule, *set_of_exception;
    struct scope *list;
    size_t count, cap;
    uint32_t *slots; /* index into list + 1, by hash */
    size_t slot_count;
    bool *asked; /* the host's that is asked about */
};

static bool are_equal(const struct scope_labels *a, const struct rec_pair *list, size_t count)
{
    if (a->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(a->list[i].key, list[i].key) != 0 ||
            strcmp(a->list[i].value, list[i].value) != 0)
            return false;
    return true;
}

static uint32_t find_set(struct policy_scopes *s, const struct rec_pair *list, size_t count)
{
    for (size_t i = 0; i < s->set_count; i++)
        if (are_equal(&s->sets[i], list, count))
            return (uint32_t)i;
    s->sets[s->set_count] = (struct scope_labels){list, count};
    return (uint32_t)s->set_count++;
}

static bool has_all(const struct fleet_host *host, const struct scope_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        const char *value = fleet_label(host, labels->list[i].key);

        if (value == NULL || strcmp(value, labels->list[i].value) != 0)
            return false;
    }
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static uint64_t hash_of(const bool *holds, size_t count)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: the keys are not the peers' to choose
                                                       freely, and a chain costs only time */

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ (uint64_t)holds[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

static uint32_t *find_slot(struct policy_scopes *s, const bool *holds)
{
    size_t i = (size_t)hash_of(holds, s->set_count) & (s->slot_count - 1);

    while (s->slots[i] != 0 && memcmp(s->list[s->slots[i] - 1].holds, holds, s->set_count) != 0)
        i = (i + 1) & (s->slot_count - 1);
    return &s->slots[i];
}

static int grow_slots(struct policy_judge *j, struct err *err)
{
    struct policy_scopes *s = j->scopes;
    size_t count = s->slot_count == 0 ? SCOPES_FIRST : s->slot_count * 2;
    uint32_t *slots = arena_array(j->arena, count, sizeof(*slots), err);

    if (slots == NULL)
        return -1;
    s->slots = slots;
    s->slot_count = count;
    for (size_t i = 0; i < s->count; i++)
        *find_slot(s, s->list[i].holds) = (uint32_t)i + 1;
    return 0;
}

/* The number of the combination in s->asked. */
static int number_of(struct policy_judge *j, uint32_t *out, struct err *err)
{
    struct policy_scopes *s = j->scopes;
    struct scope *list;
    uint32_t *slot;

    if (s->slot_count <= 2 * s->count && grow_slots(j, err) != 0)
        return -1;
    slot = find_slot(s, s->asked);
    if (*slot == 0) {
        bool *holds = arena_array(j->arena, s->set_count, sizeof(bool), err);

        list = fleet_room(j->arena, s->list, s->count, &s->cap, sizeof(*list), err);
        if (holds == NULL || list == NULL)
            return -1;
        memcpy(holds, s->asked, s->set_count);
        s->list = list;
        list[s->count++] = (struct scope){.holds = holds};
        *slot = (uint32_t)s->count;
    }
    *out = *slot - 1;
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int policy_scopes_open(struct policy_judge *j, struct err *err)
{
    const struct policy *p = j->policy;
    struct policy_scopes *s = arena_alloc(j->arena, sizeof(*s), err);
    uint32_t zero;

    j->scopes = s;
    if (s == NULL)
        return -1;
    s->sets = arena_array(j->arena, p->rule_count + p->exception_count + 1, sizeof(*s->sets), err);
    s->set_of_rule = arena_array(j->arena, p->rule_count, sizeof(uint32_t), err);
    s->set_of_exception = arena_array(j->arena, p->exception_count, sizeof(uint32_t), err);
    if (s->sets == NULL || s->set_of_rule == NULL || s->set_of_exception == NULL)
        return -1;
    find_set(s, NULL, 0);
    for (size_t i = 0; i < p->rule_count; i++)
        s->set_of_rule[i] = find_set(s, p->rules[i].labels, p->rules[i].label_count);
    for (size_t i = 0; i < p->exception_count; i++)
        s->set_of_exception[i] = find_set(s, p->exceptions[i].labels, p->exceptions[i].label_count);
    s->asked = arena_array(j->arena, s->set_count, sizeof(bool), err);
    if (s->asked == NULL)
        return -1;
    s->asked[0] = true;
    return number_of(j, &zero, err);
}

bool policy_has_scopes(const struct policy_judge *j)
{
    return j->scopes->set_count > 1;
}

uint32_t policy_scope_count(const struct policy_judge *j)
{
    return (uint32_t)j->scopes->count;
}

int policy_scope(struct policy_judge *j, const struct fleet_host *host, uint32_t *scope,
                 struct err *err)
{
    struct policy_scopes *s = j->scopes;

    for (size_t i = 1; i < s->set_count; i++)
        s->asked[i] = has_all(host, &s->sets[i]);
    return number_of(j, scope, err);
}

bool policy_rule_holds_in(const struct policy_judge *j, uint32_t scope, size_t rule)
{
    return j->scopes->list[scope].holds[j->scopes->set_of_rule[rule]];
}

bool policy_exception_holds_in(const struct policy_judge *j, uint32_t scope, size_t exception)
{
    return j->scopes->list[scope].holds[j->scopes->set_of_exception[exception]];
}

const char *policy_scope_text(struct policy_judge *j, uint32_t scope, struct err *err)
{
    const struct policy_scopes *s = j->scopes;
    AUTO(buf_close) struct buf b;

    buf_init(&b, TEXT_MAX);
    for (size_t i = 1; i < s->set_count; i++)
        for (size_t l = 0; s->list[scope].holds[i] && l < s->sets[i].count; l++)
            if (buf_printf(&b, err, "%s%s=%s",
                           b.len == 0 ? ""
                           : l == 0   ? "; "
                                      : " ",
                           s->sets[i].list[l].key, s->sets[i].list[l].value) != 0)
                return NULL;
    return arena_text(j->arena, buf_str(&b), b.len, err);
}
