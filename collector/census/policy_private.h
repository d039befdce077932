/*
 * policy_private: what the files of policy share. A "word" is one thing that somebody says which
 * makes a boundary fall under a rule: a name, a digest, or the chain itself. It counts, or it is
 * only seen.
 *
 * Threads: as the judge.
 */
#ifndef COLLECTOR_CENSUS_POLICY_PRIVATE_H
#define COLLECTOR_CENSUS_POLICY_PRIVATE_H

#include "collector/census/policy.h"

enum policy_kind { WORD_OF_BASE = 1, WORD_OF_DIGEST = 2, WORD_OF_CHAIN = 4, WORD_OF_IMAGE = 8 };

/* Words that do not count: as many are kept of one place, rule and kind, and shown in all. */
enum { POLICY_SEEN_MAX = 3 };

struct policy_word {
    uint32_t place; /* chain; of an image by itself, or whose layers are not known, or are the word
                       of somebody who does not count: the number of chains + the image */
    uint32_t rule;
    enum policy_kind kind;
    bool counts;
    const struct naming_claim *claim; /* of a base */
    const struct digest *digest;      /* of a digest, or chain */
    uint32_t store;                   /* that says so; FLEET_NONE: nobody has to */
};

/* How the words of one rule hold in a line: by those that count, or by all together. */
struct policy_held {
    bool holds;
    uint32_t place;                 /* the lowest in the line where they do */
    const struct policy_word *word; /* there; NULL where the rule asks for no word */
};

struct policy_fit { /* of one rule to one image */
    struct policy_held counting, seen;
};

struct policy_kept { /* by rule: of the names at the place where it found one last */
    uint32_t place;
    bool counts; /* one that does is kept */
    int seen;    /* so many that do not are */
    const struct naming_claim *last;
};

/* A name of a chain by which an exception is of the images that end there. */
struct policy_excusing {
    uint32_t exception;
    const struct naming_claim *any, *counting; /* the first; the first that counts, NULL: none */
};

struct policy_origin_fit {
    uint32_t of, rule;                          /* sorted by */
    const struct policy_origin *any, *counting; /* the first; the first that counts, NULL: none */
};

struct policy_origin_fits {
    struct policy_origin_fit *list;
    size_t count, cap;
};

struct policy_core { /* the lowest boundary of a line that has a name which counts */
    uint32_t chain;
    const struct naming_claim *title;
    const char *family, *version;
    int64_t date_s;
};

struct policy_os { /* of a layer's os-release */
    const char *family, *version;
};

/* What a rule is asked about. */
struct policy_subject {
    uint32_t image;
    const uint32_t *places;
    uint32_t place_count;
    const struct policy_core *core; /* NULL: unknown */
    bool is_own;                    /* the core build is the image itself */
    const char *doubt; /* the sentence on its declared base; NULL: none is unverified */
};

struct policy_doubts;
struct policy_verdicts;
struct policy_scopes;

struct policy_judge {
    const struct policy *policy;
    const struct policy_facts *facts;
    int64_t now_s;
    struct arena *arena;

    struct policy_word *words; /* by place, rule, kind; of those the counting first; a few each */
    size_t word_count, word_cap;
    struct fleet_run *words_of;       /* by place */
    struct policy_kept *kept;         /* by rule, while words are found */
    struct policy_excusing *excusing; /* by chain, then by exception */
    size_t excusing_count, excusing_cap;
    struct fleet_run *excusing_of; /* by chain */
    struct digest *excepted_ids;   /* by exception: the image's ID; zero: it is by name */
    unsigned *asked;               /* by rule: the kinds of words that it asks for */
    bool asks_declared;            /* it matters whether declared bases are verified */
    bool *host_counts;             /* by host: a store of root's there is trusted to name */
    bool *image_counts;            /* by image: its layers are proven, or a trusted host's word */
    bool *said_counts;             /* parallel to the fleet's `said`: a trusted store says so */
    bool *counts, *carries;    /* by chain: it has a name that counts; one that stands on it has */
    int64_t *made_s, *heard_s; /* by chain: of images that a trusted store names; 0 none */
    const struct policy_core **cores; /* by chain, as they are needed */
    const struct policy_os **systems; /* by layer, the same */
    struct policy_doubts *doubts;     /* NULL: nobody asks */

