/*
 * resolve_private: what the files of resolve share; nobody else includes it.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_RESOLVE_PRIVATE_H
#define COLLECTOR_CENSUS_RESOLVE_PRIVATE_H

#include "collector/census/resolve.h"
#include "common/imageref.h"

/* Whether a stored name is one that `want` means. */
bool resolve_name_matches(const struct imageref *want, const char *stored);

#endif
