/*
 * names_private: what the two files of names share; nobody else includes it.
 *
 * Threads: as the reports.
 */
#ifndef COLLECTOR_REPORT_NAMES_PRIVATE_H
#define COLLECTOR_REPORT_NAMES_PRIVATE_H

#include "collector/report/report.h"

/* One image under one name. */
struct names_found {
    size_t asked; /* index of the subject */
    bool exact;   /* the subject is a digest or ID: however weak the name is, it is meant */
    bool given;   /* the subject says the name and the image's ID: it is the operator's word */
    uint32_t image;
    const char *name, *platform;
    enum name_strength strength;
    const struct naming_claim *claim; /* behind it; NULL: none */
    const struct digest *digest;      /* of the index that has it, else of its manifest; NULL */
};

/* What the request's subjects mean, sorted by subject, name and platform: of each of these the
 * strongest. The list lies in the census' arena. ERR_USAGE, ERR_NOT_FOUND name the subject. */
int names_search(struct names_found **out, size_t *count, struct census *c, struct err *err);

#endif
