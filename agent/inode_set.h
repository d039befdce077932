/*
 * inode_set: the files seen so far, by device and inode, to count hard links once.
 *
 * Threads: one at a time.
 */
#ifndef AGENT_INODE_SET_H
#define AGENT_INODE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define INODE_SET_MAX (8u << 20) /* members: 256 MiB of table at most */

struct inode_slot {
    uint64_t dev, ino; /* ino 0: free, no file system gives it out */
};

struct inode_set { /* zeroed: empty */
    struct inode_slot *slots;
    size_t room; /* a power of two, or 0 */
    size_t count;
};

/* Adds; *added tells whether it was not there. ERR_NO_MEMORY, ERR_LIMIT past INODE_SET_MAX. */
int inode_set_add(struct inode_set *set, uint64_t dev, uint64_t ino, bool *added, struct err *err);
bool inode_set_has(const struct inode_set *set, uint64_t dev, uint64_t ino);
void inode_set_close(struct inode_set *set);

#endif
