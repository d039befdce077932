#include "tests/support/court.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

/* Ends the program with the error's text. */
static void must(int rc, const struct err *err)
{
    if (rc != 0)
        fprintf(stderr, "court: %s\n", err->text);
    check(rc == 0);
}

void court_open(struct court *r, enum policy_mode mode)
{
    memset(r, 0, sizeof(*r));
    maker_open(&r->m);
    r->m.fleet.said = r->said;
    r->m.fleet.said_digests = r->said_digests;
    r->m.fleet.evidence = r->evidence;
    r->m.fleet.evidence_said = r->evidence_said;
    r->catalogue = (struct catalogue){.bases = r->bases, .namers = r->namers};
    r->policy = (struct policy){
        .path = "test", .mode = mode, .rules = r->rules, .exceptions = r->exceptions};
}

void court_close(struct court *r)
{
    maker_close(&r->m);
}

void court_say(struct court *r, uint32_t store, uint32_t image, const char *name,
               const char *repository, const char *manifest)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_first first = {store, f->now_s - 100}, nobody = {.store = FLEET_NONE};
    struct fleet_said *said = &r->said[f->said_count++];
    bool by_root = f->stores[store].owner == 0;

    check(f->said_count <= COURT_MAX && f->said_digest_count < COURT_MAX &&
          f->place_name_count < MAKER_MAX);
    *said = (struct fleet_said){.image = image,
                                .stores = 1,
                                .root = by_root ? first : nobody,
                                .user = by_root ? nobody : first};
    if (name != NULL) {
        said->names = (struct fleet_run){(uint32_t)f->place_name_count, 1};
        f->place_names[f->place_name_count++] = maker_name(&r->m, name);
    }
    if (repository != NULL) {
        said->digests = (struct fleet_run){(uint32_t)f->said_digest_count, 1};
        r->said_digests[f->said_digest_count++] =
            (struct fleet_said_digest){.repository = maker_name(&r->m, repository),
                                       .digest = digest_of(manifest, strlen(manifest))};
    }
}

void court_declare(struct court *r, uint32_t image, const char *reference)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_run *run = &f->images[image].evidence;

    check(f->evidence_count < COURT_MAX &&
          (run->count == 0 || run->first + run->count == f->evidence_count));
    if (run->count++ == 0)
        run->first = (uint32_t)f->evidence_count;
    r->evidence[f->evidence_count++] = (struct fleet_evidence){.image = image,
                                                               .source = EVIDENCE_LABEL,
                                                               .role = EVIDENCE_OF_BASE,
                                                               .reference = reference,
                                                               .layers = FLEET_UNKNOWN};
}

void court_annotate(struct court *r, uint32_t image, const char *reference)
{
    struct fleet *f = &r->m.fleet;
    struct fleet_evidence *e = &r->evidence[f->evidence_count];

    check(f->said_count > 0 && r->said[f->said_count - 1].image == image &&
          f->evidence_said_count < COURT_MAX);
    court_declare(r, image, reference);
    e->source = EVIDENCE_ANNOTATION;
    e->said = (struct fleet_run){(uint32_t)f->evidence_said_count, 1};
    r->evidence_said[f->evidence_said_count++] = (uint32_t)f->said_count - 1;
}

void court_trust(struct court *r, const char *host)
{
    r->namers[r->catalogue.namer_count++] = (struct catalogue_namer){host, ""};
}

struct catalogue_base *court_catalogue(struct court *r, const char *name, uint32_t chain)
{
    struct catalogue_base *base = &r->bases[r->catalogue.base_count++];

    check(r->catalogue.base_count <= COURT_MAX);
    *base = (struct catalogue_base){.name = name,
                                    .chain = r->m.chains[chain].digest,
                                    .platform = "",
                                    .family = "",
                                    .version = "",
                                    .source = "file"};
    return base;
}

struct policy_rule *court_rule(struct court *r, const char *name, bool accept)
{
    struct policy_rule *rule = &r->rules[r->policy.rule_count++];

    check(r->policy.rule_count <= COURT_MAX);
    *rule = (struct policy_rule){.name = name, .accept = accept};
    return rule;
}

struct policy_words court_words(struct court *r, const char *word)
{
    const char **list = arena_array(r->m.arena, 1, sizeof(*list), NULL);

    check(list != NULL);
    list[0] = word;
    return (struct policy_words){list, 1};
}

struct policy_digests court_digests(struct court *r, const struct digest *digest)
{
    struct digest *list = arena_array(r->m.arena, 1, sizeof(*list), NULL);

    check(list != NULL);
    list[0] = *digest;
    return (struct policy_digests){list, 1};
}

struct rec_pair *court_label(struct court *r, const char *key, const char *value)
{
    struct rec_pair *pair = arena_alloc(r->m.arena, sizeof(*pair), NULL);

    check(pair != NULL);
    *pair = (struct rec_pair){.key = key, .value = value};
    return pair;
}

struct policy_exception *court_except(struct court *r, const char *image, const char *rule)
{
    struct policy_exception *e = &r->exceptions[r->policy.exception_count++];

    check(r->policy.exception_count <= COURT_MAX);
    *e = (struct policy_exception){.image = image,
                                   .rule = rule,
                                   .owner = "ops",
                                   .reason = "a test",
                                   .expires_s = r->m.fleet.now_s + 1};
    return e;
}

void court_begin(struct court *r)
{
    const struct fleet *f = &r->m.fleet;
    bool *trusted = arena_array(r->m.arena, f->said_count, sizeof(*trusted), NULL);
    struct err err;

    check(trusted != NULL);
    for (size_t i = 0; i < f->said_count; i++) {
        const struct fleet_first *first =
            f->said[i].root.store != FLEET_NONE ? &f->said[i].root : &f->said[i].user;
        const struct fleet_store *s = &f->stores[first->store];

        trusted[i] =
            catalogue_trusts_store(&r->catalogue, f->hosts[s->host].name, s->root, s->owner);
    }
    must(naming_compute(&r->naming, f, &r->catalogue, trusted, 0, r->m.arena, &err), &err);
    must(lineage_compute(&r->lineage, f, &r->catalogue, &r->naming, 0, r->m.arena, &err), &err);
    r->facts = (struct policy_facts){.f = f,
                                     .catalogue = &r->catalogue,
                                     .lineage = &r->lineage,
                                     .image_origins = r->image_origins,
                                     .layer_origins = r->layer_origins,
                                     .image_origin_count = r->image_origin_count,
                                     .layer_origin_count = r->layer_origin_count,
                                     .trusted_said = trusted};
    must(policy_open(&r->judge, &r->policy, &r->facts, f->now_s, r->m.arena, &err), &err);
}

static struct policy_verdict judge(struct court *r, uint32_t image, uint32_t scope)
{
    struct policy_verdict v;
    struct err err;

    must(policy_judge(r->judge, image, scope, &v, &err), &err);
    return v;
}

struct policy_verdict court_judge(struct court *r, uint32_t image)
{
    court_begin(r);
    return judge(r, image, 0);
}

struct policy_verdict court_judge_on(struct court *r, uint32_t image, uint32_t host)
{
    uint32_t scope;
    struct err err;

    must(policy_scope(r->judge, &r->m.hosts[host], &scope, &err), &err);
    return judge(r, image, scope);
}
