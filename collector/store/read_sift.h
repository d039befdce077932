/*
 * read_sift: which rows of evidence count of those that the manifests and layers of images give.
 * Private to read_evidence.c.
 */
#ifndef COLLECTOR_STORE_READ_SIFT_H
#define COLLECTOR_STORE_READ_SIFT_H

#include "collector/store/read_private.h"

struct vouched {          /* a manifest of an image, or an index with statements about one */
    struct digest digest; /* first: lists of it are sorted by digest alone */
    uint32_t image;
    struct fleet_run
        said; /* who lists the image so, among the vouchers: indices of the fleet's said */
};

/* The order of images, then of sources. */
int read_by_source(const struct fleet_evidence *x, const struct fleet_evidence *y);

/* Sorts *count rows, keeps each once, and of too many of one image and source those of everybody
 * who lists few. In a row of a manifest said.first is an index of `manifests` before; afterwards
 * `said` is the run of those who vouch for it in the fleet's evidence_said. */
int read_sift(struct reading *r, const struct vouched *manifests, const uint32_t *vouchers,
              struct fleet_evidence *list, size_t *count, struct err *err);

#endif
