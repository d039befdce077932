/*
 * check_private: what the parts of store_check() share.
 *
 * check_presence() reads the fleet-sized table, presence, a store at a time; all that its rows
 * refer to is content, which fits memory: it is loaded first, into arrays in the order of ids.
 */
#ifndef COLLECTOR_STORE_CHECK_PRIVATE_H
#define COLLECTOR_STORE_CHECK_PRIVATE_H

#include "collector/store/check.h"
#include "collector/store/config_parse.h"
#include "collector/store/manifest_parse.h"
#include "collector/store/statements.h"

struct checking {
    struct store *store;
    struct check_result *result;
    bool thorough;
    void (*found)(const char *line, void *arg);
    void *arg;
};

/* Tells one finding: what, where, expected, got. */
void check_find(struct checking *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Of findings that one bug may cause by the million only the first are told, then how many more. */
#define CHECK_LINES_MAX 20
void check_more(struct checking *c, uint64_t count);

/* A statement whose every row is a finding, told by its only column. */
int check_rows_of(struct checking *c, enum store_set set, int index, struct err *err);

/* The parts; -1 only where it could not be checked. */
int check_presence(struct checking *c, struct err *err);  /* who held what when, and its sums */
int check_chains(struct checking *c, struct err *err);    /* chainIDs from parents and layers */
int check_documents(struct checking *c, struct err *err); /* documents from their bytes */
int check_images(struct checking *c, struct err *err);    /* images from their documents */
int check_manifests(struct checking *c, struct err *err); /* manifests from their documents */
int check_evidence(struct checking *c, struct err *err);  /* rows of what nobody read */
int check_counts(struct checking *c, struct err *err);    /* counters from what stores hold */
int check_exact(struct checking *c, struct err *err);     /* thorough: the same in plain SQL */

/* What an image says of its base, as these parts read its document. Texts go to the arena. */
int check_evidence_of_image(struct checking *c, long long id, const struct config *config,
                            struct arena *arena, struct err *err);
int check_evidence_of_manifest(struct checking *c, const struct digest *digest,
                               const struct manifest *m, struct arena *arena, struct err *err);

/* Whether the writer made the rows of evidence by these rules: 1, 0, -1. Else they are made anew
 * when it opens the database next. */
int check_same_rules(struct checking *c, struct err *err);

/* What the document lists of attestations; `m` NULL: it cannot be read. */
int check_provenance_of(struct checking *c, const struct digest *digest, const struct manifest *m,
                        struct err *err);
/* What statements say, and rows of what nobody read. */
int check_provenance(struct checking *c, struct err *err);

/* ---- ids and their places ----------------------------------------------------------------------
 */

/* The ids of a table, ascending. */
struct check_ids {
    int64_t *ids;
    size_t count;
};

#define CHECK_NOWHERE UINT32_MAX

/* Where `id` stands; CHECK_NOWHERE where the table does not have it. */
uint32_t check_place(const struct check_ids *ids, int64_t id);

/* ---- listings ----------------------------------------------------------------------------------
 */

struct check_listing {
    int64_t image_id;
    uint32_t image;    /* its place */
    struct setsum sum; /* of all it says: its part of the digest of a store that holds it */
    bool first[2];     /* [whether root's]: the first such store that listed it is told */
};

struct check_listings {
    struct check_ids ids;
    struct check_listing *list; /* at the places of ids */
};

/* Loads them all into the arena, and finds those that say what another one says. */
int check_listings_load(struct checking *c, const struct check_ids *images, struct arena *arena,
                        struct check_listings *out, struct err *err);

#endif
