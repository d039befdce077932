/*
 * parts: what several reports show in the same way.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_PARTS_H
#define COLLECTOR_REPORT_PARTS_H

#include "collector/census/resolve.h"
#include "collector/report/report.h"

/* A list of names by their indices, in normal form, each once, sorted. Failure leaves *cell unknown
 * and returns -1. */
int part_names(const struct census *c, const uint32_t *names, uint32_t count,
               struct sheet_cell *cell, struct err *err);
/* The same of texts as hosts say them; the list is changed. */
int part_texts(const struct census *c, const char **texts, size_t count, struct sheet_cell *cell,
               struct err *err);

/* "linux/arm/v7"; NULL with *err. "" where the config is not known. */
const char *part_platform(const struct census *c, const struct fleet_image *image, struct err *err);

/* Sum of the nominal bytes of all its layers, position by position; FLEET_UNKNOWN where one is. */
int64_t part_image_nominal(const struct census *c, const struct fleet_image *image);

/* What a chain is called: its strongest name in familiar form ("debian:12 as of 2026-03-02"); NULL
 * where nothing names it. Where a fleet that was enrolled in one day would have several chains of
 * one platform that are called the same, the day when each was made tells them apart ("debian:12 of
 * 2025-11-04"), and where that does not, the chain ("debian:12 of 2025-11-04, df4bffe800c6"). */
int part_chain_title(const struct census *c, uint32_t chain, const char **out, struct err *err);

/* What the nearest base of an image is called: by the image's own word where the layers confirm it
 * and others call the base so too, else as its chain. NULL where nothing names it. */
int part_nearest_title(const struct census *c, uint32_t image, const char **out, struct err *err);

/* Opens `titles` of a census whose lineage is there. */
int part_titles(struct census *c, struct err *err);

/* A name in normal form as people type it. NULL on failure. */
const char *part_shown(const struct census *c, const char *name, struct err *err);

#define PART_NAMES_MAX 1000 /* in one cell: hosts may give a chain any number of names */

/* The names that name these chains, each once, the strongest of a chain first, in normal form; of
 * names that have moved on "docker.io/library/debian:12 as of 2026-03-02". Where a cell does not
 * hold all, the last text is "and 12 more". */
int part_chain_names(const struct census *c, const uint32_t *chains, uint32_t count,
                     struct sheet_cell *cell, struct err *err);

/* Whose word a title (NULL: there is none) is: "catalogue", "trusted", "pulled", "tag on web-17",
 * "tag in 3 stores"; NULL where nothing names it. */
int part_named_by(const struct census *c, const struct naming_claim *title, const char **out,
                  struct err *err);

/* "unnamed 5f70bf18a086", by its genesis layer. */
int part_unnamed(const struct census *c, uint32_t genesis_layer, const char **out, struct err *err);

/* A core build as a text: its title, "unnamed <diffID>", "scratch"; that of an image, NULL where it
 * is not known. -1 on failure. */
int part_core_name(const struct census *c, uint32_t image, const char **out, struct err *err);
int part_base_name(const struct census *c, const struct base *b, const char **out, struct err *err);

/* Versions of all core builds, with the request's catalogue. */
int part_versions(const struct census *c, struct versions *out, struct err *err);

/* What lineage says of one image, in the order of these cells. */
enum part_lineage_cell {
    PART_CORE,
    PART_CORE_KIND,
    PART_CORE_CHAIN,
    PART_FAMILY,
    PART_VERSION,
    PART_BASE,
    PART_BASE_NAMES,
    PART_BASE_CHAIN,
    PART_BASE_LAYERS,
    PART_BASE_METHOD,
    PART_BASE_CONFIDENCE,
    PART_BASE_TIES,
    PART_LINEAGE_CELLS
};
struct part_lines {
    struct versions versions;
    struct sheet_cell *names; /* by chain: once they were asked for */
};
int part_lines_open(const struct census *c, struct part_lines *out, struct err *err);
int part_lineage(const struct census *c, struct part_lines *lines, uint32_t image,
                 struct sheet_cell *cells, struct err *err);

/* The step that made the layer at `position`, where the history has as many steps with layers as
 * the image has layers; NULL. */
struct image_text;
const char *part_created_by(const struct image_text *text, const struct fleet_image *image,
                            uint32_t position);

/* "proven", "unconfirmed", "disputed", "unknown", or "artifact" where it is no image. */
const char *part_config_state(const struct fleet_image *image);

/* "unknown", "reported" (by one host), "confirmed" (by two), "disputed". */
const char *part_size_state(const struct fleet_layer *layer);

/* The name of the distribution in an os-release, NULL where there is none. */
int part_os_name(const struct census *c, const char *os_release, const char **out, struct err *err);

/* The distinct engines of a host's present stores. */
int part_engines(const struct census *c, const struct fleet_host *h, struct sheet_cell *cell,
                 struct err *err);

/* "key=value" texts. */
int part_labels(struct arena *arena, const struct rec_pair *labels, size_t count,
                struct sheet_cell *cell, struct err *err);

/* A ledger as an object sheet under `key`; its headline as another one. */
int part_ledger(struct answer *a, const char *key, const struct ledger *l, struct err *err);
int part_headline(struct answer *a, const struct ledger *l, struct err *err);

/* The three counts of core builds, always side by side, and of families and versions, as an object
 * sheet. */
int part_core_counts(struct census *c, const struct versions *versions, struct answer *a,
                     struct err *err);

/* The containers of one store as rows of an answer's sheet, all or those of one image (else
 * FLEET_NONE). part_end_containers() hides from tables what none of them has. */
struct sheet *part_begin_containers(struct answer *a, bool of_image);
int part_add_containers(const struct census *c, struct answer *a, struct sheet *s, uint32_t store,
                        uint32_t image, struct err *err);
int part_end_containers(struct answer *a, struct sheet *s, struct err *err);

/* Stores that no engine uses any more, and their bytes as far as they are measured: of one host, or
 * (FLEET_NONE) of all that are present. */
struct part_orphaned {
    int64_t stores, bytes;
};
int part_orphaned(const struct census *c, uint32_t host, struct part_orphaned *out,
                  struct err *err);
/* Says so beneath the sheets, where there is one. */
int part_note_orphaned(struct answer *a, const struct part_orphaned *o, struct err *err);

/* The host that the subject names: its name, or a unique beginning of it. ERR_NOT_FOUND, ERR_USAGE
 * with the candidates. */
int part_find_host(const struct census *c, uint32_t *out, struct err *err);

/* The image that the subject names, with notes on others that have the name (meant.h). Same errors;
 * what is not found is told with names that are like it. */
int part_find_image(const struct census *c, struct answer *a, uint32_t *out, struct err *err);

/* The layer that the subject names. Same errors. */
int part_find_layer(const struct census *c, uint32_t *out, struct err *err);

/* ERR_USAGE with everything that the subject may be, one for each digest. Returns -1. */
int part_fail_digests(const struct census *c, const struct resolution *r, struct err *err);

#endif
