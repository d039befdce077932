/*
 * court: a fleet made by hand under a policy made by hand, for tests of policy.
 *
 * Build the fleet with fleet_maker and the names with court_say(), the policy with court_rule() and
 * court_except(), then call court_judge() as often as you like: what was added meanwhile is
 * computed anew.
 */
#ifndef TESTS_SUPPORT_COURT_H
#define TESTS_SUPPORT_COURT_H

#include "collector/census/policy.h"
#include "tests/support/fleet_maker.h"

#define COURT_MAX 16 /* of each thing */

struct court {
    struct fleet_maker m;
    struct fleet_said said[COURT_MAX];
    struct fleet_said_digest said_digests[COURT_MAX];
    struct catalogue catalogue;
    struct catalogue_base bases[COURT_MAX];
    struct catalogue_namer namers[COURT_MAX];
    struct policy policy;
    struct policy_rule rules[COURT_MAX];
    struct policy_exception exceptions[COURT_MAX];
    struct fleet_evidence evidence[COURT_MAX];
    uint32_t evidence_said[COURT_MAX];
    struct policy_origin image_origins[COURT_MAX], layer_origins[COURT_MAX];
    size_t image_origin_count, layer_origin_count;
    struct naming naming;
    struct lineage lineage;
    struct policy_facts facts;
    struct policy_judge *judge; /* the last one */
};

/* An empty fleet, catalogue and policy, and their end. */
void court_open(struct court *r, enum policy_mode mode);
void court_close(struct court *r);

/* The store lists the image so. name NULL: only with the digest; repository NULL: only with the
 * name. The digest is that of the text `manifest`. */
void court_say(struct court *r, uint32_t store, uint32_t image, const char *name,
               const char *repository, const char *manifest);

/* A label of the image declares this base; all of one image come one after the other. */
void court_declare(struct court *r, uint32_t image, const char *reference);

/* The same as an annotation of a manifest with which a store lists the image, as it was said last.
 */
void court_annotate(struct court *r, uint32_t image, const char *reference);

/* The operator trusts this host's root to name. */
void court_trust(struct court *r, const char *host);
/* The catalogue calls a chain so. */
struct catalogue_base *court_catalogue(struct court *r, const char *name, uint32_t chain);

/* A rule without conditions, for the caller to add them; lists of one. */
struct policy_rule *court_rule(struct court *r, const char *name, bool accept);
struct policy_words court_words(struct court *r, const char *word);
struct policy_digests court_digests(struct court *r, const struct digest *digest);
struct rec_pair *court_label(struct court *r, const char *key, const char *value);
struct policy_exception *court_except(struct court *r, const char *image, const char *rule);

/* A new judge over everything there is. */
void court_begin(struct court *r);
/* The verdict of a new judge, and that of the last one on a host. */
struct policy_verdict court_judge(struct court *r, uint32_t image);
struct policy_verdict court_judge_on(struct court *r, uint32_t image, uint32_t host);

#endif
