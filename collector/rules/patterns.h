/*
 * patterns: the names and patterns that people write in rules, in the form that census compares:
 * names in normal form, '*' for any text and '?' for any one character (census/catalogue.h).
 * docs/policy.md, "Names and patterns", says the same to operators.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_RULES_PATTERNS_H
#define COLLECTOR_RULES_PATTERNS_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/imageref.h"

/* The most patterns that one name can mean. */
enum { PATTERN_FORMS = 2 };

struct pattern_forms {
    const char *items[PATTERN_FORMS];
    size_t count;
};

/* Of images: "debian:12" is docker.io/library/debian:12; without a tag it is any tag and any digest
 * of that repository, which takes two patterns. What begins with '*' is taken as it stands, and a
 * first part with a wildcard is a registry's: patterns are for catalogue_matches_name(). Texts lie
 * in `arena`. ERR_USAGE with what is wrong
 * and what was expected. */
int pattern_of_images(struct pattern_forms *out, const char *text, struct arena *arena,
                      struct err *err);

/* Of "registry/repository", without a tag. A registry alone ("quay.io") is all that it holds. */
int pattern_of_repositories(const char **out, const char *text, struct arena *arena,
                            struct err *err);

/* Whether two neighbours are the two forms of one name without a tag; then *len gets the length of
 * what they have in common, the name. */
bool pattern_is_pair(const char *first, const char *second, size_t *len);

#endif
