#include "collector/report/lines.h"

#include "collector/report/parts.h"
#include "collector/store/read_fleet.h"

/* Marks whose word counts as the operator's; *any: there is one. */
static int mark_trusted(struct census *c, bool *any, struct err *err)
{
    const struct fleet *f = &c->fleet;

    *any = false;
    c->trusted_stores = arena_array(c->arena, f->store_count, sizeof(bool), err);
    c->trusted_said = arena_array(c->arena, f->said_count, sizeof(bool), err);
    if (c->trusted_stores == NULL || c->trusted_said == NULL)
        return -1;
    for (size_t i = 0; c->request->catalogue->namer_count > 0 && i < f->store_count; i++) {
        const struct fleet_store *s = &f->stores[i];

        c->trusted_stores[i] = catalogue_trusts_store(c->request->catalogue, f->hosts[s->host].name,
                                                      s->root, s->owner);
        *any = *any || c->trusted_stores[i];
    }
    return 0;
}

int lines_compute(struct census *c, struct err *err)
{
    const struct catalogue *catalogue = c->request->catalogue;
    int64_t known_at_s = c->request->known_then ? c->request->as_of_s : 0;
    bool any;

    if (mark_trusted(c, &any, err) != 0 ||
        (any &&
         read_said_by(c->reading, c->trusted_stores, known_at_s, c->trusted_said, err) != 0) ||
        report_go_on(c, err) != 0 ||
        naming_compute(&c->naming, &c->fleet, catalogue, c->trusted_said, known_at_s, c->arena,
                       err) != 0 ||
        report_go_on(c, err) != 0 ||
        lineage_compute(&c->lineage, &c->fleet, catalogue, &c->naming, known_at_s, c->arena, err) !=
            0 ||
        report_go_on(c, err) != 0 || part_titles(c, err) != 0 || report_go_on(c, err) != 0)
        return -1;
    return bases_compute(&c->bases, &c->fleet, &c->lineage, &c->ledgers, c->images, c->arena, err);
}
