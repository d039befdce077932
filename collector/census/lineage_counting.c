#include "collector/census/lineage_private.h"

/* From whom something can be inherited: images that have a name which counts. */
static int find_passing_on(struct lineage_facts *l, struct err *err)
{
    l->may_pass_on = arena_array(l->arena, l->f->image_count, sizeof(*l->may_pass_on), err);
    if (l->may_pass_on == NULL)
        return -1;
    for (size_t i = 0; i < l->f->said_count; i++) {
        const struct fleet_said *said = &l->f->said[i];

        if (said->names.count + said->digests.count > 0 && l->only->said[i] &&
            l->only->images[said->image])
            l->may_pass_on[said->image] = true;
    }
    return 0;
}

int lineage_count_only(const struct lineage_facts **out, const struct lineage *l,
                       const struct fleet *f, const struct catalogue *c,
                       const struct lineage_counting *counting, struct arena *arena,
                       struct err *err)
{
    struct lineage_facts *facts = arena_alloc(arena, sizeof(*facts), err);

    if (facts == NULL)
        return -1;
    *facts = *l->facts;
    facts->f = f;
    facts->c = c;
    facts->arena = arena;
    facts->only = counting;
    facts->known = (struct lineage_known){0};
    facts->sayings = (struct lineage_sayings){0};
    /* Families are told by layers that anybody may have spoken of. */
    facts->family = arena_array(arena, f->chain_count, sizeof(*facts->family), err);
    if (facts->family == NULL || find_passing_on(facts, err) != 0 ||
        lineage_find_known(facts, err) != 0 || lineage_find_sayings(facts, err) != 0)
        return -1;
    *out = facts;
    return 0;
}

enum lineage_outcome lineage_outcome_by(const struct lineage_facts *l, uint32_t evidence)
{
    struct lineage_judgement j;

    lineage_judge(l, evidence, 0, &j); /* open lists change no outcome */
    return j.outcome;
}

const char *lineage_why_by(const struct lineage_facts *l, uint32_t evidence, struct arena *arena,
                           struct err *err)
{
    const struct lineage_teller t = {
        .l = l, .image = l->f->evidence[evidence].image, .arena = arena};
    struct lineage_judgement j;

    lineage_judge(l, evidence, lineage_open_lists(l, l->f->evidence[evidence].image), &j);
    return lineage_why(&t, &j, err);
}
