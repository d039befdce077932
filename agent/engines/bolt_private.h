/*
 * bolt_private: what bolt.c, which opens files, and bolt_walk.c, which looks into them, share.
 */
#ifndef AGENT_ENGINES_BOLT_PRIVATE_H
#define AGENT_ENGINES_BOLT_PRIVATE_H

#include "agent/engines/bolt.h"

#define BOLT_ELEMENT 16 /* bytes of one element of a page, before its key and value */

/* As they are in the file; each is copied out of it, since nothing there is aligned for sure. */
struct bolt_bucket_header {
    uint64_t root; /* 0: its only page follows the header */
    uint64_t sequence;
};

struct bolt_meta {
    uint32_t magic, version, page_size, flags;
    struct bolt_bucket_header root;
    uint64_t free_list, page_count, txid;
    uint64_t checksum; /* FNV-1a, 64 bits, of what stands before it */
};

struct bolt {
    const uint8_t *data;
    uint8_t *copy; /* where the bytes are ours */
    size_t size;
    uint64_t device, inode; /* of the file, where it is one */
    struct bolt_meta meta;
    uint64_t budget; /* entries and pages that may still be looked at */
};

#endif