    struct policy_origin_fits image_origins, layer_origins;

    struct policy_fit *fits; /* by rule: of the image that is judged */
    bool *rule_matched, *exception_used;
    struct policy_scopes *scopes;
    struct policy_verdicts *verdicts;
};

/* ---- policy_words.c -------------------------------------------------------------------------- */

/* Whether a claim is one that changes verdicts. */
static inline bool policy_claim_counts(const struct naming_claim *claim)
{
    return claim->for_policy && !claim->displaced;
}

/* Finds the words of every rule in the fleet, as many as are kept of each, and which chains have
 * names that count; after policy_find_trusted(). */
int policy_find_words(struct policy_judge *j, struct err *err);

/* ---- policy_kept.c --------------------------------------------------------------------------- */

/* While the names of one chain are gone through, the strongest first: whether a rule needs this one
 * no more, having it or enough others; and that it has it. */
bool policy_is_full(const struct policy_judge *j, uint32_t rule, const struct naming_claim *claim);
void policy_keep(struct policy_judge *j, uint32_t rule, const struct naming_claim *claim);

/* Of sorted words, drops those beyond what is kept. */
void policy_thin_words(struct policy_judge *j);

/* ---- policy_layers.c ------------------------------------------------------------------------- */

/* Finds out of whom it counts what they tell of layers and configs. */
int policy_find_trusted(struct policy_judge *j, struct err *err);

/* Whether there is nothing to judge, by what counts. */
bool policy_is_unjudged(const struct policy_judge *j, uint32_t image);

/* Whether it counts what is told of the layer (os-release, emptiness): two hosts told the same, or
 * one that is trusted to name. */
bool policy_layer_counts(const struct policy_judge *j, uint32_t layer);

/* Whether the layer holds nothing, by what counts. */
bool policy_layer_empty(const struct policy_judge *j, uint32_t layer);

/* ---- policy_match.c -------------------------------------------------------------------------- */

/* -1 and ERR_CANCELED where the judging is to end; asked wherever a fleet can make a loop long. */
int policy_go_on(const struct policy_judge *j, struct err *err);

/* Looks at an image, and fills j->fits for the words of all rules. */
int policy_look(struct policy_judge *j, uint32_t image, struct policy_subject *out,
                struct err *err);

/* Whether a rule matches the image looked at last: by what counts, or (seen) by all that anybody
 * says. Scope is not asked about. */
int policy_matches(struct policy_judge *j, const struct policy_subject *s, size_t rule, bool seen,
                   bool *out, struct err *err);

/* Of a rule that accepts and matches by what counts: whether it accepts the line, and whether it
 * accepts the image's unverified declaration. */
bool policy_accepts_line(const struct policy_judge *j, const struct policy_subject *s, size_t rule);
bool policy_accepts_doubt(const struct policy_judge *j, const struct policy_subject *s,
                          size_t rule);

/* The first condition of the rule that does not hold by what counts, as a sentence; NULL where all
 * do, or without memory. */
int policy_why_not(struct policy_judge *j, const struct policy_subject *s, size_t rule,
                   const char **out, struct err *err);

/* The ID and VERSION_ID of a layer's os-release, whether it counts or not; "" none known. NULL on
 * failure. */
const struct policy_os *policy_system(struct policy_judge *j, uint32_t layer, struct err *err);

/* The lowest layer of the image whose os-release counts (with `seen`, any) and has the family and
 * version; FLEET_NONE none. */
