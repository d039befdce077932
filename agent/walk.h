/*
 * walk: every entry at and below a directory, each with its stat, as a guest: one file system, no
 * symlink followed, no name resolved twice, a bounded number of open directories however deep the
 * tree is, and a pace.
 *
 * Threads: any; blocks on disk and sleeps to keep the pace.
 */
#ifndef AGENT_WALK_H
#define AGENT_WALK_H

#include <sys/stat.h>

#include "agent/inode_set.h"
#include "agent/measure.h"

struct walk {
    const struct measure_limits *limits; /* NULL: none */
    const struct inode_set *exclude; /* files and directories not to count nor enter; NULL none */
    int (*entry)(void *arg, const struct stat *st, struct err *err); /* -1 ends the walk */
    void *arg;

    uint64_t entries;  /* out: all that were given to entry() */
    uint64_t vanished; /* out: were listed and then not there */
};

/* Walks from `fd` (stays the caller's): a directory open for reading, or anything O_PATH, which is
 * then the only entry. ERR_CANCELED by limits->stop, ERR_MOVED where a directory was moved out from
 * under the walk, ERR_LIMIT, ERR_IO, ERR_NO_MEMORY. `what` names it in errors. */
int walk_tree(struct walk *w, int fd, const char *what, struct err *err);

#endif
