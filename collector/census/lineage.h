/*
 * lineage: which base each image stands on, and how we know. Over every image that any host ever
 * reported and whose config is here, whether it lies anywhere now or not.
 *
 * The line of an image is its chains from the genesis layer (the first that is not empty) up. In it
 * lie boundaries, where another image ends:
 *
 *   named    a chain with a usable name (naming.h: tag or stronger) at which an image ends that is
 *            not standalone.
 *   unnamed  the layers or documents say that an image ends here, and nothing names it: a declared
 *            base whose boundary is known and which nobody holds; else a chain that lines of two or
 *            more images leave in different directions; else a step of the history.
 *
 * The core build is the lowest named boundary; one that is named by a tag alone gives way to the
 * lowest one that is stronger, if the line has one. The image's own chain counts where another
 * image stands on it, or where it is a single layer with an os-release (a named image that is its
 * own core build). Without one the core build is unnamed, one for each genesis layer, if the
 * genesis layer carries an os-release or images of different chains begin with it; else the image
 * is standalone: scratch. An image without a name whose chain a named core build goes on from (a
 * step of its making) belongs to that core build. What the catalogue names is a core build though
 * nothing stands on it.
 *
 * The nearest base is the boundary that a declaration proves: the uppermost one which the layers
 * confirm, and which is not inherited from a lower image of the line. Without one it is the highest
 * named boundary below the image's top: that proves only that the image *contains* it. Without that
 * too, the highest unnamed boundary above the core build. Neither of the two lies below a named
 * core build, so an image that is its own core build has a nearest base only by a declaration.
 *
 * A declaration is confirmed (an image, known to the fleet or the catalogue by the declared digest
 * or name, is a prefix of the layers, or is all of them and another image), contradicted (what is
 * declared is known, and is no prefix), or unverifiable (nobody holds it). By name alone a
 * declaration is contradicted only if the line's core build is of another family than every known
 * version of the name; otherwise, and where it gives a digest that nobody knows, another version
 * may have been meant. Words that name nothing, of a store that its own user can write or of a tag
 * that is displaced, neither confirm nor contradict. Only confirmed is believed.
 *
 * Where name and digest are known for different images, the uppermost of them that is a prefix is
 * meant, and that is never sure; a digest of the declared name's own repository only tells which
 * version was meant, unless an image of that very name, and not by a tag alone, ends above it. A
 * reference with a digest and without a tag names nothing but the digest. Provenance and build info
 * list the sources of all stages: while nobody can verify one of them, what is confirmed of that
 * list is only contained, unless it is all of the image's layers.
 *
 * A declaration that another image of the line says with the same words, above the base that it
 * means, is inherited from the lowest such image. That one must have a name of its own, by a firm
 * word and not displaced: without one it is a step of some making, and a user could make it up.
 * Images that are steps of the image's own making, by its builder's word, are no base of it and no
 * source of what it says.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_LINEAGE_H
#define COLLECTOR_CENSUS_LINEAGE_H

#include "collector/census/naming.h"

enum base_kind { BASE_NAMED, BASE_UNNAMED, BASE_SCRATCH };

enum lineage_method {
    LINEAGE_NONE,     /* nothing is known below it */
    LINEAGE_DECLARED, /* declared, and confirmed by layers */
    LINEAGE_CONTAINS, /* its layers begin with those of a known image */
    LINEAGE_BRANCH,   /* unnamed: lines part there */
    LINEAGE_CLAIMED,  /* unnamed: declared with its boundary, and nobody holds it */
    LINEAGE_HISTORY,  /* unnamed: a step that usually ends an image */
    LINEAGE_OS,       /* unnamed: the genesis layer holds an os-release */
    LINEAGE_SELF,     /* the image is a core build itself */
};

/* High: declared, and confirmed by its digest; or the catalogue names it. Medium: declared, and
 * confirmed by its name, or by its boundary alone, or by one of a name and a digest that disagree,
 * where a name that was pulled or is trusted, or the catalogue's, ends there; or contained, with a
 * name that was pulled or is trusted. Low: contained or declared in these two ways, with a tag
 * alone; and all that is inferred. */
enum lineage_confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };

/* Of one image; what is shown of thousands. */
struct lineage_image {
    bool known;          /* its config is here: else all below is empty */
    enum base_kind kind; /* of its core build */
    uint32_t core;       /* chain; unnamed: that of the genesis layer; scratch: FLEET_NONE */
    enum lineage_method core_method;
    enum lineage_confidence core_confidence;
    bool is_step;            /* a step of its core build's making */
    uint32_t nearest;        /* chain; FLEET_NONE */
    uint32_t nearest_layers; /* how many of the lowest layers are the nearest base's */
    bool nearest_named;
    enum lineage_method method;
    enum lineage_confidence confidence;
    uint16_t ties; /* named images that end at `nearest`, with different IDs; 1: no tie */
    uint16_t confirmed, contradicted, unverifiable, inherited; /* declarations of it */
    uint32_t above; /* a chain above `nearest`, below the top, where lines part: an unnamed
                       base may lie there; FLEET_NONE */
};

struct lineage {
    struct lineage_image *images; /* parallel to the fleet's */
    /* By chain. */
    uint32_t *first_ending; /* an image that ends there, FLEET_NONE; also one that is gone */
    uint16_t *directions;   /* chains of known images that stand right on it; saturates */
    bool *stood_on;         /* by an image of more content */
    int64_t *first_s;       /* when the fleet first heard of an image that it is part of */
    uint32_t *next_ending;  /* by image: the next one that ends at the same chain */
    const struct naming *naming;
    struct lineage_facts *facts; /* private to lineage */
};

