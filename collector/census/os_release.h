/*
 * os_release: the few fields of an os-release file (os-release(5)) that name a distribution.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CENSUS_OS_RELEASE_H
#define COLLECTOR_CENSUS_OS_RELEASE_H

#define OS_RELEASE_VALUE_MAX 128 /* bytes kept of one value, with the NUL */

struct os_release {
    char id[OS_RELEASE_VALUE_MAX];
    char version_id[OS_RELEASE_VALUE_MAX];
    char pretty_name[OS_RELEASE_VALUE_MAX];
};

/* Reads `text` (NULL: all fields are empty). Quotes and backslashes are undone; of a name given
 * twice the last counts, as for a shell. */
void os_release_parse(struct os_release *out, const char *text);

#endif
