/*
 * policy: which bases may be in the fleet, and who breaks the rules.
 *
 * Modes: the wild west rejects nothing and counts what rules would reject; a black list rejects
 * what a rule rejects; a white list rejects that, and whatever no rule accepts: an unknown base, or
 * one whose declaration nobody can verify, needs a rule that accepts just that by name (`unknown`).
 * A rule that rejects wins over one that accepts. Rules judge the whole line: each named boundary
 * from the core build up, and the image itself. All kinds of conditions of a rule must hold, each
 * by one of its values.
 *
 * A declared base is unverified where the image itself declares one by name or digest that nothing
 * which counts verifies, and none that is confirmed so: lineage's rules over the words that count
 * alone (lineage_count_only()). One that these contradict leaves it to the layers. On a white list
 * such an image needs two things: a rule that accepts its line, and one that accepts its
 * declaration (`unverified`), which may be the same. A rule that asks for nothing but that accepts
 * no line: anybody can declare something.
 *
 * A name counts only from the catalogue or from a store that is trusted to name (naming.h,
 * for_policy), for accepting and for rejecting; any other is told beside the verdict as "seen as"
 * and changes none. A family accepts only a core build that has a name which counts; it rejects by
 * os-release alone, of any layer. What is told of a layer, its os-release or that it is empty,
 * counts when two hosts tell the same, or one that is trusted to name. What an image itself may be
 * named counts in the same way.
 *
 * Names, digests and chains that one rule asks for must stand at one place of the line; an image
 * that it asks for (`images`) is meant by itself, and not what stands on it. An image's
 * ID and chainIDs are its content, if its config proves itself or is confirmed; else its ID and
 * names stand for no layers of others. That a manifest is of an image, and where something comes
 * from, is a store's word like a name: it counts from a trusted one (manifests also from the
 * catalogue).
 *
 * The core build is the lowest chain with a name that counts, whatever else lineage takes for it:
 * else anybody's tag could move it. An image's own chain is one only in the catalogue, below
 * another chain with a name that counts, or as a single layer with an os-release. Its age is the
 * catalogue's word, else that of the images which a trusted store names, else the time when the
 * fleet first heard of them; of an unknown one the image's own, which is no older, but only to
 * reject: whoever builds an image writes its date. Where none of that is told, no age condition
 * holds.
 *
 * An exception excuses an image, by its ID or a name of its that counts, from one rule or from all
 * until the end of its day (UTC). Of several rules that reject, each needs to be excused; and from
 * what a white list accepts by no rule, only an exception from all excuses.
 *
 * Ownership: everything lies in the arena of whoever read it. Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_POLICY_H
#define COLLECTOR_CENSUS_POLICY_H

#include <stdatomic.h>

#include "collector/census/lineage.h"
#include "collector/census/standing.h"

enum policy_mode { POLICY_WILD_WEST, POLICY_BLACK_LIST, POLICY_WHITE_LIST };

enum { POLICY_RULES_MAX = 1000, POLICY_EXCEPTIONS_MAX = 10000, POLICY_VALUES_MAX = 1000 };

struct policy_words {
    const char **items; /* patterns; those of names are for catalogue_matches_name() */
    size_t count;
};

struct policy_digests {
    struct digest *items;
    size_t count;
};

struct policy_rule {
    const char *name; /* unique in its file */
    bool accept;      /* else it rejects */
    struct policy_words bases, families, versions;
    struct policy_words origins;   /* patterns of "registry/repository" of the image or a layer */
    struct policy_digests digests; /* manifests, indexes or image IDs that end in the line */
    struct policy_digests chains;  /* chainIDs in the line */
    struct policy_digests images;  /* IDs of the image itself, whatever stands on it; without words
                                      for a place of the line */
    int64_t older_than_s;          /* age of the core build; 0 no condition */
    bool unknown;                  /* the core build is unnamed for policy, or nothing known */
    bool unverified;               /* or: nothing verifies the base that the image declares */
    struct rec_pair *labels;       /* only on hosts that have all of these */
    size_t label_count;
    int line; /* in its file */
};

struct policy_exception {
    const char *image;   /* a name's pattern in normal form, or "sha256:..." of an image ID */
    const char *written; /* as its file has it: those of one pointer are one; NULL: in no file */
    const char *rule;    /* "" any */
    const char *owner, *reason;
    int64_t expires_s; /* first second that it does not hold any more */
    struct rec_pair *labels;
    size_t label_count;
    int line;
};

struct policy {
    const char *path;
    enum policy_mode mode;
    struct policy_rule *rules;
    size_t rule_count;
    struct policy_exception *exceptions;
    size_t exception_count;
};

/* Repositories that an image, or a layer, is known to come from; indices of names. The caller reads
 * them where a rule has origins. */
