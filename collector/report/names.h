/*
 * names: what the command `catalogue` asks of the fleet: which images have a name now, with whose
 * word that is, and where the bases of the catalogue lie.
 *
 * Threads: as the reports.
 */
#ifndef COLLECTOR_REPORT_NAMES_H
#define COLLECTOR_REPORT_NAMES_H

#include "collector/report/report.h"

/* The rows of report_names. */
enum names_column {
    NAMES_ASKED, /* which of the request's subjects, from 0 */
    NAMES_NAME,  /* normal form, with its tag or, without one, its digest */
    NAMES_IMAGE,
    NAMES_PLATFORM,
    NAMES_SAID_BY, /* "pulled by web-1", "tag on web-1"; a sentence where it should not be taken so
                    */
    NAMES_WEAK,    /* it is not named by its digest, and its name is only seen, or displaced */
    NAMES_CLASHES, /* nor by that, and the catalogue has name and platform for other layers alone */
    NAMES_HOSTS,
    NAMES_CHAIN,
    NAMES_DIGEST, /* of the index or manifest */
    NAMES_CREATED,
    NAMES_LAYERS, /* diffIDs, the lowest first; the chain is their chainID */
    NAMES_COLUMNS
};

/* The present images that the request's subjects name, of each name and platform those whose name
 * is the strongest: several with different chains are several answers. A subject is a name (without
 * a tag: each tag that the repository has), NAME@sha256:... with the digest of a manifest, an index
 * or the image ID, or an image ID (each name that it has). Rows come in the subjects' order.
 * ERR_NOT_FOUND says what is missing; ERR_CORRUPT where an image's layers are not its chain's. */
extern const struct report report_names;

/* One of its rows as a base; texts are the answer's, lists lie in its arena. */
int names_base(const struct answer *a, size_t row, struct catalogue_base *out, struct err *err);

/* Whether a row has subject, name and platform of the one before it, and another chain. */
bool names_differ(const struct answer *a, size_t row);

/* The catalogue's bases, and where they lie. */
extern const struct report report_catalogue;

/* How much of the fleet a word of trust is about, by an answer of report_catalogue: pulled images
 * of a registry, or (NULL) stores; -1 where the catalogue has no such word. */
int64_t names_trust_matches(const struct answer *a, const char *registry,
                            const struct catalogue_namer *namer);

#endif
