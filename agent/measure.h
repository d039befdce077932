/*
 * measure: bytes, files and os-release of a layer's directory, and the space account of a store.
 *
 * Counts as design section 2 defines: allocated = st_blocks * 512 of everything, hard links once,
 * the root directory included, as `du -s -B1`; content = apparent bytes of regular files, hard
 * links once; nominal = each regular file rounded up to 4 KiB (hard links once) + 4 KiB for each
 * directory with the root. Sparse files count what is really allocated, and their full length as
 * content. Whiteouts (character device 0:0) and links are nothing in nominal. Does not cross file
 * systems, follows no symlink, opens with O_NOATIME where allowed.
 *
 * Threads: any; blocks on disk. The rate limit sleeps between entries.
 */
#ifndef AGENT_MEASURE_H
#define AGENT_MEASURE_H

#include <stdatomic.h>

#include "agent/engines/engine.h"

struct inode_set;

struct measure_limits {
    uint32_t entries_per_second; /* 0: no limit */
    atomic_bool *stop;           /* when it becomes true the walk ends with ERR_CANCELED; or NULL */
};

struct measure_result {
    uint64_t allocated_bytes, content_bytes, nominal_bytes;
    uint64_t files, directories, others; /* regular files and hard links once; the rest */
    uint64_t hard_links;                 /* names beyond the first of a file */
    uint64_t sparse_files;               /* allocated less than their length */
    char *os_release;                    /* heap, NULL none; at most REC_OS_RELEASE_BYTES */
    uint32_t base_layers;                /* content_manifest.h; 0 not told */
};

/* Walks one directory of the host. ERR_NOT_FOUND when it is not there, ERR_MOVED when parts of it
 * vanished while walking. */
int measure_directory(const struct engine_root *root, const char *path,
                      const struct measure_limits *limits, struct measure_result *out,
                      struct err *err);
void measure_result_free(struct measure_result *r);

/* Several paths together with one set of seen inodes, allocated bytes only (the space account). */
int measure_allocated(const struct engine_root *root, const char *const *paths, size_t count,
                      const struct measure_limits *limits, uint64_t *bytes, uint64_t *entries,
                      struct err *err);

/* The same, without what `exclude` names (a directory with all that is in it). NULL: nothing. What
 * is not there, or vanishes while it is walked, counts as what was seen of it, in both. */
int measure_others(const struct engine_root *root, const char *const *paths, size_t count,
                   const struct inode_set *exclude, const struct measure_limits *limits,
                   uint64_t *bytes, uint64_t *entries, struct err *err);

#endif
