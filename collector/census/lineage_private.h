/*
 * lineage_private: what the files of lineage share.
 *
 * Threads: as the arena that everything lies in.
 */
#ifndef COLLECTOR_CENSUS_LINEAGE_PRIVATE_H
#define COLLECTOR_CENSUS_LINEAGE_PRIVATE_H

#include "collector/census/lineage.h"
#include "collector/census/naming_private.h"

/* ---- who holds what is declared (lineage_known.c) -------------------------------------------- */

/* What the word is worth by which somebody is known. */
enum lineage_word {
    WORD_FIRM,      /* a store whose word is firm, the document itself, or the catalogue says so */
    WORD_DISPLACED, /* such a store, and a stronger word gives the name to other layers */
    WORD_USERS,     /* a store that its own user can write */
};

/* Who is known by a declared name or digest, at any time. */
struct lineage_holder {
    uint32_t key;
    uint32_t chain;      /* that it ends at; FLEET_NONE: an entry of the catalogue on no host */
    uint32_t image;      /* FLEET_NONE: an entry of the catalogue */
    uint32_t entry;      /* of the catalogue; FLEET_NONE */
    uint32_t store;      /* that says so; FLEET_NONE */
    uint32_t repository; /* the fleet's name of the one whose digest it is; FLEET_NONE */
    enum lineage_word word;
};

/* The holders of one key, distinct: firm ones first, and of both kinds by chain, image, and
 * repository. */
struct lineage_held {
    uint32_t first, firm, count;
};

struct lineage_known {
    uint32_t *name_of, *digest_of;  /* by evidence: keys; FLEET_NONE where it names none */
    struct lineage_holder *holders; /* by key */
    struct lineage_held *of_key;
    size_t count, cap, key_count;
};

/* Where the declaring images of a chain lie, to find who said the same before: those that may pass
 * on what they say. */
struct lineage_sayings {
    uint32_t *list;   /* evidence, by chain that its image ends at, then by its words */
    uint32_t *starts; /* by chain, and one more */
};

/* ---- all of it ------------------------------------------------------------------------------- */

struct lineage_facts {
    const struct fleet *f;
    const struct catalogue *c;
    const struct naming *naming;
    const struct lineage_counting *only; /* whose words count; NULL: everybody's */
    int64_t known_at_s;
    struct arena *arena;
    struct lineage *out;
    struct lineage_known known;
    struct lineage_sayings sayings;
    uint32_t *genesis; /* by image: position of its first layer that is not empty */
    bool *is_named;    /* by image: a store whose word is firm gives it a name */
    /* By image: it has a name of its own that names, so it is no step of the making of others, and
     * no user of a store made it up: others may have inherited from it. */
    bool *may_pass_on;
    /* By chain. */
    uint32_t *depth, *named_endings;
    bool *is_base;     /* may be a core build */
    bool *is_grounded; /* an image ends there that is not standalone */
    bool *is_shared;   /* images of different content begin with it */
    uint32_t *refuted; /* what root's stores say, of which a digest is disproved; FLEET_NONE */
    uint32_t *up_to;   /* a named core build that goes on from it; FLEET_NONE */
    const char *
        *family; /* of the core build there, as far as it is sure; NULL: not looked up yet */
};

/* Fills `known`; of an image whose config is not here there is nothing to hold. */
int lineage_find_known(struct lineage_facts *l, struct err *err);

/* Whether an image is part of it all: its config is here, and it was heard of by then. */
static inline bool lineage_knows(const struct lineage_facts *l, uint32_t image)
{
    const struct fleet_image *i = &l->f->images[image];

    return i->parsed == PARSED_READ && (l->known_at_s == 0 || i->first_s <= l->known_at_s);
}

/* Whether a row says something about the image's base; the others tell builders and steps. */
static inline bool lineage_declares(const struct fleet_evidence *e)
{
    return e->role == EVIDENCE_OF_BASE && e->source != EVIDENCE_HISTORY;
}

/* Whether a chain has a name that names it. */
static inline bool lineage_is_named(const struct lineage_facts *l, uint32_t chain)
{
    return l->only != NULL ? l->only->chains[chain] : l->naming->strength[chain] >= NAME_TAG;
}

/* ---- who said the same before (lineage_inherited.c) ------------------------------------------ */

struct lineage_judgement;

/* Fills `sayings`, after `known`. */
int lineage_find_sayings(struct lineage_facts *l, struct err *err);

/* The lowest image of the line that says the same: it is the one who meant it. Only above the base
 * that is judged to be meant: who ends there or below cannot stand on it. FLEET_NONE: none. */
uint32_t lineage_said_below(const struct lineage_facts *l, uint32_t evidence,
                            const struct lineage_judgement *j);

/* FROM comments nest: only the uppermost is the image's own. */
bool lineage_is_nested(const struct lineage_facts *l, uint32_t evidence);

/* ---- one declaration (lineage_declared.c) ---------------------------------------------------- */