struct policy_origin {
    uint32_t of; /* index of the image or layer */
    uint32_t name;
    bool counts; /* a store that is trusted to name says so; else it is only seen */
};

struct policy_facts {
    const struct fleet *f;
    const struct catalogue *catalogue;
    const struct lineage *lineage;
    const struct standing *images;
    const struct policy_origin *image_origins, *layer_origins; /* sorted by `of` */
    size_t image_origin_count, layer_origin_count;
    const bool *trusted_said;    /* as naming_compute() takes it; NULL: the first stores decide */
    int64_t known_at_s;          /* the same; what was said later counts for nothing */
    const atomic_bool *canceled; /* another thread sets it to end the judging, with ERR_CANCELED;
                                    NULL: never */
};

enum policy_outcome {
    POLICY_ACCEPTED, /* by a rule, or because nothing rejects it */
    POLICY_VIOLATION,
    POLICY_EXCUSED,  /* a violation with an exception that holds */
    POLICY_NOTED,    /* what would be a violation, in the wild west */
    POLICY_UNJUDGED, /* an artifact: there is no line */
};

struct policy_verdict {
    enum policy_outcome outcome;
    const struct policy_rule *rule; /* that decided; NULL: the mode did */
    const struct policy_exception *exception;
    uint32_t chain;       /* where in the line the rule matched; FLEET_NONE */
    const char *evidence; /* a sentence: what matched, and whose word that is */
    const char *seen_as;  /* "debian:12 on web-17": names that do not count and would have changed
                             the  verdict; "" none */
};

/* Begins to judge at `now_s`. In `arena`. */
struct policy_judge;
int policy_open(struct policy_judge **out, const struct policy *policy,
                const struct policy_facts *facts, int64_t now_s, struct arena *arena,
                struct err *err);

/* Hosts with equal scope fall under the same rules and exceptions: a number for each combination
 * that occurs, 0 for a host without labels that matter. */
int policy_scope(struct policy_judge *j, const struct fleet_host *host, uint32_t *scope,
                 struct err *err);

/* The verdict on an image under a scope. Texts lie in the judge's arena; computed once for each. */
int policy_judge(struct policy_judge *j, uint32_t image, uint32_t scope, struct policy_verdict *out,
                 struct err *err);

/* Whether hosts differ at all; how many scopes occurred so far; the labels that make one, "" none.
 */
bool policy_has_scopes(const struct policy_judge *j);
uint32_t policy_scope_count(const struct policy_judge *j);
const char *policy_scope_text(struct policy_judge *j, uint32_t scope, struct err *err);

/* What one rule says of an image, whatever the others do; `why` says what matched or what did not.
 */
struct policy_step {
    bool matched;
    const char *why;
    const char *seen_as; /* words that do not count, by which it would match; "" none */
};
int policy_try_rule(struct policy_judge *j, uint32_t image, size_t rule, struct policy_step *out,
                    struct err *err);
/* The same for an exception: whether it is of this image. That it holds today is not asked. */
int policy_try_exception(struct policy_judge *j, uint32_t image, size_t exception,
                         struct policy_step *out, struct err *err);
bool policy_rule_holds_in(const struct policy_judge *j, uint32_t scope, size_t rule);
bool policy_exception_holds_in(const struct policy_judge *j, uint32_t scope, size_t exception);
bool policy_exception_expired(const struct policy_judge *j, size_t exception);

/* Whether, of all that was judged so far, the rule matched anything in its scope, and the exception
 * excused anything. */
bool policy_rule_used(const struct policy_judge *j, size_t rule);
bool policy_exception_used(const struct policy_judge *j, size_t exception);

/* A sentence on the base that the image declares and nothing verifies; NULL where there is none, or
 * neither the mode nor a rule asks. In the judge's arena. */
int policy_doubt(struct policy_judge *j, uint32_t image, const char **out, struct err *err);

/* Whether the image's layers are one host's word: its config had secrets cut from it, so that its
 * digest proves nothing, and no second host has told the same. */
bool policy_is_unconfirmed(const struct fleet_image *image);

/* Whether there is nothing to judge: an artifact, or an image whose config lists no layers. */
bool policy_is_no_image(const struct fleet_image *image);

/* Whether any name in the fleet counts, and whether one of this chain does. Layers that hold
 * nothing have none, whatever they are called: all images could begin with them. */
bool policy_names_count(const struct policy_judge *j);
bool policy_chain_counts(const struct policy_judge *j, uint32_t chain);

/* The chain of the image's core build as policy sees it, the lowest with a name that counts;
 * FLEET_NONE where it is unknown. */
int policy_core_of(struct policy_judge *j, uint32_t image, uint32_t *chain, struct err *err);

const char *policy_mode_name(enum policy_mode mode);          /* "wild west", ... */
const char *policy_outcome_name(enum policy_outcome outcome); /* "accepted", ... */

#endif