int policy_find_system(struct policy_judge *j, const struct policy_subject *s,
                       const struct policy_rule *rule, bool seen, uint32_t *out, struct err *err);

/* How old the core build is at least: its own date, else that of the image, which is younger. 0 not
 * known. */
int64_t policy_date(const struct policy_judge *j, const struct policy_subject *s);

/* Whether a version has one of the patterns (or there are none): its number ("12"), the family with
 * it ("debian 12"), or all that answers write ("debian 12 of 2026-03-02"). date_s 0: no day. */
bool policy_has_version(const struct policy_words *words, const char *family, const char *number,
                        int64_t date_s);

/* Whether a text has one of the patterns. */
bool policy_has(const struct policy_words *words, const char *text);

/* ---- policy_origins.c ------------------------------------------------------------------------ */

/* Finds which origins of each image and layer have a pattern of each rule. */
int policy_fit_origins(struct policy_judge *j, struct err *err);

/* The origin of the image (of_image), or of a layer of it, that has one of the rule's patterns. */
const struct policy_origin *policy_find_origin(const struct policy_judge *j,
                                               const struct policy_subject *s,
                                               const struct policy_rule *rule, bool seen,
                                               bool *of_image);

/* ---- policy_text.c --------------------------------------------------------------------------- */

/* What made the rule match, and whose word that is. NULL on failure. */
const char *policy_evidence(struct policy_judge *j, const struct policy_subject *s, size_t rule,
                            struct err *err);
/* The same for an image that nothing but the mode rejects. */
const char *policy_evidence_of_mode(struct policy_judge *j, const struct policy_subject *s,
                                    struct err *err);
/* What was said, and more: "before; more". */
const char *policy_add_evidence(struct policy_judge *j, const char *before, const char *more,
                                struct err *err);
/* That a rule accepts the subject's doubt. */
const char *policy_evidence_of_doubt(struct policy_judge *j, const struct policy_subject *s,
                                     const struct policy_rule *rule, struct err *err);
/* Whose word an unconfirmed image's layers are. */
const char *policy_evidence_of_config(struct policy_judge *j, uint32_t image, struct err *err);
/* The words that a rule would match by, were they to count. */
const char *policy_seen(struct policy_judge *j, const struct policy_subject *s, size_t rule,
                        struct err *err);
/* "debian:12 on web-17". */
const char *policy_claim_text(struct policy_judge *j, const struct naming_claim *claim,
                              struct err *err);

/* ---- policy_declared.c ----------------------------------------------------------------------- */

/* Gets ready to judge declarations, after policy_find_words(); nothing where nobody asks. */
int policy_doubts_open(struct policy_judge *j, struct err *err);
/* Whether what the row of evidence says counts; true where no rule asks for declarations. */
bool policy_hears(const struct policy_judge *j, uint32_t evidence);

/* Whether what the rule says of the unknown (its core build, its declaration) is so, and why not.
 */
bool policy_unknown_holds(const struct policy_subject *s, const struct policy_rule *r);
int policy_why_not_unknown(const struct policy_judge *j, const struct policy_subject *s,
                           const struct policy_rule *r, const char **out, struct err *err);

/* ---- policy_explain.c ------------------------------------------------------------------------ */

extern const char policy_no_image[];

/* ---- policy_except.c ------------------------------------------------------------------------- */

/* Finds which exceptions are of the images that end at each chain. */
int policy_find_exceptions(struct policy_judge *j, struct err *err);

/* Whether the exception is of this image: by its ID, or by a name of the layers that it ends at.
 * With `seen` every name counts. *claim gets the name, NULL where it is the ID. */
bool policy_excepts(const struct policy_judge *j, const struct policy_exception *e, uint32_t image,
                    bool seen, const struct naming_claim **claim);

/* ---- policy_scope.c -------------------------------------------------------------------------- */

/* Finds the sets of labels of all rules and exceptions. */
int policy_scopes_open(struct policy_judge *j, struct err *err);

#endif
