#include "tests/support/lineage_rig.h"

#include <string.h>

#include "common/check.h"

void lineage_rig_open(struct lineage_rig *r)
{
    memset(r, 0, sizeof(*r));
    maker_open(&r->m);
    r->m.fleet.said = r->said;
    r->m.fleet.said_digests = r->said_digests;
    r->m.fleet.evidence = r->evidence;
    r->catalogue.bases = r->bases;
}

void lineage_rig_close(struct lineage_rig *r)
{
    maker_close(&r->m);
}

uint32_t lineage_rig_store(struct lineage_rig *r, const char *host, uint32_t owner)
{
    return maker_store(&r->m, maker_host(&r->m, host), "docker", owner);
}

struct fleet_said *lineage_rig_tag(struct lineage_rig *r, uint32_t store, uint32_t image,
                                   const char *name)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_first first = {store, f->now_s - 100}, nobody = {.store = FLEET_NONE};
    struct fleet_said *said = &r->said[f->said_count++];
    bool by_root = f->stores[store].owner == 0;

    check(f->said_count < MAKER_MAX && f->place_name_count < MAKER_MAX);
    *said = (struct fleet_said){.image = image,
                                .stores = 1,
                                .root = by_root ? first : nobody,
                                .user = by_root ? nobody : first};
    if (name != NULL) {
        said->names = (struct fleet_run){(uint32_t)f->place_name_count, 1};
        f->place_names[f->place_name_count++] = maker_name(&r->m, name);
    }
    return said;
}

struct fleet_said *lineage_rig_pull(struct lineage_rig *r, uint32_t store, uint32_t image,
                                    const char *name, const char *repository, const char *manifest)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_said *said = lineage_rig_tag(r, store, image, name);

    check(f->said_digest_count < MAKER_MAX);
    said->digests = (struct fleet_run){(uint32_t)f->said_digest_count, 1};
    r->said_digests[f->said_digest_count++] = (struct fleet_said_digest){
        .repository = maker_name(&r->m, repository),
        .digest = digest_of(manifest, strlen(manifest)),
    };
    return said;
}

struct fleet_evidence *lineage_rig_declare(struct lineage_rig *r, uint32_t image,
                                           enum fleet_evidence_source source, const char *reference,
                                           const char *manifest)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_run *run = &f->images[image].evidence;
    struct fleet_evidence *e = &r->evidence[f->evidence_count];

    check(f->evidence_count < MAKER_MAX);
    if (run->count++ == 0)
        run->first = (uint32_t)f->evidence_count;
    check(run->first + run->count == f->evidence_count + 1); /* image by image */
    f->evidence_count++;
    *e = (struct fleet_evidence){.image = image,
                                 .source = source,
                                 .role = EVIDENCE_OF_BASE,
                                 .reference = reference,
                                 .layers = FLEET_UNKNOWN};
    if (manifest != NULL)
        e->digest = digest_of(manifest, strlen(manifest));
    return e;
}

struct catalogue_base *lineage_rig_entry(struct lineage_rig *r, const char *name, uint32_t chain)
{
    struct catalogue_base *base = &r->bases[r->catalogue.base_count++];

    check(r->catalogue.base_count < MAKER_MAX);
    *base = (struct catalogue_base){.name = name,
                                    .chain = digest_of(name, strlen(name)),
                                    .platform = "linux/amd64",
                                    .family = "",
                                    .version = "",
                                    .source = "file",
                                    .added_s = r->m.fleet.now_s - 200};
    if (chain != FLEET_NONE)
        base->chain = r->m.chains[chain].digest;
    return base;
}

void lineage_rig_compute(struct lineage_rig *r, int64_t known_at_s)
{
    struct arena *arena = r->m.arena;
    struct err err;

    check(naming_compute(&r->naming, &r->m.fleet, &r->catalogue, r->trusted, known_at_s, arena,
                         &err) == 0);
    check(lineage_compute(&r->lineage, &r->m.fleet, &r->catalogue, &r->naming, known_at_s, arena,
                          &err) == 0);
}

const struct lineage_story *lineage_rig_explain(struct lineage_rig *r, uint32_t image)
{
    struct err err;

    check(lineage_explain(&r->story, &r->lineage, &r->m.fleet, &r->catalogue, image, r->m.arena,
                          &err) == 0);
    return &r->story;
}

const struct naming_claim *lineage_rig_claim(const struct lineage_rig *r, uint32_t chain,
                                             const char *name)
{
    const struct fleet_run *run = &r->naming.of_chain[chain];

    for (uint32_t i = run->first; i < run->first + run->count; i++)
        if (strcmp(r->naming.claims[i].name, name) == 0)
            return &r->naming.claims[i];
    return NULL;
}

bool lineage_rig_says(const struct lineage_rig *r, const char *words)
{
    for (size_t i = 0; i < r->story.against_count; i++)
        if (strstr(r->story.against[i], words) != NULL)
            return true;
    return false;
}
