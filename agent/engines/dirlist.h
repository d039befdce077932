/*
 * dirlist: the names in one directory, sorted, so that readings of the same store are equal.
 *
 * Threads: any; blocks on disk.
 */
#ifndef AGENT_ENGINES_DIRLIST_H
#define AGENT_ENGINES_DIRLIST_H

#include <stddef.h>

#include "common/error.h"

struct dirlist {
    char **names; /* sorted bytewise, without "." and ".." */
    size_t count;
};

/* Reads the directory open at `fd` (which stays the caller's and is rewound first). More than
 * `max` names: ERR_LIMIT. `what` names it in errors. Release with dirlist_close(), also zeroed. */
int dirlist_read(struct dirlist *out, int fd, size_t max, const char *what, struct err *err);
void dirlist_close(struct dirlist *list);

#endif
