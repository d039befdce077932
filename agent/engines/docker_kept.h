/*
 * docker_kept: what a pass over a store leaves for the next one, so that what stands unchanged is
 * not read twice: the things themselves and the stamps of the files that they rest on.
 *
 * Docker never writes into one of these files; it renames a new one over it, and renames whole
 * directories. So these stamps tell:
 *   repositories.json                      its own
 *   imagedb/content/sha256/<imageID>       its own
 *   layerdb/sha256/<chainID> with files    its own, or that of layerdb/sha256 for all at once
 *   <drv>, what lies in it                 its own
 * Who writes *into* a file below metadata or layerdb is not seen by them. A pass with nothing kept
 * reads all of it. Containers and their mounts are never kept: they change all the time. Nor are
 * images' parents, which are put into directories that are there already, with no stamp but their
 * own.
 *
 * Private to docker*.c.
 */
#ifndef AGENT_ENGINES_DOCKER_KEPT_H
#define AGENT_ENGINES_DOCKER_KEPT_H

#include "common/digest.h"
#include "common/error.h"

struct stat;

/* Which file it is and when it changed last. All zeros, which equals no stamp, where it is not
 * there, or changed so lately that another change could have the same time. */
struct docker_stamp {
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
};

/* Of `path` below `fd`, or of `fd` itself with "". Symlinks are not followed. */
struct docker_stamp docker_stamp_at(int fd, const char *path);
bool docker_stamp_eq(const struct docker_stamp *a, const struct docker_stamp *b);

/* An image of which all layers were there and nothing was wrong. */
struct docker_kept_image {
    struct digest id, top; /* top: chainID of its uppermost layer */
    bool has_layers;
    struct docker_stamp config;
};

/* A directory's stamp stays zero where anything in it was broken: then each pass says so anew. */
struct docker_kept {
    struct docker_layer *layers; /* as those of the pass */
    size_t layer_count;
    struct docker_stamp layerdb;
    struct docker_ref *refs;
    size_t ref_count;
    struct docker_stamp repositories;
    struct docker_kept_image *images; /* sorted by id */
    size_t image_count;
    struct docker_stamp contents;
    const char **mounts;
    size_t mount_count;
    size_t space_count; /* of the reading's spaces: what lies in <drv> */
    bool buildkit;
    struct docker_stamp entries; /* of <drv>[/<dirs>] */
};

/* The image of this ID, or NULL; `kept` may be NULL. */
const struct docker_kept_image *docker_kept_image(const struct docker_kept *kept,
                                                  const struct digest *id);
/* The layer of this chain, or NULL; `kept` may be NULL. */
const struct docker_layer *docker_kept_layer(const struct docker_kept *kept,
                                             const struct digest *chain);

#endif
