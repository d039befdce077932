#include "tests/support/census_rig.h"

#include <string.h>

#include "common/check.h"

void rig_open(struct census_rig *r)
{
    memset(r, 0, sizeof(*r));
    maker_open(&r->m);
    r->m.fleet.said_digests = r->said_digests;
    r->m.fleet.evidence = r->evidence;
}

void rig_close(struct census_rig *r)
{
    maker_close(&r->m);
}

/* One for each presence, in the order of the presences. */
static void say_all(struct census_rig *r)
{
    struct fleet *f = &r->m.fleet;

    f->said = r->said;
    for (; f->said_count < f->presence_count; f->said_count++) {
        const struct fleet_presence *p = &f->presences[f->said_count];
        struct fleet_said *said = &r->said[f->said_count];
        const struct fleet_first here = {.store = p->store, .at_s = f->now_s},
                                 nowhere = {.store = FLEET_NONE};
        bool is_root = f->stores[p->store].owner == 0;

        *said = (struct fleet_said){.image = p->image,
                                    .names = p->names,
                                    .stores = 1,
                                    .root = is_root ? here : nowhere,
                                    .user = is_root ? nowhere : here};
    }
}

void rig_digest(struct census_rig *r, const char *repository, const struct digest *digest)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_run *run;

    say_all(r);
    check(f->said_count > 0 && f->said_digest_count < MAKER_MAX);
    run = &r->said[f->said_count - 1].digests;
    if (run->count++ == 0)
        run->first = (uint32_t)f->said_digest_count;
    r->said_digests[f->said_digest_count++] =
        (struct fleet_said_digest){.repository = maker_name(&r->m, repository), .digest = *digest};
}

void rig_declare(struct census_rig *r, uint32_t image, enum fleet_evidence_source source,
                 const char *reference)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_run *run = &f->images[image].evidence;

    check(f->evidence_count < MAKER_MAX);
    if (run->count++ == 0)
        run->first = (uint32_t)f->evidence_count;
    check(run->first + run->count == f->evidence_count + 1);
    r->evidence[f->evidence_count++] = (struct fleet_evidence){.image = image,
                                                               .source = source,
                                                               .role = EVIDENCE_OF_BASE,
                                                               .reference = reference,
                                                               .layers = FLEET_UNKNOWN};
}

void rig_listed_once(struct census_rig *r, uint32_t store, uint32_t image, const char *name)
{
    struct fleet *f = &r->m.fleet;

    say_all(r);
    check(f->said_count < MAKER_MAX && f->place_name_count < MAKER_MAX);
    r->m.place_names[f->place_name_count] = maker_name(&r->m, name);
    r->said[f->said_count++] =
        (struct fleet_said){.image = image,
                            .names = {.first = (uint32_t)f->place_name_count++, .count = 1},
                            .root = {.store = store, .at_s = f->now_s},
                            .user = {.store = FLEET_NONE}};
}

void rig_compute(struct census_rig *r)
{
    struct fleet *f = &r->m.fleet;
    struct arena *arena = r->m.arena;
    struct err err;
    bool *trusted;

    say_all(r);
    trusted = arena_array(arena, f->said_count, sizeof(*trusted), &err);
    check(trusted != NULL && copies_derive(&r->copies, f, arena, &err) == 0);
    r->images = standing_compute(f, arena, &err);
    check(r->images != NULL);
    check(ledger_compute(&r->ledgers, f, &r->copies, arena, &err) == 0);
    check(naming_compute(&r->naming, f, &r->catalogue, trusted, 0, arena, &err) == 0);
    check(lineage_compute(&r->lineage, f, &r->catalogue, &r->naming, 0, arena, &err) == 0);
    check(bases_compute(&r->bases, f, &r->lineage, &r->ledgers, r->images, arena, &err) == 0);
    check(versions_compute(&r->versions, f, &r->catalogue, &r->lineage, r->bases.release, arena,
                           &err) == 0);
    for (uint32_t i = 0; i < f->host_count; i++)
        bases_add_host(&r->bases, f, i);
}

const char *rig_title(const struct census_rig *r, uint32_t chain)
{
    const struct naming_claim *claim = naming_title(&r->naming, chain);

    return claim != NULL ? claim->name : NULL;
}

const struct base *rig_core(const struct census_rig *r, uint32_t image)
{
    check(r->bases.row_of[image] != FLEET_NONE);
    return &r->bases.list[r->bases.row_of[image]];
}

void rig_group(struct census_rig *r, enum bases_by by, struct bases *out)
{
    struct err err;

    check(bases_group(out, by, &r->versions, r->bases.release, &r->m.fleet, &r->lineage,
                      &r->ledgers, r->images, r->m.arena, &err) == 0);
    for (uint32_t i = 0; i < r->m.fleet.host_count; i++)
        bases_add_host(out, &r->m.fleet, i);
}
