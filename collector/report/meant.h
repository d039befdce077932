/*
 * meant: which images the subject of a request means, for all reports that take one, and what an
 * answer says of those that are called so too.
 *
 * Threads: as the reports.
 */
#ifndef COLLECTOR_REPORT_MEANT_H
#define COLLECTOR_REPORT_MEANT_H

#include "collector/census/resolve.h"
#include "collector/report/report.h"

struct meant {
    struct resolution found;    /* empty where no image ever was what the subject says */
    struct resolve_calls calls; /* where it is a name */
    bool *images;               /* by image */
    size_t count;               /* of them */
    bool only_past;             /* it is a name that no image has now */
};

/* `images` are the fleet's standings, or those of one host. `most`: hits of later kinds are found
 * and mean no image. */
int meant_find(struct meant *out, const struct census *c, const struct standing *images,
               enum resolve_kind most, enum resolve_reach reach, struct err *err);

/* Notes which images have the name and are not meant, and where what is meant is called so by a
 * word that names nothing for others. */
int meant_note(const struct meant *m, const struct census *c, struct answer *a, struct err *err);

/* ERR_USAGE with the images that are meant, and what tells them apart. Returns -1. */
int meant_fail(const struct meant *m, const struct census *c, struct err *err);

/* "; did you mean a:1 or b:1?" where names of images now are like the subject; "" where none is.
 * NULL on failure. */
const char *meant_suggest(const struct census *c, struct err *err);

#endif