/* Decides it for all images. 50,000 images of ten layers take well under a second. In `arena`. */
int lineage_compute(struct lineage *out, const struct fleet *f, const struct catalogue *c,
                    const struct naming *naming, int64_t known_at_s, struct arena *arena,
                    struct err *err);

/* ---- the whole story of one image ------------------------------------------------------------ */

struct lineage_boundary {   /* lowest first */
    uint32_t chain, layers; /* where it lies: how many of the lowest layers */
    bool named, is_core, is_nearest;
    enum lineage_method method;
    enum lineage_confidence confidence;
    enum name_strength strength; /* of what names it */
};

enum lineage_outcome {
    OUTCOME_CONFIRMED,
    OUTCOME_CONTRADICTED,
    OUTCOME_UNVERIFIABLE,
    OUTCOME_INHERITED, /* the line's image `from` says the same; it counts for that one */
};

struct lineage_declaration {
    const struct fleet_evidence *evidence;
    enum lineage_outcome outcome;
    enum lineage_outcome by_itself; /* what it would be, were it not inherited */
    /* Confirmed by itself, and yet: its name and its digest mean different images; it is one of
     * all sources of the build, and nobody can verify another one, so it may be another stage's. */
    bool is_disputed, is_one_of_several;
    uint32_t
        chain; /* that confirms it; or, contradicted, one that the declared name has; FLEET_NONE */
    uint32_t from;   /* inherited: the image that says it too; FLEET_NONE */
    const char *why; /* a sentence */
};

struct lineage_story {
    struct lineage_boundary *boundaries;
    struct lineage_declaration *declarations;
    const char **against; /* sentences: what speaks against the answer, or weakens it */
    size_t boundary_count, declaration_count, against_count;
};

/* In `arena`. */
int lineage_explain(struct lineage_story *out, const struct lineage *l, const struct fleet *f,
                    const struct catalogue *c, uint32_t image, struct arena *arena,
                    struct err *err);

/* The name that the image's nearest base is to be shown by: where a confirmed declaration of it
 * gives one of those that name its chain, that one, else the chain's title. NULL where nothing
 * names it, or there is none. */
const struct naming_claim *lineage_nearest_title(const struct lineage *l, const struct fleet *f,
                                                 const struct catalogue *c, uint32_t image);

/* Whether an image says of its base by this source only what it inherited; false where it says
 * nothing by it. */
bool lineage_is_inherited(const struct lineage *l, const struct fleet *f, const struct catalogue *c,
                          uint32_t image, enum fleet_evidence_source source);

/* Whether all images that end at the chain and have a firm name declare a base by name or digest,
 * by annotation, label, FROM comment or what their builder says of one base, and nothing confirms
 * it: their layers may be an application's that was squashed. */
bool lineage_declares_another(const struct lineage *l, const struct fleet *f,
                              const struct catalogue *c, uint32_t chain);

/* ---- declarations by some words alone ---------------------------------------------------------
 */

/* Whose words count where not everybody's do. */
struct lineage_counting {
    const bool *said;     /* parallel to the fleet's `said` */
    const bool *images;   /* what is known of the image's layers counts */
    const bool *chains;   /* the chain has a name that counts */
    const bool *evidence; /* it is said by somebody who counts */
};

/* Looks up anew whom declarations name. By these words alone a name never contradicts one: another
 * version may be meant. Only from an image that has a name which counts is anything inherited. What
 * `counting` points to must stay as long as `out` is used. In `arena`. */
int lineage_count_only(const struct lineage_facts **out, const struct lineage *l,
                       const struct fleet *f, const struct catalogue *c,
                       const struct lineage_counting *counting, struct arena *arena,
                       struct err *err);

/* The outcome of one row of evidence. */
enum lineage_outcome lineage_outcome_by(const struct lineage_facts *l, uint32_t evidence);
/* Why, as a sentence in `arena`; NULL on failure. */
const char *lineage_why_by(const struct lineage_facts *l, uint32_t evidence, struct arena *arena,
                           struct err *err);

/* ---- families and versions ------------------------------------------------------------------- */

/* What kind of thing a core build is. */
struct lineage_family {
    const char
        *family; /* "debian": the catalogue's word, else ID of os-release, else the last part of
                    the repository that names it (pulled or stronger), else its tag's; "unknown" */
    const char *version;    /* "12": the catalogue's word, else VERSION_ID, else the tag; "" */
    const char *os_release; /* text of the uppermost layer that has one, "" none */
    int64_t date_s;         /* the catalogue's word, else the oldest `created` of images there
                               with a firm name, as far as it can be believed; else when the fleet
                               first heard of it */
    bool from_created;
};

/* Of a core build that ends at `chain`. Texts lie in `arena`. */
int lineage_family_of(struct lineage_family *out, const struct lineage *l, const struct fleet *f,
                      const struct catalogue *c, uint32_t chain, struct arena *arena,
                      struct err *err);

/* Stable names: "named", "declared", "high", "confirmed", "oci-annotation"... */
const char *base_kind_name(enum base_kind kind);
const char *lineage_method_name(enum lineage_method method);
const char *lineage_confidence_name(enum lineage_confidence confidence);
const char *lineage_outcome_name(enum lineage_outcome outcome);
const char *evidence_source_name(enum fleet_evidence_source source);

#endif
