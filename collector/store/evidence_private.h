/*
 * evidence_private: what the parts of evidence_parse share. Private to them: evidence_parse.c reads
 * annotations, labels and history, evidence_builders.c what buildpacks and BuildKit write,
 * evidence_provenance.c attestations, evidence_names.c the names of images in all of them.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_STORE_EVIDENCE_PRIVATE_H
#define COLLECTOR_STORE_EVIDENCE_PRIVATE_H

#include "collector/store/evidence_parse.h"
#include "common/imageref.h"
#include "common/json.h"

struct evidence_reading {
    struct evidence_rows *out;
    const struct config *config; /* NULL: a manifest is read */
    struct arena *arena;
    struct err *err;
};

struct evidence_image {
    char name[IMAGEREF_MAX + 1]; /* "" none; without digest */
    struct digest digest;        /* zero: none */
};

enum evidence_named { NAMED_NOTHING, NAMED_SCRATCH, NAMED_ID, NAMED_IMAGE };

/* What a text names; *out is set for an image, else empty. */
enum evidence_named evidence_read_name(const char *text, struct evidence_image *out);

/* Sets the digest to one that stands by itself, over that of the name. What is NULL or no digest
 * changes nothing. */
void evidence_read_digest(const char *text, struct evidence_image *out);

/* A new row that names nothing. `layers` below 1: not known. More than EVIDENCE_ROWS_MAX is a bug.
 */
struct fleet_evidence *evidence_add(struct evidence_reading *r, enum fleet_evidence_source source,
                                    enum fleet_evidence_role role, int64_t layers);
int evidence_set_image(struct evidence_reading *r, struct fleet_evidence *row,
                       const struct evidence_image *image);

/* Whether one of the rows from `from` on names just this image. */
bool evidence_has_image(const struct evidence_rows *rows, size_t from,
                        const struct evidence_image *image);

/* A tree of foreign JSON, NULL with 0 where it is none. */
int evidence_parse_json(const char *text, size_t len, json_t **out, struct err *err);

/* The value of a label, NULL where the config has none of it. */
const char *evidence_label(const struct config *c, const char *key);

/* Parts of evidence_of_config(). */
int evidence_of_buildpacks(struct evidence_reading *r);
int evidence_of_build_info(struct evidence_reading *r);

#endif
