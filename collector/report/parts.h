/*
 * parts: what several reports show in the same way.
 *
 * Threads: as the census.
 */
#ifndef COLLECTOR_REPORT_PARTS_H
#define COLLECTOR_REPORT_PARTS_H

#include "collector/census/resolve.h"
#include "collector/report/report.h"

/* A list of names by their indices, sorted. Failure leaves *cell unknown and returns -1. */
int part_names(const struct census *c, const uint32_t *names, uint32_t count,
               struct sheet_cell *cell, struct err *err);

/* "linux/arm/v7"; NULL with *err. "" where the config is not known. */
const char *part_platform(const struct census *c, const struct fleet_image *image, struct err *err);

/* Sum of the nominal bytes of all its layers, position by position; FLEET_UNKNOWN where one is. */
int64_t part_image_nominal(const struct census *c, const struct fleet_image *image);

/* The core build of an image as a text: its first name, "unnamed <diffID>", "scratch"; NULL where
 * it is not known. -1 on failure. */
int part_core_name(const struct census *c, uint32_t image, const char **out, struct err *err);
int part_base_name(const struct census *c, const struct base *b, const char **out, struct err *err);

/* The names of the nearest base; unknown where there is none. */
int part_base_names(const struct census *c, uint32_t image, struct sheet_cell *cell,
                    struct err *err);

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

/* The three counts of core builds, always side by side, as an object sheet. */
int part_core_counts(struct census *c, struct answer *a, struct err *err);

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

/* The image or layer that the subject names. Same errors. */
int part_find_image(const struct census *c, uint32_t *out, struct err *err);
int part_find_layer(const struct census *c, uint32_t *out, struct err *err);

/* ERR_USAGE with everything that the subject may be, one for each digest. Returns -1. */
int part_fail_digests(const struct census *c, const struct resolution *r, struct err *err);

#endif