enum lineage_reason {
    BECAUSE_DIGEST_FITS,
    BECAUSE_NAME_FITS,
    BECAUSE_BOUNDARY_FITS,    /* it names nothing; a named image ends where it says */
    BECAUSE_DIGEST_DIFFERS,   /* who has the digest is no prefix */
    BECAUSE_BOUNDARY_DIFFERS, /* who has the digest ends elsewhere in the line */
    BECAUSE_NO_SUCH_LAYER,    /* the boundary is not in the image */
    BECAUSE_FAMILY_DIFFERS,
    BECAUSE_NOBODY_HOLDS_IT,
    BECAUSE_OTHER_VERSION,  /* the name is known, for other layers */
    BECAUSE_OTHER_PLATFORM, /* the digest is known, for another platform */
    BECAUSE_UNSURE,         /* who is known by it is so by words only that name nothing */
    BECAUSE_ONE_OF_SEVERAL, /* a source of the build, which may be another stage's */
};

/* Disputed: by one of its name and its digest, and the other means another image. */
enum lineage_proof { PROOF_NONE, PROOF_BOUNDARY, PROOF_DISPUTED, PROOF_NAME, PROOF_DIGEST };

struct lineage_judgement {
    enum lineage_outcome outcome;
    enum lineage_outcome by_itself; /* what it would be, were it not inherited */
    enum lineage_reason reason;
    enum lineage_proof proof;          /* where it is confirmed */
    const struct lineage_holder *weak; /* in the line, where it is BECAUSE_UNSURE; NULL: nowhere */
    bool is_unknown;                   /* it gives a digest by which no base is known */
    bool is_nested;                    /* a FROM comment below another one */
    bool is_one_of_several; /* confirmed by itself, and another source of its list is open */
    uint32_t chain;         /* that confirms, or contradicts it; FLEET_NONE */
    uint32_t other;    /* disputed: what its other word means in the line; FLEET_NONE: nothing */
    uint32_t boundary; /* how many layers are the base's, where it is confirmed or says so; 0 */
    uint32_t from;     /* inherited from; FLEET_NONE */
    /* Images that end above so many layers, and not above so many, are steps of its own making
     * that its builder kept: no bases of it, whatever they are called by now. */
    int64_t steps_above, steps_to;
};

/* Some evidence lists all sources of a build, in no order that tells which one the last stage
 * began with. The lists of which nobody can verify some source: it may be that one. One bit for
 * each kind of evidence. */
uint32_t lineage_open_lists(const struct lineage_facts *l, uint32_t image);

/* In constant memory; reads nothing but what lineage_compute() made. `open_lists`: of its image. */
void lineage_judge(const struct lineage_facts *l, uint32_t evidence, uint32_t open_lists,
                   struct lineage_judgement *out);

/* Whether an image that ends after so many layers is a step of the image's own making. */
static inline bool lineage_is_own_step(const struct lineage_judgement *j, uint32_t layers)
{
    return layers > j->steps_above && layers <= j->steps_to;
}

/* Whether it proves its base, be it the image's own word or inherited. */
static inline bool lineage_proves(const struct lineage_judgement *j)
{
    return j->by_itself == OUTCOME_CONFIRMED && !j->is_one_of_several;
}

/* The first row by which an image declares one base that nothing confirms, of no list of sources;
 * FLEET_NONE where there is none, or one of its declarations is confirmed. */
uint32_t lineage_unproven(const struct lineage_facts *l, uint32_t image);

/* The name of its nearest base that an image declares, and the layers confirm; NULL: none. */
const struct naming_claim *lineage_declared_name(const struct lineage_facts *l, uint32_t image);

/* Where families are sure, by the catalogue or os-release, they are told for all core builds, and
 * for what the catalogue has: only they tell two core builds apart without any doubt. */
int lineage_find_families(struct lineage_facts *l, struct err *err);

/* The nearest base of every image, and how sure its core build is, after all else. */
void lineage_find_bases(struct lineage_facts *l);

/* How sure a boundary is. `proof` counts for a declared one. */
enum lineage_confidence lineage_weigh(enum lineage_method method, enum lineage_proof proof,
                                      enum name_strength strength);

/* So many of an image's lowest layers are its named core build's, or empty: no unnamed boundary
 * counts up to there, and no named one below. */
uint32_t lineage_floor(const struct lineage_facts *l, uint32_t image);

/* The unnamed boundary at the end of a line's first `layers` layers, or how it is none. */
enum lineage_method lineage_unnamed_at(const struct lineage_facts *l, uint32_t image,
                                       uint32_t layers);

/* ---- words (lineage_sentences.c) --------------------------------------------------------------
 */

#define LINEAGE_SENTENCE_MAX 2048 /* bytes, with the NUL; a longer one is cut */

/* What the sentences about one image are made from. */
struct lineage_teller {
    const struct lineage_facts *l;
    uint32_t image;
    struct arena *arena;
};

/* What a judgement comes to, and why, as sentences. In the teller's arena; NULL on failure. */
const char *lineage_why(const struct lineage_teller *t, const struct lineage_judgement *j,
                        struct err *err);

/* What speaks against the answer, into the story, whose declarations and boundaries are told. */
int lineage_tell_against(const struct lineage_teller *t, struct lineage_story *story,
                         struct err *err);

#endif
