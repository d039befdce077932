/*
 * check_private: what the parts of store_check() share.
 */
#ifndef COLLECTOR_STORE_CHECK_PRIVATE_H
#define COLLECTOR_STORE_CHECK_PRIVATE_H

#include "collector/store/check.h"
#include "collector/store/statements.h"

struct checking {
    struct store *store;
    struct check_result *result;
    void (*found)(const char *line, void *arg);
    void *arg;
};

/* Tells one finding: what, where, expected, got. */
void check_find(struct checking *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The parts; -1 only where it could not be checked. */
int check_sums(struct checking *c, struct err *err);      /* stores' digests from their rows */
int check_chains(struct checking *c, struct err *err);    /* chainIDs from parents and layers */
int check_documents(struct checking *c, struct err *err); /* documents from their bytes */
int check_images(struct checking *c, struct err *err);    /* images from their documents */

#endif
